/*
 * l2_sweep: a shard taken over from another writer, which was killed anywhere or left well.
 */
#include "resolver/l2_shard.h"

static bool
segments_take(struct l2 *s)
{
	uint64_t age, used;

	for (uint64_t i = 0; i < s->shape.n_segments; i++) {
		age = atomic_load(&s->segments[i].age);
		used = atomic_load(&s->segments[i].used);
		if (used > s->shape.segment_bytes || used % 8 != 0 || age > UINT64_MAX / 2 ||
		    (age == 0 && used != 0))
			return false;
		s->own[i] = (struct l2_used){.age = age, .used = used};
		if (age > s->age) {
			s->age = age;
			s->current = i;
		}
	}
	return s->age > 0;
}

/* Does this slot lead to a whole record of its bucket and hash? */
static bool
slot_sound(const struct l2 *s, const struct l2_bucket *b, uint64_t slot, uint64_t seed)
{
	const struct l2_record *r = l2_record_at(s, (slot & UINT32_MAX) * 8);
	uint64_t hash;
	struct key k;

	if (r == NULL || r->check != l2_record_check(&r->entry, seed))
		return false;
	entry_key(&r->entry, &k);
	hash = key_hash(&k, seed);
	return hash >> 32 == slot >> 32 && l2_bucket_of(s, hash) == b;
}

/* Its entries. */
static uint64_t
bucket_sweep(struct l2 *s, struct l2_bucket *b, uint64_t seed)
{
	bool torn = atomic_load_explicit(&b->sequence, memory_order_relaxed) % 2 != 0;
	uint64_t slot, n = 0;

	for (int i = 0; i < L2_SLOTS; i++) {
		slot = atomic_load_explicit(&b->slot[i], memory_order_relaxed);
		if (slot == 0)
			continue;
		if (!torn || slot_sound(s, b, slot, seed)) {
			n++;
			continue;
		}
		atomic_store_explicit(&b->slot[i], 0, memory_order_relaxed);
	}
	if (torn) {
		l2_bucket_end(b);
		atomic_fetch_add(&s->header->torn, 1);
	}
	return n;
}

bool
l2_sweep(struct l2 *s)
{
	uint64_t seed = atomic_load(&s->header->seed), entries = 0, used = 0;

	if (!segments_take(s))
		return false;
	for (uint64_t i = 0; i < s->shape.n_buckets; i++)
		entries += bucket_sweep(s, &s->buckets[i], seed);
	for (uint64_t i = 0; i < s->shape.n_segments; i++)
		used += s->own[i].used;
	atomic_store(&s->header->entries, entries);
	atomic_store(&s->header->bytes_used, used);
	atomic_fetch_add(&s->header->sweeps, 1);
	return true;
}
