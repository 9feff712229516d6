/*
 * An arena is a list of chunks, newest first; each is filled from its start and never given back in
 * part. A request that does not fit opens a chunk of its own size, or of CHUNK when that is more.
 * Whoever called arena_new() owns all of it; pointers into it die with arena_free().
 */
#include "lib/arena.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/ensure.h"

#define CHUNK 8192

struct chunk {
	struct chunk *next; /* older */
	size_t size, used;
	alignas(max_align_t) char bytes[];
};

struct arena {
	struct chunk *newest;
};

/* There is no going on without memory for the configuration: end with one sentence. */
static void *
must(void *memory, size_t size)
{
	if (memory == NULL) {
		fprintf(stderr, "event=no_memory bytes=%zu\n", size);
		abort();
	}
	return memory;
}

struct arena *
arena_new(void)
{
	return must(calloc(1, sizeof(struct arena)), sizeof(struct arena));
}

void
arena_free(struct arena *a)
{
	if (a == NULL)
		return;
	while (a->newest != NULL) {
		struct chunk *c = a->newest;

		a->newest = c->next;
		free(c);
	}
	free(a);
}

void *
arena_get(struct arena *a, size_t size)
{
	size_t step = alignof(max_align_t);
	struct chunk *c = a->newest;
	void *memory;

	ENSURE(size < SIZE_MAX / 2);
	size = (size + step - 1) / step * step;
	if (size == 0)
		size = step; /* distinct objects have distinct addresses */
	if (c == NULL || c->size - c->used < size) {
		size_t room = size > CHUNK ? size : CHUNK;

		c = must(calloc(1, sizeof(*c) + room), room);
		c->size = room;
		c->next = a->newest;
		a->newest = c;
	}
	memory = c->bytes + c->used;
	c->used += size;
	return memory;
}

char *
arena_strdup(struct arena *a, const char *text)
{
	size_t size = strlen(text) + 1;

	return memcpy(arena_get(a, size), text, size);
}

char *
arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list ap;
	char *text;
	int length;

	va_start(ap, fmt);
	length = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	ENSURE(length >= 0);
	text = arena_get(a, (size_t)length + 1);
	va_start(ap, fmt);
	vsnprintf(text, (size_t)length + 1, fmt, ap);
	va_end(ap);
	return text;
}
