#include "resolver/probation.h"

#include <stddef.h>

static size_t
set_of(uint64_t hash)
{
	return hash % SUSPECT_SETS * SUSPECT_WAYS;
}

/* One that never was is first; then whose time is over first. */
static bool
goes_first(const struct suspect *a, const struct suspect *b)
{
	if (!mono_is_set(a->until))
		return mono_is_set(b->until);
	return mono_is_set(b->until) && mono_before(a->until, b->until);
}

void
suspects_add(struct suspects *s, uint64_t hash, struct mono now)
{
	struct suspect *set = &s->slots[set_of(hash)], *place = set;

	for (int i = 0; i < SUSPECT_WAYS; i++) {
		if (mono_is_set(set[i].until) && set[i].hash == hash) {
			place = &set[i];
			break;
		}
		if (goes_first(&set[i], place))
			place = &set[i];
	}
	*place = (struct suspect){hash, mono_add_ms(now, SUSPECT_MS)};
}

bool
suspects_has(const struct suspects *s, uint64_t hash, struct mono now)
{
	const struct suspect *set = &s->slots[set_of(hash)];

	for (int i = 0; i < SUSPECT_WAYS; i++)
		if (mono_is_set(set[i].until) && set[i].hash == hash &&
		    mono_before(now, set[i].until))
			return true;
	return false;
}

void
suspects_drop(struct suspects *s, uint64_t hash)
{
	struct suspect *set = &s->slots[set_of(hash)];

	for (int i = 0; i < SUSPECT_WAYS; i++)
		if (set[i].hash == hash)
			set[i].until = MONO_NEVER;
}

enum probation_way
probation_way(const struct probation_look *look)
{
	if (look->sentence == QUARANTINE_HELD)
		return WAY_REFUSED;
	if (look->trials >= PROBATION_TRIALS)
		return WAY_FAILED;
	if (look->sentence == QUARANTINE_PAROLE)
		return WAY_PROBATION;
	if (!look->known)
		return look->losses >= PROBATION_LOSSES ? WAY_FAILED : WAY_ENGINES;
	return look->suspect || look->losses >= PROBATION_LOSSES ? WAY_PROBATION : WAY_ENGINES;
}
