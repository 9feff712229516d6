/*
 * Which answers are renewed before they end: near their end, within the budget, once each, and not
 * while upstream is ill.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

#include "resolver/refresh.h"

#define STORED_S 1000
#define LATEST ((uint64_t)255 << 56) /* a hash that begins last */

static struct refresh r;

static struct mono
at_ms(int64_t ms)
{
	return (struct mono){(STORED_S * 1000 + ms) * 1000};
}

static struct entry
entry_of(uint32_t ttl_s)
{
	return (struct entry){.ttl_s = ttl_s, .stored_s = STORED_S};
}

static enum refresh_verdict
may(uint32_t ttl_s, int64_t ms, uint64_t hash)
{
	struct entry e = entry_of(ttl_s);

	return refresh_may(&r, &e, hash, false, at_ms(ms));
}

static void
ask(uint32_t ttl_s, int64_t ms, uint64_t hash)
{
	struct entry e = entry_of(ttl_s);

	refresh_asked(&r, &e, hash, at_ms(ms));
}

static void
an_answer_is_near_its_end_when_so_much_is_left(void **state)
{
	static const struct {
		int64_t percent;
		uint32_t ttl_s;
		int64_t age_s;
		bool near;
	} rows[] = {
	    {10, 300, 269, false}, {10, 300, 270, true}, {10, 300, 299, true}, {10, 10, 8, false},
	    {10, 10, 9, true}, {10, 9, 8, false}, {10, 1, 0, false}, {50, 4, 1, false},
	    {50, 4, 2, true}, {10, 604800, 544319, false}, {10, 604800, 544320, true},
	    {0, 300, 299, false}, {0, 1, 1, false}, {10, 300, -60, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct entry e = entry_of(rows[i].ttl_s);

		if (refresh_is_near(rows[i].percent, &e, STORED_S + rows[i].age_s) != rows[i].near)
			fail_msg("%lld %% of %u s at %lld s", (long long)rows[i].percent,
			    rows[i].ttl_s, (long long)rows[i].age_s);
	}
}

/* Of one answer that all have, by hash: from the part's first to its first quarter's end. */
static void
workers_begin_one_after_another_within_a_quarter(void **state)
{
	int64_t last = 0;

	(void)state;
	refresh_init(&r, 10, 1000, 800, at_ms(0));
	for (uint64_t octet = 0; octet < 256; octet++) {
		int64_t ms = 260000;

		while (may(300, ms, octet << 56) == REFRESH_EARLY)
			ms++;
		assert_int_equal(may(300, ms, octet << 56), REFRESH_ASK);
		assert_true(ms >= 270000 && ms < 277500 && ms >= last);
		last = ms;
	}
	assert_true(last > 277000);
	/* Also the shortest has a moment for each. */
	refresh_init(&r, 10, 1000, 800, at_ms(0));
	assert_int_equal(may(10, 9000, 0), REFRESH_ASK);
	assert_int_equal(may(10, 9200, LATEST), REFRESH_EARLY);
	assert_int_equal(may(10, 9250, LATEST), REFRESH_ASK);
}

static void
one_that_was_tried_waits_for_half_of_what_is_left(void **state)
{
	(void)state;
	refresh_init(&r, 10, 1000, 800, at_ms(0));
	ask(1000, 900000, 1);
	assert_int_equal(may(1000, 949999, 1), REFRESH_TRIED);
	assert_int_equal(may(1000, 949999, 2), REFRESH_ASK);
	assert_int_equal(may(1000, 950000, 1), REFRESH_ASK);
	ask(1000, 995000, 1);
	assert_int_equal(may(1000, 999999, 1), REFRESH_TRIED);
	/* Another one of the same slot makes it forgotten: it is asked once too often. */
	ask(1000, 995000, 1 + REFRESH_SLOTS);
	assert_int_equal(may(1000, 999999, 1), REFRESH_ASK);
}

static void
nothing_is_asked_while_upstream_is_ill(void **state)
{
	struct entry e = entry_of(300);

	(void)state;
	refresh_init(&r, 10, 1000, 800, at_ms(0));
	for (int64_t ms = 270000; ms < 300000; ms += 500)
		for (uint64_t hash = 0; hash < 100; hash++)
			assert_int_equal(
			    refresh_may(&r, &e, hash, true, at_ms(ms)), REFRESH_ILL);
	assert_int_equal(refresh_may(&r, &e, 1, false, at_ms(299000)), REFRESH_ASK);
}

/* Many answers end together; each asked-for one is answered 20 ms later. */
static void
no_second_sees_more_than_the_budget(void **state)
{
	static const int64_t budgets[] = {1, 7, 250};
	static int64_t asked_ms[100000];

	(void)state;
	for (size_t b = 0; b < sizeof(budgets) / sizeof(budgets[0]); b++) {
		int64_t per_s = budgets[b];
		int n = 0, ended = 0;

		refresh_init(&r, 10, per_s, 100000, at_ms(0));
		for (int64_t ms = 280000; ms < 290000; ms++) {
			for (; ended < n && asked_ms[ended] + 20 <= ms; ended++)
				refresh_ended(&r);
			for (int i = 0; i < 50; i++) {
				uint64_t hash = (uint64_t)(ms * 50 + i);

				if (may(300, ms, hash) != REFRESH_ASK)
					continue;
				ask(300, ms, hash);
				asked_ms[n++] = ms;
			}
		}
		for (int i = 0, from = 0; i < n; i++) {
			while (asked_ms[from] <= asked_ms[i] - 1000)
				from++;
			/* What was saved up, and what a second brings. */
			assert_true(i - from + 1 <= 2 * per_s);
		}
		/* It is used, too. */
		assert_true(n >= 10 * per_s && n <= 11 * per_s);
	}
}

static void
at_most_a_share_is_open_at_a_time(void **state)
{
	static const struct {
		int64_t in_flight;
		uint32_t most;
	} rows[] = {{1, 1}, {8, 1}, {64, 8}, {4096, 512}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint32_t n = 0;

		refresh_init(&r, 10, 100000, rows[i].in_flight, at_ms(0));
		for (int64_t ms = 280000; ms < 282000; ms++) {
			if (may(300, ms, (uint64_t)ms) != REFRESH_ASK)
				continue;
			ask(300, ms, (uint64_t)ms);
			n++;
		}
		assert_int_equal(n, rows[i].most);
		assert_int_equal(may(300, 282000, 7), REFRESH_OVER);
		refresh_ended(&r);
		assert_int_equal(may(300, 282000, 7), REFRESH_ASK);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_answer_is_near_its_end_when_so_much_is_left),
	    cmocka_unit_test(workers_begin_one_after_another_within_a_quarter),
	    cmocka_unit_test(one_that_was_tried_waits_for_half_of_what_is_left),
	    cmocka_unit_test(nothing_is_asked_while_upstream_is_ill),
	    cmocka_unit_test(no_second_sees_more_than_the_budget),
	    cmocka_unit_test(at_most_a_share_is_open_at_a_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
