#include "resolver/limits.h"

#include <sodium/crypto_shorthash_siphash24.h>
#include <string.h>

/* What a bucket is of; V6 is added to it. */
enum kind {
	CLIENT_QUERIES,
	PREFIX_QUERIES,
	CLIENT_BEYOND,
	PREFIX_BEYOND,
	CLIENT_MISSES,
	PREFIX_MISSES
};
enum { V6 = 0x100, NS_A_SECOND = 1000000000 };

static uint64_t
bits_of(const struct addr *a, unsigned n)
{
	uint64_t bits = 0;

	for (int i = 0; i < 8; i++)
		bits = bits << 8 | a->bytes[i];
	return n == 0 ? 0 : bits >> (64 - n);
}

struct limits_source
limits_source(const struct limits_widths *w, const struct addr *a, bool proven)
{
	bool v6 = a->family == FAMILY_V6;

	return (struct limits_source){
	    .client = bits_of(a, v6 ? w->client_v6 : 32),
	    .prefix = bits_of(a, v6 ? w->prefix_v6 : w->prefix_v4),
	    .v6 = v6,
	    .proven = proven,
	};
}

uint64_t
limits_hash(const uint8_t secret[static LIMITS_SECRET], uint64_t bits, uint64_t kind)
{
	uint64_t in[2] = {bits, kind}, hash;

	crypto_shorthash_siphash24((uint8_t *)&hash, (const uint8_t *)in, sizeof(in), secret);
	return hash;
}

/* One more of that kind: what is in its bucket, -1 when it does not fit. */
static int64_t
pour(struct limits *l, const struct limits_source *s, enum kind kind, int64_t per_s, int bursts,
    int64_t now_ns)
{
	bool of_client = kind == CLIENT_QUERIES || kind == CLIENT_BEYOND || kind == CLIENT_MISSES;
	uint64_t hash = limits_hash(
	    l->secret, of_client ? s->client : s->prefix, (uint64_t)kind | (s->v6 ? V6 : 0));
	int64_t cost_ns = NS_A_SECOND / per_s, most_ns = l->burst_ns * bursts;

	return meter_pour(s->proven ? &l->proven : &l->unproven, hash, now_ns, cost_ns,
	    most_ns > cost_ns ? most_ns : cost_ns);
}

static enum limits_verdict
judge(struct limits *l, const struct limits_source *s, enum kind kind, enum kind beyond,
    int64_t per_s, int64_t now_ns)
{
	int64_t level;

	if (per_s == 0 || pour(l, s, kind, per_s, 1, now_ns) >= 0)
		return LIMITS_FULL;
	level = pour(l, s, beyond, per_s, 2, now_ns);
	if (level < 0)
		return LIMITS_DROP;
	return level > l->burst_ns && !s->proven ? LIMITS_TRUNCATE : LIMITS_CACHE_ONLY;
}

enum limits_verdict
limits_query(struct limits *l, const struct limits_source *s, int64_t now_ns)
{
	enum limits_verdict v =
	    judge(l, s, CLIENT_QUERIES, CLIENT_BEYOND, l->queries.client_per_s, now_ns);

	/* What one client has too much does not count against its neighbours. */
	if (v != LIMITS_FULL)
		return v;
	return judge(l, s, PREFIX_QUERIES, PREFIX_BEYOND, l->queries.prefix_per_s, now_ns);
}

bool
limits_miss(struct limits *l, const struct limits_source *s, int64_t now_ns)
{
	const struct limits_rates *r = &l->misses;

	if (r->client_per_s != 0 && pour(l, s, CLIENT_MISSES, r->client_per_s, 1, now_ns) < 0)
		return false;
	return r->prefix_per_s == 0 || pour(l, s, PREFIX_MISSES, r->prefix_per_s, 1, now_ns) >= 0;
}

bool
limits_place(uint32_t client_has, uint32_t prefix_has, uint32_t n_free)
{
	return n_free == 0 || (client_has < n_free && prefix_has / 3 < n_free);
}
