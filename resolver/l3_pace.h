/*
 * l3_pace: when a Redis server is spoken to, and whether recursion waits for its answer: its
 * breaker. Pure.
 *
 * A server is down, greeted, or up. Lost ones are tried again after a pause that doubles from
 * L3_PAUSE_MS to L3_PAUSE_MAX_MS and starts anew once it has been useful for a while. Errors in a
 * row lose it as silence does. Answers that come too late for the race do not, but after a few of
 * them in a row nobody waits any more, until one is in time again.
 */
#ifndef RESOLVER_L3_PACE_H
#define RESOLVER_L3_PACE_H

#include "lib/mono.h"

#define L3_PAUSE_MS 100
#define L3_PAUSE_MAX_MS 10000
#define L3_USEFUL_MS 10000 /* up for so long, and answering */
#define L3_ERRORS 5
#define L3_LATES 8

enum l3_state { L3_DOWN, L3_GREETED, L3_UP };

/* Zeros: down, and never tried. */
struct l3_pace {
	enum l3_state state;
	uint32_t losses; /* since it was useful */
	uint32_t errors, lates; /* in a row */
	bool answered;		/* since it came up */
	struct mono since;	/* of `state` */
};

void l3_pace_greet(struct l3_pace *p, struct mono now);
void l3_pace_up(struct l3_pace *p, struct mono now);
/* How many milliseconds to leave it alone. `chance` spreads nodes that lost it at one moment. */
int64_t l3_pace_lost(struct l3_pace *p, struct mono now, uint32_t chance);
/* A good answer, in time for the race or not. */
void l3_pace_answer(struct l3_pace *p, bool in_time);
/* An error told as answer. True: that is enough, it is to be left alone. */
bool l3_pace_error(struct l3_pace *p);
/* Shall recursion wait for it? */
bool l3_pace_waits(const struct l3_pace *p);

#endif
