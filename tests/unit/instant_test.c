/* Points in time as operators write them, and event lines read back. */
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bgpctl/eventline.h"
#include "bgpctl/instant.h"
#include "lib/event.h"

#define S 1000000LL
#define NOW (1795317255 * S) /* 2026-11-22T03:14:15Z */

static void
times_parse(void **state)
{
	static const struct {
		const char *text;
		int64_t us;
	} rows[] = {
	    {"10m", NOW - 600 * S},
	    {"03:14", NOW - 15 * S},
	    {"03:14:15", NOW},
	    {"03:14:16", NOW + S - 86400 * S},
	    {"23:00", NOW - 15 * S - 14 * 60 * S - 4 * 3600 * S},
	    {"2026-11-22T03:14:15Z", NOW},
	    {"2026-11-22T03:14:15", NOW},
	    {"2026-11-22 03:14", NOW - 15 * S},
	    {"2026-11-22T03:14:15.250Z", NOW + 250000},
	    {"2026-11-22", NOW - 15 * S - 14 * 60 * S - 3 * 3600 * S},
	};
	int64_t us;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		us = 0;
		if (!instant_parse(rows[i].text, NOW, &us) || us != rows[i].us)
			fail_msg("%s: %lld", rows[i].text, (long long)us);
	}
}

static void
other_words_are_refused(void **state)
{
	static const char *const rows[] = {"", "yesterday", "25:00", "2026-13-01", "3:14:99", "10",
	    "2026-11-22T03:14:15+01", "03:14x"};
	int64_t us;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (instant_parse(rows[i], NOW, &us))
			fail_msg("%s was taken", rows[i]);
}

static void
utc_is_not_local_time(void **state)
{
	int64_t us;

	(void)state;
	setenv("TZ", "UTC-2", 1); /* two hours east */
	tzset();
	assert_true(instant_parse("2026-11-22T03:14:15Z", NOW, &us));
	assert_int_equal(us, NOW);
	assert_true(instant_parse("2026-11-22T05:14:15", NOW, &us));
	assert_int_equal(us, NOW);
	assert_true(instant_parse("05:14:15", NOW, &us));
	assert_int_equal(us, NOW);
	setenv("TZ", "UTC", 1);
	tzset();
}

static void
event_lines_read_back_as_they_were_written(void **state)
{
	static const char *const values[] = {
	    "plain", "two words", "a \"quoted\" one", "back\\slash", "", "x=y", "tail\\"};
	struct event e;
	const char *at;
	char key[32], value[256];

	(void)state;
	event_begin(&e, EVENT_INFO, "test");
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		event_str(&e, "k", values[i]);
	at = e.line;
	assert_true(eventline_next(&at, key, sizeof(key), value, sizeof(value)));
	assert_string_equal(key, "event");
	assert_string_equal(value, "test");
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		assert_true(eventline_next(&at, key, sizeof(key), value, sizeof(value)));
		assert_string_equal(key, "k");
		assert_string_equal(value, values[i]);
	}
	assert_false(eventline_next(&at, key, sizeof(key), value, sizeof(value)));
}

static void
broken_event_lines_end(void **state)
{
	static const char *const rows[] = {"", "x", "=1", "x =1", " "};
	char key[4], value[4];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *at = rows[i];

		assert_false(eventline_next(&at, key, sizeof(key), value, sizeof(value)));
	}
	const char *at = "longkey=\"long value without an end";
	assert_true(eventline_next(&at, key, sizeof(key), value, sizeof(value)));
	assert_string_equal(key, "lon");
	assert_string_equal(value, "lon");
	assert_string_equal(at, "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(times_parse),
		cmocka_unit_test(other_words_are_refused),
		cmocka_unit_test(utc_is_not_local_time),
		cmocka_unit_test(event_lines_read_back_as_they_were_written),
		cmocka_unit_test(broken_event_lines_end),
	};

	setenv("TZ", "UTC", 1);
	tzset();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
