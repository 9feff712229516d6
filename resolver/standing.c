#include "resolver/standing.h"

void
standing_note(struct standing *s, bool good, struct mono now)
{
	if (good) {
		*s = (struct standing){0};
		return;
	}
	if (s->fruitless == 0)
		s->first = now;
	s->last = now;
	if (s->fruitless < STANDING_LEAST)
		s->fruitless++;
}

enum score_state
standing_state(const struct standing *s, bool running, bool stopping, bool engines)
{
	if (stopping)
		return SCORE_STOPPING;
	if (!running)
		return SCORE_STARTING;
	if (!engines)
		return SCORE_STALE_ONLY;
	if (s->fruitless >= STANDING_LEAST && mono_diff_ms(s->last, s->first) >= STANDING_MS)
		return SCORE_FAILING;
	return SCORE_ANSWERING;
}
