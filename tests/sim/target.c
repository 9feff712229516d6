/*
 * target: one target's questions and answers.
 *
 * Question k of a check goes out on beat k of its interval, off by up to 5 % as the brain's probes
 * are. What comes of it follows from truth at that moment and from chance told by k, so it can be
 * told in advance, as long as truth stays as it is: `at` and `outcome` are that. Whoever changes
 * truth says so before (what is in flight keeps its end) and after (the rest is told anew).
 *
 * A target is still when its answers are all the same and one more of them changes nothing but how
 * many there were and when the last one was. Then nothing is due for it, and catch_up() adds the
 * ones that came meanwhile. sim_test.c holds runs that skip against runs that ask every question.
 */
#include <math.h>

#include "tests/sim/chance.h"
#include "tests/sim/world.h"

enum {
	LOCAL_US = 1000,      /* an answer from this host takes */
	FAR_US = 20000,	      /* one from elsewhere */
	FIRST_US = 50000,     /* a brain's first questions go out within */
	COUNTER_MOST = 10000, /* window.c stops counting there */
};

static int64_t
beat_jitter(const struct world *w, int64_t interval_us, int64_t k)
{
	int64_t range = interval_us / 10 + 1;

	(void)w;
	return (int64_t)(chance_mix((uint64_t)k) % (uint64_t)range) - range / 2;
}

static int64_t
beat(const struct world *w, const struct node *n, int t, int64_t k)
{
	int64_t every = w->m->targets[t].interval_us;

	return SIM_BEGIN_US + n->phase_us % every + k * every + beat_jitter(w, every, k);
}

/* The first beat after `after`. */
static int64_t
beat_after(const struct world *w, const struct node *n, int t, struct mono after)
{
	int64_t every = w->m->targets[t].interval_us;
	int64_t k = (after.us - SIM_BEGIN_US - n->phase_us % every) / every - 1;

	while (beat(w, n, t, k) <= after.us)
		k++;
	return k;
}

int
node_serving(const struct world *w, const struct node *n, int *hung)
{
	int serving = 0;

	*hung = 0;
	for (int i = 0; i < w->m->n_slots; i++) {
		serving += n->slots[i].serving;
		*hung += n->slots[i].serving && n->slots[i].hung;
	}
	return serving;
}

/* The share of questions that no worker answers, though there are some. */
double
node_silent(const struct node *n, const struct world *w)
{
	int hung, serving = node_serving(w, n, &hung);

	if (serving == 0)
		return 1;
	return 1 - (1 - (double)hung / serving) * (1 - n->silent64 / 64.0);
}

struct answer {
	enum outcome outcome;
	int value;
	bool fixed; /* the next ones will be the same */
};

static struct answer
answer(enum outcome outcome)
{
	return (struct answer){outcome, outcome == OUTCOME_OK ? 100 : 0, true};
}

/* What a question to workers ends with when one of them takes it. */
static struct answer
through_workers(
    const struct world *w, const struct node *n, int t, int64_t k, enum outcome otherwise)
{
	int hung, serving = node_serving(w, n, &hung);
	double silent = node_silent(n, w);
	struct answer a;

	if (serving == 0)
		return answer(OUTCOME_GONE);
	if (silent <= 0 || silent >= 1)
		return answer(silent <= 0 ? otherwise : OUTCOME_SILENT);
	a = answer(chance_part(chance(
		       w->s.seed, (uint64_t)n->id << 8 | (uint64_t)t, (uint64_t)k, 1)) < silent
		       ? OUTCOME_SILENT
		       : otherwise);
	a.fixed = otherwise == OUTCOME_SILENT;
	return a;
}

static struct answer
of_slot(const struct world *w, const struct node *n, int t, int64_t k)
{
	const struct slot_state *s = &n->slots[w->m->targets[t].slot];
	double silent = n->silent64 / 64.0;
	struct answer a;

	if (s->worker.state != WORKER_READY && s->worker.state != WORKER_UNREADY)
		return answer(OUTCOME_IDLE);
	if (!s->serving)
		return answer(OUTCOME_GONE);
	if (s->hung)
		return answer(OUTCOME_SILENT);
	if (n->off[FAULT_LOCAL])
		return answer(OUTCOME_WRONG);
	if (silent <= 0)
		return answer(OUTCOME_OK);
	a = answer(chance_part(chance(
		       w->s.seed, (uint64_t)n->id << 8 | (uint64_t)t, (uint64_t)k, 2)) < silent
		       ? OUTCOME_SILENT
		       : OUTCOME_OK);
	a.fixed = false;
	return a;
}

static struct answer
of_roster(const struct world *w, const struct node *n)
{
	const struct settings *s = &w->m->settings;
	const struct roster *r = &n->roster;
	int wanted = r->wanted > 0 ? r->wanted : 1;
	struct answer a = {.outcome = OUTCOME_OK, .fixed = true};

	if (r->ready > 0) {
		a.value = 100 * r->ready / wanted;
		a.value = a.value > 100 ? 100 : a.value;
		return a;
	}
	if (!roster_failed(r, s->workers.none_ready_ms, s->workers.failed_starts, w->now))
		return answer(OUTCOME_UNKNOWN);
	return answer(roster_broken(r, s->workers.failed_starts) ? OUTCOME_WRONG : OUTCOME_SILENT);
}

static struct answer
graded(const struct sim_target *t, int64_t reading)
{
	int64_t value = 100;

	if (reading >= t->crit)
		return answer(OUTCOME_WRONG);
	if (reading > t->warn)
		value = 100 * (t->crit - reading) / (t->crit - t->warn);
	return (struct answer){OUTCOME_OK, (int)value, true};
}

/* What question k would end with, as truth is now. */
static struct answer
truth(const struct world *w, const struct node *n, int t, int64_t k)
{
	const struct sim_target *st = &w->m->targets[t];

	switch (st->truth) {
	case TRUTH_ROSTER:
		return of_roster(w, n);
	case TRUTH_LOCAL:
		return through_workers(
		    w, n, t, k, n->off[FAULT_LOCAL] ? OUTCOME_WRONG : OUTCOME_OK);
	case TRUTH_SLOT:
		return of_slot(w, n, t, k);
	case TRUTH_RECURSION:
	case TRUTH_SERVFAIL:
		if (!node_upstream(n))
			return through_workers(w, n, t, k, OUTCOME_SILENT);
		return through_workers(w, n, t, k,
		    n->off[FAULT_RECURSION] && st->truth == TRUTH_RECURSION ? OUTCOME_WRONG
									    : OUTCOME_OK);
	case TRUTH_UPSTREAM:
		return answer(node_upstream(n) ? OUTCOME_OK : OUTCOME_SILENT);
	case TRUTH_CARRIER:
		return answer(n->off[FAULT_CARRIER] ? OUTCOME_WRONG : OUTCOME_OK);
	case TRUTH_SESSION:
		return answer(node_session(n) ? OUTCOME_OK : OUTCOME_WRONG);
	case TRUTH_CPU:
		return graded(st, n->cpu);
	case TRUTH_DROPS:
		return graded(st, n->drops);
	case TRUTH_IDLE:
		return answer(OUTCOME_IDLE);
	case TRUTH_ADDRESS:
	case TRUTH_WELL:
		break;
	}
	return answer(OUTCOME_OK);
}

static int64_t
takes_us(const struct sim_target *t, enum outcome outcome)
{
	int64_t most = t->interval_us * 85 / 100; /* over before the next beat */

	if (t->told)
		return 0;
	if (outcome == OUTCOME_SILENT)
		return t->timeout_us < most ? t->timeout_us : most;
	return t->truth == TRUTH_UPSTREAM || t->truth == TRUTH_RECURSION ||
		       t->truth == TRUTH_SERVFAIL
		   ? FAR_US
		   : LOCAL_US;
}

/* Would one more answer like this change more than counters and times? */
static bool
is_still(const struct window *w, enum outcome outcome, int value)
{
	switch (outcome) {
	case OUTCOME_OK:
		return w->verdict == VERDICT_OK && w->fails == 0 && w->value == value;
	case OUTCOME_WRONG:
	case OUTCOME_GONE:
		return w->verdict == VERDICT_FAIL && !w->mute && w->value == value;
	case OUTCOME_SILENT:
		return w->verdict == VERDICT_FAIL && !w->halting && w->value == value;
	case OUTCOME_IDLE:
		return w->verdict == VERDICT_IDLE && w->fails == 0 && w->oks == 0;
	case OUTCOME_UNKNOWN:
		return w->verdict == VERDICT_UNKNOWN;
	}
	return false;
}

/* Somebody waits for a success of this shared check that was asked for after a failure began. */
static bool
awaited(const struct world *w, const struct node *n, int t)
{
	const struct sim_check *c = &w->m->checks[w->m->targets[t].check];

	return c->tally.class == CLASS_SHARED && mono_is_set(n->doubt) &&
	       !mono_before(n->doubt, n->targets[t].window.last_ok_sent);
}

/* Tells the end of the question that is due, as truth is now. */
static void
plan(struct world *w, struct node *n, int t)
{
	struct target_state *s = &n->targets[t];
	struct answer a;

	if (s->flying)
		return;
	a = truth(w, n, t, s->k);
	s->outcome = a.outcome;
	s->value = (int8_t)a.value;
	s->at = mono_add_us(s->sent, takes_us(&w->m->targets[t], a.outcome));
	s->still = !w->conf.every && !n->alert && a.fixed && s->seen &&
		   is_still(&s->window, a.outcome, a.value) && !awaited(w, n, t);
}

static void
next(struct world *w, struct node *n, int t, int64_t k)
{
	struct target_state *s = &n->targets[t];

	s->k = k;
	s->sent = (struct mono){beat(w, n, t, k)};
	s->flying = false;
	plan(w, n, t);
}

static void
step(struct world *w, struct node *n, int t, const struct sample *sample)
{
	struct target_state *s = &n->targets[t];

	s->window = window_step(&w->m->checks[w->m->targets[t].check].window, s->window, sample);
	s->seen = true;
	w->tally.samples++;
}

static uint16_t
count_up(uint16_t n, int64_t by)
{
	return n + by > COUNTER_MOST ? COUNTER_MOST : (uint16_t)(n + by);
}

/* A still target's answers up to now, all at once but the last. */
static void
catch_up(struct world *w, struct node *n, int t)
{
	struct target_state *s = &n->targets[t];
	int64_t takes = takes_us(&w->m->targets[t], s->outcome), last, more;

	if (!s->still || mono_before(w->now, s->at))
		return;
	last = beat_after(w, n, t, (struct mono){w->now.us - takes}) - 1;
	more = last - s->k;
	if (s->outcome == OUTCOME_OK) {
		s->window.oks = count_up(s->window.oks, more);
	} else if (s->outcome != OUTCOME_IDLE && s->outcome != OUTCOME_UNKNOWN) {
		s->window.fails = count_up(s->window.fails, more);
		if (s->outcome == OUTCOME_WRONG)
			s->window.wrongs = count_up(s->window.wrongs, more);
	}
	s->sent = (struct mono){beat(w, n, t, last)};
	step(w, n, t,
	    &(struct sample){.outcome = s->outcome,
		.value = s->value,
		.rtt_us = -1,
		.sent = s->sent,
		.at = mono_add_us(s->sent, takes)});
	next(w, n, t, last + 1);
}

void
targets_catch_up(struct world *w, struct node *n)
{
	for (int t = 0; n->brain && t < w->m->n_targets; t++)
		catch_up(w, n, t);
}

/* What is in flight keeps its end. */
void
truth_begin(struct world *w, struct node *n)
{
	for (int t = 0; n->brain && t < w->m->n_targets; t++) {
		struct target_state *s = &n->targets[t];

		catch_up(w, n, t);
		s->still = false;
		s->flying = s->flying || !mono_before(w->now, s->sent);
	}
}

void
truth_end(struct world *w, struct node *n)
{
	for (int t = 0; n->brain && t < w->m->n_targets; t++)
		plan(w, n, t);
	node_ability(w, n);
	node_alarm(w, n);
}

/* The kernel, BIRD or the roster tell of a change when it comes. */
void
targets_tell(struct world *w, struct node *n, enum truth_kind kind)
{
	for (int t = 0; n->brain && t < w->m->n_targets; t++) {
		struct target_state *s = &n->targets[t];
		struct answer a;

		if (w->m->targets[t].truth != kind)
			continue;
		catch_up(w, n, t);
		a = truth(w, n, t, s->k);
		step(w, n, t,
		    &(struct sample){.outcome = a.outcome,
			.value = (int8_t)a.value,
			.rtt_us = -1,
			.sent = w->now,
			.at = w->now});
		plan(w, n, t);
		n->dirty = true;
	}
}

bool
targets_run(struct world *w, struct node *n)
{
	bool any = false;

	for (int t = 0; t < w->m->n_targets; t++) {
		struct target_state *s = &n->targets[t];

		if (s->still || mono_before(w->now, s->at))
			continue;
		step(w, n, t,
		    &(struct sample){.outcome = s->outcome,
			.value = s->value,
			.rtt_us = -1,
			.sent = s->sent,
			.at = s->at});
		next(w, n, t, beat_after(w, n, t, s->at));
		any = true;
	}
	return any;
}

int64_t
targets_due(const struct world *w, const struct node *n)
{
	int64_t due = INT64_MAX;

	for (int t = 0; t < w->m->n_targets; t++)
		if (!n->targets[t].still && n->targets[t].at.us < due)
			due = n->targets[t].at.us;
	return due;
}

/* A decision looks at shared checks' latest successes: brings them up to date, and has the next
 * ones asked for real as long as they may be the proof that somebody waits for. */
void
targets_doubt(struct world *w, struct node *n, struct mono doubt)
{
	n->doubt = doubt;
	for (int t = 0; t < w->m->n_targets; t++) {
		if (w->m->checks[w->m->targets[t].check].tally.class != CLASS_SHARED)
			continue;
		catch_up(w, n, t);
		plan(w, n, t);
	}
}

/* A brain begins to look; `forget`: with nothing kept of an earlier one. */
void
targets_begin(struct world *w, struct node *n, bool forget)
{
	for (int t = 0; t < w->m->n_targets; t++) {
		struct target_state *s = &n->targets[t];

		if (forget)
			s->window = window_init(w->now);
		s->seen = s->flying = false;
		/* The first questions go out at once, not on the beat (probe_init()). */
		s->k = beat_after(w, n, t, w->now) - 1;
		s->sent = mono_add_us(
		    w->now, chance_in(chance(w->s.seed, 13, (uint64_t)n->id << 8 | (uint64_t)t,
					  (uint64_t)w->now.us),
				0, FIRST_US));
		plan(w, n, t);
	}
}
