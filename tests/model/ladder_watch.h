/*
 * ladder_watch: the watcher's clocks. Brought up to date before a step by what is true, and after
 * it by what was done; they run on through restarts, as the operators' memory does.
 */
#ifndef TESTS_MODEL_LADDER_WATCH_H
#define TESTS_MODEL_LADDER_WATCH_H

#include "ladder_promises.h"

static void
watch_age(const struct setup *u, struct watch *h)
{
	uint8_t *ages[] = {&h->adopt_age, &h->moved_age, &h->good_age, &h->low_age, &h->calm_age,
	    &h->heal_age, &h->climb_age, &h->fall_age, &h->emergency_age,
	    &h->pressed_age};

	for (size_t i = 0; i < sizeof(ages) / sizeof(ages[0]); i++)
		*ages[i] = older(*ages[i], u->most);
	h->budget = decay(&u->conf.flap, h->budget);
}

static void
keep_since(uint8_t *age, bool on)
{
	*age = !on ? NONE : *age == NONE ? 0 : *age;
}

/* Clocks that run while something is so. */
static struct sight
watch_truth(const struct setup *u, struct world *w)
{
	struct watch *h = &w->watch;
	struct sight s;
	uint8_t base = (uint8_t)(u->conf.hold_ms / 1000);

	while (h->hold > base && h->heal_age * 1000 >= u->conf.heal_ms) {
		h->hold = h->hold / 2 > base ? h->hold / 2 : base;
		h->heal_age = (uint8_t)(h->heal_age - u->conf.heal_ms / 1000);
	}
	s = see(u, w);
	if (h->adopting && (s.self_pass || s.vital || s.absorbed ||
			       (w->starved && h->adopt_age * 1000 >= u->conf.adopt_ms))) {
		h->adopting = false;
		h->started = true;
	}
	if (!h->adopting && s.round)
		h->started = true;
	if (s.shared_bad)
		h->calm_age = NONE;
	else if (s.shared_any && h->calm_age == NONE)
		h->calm_age = 0;
	s = see(u, w);
	if (s.bears && h->climb_age * 1000 > u->conf.relapse_ms)
		h->help = 0;
	s = see(u, w);
	keep_since(&h->good_age, s.may_rise);
	keep_since(&h->low_age,
	    w->rung == RUNG_DRAIN && w->proof && !s.vital && calls_silent(u, &s));
	keep_since(&h->pressed_age, u->fleet && s.pressed && !w->few);
	return s;
}

static void
watch_fall(const struct setup *u, struct watch *h, int after)
{
	uint8_t cap = (uint8_t)(u->conf.hold_cap_ms / 1000);
	uint8_t most = (uint8_t)(u->conf.emergency_max_ms / 1000);

	if (h->climbed && h->climb_age * 1000 <= u->conf.relapse_ms)
		h->hold = h->hold * 2 < cap ? (uint8_t)(h->hold * 2) : cap;
	h->climbed = false;
	h->fall_age = h->heal_age = 0;
	if (after != RUNG_SILENT)
		return;
	if (h->emergency_age == NONE ||
	    h->emergency_age * 1000 > u->conf.emergency_relapse_ms)
		h->emergency_wait = 0;
	else if (h->emergency_wait == 0)
		h->emergency_wait = (uint8_t)(u->conf.emergency_min_ms / 1000);
	else
		h->emergency_wait =
		    h->emergency_wait * 2 < most ? (uint8_t)(h->emergency_wait * 2) : most;
}

static void
watch_charge(const struct setup *u, struct watch *h, int before, int after)
{
	const struct flap_conf *f = &u->conf.flap;
	int64_t cost = before == RUNG_SILENT ? 0
	    : after == RUNG_SILENT	     ? f->withdraw_cost
					     : f->change_cost;

	h->budget = (uint16_t)(h->budget + cost / GRAIN);
}

static void
watch_move(const struct setup *u, struct watch *h, const struct seen *o)
{
	int before = o->before, after = o->after;
	enum ladder_rule rule = o->rule;

	switch (rule) {
	case RULE_SCORE_FALL:
	case RULE_VITAL_FALL:
	case RULE_PROVEN_FALL:
	case RULE_ADOPT_FAILED:
		watch_fall(u, h, after);
		h->trial = !o->w->fresh || rule != RULE_SCORE_FALL || !o->s.pressed ? 0
		    : h->trial == 2						    ? 2
										    : 1;
		break;
	case RULE_EMERGENCY:
		h->started = true;
		h->emergency_age = 0;
		/* fall through */
	case RULE_CLIMB:
	case RULE_RELIEF:
	case RULE_FIRST:
		h->trial = rule == RULE_CLIMB && h->trial ? 2 : 0;
		h->climbed = true;
		h->climb_age = 0;
		break;
	default:
		break;
	}
	h->help = u->fleet && rule == RULE_RELIEF;
	watch_charge(u, h, before, after);
	h->moved_age = 0;
	h->good_age = h->low_age = h->pressed_age = NONE;
	if (after != RUNG_SILENT)
		h->announced = true;
	else if (h->adopting)
		h->adopting = false;
}

/* A clock that no promise will read again is put to rest, so that equal futures are one state. */
static void
watch_rest(const struct setup *u, struct watch *h)
{
	if (!h->adopting)
		h->adopt_age = 0;
	if (!h->climbed)
		h->climb_age = NONE;
	if (h->hold * 1000 <= u->conf.hold_ms)
		h->heal_age = 0;
	if (h->announced && !u->restarts)
		h->fall_age = NONE;
	if (!u->conf.alone && !u->fleet)
		h->emergency_age = NONE;
}

#endif
