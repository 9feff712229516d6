/*
 * The view of the fleet: what BIRD's answer makes of each node, and what is not believed and why.
 * Answers are fed line by line as birdtalk gives them; formats as shown by BIRD 2.0.12.
 */
#include "bgpctl/fleetlook.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
/* cmocka.h needs those before it. */
#include <cmocka.h>

#define SIZE 9
#define NONCE 5
#define NUMBER(nonce, payload) (1u << 29 | (uint32_t)(nonce) << 16 | (payload))
#define RUNG(rung) ((uint32_t)(rung) << 12 | 0xf00)

static struct prefix prefixes[2], blocks[2];
static struct service service = {
    .name = "dns", .prefixes = prefixes, .n_prefixes = 2, .beacons = blocks, .n_beacons = 2};
static struct site site = {.services = &service,
    .n_services = 1,
    .n_rungs = 4,
    .bird = {.asn = 64500},
    .fleet = {.size = SIZE, .id = 2}};
static struct fleet_view views[2];
static struct fleet_node nodes[2][2][SIZE + 1];
static struct peer peers[2][SIZE + 1];
static struct fleetlook look;
static int64_t second;

static int
set_up(void **state)
{
	(void)state;
	prefix_parse("192.0.2.0/24", &prefixes[0]);
	prefix_parse("2001:db8:53::/48", &prefixes[1]);
	prefix_parse("198.18.0.0/20", &blocks[0]);
	prefix_parse("fd00:53:b::/116", &blocks[1]);
	memset(views, 0, sizeof(views));
	memset(nodes, 0, sizeof(nodes));
	for (int i = 0; i < 2; i++) {
		views[i].peers = peers[i];
		views[i].nodes = nodes[i][0];
		views[i].next = nodes[i][1];
	}
	fleetlook_init(&look, &site, NONCE, views);
	second = 0;
	return 0;
}

static void
begin(enum family f)
{
	fleetlook_begin(&look, f, (struct mono){++second * 1000000});
	fleetlook_row(
	    &look, 1007, f == FAMILY_V4 ? "Table anypop_fleet4:" : "Table anypop_fleet6:");
}

/* `net` "": another route of the network before. */
static void
route(const char *net, const char *protocol, const char *large)
{
	char line[200];

	snprintf(line, sizeof(line),
	    "%-20s unreachable [%s 12:00:00.000 from 10.0.0.1] * (100/-) [i]", net, protocol);
	fleetlook_row(&look, 1007, line);
	fleetlook_row(&look, 1008, "\tType: BGP univ");
	fleetlook_row(&look, 1012, "\tBGP.origin: IGP");
	fleetlook_row(&look, 1012, "\tBGP.community: (65535,65281)");
	snprintf(line, sizeof(line), "\tBGP.large_community: %s", large);
	fleetlook_row(&look, 1012, line);
	fleetlook_row(&look, 1012, "\tBGP.originator_id: 10.0.0.9");
}

static void
beacon(const char *net, uint32_t number)
{
	char large[64];

	snprintf(large, sizeof(large), "(64500, 5300, %u)", number);
	route(net, "up", large);
}

static const struct fleet_view *
end(int lane)
{
	assert_true(fleetlook_done(&look, 0));
	return &views[lane];
}

static void
nodes_are_told_by_their_beacons(void **state)
{
	const struct fleet_view *v;

	(void)state;
	begin(FAMILY_V4);
	route("198.18.0.7/32", "up",
	    "(64500, 5300, 536883713) (64500, 5301, 3) (64500, 5302, 14485) (64500, 5303, 9) (1, "
	    "2, 3)");
	beacon("198.18.4.7/32", NUMBER(0, 4 << 12 | 0xab0));
	route("198.18.8.7/32", "up", "(64500, 5300, 536907776) (64500, 5310, 4) (64500, 5311, 2)");
	beacon("198.18.12.7/32", NUMBER(0, 0) | 77u << 13 | 5);
	beacon("198.18.0.1/32", NUMBER(9, RUNG(0)));
	v = end(0);
	assert_int_equal(v->n_peers, 2);
	assert_int_equal(v->peers[0].id, 1);
	assert_int_equal(v->peers[0].rung, 0);
	assert_int_equal(v->peers[0].max_suspended, MAX_FLEET);
	assert_int_equal(v->peers[1].id, 7);
	assert_int_equal(v->peers[1].rung, 3);
	assert_int_equal(v->peers[1].load, 2);
	assert_int_equal(v->peers[1].flags, 1);
	assert_int_equal(v->peers[1].max_suspended, 3);
	assert_int_equal(v->peers[1].region, 14485);
	assert_int_equal(v->peers[1].severity, SEVERITY_VITAL);
	assert_int_equal(v->peers[1].fault, 0xab);
	assert_true(v->nodes[7].verdicts_known);
	assert_int_equal(v->nodes[7].verdicts[0], BEACON_FAILED);
	assert_int_equal(v->nodes[7].watched[1], 2);
	assert_int_equal(v->peers[1].request_region, 77);
	assert_int_equal(v->nodes[7].size, 9);
	assert_true(v->at.us == 1000000);
}

/* Without a rung beacon a node is out of view, whatever else it says. */
static void
an_intent_alone_is_no_node_in_view(void **state)
{
	(void)state;
	begin(FAMILY_V4);
	beacon("198.18.4.7/32", NUMBER(1, 4 << 12));
	assert_int_equal(end(0)->n_peers, 0);
	assert_true(views[0].nodes[7].known);
}

static void
of_several_routes_the_worse_word_counts(void **state)
{
	const struct fleet_view *v;

	(void)state;
	begin(FAMILY_V4);
	beacon("198.18.0.7/32", NUMBER(1, RUNG(3)));
	beacon("", NUMBER(1, RUNG(1)));
	beacon("", NUMBER(1, RUNG(2)));
	beacon("198.18.4.7/32", NUMBER(1, 2 << 12));
	beacon("", NUMBER(1, 3 << 12));
	beacon("", NUMBER(1, 1 << 12));
	v = end(0);
	assert_int_equal(v->n_peers, 1);
	assert_int_equal(v->peers[0].rung, 1);
	assert_int_equal(v->peers[0].severity, 3);
}

static void
two_nonces_for_one_id_are_nobody(void **state)
{
	const struct fleet_view *v;

	(void)state;
	begin(FAMILY_V4);
	beacon("198.18.0.7/32", NUMBER(1, RUNG(3)));
	beacon("", NUMBER(4, RUNG(3)));
	beacon("198.18.0.8/32", NUMBER(0, RUNG(3))); /* nonce 0 is one like others */
	beacon("198.18.4.8/32", NUMBER(2, 2 << 12));
	beacon("198.18.0.9/32", NUMBER(1, RUNG(3)));
	v = end(0);
	assert_int_equal(v->n_peers, 1);
	assert_int_equal(v->peers[0].id, 9);
	assert_true(v->nodes[7].conflict && v->nodes[8].conflict);
	assert_int_equal(v->dropped[DROP_CONFLICT], 2);
	begin(FAMILY_V4);
	beacon("198.18.0.7/32", NUMBER(4, RUNG(3)));
	assert_int_equal(end(0)->peers[0].id, 7);
	assert_false(views[0].nodes[7].conflict);
}

static void
our_own_id_is_ours_alone(void **state)
{
	(void)state;
	begin(FAMILY_V4);
	route("198.18.0.2/32", "anypop_kernel4",
	    "(64500, 5300, 536870999)");    /* ours, whatever it says */
	beacon("", NUMBER(NONCE, RUNG(3))); /* an echo */
	assert_false(end(0)->conflict);
	begin(FAMILY_V4);
	route("198.18.0.2/32", "anypop_kernel4", "(64500, 5300, 536870999)");
	beacon("", NUMBER(NONCE + 1, RUNG(3)));
	assert_true(end(0)->conflict);
	assert_int_equal(views[0].foreign, NONCE + 1);
	assert_int_equal(views[0].n_peers, 0);
	begin(FAMILY_V4);
	route("198.18.0.2/32", "anypop_kernel44", "(64500, 5300, 536870999)");
	assert_true(end(0)->conflict);
	begin(FAMILY_V4);
	assert_false(end(0)->conflict);
}

static void
what_is_not_believed_is_counted_by_reason(void **state)
{
	const struct fleet_view *v;

	(void)state;
	begin(FAMILY_V4);
	beacon("198.18.0.0/32", NUMBER(1, RUNG(1)));
	beacon("198.18.0.10/32", NUMBER(1, RUNG(1)));
	beacon("198.18.0.0/31", NUMBER(1, RUNG(1)));
	beacon("198.18.0.3/32", 7);
	beacon("198.18.0.3/32", NUMBER(1, RUNG(4)));
	route("198.18.0.3/32", "up", "");
	route("198.18.0.3/32", "up", "(64501, 5300, 536870912) (64500, 1, 3)");
	route("198.18.0.3/32", "up", "(64500, 5300, 536870912) (64500, 5300, 536870912)");
	route("198.18.0.4/32", "up", "(64500, 5300, 536870912)");
	fleetlook_row(&look, 1012, "\t\t(64500, 1, 1)"); /* of another attribute */
	route("198.18.0.5/32", "up", "(64500, 5300, 536870912)");
	fleetlook_row(&look, 8000, "<line overflow>");
	beacon("203.0.113.1/32", NUMBER(1, RUNG(1)));
	beacon("fd00:53:b::3/128", NUMBER(1, RUNG(1)));
	beacon("nonsense", NUMBER(1, RUNG(1)));
	v = end(0);
	assert_int_equal(v->n_peers, 1);
	assert_int_equal(v->dropped[DROP_ID], 2);
	assert_int_equal(v->dropped[DROP_OUTSIDE], 1);
	assert_int_equal(v->dropped[DROP_VERSION], 1);
	assert_int_equal(v->dropped[DROP_ABSURD], 1);
	assert_int_equal(v->dropped[DROP_NUMBER], 3);
	assert_int_equal(v->dropped[DROP_CUT], 1);
}

/* BIRD breaks a long list into lines: the second number may hide in any of them. */
static void
a_list_in_several_lines_is_read_whole(void **state)
{
	(void)state;
	begin(FAMILY_V4);
	fleetlook_row(&look, 1007, "198.18.0.3/32        unicast [up 12:00:00.000] * (100) [i]");
	fleetlook_row(&look, 1012, "\tBGP.large_community: (64500, 1, 1)");
	fleetlook_row(&look, 1012, "\t\t(64500, 5300, 536870912)");
	fleetlook_row(&look, 1012, "\tBGP.other: x");
	fleetlook_row(&look, 1012, "\t\t(64500, 5300, 536870912)");
	assert_int_equal(end(0)->n_peers, 1);
	begin(FAMILY_V4);
	fleetlook_row(&look, 1007, "198.18.0.3/32        unicast [up 12:00:00.000] * (100) [i]");
	fleetlook_row(&look, 1012, "\tBGP.large_community: (64500, 5300, 536870912)");
	fleetlook_row(&look, 1012, "\t\t(64500, 5300, 536870912)");
	assert_int_equal(end(0)->n_peers, 0);
	assert_int_equal(views[0].dropped[DROP_NUMBER], 1);
}

static void
no_answer_leaves_the_view_as_it_was(void **state)
{
	(void)state;
	begin(FAMILY_V4);
	beacon("198.18.0.3/32", NUMBER(1, RUNG(1)));
	end(0);
	begin(FAMILY_V4);
	assert_false(fleetlook_done(&look, 9001));
	assert_int_equal(views[0].n_peers, 1);
	assert_true(views[0].at.us == 1000000);
}

static void
families_are_apart(void **state)
{
	(void)state;
	begin(FAMILY_V4);
	beacon("198.18.0.3/32", NUMBER(1, RUNG(1)));
	end(0);
	begin(FAMILY_V6);
	beacon("fd00:53:b::4/128", NUMBER(1, RUNG(2)));
	assert_int_equal(end(1)->peers[0].id, 4);
	assert_int_equal(views[0].peers[0].id, 3);
}

static void
since_when_it_tells_the_same(void **state)
{
	(void)state;
	for (int i = 1; i <= 4; i++) {
		begin(FAMILY_V4);
		if (i != 3)
			beacon("198.18.0.3/32", NUMBER(1, RUNG(1)));
		beacon("198.18.0.4/32", NUMBER(1, RUNG(i == 1 ? 1 : 2)));
		end(0);
	}
	assert_true(views[0].nodes[3].since.us == 4000000); /* it was away */
	assert_true(views[0].nodes[4].since.us == 2000000); /* it changed */
}

#define WELL(place) (1u << 2 * (7 - (place)))
#define FAILED(place) (2u << 2 * (7 - (place)))

static void
verdicts(const char *net, uint32_t payload, const char *watched)
{
	char large[300];

	snprintf(large, sizeof(large), "(64500, 5300, %u) %s", NUMBER(1, payload), watched);
	route(net, "up", large);
}

/* clang-format off */
static const struct {
	const char *promise, *watched; /* node 7 says of its places well, failed, well */
	int ids[3], dropped;
} WATCHED[] = {
    {"each place is about its id", "(64500, 5310, 4) (64500, 5311, 2) (64500, 5312, 9)", {4, 2, 9}, 0},
    {"a place without an id is about nobody", "(64500, 5310, 4) (64500, 5312, 9)", {4, 0, 9}, 0},
    {"places beyond the eighth are none", "(64500, 5310, 4) (64500, 5318, 9)", {4, 0, 0}, 0},
    {"id 0 is nobody", "(64500, 5310, 0) (64500, 5311, 2)", {0, 2, 0}, 0},
    {"nobody has an id above the fleet's size", "(64500, 5310, 10) (64500, 5311, 2)", {0, 2, 0}, 1},
    {"nor one beyond all numbers", "(64500, 5310, 4294967295) (64500, 5311, 2)", {0, 2, 0}, 1},
    {"nor one that only looks like an id in 16 bits", "(64500, 5310, 65540) (64500, 5311, 2)", {0, 2, 0}, 1},
    {"who watches himself says nothing by it", "(64500, 5310, 7) (64500, 5311, 2)", {0, 2, 0}, 1},
    {"an id in two places has two verdicts, so none", "(64500, 5310, 4) (64500, 5311, 2) (64500, 5312, 4)", {0, 2, 0}, 1},
    {"two ids for one place are none", "(64500, 5310, 4) (64500, 5310, 5) (64500, 5311, 2)", {0, 2, 0}, 1},
    {"the same id for one place twice is one", "(64500, 5310, 4) (64500, 5310, 4)", {4, 0, 0}, 0},
    {"another AS names nobody here", "(64501, 5310, 4) (64500, 5311, 2)", {0, 2, 0}, 0},
};
/* clang-format on */

static void
places_of_verdicts_are_read_with_care(void **state)
{
	static const uint8_t said[] = {BEACON_WELL, BEACON_FAILED, BEACON_WELL};

	(void)state;
	for (size_t i = 0; i < sizeof(WATCHED) / sizeof(WATCHED[0]); i++) {
		const struct fleet_node *n;
		uint64_t before = views[0].dropped[DROP_WATCHED];

		begin(FAMILY_V4);
		verdicts("198.18.8.7/32", WELL(0) | FAILED(1) | WELL(2), WATCHED[i].watched);
		n = &end(0)->nodes[7];
		if (views[0].dropped[DROP_WATCHED] - before != (uint64_t)WATCHED[i].dropped)
			fail_msg("%s: not counted", WATCHED[i].promise);
		for (int p = 0; p < 3; p++) {
			int verdict = WATCHED[i].ids[p] ? said[p] : BEACON_UNKNOWN;

			if (n->watched[p] != WATCHED[i].ids[p] || n->verdicts[p] != verdict)
				fail_msg("%s: place %d is %d of %d", WATCHED[i].promise, p,
				    n->verdicts[p], n->watched[p]);
		}
	}
}

static void
a_verdict_that_is_none_is_absurd(void **state)
{
	(void)state;
	begin(FAMILY_V4);
	verdicts("198.18.8.7/32", 3u << 14, "(64500, 5310, 4)");
	assert_false(end(0)->nodes[7].known);
	assert_int_equal(views[0].dropped[DROP_ABSURD], 1);
}

/* On several ways old and new verdicts meet. */
static void
verdicts_that_differ_are_not_known(void **state)
{
	static const char ids[] = "(64500, 5310, 4) (64500, 5311, 2)";
	const struct fleet_node *n;

	(void)state;
	begin(FAMILY_V4);
	verdicts("198.18.8.7/32", WELL(0) | FAILED(1), ids);
	verdicts("", FAILED(0) | FAILED(1), ids);
	n = &end(0)->nodes[7];
	assert_int_equal(n->verdicts[0], BEACON_UNKNOWN);
	assert_int_equal(n->verdicts[1], BEACON_FAILED);
	begin(FAMILY_V4);
	verdicts("198.18.8.7/32", WELL(0) | FAILED(1), ids);
	verdicts("", FAILED(0) | WELL(1), "(64500, 5310, 2) (64500, 5311, 4)");
	n = &end(0)->nodes[7];
	assert_int_equal(n->verdicts[0], BEACON_FAILED); /* of 2, in another place: both say so */
	assert_int_equal(n->watched[0], 2);
	assert_int_equal(n->verdicts[1], BEACON_WELL);
	begin(FAMILY_V4);
	verdicts("198.18.8.7/32", WELL(0), "(64500, 5310, 4)");
	verdicts("", WELL(0), "(64500, 5310, 5)");
	n = &end(0)->nodes[7];
	assert_int_equal(n->verdicts[0], BEACON_UNKNOWN); /* which one do they watch? */
}

static void
our_own_places_are_read_back(void **state)
{
	(void)state;
	begin(FAMILY_V4);
	assert_false(end(0)->own_known);
	begin(FAMILY_V4);
	route("198.18.8.2/32", "anypop_kernel4",
	    "(64500, 5300, 536870912) (64500, 5310, 4) (64500, 5311, 9)");
	assert_true(end(0)->own_known);
	assert_int_equal(views[0].own_watched[0], 4);
	assert_int_equal(views[0].own_watched[1], 9);
	assert_int_equal(views[0].n_peers, 0);
	begin(FAMILY_V4);
	beacon("198.18.8.2/32", NUMBER(NONCE, 0)); /* an echo is not the filter's word */
	assert_false(end(0)->own_known);
}

/* As many services as there may be: its lane has the highest bit of all. */
static void
the_last_lane_of_all_is_looked_at_too(void **state)
{
	static struct service many[MAX_SERVICES];
	static struct fleet_view all[MAX_LANES];
	static const int last = MAX_LANES - 1;
	struct site full = site;

	(void)state;
	many[MAX_SERVICES - 1] = service;
	full.services = many;
	full.n_services = MAX_SERVICES;
	all[last - 1] = views[0];
	all[last] = views[1];
	fleetlook_init(&look, &full, NONCE, all);
	begin(FAMILY_V6);
	beacon("fd00:53:b::7/128", NUMBER(1, RUNG(2)));
	assert_true(fleetlook_done(&look, 0));
	assert_int_equal(all[last].n_peers, 1);
	assert_int_equal(all[last].peers[0].rung, 2);
	assert_false(mono_is_set(all[last - 1].at));
}

#define TEST(name) cmocka_unit_test_setup(name, set_up)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(nodes_are_told_by_their_beacons),
	    TEST(an_intent_alone_is_no_node_in_view),
	    TEST(of_several_routes_the_worse_word_counts),
	    TEST(two_nonces_for_one_id_are_nobody),
	    TEST(our_own_id_is_ours_alone),
	    TEST(what_is_not_believed_is_counted_by_reason),
	    TEST(a_list_in_several_lines_is_read_whole),
	    TEST(no_answer_leaves_the_view_as_it_was),
	    TEST(families_are_apart),
	    TEST(since_when_it_tells_the_same),
	    TEST(places_of_verdicts_are_read_with_care),
	    TEST(a_verdict_that_is_none_is_absurd),
	    TEST(verdicts_that_differ_are_not_known),
	    TEST(our_own_places_are_read_back),
	    TEST(the_last_lane_of_all_is_looked_at_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
