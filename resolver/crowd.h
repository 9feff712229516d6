/*
 * crowd: how many of each source are there now, as connections of a client. Pure; fixed memory of
 * the caller's.
 *
 * Two rows of counters, each source at a place of its own hash in each: who comes adds one to both,
 * who leaves takes it away, and the smaller one counts (a count-min sketch that forgets exactly). A
 * count is never too low, and too high only where others share both places.
 */
#ifndef RESOLVER_CROWD_H
#define RESOLVER_CROWD_H

#include <stdint.h>

struct crowd {
	uint32_t *counts; /* two rows */
	uint32_t mask;
};

/* `counts` are 2 * `n` zeros; `n` is a power of two, several times what is there at most. */
void crowd_init(struct crowd *c, uint32_t *counts, uint32_t n);
uint32_t crowd_count(const struct crowd *c, uint64_t hash);
void crowd_enter(struct crowd *c, uint64_t hash);
/* Once for each crowd_enter(). */
void crowd_leave(struct crowd *c, uint64_t hash);

#endif
