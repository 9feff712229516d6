/*
 * Engines through the brain's own shell: the test plays the keeper and writes their scoreboards.
 */
#include "tests/unit/brain_rig.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "lib/held.h"
#include "lib/sealed.h"

static struct scoreboard *engine[2]; /* as their processes write them */

static void
hand_engines(struct brain *b)
{
	static const char *const names[] = {"score.e0", "score.e1"};
	struct err err;

	for (int e = 0; e < 2; e++) {
		int fd;

		engine[e] = scoreboard_make('e', &fd, &err);
		assert_non_null(engine[e]);
		score_take(b, names[e], fd);
		assert_non_null(b->engines[e].score);
	}
}

static int
setup(void **state)
{
	rig_hand = hand_engines;
	return rig_setup(state);
}

static int
teardown(void **state)
{
	for (int e = 0; e < 2; e++)
		scoreboard_unmap(engine[e]);
	return rig_teardown(state);
}

/* The process of a slot works: its own pid, a state, and a heart that beats at this moment. */
static void
beat(int e, int pid, enum score_state state)
{
	atomic_store(&engine[e]->pid, (uint64_t)pid);
	atomic_store(&engine[e]->state, (uint64_t)state);
	atomic_store(&engine[e]->heartbeat_us, (uint64_t)mono_now().us);
}

static void
keeper_says(struct brain *b, enum bond_type type, int slot, int pid, int status)
{
	struct bond_message m = {.type = type, .slot = slot, .pid = pid, .status = status};

	m.at_us = mono_now().us;
	assert_int_equal(bond_send(rig_bond[1], &m), 1);
	ev_run(b->loop, EVRUN_NOWAIT);
}

/* What the brain orders next, leases and greetings passed over; type 0: nothing. */
static struct bond_message
order(void)
{
	struct bond_message m;

	while (bond_receive(rig_bond[1], &m) == 1)
		if (m.type == BOND_START || m.type == BOND_STOP)
			return m;
	return (struct bond_message){0};
}

static void
expect_order(enum bond_type type, int slot, int signal_number)
{
	struct bond_message m = order();

	assert_int_equal(m.type, type);
	assert_int_equal(m.slot, slot);
	if (type == BOND_STOP)
		assert_int_equal(m.status, signal_number);
}

/* Turns the loop, engine `beats` (bits) at work under their pids, until `e` is in this state. */
static void
until(struct brain *b, int e, enum worker_state state, unsigned beats)
{
	struct mono end = mono_add_ms(mono_now(), 10000);

	while (b->engines[e].worker.state != state) {
		for (int i = 0; i < 2; i++)
			if (beats >> i & 1)
				beat(i, b->engines[i].worker.pid, SCORE_ANSWERING);
		ev_run(b->loop, EVRUN_ONCE);
		if (!mono_before(mono_now(), end))
			fail_msg(
			    "engine %d stays %s", e, worker_state_name(b->engines[e].worker.state));
	}
}

/* A brain without workers to speak of, whose keeper runs nothing and wants two engines. */
static struct brain *
brain_with_engines(void)
{
	struct brain *b = rig_brain();

	b->n_slots = 0;
	bond_open(b);
	return b;
}

static struct brain *
brain_at_work(void)
{
	struct brain *b = brain_with_engines();

	keeper_says(b, BOND_ROSTER, -1, 0, 2);
	expect_order(BOND_START, ENGINE_SLOT, 0);
	expect_order(BOND_START, ENGINE_SLOT + 1, 0);
	keeper_says(b, BOND_STARTED, ENGINE_SLOT, 100, 0);
	keeper_says(b, BOND_STARTED, ENGINE_SLOT + 1, 101, 0);
	until(b, 0, WORKER_READY, 3);
	until(b, 1, WORKER_READY, 3);
	return b;
}

static void
drop(struct brain *b)
{
	ev_io_stop(b->loop, &b->bond_io);
	ev_timer_stop(b->loop, &b->lease_timer);
	ev_timer_stop(b->loop, &b->slots_timer);
	ev_timer_stop(b->loop, &b->roster_timer);
	rig_drop(b);
}

static void
as_many_as_the_keeper_says_are_started_and_judged_by_their_scoreboard(void **state)
{
	struct brain *b = brain_with_engines();

	(void)state;
	keeper_says(b, BOND_ROSTER, -1, 0, 1);
	expect_order(BOND_START, ENGINE_SLOT, 0);
	assert_int_equal(order().type, 0);
	keeper_says(b, BOND_STARTED, ENGINE_SLOT, 100, 0);
	beat(0, 99, SCORE_ANSWERING); /* its predecessor's last word */
	for (int i = 0; i < 5; i++)
		ev_run(b->loop, EVRUN_ONCE);
	assert_int_equal(b->engines[0].worker.state, WORKER_STARTING);
	until(b, 0, WORKER_READY, 1);
	assert_int_equal(workers_serving_bits(b), 0); /* it is no worker */
	drop(b);
}

static void
the_probation_engine_is_supervised_and_counted_nowhere(void **state)
{
	struct brain *b = brain_with_engines();
	struct bond_message m = {.type = BOND_ROSTER, .slot = -1, .status = 1, .ready = 1};

	(void)state;
	m.at_us = mono_now().us;
	assert_int_equal(bond_send(rig_bond[1], &m), 1);
	ev_run(b->loop, EVRUN_NOWAIT);
	expect_order(BOND_START, ENGINE_SLOT, 0);
	expect_order(BOND_START, PROBATION_SLOT, 0);
	assert_int_equal(order().type, 0);
	assert_int_equal(b->n_engines, 1);
	keeper_says(b, BOND_STARTED, PROBATION_SLOT, 200, 0);
	while (engines_probation(b)->worker.state != WORKER_READY) /* it has no scoreboard here */
		ev_run(b->loop, EVRUN_ONCE);
	keeper_says(b, BOND_EXITED, PROBATION_SLOT, 200, SIGSEGV);
	while (engines_probation(b)->worker.state != WORKER_STARTING)
		ev_run(b->loop, EVRUN_ONCE);
	assert_int_equal(b->n_engines, 1);
	/* Without one in the next roster it is nobody's. */
	keeper_says(b, BOND_ROSTER, -1, 0, 1);
	assert_int_equal(engines_probation(b)->worker.state, WORKER_STOPPED);
	drop(b);
}

static void
no_more_than_there_is_room_for(void **state)
{
	struct brain *b = brain_with_engines();

	(void)state;
	keeper_says(b, BOND_ROSTER, -1, 0, 1000);
	assert_int_equal(b->n_engines, MAX_ENGINES);
	drop(b);
	b = brain_with_engines();
	keeper_says(b, BOND_ROSTER, -1, 0, -7);
	assert_int_equal(b->n_engines, 0);
	drop(b);
}

static void
one_whose_heart_stops_is_killed_and_started_again(void **state)
{
	struct brain *b = brain_at_work();

	(void)state;
	until(b, 0, WORKER_UNREADY, 2);
	while (!b->engines[0].worker.killed_hung) { /* a few looks more */
		beat(1, 101, SCORE_ANSWERING);
		ev_run(b->loop, EVRUN_ONCE);
	}
	expect_order(BOND_STOP, ENGINE_SLOT, SIGABRT); /* its last words are wanted */
	assert_int_equal(b->counters.engine_hangs, 1);
	assert_int_equal(b->counters.worker_hangs, 0);
	keeper_says(b, BOND_EXITED, ENGINE_SLOT, 100, SIGKILL);
	assert_int_equal(b->counters.engine_exits, 1);
	until(b, 0, WORKER_STARTING, 2);
	expect_order(BOND_START, ENGINE_SLOT, 0);
	assert_int_equal(b->engines[1].worker.state, WORKER_READY);
	drop(b);
}

/* A process that turns in a loop, or waits for a processor, until it is killed. */
static pid_t
busy(void)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			;
	}
	return pid;
}

static void
one_that_is_slow_is_not_killed_for_it(void **state)
{
	struct brain *b = brain_at_work();
	pid_t pid = busy();

	(void)state;
	b->engines[0].worker.pid = pid;
	until(b, 0, WORKER_READY, 3);
	while (b->engines[0].worker.silent_probes < 3 * b->settings.workers.hang_probes) {
		beat(1, 101, SCORE_ANSWERING);
		ev_run(b->loop, EVRUN_ONCE);
		assert_false(b->engines[0].worker.killed_hung);
	}
	assert_int_equal(b->engines[0].worker.state, WORKER_UNREADY);
	assert_int_equal(order().type, 0);
	until(b, 0, WORKER_READY, 3); /* its heart beats again, in the same life */
	kill(pid, SIGSTOP);
	while (!b->engines[0].worker.killed_hung) {
		beat(1, 101, SCORE_ANSWERING);
		ev_run(b->loop, EVRUN_ONCE);
	}
	expect_order(BOND_STOP, ENGINE_SLOT, SIGABRT);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	drop(b);
}

static void
those_that_run_are_adopted_and_what_they_had_gone_through_is_kept(void **state)
{
	struct brain *b = brain_with_engines(), *next;

	(void)state;
	b->engines[1].worker.failed_starts = 3;
	b->engines[1].past_starts = 5;
	snprintf(b->engines[1].worker.why, 64, "exited with status 1");
	state_load(b); /* which boot this is; there is no state yet */
	state_save(b);
	drop(b);
	for (int e = 0; e < 2; e++)
		scoreboard_unmap(engine[e]);

	next = brain_with_engines();
	state_load(next);
	beat(1, 101, SCORE_ANSWERING);
	keeper_says(next, BOND_ROSTER, ENGINE_SLOT + 1, 101, 0);
	assert_int_equal(next->engines[1].worker.state, WORKER_READY); /* at once: it is at work */
	assert_int_equal(next->engines[1].worker.starts, 0); /* none of ours */
	keeper_says(next, BOND_ROSTER, ENGINE_SLOT + 5, 105, 0); /* of a longer list */
	keeper_says(next, BOND_ROSTER, -1, 0, 2);
	expect_order(BOND_START, ENGINE_SLOT, 0); /* the other is there */
	assert_int_equal(order().type, 0);
	assert_int_equal(next->engines[1].worker.pid, 101);
	assert_int_equal(next->engines[1].worker.failed_starts, 3);
	assert_int_equal(next->engines[1].past_starts, 5);
	assert_string_equal(next->engines[1].worker.why, "exited with status 1");
	assert_int_equal(next->engines[5].worker.pid, 0);
	until(next, 1, WORKER_READY, 2);
	drop(next);
}

static void
without_a_scoreboard_being_alive_is_being_well(void **state)
{
	struct brain *b;

	(void)state;
	rig_hand = NULL;
	b = brain_with_engines();
	keeper_says(b, BOND_ROSTER, -1, 0, 1);
	keeper_says(b, BOND_STARTED, ENGINE_SLOT, 100, 0);
	until(b, 0, WORKER_READY, 0);
	drop(b);
	engine[0] = engine[1] = NULL;
}

static void
an_upgrade_replaces_one_after_the_other(void **state)
{
	struct brain *b = brain_at_work();
	struct err err;

	(void)state;
	assert_int_equal(engines_upgrade(b, &err), 0);
	assert_int_equal(engines_upgrade(b, &err), -1); /* one at a time, of any kind */
	assert_non_null(strstr(err.text, "under way (engine 0"));
	b->n_slots = 1;
	assert_int_equal(workers_upgrade(b, &err), -1);
	assert_non_null(strstr(err.text, "under way (engine 0"));
	b->n_slots = 0;
	for (int e = 0; e < 2; e++) {
		expect_order(BOND_STOP, ENGINE_SLOT + e, SIGTERM);
		keeper_says(b, BOND_EXITED, ENGINE_SLOT + e, 100 + e, 0);
		expect_order(BOND_START, ENGINE_SLOT + e, 0);
		keeper_says(b, BOND_STARTED, ENGINE_SLOT + e, 200 + e, 0);
		/* The next is left alone until this one answers. */
		assert_int_equal(b->engines[1].worker.pid, e == 0 ? 101 : 201);
		assert_int_equal(order().type, 0);
		until(b, e, WORKER_READY, 3);
	}
	assert_int_equal(b->rotation.stage, ROLLING_DONE);
	assert_int_equal(b->rotation.done, 2);
	assert_int_equal(order().type, 0);
	drop(b);
}

/* In a process of its own, as the keeper starts it: the bond at 3, and scoreboards behind it. */
static int
child_of_keeper(struct brain *b, int score, int junk)
{
	static const struct held_one given[] = {
	    {"bond", 3}, {"score.e0", 4}, {"score.e1", 5}, {"score.w99", 6}};
	int bond = fcntl(rig_bond[0], F_DUPFD, 20);

	score = fcntl(score, F_DUPFD, 20);
	junk = fcntl(junk, F_DUPFD, 20);
	if (dup2(bond, 3) < 0 || dup2(score, 4) < 0 || dup2(junk, 5) < 0 || dup2(score, 6) < 0 ||
	    held_to_env(given, 4) < 0)
		return 1;
	scores_init(b);
	if (b->engines[0].score == NULL || b->engines[1].score != NULL)
		return 2;
	if (fcntl(3, F_GETFD) < 0)
		return 3; /* the bond must stay */
	if (fcntl(4, F_GETFD) >= 0 || fcntl(5, F_GETFD) >= 0 || fcntl(6, F_GETFD) >= 0)
		return 4; /* mappings stay, descriptors need not */
	if (getenv("LISTEN_FDS") != NULL)
		return 5;
	return b->engines[0].score->kind == 'e' ? 0 : 6;
}

static void
the_bond_stays_and_broken_scoreboards_are_as_if_absent(void **state)
{
	struct brain *b;
	struct err err;
	int fd, status;
	pid_t pid;

	(void)state;
	rig_hand = NULL;
	b = rig_brain();
	engine[0] = scoreboard_make('e', &fd, &err);
	engine[1] = NULL;
	pid = fork();
	if (pid == 0)
		_exit(child_of_keeper(b, fd, open("/dev/null", O_RDONLY)));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	/* Another kind's slot, or a name that is none of ours, is of no use either. */
	score_take(b, "score.w0", dup(fd));
	score_take(b, "score.e0x", dup(fd));
	score_take(b, "score.e8", dup(fd));
	score_take(b, "shard.0", dup(fd));
	assert_false(scores_kept(b));
	assert_null(b->engines[0].score);
	close(fd);
	rig_drop(b);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(as_many_as_the_keeper_says_are_started_and_judged_by_their_scoreboard),
	    TEST(the_probation_engine_is_supervised_and_counted_nowhere),
	    TEST(no_more_than_there_is_room_for),
	    TEST(one_whose_heart_stops_is_killed_and_started_again),
	    TEST(one_that_is_slow_is_not_killed_for_it),
	    TEST(those_that_run_are_adopted_and_what_they_had_gone_through_is_kept),
	    TEST(without_a_scoreboard_being_alive_is_being_well),
	    TEST(an_upgrade_replaces_one_after_the_other),
	    TEST(the_bond_stays_and_broken_scoreboards_are_as_if_absent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
