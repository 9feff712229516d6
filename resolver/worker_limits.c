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
enum { SOURCE_SETS = 32768, RESPONSE_SETS = 65536, COUNTS_A_CONN = 8, COUNTS_A_WAITER = 4 };
/* What is counted of a source; the two last are added to it. */
enum kind {
	CONNS_OF_CLIENT = 0x1000,
	CONNS_OF_PREFIX = 0x1001,
	WAITERS_OF_CLIENT = 0x1002,
	WAITERS_OF_PREFIX = 0x1003,
	KIND_V6 = 0x2000,
	KIND_PROVEN = 0x4000
};

struct limiter {
	struct limits_widths widths;
	struct cookie_secrets secrets; /* none: cookies are not answered */
	struct limits limits;
	struct rrl rrl;
	struct crowd conns, waiters;
	struct meter_set *sets; /* owned, as the two next */
	uint32_t *conn_counts, *waiter_counts;
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

/* For so many at most; the memory, NULL: there is none. */
static uint32_t *
crowd_make(struct crowd *c, int64_t most, int64_t counts_each)
{
	uint32_t n = 64, *counts;

	while (n < most * counts_each)
		n *= 2;
	counts = calloc(2 * (size_t)n, sizeof(*counts));
	if (counts != NULL)
		crowd_init(c, counts, n);
	return counts;
}

static int
tables_make(struct limiter *l, const struct resolver_conf *c, unsigned limiting, uint32_t waiters)
{
	size_t n_sources = limiting & (LIMITING_QUERIES | LIMITING_MISSES) ? 2 * SOURCE_SETS : 0,
	       n_responses = limiting & LIMITING_RESPONSES ? RESPONSE_SETS : 0,
	       bytes = (n_sources + n_responses) * sizeof(*l->sets);

	l->conn_counts = crowd_make(&l->conns, c->worker.tcp_clients, COUNTS_A_CONN);
	l->waiter_counts = crowd_make(&l->waiters, waiters, COUNTS_A_WAITER);
	if (l->conn_counts == NULL || l->waiter_counts == NULL)
		return -1;
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
	if (l == NULL || tables_make(l, c, w->limiting, w->join.n_waiters) == -1)
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
	free(w->limiter->conn_counts);
	free(w->limiter->waiter_counts);
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

/* ---- places ---------------------------------------------------------------------------------- */

struct counted {
	uint64_t client, prefix;
};

static struct counted
counted_of(const struct limiter *l, const struct limits_source *s, enum kind client,
    enum kind prefix)
{
	uint64_t more = (s->v6 ? KIND_V6 : 0) | (s->proven ? KIND_PROVEN : 0);

	return (struct counted){limits_hash(l->limits.secret, s->client, client | more),
	    limits_hash(l->limits.secret, s->prefix, prefix | more)};
}

static void
enter(struct crowd *c, const struct counted *at)
{
	crowd_enter(c, at->client);
	crowd_enter(c, at->prefix);
}

static void
leave(struct crowd *c, const struct counted *at)
{
	crowd_leave(c, at->client);
	crowd_leave(c, at->prefix);
}

/* ---- who waits ------------------------------------------------------------------------------- */

/* False: nobody counts it. Who is where he says is counted apart: nobody can take places in his
 * name from him. */
static bool
waiter_counted(const struct worker *w, const struct asker *a, struct counted *out)
{
	struct limits_source s = source_of(w, a);
	struct addr client = endpoint_addr(&a->client);

	if (is_exempt(w, &client, a->trusted))
		return false;
	*out = counted_of(w->limiter, &s, WAITERS_OF_CLIENT, WAITERS_OF_PREFIX);
	return true;
}

bool
limiter_place(const struct worker *w, const struct asker *a)
{
	const struct crowd *c = &w->limiter->waiters;
	struct counted at;

	return !waiter_counted(w, a, &at) ||
	    limits_place(crowd_count(c, at.client), crowd_count(c, at.prefix),
		w->join.n_waiters - w->join.n_waiting);
}

void
limiter_wait_begin(struct worker *w, const struct asker *a)
{
	struct counted at;

	if (waiter_counted(w, a, &at))
		enter(&w->limiter->waiters, &at);
}

void
limiter_wait_end(struct worker *w, const struct asker *a)
{
	struct counted at;

	if (waiter_counted(w, a, &at))
		leave(&w->limiter->waiters, &at);
}

/* ---- connections ----------------------------------------------------------------------------- */

/* False: nobody counts it. */
static bool
conn_counted(const struct worker *w, const union endpoint *client, bool trusted,
    struct counted *out)
{
	struct addr a = endpoint_addr(client);
	struct limits_source s = limits_source(&w->limiter->widths, &a, true);

	if ((w->conf->limits.tcp_clients == 0 && w->conf->limits.prefix_tcp_clients == 0) ||
	    is_exempt(w, &a, trusted))
		return false;
	*out = counted_of(w->limiter, &s, CONNS_OF_CLIENT, CONNS_OF_PREFIX);
	return true;
}

enum limiter_full
limiter_conn(struct worker *w, const union endpoint *client, bool trusted)
{
	const struct resolver_conf *c = w->conf;
	const struct crowd *crowd = &w->limiter->conns;
	struct counted at;

	if (!conn_counted(w, client, trusted, &at))
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
	struct counted at;

	if (conn_counted(w, client, trusted, &at))
		enter(&w->limiter->conns, &at);
}

void
limiter_conn_end(struct worker *w, const union endpoint *client, bool trusted)
{
	struct counted at;

	if (conn_counted(w, client, trusted, &at))
		leave(&w->limiter->conns, &at);
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
