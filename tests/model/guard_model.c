/*
 * Model check of the fleet guard: every reachable state of the small fleets in guard_setups.h,
 * whatever happens in them and however their beacons are delayed, breadth first, against the
 * promises in guard_promises.h; then the same search over the wrong guards of guard_mutants.h, each
 * of which must break a promise. A broken promise prints the shortest way to it.
 *
 * GUARD_MODEL_DEEPER=n lets n more things happen in each fleet than `make check` has time for.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "guard_mutants.h"
#include "guard_promises.h"
#include "guard_setups.h"
#include "search.h"

enum { MAX_CHOICES = 2 * MAX_NODES * (MAX_NODES - 1) };

static struct {
	int deeper;
	const struct setup *u;
	const struct mutant *m;
} now; /* what is searched */

static struct world
begin(const struct setup *u)
{
	struct world w;

	memset(&w, 0, sizeof(w));
	for (int l = 0; l < HISTORY; l++)
		for (int i = 0; i < u->n; i++)
			w.told[l][i].rung = ANNOUNCES;
	w.calm = LONG;
	w.loss = HEARD + 1;
	w.split = SETTLE;
	return w;
}

/* --- one tick --------------------------------------------------------------------------------- */

static struct guard_out
ask(const struct world *w, int i)
{
	const struct node *n = &w->node[i];
	struct peer peers[MAX_NODES];
	struct bent b = {.size = now.u->n,
	    .conf = conf_of(now.u, i),
	    .before = guard_of(n),
	    .peers = peers};

	b.in = (struct guard_in){.peers = peers,
	    .n_peers = peers_of(now.u, w, i, peers),
	    .view_at = ago(n->hung),
	    .conflict = n->twin,
	    .session_lost = w->lost >> i & 1,
	    .silent = n->silent,
	    .discretionary = silent_by_score(n),
	    .severity = wished(n)};
	if (now.m && now.m->before)
		now.m->before(&b);
	b.out = guard_step(&b.conf, b.before, &b.in, model_now);
	if (now.m && now.m->after)
		now.m->after(&b);
	search.steps++;
	return b.out;
}

static void
go_silent(struct seen *o, struct world *w, int i, bool leave)
{
	struct node *n = &w->node[i];

	n->silent = 1;
	if (leave)
		o->leave |= (uint8_t)(1u << i);
	n->granted = n->chosen = leave && n->condition != VITAL;
	if (!leave)
		w->loss = 0;
}

static void
come_back(struct node *n)
{
	n->silent = n->granted = n->chosen = 0;
}

/* What a ladder makes of it. */
static void
act(struct seen *o, struct world *w, int i, const struct guard_out *out)
{
	struct node *n = &w->node[i];

	if (n->condition == HELD) {
		if (!n->silent)
			go_silent(o, w, i, false);
		return;
	}
	if (!n->silent && n->condition == VITAL) {
		if (out->standing == FLEET_FRESH && out->vital) {
			o->at_once |= (uint8_t)(1u << i);
			go_silent(o, w, i, false);
		} else if (out->granted) {
			go_silent(o, w, i, true);
		} else if (out->standing != FLEET_FRESH && now.u->alone_silent) {
			go_silent(o, w, i, false);
		}
		return;
	}
	if (!n->silent) {
		if (out->granted)
			go_silent(o, w, i, true);
		return;
	}
	if (n->condition == VITAL)
		return;
	if ((n->chosen && out->back) || (n->condition == WELL && now.u->climbs) ||
	    (!n->chosen && out->emergency))
		come_back(n);
}

static void
tell(struct world *w, const struct node *n, int i)
{
	bool dead = n->condition == DEAD;

	w->told[0][i] = (struct told_by){.rung = dead	     ? OUT
						 : n->silent ? SILENT
							     : ANNOUNCES,
	    .wish = !dead && n->severity >= SEVERITY_LOW,
	    .severity = dead ? 0 : n->severity};
}

static void
age(const struct setup *u, struct world *w)
{
	w->calm = older(w->calm, LONG);
	w->loss = older(w->loss, HEARD + 1);
	w->split = older(w->split, SETTLE);
	for (int i = 0; i < u->n; i++) {
		struct node *n = &w->node[i];

		if (n->severity >= SEVERITY_LOW)
			n->risen = older(n->risen, SETTLE + MAX_AGE);
		n->frozen = n->frozen > 0 ? (uint8_t)(n->frozen - 1) : 0;
		if (n->hung)
			n->hung = older(n->hung, MAX_AGE + 2);
		for (int j = 0; j < u->n; j++)
			for (int kind = 0; kind < 2; kind++)
				if (n->hung > MAX_AGE)
					w->lag[kind][i][j] = 0; /* looked at no more */
				else
					w->lag[kind][i][j] =
					    older(w->lag[kind][i][j], u->hangs ? DELAY : DELAY - 1);
	}
}

/* Where a tick has changed nothing but the watcher's clocks, and nothing is under way, no later one
 * will: the clocks run out at once. */
static void
skip_the_rest(const struct world *was, struct world *w)
{
	struct world same = *was;

	same.calm = w->calm;
	same.loss = w->loss;
	same.split = w->split;
	if (memcmp(&same, w, sizeof(same)) != 0)
		return;
	w->calm = LONG;
	w->loss = HEARD + 1;
	w->split = SETTLE;
}

/* The lags are chosen: everybody sees, decides, acts and tells. */
static enum promise
live(struct world *w)
{
	const struct setup *u = now.u;
	struct world was = *w;
	struct seen o = {.u = u, .was = &was, .w = w};
	struct guard_out out[MAX_NODES];
	enum promise broken;

	for (int i = 0; i < u->n; i++)
		if (w->node[i].condition != DEAD)
			out[i] = ask(&was, i);
	for (int l = HISTORY - 1; l > 0; l--) {
		memcpy(w->told[l], w->told[l - 1], sizeof(w->told[l]));
		w->cut[l] = w->cut[l - 1];
	}
	w->cut[0] = w->cut_now;
	w->lost = 0;
	for (int i = 0; i < u->n; i++) {
		struct node *n = &w->node[i];

		if (n->condition != DEAD) {
			act(&o, w, i, &out[i]);
			take_guard(n, &out[i].state);
			if (!able(n))
				n->granted = n->chosen = 0;
			else if (n->silent && n->condition != WELL)
				n->chosen = 1; /* stays for its score, whatever made it silent */
		}
		tell(w, n, i);
	}
	for (int i = 0; i < u->n; i++) {
		struct node *n = &w->node[i];
		bool enough = others_up(u, w, i, true, 0) >= u->min;

		n->able_age = !(u->can & CAN(VITAL)) || enough ? 0 : older(n->able_age, HEARD + 1);
	}
	broken = check(&o);
	age(u, w);
	settle_lags(u, w);
	skip_the_rest(&was, w);
	return broken;
}

/* One thing that the adversary may choose: how old what `i` sees of `j` is. */
struct choice {
	uint8_t kind, i, j, n, lag[DELAY];
};

static void
set_lag(struct world *w, const struct choice *c, int lag)
{
	if (now.u->sight == BY_KIND) {
		w->lag[c->kind][c->i][c->j] = (uint8_t)lag;
		return;
	}
	for (int j = 0; j < now.u->n; j++)
		if (j == c->j || (now.u->sight == BY_VIEWER && j != c->i))
			w->lag[0][c->i][j] = w->lag[1][c->i][j] = (uint8_t)lag;
}

static bool
differs(const struct world *w, const struct choice *c, int lag)
{
	struct world a = *w, b = *w;

	set_lag(&a, c, lag);
	set_lag(&b, c, lag - 1);
	for (int j = 0; j < now.u->n; j++) {
		struct told_by x = sees(&a, c->i, j), y = sees(&b, c->i, j);

		if (j != c->i && memcmp(&x, &y, sizeof(x)) != 0)
			return true;
	}
	return false;
}

/* How old it may be at most. */
static int
oldest(const struct world *w, const struct choice *c)
{
	int most = 0;

	for (int kind = 0; kind < 2; kind++)
		for (int j = 0; j < now.u->n; j++)
			if (now.u->sight == BY_VIEWER ||
			    (j == c->j && (now.u->sight == BY_PAIR || kind == c->kind)))
				most = w->lag[kind][c->i][j] > most ? w->lag[kind][c->i][j] : most;
	return most < DELAY - 1 ? most : DELAY - 1;
}

static int
choices_of(struct world *w, struct choice *list)
{
	int kinds = now.u->sight == BY_KIND ? 2 : 1, n = 0;

	for (int k = 0; k < kinds * now.u->n * now.u->n; k++) {
		struct choice c = {.n = 1};
		int most;

		c.kind = (uint8_t)(k % kinds);
		c.i = (uint8_t)(k / kinds % now.u->n);
		c.j = (uint8_t)(k / kinds / now.u->n);
		if (c.i == c.j || w->node[c.i].hung || w->node[c.i].condition == DEAD)
			continue;
		if (now.u->sight == BY_VIEWER && c.j != (c.i == 0))
			continue; /* one for all */
		most = oldest(w, &c);
		for (int l = 1; l <= most; l++)
			if (differs(w, &c, l))
				c.lag[c.n++] = (uint8_t)l;
		set_lag(w, &c, 0);
		if (c.n > 1)
			list[n++] = c;
	}
	return n;
}

/* Every way in which the next tick may pass; the first promise broken. */
static enum promise
tick(uint32_t from)
{
	const struct happening by = {EV_TICK, 0, 0};
	struct world base = search.visits[from].w;
	struct choice list[MAX_CHOICES];
	uint8_t at[MAX_CHOICES] = {0};
	int n = choices_of(&base, list);

	for (;;) {
		struct world w = base;
		enum promise broken;
		int k = 0;

		for (int c = 0; c < n; c++)
			set_lag(&w, &list[c], list[c].lag[at[c]]);
		broken = live(&w);
		if (broken != P_NONE)
			return broken;
		search_keep(&w, from, by);
		while (k < n && ++at[k] == list[k].n)
			at[k++] = 0;
		if (k == n)
			return P_NONE;
	}
}

/* --- what happens ------------------------------------------------------------------------------
 */

static void
become(struct world *w, int i, enum condition c)
{
	struct node *n = &w->node[i];

	if (n->condition != DEAD && c == DEAD) {
		if (!n->silent)
			w->loss = 0;
		memset(n, 0, sizeof(*n));
		n->silent = 1;
		memset(w->lag[0][i], 0, sizeof(w->lag[0][i]));
		memset(w->lag[1][i], 0, sizeof(w->lag[1][i]));
	} else if (n->condition == DEAD) {
		n->young = 1;
	}
	n->condition = (uint8_t)c;
	if (!able(n))
		n->granted = n->chosen = 0;
}

static void
happen(struct world *w, struct happening e)
{
	struct node *n = &w->node[e.a];

	switch (e.kind) {
	case EV_BECOME:
		become(w, e.a, (enum condition)e.b);
		break;
	case EV_CUT:
		if (now.u->sessions)
			w->lost = (uint8_t)((1u << now.u->n) - 1);
		if (now.u->sessions)
			w->split = 0;
		w->cut_now = e.b;
		break;
	case EV_HANG:
		n->hung = !n->hung;
		break;
	case EV_TWIN:
		n->twin = !n->twin;
		break;
	case EV_RESTART:
		n->severity = n->risen = n->frozen = 0;
		n->young = 1;
		break;
	default:
		abort();
	}
	w->happened++;
	w->calm = 0;
	settle_lags(now.u, w);
}

static int
add(struct happening *list, int n, enum event_kind kind, int a, int b)
{
	assert_true(n < MAX_HAPPENINGS);
	list[n] = (struct happening){(uint8_t)kind, (uint8_t)a, (uint8_t)b};
	return n + 1;
}

static int
node_happenings(const struct world *w, int i, struct happening *list, int n)
{
	const struct setup *u = now.u;

	for (int c = 0; c < N_CONDITIONS; c++)
		if (u->can >> c & 1 && c != w->node[i].condition)
			n = add(list, n, EV_BECOME, i, c);
	if (w->node[i].condition == DEAD)
		return n;
	if (u->hangs)
		n = add(list, n, EV_HANG, i, 0);
	if (u->twins)
		n = add(list, n, EV_TWIN, i, 0);
	if (u->restarts && !w->node[i].young)
		n = add(list, n, EV_RESTART, i, 0);
	return n;
}

static int
happenings(const struct world *w, struct happening *list)
{
	const struct setup *u = now.u;
	int n = 0;

	if (w->happened >= u->events + now.deeper)
		return 0;
	for (int i = 0; i < u->n; i++)
		n = node_happenings(w, i, list, n);
	if (w->cut_now)
		return add(list, n, EV_CUT, 0, 0);
	for (int c = 0; c < 4; c++)
		if (u->cuts[c])
			n = add(list, n, EV_CUT, 0, u->cuts[c]);
	return n;
}

/* --- the search --------------------------------------------------------------------------------
 */

static void
print_visit(const struct world *w, struct happening by)
{
	static const char *const names[N_EVENTS] = {
	    "tick", "becomes", "partition", "hangs or not", "twin or not", "new brain"};
	static const char *const conditions[N_CONDITIONS] = {
	    "well", "ill", "worse", "vital", "held", "dead"};
	char line[256];
	int used = 0;

	for (int i = 0; i < now.u->n; i++) {
		const struct node *n = &w->node[i];

		used += snprintf(line + used, sizeof(line) - (size_t)used,
		    " | %s%s says %d for %d%s%s", conditions[n->condition],
		    n->silent ? n->chosen ? " CHOSEN" : " SILENT" : "", n->severity, n->risen,
		    n->frozen ? " frozen" : "", n->hung ? " hung" : "");
	}
	print_message("  %-9s %d %d cut %x%s\n", names[by.kind], by.a + 1, by.b, w->cut_now, line);
}

static void
print_way(uint32_t at)
{
	if (at == 0)
		return;
	print_way(search.visits[at].parent);
	print_visit(&search.visits[at].w, search.visits[at].by);
}

static enum promise
explore(const struct setup *u, const struct mutant *m, bool show)
{
	struct happening list[MAX_HAPPENINGS];
	struct world first = begin(u);

	now.u = u;
	now.m = m;
	search_begin(&first, (struct happening){0});
	for (uint32_t i = 0; i < search.n; i++) {
		int n = happenings(&search.visits[i].w, list);
		enum promise broken = tick(i);

		if (broken != P_NONE) {
			if (show) {
				print_message("broken: %s\n", promises[broken]);
				print_way(i);
			}
			return broken;
		}
		for (int k = 0; k < n; k++) {
			struct world w = search.visits[i].w;

			happen(&w, list[k]);
			search_keep(&w, i, list[k]);
		}
	}
	return P_NONE;
}

static void
every_promise_holds_in_every_state(void **state)
{
	uint64_t worlds = 0;

	(void)state;
	search.steps = 0;
	for (int i = 0; i < N_SETUPS; i++) {
		if (explore(&setups[i], NULL, true) != P_NONE)
			fail_msg("in \"%s\"", setups[i].name);
		print_message("%-60s %8u states\n", setups[i].name, search.n);
		worlds += search.n;
	}
	print_message("%llu states, %llu steps, %d promises\n", (unsigned long long)worlds,
	    (unsigned long long)search.steps, N_PROMISES - 1);
}

static enum promise
mutant_breaks(const struct mutant *m)
{
	return explore(&setups[m->in], m, false);
}

static int
set_up(void **state)
{
	const char *deeper = getenv("GUARD_MODEL_DEEPER");

	(void)state;
	now.deeper = deeper != NULL ? atoi(deeper) : 0;
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
