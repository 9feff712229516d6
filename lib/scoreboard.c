/*
 * scoreboard: slots made and mapped.
 */
#include "lib/scoreboard.h"

#include <sys/mman.h>
#include <unistd.h>

#include "lib/sealed.h"

struct scoreboard *
scoreboard_make(uint32_t kind, int *fd, struct err *err)
{
	struct scoreboard *s;
	size_t bytes;

	*fd = sealed_make("anypop-scoreboard", sizeof(*s), err);
	if (*fd < 0)
		return NULL;
	s = sealed_map(*fd, true, &bytes, err);
	if (s == NULL) {
		close(*fd);
		*fd = -1;
		return NULL;
	}
	s->version = SCOREBOARD_VERSION;
	s->size = sizeof(*s);
	s->kind = kind;
	s->magic = SCOREBOARD_MAGIC;
	return s;
}

struct scoreboard *
scoreboard_map(int fd, bool writable, struct err *err)
{
	struct scoreboard *s;
	size_t bytes;

	s = sealed_map(fd, writable, &bytes, err);
	if (s == NULL)
		return NULL;
	if (bytes != sizeof(*s) || s->magic != SCOREBOARD_MAGIC ||
	    s->version != SCOREBOARD_VERSION || s->size != sizeof(*s) ||
	    (s->kind != 'w' && s->kind != 'e')) {
		munmap(s, bytes);
		err_set(err, "descriptor %d is no scoreboard of this version; make a new one", fd);
		return NULL;
	}
	return s;
}

void
scoreboard_unmap(struct scoreboard *s)
{
	if (s != NULL)
		munmap(s, sizeof(*s));
}
