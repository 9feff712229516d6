/*
 * given: what a worker or an engine finds among the descriptors that were handed to it (lib/held.h)
 * by the keeper, looked at before it is used. What `hold` calls them is written in hold.h.
 */
#ifndef RESOLVER_GIVEN_H
#define RESOLVER_GIVEN_H

#include <stdint.h>

#include "lib/held.h"
#include "lib/scoreboard.h"

#define ENGINE_PROBATION 255 /* the number of the probation engine, above any other's */

/* Takes it out of the set: the caller's from here on. -1: it is not there. */
int given_take(struct held *h, const char *name);
/* `word` and the number behind it, as in "score.w3"; returns name. */
const char *given_name(char name[static HELD_NAME], const char *word, int number);
/* The same of engine `number`: "probation" is ENGINE_PROBATION's. */
const char *given_engine(char name[static HELD_NAME], const char *word, int number);

/* The scoreboard of this kind that was handed in, or a new one, as its next process has it at the
 * start: counters go on, the state is SCORE_STARTING. `reader` (NULL: not wanted): a descriptor of
 * it that can only be read, the caller's. NULL with why. */
struct scoreboard *
given_score(struct held *h, uint32_t kind, int number, int *reader, struct err *err);

#endif
