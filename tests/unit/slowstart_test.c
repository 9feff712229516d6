/* How many questions a cold engine has with recursion at a time. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "resolver/slowstart.h"

#define MOST 1000

static const struct mono T = {7000000};

/* How many more it lets in now. */
static int
enter_all(struct slowstart *s, struct mono now)
{
	int n = 0;

	while (n <= MOST && slowstart_enter(s, now))
		n++;
	return n;
}

static void
few_begin_at_first(void **state)
{
	struct slowstart s;

	(void)state;
	slowstart_init(&s, MOST);
	assert_int_equal(enter_all(&s, T), SLOWSTART_FIRST);
	assert_false(slowstart_enter(&s, mono_add_ms(T, SLOWSTART_MS - 1)));
}

static void
each_answer_lets_two_in(void **state)
{
	struct slowstart s;

	(void)state;
	slowstart_init(&s, MOST);
	enter_all(&s, T);
	slowstart_leave(&s, true);
	assert_int_equal(enter_all(&s, T), 2);
	for (int i = 0; i < SLOWSTART_FIRST; i++)
		slowstart_leave(&s, true);
	assert_int_equal(enter_all(&s, T), 2 * SLOWSTART_FIRST);
}

static void
what_is_not_answered_only_makes_room(void **state)
{
	struct slowstart s;

	(void)state;
	slowstart_init(&s, MOST);
	enter_all(&s, T);
	for (int i = 0; i < SLOWSTART_FIRST; i++)
		slowstart_leave(&s, false);
	assert_int_equal(enter_all(&s, T), SLOWSTART_FIRST);
}

static void
names_that_hang_do_not_keep_others_out(void **state)
{
	struct slowstart s;
	struct mono now = T;
	int inside, steps = 0;

	(void)state;
	slowstart_init(&s, MOST);
	for (inside = enter_all(&s, now); inside < MOST; steps++) {
		now = mono_add_ms(now, SLOWSTART_MS);
		assert_int_equal(enter_all(&s, now), inside < MOST / 2 ? inside : MOST - inside);
		inside = (int)s.inside;
	}
	assert_int_equal(steps, 4);
}

static void
once_open_only_the_cap_counts(void **state)
{
	struct slowstart s;

	(void)state;
	slowstart_init(&s, 8);
	assert_int_equal(enter_all(&s, T), 8);
	slowstart_leave(&s, true);
	assert_int_equal(enter_all(&s, mono_add_ms(T, 60000)), 1);
}

/* The time until it doubles counts from the first question, not from the start. */
static void
a_pause_before_the_first_question_opens_nothing(void **state)
{
	struct slowstart s;

	(void)state;
	slowstart_init(&s, MOST);
	assert_int_equal(enter_all(&s, mono_add_ms(T, 3600000)), SLOWSTART_FIRST);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(few_begin_at_first),
	    cmocka_unit_test(each_answer_lets_two_in),
	    cmocka_unit_test(what_is_not_answered_only_makes_room),
	    cmocka_unit_test(names_that_hang_do_not_keep_others_out),
	    cmocka_unit_test(once_open_only_the_cap_counts),
	    cmocka_unit_test(a_pause_before_the_first_question_opens_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
