/*
 * l2_sweep: a shard taken over from another writer, which was killed anywhere or left well.
 */
#include "resolver/l2_shard.h"

/* The newest of each log is open; also where it was not, it has what room it has. */
static bool
segments_take(struct l2 *s)
{
	struct l2_own *own;
	uint64_t open;

	for (uint64_t i = 0; i < s->shape.n_segments; i++) {
		own = &s->own[i];
		*own = (struct l2_own){.age = atomic_load(&s->segments[i].age),
		    .used = atomic_load(&s->segments[i].used),
		    .log = atomic_load(&s->segments[i].log)};
		if (own->used > s->shape.segment_bytes || own->used % 8 != 0 ||
		    own->age > UINT64_MAX / 4 || own->log >= L2_LOGS ||
		    (own->age == 0 && own->used != 0))
			return false;
		if (own->age == 0) {
			s->n_free++;
			continue;
		}
		s->n_of[own->log]++;
		open = s->open[own->log];
		if (open == L2_NONE || own->age > s->own[open].age)
			s->open[own->log] = i;
		if (own->age > s->age)
			s->age = own->age;
	}
	return s->age > 0;
}

/* Does this slot lead to a whole record of its bucket and tag? */
static bool
slot_sound(const struct l2 *s, const struct l2_bucket *b, int slot, uint64_t seed)
{
	uint64_t place = l2_place_of(b, slot), hash;
	const struct entry *e = l2_record_open(s, place);
	struct packed head;
	struct key k;

	if (e == NULL)
		return false;
	head = *(const struct packed *)(s->memory + place);
	if (!packed_whole(&head, e + 1, seed))
		return false;
	entry_key(e, &k);
	hash = key_hash(&k, seed);
	return l2_bucket_of(s, hash) == b &&
	       l2_tag_of(hash) == atomic_load_explicit(&b->tag[slot], memory_order_relaxed);
}

/* Its entries. */
static uint64_t
bucket_sweep(struct l2 *s, struct l2_bucket *b, uint64_t seed)
{
	bool torn = atomic_load_explicit(&b->sequence, memory_order_relaxed) % 2 != 0;
	uint64_t n = 0;

	for (int i = 0; i < L2_SLOTS; i++) {
		if (l2_place_of(b, i) == 0)
			continue;
		if (!torn || slot_sound(s, b, i, seed)) {
			n++;
			continue;
		}
		atomic_store_explicit(&b->place[i], 0, memory_order_relaxed);
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
	uint64_t seed = l2_seed_of(s), entries = 0, used = 0;

	s->open[L2_SMALL] = s->open[L2_MAIN] = s->clean.segment = L2_NONE;
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
