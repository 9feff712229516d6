/*
 * fleetwatch: asks BIRD for the fleet's beacons, each fleet.poll_ms and over a connection of its
 * own, so that a long answer does not hold up the rungs' commands. Shell on libev.
 */
#ifndef BGPCTL_FLEETWATCH_H
#define BGPCTL_FLEETWATCH_H

#include <ev.h>

#include "bgpctl/fleetlook.h"

struct fleetwatch;

struct fleetwatch_events {
	/* The views of these lanes (bits) are new. */
	void (*view)(void *arg, uint32_t lanes);
	/* No view can be had, for this reason; called with each attempt that fails. */
	void (*lost)(void *arg, const char *why);
	void *arg;
};

/* `site` has a fleet and is borrowed; `nonce`: of our own beacons, -1 none. */
struct fleetwatch *fleetwatch_new(struct ev_loop *loop, const struct site *site, int nonce,
    const struct fleetwatch_events *events);
/* The latest view of a lane with beacons; it stays as it is until events.view(). */
const struct fleet_view *fleetwatch_view(const struct fleetwatch *w, int lane);
void fleetwatch_free(struct fleetwatch *w);

#endif
