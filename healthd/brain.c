/*
 * brain: begins and ends; the loop's own watchers. See brain.h for the way through.
 */
#include "healthd/brain.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/event.h"

#define FIRST_LOOK_MS 1000  /* BIRD's first answer is waited for so long before a lane starts */
#define RATE_BEFORE_MS 60000 /* shutdown: the rate before it is taken over so long */
#define SILENT_WAIT_MS 5000 /* shutdown: the proof of silence is waited for so long */

/* --- watchers --------------------------------------------------------------------------------- */

/* Before each sleep: decide what became dirty in this turn. */
static void
on_prepare(struct ev_loop *loop, struct ev_prepare *w, int revents)
{
	struct brain *b = w->data;

	(void)loop;
	(void)revents;
	lanes_decide(b);
	if (b->state_due)
		state_save(b);
	limits_step(b);
}

static bool
all_silent(const struct brain *b)
{
	for (int l = 0; l < MAX_LANES; l++) {
		const struct ladder *s = &b->lanes[l].ladder;

		if (b->lanes[l].exists && (s->rung != RUNG_SILENT || s->proven != RUNG_SILENT))
			return false;
	}
	return true;
}

/* What our own checks ask through the resolver, in queries per 1000 s, and how many ask. One that
 * gets no answer asks again each quarter of its interval (brain_instances.c). */
static int64_t
probes_rate(const struct brain *b, int *askers)
{
	int64_t rate = 0;

	*askers = 0;

	for (int n = 0; n < b->n_instances; n++) {
		const struct instance *i = &b->instances[n];
		int asks;

		if (i->conf->kind != KIND_DNS || i->conf->target == DNS_SERVERS ||
		    !i->conf->recursion)
			continue;
		asks = i->n_targets * (i->fact.verdict == VERDICT_OK ? 1 : 4);
		rate += (int64_t)1000000 * asks / i->conf->interval_ms;
		*askers += asks;
	}
	return rate;
}

static void
drain_begin(struct brain *b)
{
	struct traffic_counts sum;
	int64_t ms = scores_window(b, RATE_BEFORE_MS, &sum);
	int askers;

	b->leave = (struct leave){
	    .drain_ms = b->settings.stop.drain_ms,
	    .counted = ms >= LEAVE_LEAST_MS,
	    .probes = probes_rate(b, &askers),
	};
	b->leave.before = leave_rate(traffic_answers(&sum), ms, askers);
}

static bool
drain_over(struct brain *b, int64_t since_ms)
{
	struct traffic_counts sum;
	int64_t ms = scores_window(b, leave_look_ms(&b->leave), &sum);
	enum leave_because why = leave_step(&b->leave, since_ms, traffic_answers(&sum), ms);

	if (why != LEAVE_NOT)
		event_say(EVENT_NOTICE, "shutdown", "drained for %lld ms%s; going silent",
		    (long long)since_ms,
		    why == LEAVE_EMPTY ? ", clients have left" : "");
	return why != LEAVE_NOT;
}

static void
go_silent(struct brain *b)
{
	b->shutdown_silent = true;
	b->silent_at = mono_now();
	lanes_touch(b, lanes_all(b));
}

/* SIGTERM: drain, give traffic its time to move, go silent, and tell the keeper that it may stop
 * the workers. */
static void
follow_shutdown(struct brain *b)
{
	struct bond_message drained = {.type = BOND_DRAINED};
	struct mono now = mono_now();

	if (!b->shutdown || b->drained_said)
		return;
	if (!b->shutdown_silent) {
		if (drain_over(b, mono_diff_ms(now, b->shutdown_at)))
			go_silent(b);
		return;
	}
	if (all_silent(b) || mono_diff_ms(now, b->silent_at) >= SILENT_WAIT_MS)
		b->drained_said = bond_send(b->bond, &drained) == 1; /* else again, in a moment */
}

static void
on_second(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	struct brain *b = w->data;

	(void)loop;
	(void)revents;
	scores_second(b);
	vantages_second(b);
	checks_second(b);
	workers_second(b);
	lanes_touch(b, lanes_all(b));
	follow_shutdown(b);
	faces_second(b);
	state_second(b);
	limits_second(b);
	record_second(b);
}

static void
on_shutdown_timer(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	(void)loop;
	(void)revents;
	follow_shutdown(w->data);
}

/* The keeper's SIGTERM: everything is said and done, or it has no time left for us. */
static void
on_signal(struct ev_loop *loop, struct ev_signal *w, int revents)
{
	(void)w;
	(void)revents;
	ev_break(loop, EVBREAK_ALL);
}

void
brain_shutdown(struct brain *b)
{
	if (b->shutdown) {
		/* Asked twice: no more patience. */
		if (!b->shutdown_silent)
			go_silent(b);
		return;
	}
	b->shutdown = true;
	b->shutdown_at = mono_now();
	drain_begin(b);
	event_say(EVENT_NOTICE, "shutdown", "draining for %s%lld ms, then silent",
	    b->leave.counted ? "at most " : "", (long long)b->settings.stop.drain_ms);
	lanes_touch(b, lanes_all(b));
	ev_timer_init(&b->shutdown_timer, on_shutdown_timer, 0.1, 0.1);
	b->shutdown_timer.data = b;
	ev_timer_start(b->loop, &b->shutdown_timer);
}

/* --- beginning -------------------------------------------------------------------------------- */

static void
start_watchers(struct brain *b)
{
	ev_timer_init(&b->second_timer, on_second, 1, 1);
	ev_prepare_init(&b->prepare, on_prepare);
	ev_signal_init(&b->term, on_signal, SIGTERM);
	ev_signal_init(&b->interrupt, on_signal, SIGINT);
	b->second_timer.data = b->prepare.data = b;
	ev_timer_start(b->loop, &b->second_timer);
	ev_prepare_start(b->loop, &b->prepare);
	ev_signal_start(b->loop, &b->term);
	ev_signal_start(b->loop, &b->interrupt);
}

int
brain_init(struct brain *b, const char *config_path, const char *origin_path, struct err *err)
{
	struct driver_events events;

	b->loop = ev_default_loop(EVFLAG_AUTO);
	b->arena = arena_new();
	b->config_path = origin_path;
	b->bond = BOND_FD;
	b->started = mono_now();
	b->look_until = mono_add_ms(b->started, FIRST_LOOK_MS);
	clock_gettime(CLOCK_REALTIME, &b->read_at);
	if (settings_read(config_path, &b->settings, b->arena, err) < 0)
		return -1;
	event_open("healthd", (enum event_level)b->settings.log_level);
	events_init(b);
	lanes_init(b);
	workers_init(b);
	engines_init(b);
	scores_init(b);
	hook_init(b);
	if (checks_init(b, err) < 0)
		return -1;
	state_load(b);
	b->counters.brain_starts++;
	record_open(b);
	events = lanes_driver_events(b);
	b->driver =
	    driver_new(b->loop, &b->settings.site, b->settings.mode == MODE_OBSERVE, &events, err);
	if (b->driver == NULL || links_init(b, err) < 0)
		return -1;
	fleet_init(b);
	if (vantages_init(b, err) < 0)
		return -1;
	region_init(b);
	faces_open(b);
	start_watchers(b);
	bond_open(b);
	return 0;
}

void
brain_fini(struct brain *b)
{
	state_save(b);
	limits_fini(b);
	events_fini(b);
	vantages_fini(b);
	fleet_fini(b);
	hook_fini(b);
	workers_fini(b);
	engines_fini(b);
	checks_fini(b);
	scores_fini(b);
	if (b->link != NULL)
		link_watch_free(b->link);
	if (b->metrics != NULL)
		metrics_free(b->metrics);
	if (b->console != NULL)
		console_free(b->console);
	if (b->driver != NULL)
		driver_free(b->driver);
	if (b->recorder != NULL)
		recorder_close(b->recorder);
	arena_free(b->arena);
}
