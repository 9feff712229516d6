/*
 * Recursion of a question: handed to libunbound, at once or, while the engine has just begun, in
 * its turn (slowstart.h), and ended by libunbound's callback.
 *
 * One that is held counts as being with recursion: it is taken to backups when its time comes, and
 * fails at its deadline.
 */
#include <string.h>

#include "lib/dns.h"
#include "lib/event.h"
#include "resolver/engine_bridge.h"
#include "resolver/engine_impl.h"

/* What an outcome says of recursion. An answer out of its own cache says nothing. A failure that
 * comes as fast counts: libunbound gives up at once where it knows that no server answers. */
static void
recursion_noted(struct question *q, bool answered)
{
	struct upstream *u = &q->engine->upstreams[0];

	if (q->noted || (answered && q == q->engine->starting))
		return;
	q->noted = true;
	score_add(&u->score->asked, 1);
	if (answered)
		upstream_answered(u, mono_diff_us(mono_now(), q->asked));
	else
		upstream_failed(u, breaker_zone(&q->key));
}

static void
on_outcome(void *arg, int rcode, void *packet, int length, int sec, char *why, int ratelimited)
{
	struct question *q = arg;
	struct engine *e = q->engine;
	const struct outcome o = {.rcode = rcode,
	    .packet = packet,
	    .length = length > 0 ? (size_t)length : 0,
	    .sec = sec,
	    .why = why};
	struct verdict v = verdict_of(&o, (q->key.flags & KEY_CD) != 0);
	char text[ENTRY_TEXT + 1];

	(void)ratelimited;
	if (e->over) /* the context goes, and fails what it still worked on */
		return;
	q->recursing = false;
	slowstart_leave(&e->opening, (v.good || v.cause == CAUSE_BOGUS) && q != e->starting);
	if (v.good || v.cause != CAUSE_INTERNAL)
		recursion_noted(q, v.good || v.cause == CAUSE_BOGUS);
	if (v.cause == CAUSE_BOGUS && !v.good)
		event_say(
		    EVENT_DEBUG, "engine_bogus", "%s", why != NULL ? why : "no reason is given");
	if (!v.good && v.cause == CAUSE_UPSTREAM) {
		question_go_on(q);
	} else {
		question_leave_backup(q);
		if (!v.good && v.cause == CAUSE_BOGUS)
			e->why = verdict_why(why, text);
		if (v.good)
			question_answer(q, &o, &v);
		else
			question_fail(q, v.cause, v.ede);
		question_release(q);
	}
	engine_settled(e);
}

/* A cached answer calls back within this call, and `q` is gone then. False: it cannot be asked. */
static bool
hand_over(struct question *q)
{
	struct engine *e = q->engine;
	char text[DNS_NAME_TEXT];
	struct dns_name name = {.length = q->key.name_length};
	int status;

	memcpy(name.wire, q->key.name, q->key.name_length);
	e->starting = q;
	bridge_own(q);
	status = ub_resolve_event(e->ctx[q->context], dns_name_render(&name, text), q->key.type,
	    q->key.class, q, on_outcome, NULL);
	bridge_own(NULL);
	e->starting = NULL;
	if (status == 0)
		return true;
	q->recursing = false;
	slowstart_leave(&e->opening, false);
	return false;
}

static void
hold(struct question *q)
{
	struct engine *e = q->engine;

	q->held = true;
	q->next_held = NULL;
	*e->last_held = q;
	e->last_held = &q->next_held;
}

bool
recursion_ask(struct question *q)
{
	struct engine *e = q->engine;

	q->recursing = q->recursed = true;
	if (e->first_held == NULL && slowstart_enter(&e->opening, mono_now()))
		return hand_over(q);
	hold(q);
	return true;
}

static struct question *
next_held(struct engine *e)
{
	struct question *q = e->first_held;

	e->first_held = q->next_held;
	if (e->first_held == NULL)
		e->last_held = &e->first_held;
	q->held = false;
	return q;
}

/* For whom it was held has been told something else, or nobody waits any more: it is not asked. */
static void
held_in_vain(struct question *q)
{
	q->recursing = false;
	question_release(q);
}

/* Each turn, and one is taken at every heartbeat at the latest. Not within a callback of
 * libunbound's, which may be going through its questions. */
static void
on_turn(struct ev_loop *loop, struct ev_prepare *w, int revents)
{
	struct engine *e = w->data;
	struct question *q;

	(void)loop;
	(void)revents;
	while ((q = e->first_held) != NULL) {
		if (q->waiting && !slowstart_enter(&e->opening, mono_now()))
			return;
		next_held(e);
		if (!q->waiting) {
			held_in_vain(q);
		} else if (!hand_over(q)) {
			question_fail(q, CAUSE_INTERNAL, EDE_NONE);
			question_release(q);
		}
	}
}

void
recursion_overdue(struct question *q)
{
	if (q->recursing && !q->held)
		recursion_noted(q, false);
}

void
recursion_init(struct engine *e)
{
	slowstart_init(&e->opening, e->slots);
	e->last_held = &e->first_held;
	ev_prepare_init(&e->opening_turn, on_turn);
	e->opening_turn.data = e;
	/* What it begins is told at the end of the same turn. */
	ev_set_priority(&e->opening_turn, 1);
	ev_prepare_start(e->loop, &e->opening_turn);
}

void
recursion_fini(struct engine *e)
{
	ev_prepare_stop(e->loop, &e->opening_turn);
}
