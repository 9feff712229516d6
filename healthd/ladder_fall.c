#include "healthd/ladder_turn.h"

/*
 * Falling. A vital failure acts at once, all the way; vital silence under overload too, but only to
 * drain: whoever is slow still serves something, and a withdrawal would only hand the load on. The
 * score takes the lane to drain and no further; from there silent needs proof that the fault is
 * here, time for the traffic to leave, and nobody's floor. Every reason that keeps the lane at
 * drain is listed, not only the first: the operator sees them all.
 */

bool
ladder_calls_silent(const struct ladder_conf *conf, const struct judgement *j)
{
	return !j->empty && j->score < conf->enter[RUNG_SILENT];
}

/* The lowest rung whose `enter` the score is under; the best rung when there is none. */
static int
called_rung(const struct ladder_conf *conf, const struct judgement *j)
{
	int rung = 0;

	while (rung < conf->n_rungs - 1 && (j->empty || j->score >= conf->enter[rung]))
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
	while (rung < conf->n_rungs - 1 && j->score >= conf->leave[rung])
		rung++;
	return rung;
}

/* The brake holds: shared checks are bad, or were within the latch. */
static bool
braked(const struct turn *t)
{
	return mono_before(t->now, t->s->latch_until);
}

bool
ladder_silent_is_right(const struct turn *t)
{
	const struct judgement *j = &t->in->judgement;

	return ladder_calls_silent(t->conf, j) && j->proven && !j->overload && !j->absorbed &&
	       !braked(t) &&
	       t->conf->proven_alone == ALONE_SILENT && t->floor == RUNG_SILENT;
}

static void
say_score(struct turn *t, int to)
{
	const struct judgement *j = &t->in->judgement;

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
	const struct judgement *j = &t->in->judgement;

	if (!j->proven)
		turn_limit(t, OWNER_BRAKE, LIMIT_FLOOR, RUNG_DRAIN, MONO_NEVER,
		    "nothing proves that the fault is here and not upstream");
	if (j->absorbed)
		turn_limit(t, OWNER_ABSORB, LIMIT_FLOOR, RUNG_DRAIN, MONO_NEVER,
		    "workers run and are too slow to answer: silence by overload only drains");
	else if (j->overload)
		turn_limit(t, OWNER_ABSORB, LIMIT_FLOOR, RUNG_DRAIN, MONO_NEVER,
		    "overload without malfunction is absorbed, not withdrawn");
	if (t->conf->proven_alone != ALONE_SILENT)
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

	if (shown && ladder_silent_is_right(t) && !mono_before(t->now, ripe)) {
		turn_because(t, "score %d < %d, and every shared check was well after this began",
		    t->in->judgement.score, t->conf->enter[RUNG_SILENT]);
		return (struct course){RUNG_SILENT, RULE_PROVEN_FALL};
	}
	limits_at_drain(t, ripe);
	if (shown && ladder_silent_is_right(t))
		turn_plan(t, RUNG_SILENT, ripe);
	say_score(t, RUNG_SILENT);
	return (struct course){RUNG_DRAIN, RULE_WAIT};
}

static struct course
fall_by_vital(struct turn *t)
{
	int rung = t->s->rung, to = RUNG_SILENT;

	if (t->conf->vital_alone != ALONE_SILENT) {
		to = RUNG_DRAIN;
		turn_limit(t, OWNER_ALONE, LIMIT_FLOOR, RUNG_DRAIN, MONO_NEVER,
		    "no fleet view, and vital_alone is drain: not below it");
	}
	if (to < t->floor)
		to = t->floor;
	turn_because(
	    t, t->in->judgement.because >= 0 ? "vital check %%c failed" : "a vital check failed");
	return to < rung ? (struct course){to, RULE_VITAL_FALL} : (struct course){rung, RULE_WAIT};
}

struct course
ladder_fall(struct turn *t)
{
	const struct judgement *j = &t->in->judgement;
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
	if (to < RUNG_DRAIN)
		to = RUNG_DRAIN;
	if (to < t->floor)
		to = t->floor;
	return to < rung ? (struct course){to, RULE_SCORE_FALL} : (struct course){rung, RULE_WAIT};
}
