/*
 * guard_promises: what the fleet promises, judged by what is true and not by what any node sees.
 *
 * `calm` is the time since anything happened to the fleet from outside. What a promise says of
 * "in the end" is bounded by the beacons' delay and the settling, and so checked at a bound.
 */
#ifndef TESTS_MODEL_GUARD_PROMISES_H
#define TESTS_MODEL_GUARD_PROMISES_H

#include "guard_world.h"

enum promise {
	P_NONE,
	P_BUDGET,
	P_BUDGET_SETTLED,
	P_LEAVES_ENOUGH,
	P_LEAVES_REGION,
	P_SEVERE_FIRST,
	P_ANSWERED,
	P_ENOUGH_RETURN,
	P_REGION_RETURNS,
	P_LONELY_STAY,
	P_LONELY_RETURN,
	P_VITAL_LEAVES_ABLE,
	P_VITAL_GOES,
	P_PROGRESS,
	P_TWIN_FROZEN,
	P_SPLIT_FROZEN,
	N_PROMISES,
};

static const char *const promises[N_PROMISES] = {
    [P_BUDGET] = "never more nodes silent by leave than the smallest budget, whatever happens",
    [P_BUDGET_SETTLED] = "in calm, nobody is silent by score while more are suspended than may be",
    [P_LEAVES_ENOUGH] = "who goes by leave leaves min_announcing others announcing",
    [P_LEAVES_REGION] = "who goes by leave for its score leaves an announcer in its region",
    [P_SEVERE_FIRST] = "on a budget of one nobody goes before a known and more severe wish",
    [P_ANSWERED] = "in calm, while somebody can answer, somebody who can announces",
    [P_ENOUGH_RETURN] = "in calm, nobody is silent by score while too few who can answer announce",
    [P_REGION_RETURNS] = "in calm, nobody is silent by score in a region without an announcer",
    [P_LONELY_STAY] = "nobody who sees only a minority goes by leave",
    [P_LONELY_RETURN] = "in calm, nobody who sees only a minority, or nothing, is silent by score",
    [P_VITAL_LEAVES_ABLE] = "a vital failure goes at once only where enough able others announced",
    [P_VITAL_GOES] = "in calm, a vital failure is silent where enough able others announce",
    [P_PROGRESS] = "in calm, who may go has gone",
    [P_TWIN_FROZEN] = "nobody goes by leave while somebody else uses its id",
    [P_SPLIT_FROZEN] = "nobody goes by leave within the settling after it lost a session",
};

enum {
	SEEN_BY_ALL = DELAY + 1,       /* ... and acted upon: the tick in which it is seen counts */
	HEARD = SEEN_BY_ALL + MAX_AGE, /* ... also by a node whose view is old */
	/* A settling, a freeze before it, and hops: leave, its echo, the next one's. */
	ALL_COME = 2 * SETTLE + 4 * HEARD,
};
_Static_assert((int)ALL_COME <= (int)LONG, "the clock of calm reaches");

/* What one tick did, beside the worlds before and after it. */
struct seen {
	const struct setup *u;
	const struct world *was, *w;
	uint8_t leave;	 /* nodes that went by leave */
	uint8_t at_once; /* ... by a vital failure at once, with a fresh view */
};

static int
budget_of(const struct setup *u)
{
	return u->mean ? u->mean : u->budget;
}

/* Who is there for `i` as things are. */
static bool
reaches(const struct world *w, int i, int j)
{
	return i != j && w->node[j].condition != DEAD && !w->node[j].twin &&
	       !apart(w->cut_now, i, j);
}

static int
reached(const struct setup *u, const struct world *w, int i)
{
	int n = 0;

	for (int j = 0; j < u->n; j++)
		n += reaches(w, i, j);
	return n;
}

static bool
lonely(const struct setup *u, const struct world *w, int i)
{
	return 2 * (reached(u, w, i) + 1) <= u->n;
}

static bool
up(const struct node *n)
{
	return n->condition != DEAD && !n->silent;
}

/* Others that announce, as reached by `i` (-1: by anybody). */
static int
others_up(const struct setup *u, const struct world *w, int i, bool only_able, uint8_t region)
{
	int n = 0;

	for (int j = 0; j < u->n; j++)
		n += up(&w->node[j]) && (!only_able || able(&w->node[j])) &&
		     (region == 0 || u->region[j] == region) && (i < 0 || reaches(w, i, j));
	return n;
}

static int
suspended_for(const struct setup *u, const struct world *w, int i)
{
	int n = w->node[i].silent;

	for (int j = 0; j < u->n; j++)
		n += j != i && (!reaches(w, i, j) || !up(&w->node[j]));
	return n;
}

static bool
silent_by_score(const struct node *n)
{
	return n->silent && n->chosen && able(n);
}

static enum promise
check_budget(const struct seen *o)
{
	int by_leave = 0;

	for (int i = 0; i < o->u->n; i++)
		by_leave += o->w->node[i].granted;
	return o->leave && by_leave > budget_of(o->u) ? P_BUDGET : P_NONE;
}

/* Somebody more severe than `i`, whom everybody has known for long, still waits. */
static bool
passes_over(const struct seen *o, int i)
{
	for (int j = 0; j < o->u->n; j++) {
		bool long_known = reaches(o->was, i, j) && !o->was->node[i].hung;

		for (int l = 0; l < HISTORY; l++)
			long_known = long_known && o->was->told[l][j].rung == ANNOUNCES &&
				     o->was->told[l][j].severity > o->was->node[i].severity &&
				     !apart(o->was->cut[l], i, j);
		if (long_known && up(&o->w->node[j]))
			return true;
	}
	return false;
}

static enum promise
check_leave(const struct seen *o, int i)
{
	const struct setup *u = o->u;
	const struct world *w = o->w;
	bool vital = w->node[i].condition == VITAL;

	if (w->node[i].twin)
		return P_TWIN_FROZEN;
	if (u->sessions && w->split < SETTLE)
		return P_SPLIT_FROZEN;
	if (w->calm > HEARD && lonely(u, w, i))
		return P_LONELY_STAY;
	if (budget_of(u) == 1 && passes_over(o, i))
		return P_SEVERE_FIRST;
	if (w->loss <= HEARD)
		return P_NONE; /* nobody could have known */
	if (others_up(u, w, -1, false, 0) < u->min)
		return P_LEAVES_ENOUGH;
	if (!vital && u->region[i] && others_up(u, w, -1, false, u->region[i]) < 1)
		return P_LEAVES_REGION;
	return P_NONE;
}

/* What holds for node `i` once everybody has seen how things are. */
static enum promise
check_return(const struct seen *o, int i)
{
	const struct setup *u = o->u;
	const struct world *w = o->w;
	const struct node *n = &w->node[i];

	if (!silent_by_score(n) || w->calm <= HEARD + 1)
		return P_NONE;
	if (lonely(u, w, i) || n->hung > MAX_AGE + 1)
		return P_LONELY_RETURN;
	if (others_up(u, w, i, true, 0) < u->min)
		return P_ENOUGH_RETURN;
	if (u->region[i] && others_up(u, w, i, true, u->region[i]) < 1)
		return P_REGION_RETURNS;
	if (w->calm > SETTLE + HEARD + 1 && !n->twin && suspended_for(u, w, i) > budget_of(u))
		return P_BUDGET_SETTLED;
	return P_NONE;
}

/* Announcers who fail vitally, for `i`: they stand where they do for want of others, and hold a
 * place in the order. */
static int
stuck_for(const struct setup *u, const struct world *w, int i)
{
	int n = 0;

	for (int j = 0; j < u->n; j++)
		n += reaches(w, i, j) && up(&w->node[j]) && w->node[j].condition == VITAL;
	return n;
}

static enum promise
check_progress(const struct seen *o, int i)
{
	const struct setup *u = o->u;
	const struct world *w = o->w;
	const struct node *n = &w->node[i];
	int others = others_up(u, w, i, true, 0);

	if (!up(n) || n->hung || n->twin || lonely(u, w, i) || w->calm <= HEARD)
		return P_NONE;
	if (n->condition == VITAL)
		return others >= u->min ? P_VITAL_GOES : P_NONE;
	if (n->condition != ILL && n->condition != WORSE)
		return P_NONE;
	if (w->calm < ALL_COME || others < u->min ||
	    (u->region[i] && others_up(u, w, i, true, u->region[i]) < 1) ||
	    suspended_for(u, w, i) + stuck_for(u, w, i) + 1 > budget_of(u))
		return P_NONE;
	return P_PROGRESS;
}

static enum promise
check(const struct seen *o)
{
	const struct setup *u = o->u;
	const struct world *w = o->w;
	enum promise broken = check_budget(o);
	bool any_able = false;

	for (int i = 0; i < u->n && broken == P_NONE; i++) {
		any_able = any_able || able(&w->node[i]);
		if (o->leave >> i & 1)
			broken = check_leave(o, i);
		if (o->at_once >> i & 1 && w->node[i].able_age > HEARD)
			broken = P_VITAL_LEAVES_ABLE;
		if (broken == P_NONE)
			broken = check_return(o, i);
		if (broken == P_NONE)
			broken = check_progress(o, i);
	}
	if (broken == P_NONE && any_able && w->calm > HEARD + 1 &&
	    others_up(u, w, -1, true, 0) == 0)
		broken = P_ANSWERED;
	return broken;
}

#endif
