/*
 * l2_write: what the one writer does to a shard: entries put, dropped, purged; a shard begun anew.
 */
#include <string.h>
#include <sys/random.h>

#include "lib/ensure.h"
#include "resolver/l2_shard.h"

#define CLEAN_RATE 4 /* octets looked at to make room for one */

void
l2_drop(struct l2 *s, const struct key *k)
{
	uint64_t hash = key_hash(k, l2_seed_of(s));
	struct l2_bucket *b = l2_bucket_of(s, hash);
	int slot;

	ENSURE(s->own != NULL);
	slot = l2_slot_find(s, b, k, hash);
	if (slot >= 0)
		l2_slot_drop(s, b, slot);
}

uint64_t
l2_purge(struct l2 *s, bool (*match)(const struct entry *e, void *arg), void *arg)
{
	uint64_t n = 0;

	ENSURE(s->own != NULL);
	for (uint64_t i = 0; i < s->shape.n_segments; i++)
		n += l2_segment_purge(s, i, match, arg);
	/* Whoever sees the count sees what was dropped before it. */
	atomic_fetch_add_explicit(&s->header->purges, 1, memory_order_release);
	return n;
}

/* Where a key's new record goes, and with how many hits: with what is there of it already, since it
 * was asked for again; else by whether it was here before. Without hits all are alike. */
static enum l2_log
log_for(const struct l2 *s, const struct l2_bucket *b, int slot, uint64_t hash, unsigned *hits)
{
	uint64_t segment;
	unsigned n;

	*hits = 0;
	if (s->hits == NULL)
		return L2_MAIN;
	if (slot < 0)
		return l2_ghost_is(s, hash) ? L2_MAIN : L2_SMALL;
	segment = l2_segment_of(s, l2_place_of(b, slot));
	n = atomic_load_explicit(l2_hits_of(s, l2_place_of(b, slot)), memory_order_relaxed);
	*hits = n < L2_HITS_MAX ? n + 1 : L2_HITS_MAX;
	return s->own[segment].log;
}

void
l2_put(struct l2 *s, const struct entry *e)
{
	struct packed head;
	struct l2_bucket *b;
	uint64_t hash, place, was;
	enum l2_log log;
	unsigned hits;
	struct key k;
	int slot;

	ENSURE(s->own != NULL && e->size <= ENTRY_ROOM && e->size % 8 == 0);
	entry_key(e, &k);
	if (e->ttl_s == 0 || !packed_make(e, l2_seed_of(s), &head)) {
		l2_drop(s, &k);
		return;
	}
	if (e->stored_s > s->now_s)
		s->now_s = e->stored_s;
	l2_log_clean(s, CLEAN_RATE * l2_record_size(e));
	hash = key_hash(&k, l2_seed_of(s));
	b = l2_bucket_of(s, hash);
	slot = l2_slot_find(s, b, &k, hash);
	was = slot < 0 ? 0 : l2_place_of(b, slot);
	log = log_for(s, b, slot, hash, &hits);
	l2_log_room(s, log, l2_record_size(e));
	place = l2_log_append(s, log, &head, e, hits);
	/* What was there may have gone to make room. */
	if (slot < 0 || l2_place_of(b, slot) != was) {
		slot = l2_slot_room(s, b);
		l2_count(
		    l2_place_of(b, slot) == 0 ? &s->header->entries : &s->header->evictions, 1);
	}
	l2_slot_set(b, slot, place, hash);
	l2_count(&s->header->puts, 1);
}

void
l2_tell_loaded(struct l2 *s, uint64_t entries)
{
	ENSURE(s->own != NULL);
	l2_count(&s->header->loaded, (int64_t)entries);
}

/* Nobody's. */
static void
segments_clear(struct l2 *s)
{
	for (uint64_t i = 0; i < s->shape.n_segments; i++) {
		atomic_store(&s->segments[i].age, 0);
		atomic_store(&s->segments[i].used, 0);
		s->own[i] = (struct l2_own){.age = 0};
	}
	s->age = s->n_of[L2_SMALL] = s->n_of[L2_MAIN] = 0;
	s->n_free = s->shape.n_segments;
	s->open[L2_SMALL] = s->open[L2_MAIN] = s->clean.segment = L2_NONE;
	memset(s->ghosts, 0, s->n_ghosts * sizeof(*s->ghosts));
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
			atomic_store_explicit(&s->buckets[i].place[j], 0, memory_order_relaxed);
		l2_bucket_end(&s->buckets[i]);
	}
	segments_clear(s);
	/* That one has been begun tells a shard's table from zeros. */
	l2_segment_begin(s, 0, L2_MAIN);
	atomic_store(&h->entries, 0);
	atomic_store(&h->bytes_used, 0);
	l2_count(&h->remade, 1);
	atomic_store(&h->seed, seed);
	atomic_store(&h->check, l2_header_check(&s->shape, seed));
	atomic_store(&h->magic, L2_MAGIC);
	return 0;
}
