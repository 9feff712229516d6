/*
 * heed: is this lane to drain because another node asked its region to? Pure.
 *
 * (state, view, now) -> (state', the word, when to call again). A request (docs/fleet.md, kind 3)
 * takes nodes to drain, never further, and only where others are there to take the traffic: the
 * takers, nodes outside of the region that announce better than drain and wish to go nowhere.
 * Stepped with each view.
 */
#ifndef HEALTHD_HEED_H
#define HEALTHD_HEED_H

#include <stdbool.h>
#include <stdint.h>

#include "bgpctl/beacon.h"
#include "lib/mono.h"

struct heed_conf {
	int id;
	uint16_t region; /* ours; 0: none, nobody can ask us */
	bool others;	 /* requests of other nodes count; those made here always do */
	int needed;	 /* takers, at least 1 */
	int64_t settle_ms;
};

struct heed {		    /* a plain value; zero: nothing heard yet */
	bool on;	    /* drain */
	uint16_t from;	    /* who asks; 0: not known, a predecessor heard it */
	struct mono until;  /* the end of the request */
	struct mono lost;   /* since this view or moment nothing is heard of it; never: it is */
	struct mono barred; /* when takers were too few last, or the request was lost */
};

struct heed_in {
	const struct peer *peers; /* borrowed; as the guard has them */
	int n_peers;
	struct mono view_at;		 /* when the observation began that they are from */
	bool fresh;			 /* the guard calls the view that */
	uint16_t own_region, own_expiry; /* the request that is made here; 0: none */
	int64_t wall_s;			 /* seconds of the epoch */
};

enum heed_word {
	HEED_NONE,  /* nobody asks us */
	HEED_ON,    /* heeded */
	HEED_KEPT,  /* heeded, though it is not heard just now: for one settle_ms */
	HEED_DEAF,  /* somebody asks, and the configuration heeds nobody */
	HEED_BLIND, /* heard of before, but the view is no longer fresh */
	HEED_FEW,   /* somebody asks, and takers are too few */
	HEED_WAIT,  /* they are enough again, for less than one settle_ms */
};
#define N_HEED_WORDS 7
const char *heed_word_name(enum heed_word w);  /* "none", "heeded", ... */
const char *heed_word_means(enum heed_word w); /* a sentence's end; static */

struct heed_out {
	struct heed state;
	enum heed_word word;
	int takers;	  /* seen now; -1: no fresh view */
	int requests;	  /* in the view, for whatever region */
	int absurd;	  /* of them: over, or further ahead than any that we write */
	struct mono next; /* call again then at the latest; FOREVER */
};

struct heed_out heed_step(
    const struct heed_conf *conf, struct heed state, const struct heed_in *in, struct mono now);

/* How many others could take the traffic of `region`: outside of it, better than drain, without a
 * wish. `strict`: and in no region that is asked to drain itself, by them or by the own request. */
int heed_takers(const struct heed_in *in, uint16_t region, bool strict);
/* May a request with this expiry be heeded at that time? */
bool heed_sound(uint16_t expiry, int64_t wall_s);

#endif
