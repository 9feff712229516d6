/*
 * policy: what a cache keeps, as models over objects' numbers, and as the real thing.
 */
#ifndef BENCH_POLICY_H
#define BENCH_POLICY_H

#include "tests/bench/trace.h"

struct policy {
	const char *name;
	void *(*new)(uint64_t bytes, const struct trace *t);
	/* Asks for an object, and puts it when it is not there or past its time. True: a hit. */
	bool (*ask)(void *cache, uint32_t object, uint32_t now_s);
	void (*free)(void *cache);
};

extern const struct policy lru, clock_, sieve, s3fifo;		  /* policy_lists.c */
extern const struct policy fifo_segments, ttl_segments;		  /* policy_segments.c */
extern const struct policy real_l1, real_l2, real_l2_blind, real_both, real_both_blind;

#endif
