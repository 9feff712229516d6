#include "healthd/ladder_turn.h"

/*
 * Falling. A vital failure acts at once, all the way; vital silence under overload too, but only to
 * drain: whoever is slow still serves something, and a withdrawal would only hand the load on. The
 * score takes the lane to drain and no further; from there silent needs proof that the fault is
 * here, time for the traffic to leave, nobody's floor, and in a fleet the guard's leave. Every
 * reason that keeps the lane at drain is listed, not only the first: the operator sees them all.
 */

int
ladder_score(const struct judgement *j, int rung)
{
	return rung == RUNG_SILENT ? j->score + j->hearsay : j->score;
}

bool
ladder_calls_silent(const struct ladder_conf *conf, const struct judgement *j)
{
	return !j->empty && ladder_score(j, RUNG_SILENT) < conf->enter[RUNG_SILENT];
}

/* The lowest rung whose `enter` the score is under; the best rung when there is none. */
static int
called_rung(const struct ladder_conf *conf, const struct judgement *j)
{
	int rung = 0;

	while (rung < conf->n_rungs - 1 && (j->empty || ladder_score(j, rung) >= conf->enter[rung]))
		rung++;
	return rung;
}

int
ladder_wish(const struct ladder_conf *conf, const struct judgement *j, int rung)
{
	int called = called_rung(conf, j);

	if (j->vital_failed)
		return RUNG_SILENT;
	if (j->empty)
		return rung;
	if (called < rung)
		return called;
	while (rung < conf->n_rungs - 1 && ladder_score(j, rung) >= conf->leave[rung])
		rung++;
	return rung;
}

/* The brake holds: shared checks are bad, or were within the latch. */
static bool
braked(const struct turn *t)
{
	return mono_before(t->now, t->s->latch_until);
}

static bool
in_fleet(const struct turn *t)
{
	return t->in->fleet.standing != FLEET_NONE;
}

bool
ladder_silent_is_right(const struct turn *t)
{
	const struct judgement *j = &t->j;

	return ladder_calls_silent(t->conf, j) && j->proven && !j->overload && !j->absorbed &&
	       !j->denied && !braked(t) && (in_fleet(t) || t->conf->proven_alone == ALONE_SILENT) &&
	       t->floor == RUNG_SILENT;
}

uint8_t
ladder_severity(const struct turn *t)
{
	if (t->j.vital_failed)
		return SEVERITY_VITAL;
	if (t->s->phase != LADDER_RUN || t->pin >= 0 || t->in->shutdown ||
	    !ladder_silent_is_right(t))
		return SEVERITY_NONE;
	return 2 * ladder_score(&t->j, RUNG_SILENT) < t->conf->enter[RUNG_SILENT]
		   ? SEVERITY_HIGH
		   : SEVERITY_LOW;
}

/* The fleet's leave to go silent by proof. */
static bool
has_leave(const struct turn *t)
{
	const struct ladder_fleet *f = &t->in->fleet;

	return !in_fleet(t) || (f->standing == FLEET_FRESH && f->granted);
}

static void
limit_by_fleet(struct turn *t, int rung)
{
	turn_limit(t, OWNER_FLEET, LIMIT_FLOOR, rung, MONO_NEVER, "%s", turn_fleet(t));
}

static void
say_score(struct turn *t, int to)
{
	const struct judgement *j = &t->j;

	if (j->because >= 0)
		turn_because(
		    t, "score %d < %d; check %%c counts most", j->score, t->conf->enter[to]);
	else
		turn_because(t, "score %d < %d", j->score, t->conf->enter[to]);
}

/* At drain with the score calling for silent: what holds it there. */
static void
limits_at_drain(struct turn *t, struct mono ripe)
{
	const struct judgement *j = &t->j;

	if (!j->proven)
		turn_limit(t, OWNER_BRAKE, LIMIT_FLOOR, RUNG_DRAIN, MONO_NEVER,
		    "nothing proves that the fault is here and not upstream");
	if (j->denied)
		turn_limit(t, OWNER_FLEET, LIMIT_FLOOR, RUNG_DRAIN, MONO_NEVER,
		    "most of the nodes that watch this one find it well");
	if (j->absorbed)
		turn_limit(t, OWNER_ABSORB, LIMIT_FLOOR, RUNG_DRAIN, MONO_NEVER,
		    "workers run and are too slow to answer: silence by overload only drains");
	else if (j->overload)
		turn_limit(t, OWNER_ABSORB, LIMIT_FLOOR, RUNG_DRAIN, MONO_NEVER,
		    "overload without malfunction is absorbed, not withdrawn");
	if (!has_leave(t))
		limit_by_fleet(t, RUNG_DRAIN);
	if (!in_fleet(t) && t->conf->proven_alone != ALONE_SILENT)
		turn_limit(t, OWNER_ALONE, LIMIT_FLOOR, RUNG_DRAIN, MONO_NEVER,
		    "no fleet view: only a vital failure may go below drain");
	if (t->s->proven != RUNG_DRAIN)
		turn_limit(t, OWNER_PROOF, LIMIT_FLOOR, RUNG_DRAIN, MONO_NEVER,
		    "drain is not proven yet, so traffic had no chance to leave");
	else if (mono_before(t->now, ripe))
		turn_limit(t, OWNER_HOLD, LIMIT_FLOOR, RUNG_DRAIN, ripe,
		    "traffic leaves first: %lld s at drain before silent",
		    (long long)(t->conf->fall_hold_ms / 1000));
}

static struct course
fall_from_drain(struct turn *t)
{
	struct mono ripe = mono_add_ms(t->s->low_since, t->conf->fall_hold_ms);
	bool shown = t->s->proven == RUNG_DRAIN && mono_is_set(t->s->low_since);

	if (shown && ladder_silent_is_right(t) && has_leave(t) && !mono_before(t->now, ripe)) {
		turn_because(t, "score %d < %d, and every shared check was well after this began",
		    t->j.score, t->conf->enter[RUNG_SILENT]);
		return (struct course){RUNG_SILENT, RULE_PROVEN_FALL};
	}
	limits_at_drain(t, ripe);
	if (shown && ladder_silent_is_right(t) && has_leave(t))
		turn_plan(t, RUNG_SILENT, ripe);
	say_score(t, RUNG_SILENT);
	return (struct course){RUNG_DRAIN, RULE_WAIT};
}

static struct course
fall_by_vital(struct turn *t)
{
	const struct ladder_fleet *f = &t->in->fleet;
	int rung = t->s->rung, to = RUNG_SILENT;

	if (f->standing == FLEET_FRESH) {
		if (!f->vital && !f->granted) {
			to = RUNG_DRAIN;
			limit_by_fleet(t, RUNG_DRAIN);
		}
	} else if (t->conf->vital_alone != ALONE_SILENT) {
		to = RUNG_DRAIN;
		turn_limit(t, OWNER_ALONE, LIMIT_FLOOR, RUNG_DRAIN, MONO_NEVER,
		    "no fleet view, and vital_alone is drain: not below it");
	}
	if (to < t->floor)
		to = t->floor;
	turn_because(
	    t, t->j.because >= 0 ? "vital check %%c failed" : "a vital check failed");
	return to < rung ? (struct course){to, RULE_VITAL_FALL} : (struct course){rung, RULE_WAIT};
}

bool
ladder_is_pressed(const struct turn *t)
{
	struct judgement calm = {.score = t->j.calm, .hearsay = t->j.calm_hearsay};

	return !t->j.empty && !t->j.vital_failed && t->s->rung > RUNG_DRAIN &&
	       called_rung(t->conf, &t->j) < t->s->rung &&
	       (t->s->helping || called_rung(t->conf, &calm) >= t->s->rung);
}

/* From when on routers would bear this fall and the climb back. */
static struct mono
way_back_at(const struct turn *t)
{
	int rung = t->s->rung;
	int64_t cost = flap_cost(&t->conf->flap, rung, RUNG_DRAIN) +
		       flap_cost(&t->conf->flap, RUNG_DRAIN, rung);

	return flap_allowed_at(&t->conf->flap, t->s->flap, cost, t->now);
}

/* Until when overload alone does not take the lane down, in view of others. Whoever is well and
 * stands lower has time to come and help. Whether a fall helps is seen only by trying: others tell
 * overload then and call us back, or they do not and the next fall is free. What is tried must be
 * possible to take back. */
static struct mono
pressed_until(const struct turn *t)
{
	struct mono until = mono_add_ms(t->s->pressed_since, t->conf->absorb_ms);

	if (!t->s->borne)
		until = mono_max(until, way_back_at(t));
	return until;
}

/* Overload alone would take it down, and not yet, or not at all: a fall is of use only where others
 * are there who can bear more than they do. */
static bool
bears_pressure(struct turn *t)
{
	struct mono until;

	if (t->in->fleet.standing < FLEET_ISOLATED || !ladder_is_pressed(t))
		return false;
	if (t->in->fleet.emergency) {
		turn_limit(t, OWNER_ABSORB, LIMIT_FLOOR, t->s->rung, MONO_NEVER,
		    "too few others announce without overload: whoever still answers is needed");
		return true;
	}
	until = pressed_until(t);
	if (!mono_before(t->now, until))
		return false;
	turn_limit(t, OWNER_ABSORB, LIMIT_FLOOR, t->s->rung, until,
	    "overload is borne a while: others may come to help, and a fall must leave a way back");
	return true;
}

struct course
ladder_fall(struct turn *t)
{
	const struct judgement *j = &t->j;
	int rung = t->s->rung, to;

	if (rung == RUNG_SILENT)
		return (struct course){rung, RULE_STAY};
	if (j->vital_failed)
		return fall_by_vital(t);
	to = called_rung(t->conf, j);
	if (t->s->phase != LADDER_RUN || to >= rung)
		return (struct course){rung, RULE_STAY};
	if (rung == RUNG_DRAIN)
		return fall_from_drain(t);
	say_score(t, to);
	if (in_fleet(t) && braked(t) && mono_before(t->now, t->s->keep_until)) {
		turn_limit(t, OWNER_FLEET, LIMIT_FLOOR, rung, t->s->keep_until,
		    "most of the fleet sees the same fault, or did less than %lld s ago",
		    (long long)(t->conf->latch_ms / 1000));
		return (struct course){rung, RULE_WAIT};
	}
	if (bears_pressure(t))
		return (struct course){rung, RULE_WAIT};
	if (to < RUNG_DRAIN)
		to = RUNG_DRAIN;
	if (to < t->floor)
		to = t->floor;
	return to < rung ? (struct course){to, RULE_SCORE_FALL} : (struct course){rung, RULE_WAIT};
}
