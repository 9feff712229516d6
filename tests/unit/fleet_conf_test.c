/* The fleet in the configuration: what follows from it, and each mistake with its place and mend.
 */
#include "bgpctl/site.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
/* cmocka.h needs those before it. */
#include <cmocka.h>

#include "bgpctl/birdconf_fleet.h"
#include "tests/unit/conf_rig.h"

#define LENGTH(a) (sizeof(a) / sizeof((a)[0]))

/* Sessions on line 1, the fleet on line 2, services on line 3. */
static int
read_site(const char *sessions, const char *fleet, const char *beacons, struct site *site,
    struct err *err)
{
	FILE *f = fopen(scratch, "w");

	assert_non_null(f);
	fprintf(f,
	    "bird = { asn = 64500; sessions = ( %s ); };\n%s\n"
	    "services = ( { name = \"dns\"; prefixes = [ \"192.0.2.0/24\", \"2001:db8:53::/48\" ]; "
	    "addresses = [ \"192.0.2.53\", \"2001:db8:53::53\" ]; %s }, "
	    "{ name = \"x\"; prefixes = [ \"198.51.100.0/24\" ]; addresses = [ \"198.51.100.1\" ]; "
	    "} );\n",
	    sessions, fleet, beacons);
	fclose(f);
	return site_read(scratch, site, arena, err);
}

#define WAY "{ name = \"rr\"; fleet = true; }"
#define FLEET(keys) "fleet = { " keys " };"
#define FIVE FLEET("size = 5; id = 2;")
#define BLOCKS "beacons = [ \"198.18.0.0/20\", \"fd00:53:b::/116\" ];"

static void
what_follows_from_a_fleet(void **state)
{
	struct site site;
	struct err err = {""};
	char text[PREFIX_TEXT];

	(void)state;
	if (read_site(WAY ", { name = \"t4\"; exit = false; }",
		FLEET(
		    "size = 9; id = 2; max_suspended = \"34%\"; region = \"eu\"; watch = ( { id = "
		    "9; addresses = [ \"203.0.113.9\" ]; } );"),
		BLOCKS, &site, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(site_budget(&site), 3);
	assert_string_equal(
	    prefix_render(lane_beacons(&site, lane_of(0, FAMILY_V6)), text), "fd00:53:b::/116");
	assert_null(lane_beacons(&site, lane_of(1, FAMILY_V4)));
	assert_int_equal(lanes_with_beacons(&site, 3), 3);
	assert_int_equal(lanes_with_beacons(&site, 1 << FAMILY_V6), 2);
	assert_true(site.bird.sessions[0].fleet);
	assert_int_equal(site.bird.sessions[0].exit, -1);
	assert_int_equal(site.bird.sessions[1].exit, 0);
	assert_int_equal(site.fleet.watch[0].id, 9);
	assert_non_null(watched_address(&site.fleet.watch[0], FAMILY_V4));
	assert_null(watched_address(&site.fleet.watch[0], FAMILY_V6));
	assert_int_equal(site.fleet.min_vantages, 2);
}

static void
regions_are_known_by_their_digests(void **state)
{
	struct site site;
	struct err err = {""};

	(void)state;
	if (read_site(WAY,
		FLEET("size = 9; id = 2; region = \"eu\"; regions = [ \"us\", \"ap-1\" ];"),
		BLOCKS, &site, &err) < 0)
		fail_msg("%s", err.text);
	assert_string_equal(site_region(&site, beacon_region("eu")), "eu");
	assert_string_equal(site_region(&site, beacon_region("us")), "us");
	assert_string_equal(site_region(&site, beacon_region("ap-1")), "ap-1");
	assert_null(site_region(&site, beacon_region("sa")));
	assert_null(site_region(&site, 0));
}

static void
without_a_fleet_nothing_has_beacons(void **state)
{
	struct site site;
	struct err err = {""};

	(void)state;
	assert_int_equal(read_site("{ name = \"rr\"; }", "", "", &site, &err), 0);
	assert_int_equal(site.fleet.size, 0);
	assert_int_equal(lanes_with_beacons(&site, 3), 0);
}

/* clang-format off */
static const struct {
	const char *sessions, *fleet, *beacons, *message; /* behind the path */
} MISTAKES[] = {
    {WAY, FLEET("size = 1; id = 1;"), BLOCKS, ":2: fleet.size: 1 is no fleet"},
    {WAY, FLEET("size = 5;"), BLOCKS, ":2: fleet.id: is missing; give this node a number of its own, 1 to size = 5"},
    {WAY, FLEET("size = 5; id = 6;"), BLOCKS, ":2: fleet.id: 6 is above size = 5"},
    {WAY, FLEET("id = 6;"), "", ":2: fleet.size: is missing"},
    {WAY, FLEET("size = 5; id = 2; min_announcing = 5;"), BLOCKS, ":2: fleet.min_announcing: 5 others never announce"},
    {WAY, FLEET("size = 5; id = 2; max_suspended = 5;"), BLOCKS, ":2: fleet.max_suspended: 5 is the whole fleet"},
    {WAY, FLEET("size = 5; id = 2; max_suspended = \"100%\";"), BLOCKS, ":2: fleet.max_suspended: 5 is the whole fleet"},
    {WAY, FLEET("size = 5; id = 2; settle_ms = 1999;"), BLOCKS, ":2: fleet.settle_ms: 1999 is out of range"},
    {WAY, FLEET("size = 5; id = 2; poll_ms = 3000;"), BLOCKS, ":2: fleet.view_max_age_ms: 5000 is under twice poll_ms = 3000"},
    {WAY, FLEET("size = 5; id = 2; poll_ms = 1500; settle_ms = 2000;"), BLOCKS, ":2: fleet.settle_ms: 2000 is under twice poll_ms = 1500"},
    {WAY, FLEET("size = 5; id = 2; region = \"E U\";"), BLOCKS, ":2: fleet.region: \"E U\" is no region's name"},
    {WAY, FLEET("size = 5; id = 2; regions = [ \"eu\", \"E U\" ];"), BLOCKS, ":2: fleet.regions[1]: \"E U\" is no region's name"},
    {WAY, FLEET("size = 5; id = 2; regions = [ \"\" ];"), BLOCKS, ":2: fleet.regions[0]: \"\" is no region's name"},
    {WAY, FLEET("size = 5; id = 2; regions = [ \"eu\", \"us\", \"eu\" ];"), BLOCKS, ":2: fleet.regions[2]: \"eu\" is there twice"},
    {WAY, FLEET("size = 5; id = 2; regions = [ \"eu\", \"gh\", \"ne\" ];"), BLOCKS, ":2: fleet.regions[2]: \"ne\" and \"gh\" have the same digest #380a in beacons"},
    {WAY, FLEET("size = 5; id = 2; region = \"gh\"; regions = [ \"ne\" ];"), BLOCKS, ":2: fleet.regions[0]: \"ne\" and \"gh\" have the same digest #380a in beacons"},
    {WAY, FLEET("size = 5; id = 2; watch = ( { id = 2; addresses = [ \"203.0.113.1\" ]; } );"), BLOCKS, ":2: fleet.watch[0].id: 2 is this node"},
    {WAY, FLEET("size = 5; id = 2; watch = ( { id = 6; addresses = [ \"203.0.113.1\" ]; } );"), BLOCKS, ":2: fleet.watch[0].id: 6 is above fleet.size = 5"},
    {WAY, FLEET("size = 5; id = 2; watch = ( { id = 3; addresses = [ \"203.0.113.1\" ]; }, { id = 3; addresses = [ \"203.0.113.1\" ]; } );"), BLOCKS, ":2: fleet.watch[1].id: 3 is there twice"},
    {WAY, FLEET("size = 5; id = 2; watch = ( { id = 3; addresses = [ \"192.0.2.1\" ]; } );"), BLOCKS, ":2: fleet.watch[0].addresses[0]: 192.0.2.1 is in an anycast prefix (service dns)"},
    {WAY, FLEET("size = 5; id = 2; watch = ( { id = 3; addresses = [ \"203.0.113.1\", \"203.0.113.2\" ]; } );"), BLOCKS, ":2: fleet.watch[0].addresses[1]: 203.0.113.2 is the second one of its family"},
    {WAY, FLEET("size = 5; id = 2; watch = ( { id = 3; } );"), BLOCKS, ":2: fleet.watch[0].addresses: is missing"},
    {WAY, FLEET("size = 5; id = 2; probe = { interval_ms = 500; timeout_ms = 600; };"), BLOCKS, ":2: fleet.probe.timeout_ms: 600 is above interval_ms = 500"},
    {WAY, FLEET("size = 5; id = 2; min_vantages = 5;"), BLOCKS, ":2: fleet.min_vantages: 5 others never watch this node in a fleet of 5"},
    {WAY, "", BLOCKS, ":3: services.dns.beacons: is there without a fleet"},
    {WAY, FIVE, "", ":2: fleet.size: is set, but no service has beacons"},
    {WAY, FIVE, "beacons = [ \"198.18.0.0/29\" ];", ":3: services.dns.beacons[0]: 198.18.0.0/29 has room for ids up to 1, and the fleet's size is 5; take a /27 or wider"},
    {WAY, FIVE, "beacons = [ \"198.18.0.0/20\", \"198.18.16.0/20\" ];", ":3: services.dns.beacons[1]: 198.18.16.0/20 is the second block of its family"},
    {WAY, FIVE, "beacons = [ \"192.0.0.0/20\" ];", ":3: services.dns.beacons[0]: 192.0.0.0/20 overlaps 192.0.2.0/24, which service dns announces"},
    {WAY, FIVE, "beacons = [ \"198.51.100.0/24\" ];", ":3: services.dns.beacons[0]: 198.51.100.0/24 overlaps 198.51.100.0/24, which service x announces"},
    {"{ name = \"t4\"; }", FIVE, BLOCKS, ":1: bird.sessions: has none with fleet = true in v4"},
    {"{ name = \"t4\"; fleet = true; families = [ \"v4\" ]; }", FIVE, BLOCKS, ":1: bird.sessions: has none with fleet = true in v6"},
};
/* clang-format on */

static void
mistakes_name_place_and_mend(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH(MISTAKES); i++) {
		struct site site;
		struct err err = {""};

		if (read_site(MISTAKES[i].sessions, MISTAKES[i].fleet, MISTAKES[i].beacons, &site,
			&err) == 0)
			fail_msg("accepted: %s", MISTAKES[i].message);
		if (strstr(err.text, MISTAKES[i].message) == NULL)
			fail_msg("%s\n  not: %s", err.text, MISTAKES[i].message);
	}
}

/* As many services as there may be: its lane has the highest bit of all. */
static void
the_last_lane_of_all_is_in_the_filters(void **state)
{
	static struct service many[MAX_SERVICES];
	struct site site = {.services = many,
	    .n_services = MAX_SERVICES,
	    .bird = {.asn = 64500},
	    .fleet = {.size = 5, .id = 2}};
	struct prefix prefix, block;
	char *text = NULL;
	size_t length;
	FILE *to = open_memstream(&text, &length);

	(void)state;
	assert_non_null(to);
	assert_true(prefix_parse("2001:db8:53::/48", &prefix));
	assert_true(prefix_parse("fd00:53:b::/116", &block));
	many[MAX_SERVICES - 1] = (struct service){
	    .name = "z", .prefixes = &prefix, .n_prefixes = 1, .beacons = &block, .n_beacons = 1};
	birdconf_fleet_functions(to, &site, false);
	fclose(to);
	assert_non_null(strstr(text, "net ~ [ fd00:53:b::/116+ ]"));
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_follows_from_a_fleet),
	    cmocka_unit_test(regions_are_known_by_their_digests),
	    cmocka_unit_test(without_a_fleet_nothing_has_beacons),
	    cmocka_unit_test(mistakes_name_place_and_mend),
	    cmocka_unit_test(the_last_lane_of_all_is_in_the_filters),
	};

	return cmocka_run_group_tests(tests, rig_begin, rig_end);
}
