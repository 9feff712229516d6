/*
 * The checks that rest on scoreboards, and the drain that ends when clients have left, through the
 * brain's own shell: the test writes what two workers would.
 */
#include "tests/unit/brain_rig.h"

#define ERROR_RATE                                                                                 \
	", { name = \"errors\"; kind = \"error_rate\"; weight = 1000; fall = 1; rise = 1; }"
#define CACHE ", { name = \"hits\"; kind = \"cache\"; fall = 1; rise = 1; }"
#define WORKERS ", { name = \"procs\"; kind = \"workers\"; weight = 1; }"

static struct scoreboard *worker[2];

static void
hand_workers(struct brain *b)
{
	static const char *const names[] = {"score.w0", "score.w1"};
	struct err err;

	for (int w = 0; w < 2; w++) {
		int fd;

		worker[w] = scoreboard_make('w', &fd, &err);
		assert_non_null(worker[w]);
		score_take(b, names[w], fd);
	}
}

static int
setup(void **state)
{
	rig_hand = hand_workers;
	rig_checks = ERROR_RATE CACHE WORKERS;
	worker[0] = worker[1] = NULL;
	return rig_setup(state);
}

static int
teardown(void **state)
{
	scoreboard_unmap(worker[0]);
	scoreboard_unmap(worker[1]);
	return rig_teardown(state);
}

static struct instance *
check(struct brain *b, const char *name)
{
	for (int n = 0; n < b->n_instances; n++)
		if (strcmp(b->instances[n].name, name) == 0)
			return &b->instances[n];
	fail_msg("no check %s", name);
	return NULL;
}

/* Both workers answer so many together, so many of them badly; then they are looked at. */
static void
answered(struct brain *b, uint64_t found, enum score_cause cause, uint64_t failed)
{
	score_add(&worker[0]->layer[LAYER_L1], found / 2);
	score_add(&worker[1]->layer[LAYER_ENGINE], found - found / 2);
	score_add(&worker[1]->cause[cause], failed);
	for (int n = 0; n < b->n_instances; n++) /* a second has passed since the last */
		b->instances[n].targets[0].last.at = MONO_NEVER;
	scores_second(b);
}

/* All checks but these are well, and `up` has had an answer since. */
static struct judgement
judged(struct brain *b)
{
	struct fact facts[MAX_CHECKS];

	for (int n = 0; n < b->n_instances; n++) {
		facts[n] = b->instances[n].fact;
		if (facts[n].class == CLASS_SHARED) {
			facts[n].verdict = VERDICT_OK;
			facts[n].last_ok_sent = mono_add_ms(mono_now(), 1);
		}
	}
	return judge(facts, b->n_instances, b->lanes[0].facts);
}

static void
without_clients_there_is_nothing_to_judge(void **state)
{
	struct brain *b = rig_brain();

	(void)state;
	assert_int_equal(check(b, "errors")->fact.verdict, VERDICT_IDLE);
	answered(b, 1000, CAUSE_UPSTREAM, 0); /* before our time: counts nothing */
	assert_int_equal(check(b, "errors")->fact.verdict, VERDICT_IDLE);
	answered(b, 49, CAUSE_UPSTREAM, 49);
	assert_int_equal(check(b, "errors")->fact.verdict, VERDICT_IDLE);
	assert_int_equal(check(b, "hits")->fact.verdict, VERDICT_IDLE);
	answered(b, 1, CAUSE_UPSTREAM, 0);
	assert_int_equal(check(b, "errors")->fact.verdict, VERDICT_FAIL);
	assert_int_equal(check(b, "hits")->fact.verdict, VERDICT_OK);
	rig_drop(b);
}

static void
workers_without_scoreboards_leave_both_idle(void **state)
{
	struct brain *b;

	(void)state;
	rig_hand = NULL;
	b = rig_brain();
	scores_second(b);
	assert_int_equal(check(b, "errors")->fact.verdict, VERDICT_IDLE);
	assert_int_equal(check(b, "hits")->fact.verdict, VERDICT_IDLE);
	rig_drop(b);
}

static void
failures_by_upstream_take_the_score_and_prove_nothing(void **state)
{
	struct brain *b = rig_brain();
	struct judgement j;

	(void)state;
	answered(b, 0, CAUSE_UPSTREAM, 0);
	answered(b, 100, CAUSE_UPSTREAM, 100);
	assert_int_equal(check(b, "errors")->fact.verdict, VERDICT_FAIL);
	assert_string_equal(check(b, "errors")->targets[0].window.why,
	    "100 of 100 failed: 100 upstream, 0 bogus, 0 internal");
	j = judged(b);
	assert_true(j.score < 20);
	assert_false(j.proven);
	rig_drop(b);
}

static void
failures_by_internal_causes_are_proof_from_the_time_they_are(void **state)
{
	struct brain *b = rig_brain();
	struct instance *i = check(b, "errors");
	struct fact early;

	(void)state;
	answered(b, 0, CAUSE_UPSTREAM, 0);
	answered(b, 100, CAUSE_UPSTREAM, 60);
	assert_false(i->fact.evidence);
	early = i->fact;
	while (!mono_before(early.onset, mono_now()))
		continue; /* the clock moves on */
	answered(b, 100, CAUSE_INTERNAL, 100);
	assert_true(i->fact.evidence);
	/* An upstream probe sent between the two says nothing about the second. */
	assert_true(mono_before(early.onset, i->fact.onset));
	assert_true(judged(b).proven);
	assert_true(judged(b).score < 20);
	answered(b, 1000, CAUSE_UPSTREAM, 1000); /* internal causes alone reach crit no more */
	assert_int_equal(i->fact.verdict, VERDICT_FAIL);
	assert_false(i->fact.evidence);
	assert_false(judged(b).proven);
	rig_drop(b);
}

static void
a_new_brain_keeps_what_was_seen_until_it_has_looked_itself(void **state)
{
	struct brain *b = rig_brain(), *next;

	(void)state;
	state_load(b);
	answered(b, 0, CAUSE_UPSTREAM, 0);
	answered(b, 100, CAUSE_UPSTREAM, 100);
	state_save(b);
	rig_drop(b);
	scoreboard_unmap(worker[0]);
	scoreboard_unmap(worker[1]);

	next = rig_brain();
	assert_int_equal(check(next, "errors")->fact.verdict, VERDICT_IDLE);
	state_load(next);
	answered(next, 0, CAUSE_UPSTREAM, 0);
	assert_int_equal(check(next, "errors")->fact.verdict, VERDICT_FAIL);
	answered(next, 10, CAUSE_UPSTREAM, 0); /* too few yet to say that it is well */
	assert_int_equal(check(next, "errors")->fact.verdict, VERDICT_FAIL);
	answered(next, 90, CAUSE_UPSTREAM, 0);
	assert_int_equal(check(next, "errors")->fact.verdict, VERDICT_OK);
	rig_drop(next);
}

static void
workers_that_only_have_their_caches_are_half_workers(void **state)
{
	struct brain *b = rig_brain();
	struct instance *i = check(b, "procs");

	(void)state;
	for (int w = 0; w < 2; w++) {
		b->slots[w].worker.pid = 100 + w;
		b->slots[w].worker.state = WORKER_READY;
		b->slots[w].worker.wanted = true;
		score_add(&worker[w]->pid, 100 + (uint64_t)w);
		score_add(&worker[w]->state, w == 0 ? SCORE_ANSWERING : SCORE_STALE_ONLY);
	}
	workers_settle(b);
	assert_int_equal(i->fact.verdict, VERDICT_OK);
	assert_int_equal(i->fact.value, 75);
	assert_string_equal(
	    i->targets[0].last.why, "2 ready: 1 answering, 1 stale only, 0 failing");
	ev_timer_stop(b->loop, &b->slots_timer);
	ev_timer_stop(b->loop, &b->roster_timer);
	rig_drop(b);
}

static void
only_who_answers_while_the_node_is_at_its_capacity_is_spared(void **state)
{
	struct brain *b = rig_brain();

	(void)state;
	scores_second(b);
	score_add(&worker[0]->layer[LAYER_L1], 5);
	scores_second(b);
	assert_false(slot_answers(&b->slots[0])); /* no capacity is known */
	b->load = 7;
	assert_true(slot_answers(&b->slots[0]));
	assert_false(slot_answers(&b->slots[1]));
	b->load = 5;
	assert_false(slot_answers(&b->slots[0]));
	rig_drop(b);
}

/* `qps` for the last minute, and after that none or as many as before. */
static bool
drain_ends_early(uint64_t qps, bool clients_leave)
{
	struct brain *b = rig_brain();
	struct mono end = mono_add_ms(mono_now(), 10000);
	bool silent;

	for (int s = 60; s > 0; s--) {
		struct traffic_counts c = {.layer = {[LAYER_L1] = qps * (uint64_t)(60 - s)}};

		traffic_step(b->slots[0].traffic, &c, 0, mono_add_ms(mono_now(), -1000 * s));
	}
	score_add(&worker[0]->layer[LAYER_L1], qps * 60);
	scores_second(b);
	b->look_until = MONO_NEVER;
	brain_shutdown(b);
	assert_false(b->shutdown_silent);
	/* Two seconds of the loop, with a reading in each. */
	for (int s = 1; s <= 2; s++) {
		while (mono_diff_ms(mono_now(), b->shutdown_at) < 1000 * s &&
		       mono_before(mono_now(), end))
			ev_run(b->loop, EVRUN_ONCE);
		if (!clients_leave)
			score_add(&worker[0]->layer[LAYER_L1], qps);
		scores_second(b);
		ev_run(b->loop, EVRUN_ONCE);
	}
	silent = b->shutdown_silent;
	ev_timer_stop(b->loop, &b->shutdown_timer);
	rig_drop(b);
	return silent;
}

static void
the_drain_ends_when_clients_have_left(void **state)
{
	(void)state;
	assert_true(drain_ends_early(500, true));
}

static void
the_drain_goes_on_while_clients_ask(void **state)
{
	(void)state;
	assert_false(drain_ends_early(500, false));
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(without_clients_there_is_nothing_to_judge),
	    TEST(workers_without_scoreboards_leave_both_idle),
	    TEST(failures_by_upstream_take_the_score_and_prove_nothing),
	    TEST(failures_by_internal_causes_are_proof_from_the_time_they_are),
	    TEST(a_new_brain_keeps_what_was_seen_until_it_has_looked_itself),
	    TEST(workers_that_only_have_their_caches_are_half_workers),
	    TEST(only_who_answers_while_the_node_is_at_its_capacity_is_spared),
	    TEST(the_drain_ends_when_clients_have_left),
	    TEST(the_drain_goes_on_while_clients_ask),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
