/*
 * leave: at SIGTERM, when the drain has done what it is for. Pure.
 *
 * It ends when our clients' queries have fallen under 1 % of what they were before, or by time,
 * whichever comes first, but not within the first second (design, section 1; decision 0003). Rates
 * are in queries per 1000 seconds, so that whole numbers do. What our own probes ask through the
 * resolver is taken off: it goes on to the end.
 */
#ifndef HEALTHD_LEAVE_H
#define HEALTHD_LEAVE_H

#include <stdbool.h>
#include <stdint.h>

#define LEAVE_LEAST_MS 1000

struct leave {
	int64_t drain_ms; /* the longest */
	bool counted;	  /* somebody counts queries: else only time ends it */
	int64_t before;	  /* rate when the drain began */
	int64_t probes;	  /* rate of our own */
};

enum leave_because { LEAVE_NOT, LEAVE_TIME, LEAVE_EMPTY };

/* For so long must be counted that 1 % of the rate before can be told from nothing: as long as
 * 100 queries took, a second at least. */
int64_t leave_look_ms(const struct leave *l);
/* `since_ms` after the drain began, with `seen` queries in the last `look_ms`. */
enum leave_because leave_step(const struct leave *l, int64_t since_ms, uint64_t seen,
    int64_t look_ms);

#endif
