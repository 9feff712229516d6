/* rolling: whole restarts played against the real supervisor, and the promise checked at each step.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "healthd/rolling.h"

#define SLOTS 5
#define START_MS 200 /* from start to the first answer */
#define STOP_MS 100  /* from SIGTERM to the exit */

static const struct supervise_conf supervision = {
    .hang_probes = 3,
    .busy_probes = 50,
    .start_timeout_ms = 1000,
    .backoff_min_ms = 50,
    .backoff_max_ms = 400,
    .quarantine_starts = 5,
    .quarantine_ms = 5000,
    .stop_timeout_ms = 500,
    .stable_ms = 100,
};

struct world {
	struct rolling_conf conf;
	struct rolling r;
	struct worker w[SLOTS];
	struct mono now, answers_at[SLOTS], exits_at[SLOTS];
	bool broken[SLOTS];   /* what is started there from now on never answers */
	bool immortal[SLOTS]; /* does not exit, whatever is sent */
	int next_pid, least_ready, most_processes;
};

static void
feed(struct world *t, int slot, struct worker_event ev)
{
	struct worker_out out = worker_step(&supervision, t->w[slot], &ev, t->now);

	t->w[slot] = out.state;
	if (out.action == WORKER_DO_START) {
		t->answers_at[slot] =
		    t->broken[slot] ? MONO_FOREVER : mono_add_ms(t->now, START_MS);
		feed(t, slot,
		    (struct worker_event){.type = WORKER_EV_STARTED, .pid = t->next_pid++});
	} else if (out.action != WORKER_DO_NOTHING && !t->immortal[slot]) {
		t->exits_at[slot] = mono_add_ms(t->now, STOP_MS);
		t->answers_at[slot] = MONO_FOREVER;
	}
}

static void
live(struct world *t, int slot)
{
	bool answers = mono_before(t->answers_at[slot], t->now);

	feed(t, slot, (struct worker_event){.type = WORKER_EV_TICK});
	if (mono_is_set(t->exits_at[slot]) && mono_before(t->exits_at[slot], t->now)) {
		t->exits_at[slot] = MONO_NEVER;
		feed(t, slot,
		    (struct worker_event){.type = WORKER_EV_EXITED, .pid = t->w[slot].pid});
	}
	feed(t, slot,
	    (struct worker_event){.type = WORKER_EV_PROBE,
		.sent = t->now,
		.outcome = answers ? OUTCOME_OK : OUTCOME_SILENT});
}

static void
note(struct world *t)
{
	int ready = 0, processes = 0;

	for (int i = 0; i < t->conf.count + t->conf.spare; i++) {
		ready += t->w[i].state == WORKER_READY;
		processes += t->w[i].pid != 0;
	}
	if (ready < t->least_ready)
		t->least_ready = ready;
	if (processes > t->most_processes)
		t->most_processes = processes;
}

static void
obey(struct world *t, struct rolling_out out)
{
	t->r = out.state;
	if (out.action != ROLLING_DO_NOTHING)
		feed(t, out.slot,
		    (struct worker_event){
			.type = out.action == ROLLING_DO_WANT ? WORKER_EV_WANT : WORKER_EV_UNWANT});
	note(t);
}

static void
play(struct world *t, int64_t ms)
{
	struct mono end = mono_add_ms(t->now, ms);

	for (; mono_before(t->now, end); t->now = mono_add_ms(t->now, 20)) {
		for (int i = 0; i < t->conf.count + t->conf.spare; i++)
			live(t, i);
		note(t);
		obey(t, rolling_step(&t->conf, t->r, t->w, t->now));
	}
}

/* All `count` workers run and are ready. */
static struct world
world_of(int count, int spare, int min_ready)
{
	struct world t = {
	    .conf = {.count = count,
		.spare = spare,
		.min_ready = min_ready,
		.noun = "worker",
		.start_timeout_ms = 1000,
		.stop_timeout_ms = 500},
	    .now = {1000000},
	    .next_pid = 10,
	};

	for (int i = 0; i < SLOTS; i++)
		t.w[i] = worker_init(t.now);
	for (int i = 0; i < count; i++)
		feed(&t, i, (struct worker_event){.type = WORKER_EV_WANT});
	play(&t, 1000);
	t.least_ready = count;
	t.most_processes = 0;
	return t;
}

static void
begin(struct world *t)
{
	obey(t, rolling_begin(&t->conf, t->w, t->now));
}

static void
replaces_every_worker(struct world *t)
{
	int32_t before[SLOTS];

	for (int i = 0; i < t->conf.count; i++)
		before[i] = t->w[i].pid;
	begin(t);
	assert_true(rolling_active(&t->r));
	play(t, 10000);
	assert_int_equal(t->r.stage, ROLLING_DONE);
	assert_int_equal(t->r.done, t->conf.count);
	for (int i = 0; i < t->conf.count; i++) {
		assert_int_equal(t->w[i].state, WORKER_READY);
		assert_int_not_equal(t->w[i].pid, before[i]);
	}
	assert_true(t->least_ready >= t->conf.min_ready);
}

static void
with_a_spare_never_fewer_than_configured(void **state)
{
	(void)state;
	for (int count = 1; count < SLOTS; count++) {
		struct world t = world_of(count, 1, 1);

		replaces_every_worker(&t);
		assert_int_equal(t.least_ready, count);
		assert_int_equal(t.most_processes, count + 1);
		assert_int_equal(t.w[count].state, WORKER_STOPPED);
	}
}

static void
without_a_spare_one_at_a_time(void **state)
{
	struct world t = world_of(4, 0, 3);

	(void)state;
	replaces_every_worker(&t);
	assert_int_equal(t.least_ready, 3);
	assert_int_equal(t.most_processes, 4);
}

/* Engines: no spare, and others wait for the one that is replaced. */
static void
with_nobody_to_be_kept_ready_each_is_replaced_in_its_place(void **state)
{
	(void)state;
	for (int count = 1; count < SLOTS; count++) {
		struct world t = world_of(count, 0, 0);

		replaces_every_worker(&t);
		assert_int_equal(t.least_ready, count - 1);
		assert_int_equal(t.most_processes, count);
	}
}

static void
with_nobody_to_be_kept_ready_it_may_begin_with_nobody_ready(void **state)
{
	struct world t = world_of(2, 0, 0);

	(void)state;
	t.conf.noun = "engine";
	t.w[0].state = t.w[1].state = WORKER_QUARANTINED;
	t.w[0].pid = t.w[1].pid = 0;
	replaces_every_worker(&t);
	t.broken[1] = true;
	begin(&t);
	play(&t, 10000);
	assert_int_equal(t.r.stage, ROLLING_ABORTED);
	assert_non_null(strstr(t.r.why, "1 of 2 replaced, then engine 1 was not ready"));
}

static void
refuses_what_would_leave_too_few(void **state)
{
	struct world t = world_of(2, 0, 2);

	(void)state;
	begin(&t);
	assert_false(rolling_active(&t.r));
	assert_non_null(strstr(t.r.why, "workers.spare = 1"));
	t = world_of(3, 0, 2);
	t.w[1].state = WORKER_UNREADY;
	begin(&t);
	assert_false(rolling_active(&t.r));
	assert_non_null(strstr(t.r.why, "only 2 of 3"));
	t = world_of(0, 0, 0);
	begin(&t);
	assert_false(rolling_active(&t.r));
}

static void
a_spare_that_never_answers_leaves_all_as_it_was(void **state)
{
	struct world t = world_of(3, 1, 2);
	int32_t first = t.w[0].pid;

	(void)state;
	t.broken[3] = true;
	begin(&t);
	play(&t, 5000);
	assert_int_equal(t.r.stage, ROLLING_ABORTED);
	assert_non_null(strstr(t.r.why, "nothing was replaced"));
	assert_int_equal(t.w[0].pid, first);
	assert_int_equal(t.least_ready, 3);
	assert_int_equal(t.w[3].state, WORKER_STOPPED);
}

static void
a_replacement_that_never_answers_ends_it(void **state)
{
	struct world t = world_of(3, 1, 2);
	int32_t last = t.w[2].pid;

	(void)state;
	t.broken[1] = true;
	begin(&t);
	play(&t, 5000);
	assert_int_equal(t.r.stage, ROLLING_ABORTED);
	assert_int_equal(t.r.done, 1);
	assert_non_null(strstr(t.r.why, "worker 1"));
	assert_int_equal(t.w[2].pid, last);
	assert_int_equal(t.w[3].state, WORKER_READY); /* serves in its place */
	assert_int_equal(t.least_ready, 3);
	assert_true(t.w[1].wanted);
	t.broken[1] = false; /* mended: supervision brings it back, the next restart tidies up */
	play(&t, 10000);
	replaces_every_worker(&t);
	assert_int_equal(t.w[3].state, WORKER_STOPPED);
}

static void
one_failing_meanwhile_is_waited_for(void **state)
{
	struct world t = world_of(3, 0, 2);
	int32_t first = t.w[0].pid;

	(void)state;
	begin(&t);
	t.answers_at[2] = mono_add_ms(t.now, 400); /* silent so long: killed and started again */
	t.w[2].state = WORKER_UNREADY;
	t.least_ready = 3;
	play(&t, 10000);
	assert_int_equal(t.r.stage, ROLLING_DONE);
	assert_int_not_equal(t.w[0].pid, first);
}

static void
a_process_that_cannot_be_killed_ends_it(void **state)
{
	struct world t = world_of(3, 0, 2);

	(void)state;
	t.immortal[0] = true;
	begin(&t);
	play(&t, 10000);
	assert_int_equal(t.r.stage, ROLLING_ABORTED);
	assert_non_null(strstr(t.r.why, "could not be stopped"));
	assert_true(t.w[0].wanted);
	assert_int_equal(t.w[1].state, WORKER_READY);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(with_a_spare_never_fewer_than_configured),
	    cmocka_unit_test(without_a_spare_one_at_a_time),
	    cmocka_unit_test(with_nobody_to_be_kept_ready_each_is_replaced_in_its_place),
	    cmocka_unit_test(with_nobody_to_be_kept_ready_it_may_begin_with_nobody_ready),
	    cmocka_unit_test(refuses_what_would_leave_too_few),
	    cmocka_unit_test(a_spare_that_never_answers_leaves_all_as_it_was),
	    cmocka_unit_test(a_replacement_that_never_answers_ends_it),
	    cmocka_unit_test(one_failing_meanwhile_is_waited_for),
	    cmocka_unit_test(a_process_that_cannot_be_killed_ends_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
