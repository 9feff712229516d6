/*
 * day: hours at the default timings, in virtual time. Samples go through windows, tally, judgement
 * and ladder exactly as in the brain; thresholds, holds, weights and windows are those of
 * etc/healthd.conf. What is told here is what an operator would live through.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "healthd/judge.h"
#include "healthd/ladder.h"
#include "healthd/settings.h"

/* The part of the example's checks that faults of these stories touch. */
enum part { HEALTH, RECURSION, UPSTREAM, PRESSURE, N_PARTS };
static const char *const part_names[N_PARTS] = {"health", "recursion", "upstream", "pressure_cpu"};

struct day {
	struct ladder_conf conf;
	struct {
		struct window_conf window;
		struct tally_conf tally;
		int64_t interval_ms;
	} parts[N_PARTS];
	/* what is broken */
	bool workers_dead, upstream_lost, recursion_broken, overloaded, stalled, slow;
	/* what runs */
	struct window windows[N_PARTS];
	struct ladder ladder;
	struct ladder_out out;
	struct mono now;
	int moves;
	struct mono moved_at;
};

static struct arena *arena;
static struct settings settings;

static int
read_settings(void **state)
{
	struct err err;

	(void)state;
	arena = arena_new();
	if (settings_read("etc/healthd.conf", &settings, arena, &err) < 0)
		fail_msg("%s", err.text);
	return 0;
}

static int
free_settings(void **state)
{
	(void)state;
	arena_free(arena);
	return 0;
}

static const struct check_conf *
conf_of(enum part p)
{
	for (int i = 0; i < settings.n_checks; i++)
		if (strcmp(settings.checks[i].name, part_names[p]) == 0)
			return &settings.checks[i];
	fail_msg("etc/healthd.conf has no check %s", part_names[p]);
	return NULL;
}

static void
day_init(struct day *d)
{
	*d = (struct day){.conf = settings.ladder, .now = {3600000000}};
	d->conf.proven_alone = ALONE_SILENT;
	for (enum part p = 0; p < N_PARTS; p++) {
		const struct check_conf *c = conf_of(p);

		d->parts[p].interval_ms = c->interval_ms;
		d->parts[p].window = (struct window_conf){.rise = (uint16_t)c->rise,
		    .fall = (uint16_t)c->fall, .forgive = (uint16_t)c->forgive,
		    .patience_ms = (uint32_t)c->patience_ms,
		    .stale_ms = (uint32_t)(3 * c->interval_ms + c->timeout_ms)};
		d->parts[p].tally = (struct tally_conf){.k = 1, .class = check_conf_class(c),
		    .vital = c->vital, .evidence = c->kind == KIND_DNS,
		    .overload = c->kind == KIND_RESOURCE, .weight = (uint16_t)c->weight};
		d->windows[p] = window_init(d->now);
	}
	d->ladder = ladder_init(&d->conf, d->now);
}

static enum outcome
truth(const struct day *d, enum part p)
{
	if (d->stalled)
		return OUTCOME_UNKNOWN;
	switch (p) {
	case HEALTH:
		return d->workers_dead || d->slow ? OUTCOME_SILENT : OUTCOME_OK;
	case RECURSION:
		if (d->workers_dead || d->slow)
			return OUTCOME_SILENT;
		return d->recursion_broken || d->upstream_lost ? OUTCOME_WRONG : OUTCOME_OK;
	case UPSTREAM:
		return d->upstream_lost ? OUTCOME_SILENT : OUTCOME_OK;
	default:
		return d->overloaded ? OUTCOME_WRONG : OUTCOME_OK;
	}
}

static void
probe(struct day *d, enum part p)
{
	struct sample s = {.outcome = truth(d, p), .sent = d->now, .at = d->now, .rtt_us = -1};

	s.value = s.outcome == OUTCOME_OK ? 100 : 0;
	d->windows[p] = window_step(&d->parts[p].window, d->windows[p], &s);
}

static void
decide(struct day *d)
{
	struct fact facts[N_PARTS];
	struct ladder_in in = {.proven = d->ladder.rung}; /* BIRD is quick: a few milliseconds */

	for (enum part p = 0; p < N_PARTS; p++) {
		d->windows[p] = window_tick(&d->parts[p].window, d->windows[p], d->now);
		facts[p] = tally(&d->parts[p].tally, &d->windows[p], 1);
	}
	facts_absorb(facts, N_PARTS, d->slow);
	in.judgement = judge(facts, N_PARTS, ~0ULL);
	d->out = ladder_step(&d->conf, d->ladder, &in, d->now);
	d->ladder = d->out.state;
	if (!d->out.moved)
		return;
	d->moves++;
	d->moved_at = d->now;
}

/* Time goes in steps of 100 ms, the fastest probe's pace. */
static void
live(struct day *d, double seconds)
{
	struct mono end = mono_add_us(d->now, (int64_t)(seconds * 1e6));

	while (mono_before(d->now, end)) {
		d->now = mono_add_ms(d->now, 100);
		for (enum part p = 0; p < N_PARTS; p++)
			if (d->now.us / 1000 % d->parts[p].interval_ms == 0)
				probe(d, p);
		decide(d);
	}
}

static const char *
rung_name(int rung)
{
	return settings.site.rungs[rung].name;
}

/* Lives until the rung is ordered; it must take between `least` and `most` seconds. */
static void
until(struct day *d, const char *name, double least, double most)
{
	struct mono from = d->now;
	int rung = rung_find(&settings.site, name);
	double took;

	while (d->ladder.rung != rung && mono_diff_ms(d->now, from) < most * 1000)
		live(d, 0.1);
	took = (double)mono_diff_us(d->now, from) / 1e6;
	if (d->ladder.rung != rung || took < least - 0.05)
		fail_msg("%s after %.1f s, not %s within %.1f to %.1f s: %s",
		    rung_name(d->ladder.rung), took, name, least, most, d->out.because);
}

static void
stays(struct day *d, const char *name, double seconds)
{
	int moves = d->moves;

	assert_string_equal(rung_name(d->ladder.rung), name);
	live(d, seconds);
	if (d->moves != moves)
		fail_msg("it left %s for %s: %s", name, rung_name(d->ladder.rung), d->out.because);
}

/* A node that has been at full for hours. */
static void
settle(struct day *d)
{
	day_init(d);
	until(d, "full", 0, 200);
	stays(d, "full", 4 * 3600);
}

static bool
limited_by(const struct day *d, enum limit_owner owner)
{
	for (int i = 0; i < d->out.n_limits; i++)
		if (d->out.limits[i].owner == owner)
			return true;
	return false;
}

static void
a_start_is_drain_after_one_round_then_a_rung_a_minute(void **state)
{
	struct day d;

	(void)state;
	day_init(&d);
	until(&d, "drain", 0.1, 1.1);
	until(&d, "backup", 60, 60.2);
	until(&d, "full", 60, 60.2);
	stays(&d, "full", 24 * 3600);
	assert_int_equal(d.moves, 3);
}

static void
upstream_lost_is_drain_never_silent_and_back_by_rungs(void **state)
{
	struct day d;

	(void)state;
	settle(&d);
	d.upstream_lost = true;
	until(&d, "drain", 2, 3.1);
	stays(&d, "drain", 3 * 3600);
	assert_true(limited_by(&d, OWNER_BRAKE));
	d.upstream_lost = false;
	until(&d, "backup", 61, 62.1); /* two successes, then the hold */
	until(&d, "full", 60, 60.2);
	assert_int_equal(d.moves, 6);
}

static void
recursion_broken_here_is_drain_then_silent_by_proof(void **state)
{
	struct day d;

	(void)state;
	settle(&d);
	d.recursion_broken = true;
	until(&d, "drain", 2, 3.1);
	until(&d, "silent", 30, 30.2);
	assert_int_equal(d.out.rule, RULE_PROVEN_FALL);
	stays(&d, "silent", 600);
}

/* One plain cycle comes to 2273 of the 2000 at which routers suppress: the last step waits, and is
 * then one step instead of two. */
static void
after_a_whole_fall_the_last_climb_waits_for_the_budget(void **state)
{
	struct day d;

	(void)state;
	settle(&d);
	d.recursion_broken = true;
	until(&d, "silent", 32, 34);
	d.recursion_broken = false;
	until(&d, "drain", 61, 62.1);
	live(&d, 60);
	assert_true(limited_by(&d, OWNER_FLAP));
	until(&d, "full", 380, 400);
	assert_int_equal(d.moves, 3 + 4); /* down two, up two */
	assert_true(flap_estimate(&d.conf.flap, d.ladder.flap, d.now) <= 1500);
}

static void
upstream_lost_while_silent_is_threatened_takes_the_threat_back(void **state)
{
	struct day d;

	(void)state;
	settle(&d);
	d.recursion_broken = true;
	until(&d, "drain", 2, 3.1);
	live(&d, 20);
	d.upstream_lost = true;
	stays(&d, "drain", 600);
	d.upstream_lost = false; /* recursion stays broken: proven again, after the latch */
	until(&d, "silent", 60, 62.1);
}

static void
dead_workers_are_given_their_patience_and_no_more(void **state)
{
	struct day d;

	(void)state;
	settle(&d);
	d.workers_dead = true;
	live(&d, 0.5);
	d.workers_dead = false;
	stays(&d, "full", 600);
	d.workers_dead = true;
	until(&d, "silent", 0.7, 0.9);
	assert_int_equal(d.out.rule, RULE_VITAL_FALL);
}

static void
overload_alone_goes_nowhere_near_silent(void **state)
{
	struct day d;

	(void)state;
	settle(&d);
	d.overloaded = true;
	live(&d, 4 * 3600);
	assert_true(d.ladder.rung >= RUNG_DRAIN);
	assert_in_range(d.moves, 3, 4);
}

static void
slow_workers_drain_and_dead_ones_are_silent(void **state)
{
	struct day d;

	(void)state;
	settle(&d);
	d.slow = true;
	until(&d, "drain", 0.7, 0.9);
	stays(&d, "drain", 4 * 3600);
	assert_true(limited_by(&d, OWNER_ABSORB));
	d.slow = false;
	d.workers_dead = true; /* the same silence, and nobody lives */
	until(&d, "silent", 0, 0.2);
	assert_int_equal(d.out.rule, RULE_VITAL_FALL);
}

static void
a_brain_that_was_not_looking_moves_nothing(void **state)
{
	struct day d;

	(void)state;
	settle(&d);
	d.stalled = true;
	stays(&d, "full", 3600);
	assert_true(limited_by(&d, OWNER_BRAKE));
	d.stalled = false;
	stays(&d, "full", 3600);
}

/* Dead for 5 s as soon as it is back at drain, for six hours; without the growing hold that would
 * be two changes a minute. */
static void
a_flapping_vital_check_is_bounded_by_the_growing_hold(void **state)
{
	struct day d;
	int64_t longest = 0;

	(void)state;
	settle(&d);
	for (int s = 0; s < 6 * 3600; s += 5) {
		d.workers_dead = d.ladder.rung > RUNG_SILENT;
		live(&d, 5);
		if (d.ladder.hold_ms > longest)
			longest = d.ladder.hold_ms;
	}
	assert_int_equal(longest, d.conf.hold_cap_ms);
	print_message("%d changes in six hours\n", d.moves - 3);
	assert_in_range(d.moves - 3, 20, 60);
	d.workers_dead = false;
	until(&d, "full", 0, 3 * d.conf.hold_cap_ms / 1000.0 + 900);
	stays(&d, "full", 4 * d.conf.heal_ms / 1000.0);
	assert_int_equal(d.ladder.hold_ms, d.conf.hold_ms); /* and stability heals it */
}

static void
a_restart_of_the_brain_moves_nothing_and_forgets_nothing(void **state)
{
	struct day d;

	(void)state;
	settle(&d);
	d.workers_dead = true;
	until(&d, "silent", 0, 1);
	d.workers_dead = false;
	until(&d, "drain", 60, 62);
	live(&d, 30);
	d.ladder = ladder_adopt(&d.conf, d.ladder, d.ladder.rung, true, d.now);
	for (enum part p = 0; p < N_PARTS; p++)
		d.windows[p] = window_init(d.now);
	live(&d, 0.3);
	assert_int_equal(d.ladder.phase, LADDER_RUN);
	stays(&d, "drain", 59);
	until(&d, "backup", 0, 3);
}

/* All nodes off and on, cold, no upstream in the first minute, nobody else announcing. */
static void
after_a_blackout_the_prefix_comes_back_by_itself(void **state)
{
	struct day d;

	(void)state;
	day_init(&d);
	d.conf.alone = true;
	d.upstream_lost = true;
	until(&d, "drain", 0.1, 0.3);
	assert_int_equal(d.out.rule, RULE_EMERGENCY);
	stays(&d, "drain", 59);
	d.upstream_lost = false;
	until(&d, "backup", 61, 62.1);
	until(&d, "full", 60, 60.2);
}

static void
alone_a_relapsing_node_waits_longer_each_time(void **state)
{
	static const double waits[] = {0, 1, 2, 4, 8, 16, 32, 60, 60};
	struct day d;

	(void)state;
	settle(&d);
	d.conf.alone = true;
	for (size_t i = 0; i < sizeof(waits) / sizeof(waits[0]); i++) {
		d.workers_dead = true;
		until(&d, "silent", 0.7, 0.9);
		d.workers_dead = false;
		until(&d, "drain", waits[i] < 0.3 ? 0.1 : waits[i] - 0.1, waits[i] + 0.3);
		assert_int_equal(d.out.rule, RULE_EMERGENCY);
		live(&d, 20);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_start_is_drain_after_one_round_then_a_rung_a_minute),
	    cmocka_unit_test(upstream_lost_is_drain_never_silent_and_back_by_rungs),
	    cmocka_unit_test(recursion_broken_here_is_drain_then_silent_by_proof),
	    cmocka_unit_test(after_a_whole_fall_the_last_climb_waits_for_the_budget),
	    cmocka_unit_test(upstream_lost_while_silent_is_threatened_takes_the_threat_back),
	    cmocka_unit_test(dead_workers_are_given_their_patience_and_no_more),
	    cmocka_unit_test(overload_alone_goes_nowhere_near_silent),
	    cmocka_unit_test(slow_workers_drain_and_dead_ones_are_silent),
	    cmocka_unit_test(a_brain_that_was_not_looking_moves_nothing),
	    cmocka_unit_test(a_flapping_vital_check_is_bounded_by_the_growing_hold),
	    cmocka_unit_test(a_restart_of_the_brain_moves_nothing_and_forgets_nothing),
	    cmocka_unit_test(after_a_blackout_the_prefix_comes_back_by_itself),
	    cmocka_unit_test(alone_a_relapsing_node_waits_longer_each_time),
	};

	return cmocka_run_group_tests(tests, read_settings, free_settings);
}
