/*
 * keeper: the process that holds everything and parses nothing hostile. It starts the brain and, on
 * the brain's word, the workers, so that all are its children; it holds the brain's lease, fences
 * a brain that lets it lapse, and takes the route away by the gates alone when nobody is left who
 * could answer. Shell on libev; one struct, one owner: keeper_run()'s frame.
 *
 *	keeper.c	  start, signals, reaping, the end
 *	keeper_conf.c	  configuration and the last good one, directories, the lock
 *	keeper_brain.c	  the brain's life: start, bond, lease, fence
 *	keeper_slots.c	  workers, engines and orphans
 *	keeper_hold.c	  what outlives them: sockets, memory, scoreboards
 *	keeper_holder.c	  a run of `resolver hold`, which makes these
 *	keeper_snapshot.c the shared cache written to a file, from time to time and at the end
 *	keeper_steer.c	  our own workers: who is there, and where the kernel sends datagrams
 *	keeper_gates.c	  dead-man policy, the reflex, gates at the start and at the end
 *	keeper_drain.c	  dead-man `drain`: the few words to BIRD that need a second process
 *	keeper_reload.c	  SIGHUP and upgrade: try, yield, hand over, exec in place
 *	keeper_hand.c	  the handover's text
 *	keeper_stop.c	  SIGTERM: drain, silent, workers, brain
 */
#ifndef HEALTHD_KEEPER_H
#define HEALTHD_KEEPER_H

#include <ev.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "bgpctl/gate.h"
#include "healthd/bond.h"
#include "healthd/life.h"
#include "healthd/settings.h"
#include "healthd/spawn.h"
#include "lib/arena.h"
#include "lib/board.h"
#include "lib/err.h"
#include "lib/held.h"
#include "lib/mono.h"
#include "lib/scoreboard.h"

#define KEEPER_PATH 256
#define HELD_BOARD "board" /* among what is held: lib/board.h, the keeper's own */

enum brain_state {
	BRAIN_NONE,	/* none; the timer starts one */
	BRAIN_STARTING, /* runs, no HELLO yet; the timer is its limit */
	BRAIN_WELL,	/* holds the lease; the timer is the lease */
	BRAIN_YIELDING, /* told to save and leave; the timer is its limit */
	BRAIN_FENCED,	/* killed, not yet reaped; the timer is fence_ms */
};

struct brain {
	enum brain_state state;
	pid_t pid;     /* 0: none */
	pid_t undead;  /* one that SIGKILL did not end within fence_ms, still to be reaped */
	int fd;	       /* our end of the bond, -1: none */
	ev_io io;
	ev_timer timer;
	struct mono started_at, hello_at, lease_at;
	int64_t backoff_ms;
	bool graced;   /* the present lapse was put off once, because we were not looking either */
	bool renewed;  /* told to make room for one that knows what is held now: no death */
	char status[256]; /* last text of BOND_LEASE, as shown by systemd */
};

struct slot {
	pid_t pid; /* 0: empty */
	struct mono started_at;
	bool ready; /* our own worker: by its scoreboard; another: by the brain's last word, and
		       not exited since */
	bool excess; /* beyond the configuration since a reload: being stopped by us */
	bool leaving; /* told to end: nobody is sent to it any more */
	bool mute; /* our own, older than this keeper, and does not write the scoreboard that we
		      read (an upgrade changed its layout): judged by the brain's word */
};

/* Of a worker whose heartbeat is late. */
struct pulse {
	struct life life; /* as last read */
	struct mono read_at, shown_at;
};

/* A run of `resolver hold`. */
struct holder {
	pid_t pid;	 /* 0: none, or reaped */
	int fd;		 /* where it sends; -1: nothing is awaited */
	struct held got; /* what it has sent so far */
	int n_engines, snapshot_s; /* what it has said at its end */
	ev_io io;
	ev_timer limit;
};

enum keeper_phase {
	KEEPER_RUN,
	KEEPER_TRYING,	 /* reload: the release and configuration to come are being tried */
	KEEPER_YIELDING, /* reload: waiting for the brain to leave */
	KEEPER_DRAINING, /* SIGTERM: the brain drains and goes silent */
	KEEPER_STOPPING, /* all gates down; workers and the brain are going */
};

struct keeper {
	struct ev_loop *loop;
	enum keeper_phase phase;
	const char *path;	       /* configuration file, as given */
	char exe[KEEPER_PATH];	       /* our own binary, as it was called at start */
	char brain_exe[KEEPER_PATH];
	char active[KEEPER_PATH];      /* the configuration in force, which the brain reads */
	char good[KEEPER_PATH];	       /* the last good configuration */
	char note[256];		       /* what is wrong with the configuration file, or "" */
	struct arena *arena;	       /* owns what `settings` points to */
	struct settings settings;
	struct identity brain_identity, worker_identity;
	int lock_fd;
	struct gates *gates;	       /* NULL in observe mode, and when netlink cannot be opened */
	struct brain brain;
	char resolver_exe[KEEPER_PATH];
	struct slot slots[MAX_SLOTS];  /* workers, and from ENGINE_SLOT on engines */
	int n_slots;		       /* of workers: configured, the spare included */
	int n_engines;
	struct held held;	       /* what outlives our own workers and engines; the board */
	struct holder holder;	       /* who makes the next such set */
	struct held readers;	       /* of that, what is read by others, reopened read-only */
	struct scoreboard *scores[MAX_SLOTS]; /* mapped read-only; NULL: none */
	struct board *board;	       /* NULL: none */
	uint64_t steered;	       /* the workers that datagrams are sent to */
	struct pulse pulses[MAX_WORKERS];
	struct mono none_since;	       /* since when no slot has been ready; never: one is */
	int snapshot_s;		       /* how often the cache is written to its file; 0: only at
					  the end, -1: never */
	pid_t snapshot;		       /* who does it, 0: nobody */
	int snapshot_reply;	       /* where that one says what it wrote, -1: nowhere */
	struct snapshots snapshots;    /* what became of them */
	ev_timer snapshot_timer;       /* the next one, or the limit of the one that is written */
	bool purging;		       /* orphans are being killed until none is left */
	pid_t keeping;		       /* writes the last good configuration; 0: nobody */
	pid_t trial, drainer;	       /* reload's trial run, dead-man drain's messenger; 0: none */
	bool reload_later;	       /* asked for while the holder runs: begins after it */
	bool was_ready;		       /* READY=1 has been said, which also ends a reload */
	bool unheard;		       /* the service manager does not read what it is told */
	bool hot;		       /* we are a re-exec: what runs is kept */
	bool killed_workers;	       /* stop: SIGKILL has been sent */
	bool ended;		       /* stop: all is gone, the loop is left */
	int exit_status;
	ev_signal term, intr, hup, chld;
	ev_timer reflex, watchdog, phase_timer, look;
};

/* Runs until it is told to stop; returns the exit status. Says on stderr why it cannot start. */
#define KEEPER_EXIT_CONFIG 78 /* EX_CONFIG: starting again would not help */
int keeper_run(const char *path);

/* keeper_conf.c */
int keeper_configure(struct keeper *k, struct err *err);
int keeper_lock(struct keeper *k, struct err *err);
int keeper_prepare_dirs(struct keeper *k, struct err *err);
/* The directory that may be another one after a reload. */
int keeper_prepare_state_dir(const struct settings *s, struct err *err);
int keeper_store_configuration(struct keeper *k, struct err *err);
void keeper_good_kept(struct keeper *k, int status); /* k->keeping has ended */
int keeper_adopt_settings(struct keeper *k, struct arena *arena, const struct settings *s,
    struct err *err);
bool keeper_drives(const struct keeper *k); /* mode = drive: gates are ours to move */
bool keeper_own_workers(const struct settings *s); /* workers.resolver is set */

/* keeper_brain.c */
void brain_init(struct keeper *k);
void brain_start_soon(struct keeper *k, int64_t delay_ms);
void brain_send(struct keeper *k, const struct bond_message *m);
void brain_yield(struct keeper *k);
void brain_fence(struct keeper *k, const char *why);
void brain_gone(struct keeper *k, int status);
void brain_again(struct keeper *k); /* after the dead-man policy has been applied */
void brain_renew(struct keeper *k); /* by one that knows what is held now, or a first one */
void brain_note(struct keeper *k);  /* what is wrong with the configuration, if anything */

/* keeper_slots.c */
void slot_start(struct keeper *k, int slot);
void slot_stop(struct keeper *k, const struct bond_message *m);
void slot_gone(struct keeper *k, int slot, pid_t pid, int status);
bool slot_exists(const struct keeper *k, int slot); /* it is configured */
int slot_find(const struct keeper *k, pid_t pid); /* -1: none */
void slots_note_ready(struct keeper *k, uint64_t bits);
void slots_send_roster(struct keeper *k);
void slots_note_none(struct keeper *k); /* after a change of who is ready */
void slots_signal(struct keeper *k, int signal_number);
int slots_running(const struct keeper *k);
int slots_running_from(const struct keeper *k, int first, int end);
/* After a reload: workers beyond the configured number belong to nobody but us. They are told to
 * end; those that were told so are killed when their time is up. */
void slots_trim(struct keeper *k, bool time_is_up);
void slots_trim_later(struct keeper *k);
void orphans_kill(struct keeper *k);
void orphans_end(struct keeper *k); /* before any child of ours: kills all, waits for their death */
void children_store(struct keeper *k);
void children_kill_stale(struct keeper *k);

/* keeper_hold.c. Before the first child is started: takes what the service manager's store gives
 * back, has `resolver hold` complete it, and hands it to the store. After a re-exec: what was
 * handed over is in force. */
int hold_begin(struct keeper *k, struct err *err);
/* After a re-exec, when the loop's watchers are there: has `resolver hold` complete it beside the
 * loop. The brain's start waits for that, but not for long. */
void hold_again(struct keeper *k);
void hold_made(struct keeper *k, const struct err *why); /* the holder is done; or why not */
bool hold_has(const struct keeper *k, int slot); /* all that a child in that slot needs */
/* What a child in that slot is given; heap, `*n` of them, borrowed descriptors. NULL: something is
 * missing. */
struct held_one *hold_share(const struct keeper *k, int slot, int *n);
struct held_one *hold_share_brain(const struct keeper *k, int bond, int *n);

/* keeper_holder.c: `resolver hold`, run on what is held. What it makes is in k->holder when it is
 * done; where it fails, or is stopped, nothing has changed. */
void holder_init(struct keeper *k);
int holder_wait(struct keeper *k, struct err *err);  /* 0 done, -1 */
int holder_start(struct keeper *k, struct err *err); /* 0: hold_made() follows; -1 */
bool holder_runs(const struct keeper *k);	     /* hold_made() is still to come */
void holder_stop(struct keeper *k);		     /* it is not to come any more */

/* keeper_snapshot.c */
#define SNAPSHOT_STOP_MS 15000
void snapshot_init(struct keeper *k);
void snapshot_start(struct keeper *k); /* the first one, in its time */
void snapshot_gone(struct keeper *k, int status);
void snapshot_tell(struct keeper *k); /* the brain what became of them */
void snapshot_last(struct keeper *k); /* before the end, which waits for it (snapshot_stop()) */
void snapshot_stop(struct keeper *k); /* ... and now no longer */

/* keeper_steer.c */
void steer_init(struct keeper *k);
void steer_start(struct keeper *k);
void steer_now(struct keeper *k); /* after a worker has come, gone, or been told to go */

/* keeper_gates.c */
void gates_start(struct keeper *k);
void gates_dead_man(struct keeper *k);
void gates_reflex(struct keeper *k);
bool gates_silence(struct keeper *k, const char *why); /* false: not every gate is down */
void gates_forget(struct keeper *k); /* the verdicts on watched neighbours */
void gates_remove(struct keeper *k, const struct site *keep); /* keep NULL: all */
void gates_drained(struct keeper *k, bool enabled);

/* keeper_drain.c: starts the messenger; 0 or an errno. */
int drain_start(const struct site *site, pid_t *pid);

/* keeper_reload.c */
void reload_begin(struct keeper *k, const char *who);
void reload_tried(struct keeper *k, int status);
void reload_exec(struct keeper *k);
void reload_timeout(struct keeper *k);

/* keeper_hand.c */
#define HAND_ENV "ANYPOP_HANDOVER"
int hand_write(const struct keeper *k, struct err *err); /* a sealed memfd, close-on-exec off */
int hand_read(struct keeper *k, int fd, struct err *err);

/* keeper_stop.c */
void stop_begin(struct keeper *k, const char *who);
void stop_workers(struct keeper *k, const char *why);
void stop_check(struct keeper *k);
void stop_timeout(struct keeper *k);

/* keeper.c */
void keeper_tell(struct keeper *k, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void keeper_reap(struct keeper *k);
void keeper_set_timer(struct keeper *k, ev_timer *timer, int64_t ms); /* negative: stop it */

#endif
