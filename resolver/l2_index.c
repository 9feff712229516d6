/*
 * l2_index: the buckets of a shard, as its one writer changes them. After each store it may be the
 * last one it did.
 */
#include "resolver/l2_shard.h"

void
l2_bucket_begin(struct l2_bucket *b)
{
	uint32_t sequence = atomic_load_explicit(&b->sequence, memory_order_relaxed);

	/* Odd before: a killed writer's, and a miss anyway. */
	atomic_store_explicit(&b->sequence, sequence | 1, memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
}

void
l2_bucket_end(struct l2_bucket *b)
{
	uint32_t sequence = atomic_load_explicit(&b->sequence, memory_order_relaxed);

	atomic_store_explicit(&b->sequence, sequence + 1, memory_order_release);
}

void
l2_slot_set(struct l2_bucket *b, int slot, uint64_t place, uint64_t hash)
{
	l2_bucket_begin(b);
	/* Killed between the two it is odd, and the next writer looks where each slot leads. */
	atomic_store_explicit(&b->place[slot], (uint32_t)(place / 8), memory_order_relaxed);
	atomic_store_explicit(&b->tag[slot], l2_tag_of(hash), memory_order_relaxed);
	l2_bucket_end(b);
}

void
l2_slot_drop(struct l2 *s, struct l2_bucket *b, int slot)
{
	l2_bucket_begin(b);
	atomic_store_explicit(&b->place[slot], 0, memory_order_relaxed);
	l2_bucket_end(b);
	l2_count(&s->header->entries, -1);
}

int
l2_slot_at(const struct l2_bucket *b, uint64_t place)
{
	for (int i = 0; i < L2_SLOTS; i++)
		if (l2_place_of(b, i) == place)
			return i;
	return -1;
}

int
l2_slot_find(const struct l2 *s, const struct l2_bucket *b, const struct key *k, uint64_t hash)
{
	const struct entry *e;
	uint64_t place;

	for (int i = 0; i < L2_SLOTS; i++) {
		place = l2_place_of(b, i);
		if (place == 0 ||
		    atomic_load_explicit(&b->tag[i], memory_order_relaxed) != l2_tag_of(hash))
			continue;
		e = l2_record_open(s, place);
		if (e != NULL && entry_is(e, k))
			return i;
	}
	return -1;
}

/* What was asked goes after what was not, and then the oldest first. What lies nowhere goes before
 * all. */
int
l2_slot_room(const struct l2 *s, const struct l2_bucket *b)
{
	uint64_t place, segment, rank, least = UINT64_MAX;
	int found = 0;

	for (int i = 0; i < L2_SLOTS; i++) {
		place = l2_place_of(b, i);
		if (place == 0)
			return i;
		segment = l2_segment_of(s, place);
		rank = segment >= s->shape.n_segments ? 0 : s->own[segment].age;
		if (rank != 0 && s->hits != NULL &&
		    atomic_load_explicit(l2_hits_of(s, place), memory_order_relaxed) != 0)
			rank += UINT64_MAX / 2;
		if (rank < least) {
			least = rank;
			found = i;
		}
	}
	return found;
}
