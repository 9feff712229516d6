/*
 * Answers near their end, renewed before anybody has to wait for the next one (refresh.h says which
 * and how many). The question is one without a waiter; who asks while it is open gets what is kept,
 * or joins it once that has ended.
 */
#include "resolver/refresh.h"
#include "resolver/worker_parts.h"

/* The standing takes seconds to say so; so many failures in a row say it sooner. */
static bool
is_ill(const struct worker *w)
{
	return failing_all(w->failing) ||
	    standing_state(&w->standing, w->running, mono_is_set(w->stop_at), engine_links_up(w)) !=
		SCORE_ANSWERING;
}

/* Another worker may have seen to it: what it got is in the shared cache. */
static bool
is_renewed(struct worker *w, const struct key *k)
{
	const struct entry *e = (const struct entry *)w->found;
	const struct engine_link *l = engine_link_of(w, k);
	int64_t now_s = w->now.us / 1000000;

	if (l->shard == NULL || l2_find(l->shard, k, w->found) == 0 ||
	    (e->flags & ENTRY_FAILURE) != 0 || !entry_fresh(e, now_s) ||
	    refresh_is_near(w->refresh.percent, e, now_s))
		return false;
	l1_put(w->l1, e);
	return true;
}

void
worker_refresh(struct worker *w, const struct key *k, const struct entry *e, enum score_layer layer)
{
	const struct engine_link *l = engine_link_of(w, k);
	uint64_t hash = key_hash(k, w->secret);
	uint32_t question;

	if ((e->flags & ENTRY_FAILURE) != 0 || !l->up ||
	    refresh_may(&w->refresh, e, hash, is_ill(w), w->now) != REFRESH_ASK)
		return;
	if ((layer == LAYER_L1 && is_renewed(w, k)) ||
	    join_open(&w->join, k, hash, w->now, &question) != JOIN_NEW)
		return;
	refresh_asked(&w->refresh, e, hash, w->now);
	w->asking[question] = (struct asking){.engine = -1, .refresh = true};
	w->n_unsent++;
	atomic_store_explicit(&w->score->in_flight, w->join.n_open, memory_order_relaxed);
	if (engine_link_refresh(w, question))
		score_add(&w->score->event[SCORED_REFRESH_ASKED], 1);
	else
		worker_unasked(w, question);
}
