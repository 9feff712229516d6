/*
 * l2_read: a reader's one look at a shard that somebody else writes, or wrote until killed.
 */
#include <string.h>

#include "resolver/l2_shard.h"

/* Word by word, since another process may be writing them. */
bool
l2_record_copy(const struct l2 *s, uint64_t place, struct packed *head, struct entry *out)
{
	const _Atomic uint64_t *from;
	uint64_t *to = (uint64_t *)(out + 1), words[L2_HEAD_WORDS], end = l2_log_end(s);
	size_t size;

	if (place < s->shape.log_at || place > end - sizeof(*head))
		return false;
	from = (const _Atomic uint64_t *)(s->memory + place);
	for (size_t i = 0; i < L2_HEAD_WORDS; i++)
		words[i] = atomic_load_explicit(from + i, memory_order_relaxed);
	memcpy(head, words, sizeof(*head));
	size = packed_size(head);
	if (size > PACKED_ROOM || size > end - place)
		return false;
	for (size_t i = L2_HEAD_WORDS; i < size / 8; i++)
		*to++ = atomic_load_explicit(from + i, memory_order_relaxed);
	return true;
}

/* Tells the writer, of whose memory this is none: what is lost between two that do so is a count of
 * at most L2_HITS_MAX. Written only while it changes something, so that what is asked all the time
 * moves no cache line. */
static void
hit_tell(const struct l2 *s, uint64_t place)
{
	_Atomic uint8_t *hits;
	uint8_t n;

	if (s->hits == NULL || s->own != NULL)
		return;
	hits = l2_hits_of(s, place);
	n = atomic_load_explicit(hits, memory_order_relaxed);
	if (n < L2_HITS_MAX)
		atomic_store_explicit(hits, (uint8_t)(n + 1), memory_order_relaxed);
}

size_t
l2_find(const struct l2 *s, const struct key *k, void *out)
{
	uint64_t seed, hash, place;
	struct l2_bucket *b;
	struct packed head;
	struct entry *e = out;
	uint32_t sequence;
	bool copied;

	if (atomic_load_explicit(&s->header->magic, memory_order_acquire) != L2_MAGIC)
		return 0;
	seed = atomic_load_explicit(&s->header->seed, memory_order_relaxed);
	hash = key_hash(k, seed);
	b = l2_bucket_of(s, hash);
	sequence = atomic_load_explicit(&b->sequence, memory_order_acquire);
	if (sequence % 2 != 0)
		return 0;
	for (int i = 0; i < L2_SLOTS; i++) {
		if (atomic_load_explicit(&b->tag[i], memory_order_relaxed) != l2_tag_of(hash))
			continue;
		place = 8 * (uint64_t)atomic_load_explicit(&b->place[i], memory_order_relaxed);
		if (place == 0)
			continue;
		copied = l2_record_copy(s, place, &head, e);
		atomic_thread_fence(memory_order_acquire);
		if (atomic_load_explicit(&b->sequence, memory_order_relaxed) != sequence)
			return 0;
		if (!copied || !packed_whole(&head, e + 1, seed) || !packed_open(&head, e) ||
		    !entry_valid(e, e->size, k))
			continue;
		hit_tell(s, place);
		return e->size;
	}
	return 0;
}

uint64_t
l2_purges(const struct l2 *s)
{
	return atomic_load_explicit(&s->header->purges, memory_order_acquire);
}

int
l2_best(const struct l2 *const shards[], int n, const struct key *k, int64_t now_s, void *out)
{
	int own = (int)key_shard(k, (unsigned)n), held = -1, best = -1;
	enum entry_worth worth, most = WORTH_NOTHING;

	for (int i = 0; i < n && most < WORTH_TELLING; i++) {
		const struct l2 *shard = shards[(own + i) % n];

		if (shard == NULL)
			continue;
		/* A find in vain may leave anything there. */
		held = l2_find(shard, k, out) > 0 ? (own + i) % n : -1;
		worth = held == -1 ? WORTH_NOTHING : entry_worth(out, now_s);
		if (worth > most) {
			most = worth;
			best = held;
		}
	}
	return best == -1 || best == held || l2_find(shards[best], k, out) > 0 ? best : -1;
}
