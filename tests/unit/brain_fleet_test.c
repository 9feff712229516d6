/* The brain in a fleet: the view goes to the guard, its word to the ladder and to people. */
#include "tests/unit/brain_rig.h"

#include "healthd/view.h"

static struct brain *
begin(void)
{
	rig_fleet = true;
	return rig_brain();
}

static void
decide(struct brain *b)
{
	b->look_until = MONO_NEVER;
	lanes_touch(b, lanes_all(b));
	lanes_decide(b);
}

/* As if BIRD had just told of these. */
static void
see(struct brain *b, const struct peer *peers, int n)
{
	struct fleet_view *v = (struct fleet_view *)(uintptr_t)fleetwatch_view(b->fleet.watch, 0);

	v->at = mono_now();
	v->n_peers = n;
	for (int i = 0; i < n; i++) {
		v->peers[i] = peers[i];
		v->nodes[peers[i].id].known = true;
		v->nodes[peers[i].id].peer = peers[i];
		v->nodes[peers[i].id].since = v->at;
	}
}

static const struct peer OTHERS[] = {
    {.id = 1,
	.nonce = 7,
	.rung = 3,
	.load = 4,
	.flags = BEACON_HAND,
	.max_suspended = 1,
	.region = 99},
    {.id = 4,
	.region = 0x499a /* "us" */,
	.nonce = 8,
	.rung = 1,
	.load = BEACON_LOAD_UNKNOWN,
	.severity = SEVERITY_LOW,
	.max_suspended = MAX_FLEET},
    {.id = 5, .nonce = 9, .rung = 0, .load = BEACON_LOAD_UNKNOWN, .max_suspended = MAX_FLEET},
};

static void
a_lane_without_beacons_is_in_no_fleet(void **state)
{
	struct brain *b = begin();

	(void)state;
	decide(b);
	assert_true(fleet_has(b, &b->lanes[0]));
	assert_false(fleet_has(b, &b->lanes[1]));
	assert_int_equal(b->lanes[1].fleet.standing, FLEET_NONE);
	rig_drop(b);
}

static void
no_view_is_stale_and_a_view_is_fresh(void **state)
{
	struct brain *b = begin();

	(void)state;
	decide(b);
	assert_int_equal(b->lanes[0].fleet.standing, FLEET_STALE);
	see(b, OTHERS, 3);
	decide(b);
	assert_int_equal(b->lanes[0].fleet.standing, FLEET_FRESH);
	assert_int_equal(b->lanes[0].guarded.announcing, 2);
	assert_int_equal(b->lanes[0].guarded.budget, 1);
	assert_true(b->lanes[0].fleet.vital);
	/* It is looked at again when the view gets too old, whatever else happens. */
	assert_true(mono_is_set(b->lanes[0].out.next));
	assert_true(mono_diff_ms(b->lanes[0].out.next, mono_now()) <= 2001);
	rig_drop(b);
}

static void
a_new_brain_wishes_nothing_and_blames_nothing(void **state)
{
	struct brain *b = begin();

	(void)state;
	see(b, OTHERS, 3);
	/* As the first decision does it: what is told wrongly there is mended in the same turn, and
	 * has been told. */
	b->lanes[0].born = true;
	fleet_step(b, &b->lanes[0], mono_now());
	assert_int_equal(b->lanes[0].guard.severity, SEVERITY_NONE);
	assert_int_equal(b->lanes[0].guard.fault, 0);
	rig_drop(b);
}

static void
too_few_in_view_is_isolated(void **state)
{
	struct brain *b = begin();

	(void)state;
	see(b, OTHERS, 1);
	decide(b);
	assert_int_equal(b->lanes[0].fleet.standing, FLEET_ISOLATED);
	rig_drop(b);
}

static void
a_lost_fleet_session_freezes(void **state)
{
	struct brain *b = begin();
	struct session_view down[MAX_SESSIONS] = {{.state = SESSION_DOWN}};
	struct mono frozen;

	(void)state;
	see(b, OTHERS, 3);
	decide(b);
	b->sessions[0].state = SESSION_UP;
	frozen = b->lanes[0].guard.frozen_until;
	fleet_sessions(b, down);
	assert_true(b->lanes[0].fleet_session_lost);
	assert_false(b->lanes[1].fleet_session_lost);
	decide(b);
	assert_true(mono_before(frozen, b->lanes[0].guard.frozen_until));
	assert_false(b->lanes[0].fleet_session_lost);
	rig_drop(b);
}

/* Its predecessor's beacons stand in the kernel all along. */
static struct brain *
begin_after(uint8_t severity)
{
	struct brain *b = begin();

	b->lanes[0].left = (struct beacon_words){.severity = severity, .fault = 7};
	see(b, OTHERS, 3);
	decide(b);
	return b;
}

static void
a_predecessors_wish_keeps_its_place_and_settles_anew(void **state)
{
	struct brain *b = begin_after(SEVERITY_HIGH);
	struct lane *lane = &b->lanes[0];

	(void)state;
	assert_int_equal(lane->out.severity, SEVERITY_NONE); /* nothing is known yet */
	assert_int_equal(lane->guard.severity, SEVERITY_HIGH);
	assert_int_equal(lane->guard.fault, 7);
	assert_true(mono_diff_ms(mono_now(), lane->guard.risen) < 1000);
	assert_true(mono_before(mono_now(), lane->guard.frozen_until));
	assert_false(lane->guarded.granted);
	/* A round is in, and the shared checks' turn has not come: nothing is proven yet. */
	lane->judgement.round = true;
	lane->out.wish = RUNG_SILENT;
	fleet_tell(b, lane);
	assert_int_equal(lane->left.severity, SEVERITY_HIGH);
	/* What is wished of our own takes its place, without a gap. */
	lane->out.severity = SEVERITY_HIGH;
	lane->out.fault = -1;
	fleet_tell(b, lane);
	assert_true(lane->dirty);
	assert_int_equal(lane->left.severity, SEVERITY_NONE);
	fleet_step(b, lane, mono_now());
	assert_int_equal(lane->guard.severity, SEVERITY_HIGH);
	assert_int_equal(lane->guard.fault, 0);
	rig_drop(b);
}

static void
a_predecessors_wish_that_is_none_any_more_ends_with_the_round(void **state)
{
	struct brain *b = begin_after(SEVERITY_LOW);
	struct lane *lane = &b->lanes[0];

	(void)state;
	lane->out.wish = RUNG_DRAIN;
	fleet_tell(b, lane);
	assert_int_equal(lane->left.severity, SEVERITY_LOW);
	lane->judgement.round = true;
	fleet_tell(b, lane);
	assert_true(lane->dirty);
	fleet_step(b, lane, mono_now());
	assert_int_equal(lane->guard.severity, SEVERITY_NONE);
	rig_drop(b);
}

static void
a_predecessors_wish_blocks_others_for_two_settlings_at_most(void **state)
{
	struct brain *b = begin_after(SEVERITY_LOW);
	struct lane *lane = &b->lanes[0];

	(void)state;
	fleet_tell(b, lane);
	assert_int_equal(lane->left.severity, SEVERITY_LOW);
	b->started = mono_add_ms(mono_now(), -2 * b->settings.site.fleet.settle_ms);
	fleet_tell(b, lane);
	assert_int_equal(lane->left.severity, SEVERITY_NONE);
	rig_drop(b);
}

static void
a_worse_failure_of_our_own_is_a_rise(void **state)
{
	struct brain *b = begin_after(SEVERITY_LOW);
	struct lane *lane = &b->lanes[0];
	struct mono before = mono_add_ms(mono_now(), -60000);

	(void)state;
	lane->guard.risen = lane->guard.frozen_until = before;
	lane->out.severity = SEVERITY_VITAL;
	fleet_step(b, lane, mono_now());
	assert_int_equal(lane->guard.severity, SEVERITY_VITAL);
	assert_true(mono_before(before, lane->guard.risen));
	assert_false(lane->guarded.granted);
	rig_drop(b);
}

static void
people_are_shown_it(void **state)
{
	struct brain *b = begin();
	const char *type;
	json_t *fleet, *lane, *node;
	char *metrics;

	(void)state;
	see(b, OTHERS, 3);
	decide(b);
	fleet = view_fleet(b, lanes_all(b));
	assert_int_equal(json_array_size(json_object_get(fleet, "lanes")), 1);
	lane = json_array_get(json_object_get(fleet, "lanes"), 0);
	assert_string_equal(json_string_value(json_object_get(lane, "standing")), "fresh");
	assert_int_equal(json_array_size(json_object_get(lane, "nodes")), 3);
	node = json_array_get(json_object_get(lane, "nodes"), 0);
	assert_int_equal(json_integer_value(json_object_get(node, "id")), 1);
	assert_string_equal(json_string_value(json_object_get(node, "rung")), "full");
	assert_string_equal(json_string_value(json_object_get(node, "region")), "#0063");
	assert_true(json_real_value(json_object_get(node, "load")) == 0.5);
	node = json_array_get(json_object_get(lane, "nodes"), 1);
	assert_string_equal(json_string_value(json_object_get(node, "region")), "us");
	json_decref(fleet);
	metrics = brain_metrics_render(b, "/metrics", &type);
	assert_non_null(
	    strstr(metrics, "anypop_fleet_announcing{service=\"dns\",family=\"v4\"} 2\n"));
	assert_non_null(strstr(metrics,
	    "anypop_fleet_dropped_total{service=\"dns\",family=\"v4\",reason=\"absurd\"} 0\n"));
	free(metrics);
	rig_drop(b);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(a_lane_without_beacons_is_in_no_fleet),
	    TEST(no_view_is_stale_and_a_view_is_fresh),
	    TEST(a_new_brain_wishes_nothing_and_blames_nothing),
	    TEST(too_few_in_view_is_isolated),
	    TEST(a_lost_fleet_session_freezes),
	    TEST(a_predecessors_wish_keeps_its_place_and_settles_anew),
	    TEST(a_predecessors_wish_that_is_none_any_more_ends_with_the_round),
	    TEST(a_predecessors_wish_blocks_others_for_two_settlings_at_most),
	    TEST(a_worse_failure_of_our_own_is_a_rise),
	    TEST(people_are_shown_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
