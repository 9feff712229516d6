/* traffic: what two readings say, whatever was read, and what checks make of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "healthd/traffic.h"

static struct mono
at(int64_t ms)
{
	return (struct mono){1000000000 + ms * 1000};
}

/* One counter read once a second with these values; what the window counts in the end. */
static uint64_t
counted(const uint64_t *values, const uint64_t *generations, int n, int64_t window_ms)
{
	struct traffic t = {0};
	struct traffic_counts sum = {0};

	for (int i = 0; i < n; i++) {
		struct traffic_counts read = {.udp = values[i]};

		traffic_step(&t, &read, generations[i], at(1000 * i));
	}
	traffic_window(&t, window_ms, &sum);
	return sum.udp;
}

static void
a_difference_is_never_negative_and_never_absurd(void **state)
{
	static const struct {
		const char *promise;
		uint64_t values[6], generations[6];
		int n;
		uint64_t counts;
	} rows[] = {
	    {"a first reading counts nothing", {7000}, {1}, 1, 0},
	    {"growth counts", {10, 15, 15, 40}, {1, 1, 1, 1}, 4, 30},
	    {"the next process counts on", {10, 15, 20}, {1, 1, 2}, 3, 10},
	    {"one that begins anew counts from nothing", {100, 105, 3, 9}, {1, 1, 2, 2}, 4, 14},
	    {"going back without a new process counts nothing", {100, 40, 45}, {1, 1, 1}, 3, 5},
	    {"a damaged word counts nothing, both ways", {9, UINT64_MAX, 12, 13}, {1, 1, 1, 1}, 4,
		1},
	    {"a damaged word of a new process neither", {9, UINT64_MAX - 5, 12}, {1, 2, 3}, 3, 12},
	    {"more than anybody can count is nothing",
		{0, UINT64_C(1) << 32, (UINT64_C(1) << 32) + 2}, {1, 1, 1}, 3, 2},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t got = counted(rows[i].values, rows[i].generations, rows[i].n, 60000);

		if (got != rows[i].counts)
			fail_msg("%s: %llu", rows[i].promise, (unsigned long long)got);
	}
}

/* A reading a second, late by up to 40 ms each, with one more query in each than in the last. */
static void
windows_slide_to_the_nearest_reading_and_say_how_long_they_are(void **state)
{
	static struct traffic t;
	struct traffic_counts sum = {0};
	uint64_t n = 0;
	int64_t ms;

	(void)state;
	memset(&t, 0, sizeof(t));
	assert_int_equal(traffic_window(&t, 10000, &sum), 0);
	for (int i = 0; i < 5; i++) {
		n += (uint64_t)i;
		traffic_step(&t, &(struct traffic_counts){.tcp = n}, 1, at(1000 * i + i % 5 * 10));
	}
	ms = traffic_window(&t, 10000, &sum); /* no more than there is */
	assert_in_range(ms, 3900, 4100);
	assert_int_equal(sum.tcp, 1 + 2 + 3 + 4);
	for (int i = 5; i < 500; i++) {
		n += (uint64_t)i;
		traffic_step(&t, &(struct traffic_counts){.tcp = n}, 1, at(1000 * i + i % 5 * 10));
	}
	sum = (struct traffic_counts){.tcp = 1000000};
	ms = traffic_window(&t, 3000, &sum);
	assert_in_range(ms, 2900, 3100);
	assert_int_equal(sum.tcp, 1000000 + 497 + 498 + 499); /* added to what is there */
	sum = (struct traffic_counts){0};
	ms = traffic_window(&t, TRAFFIC_SPAN_S * 1000, &sum);
	assert_in_range(ms, 59900, 60100);
	assert_int_equal(sum.tcp, 60 * (440 + 499) / 2);
}

static struct traffic_counts
answers(uint64_t found, uint64_t upstream, uint64_t bogus, uint64_t internal)
{
	return (struct traffic_counts){
	    .layer = {[LAYER_LOCAL] = 100000,
		[LAYER_L1] = found / 2,
		[LAYER_ENGINE] = found - found / 2},
	    .cause = {upstream, bogus, internal},
	};
}

static void
error_rates_are_graded_and_only_internal_causes_prove_a_fault_here(void **state)
{
	static const struct {
		const char *promise;
		uint64_t found, upstream, bogus, internal;
		enum outcome outcome;
		int value;
		bool here;
	} rows[] = {
	    {"nothing asked is idle", 0, 0, 0, 0, OUTCOME_IDLE, 0, false},
	    {"local data is none of the answers", 49, 0, 0, 49, OUTCOME_IDLE, 0, false},
	    {"all well", 50, 0, 0, 0, OUTCOME_OK, 100, false},
	    {"up to warn is well", 100, 3, 1, 1, OUTCOME_OK, 100, false},
	    {"between it is graded", 200, 20, 2, 33, OUTCOME_OK, 50, false},
	    {"all causes together fail it", 100, 30, 10, 10, OUTCOME_WRONG, 0, false},
	    {"upstream alone proves nothing here", 100, 100, 0, 0, OUTCOME_WRONG, 0, false},
	    {"nor does what is bogus", 100, 0, 100, 0, OUTCOME_WRONG, 0, false},
	    {"internal causes short of crit neither", 100, 50, 0, 49, OUTCOME_WRONG, 0, false},
	    {"internal causes alone at crit do", 100, 0, 0, 50, OUTCOME_WRONG, 0, true},
	    {"beside any others", 50, 25, 0, 25, OUTCOME_WRONG, 0, true},
	    {"more failures than answers are all", 60, 0, 0, 600, OUTCOME_WRONG, 0, true},
	};
	struct traffic_counts few = answers(49, 0, 0, 49);

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct traffic_counts c =
		    answers(rows[i].found, rows[i].upstream, rows[i].bogus, rows[i].internal);
		struct traffic_look l = traffic_error_rate(&c, 50, 5, 50);

		if (l.outcome != rows[i].outcome || l.value != rows[i].value ||
		    l.here != rows[i].here)
			fail_msg("%s: outcome %d value %d here %d (%s)", rows[i].promise, l.outcome,
			    l.value, l.here, l.why);
	}
	/* Whatever the configuration asks for, under 50 answers prove nothing. */
	assert_int_equal(traffic_error_rate(&few, 1, 5, 50).outcome, OUTCOME_WRONG);
	assert_false(traffic_error_rate(&few, 1, 5, 50).here);
	few = answers(100, 7, 2, 4);
	assert_string_equal(traffic_error_rate(&few, 50, 5, 50).why,
	    "13 of 100 failed: 7 upstream, 2 bogus, 4 internal");
	few = answers(UINT64_MAX / 2, UINT64_MAX / 4, UINT64_MAX / 4, UINT64_MAX / 4);
	assert_int_equal(strlen(traffic_error_rate(&few, 50, 5, 50).why), 63); /* cut, and ended */
}

static void
hit_ratios_are_worse_as_they_fall(void **state)
{
	static const struct {
		uint64_t l1, l2, stale, engine;
		enum outcome outcome;
		int value;
	} rows[] = {
	    {0, 0, 0, 0, OUTCOME_IDLE, 0},
	    {10, 10, 10, 19, OUTCOME_IDLE, 0},
	    {50, 0, 0, 0, OUTCOME_OK, 100},
	    {10, 10, 10, 70, OUTCOME_OK, 100},
	    {10, 0, 0, 90, OUTCOME_OK, 20},
	    {5, 0, 0, 95, OUTCOME_WRONG, 0},
	    {0, 0, 0, 50, OUTCOME_WRONG, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct traffic_counts c = {.layer = {[LAYER_LOCAL] = 900,
					       [LAYER_L1] = rows[i].l1,
					       [LAYER_L2] = rows[i].l2,
					       [LAYER_STALE] = rows[i].stale,
					       [LAYER_ENGINE] = rows[i].engine}};
		struct traffic_look l = traffic_cache(&c, 50, 30, 5);

		if (l.outcome != rows[i].outcome || l.value != rows[i].value || l.here)
			fail_msg("row %zu: outcome %d value %d", i, l.outcome, l.value);
	}
}

static void
latencies_are_those_of_so_many_answers(void **state)
{
	struct traffic_counts c = {0};

	(void)state;
	assert_int_equal(traffic_latency_us(&c, 50), -1);
	c.latency[5] = 98;
	c.latency[10] = 1;
	c.latency[SCORE_BUCKETS - 1] = 1;
	assert_int_equal(traffic_latency_us(&c, 50), 32);
	assert_int_equal(traffic_latency_us(&c, 98), 32);
	assert_int_equal(traffic_latency_us(&c, 99), 1024);
	assert_int_equal(traffic_latency_us(&c, 100), INT64_C(1) << 31);
}

static void
only_the_own_process_at_work_has_a_pulse(void **state)
{
	struct mono now = at(5000);
	static const struct {
		const char *promise;
		uint64_t pid, state;
		int64_t age_ms;
		enum outcome outcome;
	} rows[] = {
	    {"at work just now", 7, SCORE_ANSWERING, 0, OUTCOME_OK},
	    {"299 ms ago", 7, SCORE_ANSWERING, 299, OUTCOME_OK},
	    {"300 ms ago", 7, SCORE_ANSWERING, 300, OUTCOME_SILENT},
	    {"written after our clock was read", 7, SCORE_ANSWERING, -5, OUTCOME_OK},
	    {"of the future", 7, SCORE_ANSWERING, -5000, OUTCOME_SILENT},
	    {"failing is at work", 7, SCORE_FAILING, 1, OUTCOME_OK},
	    {"starting is not yet", 7, SCORE_STARTING, 1, OUTCOME_SILENT},
	    {"stopping is no more", 7, SCORE_STOPPING, 1, OUTCOME_SILENT},
	    {"a state that is none", 7, 99, 1, OUTCOME_SILENT},
	    {"its predecessor's word", 6, SCORE_ANSWERING, 1, OUTCOME_SILENT},
	    {"nobody's", 0, SCORE_ANSWERING, 1, OUTCOME_SILENT},
	};
	struct traffic_pulse never = {.pid = 7, .state = SCORE_ANSWERING};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct traffic_pulse p = {.pid = rows[i].pid,
		    .state = rows[i].state,
		    .heartbeat_us = (uint64_t)mono_add_ms(now, -rows[i].age_ms).us};

		if (traffic_pulse(&p, 7, now) != rows[i].outcome)
			fail_msg("%s", rows[i].promise);
	}
	assert_int_equal(traffic_pulse(&never, 7, now), OUTCOME_SILENT);
	never.heartbeat_us = UINT64_MAX;
	assert_int_equal(traffic_pulse(&never, 7, now), OUTCOME_SILENT);
}

static void
what_has_no_name_is_a_question_mark(void **state)
{
	(void)state;
	assert_string_equal(traffic_state_name(SCORE_STALE_ONLY), "stale_only");
	assert_string_equal(traffic_state_name(UINT64_MAX), "?");
	assert_string_equal(traffic_layer_name(LAYER_STALE), "stale");
	assert_string_equal(traffic_layer_name(-1), "?");
	assert_string_equal(traffic_cause_name(CAUSE_INTERNAL), "internal");
	assert_string_equal(traffic_drop_name(N_DROPS), "?");
	/* Each number of the scoreboard's lists has a name. */
	for (int i = 0; i < N_SCORED; i++)
		assert_string_not_equal(traffic_event_name(i), "?");
	for (int i = 0; i < N_DROPS; i++)
		assert_string_not_equal(traffic_drop_name(i), "?");
	for (int i = 0; i < N_LAYERS; i++)
		assert_string_not_equal(traffic_layer_name(i), "?");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_difference_is_never_negative_and_never_absurd),
	    cmocka_unit_test(windows_slide_to_the_nearest_reading_and_say_how_long_they_are),
	    cmocka_unit_test(error_rates_are_graded_and_only_internal_causes_prove_a_fault_here),
	    cmocka_unit_test(hit_ratios_are_worse_as_they_fall),
	    cmocka_unit_test(latencies_are_those_of_so_many_answers),
	    cmocka_unit_test(only_the_own_process_at_work_has_a_pulse),
	    cmocka_unit_test(what_has_no_name_is_a_question_mark),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
