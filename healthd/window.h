/*
 * window: from single samples of one target to a verdict that does not jitter. Pure.
 *
 * gdnsd's counters: failures count even when they are not consecutive; `forgive` successes in a row
 * forget them; `rise` successes in a row make a failed target well. Silence is given `patience_ms`
 * (a supervisor may be restarting the worker) where a wrong answer is not. Whether all that counts
 * was silence is kept: overload may explain that. The first success ever decides at once, first
 * failures count like later ones: a new brain adopts a rung, and one answer lost with a worker must
 * not move it. A target without an observation for `stale_ms` is unknown; one success makes it ok
 * again if it was ok before, one failure makes it failed again if it was failed.
 */
#ifndef HEALTHD_WINDOW_H
#define HEALTHD_WINDOW_H

#include "healthd/check.h"

struct window_conf {
	uint16_t rise, fall, forgive; /* 1..1000 */
	uint32_t patience_ms;	      /* silence must have lasted so long to count as failed */
	uint32_t stale_ms;	      /* 0: never stale (the source reports changes only) */
};

struct window {
	enum verdict verdict;
	bool judged;		/* has ever been ok, fail or idle: `solid` below is valid */
	enum verdict solid; /* last of ok / fail / idle, what unknown falls back on in the mean */
	int8_t value;		/* 0..100, what it weighs in the mean now; 100 until judged */
	uint16_t fails, wrongs; /* not yet forgiven; wrongs <= fails */
	uint16_t oks;		/* in a row */
	uint16_t run;		/* failures in a row, now */
	bool mute;		/* all failures not yet forgiven were silence in time (none: true):
				   nothing wrong was said, and nobody said that nobody is there */
	bool halting; /* it has answered since the first failure not yet forgiven, and has not
			 failed `fall` times in a row since: it answers now and then */
	struct mono onset;	/* `sent` of the first failure not yet forgiven; never if none */
	struct mono broke; /* `sent` of the failure that began the run which made it fail (or may
			      yet): what proof that the fault is here is measured against */
	struct mono last_ok_sent;
	struct mono last_at;
	struct mono since;	/* of the present verdict */
	char why[64];		/* of the last failure */
};

struct window window_init(struct mono now);
/* Makes any values (a state file) a window that can be stepped: verdicts, value and counters within
 * range, times not in the future, texts ended. */
struct window window_sane(struct window w, struct mono now);
struct window window_step(const struct window_conf *conf, struct window w, const struct sample *s);
/* Only time passed: may turn unknown. */
struct window window_tick(const struct window_conf *conf, struct window w, struct mono now);
/* When window_tick() should be called next at the latest; FOREVER when time alone changes nothing.
 */
struct mono window_deadline(const struct window_conf *conf, const struct window *w);

#endif
