/*
 * l2_shard: how a shard lies in memory, and what its reader and writer share of the code.
 *
 *     header | segment table | buckets | segments of the log
 *
 * All places follow from the size (l2_shape_of()), so nobody believes a length that stands in the
 * shard. Everything in it is read as if anybody had written it.
 *
 * - The log is made of equal segments. Records are appended to the newest; when it is full the
 * oldest is emptied and becomes the newest (FIFO). A record is a checksum and an entry.
 * - The index is a table of buckets, a cache line each: a sequence and 7 slots. A slot is the upper
 * half of the key's hash and the record's place in units of 8 octets; 0 is none (place 0 is the
 * header).
 * - The writer makes a bucket's sequence odd, changes slots, makes it even. A record is complete
 * before a slot leads to it, and no slot leads to it when its octets are written over. So a reader
 * that finds the bucket's sequence even and unchanged after it has copied a record holds what was
 * written. Order: the writer's odd sequence, release fence, changes; the reader's copy, acquire
 * fence, sequence.
 * - The checksum (xxh3, seeded by the shard's random seed) is for what the sequence cannot see:
 * memory damaged, or a writer gone mad.
 * - A writer may be killed at any instruction. Then at most one bucket is odd (a miss until the
 * next writer sweeps), and octets behind `used` of the newest segment may be of no meaning.
 */
#ifndef RESOLVER_L2_SHARD_H
#define RESOLVER_L2_SHARD_H

#include <stdatomic.h>

#include "resolver/store.h"

#define L2_MAGIC 0x3276326c706f7061u /* with the layout's version, 2 */
#define L2_SLOTS 7

struct l2_header {
	_Atomic uint64_t magic; /* the last word to be written when a shard is made */
	_Atomic uint64_t seed, check; /* checksum of magic, seed and shape */
	/* What follows is only told, never believed. */
	_Alignas(64) _Atomic uint64_t entries, bytes_used, puts, evictions, torn, sweeps, remade;
	_Atomic uint64_t purges, writer, since_us;
};
struct l2_segment {
	_Atomic uint64_t age;  /* of the order in which they were begun; 0: never */
	_Atomic uint64_t used; /* octets of whole records */
};
struct l2_bucket {
	_Alignas(64) _Atomic uint64_t sequence;
	_Atomic uint64_t slot[L2_SLOTS];
};
struct l2_record {
	uint64_t check;
	struct entry entry;
};

/* Places are offsets from the shard's begin. */
struct l2_shape {
	uint64_t bytes, n_buckets, n_segments, segment_bytes;
	uint64_t segments_at, buckets_at, log_at;
};

struct l2 {
	struct l2_shape shape;
	uint8_t *memory; /* mapped */
	struct l2_header *header;
	struct l2_segment *segments;
	struct l2_bucket *buckets;
	int fd; /* the writer's lock hangs on it; owned. -1: a reader */
	/* The writer's own memory of the segment table; owned. */
	struct l2_used {
		uint64_t age, used;
	} *own;
	uint64_t current, age; /* the newest segment */
};

/* False when `bytes` is no size of a shard. */
bool l2_shape_of(size_t bytes, struct l2_shape *out);
uint64_t l2_header_check(const struct l2_shape *shape, uint64_t seed);
uint64_t l2_record_check(const struct entry *e, uint64_t seed);

static inline struct l2_bucket *
l2_bucket_of(const struct l2 *s, uint64_t hash)
{
	return &s->buckets[(hash & UINT32_MAX) * s->shape.n_buckets >> 32];
}

/* For the writer: a sound record at this place, within what is used of its segment? NULL if not. */
const struct l2_record *l2_record_at(const struct l2 *s, uint64_t place);
/* Begins a shard anew: no entries, another seed. What readers see meanwhile is a miss. */
int l2_format(struct l2 *s, struct err *err);
/* After another writer: takes over its segment table and mends the index. False: all is damaged. */
bool l2_sweep(struct l2 *s);
/* A bucket between these two is a miss to readers. */
void l2_bucket_begin(struct l2_bucket *b);
void l2_bucket_end(struct l2_bucket *b);

#endif
