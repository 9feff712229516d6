/*
 * What operators ask for: refused whole or done whole, audited, and answered in a way that cannot
 * get lost on the way.
 */
#include "tests/unit/brain_rig.h"

static const struct console_peer alice = {.who = "alice", .uid = 1000, .gid = 1000, .pid = 4711};
static int audits;

static void
count_audits(void *arg, enum event_level level, const char *name, const char *line)
{
	(void)arg, (void)level;
	if (strcmp(name, "operator") != 0)
		return;
	audits++;
	assert_non_null(strstr(line, "who=alice"));
}

/* The answer (a new reference), or NULL and the sentence in `err`. */
static json_t *
ask(struct brain *b, const char *verb, const char *args, struct err *err)
{
	json_error_t why;
	json_t *a = json_loads(args, 0, &why), *answer;
	bool follow = false;

	if (a == NULL)
		fail_msg("%s: %s", args, why.text);
	err->text[0] = '\0';
	answer = control_handle(b, &alice, verb, a, &follow, err);
	json_decref(a);
	return answer;
}

static json_t *
asked(struct brain *b, const char *verb, const char *args)
{
	struct err err;
	json_t *answer = ask(b, verb, args, &err);

	if (answer == NULL)
		fail_msg("%s %s: %s", verb, args, err.text);
	return answer;
}

static int
limits_held(const struct brain *b)
{
	int n = 0;

	for (int l = 0; l < MAX_LANES; l++)
		for (int i = 0; i < MAX_LIMITS; i++)
			n += b->lanes[l].limits[i].set;
	return n;
}

static void
what_cannot_be_meant_is_refused_and_changes_nothing(void **state)
{
	static const struct {
		const char *verb, *args, *says;
	} rows[] = {
	    {"dran", "{}", "no such request: dran"},
	    {"", "{}", "no such request"},
	    {"status", "{\"service\": \"dns\"}", "takes no argument \"service\""},
	    {"drain", "{\"servic\": \"dns\"}", "takes no argument \"servic\""},
	    {"drain", "{\"service family\": \"dns\"}", "takes no argument \"service family\""},
	    {"drain", "{\"service\": \"dsn\"}", "no service of that name: dsn (there are: dns)"},
	    {"drain", "{\"service\": 1}", "service must be a string"},
	    {"drain", "{\"family\": \"v5\"}", "no such family: v5"},
	    {"drain", "{\"for_s\": 0}", "for_s must be"},
	    {"drain", "{\"for_s\": -5}", "for_s must be"},
	    {"drain", "{\"for_s\": 1e300}", "for_s must be"},
	    {"drain", "{\"for_s\": \"60\"}", "for_s must be"},
	    {"drain", "{\"reason\": 7}", "reason must be a string"},
	    {"drain", "{\"rung\": \"full\"}", "takes no argument \"rung\""},
	    {"undrain", "{\"for_s\": 60}", "takes no argument \"for_s\""},
	    {"pin", "{}", "pin needs a rung (there are: full, backup, drain, silent)"},
	    {"pin", "{\"rung\": \"fast\"}", "no rung of that name: fast"},
	    {"checks", "{\"name\": 3}", "name must be a string"},
	    {"why", "{\"service\": \"\"}", "no service of that name"},
	    {"upgrade", "{}", "upgrade needs what"},
	    {"upgrade", "{\"what\": \"all\"}", "upgrade needs what"},
	    {"upgrade", "{\"what\": \"engines\"}", "no engines are supervised here"},
	    {"upgrade", "{\"what\": \"workers\", \"slot\": 1}", "takes no argument \"slot\""},
	    {"upgrade", "{\"what\": \"workers\", \"follow\": 1}", "follow must be"},
	    {"reload", "{\"now\": true}", "takes no argument \"now\""},
	    {"events", "{\"lines\": 3}", "takes no argument \"lines\""},
	};
	struct brain *b = rig_brain();
	char path[100];

	(void)state;
	audits = 0;
	event_set_sink(count_audits, NULL);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct err err;
		json_t *answer = ask(b, rows[i].verb, rows[i].args, &err);

		if (answer != NULL || strstr(err.text, rows[i].says) == NULL)
			fail_msg("%s %s: \"%s\" does not say \"%s\"", rows[i].verb, rows[i].args,
			    err.text, rows[i].says);
	}
	event_set_sink(NULL, NULL);
	assert_int_equal(limits_held(b), 0);
	assert_int_equal(audits, 0);
	snprintf(path, sizeof(path), "%s/brain.limits", rig_dir);
	assert_int_equal(access(path, F_OK), -1);
	rig_drop(b);
}

static void
a_reason_that_does_not_fit_is_refused(void **state)
{
	struct brain *b = rig_brain();
	char args[300], reason[121];
	struct err err;

	(void)state;
	memset(reason, 'x', sizeof(reason) - 1);
	reason[sizeof(reason) - 1] = '\0';
	snprintf(args, sizeof(args), "{\"reason\": \"%s\"}", reason);
	assert_null(ask(b, "drain", args, &err));
	assert_non_null(strstr(err.text, "119"));
	assert_int_equal(limits_held(b), 0);
	rig_drop(b);
}

static const json_t *
only_lane(const json_t *answer)
{
	const json_t *lanes = json_object_get(answer, "lanes");

	assert_int_equal(json_array_size(lanes), 1);
	return json_array_get(lanes, 0);
}

static void
drain_and_pin_are_held_answered_and_taken_away(void **state)
{
	struct brain *b = rig_brain(), *next;
	const json_t *limits;
	json_t *answer;

	(void)state;
	audits = 0;
	state_load(b); /* for the boot id */
	event_set_sink(count_audits, NULL);
	json_decref(asked(b, "pin", "{\"family\": \"v4\", \"rung\": \"backup\"}"));
	answer =
	    asked(b, "drain", "{\"family\": \"v4\", \"for_s\": 1800.5, \"reason\": \"kernel\"}");
	limits = json_object_get(only_lane(answer), "limits");
	assert_int_equal(json_array_size(limits), 2);
	json_decref(answer);
	assert_int_equal(limits_held(b), 2);
	assert_int_equal(limits_cap(b->lanes[0].limits, MAX_LIMITS, 3), RUNG_DRAIN);
	assert_int_equal(limits_pin(b->lanes[0].limits, MAX_LIMITS), 2);

	next = rig_brain(); /* written before the answer: a brain that dies now forgets nothing */
	state_load(next);
	assert_int_equal(limits_held(next), 2);
	rig_drop(next);

	json_decref(asked(b, "undrain", "{}"));
	assert_int_equal(limits_held(b), 1);
	json_decref(asked(b, "unpin", "{\"service\": \"dns\", \"family\": null}"));
	assert_int_equal(limits_held(b), 0);
	json_decref(asked(b, "undrain", "{}")); /* nothing to take away is no error */
	event_set_sink(NULL, NULL);
	assert_int_equal(audits, 5);
	rig_drop(b);
}

static void
silence_caps_at_silent_and_undrain_ends_a_hand_in_bird_too(void **state)
{
	struct brain *b = rig_brain();
	struct limit hand = {.set = true, .owner = OWNER_BIRDC, .sort = LIMIT_CAP};

	(void)state;
	json_decref(asked(b, "silence", "{}"));
	assert_int_equal(limits_cap(b->lanes[0].limits, MAX_LIMITS, 3), RUNG_SILENT);
	assert_int_equal(limits_cap(b->lanes[1].limits, MAX_LIMITS, 3), RUNG_SILENT);
	assert_true(limits_put(b->lanes[0].limits, MAX_LIMITS, &hand));
	json_decref(asked(b, "undrain", "{}"));
	assert_int_equal(limits_held(b), 0);
	rig_drop(b);
}

static void
a_full_table_refuses_all_lanes_not_some(void **state)
{
	struct brain *b = rig_brain();
	struct err err;

	(void)state;
	for (int i = 0; i < MAX_LIMITS; i++)
		b->lanes[1].limits[i] = (struct limit){
		    .set = true, .owner = (enum limit_owner)(i + 1), .sort = LIMIT_CAP};
	assert_null(ask(b, "drain", "{}", &err));
	assert_non_null(strstr(err.text, "too many limits"));
	assert_int_equal(limits_held(b), MAX_LIMITS);
	rig_drop(b);
}

/* The login's name and the reason, whole each, are cut together, in the middle of a character. */
static void
a_reason_in_any_language_hides_no_lane(void **state)
{
	static const struct console_peer long_name = {.who = "a_login_name_of_30_characters_"};
	struct brain *b = rig_brain();
	json_t *args, *why, *answer;
	char reason[120] = "x";
	const char *because;
	bool follow = false;
	struct err err;

	(void)state;
	for (int i = 0; i < 59; i++)
		memcpy(reason + 1 + 2 * i, "\xc3\xbc", 3);
	args = json_pack("{ssss}", "reason", reason, "rung", "drain");
	answer = control_handle(b, &long_name, "pin", args, &follow, &err);
	assert_non_null(answer);
	json_decref(answer);
	json_decref(args);
	b->look_until = MONO_NEVER; /* BIRD is not there: do not wait for it */
	lanes_touch(b, lanes_all(b));
	lanes_decide(b);
	why = asked(b, "why", "{\"family\": \"v4\"}");
	because = json_string_value(json_object_get(only_lane(why), "because"));
	assert_non_null(because);
	assert_non_null(strchr(because, '?'));
	assert_string_equal(json_string_value(json_object_get(json_array_get(
				json_object_get(only_lane(why), "limits"), 0), "reason")), reason);
	json_decref(why);
	rig_drop(b);
}

static void
upgrade_daemon_and_reload_tell_the_keeper(void **state)
{
	static const char *const rows[][2] = {
	    {"upgrade", "{\"what\": \"daemon\"}"}, {"reload", "{}"}};
	struct brain *b = rig_brain();

	(void)state;
	for (int i = 0; i < 2; i++) {
		json_t *answer = asked(b, rows[i][0], rows[i][1]);
		struct bond_message m;

		assert_int_equal(
		    json_integer_value(json_object_get(answer, "brain_pid")), getpid());
		json_decref(answer);
		assert_int_equal(bond_receive(rig_bond[1], &m), 1);
		assert_int_equal(m.type, BOND_UPGRADE);
	}
	rig_drop(b);
}

static void
a_reload_of_a_broken_file_is_refused_here(void **state)
{
	struct brain *b = rig_brain();
	struct bond_message m;
	struct err err;
	FILE *f = fopen(b->config_path, "a");

	(void)state;
	assert_non_null(f);
	fputs("nonsense = 1;\n", f);
	fclose(f);
	assert_null(ask(b, "reload", "{}", &err));
	assert_non_null(strstr(err.text, "nonsense"));
	assert_int_equal(bond_receive(rig_bond[1], &m), 0);
	rig_drop(b);
}

static void
an_upgrade_of_workers_follows_and_asks_the_keeper(void **state)
{
	struct brain *b = rig_brain();
	json_t *args = json_pack("{sssb}", "what", "workers", "follow", 1), *answer;
	struct bond_message m;
	bool follow = false;
	struct err err;

	(void)state;
	answer = control_handle(b, &alice, "upgrade", args, &follow, &err);
	if (answer == NULL)
		fail_msg("%s", err.text);
	assert_true(follow);
	assert_int_equal(json_array_size(json_object_get(answer, "slots")), 2);
	assert_int_equal(bond_receive(rig_bond[1], &m), 1);
	assert_int_equal(m.type, BOND_START);
	assert_int_equal(m.slot, 2); /* the spare first */
	assert_null(control_handle(b, &alice, "upgrade", args, &follow, &err));
	assert_non_null(strstr(err.text, "under way"));
	json_decref(answer);
	json_decref(args);
	workers_fini(b);
	ev_timer_stop(b->loop, &b->slots_timer);
	ev_timer_stop(b->loop, &b->roster_timer);
	rig_drop(b);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)
	const struct CMUnitTest tests[] = {
	    TEST(what_cannot_be_meant_is_refused_and_changes_nothing),
	    TEST(a_reason_that_does_not_fit_is_refused),
	    TEST(drain_and_pin_are_held_answered_and_taken_away),
	    TEST(silence_caps_at_silent_and_undrain_ends_a_hand_in_bird_too),
	    TEST(a_full_table_refuses_all_lanes_not_some),
	    TEST(a_reason_in_any_language_hides_no_lane),
	    TEST(upgrade_daemon_and_reload_tell_the_keeper),
	    TEST(a_reload_of_a_broken_file_is_refused_here),
	    TEST(an_upgrade_of_workers_follows_and_asks_the_keeper),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
