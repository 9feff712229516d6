/*
 * Questions that recursion did not answer, taken to backup resolvers: one after the other, those
 * first that failed least, a few for each question, and all within its deadline. Nobody is asked
 * where an answer past its time is at hand: stale comes before backups (design, section 6), and
 * the shard is where a worker would find it; what else is in some worker's own cache is not worth
 * asking around for.
 *
 * The list of questions by age is also the list of those that are due for a backup beside their
 * recursion: `patient` is the oldest that is not due yet.
 */
#include "lib/dns.h"
#include "resolver/engine_impl.h"

#define TRIES_MOST 3
#define TRY_LEAST_MS 100
#define TELLING_MS 50 /* what the telling of an answer may take, before the deadline */

static bool
stale_at_hand(struct question *q)
{
	const struct entry *kept = (const void *)q->engine->kept;
	int64_t now_s = mono_now().us / 1000000;

	return l2_find(q->engine->shard, &q->key, q->engine->kept) > 0 && entry_spare(kept, now_s);
}

/* The best that this question was not taken to yet, of `*n` that could be asked; NULL: none. */
static struct upstream *
next_of(const struct question *q, int *n)
{
	struct engine *e = q->engine;
	struct upstream *best = NULL;

	*n = 0;
	for (int i = 1; i < e->n_upstreams; i++) {
		struct upstream *u = &e->upstreams[i];

		if ((q->tried >> i & 1) != 0 || u->breaker.state != BREAKER_CLOSED)
			continue;
		++*n;
		if (best == NULL || u->breaker.row < best->breaker.row)
			best = u;
	}
	return best;
}

/* What is left is shared by those that could still be asked, recursion too if it was not. */
static int64_t
time_for(const struct question *q, int candidates)
{
	int64_t left = q->engine->conf->engine.deadline_ms - TELLING_MS -
		       mono_diff_ms(mono_now(), q->asked);
	int shares = TRIES_MOST - q->n_tried;

	shares = candidates < shares ? candidates : shares;
	shares += !q->recursed;
	return shares > 0 ? left / shares : 0;
}

static void
on_backup(void *arg, const struct forward_told *told)
{
	struct question *q = arg;
	struct upstream *u = &q->engine->upstreams[q->asking];
	uint64_t zone = told->end == FORWARD_BROKEN ? 0 : breaker_zone(&q->key);

	q->exchange = NULL;
	if (told->end == FORWARD_TOLD && told->read.kind == FORWARD_BOGUS) {
		upstream_answered(u, told->us);
		question_bogus(q, told->read.ede);
		return;
	}
	if (told->end == FORWARD_TOLD && told->read.kind == FORWARD_ANSWER &&
	    question_told_by(q, u, told)) {
		upstream_answered(u, told->us);
		question_release(q);
		return;
	}
	upstream_failed(u, zone);
	question_go_on(q);
}

bool
backup_ask(struct question *q)
{
	struct engine *e = q->engine;
	uint8_t question[DNS_QUERY_MAX];
	struct upstream *u;
	int64_t within_ms;
	size_t length;
	int n;

	if (e->n_upstreams == 1 || e->shard == NULL || q->refresh || q->exchange != NULL ||
	    q->peer == NULL || !q->waiting || (q->n_tried == 0 && stale_at_hand(q)))
		return false;
	while (q->n_tried < TRIES_MOST && !forward_full(e->forward) &&
	       (u = next_of(q, &n)) != NULL) {
		within_ms = time_for(q, n);
		if (within_ms < TRY_LEAST_MS)
			return false;
		if (q->n_tried == 0)
			score_add(&e->score->event[SCORED_BACKUP_ASKED], 1);
		q->tried |= (uint16_t)(1u << u->number);
		q->n_tried++;
		length = forward_question(&q->key, 0, u->conf->trusted, question);
		score_add(&u->score->asked, 1);
		q->asking = (uint8_t)u->number;
		q->exchange =
		    forward_ask(u->server, question, length, within_ms, on_backup, q);
		if (q->exchange != NULL)
			return true;
		upstream_failed(u, 0);
	}
	return false;
}

static void
patience_set(struct engine *e)
{
	int64_t us;

	ev_timer_stop(e->loop, &e->patience);
	if (e->patient == NULL)
		return;
	us = mono_diff_us(
	    mono_add_ms(e->patient->asked, e->conf->backup_after_ms), mono_now());
	e->patience.repeat = us > 1000 ? (double)us / 1e6 : 1e-3;
	ev_timer_again(e->loop, &e->patience);
}

static void
on_patience(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	struct engine *e = w->data;
	struct mono due = mono_add_ms(mono_now(), -e->conf->backup_after_ms);
	struct question *q;

	(void)loop;
	(void)revents;
	while (e->patient != NULL && !mono_before(due, e->patient->asked)) {
		q = e->patient;
		e->patient = q->next;
		if (q->recursing && q->n_tried == 0)
			backup_ask(q);
	}
	patience_set(e);
}

void
backup_wait_on(struct question *q)
{
	struct engine *e = q->engine;

	if (e->n_upstreams == 1 || e->patient != NULL)
		return;
	e->patient = q;
	patience_set(e);
}

/* The timer may come once for nothing. */
void
backup_wait_no_more(const struct question *q)
{
	if (q->engine->patient == q)
		q->engine->patient = q->next;
}

void
backup_init(struct engine *e)
{
	ev_init(&e->patience, on_patience);
	e->patience.data = e;
}
