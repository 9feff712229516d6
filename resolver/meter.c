#include "resolver/meter.h"

#include "lib/ensure.h"

_Static_assert(sizeof(struct meter_set) == 64, "a set is looked at in one cache line");

void
meter_init(struct meter *m, struct meter_set *sets, uint32_t n)
{
	ENSURE(n > 0 && (n & (n - 1)) == 0);
	*m = (struct meter){sets, n - 1};
}

int64_t
meter_pour(struct meter *m, uint64_t hash, int64_t now_ns, int64_t cost_ns, int64_t most_ns)
{
	struct meter_set *set = &m->sets[hash & m->mask];
	uint32_t tag = (uint32_t)(hash >> 32);
	int64_t level;
	int at = 0;

	for (int i = 0; i < METER_WAYS; i++) {
		if (set->tag[i] == tag) {
			at = i;
			break;
		}
		if (set->empty_ns[i] < set->empty_ns[at])
			at = i;
	}
	level = set->empty_ns[at] > now_ns ? set->empty_ns[at] - now_ns : 0;
	if (level + cost_ns > most_ns)
		return -1;
	set->tag[at] = tag;
	set->empty_ns[at] = now_ns + level + cost_ns;
	return level + cost_ns;
}
