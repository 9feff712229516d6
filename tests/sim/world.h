/*
 * world: nodes, their clients, what they tell each other, and virtual time. What decides is what
 * ships: window, tally, judge, ladder, flap, limit, guard, supervise, roster. Everything else here
 * makes their inputs and counts what comes of their outputs.
 *
 * Time goes from event to event. A target whose next answers cannot change its window any more is
 * *still*: it is left alone, and brought up to date by counting when somebody looks (target.c).
 */
#ifndef TESTS_SIM_WORLD_H
#define TESTS_SIM_WORLD_H

#include "healthd/guard.h"
#include "tests/sim/model.h"
#include "tests/sim/queue.h"
#include "tests/sim/scenario.h"

enum policy {
	POLICY_CHECKER, /* one check, n in a row: withdraw, announce; nobody asks the others */
	POLICY_ALONE,	/* our ladder as the example has it, without a fleet */
	POLICY_SILENT,	/* the same with proven_alone = "silent" */
	POLICY_OURS,	/* ladder and guard, and beacons that tell load */
	POLICY_UNSIZED, /* the same where no node knows its capacity */
};
#define N_POLICIES 5
static inline bool
policy_has_fleet(enum policy p)
{
	return p == POLICY_OURS || p == POLICY_UNSIZED;
}
const char *policy_name(enum policy p);

/* Ways in which the policy may be wrong. The promises must find each. */
enum bent {
	BENT_NOT,
	BENT_GRANTS,	   /* the guard grants whatever is asked, and calls nobody back */
	BENT_NO_EMERGENCY, /* nobody comes back because too few announce */
	BENT_NO_ABSORB,	   /* overload is taken for malfunction */
	BENT_NO_BRAKE,	   /* a shared fault is no reason to stay */
	BENT_CASCADE,	   /* nobody is taken to tell overload */
	BENT_EAGER,	   /* beacons tell the order, not the proof */
};
#define N_BENTS 7
const char *bent_name(enum bent b);

struct run_conf {
	enum policy policy;
	enum bent bent;
	bool stop;	    /* at the breach */
	int64_t horizon_ms; /* after the last fault it ends, whatever is not well yet; 0:
			       promise_recovery_ms() */
	bool every;	    /* no skipping: each question of each check is asked */
	FILE *trace;	    /* NULL: none */
};

/* --- a node ----------------------------------------------------------------------------------- */

struct target_state {
	struct window window;
	int64_t k;	      /* number of the question that is due or in flight */
	struct mono sent, at; /* of that one: asked, and answered (if truth stays as it is) */
	enum outcome outcome;
	int8_t value;
	bool flying; /* asked before truth changed: its end is fixed */
	bool still, seen;
};

enum proc_next { PROC_NOTHING, PROC_STARTED, PROC_READY, PROC_EXITED };

struct slot_state {
	struct worker worker;
	int32_t pid; /* of the process that really is there; 0 none */
	bool serving, hung;
	enum proc_next next;
	int64_t next_at, dies_at, probed_at;
	uint32_t lives;
};

struct told {	     /* what a node's beacons say */
	int8_t rung; /* -1: no beacon */
	uint8_t severity, fault, flags, load;
	uint16_t nonce, max_suspended;
};

struct node {
	int id, place, region, group;
	int64_t phase_us;
	/* truth */
	uint8_t off[N_FAULT_KINDS]; /* how many faults of that kind are on here */
	bool flap_lost;
	int64_t crash_ms, packet_ms;
	bool hang_again, power, brain, warm, loaded;
	uint8_t silent64; /* of 64 questions so many are lost by overload */
	int16_t cpu;	  /* pressure, percent */
	int32_t drops;	  /* a second */
	double share;	  /* what is asked of it, in its capacities */
	int64_t load_at;  /* when the share changed last */
	uint8_t load;	  /* as it knows it itself */
	double ability;	  /* share of its clients' questions that it can answer */
	/* the brain */
	struct target_state *targets;
	struct slot_state slots[MAX_ENGINES + 1];
	struct roster roster;
	struct mono warm_since, roster_due;
	struct ladder ladder;
	struct guard guard;
	struct guard_out fleet;
	struct mono view_at;
	bool session_lost;
	struct mono doubt; /* latest onset of a failure that is evidence; never: none */
	struct mono decide_at;
	int wish;	  /* the ladder's */
	uint8_t severity; /* of its wish to go */
	int8_t fault;	  /* a shared check that fails here, -1 */
	bool dirty, dirty_fleet;
	bool alert; /* every question is asked for real */
	int boots;
	struct judgement judgement;
	uint16_t nonce;
	/* what came of it */
	int order, proven, exported,
	    seen; /* rungs: ordered, proven by BIRD, announced, at clients */
	int64_t route_at, order_at;
	enum ladder_rule rule; /* of the last move */
	struct told told;
	/* the plain checker */
	int run;
	int64_t ask_at;
	/* the promises */
	int64_t able_since, bad_since, idle_since, pressed_at, burdened_since;
	struct flap own_flap;
};

/* --- the world -------------------------------------------------------------------------------- */

struct entry { /* one node in one group's view */
	struct told told;
	bool cut;
	int64_t at; /* of the latest delivery */
};

struct group { /* nodes that see the same of the others at the same time */
	int n_members, region;
	int *members;
	struct entry *entries; /* by node - 1, as delivered */
	struct peer *peers;    /* as read: all but the one at `gap`, ascending */
	int n_peers, gap;      /* gap: one is left out, `aside` */
	struct peer aside;
	bool changed, lost, lost_now;
	int64_t phase_us;
};

struct place {
	double load, capacity; /* of all clients; of one node */
	double x, y;
	int order[SIM_PLACES];	   /* places from near to far */
	double far[SIM_PLACES];	   /* how far each of these is */
	int count[MAX_RUNGS];	   /* nodes by the rung that clients see */
	double ability[MAX_RUNGS]; /* sum */
	double asked[MAX_RUNGS];   /* of its nodes on that rung together */
	int *members, n_members;
};

struct tally_of_run {
	double asked, lost, avoidable; /* node-seconds' worth of questions: sums over time */
	double suspended_s, worst;
	int64_t changes, decisions, samples, steps, guards;
	double node_s;
	double zero_s; /* nobody announced */
};

struct breach {
	const char *promise;
	int64_t at_ms;
	int node;
	char text[160];
};

struct world {
	struct scenario s;
	struct run_conf conf;
	const struct model *m;
	struct ladder_conf ladder;
	struct guard_conf guard;
	int64_t poll_ms;
	struct mono now;
	struct node *nodes;
	struct target_state *targets;
	struct group *groups;
	int n_groups;
	struct place places[SIM_PLACES];
	struct alarms alarms;
	struct happenings happenings;
	/* load */
	double handicap[MAX_RUNGS]; /* of a rung, as distance */
	double load, factor, rate_lost, rate_avoidable, able_capacity;
	int ability_count[101];
	int64_t counted_at;
	int announcing, silent;
	struct tally_of_run tally;
	/* promises */
	struct breach breach; /* the first, of the one that the scenario expects */
	unsigned broken;      /* bits of all, in promise_name()'s order */
	int64_t zero_since, over_since, hole_since, disturbed_at;
	uint64_t digest;
	int decided; /* nodes that moved */
};

enum happening_kind {
	HAPPEN_FAULT_ON,
	HAPPEN_FAULT_OFF,
	HAPPEN_FLAP,
	HAPPEN_ROUTE,
	HAPPEN_PROOF,
	HAPPEN_BEACON,
	HAPPEN_READ,
	HAPPEN_BOOT,
	HAPPEN_BRAIN,
	HAPPEN_WARM,
	HAPPEN_CUT,
	HAPPEN_LOOK,
	HAPPEN_LOAD,
};

#define SIM_BEGIN_US INT64_C(3600000000) /* virtual time at the beginning: 0 would be "never" */

static inline struct node *
world_node(struct world *w, int id)
{
	return &w->nodes[id - 1];
}

static inline int64_t
world_ms(const struct world *w)
{
	return (w->now.us - SIM_BEGIN_US) / 1000;
}

/* world.c */
void world_run(
    struct world *w, const struct scenario *s, const struct run_conf *conf, const struct model *m);
void world_free(struct world *w);
void world_say(struct world *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* target.c: truth changes between these two. */
void truth_begin(struct world *w, struct node *n);
void truth_end(struct world *w, struct node *n);
bool targets_run(struct world *w, struct node *n); /* what is due; whether any was */
int64_t targets_due(const struct world *w, const struct node *n);
void targets_tell(struct world *w, struct node *n, enum truth_kind truth);
void targets_doubt(struct world *w, struct node *n, struct mono doubt);
void targets_begin(struct world *w, struct node *n, bool forget);
void targets_catch_up(struct world *w, struct node *n);
double node_silent(const struct node *n, const struct world *w);
int node_serving(const struct world *w, const struct node *n, int *hung);

/* slot.c */
void slots_begin(struct world *w, struct node *n, bool standing);
void slots_off(struct world *w, struct node *n);
void slots_run(struct world *w, struct node *n);
int64_t slots_due(const struct world *w, const struct node *n);
void slots_hang(struct world *w, struct node *n);
void slots_release(struct world *w, struct node *n);
void slots_mortal(struct world *w, struct node *n);

/* node.c */
void node_boot(struct world *w, struct node *n);
void node_stand(struct world *w, struct node *n); /* has been at the best rung for long */
void node_load(struct world *w, struct node *n);  /* its load is measured anew */
void node_off(struct world *w, struct node *n);
void node_brain_back(struct world *w, struct node *n);
void node_run(struct world *w, struct node *n);
void node_alarm(struct world *w, struct node *n);
void node_ability(struct world *w, struct node *n);
bool node_session(const struct node *n);
bool node_upstream(const struct node *n);
void node_export(struct world *w, struct node *n);
void node_order(struct world *w, struct node *n, int rung, enum ladder_rule rule);

/* decide.c: one decision of the ladder, guard and all. */
void decide(struct world *w, struct node *n);

/* fleet.c */
void fleet_init(struct world *w);
void fleet_fini(struct world *w);
void fleet_tell(struct world *w, struct node *n, struct told told);
void fleet_beacon(struct world *w, int group, int node, int64_t packed);
void fleet_read(struct world *w, int group);
void fleet_cut(struct world *w, int fault);
void fleet_cut_group(struct world *w, int group);
void fleet_lie(struct world *w);
/* Steps the guard on what the group last read; in: all but the view. The result is n->fleet. */
void fleet_step(struct world *w, struct node *n, struct guard_in in);

/* load.c */
void load_init(struct world *w);
void load_fini(struct world *w);
void load_seen(struct world *w, struct node *n, int rung); /* clients see it now */
void load_able(struct world *w, struct node *n, double ability);
void load_count(struct world *w); /* up to now */
void load_route(struct world *w);

/* fault.c */
void faults_init(struct world *w);
void fault_turn(struct world *w, int fault, bool on);
void fault_flap(struct world *w, int fault, bool lost);

/* promise.c */
void promises_check(struct world *w);
int64_t promise_recovery_ms(const struct world *w); /* from the last fault on */
void promises_end(struct world *w);
void promise_moved(struct world *w, struct node *n, int from, enum ladder_rule rule);
void promise_told(struct world *w, struct node *n);
const char *promise_name(int n); /* NULL after the last */

#endif
