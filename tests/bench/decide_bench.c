/*
 * decide_bench FILE: what one event costs from sample to decision, with the checks of a
 * configuration: window_step() of its target, tally() of its check, judge() and ladder_step() of
 * each lane that the check counts for. The very functions that the brain runs, in its order. One
 * line of JSON, nanoseconds; the clock's own time is taken off.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "healthd/settings.h"
#include "lib/arena.h"
#include "lib/ensure.h"
#include "tests/bench/bench_clock.h"

#define EVENTS 200000
#define WARM 20000

struct instance {
	uint32_t lanes;
	int n_targets;
	struct window_conf window_conf;
	struct tally_conf tally_conf;
	struct fact fact;
	struct window windows[MAX_TARGETS];
};

static struct settings settings;
static struct instance instances[MAX_CHECKS];
static int n_instances, n_targets, n_lanes;
static struct ladder ladders[MAX_LANES];
static uint64_t lane_facts[MAX_LANES];
static int64_t took[EVENTS];

static int
targets_of(const struct check_conf *c)
{
	if (c->kind == KIND_UPSTREAM || (c->kind == KIND_DNS && c->target == DNS_SERVERS))
		return c->n_servers;
	if (c->kind == KIND_DNS && c->target == DNS_WORKERS)
		return (int)(settings.workers.count + settings.workers.spare);
	if (c->kind == KIND_LINK && c->n_interfaces > 0)
		return c->n_interfaces;
	return 1;
}

static void
instance_add(const struct check_conf *c, uint32_t lanes)
{
	struct instance *i = &instances[n_instances++];

	ENSURE(n_instances <= MAX_CHECKS);
	i->lanes = lanes;
	i->n_targets = targets_of(c);
	i->window_conf = (struct window_conf){
	    .rise = (uint16_t)c->rise,
	    .fall = (uint16_t)c->fall,
	    .forgive = (uint16_t)c->forgive,
	    .patience_ms = (uint32_t)c->patience_ms,
	};
	i->tally_conf = (struct tally_conf){
	    .k = (uint16_t)c->k,
	    .class = check_conf_class(c),
	    .vital = c->vital,
	    .evidence = c->kind == KIND_DNS,
	    .overload = c->kind == KIND_RESOURCE,
	    .weight = (uint16_t)c->weight,
	};
	n_targets += i->n_targets;
	for (int l = 0; l < MAX_LANES; l++)
		if (lanes & 1U << l)
			lane_facts[l] |= UINT64_C(1) << (n_instances - 1);
}

/* As the brain expands them: a check of service addresses once a lane, any other once for all. */
static void
expand(void)
{
	for (int n = 0; n < settings.n_checks; n++) {
		const struct check_conf *c = &settings.checks[n];
		uint32_t all = 0;

		for (int l = 0; l < n_lanes; l++)
			all |= (uint32_t)check_conf_counts(&settings, c, l) << l;
		if (c->kind != KIND_DNS || c->target != DNS_ANYCAST) {
			instance_add(c, all);
			continue;
		}
		for (int l = 0; l < n_lanes; l++)
			if (all & 1U << l)
				instance_add(c, 1U << l);
	}
}

/* One in a hundred samples is a failure, so that all branches have their share. */
static struct sample
sample_make(struct mono now)
{
	static uint64_t seed = 88172645463325252u;
	bool wrong;

	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	wrong = seed % 100 == 0;
	return (struct sample){
	    .outcome = wrong ? OUTCOME_WRONG : OUTCOME_OK,
	    .value = wrong ? 0 : 100,
	    .rtt_us = 200,
	    .sent = mono_add_us(now, -200),
	    .at = now,
	};
}

static void
lane_decide(int l, struct mono now)
{
	struct fact facts[MAX_CHECKS];
	struct ladder_in in = {.proven = ladders[l].rung};
	struct ladder_out out;

	for (int n = 0; n < n_instances; n++)
		facts[n] = instances[n].fact;
	in.judgement = judge(facts, n_instances, lane_facts[l]);
	out = ladder_step(&settings.ladder, ladders[l], &in, now);
	ladders[l] = out.state;
}

static void
event(struct instance *i, int target, struct mono now)
{
	struct sample s = sample_make(now);

	i->windows[target] = window_step(&i->window_conf, i->windows[target], &s);
	i->fact = tally(&i->tally_conf, i->windows, i->n_targets);
	for (int l = 0; l < n_lanes; l++)
		if (i->lanes & 1U << l)
			lane_decide(l, now);
}

static void
run(void)
{
	struct mono now = {1000000};
	int64_t own = clock_ns();

	for (int l = 0; l < n_lanes; l++)
		ladders[l] = ladder_init(&settings.ladder, now);
	for (int k = 0; k < n_instances; k++)
		for (int t = 0; t < instances[k].n_targets; t++)
			instances[k].windows[t] = window_init(now);
	for (int e = -WARM; e < EVENTS; e++) {
		struct instance *i = &instances[(e + WARM) % n_instances];
		int64_t begin, end;

		now = mono_add_us(now, 5000);
		begin = now_ns();
		event(i, (e + WARM) / n_instances % i->n_targets, now);
		end = now_ns();
		if (e >= 0)
			took[e] = end - begin - own;
	}
}

int
main(int argc, char **argv)
{
	struct arena *arena = arena_new();
	struct err err;

	if (argc != 2 || settings_read(argv[1], &settings, arena, &err) < 0) {
		fprintf(stderr, "decide_bench: %s\n",
		    argc == 2 ? err.text : "usage: decide_bench FILE");
		return 1;
	}
	for (int l = 0; l < MAX_LANES; l++)
		n_lanes += lane_exists(&settings.site, l);
	expand();
	run();
	qsort(took, EVENTS, sizeof(*took), by_size);
	printf("{\"events\": %d, \"checks\": %d, \"targets\": %d, \"lanes\": %d, \"min\": %lld, "
	       "\"median\": %lld, \"p99\": %lld, \"max\": %lld}\n",
	    EVENTS, n_instances, n_targets, n_lanes, (long long)took[0],
	    (long long)took[EVENTS / 2], (long long)took[EVENTS / 100 * 99],
	    (long long)took[EVENTS - 1]);
	arena_free(arena);
	return 0;
}
