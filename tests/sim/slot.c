/*
 * slot: the processes of a node's workers, and the supervisor that ships (worker_step, roster_step)
 * which starts, probes and kills them. A process is asked for, is there, becomes ready, may hang
 * and ends; what the supervisor knows of it comes by messages and probes, as in the brain.
 */
#include "healthd/load.h"
#include "tests/sim/chance.h"
#include "tests/sim/world.h"

enum {
	FORK_US = 2000,	   /* from asking for a process to having it */
	READY_US = 20000,  /* from there to its first answer: what a small resolver takes */
	REFUSE_US = 10000, /* a program that cannot start ends after */
	KILL_US = 1000,
	START_PROBE_US = 20000, /* brain_workers.c: a starting one is asked so often */
};

static int64_t
probe_every(const struct world *w, const struct slot_state *s)
{
	int64_t every = w->m->settings.workers.probe_interval_ms * 1000;

	return s->worker.state == WORKER_STARTING && every > START_PROBE_US ? START_PROBE_US
									    : every;
}

/* The next probe, on a grid of the node's own. */
static int64_t
probe_after(const struct world *w, const struct node *n, const struct slot_state *s)
{
	int64_t every = probe_every(w, s), from = SIM_BEGIN_US + n->phase_us % every;

	return from + ((w->now.us - from) / every + 1) * every;
}

static bool
on_beat(const struct world *w, const struct node *n, const struct slot_state *s)
{
	int64_t every = probe_every(w, s);

	return (w->now.us - SIM_BEGIN_US - n->phase_us % every) % every == 0;
}

/* Is it so that more probes change nothing? */
static bool
is_still(const struct world *w, const struct node *n, const struct slot_state *s)
{
	if (s->worker.pid == 0 || s->worker.killed_hung)
		return true;
	return !w->conf.every && s->worker.state == WORKER_READY && s->worker.stable &&
	       s->worker.silent_probes == 0 && s->serving && !s->hung && n->silent64 == 0;
}

static void
roster_follow(struct world *w, struct node *n)
{
	struct worker all[MAX_ENGINES + 1];
	const struct settings *set = &w->m->settings;
	struct mono due, until;

	for (int i = 0; i < w->m->n_slots; i++)
		all[i] = n->slots[i].worker;
	n->roster = roster_step(n->roster, all, w->m->n_slots, w->now);
	if (n->roster.ready > 0 && !mono_is_set(n->warm_since))
		n->warm_since = w->now;
	targets_tell(w, n, TRUTH_ROSTER);
	due = roster_deadline(&n->roster, set->workers.none_ready_ms);
	until = roster_starved_until(&n->roster, w->now);
	if (mono_is_set(due) && !mono_before(w->now, due))
		due = MONO_NEVER; /* said already */
	if (mono_is_set(until) && (!mono_is_set(due) || mono_before(until, due)))
		due = until;
	n->roster_due = mono_is_set(due) ? mono_add_us(due, 1000) : MONO_NEVER;
	n->dirty = true;
}

static void
proc_next(struct slot_state *s, enum proc_next what, int64_t at)
{
	s->next = what;
	s->next_at = at;
}

/* When a process that is ready will die of what is wrong here. */
static int64_t
dies_at(const struct world *w, const struct node *n, const struct slot_state *s)
{
	uint64_t x =
	    chance(w->s.seed, 11, (uint64_t)n->id << 4 | (uint64_t)(s - n->slots), s->lives);
	int64_t at = INT64_MAX, t;

	if (n->off[FAULT_CRASH])
		at = w->now.us + n->crash_ms * chance_in(x, 500, 1500);
	if (n->off[FAULT_PACKET] && n->loaded) {
		t = w->now.us + n->packet_ms * chance_in(chance_mix(x), 1, 2000);
		at = t < at ? t : at;
	}
	return at;
}

static void
act(struct world *w, struct slot_state *s, enum worker_action action)
{
	switch (action) {
	case WORKER_DO_START:
		if (s->pid == 0 && s->next == PROC_NOTHING)
			proc_next(s, PROC_STARTED, w->now.us + FORK_US);
		break;
	case WORKER_DO_TERM:
	case WORKER_DO_KILL:
	case WORKER_DO_ABORT: /* workers are not told it */
		if (s->pid != 0)
			proc_next(s, PROC_EXITED, w->now.us + KILL_US);
		break;
	case WORKER_DO_NOTHING:
		break;
	}
}

/* The roster looks after each step; what depends on the worker's state is told anew. */
static void
event(struct world *w, struct node *n, struct slot_state *s, const struct worker_event *ev)
{
	struct worker_out out;
	bool stable = s->worker.stable;
	uint32_t failures = s->worker.failures;
	bool slow = s->worker.slow;

	out = worker_step(&w->m->supervise, s->worker, ev, w->now);
	if (out.changed)
		truth_begin(w, n);
	s->worker = out.state;
	act(w, s, out.action);
	if (out.changed)
		truth_end(w, n);
	if (out.changed || stable != s->worker.stable || failures != s->worker.failures ||
	    slow != s->worker.slow)
		roster_follow(w, n);
}

static void
serve(struct world *w, struct node *n, struct slot_state *s, bool serving)
{
	truth_begin(w, n);
	s->serving = serving;
	s->hung = serving && n->off[FAULT_HANG] && n->hang_again;
	s->lives += serving;
	s->dies_at = serving ? dies_at(w, n, s) : INT64_MAX;
	truth_end(w, n);
}

static void
proc_turn(struct world *w, struct node *n, struct slot_state *s)
{
	enum proc_next what = s->next;
	int32_t pid = s->pid;

	proc_next(s, PROC_NOTHING, INT64_MAX);
	switch (what) {
	case PROC_STARTED:
		s->pid = (int32_t)(++s->lives);
		if (n->off[FAULT_RELEASE])
			proc_next(s, PROC_EXITED, w->now.us + REFUSE_US);
		else
			proc_next(s, PROC_READY, w->now.us + READY_US);
		event(w, n, s, &(struct worker_event){.type = WORKER_EV_STARTED, .pid = s->pid});
		break;
	case PROC_READY:
		serve(w, n, s, true);
		break;
	case PROC_EXITED:
		serve(w, n, s, false);
		s->pid = 0;
		event(w, n, s, &(struct worker_event){.type = WORKER_EV_EXITED, .pid = pid});
		break;
	case PROC_NOTHING:
		break;
	}
}

static void
probe(struct world *w, struct node *n, struct slot_state *s)
{
	struct worker_event ev = {
	    .type = WORKER_EV_PROBE, .outcome = OUTCOME_OK, .sent = mono_add_us(w->now, -1000)};
	uint64_t x = chance(
	    w->s.seed, 12, (uint64_t)n->id << 4 | (uint64_t)(s - n->slots), (uint64_t)w->now.us);

	s->probed_at = w->now.us;
	if (!s->serving)
		ev.outcome = OUTCOME_GONE;
	else if (s->hung)
		ev.outcome = OUTCOME_SILENT;
	if (s->serving && !s->hung && chance_part(x) * 64 < n->silent64) {
		ev.outcome = OUTCOME_SILENT;
		ev.life = true;
		ev.answers = load_is_full(n->load);
	}
	if (ev.outcome == OUTCOME_SILENT)
		ev.sent = mono_add_ms(w->now, -w->m->settings.workers.probe_timeout_ms);
	event(w, n, s, &ev);
}

void
slots_run(struct world *w, struct node *n)
{
	for (int i = 0; i < w->m->n_slots; i++) {
		struct slot_state *s = &n->slots[i];

		if (s->dies_at <= w->now.us) {
			s->dies_at = INT64_MAX;
			proc_next(s, PROC_EXITED, w->now.us);
		}
		if (s->next_at <= w->now.us)
			proc_turn(w, n, s);
		if (mono_is_set(s->worker.due) && !mono_before(w->now, s->worker.due))
			event(w, n, s, &(struct worker_event){.type = WORKER_EV_TICK});
		if (!is_still(w, n, s) && on_beat(w, n, s) && s->probed_at != w->now.us)
			probe(w, n, s);
	}
	if (mono_is_set(n->roster_due) && !mono_before(w->now, n->roster_due))
		roster_follow(w, n);
}

int64_t
slots_due(const struct world *w, const struct node *n)
{
	int64_t due = mono_is_set(n->roster_due) ? n->roster_due.us : INT64_MAX;

	for (int i = 0; i < w->m->n_slots; i++) {
		const struct slot_state *s = &n->slots[i];
		int64_t tick = mono_is_set(s->worker.due) ? s->worker.due.us : INT64_MAX;
		int64_t ask = is_still(w, n, s) ? INT64_MAX : probe_after(w, n, s);

		due = tick < due ? tick : due;
		due = s->next_at < due ? s->next_at : due;
		due = s->dies_at < due ? s->dies_at : due;
		due = ask < due ? ask : due;
	}
	return due;
}

static void
adopt(struct world *w, struct slot_state *s)
{
	s->pid = (int32_t)(++s->lives);
	s->serving = true;
	s->worker = worker_adopt_ready(s->pid, w->now, w->now);
}

void
slots_begin(struct world *w, struct node *n, bool standing)
{
	n->roster = (struct roster){0};
	n->warm_since = n->roster_due = MONO_NEVER;
	for (int i = 0; i < w->m->n_slots; i++) {
		struct slot_state *s = &n->slots[i];
		uint32_t lives = s->lives;

		*s = (struct slot_state){.worker = worker_init(w->now),
		    .next_at = INT64_MAX,
		    .dies_at = INT64_MAX,
		    .lives = lives};
		if (i >= w->m->settings.workers.count)
			continue; /* spare */
		if (standing)
			adopt(w, s);
		else
			event(w, n, s, &(struct worker_event){.type = WORKER_EV_WANT});
	}
	if (standing)
		roster_follow(w, n);
}

/* The host is off. */
void
slots_off(struct world *w, struct node *n)
{
	for (int i = 0; i < w->m->n_slots; i++) {
		struct slot_state *s = &n->slots[i];

		s->worker = worker_init(w->now);
		s->pid = 0;
		s->serving = s->hung = false;
		s->dies_at = INT64_MAX;
		proc_next(s, PROC_NOTHING, INT64_MAX);
	}
	n->roster_due = MONO_NEVER;
}

void
slots_hang(struct world *w, struct node *n)
{
	truth_begin(w, n);
	for (int i = 0; i < w->m->n_slots; i++)
		n->slots[i].hung = n->slots[i].serving;
	truth_end(w, n);
}

/* All processes are replaced at once, as a careless roll-out does. */
void
slots_release(struct world *w, struct node *n)
{
	for (int i = 0; i < w->m->n_slots; i++)
		if (n->slots[i].pid != 0)
			proc_next(&n->slots[i], PROC_EXITED, w->now.us + KILL_US);
	node_alarm(w, n);
}

/* What workers may die of has changed. */
void
slots_mortal(struct world *w, struct node *n)
{
	for (int i = 0; i < w->m->n_slots; i++)
		if (n->slots[i].serving)
			n->slots[i].dies_at = dies_at(w, n, &n->slots[i]);
	node_alarm(w, n);
}
