/*
 * breaker: whether an upstream is worth asking: recursion as a whole, or one backup resolver. Pure.
 *
 *     closed --BREAKER_FAILURES in a row, and a trial that fails--> open
 *     open --after BREAKER_OPEN_MS--> half-open: one trial --well--> closed, --bad--> open again
 *
 * A trial is a question of our own, which no client chose; no client's question is staked on a
 * doubtful upstream. In a row counts only what tells of the upstream rather than of one corner of
 * the Internet: of failures about the same zone the first alone. And even failures of many zones
 * only raise a suspicion: whoever asks for broken domains makes as many of them as he likes. The
 * trial decides. See docs/decisions/0022.
 *
 * Any answer that came from outside closes it at once.
 */
#ifndef RESOLVER_BREAKER_H
#define RESOLVER_BREAKER_H

#include "lib/mono.h"
#include "lib/scoreboard.h"
#include "resolver/entry.h"

#define BREAKER_FAILURES 5
#define BREAKER_OPEN_MS 30000 /* until the next trial */
#define BREAKER_DOUBT_MS 5000 /* after a trial that went well in spite of such a row */

/* Zeros: closed, nothing known. */
struct breaker {
	enum score_breaker state;
	bool trying;	   /* a trial is under way */
	uint8_t row;	   /* failures that count, up to BREAKER_FAILURES */
	struct mono since; /* of the last change of state */
	struct mono due;   /* no trial before */
	uint64_t zones[BREAKER_FAILURES]; /* of the failures */
};
enum breaker_event {
	BREAKER_ANSWERED, /* an answer came, whatever it said */
	BREAKER_FAILED,	  /* none came, or an error where others would do better */
	BREAKER_WELL,	  /* the trial was answered */
	BREAKER_BAD,	  /* it was not */
	BREAKER_TIME,	  /* time has passed */
};
struct breaker_update {
	struct breaker next;
	bool trial; /* start one now, and tell how it ends */
};

/* `zone`: what a failure was about (breaker_zone()), 0: the upstream itself, which always counts
 * (no connection). Of the other events it means nothing. */
struct breaker_update breaker_step(
    struct breaker b, enum breaker_event event, uint64_t zone, struct mono now);
/* When BREAKER_TIME is due; MONO_FOREVER: no need. */
struct mono breaker_wake(const struct breaker *b);
/* The zone that a question's failure is put down to: the last two labels, so never finer than what
 * one owner may have; not 0. Collisions cost an opening, and open nothing. */
uint64_t breaker_zone(const struct key *k);
const char *breaker_name(enum score_breaker state); /* "closed", "open", "half-open" */

#endif
