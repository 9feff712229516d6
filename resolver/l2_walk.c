/*
 * l2_walk: a reader's look at all of a shard, bucket by bucket.
 */
#include "resolver/l2_shard.h"

/* By what the shard's table says, which decides the order and nothing else. */
static bool
is_of_round(const struct l2 *s, const struct l2_walk *w, uint64_t place)
{
	uint64_t segment = l2_segment_of(s, place);

	if (segment >= s->shape.n_segments)
		return w->again;
	return (atomic_load_explicit(&s->segments[segment].log, memory_order_relaxed) == L2_MAIN) !=
	       w->again;
}

/* Its size; 0: there is none, or none that is whole. */
static size_t
slot_read(const struct l2 *s, const struct l2_walk *w, const struct l2_bucket *b, int slot,
    struct entry *out)
{
	uint32_t sequence = atomic_load_explicit(&b->sequence, memory_order_acquire);
	uint64_t place = l2_place_of(b, slot);
	struct packed head;
	bool copied;

	if (sequence % 2 != 0 || place == 0 || !is_of_round(s, w, place))
		return 0;
	copied = l2_record_copy(s, place, &head, out);
	atomic_thread_fence(memory_order_acquire);
	if (!copied || atomic_load_explicit(&b->sequence, memory_order_relaxed) != sequence ||
	    !packed_whole(&head, out + 1, l2_seed_of(s)) || !packed_open(&head, out) ||
	    !entry_valid(out, out->size, NULL))
		return 0;
	return out->size;
}

size_t
l2_next(const struct l2 *s, struct l2_walk *w, void *out)
{
	size_t size;

	for (;;) {
		if (w->bucket >= s->shape.n_buckets) {
			if (w->again)
				return 0;
			*w = (struct l2_walk){.again = true};
		}
		size = slot_read(s, w, &s->buckets[w->bucket], w->slot, out);
		if (++w->slot == L2_SLOTS) {
			w->slot = 0;
			w->bucket++;
		}
		if (size > 0)
			return size;
	}
}
