/*
 * Questions in flight: taken up within the cap, taken to who may answer, and ended by the answer.
 * All deadlines are equally far, so the list by age is the list by deadline, and one timer serves
 * them all.
 */
#include <stdlib.h>

#include "lib/dns.h"
#include "lib/ensure.h"
#include "lib/event.h"
#include "resolver/engine_impl.h"
#include "resolver/engine_plain.h"
#include "resolver/engine_probation.h"

static void
wait_on(struct question *q)
{
	struct engine *e = q->engine;

	q->waiting = true;
	q->next = NULL;
	q->previous = e->newest;
	*(e->newest != NULL ? &e->newest->next : &e->oldest) = q;
	e->newest = q;
	backup_wait_on(q);
	if (e->oldest != q)
		return;
	e->deadline.repeat = (double)e->conf->engine.deadline_ms / 1e3;
	ev_timer_again(e->loop, &e->deadline);
}

void
question_wait_no_more(struct question *q)
{
	struct engine *e = q->engine;

	q->waiting = false;
	backup_wait_no_more(q);
	*(q->previous != NULL ? &q->previous->next : &e->oldest) = q->next;
	*(q->next != NULL ? &q->next->previous : &e->newest) = q->previous;
}

static struct question *
question_new(struct engine *e)
{
	struct question *q = e->free_questions;

	if (q == NULL || e->in_flight - e->late >= e->capacity)
		return NULL;
	e->free_questions = q->next;
	q->refresh = false;
	q->context = 0;
	q->recursing = q->recursed = q->held = q->noted = q->failed = q->late = false;
	q->exchange = NULL;
	q->tried = 0;
	q->n_tried = q->asking = 0;
	e->in_flight++;
	atomic_store_explicit(&e->score->in_flight, (uint64_t)e->in_flight, memory_order_relaxed);
	return q;
}

static void
question_free(struct question *q)
{
	struct engine *e = q->engine;

	l3_forget(&q->l3);
	ev_timer_stop(e->loop, &q->race);
	if (e->quarantine != NULL && !e->over)
		probation_passed(e);
	q->peer = NULL;
	q->next = e->free_questions;
	e->free_questions = q;
	e->in_flight--;
	e->late -= q->late;
	e->refreshes -= q->refresh;
	atomic_store_explicit(&e->score->in_flight, (uint64_t)e->in_flight, memory_order_relaxed);
}

void
question_release(struct question *q)
{
	if (!q->recursing && q->exchange == NULL) {
		question_free(q);
		return;
	}
	q->engine->late += !q->late;
	q->late = true;
}

void
question_leave_backup(struct question *q)
{
	if (q->exchange != NULL)
		forward_forget(q->exchange);
	q->exchange = NULL;
}

void
question_bogus(struct question *q, uint16_t ede)
{
	question_fail(q, CAUSE_BOGUS, ede);
	question_release(q);
}

void
question_go_on(struct question *q)
{
	/* The regional cache may still have it; then it goes on from there. */
	if (q->waiting && q->l3.command != NULL) {
		q->failed = true;
		return;
	}
	if (q->exchange != NULL || backup_ask(q) || q->recursing)
		return;
	if (!q->recursed && q->waiting && recursion_ask(q))
		return;
	question_fail(q, CAUSE_UPSTREAM, EDE_NO_REACHABLE_AUTHORITY);
	question_release(q);
}

/* By a backup where recursion's breaker says so, else by recursion. */
static void
question_resolve(struct question *q)
{
	if ((upstream_is_cut(q->engine) && backup_ask(q)) || recursion_ask(q))
		return;
	question_fail(q, CAUSE_INTERNAL, EDE_NONE);
	question_release(q);
}

static void
on_race(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	(void)loop;
	(void)revents;
	question_resolve(w->data);
}

/* The regional cache has spoken. Recursion that began goes on by itself; its answer will be newer.
 */
static void
on_l3(struct l3_get *g, const struct entry *entry)
{
	struct question *q = (struct question *)(void *)((char *)g - offsetof(struct question, l3));
	struct engine *e = q->engine;

	ev_timer_stop(e->loop, &q->race);
	if (entry != NULL) {
		l2_put(e->shard, entry);
		question_tell(q, entry);
		question_leave_backup(q);
		question_release(q);
	} else if (q->failed) {
		question_go_on(q);
	} else if (!q->recursed && q->exchange == NULL) {
		question_resolve(q);
	}
	engine_settled(e);
}

static void
question_race(struct question *q)
{
	struct engine *e = q->engine;

	/* What is to be renewed is most likely there as it stands here. */
	if (e->l3 != NULL && !q->refresh && l3_get(e->l3, &q->l3, &q->key, on_l3) &&
	    l3_waits(&q->l3)) {
		ev_timer_set(&q->race, (double)e->conf->redis.race_ms / 1e3, 0);
		ev_timer_start(e->loop, &q->race);
	} else {
		question_resolve(q);
	}
}

/* Transactions and made-up types are not resolved; workers do not ask for them. */
static bool
resolvable(const struct ask *a)
{
	return a->class == DNS_CLASS_IN && a->type != 0 && a->type != DNS_TYPE_OPT &&
	       (a->type < 128 || a->type >= 255);
}

static bool
key_of(const struct ask *a, struct key *k)
{
	return key_make(k, a->name, a->name_length, a->type, a->class, (a->flags & KEY_DO) != 0,
	    (a->flags & KEY_CD) != 0);
}

void
question_start(struct peer *p, const struct ask *a)
{
	struct engine *e = p->engine;
	bool sound, refresh = (a->flags & ASK_REFRESH) != 0 && e->shard != NULL;
	struct question *q = NULL;
	uint8_t context = 0;
	struct key key;

	sound = !e->stopping && key_of(a, &key);
	if (sound && refresh && !refresh_begin(p, a, &key, &context))
		return;
	if (sound)
		q = question_new(e);
	if (q == NULL) {
		score_add(&e->score->drop[DROP_FULL], 1);
		peer_tell(p, a->id, NULL);
		return;
	}
	q->peer = p;
	q->id = a->id;
	q->asked = mono_now();
	q->key = key;
	q->refresh = refresh;
	q->context = context;
	e->refreshes += refresh;
	wait_on(q);
	if (e->quarantine != NULL)
		probation_begun(e, &key);
	if (resolvable(a)) {
		question_race(q);
		return;
	}
	question_fail(q, CAUSE_INTERNAL, EDE_NONE);
	question_release(q);
}

void
questions_forget(struct engine *e, const struct peer *p)
{
	struct question *q;

	for (q = e->oldest; q != NULL; q = q->next) {
		if (q->peer == p)
			q->peer = NULL;
	}
}

static void
question_overdue(struct question *q)
{
	recursion_overdue(q);
	question_leave_backup(q);
	question_fail(q, CAUSE_UPSTREAM, EDE_NO_REACHABLE_AUTHORITY);
	question_release(q);
}

/* Those that are due fail; the timer goes on to the next, if there is one. */
static void
on_deadline(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	struct engine *e = w->data;
	struct mono due = mono_add_ms(mono_now(), -e->conf->engine.deadline_ms);

	(void)revents;
	while (e->oldest != NULL && !mono_before(due, e->oldest->asked))
		question_overdue(e->oldest);
	ev_timer_stop(loop, w);
	if (e->oldest != NULL) {
		w->repeat = (double)mono_diff_us(e->oldest->asked, due) / 1e6 + 0.001;
		ev_timer_again(loop, w);
	}
	engine_settled(e);
}

void
questions_init(struct engine *e)
{
	int64_t i;

	e->pool = calloc((size_t)e->slots, sizeof(*e->pool));
	ENSURE(e->pool != NULL);
	for (i = e->slots - 1; i >= 0; i--) {
		e->pool[i].engine = e;
		ev_init(&e->pool[i].race, on_race);
		e->pool[i].race.data = &e->pool[i];
		e->pool[i].next = e->free_questions;
		e->free_questions = &e->pool[i];
	}
	ev_init(&e->deadline, on_deadline);
	e->deadline.data = e;
	recursion_init(e);
}

void
questions_fini(struct engine *e)
{
	ev_timer_stop(e->loop, &e->deadline);
	recursion_fini(e);
	free(e->pool);
}
