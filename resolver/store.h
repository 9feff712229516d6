/*
 * store: the two cache layers a worker reads.
 *
 * L1: in the worker's own memory. L2: one shard per engine in a sealed memfd; the engine is its only
 * writer, workers map it read-only and read by seqlock (copy, recheck, validate the copy); an odd
 * sequence (a writer killed in the middle) is a miss, never a wait, and the next engine sweeps it.
 * Versioned; another layout, size or damage is detected and the shard begun anew.
 */
#ifndef RESOLVER_STORE_H
#define RESOLVER_STORE_H

#include "lib/err.h"
#include "resolver/entry.h"

struct l1;
struct l1 *l1_new(size_t bytes, size_t entries);
void l1_free(struct l1 *c);
/* Borrowed until the next l1_ call; NULL: a miss. Expired entries are returned too (see entry_fresh). */
const struct entry *l1_find(struct l1 *c, const struct key *k);
void l1_put(struct l1 *c, const struct entry *e);
void l1_drop(struct l1 *c, const struct key *k);

struct l2;
/* A new sealed memfd of so many bytes, its layout written; *fd owned by the caller. */
int l2_make(size_t bytes, int *fd, struct err *err);
/* For the engine: takes a shard over (after a crash: swept). Made anew in place when damaged. */
struct l2 *l2_open_writer(int fd, struct err *err);
struct l2 *l2_open_reader(int fd, struct err *err);
void l2_close(struct l2 *s);
void l2_put(struct l2 *s, const struct entry *e);
void l2_drop(struct l2 *s, const struct key *k);
/* Copies into `out` (ENTRY_MAX + 1024 bytes) and validates; its size, 0: a miss. Never waits. */
size_t l2_find(const struct l2 *s, const struct key *k, void *out);
struct l2_stats {
	uint64_t entries, bytes_used, bytes, puts, evictions, torn, sweeps;
};
void l2_stats(const struct l2 *s, struct l2_stats *out);

#endif
