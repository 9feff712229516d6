/*
 * scoreboard: slots made and mapped; what is more than a number in them.
 */
#include "lib/scoreboard.h"

#include <string.h>
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

#define NAME_WORDS 6

bool
score_name(_Atomic uint64_t name[static NAME_WORDS], const char *text)
{
	uint64_t words[NAME_WORDS] = {0};
	bool same = true;

	memcpy(words, text, strnlen(text, SCORE_NAME));
	for (int i = 0; i < NAME_WORDS; i++) {
		same = same && atomic_load_explicit(&name[i], memory_order_relaxed) == words[i];
		atomic_store_explicit(&name[i], words[i], memory_order_relaxed);
	}
	return same;
}

static uint64_t
read_word(const _Atomic uint64_t *from)
{
	return atomic_load_explicit(from, memory_order_relaxed);
}

bool
score_server_read(const struct scoreboard *s, int number, struct score_server_look *out)
{
	const struct score_server *from = &s->server[number];
	uint64_t words[NAME_WORDS];

	for (int i = 0; i < NAME_WORDS; i++)
		words[i] = read_word(&from->name[i]);
	*out = (struct score_server_look){.pace = read_word(&from->pace),
	    .since_us = read_word(&from->since_us),
	    .asked = read_word(&from->asked),
	    .answered = read_word(&from->answered),
	    .lost = read_word(&from->lost)};
	memcpy(out->name, words, SCORE_NAME); /* whoever wrote it, it ends */
	return out->name[0] != '\0';
}

const char *
score_pace_name(uint64_t pace)
{
	static const char *const names[N_PACES] = {
	    [PACE_DOWN] = "down",
	    [PACE_GREETED] = "greeted",
	    [PACE_UP] = "up",
	    [PACE_LATE] = "late",
	};

	return pace < N_PACES ? names[pace] : "?";
}
