/* Which rung a beacon may say: never better than what an exit session sends, nor than the order. */
#include "bgpctl/beaconwire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
/* cmocka.h needs those before it. */
#include <cmocka.h>

enum { DRAIN = RUNG_DRAIN, BACKUP, FULL };
#define NOTHING (-1)
#define DOWN (-2)
#define FOREIGN (-3)

/* clang-format off */
static const struct row {
	const char *promise;
	int order, told;
	bool answers; /* and was looked at since the order */
	uint32_t exits;
	int sent[2][2]; /* by session, by prefix: a rung, or one of the above */
	enum lock gate; /* of what is sent */
	int rung;
} ROWS[] = {
    {"nothing before the first order", -1, -1, true, 3, {{FULL, FULL}, {FULL, FULL}}, LOCK_OPEN, -1},
    {"nothing before the first order, adopted", -1, FULL, true, 3, {{FULL, FULL}, {FULL, FULL}}, LOCK_OPEN, -1},
    {"the rung that is out", FULL, -1, true, 3, {{FULL, FULL}, {FULL, FULL}}, LOCK_OPEN, FULL},
    {"one exit is enough", FULL, DRAIN, true, 3, {{DOWN, DOWN}, {FULL, FULL}}, LOCK_OPEN, FULL},
    {"and the better one counts", FULL, DRAIN, true, 3, {{DRAIN, DRAIN}, {BACKUP, BACKUP}}, LOCK_OPEN, BACKUP},
    {"no exit, no rung", FULL, -1, true, 0, {{FULL, FULL}, {FULL, FULL}}, LOCK_OPEN, 0},
    {"others than exits do not count", FULL, -1, true, 2, {{FULL, FULL}, {DRAIN, DRAIN}}, LOCK_OPEN, DRAIN},
    {"all prefixes, or the worst of them", FULL, -1, true, 3, {{FULL, BACKUP}, {DOWN, DOWN}}, LOCK_OPEN, BACKUP},
    {"a prefix that is missing", FULL, FULL, true, 3, {{FULL, NOTHING}, {FULL, NOTHING}}, LOCK_OPEN, 0},
    {"a foreign route is none of ours", FULL, FULL, true, 1, {{FULL, FOREIGN}, {DOWN, DOWN}}, LOCK_OPEN, 0},
    {"a fall is told before it is out", DRAIN, FULL, true, 3, {{FULL, FULL}, {FULL, FULL}}, LOCK_OPEN, DRAIN},
    {"silent is told before it is out", 0, FULL, true, 3, {{FULL, FULL}, {FULL, FULL}}, LOCK_OPEN, 0},
    {"a climb is told after", FULL, DRAIN, true, 3, {{DRAIN, DRAIN}, {DRAIN, DRAIN}}, LOCK_OPEN, DRAIN},
    {"a hung BIRD raises nothing", FULL, DRAIN, false, 3, {{FULL, FULL}, {FULL, FULL}}, LOCK_OPEN, DRAIN},
    {"nor holds a fall", 0, DRAIN, false, 3, {{FULL, FULL}, {FULL, FULL}}, LOCK_OPEN, 0},
    {"never told, and BIRD hung", FULL, -1, false, 3, {{FULL, FULL}, {FULL, FULL}}, LOCK_OPEN, 0},
    {"the gate has gone since the look", DRAIN, DRAIN, true, 3, {{FULL, FULL}, {FULL, FULL}}, LOCK_CLOSED, DRAIN},
    {"a look of before raises nothing", FULL, DRAIN, true, 3, {{FULL, FULL}, {FULL, FULL}}, LOCK_CLOSED, DRAIN},
    {"nor without a gate", FULL, -1, true, 3, {{FULL, FULL}, {FULL, FULL}}, LOCK_ABSENT, 0},
    {"nor with one not known", FULL, DRAIN, true, 3, {{FULL, FULL}, {FULL, FULL}}, LOCK_UNKNOWN, DRAIN},
};
/* clang-format on */

static struct sending
sending(int what)
{
	if (what == DOWN)
		return (struct sending){.sent = SENT_UNKNOWN};
	if (what == NOTHING)
		return (struct sending){.sent = SENT_NOTHING};
	if (what == FOREIGN)
		return (struct sending){.sent = SENT_FOREIGN, .rung = FULL};
	return (struct sending){.sent = SENT_OURS, .rung = (int8_t)what};
}

static void
a_beacon_never_says_better_than_the_proof(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
		const struct row *r = &ROWS[i];
		struct door_view v = {.bird_answers = r->answers, .n_prefixes = 2, .n_sessions = 2};
		struct door door = {.order = (int8_t)r->order, .ordered_at = {1000}};
		int rung;

		v.bird_at.us = 1001;
		for (int k = DRAIN; k <= FULL; k++)
			v.gate[k] = r->gate;
		for (int s = 0; s < 2; s++)
			for (int p = 0; p < 2; p++)
				v.sending[p][s] = sending(r->sent[s][p]);
		rung = beacon_rung_of(&door, r->told, &v, r->exits);
		if (rung != r->rung)
			fail_msg("%s: %d, not %d", r->promise, rung, r->rung);
		/* A look that began before the order is as good as no answer. */
		v.bird_at.us = 1000;
		rung = beacon_rung_of(&door, r->told, &v, r->exits);
		v.bird_answers = false;
		if (rung != beacon_rung_of(&door, r->told, &v, r->exits))
			fail_msg("%s: a look of before the order says %d", r->promise, rung);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_beacon_never_says_better_than_the_proof),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
