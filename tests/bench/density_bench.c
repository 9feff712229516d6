/*
 * density_bench ENTRIES MIB: fills a shard of so many MiB through l2_put() with so many typical
 * answers (one A record, names of 20 octets on the average), then finds them. One object of JSON:
 * what stayed, octets for each with the index, nanoseconds a put and a find, beside a worker's own
 * cache of the same entries (as many as a sixteenth).
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "lib/ensure.h"
#include "resolver/l2_shard.h"
#include "tests/bench/trace.h"

#define FINDS 1000000u
#define HOT 4096 /* names that are found again and again, in the processor's caches */

static _Alignas(8) uint8_t memory[ENTRY_ROOM], got[ENTRY_ROOM];
/* Numbers up to here are names of one A record. */
static const struct trace world = {.n_names = UINT32_MAX};

static double
now_ns(void)
{
	struct timespec t;

	/* Of this process: others may be at the machine. */
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static uint32_t
shuffled(uint32_t i, uint32_t n)
{
	return (uint32_t)((uint64_t)i * 2654435761u % n);
}

/* The i-th of the objects that are ONE_A: their kind follows from the number. */
static uint32_t *
typical_new(uint32_t n)
{
	uint32_t *all = malloc(n * sizeof(*all)), found = 0;

	ENSURE(all != NULL);
	for (uint32_t o = 0; found < n; o++)
		if (object_is_typical(&world, o))
			all[found++] = o;
	return all;
}

static double
fill_ns(struct l2 *w, const uint32_t *all, uint32_t n)
{
	double made = now_ns(), put;

	for (uint32_t i = 0; i < n; i++)
		object_entry(&world, all[i], 1000, memory);
	made = now_ns() - made;
	put = now_ns();
	for (uint32_t i = 0; i < n; i++)
		l2_put(w, object_entry(&world, all[i], 1000, memory));
	return (now_ns() - put - made) / n;
}

/* Nanoseconds a find, and the share of hits in percent; finds in another order than put, among the
 * first `of`. */
static double
find_ns(const struct l2 *s, struct l1 *c, const uint32_t *all, uint32_t of, double *share)
{
	double began, keys;
	uint32_t hits = 0, sum = 0;
	struct key k;

	began = now_ns();
	for (uint32_t i = 0; i < FINDS; i++) {
		k = object_key(&world, all[shuffled(i, of)]);
		sum += k.name_length;
	}
	keys = now_ns() - began;
	ENSURE(sum > 0);
	began = now_ns();
	for (uint32_t i = 0; i < FINDS; i++) {
		k = object_key(&world, all[shuffled(i, of)]);
		hits += s != NULL ? l2_find(s, &k, got) != 0 : l1_find(c, &k) != NULL;
	}
	*share = 100.0 * hits / FINDS;
	return (now_ns() - began - keys) / FINDS;
}

static void
l1_measure(const uint32_t *all, uint32_t n)
{
	struct l1 *c = l1_new((size_t)n * 160, n);
	double share, put, cold, hot;

	put = now_ns();
	for (uint32_t i = 0; i < n; i++)
		l1_put(c, object_entry(&world, all[i], 1000, memory));
	put = (now_ns() - put) / n;
	cold = find_ns(NULL, c, all, n, &share);
	hot = find_ns(NULL, c, all, HOT, &share);
	printf(", \"l1_entries\": %u, \"l1_put_ns\": %.0f, \"l1_find_ns\": %.0f, "
	       "\"l1_find_hot_ns\": %.0f",
	    n, put, cold, hot);
	l1_free(c);
}

static double
sweep_ms(int fd)
{
	double began = now_ns();
	struct err err;
	struct l2 *w = l2_open_writer(fd, &err);

	ENSURE(w != NULL);
	l2_close(w);
	return (now_ns() - began) / 1e6;
}

int
main(int argc, char **argv)
{
	uint32_t n = argc == 3 ? (uint32_t)strtoul(argv[1], NULL, 10) : 0, *all;
	size_t bytes = argc == 3 ? strtoul(argv[2], NULL, 10) << 20 : 0;
	double put, find, hot, share, ignored;
	struct l2_stats s;
	struct l2 *w, *r;
	struct err err;
	int fd, hits;

	ENSURE(n >= 16 * HOT && l2_make(bytes, &fd, &err) == 0);
	ENSURE(l2_hits_make(bytes, &hits, &err) == 0);
	w = l2_open_writer(fd, &err);
	r = l2_open_reader(fd, &err);
	ENSURE(w != NULL && r != NULL);
	ENSURE(l2_hits_use(w, hits, &err) == 0 && l2_hits_use(r, hits, &err) == 0);
	all = typical_new(n);
	put = fill_ns(w, all, n);
	l2_stats(w, &s);
	find = find_ns(r, NULL, all, n, &share);
	hot = find_ns(r, NULL, all, HOT, &ignored);
	printf("{\"asked_to_hold\": %u, \"mib\": %zu, \"entries\": %llu, \"evicted\": %llu, "
	       "\"record_octets\": %.1f, \"octets_an_entry\": %.1f, \"hits_mib\": %.1f, "
	       "\"writer_mib\": %.1f, \"put_ns\": %.0f, \"find_ns\": %.0f, \"find_hot_ns\": %.0f, "
	       "\"found_percent\": %.2f",
	    n, bytes >> 20, (unsigned long long)s.entries, (unsigned long long)s.evictions,
	    (double)s.bytes_used / (double)s.puts, (double)bytes / (double)s.entries,
	    (double)r->hits_bytes / 1048576, (double)w->n_ghosts * 2 / 1048576, put, find, hot,
	    share);
	l1_measure(all, n / 16);
	l2_close(w);
	printf(", \"takeover_ms\": %.0f}\n", sweep_ms(fd));
	l2_close(r);
	free(all);
	return 0;
}
