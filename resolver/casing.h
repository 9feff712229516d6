/*
 * casing: how a server is asked by UDP, by what it does with the letters of names. Pure.
 *
 * Letters in random case that the answer has to bring back as they went (0x20: Dagon et al., 2008)
 * are a bit each that a forger has to guess beside id and port. Most servers copy the question; one
 * that does not is no less good for it. So an answer that is right but for the case is not
 * believed, and its question goes by TCP, where nobody can guess. Whoever has done so CASING_ROW
 * times in a row, never once right, is asked by TCP at once; and where that cannot be had either,
 * as often in a row, by UDP in lower case, as all were before there was any of this. To bring a
 * server that keeps the case there a forger would have to guess id and port that often, each time
 * before it answers. What is learnt lives as long as the process.
 */
#ifndef RESOLVER_CASING_H
#define RESOLVER_CASING_H

#include <stdbool.h>
#include <stdint.h>

#define CASING_ROW 3

enum casing_way {
	CASING_MIXED,  /* by UDP in random case */
	CASING_STREAM, /* by TCP */
	CASING_PLAIN,  /* by UDP in lower case */
};
enum casing_event {
	CASING_KEPT,	      /* by UDP: the answer had the case of a question that had capitals */
	CASING_FOLDED,	      /* ... it was right but for that */
	CASING_STREAM_TOLD,   /* what went by TCP for the case's sake was answered */
	CASING_STREAM_FAILED, /* ... was not */
};
/* Zeros: nothing known, random case. */
struct casing {
	bool off; /* not to be had: in lower case always */
	uint8_t folded, failed; /* in a row, up to CASING_ROW */
};

enum casing_way casing_way(const struct casing *c);
struct casing casing_step(struct casing c, enum casing_event event);

#endif
