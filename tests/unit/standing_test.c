/* How a worker or an engine stands: when it fails, and what matters more. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "resolver/standing.h"

/* Questions that end `every_ms`: `bad` without a good answer, from `from_ms` on. */
static struct mono
fruitless(struct standing *s, int64_t from_ms, int bad, int64_t every_ms)
{
	struct mono now = {from_ms * 1000};

	for (int i = 0; i < bad; i++) {
		now = (struct mono){(from_ms + i * every_ms) * 1000};
		standing_note(s, false, now);
	}
	return now;
}

static void
it_fails_after_so_many_questions_and_so_long(void **state)
{
	static const struct {
		const char *what;
		int bad;
		int64_t every_ms;
		enum score_state stands;
	} rows[] = {
	    {"nothing asked", 0, 0, SCORE_ANSWERING},
	    {"one", 1, 1, SCORE_ANSWERING},
	    {"a burst", 1000, 1, SCORE_ANSWERING},
	    {"long, and one too few", 19, 10000, SCORE_ANSWERING},
	    {"enough, and a moment too short", 20, 263, SCORE_ANSWERING},
	    {"enough and just as long", 21, 250, SCORE_FAILING},
	    {"many and long", 100000, 10, SCORE_FAILING},
	    {"few and very long", 20, 60000, SCORE_FAILING},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct standing s = {0};

		fruitless(&s, 1000, rows[i].bad, rows[i].every_ms);
		if (standing_state(&s, true, false, true) != rows[i].stands)
			fail_msg("%s", rows[i].what);
	}
}

static void
a_pause_is_no_failure(void **state)
{
	struct standing s = {0};
	struct mono now = fruitless(&s, 1000, 30, 100);

	(void)state;
	/* Nobody asks: nothing is known of the time since. */
	assert_int_equal(standing_state(&s, true, false, true), SCORE_ANSWERING);
	standing_note(&s, false, mono_add_ms(now, 2100));
	assert_int_equal(standing_state(&s, true, false, true), SCORE_FAILING);
}

static void
one_good_answer_ends_it(void **state)
{
	struct standing s = {0};
	struct mono now = fruitless(&s, 1000, 100, 100);

	(void)state;
	assert_int_equal(standing_state(&s, true, false, true), SCORE_FAILING);
	standing_note(&s, true, now);
	assert_int_equal(standing_state(&s, true, false, true), SCORE_ANSWERING);
	/* And all is counted anew. */
	now = fruitless(&s, now.us / 1000, 19, 1000);
	assert_int_equal(standing_state(&s, true, false, true), SCORE_ANSWERING);
	standing_note(&s, false, now);
	assert_int_equal(standing_state(&s, true, false, true), SCORE_FAILING);
}

static void
what_it_is_told_to_do_comes_first(void **state)
{
	struct standing failing = {0}, well = {0};

	(void)state;
	fruitless(&failing, 1000, 100, 100);
	for (int i = 0; i < 16; i++) {
		bool running = i & 1, stopping = i & 2, engines = i & 4, fails = i & 8;
		enum score_state wanted = stopping   ? SCORE_STOPPING
					  : !running ? SCORE_STARTING
					  : !engines ? SCORE_STALE_ONLY
					  : fails    ? SCORE_FAILING
						     : SCORE_ANSWERING;

		assert_int_equal(
		    standing_state(fails ? &failing : &well, running, stopping, engines), wanted);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(it_fails_after_so_many_questions_and_so_long),
	    cmocka_unit_test(a_pause_is_no_failure),
	    cmocka_unit_test(one_good_answer_ends_it),
	    cmocka_unit_test(what_it_is_told_to_do_comes_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
