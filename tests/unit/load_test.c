/* load: shares of capacity as levels that do not waver. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "bgpctl/beacon.h"
#include "healthd/load.h"

static void
the_first_level_is_the_eighth_that_is_full(void **state)
{
	static const struct {
		double share;
		int level;
	} all[] = {{0, 0}, {0.12, 0}, {0.125, 1}, {0.5, 4}, {0.99, 7}, {1, 8}, {1.76, 14},
	    {1e300, LOAD_MOST}, {INFINITY, LOAD_MOST}, {-1, 0}, {NAN, 0}};

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		assert_int_equal(load_level(BEACON_LOAD_UNKNOWN, all[i].share), all[i].level);
}

static void
a_level_stands_until_the_load_is_clearly_outside_it(void **state)
{
	(void)state;
	assert_int_equal(load_level(4, 0.5), 4);
	assert_int_equal(load_level(4, 0.64), 4);
	assert_int_equal(load_level(4, 0.66), 5);
	assert_int_equal(load_level(4, 0.47), 4);
	assert_int_equal(load_level(4, 0.46), 3);
	assert_int_equal(load_level(4, 0), 0);
	assert_int_equal(load_level(0, 0), 0);
	assert_int_equal(load_level(LOAD_MOST, 5), LOAD_MOST);
}

static void
what_wavers_about_a_boundary_changes_nothing(void **state)
{
	uint8_t told = load_level(BEACON_LOAD_UNKNOWN, 0.5);
	int changes = 0;

	(void)state;
	for (int i = 0; i < 1000; i++) {
		uint8_t now = load_level(told, 0.625 + (i % 2 ? 0.03 : -0.03));

		changes += now != told;
		told = now;
	}
	assert_true(changes <= 1);
}

static void
full_begins_at_seven_eighths_and_unknown_is_not_full(void **state)
{
	(void)state;
	assert_false(load_is_full(0));
	assert_false(load_is_full(6));
	assert_true(load_is_full(7));
	assert_true(load_is_full(LOAD_MOST));
	assert_false(load_is_full(BEACON_LOAD_UNKNOWN));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_first_level_is_the_eighth_that_is_full),
	    cmocka_unit_test(a_level_stands_until_the_load_is_clearly_outside_it),
	    cmocka_unit_test(what_wavers_about_a_boundary_changes_nothing),
	    cmocka_unit_test(full_begins_at_seven_eighths_and_unknown_is_not_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
