/* leave: when the drain at SIGTERM is over. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "healthd/leave.h"

static void
every_drain_ends_when_clients_have_left_or_by_time(void **state)
{
	static const struct {
		const char *promise;
		int64_t drain_ms;
		bool counted;
		double before, probes; /* queries a second */
		int64_t since_ms;
		uint64_t seen;
		int64_t look_ms;
		enum leave_because want;
	} rows[] = {
	    {"foreign workers: by time only", 60000, false, 0, 0, 59999, 0, 0, LEAVE_NOT},
	    {"foreign workers: by time", 60000, false, 0, 0, 60000, 0, 0, LEAVE_TIME},
	    {"no drain at all", 0, true, 1000, 0, 0, 1000, 1000, LEAVE_TIME},
	    {"at least a second", 60000, true, 1000, 0, 999, 0, 1000, LEAVE_NOT},
	    {"under 1 % of before", 60000, true, 1000, 0, 1000, 10, 1000, LEAVE_EMPTY},
	    {"over 1 % of before", 60000, true, 1000, 0, 30000, 11, 1000, LEAVE_NOT},
	    {"over 1 % to the end", 60000, true, 1000, 0, 60000, 900, 1000, LEAVE_TIME},
	    {"a low rate is looked at longer", 60000, true, 10, 0, 5000, 0, 5000, LEAVE_NOT},
	    {"and then believed", 60000, true, 10, 0, 10000, 1, 9980, LEAVE_EMPTY},
	    {"too low to be told from nothing: by time", 60000, true, 0.5, 0, 59000, 0, 59000,
		LEAVE_NOT},
	    {"nobody before, nobody now", 60000, true, 0, 0, 1000, 0, 1000, LEAVE_EMPTY},
	    {"nobody before, somebody now", 60000, true, 0, 0, 5000, 3, 1000, LEAVE_NOT},
	    {"our own probes are no clients", 60000, true, 102, 2, 2000, 3, 1000, LEAVE_EMPTY},
	    {"clients beside them are", 60000, true, 102, 2, 2000, 4, 1000, LEAVE_NOT},
	    {"only probes before and now", 60000, true, 2, 2, 1000, 2, 1000, LEAVE_EMPTY},
	    {"no reading yet", 60000, true, 1000, 0, 2000, 0, 0, LEAVE_NOT},
	    {"a damaged count is no emptiness", 60000, true, 1000, 0, 2000, UINT64_MAX, 1000,
		LEAVE_NOT},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct leave l = {
		    .drain_ms = rows[i].drain_ms,
		    .counted = rows[i].counted,
		    .before = (int64_t)(rows[i].before * 1000),
		    .probes = (int64_t)(rows[i].probes * 1000),
		};

		if (leave_step(&l, rows[i].since_ms, rows[i].seen, rows[i].look_ms) != rows[i].want)
			fail_msg("%s", rows[i].promise);
	}
}

static void
a_look_is_as_long_as_a_hundred_queries_took(void **state)
{
	struct leave l = {.before = 0};

	(void)state;
	assert_int_equal(leave_look_ms(&l), 1000);
	l.before = 50000000;
	assert_int_equal(leave_look_ms(&l), 1000);
	l.before = 20000;
	assert_int_equal(leave_look_ms(&l), 5000);
	l.probes = 10000;
	assert_int_equal(leave_look_ms(&l), 10000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_drain_ends_when_clients_have_left_or_by_time),
	    cmocka_unit_test(a_look_is_as_long_as_a_hundred_queries_took),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
