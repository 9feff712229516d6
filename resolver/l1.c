/*
 * l1: a worker's own cache, S3-FIFO (Yang, Zhang, Qiu, Yue, Vinayak: "FIFO queues are all you need
 * for cache eviction", SOSP 2023) over entries of any size in fixed memory.
 *
 * Both queues are rings of records. What is new enters the small ring, a tenth of the memory; what
 * reaches its end without a hit leaves and is remembered as a ghost (32 bits of its hash); with a
 * hit it moves to the main ring, where each hit (three at most are counted) buys one more round. A
 * ghost that comes back enters the main ring at once. So a flood of names that are asked once costs
 * only the small ring, and a hit writes nothing but one octet.
 *
 * A record that was replaced or dropped is dead where it lies until its ring comes round. The index
 * is a set-associative table: 8 slots a bucket, each the upper half of the hash and the record's
 * place in units of 16 octets (0: none).
 *
 * One owner, no locks. Nothing is allocated after l1_new().
 */
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "lib/ensure.h"
#include "resolver/store.h"

#define SLOTS 8
#define UNIT 16 /* of records and rings, so that a filler has room for its header */
#define HITS_MAX 3
#define SMALL_SHARE 10	  /* the small ring has one part of so many */
#define ENTRY_TYPICAL 192 /* octets, to size the index when nobody says */
#define AGAIN_MAX 16	  /* rounds granted for one new record, so that no put takes long */

struct record {
	uint64_t hash;
	uint32_t size; /* with this header, multiple of UNIT */
	uint8_t hits;
	bool dead, main;
	uint8_t reserved;
};

/* Records from `tail` to `head`, which may have wrapped; each lies in one piece. */
struct ring {
	uint8_t *base;
	size_t bytes, head, tail, used;
};

struct bucket {
	uint64_t slot[SLOTS];
};

struct l1 {
	uint64_t seed;
	uint8_t *memory; /* owned; the rings lie in it, behind place 0 */
	struct ring small, main;
	struct bucket *buckets; /* owned */
	uint32_t *ghosts;	/* owned; by hash, its upper half */
	size_t n_buckets, n_ghosts;
	uint64_t entries, puts, evictions;
};

static void *
memory_new(size_t bytes)
{
	void *memory = aligned_alloc(64, (bytes + 63) / 64 * 64);

	ENSURE(memory != NULL);
	memset(memory, 0, bytes);
	return memory;
}

struct l1 *
l1_new(size_t bytes, size_t entries)
{
	struct l1 *c = memory_new(sizeof(*c));

	ENSURE(bytes >= L1_BYTES_MIN && bytes / UNIT < UINT32_MAX);
	ENSURE(getrandom(&c->seed, sizeof(c->seed), 0) == sizeof(c->seed));
	if (entries == 0)
		entries = bytes / ENTRY_TYPICAL;
	c->memory = memory_new(bytes + UNIT);
	c->small.base = c->memory + UNIT;
	c->small.bytes = bytes / SMALL_SHARE / UNIT * UNIT;
	c->main.base = c->small.base + c->small.bytes;
	c->main.bytes = (bytes - c->small.bytes) / UNIT * UNIT;
	c->n_buckets = entries / (SLOTS / 2) + 1;
	c->buckets = memory_new(c->n_buckets * sizeof(*c->buckets));
	c->n_ghosts = entries + 1;
	c->ghosts = memory_new(c->n_ghosts * sizeof(*c->ghosts));
	return c;
}

void
l1_free(struct l1 *c)
{
	if (c == NULL)
		return;
	free(c->memory);
	free(c->buckets);
	free(c->ghosts);
	free(c);
}

/* The lower half of the hash, spread over n. */
static size_t
reduce(uint64_t hash, size_t n)
{
	return (size_t)((hash & UINT32_MAX) * n >> 32);
}

static uint32_t
tag_of(uint64_t hash)
{
	return (uint32_t)(hash >> 32);
}

static struct record *
record_of(const struct l1 *c, uint64_t slot)
{
	return (struct record *)(c->memory + (slot & UINT32_MAX) * UNIT);
}

static uint64_t
slot_for(const struct l1 *c, const struct record *r)
{
	return (uint64_t)tag_of(r->hash) << 32 | (uint64_t)((const uint8_t *)r - c->memory) / UNIT;
}

static const struct entry *
entry_of(const struct record *r)
{
	return (const struct entry *)(r + 1);
}

static uint64_t *
slot_find(const struct l1 *c, const struct key *k, uint64_t hash)
{
	uint64_t *slot = c->buckets[reduce(hash, c->n_buckets)].slot;

	for (int i = 0; i < SLOTS; i++)
		if (slot[i] != 0 && slot[i] >> 32 == tag_of(hash) &&
		    entry_is(entry_of(record_of(c, slot[i])), k))
			return &slot[i];
	return NULL;
}

/* The slot that leads to this very record; there is one as long as it is not dead. */
static uint64_t *
slot_get(const struct l1 *c, const struct record *r)
{
	uint64_t *slot = c->buckets[reduce(r->hash, c->n_buckets)].slot;

	for (int i = 0; i < SLOTS; i++)
		if (slot[i] == slot_for(c, r))
			return &slot[i];
	ENSURE(!"a live record has no slot");
	return NULL;
}

static void
slot_clear(struct l1 *c, uint64_t *slot)
{
	record_of(c, *slot)->dead = true;
	*slot = 0;
	c->entries--;
}

/* A free slot of its bucket; that of the record with the fewest hits when all are taken. */
static uint64_t *
slot_room(struct l1 *c, uint64_t hash)
{
	uint64_t *slot = c->buckets[reduce(hash, c->n_buckets)].slot, *worst = &slot[0];

	for (int i = 0; i < SLOTS; i++) {
		if (slot[i] == 0)
			return &slot[i];
		if (record_of(c, slot[i])->hits < record_of(c, *worst)->hits)
			worst = &slot[i];
	}
	slot_clear(c, worst);
	c->evictions++;
	return worst;
}

/* Is there room for n octets in one piece at the head? Wraps for it, with a dead filler. */
static bool
ring_fits(struct ring *r, size_t n)
{
	struct record *filler;

	if (r->used == r->bytes)
		return false;
	if (r->head < r->tail)
		return n <= r->tail - r->head;
	if (n <= r->bytes - r->head)
		return true;
	if (n > r->tail)
		return false;
	filler = (struct record *)(r->base + r->head);
	filler->size = (uint32_t)(r->bytes - r->head);
	filler->dead = true;
	r->used += filler->size;
	r->head = 0;
	return true;
}

/* After ring_fits(n). */
static struct record *
ring_take(struct ring *r, size_t n)
{
	struct record *to = (struct record *)(r->base + r->head);

	r->head += n;
	r->used += n;
	if (r->head == r->bytes)
		r->head = 0;
	return to;
}

/* Takes the oldest off; its octets stay as they are until somebody takes the place. */
static struct record *
ring_pop(struct ring *r)
{
	struct record *oldest = (struct record *)(r->base + r->tail);

	r->tail += oldest->size;
	r->used -= oldest->size;
	if (r->tail == r->bytes)
		r->tail = 0;
	if (r->used == 0)
		r->head = r->tail = 0;
	return oldest;
}

/* A live record to the head of the main ring, which has room. They may overlap. */
static void
record_move(struct l1 *c, struct record *r)
{
	uint64_t *slot = slot_get(c, r);
	struct record *to = ring_take(&c->main, r->size);

	memmove(to, r, r->size);
	to->main = true;
	*slot = slot_for(c, to);
}

static void
record_evict(struct l1 *c, struct record *r)
{
	*slot_get(c, r) = 0;
	c->entries--;
	c->evictions++;
}

/* Takes from the main ring until n octets are free; each hit is a round more while `*again` lasts.
 */
static void
main_room(struct l1 *c, size_t n, int *again)
{
	struct record *r;

	while (!ring_fits(&c->main, n)) {
		r = ring_pop(&c->main);
		if (r->dead)
			continue;
		if (r->hits == 0 || *again == 0) {
			record_evict(c, r);
			continue;
		}
		--*again;
		r->hits--;
		/* What was just taken off is free, and is as long as itself. */
		ENSURE(ring_fits(&c->main, r->size));
		record_move(c, r);
	}
}

static void
small_room(struct l1 *c, size_t n, int *again)
{
	struct record *r;

	while (!ring_fits(&c->small, n)) {
		r = ring_pop(&c->small);
		if (r->dead)
			continue;
		if (r->hits == 0) {
			c->ghosts[reduce(r->hash, c->n_ghosts)] = tag_of(r->hash);
			record_evict(c, r);
			continue;
		}
		r->hits = 0;
		main_room(c, r->size, again);
		record_move(c, r);
	}
}

void
l1_prefetch(const struct l1 *c, const struct key *k, bool index)
{
	uint64_t hash = key_hash(k, c->seed);
	const struct bucket *b = &c->buckets[reduce(hash, c->n_buckets)];
	const uint8_t *record;

	if (index) {
		__builtin_prefetch(b);
		return;
	}
	for (int i = 0; i < SLOTS; i++) {
		if (b->slot[i] >> 32 != tag_of(hash))
			continue;
		/* A header, offsets and a message: what a usual answer takes. */
		record = (const uint8_t *)record_of(c, b->slot[i]);
		__builtin_prefetch(record);
		__builtin_prefetch(record + 64);
		__builtin_prefetch(record + 128);
	}
}

const struct entry *
l1_find(struct l1 *c, const struct key *k)
{
	uint64_t *slot = slot_find(c, k, key_hash(k, c->seed));
	struct record *r;

	if (slot == NULL)
		return NULL;
	r = record_of(c, *slot);
	if (r->hits < HITS_MAX)
		r->hits++;
	return entry_of(r);
}

void
l1_put(struct l1 *c, const struct entry *e)
{
	size_t size = (sizeof(struct record) + e->size + UNIT - 1) / UNIT * UNIT;
	struct record made = {.size = (uint32_t)size}, *r;
	int again = AGAIN_MAX;
	uint64_t *slot;
	struct key k;

	entry_key(e, &k);
	made.hash = key_hash(&k, c->seed);
	made.main = c->ghosts[reduce(made.hash, c->n_ghosts)] == tag_of(made.hash);
	slot = slot_find(c, &k, made.hash);
	if (slot != NULL) { /* asked again: as popular as before */
		made.main = record_of(c, *slot)->main;
		made.hits = record_of(c, *slot)->hits;
		slot_clear(c, slot);
	}
	if (e->ttl_s == 0 || size > c->small.bytes / 2)
		return;
	if (made.main)
		main_room(c, size, &again);
	else
		small_room(c, size, &again);
	slot = slot_room(c, made.hash);
	r = ring_take(made.main ? &c->main : &c->small, size);
	*r = made;
	memcpy(r + 1, e, e->size);
	*slot = slot_for(c, r);
	c->entries++;
	c->puts++;
}

void
l1_clear(struct l1 *c)
{
	memset(c->buckets, 0, c->n_buckets * sizeof(*c->buckets));
	memset(c->ghosts, 0, c->n_ghosts * sizeof(*c->ghosts));
	c->small.head = c->small.tail = c->small.used = 0;
	c->main.head = c->main.tail = c->main.used = 0;
	c->entries = 0;
}

void
l1_stats(const struct l1 *c, struct l1_stats *out)
{
	*out = (struct l1_stats){
	    .entries = c->entries,
	    .bytes_used = c->small.used + c->main.used,
	    .bytes = c->small.bytes + c->main.bytes,
	    .puts = c->puts,
	    .evictions = c->evictions,
	};
}
