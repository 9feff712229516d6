#include <stdio.h>
#include <string.h>

#include "healthd/ladder_turn.h"

/*
 * Climbing. What blocks it is of two sorts: blocks that wait for an event (an unknown check, a
 * missing preflight gate, a rung not proven, a cap) start the hold anew when they end; hold and
 * flap budget only wait for time, and holds go on being earned while the budget makes it wait, so
 * that a late climb may skip rungs and cost the routers fewer changes. From silent it is always
 * drain first: a node without traffic has no error rate to be judged by.
 */

enum {
	PREFLIGHT_EMERGENCY =
	    PREFLIGHT_ADDRESSES | PREFLIGHT_LISTENERS | PREFLIGHT_WORKERS | PREFLIGHT_GATES
};

enum { HELP_MS = 1000 /* on a rung so long before it is left to help: its traffic is seen */ };

static int
target(const struct turn *t)
{
	int wish = ladder_wish(t->conf, &t->j, t->s->rung);

	return wish < t->ceiling ? wish : t->ceiling;
}

static bool
unproven(const struct turn *t)
{
	return t->s->rung != RUNG_SILENT && t->s->proven != t->s->rung;
}

bool
ladder_may_rise(const struct turn *t)
{
	return t->s->phase == LADDER_RUN && t->pin < 0 && !t->in->shutdown &&
	       target(t) > t->s->rung && !t->j.unknown && t->in->preflight == 0 && !unproven(t);
}

static const char *
preflight_text(uint32_t missing, char buf[static 96])
{
	static const char *const names[] = {
	    "addresses", "listeners", "workers", "session", "warm", "gates"};
	size_t used = 0;

	buf[0] = '\0';
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (missing >> i & 1)
			used += (size_t)snprintf(
			    buf + used, 96 - used, "%s%s", used ? ", " : "", names[i]);
	}
	return buf;
}

static void
limits_by_event(struct turn *t)
{
	int rung = t->s->rung;
	char missing[96];

	if (t->j.unknown)
		turn_limit(t, OWNER_UNKNOWN, LIMIT_CAP, rung, MONO_NEVER,
		    t->j.empty ? "there is nothing to judge: unknown is never healthy"
			       : "a check is unknown: no climb on what is not seen");
	if (t->in->preflight)
		turn_limit(t, OWNER_PREFLIGHT, LIMIT_CAP, rung, MONO_NEVER, "still missing: %s",
		    preflight_text(t->in->preflight, missing));
	if (unproven(t))
		turn_limit(t, OWNER_PROOF, LIMIT_CAP, rung, MONO_NEVER,
		    "the present rung is not proven yet: nothing is built on it");
}

/* From when on rungs are earned, one per hold. */
static struct mono
base(const struct turn *t)
{
	return mono_max(t->s->better_since, t->s->rung_since);
}

static struct mono
hold_ends(const struct turn *t)
{
	if (!t->s->first)
		return mono_add_ms(base(t), t->s->hold_ms);
	if (mono_is_set(t->s->last_fall))
		return mono_add_ms(t->s->last_fall, t->s->hold_ms);
	return t->now;
}

/* Where a climb at `at` (not before the hold's end) would lead. */
static int
earned_rung(const struct turn *t, struct mono at)
{
	int rung = t->s->rung, top = target(t);
	int64_t holds;

	if (rung == RUNG_SILENT)
		return RUNG_DRAIN;
	holds = mono_diff_us(at, base(t)) / (t->s->hold_ms * 1000);
	return holds < top - rung ? rung + (int)holds : top;
}

/* Another one carries overload on a better rung: whoever is well goes there to help, hold or not.
 * Each waiting for its own would let the first that climbs carry all, for as long. */
static bool
is_called_to_help(const struct turn *t)
{
	return t->in->fleet.standing >= FLEET_ISOLATED && t->s->rung >= RUNG_DRAIN &&
	       t->in->fleet.strained > t->s->rung;
}

static struct course
climb_by_time(struct turn *t)
{
	bool help = is_called_to_help(t);
	struct mono held = hold_ends(t), budget, at;
	int rung = t->s->rung;
	int64_t cost = flap_cost(&t->conf->flap, rung, rung + 1);

	/* What the limit keeps back for falls that nobody chooses is well spent on help: without
	 * it, others drop questions until half of the record is forgotten. */
	if (help) {
		held = mono_min(held, mono_add_ms(t->s->rung_since, HELP_MS));
		cost = 0;
	}
	budget = flap_allowed_at(&t->conf->flap, t->s->flap, cost, t->now);
	at = mono_max(mono_max(held, budget), t->now);
	if (!mono_before(t->now, at) && help) {
		int top = target(t), to = t->in->fleet.strained;

		turn_because(t, "another node tells overload on a better rung");
		return (struct course){to < top ? to : top, RULE_RELIEF};
	}
	if (!mono_before(t->now, at)) {
		turn_because(t, "score %d >= %d", ladder_score(&t->j, rung),
		    t->conf->leave[rung]);
		return (struct course){earned_rung(t, at), t->s->first ? RULE_FIRST : RULE_CLIMB};
	}
	if (mono_before(t->now, held))
		turn_limit(t, OWNER_HOLD, LIMIT_CAP, rung, held, "one rung per hold of %lld s",
		    (long long)(t->s->hold_ms / 1000));
	if (mono_before(t->now, budget))
		turn_limit(t, OWNER_FLAP, LIMIT_CAP, rung, budget,
		    "flap budget: %.0f spent of %lld, the next step costs %lld",
		    flap_estimate(&t->conf->flap, t->s->flap, t->now),
		    (long long)t->conf->flap.limit, (long long)cost);
	turn_plan(t, earned_rung(t, at), at);
	return (struct course){rung, RULE_WAIT};
}

/* A cap alone keeps it here: when that ends by itself, the hold follows. */
static void
plan_after_caps(struct turn *t)
{
	struct mono ends = MONO_NEVER;

	if (t->in->shutdown)
		return;
	for (int i = 0; i < t->in->n_limits; i++) {
		const struct limit *l = &t->in->limits[i];

		if (!l->set || l->sort != LIMIT_CAP || l->rung > t->s->rung)
			continue;
		if (!mono_is_set(l->until))
			return;
		ends = mono_max(ends, l->until);
	}
	if (mono_is_set(ends))
		turn_plan(t, t->s->rung + 1, mono_add_ms(ends, t->s->hold_ms));
}

/* Why there is no wish to climb. */
static void
say_contentment(struct turn *t)
{
	const struct judgement *j = &t->in->judgement;

	if (j->vital_failed && j->because >= 0)
		turn_because(t, "vital check %%c failed");
	else if (t->needed)
		turn_because(t, "score %d; another node tells overload", j->score);
	else if (j->because >= 0)
		turn_because(t, "score %d; check %%c counts most", j->score);
	else
		turn_because(t, "score %d", j->score);
}

struct course
ladder_climb(struct turn *t)
{
	const struct judgement *j = &t->j;
	int rung = t->s->rung;

	if (t->out->wish <= rung && !j->empty) {
		say_contentment(t);
		return (struct course){rung, RULE_STAY};
	}
	limits_by_event(t);
	if (ladder_may_rise(t))
		return climb_by_time(t);
	if (target(t) <= rung && !j->unknown && !t->in->preflight && !unproven(t))
		plan_after_caps(t);
	return (struct course){rung, j->empty ? RULE_STAY : RULE_WAIT};
}

static bool
called_by_fleet(const struct turn *t)
{
	return t->in->fleet.standing != FLEET_NONE && t->in->fleet.emergency;
}

/* One that tells overload calls whoever is not silent by right: to wait until all tell it would
 * have them drop questions beside a node that could answer those. */
static bool
called_to_help(const struct turn *t)
{
	return t->in->fleet.standing >= FLEET_ISOLATED && t->in->fleet.strained > RUNG_SILENT &&
	       !ladder_silent_is_right(t);
}

/* What holds an emergency climb back while nobody's hand does: said, since a lone node that stays
 * silent though it answers is the first thing that an operator asks about. */
static bool
emergency_held(struct turn *t)
{
	if (t->j.vital_failed)
		return true; /* said by whatever stays silent for it */
	if (!t->j.self_ok) {
		turn_limit(t, OWNER_EMERGENCY, LIMIT_CAP, RUNG_SILENT, MONO_NEVER,
		    "an emergency climb waits until every self check passes");
		return true;
	}
	if (t->in->preflight & PREFLIGHT_EMERGENCY)
		return true;
	/* Proof that the fault is here weighs less than a fleet that hardly answers at all. */
	if (called_by_fleet(t) || !ladder_silent_is_right(t))
		return false;
	turn_limit(t, OWNER_EMERGENCY, LIMIT_CAP, RUNG_SILENT, MONO_NEVER,
	    "the fault is proven to be here: no emergency climb while that is so");
	return true;
}

struct course
ladder_return(struct turn *t)
{
	struct course stay = {t->s->rung, RULE_WAIT};

	if (t->in->fleet.standing == FLEET_NONE || !t->in->fleet.back || !t->s->chosen ||
	    t->in->shutdown || t->ceiling == RUNG_SILENT)
		return stay;
	if (t->in->preflight & PREFLIGHT_EMERGENCY) {
		char missing[96];

		turn_limit(t, OWNER_PREFLIGHT, LIMIT_CAP, RUNG_SILENT, MONO_NEVER,
		    "called back by the fleet, and missing: %s",
		    preflight_text(t->in->preflight & PREFLIGHT_EMERGENCY, missing));
		return stay;
	}
	turn_because(t, "%s", turn_fleet(t));
	return (struct course){RUNG_DRAIN, RULE_RETURN};
}

struct course
ladder_emergency(struct turn *t)
{
	struct course stay = {t->s->rung, RULE_WAIT};
	struct mono at = t->now;

	if (!t->conf->alone && !called_by_fleet(t) && !called_to_help(t))
		return stay;
	if (t->s->rung != RUNG_SILENT || t->pin >= 0 || t->in->shutdown ||
	    t->ceiling == RUNG_SILENT)
		return stay;
	if (emergency_held(t))
		return stay;
	if (t->s->emergency_wait_ms > 0)
		at = mono_add_ms(t->s->rung_since, t->s->emergency_wait_ms);
	if (!mono_before(t->now, at)) {
		turn_because(t, "%s, and every self check passes",
		    called_by_fleet(t)	? "too few others announce"
		    : called_to_help(t) ? "another node tells overload"
					: "alone");
		return (struct course){RUNG_DRAIN, RULE_EMERGENCY};
	}
	turn_limit(t, OWNER_EMERGENCY, LIMIT_CAP, RUNG_SILENT, at,
	    "emergency climb after a relapse waits %g s", (double)t->s->emergency_wait_ms / 1000);
	if (!mono_is_set(t->out->next_move) || mono_before(at, t->out->next_move))
		turn_plan(t, RUNG_DRAIN, at);
	return stay;
}
