#include "resolver/failing.h"

#include <stddef.h>

void
failing_put(struct failing *f, const struct failure *new)
{
	struct failure *slot = &f->slots[new->hash % FAILING_SLOTS];

	*slot = *new;
	slot->era = f->era;
	f->in_a_row++;
}

const struct failure *
failing_find(const struct failing *f, uint64_t hash, struct mono now)
{
	const struct failure *slot = &f->slots[hash % FAILING_SLOTS];

	return slot->hash == hash && slot->era == f->era && mono_before(now, slot->until) ? slot
											  : NULL;
}

void
failing_drop(struct failing *f, uint64_t hash)
{
	struct failure *slot = &f->slots[hash % FAILING_SLOTS];

	if (slot->hash == hash)
		slot->until = MONO_NEVER;
	if (failing_all(f))
		f->era++;
	f->in_a_row = 0;
}

bool
failing_all(const struct failing *f)
{
	return f->in_a_row >= FAILING_OUTAGE;
}

void
failing_clear(struct failing *f)
{
	f->era++;
	f->in_a_row = 0;
}
