/*
 * bench_clock: what benches share that time single calls: a clock in nanoseconds, what reading it
 * costs, and an order for quantiles.
 */
#ifndef TESTS_BENCH_BENCH_CLOCK_H
#define TESTS_BENCH_BENCH_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline int64_t
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* For qsort() of int64_t. */
static inline int
by_size(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/* The least that two readings are apart. */
static inline int64_t
clock_ns(void)
{
	int64_t least = INT64_MAX;

	for (int n = 0; n < 10000; n++) {
		int64_t a = now_ns(), b = now_ns();

		least = b - a < least ? b - a : least;
	}
	return least;
}

#endif
