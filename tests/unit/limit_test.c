/* limit: what others say about the rung, put, read and expired. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "healthd/limit.h"

static struct limit
make(enum limit_owner owner, enum limit_sort sort, int rung, int64_t until)
{
	return (struct limit){
	    .owner = owner, .sort = sort, .rung = (int8_t)rung, .until = (struct mono){until}};
}

static void
put(struct limit *l, enum limit_owner owner, enum limit_sort sort, int rung, int64_t until)
{
	struct limit one = make(owner, sort, rung, until);

	assert_true(limits_put(l, MAX_LIMITS, &one));
}

static void
an_empty_table_bounds_nothing(void **state)
{
	struct limit l[MAX_LIMITS] = {0};

	(void)state;
	assert_int_equal(limits_cap(l, MAX_LIMITS, 3), 3);
	assert_int_equal(limits_floor(l, MAX_LIMITS, 3), 0);
	assert_int_equal(limits_pin(l, MAX_LIMITS), -1);
	assert_int_equal(limits_tick(l, MAX_LIMITS, (struct mono){5}).us, 0);
}

static void
the_lowest_cap_and_pin_and_the_highest_floor_win(void **state)
{
	struct limit l[MAX_LIMITS] = {0};

	(void)state;
	put(l, OWNER_OPERATOR, LIMIT_CAP, 2, 0);
	put(l, OWNER_BIRDC, LIMIT_CAP, 1, 0);
	put(l, OWNER_FLEET, LIMIT_FLOOR, 1, 0);
	put(l, OWNER_OPERATOR, LIMIT_FLOOR, 2, 0);
	put(l, OWNER_OPERATOR, LIMIT_PIN, 3, 0);
	put(l, OWNER_FLEET, LIMIT_PIN, 2, 0);
	assert_int_equal(limits_cap(l, MAX_LIMITS, 3), 1);
	assert_int_equal(limits_floor(l, MAX_LIMITS, 3), 2);
	assert_int_equal(limits_pin(l, MAX_LIMITS), 2);
}

static void
rungs_out_of_range_stay_within_the_ladder(void **state)
{
	struct limit l[MAX_LIMITS] = {0};

	(void)state;
	put(l, OWNER_OPERATOR, LIMIT_CAP, 5, 0);
	put(l, OWNER_FLEET, LIMIT_FLOOR, 5, 0);
	assert_int_equal(limits_cap(l, MAX_LIMITS, 3), 3);
	assert_int_equal(limits_floor(l, MAX_LIMITS, 3), 3);
	put(l, OWNER_OPERATOR, LIMIT_CAP, -4, 0);
	assert_int_equal(limits_cap(l, MAX_LIMITS, 3), 0);
}

static void
saying_it_again_replaces(void **state)
{
	struct limit l[MAX_LIMITS] = {0};
	struct limit *same = l;

	(void)state;
	put(l, OWNER_OPERATOR, LIMIT_CAP, 1, 50);
	put(l, OWNER_BIRDC, LIMIT_CAP, 1, 0);
	put(l, OWNER_OPERATOR, LIMIT_CAP, 2, 90);
	assert_int_equal(same->rung, 2);
	assert_int_equal(same->until.us, 90);
	assert_true(limits_drop(l, MAX_LIMITS, OWNER_BIRDC));
	assert_int_equal(limits_cap(l, MAX_LIMITS, 3), 2);
}

static void
a_hole_in_the_table_does_not_hide_the_one_to_replace(void **state)
{
	struct limit l[MAX_LIMITS] = {0};
	int operators = 0;

	(void)state;
	put(l, OWNER_BIRDC, LIMIT_CAP, 1, 0);
	put(l, OWNER_OPERATOR, LIMIT_CAP, 1, 0);
	limits_drop(l, MAX_LIMITS, OWNER_BIRDC);
	put(l, OWNER_OPERATOR, LIMIT_CAP, 2, 0);
	for (int i = 0; i < MAX_LIMITS; i++)
		operators += l[i].set && l[i].owner == OWNER_OPERATOR;
	assert_int_equal(operators, 1);
}

static void
a_full_table_refuses_and_keeps_what_it_has(void **state)
{
	struct limit l[2] = {0}, more = make(OWNER_FLEET, LIMIT_CAP, 0, 0);

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct limit one = make((enum limit_owner)i, LIMIT_CAP, 2, 0);

		assert_true(limits_put(l, 2, &one));
	}
	assert_false(limits_put(l, 2, &more));
	assert_int_equal(limits_cap(l, 2, 3), 2);
}

static void
dropping_takes_all_of_an_owner_and_nobody_elses(void **state)
{
	struct limit l[MAX_LIMITS] = {0};

	(void)state;
	put(l, OWNER_OPERATOR, LIMIT_CAP, 1, 0);
	put(l, OWNER_OPERATOR, LIMIT_PIN, 2, 0);
	put(l, OWNER_BIRDC, LIMIT_CAP, 2, 0);
	assert_true(limits_drop(l, MAX_LIMITS, OWNER_OPERATOR));
	assert_false(limits_drop(l, MAX_LIMITS, OWNER_OPERATOR));
	assert_int_equal(limits_pin(l, MAX_LIMITS), -1);
	assert_int_equal(limits_cap(l, MAX_LIMITS, 3), 2);
}

static void
expiry_ends_a_limit_at_its_moment_and_tells_the_next(void **state)
{
	struct limit l[MAX_LIMITS] = {0};

	(void)state;
	put(l, OWNER_OPERATOR, LIMIT_CAP, 1, 100);
	put(l, OWNER_BIRDC, LIMIT_CAP, 2, 200);
	put(l, OWNER_FLEET, LIMIT_FLOOR, 1, 0);
	assert_int_equal(limits_tick(l, MAX_LIMITS, (struct mono){99}).us, 100);
	assert_int_equal(limits_cap(l, MAX_LIMITS, 3), 1);
	assert_int_equal(limits_tick(l, MAX_LIMITS, (struct mono){100}).us, 200);
	assert_int_equal(limits_cap(l, MAX_LIMITS, 3), 2);
	assert_int_equal(limits_tick(l, MAX_LIMITS, (struct mono){900}).us, 0);
	assert_int_equal(limits_cap(l, MAX_LIMITS, 3), 3);
	assert_int_equal(limits_floor(l, MAX_LIMITS, 3), 1); /* no expiry: it stays */
}

static void
every_owner_and_sort_has_a_name(void **state)
{
	(void)state;
	for (int i = 0; i < N_LIMIT_OWNERS; i++)
		assert_true(strlen(limit_owner_name((enum limit_owner)i)) > 1);
	for (int i = 0; i < 3; i++)
		assert_true(strlen(limit_sort_name((enum limit_sort)i)) > 1);
	assert_string_equal(limit_owner_name((enum limit_owner)99), "?");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_empty_table_bounds_nothing),
	    cmocka_unit_test(the_lowest_cap_and_pin_and_the_highest_floor_win),
	    cmocka_unit_test(rungs_out_of_range_stay_within_the_ladder),
	    cmocka_unit_test(saying_it_again_replaces),
	    cmocka_unit_test(a_hole_in_the_table_does_not_hide_the_one_to_replace),
	    cmocka_unit_test(a_full_table_refuses_and_keeps_what_it_has),
	    cmocka_unit_test(dropping_takes_all_of_an_owner_and_nobody_elses),
	    cmocka_unit_test(expiry_ends_a_limit_at_its_moment_and_tells_the_next),
	    cmocka_unit_test(every_owner_and_sort_has_a_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
