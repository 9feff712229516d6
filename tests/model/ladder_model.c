/*
 * Model check of the ladder: every reachable state of the small configurations in ladder_setups.h,
 * every event in each, breadth first, against the promises in ladder_promises.h; then the same
 * search over the wrong ladders of ladder_mutants.h, each of which must break a promise. A broken
 * promise prints the shortest way to it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "ladder_mutants.h"
#include "ladder_promises.h"
#include "ladder_setups.h"
#include "ladder_watch.h"
#include "search.h"

enum { MAX_WORLDS = 1 << 19, MAX_HAPPENINGS = 64 };

static int wellness; /* longest way to full, in ticks */

static struct world
begin(const struct setup *u)
{
	struct ladder s = ladder_init(&u->conf, model_now);
	struct world w;

	memset(&w, 0, sizeof(w));
	take_ladder(u, &w, &s);
	memset(w.last, NONE, sizeof(w.last));
	memset(w.verdict, VERDICT_UNKNOWN, sizeof(w.verdict));
	w.next = 0;
	w.proof = !u->slow_proof;
	w.watch = (struct watch){.good_age = NONE, .low_age = NONE, .calm_age = NONE,
	    .climb_age = NONE, .fall_age = NONE, .emergency_age = NONE,
	    .pressed_age = NONE,
	    .hold = (uint8_t)(u->conf.hold_ms / 1000)};
	return w;
}

/* A new brain knows what was saved and nothing of the checks. */
static void
restart(const struct setup *u, const struct mutant *m, struct world *w, bool adopt)
{
	struct ladder s = ladder_of(w);
	struct watch *h = &w->watch;
	int before = w->rung;

	s = ladder_adopt(&u->conf, s, before, adopt, model_now);
	if (m && m->adopted)
		m->adopted(&s);
	if (s.hold_ms < u->conf.hold_ms)
		s.hold_ms = u->conf.hold_ms;
	take_ladder(u, w, &s);
	memset(w->last, NONE, sizeof(w->last));
	memset(w->verdict, VERDICT_UNKNOWN, sizeof(w->verdict));
	memset(w->since, 0, sizeof(w->since));
	h->started = false;
	h->heal_age = 0;
	h->adopting = h->announced = adopt;
	h->adopt_age = 0;
	h->good_age = h->low_age = NONE;
	if (w->rung == before)
		return;
	watch_charge(u, h, before, w->rung);
	h->moved_age = 0;
	w->proof = !u->slow_proof;
}

static void
become(const struct setup *u, struct world *w, int check, uint8_t verdict, bool late)
{
	w->verdict[check] = verdict;
	if (verdict != VERDICT_UNKNOWN)
		w->last[check] = verdict;
	if (u->checks[check].class != CLASS_SHARED) {
		for (int i = 0; i < u->n; i++) /* a new failure is after every success */
			w->since[i] &= (uint8_t)~(1u << check);
		return;
	}
	if (verdict != VERDICT_OK || late)
		return;
	w->since[check] = 0;
	for (int k = 0; k < u->n; k++)
		if (stands(u, w, k))
			w->since[check] |= (uint8_t)(1u << k);
}

static void
happen(const struct setup *u, const struct mutant *m, struct world *w, struct happening e)
{
	switch (e.kind) {
	case EV_TICK:
		age_ladder(u, w);
		watch_age(u, &w->watch);
		if (w->rung == RUNG_SILENT || w->watch.good_age != NONE)
			w->watch.heal_age = 0; /* waiting is no stability */
		if (w->next != NONE && w->next > 0)
			w->next--;
		break;
	case EV_VERDICT:
	case EV_LATE_OK:
	case EV_AGAIN:
		become(u, w, e.a, e.b, e.kind == EV_LATE_OK);
		break;
	case EV_PROOF:
	case EV_UNPROOF:
		w->proof = e.kind == EV_PROOF;
		break;
	case EV_LIMIT:
		w->limits ^= (uint8_t)(1u << e.a);
		break;
	case EV_PREFLIGHT:
		w->preflight = !w->preflight;
		break;
	case EV_SHUTDOWN:
		w->shutdown++;
		break;
	case EV_FRESH:
		w->fresh = !w->fresh;
		break;
	case EV_FEW:
		w->few = !w->few;
		break;
	case EV_STRAIN:
		w->strained = e.a;
		break;
	case EV_STARVE:
		w->starved = !w->starved;
		break;
	case EV_ADOPT:
	case EV_RESTART:
		restart(u, m, w, e.kind == EV_ADOPT);
		break;
	default:
		abort();
	}
}

static uint8_t
ticks_until(struct mono next, uint8_t most)
{
	int64_t us = mono_diff_us(next, model_now);

	if (next.us == INT64_MAX)
		return NONE;
	us = (us + 999999) / 1000000;
	return (uint8_t)(us > 4 * most ? 4 * most : us);
}

/* One call of the ladder in this world, and what it looked like. */
static struct seen
call(const struct setup *u, const struct mutant *m, struct world *w, struct sight sight)
{
	struct ladder_conf conf = u->conf;
	struct limit limits[MAX_LIMITS];
	struct fact facts[MAX_MODEL_CHECKS];
	struct ladder_in in = {.limits = limits, .n_limits = limits_of(u, w, limits)};
	struct ladder s = ladder_of(w);
	struct seen o = {.u = u, .s = sight, .before = w->rung};
	int n = facts_of(u, w, facts);
	struct ladder_out out;

	in.preflight = w->preflight ? PREFLIGHT_WORKERS : 0;
	in.proven = w->proof ? s.rung : -1;
	in.shutdown = w->shutdown > 0;
	in.shutdown_silent = w->shutdown > 1;
	if (u->fleet)
		in.fleet = (struct ladder_fleet){.standing = w->fresh ? FLEET_FRESH : FLEET_STALE,
		    .emergency = w->few,
		    .strained = (int8_t)w->strained};
	if (m && m->conf)
		m->conf(&conf);
	if (m && m->facts)
		m->facts(facts, n);
	facts_absorb(facts, n, w->starved);
	in.judgement = judge(facts, n, ~0ULL);
	in.judgement.starved = w->starved;
	if (m && m->judged)
		m->judged(&in.judgement);
	if (m && m->before)
		m->before(&s, &in);
	out = ladder_step(&conf, s, &in, model_now);
	if (m && m->after)
		m->after(&out);
	search.steps++;
	o.after = out.state.rung;
	o.rule = out.rule;
	o.wish = out.wish;
	o.claimed = out.state.proven == out.state.rung;
	o.reason = out.n_limits > 0;
	for (int i = 0; i < out.n_limits; i++)
		o.reason = o.reason && out.limits[i].reason[0] != '\0';
	take_ladder(u, w, &out.state);
	w->next = ticks_until(out.next, u->most);
	return o;
}

/* The event, the step it causes, and with a quick BIRD the step by the proof. */
static enum promise
go(const struct setup *u, const struct mutant *m, struct world *w, struct happening e)
{
	enum promise broken;
	struct world truth;
	struct seen o;
	bool due;

	happen(u, m, w, e);
	due = w->next == 0;
	for (int calls = 0; calls < 2; calls++) {
		struct sight s = watch_truth(u, w);

		truth = *w;
		o = call(u, m, w, s);
		o.w = &truth;
		o.tick = e.kind == EV_TICK;
		o.due = due;
		if (calls == 1 && o.after != o.before)
			return P_ONE_MOVE;
		broken = check(&o);
		if (broken != P_NONE)
			return broken;
		if (o.after == o.before)
			break;
		watch_move(u, &w->watch, &o);
		w->proof = !u->slow_proof;
		watch_truth(u, w);
		if (u->slow_proof)
			break;
	}
	watch_rest(u, &w->watch);
	return P_NONE;
}

static int
add(struct happening *list, int n, enum event_kind kind, int a, int b)
{
	assert_true(n < MAX_HAPPENINGS);
	list[n] = (struct happening){(uint8_t)kind, (uint8_t)a, (uint8_t)b};
	return n + 1;
}

static int
check_happenings(const struct setup *u, const struct world *w, int i, struct happening *list, int n)
{
	bool shared = u->checks[i].class == CLASS_SHARED;

	for (int v = VERDICT_IDLE; v <= VERDICT_OK; v++) {
		if (!(u->checks[i].can >> v & 1) || v == w->verdict[i])
			continue;
		n = add(list, n, EV_VERDICT, i, v);
		if (shared && v == VERDICT_OK)
			n = add(list, n, EV_LATE_OK, i, v);
	}
	if (shared && w->verdict[i] == VERDICT_OK)
		n = add(list, n, EV_AGAIN, i, VERDICT_OK);
	return n;
}

static int
happenings(const struct setup *u, const struct world *w, struct happening *list)
{
	int n = add(list, 0, EV_TICK, 0, 0);

	for (int i = 0; i < u->n; i++)
		n = check_happenings(u, w, i, list, n);
	if (u->slow_proof)
		n = add(list, n, w->proof ? EV_UNPROOF : EV_PROOF, 0, 0);
	for (int i = 0; i < u->n_limits; i++)
		n = add(list, n, EV_LIMIT, i, 0);
	if (u->preflight)
		n = add(list, n, EV_PREFLIGHT, 0, 0);
	if (u->shutdown && w->shutdown < 2)
		n = add(list, n, EV_SHUTDOWN, 0, 0);
	if (u->fleet) {
		n = add(list, n, EV_FRESH, 0, 0);
		n = add(list, n, EV_FEW, 0, 0);
		for (int r = 0; r < u->conf.n_rungs; r++)
			if (r != 1 && r != w->strained)
				n = add(list, n, EV_STRAIN, r, 0);
	}
	if (u->starves)
		n = add(list, n, EV_STARVE, 0, 0);
	if (u->restarts)
		n = add(list, n, EV_RESTART, 0, 0);
	if (u->restarts && w->rung > RUNG_SILENT)
		n = add(list, n, EV_ADOPT, 0, 0);
	return n;
}

static void
print_step(const struct visit *n)
{
	static const char *const names[N_EVENTS] = {"a second passes", "check", "late ok",
	    "again ok", "proof", "proof lost", "limit", "preflight", "stop", "view", "few",
	    "another is overloaded", "starved", "new brain, adopts",
	    "new brain"};

	print_message("  %-18s %d %-8s rung %d phase %d hold %d latch %d penalty %d\n",
	    names[n->by.kind], n->by.a,
	    n->by.kind == EV_VERDICT ? verdict_name((enum verdict)n->by.b) : "", n->w.rung,
	    n->w.phase, n->w.hold, n->w.latch, n->w.penalty * GRAIN);
}

static void
print_way(uint32_t at)
{
	if (at == 0)
		return;
	print_way(search.visits[at].parent);
	print_step(&search.visits[at]);
}

/* Every state, every event. The first promise broken, and where. */
static enum promise
explore(const struct setup *u, const struct mutant *m, uint32_t *where, struct happening *by)
{
	struct happening list[MAX_HAPPENINGS], none = {N_EVENTS, 0, 0};
	struct world first = begin(u);

	search.steps = 0;
	search_begin(&first, none);
	for (uint32_t i = 0; i < search.n; i++) {
		int n = happenings(u, &search.visits[i].w, list);

		assert_true(search.n < MAX_WORLDS); /* too large a configuration is no small one */
		for (int k = 0; k < n; k++) {
			struct world w = search.visits[i].w;
			enum promise broken = go(u, m, &w, list[k]);

			if (broken == P_NONE) {
				search_keep(&w, i, list[k]);
				continue;
			}
			*where = i;
			*by = list[k];
			return broken;
		}
	}
	return P_NONE;
}

/* Everything becomes well and stays so. */
static void
make_well(const struct setup *u, struct world *w)
{
	for (int i = 0; i < u->n; i++)
		become(u, w, i, VERDICT_OK, false);
	w->limits = w->preflight = w->shutdown = w->starved = 0;
}

/* Whether full is reached from node `i` by time alone. Worlds on ways that were walked before are
 * kept beyond the search's own and need not be walked again; one met twice on one way never ends.
 */
static bool
full_comes(const struct setup *u, const struct mutant *m, uint32_t i)
{
	const struct happening tick = {EV_TICK, 0, 0}, none = {N_EVENTS, 0, 0};
	struct world w = search.visits[i].w;
	uint32_t start = search.n;

	make_well(u, &w);
	for (int ticks = 0;; ticks++) {
		uint32_t before = search.n, at;

		if (ticks == 0 || !w.proof)
			w.next = 0; /* something changed: it is called */
		w.proof = true;
		if (go(u, m, &w, tick) != P_NONE)
			return false;
		if (ticks > wellness)
			wellness = ticks;
		if (w.rung == u->conf.n_rungs - 1)
			return true;
		at = search_keep(&w, i, none);
		if (at < before)
			return at < start;
	}
}

static enum promise
explore_wellness(const struct setup *u, const struct mutant *m, uint32_t *where)
{
	uint32_t worlds = search.n;

	search_forget(); /* ways of the well only */
	for (uint32_t i = 0; i < worlds; i++) {
		*where = i;
		if (!full_comes(u, m, i))
			return P_FULL_COMES;
	}
	search.n = worlds;
	return P_NONE;
}

static enum promise
check_setup(const struct setup *u, const struct mutant *m, bool show)
{
	struct happening by = {N_EVENTS, 0, 0};
	uint32_t where = 0;
	enum promise broken = explore(u, m, &where, &by);

	if (broken == P_NONE)
		broken = explore_wellness(u, m, &where);
	if (broken != P_NONE && show) {
		struct visit last = {.w = search.visits[where].w, .by = by};

		print_message("broken: %s\n", promises[broken]);
		print_way(where);
		if (by.kind != N_EVENTS)
			print_step(&last); /* the event that breaks it, in the state before */
	}
	return broken;
}

static void
every_promise_holds_in_every_state(void **state)
{
	uint64_t worlds = 0, steps = 0;

	(void)state;
	for (int i = 0; i < N_SETUPS; i++) {
		wellness = 0;
		if (check_setup(&setups[i], NULL, true) != P_NONE)
			fail_msg("in %s", setups[i].name);
		print_message("%-55s %7u states, full after at most %d s\n", setups[i].name,
		    search.n, wellness);
		worlds += search.n;
		steps += search.steps;
	}
	print_message("%llu states, %llu steps, %d promises\n", (unsigned long long)worlds,
	    (unsigned long long)steps, N_PROMISES - 1);
}

static enum promise
mutant_breaks(const struct mutant *m)
{
	return check_setup(&setups[m->in], m, false);
}

static int
set_up(void **state)
{
	(void)state;
	search_grow();
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_promise_holds_in_every_state),
	    cmocka_unit_test(every_mutant_is_caught_and_every_promise_can_be_broken),
	};

	return cmocka_run_group_tests(tests, set_up, search_end);
}
