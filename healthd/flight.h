/*
 * flight: the words of the flight recorder that a decision can be decided again from: what state
 * the brain was in, what it was told, and what it decided. The brain writes them, the replayer
 * (replay.c) reads them, and both render a decision with the same function. docs/recorder.md is the
 * format.
 */
#ifndef HEALTHD_FLIGHT_H
#define HEALTHD_FLIGHT_H

#include <jansson.h>

#include "bgpctl/recorder.h"
#include "bgpctl/site.h"
#include "healthd/judge.h"
#include "healthd/ladder.h"

/* Of the records that replay reads. Counted up where an older reader would go wrong. */
#define FLIGHT_VERSION 5

/* Later than any moment of a boot: times beyond it are damage, and sums of them with any wait that
 * settings allow do not overflow. */
#define FLIGHT_TIME_MAX (INT64_C(1) << 52)

struct flight_target {
	char label[80];
	bool seen; /* has this brain had a sample of it? */
	struct window window;
};

/* One check instance, as it was at that place of the record. */
struct flight_check {
	int n, of;		  /* which, of how many */
	char name[64], check[64]; /* of the instance, of its configuration */
	uint32_t lanes;
	int k;
	int64_t stale_ms;
	bool evidence;
	struct mono evidence_since;
	struct fact fact;
	int n_targets;
	struct flight_target targets[MAX_TARGETS];
};

/* What a lane was told besides judgements; limits and the fleet's reason are held here, not
 * borrowed. */
struct flight_given {
	struct ladder_in in; /* judgement unused, limits and fleet.because NULL */
	struct limit held[MAX_LIMITS];
	char because[120]; /* the fleet's; "" for NULL */
};

struct flight_lane {
	int lane;
	bool born; /* else `ladder`, `wish` and `rule` mean nothing */
	struct ladder ladder;
	int wish;
	enum ladder_rule rule;
	struct flight_given given;
};

/* How a lane's ladder began. */
struct flight_birth {
	int lane;
	struct mono at;
	bool has_saved, fresh; /* fresh: the saved lease */
	struct ladder saved;
	int shown; /* rung that BIRD and the gates showed, -1: none */
};

/* One decision and all it rested on; everything is borrowed. */
struct decision {
	const struct site *site;
	int lane;
	bool observe, starved; /* starved: overload is evident */
	struct mono now;
	const struct ladder *before;
	const struct ladder_in *in;
	const struct ladder_out *out;
	const struct fact *facts; /* before facts_absorb() */
	const char *const *names; /* of the instances */
	int n_facts;
	uint64_t mask; /* those that belong to the lane */
};

/* New references; objects with a member "is" that says which. */
json_t *flight_check_render(const struct site *site, const struct flight_check *c);
json_t *flight_lane_render(const struct site *site, const struct flight_lane *l);
json_t *flight_given_render(const struct site *site, int lane, const struct flight_given *g);
json_t *flight_birth_render(const struct site *site, const struct flight_birth *b);
json_t *decision_render(const struct decision *d);
/* One of `limits`, as people are shown it. */
json_t *flight_limit(const struct site *site, const struct limit *l, struct mono now);
/* out->because with the name of the check that counts most in its place. */
void flight_because(const struct ladder_out *out, const char *check, char *text, size_t size);

json_t *flight_preflight(uint32_t missing); /* as words */

/* From what an object says; -1 with a sentence when it is not such a one, or says what cannot be:
 * what comes back may be stepped. `conf` and `now` are those of the moment. */
int flight_check_parse(const struct site *site, const json_t *o, struct mono now,
    struct flight_check *out, struct err *err);
int flight_lane_parse(const struct site *site, const struct ladder_conf *conf, const json_t *o,
    struct mono now, struct flight_lane *out, struct err *err);
int flight_given_parse(
    const struct site *site, const json_t *o, int *lane, struct flight_given *out, struct err *err);
int flight_birth_parse(
    const struct site *site, const json_t *o, struct flight_birth *out, struct err *err);

/* What is kept of `in` and of its MAX_LIMITS limits, and the other way about: that borrows from
 * `g`, and has no judgement. */
struct flight_given flight_given_of(const struct ladder_in *in);
struct ladder_in flight_given_in(const struct flight_given *g);
/* Has anything changed that no sample tells? */
bool flight_given_equal(const struct flight_given *a, const struct flight_given *b);

/* Is a decision news to whoever reads the record, after one with this wish and rule? */
bool flight_news(const struct ladder_out *out, int wish, enum ladder_rule rule);
/* Has a target been seen by this brain, as far as a round asks? One that is idle needs not be. */
bool flight_seen(bool sampled, const struct window *w);
struct ladder flight_born(const struct ladder_conf *conf, const struct flight_birth *b);

/* What stands in the stream of samples besides samples; see record_sample.kind. */
struct record_sample flight_tick(struct mono now);
struct record_sample flight_evidence(int check, bool evidence, struct mono since);
struct record_sample flight_step(int lane, bool starved, struct mono now);

#endif
