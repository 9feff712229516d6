/*
 * supervise_model: one slot's supervision against every order of events of a small world: a process
 * that answers well, wrongly or not at all, dies when it likes, ignores SIGTERM, cannot be started;
 * answers of the keeper that are late; an operator who changes his mind. Time goes in steps of 100
 * ms and messages take at most one.
 *
 * The promises are judged by what the checker has itself seen happen, not by the worker's fields,
 * whose only claim that is read is "ready". The checker is checked by mutants of the step function:
 * each must break a promise.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "healthd/supervise.h"

#define STEP_MS 100
#define BASE 1000000000 /* "now" in every stored state, us */
#define SLOTS (1u << 20)
#define MAX_STATES 400000
#define OLD 9 /* steps; all that is older is the same */

static const struct supervise_conf conf = {
    .hang_probes = 2,
    .busy_probes = 3,
    .start_timeout_ms = 300,
    .backoff_min_ms = 100,
    .backoff_max_ms = 200,
    .quarantine_starts = 3,
    .quarantine_ms = 400,
    .stop_timeout_ms = 200,
    .stable_ms = 200,
};

enum health { SILENT, WELL, WRONG };
enum answer { NO_ANSWER, ANSWER_STARTED, ANSWER_FAILED };

struct world {
	struct worker w;
	/* the world */
	uint8_t alive, pid, health;
	uint8_t busy; /* a silent one shows life */
	uint8_t serves; /* ... and answers others, at the node's capacity */
	uint8_t asked;	/* START was said, and its fate is not decided yet */
	uint8_t answer; /* enum answer, on its way */
	uint8_t exited; /* EXITED is on its way */
	uint8_t late;	/* a message has been on its way for a step */
	/* what the checker has seen */
	uint8_t wanted, known, answered, well_for, stable, silent, dead, loops, killed, told_stop;
	uint8_t age, stop_age, fails, fail_age;
};

typedef struct worker_out step_function(
    const struct supervise_conf *, struct worker, const struct worker_event *, struct mono);

static step_function *step_under_test;
static const char *broken;
static const struct mono now = {BASE};

static void
promise(bool kept, const char *what)
{
	if (!kept && broken == NULL)
		broken = what;
}

static void
inc(uint8_t *n)
{
	if (*n < OLD)
		(*n)++;
}

/* ---- what the checker makes of what it sees */

static void
judge_start(const struct world *s)
{
	int64_t wait = conf.quarantine_ms;

	promise(!s->alive && !s->exited && s->answer == NO_ANSWER && !s->asked,
	    "never two processes in a slot");
	promise(s->wanted, "only what is wanted is started");
	if (s->fails == 0)
		return;
	if (s->fails < conf.quarantine_starts)
		wait = s->fails == 1 ? conf.backoff_min_ms : conf.backoff_max_ms;
	promise(s->fail_age * STEP_MS >= wait, "a failed start is followed by its wait");
}

static void
judge_kill(const struct world *s)
{
	bool hung = (s->dead >= conf.hang_probes || s->loops >= conf.busy_probes) &&
	    (s->answered || s->killed);
	bool late = !s->answered && s->age * STEP_MS >= conf.start_timeout_ms;
	bool stopping = s->told_stop && s->stop_age * STEP_MS >= conf.stop_timeout_ms;

	promise(s->known, "no signal without a process");
	promise(hung || late || stopping || s->killed,
	    "killed only when hung, late or not stopping; never for wrong answers, for being slow, nor "
	    "while it answers others");
}

static void
act(struct world *s, enum worker_action action)
{
	switch (action) {
	case WORKER_DO_NOTHING:
		return;
	case WORKER_DO_START:
		judge_start(s);
		s->asked = 1;
		return;
	case WORKER_DO_TERM:
		promise(s->known, "no signal without a process");
		promise(s->told_stop, "terminated only when it is to stop");
		return;
	case WORKER_DO_ABORT: /* as KILL, of one that may not hear it: not asked for here */
	case WORKER_DO_KILL:
		judge_kill(s);
		s->killed = 1;
		if (s->alive) {
			s->alive = 0;
			s->exited = 1;
			s->late = 0;
		}
		return;
	}
}

static enum worker_action
feed(struct world *s, struct worker_event ev)
{
	struct worker_out out = step_under_test(&conf, s->w, &ev, now);

	s->w = out.state;
	promise(s->w.state != WORKER_READY || s->answered, "ready only by an answer of this life");
	act(s, out.action);
	return out.action;
}

static void
note_failure(struct world *s)
{
	inc(&s->fails);
	s->fail_age = 0;
}

/* Must-haves at every instant at which nothing is on its way. */
static void
judge_rest(const struct world *s)
{
	bool looked_after = s->known && !s->told_stop && !s->exited && s->alive;

	if (!looked_after)
		return;
	promise(!s->answered || s->dead < conf.hang_probes || s->killed, "a hung one is killed");
	promise(!s->answered || s->loops < conf.busy_probes || s->killed,
	    "an endless loop is killed");
	promise(s->answered || s->age * STEP_MS < conf.start_timeout_ms || s->killed,
	    "one that never answers is killed");
}

/* ---- moves; each returns whether it was possible */

static bool
move_want(struct world *s)
{
	if (s->wanted)
		return false;
	s->wanted = 1;
	if (!s->known && !s->asked && s->answer == NO_ANSWER)
		s->fails = 0;
	feed(s, (struct worker_event){.type = WORKER_EV_WANT});
	return true;
}

static bool
move_unwant(struct world *s)
{
	if (!s->wanted)
		return false;
	s->wanted = 0;
	if (!s->told_stop) {
		s->told_stop = s->known || s->asked || s->answer != NO_ANSWER;
		s->stop_age = 0;
	}
	feed(s, (struct worker_event){.type = WORKER_EV_UNWANT});
	return true;
}

static void
resolve_start(struct world *s, bool good)
{
	s->asked = 0;
	s->late = 0;
	s->answer = good ? ANSWER_STARTED : ANSWER_FAILED;
	if (!good)
		return;
	s->alive = 1;
	s->pid = 3 - (s->pid == 0 ? 2 : s->pid);
	s->health = SILENT;
}

static bool
move_answer(struct world *s)
{
	uint8_t answer = s->answer;

	s->answer = NO_ANSWER;
	s->late = 0;
	if (answer == ANSWER_STARTED) {
		s->known = 1;
		s->answered = s->well_for = s->stable = s->silent = s->dead = s->killed = 0;
		s->loops = 0;
		s->age = s->stop_age = 0;
		feed(s, (struct worker_event){.type = WORKER_EV_STARTED, .pid = s->pid});
		return true;
	}
	if (answer != ANSWER_FAILED)
		return false;
	if (!s->told_stop)
		note_failure(s);
	s->told_stop = 0;
	feed(s, (struct worker_event){.type = WORKER_EV_START_FAILED, .status = ENOENT});
	return true;
}

static bool
move_exited(struct world *s)
{
	bool at_once;

	if (!s->exited || !s->known)
		return false;
	s->exited = s->late = s->known = s->killed = 0;
	at_once = s->wanted && (s->stable || s->told_stop);
	if (!s->stable && !s->told_stop)
		note_failure(s);
	s->told_stop = 0;
	if (at_once)
		s->fails = s->stable ? 0 : s->fails;
	if (at_once && !s->stable)
		s->fail_age = OLD; /* stopped by order and wanted again: no failure of its own */
	promise(
	    (feed(s, (struct worker_event){.type = WORKER_EV_EXITED, .pid = s->pid, .status = 9}) ==
		WORKER_DO_START) == at_once,
	    "one that was well, or was stopped and is wanted, is started at once; no other is");
	return true;
}

static bool
move_crash(struct world *s)
{
	if (!s->alive)
		return false;
	s->alive = 0;
	s->exited = 1;
	return true;
}

static bool
move_health(struct world *s, uint8_t health)
{
	if (!s->alive || s->health == health)
		return false;
	s->health = health;
	return true;
}

static bool
move_busy(struct world *s)
{
	if (!s->alive || s->health != SILENT)
		return false;
	s->busy = !s->busy;
	return true;
}

static bool
move_serves(struct world *s)
{
	if (!s->alive || s->health != SILENT || !s->busy)
		return false;
	s->serves = !s->serves;
	return true;
}

static bool
move_probe(struct world *s)
{
	static const enum outcome seen[] = {OUTCOME_SILENT, OUTCOME_OK, OUTCOME_WRONG};
	uint8_t health = s->alive ? s->health : SILENT;

	if (!s->known)
		return false;
	if (health == SILENT) {
		inc(&s->silent);
		inc(&s->dead);
		inc(&s->loops);
		if (s->alive && s->busy)
			s->dead = 0;
		if (s->alive && s->busy && s->serves)
			s->loops = 0;
		if (2 * s->silent >= conf.hang_probes)
			s->well_for = 0;
	} else if (!s->killed) {
		s->silent = s->dead = s->loops = 0;
		s->answered = 1;
		s->well_for = health == WELL ? (s->well_for == 0 ? 1 : s->well_for) : 0;
	}
	feed(s,
	    (struct worker_event){.type = WORKER_EV_PROBE,
		.outcome = seen[health],
		.life = s->alive && s->busy,
		.answers = s->alive && s->busy && s->serves,
		.sent = now});
	return true;
}

/* A probe that nobody could look after, and an answer that somebody gave before this start. */
static bool
move_blind(struct world *s, enum outcome outcome)
{
	if (!s->known)
		return false;
	feed(s, (struct worker_event){.type = WORKER_EV_PROBE,
		    .outcome = outcome,
		    .sent = outcome == OUTCOME_OK ? mono_add_us(s->w.started_at, -1) : now});
	return true;
}

static struct mono
shifted(struct mono t)
{
	int64_t oldest = BASE - OLD * STEP_MS * 1000;

	if (!mono_is_set(t))
		return t;
	t.us -= STEP_MS * 1000;
	return t.us < oldest ? (struct mono){oldest} : t;
}

static bool
move_time(struct world *s)
{
	bool under_way = s->answer != NO_ANSWER || s->exited;

	if (under_way && s->late)
		return false;
	s->late = under_way;
	s->w.since = MONO_NEVER;
	s->w.started_at = shifted(s->w.started_at);
	s->w.ready_at = shifted(s->w.ready_at);
	s->w.due = shifted(s->w.due);
	inc(&s->age);
	inc(&s->stop_age);
	inc(&s->fail_age);
	if (s->well_for > 0 && s->well_for <= 3)
		s->well_for++;
	if (s->known && s->well_for > conf.stable_ms / STEP_MS) {
		s->stable = 1;
		s->fails = 0;
	}
	feed(s, (struct worker_event){.type = WORKER_EV_TICK});
	return true;
}

#define N_MOVES 15

static bool
move(struct world *s, int number)
{
	if (s->asked) { /* its fate comes before all else */
		if (number > 1)
			return false;
		resolve_start(s, number == 0);
		return true;
	}
	switch (number) {
	case 0:
		return move_time(s);
	case 1:
		return move_answer(s);
	case 2:
		return move_exited(s);
	case 3:
		return move_probe(s);
	case 4:
		return move_crash(s);
	case 5:
		return move_want(s);
	case 6:
		return move_unwant(s);
	case 7:
		return move_health(s, SILENT);
	case 8:
		return move_health(s, WELL);
	case 9:
		return move_health(s, WRONG);
	case 10:
		return move_blind(s, OUTCOME_UNKNOWN);
	case 11:
		return move_blind(s, OUTCOME_IDLE);
	case 12:
		return move_blind(s, OUTCOME_OK);
	case 13:
		return move_busy(s);
	case 14:
		return move_serves(s);
	default:
		return false;
	}
}

/* A world in which all goes well from here on: what is wanted runs, what is not is gone. */
static void
judge_liveness(struct world s)
{
	for (int step = 0; step < 14; step++) {
		while (s.asked)
			resolve_start(&s, true);
		while ((s.answer != NO_ANSWER && move_answer(&s)) || move_exited(&s))
			while (s.asked)
				resolve_start(&s, true);
		if (s.alive && s.known) {
			s.health = WELL;
			if (s.told_stop)
				move_crash(&s);
			else
				move_probe(&s);
		}
		if (broken != NULL)
			return;
		if (!s.asked && s.answer == NO_ANSWER && !s.exited)
			move_time(&s);
	}
	promise(!s.wanted || (s.alive && s.w.state == WORKER_READY),
	    "what is wanted and can be started runs in the end");
	promise(s.wanted || (!s.alive && s.w.state == WORKER_STOPPED),
	    "what is not wanted is gone in the end");
}

/* One who ignores SIGTERM is gone all the same. */
static void
judge_stop(struct world s)
{
	if (s.wanted || !s.known || !s.alive)
		return;
	for (int step = 0; step < 6 && s.alive && broken == NULL; step++)
		move_time(&s);
	promise(!s.alive, "what ignores SIGTERM is killed in time");
}

/* ---- all of them */

static struct world *states;
static uint32_t *table;
static size_t n_states;

static uint64_t
hash(const struct world *s)
{
	const unsigned char *at = (const unsigned char *)s;
	uint64_t h = 1469598103934665603u;

	for (size_t i = 0; i < sizeof(*s); i++)
		h = (h ^ at[i]) * 1099511628211u;
	return h ^ h >> 29;
}

static void
clip(uint8_t *n, uint8_t most)
{
	if (*n > most)
		*n = most;
}

/* What nothing depends on any more would make one state into many; so would bytes between fields.
 */
static void
settle(struct world *s)
{
	struct worker w = s->w;

	memset(&s->w, 0, sizeof(s->w));
	s->w.state = w.state;
	s->w.wanted = w.wanted;
	s->w.pid = w.pid;
	s->w.starts = w.starts > 0;
	s->w.failed_starts = w.failed_starts > 4 ? 4 : w.failed_starts;
	/* One silent probe of these makes it unready, two without life are a hang. */
	s->w.silent_probes = w.silent_probes > 1 ? 1 : w.silent_probes;
	s->w.dead_probes = w.dead_probes > 2 ? 2 : w.dead_probes;
	s->w.loop_probes = w.loop_probes > 3 ? 3 : w.loop_probes;
	s->w.stable = w.stable;
	s->w.killed_hung = w.killed_hung;
	s->w.started_at.us = mono_is_set(w.started_at) ? BASE : 0;
	s->w.due = w.due;
	s->w.backoff_ms = w.backoff_ms;
	clip(&s->silent, 1);
	clip(&s->dead, 2);
	clip(&s->loops, 3);
	clip(&s->fails, 3);
	s->age = s->known ? s->age : 0;
	clip(&s->age, 3);
	s->stop_age = s->told_stop ? s->stop_age : 0;
	clip(&s->stop_age, 2);
	s->fail_age = s->fails > 0 ? s->fail_age : 4;
	clip(&s->fail_age, 4);
	if (!s->known)
		s->silent = s->dead = s->loops = s->answered = s->well_for = s->stable = s->killed =
		    0;
	s->health = s->alive ? s->health : 0;
	s->busy = s->alive && s->health == SILENT ? s->busy : 0;
	s->serves = s->busy ? s->serves : 0;
	s->pid = s->alive || s->exited || s->known ? s->pid : 2;
}

static void
add(const struct world *s)
{
	uint32_t at = (uint32_t)hash(s) & (SLOTS - 1);

	for (; table[at] != 0; at = (at + 1) & (SLOTS - 1))
		if (memcmp(&states[table[at] - 1], s, sizeof(*s)) == 0)
			return;
	if (n_states == MAX_STATES) {
		promise(false, "the world is small enough to be searched whole");
		return;
	}
	states[n_states++] = *s;
	table[at] = (uint32_t)n_states;
}

static void
explore(step_function *step)
{
	static struct world first;

	memset(table, 0, SLOTS * sizeof(*table));
	memset(&first, 0, sizeof(first));
	n_states = 0;
	broken = NULL;
	step_under_test = step;
	first.w = worker_init(now);
	first.fail_age = OLD;
	settle(&first);
	add(&first);
	for (size_t i = 0; i < n_states && broken == NULL; i++) {
		struct world s = states[i];

		if (!s.asked && s.answer == NO_ANSWER)
			judge_rest(&s);
		judge_liveness(s);
		judge_stop(s);
		for (int n = 0; n < N_MOVES && broken == NULL; n++) {
			memcpy(&s, &states[i], sizeof(s));
			if (!move(&s, n))
				continue;
			settle(&s);
			add(&s);
		}
	}
}

/* ---- the checker's own test */

#define MUTANT(name)                                                                               \
	static struct worker_out name(const struct supervise_conf *c, struct worker w,             \
	    const struct worker_event *given, struct mono t)

MUTANT(wrong_counts_as_silent)
{
	struct worker_event ev = *given;

	if (ev.type == WORKER_EV_PROBE && ev.outcome == OUTCOME_WRONG && w.state != WORKER_STARTING)
		ev.outcome = OUTCOME_SILENT;
	return worker_step(c, w, &ev, t);
}

MUTANT(unknown_counts_as_silent)
{
	struct worker_event ev = *given;

	if (ev.type == WORKER_EV_PROBE && ev.outcome == OUTCOME_UNKNOWN)
		ev.outcome = OUTCOME_SILENT;
	return worker_step(c, w, &ev, t);
}

MUTANT(old_answers_count)
{
	struct worker_event ev = *given;

	ev.sent = t;
	return worker_step(c, w, &ev, t);
}

MUTANT(one_silence_too_many)
{
	struct supervise_conf other = *c;

	other.hang_probes++;
	return worker_step(&other, w, given, t);
}

MUTANT(kills_the_slow)
{
	struct worker_event ev = *given;

	ev.life = false;
	return worker_step(c, w, &ev, t);
}

MUTANT(never_kills_a_loop)
{
	struct supervise_conf other = *c;

	other.busy_probes = 1000;
	return worker_step(&other, w, given, t);
}

MUTANT(kills_who_answers_others)
{
	struct worker_event ev = *given;

	ev.answers = false;
	return worker_step(c, w, &ev, t);
}

MUTANT(takes_a_loop_for_busy)
{
	struct worker_event ev = *given;

	ev.answers = true;
	return worker_step(c, w, &ev, t);
}

MUTANT(takes_the_dead_for_slow)
{
	struct worker_event ev = *given;

	ev.life = true;
	return worker_step(c, w, &ev, t);
}

MUTANT(never_kills_the_hung)
{
	struct worker_out out = worker_step(c, w, given, t);

	if (given->type == WORKER_EV_PROBE && out.action == WORKER_DO_KILL)
		return (struct worker_out){.state = w};
	return out;
}

MUTANT(no_limit_to_a_start)
{
	struct supervise_conf other = *c;

	other.start_timeout_ms = 100000;
	return worker_step(&other, w, given, t);
}

MUTANT(no_limit_to_a_stop)
{
	struct worker_out out = worker_step(c, w, given, t);

	if (out.state.state == WORKER_STOPPING)
		out.state.due = MONO_NEVER;
	return out;
}

MUTANT(no_back_off)
{
	struct worker_out out = worker_step(c, w, given, t);

	if (out.changed && out.state.state == WORKER_WAITING)
		out.state.due = t;
	return out;
}

MUTANT(back_off_does_not_grow)
{
	struct supervise_conf other = *c;

	other.backoff_max_ms = other.backoff_min_ms;
	return worker_step(&other, w, given, t);
}

MUTANT(no_quarantine)
{
	struct supervise_conf other = *c;

	other.quarantine_starts = 1000;
	return worker_step(&other, w, given, t);
}

MUTANT(quarantine_for_ever)
{
	struct worker_out out = worker_step(c, w, given, t);

	if (out.state.state == WORKER_QUARANTINED)
		out.state.due = MONO_NEVER;
	return out;
}

MUTANT(ready_for_a_moment_is_well)
{
	struct worker_out out = worker_step(c, w, given, t);

	if (out.state.state == WORKER_READY) {
		out.state.stable = true;
		out.state.failed_starts = 0;
		out.state.backoff_ms = 0;
	}
	return out;
}

MUTANT(never_well_for_good)
{
	struct worker_out out = worker_step(c, w, given, t);

	out.state.stable = false;
	return out;
}

MUTANT(want_is_lost_while_stopping)
{
	if (given->type == WORKER_EV_WANT && w.state == WORKER_STOPPING)
		return (struct worker_out){.state = w};
	return worker_step(c, w, given, t);
}

MUTANT(unwant_is_lost_while_starting)
{
	if (given->type == WORKER_EV_UNWANT && w.state == WORKER_STARTING && w.pid == 0) {
		w.wanted = false;
		return (struct worker_out){.state = w};
	}
	return worker_step(c, w, given, t);
}

MUTANT(forgets_its_process)
{
	struct worker_out out = worker_step(c, w, given, t);

	if (out.action == WORKER_DO_KILL) {
		out.state.pid = 0;
		out.state.state = WORKER_WAITING;
		out.state.due = t;
	}
	return out;
}

MUTANT(restarts_before_the_exit)
{
	if (given->type == WORKER_EV_WANT && w.state == WORKER_STOPPING) {
		w.state = WORKER_STOPPED;
		w.pid = 0;
	}
	return worker_step(c, w, given, t);
}

#define M(name)                                                                                    \
	{                                                                                          \
#name, name                                                                        \
	}
static const struct {
	const char *name;
	step_function *step;
} mutants[] = {
    M(wrong_counts_as_silent),
    M(unknown_counts_as_silent),
    M(old_answers_count),
    M(one_silence_too_many),
    M(kills_the_slow),
    M(never_kills_a_loop),
    M(kills_who_answers_others),
    M(takes_a_loop_for_busy),
    M(takes_the_dead_for_slow),
    M(never_kills_the_hung),
    M(no_limit_to_a_start),
    M(no_limit_to_a_stop),
    M(no_back_off),
    M(back_off_does_not_grow),
    M(no_quarantine),
    M(quarantine_for_ever),
    M(ready_for_a_moment_is_well),
    M(never_well_for_good),
    M(want_is_lost_while_stopping),
    M(unwant_is_lost_while_starting),
    M(forgets_its_process),
    M(restarts_before_the_exit),
};

static void
every_promise_is_kept_in_every_state(void **state)
{
	(void)state;
	explore(worker_step);
	if (broken != NULL)
		fail_msg("broken after %zu states: %s", n_states, broken);
	print_message("%zu states\n", n_states);
	assert_in_range(n_states, 1000, MAX_STATES - 1);
}

static void
every_mutant_is_caught(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(mutants) / sizeof(mutants[0]); i++) {
		explore(mutants[i].step);
		if (broken == NULL || n_states == MAX_STATES)
			fail_msg("not caught: %s (%zu states)", mutants[i].name, n_states);
		print_message("%s: %s\n", mutants[i].name, broken);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_promise_is_kept_in_every_state),
	    cmocka_unit_test(every_mutant_is_caught),
	};

	states = calloc(MAX_STATES, sizeof(*states));
	table = calloc(SLOTS, sizeof(*table));
	if (states == NULL || table == NULL)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
