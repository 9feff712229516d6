#include <math.h>

#include "healthd/ladder.h"

/*
 * How a ladder's state begins: anew, or from what a predecessor left in a file that anything may
 * have happened to.
 */

struct ladder
ladder_init(const struct ladder_conf *conf, struct mono now)
{
	return (struct ladder){
	    .phase = LADDER_START,
	    .rung = RUNG_SILENT,
	    .proven = -1,
	    .first = true,
	    .phase_since = now,
	    .rung_since = now,
	    .hold_ms = conf->hold_ms,
	    .latch_until = MONO_FOREVER,
	    .flap = {.penalty = 0, .at = now},
	};
}

static int64_t
clamp(int64_t x, int64_t low, int64_t high)
{
	return x < low ? low : x > high ? high : x;
}

/* A time of the past: never stays never, the future becomes now. */
static struct mono
past(struct mono t, struct mono now)
{
	if (t.us < 0)
		return MONO_NEVER;
	return mono_min(t, now);
}

static struct flap
sane_flap(const struct ladder_conf *conf, struct flap f, struct mono now)
{
	double most = 10.0 * (double)conf->flap.limit;

	f.at = past(f.at, now);
	if (!isfinite(f.penalty) || f.penalty > most)
		f.penalty = most; /* no honest record is so long: wait rather than flap */
	if (f.penalty < 0)
		f.penalty = 0;
	return f;
}

struct ladder
ladder_sane(const struct ladder_conf *conf, struct ladder s, struct mono now)
{
	if (s.phase != LADDER_START && s.phase != LADDER_ADOPT && s.phase != LADDER_RUN)
		s.phase = LADDER_START;
	s.rung = (int8_t)clamp(s.rung, RUNG_SILENT, conf->n_rungs - 1);
	if (s.proven != s.rung)
		s.proven = -1;
	s.chosen = s.chosen && s.rung == RUNG_SILENT;
	s.relapses = (int8_t)clamp(s.relapses, 0, INT8_MAX);
	s.phase_since = past(s.phase_since, now);
	s.rung_since = past(s.rung_since, now);
	s.proven_since = s.proven < 0 ? MONO_NEVER : past(s.proven_since, now);
	s.better_since = past(s.better_since, now);
	s.low_since = past(s.low_since, now);
	s.last_fall = past(s.last_fall, now);
	s.last_climb = past(s.last_climb, now);
	s.healed_at = past(s.healed_at, now);
	s.hold_ms = clamp(s.hold_ms, conf->hold_ms, conf->hold_cap_ms);
	if (s.hold_ms > conf->hold_ms && !mono_is_set(s.healed_at))
		s.healed_at = now;
	if (s.latch_until.us != INT64_MAX)
		s.latch_until =
		    mono_min(mono_max(s.latch_until, MONO_NEVER), mono_add_ms(now, conf->latch_ms));
	s.keep_until =
	    mono_min(mono_max(s.keep_until, MONO_NEVER), mono_add_ms(now, conf->latch_ms));
	s.pressed_since = past(s.pressed_since, now);
	s.emergency_at = past(s.emergency_at, now);
	s.emergency_wait_ms = clamp(s.emergency_wait_ms, 0, conf->emergency_max_ms);
	s.flap = sane_flap(conf, s.flap, now);
	return s;
}

struct ladder
ladder_adopt(const struct ladder_conf *conf, struct ladder saved, int shown, bool lease_fresh,
    struct mono now)
{
	struct ladder s = ladder_sane(conf, saved, now);
	int was = s.rung;

	if (shown >= conf->n_rungs)
		shown = -1;
	s.first = true;
	s.phase_since = now;
	s.proven = -1;
	s.proven_since = s.better_since = s.low_since = s.pressed_since = MONO_NEVER;
	s.healed_at = now;
	if (lease_fresh && shown > RUNG_SILENT) {
		s.phase = LADDER_ADOPT;
		s.first = false;
		s.rung = (int8_t)shown;
	} else {
		s.phase = LADDER_START;
		s.rung = RUNG_SILENT;
		s.flap =
		    flap_charge(&conf->flap, s.flap, shown >= 0 ? shown : was, RUNG_SILENT, now);
	}
	if (s.rung != was)
		s.rung_since = now;
	s.chosen = s.chosen && s.rung == RUNG_SILENT;
	return s;
}
