/* renew: engines are replaced once connectivity is back, and when they fail for no reason outside;
 * not while it is away, not again and again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "healthd/renew.h"

/* Until that second the world is so, and this is due in it, once. */
struct row {
	int until_s;
	bool failed, well, failing;
	enum renew_because because;
};

/* Ticks of 100 ms. */
static void
play(const struct row *rows, size_t n)
{
	struct renew r = {.failing_since = MONO_NEVER, .last = MONO_NEVER};
	int64_t ms = 1000000;
	int64_t start = ms;

	for (size_t i = 0; i < n; i++) {
		const struct renew_in in = {rows[i].failed, rows[i].well, rows[i].failing};
		enum renew_because got = RENEW_NOT;

		for (; ms < start + rows[i].until_s * 1000; ms += 100) {
			struct renew_out out = renew_step(r, &in, (struct mono){ms * 1000});

			r = out.state;
			if (out.because == RENEW_NOT)
				continue;
			if (got != RENEW_NOT)
				fail_msg("row %zu: due twice", i);
			got = out.because;
		}
		if (got != rows[i].because)
			fail_msg("row %zu: %d, not %d", i, got, rows[i].because);
	}
}
#define PLAY(rows) play(rows, sizeof(rows) / sizeof((rows)[0]))

static void
an_outage_is_followed_by_one_replacement(void **state)
{
	static const struct row rows[] = {
	    {1, false, false, false, RENEW_NOT}, /* not known yet: no outage */
	    {5, false, true, false, RENEW_NOT},
	    {60, true, false, true, RENEW_NOT}, /* nothing helps while it lasts */
	    {61, false, false, true, RENEW_NOT}, /* unknown is not well */
	    {65, false, true, false, RENEW_RECOVERED},
	    {300, false, true, false, RENEW_NOT},
	};

	(void)state;
	PLAY(rows);
}

static void
failing_while_all_is_well_outside_is_replaced(void **state)
{
	static const struct row rows[] = {
	    {2, false, true, false, RENEW_NOT},
	    {3, false, true, true, RENEW_NOT}, /* a second of it is nothing */
	    {4, false, true, false, RENEW_NOT},
	    {7, false, true, true, RENEW_FAILING},
	    {15, false, true, true, RENEW_NOT},
	    {20, false, true, true, RENEW_FAILING}, /* every 10 s at the most */
	};

	(void)state;
	PLAY(rows);
}

static void
what_comes_too_soon_comes_later(void **state)
{
	static const struct row rows[] = {
	    {2, true, false, false, RENEW_NOT},
	    {3, false, true, false, RENEW_RECOVERED},
	    {5, true, false, false, RENEW_NOT},
	    {11, false, true, false, RENEW_NOT},
	    {15, false, true, false, RENEW_RECOVERED},
	};

	(void)state;
	PLAY(rows);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_outage_is_followed_by_one_replacement),
	    cmocka_unit_test(failing_while_all_is_well_outside_is_replaced),
	    cmocka_unit_test(what_comes_too_soon_comes_later),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
