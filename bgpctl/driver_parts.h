/*
 * driver_parts: what the driver's files share.
 */
#ifndef BGPCTL_DRIVER_PARTS_H
#define BGPCTL_DRIVER_PARTS_H

#include "bgpctl/beaconwire.h"
#include "bgpctl/birdlook.h"
#include "bgpctl/birdwire.h"
#include "bgpctl/driver.h"
#include "bgpctl/gatewatch.h"

struct driver_lane {
	bool exists, reported, seen; /* seen: a whole observation since BIRD came */
	struct door door, last_door; /* last_: as reported */
	struct door_view view, last_view;
	struct mono look;
};

struct driver {
	struct ev_loop *loop;
	const struct site *site;
	bool observe;
	struct driver_events events;
	struct door_conf conf;
	struct gates *gates;	    /* owned */
	struct gatewatch *watch;    /* owned */
	struct birdwire *wire;	    /* owned */
	struct beaconwire *beacons; /* owned; NULL: no fleet, or observing */
	struct birdlook birdlook;
	struct driver_lane *lanes; /* owned; n_lanes */
	struct door_view *scratch; /* owned; n_lanes, filled by rounds */
	int n_lanes;
	ev_timer timer;
	struct mono poll_at;
	uint32_t polls, round; /* number of the round whose answers count */
	bool in_round, in_event;
	uint64_t commands;
	bool bird_answers, bird_reported;
	struct bird_status bird;
	bool undo; /* as told */
	struct session_view sessions[MAX_SESSIONS];
	bool sessions_reported;
	char refused[96], lost[96], gate_error[400]; /* said already */
};

/* driver_fleet.c */
void driver_tell_fleet(struct driver *d, int lane);
uint32_t driver_aside(const struct driver *d, int lane); /* as door_view.aside */

/* driver_report.c: to the owner, when there is news. */
void driver_report(struct driver *d, int lane);
void driver_report_bird(struct driver *d);
void driver_report_sessions(struct driver *d);

#endif
