/* Durations as people write and read them. */
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <stddef.h>
#include <cmocka.h>
#include <math.h>

#include "bgpctl/duration.h"

static void
good_durations_parse(void **state)
{
	static const struct {
		const char *text;
		int64_t ms;
	} rows[] = {{"90s", 90000}, {"30m", 1800000}, {"30min", 1800000}, {"2h", 7200000},
	    {"1d", 86400000}, {"1h30m", 5400000}, {"250ms", 250}, {"0s", 0}, {"365d", 31536000000},
	    {"1m1ms", 60001}};
	int64_t ms;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		ms = -1;
		assert_true(duration_parse(rows[i].text, &ms));
		assert_int_equal(ms, rows[i].ms);
	}
}

static void
bad_durations_are_refused_and_touch_nothing(void **state)
{
	static const char *const rows[] = {"", "10", "m", "-5m", "5 m", "5x", "1.5h", "30m1h",
	    "1h1h", "366d", "99999999999999999999s", "9223372036854775807h", "5m ", "0x5m"};
	int64_t ms = 77;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (duration_parse(rows[i], &ms))
			fail_msg("%s was taken", rows[i]);
		assert_int_equal(ms, 77);
	}
}

static void
durations_render_in_two_units_at_most(void **state)
{
	static const struct {
		double s;
		const char *text;
	} rows[] = {{0, "0 s"}, {-3, "0 s"}, {NAN, "0 s"}, {0.26, "0.3 s"}, {9.94, "9.9 s"},
	    {9.96, "10 s"}, {59.4, "59 s"}, {59.6, "1 min"}, {60, "1 min"}, {185, "3 min 5 s"},
	    {600, "10 min"}, {1799, "29 min"}, {3600, "1 h"}, {7260, "2 h 1 min"},
	    {86399, "23 h 59 min"}, {86400, "1 d"}, {90000, "1 d 1 h"},
	    {INFINITY, "11574074 d 1 h"}};
	char buf[DURATION_TEXT];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_string_equal(duration_render(rows[i].s, buf), rows[i].text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_durations_parse),
		cmocka_unit_test(bad_durations_are_refused_and_touch_nothing),
		cmocka_unit_test(durations_render_in_two_units_at_most),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
