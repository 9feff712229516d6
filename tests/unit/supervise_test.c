/* supervise and roster: one row per promise. A row feeds events, one letter each, and reads states
 * and actions back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "healthd/supervise.h"

/*
 * Events, one each 100 ms, ticks at `due` in between:
 *	W want, U unwant, S started, F could not start, E already runs (pid 900), X exited,
 *	x somebody else exited, o w s u probes: ok, wrong, silent, unknown, l silent though it
 *	lives, g nobody is there, e ok of before the start, . nothing
 * States: - stopped, b back-off, s starting, r ready, u unready, t stopping, q quarantined.
 * Actions, in the order in which they came: S start, T term, K kill, A abort.
 */
struct row {
	const char *promise, *events, *states, *actions;
};

static const struct supervise_conf conf = {
    .hang_probes = 3,
    .busy_probes = 7,
    .start_timeout_ms = 1000,
    .backoff_min_ms = 150,
    .backoff_max_ms = 450,
    .quarantine_starts = 4,
    .quarantine_ms = 950,
    .stop_timeout_ms = 450,
    .stable_ms = 350,
};

/* With abort_first. */
static const struct row last_words[] = {
    {"a hung one is told ABORT, once, and its exit starts the next", "WSo....sssssXSo",
	"ssrrrrrruuuussr", "SAS"},
    {"killed when ABORT does not end it", "WSo....sss..........", "ssrrrrrruuuuuuuuuuuu", "SAK"},
    {"a start too slow to answer is told ABORT at its limit", "WSllllllllll..", "ssssssssssssss",
	"SA"},
    {"the next one that hangs too", "WSo....sssXSo....sss", "ssrrrrrruussrrrrrruu", "SASA"},
    {"one that does not stop in time is just killed", "WSoU....X", "ssrttttt-", "STK"},
};

static const struct row rows[] = {
    {"nothing runs that is not wanted", "....", "----", ""},
    {"ready comes with the first success", "WSo", "ssr", "S"},
    {"an answer to a question from before the start says nothing", "WSeo", "sssr", "S"},
    {"unknown says nothing", "WSuouu", "sssrrr", "S"},
    {"one that was ready long enough is started again at once", "WSo....X", "ssrrrrrs", "SS"},
    {"and the next failure waits the shortest back-off", "WSo....XSX..", "ssrrrrrssbbs", "SSS"},
    {"failed starts wait, doubling", "WSX..SX....SX", "ssbbssbbbsssb", "SSS"},
    {"the back-off has a cap, and then quarantine follows", "WSX..SX....SX.....SX",
	"ssbbssbbbsssbbbbbssq", "SSSS"},
    {"in quarantine one try each quarantine_ms", "WF.F..F....F.........F..........",
	"sbbbbbbbbbbqqqqqqqqqqqqqqqqqqqqs", "SSSSSS"},
    {"a start that cannot be made is a failed start", "WF..F", "sbbsb", "SS"},
    {"dead before it was ready long enough is a failed start", "WSooX..", "ssrrbbs", "SS"},
    {"one silent probe does not make it unready, two of three do", "WSoss", "ssrru", "S"},
    {"a success in between forgets silence", "WSossosso", "ssrrurrur", "S"},
    {"hang_probes silent ones in a row: killed, once", "WSo....sssss", "ssrrrrrruuuu", "SK"},
    {"the killed one's exit starts the next at once", "WSo....sssXSo", "ssrrrrrruussr", "SKS"},
    {"one that hangs again soon waits", "WSosssX..S", "ssrruubbss", "SKS"},
    {"a wrong answer makes it unready", "WSow", "ssru", "S"},
    {"wrong answers for ever never kill", "WSowwwwwwwwwwwwwww", "ssruuuuuuuuuuuuuuu", "S"},
    {"wrong from the start is unready, not a hang", "WSwwwwwwwwwwwwwwo", "ssuuuuuuuuuuuuuur", "S"},
    {"wrong answers break a row of silence", "WSosswssw", "ssrruuuuu", "S"},
    {"wrong and then silent is a hang", "WSowsss", "ssruuuu", "SK"},
    {"a start silent too long is killed at its limit, not before", "WSssssssssss..",
	"ssssssssssssss", "SK"},
    {"and counts as failed", "WSssssssssss..X..", "ssssssssssssssbbs", "SKS"},
    {"unknown probes neither add to silence nor break it", "WSosusus", "ssrrruuu", "SK"},
    {"silent and alive is slow: unready, not killed", "WSo....llllll", "ssrrrrrruuuuu", "S"},
    {"a slow one that answers is ready again", "WSolllllolllllo", "ssrruuuurruuuur", "S"},
    {"silent too often is killed though it lives", "WSo....lllllll", "ssrrrrrruuuuuu", "SK"},
    {"not while it answers others", "WSo....aaaaaaaaaa", "ssrrrrrruuuuuuuuu", "S"},
    {"that is over: counted anew", "WSo....aaallllll", "ssrrrrrruuuuuuuu", "S"},
    {"and then it is killed", "WSo....aaalllllll", "ssrrrrrruuuuuuuuu", "SK"},
    {"life breaks a row of dead silence", "WSosslss", "ssrruuuu", "S"},
    {"and dead silence after life is a hang all the same", "WSollsss", "ssrruuuu", "SK"},
    {"dead and alive silence add up to too much", "WSosslssls", "ssrruuuuuu", "SK"},
    {"nobody there is a hang whatever the process does", "WSoggg", "ssrruu", "SK"},
    {"a start too slow to answer is killed at its limit", "WSllllllllll..", "ssssssssssssss",
	"SK"},
    {"unwanted: terminated, and stopped by its exit", "WSoU.X.", "ssrtt--", "ST"},
    {"killed when it does not stop in time", "WSoU....X",
	"ssrtttt"
	"t-",
	"STK"},
    {"wanted again while stopping: started by the exit", "WSoUWX", "ssrtts", "STS"},
    {"unwanted while the start is under way: terminated when it is there", "WUSX", "stt-", "ST"},
    {"unwanted in back-off: stopped", "WSXU..", "ssb---", "S"},
    {"wanted again after a stop: earlier failures are forgotten", "WSXUWSX", "ssb-ssb", "SS"},
    {"another's exit changes nothing", "WSoxx", "ssrrr", "S"},
    {"a process found in the slot is taken", "WEo", "ssr", "S"},
    {"a start that nobody answers is asked for again", "W...........", "ssssssssssss", "SS"},
    {"a second STARTED changes nothing", "WSSoo", "sssrr", "S"},
};

static char
letter(enum worker_state s)
{
	return "-bsrutq"[s];
}

struct run {
	const struct supervise_conf *conf;
	struct worker w;
	struct mono now;
	char actions[64];
};

static void
feed(struct run *r, const struct worker_event *ev)
{
	struct worker_out out = worker_step(r->conf, r->w, ev, r->now);
	size_t n = strlen(r->actions);

	assert_int_equal(out.changed, out.state.state != r->w.state);
	/* Whatever happens: no start beside a process, no signal without one. */
	if (out.action == WORKER_DO_START)
		assert_int_equal(out.state.pid, 0);
	if (out.action > WORKER_DO_START)
		assert_int_not_equal(out.state.pid, 0);
	r->w = out.state;
	if (out.action != WORKER_DO_NOTHING)
		r->actions[n] = " STKA"[out.action];
}

static void
pass_time(struct run *r, int64_t ms)
{
	struct mono end = mono_add_ms(r->now, ms);

	while (mono_is_set(r->w.due) && !mono_before(end, r->w.due)) {
		r->now = mono_max(r->now, r->w.due);
		feed(r, &(struct worker_event){.type = WORKER_EV_TICK});
	}
	r->now = end;
}

static void
feed_letter(struct run *r, char c, int32_t next_pid)
{
	static const char probes[] = "owsu";
	const char *probe = strchr(probes, c);
	struct worker_event ev = {.type = WORKER_EV_PROBE, .sent = r->now};

	if (probe != NULL)
		ev.outcome = (enum outcome)(probe - probes);
	else if (c == 'l' || c == 'g' || c == 'a') {
		ev.outcome = c == 'g' ? OUTCOME_GONE : OUTCOME_SILENT;
		ev.life = true;
		ev.answers = c == 'a';
	} else if (c == 'e')
		ev.sent = mono_add_ms(r->w.started_at, -1);
	else if (c == 'W' || c == 'U')
		ev.type = c == 'W' ? WORKER_EV_WANT : WORKER_EV_UNWANT;
	else if (c == 'S')
		ev = (struct worker_event){.type = WORKER_EV_STARTED, .pid = next_pid};
	else if (c == 'F')
		ev = (struct worker_event){.type = WORKER_EV_START_FAILED, .status = ENOENT};
	else if (c == 'E')
		ev = (struct worker_event){
		    .type = WORKER_EV_START_FAILED, .status = EEXIST, .pid = 900};
	else if (c == 'X' || c == 'x')
		ev = (struct worker_event){
		    .type = WORKER_EV_EXITED, .pid = c == 'X' ? r->w.pid : 1, .status = SIGKILL};
	else
		return;
	feed(r, &ev);
}

static int
broken_rows(const struct supervise_conf *with, const struct row *all, size_t n)
{
	int bad = 0;

	for (size_t i = 0; i < n; i++) {
		struct run r = {.conf = with, .now = {1000000}};
		char states[64] = "";

		r.w = worker_init(r.now);
		for (size_t at = 0; all[i].events[at] != '\0'; at++) {
			pass_time(&r, 100);
			feed_letter(&r, all[i].events[at], 100 + (int32_t)at);
			states[at] = letter(r.w.state);
		}
		if (strcmp(states, all[i].states) == 0 && strcmp(r.actions, all[i].actions) == 0)
			continue;
		print_error(
		    "%s:\n  events  %s\n  states  %s\n  wanted  %s\n  actions %s\n  wanted  %s\n",
		    all[i].promise, all[i].events, states, all[i].states, r.actions,
		    all[i].actions);
		bad++;
	}
	return bad;
}

static void
every_row_keeps_its_promise(void **state)
{
	(void)state;
	assert_int_equal(broken_rows(&conf, rows, sizeof(rows) / sizeof(rows[0])), 0);
}

static void
a_hung_one_may_say_its_last_words(void **state)
{
	struct supervise_conf asks = conf;

	(void)state;
	asks.abort_first = true;
	assert_int_equal(
	    broken_rows(&asks, last_words, sizeof(last_words) / sizeof(last_words[0])), 0);
}

static struct worker
worker_in(enum worker_state state, bool stable, uint32_t failures)
{
	return (struct worker){
	    .state = state, .wanted = true, .stable = stable, .failures = failures};
}

static struct mono
ms(int64_t t)
{
	return (struct mono){1000000 + t * 1000};
}

static void
none_ready_for_so_long_is_failed(void **state)
{
	struct worker w[2] = {worker_in(WORKER_READY, true, 0), worker_in(WORKER_UNREADY, true, 0)};
	struct roster r = roster_step((struct roster){0}, w, 2, ms(0));

	(void)state;
	assert_int_equal(r.ready, 1);
	assert_false(roster_failed(&r, 300, 3, ms(100000)));
	w[0].state = WORKER_STARTING;
	r = roster_step(r, w, 2, ms(1000));
	assert_false(roster_failed(&r, 300, 3, ms(1299)));
	assert_true(roster_failed(&r, 300, 3, ms(1300)));
	assert_int_equal(roster_deadline(&r, 300).us, ms(1300).us);
	w[1].state = WORKER_READY;
	r = roster_step(r, w, 2, ms(1400));
	assert_false(roster_failed(&r, 300, 3, ms(1400)));
	assert_false(mono_is_set(roster_deadline(&r, 300)));
}

static void
killed_workers_that_come_back_fail_nothing(void **state)
{
	struct worker w = worker_in(WORKER_READY, true, 0);
	struct roster r = {0};

	(void)state;
	for (int64_t t = 0; t < 100000; t += 1000) { /* each second 50 ms without: never adds up */
		w.state = WORKER_READY;
		r = roster_step(r, &w, 1, ms(t));
		w.state = WORKER_STARTING;
		r = roster_step(r, &w, 1, ms(t + 950));
		assert_false(roster_failed(&r, 300, 3, ms(t + 1000)));
	}
}

static void
ready_for_moments_does_not_count_as_well(void **state)
{
	struct worker w = worker_in(WORKER_READY, true, 0);
	struct roster r = roster_step((struct roster){0}, &w, 1, ms(0));
	int64_t t = 0;

	(void)state;
	w.stable = false; /* from now on ready for 300 ms and gone for 110, again and again */
	for (int i = 0; i < 2; i++, t += 410) {
		w.state = WORKER_UNREADY;
		r = roster_step(r, &w, 1, ms(t));
		assert_false(roster_failed(&r, 300, 99, ms(t + 110)));
		w.state = WORKER_READY;
		r = roster_step(r, &w, 1, ms(t + 110));
	}
	w.state = WORKER_UNREADY;
	r = roster_step(r, &w, 1, ms(t));
	assert_false(roster_failed(&r, 300, 99, ms(t + 79)));
	assert_true(roster_failed(&r, 300, 99, ms(t + 80)));
}

static void
failed_starts_count_over_all_slots_while_none_is_ready(void **state)
{
	struct worker w[3] = {worker_in(WORKER_READY, true, 0), worker_in(WORKER_WAITING, false, 7),
	    worker_in(WORKER_WAITING, false, 1)};
	struct roster r = roster_step((struct roster){0}, w, 3, ms(0));

	(void)state;
	assert_int_equal(r.failed_starts, 0); /* those of before are forgotten while one is well */
	w[0] = worker_in(WORKER_STARTING, false, 0);
	w[1].failures++;
	w[2].failures++;
	r = roster_step(r, w, 3, ms(1));
	assert_false(roster_failed(&r, 300, 3, ms(1)));
	w[0].failures++;
	r = roster_step(r, w, 3, ms(2));
	assert_true(roster_failed(&r, 300, 3, ms(2)));
	w[0].state = WORKER_READY; /* one that is ready makes it well whatever has failed */
	r = roster_step(r, w, 3, ms(3));
	assert_false(roster_failed(&r, 300, 3, ms(3)));
}

static void
failed_starts_of_before_are_no_malfunction_of_a_slow_worker(void **state)
{
	struct worker w = worker_in(WORKER_UNREADY, false, 0);
	struct roster r = roster_step((struct roster){0}, &w, 1, ms(0));

	(void)state;
	w.failures = 3;
	r = roster_step(r, &w, 1, ms(1));
	assert_true(roster_failed(&r, 300, 3, ms(1)));
	assert_true(roster_broken(&r, 3));
	w.slow = true; /* it was ready, and is asked more than it can answer */
	r = roster_step(r, &w, 1, ms(2));
	assert_true(roster_failed(&r, 300, 3, ms(2)));
	assert_false(roster_broken(&r, 3));
}

static void
nothing_wanted_is_never_failed(void **state)
{
	struct worker w = worker_init(ms(0));
	struct roster r = roster_step((struct roster){0}, &w, 1, ms(0));

	(void)state;
	assert_false(roster_failed(&r, 300, 3, ms(100000)));
	r = roster_step((struct roster){0}, NULL, 0, ms(0));
	assert_false(roster_failed(&r, 300, 3, ms(100000)));
}

/* The story: stopped again at every start, with the defaults' order of magnitude. */
static void
hung_at_every_start_is_failed_in_time(void **state)
{
	static const struct supervise_conf fast = {
	    .hang_probes = 3,
	    .busy_probes = 50,
	    .start_timeout_ms = 5000,
	    .backoff_min_ms = 50,
	    .backoff_max_ms = 10000,
	    .quarantine_starts = 10,
	    .quarantine_ms = 30000,
	    .stop_timeout_ms = 5000,
	    .stable_ms = WORKER_STABLE_MS,
	};
	struct worker w = worker_adopt_ready(1, ms(-10000), ms(-10000));
	struct roster r = roster_step((struct roster){0}, &w, 1, ms(0));
	int answers = 0, pid = 1;
	int64_t failed_at = -1;

	(void)state;
	for (int64_t t = 100; t < 3000 && failed_at < 0; t += 10) {
		struct worker_event ev = {.type = WORKER_EV_TICK};
		struct worker_out out = worker_step(&fast, w, &ev, ms(t));

		if (out.action == WORKER_DO_NOTHING && t % 100 == 0) { /* answers once per life */
			ev = (struct worker_event){.type = WORKER_EV_PROBE,
			    .sent = ms(t),
			    .outcome = answers-- > 0 ? OUTCOME_OK : OUTCOME_SILENT};
			out = worker_step(&fast, out.state, &ev, ms(t));
		}
		if (out.action == WORKER_DO_KILL) {
			ev = (struct worker_event){
			    .type = WORKER_EV_EXITED, .pid = pid, .status = 9};
			out = worker_step(&fast, out.state, &ev, ms(t));
		}
		if (out.action == WORKER_DO_START) {
			answers = 1;
			ev = (struct worker_event){.type = WORKER_EV_STARTED, .pid = ++pid};
			out = worker_step(&fast, out.state, &ev, ms(t));
		}
		w = out.state;
		r = roster_step(r, &w, 1, ms(t));
		if (roster_failed(&r, 300, 3, ms(t)))
			failed_at = t;
	}
	assert_int_equal(pid, 2); /* the first hang alone, cured by a restart, did not fail it */
	assert_in_range(failed_at, 500, 1500);
}

static void
a_slow_worker_shows_overload_and_a_hung_one_does_not(void **state)
{
	struct worker w[2] = {worker_in(WORKER_UNREADY, true, 0), worker_in(WORKER_READY, true, 0)};
	struct roster r = roster_step((struct roster){0}, w, 2, ms(0));

	(void)state;
	assert_false(roster_starved(&r, ms(0)));
	assert_false(mono_is_set(roster_starved_until(&r, ms(0))));
	w[0].slow = true;
	r = roster_step(r, w, 2, ms(1));
	assert_true(roster_starved(&r, ms(100000)));
	assert_false(mono_is_set(roster_starved_until(&r, ms(100000))));
	w[0].state = WORKER_STOPPING; /* as told: says nothing any more */
	r = roster_step(r, w, 2, ms(2));
	assert_int_equal(r.slow, 0);
}

static void
one_adopted_as_slow_is_judged_by_its_probes_and_not_as_a_start(void **state)
{
	struct worker_event ev = {.type = WORKER_EV_PROBE, .outcome = OUTCOME_SILENT, .life = true};
	struct worker slow = worker_adopt_slow(7, ms(0), ms(0)), w = slow;
	struct roster r = roster_step((struct roster){0}, &slow, 1, ms(0));

	(void)state;
	assert_true(roster_starved(&r, ms(0)));
	assert_false(mono_is_set(slow.due)); /* no limit to a start runs */
	ev.sent = ms(100);
	for (int i = 0; i < 5; i++)
		w = worker_step(&conf, w, &ev, ms(100)).state;
	assert_int_equal(w.state, WORKER_UNREADY);
	assert_false(w.killed_hung);
	ev.outcome = OUTCOME_OK;
	assert_int_equal(worker_step(&conf, slow, &ev, ms(100)).state.state, WORKER_READY);
	ev.outcome = OUTCOME_SILENT;
	ev.life = false;
	for (int i = 0; i < 3; i++)
		slow = worker_step(&conf, slow, &ev, ms(100)).state;
	assert_true(slow.killed_hung);
}

static void
overload_is_over_a_while_after_the_last_slow_worker(void **state)
{
	struct worker w = worker_in(WORKER_UNREADY, true, 0);
	struct roster r = {0};

	(void)state;
	w.slow = true;
	r = roster_step(r, &w, 1, ms(0));
	w = worker_in(WORKER_STARTING, true, 0); /* killed as a loop, and started again */
	r = roster_step(r, &w, 1, ms(5000));
	assert_true(roster_starved(&r, ms(5000 + ROSTER_STARVED_MS - 1)));
	assert_false(roster_starved(&r, ms(5000 + ROSTER_STARVED_MS)));
	r = roster_step(r, &w, 1, ms(5500));
	assert_int_equal(roster_starved_until(&r, ms(5500)).us, ms(5000 + ROSTER_STARVED_MS).us);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_row_keeps_its_promise),
	    cmocka_unit_test(a_hung_one_may_say_its_last_words),
	    cmocka_unit_test(none_ready_for_so_long_is_failed),
	    cmocka_unit_test(killed_workers_that_come_back_fail_nothing),
	    cmocka_unit_test(ready_for_moments_does_not_count_as_well),
	    cmocka_unit_test(failed_starts_count_over_all_slots_while_none_is_ready),
	    cmocka_unit_test(nothing_wanted_is_never_failed),
	    cmocka_unit_test(failed_starts_of_before_are_no_malfunction_of_a_slow_worker),
	    cmocka_unit_test(a_slow_worker_shows_overload_and_a_hung_one_does_not),
	    cmocka_unit_test(one_adopted_as_slow_is_judged_by_its_probes_and_not_as_a_start),
	    cmocka_unit_test(overload_is_over_a_while_after_the_last_slow_worker),
	    cmocka_unit_test(hung_at_every_start_is_failed_in_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
