/*
 * brain_engines: the engines of our own resolver. The same supervision as workers have
 * (worker_step()), with three differences: their scoreboard alone tells whether they are well,
 * since nobody asks them but workers; they are in no roster and never vital, since workers answer
 * from cache without them; and an upgrade replaces them in their place, one after the other, while
 * workers wait for the next one.
 *
 * The probation engine is one of them in all of this, and counts for nothing: it dies of what it is
 * asked, and that is what it is for.
 */
#include "healthd/brain.h"

#include <stdio.h>

#include "lib/event.h"

#define START_LOOK_MS 20 /* one that starts or ends is looked at so often */

struct slot *
engines_probation(struct brain *b)
{
	return &b->engines[PROBATION_SLOT - ENGINE_SLOT];
}

/* Of those that are supervised, the one of that number; behind the engines is the probation one. */
static struct slot *
supervised(struct brain *b, int number)
{
	return number < b->n_engines ? &b->engines[number] : engines_probation(b);
}

static int
n_supervised(const struct brain *b)
{
	return b->n_engines + (b->probation ? 1 : 0);
}

/* The probation engine is replaced as well, the last of all: those that serve don't wait for it. */
static struct rolling_conf
rotation_conf_of(const struct brain *b)
{
	return (struct rolling_conf){
	    .count = n_supervised(b),
	    .noun = "engine",
	    .start_timeout_ms = b->settings.workers.start_timeout_ms,
	    .stop_timeout_ms = b->settings.workers.stop_timeout_ms,
	};
}

/* The pace of the looks: fast while any of them is about to change. */
static void
engines_pace(struct brain *b)
{
	double ms = (double)b->settings.workers.probe_interval_ms;

	for (int e = 0; e < n_supervised(b); e++) {
		enum worker_state s = supervised(b, e)->worker.state;

		if (ms > START_LOOK_MS &&
		    (s == WORKER_STARTING || s == WORKER_WAITING || s == WORKER_STOPPING))
			ms = START_LOOK_MS;
	}
	if (b->engines_timer.repeat == ms / 1000 && ev_is_active(&b->engines_timer))
		return;
	b->engines_timer.repeat = ms / 1000;
	ev_timer_again(b->loop, &b->engines_timer);
}

static void
rotation_apply(struct brain *b, struct rolling_out out)
{
	struct worker_event ev = {.type = WORKER_EV_WANT};

	b->rotation = out.state;
	if (out.changed)
		say_rolling(&b->rotation, "engines");
	if (out.action == ROLLING_DO_NOTHING)
		return;
	if (out.action == ROLLING_DO_UNWANT)
		ev.type = WORKER_EV_UNWANT;
	engine_event(b, supervised(b, out.slot), &ev);
}

/* Each action changes a slot and so comes here again by engine_event(); bounded by stages. */
static void
rotation_follow(struct brain *b)
{
	struct rolling_conf conf = rotation_conf_of(b);
	struct worker all[MAX_ENGINES + 1];

	if (!rolling_active(&b->rotation))
		return;
	for (int e = 0; e < n_supervised(b); e++)
		all[e] = supervised(b, e)->worker;
	rotation_apply(b, rolling_step(&conf, b->rotation, all, mono_now()));
}

void
engine_event(struct brain *b, struct slot *s, const struct worker_event *ev)
{
	struct supervise_conf conf = supervise_conf_of(&b->settings);
	enum worker_state before = s->worker.state;
	struct worker_out out;

	/* A question that it loops in is told by its handler (resolver/engine_fault.c). */
	conf.abort_first = true;
	out = worker_step(&conf, s->worker, ev, mono_now());
	b->counters.engine_hangs += out.state.killed_hung && !s->worker.killed_hung;

	s->worker = out.state;
	slot_order(b, s, out.action);
	if (!out.changed)
		return;
	say_worker(s, before);
	rotation_follow(b);
	engines_pace(b);
}

/* Without a scoreboard (a broken one was warned about) all that can be seen is that it runs. */
static enum outcome
engine_look(const struct slot *s, int32_t pid, struct mono now)
{
	struct traffic_pulse pulse;

	if (s->score == NULL)
		return OUTCOME_OK;
	pulse = (struct traffic_pulse){
	    .pid = atomic_load_explicit(&s->score->pid, memory_order_relaxed),
	    .state = atomic_load_explicit(&s->score->state, memory_order_relaxed),
	    .heartbeat_us = atomic_load_explicit(&s->score->heartbeat_us, memory_order_relaxed),
	};
	return traffic_pulse(&pulse, pid, now);
}

bool
engine_well(const struct slot *s, int32_t pid)
{
	return engine_look(s, pid, mono_now()) == OUTCOME_OK;
}

static struct renew_in
renew_look(const struct brain *b)
{
	struct renew_in in = {.shared_well = true};
	bool any = false;

	for (int i = 0; i < b->n_instances; i++) {
		const struct fact *f = &b->instances[i].fact;

		if (f->class != CLASS_SHARED)
			continue;
		any = true;
		in.shared_failed |= f->verdict == VERDICT_FAIL;
		in.shared_well &= f->verdict == VERDICT_OK;
	}
	in.shared_well &= any;
	for (int e = 0; e < b->n_engines; e++) {
		const struct slot *s = &b->engines[e];

		in.failing |= s->worker.state == WORKER_READY && s->score != NULL &&
			      atomic_load_explicit(&s->score->state, memory_order_relaxed) ==
				  SCORE_FAILING;
	}
	return in;
}

static void
engines_renew(struct brain *b, struct mono now)
{
	struct renew_in in = renew_look(b);
	struct renew_out out;
	struct err err;

	/* What would be due now is due afterwards as well. */
	if (rolling_active(&b->rolling) || rolling_active(&b->rotation))
		return;
	out = renew_step(b->renew, &in, now);
	b->renew = out.state;
	if (out.because == RENEW_NOT)
		return;
	event_say(EVENT_NOTICE, "engines_renewed", "%s",
	    out.because == RENEW_RECOVERED
		? "upstream is back: engines that remember its absence are replaced"
		: "an engine fails though every shared check is well: engines are replaced");
	if (engines_upgrade(b, &err) < 0)
		event_say(EVENT_WARN, "engines_renewed", "not replaced: %s", err.text);
}

static void
on_engines_timer(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	struct brain *b = w->data;
	struct mono now = mono_now();

	(void)loop;
	(void)revents;
	for (int e = 0; e < n_supervised(b); e++) {
		struct slot *s = supervised(b, e);
		struct worker_event tick = {.type = WORKER_EV_TICK};
		struct worker_event look = {.type = WORKER_EV_PROBE, .sent = now};

		if (mono_is_set(s->worker.due) && !mono_before(now, s->worker.due))
			engine_event(b, s, &tick);
		if (s->worker.pid == 0)
			continue;
		look.outcome = engine_look(s, s->worker.pid, now);
		look.life = slot_life(s, look.outcome);
		engine_event(b, s, &look);
	}
	rotation_follow(b); /* its deadlines */
	engines_renew(b, now);
	engines_pace(b);
}

void
engines_begin(struct brain *b, int n, bool probation)
{
	struct worker_event want = {.type = WORKER_EV_WANT};

	b->n_engines = n < 0 ? 0 : n > MAX_ENGINES ? MAX_ENGINES : n;
	b->probation = probation && b->n_engines > 0;
	/* Those beyond belong to nobody but the keeper, which stops them. */
	for (int e = b->n_engines; e < MAX_ENGINES; e++)
		b->engines[e].worker = worker_init(mono_now());
	if (!b->probation)
		engines_probation(b)->worker = worker_init(mono_now());
	for (int e = 0; e < n_supervised(b); e++)
		if (supervised(b, e)->worker.pid == 0)
			engine_event(b, supervised(b, e), &want);
	if (b->n_engines > 0)
		engines_pace(b);
}

int
engines_upgrade(struct brain *b, struct err *err)
{
	struct rolling_conf conf = rotation_conf_of(b);
	struct worker all[MAX_ENGINES + 1];
	struct rolling_out out;

	if (b->n_engines == 0)
		return err_set(err, "no engines are supervised here (workers.resolver is not set)");
	if (rolling_active(&b->rolling) || rolling_active(&b->rotation))
		return upgrade_refuse(b, err);
	for (int e = 0; e < n_supervised(b); e++)
		all[e] = supervised(b, e)->worker;
	out = rolling_begin(&conf, all, mono_now());
	if (!rolling_active(&out.state))
		return err_set(err, "%s", out.state.why);
	rotation_apply(b, out);
	rotation_follow(b);
	return 0;
}

void
engines_init(struct brain *b)
{
	for (int e = 0; e < MAX_SLOTS - ENGINE_SLOT; e++)
		b->engines[e] = (struct slot){
		    .brain = b, .index = ENGINE_SLOT + e, .worker = worker_init(b->started)};
	b->renew = (struct renew){.failing_since = MONO_NEVER, .last = MONO_NEVER};
	ev_timer_init(&b->engines_timer, on_engines_timer, 0, 0);
	b->engines_timer.data = b;
}

void
engines_fini(struct brain *b)
{
	ev_timer_stop(b->loop, &b->engines_timer);
}
