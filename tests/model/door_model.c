/*
 * door_model: the door against every order of events of a small world, up to a budget of orders and
 * faults: BIRD (alive, hung, dead; it may lose a command, or carry it out after waking up), two
 * announcing rungs, one prefix, one session, an operator's hand, foreign configures.
 *
 * The promises are judged on the world as it is at every single instant, with what the checker
 * itself has recorded of orders and observations; nothing is read from the door but its claims. The
 * checker is checked by mutants of the step function: each must break a promise.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bgpctl/door.h"

#define RUNGS 3
#define PENDING 3
#define ORDERS 3 /* per run */
#define FAULTS 2
#define MAX_STATES 3000000
#define SLOTS (1u << 23)

static const struct door_conf conf = {.n_rungs = RUNGS, .make_ms = 100, .prove_ms = 1000,
    .retry_min_ms = 100, .retry_max_ms = 800, .poll_ms = 1000};

enum bird { BIRD_ALIVE, BIRD_HUNG, BIRD_DEAD };

struct world {
	struct door door;
	int64_t now, look; /* ms are enough; times in the door are us */
	/* the world */
	uint8_t bird, session, lose;
	uint8_t enabled[RUNGS], gate[RUNGS]; /* gate: enum lock */
	uint8_t n_pending, pending[PENDING]; /* rung * 2 + enable, done when BIRD wakes up */
	/* the view, as last observed */
	uint8_t view_answers, view_protocol[RUNGS], view_table[RUNGS], view_sent;
	int8_t view_rung;
	int64_t view_at;
	/* what the checker knows */
	int8_t order,
	    before; /* ordered now, and the announcing order that stood proven before it */
	int64_t ordered_at;
	int8_t saw; /* rung exported at the last observation; 0 nothing, -1 could not look */
	int64_t saw_at;
	int8_t hand; /* proven and ordered rung that somebody disabled, 0 none */
	uint8_t touched; /* some hand ever disabled something */
	uint8_t orders, faults;
};

typedef struct door_out step_function(const struct door_conf *c, struct door d,
    const struct door_view *v, struct mono now);

static step_function *step_under_test;
static const char *broken; /* the promise that was broken */
static long n_states, broken_at;

static void
promise(bool kept, const char *what)
{
	if (!kept && !broken)
		broken = what;
}

static struct mono
at(int64_t ms)
{
	return (struct mono){ms * 1000};
}

/* The world. */

static int
exported(const struct world *w)
{
	if (w->bird == BIRD_DEAD || !w->session)
		return 0;
	for (int k = RUNGS - 1; k > 0; k--)
		if (w->enabled[k] && w->gate[k] == LOCK_OPEN)
			return k;
	return 0;
}

static void
instant(const struct world *w)
{
	bool changing = w->order > 0 && w->before > 0 && w->faults == 0;

	if (changing)
		promise(exported(w) != 0, "a route at every instant of a rung change");
}

static void
do_action(struct world *w, struct door_action a)
{
	switch (a.what) {
	case DOOR_GATE_MAKE:
		if (w->gate[a.rung] == LOCK_ABSENT)
			w->gate[a.rung] = LOCK_CLOSED;
		break;
	case DOOR_GATE_UP:
	case DOOR_GATE_DOWN:
		if (w->gate[a.rung] != LOCK_ABSENT)
			w->gate[a.rung] = a.what == DOOR_GATE_UP ? LOCK_OPEN : LOCK_CLOSED;
		break;
	case DOOR_ENABLE:
	case DOOR_DISABLE:
		promise(
		    !(a.what == DOOR_ENABLE && w->hand == a.rung), "a hand downward is respected");
		if (w->bird == BIRD_HUNG && w->n_pending < PENDING)
			w->pending[w->n_pending++] =
			    (uint8_t)(a.rung * 2 + (a.what == DOOR_ENABLE));
		if (w->bird == BIRD_ALIVE && !w->lose)
			w->enabled[a.rung] = a.what == DOOR_ENABLE;
		w->lose = 0;
		break;
	}
	instant(w);
}

static void
fill_view(const struct world *w, struct door_view *v)
{
	memset(v, 0, sizeof(*v));
	v->n_prefixes = v->n_sessions = 1;
	v->bird_answers = w->view_answers;
	v->bird_at = at(w->view_at);
	for (int k = 1; k < RUNGS; k++) {
		v->protocol[k] = (enum lock)w->view_protocol[k];
		v->in_table[k] = w->view_table[k];
		v->gate[k] = (enum lock)w->gate[k];
	}
	v->sending[0][0].sent = (enum sent)w->view_sent;
	v->sending[0][0].rung = w->view_rung;
	v->sending[0][0].attributes = true;
}

static void
judge_claims(const struct world *w)
{
	int claim = w->door.proven;

	promise(claim < 0 || claim == w->order, "only what is ordered is claimed");
	promise(claim < 0 || (w->saw == claim && w->saw_at > w->ordered_at),
	    "a claim rests on an export seen since the order");
	promise(w->door.hand < 0 || w->touched, "no hand is seen where there was none");
	if (w->order == RUNG_SILENT)
		for (int k = 1; k < RUNGS; k++)
			promise(w->gate[k] != LOCK_OPEN, "silent closes every gate in one step");
	if (w->order > 0 && w->now - w->ordered_at >= conf.make_ms)
		for (int k = w->order + 1; k < RUNGS; k++)
			promise(w->gate[k] != LOCK_OPEN, "a fall closes better gates in time");
}

static int
step(struct world *w)
{
	struct door_view v;
	struct door_out out;

	fill_view(w, &v);
	out = step_under_test(&conf, w->door, &v, at(w->now));
	w->door = out.state;
	w->look = (out.look.us + 999) / 1000;
	for (int i = 0; i < out.n; i++)
		do_action(w, out.actions[i]);
	if (w->door.proven == w->order && w->order > 0)
		w->before = w->order;
	judge_claims(w);
	return out.n;
}

static void
observe(struct world *w)
{
	int sent = exported(w);

	w->view_at = w->saw_at = w->now;
	w->view_answers = w->bird == BIRD_ALIVE;
	for (int k = 1; k < RUNGS; k++) {
		w->view_protocol[k] = !w->view_answers ? LOCK_UNKNOWN :
		    w->enabled[k]			 ? LOCK_OPEN :
							   LOCK_CLOSED;
		w->view_table[k] = w->view_answers && w->enabled[k] && w->gate[k] == LOCK_OPEN;
	}
	w->view_rung = (int8_t)sent;
	w->view_sent = !w->view_answers || !w->session ? SENT_UNKNOWN :
	    sent				      ? SENT_OURS :
							SENT_NOTHING;
	w->saw = w->view_answers ? (int8_t)sent : -1;
}

/* Time runs to the door's next look, as the driver's timer would let it. */
static int
tick(struct world *w)
{
	int n;

	w->now = w->look > w->now ? w->look : w->now + 1;
	n = step(w);
	w->now += 1;
	observe(w);
	return n + step(w);
}

static void
wake(struct world *w)
{
	w->bird = BIRD_ALIVE;
	for (int i = 0; i < w->n_pending; i++)
		w->enabled[w->pending[i] / 2] = w->pending[i] & 1;
	w->n_pending = 0;
}

static void
enable_all(struct world *w)
{
	for (int k = 1; k < RUNGS; k++)
		w->enabled[k] = 1;
	w->hand = 0;
}

static void
boot(struct world *w)
{
	w->bird = BIRD_ALIVE;
	w->n_pending = 0;
	enable_all(w);
}

/* Events. */

enum event_kind {
	EV_TICK,
	EV_ORDER,
	EV_HANG = EV_ORDER + RUNGS,
	EV_WAKE,
	EV_DIE,
	EV_BOOT,
	EV_CONFIGURE,
	EV_LOSE,
	EV_SESSION,
	EV_DISABLE,
	EV_ENABLE = EV_DISABLE + RUNGS,
	EV_GATE = EV_ENABLE + RUNGS,
	EV_N = EV_GATE + RUNGS,
};

static bool
give_order(struct world *w, int rung)
{
	if (w->order == rung || w->orders == ORDERS)
		return false;
	w->orders++;
	if (rung == RUNG_SILENT)
		w->before = 0;
	w->order = (int8_t)rung;
	w->ordered_at = w->now;
	w->hand = 0;
	w->door = door_order(w->door, rung, at(w->now));
	step(w);
	return true;
}

static bool
by_hand(struct world *w, int rung, bool enable)
{
	if (rung == 0 || w->bird != BIRD_ALIVE || w->enabled[rung] == enable)
		return false;
	w->enabled[rung] = enable;
	if (enable) {
		w->hand = w->hand == rung ? 0 : w->hand;
		return true;
	}
	w->touched = 1;
	if (w->order == rung && w->door.proven == rung)
		w->hand = (int8_t)rung;
	return true;
}

static bool
fault(struct world *w, int kind)
{
	if (kind >= EV_GATE) {
		if (kind == EV_GATE || w->gate[kind - EV_GATE] != LOCK_OPEN)
			return false;
		w->gate[kind - EV_GATE] = LOCK_CLOSED;
		return true;
	}
	if (kind >= EV_ENABLE)
		return by_hand(w, kind - EV_ENABLE, true);
	if (kind >= EV_DISABLE)
		return by_hand(w, kind - EV_DISABLE, false);
	switch (kind) {
	case EV_HANG:
		if (w->bird != BIRD_ALIVE)
			return false;
		w->bird = BIRD_HUNG;
		return true;
	case EV_DIE:
		if (w->bird == BIRD_DEAD)
			return false;
		w->bird = BIRD_DEAD;
		w->n_pending = 0;
		return true;
	case EV_CONFIGURE:
		if (w->bird == BIRD_ALIVE)
			enable_all(w);
		return w->bird == BIRD_ALIVE;
	case EV_LOSE:
		w->lose = 1;
		return true;
	case EV_SESSION:
		w->session = !w->session;
		return true;
	default:
		return false;
	}
}

/* False when the event cannot happen here. */
static bool
happen(struct world *w, int kind)
{
	if (kind == EV_TICK) {
		tick(w);
		return true;
	}
	if (kind < EV_HANG)
		return give_order(w, kind - EV_ORDER);
	if (kind == EV_WAKE && w->bird == BIRD_HUNG) {
		wake(w);
		return true;
	}
	if (kind == EV_BOOT && w->bird == BIRD_DEAD) {
		boot(w);
		return true;
	}
	if (w->faults == FAULTS || !fault(w, kind))
		return false;
	w->faults++;
	return true;
}

/* From here on the world behaves: the door must settle, and then keep quiet. */
static void
judge_convergence(struct world w)
{
	int64_t start = w.now;

	if (w.order < 0)
		return;
	if (w.bird == BIRD_DEAD)
		boot(&w);
	wake(&w);
	w.lose = 0;
	w.session = 1;
	/* Whoever laid the hand takes it away again. */
	if (w.hand || w.door.hand >= 0 || w.touched)
		enable_all(&w);
	w.faults = FAULTS; /* continuity is judged without faults, elsewhere */
	while (w.now - start < 6000)
		tick(&w);
	promise(
	    w.door.proven == w.order && exported(&w) == w.order, "a world that behaves converges");
	for (int k = 1; k < RUNGS; k++) {
		bool open = k == w.order;

		promise(w.enabled[k] == open && w.gate[k] == (open ? LOCK_OPEN : LOCK_CLOSED),
		    "both locks of every rung end as ordered");
	}
	promise(w.door.hand < 0, "a hand taken away is forgotten");
	promise(tick(&w) == 0, "silent when converged");
}

/* Exploration: breadth first over worlds that differ, times taken relative to now. */

static int64_t
ago(int64_t t, int64_t now, int64_t limit)
{
	if (t == 0)
		return -limit - 1;
	return now - t > limit ? -limit : t - now;
}

static struct world
normal(const struct world *w)
{
	struct world n = *w;
	int64_t now = w->now * 1000, limit = 1200 * 1000;

	n.door.ordered_at.us = ago(n.door.ordered_at.us, now, limit);
	n.door.proven_at.us = 0;
	n.door.next_try.us = ago(n.door.next_try.us, now, limit);
	n.door.unproven_since.us = ago(n.door.unproven_since.us, now, limit);
	n.door.hand_since.us = ago(n.door.hand_since.us, now, limit);
	n.door.look_at.us = ago(n.door.look_at.us, now, limit);
	n.door.corrections = 0;
	n.door.asked_at.us = 0; /* for alarms alone, which nothing here asks */
	n.door.alarms = 0;
	n.door.tries = n.door.tries > 4 ? 4 : n.door.tries;
	n.look -= n.now;
	n.view_at = ago(n.view_at, w->now, 1200);
	n.saw_at = n.saw_at > n.ordered_at;
	n.ordered_at = ago(n.ordered_at, w->now, 1200);
	n.now = 0;
	return n;
}

static uint64_t
hash(const void *data, size_t n)
{
	const unsigned char *s = data;
	uint64_t h = 14695981039346656037u;

	while (n--)
		h = (h ^ *s++) * 1099511628211u;
	return h ? h : 1;
}

static uint64_t *seen;
static struct world *queue;
static struct origin {
	int32_t from;
	int32_t kind;
} *origins;

static void
tell_event(int kind)
{
	static const char *const names[] = {
	    "hang", "wake", "die", "boot", "configure", "lose", "session"};

	if (kind == EV_TICK)
		print_message(" tick");
	else if (kind < EV_HANG)
		print_message(" order(%d)", kind - EV_ORDER);
	else if (kind < EV_DISABLE)
		print_message(" %s", names[kind - EV_HANG]);
	else
		print_message(" %s(%d)",
		    kind >= EV_GATE ? "gate-down" : kind >= EV_ENABLE ? "enable" : "disable",
		    (kind - EV_DISABLE) % RUNGS);
}

/* The events that led to a world, in order. */
static void
tell_path(long to)
{
	if (to <= 0)
		return;
	tell_path(origins[to].from);
	tell_event(origins[to].kind);
}

/* By hash alone: two worlds taken for one may hide a path, never invent a broken promise. */
static bool
is_new(const struct world *w)
{
	struct world n = normal(w);
	uint64_t h = hash(&n, sizeof(n));
	uint32_t slot = (uint32_t)(h & (SLOTS - 1));

	while (seen[slot] && seen[slot] != h)
		slot = (slot + 1) & (SLOTS - 1);
	if (seen[slot] == h)
		return false;
	seen[slot] = h;
	return true;
}

static struct world
first_world(void)
{
	struct world w;

	memset(&w, 0, sizeof(w));
	w.now = 10000;
	w.look = 10000;
	w.door = door_init(at(w.now));
	w.bird = BIRD_ALIVE;
	w.session = 1;
	w.order = -1;
	for (int k = 1; k < RUNGS; k++) {
		w.enabled[k] = 1;
		w.gate[k] = LOCK_ABSENT;
	}
	observe(&w);
	return w;
}

/* Explores at most `limit` worlds and stops at the first broken promise. */
static void
explore(step_function *under_test, long limit)
{
	long head = 0, tail = 0;

	step_under_test = under_test;
	broken = NULL;
	memset(seen, 0, SLOTS * sizeof(*seen));
	queue[tail++] = first_world();
	while (head < tail && !broken) {
		const struct world from = queue[head++];

		for (int kind = 0; kind < EV_N && !broken; kind++) {
			struct world to = from;

			if (tail >= limit)
				break;
			origins[tail] = (struct origin){(int32_t)(head - 1), kind};
			broken_at = tail;
			if (!happen(&to, kind) || !is_new(&to))
				continue;
			judge_convergence(to);
			queue[tail++] = to;
		}
	}
	n_states = tail;
}

/* Mutants: the step function with one thing wrong. */

static struct door_out
drop(struct door_out out, enum door_do what, int lowest)
{
	int n = 0;

	for (int i = 0; i < out.n; i++)
		if (out.actions[i].what != what || out.actions[i].rung < lowest)
			out.actions[n++] = out.actions[i];
	out.n = n;
	return out;
}

static struct door_out
put_first(struct door_out out, enum door_do what, int rung)
{
	memmove(out.actions + 1, out.actions, sizeof(out.actions[0]) * (size_t)out.n);
	out.actions[0] = (struct door_action){what, (int8_t)rung};
	out.n++;
	return out;
}

#define MUTANT(name)                                                                               \
	static struct door_out name(const struct door_conf *c, struct door d,                      \
	    const struct door_view *v, struct mono now)

MUTANT(better_closed_before_the_route_stands)
{
	struct door_out out = door_step(c, d, v, now);

	return d.order == 1 && v->gate[2] == LOCK_OPEN && !out.state.made ?
	    put_first(out, DOOR_GATE_DOWN, 2) :
	    out;
}

MUTANT(worse_closed_before_the_proof)
{
	struct door_out out = door_step(c, d, v, now);

	return d.order == 2 && v->gate[1] == LOCK_OPEN && out.state.proven < 0 ?
	    put_first(out, DOOR_GATE_DOWN, 1) :
	    out;
}

MUTANT(silent_by_the_socket_alone)
{
	return drop(door_step(c, d, v, now), DOOR_GATE_DOWN, 1);
}

MUTANT(closed_by_the_gate_alone)
{
	return drop(door_step(c, d, v, now), DOOR_DISABLE, 1);
}

MUTANT(better_gate_left_open)
{
	return drop(door_step(c, d, v, now), DOOR_GATE_DOWN, 2);
}

MUTANT(proof_by_protocol)
{
	struct door_out out = door_step(c, d, v, now);

	if (d.order > 0 && v->protocol[d.order] == LOCK_OPEN && v->gate[d.order] == LOCK_OPEN)
		out.state.proven = d.order;
	return out;
}

MUTANT(proof_from_before_the_order)
{
	d.ordered_at = MONO_NEVER;
	return door_step(c, d, v, now);
}

MUTANT(proof_kept_without_an_answer)
{
	struct door_out out = door_step(c, d, v, now);

	if (!v->bird_answers && d.proven == d.order)
		out.state.proven = d.proven;
	return out;
}

MUTANT(silent_proven_by_the_gates)
{
	struct door_out out = door_step(c, d, v, now);

	if (d.order == 0 && v->gate[1] != LOCK_OPEN && v->gate[2] != LOCK_OPEN)
		out.state.proven = 0;
	return out;
}

MUTANT(hand_ignored)
{
	memset(d.commanded, 0, sizeof(d.commanded));
	return door_step(c, d, v, now);
}

MUTANT(hand_seen_in_a_lost_command)
{
	if (d.order > 0)
		d.commanded[d.order] = true;
	return door_step(c, d, v, now);
}

MUTANT(hand_never_forgotten)
{
	struct door_out out = door_step(c, d, v, now);

	if (d.hand >= 0)
		out.state.hand = d.hand;
	return out;
}

MUTANT(never_tried_again)
{
	struct door_out out = door_step(c, d, v, now);

	out.state.next_try = mono_add_ms(now, 1000000);
	return out;
}

MUTANT(commands_repeated_when_converged)
{
	struct door_out out = door_step(c, d, v, now);

	return d.order == 0 && out.state.settled ? put_first(out, DOOR_DISABLE, 1) : out;
}

MUTANT(foreign_enable_left_to_the_gate)
{
	struct door_out out = door_step(c, d, v, now);

	for (int k = 1; k < RUNGS; k++)
		if (v->gate[k] == LOCK_CLOSED && k != d.order)
			for (int i = 0; i < out.n; i++)
				if (out.actions[i].what == DOOR_DISABLE && out.actions[i].rung == k)
					out.actions[i] = out.actions[--out.n];
	return out;
}

static const struct {
	const char *name;
	step_function *step;
} mutants[] = {
#define M(name) {#name, name}
	M(better_closed_before_the_route_stands), M(worse_closed_before_the_proof),
	M(silent_by_the_socket_alone), M(closed_by_the_gate_alone), M(better_gate_left_open),
	M(proof_by_protocol), M(proof_from_before_the_order), M(proof_kept_without_an_answer),
	M(silent_proven_by_the_gates), M(hand_ignored), M(hand_seen_in_a_lost_command),
	M(hand_never_forgotten), M(never_tried_again), M(commands_repeated_when_converged),
	M(foreign_enable_left_to_the_gate),
};

static void
the_door_keeps_its_promises(void **state)
{
	(void)state;
	explore(door_step, MAX_STATES);
	if (broken)
		tell_path(broken_at);
	if (broken)
		fail_msg("broken after %ld states: %s", n_states, broken);
	print_message("%ld states\n", n_states);
	assert_true(n_states > 10000);
}

static void
every_mutant_is_caught(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(mutants) / sizeof(mutants[0]); i++) {
		explore(mutants[i].step, MAX_STATES);
		if (!broken)
			fail_msg("not caught: %s (%ld states)", mutants[i].name, n_states);
		print_message("%s: %s\n", mutants[i].name, broken);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_door_keeps_its_promises),
	    cmocka_unit_test(every_mutant_is_caught),
	};
	int failed;

	seen = calloc(SLOTS, sizeof(*seen));
	queue = malloc(sizeof(*queue) * MAX_STATES);
	origins = malloc(sizeof(*origins) * MAX_STATES);
	if (!seen || !queue || !origins)
		return 1;
	failed = cmocka_run_group_tests_name("door_model", tests, NULL, NULL);
	free(seen);
	free(queue);
	free(origins);
	return failed;
}
