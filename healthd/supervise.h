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
/* Behind the workers' slots are those of our own resolver's engines. */
#define ENGINE_SLOT MAX_WORKERS
#define MAX_ENGINES 8
/* Behind those is the probation engine's: supervised like them, and counted nowhere. */
#define PROBATION_SLOT (ENGINE_SLOT + MAX_ENGINES)
#define MAX_SLOTS (PROBATION_SLOT + 1)

struct supervise_conf {
	int64_t hang_probes; /* silent so often in a row, without a sign of life: hung */
	int64_t busy_probes; /* silent so often in a row, though it runs, and answers nobody else
				(worker_event.answers): hung too; 0: never */
	int64_t start_timeout_ms, backoff_min_ms, backoff_max_ms;
	int64_t quarantine_starts, quarantine_ms, stop_timeout_ms;
	int64_t stable_ms; /* ready so long: earlier failures are forgotten. WORKER_STABLE_MS */
	bool abort_first;  /* a hung one is told ABORT, so that it can say what it was at, and
			      killed when that does not end it */
};

/* A worker that fails sooner than this after it became ready has not really been ready: its start
 * counts as failed, so that one that hangs or dies at every start is seen for what it is. */
#define WORKER_STABLE_MS 2000

enum worker_state {
	WORKER_STOPPED,	    /* not wanted */
	WORKER_WAITING,	    /* back-off before the next start */
	WORKER_STARTING,    /* start asked for, or running and not ready yet */
	WORKER_READY,
	WORKER_UNREADY,	    /* runs and answers wrongly (never killed for that), or was ready and
			       answers no more: slow, or not yet judged hung */
	WORKER_STOPPING,    /* SIGTERM sent */
	WORKER_QUARANTINED, /* crash loop: tried again only after quarantine_ms */
};

struct worker {
	enum worker_state state;
	bool wanted;
	int32_t pid;		/* 0: none */
	uint32_t starts;	/* ever */
	uint32_t failures;	/* failed starts, ever */
	uint16_t failed_starts; /* in a row, since it was last ready for stable_ms */
	uint16_t silent_probes; /* in a row */
	uint16_t dead_probes;	/* silent in a row without a sign of life between them */
	uint16_t loop_probes;	/* silent in a row without an answer to anybody between them */
	bool slow;		/* the last probe was silent and the process lives: it runs, or
				   waits for a processor */
	bool stable;		/* has been ready for stable_ms in this life */
	bool killed_hung;	/* this life (or the last, until the next) was killed for silence */
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
	int32_t pid;		/* STARTED, EXITED; START_FAILED with EEXIST: the one that runs */
	int status;		/* EXITED: wait status; START_FAILED: errno */
	enum outcome outcome;	/* PROBE */
	bool life; /* PROBE, silent: the process has run since the last one, or wanted to */
	bool answers; /* PROBE, silent with life: the node answers at its capacity, and this process
			 has its part in that: it is overloaded, and no endless loop */
	struct mono sent;	/* PROBE: a probe sent before the start says nothing */
};

enum worker_action {
	WORKER_DO_NOTHING,
	WORKER_DO_START,
	WORKER_DO_TERM,
	WORKER_DO_KILL,
	WORKER_DO_ABORT,
};
struct worker_out {
	struct worker state;
	enum worker_action action;
	bool changed; /* state.state differs: say so */
};

const char *worker_state_name(enum worker_state s);
struct worker worker_init(struct mono now);
/* One that already runs (a new brain adopts it); the next tick or probe takes it further.
 * worker_adopt_ready(): the keeper says that it was ready by the predecessor's last word
 * (BOND_ROSTER with ready != 0), so it counts as ready until a probe says otherwise. */
struct worker worker_adopt(int32_t pid, struct mono started_at, struct mono now);
struct worker worker_adopt_ready(int32_t pid, struct mono started_at, struct mono now);
/* One that was too slow to answer by the predecessor's last word: a new brain in the middle of an
 * overload must not take its silence for a start that fails. Its probes tell soon. */
struct worker worker_adopt_slow(int32_t pid, struct mono started_at, struct mono now);
/* Call with a TICK at w.due at the latest; acting on every action is the caller's part. KILL and
 * START are said again at later ticks until the keeper answers: a lost message is no deadlock. */
struct worker_out worker_step(const struct supervise_conf *conf, struct worker w,
    const struct worker_event *ev, struct mono now);

/*
 * The `workers` check: from all slots to one sample; a worker that is ready keeps it ok (roster.c).
 *
 * Time without a ready worker and failed starts both add up until one has been ready for stable_ms:
 * workers that become ready for a moment and hang again are not well for that.
 */
struct roster {
	int ready, wanted;
	struct mono none_since; /* never: some worker is ready (or none is wanted). Else since when
				   none has been, less what had added up before */
	int64_t none_us;	/* added up since one was last ready for stable_ms */
	int failed_starts;	/* since then, over all slots */
	uint32_t base;		/* sum of worker.failures at that time */
	int slow;		/* workers that are, of those that have been ready */
	struct mono slow_at;	/* when one was last; never */
};
/* Call after every worker_step(). */
struct roster roster_step(struct roster r, const struct worker *w, int n, struct mono now);
bool roster_failed(const struct roster *r, int64_t none_ready_ms, int64_t failed_starts,
    struct mono now);
/* Of one that has failed: is that malfunction? Enough starts have failed, and no worker is there
 * that was ready, lives and is too slow to answer. Else it is silence, as overload makes it. */
bool roster_broken(const struct roster *r, int64_t failed_starts);
/* When roster_failed() may turn true by time alone; never: not by time. */
struct mono roster_deadline(const struct roster *r, int64_t none_ready_ms);
/* Overload is evident: a worker that was ready lives and is too slow to answer, or one was so
 * within ROSTER_STARVED_MS (it may have been killed as an endless loop and be starting again).
 * Silence says nothing of malfunction meanwhile (decision 0016). */
#define ROSTER_STARVED_MS 10000
bool roster_starved(const struct roster *r, struct mono now);
/* When that may turn false by time alone; never: not by time. */
struct mono roster_starved_until(const struct roster *r, struct mono now);

/* The supervise_conf that the configuration asks for. */
struct settings;
struct supervise_conf supervise_conf_of(const struct settings *s);

#endif
