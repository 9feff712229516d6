/*
 * brain: the shell that ties the pure parts together. One struct, owned by brain_main.c, seen only
 * by the brain_*.c files and view.c.
 *
 * The way is one: probe -> sample -> window -> fact -> judgement -> ladder -> driver -> BIRD. A
 * callback collects a fact, marks the lanes that it touches as dirty, and returns; dirty lanes are
 * decided once per turn of the loop, just before it sleeps (brain_lanes.c). Everything is sized
 * from the settings at start; a reload is a new brain that adopts (brain_state.c), so nothing here
 * is ever resized.
 */
#ifndef HEALTHD_BRAIN_H
#define HEALTHD_BRAIN_H

#include <ev.h>
#include <jansson.h>

#include "bgpctl/driver.h"
#include "bgpctl/fleetwatch.h"
#include "bgpctl/recorder.h"
#include "healthd/bond.h"
#include "healthd/console.h"
#include "healthd/durable.h"
#include "healthd/flight.h"
#include "healthd/guard.h"
#include "healthd/heed.h"
#include "healthd/judge.h"
#include "healthd/ladder.h"
#include "healthd/leave.h"
#include "healthd/life.h"
#include "healthd/link.h"
#include "healthd/metrics.h"
#include "healthd/probe.h"
#include "healthd/renew.h"
#include "healthd/rolling.h"
#include "healthd/settings.h"
#include "healthd/supervise.h"
#include "healthd/load.h"
#include "healthd/traffic.h"
#include "healthd/vantage.h"
#include "lib/event.h"
#include "lib/scoreboard.h"

struct brain;

struct target {
	struct brain *brain;
	int instance, index;
	char label[80]; /* "192.0.2.53 udp", "worker 1", "eth1" */
	struct probe *probe; /* NULL: fed by an event source */
	int slot;	     /* of the worker it belongs to, -1 */
	struct window window;
	struct sample last;
	uint64_t ended[N_OUTCOMES]; /* samples by outcome */
};

/* One check after expansion. */
struct instance {
	const struct check_conf *conf;
	char name[64];
	uint32_t lanes;
	bool sessions, carrier, addresses, scores, roster; /* which event source feeds it */
	struct window_conf window_conf;
	struct tally_conf tally_conf;
	struct fact fact;
	struct {
		struct mono since; /* of the span in which events are counted */
		int n;		   /* verdicts told in it */
		int untold;	   /* changes since the last one that was told */
		enum verdict verdict; /* last told */
	} said;
	int n_targets;
	struct target *targets;
};

#define N_RECENT_MOVES 8

struct move {
	struct timespec at; /* wall clock, for people */
	int8_t from, to;
	enum ladder_rule rule;
	char because[160];
};

/* A region's drain that was asked for at this node. */
struct ask {
	bool set;
	char region[MAX_REGION + 1];
	struct mono until;
	uint16_t expiry; /* the same, as it is told */
	char who[32], reason[120];
};

struct lane {
	bool exists, born, dirty, ordered;
	int index;
	char name[LANE_NAME]; /* "dns/v4" */
	uint64_t facts; /* mask of instances */
	struct ladder ladder;
	struct ladder_out out; /* of the last step */
	struct judgement judgement;
	uint32_t preflight;
	struct limit limits[MAX_LIMITS];
	struct ladder_fleet fleet; /* what the guard said last */
	struct flight_given recorded; /* what the last decision rested on, checks apart */
	bool input_new;		      /* that was another one before */
	struct ev_timer timer;
	/* saved state that awaits the first look at BIRD */
	struct ladder saved;
	bool has_saved;
	int8_t hand;		/* as the door last said */
	uint32_t alarms;	/* as last said */
	int8_t claimed;		/* rung said to be proven since it was ordered, -1 */
	struct mono alarm_since[N_DOOR_ALARMS];
	uint64_t moves;
	struct move recent[N_RECENT_MOVES]; /* the last is recent[(moves - 1) % N_RECENT_MOVES] */
	struct guard guard; /* of a lane with beacons */
	struct guard_out guarded; /* its last step */
	bool fleet_session_lost; /* since then */
	struct beacon_words left; /* by a predecessor, told on until we know better */
	struct {
		uint8_t severity;
		int8_t fault;
	} fleet_heard; /* by the guard, of the ladder */
	struct {
		struct guard_out out;
		bool conflict;
	} fleet_said;
	struct ask ask;
	struct heed heed; /* others' asking, and its last step */
	struct heed_out heeded;
};

/* A watched node as one lane of ours sees it. */
struct neighbour {
	struct brain *brain;
	int lane, place;     /* in site.fleet.watch */
	struct probe *probe; /* NULL: it has no address in the lane's family */
	bool in_view;	     /* else nothing is known of it, whatever answers */
	bool lost_way;	     /* we would ask from an anycast address: nothing is known */
	struct window window;
	struct sample last;
	struct vantage told;
};

/* What others say of us in one lane. */
struct hearsay {
	struct vantage_votes votes;
	enum vantage_sense sense;
	struct mono since; /* of the sense */
	struct {
		struct mono since; /* of the span in which events are counted */
		int n, untold;
		enum vantage_sense sense; /* last told */
	} said;
	bool misnamed; /* BIRD's filter tells other ids than we watch; said */
};

/* Of a worker or, with an index from ENGINE_SLOT on, of an engine. */
struct slot {
	struct brain *brain;
	int index;
	struct worker worker;
	struct probe *probe; /* engines have none: they are judged by their scoreboard */
	struct sample last;
	struct life life; /* as of the last probe, if that was silent; else not known */
	uint32_t past_starts; /* under earlier brains */
	const struct scoreboard *score; /* mapped read-only; NULL: keeps none */
	struct traffic *traffic;	/* of it; in the arena */
};

/* A service address on this host. */
struct own_address {
	struct addr address;
	bool known, present;
	struct mono restore_at;	 /* not put back again before */
	int64_t restore_wait_ms; /* doubled each time */
	uint32_t restores;	 /* since it was last well for a while */
};

struct counters { /* kept over restarts of the brain */
	uint64_t brain_starts, decisions, moves, worker_exits, worker_hangs, hooks, hooks_failed;
	uint64_t engine_exits, engine_hangs;
};

struct brain {
	struct ev_loop *loop;
	struct settings settings;
	struct arena *arena;
	const char *config_path;
	int bond;

	struct instance *instances;
	int n_instances;
	struct lane lanes[MAX_LANES];
	struct slot *slots;
	int n_slots; /* spare included */
	uint8_t load; /* in eighths of workers.capacity, or BEACON_LOAD_UNKNOWN */
	struct roster roster;
	struct rolling rolling;
	struct slot engines[MAX_SLOTS - ENGINE_SLOT]; /* the last one is the probation engine's */
	bool probation; /* there is to be one */
	int n_engines; /* 0 until the keeper has said how many */
	struct renew renew;
	struct rolling rotation; /* of the engines */

	struct driver *driver;
	struct {
		struct fleetwatch *watch; /* NULL: no fleet */
		char lost[160];		  /* why no view comes in; "": it does */
		struct neighbour *neighbours; /* [MAX_LANES][n_watch]; NULL: none watched */
		struct hearsay hearsay[MAX_LANES];
	} fleet;
	struct link_watch *link;
	struct own_address *addresses;
	int n_addresses;
	struct {
		bool known, present;
		const char *name;
	} *uplinks;
	int n_uplinks;
	struct session_view sessions[MAX_SESSIONS];
	struct {
		bool answers, undo;
		char version[32], boot[40], reconfigured[40];
	} bird;

	struct console *console;
	struct recorder *recorder;
	struct mono recorder_tried;
	struct {
		int next;	/* which part of the state is recorded again next */
		struct mono at; /* when */
	} recorder_turn;
	struct metrics *metrics;
	struct {
		struct mono tried;
		bool no_console, no_metrics; /* as said */
	} faces;
	struct hook_queue *hooks;
	struct history *history; /* may be NULL: out of memory */

	struct mono started, warm_since;
	struct mono look_until; /* the first look at BIRD is waited for so long */
	bool lease_fresh;	/* the saved state is under 60 s old and of this boot */
	bool state_failed, recorder_failed;
	struct timespec read_at; /* wall clock of the configuration, for people */
	bool state_due;		/* save it at the end of this turn, not at the next second */
	struct {
		uint64_t digest; /* of what a successor would miss */
		struct mono at;
	} saved;
	struct {
		struct durable *disk; /* of limits; NULL until they are first saved */
		bool near, near_failed; /* the successor would find them in run_dir */
		bool due;	      /* loaded, and not yet saved by us */
		struct mono at;	      /* saved */
	} kept;
	struct counters counters;
	struct {
		bool kept;   /* the shared cache is written to a file */
		int every_s; /* so often; 0: only at the end */
		struct snapshots done;
	} snapshot; /* as the keeper said last */
	char note[256]; /* from the keeper: what is wrong with the configuration on disk */
	bool shutdown, shutdown_silent, drained_said;
	struct mono shutdown_at, silent_at;
	struct leave leave; /* when the drain is over */
	char boot_id[40];

	struct ev_io bond_io;
	struct ev_timer lease_timer, second_timer, roster_timer, slots_timer, shutdown_timer;
	struct ev_timer engines_timer;
	struct ev_prepare prepare;
	struct ev_signal term, interrupt;
};

/* brain.c */
/* `config_path` is read; `origin_path` is where it came from, what people edit. */
int brain_init(struct brain *b, const char *config_path, const char *origin_path, struct err *err);
void brain_fini(struct brain *b);
void brain_shutdown(struct brain *b);

/* brain_instances.c */
int checks_init(struct brain *b, struct err *err);
/* Where a question to `server` leaves from: NULL, the kernel's choice. */
const struct addr *checks_source(struct brain *b, const struct addr *server);
void checks_slot_changed(struct brain *b, int slot); /* starts and ends a worker's own probes */

/* brain_checks.c */
void checks_fini(struct brain *b);
void checks_on_probe(void *target, const struct sample *sample);
void checks_second(struct brain *b); /* staleness; re-samples the event sources */
void checks_feed(struct brain *b, struct instance *i, int target, enum outcome outcome, int value,
    const char *why);
void checks_sessions(struct brain *b);

/* brain_links.c */
int links_init(struct brain *b, struct err *err);
void links_second(struct brain *b); /* feeds; puts back what is missing and due */

/* brain_lanes.c: judgement, decision, order. */
void lanes_init(struct brain *b);
void lanes_touch(struct brain *b, uint32_t mask);
void lanes_decide(struct brain *b); /* the dirty ones */
const char *lane_rung_name(const struct brain *b, int rung); /* -1: "none" */
const char *session_state_name(enum session_state s);
uint32_t lanes_all(const struct brain *b);
extern const char bird_unconfirmed[]; /* the alarm `undo` */
struct driver_events lanes_driver_events(struct brain *b);

/* brain_fleet.c: the fleet's view, the guard, and what the others are told. */
void fleet_init(struct brain *b); /* the driver is there */
void fleet_fini(struct brain *b);
bool fleet_has(const struct brain *b, const struct lane *lane); /* does it take part? */
struct guard_conf fleet_guard_conf(const struct site *site);
void fleet_step(struct brain *b, struct lane *lane, struct mono now); /* before the ladder's */
void fleet_tell(struct brain *b, struct lane *lane);		      /* after it */
/* Before they are taken over. */
void fleet_sessions(struct brain *b, const struct session_view *now);
const char *severity_name(int severity);

/* brain_vantage.c: watched neighbours are asked, and others' verdicts on us are heard. */
int vantages_init(struct brain *b, struct err *err); /* the fleet's view is there */
void vantages_fini(struct brain *b);
void vantages_view(struct brain *b, uint32_t lanes); /* their views are new */
void vantages_second(struct brain *b);
/* What is told of the watched ones, in their places: enum beacon_verdict. */
void vantages_tell(const struct brain *b, int lane, uint8_t verdicts[static MAX_WATCHED]);
struct neighbour *vantages_of(const struct brain *b, int lane, int place);
const char *vantage_sense_name(enum vantage_sense s);

/* view_vantage.c */
json_t *view_watched(const struct brain *b, int lane, struct mono now);
json_t *view_hearsay(const struct brain *b, int lane, struct mono now);
void metrics_vantages(FILE *f, const struct brain *b);

/* brain_region.c: a region that is asked to drain, here or by us. */
void region_init(struct brain *b); /* limits are loaded, the fleet is there */
void region_step(struct brain *b, struct lane *lane, struct mono now); /* of fleet_step() */
void region_words(const struct lane *lane, struct beacon_words *words);
struct heed_in region_heed_in(const struct brain *b, const struct lane *lane);
/* Begins or changes the asking of all these lanes, or of none: -1. `force`: even where nobody could
 * heed it. */
int region_ask(struct brain *b, uint32_t lanes, const struct ask *ask, bool force,
    struct err *err);
/* Ends it; `region` NULL: whichever it is. How many lanes asked. */
int region_end(struct brain *b, uint32_t lanes, const char *region);
/* The minute that others are told, of a time by our clock. */
uint16_t region_expiry(struct mono until);

/* view_region.c: a lane's part of `fleet`. */
json_t *view_region_drain(const struct lane *lane, struct mono now);
json_t *view_region_requests(const struct brain *b, const struct lane *lane);
void metrics_region(FILE *f, const struct brain *b);

/* view_fleet.c */
void metrics_fleet(FILE *f, const struct brain *b);

/* brain_say.c: what is told of a lane. */
void say_move(struct brain *b, struct lane *lane, int from);
void say_proof(struct brain *b, struct lane *lane); /* when it has come */
void say_alarms(struct brain *b, struct lane *lane, uint32_t alarms); /* what has changed in them */
void lane_because(const struct brain *b, const struct lane *lane, char *text, size_t size);
/* The n-th kind of alarm (0..N_DOOR_ALARMS-1) of a lane as a sentence; NULL when it is not on. */
const char *lane_alarm(const struct brain *b, const struct lane *lane, int n, const char **name,
    struct mono *since, char *text, size_t size);

/* brain_workers.c */
void workers_init(struct brain *b);
void workers_fini(struct brain *b);
void workers_second(struct brain *b);
/* Those whom the keeper's reflex need not fear for: ready, or slow (decision 0016). */
uint64_t workers_serving_bits(const struct brain *b);
int workers_ready(const struct brain *b);
int workers_upgrade(struct brain *b, struct err *err); /* begins the rolling restart */
int upgrade_refuse(const struct brain *b, struct err *err); /* one is under way: says which; -1 */
void worker_event(struct brain *b, struct slot *s, const struct worker_event *ev);
void worker_adopted(struct brain *b, struct slot *s); /* it runs: ask it */
void workers_settle(struct brain *b); /* roster, rolling restart and timers follow the slots */
void slot_order(struct brain *b, struct slot *s, enum worker_action action); /* to the keeper */
/* With each look at a process: is it silent, and lives? Nothing is read while it answers. */
bool slot_life(struct slot *s, enum outcome outcome);
/* Has it answered anybody in the last two seconds, by its scoreboard, while the node answers at its
 * capacity (healthd/load.h)? False where no capacity is configured. */
bool slot_answers(const struct slot *s);
void say_worker(const struct slot *s, enum worker_state from);
void say_rolling(const struct rolling *r, const char *what);

/* brain_engines.c: the engines of our own resolver, supervised like workers. */
void engines_init(struct brain *b);
void engines_fini(struct brain *b);
/* The keeper's roster is told: `n` engines are to run, some may; and with `probation` one more. */
void engines_begin(struct brain *b, int n, bool probation);
struct slot *engines_probation(struct brain *b); /* its slot, whether it is to run or not */
void engine_event(struct brain *b, struct slot *s, const struct worker_event *ev);
bool engine_well(const struct slot *s, int32_t pid); /* `pid` is there and works, at this moment */
int engines_upgrade(struct brain *b, struct err *err); /* begins: one after the other */

/* brain_score.c: the scoreboards of our own workers and engines. */
void scores_init(struct brain *b); /* takes what the keeper has handed over */
void scores_fini(struct brain *b);
/* Takes `fd` over: "score.w0" is worker 0's, "score.e1" engine 1's; of any other name, or broken,
 * it is as if it were not there, with a warning. */
void score_take(struct brain *b, const char *name, int fd);
bool scores_kept(const struct brain *b); /* by any worker */
uint64_t score_state(const struct slot *s); /* enum score_state; STARTING where it is not there */
void score_read(const struct slot *s, struct traffic_counts *out); /* needs s->score */
/* An engine's upstream of that number, as it stands in its scoreboard; false where there is none.
 */
struct upstream_reading {
	char name[sizeof(((struct score_upstream *)0)->name) + 1];
	uint64_t breaker, since_us, asked, answered, failed, opened, rtt_us;
};
bool score_upstream_read(const struct slot *s, int number, struct upstream_reading *out);
void scores_second(struct brain *b); /* the next reading, and the checks that rest on it */
/* Adds up a window of all workers; milliseconds that it covers, 0: none. */
int64_t scores_window(const struct brain *b, int64_t window_ms, struct traffic_counts *sum);
/* How many of the ready workers are in this state. */
int scores_in_state(const struct brain *b, enum score_state state);

/* brain_record.c: what the flight recorder is told, so that each decision can be decided again. */
void record_open(struct brain *b);
void record_second(struct brain *b);
void record_sample(struct brain *b, const struct target *t, const struct sample *s);
void record_tick(struct brain *b, struct mono now);
void record_evidence(struct brain *b, const struct instance *i); /* has changed */
void record_birth(struct brain *b, const struct flight_birth *birth);
/* Before the step: what is new in what the lane is told, and that it is stepped. */
void record_step(struct brain *b, struct lane *lane, const struct ladder_in *in, bool starved,
    struct mono now);
/* Right behind it, before anything else is recorded. `news`: more than its input is new. */
void record_decision(struct brain *b, const struct lane *lane, const struct decision *d,
    bool news);

/* brain_bond.c */
void bond_open(struct brain *b);
void bond_tell(struct brain *b, const struct bond_message *m); /* ends the loop when it can't */
void lease_renew(struct brain *b);

/* brain_state.c */
#define STATE_VERSION 1
void state_load(struct brain *b);  /* into lanes[].saved, windows, counters, limits */
void state_save(struct brain *b);  /* run_dir/brain.state */
json_t *state_read(const char *dir, const char *name); /* of our version; else NULL */
int64_t state_integer(const json_t *o, const char *key, int64_t low, int64_t high);

/* brain_limits.c */
void limits_load(struct brain *b); /* of state_load(): the boot is known */
void limits_save(struct brain *b); /* after each change; waits for no disk */
void limits_step(struct brain *b); /* the disk may be done */
void limits_second(struct brain *b);
/* Where the last change is: "disk", "run": until a reboot, "memory": until this brain ends. */
const char *limits_kept(const struct brain *b);
bool limits_failing(const struct brain *b); /* the disk does not take them */
void limits_fini(struct brain *b);

/* brain_due.c: saves it when something in it has changed, or it was saved 10 s ago. */
void state_second(struct brain *b);

/* brain_control.c */
json_t *control_handle(void *arg, const struct console_peer *peer, const char *verb,
    const json_t *args, bool *follow, struct err *err);

/* brain_faces.c: the console and the page of metrics. */
void faces_open(struct brain *b);
void faces_second(struct brain *b); /* tries again what could not be opened */

/* brain_hook.c */
void hook_init(struct brain *b);
void hook_fini(struct brain *b);
void hook_run(struct brain *b, const struct lane *lane, int from, int to);
/* The same program for what happens to a region; false: none is configured. */
bool hook_alert(struct brain *b, const char *event, const char *region, const char *because);

/* brain_metrics_score.c */
void metrics_scores(FILE *f, const struct brain *b);

/* brain_metrics.c */
void metrics_head(FILE *f, const char *name, const char *type, const char *help);
#define LABEL_TEXT 256
/* A label's value: backslash, quote and line feed are escaped (Prometheus text format 0.0.4). */
const char *metrics_label(const char *value, char buf[static LABEL_TEXT]);
char *brain_metrics_render(void *arg, const char *path, const char **content_type);

/* brain_events.c */
void events_init(struct brain *b);
void events_fini(struct brain *b);

/* view.c: what people are shown, as docs/control.md says. New references. */
json_t *view_status(const struct brain *b);
json_t *view_why(const struct brain *b, uint32_t lanes);
json_t *view_checks(const struct brain *b, uint32_t lanes, const char *name); /* name NULL: all */
json_t *view_workers(const struct brain *b); /* view_workers.c */
json_t *view_fleet(const struct brain *b, uint32_t lanes); /* view_fleet.c */
json_t *view_limit(const struct brain *b, const struct limit *l, struct mono now);

#endif
