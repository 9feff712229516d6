/*
 * ladder_promises: design section 3, one promise at a time, judged on what went in and what came
 * out over time. Nothing here looks into the ladder; the watcher keeps its own clocks. A move is
 * held against the reason that it gives: it must be one of ours, and true.
 */
#ifndef TESTS_MODEL_LADDER_PROMISES_H
#define TESTS_MODEL_LADDER_PROMISES_H

#include "ladder_world.h"

/* What a person who sees only the checks knows of this moment. */
struct sight {
	int score; /* by the watcher's own arithmetic */
	int firm;  /* ... without what others say, which is no matter of silent */
	bool denied; /* others find us well, and were to be asked */
	bool bears; /* the score as it is bears this rung */
	bool needed; /* it does not, or no better one, where others tell overload: no matter */
	bool pressed; /* overload alone calls for a lower rung, or the end of a help */
	bool empty, unknown, round, self_ok, self_pass, vital, shared_bad, shared_any, here,
	    overload;
	bool absorbed; /* vital silence that overload explains, and no other vital failure */
	int cap, floor, pin, stop; /* stop: best rung unless the service is stopping */
	bool may_rise;
};

/* One step of the ladder as seen from outside. */
struct seen {
	const struct setup *u;
	const struct world *w; /* after the event, before the step */
	struct sight s;
	int before, after;
	enum ladder_rule rule;
	bool claimed; /* the output says that its rung is proven */
	bool reason;  /* a limit was listed, each with a reason */
	int wish;
	bool tick, due; /* only time passed; and the ladder had asked to be called by now */
};

enum promise {
	P_NONE,
	P_RULE_NAMED,
	P_DEADLINE,
	P_ONE_MOVE,
	P_CLAIM,
	P_EXPLAINED,
	P_PIN,
	P_CAP,
	P_STOP_CLIMBS,
	P_START_SILENT,
	P_VITAL_AT_ONCE,
	P_VITAL_TRUE,
	P_SCORE_AT_ONCE,
	P_SCORE_TRUE,
	P_SILENT_EVIDENCE,
	P_SILENT_DENIED,
	P_SILENT_SHARED,
	P_SILENT_LATCH,
	P_SILENT_ABSORB,
	P_ABSORB_FLOOR,
	P_ABSORB_DRAINS,
	P_SILENT_POLICY,
	P_SILENT_WAIT,
	P_SILENT_COMES,
	P_FLOOR,
	P_ADOPT_TRUE,
	P_ADOPT_ENDS,
	P_LIMIT_TRUE,
	P_CLIMB_SCORE,
	P_CLIMB_KNOWN,
	P_CLIMB_PREFLIGHT,
	P_CLIMB_PROOF,
	P_CLIMB_HOLD,
	P_CLIMB_BUDGET,
	P_FIRST_DRAIN,
	P_EMERGENCY_TRUE,
	P_EMERGENCY_WAIT,
	P_EMERGENCY_COMES,
	P_PRESSED_FEW,
	P_PRESSED_WAIT,
	P_PRESSED_BACK,
	P_PRESSED_COMES,
	P_RELIEF_TRUE,
	P_RELIEF_COMES,
	P_NEEDED_STAYS,
	P_FULL_COMES,
	N_PROMISES,
};

static const char *const promises[N_PROMISES] = {
    [P_RULE_NAMED] = "every move names a rule that moves",
    [P_DEADLINE] = "time alone moves nothing before it asked to be called",
    [P_ONE_MOVE] = "never two moves at one moment",
    [P_CLAIM] = "a rung is claimed only while BIRD shows it",
    [P_EXPLAINED] = "a rung that is not the wish has a limit with a reason",
    [P_PIN] = "a pin holds exactly",
    [P_CAP] = "nothing stands above a cap",
    [P_STOP_CLIMBS] = "stopping never climbs, drains, then is silent",
    [P_START_SILENT] = "silent until one full round is in",
    [P_VITAL_AT_ONCE] = "a vital failure acts at once, as far as the policy says",
    [P_VITAL_TRUE] = "a vital fall has a vital failure, and ends where the policy says",
    [P_SCORE_AT_ONCE] = "a low score acts at once, down to drain",
    [P_SCORE_TRUE] = "a fall by score has a score under the threshold",
    [P_SILENT_EVIDENCE] = "silent by proof: a failure with evidence stands here",
    [P_SILENT_DENIED] = "silent by proof: others who are to confirm it do not find us well",
    [P_SILENT_SHARED] = "silent by proof: every shared check was well after that began",
    [P_SILENT_LATCH] = "silent by proof: no shared check was bad within the latch",
    [P_SILENT_ABSORB] = "silent by proof: overload alone is absorbed",
    [P_ABSORB_FLOOR] = "vital silence under overload takes nothing below drain",
    [P_ABSORB_DRAINS] = "vital silence under overload drains at once",
    [P_SILENT_POLICY] = "silent by proof: only where the policy allows it alone",
    [P_SILENT_WAIT] = "silent by proof: traffic had the time to leave a proven drain",
    [P_SILENT_COMES] = "silent by proof comes when all of this is so",
    [P_FLOOR] = "health takes nothing below a floor from outside",
    [P_ADOPT_TRUE] = "what is adopted falls by failed adoption only when the "
		     "self round is late, and not by overload",
    [P_ADOPT_ENDS] = "what is not adopted in time is silent",
    [P_LIMIT_TRUE] = "a fall by a limit goes exactly to it",
    [P_CLIMB_SCORE] = "a climb has a score that leaves the rung",
    [P_CLIMB_KNOWN] = "nothing climbs on what is unknown",
    [P_CLIMB_PREFLIGHT] = "nothing climbs while preflight misses something",
    [P_CLIMB_PROOF] = "nothing climbs from a rung that is not proven",
    [P_CLIMB_HOLD] = "one rung a hold, of all holds doubled and healed, over restarts too",
    [P_CLIMB_BUDGET] = "no climb beyond the flap budget",
    [P_FIRST_DRAIN] = "from silent it is drain first",
    [P_EMERGENCY_TRUE] =
	"an emergency climb is alone or called, at silent, with every self check well",
    [P_EMERGENCY_WAIT] = "emergency climbs that relapse wait longer each time",
    [P_EMERGENCY_COMES] = "alone or called, an emergency climb comes when its wait is over",
    [P_PRESSED_FEW] = "overload alone takes nothing down where too few others bear it",
    [P_PRESSED_WAIT] = "in view of others overload is borne for its time first",
    [P_PRESSED_BACK] = "a fall by overload leaves budget for the way back, or was borne before",
    [P_PRESSED_COMES] = "lasting overload takes the lane down where enough others bear it",
    [P_RELIEF_TRUE] = "who climbs to help is called to that rung or a better one",
    [P_RELIEF_COMES] = "who serves helps at once, as far as the flap budget allows",
    [P_NEEDED_STAYS] = "who serves falls for no score where others tell overload",
    [P_FULL_COMES] = "when all is well for long enough, full is reached",
};

/* Does overload explain this failure: it is silence of our own while workers are too slow? */
static bool
explained(const struct setup *u, const struct world *w, int i)
{
	return u->checks[i].overload ||
	    (w->starved && u->checks[i].mute && u->checks[i].class != CLASS_SHARED);
}

static void
see_check(const struct setup *u, const struct world *w, int i, struct sight *s)
{
	const struct spec *c = &u->checks[i];
	bool fail = w->verdict[i] == VERDICT_FAIL, ok = w->verdict[i] == VERDICT_OK;

	if (c->class == CLASS_TOLD) {
		s->denied = s->denied || (c->confirms && ok);
		return;
	}
	s->empty = s->empty && w->verdict[i] == VERDICT_IDLE;
	s->unknown = s->unknown || w->verdict[i] == VERDICT_UNKNOWN;
	s->round = s->round && w->last[i] != NONE;
	s->vital = s->vital || (c->vital && fail && !explained(u, w, i));
	s->absorbed = s->absorbed || (c->vital && fail && explained(u, w, i));
	if (c->class == CLASS_SHARED) {
		s->shared_any = s->shared_any || ok;
		s->shared_bad = s->shared_bad || fail || w->verdict[i] == VERDICT_UNKNOWN;
	}
}

/* Weighted mean over what has something to judge; unknown stands as last known, or as well. Of
 * what others say only that we failed, and that where it is `asked` for. */
static int
own_score(const struct setup *u, const struct world *w, bool asked)
{
	int sum = 0, weights = 0;

	for (int i = 0; i < u->n; i++) {
		if (u->checks[i].class == CLASS_TOLD && !(asked && w->verdict[i] == VERDICT_FAIL))
			continue;
		if (w->verdict[i] == VERDICT_IDLE ||
		    (w->verdict[i] == VERDICT_UNKNOWN && w->last[i] == VERDICT_IDLE))
			continue;
		sum += w->last[i] == VERDICT_FAIL ? 0 : 100 * u->checks[i].weight;
		weights += u->checks[i].weight;
	}
	return weights ? sum / weights : 100;
}

/* The same with all that overload explains taken for well. */
static int
own_calm(const struct setup *u, const struct world *w)
{
	struct world well = *w;

	for (int i = 0; i < u->n; i++)
		if (explained(u, w, i) && w->last[i] == VERDICT_FAIL &&
		    (u->checks[i].overload || w->verdict[i] == VERDICT_FAIL))
			well.last[i] = VERDICT_OK;
	return own_score(u, &well, true);
}

/* The one that counts at the thresholds of a rung. */
static int
score_at(const struct sight *s, int rung)
{
	return rung == RUNG_SILENT ? s->firm : s->score;
}

static int
called_by(const struct setup *u, int score)
{
	int rung = 0;

	while (rung < u->conf.n_rungs - 1 && score >= u->conf.enter[rung])
		rung++;
	return rung;
}

/* The best rung that a score bears, one at a time from where the lane is. */
static int
wished(const struct setup *u, const struct sight *s, int rung)
{
	int called = 0;

	while (called < u->conf.n_rungs - 1 && score_at(s, called) >= u->conf.enter[called])
		called++;
	if (called < rung)
		return called;
	while (rung < u->conf.n_rungs - 1 && score_at(s, rung) >= u->conf.leave[rung])
		rung++;
	return rung;
}

static bool
found_failed(const struct setup *u, const struct world *w)
{
	for (int i = 0; i < u->n; i++)
		if (u->checks[i].class == CLASS_TOLD && w->verdict[i] == VERDICT_FAIL)
			return true;
	return false;
}

static bool
is_needed(const struct setup *u, const struct world *w, const struct sight *s)
{
	bool serves = w->watch.started && !w->watch.adopting && w->rung >= RUNG_DRAIN &&
	    !s->vital && !s->empty && !found_failed(u, w);

	return serves && w->fresh && w->strained >= w->rung &&
	    wished(u, s, w->rung) < w->strained;
}

static void
see_pressure(const struct setup *u, const struct world *w, struct sight *s)
{
	s->bears = !s->empty && !s->vital && wished(u, s, w->rung) >= w->rung;
	s->needed = is_needed(u, w, s);
	if (s->needed)
		s->score = s->firm = 100;
	s->pressed = !s->empty && !s->vital && w->rung > RUNG_DRAIN &&
	    called_by(u, s->score) < w->rung &&
	    (w->watch.help || called_by(u, own_calm(u, w)) >= w->rung);
}

static void
see_self(const struct setup *u, const struct world *w, struct sight *s)
{
	bool any = false, all = true, vital = true;

	for (int i = 0; i < u->n; i++) {
		bool ok = w->verdict[i] == VERDICT_OK;

		if (u->checks[i].class != CLASS_SELF)
			continue;
		any = any || ok;
		all = all && (ok || w->verdict[i] == VERDICT_IDLE);
		vital = vital && (ok || !u->checks[i].vital);
	}
	s->self_ok = any && all;
	s->self_pass = any && vital;
}

/* A failure that is evidence stands; with `shared`, every shared check was well after it began. */
static bool
evidence(const struct setup *u, const struct world *w, bool shared)
{
	for (int k = 0; k < u->n; k++) {
		bool any = false, all = true;

		if (!stands(u, w, k) || !u->checks[k].evidence || u->checks[k].class == CLASS_TOLD)
			continue;
		for (int i = 0; i < u->n; i++) {
			if (u->checks[i].class != CLASS_SHARED || w->verdict[i] == VERDICT_IDLE)
				continue;
			any = true;
			all = all && w->verdict[i] == VERDICT_OK && (w->since[i] >> k & 1);
		}
		if (!shared || (any && all))
			return true;
	}
	return false;
}

static bool
only_overload(const struct setup *u, const struct world *w)
{
	bool any = false;

	for (int i = 0; i < u->n; i++) {
		if (u->checks[i].class == CLASS_TOLD)
			continue;
		if (w->verdict[i] == VERDICT_FAIL && !explained(u, w, i))
			return false;
		any = any || w->verdict[i] == VERDICT_FAIL;
	}
	return any;
}

static struct sight
see(const struct setup *u, const struct world *w)
{
	struct sight s = {.empty = true, .round = true, .cap = u->conf.n_rungs - 1, .pin = -1};

	for (int i = 0; i < u->n; i++)
		see_check(u, w, i, &s);
	see_self(u, w, &s);
	s.absorbed = s.absorbed && !s.vital;
	s.score = s.vital || s.absorbed ? 0 : own_score(u, w, true);
	s.firm = s.vital || s.absorbed ? 0 : own_score(u, w, false);
	see_pressure(u, w, &s);
	s.here = evidence(u, w, true);
	s.overload = only_overload(u, w);
	s.stop = w->shutdown == 0 ? u->conf.n_rungs - 1 : w->shutdown == 1 ? 1 : 0;
	for (int i = 0; i < u->n_limits; i++) {
		const struct limit *l = &u->limits[i];

		if (!(w->limits >> i & 1))
			continue;
		if (l->sort == LIMIT_CAP && l->rung < s.cap)
			s.cap = l->rung;
		if (l->sort == LIMIT_FLOOR && l->rung > s.floor)
			s.floor = l->rung;
		if (l->sort == LIMIT_PIN && (s.pin < 0 || l->rung < s.pin))
			s.pin = l->rung;
	}
	s.may_rise = w->watch.started && !w->watch.adopting && s.pin < 0 && !w->shutdown &&
	    !s.empty && !s.vital && !s.unknown && !w->preflight &&
	    w->rung < u->conf.n_rungs - 1 &&
	    score_at(&s, w->rung) >= u->conf.leave[w->rung] && s.cap > w->rung &&
	    (w->rung == RUNG_SILENT || w->proof);
	return s;
}

static bool
calls_silent(const struct setup *u, const struct sight *s)
{
	return !s->empty && score_at(s, RUNG_SILENT) < u->conf.enter[RUNG_SILENT];
}

static bool
calm(const struct setup *u, const struct watch *h)
{
	return h->calm_age != NONE && h->calm_age * 1000 >= u->conf.latch_ms;
}

/* Everything that makes silent by proof right, the wait at drain apart. */
static enum promise
wrong_about_silent(const struct seen *o)
{
	const struct setup *u = o->u;

	if (!evidence(u, o->w, false))
		return P_SILENT_EVIDENCE;
	if (o->s.denied)
		return P_SILENT_DENIED;
	if (!o->s.here)
		return P_SILENT_SHARED;
	if (!calm(u, &o->w->watch))
		return P_SILENT_LATCH;
	if (o->s.absorbed)
		return P_ABSORB_FLOOR;
	if (o->s.overload)
		return P_SILENT_ABSORB;
	if (u->conf.proven_alone != ALONE_SILENT)
		return P_SILENT_POLICY;
	return P_NONE;
}

static bool
waited_at_drain(const struct seen *o)
{
	uint8_t low = o->w->watch.low_age;

	return low != NONE && low * 1000 >= o->u->conf.fall_hold_ms;
}

static enum promise
check_silent_by_proof(const struct seen *o)
{
	enum promise wrong = wrong_about_silent(o);

	if (o->s.needed)
		return P_NEEDED_STAYS;
	if (o->before != RUNG_DRAIN || o->after != RUNG_SILENT || !calls_silent(o->u, &o->s))
		return P_SCORE_TRUE;
	if (wrong != P_NONE)
		return wrong;
	return waited_at_drain(o) ? P_NONE : P_SILENT_WAIT;
}

static int
vital_policy(const struct seen *o)
{
	/* In this model the guard never gives leave. */
	return o->u->conf.vital_alone == ALONE_SILENT && !o->w->fresh ? RUNG_SILENT : RUNG_DRAIN;
}

static int
vital_rung(const struct seen *o)
{
	return vital_policy(o) > o->s.floor ? vital_policy(o) : o->s.floor;
}

static bool
late_to_adopt(const struct seen *o)
{
	const struct watch *h = &o->w->watch;

	return h->adopting && h->adopt_age * 1000 >= o->u->conf.adopt_ms && !o->s.self_pass &&
	    !o->w->starved;
}

/* Holds earned: since the last change and since everything but time has allowed it. */
static bool
held(const struct seen *o)
{
	const struct watch *h = &o->w->watch;
	int age = h->good_age == NONE ? -1
	    : h->good_age < h->moved_age ? h->good_age
					 : h->moved_age;

	if (!h->announced)
		return h->fall_age == NONE || h->fall_age >= h->hold;
	return age >= h->hold * (o->after - o->before);
}

static bool
in_budget(const struct seen *o)
{
	const struct flap_conf *f = &o->u->conf.flap;
	int64_t cost = o->before == RUNG_SILENT ? 0 : f->change_cost;

	return o->w->watch.budget * GRAIN + cost <= f->limit;
}

static enum promise
check_climb(const struct seen *o)
{
	if (!o->w->watch.started || o->w->watch.adopting)
		return P_START_SILENT;
	if (o->s.unknown || o->s.empty)
		return P_CLIMB_KNOWN;
	if (o->w->preflight)
		return P_CLIMB_PREFLIGHT;
	if (o->before != RUNG_SILENT && !o->w->proof)
		return P_CLIMB_PROOF;
	for (int r = o->before; r < o->after; r++)
		if (score_at(&o->s, r) < o->u->conf.leave[r] || o->s.vital)
			return P_CLIMB_SCORE;
	if (o->before == RUNG_SILENT && o->after != RUNG_DRAIN)
		return P_FIRST_DRAIN;
	if (o->s.needed && o->after > o->w->strained)
		return P_CLIMB_SCORE;
	if (!held(o))
		return P_CLIMB_HOLD;
	return in_budget(o) ? P_NONE : P_CLIMB_BUDGET;
}

/* Another tells overload, and nothing makes silent right. */
static bool
called_back(const struct seen *o)
{
	return o->w->fresh && o->w->strained > RUNG_SILENT &&
	    !(calls_silent(o->u, &o->s) && wrong_about_silent(o) == P_NONE);
}

static bool
emergency(const struct seen *o)
{
	return (o->u->conf.alone || o->w->few || called_back(o)) && o->before == RUNG_SILENT &&
	    o->s.self_ok && !o->s.vital &&
	    !o->w->preflight && o->s.pin < 0 && o->s.cap > RUNG_SILENT && !o->w->shutdown;
}

static bool
emergency_waited(const struct seen *o)
{
	return o->w->watch.moved_age >= o->w->watch.emergency_wait;
}

static enum promise
check_emergency(const struct seen *o)
{
	if (!emergency(o) || o->after != RUNG_DRAIN)
		return P_EMERGENCY_TRUE;
	return emergency_waited(o) ? P_NONE : P_EMERGENCY_WAIT;
}

/* Why overload alone must not take it down now. */
static enum promise
wrong_about_pressure(const struct seen *o)
{
	const struct watch *h = &o->w->watch;
	const struct flap_conf *f = &o->u->conf.flap;

	if (o->w->few)
		return P_PRESSED_FEW;
	if (h->pressed_age == NONE || h->pressed_age * 1000 < o->u->conf.absorb_ms)
		return P_PRESSED_WAIT;
	if (h->trial != 2 && h->budget * GRAIN + 2 * f->change_cost > f->limit)
		return P_PRESSED_BACK;
	return P_NONE;
}

static enum promise
check_score_fall(const struct seen *o)
{
	if (o->s.needed)
		return P_NEEDED_STAYS;
	if (o->after < RUNG_DRAIN || o->after >= o->before || o->s.empty ||
	    score_at(&o->s, o->after) >= o->u->conf.enter[o->after])
		return P_SCORE_TRUE;
	return o->w->fresh && o->s.pressed ? wrong_about_pressure(o) : P_NONE;
}

static bool
called_to_help(const struct seen *o)
{
	return o->w->fresh && o->before >= RUNG_DRAIN && o->w->strained > o->before;
}

/* What is kept back for falls may be spent, and no more. */
static bool
in_reserve(const struct seen *o)
{
	return o->w->watch.budget * GRAIN <= o->u->conf.flap.limit;
}

static enum promise
check_relief(const struct seen *o)
{
	if (!called_to_help(o) || o->after > o->w->strained || !o->s.may_rise ||
	    o->w->watch.moved_age < 1)
		return P_RELIEF_TRUE;
	for (int r = o->before; r < o->after; r++)
		if (o->s.score < o->u->conf.leave[r])
			return P_CLIMB_SCORE;
	return in_reserve(o) ? P_NONE : P_CLIMB_BUDGET;
}

/* A move against its reason. */
static enum promise
check_move(const struct seen *o)
{
	switch (o->rule) {
	case RULE_SCORE_FALL:
		return check_score_fall(o);
	case RULE_VITAL_FALL:
		return o->s.vital && o->after >= vital_policy(o) ? P_NONE : P_VITAL_TRUE;
	case RULE_PROVEN_FALL:
		return check_silent_by_proof(o);
	case RULE_ADOPT_FAILED:
		return late_to_adopt(o) && o->after == o->s.floor ? P_NONE : P_ADOPT_TRUE;
	case RULE_LIMIT_FALL:
		return o->after == o->s.cap && o->after < o->before ? P_NONE : P_LIMIT_TRUE;
	case RULE_SHUTDOWN:
		return o->w->shutdown && o->after < o->before ? P_NONE : P_LIMIT_TRUE;
	case RULE_PIN:
		return o->s.pin >= 0 && o->after == o->s.pin ? P_NONE : P_LIMIT_TRUE;
	case RULE_CLIMB:
	case RULE_FIRST:
		return check_climb(o);
	case RULE_RELIEF:
		return check_relief(o);
	case RULE_EMERGENCY:
		return check_emergency(o);
	default:
		return P_RULE_NAMED;
	}
}

/* What must be so after a step with a pin. */
static enum promise
check_pinned(const struct seen *o)
{
	bool known = o->w->watch.started && !o->w->watch.adopting;

	if (o->after > o->s.pin || (known && !o->w->shutdown && o->after != o->s.pin))
		return P_PIN;
	return P_NONE;
}

static int
most_drained(const struct seen *o)
{
	return o->s.floor > RUNG_DRAIN ? o->s.floor : RUNG_DRAIN;
}

/* What health must have brought about, whatever the reason given. */
static enum promise
check_health(const struct seen *o)
{
	const struct setup *u = o->u;
	int called = 0, most;

	if (o->s.vital && o->before != RUNG_SILENT && o->after > vital_rung(o))
		return P_VITAL_AT_ONCE;
	if (called_to_help(o) && o->s.may_rise && in_reserve(o) && o->after <= o->before &&
	    o->w->watch.moved_age >= 1)
		return P_RELIEF_COMES;
	if (o->s.absorbed && !o->w->fresh && o->w->watch.started && !o->w->watch.adopting &&
	    o->before > RUNG_DRAIN && o->after > most_drained(o))
		return P_ABSORB_DRAINS;
	if (emergency(o) && emergency_waited(o) && o->after == RUNG_SILENT &&
	    !(calls_silent(u, &o->s) && wrong_about_silent(o) == P_NONE))
		return P_EMERGENCY_COMES;
	if (!o->w->watch.started || o->w->watch.adopting || o->s.vital || o->s.empty)
		return P_NONE;
	if (o->w->fresh && o->s.pressed)
		return o->after == o->before && o->before > o->s.floor && o->s.cap >= o->before &&
			wrong_about_pressure(o) == P_NONE
		    ? P_PRESSED_COMES
		    : P_NONE;
	while (called < u->conf.n_rungs - 1 && score_at(&o->s, called) >= u->conf.enter[called])
		called++;
	most = called > RUNG_DRAIN ? called : RUNG_DRAIN;
	most = most > o->s.floor ? most : o->s.floor;
	if (o->after > most && o->before > most)
		return P_SCORE_AT_ONCE;
	if (o->before == RUNG_DRAIN && o->after == RUNG_DRAIN && calls_silent(u, &o->s) &&
	    o->s.floor == RUNG_SILENT && wrong_about_silent(o) == P_NONE && waited_at_drain(o))
		return P_SILENT_COMES;
	return P_NONE;
}

static enum promise
check_state(const struct seen *o)
{
	bool hands = o->rule == RULE_PIN || o->rule == RULE_LIMIT_FALL || o->rule == RULE_SHUTDOWN;

	if (o->claimed && !(o->w->proof && o->after == o->before))
		return P_CLAIM;
	if (o->w->shutdown && (o->after > o->s.stop || o->after > o->before))
		return P_STOP_CLIMBS;
	if (o->s.pin >= 0)
		return check_pinned(o);
	if (o->after > o->s.cap)
		return P_CAP;
	if (!o->w->watch.started && !o->w->watch.adopting && o->after != RUNG_SILENT &&
	    o->rule != RULE_EMERGENCY)
		return P_START_SILENT;
	if (o->after < o->before && o->after < o->s.floor && !hands)
		return P_FLOOR;
	if (o->wish != o->after && !o->reason)
		return P_EXPLAINED;
	if (late_to_adopt(o) && o->after > o->s.floor)
		return P_ADOPT_ENDS;
	return check_health(o);
}

/* The first promise that this step breaks. */
static enum promise
check(const struct seen *o)
{
	enum promise broken = P_NONE;

	if (o->after != o->before && o->tick && !o->due)
		return P_DEADLINE;
	if (o->after != o->before)
		broken = check_move(o);
	return broken != P_NONE ? broken : check_state(o);
}

#endif
