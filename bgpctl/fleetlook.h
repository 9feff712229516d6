/*
 * fleetlook: BIRD's answer about the table of beacons as the views of our lanes. Pure: rows come
 * in as they arrive, nothing is kept of them but what they say of a node, so the size of an answer
 * does not matter. docs/fleet.md says what is believed.
 *
 * Of several routes for one beacon of one node (route reflectors) the worse word is believed: the
 * lower rung, the more severe intent; of verdicts that differ none, of requests the one with the
 * lower number, so that all see the same. Two nonces for one id are two nodes, and neither is in
 * view.
 */
#ifndef BGPCTL_FLEETLOOK_H
#define BGPCTL_FLEETLOOK_H

#include "bgpctl/beacon.h"
#include "bgpctl/site.h"
#include "lib/mono.h"

enum fleet_drop {     /* why a route was not believed */
	DROP_OUTSIDE, /* no host route of a block */
	DROP_ID,
	DROP_NUMBER, /* no number, or several */
	DROP_VERSION,
	DROP_ABSURD,
	DROP_CUT,      /* BIRD's answer about it was cut */
	DROP_CONFLICT, /* of a node whose id has another nonce too */
	DROP_WATCHED,  /* a verdict on nobody: an id that is none, its own, or there twice; the
			  others of that beacon are believed */
};
#define N_FLEET_DROPS 8
const char *fleet_drop_name(enum fleet_drop d); /* "outside", ... */

struct fleet_node {	  /* what one id tells */
	struct peer peer; /* rung -1: no rung beacon */
	bool known;	  /* some beacon of it is there */
	bool nonce_known; /* ... that has one */
	bool conflict;
	bool verdicts_known;
	uint8_t verdicts[MAX_WATCHED];		 /* enum beacon_verdict */
	uint16_t watched[MAX_WATCHED];		 /* ids, 0 none; no two alike, never its own */
	uint16_t size;				 /* of the fleet, as it has it; 0 not told */
	struct mono since;			 /* told the same without a break */
};

struct fleet_view {
	struct mono at; /* when the observation began; never: none */
	int n_peers;
	struct peer *peers;	  /* ascending by id, ours and conflicts left out; room for size */
	struct fleet_node *nodes; /* by id, 0 unused; size + 1 of them */
	bool conflict;		  /* our own id with a foreign nonce */
	uint16_t foreign;	  /* that nonce */
	/* Our own verdicts beacon as BIRD has it: which ids its filter says that we watch. */
	bool own_known;
	uint16_t own_watched[MAX_WATCHED];
	uint64_t dropped[N_FLEET_DROPS]; /* routes, so far */
	/* private: the observation in progress */
	struct fleet_node *next;
	bool next_conflict;
	uint16_t next_foreign;
	bool next_own_known;
	uint16_t next_own_watched[MAX_WATCHED];
};

struct fleetlook {
	const struct site *site;  /* borrowed */
	int nonce;		  /* ours, -1 none */
	struct fleet_view *views; /* one per lane of the site; borrowed */
	/* private */
	enum family family;
	struct mono began;
	uint32_t lanes;
	char net[PREFIX_TEXT];
	struct fleet_route {
		bool any, own, cut, in_large;
		int n_numbers;
		uint32_t number, suspended, region, size, watched[MAX_WATCHED];
		uint32_t twice; /* bits of `watched`: two ids for one place */
	} route;
};

/* `views`: the lanes with beacons have their arrays, see fleet_view; zeroed. */
void
fleetlook_init(struct fleetlook *l, const struct site *site, int nonce, struct fleet_view *views);
void fleetlook_begin(struct fleetlook *l, enum family f, struct mono now);
void fleetlook_row(struct fleetlook *l, int code, const char *text);
/* The answer is complete. False when it was none: the views stay as they were. */
bool fleetlook_done(struct fleetlook *l, int code);

#endif
