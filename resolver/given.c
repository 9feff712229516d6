#include "resolver/given.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/sealed.h"

int
given_take(struct held *h, const char *name)
{
	int fd;

	for (int i = 0; i < h->n; i++) {
		if (strcmp(h->all[i].name, name) != 0)
			continue;
		fd = h->all[i].fd;
		h->all[i].fd = -1;
		return fd;
	}
	return -1;
}

const char *
given_name(char name[static HELD_NAME], const char *word, int number)
{
	snprintf(name, HELD_NAME, "%s%d", word, number);
	return name;
}

const char *
given_engine(char name[static HELD_NAME], const char *word, int number)
{
	if (number != ENGINE_PROBATION)
		return given_name(name, word, number);
	snprintf(name, HELD_NAME, "%sprobation", word);
	return name;
}

/* A reader that sees our process number sees the rest, too. */
static void
score_begin(struct scoreboard *s)
{
	atomic_store(&s->state, SCORE_STARTING);
	atomic_store(&s->heartbeat_us, 0);
	atomic_store(&s->in_flight, 0);
	atomic_store(&s->started_us, (uint64_t)mono_now().us);
	score_add(&s->generation, 1);
	atomic_store(&s->pid, (uint64_t)getpid());
}

struct scoreboard *
given_score(struct held *h, uint32_t kind, int number, int *reader, struct err *err)
{
	char name[HELD_NAME], word[] = {'s', 'c', 'o', 'r', 'e', '.', (char)kind, '\0'};
	int fd = given_take(h, number == ENGINE_PROBATION ? "score.probation"
							  : given_name(name, word, number));
	bool given = fd != -1;
	struct scoreboard *s =
	    given ? scoreboard_map(fd, true, err) : scoreboard_make(kind, &fd, err);

	/* It stays open, so that who looks at this process by /proc finds it. */
	if (s == NULL && given)
		err_wrap(err, "%s", name);
	if (s == NULL)
		return NULL;
	if (s->kind != kind) {
		scoreboard_unmap(s);
		err_set(err, "%s is the scoreboard of another kind of process", name);
		return NULL;
	}
	if (reader != NULL && (*reader = sealed_reopen(fd, err)) < 0) {
		scoreboard_unmap(s);
		return NULL;
	}
	score_begin(s);
	return s;
}
