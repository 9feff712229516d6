/*
 * l2_log: which records a shard keeps. After each store it may be the writer's last one.
 *
 * S3-FIFO (Yang, Zhang, Qiu, Yue, Vinayak: "FIFO queues are all you need for cache eviction", SOSP
 * 2023) over a log. What is new goes into the small log; when that has more than a tenth of the
 * segments its oldest one is emptied: what was asked since is copied into the main log, the rest
 * leaves and is remembered as a ghost. A ghost that comes back goes into the main log at once. Else
 * the main log's oldest is emptied: each hit there buys one more round. Nothing past its time gets
 * one. So names that are asked once cost a tenth of the memory, and readers tell hits by an octet.
 *
 * Segments are emptied a little with each put, ahead of need, and never more than three quarters of
 * one is kept. So a put's work goes with its own size, and it always finds room; where it does not
 * (a writer was killed at the wrong moment, the shard is tiny), the rest of a segment goes as it
 * is.
 */
#include <string.h>

#include "lib/ensure.h"
#include "resolver/l2_shard.h"

#define SMALL_SHARE 10 /* the small log has one part of so many */
#define FREE_LEAST 2   /* segments, so that either log finds one to open */
#define KEPT_OF(n) ((n) / 4 * 3)

uint64_t
l2_segment_place(const struct l2 *s, uint64_t segment)
{
	return s->shape.log_at + segment * s->shape.segment_bytes;
}

uint64_t
l2_segment_of(const struct l2 *s, uint64_t place)
{
	return place < s->shape.log_at ? s->shape.n_segments
				       : (place - s->shape.log_at) / s->shape.segment_bytes;
}

uint64_t
l2_record_size(const struct entry *e)
{
	return e->size - sizeof(*e) + sizeof(struct packed);
}

const struct entry *
l2_record_open(const struct l2 *s, uint64_t place)
{
	uint64_t segment = l2_segment_of(s, place), end;
	const struct packed *head = (const struct packed *)(s->memory + place);
	size_t size;

	if (segment >= s->shape.n_segments)
		return NULL;
	end = l2_segment_place(s, segment) + s->own[segment].used;
	if (place + sizeof(*head) > end)
		return NULL;
	size = packed_size(head);
	if (size > PACKED_ROOM || size > end - place)
		return NULL;
	memcpy(s->opened + 1, head + 1, size - sizeof(*head));
	if (!packed_open(head, s->opened) || !entry_valid(s->opened, s->opened->size, NULL))
		return NULL;
	return s->opened;
}

/* ---- ghosts ---------------------------------------------------------------------------------- */

static uint16_t *
ghost_of(const struct l2 *s, uint64_t hash)
{
	return &s->ghosts[(hash & UINT32_MAX) * s->n_ghosts >> 32];
}

/* 0 is none. */
static uint16_t
ghost_tag(uint64_t hash)
{
	return (uint16_t)(hash >> 32 | 1);
}

bool
l2_ghost_is(const struct l2 *s, uint64_t hash)
{
	return *ghost_of(s, hash) == ghost_tag(hash);
}

/* ---- segments -------------------------------------------------------------------------------- */

/* A free one, which is open from now on. Killed on the way, it is still free, or empty. */
void
l2_segment_begin(struct l2 *s, uint64_t segment, enum l2_log log)
{
	struct l2_segment *told = &s->segments[segment];

	s->own[segment] = (struct l2_own){.age = ++s->age, .log = log};
	s->open[log] = segment;
	s->n_of[log]++;
	s->n_free--;
	atomic_store_explicit(&told->log, log, memory_order_relaxed);
	atomic_store_explicit(&told->used, 0, memory_order_relaxed);
	atomic_store_explicit(&told->age, s->age, memory_order_release);
}

/* No slot leads into it any more. */
static void
segment_free(struct l2 *s, uint64_t segment)
{
	struct l2_own *own = &s->own[segment];

	l2_count(&s->header->bytes_used, -(int64_t)own->used);
	s->n_of[own->log]--;
	s->n_free++;
	if (s->open[own->log] == segment)
		s->open[own->log] = L2_NONE;
	*own = (struct l2_own){.age = 0};
	atomic_store_explicit(&s->segments[segment].used, 0, memory_order_release);
	atomic_store_explicit(&s->segments[segment].age, 0, memory_order_release);
}

/* No slot leads into the segment any more. For one whose records can't be followed. How many did.
 */
static uint64_t
segment_forget(struct l2 *s, uint64_t segment)
{
	uint64_t place, n = 0;

	for (uint64_t i = 0; i < s->shape.n_buckets; i++) {
		for (int j = 0; j < L2_SLOTS; j++) {
			place = l2_place_of(&s->buckets[i], j);
			if (place == 0 || l2_segment_of(s, place) != segment)
				continue;
			l2_slot_drop(s, &s->buckets[i], j);
			n++;
		}
	}
	return n;
}

/* The slots that lead to this record are no more. How many did: none when it was replaced. */
static uint64_t
record_forget(struct l2 *s, const struct entry *e, uint64_t place)
{
	struct l2_bucket *b;
	uint64_t n = 0;
	struct key k;
	int slot;

	entry_key(e, &k);
	b = l2_bucket_of(s, key_hash(&k, l2_seed_of(s)));
	while ((slot = l2_slot_at(b, place)) >= 0) {
		l2_slot_drop(s, b, slot);
		n++;
	}
	return n;
}

uint64_t
l2_segment_purge(
    struct l2 *s, uint64_t segment, bool (*match)(const struct entry *e, void *arg), void *arg)
{
	uint64_t at = l2_segment_place(s, segment), end = at + s->own[segment].used, n = 0;
	const struct entry *e;

	while (at < end) {
		e = l2_record_open(s, at);
		if (e == NULL)
			return n + segment_forget(s, segment);
		if (match == NULL || match(e, arg))
			n += record_forget(s, e, at);
		at += l2_record_size(e);
	}
	return n;
}

/* The oldest one of a log that is not open; L2_NONE: there is none. */
static uint64_t
segment_oldest(const struct l2 *s, enum l2_log log)
{
	uint64_t found = L2_NONE;

	for (uint64_t i = 0; i < s->shape.n_segments; i++)
		if (s->own[i].age != 0 && s->own[i].log == log && s->open[log] != i &&
		    (found == L2_NONE || s->own[i].age < s->own[found].age))
			found = i;
	return found;
}

/* Which one is to be emptied next; it is not open. */
static uint64_t
segment_choose(struct l2 *s)
{
	uint64_t small_most = s->shape.n_segments / SMALL_SHARE;
	enum l2_log log = s->n_of[L2_SMALL] > small_most + 1 ? L2_SMALL : L2_MAIN;
	uint64_t found = segment_oldest(s, log);

	if (found == L2_NONE)
		found = segment_oldest(s, log == L2_MAIN ? L2_SMALL : L2_MAIN);
	if (found != L2_NONE)
		return found;
	/* None free, and none but open ones: a table that no writer of ours leaves. */
	log = s->open[L2_MAIN] == L2_NONE ? L2_SMALL : L2_MAIN;
	found = s->open[log];
	ENSURE(found != L2_NONE);
	s->open[log] = L2_NONE;
	return found;
}

/* ---- the two logs ---------------------------------------------------------------------------- */

static bool
log_fits(struct l2 *s, enum l2_log log, uint64_t size)
{
	uint64_t i = s->open[log];

	if (i != L2_NONE && s->own[i].used + size <= s->shape.segment_bytes)
		return true;
	if (s->n_free == 0)
		return false;
	for (i = 0; s->own[i].age != 0; i++)
		continue;
	l2_segment_begin(s, i, log);
	return true;
}

/* Room for a record at the end of a log that fits; its place. */
static uint64_t
log_take(struct l2 *s, enum l2_log log, unsigned hits)
{
	uint64_t i = s->open[log], place = l2_segment_place(s, i) + s->own[i].used;

	if (s->hits != NULL)
		atomic_store_explicit(l2_hits_of(s, place), (uint8_t)hits, memory_order_relaxed);
	return place;
}

/* What was written there is whole. */
static void
log_took(struct l2 *s, enum l2_log log, uint64_t size)
{
	uint64_t i = s->open[log];

	s->own[i].used += (uint32_t)size;
	atomic_store_explicit(&s->segments[i].used, s->own[i].used, memory_order_release);
	l2_count(&s->header->bytes_used, (int64_t)size);
}

static void
words_store(struct l2 *s, uint64_t place, const void *from, uint64_t octets)
{
	_Atomic uint64_t *to = (_Atomic uint64_t *)(s->memory + place);
	uint64_t word;

	for (uint64_t i = 0; i < octets / 8; i++) {
		memcpy(&word, (const uint8_t *)from + 8 * i, sizeof(word));
		atomic_store_explicit(to + i, word, memory_order_relaxed);
	}
}

uint64_t
l2_log_append(
    struct l2 *s, enum l2_log log, const struct packed *head, const struct entry *e, unsigned hits)
{
	uint64_t place = log_take(s, log, hits), body = e->size - sizeof(*e);

	words_store(s, place, head, sizeof(*head));
	words_store(s, place + sizeof(*head), e + 1, body);
	log_took(s, log, sizeof(*head) + body);
	return place;
}

/* Into the main log, as it is, with its checksum: what was damaged stays so. */
static uint64_t
record_copy(struct l2 *s, uint64_t from, uint64_t size, unsigned hits)
{
	uint64_t place = log_take(s, L2_MAIN, hits);

	words_store(s, place, s->memory + from, size);
	log_took(s, L2_MAIN, size);
	return place;
}

static unsigned
hits_at(const struct l2 *s, uint64_t place)
{
	unsigned n =
	    s->hits == NULL ? 0 : atomic_load_explicit(l2_hits_of(s, place), memory_order_relaxed);

	return n < L2_HITS_MAX ? n : L2_HITS_MAX;
}

/* Keeps or drops a record of the segment that is being emptied. */
static void
record_settle(struct l2 *s, const struct entry *e, uint64_t place)
{
	const struct l2_own *own = &s->own[s->clean.segment];
	uint64_t hash, size = l2_record_size(e);
	unsigned hits = hits_at(s, place);
	struct l2_bucket *b;
	struct key k;
	int slot;

	entry_key(e, &k);
	hash = key_hash(&k, l2_seed_of(s));
	b = l2_bucket_of(s, hash);
	slot = l2_slot_at(b, place);
	if (slot < 0)
		return; /* replaced or dropped */
	if (hits > 0 && entry_fresh(e, s->now_s) && s->clean.kept + size <= KEPT_OF(own->used) &&
	    log_fits(s, L2_MAIN, size)) {
		hits = own->log == L2_MAIN ? hits - 1 : 0;
		s->clean.kept += size;
		l2_slot_set(b, slot, record_copy(s, place, size, hits), hash);
		l2_count(&s->header->kept, 1);
		return;
	}
	if (own->log == L2_SMALL && hits == 0)
		*ghost_of(s, hash) = ghost_tag(hash);
	l2_slot_drop(s, b, slot);
	l2_count(&s->header->evictions, 1);
}

void
l2_log_clean(struct l2 *s, uint64_t octets)
{
	uint64_t done = 0, place;
	const struct entry *e;

	while (done < octets) {
		if (s->clean.segment == L2_NONE) {
			if (s->n_free >= FREE_LEAST)
				return;
			s->clean.segment = segment_choose(s);
			s->clean.at = s->clean.kept = 0;
		}
		if (s->clean.at >= s->own[s->clean.segment].used) {
			segment_free(s, s->clean.segment);
			s->clean.segment = L2_NONE;
			continue;
		}
		place = l2_segment_place(s, s->clean.segment) + s->clean.at;
		e = l2_record_open(s, place);
		if (e == NULL) {
			l2_count(
			    &s->header->evictions, (int64_t)segment_forget(s, s->clean.segment));
			s->clean.at = s->own[s->clean.segment].used;
			return;
		}
		s->clean.at += l2_record_size(e);
		done += l2_record_size(e);
		record_settle(s, e, place);
	}
}

bool
l2_roomy(const struct l2 *s)
{
	return s->n_free > FREE_LEAST;
}

void
l2_log_room(struct l2 *s, enum l2_log log, uint64_t size)
{
	uint64_t segment;

	while (!log_fits(s, log, size)) {
		segment = s->clean.segment == L2_NONE ? segment_choose(s) : s->clean.segment;
		l2_count(&s->header->evictions, (int64_t)l2_segment_purge(s, segment, NULL, NULL));
		segment_free(s, segment);
		s->clean.segment = L2_NONE;
	}
}
