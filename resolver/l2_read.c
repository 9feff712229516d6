/*
 * l2_read: a reader's one look at a shard that somebody else writes, or wrote until killed.
 */
#include "resolver/l2_shard.h"

/* Copies the record at a place into `out`, with its checksum beside; its entry's size, 0 when that
 * can't be. Word by word: the writer may be at the same words, so what comes out may be torn. */
static size_t
record_copy(const struct l2 *s, uint64_t place, uint64_t *out, uint64_t *check)
{
	const _Atomic uint64_t *from;
	size_t size;

	if (place < s->shape.log_at || place > s->shape.bytes - sizeof(struct l2_record))
		return 0;
	from = (const _Atomic uint64_t *)(s->memory + place);
	*check = atomic_load_explicit(from++, memory_order_relaxed);
	out[0] = atomic_load_explicit(from, memory_order_relaxed);
	size = ((const struct entry *)out)->size;
	if (size < sizeof(struct entry) || size > ENTRY_ROOM || size % 8 != 0 ||
	    size > s->shape.bytes - place - sizeof(*check))
		return 0;
	for (size_t i = 1; i < size / 8; i++)
		out[i] = atomic_load_explicit(from + i, memory_order_relaxed);
	return size;
}

size_t
l2_find(const struct l2 *s, const struct key *k, void *out)
{
	uint64_t seed, hash, sequence, slot, check;
	struct l2_bucket *b;
	size_t size;

	if (atomic_load_explicit(&s->header->magic, memory_order_acquire) != L2_MAGIC)
		return 0;
	seed = atomic_load_explicit(&s->header->seed, memory_order_relaxed);
	hash = key_hash(k, seed);
	b = l2_bucket_of(s, hash);
	sequence = atomic_load_explicit(&b->sequence, memory_order_acquire);
	if (sequence % 2 != 0)
		return 0;
	for (int i = 0; i < L2_SLOTS; i++) {
		slot = atomic_load_explicit(&b->slot[i], memory_order_relaxed);
		if (slot == 0 || slot >> 32 != hash >> 32)
			continue;
		size = record_copy(s, (slot & UINT32_MAX) * 8, out, &check);
		atomic_thread_fence(memory_order_acquire);
		if (atomic_load_explicit(&b->sequence, memory_order_relaxed) != sequence)
			return 0;
		if (size != 0 && check == l2_record_check(out, seed) && entry_valid(out, size, k))
			return size;
	}
	return 0;
}

uint64_t
l2_purges(const struct l2 *s)
{
	return atomic_load_explicit(&s->header->purges, memory_order_acquire);
}
