/*
 * beacon: what one node tells the fleet by one route: address and number. Pure. docs/fleet.md has
 * the layout.
 */
#ifndef BGPCTL_BEACON_H
#define BGPCTL_BEACON_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/addr.h"

#define BEACON_VERSION 1
#define BEACON_NONCE_BITS 13
#define MAX_FLEET 8191 /* node ids are 1..MAX_FLEET */
#define MAX_WATCHED 8
#define BEACON_LOAD_UNKNOWN 15

enum beacon_kind { BEACON_RUNG, BEACON_INTENT, BEACON_VERDICTS, BEACON_REQUEST };
#define N_BEACON_KINDS 4

enum beacon_flags {	 /* of the rung beacon: why it is no better, for others and for people */
	BEACON_HAND = 1, /* an operator holds it down */
	BEACON_ABSORBING = 2, /* overload without malfunction */
	BEACON_STOPPING = 4,
	BEACON_CLIMBING = 8, /* nothing is wrong, holds are not over */
	BEACON_WISHING = 16, /* an intent of LOW or more is published: whoever has this beacon and
				not yet that one counts it as the most severe */
};

/* Ordered: a higher one goes first. */
enum severity {
	SEVERITY_NONE,
	SEVERITY_SHARED, /* no wish to go: only says which shared fault is seen here */
	SEVERITY_LOW,	 /* silent by proof, the score just under the threshold */
	SEVERITY_HIGH,	 /* ... the score under half of it */
	SEVERITY_VITAL,	 /* a vital check fails */
};
#define N_SEVERITIES 5

enum beacon_verdict { BEACON_UNKNOWN, BEACON_WELL, BEACON_FAILED };

struct beacon {
	enum beacon_kind kind;
	uint16_t id;
	uint16_t nonce; /* not of a request */
	union {
		struct {
			uint8_t rung, load, flags;
		} rung;
		struct {
			uint8_t severity, fault; /* fault: beacon_fault_of(), 0 none */
		} intent;
		uint8_t verdicts[MAX_WATCHED]; /* enum beacon_verdict */
		struct {
			uint16_t region; /* beacon_region() */
			uint16_t expiry; /* minutes of the epoch, modulo 8192 */
		} request;
	};
};

/* The highest id that `block` has room for; 0: it is too small to hold any. */
int beacon_room(const struct prefix *block);
/* The host route of a beacon in `block`; its address bits beyond the block are kind and id.
 * False: the block has no room for this id. */
bool beacon_route(const struct prefix *block, enum beacon_kind kind, int id, struct prefix *out);
/* The number; never 0. */
uint32_t beacon_number(const struct beacon *b);

enum beacon_fault { /* why a route is no beacon */
	BEACON_OK,
	BEACON_OUTSIDE, /* no host route of the block */
	BEACON_ID,	/* 0, or above the fleet's size */
	BEACON_OTHER_VERSION,
	BEACON_ABSURD, /* a rung above the best, a severity that is none, bits that must be 0 */
};
/* Reads route and number; `size` bounds the id, `n_rungs` the rung. Any input. Flags that this
 * version does not know are left in. */
enum beacon_fault beacon_parse(const struct prefix *block, const struct prefix *route,
    uint32_t number, int size, int n_rungs, struct beacon *out);

/* A request's time is told as a minute of the epoch modulo 8192. What is further ahead than this is
 * none that a node of ours writes. */
#define BEACON_REQUEST_MAX_S (48 * 3600)
#define BEACON_REQUEST_SLACK_S 600 /* clocks that differ, and the rounding */
/* The minute that is `left_s` from `wall_s` (seconds of the epoch) at the earliest. */
uint16_t beacon_expiry(int64_t wall_s, int64_t left_s);
/* Seconds from `wall_s` until that minute begins; 0 and less: it is over. More than
 * BEACON_REQUEST_MAX_S + BEACON_REQUEST_SLACK_S: absurd. */
int64_t beacon_expires_s(uint16_t expiry, int64_t wall_s);

/* A region's name as 16 bits, never 0 but for "": FNV-1a folded. Regions whose names collide are
 * one region to the guard, which keeps an announcer for both together. */
uint16_t beacon_region(const char *name);
/* A shared check's name as 8 bits, never 0. */
uint8_t beacon_fault_of(const char *check);

/* Smallest number of nodes that `share` of `size` allows: rounds down; percent 0..100. */
int beacon_share(int percent, int size);

/* What one other node tells of one lane, from its beacons in the latest view. Nodes out of view
 * have no entry. */
struct peer {
	uint16_t id, nonce;
	int8_t rung; /* of its rung beacon; without one it is out of view */
	uint8_t load, flags;
	uint8_t severity, fault; /* of its intent beacon; NONE and 0 without */
	uint16_t max_suspended;	 /* MAX_FLEET where it said none */
	uint16_t region;	 /* 0: none */
	uint16_t request_region; /* it asks that region to drain; 0: it asks nobody */
	uint16_t request_expiry;
};

#endif
