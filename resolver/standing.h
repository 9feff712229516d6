/*
 * standing: how a worker or an engine stands, for its scoreboard. Pure.
 *
 * It fails when what it was asked has had no good answer for STANDING_LEAST questions in a row and
 * these came over STANDING_MS at least: a burst of questions about one dead zone is none, nor is a
 * pause. Good is an answer of the Internet's, NOERROR or NXDOMAIN; a bogus one is not. It ends with
 * the first good answer.
 */
#ifndef RESOLVER_STANDING_H
#define RESOLVER_STANDING_H

#include "lib/mono.h"
#include "lib/scoreboard.h"

#define STANDING_LEAST 20
#define STANDING_MS 5000

/* Zeros: nothing was asked yet. */
struct standing {
	uint32_t fruitless;	 /* questions since the last good answer */
	struct mono first, last; /* when the first and the last of them ended */
};

/* A question ended. */
void standing_note(struct standing *s, bool good, struct mono now);
/* `running`: its loop turns. `engines`: somebody is there to be asked. */
enum score_state
standing_state(const struct standing *s, bool running, bool stopping, bool engines);

#endif
