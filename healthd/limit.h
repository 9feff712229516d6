/*
 * limit: what other people's hands say about the rung, each with an owner, a reason and an expiry.
 * Pure. (The ladder's own limits - brake, flap budget, preflight, holds, absorb - are reported by
 * ladder_step() in the same shape, so that `why` shows them side by side.)
 */
#ifndef HEALTHD_LIMIT_H
#define HEALTHD_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/mono.h"

enum limit_owner {
	OWNER_OPERATOR,	 /* bgpctl drain / pin / silence */
	OWNER_BIRDC,	 /* a hand on our protocols in BIRD */
	OWNER_BRAKE,	 /* a shared fault may explain it: not under drain */
	OWNER_ALONE,	 /* no fleet view: what may go silent is restricted */
	OWNER_ABSORB,	 /* overload without malfunction */
	OWNER_FLAP,
	OWNER_PREFLIGHT,
	OWNER_HOLD,
	OWNER_EMERGENCY, /* the wait between emergency climbs */
	OWNER_PROOF,	 /* the present rung is not proven yet */
	OWNER_START,	 /* no full round of checks yet */
	OWNER_UNKNOWN,	 /* some check is unknown */
	OWNER_SHUTDOWN,	 /* SIGTERM */
	OWNER_FLEET,	 /* the fleet guard */
	OWNER_REGION,	 /* some node asked our region to drain */
};
#define N_LIMIT_OWNERS 15

enum limit_sort {
	LIMIT_CAP /* at most this rung */,
	LIMIT_FLOOR /* at least */,
	LIMIT_PIN /* exactly */
};

struct limit {
	bool set;
	enum limit_owner owner;
	enum limit_sort sort;
	int8_t rung;
	struct mono until; /* never: no expiry known */
	char who[32];	   /* login name of the operator, "" otherwise */
	char reason[120];
};

#define MAX_LIMITS 8 /* held from outside, per lane */

const char *limit_owner_name(enum limit_owner o);
const char *limit_sort_name(enum limit_sort s);

/* Drops what has expired; returns the first expiry still to come (never when none). */
struct mono limits_tick(struct limit *l, int n, struct mono now);
/* Adds or replaces by owner and sort. False when the table is full. */
bool limits_put(struct limit *l, int n, const struct limit *limit);
/* Removes all of an owner; returns whether there were any. */
bool limits_drop(struct limit *l, int n, enum limit_owner owner);
/* The lowest cap (best rung when none), the highest floor (0 when none), or a pin (-1 when none;
 * the lowest wins). Caps and floors come back within 0..best. */
int limits_cap(const struct limit *l, int n, int best);
int limits_floor(const struct limit *l, int n, int best);
int limits_pin(const struct limit *l, int n);

#endif
