/*
 * chance: numbers that look like chance and follow from what they are asked for. There is no
 * stream: the answer to "is the 17th question of this check at this node lost?" is the same
 * whoever asks first, so that a run is told by its scenario alone.
 */
#ifndef TESTS_SIM_CHANCE_H
#define TESTS_SIM_CHANCE_H

#include <stdint.h>

/* splitmix64 (Steele, Lea, Flood 2014). */
static inline uint64_t
chance_mix(uint64_t z)
{
	z += UINT64_C(0x9e3779b97f4a7c15);
	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static inline uint64_t
chance(uint64_t seed, uint64_t a, uint64_t b, uint64_t c)
{
	return chance_mix(chance_mix(chance_mix(chance_mix(seed) ^ a) ^ b) ^ c);
}

/* 0 <= x < 1. */
static inline double
chance_part(uint64_t x)
{
	return (double)(x >> 11) / 9007199254740992.0;
}

/* least <= n <= most. */
static inline int64_t
chance_in(uint64_t x, int64_t least, int64_t most)
{
	return least + (int64_t)(chance_part(x) * (double)(most - least + 1));
}

#endif
