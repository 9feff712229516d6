/*
 * conf_rig: what the tests of configuration files share: an arena, a scratch file, and the mistake
 * that has to be told with its place and its mend. Included behind cmocka.h.
 */
#ifndef TESTS_CONF_RIG_H
#define TESTS_CONF_RIG_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/arena.h"
#include "lib/err.h"

static struct arena *arena;
static char scratch[32]; /* a file of this test's own */

static inline int
rig_begin(void **state)
{
	int fd;

	(void)state;
	arena = arena_new();
	strcpy(scratch, "/tmp/anypop-conf-XXXXXX");
	fd = mkstemp(scratch);
	return fd < 0 ? -1 : close(fd);
}

static inline int
rig_end(void **state)
{
	(void)state;
	arena_free(arena);
	return unlink(scratch);
}

/* `text` with its only `from` replaced. */
static inline char *
replaced(const char *text, const char *from, const char *to)
{
	const char *at = strstr(text, from);

	if (at == NULL || strstr(at + 1, from) != NULL)
		fail_msg("\"%s\" is not in the text just once", from);
	return arena_printf(arena, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
}

/* A mistake: `to` instead of `from`. The error is expected on the line of the '^' in `to`, or on
 * none where there is no '^'. */
struct row {
	const char *from, *to, *key, *mend;
};

/* `read` refuses the text with the mistake in it, and names the file as `path`. */
static inline void
expect_mistake(const char *base, const struct row *r, const char *path,
    int (*read)(const char *text, struct err *err))
{
	char *text = replaced(base, r->from, r->to), *mark = strchr(text, '^'), *at;
	struct err err = {""};
	const char *want;
	int line = 1;

	for (at = text; mark != NULL && at < mark; at++)
		line += *at == '\n';
	if (mark != NULL)
		memmove(mark, mark + 1, strlen(mark));
	if (read(text, &err) == 0)
		fail_msg("\"%s\" is taken", r->to);
	want = mark != NULL ? arena_printf(arena, "%s:%d: %s: ", path, line, r->key)
			    : arena_printf(arena, "%s: %s: ", path, r->key);
	if (strncmp(err.text, want, strlen(want)) != 0)
		fail_msg("\"%s\" gives \"%s\", expected \"%s...\"", r->to, err.text, want);
	if (strstr(err.text + strlen(want), r->mend) == NULL)
		fail_msg("\"%s\" gives \"%s\", expected \"%s\" in it", r->to, err.text, r->mend);
}

#endif
