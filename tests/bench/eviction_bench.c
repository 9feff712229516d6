/*
 * eviction_bench NAMES REQUESTS SEEDS: hit ratio by policy, trace and size of the cache, in percent
 * of the octets of all names asked. One object of JSON; tests/bench/eviction makes tables of it.
 */
#include <stdio.h>
#include <stdlib.h>

#include "lib/ensure.h"
#include "tests/bench/policy.h"

#define SEEDS_MAX 9

static const struct policy *const policies[] = {&fifo_segments, &lru, &clock_, &sieve,
    &ttl_segments, &s3fifo, &real_l1, &real_l2_blind, &real_l2, &real_both_blind, &real_both};
static const unsigned percents[] = {1, 5, 10, 25};
#define N_POLICIES (sizeof(policies) / sizeof(policies[0]))
#define N_PERCENTS (sizeof(percents) / sizeof(percents[0]))

static double ratios[N_POLICIES][N_PERCENTS][SEEDS_MAX];

static double
run(const struct policy *p, const struct trace *t, uint64_t bytes)
{
	void *cache = p->new (bytes, t);
	uint32_t hits = 0;

	for (uint32_t i = 0; i < t->n_requests; i++)
		hits += p->ask(cache, t->asked[i], trace_second(t, i));
	p->free(cache);
	return 100.0 * hits / t->n_requests;
}

/* An entry that is none would be found by nobody, and all ratios be 0. */
static void
objects_check(const struct trace *t)
{
	static _Alignas(8) uint8_t memory[ENTRY_ROOM];

	for (uint32_t o = 0; o < 2000; o++) {
		struct key k = object_key(t, o);
		const struct entry *e = object_entry(t, o, 1000, memory);

		ENSURE(entry_valid(e, e->size, &k));
	}
}

static int
compare(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void
print_ratios(size_t p, int seeds)
{
	printf("%s\n     {\"policy\": \"%s\"", p > 0 ? "," : "", policies[p]->name);
	for (size_t i = 0; i < N_PERCENTS; i++) {
		double *r = ratios[p][i];

		qsort(r, (size_t)seeds, sizeof(*r), compare);
		printf(
		    ", \"%u\": [%.2f, %.2f, %.2f]", percents[i], r[seeds / 2], r[0], r[seeds - 1]);
	}
	printf("}");
}

static void
trace_run(enum trace_kind kind, uint32_t names, uint32_t requests, int seeds)
{
	uint64_t footprint = 0, distinct = 0;

	for (int seed = 0; seed < seeds; seed++) {
		struct trace *t = trace_new(kind, names, requests, (uint64_t)seed + 1);

		objects_check(t);
		footprint = t->footprint;
		distinct = t->distinct;
		for (size_t p = 0; p < N_POLICIES; p++)
			for (size_t i = 0; i < N_PERCENTS; i++)
				ratios[p][i][seed] =
				    run(policies[p], t, t->footprint * percents[i] / 100);
		trace_free(t);
	}
	printf("%s\n  {\"trace\": \"%s\", \"distinct\": %llu, \"footprint\": %llu, \"rows\": [",
	    kind > 0 ? "," : "", trace_names[kind], (unsigned long long)distinct,
	    (unsigned long long)footprint);
	for (size_t p = 0; p < N_POLICIES; p++)
		print_ratios(p, seeds);
	printf("]}");
	fflush(stdout);
}

int
main(int argc, char **argv)
{
	uint32_t names, requests;
	int seeds;

	if (argc != 4) {
		fprintf(stderr, "eviction_bench NAMES REQUESTS SEEDS\n");
		return 2;
	}
	names = (uint32_t)strtoul(argv[1], NULL, 10);
	requests = (uint32_t)strtoul(argv[2], NULL, 10);
	seeds = atoi(argv[3]);
	ENSURE(names >= 2000 && requests >= 10000 && seeds >= 1 && seeds <= SEEDS_MAX);
	printf("{\"names\": %u, \"requests\": %u, \"seeds\": %d, \"traces\": [", names, requests,
	    seeds);
	for (enum trace_kind kind = 0; kind < N_TRACES; kind++)
		trace_run(kind, names, requests, seeds);
	printf("]}\n");
	return 0;
}
