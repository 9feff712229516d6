/*
 * scenario: one world and what befalls it, as text. A scenario and a policy make a run; the same
 * two make the same run, to the last decision.
 */
#ifndef TESTS_SIM_SCENARIO_H
#define TESTS_SIM_SCENARIO_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "lib/err.h"

enum { SIM_NODES = 5000, SIM_PLACES = 64, SIM_REGIONS = 4, SIM_FAULTS = 32 };

enum fault_kind {
	FAULT_UPSTREAM,	 /* no upstream; param n > 0: n s without, n s with, again and again */
	FAULT_RECURSION, /* recursion is broken here, upstream is well */
	FAULT_LOCAL,	 /* local data is answered wrongly */
	FAULT_CRASH,	 /* a worker dies param ms after it is ready, again and again */
	FAULT_HANG,	 /* all workers hang; param 1: and each that is started, 0: once */
	FAULT_RELEASE,	 /* all workers are replaced by some that cannot start */
	FAULT_PACKET,	 /* a worker that clients reach dies, param ms in the mean after */
	FAULT_PARTITION, /* no beacons between these nodes and the others */
	FAULT_POWER,	 /* off, and cold when it is on again */
	FAULT_BRAIN,	 /* the brain ends, and another is there after param ms */
	FAULT_BIRD,	 /* BIRD does not answer: no view, and what stands stays */
	FAULT_SESSION,	 /* the exit session is down */
	FAULT_CARRIER,	 /* no carrier on the only uplink */
	FAULT_LIE,	 /* beacons of these nodes are forged; param: enum lie */
	FAULT_SURGE,	 /* clients ask param percent of what they ask otherwise */
};
#define N_FAULT_KINDS 15

enum lie {
	LIE_FULL,   /* says that it is at full, whatever it is */
	LIE_SILENT, /* says that it is silent */
	LIE_VITAL,  /* says that it must go, for ever */
	LIE_BUDGET, /* says that nobody may go */
	LIE_DOUBLE, /* a second beacon of its id, with another nonce */
};
#define N_LIES 5

enum where { WHERE_ALL, WHERE_REGION, WHERE_NODE, WHERE_SHARE /* percent of the nodes */ };

struct fault {
	enum fault_kind kind;
	enum where where;
	int which; /* region, node id, percent */
	int64_t from_ms, to_ms;
	int64_t param;
};

struct scenario {
	char class[24];
	uint64_t seed; /* of all chance in the world */
	int nodes, places, regions;
	int spare; /* capacity, in percent of what clients ask */
	int pull;  /* what a prepended AS is worth to clients: see load.c */
	bool cold; /* begins with everything off; else all have been at the best rung for long */
	int beacon_ms;	/* a beacon's way to another node, in the median */
	int64_t end_ms; /* 0: when all are expected to be well again */
	int n_faults;
	struct fault faults[SIM_FAULTS];
	char expect[40]; /* the promise that a kept seed breaks or broke; "" none */
	char bent[24];	 /* by which mutant; "" the policy as it is */
};

/* The classes of fault, in the order of the table. NULL after the last. */
const char *scenario_class(int n);
/* A scenario of that class; nodes 0: by chance, few. False: no such class. */
bool scenario_make(struct scenario *s, const char *class, uint64_t seed, int nodes);
void scenario_render(FILE *to, const struct scenario *s);
/* 0, or -1 with a sentence. Any input. */
int scenario_parse(FILE *from, struct scenario *s, struct err *err);
const char *fault_kind_name(enum fault_kind k);
/* Does the fault befall this node (1..nodes)? */
bool fault_hits(const struct scenario *s, int fault, int node, int region);
/* When the last of them is over. */
int64_t scenario_quiet_ms(const struct scenario *s);

#endif
