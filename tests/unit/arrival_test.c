/* When the kernel must be asked for every datagram's time, so that no old one is missed. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "resolver/arrival.h"

#define OLD_US 1500000

static void
stamps_are_asked_for_while_something_may_be_old(void **state)
{
	static const struct {
		const char *what;
		int64_t asked, first; /* of the batch before; -1: there was none */
		bool emptied;
		int64_t now;
		bool doubtful;
	} rows[] = {
	    {"never read", -1, -1, false, 5, true},
	    {"emptied a moment ago", 10000000, 9999000, true, 10000100, false},
	    {"emptied just not too long ago", 10000000, 9000000, true, 11499999, false},
	    {"emptied too long ago", 10000000, 9000000, true, 11500000, true},
	    {"the last came in while it was read", 10000000, 10000050, true, 11500049, false},
	    {"full, and its oldest was young", 10000000, 9900000, false, 10000100, false},
	    {"full, and its oldest was nearly old", 10000000, 8600000, false, 10100000, true},
	    {"full, and its oldest was old", 10000000, 8000000, false, 10000001, true},
	    {"full long ago", 10000000, 9999999, false, 13000000, true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct arrival a = {0};

		if (rows[i].asked != -1)
			arrival_note(&a, (struct mono){rows[i].asked},
			    (struct mono){rows[i].first}, rows[i].emptied);
		if (arrival_doubtful(&a, (struct mono){rows[i].now}, OLD_US) != rows[i].doubtful)
			fail_msg("%s", rows[i].what);
	}
}

/* A queue played through: whatever comes and however late it is read, what is old was doubtful. */
static void
nothing_old_is_read_without_a_doubt(void **state)
{
	static int64_t came[20000];
	struct arrival a = {0};
	uint64_t random = 88172645463325252;
	int64_t now = 1000000000;
	unsigned head = 0, tail = 0, old = 0, sure = 0;

	(void)state;
	while (tail < 19000) {
		struct mono asked;
		unsigned n = 0;
		bool doubtful;

		random ^= random << 13;
		random ^= random >> 7;
		random ^= random << 17;
		for (unsigned more = random % 50; more > 0; more--)
			came[tail++] = now += (int64_t)(random >> 32) % 4000;
		now += (random >> 20) % 8 == 0 ? 2 * OLD_US : 1000;
		asked = (struct mono){now};
		doubtful = arrival_doubtful(&a, asked, OLD_US);
		for (; head + n < tail && n < 32; n++) {
			bool is_old = now - came[head + n] > OLD_US;

			assert_true(doubtful || !is_old);
			old += is_old;
			sure += !doubtful;
		}
		if (n > 0)
			arrival_note(&a, asked, (struct mono){came[head]}, n < 32);
		head += n;
	}
	assert_true(old > 1000 && sure > 1000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(stamps_are_asked_for_while_something_may_be_old),
	    cmocka_unit_test(nothing_old_is_read_without_a_doubt),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
