/*
 * traffic: what workers and engines did lately, computed of readings of their scoreboards. Pure.
 *
 * Counters are read whole, one by one, about once a second. The process of a slot may change in
 * between (its generation with it) and go on counting, or begin anew; memory may be damaged. A
 * difference is therefore never negative and never absurdly large: what cannot be is nothing.
 */
#ifndef HEALTHD_TRAFFIC_H
#define HEALTHD_TRAFFIC_H

#include <stdbool.h>
#include <stdint.h>

#include "healthd/check.h"
#include "lib/scoreboard.h"

#define TRAFFIC_SPAN_S 60 /* windows are at most so long */

/* A reading, or what was counted in a window: nothing but 64-bit words. */
struct traffic_counts {
	uint64_t udp, tcp; /* queries */
	uint64_t rcode[SCORE_RCODES], layer[N_LAYERS], cause[N_CAUSES], drop[N_DROPS];
	uint64_t event[N_SCORED];
	uint64_t latency[SCORE_BUCKETS], joined, truncated;
};

struct traffic {
	bool begun;
	uint64_t generation;
	struct traffic_counts last;  /* as read */
	struct traffic_counts total; /* counted since the first reading: never goes back */
	int n, newest;		     /* of the marks */
	struct {
		struct mono at;
		struct traffic_counts total;
	} marks[TRAFFIC_SPAN_S + 2];
};

/* One more reading, at a later `now` than the one before; each makes a mark. Zeros begin. */
void traffic_step(
    struct traffic *t, const struct traffic_counts *read, uint64_t generation, struct mono now);
/* Adds to `sum` what was counted in the last `window_ms` before the newest reading, to the nearest
 * mark. Returns how many milliseconds that are: fewer while there are not enough readings. */
int64_t traffic_window(const struct traffic *t, int64_t window_ms, struct traffic_counts *sum);

/* Answers that had to be found: all but local data, which is what our own probes ask for most. */
uint64_t traffic_answers(const struct traffic_counts *c);
uint64_t traffic_failed(const struct traffic_counts *c); /* by whatever cause */
uint64_t traffic_hits(const struct traffic_counts *c);	 /* from the caches, stale ones too */
/* Under how many microseconds `percent` of all answers took (a power of two); -1: no answers. */
int64_t traffic_latency_us(const struct traffic_counts *c, int percent);

/* What a check says of a window. `warn`, `crit` in percent; fewer than `min_answers` are idle. */
struct traffic_look {
	enum outcome outcome; /* OK, WRONG from crit on, IDLE */
	int value;	      /* 100 up to warn .. 0 at crit */
	bool here; /* error rate: internal causes alone reach crit, over TRAFFIC_PROOF answers at
		      least: nothing upstream explains it (design, section 3) */
	char why[64];
};
#define TRAFFIC_PROOF 50
struct traffic_look
traffic_error_rate(const struct traffic_counts *c, int64_t min_answers, int64_t warn, int64_t crit);
/* Of the answers, how many came from a cache: worse as it falls. */
struct traffic_look
traffic_cache(const struct traffic_counts *c, int64_t min_answers, int64_t warn, int64_t crit);

/* Is process `pid` there and at work by its scoreboard? OK, or SILENT. */
struct traffic_pulse {
	uint64_t pid, state, heartbeat_us;
};
#define TRAFFIC_PULSE_MS 300 /* a heartbeat of that age is none */
enum outcome traffic_pulse(const struct traffic_pulse *p, int32_t pid, struct mono now);

const char *traffic_state_name(uint64_t state); /* "?" where it is none */
const char *traffic_layer_name(int layer);
const char *traffic_cause_name(int cause);
const char *traffic_drop_name(int drop);
const char *traffic_event_name(int event);
const char *traffic_breaker_name(uint64_t breaker); /* "?" where it is none */

#endif
