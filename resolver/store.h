/*
 * store: the two cache layers a worker reads.
 *
 * Both keep what is asked rather than what is new (S3-FIFO; decision 0020).
 *
 * L1: in the worker's own memory. L2: one shard per engine in a sealed memfd; the engine is its
 * only writer, workers map it read-only and read by seqlock (copy, recheck, validate the copy); an
 * odd sequence (a writer killed in the middle) is a miss, never a wait, and the next engine sweeps
 * it. Versioned; another layout, size or damage is detected and the shard begun anew.
 *
 * Both take sound entries only (entry_valid(), or fresh from entry_build()) and keep expired ones
 * until their memory is wanted (see entry_fresh). What is put replaces what is there for its key,
 * also where it is itself not kept (a ttl_s of 0): nobody is told an older answer than the last.
 * Whoever would rather have a stale answer than a failure does not put the failure.
 */
#ifndef RESOLVER_STORE_H
#define RESOLVER_STORE_H

#include "lib/err.h"
#include "resolver/entry.h"

#define L1_BYTES_MIN (64 << 10)
#define L2_BYTES_MIN (1 << 20)
#define L2_BYTES_MAX ((size_t)32 << 30)

struct l1;
/* `bytes` (at least L1_BYTES_MIN) for entries, and an index that suits about `entries` of them (0:
 * as many as are likely to fit). All memory is taken and touched now. Ends the process when there
 * is none. */
struct l1 *l1_new(size_t bytes, size_t entries);
void l1_free(struct l1 *c); /* NULL is fine */
/* Borrowed until the next l1_ call that changes it; NULL: a miss. */
const struct entry *l1_find(struct l1 *c, const struct key *k);
/* For a batch: has the CPU fetch what l1_find() will look at, first the index (of all keys), then,
 * with `index` false, the entry itself. */
void l1_prefetch(const struct l1 *c, const struct key *k, bool index);
/* `e` is copied, and does not lie in this cache. One of more than a twentieth of the cache is not
 * kept. */
void l1_put(struct l1 *c, const struct entry *e);
void l1_clear(struct l1 *c);
struct l1_stats {
	uint64_t entries, bytes_used, bytes, puts, evictions;
};
void l1_stats(const struct l1 *c, struct l1_stats *out);

struct l2;
/* A new sealed memfd of so many bytes (whole pages; L2_BYTES_MIN to L2_BYTES_MAX), its layout
 * written; *fd owned by the caller, who takes readers' descriptors off it by sealed_reopen() before
 * it drops privileges: mode 0600 lets only its maker do that. 0 or -1. */
int l2_make(size_t bytes, int *fd, struct err *err);
/* Is it a shard of that size and layout, whatever is in it? */
bool l2_fits(int fd, size_t bytes);
/* For the engine: takes a shard over (after a crash: swept, in a time that goes with its size, some
 * 100 ms a GiB). Made anew in place when damaged. An error while another process writes it, or when
 * the memory is another user's. `fd` may be closed after. The writer's lock dies with the process;
 * one that forks must not let the child live on with it. */
struct l2 *l2_open_writer(int fd, struct err *err);
/* `fd` may be closed after, too. What is in the shard does not matter: until a writer has mended
 * it, all is a miss. */
struct l2 *l2_open_reader(int fd, struct err *err);
void l2_close(struct l2 *s); /* NULL is fine */
/*
 * What readers tell the writer of hits: a sealed memfd for a shard of so many bytes, a 64th of it,
 * that both may write. Whatever stands in it decides how long entries stay, and nothing else: it
 * may be of another writer's time, of nobody's, or hostile. Without it a shard forgets the oldest.
 */
int l2_hits_make(size_t shard_bytes, int *fd, struct err *err);
bool l2_hits_fit(int fd, size_t shard_bytes);
/* From now on a reader tells its hits there, a writer heeds them. `fd` may be closed after. 0 or
 * -1: it is none for this shard, and all is as before. */
int l2_hits_use(struct l2 *s, int fd, struct err *err);
void l2_put(struct l2 *s, const struct entry *e);
void l2_drop(struct l2 *s, const struct key *k);
/* Drops all entries that `match` says so of, for readers at once, and then counts one purge more:
 * whoever keeps copies drops them when l2_purges() changes. `match` may be shown replaced ones as
 * well; of a damaged segment all go, unseen. How many went. */
uint64_t l2_purge(struct l2 *s, bool (*match)(const struct entry *e, void *arg), void *arg);
/* What a reader then sees of the shard is what stands after that purge. */
uint64_t l2_purges(const struct l2 *s);
/* Copies into `out` (ENTRY_ROOM octets, aligned to 8) and validates; its size, 0: a miss. Never
 * waits. */
size_t l2_find(const struct l2 *s, const struct key *k, void *out);
/* The best that so many shards have of a key, copied as by l2_find(); of equals that of the key's
 * own (key_shard()): an engine that stands in for one that is away keeps the answer in its own
 * shard, and does not know what is in the other's. NULL: one that is not there. Which one has it,
 * -1: none. */
int l2_best(const struct l2 *const shards[], int n, const struct key *k, int64_t now_s,
    void *out);
/* How far a look at all of a shard has come. Zeros are its begin. */
struct l2_walk {
	uint64_t bucket;
	int slot;
	bool again; /* the second round, of what was not asked again yet */
};
/* One entry after the other, as l2_find() has it: first those of the main log, then the others. Its
 * size; 0: there are no more. What is put meanwhile may be seen or not. */
size_t l2_next(const struct l2 *s, struct l2_walk *w, void *out);
/* A put makes nothing else go: there is memory that was never used. */
bool l2_roomy(const struct l2 *s);
/* So many of the entries came from a snapshot; for l2_stats() alone. */
void l2_tell_loaded(struct l2 *s, uint64_t entries);
struct l2_stats {
	uint64_t entries, bytes_used, bytes, puts, evictions;
	uint64_t kept;	 /* times an entry was asked, and so stayed when its turn to go came */
	uint64_t torn;	 /* buckets that a writer was killed in, found by the next */
	uint64_t sweeps; /* writers that took it over */
	uint64_t remade; /* times it was damaged */
	uint64_t purges;
	uint64_t loaded; /* entries that a snapshot brought */
	uint64_t writer;   /* pid of the last one that took it over */
	uint64_t since_us; /* when it did, CLOCK_BOOTTIME */
};
void l2_stats(const struct l2 *s, struct l2_stats *out);

#endif
