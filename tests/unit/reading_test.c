/*
 * reading: the kernel's texts, and what they are worth.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "healthd/reading.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))

static void
pressure_reads_in_hundredths(void **state)
{
	static const struct {
		const char *text;
		int64_t reading; /* -1: none */
	} rows[] = {
	    {"some avg10=12.34 avg60=1.00 avg300=0.00 total=5\nfull avg10=99.00 ", 1234},
	    {"some avg10=0.05 avg60=", 5},
	    {"some avg10=100.00 avg60=", 10000},
	    {"some avg10=7", 700},
	    {"some avg10=101.00", -1},
	    {"some avg10=-1.00", -1},
	    {"some avg10=", -1},
	    {"full avg10=12.34", -1},
	    {"", -1},
	};
	int64_t got;

	(void)state;
	for (size_t i = 0; i < N(rows); i++) {
		got = -1;
		assert_int_equal(reading_pressure(rows[i].text, &got), rows[i].reading >= 0);
		assert_int_equal(got, rows[i].reading);
	}
}

static void
fields_are_found_by_whole_words(void **state)
{
	static const char text[] = "MemTotal:       16 kB\nMemAvailable:\t 4 kB\ninactive_file 7\n"
				   "inactive_filez 9\nbroken x\nlast 8";
	uint64_t v = 0;

	(void)state;
	assert_true(reading_field(text, "MemTotal:", &v) && v == 16);
	assert_true(reading_field(text, "MemAvailable:", &v) && v == 4);
	assert_true(reading_field(text, "inactive_file", &v) && v == 7);
	assert_true(reading_field(text, "last", &v) && v == 8);
	assert_false(reading_field(text, "Mem", &v));
	assert_false(reading_field(text, "Total:", &v));
	assert_false(reading_field(text, "broken", &v));
	assert_false(reading_field("", "x", &v));
}

static void
columns_are_found_by_name(void **state)
{
	static const char text[] = "Ip: Forwarding InErrors\nIp: 1 2\n"
				   "Udp: InDatagrams RcvbufErrors SndbufErrors\nUdp: 10 20 30\n"
				   "UdpLite: RcvbufErrors\nUdpLite: 5\n";
	uint64_t v = 0;

	(void)state;
	assert_true(reading_column(text, "Udp:", "RcvbufErrors", &v) && v == 20);
	assert_true(reading_column(text, "Udp:", "SndbufErrors", &v) && v == 30);
	assert_true(reading_column(text, "UdpLite:", "RcvbufErrors", &v) && v == 5);
	assert_false(reading_column(text, "Udp:", "Rcvbuf", &v));
	assert_false(reading_column(text, "Ip:", "RcvbufErrors", &v));
	assert_false(reading_column(text, "Tcp:", "RcvbufErrors", &v));
	assert_false(reading_column("Udp: RcvbufErrors\n", "Udp:", "RcvbufErrors", &v));
	assert_false(reading_column("Udp: a RcvbufErrors\nUdp: 1", "Udp:", "RcvbufErrors", &v));
}

static void
numbers_have_bounds(void **state)
{
	uint64_t v = 0;

	(void)state;
	assert_true(reading_number("18446744073709551615\n", &v) && v == UINT64_MAX);
	assert_false(reading_number("18446744073709551616", &v));
	assert_false(reading_number("max\n", &v));
	assert_true(reading_nth("1024\t0\t9223372036854775807\n", 2, &v) && v == INT64_MAX);
	assert_false(reading_nth("1024\t0\n", 2, &v));
}

static void
shares_and_rates_do_not_overflow(void **state)
{
	(void)state;
	assert_int_equal(reading_share(1, 3), 3333);
	assert_int_equal(reading_share(0, 0), 0);
	assert_int_equal(reading_share(UINT64_MAX, UINT64_MAX), 10000);
	assert_int_equal(reading_share(1, UINT64_MAX), 0);
	assert_int_equal(reading_rate(10, 30, 2000000), 1000);
	assert_int_equal(reading_rate(10, 30, 0), 0);
	assert_int_equal(reading_rate(30, 10, 1000000), 0);
	assert_true(reading_rate(0, UINT64_MAX, 1) > 0);
}

static void
grade_falls_from_warn_to_crit(void **state)
{
	static const struct {
		int64_t reading, warn, crit;
		int grade;
	} rows[] = {
	    {0, 2000, 4000, 100}, {2000, 2000, 4000, 100}, {2500, 2000, 4000, 75},
	    {3000, 2000, 4000, 50}, {3999, 2000, 4000, 0}, {4000, 2000, 4000, 0},
	    {9000, 2000, 4000, 0}, {9000, 1000, 500, 100}, {1000, 1000, 500, 100},
	    {750, 1000, 500, 50}, {500, 1000, 500, 0}, {0, 1000, 500, 0},
	};

	(void)state;
	for (size_t i = 0; i < N(rows); i++)
		assert_int_equal(reading_grade(rows[i].reading, rows[i].warn, rows[i].crit),
		    rows[i].grade);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(pressure_reads_in_hundredths),
	    cmocka_unit_test(fields_are_found_by_whole_words),
	    cmocka_unit_test(columns_are_found_by_name),
	    cmocka_unit_test(numbers_have_bounds),
	    cmocka_unit_test(shares_and_rates_do_not_overflow),
	    cmocka_unit_test(grade_falls_from_warn_to_crit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
