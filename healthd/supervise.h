/*
 * supervise: one worker slot's life. Pure: starts, readiness, back-off, hang, crash loop, rolling
 * restart. The keeper does what it says (it alone forks and kills); probes tell it what they see.
 */
#ifndef HEALTHD_SUPERVISE_H
#define HEALTHD_SUPERVISE_H

#include <stdbool.h>
#include <stdint.h>

#include "healthd/check.h"

#define MAX_WORKERS 64 /* slots, spare included */

struct supervise_conf {
	int64_t hang_probes, start_timeout_ms, backoff_min_ms, backoff_max_ms;
	int64_t quarantine_starts, quarantine_ms, stop_timeout_ms;
};

enum worker_state {
	WORKER_STOPPED,	    /* not wanted */
	WORKER_WAITING,	    /* back-off before the next start */
	WORKER_STARTING,    /* start asked for, or running and not ready yet */
	WORKER_READY,
	WORKER_UNREADY,	    /* was ready; answers wrongly or not at all, not yet judged hung */
	WORKER_STOPPING,    /* SIGTERM sent */
	WORKER_QUARANTINED, /* crash loop: tried again only after quarantine_ms */
};

struct worker {
	enum worker_state state;
	bool wanted;
	int32_t pid;		/* 0: none */
	uint32_t starts;	/* ever */
	uint16_t failed_starts; /* in a row, since it was last ready */
	uint16_t silent_probes; /* in a row */
	bool killed_hung;
	struct mono since;	/* of the state */
	struct mono started_at, ready_at;
	struct mono due;	/* of the next time-driven step; never: none */
	int64_t backoff_ms;
	char why[64];		/* of the last exit or kill, for people */
};

enum worker_event_type {
	WORKER_EV_WANT, WORKER_EV_UNWANT, WORKER_EV_STARTED, WORKER_EV_START_FAILED,
	WORKER_EV_EXITED, WORKER_EV_PROBE, WORKER_EV_TICK,
};
struct worker_event {
	enum worker_event_type type;
	int32_t pid;		/* STARTED, EXITED */
	int status;		/* EXITED: wait status; START_FAILED: errno */
	enum outcome outcome;	/* PROBE */
	struct mono sent;	/* PROBE: a probe sent before the start says nothing */
};

enum worker_action { WORKER_DO_NOTHING, WORKER_DO_START, WORKER_DO_TERM, WORKER_DO_KILL };
struct worker_out {
	struct worker state;
	enum worker_action action;
	bool changed; /* state.state differs: say so */
};

const char *worker_state_name(enum worker_state s);
struct worker worker_init(struct mono now);
/* One that already runs (a new brain adopts it). */
struct worker worker_adopt(int32_t pid, struct mono started_at, struct mono now);
struct worker_out worker_step(const struct supervise_conf *conf, struct worker w,
    const struct worker_event *ev, struct mono now);

/* The `workers` check: from all slots to one sample. ready >= 1 keeps it ok. */
struct roster {
	int ready, wanted;
	struct mono none_since; /* since when none has been ready; never: some is */
	int failed_starts;	/* since one was last ready, over all slots */
};
struct roster roster_step(struct roster r, const struct worker *w, int n, struct mono now);
bool roster_failed(const struct roster *r, int64_t none_ready_ms, int64_t failed_starts,
    struct mono now);

/* Rolling restart: which slot may be stopped next. Pure. */
struct rolling {
	bool active;
	int next;	 /* slot being replaced */
	int stage;
	struct mono since;
};
#endif
