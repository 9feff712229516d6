/* Verdicts on neighbours as they are told, and what others' verdicts on one node come to. */
#include "healthd/vantage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
/* cmocka.h needs those before it. */
#include <cmocka.h>

#define LENGTH(a) (sizeof(a) / sizeof((a)[0]))
#define HOLD_MS 5000
#define SIZE 9
#define US 2

static struct mono
at(int64_t ms)
{
	return (struct mono){1000000 + ms * 1000};
}

static void
a_verdict_is_told_and_held(void **state)
{
	static const struct {
		int ms;
		enum verdict is;
		enum beacon_verdict told;
	} rows[] = {
	    {0, VERDICT_UNKNOWN, BEACON_UNKNOWN},
	    {10, VERDICT_OK, BEACON_WELL}, /* the first at once */
	    {20, VERDICT_FAIL, BEACON_WELL},
	    {5009, VERDICT_FAIL, BEACON_WELL},
	    {5010, VERDICT_FAIL, BEACON_FAILED},
	    {5020, VERDICT_OK, BEACON_FAILED},
	    {5030, VERDICT_UNKNOWN, BEACON_UNKNOWN}, /* what is not known is not claimed */
	    {5040, VERDICT_OK, BEACON_UNKNOWN},
	    {5050, VERDICT_IDLE, BEACON_UNKNOWN},
	    {10030, VERDICT_OK, BEACON_WELL},
	};
	struct vantage v = {0};

	(void)state;
	for (size_t i = 0; i < LENGTH(rows); i++) {
		v = vantage_step(v, rows[i].is, HOLD_MS, at(rows[i].ms));
		if (v.told != rows[i].told)
			fail_msg("at %d ms %d is told", rows[i].ms, v.told);
	}
}

/* Whatever the window does, at most two changes in one hold. */
static void
flapping_is_bounded(void **state)
{
	struct vantage v = {0};
	int changes = 0;

	(void)state;
	for (int ms = 0; ms < 100000; ms += 10) {
		enum beacon_verdict was = v.told;

		v = vantage_step(v, (enum verdict)(ms / 10 * 7 % 4), HOLD_MS, at(ms));
		changes += v.told != was;
	}
	assert_true(changes > 10);
	assert_true(changes <= 2 * 100000 / HOLD_MS);
}

static void
a_majority_is_more_than_half_of_those_who_know(void **state)
{
	static const struct {
		struct vantage_votes votes;
		int min;
		enum vantage_sense sense;
	} rows[] = {
	    {{0, 0, 0}, 1, VANTAGE_NONE},
	    {{1, 0, 1}, 1, VANTAGE_FAILED},
	    {{1, 0, 1}, 2, VANTAGE_NONE}, /* one liar is none */
	    {{2, 0, 2}, 2, VANTAGE_FAILED},
	    {{2, 1, 1}, 2, VANTAGE_NONE},
	    {{3, 1, 2}, 2, VANTAGE_FAILED},
	    {{3, 2, 1}, 2, VANTAGE_WELL},
	    {{4, 2, 2}, 2, VANTAGE_NONE},
	    {{9, 0, 2}, 2, VANTAGE_FAILED}, /* who does not know has no vote */
	    {{9, 0, 2}, 3, VANTAGE_NONE},
	    {{9, 3, 0}, 3, VANTAGE_WELL},
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(rows); i++)
		if (vantage_majority(&rows[i].votes, rows[i].min) != rows[i].sense)
			fail_msg("row %zu", i);
}

static void
say(struct fleet_node *n, uint16_t id, enum beacon_verdict verdict)
{
	*n = (struct fleet_node){.known = true, .verdicts_known = true, .peer = {.rung = 3}};
	n->watched[3] = 5; /* beside another */
	n->verdicts[3] = BEACON_FAILED;
	n->watched[4] = id;
	n->verdicts[4] = (uint8_t)verdict;
}

static void
only_who_is_in_view_is_heard(void **state)
{
	struct fleet_node nodes[SIZE + 1] = {0};
	struct fleet_view v = {.nodes = nodes};
	struct vantage_votes votes;

	(void)state;
	say(&nodes[1], US, BEACON_WELL);
	say(&nodes[3], US, BEACON_FAILED);
	say(&nodes[4], US, BEACON_UNKNOWN);
	say(&nodes[5], 9, BEACON_FAILED); /* of another */
	say(&nodes[6], US, BEACON_FAILED);
	nodes[6].peer.rung = -1; /* no rung beacon */
	say(&nodes[7], US, BEACON_FAILED);
	nodes[7].conflict = true;
	say(&nodes[8], US, BEACON_FAILED);
	nodes[8].known = false;
	say(&nodes[9], US, BEACON_FAILED);
	nodes[9].peer.rung = 0; /* silent, and sees as well as others */
	votes = vantage_count(&v, SIZE, US);
	assert_int_equal(votes.watching, 4);
	assert_int_equal(votes.well, 1);
	assert_int_equal(votes.failed, 2);
}

static void
places_must_be_ours(void **state)
{
	struct watched watch[] = {{.id = 4}, {.id = 9}};
	struct site site = {.fleet = {.watch = watch, .n_watch = 2}};
	uint16_t ids[MAX_WATCHED] = {4, 9};

	(void)state;
	assert_true(vantage_watched_as(&site, ids));
	ids[7] = 1;
	assert_false(vantage_watched_as(&site, ids));
	ids[7] = 0;
	ids[0] = 9;
	ids[1] = 4;
	assert_false(vantage_watched_as(&site, ids));
	ids[0] = 4;
	ids[1] = 0;
	assert_false(vantage_watched_as(&site, ids));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_verdict_is_told_and_held),
	    cmocka_unit_test(flapping_is_bounded),
	    cmocka_unit_test(a_majority_is_more_than_half_of_those_who_know),
	    cmocka_unit_test(only_who_is_in_view_is_heard),
	    cmocka_unit_test(places_must_be_ours),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
