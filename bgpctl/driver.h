/*
 * driver: makes doors real. Owns the control connection to BIRD and the gates, observes, acts,
 * reports. Shell on libev. Never sends `configure` but with `status`, which only asks.
 */
#ifndef BGPCTL_DRIVER_H
#define BGPCTL_DRIVER_H

#include <ev.h>

#include "bgpctl/beaconwire.h"
#include "bgpctl/door.h"
#include "bgpctl/site.h"

struct driver;

enum session_state { SESSION_UNKNOWN, SESSION_MISSING, SESSION_DOWN, SESSION_UP };
struct session_view {
	enum session_state state;
	bool bfd_known, bfd_up;
	char text[48]; /* BIRD's word for it: "Established", "Active Socket: ..." */
};

struct driver_events {
	/* A lane's door or view changed (also after the first whole observation). */
	void (*lane)(void *arg, int lane, const struct door *door, const struct door_view *view);
	/* All sessions, after each observation in which any changed, and after the first. */
	void (*sessions)(void *arg, const struct session_view *s, int n);
	/* BIRD came or went: version text, boot time and last reconfiguration as BIRD writes them.
	 */
	void (*bird)(void *arg, bool answers, const char *version, const char *boot,
	    const char *reconfigured);
	void *arg;
};

/* `site` is borrowed for the driver's life. In `observe` nothing is written to BIRD or links. */
struct driver *driver_new(struct ev_loop *loop, const struct site *site, bool observe,
    const struct driver_events *events, struct err *err);
/* In observe mode an order is ignored: the driver only looks. */
void driver_order(struct driver *d, int lane, int rung);
/* Until the first order for a lane the driver only looks. */
const struct door *driver_door(const struct driver *d, int lane);
const struct door_view *driver_view(const struct driver *d, int lane);
int driver_shown(const struct driver *d, int lane); /* door_shown() of the last view */
/* What the fleet is told of a lane beside its rung, which is the driver's own affair: it follows
 * the order when that is worse, and the proof at an exit session when it is better. Nothing without
 * a fleet or when observing. */
void driver_say(struct driver *d, int lane, const struct beacon_words *words);
/* As said last; before that what a predecessor left in the kernel, which the others see still. */
struct beacon_words driver_words(const struct driver *d, int lane);
int driver_told(const struct driver *d, int lane); /* the rung that is told, -1 none */
int driver_nonce(const struct driver *d);	   /* of our beacons, -1 none */
bool driver_exits(const struct driver *d, int lane); /* does any session lead out? */
/* Will BIRD take its present configuration back by itself (`configure timeout`)? Changes are told
 * by `bird`, at once after a reconfiguration, else within ten polls. */
bool driver_undo(const struct driver *d);
/* Look now. */
void driver_kick(struct driver *d);
uint64_t driver_commands(const struct driver *d); /* sent to BIRD so far, for metrics */
void driver_free(struct driver *d); /* leaves locks as they are */

#endif
