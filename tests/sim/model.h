/*
 * model: what a node looks at, as a configuration says: check instances and their targets for one
 * lane, as the brain expands them. Nothing here has a threshold of its own.
 */
#ifndef TESTS_SIM_MODEL_H
#define TESTS_SIM_MODEL_H

#include "healthd/judge.h"
#include "healthd/settings.h"
#include "healthd/supervise.h"

enum { SIM_TARGETS = 64, SIM_LANE = 0 /* the first service, IPv4 */ };

/* What truth decides a target's answers. */
enum truth_kind {
	TRUTH_ROSTER,	 /* told at each change */
	TRUTH_LOCAL,	 /* local data, at the service address */
	TRUTH_SLOT,	 /* local data, at one worker's own port */
	TRUTH_RECURSION, /* through the resolver */
	TRUTH_SERVFAIL,	 /* through the resolver, and failing is what is expected */
	TRUTH_UPSTREAM,
	TRUTH_ADDRESS,
	TRUTH_CARRIER, /* told */
	TRUTH_SESSION, /* told */
	TRUTH_CPU,
	TRUTH_DROPS,
	TRUTH_WELL, /* nothing in this world moves it */
	TRUTH_IDLE, /* needs our own resolver's scoreboards */
};

struct sim_target {
	enum truth_kind truth;
	int check, slot;
	int64_t interval_us, timeout_us;
	int64_t warn, crit;
	bool told;
};

struct sim_check {
	const struct check_conf *conf;
	struct window_conf window;
	struct tally_conf tally;
	int first, n;	   /* targets */
	bool anycast_self; /* a listener by its answer (preflight) */
	bool recursion;	   /* warm by its answer (preflight) */
};

struct model {
	struct settings settings;
	struct arena *arena;
	struct supervise_conf supervise;
	int n_checks, n_targets, n_slots, roster; /* roster: target index, -1 none */
	struct sim_check checks[MAX_CHECKS];
	struct sim_target targets[SIM_TARGETS];
};

/* Reads a healthd.conf. 0, or -1 with a sentence. */
int model_read(struct model *m, const char *path, struct err *err);
void model_free(struct model *m);

#endif
