/*
 * flap: how much of the world's patience with this prefix is used up. Pure.
 *
 * The penalty that a router with route flap damping (RFC 2439) on common defaults would have on
 * record: 1000 for a withdrawal, 500 for an attribute change, nothing for the announcement that
 * follows a withdrawal; halved each half-life; suppressed at 2000 (RFC 7196 on what is deployed).
 */
#ifndef HEALTHD_FLAP_H
#define HEALTHD_FLAP_H

#include "lib/mono.h"

struct flap_conf {
	int64_t half_life_ms; /* 15 min */
	int64_t limit;	      /* 1500: a discretionary move needs estimate + cost <= limit */
	int64_t withdraw_cost, change_cost;
};

struct flap {
	double penalty; /* as of `at` */
	struct mono at;
};

double flap_estimate(const struct flap_conf *conf, struct flap f, struct mono now);
/* What a move between rungs costs: to silent, from silent, or between announcing rungs. */
int64_t flap_cost(const struct flap_conf *conf, int from, int to);
struct flap flap_charge(const struct flap_conf *conf, struct flap f, int from, int to,
    struct mono now);
/* The earliest time at which a move of that cost fits the limit; `now` if it already does. */
struct mono flap_allowed_at(const struct flap_conf *conf, struct flap f, int64_t cost,
    struct mono now);

#endif
