/*
 * guard: may this lane of this node go silent, as far as the fleet is concerned? Pure.
 *
 * (state, view, now) -> (state', what is allowed, what to publish, when to call again). Design,
 * section 5, and docs/fleet.md are the specification; tests/model/guard_model.c the promises.
 * Continuous: it is stepped at each view and each change of the lane, and what it allowed a moment
 * ago it may take back.
 */
#ifndef HEALTHD_GUARD_H
#define HEALTHD_GUARD_H

#include <stdbool.h>
#include <stdint.h>

#include "bgpctl/beacon.h"
#include "lib/mono.h"

struct guard_conf {
	int id, size; /* 1..MAX_FLEET; 0: no fleet, every step says FLEET_NONE */
	int min_announcing, max_suspended;
	uint16_t region;   /* 0: none */
	int64_t settle_ms; /* more than twice a beacon's worst delay, and view_max_age_ms besides */
	int64_t view_max_age_ms;
};

struct guard {			 /* a plain value */
	uint8_t severity, fault; /* published */
	struct mono risen;	 /* when severity last rose as published; never: no intent */
	struct mono frozen_until;
	struct mono born; /* the first step */
};

struct guard_in {
	const struct peer *peers; /* borrowed; ascending by id, each once, our own id left out */
	int n_peers;
	struct mono view_at; /* when the observation began that the peers are from; never: none */
	bool conflict;	     /* our own id is seen with a foreign nonce */
	bool session_lost;   /* a fleet session went down since the last step */
	bool silent;	     /* this lane is ordered or proven silent */
	bool discretionary;  /* ... for its score, and vitally well: may be told to return */
	uint8_t severity;    /* wished now: SEVERITY_NONE, LOW, HIGH, VITAL */
	uint8_t fault;	     /* of a shared check that fails here, 0 none */
};

enum fleet_standing { FLEET_NONE, FLEET_STALE, FLEET_ISOLATED, FLEET_FRESH };
const char *fleet_standing_name(enum fleet_standing s);

struct guard_out {
	struct guard state; /* state.severity, state.fault: publish these */
	enum fleet_standing standing;
	bool vital;	 /* a vital failure may go silent at once */
	bool granted;	 /* the published intent may be carried out now; false once silent */
	bool back;	 /* discretionarily silent: return to drain at once */
	bool emergency;	 /* fewer than min_announcing others announce, can answer and tell no
			    overload, as far as is seen */
	bool keep;	 /* most of the fleet reports our own shared fault: keep the rung */
	int8_t strained; /* the best rung at which another tells overload; RUNG_SILENT: nobody */
	int in_view, announcing,
	    suspended;	     /* others in view; announcing; suspended, out of view included */
	int budget, rank;    /* rank: how many are suspended or go first */
	struct mono next;    /* call again then at the latest; FOREVER */
	const char *because; /* static text about the most important of the above, never NULL */
};

struct guard guard_init(void);
struct guard_out guard_step(
    const struct guard_conf *conf, struct guard state, const struct guard_in *in, struct mono now);

#endif
