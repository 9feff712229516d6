/*
 * Who asks too much, and who has proven his address: where limits.c, rrl.c, crowd.c and cookie.c
 * meet the worker. Tables are made once, and only for what is configured.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "resolver/admit.h"
#include "resolver/crowd.h"
#include "resolver/secret.h"
#include "resolver/worker_parts.h"

/* Sets of METER_WAYS places: 2 MiB for sources of each sort, 4 MiB for kinds of responses. */
enum { SOURCE_SETS = 32768, RESPONSE_SETS = 65536, PLACES_A_CONN = 8 };
enum kind { CONNS_OF_CLIENT = 0x1000, CONNS_OF_PREFIX = 0x1001, CONNS_V6 = 0x2000 };

struct limiter {
	struct limits_widths widths;
	struct cookie_secrets secrets; /* none: cookies are not answered */
	struct limits limits;
	struct rrl rrl;
	struct crowd crowd;
	struct meter_set *sets; /* owned, as the next */
	uint32_t *counts;
};

/* ---- life ------------------------------------------------------------------------------------ */

static unsigned
limiting_of(const struct resolver_conf *c)
{
	unsigned bits = 0;

	if (c->limits.queries_per_s > 0 || c->limits.prefix_queries_per_s > 0 || c->cookies.require)
		bits |= LIMITING_QUERIES;
	if (c->limits.misses_per_s > 0 || c->limits.prefix_misses_per_s > 0)
		bits |= LIMITING_MISSES;
	if (c->rrl.responses_per_s > 0)
		bits |= LIMITING_RESPONSES;
	return bits;
}

static int
tables_make(struct limiter *l, const struct resolver_conf *c, unsigned limiting)
{
	size_t n_sources = limiting & (LIMITING_QUERIES | LIMITING_MISSES) ? 2 * SOURCE_SETS : 0,
	       n_responses = limiting & LIMITING_RESPONSES ? RESPONSE_SETS : 0,
	       bytes = (n_sources + n_responses) * sizeof(*l->sets);
	uint32_t places = 64;

	while (places < c->worker.tcp_clients * PLACES_A_CONN)
		places *= 2;
	l->counts = calloc(2 * (size_t)places, sizeof(*l->counts));
	if (l->counts == NULL)
		return -1;
	crowd_init(&l->crowd, l->counts, places);
	if (bytes == 0)
		return 0;
	l->sets = aligned_alloc(sizeof(*l->sets), bytes);
	if (l->sets == NULL)
		return -1;
	memset(l->sets, 0, bytes);
	if (n_sources > 0) {
		meter_init(&l->limits.unproven, l->sets, SOURCE_SETS);
		meter_init(&l->limits.proven, l->sets + SOURCE_SETS, SOURCE_SETS);
	}
	if (n_responses > 0)
		meter_init(&l->rrl.meter, l->sets + n_sources, RESPONSE_SETS);
	return 0;
}

static void
rates_set(struct limiter *l, const struct resolver_conf *c)
{
	l->widths = (struct limits_widths){
	    .client_v6 = (uint8_t)c->limits.client_v6_bits,
	    .prefix_v4 = (uint8_t)c->limits.prefix_v4_bits,
	    .prefix_v6 = (uint8_t)c->limits.prefix_v6_bits,
	};
	l->limits.burst_ns = c->limits.burst_ms * 1000000;
	l->limits.queries =
	    (struct limits_rates){c->limits.queries_per_s, c->limits.prefix_queries_per_s};
	l->limits.misses =
	    (struct limits_rates){c->limits.misses_per_s, c->limits.prefix_misses_per_s};
	l->rrl.per_s = c->rrl.responses_per_s;
	l->rrl.slip = c->rrl.slip;
}

int
limiter_open(struct worker *w, struct held *given, struct err *err)
{
	const struct resolver_conf *c = w->conf;
	struct limiter *l = calloc(1, sizeof(*l));
	uint8_t secret[LIMITS_SECRET];

	w->limiter = l;
	w->limiting = limiting_of(c);
	if (l == NULL || tables_make(l, c, w->limiting) == -1)
		return err_set(err, "not enough memory for the tables of limits");
	rates_set(l, c);
	if (getrandom(secret, sizeof(secret), 0) != sizeof(secret) ||
	    getrandom(&l->rrl.dice, sizeof(l->rrl.dice), 0) != sizeof(l->rrl.dice))
		return err_errno(err, "no random numbers");
	memcpy(l->limits.secret, secret, sizeof(secret));
	memcpy(l->rrl.secret, secret, sizeof(secret));
	return c->cookies.answer ? secret_get(c, given, &l->secrets, err) : 0;
}

void
limiter_free(struct worker *w)
{
	if (w->limiter == NULL)
		return;
	free(w->limiter->counts);
	free(w->limiter->sets);
	free(w->limiter);
}

/* ---- cookies --------------------------------------------------------------------------------- */

void
limiter_cookie(struct worker *w, struct asker *a)
{
	const struct limiter *l = w->limiter;
	enum cookie_verdict verdict = COOKIE_BAD;
	struct addr client = endpoint_addr(&a->client);
	struct timespec wall;
	uint32_t now_s;

	if (l->secrets.n == 0)
		return;
	clock_gettime(CLOCK_REALTIME_COARSE, &wall);
	now_s = (uint32_t)wall.tv_sec;
	if (a->query.cookie_length == COOKIE_FULL)
		verdict = cookie_judge(&l->secrets, a->query.cookie, &client, now_s);
	if (a->query.cookie_length == COOKIE_CLIENT) {
		a->cookie = ASKER_ASKS_FOR_ONE;
	} else {
		a->cookie = verdict == COOKIE_BAD ? ASKER_BAD_COOKIE : ASKER_GOOD_COOKIE;
		score_add(&w->score->event[verdict == COOKIE_BAD ? SCORED_COOKIE_BAD
								 : SCORED_COOKIE_GOOD],
		    1);
	}
	a->proven = a->proven || verdict != COOKIE_BAD;
	if (verdict != COOKIE_GOOD)
		cookie_make(&l->secrets, a->query.cookie, &client, now_s);
}

/* ---- queries, misses, responses -------------------------------------------------------------- */

static bool
is_loopback(const struct addr *a)
{
	static const uint8_t one[16] = {[15] = 1};

	return a->family == FAMILY_V4 ? a->bytes[0] == 127 : memcmp(a->bytes, one, 16) == 0;
}

static bool
is_exempt(const struct worker *w, const struct addr *client, bool trusted)
{
	const struct resolver_conf *c = w->conf;

	if (trusted || is_loopback(client))
		return true;
	/* Who looks after this node asks its service addresses from one of them. */
	for (int i = 0; i < c->n_listen; i++)
		if (addr_equal(&c->listen[i], client))
			return true;
	return admit(c->limits.exempt, c->limits.n_exempt, client);
}

static struct limits_source
source_of(const struct worker *w, const struct asker *a)
{
	struct addr client = endpoint_addr(&a->client);

	return limits_source(&w->limiter->widths, &client, a->proven);
}

static int64_t
now_ns(const struct worker *w)
{
	return w->now.us * 1000;
}

enum limits_verdict
limiter_query(struct worker *w, struct asker *a)
{
	struct addr client = endpoint_addr(&a->client);
	enum limits_verdict verdict;
	struct limits_source source;

	a->exempt = is_exempt(w, &client, a->trusted);
	if (a->exempt || !(w->limiting & LIMITING_QUERIES))
		return LIMITS_FULL;
	source = limits_source(&w->limiter->widths, &client, a->proven);
	verdict = limits_query(&w->limiter->limits, &source, now_ns(w));
	if (verdict == LIMITS_DROP)
		score_add(&w->score->drop[DROP_RATE], 1);
	if (verdict == LIMITS_CACHE_ONLY) {
		score_add(&w->score->event[SCORED_CACHE_ONLY], 1);
		a->cache_only = true;
	}
	if (verdict < LIMITS_TRUNCATE && w->conf->cookies.require && !a->proven &&
	    a->cookie != ASKER_NO_COOKIE)
		return LIMITS_TRUNCATE;
	return verdict;
}

bool
limiter_miss(struct worker *w, const struct asker *a)
{
	struct limits_source source;

	if (a->exempt || !(w->limiting & LIMITING_MISSES))
		return true;
	source = source_of(w, a);
	if (limits_miss(&w->limiter->limits, &source, now_ns(w)))
		return true;
	score_add(&w->score->event[SCORED_CACHE_ONLY], 1);
	return false;
}

enum rrl_verdict
limiter_response(struct worker *w, const struct asker *a, const struct key *k, const uint8_t *out)
{
	enum rrl_class class = rrl_class(out[3] & 0xf, (unsigned)out[6] << 8 | out[7]);
	struct limits_source to;

	/* What is truncated already is no more than was asked. */
	if (!(w->limiting & LIMITING_RESPONSES) || a->proven || a->exempt || (out[2] & 0x02))
		return RRL_SEND;
	to = source_of(w, a);
	return rrl_judge(
	    &w->limiter->rrl, &to, class, k != NULL ? key_hash(k, w->secret) : 0, now_ns(w));
}

/* ---- connections ----------------------------------------------------------------------------- */

struct places {
	uint64_t client, prefix;
};

static struct places
places_of(const struct worker *w, const struct addr *client)
{
	const struct limiter *l = w->limiter;
	struct limits_source s = limits_source(&l->widths, client, true);
	uint64_t v6 = s.v6 ? CONNS_V6 : 0;

	return (struct places){limits_hash(l->limits.secret, s.client, CONNS_OF_CLIENT | v6),
	    limits_hash(l->limits.secret, s.prefix, CONNS_OF_PREFIX | v6)};
}

/* False: nobody counts it. */
static bool
is_counted(const struct worker *w, const union endpoint *client, bool trusted, struct places *out)
{
	struct addr a = endpoint_addr(client);

	if ((w->conf->limits.tcp_clients == 0 && w->conf->limits.prefix_tcp_clients == 0) ||
	    is_exempt(w, &a, trusted))
		return false;
	*out = places_of(w, &a);
	return true;
}

enum limiter_full
limiter_conn(struct worker *w, const union endpoint *client, bool trusted)
{
	const struct resolver_conf *c = w->conf;
	const struct crowd *crowd = &w->limiter->crowd;
	struct places at;

	if (!is_counted(w, client, trusted, &at))
		return LIMITER_FITS;
	if (c->limits.tcp_clients > 0 && crowd_count(crowd, at.client) >= c->limits.tcp_clients)
		return LIMITER_CLIENT_FULL;
	if (c->limits.prefix_tcp_clients > 0 &&
	    crowd_count(crowd, at.prefix) >= c->limits.prefix_tcp_clients)
		return LIMITER_PREFIX_FULL;
	return LIMITER_FITS;
}

void
limiter_conn_begin(struct worker *w, const union endpoint *client, bool trusted)
{
	struct places at;

	if (!is_counted(w, client, trusted, &at))
		return;
	crowd_enter(&w->limiter->crowd, at.client);
	crowd_enter(&w->limiter->crowd, at.prefix);
}

void
limiter_conn_end(struct worker *w, const union endpoint *client, bool trusted)
{
	struct places at;

	if (!is_counted(w, client, trusted, &at))
		return;
	crowd_leave(&w->limiter->crowd, at.client);
	crowd_leave(&w->limiter->crowd, at.prefix);
}

bool
limiter_same(
    const struct worker *w, enum limiter_full of, const union endpoint *a, const union endpoint *b)
{
	struct addr one = endpoint_addr(a), other = endpoint_addr(b);
	struct limits_source s = limits_source(&w->limiter->widths, &one, true),
			     t = limits_source(&w->limiter->widths, &other, true);

	return s.v6 == t.v6 &&
	       (of == LIMITER_CLIENT_FULL ? s.client == t.client : s.prefix == t.prefix);
}
