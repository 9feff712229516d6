/* flap: the routers' record of us, by RFC 2439's arithmetic on common defaults. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "bgpctl/site.h"
#include "healthd/flap.h"

static const struct flap_conf common = {
    .half_life_ms = 900000, .limit = 1500, .withdraw_cost = 1000, .change_cost = 500};

static struct mono
second(double s)
{
	return (struct mono){1000000 + (int64_t)(s * 1e6)};
}

static void
costs_follow_the_rfc(void **state)
{
	(void)state;
	assert_int_equal(flap_cost(&common, 3, RUNG_SILENT), 1000);
	assert_int_equal(flap_cost(&common, RUNG_SILENT, 3), 0);
	assert_int_equal(flap_cost(&common, 3, 1), 500);
	assert_int_equal(flap_cost(&common, 1, 2), 500);
	assert_int_equal(flap_cost(&common, 2, 2), 0);
}

static void
the_estimate_halves_each_half_life(void **state)
{
	struct flap f = {.penalty = 1000, .at = second(0)};

	(void)state;
	assert_true(fabs(flap_estimate(&common, f, second(0)) - 1000) < 1e-9);
	assert_true(fabs(flap_estimate(&common, f, second(900)) - 500) < 1e-9);
	assert_true(fabs(flap_estimate(&common, f, second(2700)) - 125) < 1e-9);
	assert_true(flap_estimate(&common, f, second(-5)) == 1000); /* never grows backwards */
	assert_true(
	    flap_estimate(&common, f, second(900 * 10)) == 0); /* under one point: nothing */
}

/* full, drain; 30 s later silent; then one rung per 60 s: drain, backup, full. */
static void
one_plain_cycle_reaches_2273(void **state)
{
	static const struct {
		double at;
		int from, to;
	} moves[] = {{0, 3, 1}, {30, 1, 0}, {90, 0, 1}, {150, 1, 2}, {210, 2, 3}};
	struct flap f = {.penalty = 0, .at = second(0)};

	(void)state;
	for (size_t i = 0; i < sizeof(moves) / sizeof(moves[0]); i++)
		f = flap_charge(&common, f, moves[i].from, moves[i].to, second(moves[i].at));
	assert_int_equal(lround(flap_estimate(&common, f, second(210))), 2273);
}

static void
a_move_is_allowed_exactly_when_it_fits(void **state)
{
	(void)state;
	for (double penalty = 0; penalty < 6000; penalty += 37) {
		for (int64_t cost = 0; cost <= 1500; cost += 250) {
			struct flap f = {.penalty = penalty, .at = second(0)};
			struct mono t = flap_allowed_at(&common, f, cost, second(3));
			bool now = flap_estimate(&common, f, second(3)) + (double)cost <= 1500;

			assert_int_equal(now, t.us == second(3).us);
			assert_true(flap_estimate(&common, f, t) + (double)cost <= 1500);
			if (now || cost == 1500)
				continue;
			t = mono_add_ms(t, -3); /* not later than needed */
			assert_true(flap_estimate(&common, f, t) + (double)cost > 1500);
		}
	}
}

static void
what_never_fits_is_never_allowed(void **state)
{
	struct flap f = {.penalty = 10, .at = second(0)};

	(void)state;
	assert_int_equal(flap_allowed_at(&common, f, 1501, second(0)).us, INT64_MAX);
	assert_true(flap_allowed_at(&common, f, 1500, second(0)).us < second(900 * 5).us);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(costs_follow_the_rfc),
	    cmocka_unit_test(the_estimate_halves_each_half_life),
	    cmocka_unit_test(one_plain_cycle_reaches_2273),
	    cmocka_unit_test(a_move_is_allowed_exactly_when_it_fits),
	    cmocka_unit_test(what_never_fits_is_never_allowed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
