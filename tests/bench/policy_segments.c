/*
 * policy_segments: logs of segments. FIFO, as shards were until layout 3: the oldest segment goes
 * whole. And by TTL, after Segcache (Yang, Yue, Vinayak, NSDI 2021): segments of like lives, those
 * past their time freed at once, else four neighbours merged into one that keeps what was asked
 * most.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/ensure.h"
#include "tests/bench/policy.h"

#define SEGMENTS 200
#define CLASSES 24 /* of lives, by their binary logarithm */
#define MERGED 4
#define NONE UINT32_MAX
#define FREQUENT 127

struct segment {
	uint32_t *objects;			 /* owned */
	uint32_t n, room, class, begun_s, newer; /* newer: of its class */
	uint64_t used;
	bool open; /* in use */
};

struct log {
	const struct trace *trace;
	uint64_t segment_bytes;
	struct segment segments[SEGMENTS];
	uint32_t *where, *expiry_s; /* owned; by object: its segment + 1 */
	uint8_t *hits;		    /* owned */
	uint32_t oldest[CLASSES], newest[CLASSES], turn;
};

static void *
log_new(uint64_t bytes, const struct trace *t)
{
	struct log *l = calloc(1, sizeof(*l));

	ENSURE(l != NULL);
	l->trace = t;
	l->segment_bytes = bytes / SEGMENTS;
	l->where = calloc(t->n_objects, sizeof(*l->where));
	l->expiry_s = calloc(t->n_objects, sizeof(*l->expiry_s));
	l->hits = calloc(t->n_objects, 1);
	ENSURE(l->where != NULL && l->expiry_s != NULL && l->hits != NULL);
	for (int i = 0; i < CLASSES; i++)
		l->oldest[i] = l->newest[i] = NONE;
	return l;
}

static void
log_free(void *cache)
{
	struct log *l = cache;

	for (int i = 0; i < SEGMENTS; i++)
		free(l->segments[i].objects);
	free(l->where);
	free(l->expiry_s);
	free(l->hits);
	free(l);
}

static void
append(struct log *l, uint32_t s, uint32_t o)
{
	struct segment *segment = &l->segments[s];

	if (segment->n == segment->room) {
		segment->room = segment->room * 2 + 64;
		segment->objects =
		    realloc(segment->objects, segment->room * sizeof(*segment->objects));
		ENSURE(segment->objects != NULL);
	}
	segment->objects[segment->n++] = o;
	segment->used += object_bytes(l->trace, o);
	l->where[o] = s + 1;
}

/* Takes the oldest of a class off, and empties it. */
static uint32_t
oldest_empty(struct log *l, uint32_t class)
{
	uint32_t s = l->oldest[class];
	struct segment *segment = &l->segments[s];

	for (uint32_t i = 0; i < segment->n; i++)
		if (l->where[segment->objects[i]] == s + 1)
			l->where[segment->objects[i]] = 0;
	l->oldest[class] = segment->newer;
	if (segment->newer == NONE)
		l->newest[class] = NONE;
	segment->n = 0;
	segment->used = 0;
	segment->open = false;
	return s;
}

static void
begin(struct log *l, uint32_t s, uint32_t class, uint32_t now_s)
{
	struct segment *segment = &l->segments[s];

	segment->open = true;
	segment->class = class;
	segment->begun_s = now_s;
	segment->newer = NONE;
	if (l->newest[class] == NONE)
		l->oldest[class] = s;
	else
		l->segments[l->newest[class]].newer = s;
	l->newest[class] = s;
}

static uint32_t
free_find(const struct log *l)
{
	for (uint32_t i = 0; i < SEGMENTS; i++)
		if (!l->segments[i].open)
			return i;
	return NONE;
}

static bool
is_hit(const struct log *l, uint32_t o, uint32_t now_s)
{
	return l->where[o] != 0 && now_s < l->expiry_s[o];
}

static bool
fifo_ask(void *cache, uint32_t o, uint32_t now_s)
{
	struct log *l = cache;
	uint32_t s = l->newest[0];

	if (is_hit(l, o, now_s))
		return true;
	if (s == NONE || l->segments[s].used + object_bytes(l->trace, o) > l->segment_bytes) {
		s = free_find(l);
		begin(l, s != NONE ? s : oldest_empty(l, 0), 0, now_s);
		s = l->newest[0];
	}
	append(l, s, o);
	l->expiry_s[o] = now_s + object_ttl(l->trace, o);
	return false;
}

/* ---- by TTL ---------------------------------------------------------------------------------- */

static uint32_t
class_of(uint32_t ttl)
{
	return (uint32_t)(31 - __builtin_clz(ttl | 1));
}

/* All in a segment live shorter than the next class's shortest. */
static uint32_t
expired_find(struct log *l, uint32_t now_s)
{
	for (uint32_t c = 0; c < CLASSES; c++) {
		uint32_t s = l->oldest[c];

		if (s != NONE && s != l->newest[c] &&
		    now_s > l->segments[l->segments[s].newer].begun_s + (2u << c))
			return oldest_empty(l, c);
	}
	return NONE;
}

static uint32_t
segments_of(const struct log *l, uint32_t class)
{
	uint32_t n = 0;

	for (uint32_t s = l->oldest[class]; s != NONE; s = l->segments[s].newer)
		n++;
	return n;
}

/* In turn, a class that has enough to merge; else the one with most. */
static uint32_t
class_choose(struct log *l)
{
	uint32_t most = 0, found = 0;

	for (uint32_t i = 0; i < CLASSES; i++) {
		uint32_t c = ++l->turn % CLASSES, n = segments_of(l, c);

		if (n > MERGED)
			return c;
		if (n > most) {
			most = n;
			found = c;
		}
	}
	return found;
}

/* Of the oldest four, what was asked most, in one of them, at its place; the others are free. The
 * least frequency that is kept is the one at which all of it fits. */
static void
merge(struct log *l, uint32_t class, uint32_t now_s)
{
	uint64_t bytes[FREQUENT + 1] = {0}, used = 0;
	uint32_t *kept = NULL, n = 0, s = l->oldest[class], from[MERGED], begun = 0;
	int least = FREQUENT;

	for (int i = 0; i < MERGED; i++, s = l->segments[s].newer) {
		from[i] = s;
		begun = l->segments[s].begun_s;
		kept = realloc(kept, (n + l->segments[s].n) * sizeof(*kept));
		ENSURE(kept != NULL || n + l->segments[s].n == 0);
		for (uint32_t j = 0; j < l->segments[s].n; j++) {
			uint32_t o = l->segments[s].objects[j];

			if (l->where[o] != s + 1 || !is_hit(l, o, now_s))
				continue;
			kept[n++] = o;
			bytes[l->hits[o]] += object_bytes(l->trace, o);
			l->where[o] = 0; /* once, where it is there twice */
		}
	}
	while (least > 0 && used + bytes[least] <= l->segment_bytes)
		used += bytes[least--];
	for (int i = 0; i < MERGED; i++)
		oldest_empty(l, class);
	l->segments[from[0]].newer = l->oldest[class];
	l->segments[from[0]].open = true;
	l->segments[from[0]].class = class;
	l->segments[from[0]].begun_s = begun;
	if (l->oldest[class] == NONE)
		l->newest[class] = from[0];
	l->oldest[class] = from[0];
	for (uint32_t i = 0; i < n; i++) {
		if (l->hits[kept[i]] < least ||
		    l->segments[from[0]].used + object_bytes(l->trace, kept[i]) > l->segment_bytes)
			continue;
		append(l, from[0], kept[i]);
		l->hits[kept[i]] /= 2;
	}
	free(kept);
}

static uint32_t
segment_get(struct log *l, uint32_t now_s)
{
	uint32_t s = free_find(l), class;

	if (s == NONE)
		s = expired_find(l, now_s);
	if (s != NONE)
		return s;
	class = class_choose(l);
	if (segments_of(l, class) > MERGED)
		merge(l, class, now_s);
	else
		oldest_empty(l, class);
	return free_find(l);
}

static bool
ttl_ask(void *cache, uint32_t o, uint32_t now_s)
{
	struct log *l = cache;
	uint32_t class = class_of(object_ttl(l->trace, o)), s = l->newest[class];

	if (l->hits[o] < FREQUENT && l->where[o] != 0)
		l->hits[o]++;
	if (is_hit(l, o, now_s))
		return true;
	if (l->where[o] == 0)
		l->hits[o] = 0;
	if (s == NONE || l->segments[s].used + object_bytes(l->trace, o) > l->segment_bytes) {
		s = segment_get(l, now_s);
		begin(l, s, class, now_s);
	}
	append(l, s, o);
	l->expiry_s[o] = now_s + object_ttl(l->trace, o);
	return false;
}

const struct policy fifo_segments = {"FIFO segments", log_new, fifo_ask, log_free};
const struct policy ttl_segments = {"TTL segments", log_new, ttl_ask, log_free};
