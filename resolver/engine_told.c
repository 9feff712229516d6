/*
 * How a question ends: an answer or a failure, told to who asked, counted, and kept in the shard.
 *
 * A failure goes there only where nothing better stands: an expired answer can still be served when
 * nothing else can (RFC 8767), a failure is gone in seconds.
 */
#include "lib/dns.h"
#include "resolver/engine_impl.h"
#include "resolver/engine_plain.h"

#define BACKUP_TTL_MAX_S 60

static int64_t
now_s(void)
{
	return mono_now().us / 1000000;
}

static void
count_latency(struct engine *e, int64_t us)
{
	int bucket = 0;

	while (bucket < SCORE_BUCKETS - 1 && us >= (int64_t)1 << bucket)
		bucket++;
	score_add(&e->score->latency[bucket], 1);
}

static void
count_outcome(struct engine *e, const struct entry *entry)
{
	bool good = (entry->flags & ENTRY_FAILURE) == 0;

	score_add(&e->score->rcode[entry->rcode % SCORE_RCODES], 1);
	if (!good)
		score_add(&e->score->cause[entry->cause % N_CAUSES], 1);
	/* What others found says nothing about our own way out. */
	if (ORIGIN_WHO(entry->origin) == ORIGIN_L3)
		return;
	standing_note(&e->standing, good, mono_now());
	engine_state(e);
}

void
question_tell(struct question *q, const struct entry *entry)
{
	if (!q->waiting)
		return;
	question_wait_no_more(q);
	count_outcome(q->engine, entry);
	count_latency(q->engine, mono_diff_us(mono_now(), q->asked));
	if (q->peer != NULL)
		peer_tell(q->peer, q->id, entry);
}

/* May a failure take the place of what is in the shard? What a backup told is not better than the
 * knowledge that it is bogus. */
static bool
worse(struct question *q, enum score_cause cause)
{
	const struct entry *kept = (const void *)q->engine->kept;

	return l2_find(q->engine->shard, &q->key, q->engine->kept) == 0 ||
	       (kept->flags & ENTRY_FAILURE) != 0 ||
	       (cause == CAUSE_BOGUS && ORIGIN_WHO(kept->origin) == ORIGIN_BACKUP);
}

void
question_fail(struct question *q, enum score_cause cause, uint16_t ede)
{
	struct engine *e = q->engine;
	struct entry *failure = (void *)e->entry;

	/* Where nothing at all has answered lately, it is not this zone's servers that are away. */
	if (ede == EDE_NO_REACHABLE_AUTHORITY &&
	    (upstream_is_cut(e) ||
		standing_state(&e->standing, true, false, true) == SCORE_FAILING))
		ede = EDE_NETWORK_ERROR;
	entry_fail(&q->key, DNS_SERVFAIL, (uint8_t)cause, ede, &e->conf->ttl, now_s(), e->entry);
	if (e->why != NULL)
		entry_explain(e->entry, e->why);
	e->why = NULL;
	if (q->n_tried > 0)
		failure->origin = ORIGIN(ORIGIN_BACKUP, q->asking);
	if (e->shard != NULL && !q->refresh && worse(q, cause))
		l2_put(e->shard, failure);
	question_tell(q, failure);
}

void
question_answer(struct question *q, const struct outcome *o, const struct verdict *v)
{
	struct engine *e = q->engine;
	struct entry *entry = (void *)e->entry;
	const uint8_t *message = o->packet;
	size_t length = o->length;

	if ((q->key.flags & KEY_DO) == 0) {
		length = plain_render(&q->key, message, length, e->plain, sizeof(e->plain));
		message = e->plain;
	}
	if (length == 0 || entry_build(&q->key, message, length, &e->conf->ttl, v->flags, v->ede,
			       now_s(), e->entry) == 0) {
		/* Whoever owns a zone can make such answers. */
		question_fail(q, CAUSE_UPSTREAM, EDE_NONE);
		return;
	}
	entry->origin = ORIGIN(ORIGIN_RECURSION, q->context);
	if (q->refresh) {
		question_tell(q, refresh_settle(e, &q->key, entry));
	} else {
		if (entry->ttl_s > 0 && e->shard != NULL)
			l2_put(e->shard, entry);
		question_tell(q, entry);
	}
	/* Bogus data is for who asked for it with CD, and not for other nodes. */
	if (e->l3 != NULL && !e->purged && o->sec != 1)
		l3_put(e->l3, entry);
}

/* What a backup tells we have not validated, so unless it is believed it is kept for a short time
 * only, where validation is wanted. */
static struct ttl_policy
policy_of(const struct engine *e, bool secure)
{
	struct ttl_policy p = e->conf->ttl;

	if (secure || e->conf->engine.trust_anchor[0] == '\0')
		return p;
	p.max_s = p.max_s < BACKUP_TTL_MAX_S ? p.max_s : BACKUP_TTL_MAX_S;
	p.neg_max_s = p.neg_max_s < BACKUP_TTL_MAX_S ? p.neg_max_s : BACKUP_TTL_MAX_S;
	return p;
}

bool
question_told_by(struct question *q, const struct upstream *u, const struct forward_told *told)
{
	struct engine *e = q->engine;
	bool secure = u->conf->trusted && told->read.ad && (q->key.flags & KEY_CD) == 0;
	struct ttl_policy policy = policy_of(e, secure);
	struct entry *entry = (void *)e->entry;
	const uint8_t *message = told->message;
	size_t length = told->length;

	if ((q->key.flags & KEY_DO) == 0) {
		length = plain_render(&q->key, message, length, e->plain, sizeof(e->plain));
		message = e->plain;
	}
	if (length == 0 || entry_build(&q->key, message, length, &policy,
			       secure ? ENTRY_SECURE : 0, EDE_NONE, now_s(), e->entry) == 0)
		return false;
	entry->origin = ORIGIN(ORIGIN_BACKUP, u->number);
	if (entry->ttl_s > 0)
		l2_put(e->shard, entry);
	question_tell(q, entry);
	return true;
}
