#include "healthd/window.h"

#include <string.h>

/*
 * One window belongs to one target of one check instance and lives as long as that does. Samples
 * come in the order in which probes end; `sent` may be out of order when an early probe ends late.
 *
 * Two starting points of a failure are kept, because two questions are asked. `onset` (the first
 * failure not yet forgiven) answers "has silence lasted long enough?", also for a target that
 * answers now and then. `broke` (the beginning of the last unbroken run) answers "was upstream well
 * after this began?": a stray failure before must not make an older success of upstream count as
 * proof, so it is the later, careful one. It stands still while the failure stands.
 */

enum { COUNT_MAX = 10000 }; /* counters stop here: over any rise, fall or forgive */

static uint16_t
count_up(uint16_t n)
{
	return n < COUNT_MAX ? (uint16_t)(n + 1) : n;
}

static void
forget_failures(struct window *w)
{
	w->fails = w->wrongs = w->run = 0;
	w->halting = false;
	w->mute = true;
	w->onset = w->broke = MONO_NEVER;
	w->why[0] = '\0';
}

/* The one place where a verdict changes. */
static void
settle(struct window *w, enum verdict v, struct mono at)
{
	if (w->verdict != v)
		w->since = at;
	w->verdict = v;
	if (v == VERDICT_UNKNOWN)
		return;
	w->judged = true;
	w->solid = v;
}

static void
step_ok(const struct window_conf *conf, struct window *w, const struct sample *s)
{
	bool was_failed = w->judged && w->solid == VERDICT_FAIL;

	w->oks = count_up(w->oks);
	w->run = 0;
	w->halting = w->fails > 0;
	w->last_ok_sent = mono_max(w->last_ok_sent, s->sent);
	if (was_failed && w->oks < conf->rise)
		return; /* failed, or unknown after having failed: to be earned */
	if (was_failed || w->oks >= conf->forgive)
		forget_failures(w);
	settle(w, VERDICT_OK, s->at);
	w->value = s->value;
}

/* Whether the failures counted so far, this one among them, make the target failed. */
static bool
enough(const struct window_conf *conf, const struct window *w, const struct sample *s)
{
	bool patient = mono_diff_us(s->at, w->onset) < (int64_t)conf->patience_ms * 1000;

	if (w->judged && w->solid == VERDICT_FAIL)
		return true;
	if (w->wrongs >= conf->fall)
		return true;
	return w->fails >= conf->fall && !patient;
}

static void
step_failed(const struct window_conf *conf, struct window *w, const struct sample *s)
{
	if (w->fails == 0)
		w->onset = s->sent;
	if (w->verdict != VERDICT_FAIL && (w->fails == 0 || w->oks > 0 || w->solid == VERDICT_FAIL))
		w->broke = s->sent;
	w->oks = 0;
	w->fails = count_up(w->fails);
	w->run = count_up(w->run);
	w->halting = w->run < conf->fall && mono_before(w->onset, w->last_ok_sent);
	if (s->outcome == OUTCOME_WRONG)
		w->wrongs = count_up(w->wrongs);
	if (s->outcome != OUTCOME_SILENT)
		w->mute = false;
	memcpy(w->why, s->why, sizeof(w->why));
	w->why[sizeof(w->why) - 1] = '\0';
	if (enough(conf, w, s)) {
		settle(w, VERDICT_FAIL, s->at);
		w->value = s->value;
	} else if (w->verdict == VERDICT_IDLE) {
		settle(w, VERDICT_UNKNOWN, s->at); /* something to judge again, and not clear yet */
	}
}

struct window
window_init(struct mono now)
{
	return (struct window){
	    .verdict = VERDICT_UNKNOWN,
	    .solid = VERDICT_UNKNOWN,
	    .value = 100,
	    .mute = true,
	    .since = now,
	};
}

/* A time of the past: never stays never, the future becomes now. */
static struct mono
past(struct mono t, struct mono now)
{
	return t.us < 0 ? MONO_NEVER : mono_min(t, now);
}

struct window
window_sane(struct window w, struct mono now)
{
	if (w.verdict > VERDICT_OK)
		w.verdict = VERDICT_UNKNOWN;
	if (w.solid > VERDICT_OK || (w.judged && w.solid == VERDICT_UNKNOWN))
		w.solid = VERDICT_IDLE;
	w.value = w.value < 0 ? 0 : w.value > 100 ? 100 : w.value;
	w.fails = w.fails > COUNT_MAX ? COUNT_MAX : w.fails;
	w.wrongs = w.wrongs > w.fails ? w.fails : w.wrongs;
	w.mute = w.mute && w.wrongs == 0;
	w.oks = w.oks > COUNT_MAX ? COUNT_MAX : w.oks;
	w.run = w.run > w.fails ? w.fails : w.run;
	w.halting = w.halting && w.fails > 0;
	w.onset = past(w.onset, now);
	w.broke = past(w.broke, now);
	w.last_ok_sent = past(w.last_ok_sent, now);
	w.last_at = past(w.last_at, now);
	w.since = past(w.since, now);
	w.why[sizeof(w.why) - 1] = '\0';
	return w;
}

struct window
window_step(const struct window_conf *conf, struct window w, const struct sample *s)
{
	switch (s->outcome) {
	case OUTCOME_UNKNOWN: /* we were not looking */
		return window_tick(conf, w, s->at);
	case OUTCOME_IDLE:
		forget_failures(&w);
		w.oks = 0;
		settle(&w, VERDICT_IDLE, s->at);
		break;
	case OUTCOME_OK:
		step_ok(conf, &w, s);
		break;
	case OUTCOME_WRONG:
	case OUTCOME_SILENT:
	case OUTCOME_GONE:
		step_failed(conf, &w, s);
		break;
	}
	w.last_at = mono_max(w.last_at, s->at);
	return w;
}

struct window
window_tick(const struct window_conf *conf, struct window w, struct mono now)
{
	if (!mono_before(now, window_deadline(conf, &w)))
		settle(&w, VERDICT_UNKNOWN, now);
	return w;
}

struct mono
window_deadline(const struct window_conf *conf, const struct window *w)
{
	if (w->verdict == VERDICT_UNKNOWN || conf->stale_ms == 0)
		return MONO_FOREVER;
	return mono_add_ms(w->last_at, conf->stale_ms);
}
