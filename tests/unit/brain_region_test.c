/* A brain whose region is asked to drain, and that asks others to: limits, words, what is kept. */
#include "tests/unit/brain_rig.h"

#include <time.h>

#include "healthd/view.h"
#include "lib/file.h"

static const struct console_peer alice = {.who = "alice", .uid = 1000, .gid = 1000, .pid = 4711};

/* Node 2 of 5, region eu; 4 and 5 are elsewhere. */
static struct brain *
begin(void)
{
	struct brain *b;

	rig_fleet = true;
	b = rig_brain();
	b->settings.mode = MODE_DRIVE; /* its driver only looks all the same */
	b->look_until = MONO_NEVER;
	return b;
}

static uint16_t
in_minutes(int minutes)
{
	return beacon_expiry((int64_t)time(NULL), minutes * 60);
}

static void
decide(struct brain *b)
{
	lanes_touch(b, lanes_all(b));
	lanes_decide(b);
}

/* What BIRD tells, as of now: 1 and 3 of our region, 4 and 5 of "us"; 4 asks, if for any. */
static void
see(struct brain *b, int takers_rung, const char *asked, uint16_t expiry)
{
	struct fleet_view *v = (struct fleet_view *)(uintptr_t)fleetwatch_view(b->fleet.watch, 0);
	static const uint8_t ids[] = {1, 3, 4, 5};

	v->at = mono_now();
	v->n_peers = 4;
	for (int i = 0; i < 4; i++) {
		v->peers[i] = (struct peer){.id = ids[i],
		    .rung = (int8_t)(i < 2 ? 3 : takers_rung),
		    .load = BEACON_LOAD_UNKNOWN,
		    .max_suspended = MAX_FLEET,
		    .region = beacon_region(i < 2 ? "eu" : "us")};
		if (ids[i] == 4 && asked != NULL) {
			v->peers[i].request_region = beacon_region(asked);
			v->peers[i].request_expiry = expiry;
		}
		v->nodes[ids[i]].known = true;
		v->nodes[ids[i]].peer = v->peers[i];
	}
	decide(b);
}

static const struct limit *
held(const struct brain *b)
{
	for (int i = 0; i < MAX_LIMITS; i++)
		if (b->lanes[0].limits[i].set && b->lanes[0].limits[i].owner == OWNER_REGION)
			return &b->lanes[0].limits[i];
	return NULL;
}

static json_t *
ask(struct brain *b, const char *verb, const char *args, struct err *err)
{
	json_t *a = json_loads(args, 0, NULL), *answer;
	bool follow = false;

	assert_non_null(a);
	err->text[0] = '\0';
	answer = control_handle(b, &alice, verb, a, &follow, err);
	json_decref(a);
	return answer;
}

static void
refused(struct brain *b, const char *verb, const char *args, const char *because)
{
	struct err err;
	json_t *answer = ask(b, verb, args, &err);

	if (answer != NULL || strstr(err.text, because) == NULL)
		fail_msg("%s %s: %s", verb, args, answer != NULL ? "done" : err.text);
}

static void
done(struct brain *b, const char *verb, const char *args)
{
	struct err err;
	json_t *answer = ask(b, verb, args, &err);

	if (answer == NULL)
		fail_msg("%s %s: %s", verb, args, err.text);
	json_decref(answer);
}

static void
a_request_is_a_limit_with_owner_and_end(void **state)
{
	struct brain *b = begin();
	const struct limit *l;
	bool shown = false;

	(void)state;
	see(b, 3, NULL, 0);
	assert_null(held(b));
	see(b, 3, "eu", in_minutes(30));
	l = held(b);
	assert_non_null(l);
	assert_int_equal(l->sort, LIMIT_CAP);
	assert_int_equal(l->rung, RUNG_DRAIN);
	assert_string_equal(l->who, "node 4");
	assert_string_equal(l->reason, "drain of region eu, asked for by node 4");
	assert_in_range(mono_diff_ms(l->until, mono_now()), 29 * 60000, 31 * 60000);
	for (int i = 0; i < b->lanes[0].out.n_limits; i++)
		shown |= b->lanes[0].out.limits[i].owner == OWNER_REGION;
	assert_true(shown);
	for (int i = 0; i < MAX_LIMITS; i++) /* of this lane alone */
		assert_false(b->lanes[1].limits[i].set);
	/* The same again writes nothing anew; its end does. */
	see(b, 3, "eu", in_minutes(30));
	see(b, 3, NULL, 0);
	assert_non_null(held(b));
	see(b, 3, NULL, 0);
	assert_null(held(b));
	rig_drop(b);
}

static void
another_region_and_too_few_takers_move_nobody(void **state)
{
	struct brain *b = begin();

	(void)state;
	see(b, 3, "us", in_minutes(30));
	assert_null(held(b));
	see(b, 1, "eu", in_minutes(30));
	assert_null(held(b));
	assert_int_equal(b->lanes[0].heeded.word, HEED_FEW);
	see(b, 3, "eu", in_minutes(60 * 60));
	assert_null(held(b));
	assert_int_equal(b->lanes[0].heeded.absurd, 1);
	rig_drop(b);
}

static void
what_is_heard_and_asked_outlives_a_restart(void **state)
{
	struct brain *b = begin(), *next;

	(void)state;
	state_load(b); /* its boot id */
	see(b, 3, "eu", in_minutes(30));
	done(b, "drain_region",
	    "{\"region\": \"us\", \"for_s\": 600, \"force\": true, \"reason\": \"r\"}");
	next = begin();
	state_load(next);
	region_init(next);
	assert_non_null(held(next));
	assert_true(next->lanes[0].heed.on);
	assert_true(next->lanes[0].ask.set);
	assert_string_equal(next->lanes[0].ask.region, "us");
	assert_string_equal(next->lanes[0].ask.who, "alice");
	assert_string_equal(next->lanes[0].ask.reason, "r");
	assert_true(next->lanes[0].ask.until.us == b->lanes[0].ask.until.us);
	/* Rounded to minutes by two looks at two clocks. */
	assert_true((next->lanes[0].ask.expiry - b->lanes[0].ask.expiry + 1 + 8192) % 8192 <= 2);
	decide(next); /* before any view */
	assert_non_null(held(next));
	see(next, 3, "eu", in_minutes(30));
	assert_string_equal(held(next)->who, "node 4");
	rig_drop(b);
	rig_drop(next);
}

static void
a_limit_that_is_over_at_the_restart_is_gone(void **state)
{
	struct brain *b = begin(), *next;

	(void)state;
	state_load(b);
	see(b, 3, "eu", in_minutes(30));
	done(b, "drain_region", "{\"region\": \"us\", \"for_s\": 600, \"force\": true}");
	for (int i = 0; i < MAX_LIMITS; i++)
		b->lanes[0].limits[i].until = b->started;
	b->lanes[0].ask.until = b->started;
	limits_save(b);
	next = begin();
	state_load(next);
	region_init(next);
	assert_null(held(next));
	assert_false(next->lanes[0].ask.set);
	rig_drop(b);
	rig_drop(next);
}

/* Whatever stands in the file, a region's limit is a cap at drain with an end, and what is asked
 * has a name and ends within two days. */
static void
damaged_files_hold_nobody_lower_or_longer(void **state)
{
	struct brain *b = begin();
	char path[100], *good;
	size_t length;
	struct err err;

	(void)state;
	state_load(b);
	see(b, 3, "eu", in_minutes(30));
	done(b, "drain_region", "{\"region\": \"us\", \"for_s\": 600, \"force\": true}");
	snprintf(path, sizeof(path), "%s/brain.limits", rig_dir);
	good = file_read(path, 1 << 16, &length, &err);
	assert_non_null(good);
	srand(7);
	for (int run = 0; run < 300; run++) {
		struct brain *next = begin();
		char *bad = malloc(length);

		assert_non_null(bad);
		memcpy(bad, good, length);
		for (int i = rand() % 4; i >= 0; i--)
			bad[(size_t)rand() % length] = "0123456789-x\"{"[rand() % 14];
		assert_int_equal(file_replace_fast(path, bad, length, 0600, &err), 0);
		free(bad);
		state_load(next);
		region_init(next);
		if (held(next) != NULL) {
			assert_int_equal(held(next)->sort, LIMIT_CAP);
			assert_int_equal(held(next)->rung, RUNG_DRAIN);
			assert_true(mono_is_set(held(next)->until));
		}
		if (next->lanes[0].ask.set) {
			int64_t ms = mono_diff_ms(next->lanes[0].ask.until, mono_now());

			assert_true(region_name_good(next->lanes[0].ask.region));
			assert_true(ms > 0 && ms <= BEACON_REQUEST_MAX_S * 1000LL);
		}
		rig_drop(next);
	}
	free(good);
	rig_drop(b);
}

static void
what_cannot_be_is_refused_with_its_reason(void **state)
{
	struct brain *b = begin();

	(void)state;
	refused(b, "drain_region", "{\"region\": \"us\"}", "view of the fleet is");
	see(b, 3, NULL, 0);
	refused(b, "drain_region", "{}", "region must be a name");
	refused(b, "drain_region", "{\"region\": \"E U\"}", "region must be a name");
	refused(b, "drain_region", "{\"region\": 7}", "must be a string");
	refused(b, "drain_region", "{\"region\": \"us\", \"until\": 7}", "takes no argument");
	refused(b, "drain_region", "{\"region\": \"us\", \"force\": 1}", "true or false");
	refused(b, "drain_region", "{\"region\": \"us\", \"for_s\": 172801}", "48 hours");
	refused(b, "drain_region", "{\"region\": \"us\", \"family\": \"v6\"}", "has beacons");
	refused(b, "drain_region", "{\"region\": \"asia\"}", "in a region asia");
	refused(b, "undrain_region", "{\"region\": \"us\"}", "does not ask");
	see(b, 1, NULL, 0);
	refused(b, "drain_region", "{\"region\": \"eu\"}", "0 of 1 nodes needed");
	assert_false(b->lanes[0].ask.set);
	b->settings.mode = MODE_OBSERVE;
	refused(b, "drain_region", "{\"region\": \"us\", \"force\": true}", "observes");
	rig_drop(b);
}

static void
one_region_at_a_time_and_the_other_is_no_taker(void **state)
{
	struct brain *b = begin();

	(void)state;
	see(b, 3, NULL, 0);
	done(b, "drain_region", "{\"region\": \"eu\", \"for_s\": 600}");
	assert_non_null(held(b)); /* our own */
	assert_string_equal(held(b)->reason, "drain of region eu, asked for by node 2 (this one)");
	refused(b, "drain_region", "{\"region\": \"us\", \"force\": true}", "at a time");
	done(b, "drain_region", "{\"region\": \"eu\", \"for_s\": 900}"); /* longer */
	assert_true(mono_diff_ms(b->lanes[0].ask.until, mono_now()) > 890000);
	done(b, "undrain_region", "{\"region\": \"eu\"}");
	assert_null(held(b));
	see(b, 3, "us", in_minutes(10));
	refused(b, "drain_region", "{\"region\": \"eu\"}", "0 of 1 nodes needed");
	rig_drop(b);
}

static void
what_is_asked_is_told_and_ends_by_itself(void **state)
{
	struct brain *b = begin();
	struct beacon_words words = {0};

	(void)state;
	see(b, 3, NULL, 0);
	done(b, "drain_region", "{\"region\": \"eu\"}");
	assert_in_range(mono_diff_ms(b->lanes[0].ask.until, mono_now()), 3590000, 3600000);
	region_words(&b->lanes[0], &words);
	assert_int_equal(words.request_region, beacon_region("eu"));
	assert_in_range(beacon_expires_s(words.request_expiry, (int64_t)time(NULL)), 3598, 3660);
	assert_true(mono_diff_ms(b->lanes[0].out.next, b->lanes[0].ask.until) <= 0);
	b->lanes[0].ask.until = mono_now();
	decide(b);
	region_words(&b->lanes[0], &words);
	assert_int_equal(words.request_region, 0);
	assert_null(held(b));
	rig_drop(b);
}

static void
people_are_shown_who_asks(void **state)
{
	struct brain *b = begin();
	const char *type;
	json_t *fleet, *lane, *drain;
	char *metrics;

	(void)state;
	see(b, 3, "eu", in_minutes(30));
	fleet = view_fleet(b, lanes_all(b));
	lane = json_array_get(json_object_get(fleet, "lanes"), 0);
	drain = json_object_get(lane, "drain");
	assert_true(json_is_true(json_object_get(drain, "on")));
	assert_string_equal(json_string_value(json_object_get(drain, "word")), "heeded");
	assert_int_equal(json_integer_value(json_object_get(drain, "from")), 4);
	assert_int_equal(json_integer_value(json_object_get(drain, "takers")), 2);
	drain = json_array_get(json_object_get(lane, "requests"), 0);
	assert_string_equal(json_string_value(json_object_get(drain, "region")), "eu");
	assert_true(json_is_true(json_object_get(drain, "sound")));
	json_decref(fleet);
	metrics = brain_metrics_render(b, "/metrics", &type);
	assert_non_null(strstr(metrics, "anypop_region_drain{service=\"dns\",family=\"v4\"} 1\n"));
	assert_non_null(
	    strstr(metrics, "anypop_region_requests{service=\"dns\",family=\"v4\"} 1\n"));
	free(metrics);
	rig_drop(b);
}

static void
an_alert_is_one_of_the_runbooks(void **state)
{
	struct brain *b = begin();

	(void)state;
	refused(b, "alert", "{\"event\": \"rung\", \"region\": \"eu\"}", "alert needs event");
	refused(b, "alert", "{\"event\": \"failover_done\"}", "alert needs event");
	done(b, "alert", "{\"event\": \"failover_done\", \"region\": \"eu\"}"); /* no hook */
	rig_drop(b);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(a_request_is_a_limit_with_owner_and_end),
	    TEST(another_region_and_too_few_takers_move_nobody),
	    TEST(what_is_heard_and_asked_outlives_a_restart),
	    TEST(a_limit_that_is_over_at_the_restart_is_gone),
	    TEST(damaged_files_hold_nobody_lower_or_longer),
	    TEST(what_cannot_be_is_refused_with_its_reason),
	    TEST(one_region_at_a_time_and_the_other_is_no_taker),
	    TEST(what_is_asked_is_told_and_ends_by_itself),
	    TEST(people_are_shown_who_asks),
	    TEST(an_alert_is_one_of_the_runbooks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
