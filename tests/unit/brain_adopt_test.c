/* What a new brain takes over when BIRD does not answer: what stands, and nothing that it would
 * have to believe. */
#include "tests/unit/brain_rig.h"

/* A lane's gates as in `open` ("..#." is rung 2), what the predecessor ordered, and how fresh it
 * is. */
static struct brain *
brain_after(const char *open, int saved, bool fresh)
{
	struct brain *b = rig_brain();
	struct lane *lane = &b->lanes[0];
	struct door_view *view = (struct door_view *)driver_view(b->driver, 0);

	for (int k = RUNG_DRAIN; k < 4; k++)
		view->gate[k] = open[k] == '#' ? LOCK_OPEN
			: open[k] == '?'       ? LOCK_UNKNOWN
					       : LOCK_CLOSED;
	lane->has_saved = true;
	lane->saved = ladder_init(&b->settings.ladder, b->started);
	lane->saved.rung = (int8_t)saved;
	b->lease_fresh = fresh;
	return b;
}

static int
rung_after(const char *open, int saved, bool fresh)
{
	struct brain *b = brain_after(open, saved, fresh);
	int rung;

	b->look_until = mono_add_ms(mono_now(), 1000);
	b->lanes[0].dirty = true;
	lanes_decide(b);
	assert_false(b->lanes[0].born); /* BIRD is waited for */
	b->look_until = MONO_NEVER;
	b->lanes[0].dirty = true;
	lanes_decide(b);
	assert_true(b->lanes[0].born);
	rung = b->lanes[0].ladder.rung;
	rig_drop(b);
	return rung;
}

static void
what_its_predecessor_ordered_and_the_gate_shows_stands(void **state)
{
	(void)state;
	assert_int_equal(rung_after("...#", 3, true), 3);
	assert_int_equal(rung_after(".#..", 1, true), 1);
}

static void
anything_else_begins_silent(void **state)
{
	(void)state;
	assert_int_equal(rung_after("...#", 3, false), 0); /* an old lease */
	assert_int_equal(rung_after("...#", 2, true), 0);  /* another rung than was ordered */
	assert_int_equal(rung_after("..##", 3, true), 0);  /* two gates */
	assert_int_equal(rung_after("..?#", 3, true), 0);
	assert_int_equal(rung_after("....", 3, true), 0);
	assert_int_equal(rung_after("....", 0, true), 0);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)
	const struct CMUnitTest tests[] = {
	    TEST(what_its_predecessor_ordered_and_the_gate_shows_stands),
	    TEST(anything_else_begins_silent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
