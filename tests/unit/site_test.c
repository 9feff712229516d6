/* The site: lanes, names of the locks, and a file of healthd's read for its BGP sections alone. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bgpctl/site.h"

static struct arena *arena;
static struct site site;

static int
read_kitchen_sink(void **state)
{
	struct err err;

	(void)state;
	arena = arena_new();
	if (site_read("tests/unit/data/settings-kitchen-sink.conf", &site, arena, &err) == 0)
		return 0;
	fprintf(stderr, "%s\n", err.text);
	return -1;
}

static int
drop(void **state)
{
	(void)state;
	arena_free(arena);
	return 0;
}

static void
healthds_sections_are_skipped(void **state)
{
	(void)state;
	assert_string_equal(site.node.pop, "pop9");
	assert_true(site.bird.asn == 4200000000);
	assert_int_equal(site.bird.timeout_ms, 256);
	assert_int_equal(site.bird.n_sessions, 2);
	assert_int_equal(site.bird.sessions[0].families, 1 << FAMILY_V6);
	assert_int_equal(site.n_services, 2);
	assert_int_equal(site.n_rungs, 4);
}

static void
rungs_are_numbered_from_silent_up(void **state)
{
	(void)state;
	assert_string_equal(site.rungs[RUNG_SILENT].name, "silent");
	assert_string_equal(site.rungs[RUNG_DRAIN].name, "one");
	assert_string_equal(site.rungs[3].name, "full");
	assert_int_equal(rung_find(&site, "two"), 2);
	assert_int_equal(rung_find(&site, "none"), -1);
}

static void
a_lane_exists_where_its_service_has_prefixes(void **state)
{
	(void)state;
	assert_true(lane_exists(&site, lane_of(0, FAMILY_V4)));
	assert_true(lane_exists(&site, lane_of(0, FAMILY_V6)));
	assert_false(lane_exists(&site, lane_of(1, FAMILY_V4)));
	assert_true(lane_exists(&site, lane_of(1, FAMILY_V6)));
	assert_false(lane_exists(&site, lane_of(2, FAMILY_V4)));
	assert_false(lane_exists(&site, -1));
}

static void
a_lane_has_its_own_familys_prefixes_and_addresses(void **state)
{
	struct prefix prefixes[MAX_PREFIXES];
	struct addr addresses[MAX_ADDRESSES];
	char buf[PREFIX_TEXT];

	(void)state;
	assert_int_equal(lane_prefixes(&site, lane_of(0, FAMILY_V4), prefixes), 2);
	assert_string_equal(prefix_render(&prefixes[1], buf), "192.0.2.0/25");
	assert_int_equal(lane_addresses(&site, lane_of(0, FAMILY_V6), addresses), 2);
	assert_string_equal(addr_render(&addresses[1], buf), "2001:db8::2");
	assert_int_equal(lane_addresses(&site, lane_of(1, FAMILY_V4), addresses), 0);
}

static void
locks_have_the_names_that_the_design_says(void **state)
{
	char buf[LOCK_NAME];

	(void)state;
	assert_string_equal(lane_protocol(&site, lane_of(0, FAMILY_V4), 1, buf),
	    "anypop_dns_v4_one");
	assert_string_equal(lane_gate(&site, lane_of(1, FAMILY_V6), 3, buf), "apv6only6.3");
}

static void
the_longest_names_fit_the_kernel(void **state)
{
	struct service service = {.name = "0123456789"};
	struct site wide = {.services = &service, .n_services = 1};
	char buf[LOCK_NAME];

	(void)state;
	assert_int_equal(strlen(service.name), MAX_SERVICE_NAME);
	assert_true(strlen(lane_gate(&wide, lane_of(0, FAMILY_V6), MAX_RUNGS - 1, buf)) < IFNAMSIZ);
}

static void
the_nodes_name_is_the_hosts_by_default(void **state)
{
	struct arena *a = arena_new();
	char host[256] = "";
	struct site s = {.paths = {"/run/x", "/var/x", ""},
	    .bird = {.socket = "/a", .config = "/b", .include = "/c"}};
	struct err err;

	(void)state;
	gethostname(host, sizeof(host) - 1);
	assert_int_equal(site_derive(&s, "by hand", a, &err), 0);
	assert_string_equal(s.node.name, host);
	assert_string_equal(s.node.pop, host);
	arena_free(a);
}

#define TEST(test) cmocka_unit_test(test)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(healthds_sections_are_skipped),
	    TEST(rungs_are_numbered_from_silent_up),
	    TEST(a_lane_exists_where_its_service_has_prefixes),
	    TEST(a_lane_has_its_own_familys_prefixes_and_addresses),
	    TEST(locks_have_the_names_that_the_design_says),
	    TEST(the_longest_names_fit_the_kernel),
	    TEST(the_nodes_name_is_the_hosts_by_default),
	};

	return cmocka_run_group_tests(tests, read_kitchen_sink, drop);
}
