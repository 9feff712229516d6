/*
 * limits: who is told what when he asks too much; that a table which is full of strangers neither
 * harms the honest nor forgives anybody; responses that slip; connections counted.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "resolver/crowd.h"
#include "resolver/limits.h"
#include "resolver/rrl.h"

#define SECOND INT64_C(1000000000)
#define START (1000 * SECOND)

enum { SETS = 64, COUNTS = 64 };
static _Alignas(64) struct meter_set sets[2][SETS];
static uint32_t counts[2 * COUNTS];
static struct limits limits;
static struct rrl rrl;

static int
set_up(void **state)
{
	(void)state;
	memset(sets, 0, sizeof(sets));
	memset(counts, 0, sizeof(counts));
	limits = (struct limits){.burst_ns = SECOND, .secret = "a secret of ours"};
	rrl = (struct rrl){.per_s = 10, .slip = 2, .secret = "another secret.", .dice = 1};
	meter_init(&limits.unproven, sets[0], SETS);
	meter_init(&limits.proven, sets[1], SETS);
	meter_init(&rrl.meter, sets[0], SETS);
	return 0;
}

static struct limits_source
source(const char *text, bool proven)
{
	static const struct limits_widths widths = {64, 24, 56};
	struct addr a;

	assert_true(addr_parse(text, &a));
	return limits_source(&widths, &a, proven);
}

/* ---- meter ----------------------------------------------------------------------------------- */

static void
a_bucket_takes_its_burst_and_then_its_rate(void **state)
{
	struct meter m = limits.unproven;
	int64_t cost = SECOND / 10;
	int taken = 0;

	(void)state;
	for (int i = 0; i < 100; i++)
		taken += meter_pour(&m, 7, START, cost, SECOND) >= 0;
	assert_int_equal(taken, 10);
	for (int ms = 1; ms <= 10000; ms++)
		taken += meter_pour(&m, 7, START + ms * SECOND / 1000, cost, SECOND) >= 0;
	assert_int_equal(taken, 10 + 100);
	/* Long idle, it holds no more than its burst. */
	for (int i = taken = 0; i < 100; i++)
		taken += meter_pour(&m, 7, START + 1000 * SECOND, cost, SECOND) >= 0;
	assert_int_equal(taken, 10);
}

static void
what_is_in_it_is_told(void **state)
{
	struct meter m = limits.unproven;

	(void)state;
	assert_int_equal(meter_pour(&m, 7, START, 300, 1000), 300);
	assert_int_equal(meter_pour(&m, 7, START + 100, 300, 1000), 500);
	assert_int_equal(meter_pour(&m, 7, START + 100, 501, 1000), -1);
	assert_int_equal(meter_pour(&m, 7, START + 100, 500, 1000), 1000);
	assert_int_equal(meter_pour(&m, 7, START + 5000, 1, 1000), 1);
}

/* All in one set: more sources than places. */
static uint64_t
crowded(int i)
{
	return (uint64_t)(i + 1) << 32 | 5;
}

static void
many_addresses_do_not_wash_away_a_debt(void **state)
{
	struct meter m = limits.unproven;

	(void)state;
	while (meter_pour(&m, crowded(0), START, SECOND / 10, SECOND) >= 0)
		continue;
	for (int i = 1; i < 1000; i++)
		meter_pour(&m, crowded(i), START, SECOND / 10, SECOND);
	assert_int_equal(meter_pour(&m, crowded(0), START, SECOND / 10, SECOND), -1);
	/* In its turn it leaks as if nobody else had been there. */
	assert_true(meter_pour(&m, crowded(0), START + SECOND / 10, SECOND / 10, SECOND) >= 0);
}

static void
whoever_asks_little_is_not_taken_for_full_among_heavy_ones(void **state)
{
	struct meter m = limits.unproven;
	int refused = 0;

	(void)state;
	/* Four that are always full leave one place to a hundred others, each once a second. */
	for (int ms = 0; ms < 5000; ms++) {
		int64_t now = START + ms * SECOND / 1000;

		for (int i = 0; i < METER_WAYS - 1; i++)
			while (meter_pour(&m, crowded(i), now, SECOND / 1000, SECOND / 10) >= 0)
				continue;
		if (ms % 10 == 0)
			refused += meter_pour(&m, crowded(100 + ms / 10 % 100), now, SECOND / 1000,
				       SECOND / 10) < 0;
	}
	assert_int_equal(refused, 0);
}

/* ---- limits ---------------------------------------------------------------------------------- */

/* How `n` queries at one moment fare. */
static void
fare(const struct limits_source *s, int n, int64_t now, int got[4])
{
	memset(got, 0, 4 * sizeof(*got));
	for (int i = 0; i < n; i++)
		got[limits_query(&limits, s, now)]++;
}

static void
the_steps_come_in_order(void **state)
{
	struct limits_source s = source("192.0.2.1", false);
	enum limits_verdict last = LIMITS_FULL, now;

	(void)state;
	limits.queries.client_per_s = 100;
	for (int i = 0; i < 1000; i++) {
		now = limits_query(&limits, &s, START);
		assert_true(now >= last);
		last = now;
	}
	assert_int_equal(last, LIMITS_DROP);
}

static void
queries_beyond_a_limit_go_down_the_steps(void **state)
{
	static const struct {
		const char *what, *client;
		bool proven;
		struct limits_rates rates;
		int n, got[4];
	} rows[] = {
	    {"no limit", "192.0.2.1", false, {0, 0}, 1000, {1000, 0, 0, 0}},
	    {"under it", "192.0.2.1", false, {100, 0}, 100, {100, 0, 0, 0}},
	    {"a little over", "192.0.2.1", false, {100, 0}, 150, {100, 50, 0, 0}},
	    {"three times", "192.0.2.1", false, {100, 0}, 300, {100, 100, 100, 0}},
	    {"ten times", "192.0.2.1", false, {100, 0}, 1000, {100, 100, 100, 700}},
	    {"ten times, proven", "192.0.2.1", true, {100, 0}, 1000, {100, 200, 0, 700}},
	    {"of IPv6", "2001:db8::1", false, {100, 0}, 1000, {100, 100, 100, 700}},
	    {"its prefix", "192.0.2.1", false, {0, 200}, 1000, {200, 200, 200, 400}},
	    {"its prefix is wider", "192.0.2.1", false, {100, 400}, 1000, {100, 100, 100, 700}},
	    {"one a second", "192.0.2.1", false, {1, 0}, 10, {1, 1, 1, 7}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct limits_source s = source(rows[i].client, rows[i].proven);
		int got[4];

		set_up(NULL);
		limits.queries = rows[i].rates;
		fare(&s, rows[i].n, START, got);
		if (memcmp(got, rows[i].got, sizeof(got)) != 0)
			fail_msg("%s: %d %d %d %d", rows[i].what, got[0], got[1], got[2], got[3]);
	}
}

static void
a_steady_client_gets_its_rate_and_as_much_again_from_cache(void **state)
{
	static const struct {
		int per_s, got[4]; /* in percent of the limit, a second */
	} rows[] = {{100, {100, 0, 0, 0}}, {150, {100, 50, 0, 0}}, {200, {100, 100, 0, 0}},
	    {400, {100, 0, 100, 200}}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct limits_source s = source("192.0.2.1", false);
		int got[4] = {0};

		set_up(NULL);
		limits.queries.client_per_s = 100;
		for (int n = 0; n < rows[i].per_s * 30; n++) {
			enum limits_verdict v =
			    limits_query(&limits, &s, START + n * SECOND / rows[i].per_s);

			/* Once it is steady. */
			got[v] += n >= rows[i].per_s * 20;
		}
		for (int v = 0; v < 4; v++)
			if (abs(got[v] / 10 - rows[i].got[v]) > 2)
				fail_msg("%d a second: %d %d %d %d in ten", rows[i].per_s, got[0],
				    got[1], got[2], got[3]);
	}
}

static void
clients_and_prefixes_are_apart(void **state)
{
	static const struct {
		const char *flood, *other;
		struct limits_rates rates;
		bool suffers;
	} rows[] = {
	    {"192.0.2.1", "192.0.2.2", {10, 0}, false}, {"192.0.2.1", "192.0.2.2", {0, 10}, true},
	    {"192.0.2.1", "192.0.3.1", {0, 10}, false},
	    /* What one client has too much is not its prefix's. */
	    {"192.0.2.1", "192.0.2.2", {10, 20}, false},
	    {"2001:db8::1", "2001:db8::2", {10, 0}, true}, /* one /64 is one client */
	    {"2001:db8::1", "2001:db8:0:1::1", {10, 0}, false},
	    {"2001:db8::1", "2001:db8:0:1::1", {0, 10}, true}, /* one /56 */
	    {"2001:db8::1", "2001:db8:0:100::1", {0, 10}, false},
	    {"192.0.2.1", "c000:201::", {10, 10}, false}, /* the same bits, another family */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct limits_source flood = source(rows[i].flood, false),
				     other = source(rows[i].other, false);
		int got[4];

		set_up(NULL);
		limits.queries = rows[i].rates;
		fare(&flood, 1000, START, got);
		if ((limits_query(&limits, &other, START) != LIMITS_FULL) != rows[i].suffers)
			fail_msg("%s floods, %s %s", rows[i].flood, rows[i].other,
			    rows[i].suffers ? "does not suffer" : "suffers");
	}
}

static void
a_flood_in_somebodys_name_leaves_the_proven_address_alone(void **state)
{
	struct limits_source forged = source("192.0.2.1", false), real = source("192.0.2.1", true);
	int got[4];

	(void)state;
	limits.queries = (struct limits_rates){10, 20};
	limits.misses = (struct limits_rates){10, 20};
	fare(&forged, 1000, START, got);
	while (limits_miss(&limits, &forged, START))
		continue;
	assert_int_equal(limits_query(&limits, &real, START), LIMITS_FULL);
	assert_true(limits_miss(&limits, &real, START));
}

static void
misses_have_a_limit_of_their_own(void **state)
{
	struct limits_source s = source("192.0.2.1", false), t = source("192.0.2.2", false);
	int n = 0;

	(void)state;
	assert_true(limits_miss(&limits, &s, START)); /* none is configured */
	limits.misses = (struct limits_rates){5, 8};
	for (int i = 0; i < 100; i++)
		n += limits_miss(&limits, &s, START);
	assert_int_equal(n, 5);
	for (int i = 0; i < 100; i++)
		n += limits_miss(&limits, &t, START);
	assert_int_equal(n, 8);
	assert_int_equal(limits_query(&limits, &s, START), LIMITS_FULL);
	assert_true(limits_miss(&limits, &s, START + SECOND));
}

/* As many of each as come, one after the other; then one more of somebody else. */
static void
whoever_waits_leaves_places_for_the_next(void **state)
{
	static const struct {
		const char *what;
		uint32_t places;
		int prefixes, clients; /* that take all they get; of each prefix */
		uint32_t first, free;  /* what the first client has; what is left */
	} rows[] = {
	    {"one client", 1000, 1, 1, 500, 500},
	    {"two, far from each other", 1000, 2, 1, 500, 250},
	    {"a whole prefix", 1000, 1, 250, 500, 250},
	    {"few places", 4, 1, 1, 2, 2},
	    {"one place", 1, 1, 1, 1, 0},
	    {"five prefixes", 10000, 5, 1, 5000, 312},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint32_t n_free = rows[i].places, first = 0;

		for (int p = 0; p < rows[i].prefixes; p++) {
			uint32_t prefix = 0, client;

			for (int c = 0; c < rows[i].clients; c++) {
				for (client = 0; n_free > 0 && limits_place(client, prefix, n_free);
				     client++, prefix++)
					n_free--;
				first = p + c == 0 ? client : first;
			}
		}
		if (first != rows[i].first || n_free != rows[i].free)
			fail_msg("%s: %u, %u are left", rows[i].what, first, n_free);
		assert_true(limits_place(0, 0, n_free));
	}
}

/* The worst that forged sources can do: a table of 320 places, a hundred thousand names a second.
 */
static void
a_spread_of_forged_sources_harms_no_proven_client(void **state)
{
	struct limits_source honest = source("192.0.2.1", true), forged = honest;
	uint64_t dice = 1;

	(void)state;
	limits.queries.client_per_s = 100;
	forged.proven = false;
	for (int i = 0; i < 300000; i++) {
		dice = dice * 6364136223846793005u + 1442695040888963407u;
		forged.client = dice >> 32;
		limits_query(&limits, &forged, START + i * (SECOND / 100000));
		if (i % 2000 == 0)
			assert_int_equal(
			    limits_query(&limits, &honest, START + i * (SECOND / 100000)),
			    LIMITS_FULL);
	}
}

/* ---- rrl ------------------------------------------------------------------------------------- */

static void
responses_have_a_class(void **state)
{
	static const struct {
		unsigned rcode, answers;
		enum rrl_class class;
	} rows[] = {{0, 1, RRL_ANSWER}, {0, 300, RRL_ANSWER}, {0, 0, RRL_NODATA},
	    {3, 0, RRL_NXDOMAIN}, {3, 1, RRL_NXDOMAIN}, {2, 0, RRL_ERROR}, {5, 0, RRL_ERROR},
	    {1, 0, RRL_ERROR}, {7, 0, RRL_ERROR}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(rrl_class(rows[i].rcode, rows[i].answers), rows[i].class);
}

static void
responses_beyond_the_rate_slip_or_fall(void **state)
{
	static const struct {
		int64_t slip;
		int least, most; /* of 10000 that were beyond: TC */
	} rows[] = {{0, 0, 0}, {1, 10000, 10000}, {2, 4700, 5300}, {10, 850, 1150}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct limits_source to = source("192.0.2.1", false);
		int got[3] = {0};

		set_up(NULL);
		rrl.slip = rows[i].slip;
		for (int n = 0; n < 10010; n++)
			got[rrl_judge(&rrl, &to, RRL_ANSWER, 42, START)]++;
		assert_int_equal(got[RRL_SEND], 10);
		assert_in_range(got[RRL_SLIP], rows[i].least, rows[i].most);
		assert_int_equal(
		    rrl_judge(&rrl, &to, RRL_ANSWER, 42, START + SECOND / 10), RRL_SEND);
	}
}

static void
what_counts_together_as_a_response(void **state)
{
	static const struct {
		const char *to;
		enum rrl_class class;
		uint64_t question;
		bool together; /* with ANSWER to question 1, or that of `flood` */
		enum rrl_class flood;
	} rows[] = {
	    {"192.0.2.9", RRL_ANSWER, 1, true, RRL_ANSWER},
	    {"192.0.3.9", RRL_ANSWER, 1, false, RRL_ANSWER},
	    {"192.0.2.9", RRL_ANSWER, 2, false, RRL_ANSWER},
	    {"192.0.2.9", RRL_NODATA, 1, false, RRL_ANSWER},
	    {"192.0.2.9", RRL_NXDOMAIN, 2, true, RRL_NXDOMAIN},
	    {"192.0.2.9", RRL_ERROR, 2, true, RRL_ERROR},
	    {"192.0.2.9", RRL_ERROR, 1, false, RRL_NXDOMAIN},
	    {"c000:200::9", RRL_ANSWER, 1, false, RRL_ANSWER},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct limits_source flood = source("192.0.2.1", false),
				     to = source(rows[i].to, false);

		set_up(NULL);
		for (int n = 0; n < 100; n++)
			rrl_judge(&rrl, &flood, rows[i].flood, 1, START);
		if ((rrl_judge(&rrl, &to, rows[i].class, rows[i].question, START) != RRL_SEND) !=
		    rows[i].together)
			fail_msg("row %zu", i);
	}
}

/* ---- crowd ----------------------------------------------------------------------------------- */

static void
a_crowd_is_counted_and_forgotten(void **state)
{
	struct crowd c;
	uint64_t a = 0x100000001, b = 0x200000001; /* they share a place of the first row */

	(void)state;
	crowd_init(&c, counts, COUNTS);
	for (int i = 0; i < 7; i++)
		crowd_enter(&c, a);
	assert_int_equal(crowd_count(&c, a), 7);
	assert_int_equal(crowd_count(&c, b), 0);
	crowd_enter(&c, b);
	assert_int_equal(crowd_count(&c, b), 1);
	for (int i = 0; i < 7; i++)
		crowd_leave(&c, a);
	crowd_leave(&c, b);
	for (int i = 0; i < 2 * COUNTS; i++)
		assert_int_equal(counts[i], 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(a_bucket_takes_its_burst_and_then_its_rate, set_up),
	    cmocka_unit_test_setup(what_is_in_it_is_told, set_up),
	    cmocka_unit_test_setup(many_addresses_do_not_wash_away_a_debt, set_up),
	    cmocka_unit_test_setup(
		whoever_asks_little_is_not_taken_for_full_among_heavy_ones, set_up),
	    cmocka_unit_test_setup(the_steps_come_in_order, set_up),
	    cmocka_unit_test_setup(queries_beyond_a_limit_go_down_the_steps, set_up),
	    cmocka_unit_test_setup(
		a_steady_client_gets_its_rate_and_as_much_again_from_cache, set_up),
	    cmocka_unit_test_setup(clients_and_prefixes_are_apart, set_up),
	    cmocka_unit_test_setup(
		a_flood_in_somebodys_name_leaves_the_proven_address_alone, set_up),
	    cmocka_unit_test_setup(misses_have_a_limit_of_their_own, set_up),
	    cmocka_unit_test_setup(whoever_waits_leaves_places_for_the_next, set_up),
	    cmocka_unit_test_setup(a_spread_of_forged_sources_harms_no_proven_client, set_up),
	    cmocka_unit_test_setup(responses_have_a_class, set_up),
	    cmocka_unit_test_setup(responses_beyond_the_rate_slip_or_fall, set_up),
	    cmocka_unit_test_setup(what_counts_together_as_a_response, set_up),
	    cmocka_unit_test_setup(a_crowd_is_counted_and_forgotten, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
