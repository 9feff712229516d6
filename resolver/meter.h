/*
 * meter: how much each of very many sources has used lately, in a fixed table. Pure; the memory is
 * the caller's, given once.
 *
 * A source has a bucket that leaks. It is kept as the moment at which it will be empty (GCRA, ITU-T
 * I.371), so that time passes without anybody touching it; what is in it is told in nanoseconds of
 * leaking, so that sources of different rates share a table.
 *
 * A source may lie in one of METER_WAYS places, chosen by a keyed hash. A new one takes the place
 * of the emptiest and what is in it (Space-Saving: Metwally, Agrawal, El Abbadi, 2005). So a bucket
 * never seems emptier than it is: nobody washes away what he owes by bringing many addresses along,
 * and whoever is moved out was the one who owed least. The price: where all places are full, a
 * newcomer is taken for full, too. That needs METER_WAYS times as many sources at their limit as
 * there are sets.
 */
#ifndef RESOLVER_METER_H
#define RESOLVER_METER_H

#include <stdint.h>

#define METER_WAYS 5

/* One cache line; zeros are empty. */
struct meter_set {
	int64_t empty_ns[METER_WAYS];
	uint32_t tag[METER_WAYS];
	uint32_t unused;
};
struct meter {
	struct meter_set *sets;
	uint32_t mask;
};

/* `n` zeroed sets, a power of two. */
void meter_init(struct meter *m, struct meter_set *sets, uint32_t n);
/* Pours `cost_ns` into the bucket, unless it would hold more than `most_ns` then. What is in it
 * afterwards, or -1 when nothing was poured. `now_ns` never goes back; `hash` is keyed. */
int64_t
meter_pour(struct meter *m, uint64_t hash, int64_t now_ns, int64_t cost_ns, int64_t most_ns);

#endif
