/*
 * Entries stand one behind the other in `ring` and are never split: where one does not fit before
 * the end, the rest is left unused (`edge`) and it goes to the beginning. The oldest are forgotten
 * until there is room.
 */
#include "healthd/history.h"

#include <stdlib.h>
#include <string.h>

#include "healthd/jsontext.h"
#include "lib/ensure.h"
#include "lib/event.h"

#define N_DEFAULT 20
#define N_MAX 10000

struct entry {
	int64_t wall_us;
	uint32_t size; /* of all of it, a multiple of 8 */
	int16_t level;
	uint16_t length; /* of the line, without its NUL, which is there */
	char name[32];
};

struct history {
	size_t size, n;
	size_t first; /* the oldest entry, when n > 0 */
	size_t next;  /* where the next one goes */
	size_t edge;  /* end of the entries before the wrap, when next <= first and n > 0 */
	_Alignas(8) unsigned char ring[];
};

struct history *
history_new(size_t bytes)
{
	struct history *h = calloc(1, sizeof(*h) + bytes);

	if (h != NULL)
		h->size = bytes / 8 * 8;
	return h;
}

void
history_free(struct history *h)
{
	free(h);
}

static const struct entry *
entry_at(const struct history *h, size_t at)
{
	return (const struct entry *)(const void *)(h->ring + at);
}

static size_t
entry_after(const struct history *h, size_t at)
{
	size_t after = at + entry_at(h, at)->size;

	return at >= h->next && after >= h->edge ? 0 : after;
}

static void
forget_oldest(struct history *h)
{
	h->first = entry_after(h, h->first);
	if (--h->n == 0)
		h->first = h->next = 0;
}

/* Makes room for `size` contiguous bytes at h->next. */
static void
make_room(struct history *h, size_t size)
{
	if (h->n > 0 && h->next > h->first && h->next + size > h->size) {
		h->edge = h->next;
		h->next = 0;
	}
	while (h->n > 0 && h->next <= h->first && h->next + size > h->first) {
		size_t was = h->first;

		forget_oldest(h);
		/* The oldest now stands at the beginning again: behind it everything up to the
		 * end of the ring is free, unless that is too little. */
		if (h->n > 0 && h->first < was && h->next + size > h->size) {
			h->edge = h->next;
			h->next = 0;
		}
	}
}

void
history_add(struct history *h, int64_t wall_us, int level, const char *name, const char *line)
{
	size_t length = strnlen(line, h->size / 4), size;
	struct entry e = {.wall_us = wall_us, .level = (int16_t)level};

	if (length > UINT16_MAX)
		length = UINT16_MAX;
	size = (sizeof(e) + length + 1 + 7) / 8 * 8;
	ENSURE(size <= h->size);
	make_room(h, size);
	e.size = (uint32_t)size;
	e.length = (uint16_t)length;
	strncpy(e.name, name, sizeof(e.name) - 1);
	memcpy(h->ring + h->next, &e, sizeof(e));
	memcpy(h->ring + h->next + sizeof(e), line, length);
	h->ring[h->next + sizeof(e) + length] = '\0';
	h->next += size;
	h->n++;
}

static const char *const level_names[] = {[EVENT_ALARM] = "alarm", [EVENT_WARN] = "warn",
    [EVENT_NOTICE] = "notice", [EVENT_INFO] = "info", [EVENT_DEBUG] = "debug"};

const char *
history_level_name(int level)
{
	return level < EVENT_ALARM ? "alarm" : level > EVENT_DEBUG ? "debug" : level_names[level];
}

int
history_level_find(const char *name)
{
	for (int i = EVENT_ALARM; i <= EVENT_DEBUG; i++) {
		if (strcmp(name, level_names[i]) == 0)
			return i;
	}
	return -1;
}

json_t *
history_event(int64_t wall_us, int level, const char *name, const char *line)
{
	return json_pack("{s:I,s:s,s:o,s:o}", "wall_us", (json_int_t)wall_us, "level",
	    history_level_name(level), "name", jsontext(name), "line",
	    jsontext(line));
}

struct asked {
	int64_t n, since_us;
	int level;
};

static int
read_args(const json_t *args, struct asked *a, bool *follow, struct err *err)
{
	const char *key;
	json_t *value;
	bool has_n = false, has_since = false;

	*a = (struct asked){.level = EVENT_DEBUG};
	json_object_foreach ((json_t *)args, key, value) {
		if (strcmp(key, "n") == 0 && json_is_integer(value)) {
			a->n = json_integer_value(value);
			has_n = true;
		} else if (strcmp(key, "since_us") == 0 && json_is_integer(value)) {
			a->since_us = json_integer_value(value);
			has_since = true;
		} else if (strcmp(key, "level") == 0 && json_is_string(value)) {
			a->level = history_level_find(json_string_value(value));
		} else if (strcmp(key, "follow") == 0 && json_is_boolean(value)) {
			*follow = json_is_true(value);
		} else {
			return err_set(err,
			    "events: %s is no argument, or of the wrong type; there "
			    "are n, since_us, level, follow",
			    key);
		}
	}
	if (!has_n)
		a->n = has_since ? N_MAX : N_DEFAULT;
	if (a->n < 0 || a->n > N_MAX)
		return err_set(err, "events: n is 0 to %d", N_MAX);
	if (a->level < 0)
		return err_set(err, "events: level is alarm, warn, notice, info or debug");
	return 0;
}

static bool
wanted(const struct entry *e, const struct asked *a)
{
	return e->level <= a->level && e->wall_us >= a->since_us;
}

json_t *
history_answer(const struct history *h, const json_t *args, bool *follow, struct err *err)
{
	json_t *events;
	struct asked a;
	int64_t skip = 0;
	size_t at = h->first;

	if (read_args(args, &a, follow, err) < 0)
		return NULL;
	for (size_t i = 0; i < h->n; i++, at = entry_after(h, at))
		skip += wanted(entry_at(h, at), &a);
	skip -= a.n;
	events = json_array();
	at = h->first;
	for (size_t i = 0; i < h->n; i++, at = entry_after(h, at)) {
		const struct entry *e = entry_at(h, at);

		if (!wanted(e, &a) || skip-- > 0)
			continue;
		json_array_append_new(events, history_event(e->wall_us, e->level, e->name,
		    (const char *)(e + 1)));
	}
	return json_pack("{s:o,s:o}", "events", events, "oldest_us",
	    h->n > 0 ? json_integer(entry_at(h, h->first)->wall_us) : json_null());
}
