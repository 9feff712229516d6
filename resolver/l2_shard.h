/*
 * l2_shard: how a shard lies in memory, and what its reader and writer share of the code.
 *
 *     header | segment table | buckets | segments of the log
 *
 * All places follow from the size (l2_shape_of()), so nobody believes a length that stands in the
 * shard. Everything in it is read as if anybody had written it.
 *
 * - The log is made of equal segments, and there are two logs in it, each with an open segment that
 * is appended to: the small one takes what is new, the main one what was asked again. A record is a
 * packed entry (packed.h). Which records go when segments run out: l2_log.c, decision 0020.
 * - The index is a table of buckets, a cache line each: a sequence and 10 slots. A slot is 16 bits
 * of the key's hash and the record's place in units of 8 octets; place 0 is none (the header).
 * - The writer makes a bucket's sequence odd, changes slots, makes it even. A record is complete
 * before a slot leads to it, and no slot leads to it when its octets are written over. So a reader
 * that finds the bucket's sequence even and unchanged after it has copied a record holds what was
 * written. Order: the writer's odd sequence, release fence, changes; the reader's copy, acquire
 * fence, sequence.
 * - The checksum (xxh3, seeded by the shard's random seed) is for what the sequence cannot see:
 * memory damaged, or a writer gone mad.
 * - A writer may be killed at any instruction. Then at most one bucket is odd (a miss until the
 * next writer sweeps), and octets behind `used` of an open segment may be of no meaning.
 * - Hits are told in a memory of its own, an octet for 64 of the log, which readers may write. So
 * anybody may have written anything there: it decides what is kept longer, and nothing else.
 */
#ifndef RESOLVER_L2_SHARD_H
#define RESOLVER_L2_SHARD_H

#include <stdatomic.h>

#include "resolver/packed.h"
#include "resolver/store.h"

#define L2_MAGIC 0x3376326c706f7061u /* with the layout's version, 3 */
#define L2_SLOTS 10
#define L2_NONE UINT64_MAX /* no segment */
#define L2_HEAD_WORDS (sizeof(struct packed) / 8)
#define L2_HITS_MAX 3	  /* so many are counted */
#define L2_HITS_OCTETS 64 /* of the log have one count */

struct l2_header {
	_Atomic uint64_t magic; /* the last word to be written when a shard is made */
	_Atomic uint64_t seed, check; /* checksum of magic, seed and shape */
	/* What follows is only told, never believed. */
	_Alignas(64) _Atomic uint64_t entries, bytes_used, puts, evictions, torn, sweeps, remade;
	_Atomic uint64_t purges, writer, since_us, kept, loaded;
};
enum l2_log { L2_SMALL, L2_MAIN, L2_LOGS };
struct l2_segment {
	_Atomic uint64_t age;  /* of the order in which they were begun; 0: free */
	_Atomic uint32_t used; /* octets of whole records */
	_Atomic uint32_t log;  /* enum l2_log */
};
struct l2_bucket {
	_Alignas(64) _Atomic uint32_t sequence;
	_Atomic uint32_t place[L2_SLOTS];
	_Atomic uint16_t tag[L2_SLOTS];
};

/* Places are offsets from the shard's begin. */
struct l2_shape {
	uint64_t bytes, n_buckets, n_segments, segment_bytes;
	uint64_t segments_at, buckets_at, log_at;
};

/* The writer's own memory of a segment. */
struct l2_own {
	uint64_t age;
	uint32_t used, log;
};

struct l2 {
	struct l2_shape shape;
	uint8_t *memory; /* mapped */
	struct l2_header *header;
	struct l2_segment *segments;
	struct l2_bucket *buckets;
	_Atomic uint8_t *hits; /* mapped; NULL: nobody tells */
	size_t hits_bytes;

	/* What follows is the writer's. */
	int fd; /* its lock hangs on it; owned. -1: a reader */
	struct l2_own *own; /* owned; NULL: a reader */
	/* Owned; by hash, 15 other bits of it: what left the small log without being asked. */
	uint16_t *ghosts;
	uint64_t n_ghosts;
	struct entry *opened; /* owned; the record that is looked at */
	uint64_t age, n_free, n_of[L2_LOGS], open[L2_LOGS];
	struct {
		uint64_t segment, at, kept; /* L2_NONE: none is */
	} clean; /* the segment that is being emptied, how far, and octets that were kept of it */
	int64_t now_s; /* the latest time at which anything was stored */
};

/* False when `bytes` is no size of a shard. */
bool l2_shape_of(size_t bytes, struct l2_shape *out);
uint64_t l2_header_check(const struct l2_shape *shape, uint64_t seed);

static inline struct l2_bucket *
l2_bucket_of(const struct l2 *s, uint64_t hash)
{
	return &s->buckets[(hash & UINT32_MAX) * s->shape.n_buckets >> 32];
}

static inline uint16_t
l2_tag_of(uint64_t hash)
{
	return (uint16_t)(hash >> 48);
}

/* Of a place within the log. */
static inline _Atomic uint8_t *
l2_hits_of(const struct l2 *s, uint64_t place)
{
	return &s->hits[(place - s->shape.log_at) / L2_HITS_OCTETS];
}

/* Where the last segment ends. What lies behind it is of no segment, has no count of hits, and is
 * not looked at, whatever a slot says. */
static inline uint64_t
l2_log_end(const struct l2 *s)
{
	return s->shape.log_at + s->shape.n_segments * s->shape.segment_bytes;
}

static inline uint64_t
l2_seed_of(const struct l2 *s)
{
	return atomic_load_explicit(&s->header->seed, memory_order_relaxed);
}

/* One writer's: nobody else counts here. */
static inline void
l2_count(_Atomic uint64_t *counter, int64_t n)
{
	atomic_store_explicit(counter,
	    atomic_load_explicit(counter, memory_order_relaxed) + (uint64_t)n,
	    memory_order_relaxed);
}

/* Begins a shard anew: no entries, another seed. What readers see meanwhile is a miss. */
int l2_format(struct l2 *s, struct err *err);
/* After another writer: takes over its segment table and mends the index. False: all is damaged. */
bool l2_sweep(struct l2 *s);

/* l2_index.c. A bucket between begin and end is a miss to readers. */
void l2_bucket_begin(struct l2_bucket *b);
void l2_bucket_end(struct l2_bucket *b);
static inline uint64_t
l2_place_of(const struct l2_bucket *b, int slot)
{
	return 8 * (uint64_t)atomic_load_explicit(&b->place[slot], memory_order_relaxed);
}
/* The slot that leads to this place, or to a sound record of this key; -1: none. */
int l2_slot_at(const struct l2_bucket *b, uint64_t place);
int l2_slot_find(const struct l2 *s, const struct l2_bucket *b, const struct key *k, uint64_t hash);
/* A free slot, or that of the record which is to go first. */
int l2_slot_room(const struct l2 *s, const struct l2_bucket *b);
void l2_slot_set(struct l2_bucket *b, int slot, uint64_t place, uint64_t hash);
void l2_slot_drop(struct l2 *s, struct l2_bucket *b, int slot);

/* l2_read.c: copies the record at a place: its header into `head`, its body to where `out`, an
 * entry of ENTRY_ROOM octets, has its own. False when that can't be. The writer may be at the same
 * words, so what comes out may be torn. */
bool l2_record_copy(const struct l2 *s, uint64_t place, struct packed *head, struct entry *out);

/* l2_log.c. Of a place within the log; else n_segments or more. */
uint64_t l2_segment_of(const struct l2 *s, uint64_t place);
uint64_t l2_segment_place(const struct l2 *s, uint64_t segment);
/* The record at this place, within what is used of its segment, as an entry in s->opened; NULL: it
 * is not sound. */
const struct entry *l2_record_open(const struct l2 *s, uint64_t place);
/* Its octets. */
uint64_t l2_record_size(const struct entry *e);
void l2_segment_begin(struct l2 *s, uint64_t segment, enum l2_log log);
/* Drops what `match` says so of (NULL: all), or everything where it is damaged. How many went. */
uint64_t l2_segment_purge(
    struct l2 *s, uint64_t segment, bool (*match)(const struct entry *e, void *arg), void *arg);
/* Sees to it that the log can take `size` octets at its open segment, whatever has to go. */
void l2_log_room(struct l2 *s, enum l2_log log, uint64_t size);
/* After l2_log_room(). The record's place. */
uint64_t l2_log_append(
    struct l2 *s, enum l2_log log, const struct packed *head, const struct entry *e, unsigned hits);
/* Goes on emptying segments, about so many octets of them, while free ones are short. */
void l2_log_clean(struct l2 *s, uint64_t octets);
/* Did it leave the small log without having been asked, not long ago? */
bool l2_ghost_is(const struct l2 *s, uint64_t hash);

#endif
