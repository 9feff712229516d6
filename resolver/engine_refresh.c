/*
 * Answers near their end, asked for again so that nobody has to wait for the next one.
 *
 * The context that fetched one tells what is left of it; the other one, whose cache has not this
 * answer or an older one that is over, fetches it anew. What comes is taken only when it lives
 * longer than what is there. Questions that somebody waits for go first: there is a share for
 * renewals, and none while upstream is ill.
 */
#include "resolver/engine_impl.h"
#include "resolver/refresh.h"

static bool
is_good(const struct entry *e)
{
	return (e->flags & ENTRY_FAILURE) == 0;
}

static bool
has_room(const struct engine *e)
{
	int64_t cap = e->conf->engine.in_flight;

	return !upstream_is_cut(e) && e->refreshes < (cap + REFRESH_SHARE - 1) / REFRESH_SHARE &&
	    e->in_flight < (cap + 1) / 2 &&
	    standing_state(&e->standing, e->running, e->stopping, true) == SCORE_ANSWERING;
}

/* Where nobody knows who fetched it, or it came from elsewhere, the second is likelier to have
 * nothing of it. */
static uint8_t
other_context(const struct entry *kept)
{
	return kept != NULL && ORIGIN_WHO(kept->origin) == ORIGIN_RECURSION &&
		ORIGIN_NUMBER(kept->origin) == 1 ? 0 : 1;
}

bool
refresh_begin(struct peer *p, const struct ask *a, const struct key *k, uint8_t *context)
{
	struct engine *e = p->engine;
	const struct entry *kept = (const void *)e->kept;
	int64_t now_s = mono_now().us / 1000000;

	if (l2_find(e->shard, k, e->kept) == 0)
		kept = NULL;
	/* Another worker was first. */
	if (kept != NULL && is_good(kept) && entry_fresh(kept, now_s) &&
	    !refresh_is_near(e->conf->refresh.percent, kept, now_s)) {
		score_add(&e->score->rcode[kept->rcode % SCORE_RCODES], 1);
		peer_tell(p, a->id, kept);
		return false;
	}
	if (e->ctx[1] == NULL || !has_room(e)) {
		peer_tell(p, a->id, NULL);
		return false;
	}
	score_add(&e->score->event[SCORED_REFRESH_ASKED], 1);
	*context = other_context(kept);
	return true;
}

const struct entry *
refresh_settle(struct engine *e, const struct key *k, const struct entry *told)
{
	const struct entry *kept = (const void *)e->kept;
	bool is_kept = l2_find(e->shard, k, e->kept) != 0 && is_good(kept);

	if (is_kept && kept->stored_s + kept->ttl_s >= told->stored_s + told->ttl_s)
		return kept;
	if (told->ttl_s == 0)
		return told;
	l2_put(e->shard, told);
	if (is_kept)
		score_add(&e->score->event[SCORED_REFRESH_RENEWED], 1);
	return told;
}
