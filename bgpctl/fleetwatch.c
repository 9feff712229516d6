/*
 * fleetwatch: see the header. A round asks one table per family that has beacons. The next round
 * begins poll_ms after this one did, but never sooner than this one took: whatever the tables hold,
 * BIRD has at least half of its time for BGP.
 */
#include "bgpctl/fleetwatch.h"

#include <stdio.h>
#include <stdlib.h>

#include "bgpctl/birdconf_fleet.h"
#include "bgpctl/birdwire.h"
#include "lib/ensure.h"

struct fleetwatch {
	struct ev_loop *loop;
	const struct site *site;
	struct fleetwatch_events events;
	struct birdwire *wire; /* owned */
	struct fleetlook look;
	struct fleet_view views[MAX_LANES]; /* arrays owned */
	ev_timer timer;
	uint32_t tag; /* of the answer that counts */
	bool asking;
	struct mono began; /* the round */
};

static void
arm(struct fleetwatch *w, int64_t ms)
{
	ev_timer_stop(w->loop, &w->timer);
	ev_timer_set(&w->timer, (double)(ms > 0 ? ms : 0) / 1000.0, 0);
	ev_timer_start(w->loop, &w->timer);
}

/* Asks for this family, or the next that has beacons; false when there is none left. */
static bool
ask(struct fleetwatch *w, int family)
{
	char command[64];

	while (family < N_FAMILIES && !lanes_with_beacons(w->site, 1u << family))
		family++;
	if (family == N_FAMILIES)
		return false;
	fleetlook_begin(&w->look, (enum family)family, mono_now());
	snprintf(
	    command, sizeof(command), "show route table %s all", beacon_table((enum family)family));
	w->asking = birdwire_ask(w->wire, ++w->tag, command);
	return w->asking;
}

static void
end_round(struct fleetwatch *w)
{
	int64_t took = mono_diff_ms(mono_now(), w->began), wait = w->site->fleet.poll_ms - took;

	w->asking = false;
	arm(w, wait > took ? wait : took);
}

static void
on_timer(struct ev_loop *loop, ev_timer *timer, int revents)
{
	struct fleetwatch *w = timer->data;

	(void)loop;
	(void)revents;
	w->began = mono_now();
	if (!w->asking && birdwire_ready(w->wire) && !ask(w, 0))
		end_round(w);
}

static void
on_up(void *arg)
{
	struct fleetwatch *w = arg;

	w->asking = false;
	arm(w, 0);
}

static void
on_row(void *arg, uint32_t tag, int code, const char *text)
{
	struct fleetwatch *w = arg;

	if (w->asking && tag == w->tag)
		fleetlook_row(&w->look, code, text);
}

static void
on_done(void *arg, uint32_t tag, int code, const char *text)
{
	struct fleetwatch *w = arg;
	enum family f = w->look.family;
	char why[160];

	if (!w->asking || tag != w->tag)
		return;
	if (fleetlook_done(&w->look, code)) {
		w->events.view(w->events.arg, lanes_with_beacons(w->site, 1u << f));
	} else {
		snprintf(why, sizeof(why), "BIRD has no table %s (%04d %.60s); bgpctl bird apply",
		    beacon_table(f), code, text);
		w->events.lost(w->events.arg, why);
	}
	if (!ask(w, (int)f + 1))
		end_round(w);
}

static void
on_down(void *arg, const char *why)
{
	struct fleetwatch *w = arg;

	w->asking = false;
	w->events.lost(w->events.arg, why);
}

struct fleetwatch *
fleetwatch_new(struct ev_loop *loop, const struct site *site, int nonce,
    const struct fleetwatch_events *events)
{
	struct birdwire_events wire = {
	    .up = on_up, .row = on_row, .done = on_done, .down = on_down};
	struct fleetwatch *w = calloc(1, sizeof(*w));
	size_t n = (size_t)site->fleet.size + 1;
	uint32_t lanes = lanes_with_beacons(site, 3);

	ENSURE(w);
	w->loop = loop;
	w->site = site;
	w->events = *events;
	for (int lane = 0; lane < MAX_LANES; lane++) {
		struct fleet_view *v = &w->views[lane];

		if (!(lanes >> lane & 1))
			continue;
		v->peers = calloc(n, sizeof(*v->peers));
		v->nodes = calloc(n, sizeof(*v->nodes));
		v->next = calloc(n, sizeof(*v->next));
		ENSURE(v->peers && v->nodes && v->next);
	}
	fleetlook_init(&w->look, site, nonce, w->views);
	ev_init(&w->timer, on_timer);
	w->timer.data = w;
	wire.arg = w;
	w->wire = birdwire_new(loop, site->bird.socket, site->bird.timeout_ms, &wire);
	return w;
}

const struct fleet_view *
fleetwatch_view(const struct fleetwatch *w, int lane)
{
	ENSURE(lane >= 0 && lane < MAX_LANES && w->views[lane].nodes);
	return &w->views[lane];
}

void
fleetwatch_free(struct fleetwatch *w)
{
	if (!w)
		return;
	ev_timer_stop(w->loop, &w->timer);
	birdwire_free(w->wire);
	for (int lane = 0; lane < MAX_LANES; lane++) {
		free(w->views[lane].peers);
		free(w->views[lane].nodes);
		free(w->views[lane].next);
	}
	free(w);
}
