#include "resolver/crowd.h"

#include "lib/ensure.h"

void
crowd_init(struct crowd *c, uint32_t *counts, uint32_t n)
{
	ENSURE(n > 0 && (n & (n - 1)) == 0);
	*c = (struct crowd){counts, n - 1};
}

/* Of one source in the row. */
static uint32_t *
place(const struct crowd *c, uint64_t hash, int row)
{
	uint32_t n = c->mask + 1;

	return &c->counts[row == 0 ? hash & c->mask : n + (hash >> 32 & c->mask)];
}

uint32_t
crowd_count(const struct crowd *c, uint64_t hash)
{
	uint32_t a = *place(c, hash, 0), b = *place(c, hash, 1);

	return a < b ? a : b;
}

void
crowd_enter(struct crowd *c, uint64_t hash)
{
	++*place(c, hash, 0);
	++*place(c, hash, 1);
}

void
crowd_leave(struct crowd *c, uint64_t hash)
{
	ENSURE(crowd_count(c, hash) > 0);
	--*place(c, hash, 0);
	--*place(c, hash, 1);
}
