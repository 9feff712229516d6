/*
 * check: the words that probes, windows, the score and the ladder share. Pure.
 */
#ifndef HEALTHD_CHECK_H
#define HEALTHD_CHECK_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/mono.h"

#define MAX_CHECKS 64	/* instances, after expansion per lane */
#define MAX_TARGETS 32	/* per instance */

enum check_kind {
	KIND_DNS,	 /* asks a DNS question of our own addresses or workers */
	KIND_UPSTREAM,	 /* asks root, TLD, forwarders or canaries, not through our resolver */
	KIND_RESOURCE,	 /* pressure, memory, disk, descriptors, drops */
	KIND_ERROR_RATE, /* from the scoreboard */
	KIND_CACHE,	 /* from the scoreboard */
	KIND_WORKERS,	 /* enough workers ready */
	KIND_LINK,	 /* carrier, anycast addresses bound */
	KIND_BGP,	 /* sessions, BFD */
	KIND_EXEC,	 /* an operator's script */
	KIND_VANTAGE,	 /* what most of the nodes say that watch this one */
};

/* Class follows from need, not from configuration (design, section 2). */
enum check_class {
	CLASS_SELF,    /* answerable with every uplink cut */
	CLASS_SHARED,  /* may fail at every site at once */
	CLASS_DERIVED, /* whatever upstream can change */
	CLASS_TOLD,    /* what others say of us, who may lie or be cut off: takes nobody under
			  drain, and keeps nobody from drain */
};

/* One probe's end. */
enum outcome {
	OUTCOME_OK,
	OUTCOME_WRONG,	 /* an answer, and not the right one; a reading over its limit */
	OUTCOME_SILENT,	 /* no answer in time, which being slow may explain */
	OUTCOME_UNKNOWN, /* we were not looking: own stall, no descriptor, send buffer full */
	OUTCOME_IDLE,	 /* nothing to judge */
	OUTCOME_GONE,	 /* no answer, and it is said that nobody is there: refused, unreachable */
};
#define N_OUTCOMES 6

enum verdict { VERDICT_IDLE, VERDICT_UNKNOWN, VERDICT_FAIL, VERDICT_OK };

struct sample {
	enum outcome outcome;
	int8_t value; /* 0..100: 100 for OK, 0 for WRONG and SILENT, between for graded readings */
	int32_t rtt_us;	  /* -1: none */
	struct mono sent; /* when the probe was sent: order of cause is judged by this */
	struct mono at;	  /* when it ended */
	char why[64];	  /* "SERVFAIL", "timeout", "MemAvailable 3 % < 5 %"; "" when OK */
};

const char *verdict_name(enum verdict v);
const char *outcome_name(enum outcome o);
const char *check_class_name(enum check_class c);
const char *check_kind_name(enum check_kind k);

#endif
