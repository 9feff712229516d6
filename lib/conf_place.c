/*
 * Two lists in the configuration's arena: the structs with their key paths, and the keys with their
 * lines. They are searched only when an error is written, so order and speed do not matter; the
 * first match is the right one because a key stands once in its group.
 */
#include "lib/conf_place.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct holder {
	struct holder *next;
	struct conf_spot spot;
};

struct place {
	struct place *next;
	const void *base;
	const char *name, *file;
	int index, line;
};

struct conf_places {
	struct arena *arena;
	const char *path;
	struct holder *structs;
	struct place *keys;
};

struct conf_places *
conf_places_new(const char *path, struct arena *arena)
{
	struct conf_places *p = arena_get(arena, sizeof(*p));

	p->arena = arena;
	p->path = arena_strdup(arena, path);
	return p;
}

const struct conf_places *
conf_places_none(const char *path, struct arena *arena)
{
	return conf_places_new(path, arena);
}

void
conf_places_struct(struct conf_places *p, const struct conf_spot *spot)
{
	struct holder *h = arena_get(p->arena, sizeof(*h));

	h->spot = *spot;
	h->next = p->structs;
	p->structs = h;
}

void
conf_places_key(struct conf_places *p, const void *base, const char *name, int index,
    const char *file, int line)
{
	struct place *k = arena_get(p->arena, sizeof(*k));

	*k = (struct place){p->keys, base, name, file, index, line};
	p->keys = k;
}

static const struct place *
find_key(const struct conf_places *p, const void *base, const char *name, int index)
{
	const struct place *k;

	for (k = p->keys; k != NULL; k = k->next) {
		if (k->base == base && k->index == index && strcmp(k->name, name) == 0)
			return k;
	}
	return NULL;
}

/* A struct and its first member may be structs at the same address: `name` tells them apart. A name
 * in no table is an unknown key of the struct that is being read, the newest. */
static const struct conf_spot *
find_struct(const struct conf_places *p, const void *base, const char *name)
{
	const struct conf_spot *newest = NULL;
	const struct holder *h;

	for (h = p->structs; h != NULL; h = h->next) {
		const struct conf_key *k = h->spot.keys;

		if (h->spot.base != base)
			continue;
		if (newest == NULL)
			newest = &h->spot;
		if (name == NULL && h->spot.path[0] != '\0')
			return &h->spot;
		for (; name != NULL && k->name != NULL; k++) {
			if (strcmp(k->name, name) == 0)
				return &h->spot;
		}
	}
	return newest;
}

bool
conf_given(const struct conf_places *places, const void *base, const char *name)
{
	return find_key(places, base, name, -1) != NULL;
}

static void
put_path(char *buf, size_t size, const struct conf_spot *s, const char *name, int index)
{
	size_t n = (size_t)snprintf(buf, size, "%s", s != NULL ? s->path : "");

	if (name != NULL && n < size)
		n += (size_t)snprintf(buf + n, size - n, "%s%s", n > 0 ? "." : "", name);
	if (index >= 0 && n < size)
		snprintf(buf + n, size - n, "[%d]", index);
}

int
conf_wrong(const struct conf_places *places, const void *base, const char *name, int index,
    struct err *err, const char *fmt, ...)
{
	const struct conf_spot *s = find_struct(places, base, name);
	const struct place *k = name == NULL ? NULL : find_key(places, base, name, index);
	const char *file = places->path;
	char path[160], what[sizeof(err->text)];
	int line = 0;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	if (k == NULL && name != NULL)
		k = find_key(places, base, name, -1);
	if (k != NULL) {
		file = k->file;
		line = k->line;
	} else if (s != NULL) {
		file = s->file;
		line = s->line;
	}
	put_path(path, sizeof(path), s, name, index);
	if (line > 0)
		return err_set(err, "%s:%d: %s: %s", file, line, path, what);
	return err_set(err, "%s: %s: %s", file, path, what);
}
