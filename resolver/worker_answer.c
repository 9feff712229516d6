/*
 * From a query's octets to an answer's: what a worker can answer at once. Where an engine must be
 * asked, worker_wait.c takes over.
 */
#include <string.h>

#include "resolver/admit.h"
#include "resolver/worker_parts.h"

#define YXDOMAIN 6 /* RFC 6672: a DNAME made the name too long; an answer like any other */
#define BADVERS 16 /* RFC 6891, 9 */
#define BADCOOKIE 23 /* RFC 7873, 8 */

static int64_t
seconds(struct mono t)
{
	return t.us / 1000000;
}

size_t
worker_limit(const struct worker *w, const struct asker *a)
{
	size_t most = (size_t)w->conf->worker.max_udp_bytes;

	if (a->tcp)
		return UINT16_MAX;
	return a->query.payload < most ? a->query.payload : most;
}

static unsigned
latency_bucket(int64_t us)
{
	unsigned bucket = us <= 0 ? 0 : 64u - (unsigned)__builtin_clzll((uint64_t)us);

	return bucket < SCORE_BUCKETS ? bucket : SCORE_BUCKETS - 1;
}

static void
account(struct worker *w, unsigned rcode, enum score_layer layer, int cause)
{
	w->tally = (struct tally){rcode, layer, cause};
}

static struct reply_opt
opt_of(const struct worker *w, const struct asker *a, int ede, const char *text)
{
	return (struct reply_opt){
	    .payload = (uint16_t)w->conf->worker.max_udp_bytes,
	    .ede = ede,
	    .ede_text = text,
	    .nsid = w->local.identity,
	    .keepalive = a->tcp && a->query.keepalive ? tcp_keepalive(w) : -1,
	    .cookie = a->cookie != ASKER_NO_COOKIE ? a->query.cookie : NULL,
	};
}

/* Why nobody reachable had an answer, in words (RFC 8914); `origin` of the failure's entry. */
static const char *
unreachable_text(const struct worker *w, int ede, uint8_t origin)
{
	bool backup = ORIGIN_WHO(origin) == ORIGIN_BACKUP,
	     forward = w->conf->engine.mode == ENGINE_FORWARD;

	if (ede == EDE_NETWORK_ERROR)
		return backup	 ? "no way out; no backup resolver answered"
		       : forward ? "no way out: no forwarder answers"
				 : "no way out: the root's servers do not answer";
	if (ede == EDE_NO_REACHABLE_AUTHORITY)
		return backup	 ? "no authority and no backup resolver answered"
		       : forward ? "no forwarder answered"
				 : "no authority answered";
	return NULL;
}

/* An answer without records. */
static size_t
plain(struct worker *w, const struct asker *a, const uint8_t *wire, unsigned rcode, int ede,
    const char *text, uint8_t *out, size_t room)
{
	struct reply_opt opt = opt_of(w, a, ede, text);
	unsigned flags = rcode == DNS_FORMERR || rcode == DNS_NOTIMP ? 0 : REPLY_RA;
	size_t length = reply_head(&a->query, wire, rcode, flags, out, room);

	return length == 0 ? 0 : reply_opt(&a->query, rcode, &opt, out, length, room);
}

size_t
worker_fail(struct worker *w, const struct asker *a, const uint8_t *wire, enum score_cause cause,
    int ede, const char *text, uint8_t *out, size_t room)
{
	account(w, DNS_SERVFAIL, LAYER_ENGINE, (int)cause);
	if (text == NULL)
		text = unreachable_text(w, ede, 0);
	return plain(w, a, wire, DNS_SERVFAIL, ede, text, out, room);
}

size_t
worker_fail_again(struct worker *w, const struct asker *a, const uint8_t *wire,
    enum score_cause cause, int ede, uint8_t *out, size_t room)
{
	struct reply_opt opt = opt_of(w, a, ede, NULL);
	size_t length = reply_head(&a->query, wire, DNS_SERVFAIL, REPLY_RA, out, room);

	opt.cached_error = true;
	account(w, DNS_SERVFAIL, LAYER_ENGINE, (int)cause);
	return length == 0 ? 0 : reply_opt(&a->query, DNS_SERVFAIL, &opt, out, length, room);
}

/* EDE of an entry: that it is stale matters more than why its last renewal failed. */
static int
entry_ede(const struct entry *e, bool stale)
{
	if (stale)
		return e->rcode == DNS_NXDOMAIN ? EDE_STALE_NXDOMAIN : EDE_STALE;
	return e->ede != 0 ? e->ede : EDE_NONE;
}

bool
worker_is_failure(const struct entry *e)
{
	return (e->flags & ENTRY_FAILURE) != 0 ||
	       (e->rcode != DNS_NOERROR && e->rcode != DNS_NXDOMAIN && e->rcode != YXDOMAIN);
}

/* Random enough that no two names or types step alike: A and AAAA are asked in pairs, and a counter
 * would give one of two addresses to every A. */
static uint32_t
dice(struct worker *w)
{
	w->dice = w->dice * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(w->dice >> 32);
}

size_t
worker_serve(struct worker *w, const struct asker *a, const uint8_t *wire, const struct entry *e,
    enum score_layer layer, uint8_t *out, size_t room)
{
	const struct query *q = &a->query;
	int64_t now_s = seconds(w->now);
	bool stale = layer == LAYER_STALE && !entry_fresh(e, now_s);
	int ede = entry_ede(e, stale), cause = -1;
	struct reply_opt opt = opt_of(w, a, ede, stale ? NULL : entry_text(e));
	size_t body = room - DNS_HEADER - q->question_length, opt_length, length;

	if (opt.ede_text == NULL && (e->flags & ENTRY_FAILURE) != 0)
		opt.ede_text = unreachable_text(w, ede, e->origin);
	opt.cached_error =
	    (e->flags & ENTRY_FAILURE) != 0 && (layer == LAYER_L1 || layer == LAYER_L2);
	opt_length = reply_opt_length(q, &opt);
	length = entry_serve(e, q->id, q->rd, q->ad || q->dnssec_ok, wire + DNS_HEADER, now_s,
	    layer == LAYER_STALE ? WORKER_STALE_TTL_S : 0, out,
	    room - (opt_length < body ? opt_length : body));
	if (length == 0)
		return 0;
	if ((e->flags & ENTRY_ROTATES) && w->conf->rotate)
		entry_rotate(e, dice(w), out, length);
	if (out[2] & 0x02)
		score_add(&w->score->truncated, 1);
	if (worker_is_failure(e))
		cause = e->cause < N_CAUSES ? e->cause : CAUSE_INTERNAL;
	/* What was looked for past its time may have been renewed meanwhile, by an engine. */
	account(w, e->rcode, layer == LAYER_STALE && !stale ? LAYER_L2 : layer, cause);
	return reply_opt(q, e->rcode, &opt, out, length, room);
}

/* NULL: no shard has it. Else in w->found. */
static const struct entry *
shared_find(struct worker *w, const struct key *k, int64_t now_s)
{
	int n = (int)w->conf->engines;
	const struct l2 *shards[ENGINES_MAX];

	for (int i = 0; i < n; i++)
		shards[i] = w->engines[i].shard;
	return l2_best(shards, n, k, now_s, w->found) < 0 ? NULL : (const struct entry *)w->found;
}

const struct entry *
worker_find(struct worker *w, const struct key *k, enum score_layer *layer)
{
	const struct entry *own = l1_find(w->l1, k), *shared;
	int64_t now_s = seconds(w->now);

	*layer = LAYER_L1;
	if (own != NULL && entry_fresh(own, now_s))
		return own;
	shared = shared_find(w, k, now_s);
	if (shared == NULL || (own != NULL && entry_worth(shared, now_s) < entry_worth(own, now_s)))
		return own;
	if (entry_fresh(shared, now_s))
		l1_put(w->l1, shared);
	*layer = LAYER_L2;
	return shared;
}

/* From cache while it is fresh, or through an engine. */
static size_t
resolve(struct worker *w, struct asker *from, const struct key *k, const uint8_t *wire,
    uint8_t *out, size_t room)
{
	enum score_layer layer;
	const struct entry *e;
	size_t n;

	/* Without RD only the cache could be meant: nobody else's business (RFC 8914, 4.21). */
	if (!from->query.rd) {
		account(w, DNS_REFUSED, LAYER_LOCAL, -1);
		return plain(w, from, wire, DNS_REFUSED, EDE_NOT_AUTHORITATIVE, NULL, out, room);
	}
	e = worker_find(w, k, &layer);
	if (e != NULL && entry_fresh(e, seconds(w->now))) {
		n = worker_serve(w, from, wire, e, layer, out, room);
		if (refresh_is_near(w->refresh.percent, e, seconds(w->now)))
			worker_refresh(w, k, e, layer);
		return n;
	}
	return worker_ask(w, from, k, wire, out);
}

static bool
admitted(struct worker *w, const struct asker *a)
{
	const struct resolver_conf *c = w->conf;
	struct addr client;

	if (a->trusted)
		return true;
	client = endpoint_addr(&a->client);
	return admit(c->allow, c->n_allow, &client);
}

static size_t
refuse(struct worker *w, const struct asker *a, const uint8_t *wire, uint8_t *out, size_t room)
{
	score_add(&w->score->drop[DROP_REFUSED], 1);
	account(w, DNS_REFUSED, LAYER_LOCAL, -1);
	return plain(w, a, wire, DNS_REFUSED, EDE_PROHIBITED, NULL, out, room);
}

/* A verdict that is the whole answer: its rcode, -1 when there is more to do. */
static int
verdict_rcode(enum query_verdict verdict)
{
	switch (verdict) {
	case QUERY_FORMERR:
		return DNS_FORMERR;
	case QUERY_NOTIMP:
		return DNS_NOTIMP;
	case QUERY_BADVERS:
		return BADVERS;
	case QUERY_REFUSED:
		return DNS_REFUSED;
	default:
		return -1;
	}
}

static size_t
answer(struct worker *w, enum query_verdict verdict, struct asker *from, const struct key *k,
    const uint8_t *wire, uint8_t *out, size_t room)
{
	struct reply_opt opt;
	size_t n = 0;

	switch (local_answer(&w->local, verdict, &from->query, k, wire, out, &n)) {
	case LOCAL_ANSWERED:
		opt = opt_of(w, from, EDE_NONE, NULL);
		account(w, DNS_NOERROR, LAYER_LOCAL, -1);
		return reply_opt(&from->query, DNS_NOERROR, &opt, out, n, room);
	case LOCAL_REFUSED:
		account(w, DNS_REFUSED, LAYER_LOCAL, -1);
		return plain(w, from, wire, DNS_REFUSED, EDE_NOT_SUPPORTED, NULL, out, room);
	default:
		return resolve(w, from, k, wire, out, room);
	}
}

/* TC, for who is there to come back by TCP; BADCOOKIE for who can do so by UDP. */
size_t
worker_slip(struct worker *w, const struct asker *a, const uint8_t *wire, uint8_t *out, size_t room)
{
	struct reply_opt opt = opt_of(w, a, EDE_NONE, NULL);
	bool tc = a->cookie == ASKER_NO_COOKIE;
	unsigned rcode = tc ? DNS_NOERROR : BADCOOKIE;
	size_t length =
	    reply_head(&a->query, wire, rcode, tc ? REPLY_TC | REPLY_RA : REPLY_RA, out, room);

	score_add(&w->score->event[SCORED_SLIPPED], 1);
	account(w, rcode, LAYER_LOCAL, -1);
	return length == 0 ? 0 : reply_opt(&a->query, rcode, &opt, out, length, room);
}

/* A query for a cookie alone (RFC 7873, 5.4). */
static size_t
cookie_answer(struct worker *w, const struct asker *a, const uint8_t *wire, uint8_t *out,
    size_t room)
{
	unsigned rcode = a->cookie == ASKER_NO_COOKIE ? DNS_FORMERR
	    : a->cookie == ASKER_BAD_COOKIE	      ? BADCOOKIE
						      : DNS_NOERROR;

	account(w, rcode, LAYER_LOCAL, -1);
	return plain(w, a, wire, rcode, EDE_NONE, NULL, out, room);
}

/* Everything but what is no query at all. 0: nothing is sent (now). */
static size_t
judged(struct worker *w, enum query_verdict verdict, struct asker *from, const struct key *k,
    const uint8_t *wire, uint8_t *out)
{
	int rcode = verdict_rcode(verdict);
	size_t room = worker_limit(w, from);

	from->proven = from->tcp;
	if (from->query.cookie_length > 0)
		limiter_cookie(w, from);
	switch (w->limiting == 0 ? LIMITS_FULL : limiter_query(w, from)) {
	case LIMITS_DROP:
		return 0;
	case LIMITS_TRUNCATE:
		return worker_slip(w, from, wire, out, room);
	default:
		break;
	}
	if (!admitted(w, from))
		return refuse(w, from, wire, out, room);
	if (rcode >= 0) {
		account(w, (unsigned)rcode, LAYER_LOCAL, -1);
		return plain(w, from, wire, (unsigned)rcode, from->query.ede, NULL, out, room);
	}
	if (verdict == QUERY_COOKIE)
		return cookie_answer(w, from, wire, out, room);
	return answer(w, verdict, from, k, wire, out, room);
}

static bool
has_key(enum query_verdict verdict)
{
	return verdict == QUERY_CHAOS || verdict == QUERY_ANY || verdict == QUERY_ASK;
}

size_t
worker_query(struct worker *w, struct asker *from, enum query_verdict verdict, const struct key *k,
    const uint8_t *wire, uint8_t *out)
{
	size_t n;

	score_add(from->tcp ? &w->score->queries_tcp : &w->score->queries_udp, 1);
	if (verdict == QUERY_DROP) {
		score_add(&w->score->drop[DROP_MALFORMED], 1);
		return 0;
	}
	n = judged(w, verdict, from, k, wire, out);
	return n == 0 ? 0
		      : worker_release(w, from, has_key(verdict) ? k : NULL, wire, out, n);
}

size_t
worker_release(struct worker *w, const struct asker *a, const struct key *k, const uint8_t *wire,
    uint8_t *out, size_t n)
{
	enum rrl_verdict verdict =
	    w->limiting == 0 ? RRL_SEND : limiter_response(w, a, k, out);

	if (verdict == RRL_DROP) {
		score_add(&w->score->drop[DROP_RATE], 1);
		return 0;
	}
	if (verdict == RRL_SLIP)
		n = worker_slip(w, a, wire, out, worker_limit(w, a));
	score_add(&w->score->rcode[w->tally.rcode % SCORE_RCODES], 1);
	score_add(&w->score->layer[w->tally.layer], 1);
	score_add(&w->score->latency[latency_bucket(mono_diff_us(w->now, a->since))], 1);
	if (w->tally.cause >= 0)
		score_add(&w->score->cause[w->tally.cause], 1);
	return n;
}

size_t
worker_spare_engine(struct worker *w, const struct asker *a, const struct key *k,
    const uint8_t *wire, uint8_t *out)
{
	const struct entry *stale = worker_find_stale(w, k);
	size_t room = worker_limit(w, a);

	if (stale != NULL)
		return worker_serve(w, a, wire, stale, LAYER_STALE, out, room);
	account(w, DNS_REFUSED, LAYER_LOCAL, -1);
	return plain(
	    w, a, wire, DNS_REFUSED, EDE_OTHER, "over the limit of this client", out, room);
}
