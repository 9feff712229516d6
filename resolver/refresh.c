#include "resolver/refresh.h"

#include "lib/ensure.h"

#define SECOND_US 1000000

void
refresh_init(
    struct refresh *r, int64_t percent, int64_t per_s, int64_t in_flight, struct mono now)
{
	*r = (struct refresh){
	    .percent = percent,
	    .per_s = per_s,
	    .budget_us = SECOND_US,
	    .filled = now,
	    .open_max = (uint32_t)(in_flight / REFRESH_SHARE),
	};
	if (r->open_max == 0)
		r->open_max = 1;
}

/* A quarter of the part, by the hash's first octet: in parts of 100 * 1024. */
static bool
is_early(const struct refresh *r, const struct entry *e, uint64_t hash, struct mono now)
{
	int64_t from = (100 - r->percent) * 1024 + r->percent * (int64_t)(hash >> 56);
	int64_t age_ms = now.us / 1000 - e->stored_s * 1000;

	return age_ms * 1024 < (int64_t)e->ttl_s * 10 * from;
}

static void
save_up(struct refresh *r, struct mono now)
{
	int64_t us = mono_diff_us(now, r->filled);

	r->filled = now;
	r->budget_us += us < SECOND_US ? us : SECOND_US;
	if (r->budget_us > SECOND_US)
		r->budget_us = SECOND_US;
}

enum refresh_verdict
refresh_may(
    struct refresh *r, const struct entry *e, uint64_t hash, bool ill, struct mono now)
{
	uint32_t slot = (uint32_t)hash % REFRESH_SLOTS;

	if (ill)
		return REFRESH_ILL;
	if (is_early(r, e, hash, now))
		return REFRESH_EARLY;
	if (r->tried[slot].hash == hash && mono_before(now, r->tried[slot].until))
		return REFRESH_TRIED;
	save_up(r, now);
	if (r->open >= r->open_max || r->budget_us < SECOND_US / r->per_s)
		return REFRESH_OVER;
	return REFRESH_ASK;
}

void
refresh_asked(struct refresh *r, const struct entry *e, uint64_t hash, struct mono now)
{
	uint32_t slot = (uint32_t)hash % REFRESH_SLOTS;
	int64_t again_s = entry_left_s(e, now.us / SECOND_US) / 2;

	if (again_s < REFRESH_AGAIN_S)
		again_s = REFRESH_AGAIN_S;
	r->tried[slot].hash = hash;
	r->tried[slot].until = mono_add_ms(now, again_s * 1000);
	r->budget_us -= SECOND_US / r->per_s;
	r->open++;
}

void
refresh_ended(struct refresh *r)
{
	ENSURE(r->open > 0);
	r->open--;
}
