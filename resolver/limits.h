/*
 * limits: how much one client, and one network of clients, may ask. Pure.
 *
 * Each client (an IPv4 address, an IPv6 network of client_v6_bits) and each prefix has a bucket of
 * queries and one of misses, the expensive ones. What goes beyond the bucket of queries is poured
 * into a second one of the same rate, and how full that is says what becomes of it: from cache
 * only; TC, so that who is there comes back by TCP; nothing. So up to the rate all is answered, up
 * to twice the rate from cache, and who goes on beyond that loses the rest.
 *
 * Addresses that were proven (TCP, a cookie) are counted in a table of their own. Whoever floods in
 * somebody's name uses up the unproven bucket of that name; TC brings its owner to the other.
 */
#ifndef RESOLVER_LIMITS_H
#define RESOLVER_LIMITS_H

#include <stdbool.h>

#include "lib/addr.h"
#include "resolver/meter.h"

#define LIMITS_SECRET 16

enum limits_verdict { LIMITS_FULL, LIMITS_CACHE_ONLY, LIMITS_TRUNCATE, LIMITS_DROP };

/* 0 is no limit. */
struct limits_rates {
	int64_t client_per_s, prefix_per_s;
};
/* How many bits are one client, one prefix; of IPv6 at most 64. */
struct limits_widths {
	uint8_t client_v6, prefix_v4, prefix_v6;
};
struct limits {
	struct meter unproven, proven;
	uint8_t secret[LIMITS_SECRET];
	int64_t burst_ns; /* so much of a rate may come at once */
	struct limits_rates queries, misses;
};
struct limits_source {
	uint64_t client, prefix; /* their bits */
	bool v6, proven;
};

struct limits_source
limits_source(const struct limits_widths *w, const struct addr *a, bool proven);
/* Keyed (SipHash-2-4), for what clients could aim at. */
uint64_t limits_hash(const uint8_t secret[static LIMITS_SECRET], uint64_t bits, uint64_t kind);

/* One more query. Never LIMITS_TRUNCATE for a proven source: it has nothing to prove. */
enum limits_verdict limits_query(struct limits *l, const struct limits_source *s, int64_t now_ns);
/* One more question for an engine: false when it is one too many. */
bool limits_miss(struct limits *l, const struct limits_source *s, int64_t now_ns);
/* One more to wait for an engine, of the so many places that are free: false when the source has
 * its share. A client may have as many as it leaves to others, a prefix three times as many:
 * whoever is alone has half of all, and however many there are, a place is left for the next.
 * (Thresholds that follow what is free: Choudhury and Hahne, 1998.) Where none is free that is
 * nobody's share. */
bool limits_place(uint32_t client_has, uint32_t prefix_has, uint32_t n_free);

#endif
