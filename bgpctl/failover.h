/*
 * failover: what the fleet, as `fleet` tells it (docs/control.md), says of a region that is to be
 * taken out of service, and of those who would take over. Pure.
 *
 * A node counts once, by its worst lane. What it is worth is said by those who look at it from
 * outside (verdicts), by majority, where anybody does; else by what it tells itself.
 */
#ifndef BGPCTL_FAILOVER_H
#define BGPCTL_FAILOVER_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define FAILOVER_WORDS 400

enum taken {	       /* how a node outside of the region is, worst first */
	TAKEN_GONE,    /* out of view, or no better than drain */
	TAKEN_WISHING, /* wishes to go, or most who look at it see it fail */
	TAKEN_FULL,    /* overloaded: it absorbs, or carries its whole capacity and more */
	TAKEN_WELL,
};

struct failover {
	/* the region */
	int nodes, announcing; /* in view; better than drain in some lane */
	int ill;	       /* by verdicts, or by their own word where nobody looks */
	int voted;	       /* of the nodes: somebody has a verdict on them */
	bool own;	       /* this node is one of them */
	/* everybody else */
	int takers, full; /* better than drain, wishing nothing, everywhere; overloaded of them */
	int needed;
	double load; /* the highest that a taker tells, -1: none tells */
	/* the view */
	bool fresh;	 /* of every lane */
	char unwell[80]; /* the first lane of which it is not, and why */
};

/* `answer` is any; this node counts by what it tells. */
struct failover failover_look(const json_t *answer, const char *region);
/* Is this node (of a lane's "nodes") in the region? By name, or by the digest that travels. */
bool failover_inside(const json_t *node, const char *region);
/* NULL, or why no failover should begin: a sentence in `text`. */
const char *
failover_refuses(const struct failover *f, const char *region, char text[static FAILOVER_WORDS]);
/* While those who took over are watched: NULL, or why it should be taken back. `begun` is how it
 * was before. */
const char *failover_breaks(
    const struct failover *begun, const struct failover *f, char text[static FAILOVER_WORDS]);
/* Is the region out of service? */
bool failover_moved(const struct failover *f);
/* One line about the region, and one about the others. */
const char *failover_region_says(
    const struct failover *f, const char *region, char text[static FAILOVER_WORDS]);
const char *failover_takers_say(const struct failover *f, char text[static FAILOVER_WORDS]);

#endif
