/*
 * rolling: the rolling restart of `bgpctl upgrade`: every worker replaced, one after the other, and
 * never fewer ready than configured. Pure.
 *
 * With a spare slot it is started first and must become ready; then each slot in turn is stopped,
 * started and awaited; then the spare is stopped. Without a spare the same, provided that taking
 * one away leaves min_ready. When a replacement does not become ready in time the restart is
 * aborted: the workers not yet replaced are not touched, and a ready spare goes on serving in the
 * place of the one that does not come back (supervision goes on trying that one).
 *
 * A fresh brain that adopts in the middle of one (the spare runs, and nobody remembers why) passes
 * the spare as wanted; the next `upgrade` ends by stopping it.
 */
#ifndef HEALTHD_ROLLING_H
#define HEALTHD_ROLLING_H

#include <stdbool.h>
#include <stdint.h>

#include "healthd/supervise.h"

struct rolling_conf {
	int count, spare; /* slots 0..count-1 serve; slot `count` is the spare when spare is 1 */
	int min_ready; /* 0: also where none is ready at the beginning */
	const char *noun; /* "worker": what the sentences call them */
	int64_t start_timeout_ms, stop_timeout_ms;
};

enum rolling_stage {
	ROLLING_IDLE,	  /* never begun, or refused: `why` */
	ROLLING_SPARE,	  /* the spare is starting */
	ROLLING_ROOM,	  /* waiting until `slot` can be spared */
	ROLLING_STOP,	  /* `slot` is stopping */
	ROLLING_START,	  /* `slot` is starting */
	ROLLING_RETIRE,	  /* the spare is stopping */
	ROLLING_DONE,
	ROLLING_ABORTED,  /* `why` */
};

struct rolling {
	enum rolling_stage stage;
	int slot;	   /* being replaced */
	int done;	   /* replaced so far */
	struct mono since; /* of the stage */
	struct mono due;   /* call rolling_step() then at the latest; never: not by time */
	char why[160];
};

/* What to tell a slot; at most one at a time. */
enum rolling_do { ROLLING_DO_NOTHING, ROLLING_DO_WANT, ROLLING_DO_UNWANT };
struct rolling_out {
	struct rolling state;
	enum rolling_do action; /* a WORKER_EV_WANT or WORKER_EV_UNWANT for `slot` */
	int slot;
	bool changed; /* stage or slot differs: say so */
};

const char *rolling_stage_name(enum rolling_stage s);
static inline bool
rolling_active(const struct rolling *r)
{
	return r->stage > ROLLING_IDLE && r->stage < ROLLING_DONE;
}

/* `w` has count + spare slots. Begins: the state is active, or IDLE with `why` when refused. */
struct rolling_out rolling_begin(const struct rolling_conf *conf, const struct worker *w,
    struct mono now);
/* Call after every worker_step() and at `due`, again while it returns an action; a no-op when not
 * active. */
struct rolling_out rolling_step(const struct rolling_conf *conf, struct rolling r,
    const struct worker *w, struct mono now);

#endif
