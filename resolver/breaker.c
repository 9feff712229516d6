#include "resolver/breaker.h"

#include <stddef.h>

static void
turn(struct breaker *b, enum score_breaker state, struct mono now)
{
	if (b->state == state)
		return;
	b->state = state;
	b->since = now;
}

static bool
in_row(const struct breaker *b, uint64_t zone)
{
	for (uint8_t i = 0; zone != 0 && i < b->row; i++)
		if (b->zones[i] == zone)
			return true;
	return false;
}

/* Is there something that a trial has to tell? */
static bool
doubtful(const struct breaker *b)
{
	return b->state != BREAKER_CLOSED || b->row == BREAKER_FAILURES;
}

static void
failed(struct breaker *b, uint64_t zone)
{
	if (b->row < BREAKER_FAILURES && !in_row(b, zone))
		b->zones[b->row++] = zone;
}

static void
trial_bad(struct breaker *b, struct mono now)
{
	/* What answered meanwhile is better evidence. */
	if (!b->trying || !doubtful(b))
		return;
	turn(b, BREAKER_OPEN, now);
	b->due = mono_add_ms(now, BREAKER_OPEN_MS);
}

/* The row stays: it ends with a question that is answered. */
static void
trial_well(struct breaker *b, struct mono now)
{
	turn(b, BREAKER_CLOSED, now);
	b->due = mono_add_ms(now, BREAKER_DOUBT_MS);
}

struct breaker_update
breaker_step(struct breaker b, enum breaker_event event, uint64_t zone, struct mono now)
{
	struct breaker_update u = {.trial = false};

	switch (event) {
	case BREAKER_ANSWERED:
		b.row = 0;
		turn(&b, BREAKER_CLOSED, now);
		break;
	case BREAKER_FAILED:
		failed(&b, zone);
		break;
	case BREAKER_WELL:
		trial_well(&b, now);
		b.trying = false;
		break;
	case BREAKER_BAD:
		trial_bad(&b, now);
		b.trying = false;
		break;
	case BREAKER_TIME:
		break;
	}
	/* A closed one is tried on a failure, not because time passes: nobody may be asking. */
	if (!b.trying && doubtful(&b) && !mono_before(now, b.due) &&
	    (b.state != BREAKER_CLOSED || event == BREAKER_FAILED)) {
		if (b.state == BREAKER_OPEN)
			turn(&b, BREAKER_HALF_OPEN, now);
		b.trying = u.trial = true;
	}
	u.next = b;
	return u;
}

struct mono
breaker_wake(const struct breaker *b)
{
	return b->state == BREAKER_OPEN && !b->trying ? b->due : MONO_FOREVER;
}

uint64_t
breaker_zone(const struct key *k)
{
	uint8_t starts[128]; /* of labels; a name has at most 127 */
	size_t n = 0, at = 0;
	uint64_t hash = UINT64_C(0xcbf29ce484222325); /* FNV-1a */

	while (at < k->name_length && k->name[at] != 0 && n < sizeof(starts)) {
		starts[n++] = (uint8_t)at;
		at += 1u + k->name[at];
	}
	for (at = n < 2 ? 0 : starts[n - 2]; at < k->name_length; at++)
		hash = (hash ^ k->name[at]) * UINT64_C(0x100000001b3);
	return hash != 0 ? hash : 1;
}

const char *
breaker_name(enum score_breaker state)
{
	static const char *const names[N_BREAKERS] = {"closed", "open", "half-open"};

	return (unsigned)state < N_BREAKERS ? names[state] : "?";
}
