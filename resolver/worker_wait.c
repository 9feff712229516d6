/*
 * Questions that an engine works on, and the askers that wait for them.
 *
 * An asker is answered once: by what the engine told; after 1.8 s, or as soon as it is known that
 * the engine won't, by what is past its time (RFC 8767); else by SERVFAIL and why. Its question
 * goes on without it, so that the next asker finds a fresh answer.
 */
#include <string.h>

#include "resolver/query.h"
#include "resolver/worker_parts.h"

/* How one question ends: by an entry, or by failure. */
struct outcome {
	const struct entry *entry; /* NULL: it failed */
	enum score_layer layer;
	enum score_cause cause;
	int ede;
	const char *text;
	bool again; /* it failed a moment ago, and is told again */
};

const struct entry *
worker_find_stale(struct worker *w, const struct key *k)
{
	enum score_layer layer;
	const struct entry *e = worker_find(w, k, &layer);

	return e != NULL && entry_spare(e, w->now.us / 1000000) ? e : NULL;
}

static size_t
outcome_write(struct worker *w, const struct asker *a, const uint8_t *wire, const struct outcome *o,
    uint8_t *out)
{
	size_t room = worker_limit(w, a);

	if (o->entry != NULL)
		return worker_serve(w, a, wire, o->entry, o->layer, out, room);
	if (o->again)
		return worker_fail_again(w, a, wire, o->cause, o->ede, out, room);
	return worker_fail(w, a, wire, o->cause, o->ede, o->text, out, room);
}

static void
waiter_answer(struct worker *w, uint32_t waiter, const struct outcome *o)
{
	const struct waiting *x = &w->waiting[waiter];
	const struct asker *a = &x->asker;
	uint8_t *out = a->tcp ? w->answer : udp_slot(w, a->source);
	size_t length = outcome_write(w, a, x->wire, o, out);
	uint32_t question = w->join.waiters[waiter].question;

	if (length > 0)
		length = worker_release(
		    w, a, &w->join.questions[question].key, x->wire, out, length);
	if (a->tcp)
		tcp_answer(w, a, out, length);
	else if (length > 0)
		udp_commit(w, a->source, &a->client, length);
	limiter_wait_end(w, a);
	join_leave(&w->join, waiter);
}

/* An answer by TCP makes room on its connection, and what is asked there next is looked up before
 * the next waiter has his turn: in w->found, and with puts to L1. So what lies there is kept apart;
 * what an engine told stays where it is. */
static void
waiters_answer(struct worker *w, uint32_t question, const struct outcome *o)
{
	uint32_t waiter = join_first(&w->join, question);
	struct outcome kept;

	if (waiter == JOIN_NONE)
		return;
	kept = *o;
	if (kept.layer == LAYER_STALE && kept.entry != NULL) {
		memcpy(w->told, kept.entry, kept.entry->size);
		kept.entry = (const struct entry *)w->told;
	}
	for (; waiter != JOIN_NONE; waiter = join_first(&w->join, question))
		waiter_answer(w, waiter, &kept);
}

static void
question_end(struct worker *w, uint32_t question, const struct outcome *o)
{
	waiters_answer(w, question, o);
	if (w->asking[question].engine < 0)
		w->n_unsent--;
	if (w->asking[question].refresh)
		refresh_ended(&w->refresh);
	join_close(&w->join, question);
	atomic_store_explicit(&w->score->in_flight, w->join.n_open, memory_order_relaxed);
}

/* No answer will come: what is past its time, or the failure. Remembered for a while unless it is
 * gone as soon as an engine is back. */
static void
question_fail(struct worker *w, uint32_t question, struct outcome o, bool remember)
{
	const struct join_question *q = &w->join.questions[question];
	const struct entry *stale = o.cause == CAUSE_BOGUS ? NULL : worker_find_stale(w, &q->key);
	int64_t for_ms = stale != NULL ? WORKER_STALE_RECHECK_MS : w->conf->ttl.failure_s * 1000LL;

	if (remember)
		failing_put(w->failing, &(struct failure){
		    .hash = q->hash,
		    .until = mono_add_ms(w->now, for_ms),
		    .cause = o.cause,
		    .ede = o.ede,
		});
	if (stale != NULL)
		o = (struct outcome){.entry = stale, .layer = LAYER_STALE};
	else if (o.entry != NULL && o.entry->ttl_s > 0)
		l1_put(w->l1, o.entry);
	question_end(w, question, &o);
}

static void
question_noted(struct worker *w, bool good)
{
	standing_note(&w->standing, good, w->now);
	worker_state(w);
}

void
worker_failed(
    struct worker *w, uint32_t question, enum score_cause cause, int ede, const char *text)
{
	const struct asking *a = &w->asking[question];
	bool asked = a->engine >= 0 || a->losses > 0 || a->declined > 0 || a->trials > 0;

	if (asked)
		question_noted(w, false);
	question_fail(w, question, (struct outcome){.cause = cause, .ede = ede, .text = text},
	    asked);
}

bool
worker_unasked(struct worker *w, uint32_t question)
{
	struct asking *a = &w->asking[question];

	if (join_first(&w->join, question) == JOIN_NONE) {
		question_end(w, question, NULL);
		return false;
	}
	refresh_ended(&w->refresh);
	w->n_unsent += a->engine >= 0;
	*a = (struct asking){.engine = -1};
	return true;
}

static enum score_layer
layer_told(const struct entry *e)
{
	switch (ORIGIN_WHO(e->origin)) {
	case ORIGIN_L3:
		return LAYER_L3;
	case ORIGIN_BACKUP:
		return LAYER_BACKUP;
	default:
		return LAYER_ENGINE;
	}
}

/* A refresh that brought nothing better than what is still good. */
static bool
is_worse(struct worker *w, uint32_t question, const struct entry *e)
{
	const struct join_question *q = &w->join.questions[question];
	const struct entry *own;

	if (!w->asking[question].refresh)
		return false;
	own = l1_find(w->l1, &q->key);
	return own != NULL && (own->flags & ENTRY_FAILURE) == 0 &&
	    entry_fresh(own, w->now.us / 1000000) &&
	    ((e->flags & ENTRY_FAILURE) != 0 ||
		own->stored_s + own->ttl_s >= e->stored_s + e->ttl_s);
}

void
worker_told(struct worker *w, uint32_t question, const struct entry *e)
{
	const struct join_question *q = &w->join.questions[question];
	struct outcome o = {.entry = e, .layer = layer_told(e)};

	question_noted(w, !worker_is_failure(e));
	if (!(e->flags & ENTRY_FAILURE)) {
		failing_drop(w->failing, q->hash);
	} else if (e->cause != CAUSE_BOGUS) {
		question_fail(w, question, (struct outcome){e, LAYER_ENGINE, e->cause,
		    e->ede != 0 ? e->ede : EDE_NONE, NULL, false}, true);
		return;
	}
	if (e->ttl_s > 0 && !is_worse(w, question, e))
		l1_put(w->l1, e);
	question_end(w, question, &o);
}

/* To clients it is the question's own fault, which is the Internet's: nothing that another node
 * would do better. */
static const struct outcome quarantined = {
    .cause = CAUSE_UPSTREAM, .ede = EDE_OTHER, .text = "quarantined: resolving it ended an engine"};

void
worker_refused(struct worker *w, uint32_t question)
{
	score_add(&w->score->event[SCORED_QUARANTINED], 1);
	question_fail(w, question, quarantined, false);
}

void
worker_lost(struct worker *w, uint32_t question)
{
	if (w->asking[question].refresh && !worker_unasked(w, question))
		return;
	w->asking[question].losses++;
	/* It may be why, so nobody asks it again for a while. */
	if (probation_route(w, question) == WAY_FAILED)
		worker_failed(w, question, CAUSE_INTERNAL, EDE_OTHER, "the engine failed");
	else
		worker_again(w, question);
}

void
worker_again(struct worker *w, uint32_t question)
{
	struct asking *a = &w->asking[question];
	const struct entry *stale;

	w->n_unsent += a->engine >= 0;
	a->engine = -1;
	stale = worker_find_stale(w, &w->join.questions[question].key);
	if (stale != NULL)
		waiters_answer(w, question,
		    &(struct outcome){.entry = stale, .layer = LAYER_STALE});
}

/* What can be said without asking; the length, 0 when the question should be asked. */
static size_t
known_failure(struct worker *w, const struct asker *a, const struct key *k, uint64_t hash,
    const uint8_t *wire, uint8_t *out)
{
	const struct failure *f = failing_find(w->failing, hash, w->now);
	struct outcome o = {.cause = CAUSE_INTERNAL, .ede = EDE_OTHER, .text = "no engine"};

	if (f != NULL)
		o = (struct outcome){.cause = f->cause, .ede = f->ede, .again = true};
	else if (!w->served)
		o.ede = EDE_NOT_READY;
	if (f == NULL && engine_links_up(w) && !engine_links_cut(w, k))
		return 0;
	o.entry = o.cause == CAUSE_BOGUS ? NULL : worker_find_stale(w, k);
	o.layer = LAYER_STALE;
	if (f == NULL && o.entry == NULL && engine_links_hopeful(w))
		return 0;
	return outcome_write(w, a, wire, &o, out);
}

size_t
worker_refuse(struct worker *w, const struct asker *a, const struct key *k, const uint8_t *wire,
    uint8_t *out)
{
	struct outcome o = quarantined;

	o.entry = worker_find_stale(w, k);
	o.layer = LAYER_STALE;
	return outcome_write(w, a, wire, &o, out);
}

/* No room to wait: what is past its time, or nothing at all (the client asks again). Those who wait
 * do so for upstream, unless there is no engine; one that hangs is told of by who waited for it. */
static size_t
overfull(struct worker *w, const struct asker *a, const struct key *k, const uint8_t *wire,
    uint8_t *out)
{
	struct outcome o = {.cause = engine_links_up(w) ? CAUSE_UPSTREAM : CAUSE_INTERNAL,
	    .ede = EDE_OTHER,
	    .text = "overloaded"};

	o.entry = worker_find_stale(w, k);
	o.layer = LAYER_STALE;
	if (o.entry == NULL)
		score_add(&w->score->drop[DROP_FULL], 1);
	if (o.entry == NULL && !a->tcp)
		return 0;
	return outcome_write(w, a, wire, &o, out);
}

/* Its source has its share of the places. Somebody may take them in its name, so that who is there
 * is brought to where nobody else can be him; to who is known to be there it is a limit as any. */
static size_t
crowded_out(struct worker *w, const struct asker *a, const struct key *k, const uint8_t *wire,
    uint8_t *out)
{
	if (!a->proven && worker_find_stale(w, k) == NULL)
		return worker_slip(w, a, wire, out, worker_limit(w, a));
	score_add(&w->score->event[SCORED_CACHE_ONLY], 1);
	return worker_spare_engine(w, a, k, wire, out);
}

/* A new question, with a waiter or without. */
static void
question_begin(struct worker *w, uint32_t question)
{
	w->asking[question] = (struct asking){.engine = -1};
	w->n_unsent++;
	atomic_store_explicit(&w->score->in_flight, w->join.n_open, memory_order_relaxed);
	engine_links_send(w, question);
}

/* While all that is asked fails, one more failure would tell nothing that is worth a wait: what is
 * past its time at once, and whether it is there again is found out meanwhile. 0: nothing such. */
static size_t
stale_meanwhile(struct worker *w, const struct asker *a, const struct key *k, uint64_t hash,
    const uint8_t *wire, uint8_t *out)
{
	struct outcome o = {.layer = LAYER_STALE};
	uint32_t question;
	size_t n;

	if (!failing_all(w->failing))
		return 0;
	o.entry = worker_find_stale(w, k);
	if (o.entry == NULL)
		return 0;
	/* Written first: a question that fails at once looks for its entry in the same place. */
	n = outcome_write(w, a, wire, &o, out);
	if (join_open(&w->join, k, hash, w->now, &question) == JOIN_NEW)
		question_begin(w, question);
	return n;
}

size_t
worker_ask(
    struct worker *w, struct asker *a, const struct key *k, const uint8_t *wire, uint8_t *out)
{
	uint64_t hash = key_hash(k, w->secret);
	uint32_t question, waiter;
	struct waiting *x;
	size_t n = probation_refuse(w, a, k, wire, out);
	enum join_verdict verdict;

	if (n == 0)
		n = known_failure(w, a, k, hash, wire, out);
	if (n > 0)
		return n;
	if (a->cache_only ||
	    (w->limiting != 0 && !join_is_open(&w->join, k, hash) && !limiter_miss(w, a)))
		return worker_spare_engine(w, a, k, wire, out);
	n = stale_meanwhile(w, a, k, hash, wire, out);
	if (n > 0)
		return n;
	if (!limiter_place(w, a))
		return crowded_out(w, a, k, wire, out);
	verdict = join_enter(&w->join, k, hash, w->now, &question, &waiter);
	if (verdict == JOIN_FULL)
		return overfull(w, a, k, wire, out);
	limiter_wait_begin(w, a);
	a->waits = true;
	x = &w->waiting[waiter];
	x->asker = *a;
	memcpy(x->wire + DNS_HEADER, wire + DNS_HEADER, a->query.question_length);
	if (verdict == JOIN_SHARED) {
		score_add(&w->score->joined, 1);
		return 0;
	}
	question_begin(w, question);
	return 0;
}

/* Whoever has waited 1.8 s gets what is past its time; whoever has nothing such waits on. */
static void
patience(struct worker *w)
{
	struct mono before = mono_add_ms(w->now, -WORKER_STALE_WAIT_MS);
	const struct entry *stale;
	uint32_t waiter, question;

	while ((waiter = join_due(&w->join, before)) != JOIN_NONE) {
		question = w->join.waiters[waiter].question;
		stale = worker_find_stale(w, &w->join.questions[question].key);
		if (stale != NULL)
			waiter_answer(w, waiter,
			    &(struct outcome){.entry = stale, .layer = LAYER_STALE});
	}
}

/* An engine that told something since this question came is at work: what it lacks lies beyond. */
static void
overdue(struct worker *w, uint32_t question)
{
	const struct asking *a = &w->asking[question];

	if (a->engine >= 0 && w->engines[a->engine].told != a->told)
		worker_failed(w, question, CAUSE_UPSTREAM, EDE_NO_REACHABLE_AUTHORITY, NULL);
	else
		worker_failed(w, question, CAUSE_INTERNAL, EDE_OTHER, "the engine does not answer");
}

static void
unsent_fail(struct worker *w)
{
	uint32_t next;

	for (uint32_t i = w->join.open.older; i != JOIN_NONE && w->n_unsent > 0; i = next) {
		next = w->join.questions[i].all.newer;
		if (w->asking[i].engine < 0 && !w->asking[i].probation)
			worker_failed(w, i, CAUSE_INTERNAL,
			    w->served ? EDE_OTHER : EDE_NOT_READY, "no engine");
	}
}

void
worker_deadlines(struct worker *w)
{
	struct mono before = mono_add_ms(w->now, -w->conf->worker.deadline_ms);
	uint32_t question;

	patience(w);
	while ((question = join_overdue(&w->join, before)) != JOIN_NONE)
		overdue(w, question);
	if (w->n_unsent > 0 && !engine_links_hopeful(w))
		unsent_fail(w);
	if (w->n_unsent > 0)
		probation_deadlines(w);
}
