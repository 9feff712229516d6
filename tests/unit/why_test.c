/*
 * `bgpctl why` as an operator is shown it, from a brain's state to the page: for each situation
 * what the page must say, and what it must not.
 */
#include "tests/unit/brain_rig.h"

#include "bgpctl/render.h"
#include "healthd/view.h"

enum { ID = 0, UP = 2 }; /* instances: id/dns/v4, id/dns/v6, up */

struct situation {
	const char *name;
	void (*make)(struct brain *b, struct lane *lane);
	const char *says[6];
	const char *silent_on[4];
};

static struct mono
ago(int64_t ms)
{
	return mono_add_ms(mono_now(), -ms);
}

/* Sets a check's fact, and its targets as they would be for it. */
static void
check_is(struct brain *b, int n, enum verdict v, int64_t since_ms, const char *why)
{
	struct instance *i = &b->instances[n];

	i->fact.verdict = v;
	i->fact.value = v == VERDICT_FAIL ? 0 : 100;
	i->fact.judged = true;
	i->fact.onset = v == VERDICT_FAIL ? ago(since_ms) : MONO_NEVER;
	i->fact.last_ok_sent = ago(v == VERDICT_OK ? 50 : since_ms);
	for (int t = 0; t < i->n_targets; t++) {
		i->targets[t].last.at = mono_now();
		i->targets[t].window.verdict = v;
		i->targets[t].window.since = ago(since_ms);
		snprintf(i->targets[t].window.why, sizeof(i->targets[t].window.why), "%s", why);
	}
}

/* All is well, at this rung for so long. */
static void
stand(struct brain *b, struct lane *lane, int rung, int64_t ms)
{
	for (int n = 0; n < b->n_instances; n++)
		check_is(b, n, VERDICT_OK, 60000, "");
	lane->ladder = ladder_init(&b->settings.ladder, ago(600000));
	lane->ladder.phase = LADDER_RUN;
	lane->ladder.first = false;
	lane->ladder.latch_until = MONO_NEVER;
	lane->ladder.rung = lane->ladder.proven = (int8_t)rung;
	lane->ladder.rung_since = lane->ladder.better_since = ago(ms);
}

static void
limit_is(struct lane *lane, enum limit_sort sort, int rung, int64_t for_ms)
{
	lane->limits[0] = (struct limit){.set = true, .owner = OWNER_OPERATOR, .sort = sort,
	    .rung = (int8_t)rung, .who = "alice", .reason = "kernel",
	    .until = for_ms > 0 ? ago(-for_ms) : MONO_NEVER};
}

static void
make_start(struct brain *b, struct lane *lane)
{
	(void)b;
	lane->ladder = ladder_init(&b->settings.ladder, mono_now());
}

static void
make_full(struct brain *b, struct lane *lane)
{
	stand(b, lane, 3, 3600000);
	lane->ladder.latch_until = ago(1000); /* long over */
}

static void
make_climb(struct brain *b, struct lane *lane)
{
	stand(b, lane, 1, 20000);
	lane->ladder.latch_until = ago(-30000);
}

static void
make_budget(struct brain *b, struct lane *lane)
{
	stand(b, lane, 1, 90000);
	lane->ladder.flap = (struct flap){.penalty = 1400, .at = mono_now()};
}

static void
make_vital_move(struct brain *b, struct lane *lane)
{
	stand(b, lane, 3, 20000);
	check_is(b, ID, VERDICT_FAIL, 1000, "timed out");
}

static void
make_vital_silent(struct brain *b, struct lane *lane)
{
	stand(b, lane, 0, 20000);
	lane->ladder.latch_until = MONO_FOREVER;
	check_is(b, ID, VERDICT_FAIL, 20000, "timed out");
	check_is(b, UP, VERDICT_FAIL, 20000, "timed out");
}

static void
make_upstream(struct brain *b, struct lane *lane)
{
	stand(b, lane, 1, 20000);
	check_is(b, UP, VERDICT_FAIL, 20000, "timed out");
}

static void
make_drained(struct brain *b, struct lane *lane)
{
	stand(b, lane, 1, 20000);
	limit_is(lane, LIMIT_CAP, RUNG_DRAIN, 1800000);
}

static void
make_drained_for_good(struct brain *b, struct lane *lane)
{
	stand(b, lane, 1, 20000);
	limit_is(lane, LIMIT_CAP, RUNG_DRAIN, 0);
}

static void
make_pinned(struct brain *b, struct lane *lane)
{
	make_vital_move(b, lane);
	limit_is(lane, LIMIT_PIN, 3, 0);
}

static void
make_stopping(struct brain *b, struct lane *lane)
{
	stand(b, lane, 1, 20000);
	b->shutdown = true;
}

static void
make_emergency(struct brain *b, struct lane *lane)
{
	stand(b, lane, 0, 20000);
	lane->ladder.better_since = MONO_NEVER;
	b->settings.ladder.alone = true;
	lane->ladder.emergency_at = ago(40000);
	lane->ladder.emergency_wait_ms = 60000;
}

static const struct situation situations[] = {
    {"at a start", make_start,
	{"Wish   none before the first full round", "Next   waits for an event, not for time",
	    "start: at most silent", "Score not known yet"},
	{"brake", "not below drain", "wait:"}},
    {"full and well", make_full,
	{"Wish   full, for the score is 100 of 100", "Why    score 100\n",
	    "Next   nothing: it stays here", "Limits: none", "Flap budget: 0 of 1500 used\n"},
	{"brake", "wait:", " 0 s left", "fits now"}},
    {"on its way up", make_climb,
	{"Why    waits: hold: one rung per hold of 60 s\n", "Next   backup in ",
	    "brake: at least drain, ", "hold: at most drain, ",
	    "the next step costs 500 and fits now"},
	{"it would move", "wait:"}},
    {"held by the flap budget", make_budget,
	{"Why    waits: flap: ", "Next   full in 7 min", "next step allowed in 7 min"},
	{"fits now"}},
    {"falling by a vital check", make_vital_move,
	{"Why    vital check id/dns/v4 failed: fell at once\n", "Wish   silent",
	    "FAIL     id/dns/v4", "full -> silent  vital check id/dns/v4 failed"},
	{"brake", "fell at once: a vital"}},
    {"silent by a vital check while upstream fails too", make_vital_silent,
	{"Why    vital check id/dns/v4 failed\n", "A vital check has failed",
	    "Next   nothing: it stays here"},
	{"brake", "not below drain", "Why    score 0"}},
    {"upstream failing", make_upstream,
	{"check up counts most", "brake: at least drain (a shared check fails or is unknown",
	    "the fault may be everybody's, so not below drain"},
	{"wait:"}},
    {"drained by a person", make_drained,
	{"Why    waits: operator: kernel\n", "Next   backup in 31 min: operator: kernel",
	    "operator: at most drain, 30 min left (alice: kernel)"},
	{"brought down"}},
    {"drained by a person for good", make_drained_for_good,
	{"Next   waits for an event, not for time", "operator: at most drain (alice: kernel)"},
	{0}},
    {"pinned though a vital check fails", make_pinned,
	{"Rung   full", "Wish   silent", "Why    pinned by operator alice: kernel\n",
	    "operator: exactly full (alice: kernel)", "A vital check has failed"},
	{"pinned by an operator"}},
    {"stopping", make_stopping,
	{"SHUTTING DOWN", "Why    waits: shutdown: the service is stopping\n",
	    "Next   silent, when the drain is over"},
	{"Next   nothing"}},
    {"alone, after a relapse", make_emergency,
	{"Next   drain in 40 s: emergency climb after a relapse waits 60 s",
	    "emergency: at most silent, 40 s left"},
	{"60000 ms"}},
};

static char *
page_of(struct brain *b)
{
	json_t *why = view_why(b, 1);
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	assert_non_null(f);
	render_why(f, why);
	fclose(f);
	json_decref(why);
	return text;
}

static void
every_situation_is_told_as_it_is(void **state)
{
	(void)state;
	for (size_t n = 0; n < sizeof(situations) / sizeof(situations[0]); n++) {
		const struct situation *s = &situations[n];
		struct brain *b = rig_brain();
		struct lane *lane = &b->lanes[0];
		char *page;

		for (int w = 0; w < b->n_slots; w++)
			b->slots[w].worker.state = WORKER_READY;
		b->look_until = MONO_NEVER; /* BIRD is not there: do not wait for it */
		lanes_decide(b);
		s->make(b, lane);
		lane->dirty = true;
		lanes_decide(b);
		page = page_of(b);
		for (size_t i = 0; i < 6 && s->says[i] != NULL; i++)
			if (strstr(page, s->says[i]) == NULL)
				fail_msg("%s: \"%s\" is missing in\n%s", s->name, s->says[i], page);
		for (size_t i = 0; i < 4 && s->silent_on[i] != NULL; i++)
			if (strstr(page, s->silent_on[i]) != NULL)
				fail_msg(
				    "%s: \"%s\" misleads in\n%s", s->name, s->silent_on[i], page);
		free(page);
		rig_drop(b);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(every_situation_is_told_as_it_is, rig_setup,
		rig_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
