#include "healthd/ladder.h"

#include "healthd/ladder_turn.h"
#include "lib/ensure.h"

/*
 * One struct ladder belongs to one lane. The brain owns it, steps it at every event and at `next`,
 * and saves it; nothing else holds part of a decision.
 *
 * A step is: note what time and events have changed by themselves (proof, brake, hold's healing,
 * phase), ask the rules for a course, and move at most once. After a move the rules are asked
 * again, only to tell what bounds the new rung and when to look next.
 */

static void
note_proof(struct ladder *s, const struct ladder_in *in, struct mono now)
{
	bool proven = in->proven == s->rung;

	if (proven == (s->proven == s->rung))
		return;
	s->proven = proven ? s->rung : -1;
	s->proven_since = proven ? now : MONO_NEVER;
}

static void
note_brake(
    const struct ladder_conf *conf, struct ladder *s, const struct judgement *j, struct mono now)
{
	if (j->shared_bad)
		s->latch_until = MONO_FOREVER;
	else if (j->shared_well && s->latch_until.us == INT64_MAX)
		s->latch_until = mono_add_ms(now, conf->latch_ms);
}

/* What most of the fleet suffers ends at one node before the other, and shared checks are well
 * before what needs them is: the end is no reason to fall (decision 0037). */
static void
note_keep(
    const struct ladder_conf *conf, struct ladder *s, const struct ladder_in *in, struct mono now)
{
	if (in->fleet.keep && in->judgement.shared_bad)
		s->keep_until = mono_add_ms(now, conf->latch_ms);
}

/* Its score bears the rung, and not only between two relapses: it is there in its own right. */
static void
note_help(
    const struct ladder_conf *conf, struct ladder *s, const struct judgement *j, struct mono now)
{
	if (!j->empty && ladder_wish(conf, j, s->rung) >= s->rung &&
	    mono_diff_us(now, s->last_climb) > conf->relapse_ms * 1000)
		s->helping = false;
}

/* Stability heals; waiting does not: neither silent nor for the very hold that would shrink. */
static bool
healing(const struct ladder_conf *conf, const struct ladder *s)
{
	return s->hold_ms > conf->hold_ms && s->rung != RUNG_SILENT &&
	       !mono_is_set(s->better_since);
}

static void
note_healing(const struct ladder_conf *conf, struct ladder *s, struct mono now)
{
	if (!healing(conf, s))
		s->healed_at = now;
	while (s->hold_ms > conf->hold_ms &&
	       !mono_before(now, mono_add_ms(s->healed_at, conf->heal_ms))) {
		s->hold_ms = s->hold_ms / 2 > conf->hold_ms ? s->hold_ms / 2 : conf->hold_ms;
		s->relapses = s->relapses > 0 ? (int8_t)(s->relapses - 1) : 0;
		s->healed_at = mono_add_ms(s->healed_at, conf->heal_ms);
	}
	if (s->hold_ms == conf->hold_ms)
		s->relapses = 0;
}

/* Keeps `since` while `on` lasts, and forgets it when that breaks. */
static void
note_since(struct mono *since, bool on, struct mono now)
{
	if (!on)
		*since = MONO_NEVER;
	else if (!mono_is_set(*since))
		*since = now;
}

static void
note_lasting(const struct turn *t, struct ladder *s)
{
	note_since(&s->low_since,
	    s->rung == RUNG_DRAIN && s->proven == RUNG_DRAIN && !t->j.vital_failed &&
		ladder_calls_silent(t->conf, &t->j),
	    t->now);
	note_since(&s->better_since, ladder_may_rise(t), t->now);
	/* Others who have just come have the whole time to show that they bear it. */
	note_since(&s->pressed_since, ladder_is_pressed(t) && !t->in->fleet.emergency, t->now);
}

/* Silent for its score, whatever took it there. */
static void
note_choice(const struct turn *t, struct ladder *s)
{
	if (s->rung != RUNG_SILENT || t->j.vital_failed)
		s->chosen = false;
	else if (s->phase == LADDER_RUN && !s->first && ladder_calls_silent(t->conf, &t->j))
		s->chosen = true;
}

static void
enter(struct ladder *s, enum ladder_phase phase, struct mono now)
{
	s->phase = phase;
	s->phase_since = now;
}

/* STAY: the phase stands or START is over; ADOPT: taken over; ADOPT_FAILED: its time is over. That
 * is said again and again until it passes or is silent: a pin or a floor may hold the rung
 * meanwhile. What overload keeps from answering in time says no more to this brain than it would
 * have said to the one before. */
static enum ladder_rule
note_phase(
    const struct ladder_conf *conf, struct ladder *s, const struct judgement *j, struct mono now)
{
	if (s->phase == LADDER_START && j->round)
		enter(s, LADDER_RUN, now);
	if (s->phase != LADDER_ADOPT)
		return RULE_STAY;
	/* Known either way: the ordinary rules act. */
	if (j->self_pass || j->vital_failed || j->absorbed) {
		enter(s, LADDER_RUN, now);
		return RULE_ADOPT;
	}
	if (mono_before(now, mono_add_ms(s->phase_since, conf->adopt_ms)))
		return RULE_STAY;
	if (!j->starved)
		return RULE_ADOPT_FAILED;
	enter(s, LADDER_RUN, now);
	return RULE_ADOPT;
}

/* The best rung on which another one tells overload, where this lane could be of use: it serves,
 * and nobody finds otherwise. Silent: there is none. */
static int
needed_on(const struct ladder *s, const struct ladder_in *in)
{
	const struct judgement *j = &in->judgement;
	bool serves = s->phase == LADDER_RUN && s->rung >= RUNG_DRAIN && !j->empty &&
		      !j->vital_failed && j->hearsay == 0;

	return serves && in->fleet.standing >= FLEET_ISOLATED ? in->fleet.strained : RUNG_SILENT;
}

/* Fresh output and bounds for one look at state `s`. */
static struct turn
look(const struct ladder_conf *conf, const struct ladder *s, const struct ladder_in *in,
    struct mono now, struct ladder_out *out)
{
	struct turn t = {
	    .conf = conf, .in = in, .s = s, .now = now, .j = in->judgement, .out = out};
	int best = conf->n_rungs - 1, needed = needed_on(s, in);

	/* Who is ill and still answers most is better than who drops what he cannot bear: the score
	 * has no say up to there, neither in a fall nor against a climb (decision 0046). */
	if (needed >= s->rung && ladder_wish(conf, &t.j, s->rung) < needed) {
		t.needed = true;
		t.j.score = 100;
	}
	t.ceiling = limits_cap(in->limits, in->n_limits, best);
	if (t.needed && t.ceiling > needed)
		t.ceiling = needed;
	t.floor = limits_floor(in->limits, in->n_limits, best);
	t.pin = limits_pin(in->limits, in->n_limits);
	if (t.pin > best)
		t.pin = best;
	t.stop = !in->shutdown ? best : in->shutdown_silent ? RUNG_SILENT : RUNG_DRAIN;
	t.ceiling = t.ceiling < t.stop ? t.ceiling : t.stop;
	*out = (struct ladder_out){.next = MONO_FOREVER, .next_rung = -1};
	out->wish = ladder_wish(conf, &t.j, s->rung);
	if (t.needed && out->wish > needed)
		out->wish = needed;
	return t;
}

static void
list_limits(struct turn *t)
{
	const struct ladder *s = t->s;

	for (int i = 0; i < t->in->n_limits; i++) {
		if (!t->in->limits[i].set || t->out->n_limits == MAX_LADDER_LIMITS)
			continue;
		t->out->limits[t->out->n_limits++] = t->in->limits[i];
		turn_wake(t, t->in->limits[i].until);
	}
	if (t->in->shutdown)
		turn_limit(
		    t, OWNER_SHUTDOWN, LIMIT_CAP, t->stop, MONO_NEVER, "the service is stopping");
	/* A floor says nothing where the lane is silent already. */
	if (s->rung == RUNG_SILENT)
		turn_wake(t, s->latch_until);
	else if (s->latch_until.us == INT64_MAX)
		turn_limit(t, OWNER_BRAKE, LIMIT_FLOOR, RUNG_DRAIN, MONO_NEVER,
		    "a shared check fails or is unknown: the fault may be everywhere");
	else if (mono_before(t->now, s->latch_until))
		turn_limit(t, OWNER_BRAKE, LIMIT_FLOOR, RUNG_DRAIN, s->latch_until,
		    "shared checks were bad less than %lld s ago",
		    (long long)(t->conf->latch_ms / 1000));
	if (t->needed && ladder_wish(t->conf, &t->in->judgement, s->rung) < s->rung)
		turn_limit(t, OWNER_ABSORB, LIMIT_FLOOR, s->rung, MONO_NEVER,
		    "another node tells overload: whoever still answers is needed");
	if (s->phase == LADDER_ADOPT)
		turn_wake(t, mono_add_ms(s->phase_since, t->conf->adopt_ms));
	if (healing(t->conf, s))
		turn_wake(t, mono_add_ms(s->healed_at, t->conf->heal_ms));
}

/* The outside limit that decides, for the sentence. */
static void
say_limit(struct turn *t, enum limit_sort sort, int rung, const char *what)
{
	for (int i = 0; i < t->in->n_limits; i++) {
		const struct limit *l = &t->in->limits[i];

		if (!l->set || l->sort != sort || (l->rung > rung && l->rung < t->conf->n_rungs))
			continue;
		turn_because(
		    t, "%s by %s %s: %s", what, limit_owner_name(l->owner), l->who, l->reason);
		return;
	}
}

/* A pin is exact, but what is not known yet (START, ADOPT) only bounds from above. Stopping is
 * stronger: the process that would keep the promise goes away. */
static struct course
course_pinned(struct turn *t)
{
	int to = t->pin;

	if (t->s->phase != LADDER_RUN && to > t->s->rung) {
		to = t->s->rung;
		turn_limit(t, OWNER_START, LIMIT_CAP, to, MONO_NEVER,
		    "the first round of checks is not in yet");
	}
	if (t->in->shutdown && (to > t->s->rung || to > t->stop)) {
		to = t->s->rung < t->stop ? t->s->rung : t->stop;
		turn_because(t, "the service is stopping");
		return (struct course){to, RULE_SHUTDOWN};
	}
	say_limit(t, LIMIT_PIN, t->pin, "pinned");
	return (struct course){to, RULE_PIN};
}

static struct course
course_capped(struct turn *t)
{
	int outside = limits_cap(t->in->limits, t->in->n_limits, t->conf->n_rungs - 1);

	if (t->ceiling < outside) {
		turn_because(t, "the service is stopping");
		return (struct course){t->ceiling, RULE_SHUTDOWN};
	}
	say_limit(t, LIMIT_CAP, outside, "capped");
	return (struct course){t->ceiling, RULE_LIMIT_FALL};
}

static void
wait_for_round(struct turn *t)
{
	bool adopting = t->s->phase == LADDER_ADOPT;

	turn_limit(t, OWNER_START, LIMIT_CAP, t->s->rung,
	    adopting ? mono_add_ms(t->s->phase_since, t->conf->adopt_ms) : MONO_NEVER,
	    adopting ? "found standing; taken over when the self checks pass, else silent"
		     : "silent until every check has been seen once");
	turn_because(t, adopting ? "waiting for the self checks to take over the rung that stands"
				 : "waiting for the first full round of checks");
}

/* The cap listed last binds closest. */
static void
say_waiting(struct turn *t)
{
	for (int i = t->out->n_limits - 1; i >= 0; i--) {
		const struct limit *l = &t->out->limits[i];

		if (l->sort != LIMIT_CAP || l->rung > t->s->rung)
			continue;
		turn_because(t, "waits: %s: %s", limit_owner_name(l->owner), l->reason);
		return;
	}
}

static struct course
course_upward(struct turn *t)
{
	struct course c, climb;

	if (t->s->phase != LADDER_RUN) {
		wait_for_round(t);
		c = ladder_emergency(t);
		if (c.rung == t->s->rung)
			c.rule = t->s->phase == LADDER_ADOPT ? RULE_ADOPT : RULE_START;
		return c;
	}
	c = ladder_return(t);
	if (c.rung > t->s->rung)
		return c;
	climb = ladder_climb(t);
	if (climb.rung > t->s->rung)
		return climb;
	c = ladder_emergency(t);
	if (c.rung > t->s->rung)
		return c;
	if (climb.rule == RULE_WAIT)
		say_waiting(t);
	return climb;
}

/* Which way from here; the limits that bind are listed on the way. */
static struct course
course(struct turn *t)
{
	struct course down;

	list_limits(t);
	if (t->pin >= 0)
		return course_pinned(t);
	down = ladder_fall(t);
	if (t->ceiling < down.rung)
		return course_capped(t);
	if (down.rung < t->s->rung || down.rule == RULE_WAIT)
		return down;
	return course_upward(t);
}

static void
note_fall(const struct ladder_conf *conf, struct ladder *s, int to, struct mono now)
{
	bool relapse = s->climbed && mono_diff_us(now, s->last_climb) <= conf->relapse_ms * 1000;

	if (relapse) {
		s->hold_ms =
		    s->hold_ms > conf->hold_cap_ms / 2 ? conf->hold_cap_ms : s->hold_ms * 2;
		s->relapses = s->relapses < INT8_MAX ? (int8_t)(s->relapses + 1) : INT8_MAX;
	}
	s->climbed = false;
	s->last_fall = s->healed_at = now;
	if (to != RUNG_SILENT)
		return;
	if (!mono_is_set(s->emergency_at) ||
	    mono_diff_us(now, s->emergency_at) > conf->emergency_relapse_ms * 1000)
		s->emergency_wait_ms = 0;
	else if (s->emergency_wait_ms == 0)
		s->emergency_wait_ms = conf->emergency_min_ms;
	else
		s->emergency_wait_ms = s->emergency_wait_ms > conf->emergency_max_ms / 2
					   ? conf->emergency_max_ms
					   : s->emergency_wait_ms * 2;
}

/* The one door: every change of the rung goes through here, and is charged. */
static void
move(const struct ladder_conf *conf, struct ladder *s, struct course c, bool pressed,
    struct mono now)
{
	switch (c.rule) {
	case RULE_SCORE_FALL:
	case RULE_VITAL_FALL:
	case RULE_PROVEN_FALL:
	case RULE_ADOPT_FAILED:
		s->pressed = pressed && c.rule == RULE_SCORE_FALL;
		s->borne = s->borne && s->pressed;
		note_fall(conf, s, c.rung, now);
		break;
	case RULE_EMERGENCY:
		s->emergency_at = now;
		if (s->phase == LADDER_START)
			enter(s, LADDER_RUN, now);
		/* fall through */
	case RULE_CLIMB:
	case RULE_RELIEF:
	case RULE_FIRST:
		s->borne = c.rule == RULE_CLIMB && (s->pressed || s->borne);
		s->pressed = false;
		s->last_climb = now;
		s->climbed = true;
		break;
	default:
		break;
	}
	s->helping = c.rule == RULE_RELIEF; /* note_help() looks whether it is ill */
	s->flap = flap_charge(&conf->flap, s->flap, s->rung, c.rung, now);
	s->rung = (int8_t)c.rung;
	s->rung_since = now;
	s->proven = -1;
	s->proven_since = s->low_since = s->better_since = s->pressed_since = MONO_NEVER;
	s->chosen = c.rule == RULE_PROVEN_FALL;
	if (c.rung > RUNG_SILENT)
		s->first = false;
	else if (s->phase == LADDER_ADOPT)
		enter(s, LADDER_START, now); /* nothing is left to take over: earn it */
}

/* After a move: what bounds the new rung, and when to look again. The story of the move stays. */
static void
look_again(const struct ladder_conf *conf, struct ladder *s, const struct ladder_in *in,
    struct mono now, struct ladder_out *out)
{
	struct ladder_out after;
	struct turn t = look(conf, s, in, now, &after);

	note_lasting(&t, s);
	if (course(&t).rung != s->rung)
		after.next = now;
	out->n_limits = after.n_limits;
	for (int i = 0; i < after.n_limits; i++)
		out->limits[i] = after.limits[i];
	out->wish = after.wish;
	out->next = after.next;
	out->next_rung = after.next_rung;
	out->next_move = after.next_move;
}

struct ladder_out
ladder_step(
    const struct ladder_conf *conf, struct ladder s, const struct ladder_in *in, struct mono now)
{
	enum ladder_rule phase_rule;
	struct ladder_out out;
	struct turn t;
	struct course c;

	ENSURE(conf->n_rungs >= 2 && conf->n_rungs <= MAX_RUNGS);
	ENSURE(in->n_limits >= 0 && in->n_limits <= MAX_LIMITS);
	ENSURE(s.rung >= RUNG_SILENT && s.rung < conf->n_rungs && s.hold_ms > 0);
	note_proof(&s, in, now);
	note_brake(conf, &s, &in->judgement, now);
	note_keep(conf, &s, in, now);
	note_healing(conf, &s, now);
	note_help(conf, &s, &in->judgement, now);
	phase_rule = note_phase(conf, &s, &in->judgement, now);
	t = look(conf, &s, in, now, &out);
	note_choice(&t, &s);
	note_lasting(&t, &s);
	c = course(&t);
	if (phase_rule == RULE_ADOPT_FAILED && t.pin < 0 && c.rung > t.floor) {
		c = (struct course){t.floor, RULE_ADOPT_FAILED};
		turn_because(&t, "the self checks did not pass in time to take over the rung");
	}
	out.rule = c.rule;
	if (c.rung != s.rung) {
		move(conf, &s, c, in->fleet.standing >= FLEET_ISOLATED && ladder_is_pressed(&t),
		    now);
		out.moved = true;
		look_again(conf, &s, in, now, &out);
	} else if (phase_rule == RULE_ADOPT) {
		out.rule = RULE_ADOPT;
		turn_because(&t, "%s: the rung that stood is taken over",
		    in->judgement.self_pass ? "self checks pass" : "overload is evident");
	}
	out.state = s;
	out.severity = ladder_severity(&t);
	out.fault = in->judgement.shared;
	return out;
}
