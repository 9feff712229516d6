/* When an upstream is given up, tried and taken back. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "resolver/breaker.h"

/*
 * One letter an event: 1..9 a failure about that zone, 0 one of the upstream itself, + an answer,
 * w a trial that went well, b one that did not, t time; a dot: ten seconds later. After each event
 * but the dot a state is given: c closed, o open, h half-open, in capitals where a trial begins.
 */
static const struct {
	const char *what, *events, *states;
} rows[] = {
    {"answers", "+++", "ccc"},
    {"four failures", "1234", "cccc"},
    {"five of as many zones are tried, and that decides", "12345b", "ccccCo"},
    {"... for the better", "12345w", "ccccCc"},
    {"of one zone, however many", "1111111111", "cccccccccc"},
    {"of two zones", "1212121212", "cccccccccc"},
    {"of the upstream itself each counts", "00000b", "ccccCo"},
    {"both kinds together", "01020b", "ccccCo"},
    {"an answer ends the row", "1234+12345", "cccccccccC"},
    {"one trial at a time", "1234567", "ccccCcc"},
    {"an answer while it is tried counts more", "12345+b", "ccccCcc"},
    {"doubt is tried again on a failure, not before time", "12345w6.t6", "ccccCcccC"},
    {"open until half a minute has passed", "12345b..t.t", "ccccCooH"},
    {"half-open, and well", "12345b...tw", "ccccCoHc"},
    {"half-open, and bad", "12345b...tb..t.t", "ccccCoHooH"},
    {"a failure while it is open is none of the trial's", "12345b1...t", "ccccCooH"},
    {"an answer closes an open one", "12345b+", "ccccCoc"},
    {"an answer closes a half-open one", "12345b...t+b", "ccccCoHcc"},
    {"closed after that, the row begins anew", "12345b+1234", "ccccCoccccc"},
    {"closed by a trial, failures go on counting", "12345b...tw.1", "ccccCoHcC"},
};

static void
step(struct breaker *b, char letter, struct mono now, const char *what, char wanted)
{
	static const char marks[] = "coh";
	enum breaker_event event = letter == '+'   ? BREAKER_ANSWERED
				   : letter == 'w' ? BREAKER_WELL
				   : letter == 'b' ? BREAKER_BAD
				   : letter == 't' ? BREAKER_TIME
						   : BREAKER_FAILED;
	struct breaker_update u =
	    breaker_step(*b, event, event == BREAKER_FAILED ? (uint64_t)(letter - '0') : 0, now);
	char is = marks[u.next.state];

	if (u.next.state != b->state)
		assert_int_equal(u.next.since.us, now.us);
	else
		assert_int_equal(u.next.since.us, b->since.us);
	*b = u.next;
	is = u.trial ? (char)(is - 'a' + 'A') : is;
	if (is != wanted)
		fail_msg("%s: at '%c': %c, not %c", what, letter, is, wanted);
}

static void
every_history_has_its_states(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct mono now = {1000000};
		struct breaker b = {0};
		const char *wanted = rows[i].states;

		for (const char *e = rows[i].events; *e != '\0'; e++) {
			if (*e == '.')
				now = mono_add_ms(now, 10000);
			else
				step(&b, *e, now, rows[i].what, *wanted++);
		}
		assert_int_equal(*wanted, '\0');
	}
}

static void
it_wakes_for_its_trial(void **state)
{
	struct mono now = {1000000};
	struct breaker b = {0};

	(void)state;
	assert_int_equal(breaker_wake(&b).us, INT64_MAX);
	for (uint64_t zone = 1; zone <= 5; zone++)
		b = breaker_step(b, BREAKER_FAILED, zone, now).next;
	assert_int_equal(breaker_wake(&b).us, INT64_MAX);
	b = breaker_step(b, BREAKER_BAD, 0, now).next;
	assert_int_equal(breaker_wake(&b).us, mono_add_ms(now, BREAKER_OPEN_MS).us);
	b = breaker_step(b, BREAKER_TIME, 0, breaker_wake(&b)).next;
	assert_int_equal(b.state, BREAKER_HALF_OPEN);
	assert_int_equal(breaker_wake(&b).us, INT64_MAX);
}

static uint64_t
zone_of(const char *wire, size_t length)
{
	struct key k;

	assert_true(key_make(&k, (const uint8_t *)wire, length, 1, 1, false, false));
	return breaker_zone(&k);
}

static void
a_zone_is_two_labels(void **state)
{
	(void)state;
	assert_int_equal(zone_of("\1a\4evil\4test", 13), zone_of("\1b\1c\4evil\4test", 15));
	assert_int_equal(zone_of("\4EVIL\4test", 11), zone_of("\1b\4evil\4test", 13));
	assert_int_not_equal(zone_of("\4evil\4test", 11), zone_of("\4good\4test", 11));
	assert_int_not_equal(zone_of("\4test", 6), zone_of("", 1));
	assert_int_not_equal(zone_of("", 1), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_history_has_its_states),
	    cmocka_unit_test(it_wakes_for_its_trial),
	    cmocka_unit_test(a_zone_is_two_labels),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
