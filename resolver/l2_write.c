/*
 * l2_write: what the one writer does to a shard. After each store it may be the last one it did.
 */
#include <string.h>
#include <sys/random.h>

#include "lib/ensure.h"
#include "resolver/l2_shard.h"

static void
count(_Atomic uint64_t *counter, int64_t n)
{
	atomic_store_explicit(counter,
	    atomic_load_explicit(counter, memory_order_relaxed) + (uint64_t)n,
	    memory_order_relaxed);
}

void
l2_bucket_begin(struct l2_bucket *b)
{
	uint64_t sequence = atomic_load_explicit(&b->sequence, memory_order_relaxed);

	/* Odd before: a killed writer's, and a miss anyway. */
	atomic_store_explicit(&b->sequence, sequence | 1, memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
}

void
l2_bucket_end(struct l2_bucket *b)
{
	uint64_t sequence = atomic_load_explicit(&b->sequence, memory_order_relaxed);

	atomic_store_explicit(&b->sequence, sequence + 1, memory_order_release);
}

static void
slot_store(struct l2_bucket *b, _Atomic uint64_t *slot, uint64_t value)
{
	l2_bucket_begin(b);
	atomic_store_explicit(slot, value, memory_order_relaxed);
	l2_bucket_end(b);
}

static uint64_t
slot_load(const _Atomic uint64_t *slot)
{
	return atomic_load_explicit(slot, memory_order_relaxed);
}

static uint64_t
place_of(uint64_t slot)
{
	return (slot & UINT32_MAX) * 8;
}

static uint64_t
segment_place(const struct l2 *s, uint64_t segment)
{
	return s->shape.log_at + segment * s->shape.segment_bytes;
}

/* Of a place within the log; else n_segments or more. */
static uint64_t
segment_of(const struct l2 *s, uint64_t place)
{
	return place < s->shape.log_at ? s->shape.n_segments
				       : (place - s->shape.log_at) / s->shape.segment_bytes;
}

const struct l2_record *
l2_record_at(const struct l2 *s, uint64_t place)
{
	uint64_t segment = segment_of(s, place), end;
	const struct l2_record *r = (const struct l2_record *)(s->memory + place);

	if (segment >= s->shape.n_segments)
		return NULL;
	end = segment_place(s, segment) + s->own[segment].used;
	if (end < sizeof(*r) || place > end - sizeof(*r))
		return NULL;
	return entry_valid(&r->entry, end - place - sizeof(r->check), NULL) ? r : NULL;
}

static uint64_t
seed_of(const struct l2 *s)
{
	return atomic_load_explicit(&s->header->seed, memory_order_relaxed);
}

static _Atomic uint64_t *
slot_find(const struct l2 *s, struct l2_bucket *b, const struct key *k, uint64_t hash)
{
	const struct l2_record *r;
	uint64_t slot;

	for (int i = 0; i < L2_SLOTS; i++) {
		slot = slot_load(&b->slot[i]);
		if (slot == 0 || slot >> 32 != hash >> 32)
			continue;
		r = l2_record_at(s, place_of(slot));
		if (r != NULL && entry_is(&r->entry, k))
			return &b->slot[i];
	}
	return NULL;
}

/* A free slot, or the one that would be evicted first. */
static _Atomic uint64_t *
slot_room(const struct l2 *s, struct l2_bucket *b)
{
	uint64_t slot, segment, age, oldest = UINT64_MAX;
	_Atomic uint64_t *found = &b->slot[0];

	for (int i = 0; i < L2_SLOTS; i++) {
		slot = slot_load(&b->slot[i]);
		segment = segment_of(s, place_of(slot));
		age = slot == 0 || segment >= s->shape.n_segments ? 0 : s->own[segment].age;
		if (slot == 0)
			return &b->slot[i];
		if (age < oldest) {
			oldest = age;
			found = &b->slot[i];
		}
	}
	return found;
}

static void
slot_drop(struct l2 *s, struct l2_bucket *b, _Atomic uint64_t *slot)
{
	slot_store(b, slot, 0);
	count(&s->header->entries, -1);
}

/* No slot leads into the segment any more. For one whose records can't be followed. How many did.
 */
static uint64_t
segment_forget(struct l2 *s, uint64_t segment)
{
	uint64_t slot, n = 0;

	for (uint64_t i = 0; i < s->shape.n_buckets; i++) {
		for (int j = 0; j < L2_SLOTS; j++) {
			slot = slot_load(&s->buckets[i].slot[j]);
			if (slot == 0 || segment_of(s, place_of(slot)) != segment)
				continue;
			slot_drop(s, &s->buckets[i], &s->buckets[i].slot[j]);
			n++;
		}
	}
	return n;
}

/* The slots that lead to this record are no more. How many did: none when it was replaced. */
static uint64_t
record_forget(struct l2 *s, const struct l2_record *r, uint64_t place)
{
	struct l2_bucket *b;
	uint64_t n = 0;
	struct key k;

	entry_key(&r->entry, &k);
	b = l2_bucket_of(s, key_hash(&k, seed_of(s)));
	for (int i = 0; i < L2_SLOTS; i++) {
		uint64_t slot = slot_load(&b->slot[i]);

		if (slot == 0 || place_of(slot) != place)
			continue;
		slot_drop(s, b, &b->slot[i]);
		n++;
	}
	return n;
}

/* What `match` says so of (NULL: all), or everything where it is damaged. How many went. */
static uint64_t
segment_purge(
    struct l2 *s, uint64_t segment, bool (*match)(const struct entry *e, void *arg), void *arg)
{
	uint64_t at = segment_place(s, segment), end = at + s->own[segment].used, n = 0;
	const struct l2_record *r;

	while (at < end) {
		r = l2_record_at(s, at);
		if (r == NULL)
			return n + segment_forget(s, segment);
		if (match == NULL || match(&r->entry, arg))
			n += record_forget(s, r, at);
		at += sizeof(r->check) + r->entry.size;
	}
	return n;
}

/* Empties the oldest segment and makes it the newest. */
static void
segment_next(struct l2 *s)
{
	uint64_t oldest = 0;

	for (uint64_t i = 1; i < s->shape.n_segments; i++)
		if (s->own[i].age < s->own[oldest].age)
			oldest = i;
	count(&s->header->evictions, (int64_t)segment_purge(s, oldest, NULL, NULL));
	count(&s->header->bytes_used, -(int64_t)s->own[oldest].used);
	s->own[oldest] = (struct l2_used){.age = ++s->age};
	s->current = oldest;
	atomic_store_explicit(&s->segments[oldest].used, 0, memory_order_release);
	atomic_store_explicit(&s->segments[oldest].age, s->age, memory_order_release);
}

/* Appends to the newest segment; the record's place. */
static uint64_t
record_append(struct l2 *s, const struct entry *e)
{
	uint64_t size = sizeof(uint64_t) + e->size, place, word;
	_Atomic uint64_t *to;

	if (s->own[s->current].used + size > s->shape.segment_bytes)
		segment_next(s);
	place = segment_place(s, s->current) + s->own[s->current].used;
	to = (_Atomic uint64_t *)(s->memory + place);
	atomic_store_explicit(to++, l2_record_check(e, seed_of(s)), memory_order_relaxed);
	for (size_t i = 0; i < e->size / 8; i++) {
		memcpy(&word, (const uint8_t *)e + 8 * i, sizeof(word));
		atomic_store_explicit(to + i, word, memory_order_relaxed);
	}
	s->own[s->current].used += size;
	atomic_store_explicit(
	    &s->segments[s->current].used, s->own[s->current].used, memory_order_release);
	count(&s->header->bytes_used, (int64_t)size);
	return place;
}

void
l2_drop(struct l2 *s, const struct key *k)
{
	uint64_t hash = key_hash(k, seed_of(s));
	struct l2_bucket *b = l2_bucket_of(s, hash);
	_Atomic uint64_t *slot;

	ENSURE(s->own != NULL);
	slot = slot_find(s, b, k, hash);
	if (slot != NULL)
		slot_drop(s, b, slot);
}

uint64_t
l2_purge(struct l2 *s, bool (*match)(const struct entry *e, void *arg), void *arg)
{
	uint64_t n = 0;

	ENSURE(s->own != NULL);
	for (uint64_t i = 0; i < s->shape.n_segments; i++)
		n += segment_purge(s, i, match, arg);
	/* Whoever sees the count sees what was dropped before it. */
	atomic_fetch_add_explicit(&s->header->purges, 1, memory_order_release);
	return n;
}

void
l2_put(struct l2 *s, const struct entry *e)
{
	_Atomic uint64_t *slot;
	struct l2_bucket *b;
	uint64_t hash, place;
	struct key k;

	ENSURE(s->own != NULL && e->size <= ENTRY_ROOM && e->size % 8 == 0);
	entry_key(e, &k);
	if (e->ttl_s == 0) {
		l2_drop(s, &k);
		return;
	}
	hash = key_hash(&k, seed_of(s));
	b = l2_bucket_of(s, hash);
	place = record_append(s, e);
	slot = slot_find(s, b, &k, hash);
	if (slot == NULL) {
		slot = slot_room(s, b);
		if (slot_load(slot) == 0)
			count(&s->header->entries, 1);
		else
			count(&s->header->evictions, 1);
	}
	slot_store(b, slot, (hash >> 32) << 32 | place / 8);
	count(&s->header->puts, 1);
}

int
l2_format(struct l2 *s, struct err *err)
{
	struct l2_header *h = s->header;
	uint64_t seed;

	if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
		return err_errno(err, "no random number for a cache shard");
	atomic_store(&h->magic, 0);
	for (uint64_t i = 0; i < s->shape.n_buckets; i++) {
		l2_bucket_begin(&s->buckets[i]);
		for (int j = 0; j < L2_SLOTS; j++)
			atomic_store_explicit(&s->buckets[i].slot[j], 0, memory_order_relaxed);
		l2_bucket_end(&s->buckets[i]);
	}
	for (uint64_t i = 0; i < s->shape.n_segments; i++) {
		atomic_store(&s->segments[i].age, 0);
		atomic_store(&s->segments[i].used, 0);
	}
	memset(s->own, 0, s->shape.n_segments * sizeof(*s->own));
	s->current = 0;
	s->age = s->own[0].age = 1;
	atomic_store(&s->segments[0].age, 1);
	atomic_store(&h->entries, 0);
	atomic_store(&h->bytes_used, 0);
	count(&h->remade, 1);
	atomic_store(&h->seed, seed);
	atomic_store(&h->check, l2_header_check(&s->shape, seed));
	atomic_store(&h->magic, L2_MAGIC);
	return 0;
}
