/*
 * In a fleet decisions rest on the guard's word as well: it stands in the record, whole, and makes
 * the same of them again. One lane hears a real guard, of other nodes that come and go; the other
 * one any word.
 */
#include "tests/unit/replay_rig.h"

static char path[100];

static int
setup(void **state)
{
	int rc = rig_setup(state);

	rig_fleet = true;
	rig_seed = 28; /* all that is asked for below happens */
	snprintf(path, sizeof(path), "%s/record", rig_dir);
	rig_record(path, 2400, 16);
	return rc;
}

/* How many steps were told what. */
struct heard {
	int standing[FLEET_FRESH + 1], vital, granted, back, emergency, keep, reasons;
	int returns, emergencies, limits; /* what came of it */
	int hearsay, denied;		  /* others' word on us counted */
};

static void
hear(void *arg, const struct replay_entry *e)
{
	const struct ladder_fleet *f;
	struct heard *h = arg;

	if (e->kind != REPLAY_STEP)
		return;
	h += e->lane;
	f = &e->turn->in.fleet;
	h->standing[f->standing]++;
	h->vital += f->vital;
	h->granted += f->granted;
	h->back += f->back;
	h->emergency += f->emergency;
	h->keep += f->keep;
	h->reasons += f->because != NULL;
	h->hearsay += e->turn->in.judgement.hearsay > 0;
	h->denied += e->turn->in.judgement.denied;
	h->returns += e->turn->out.moved && e->turn->out.rule == RULE_RETURN;
	h->emergencies += e->turn->out.moved && e->turn->out.rule == RULE_EMERGENCY;
	for (int i = 0; i < e->turn->out.n_limits; i++)
		h->limits += e->turn->out.limits[i].owner == OWNER_FLEET;
}

static void
decisions_in_a_fleet_come_out_as_they_were_recorded(void **state)
{
	struct replay_want want = {.to_us = INT64_MAX};
	struct replay *r = replay_new(&want);
	struct heard heard[MAX_LANES] = {0};
	struct err err;

	(void)state;
	r->entry = hear;
	r->arg = heard;
	if (replay_file(r, path, &err) < 0)
		fail_msg("%s", err.text);
	need_exact(r);
	assert_int_equal(r->count.passed, 0);
	assert_true(r->count.decisions > 100);
	for (int l = 0; l < 2; l++) {
		const struct heard *h = &heard[l];

		for (int s = l == 0 ? FLEET_STALE : FLEET_NONE; s <= FLEET_FRESH; s++)
			assert_true(h->standing[s] > 100);
		assert_true(h->vital > 0 && h->granted > 0 && h->back > 0);
		assert_true(h->emergency > 0 && h->keep > 0 && h->reasons > 0);
		assert_true(h->returns > 0 && h->emergencies > 0 && h->limits > 0);
	}
	assert_true(heard[0].hearsay > 0 && heard[0].denied > 0);
	assert_true(heard[1].hearsay == 0 && heard[1].denied == 0);
	replay_free(r);
}

/* --- what is bent is noticed ------------------------------------------------------------------ */

struct word_bend {
	const char *member; /* of "fleet"; NULL: all of it, everywhere */
	int nth;	    /* of the times that a lane was told something */
	int times;
};

static json_t *
other_than(const json_t *v)
{
	if (json_is_boolean(v))
		return json_boolean(!json_is_true(v));
	if (json_is_integer(v))
		return json_integer(json_integer_value(v) > 0 ? 0 : 3);
	return json_string(strcmp(json_string_value(v), "fresh") != 0 ? "fresh" : "stale");
}

static bool
bend_word(struct record_seen *r, char *data, void *arg)
{
	struct word_bend *b = arg;
	json_error_t why;
	json_t *o, *fleet;
	char *text;

	if (r->type == RECORD_BOOT || r->type == RECORD_SAMPLE || r->type == RECORD_EVENT)
		return true;
	if (b->member != NULL && (strstr(data, "\"is\":\"given\"") == NULL || b->nth-- != 0))
		return true;
	o = json_loadb(data, r->length, 0, &why);
	fleet = json_object_get(o, "fleet");
	b->times += fleet != NULL;
	if (b->member == NULL)
		json_object_del(o, "fleet");
	else
		json_object_set_new(
		    fleet, b->member, other_than(json_object_get(fleet, b->member)));
	text = json_dumps(o, JSON_COMPACT);
	assert_non_null(text);
	r->length = strlen(text);
	memcpy(data, text, r->length + 1);
	free(text);
	json_decref(o);
	return true;
}

static void
a_word_that_is_bent_makes_a_difference(void **state)
{
	static const char *const members[] = {"standing", "vital", "granted", "back", "emergency",
	    "keep", "strained", "because"};

	(void)state;
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		struct word_bend b = {members[i], 30 + 60 * (int)i, 0};
		struct replay *r = rig_replay(path, bend_word, &b);

		assert_int_equal(b.times, 1);
		if (r->count.differences == 0)
			fail_msg("another %s made no difference", members[i]);
		replay_free(r);
	}
}

/* Not only what was told differs then, but what came of it. */
static void
decisions_that_forget_the_fleet_are_others(void **state)
{
	struct word_bend b = {NULL, 0, 0};
	struct replay *r = rig_replay(path, bend_word, &b);

	(void)state;
	assert_true(b.times > 100);
	assert_true(r->count.differences > 10);
	assert_true(r->count.wider > 100); /* while nobody wished for anything */
	replay_free(r);
}

/* --- what if ---------------------------------------------------------------------------------- */

static void
the_same_settings_would_have_done_the_same_in_a_fleet(void **state)
{
	struct replay_want want = {.to_us = INT64_MAX};
	struct replay *r = replay_new(&want);
	struct arena *arena = arena_new();
	struct settings same;
	struct whatif *w;
	char conf[100];
	struct err err;

	(void)state;
	snprintf(conf, sizeof(conf), "%s/conf", rig_dir);
	if (settings_read(conf, &same, arena, &err) < 0)
		fail_msg("%s", err.text);
	w = whatif_new(r, &same);
	if (replay_file(r, path, &err) < 0)
		fail_msg("%s", err.text);
	whatif_end(w);
	assert_int_equal(w->n_lanes, 2);
	assert_int_equal(w->n_notes, 1); /* that the fleet's word is the record's */
	for (int l = 0; l < 2; l++) {
		assert_true(w->lanes[l].sum[RECORDED].withdrawals > 5);
		assert_memory_equal(&w->lanes[l].sum[RECORDED], &w->lanes[l].sum[OTHER],
		    sizeof(w->lanes[l].sum[0]));
	}
	whatif_free(w);
	replay_free(r);
	arena_free(arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(decisions_in_a_fleet_come_out_as_they_were_recorded),
	    cmocka_unit_test(a_word_that_is_bent_makes_a_difference),
	    cmocka_unit_test(decisions_that_forget_the_fleet_are_others),
	    cmocka_unit_test(the_same_settings_would_have_done_the_same_in_a_fleet),
	};

	return cmocka_run_group_tests(tests, setup, rig_teardown);
}
