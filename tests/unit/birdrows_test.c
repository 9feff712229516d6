/* birdrows: rows of real replies (BIRD 2.0.12, tests/unit/data/bird/) and of crooked ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bgpctl/birdline.h"
#include "bgpctl/birdrows.h"
#include "lib/file.h"

typedef void each_row(void *arg, int code, const char *text);

/* Runs a transcript through the frame; the code of its last line. */
static int
replay(const char *name, each_row *row, void *arg)
{
	struct birdline l;
	struct err err;
	char path[100];
	size_t n, used;
	char *data;

	snprintf(path, sizeof(path), "tests/unit/data/bird/%s.txt", name);
	data = file_read(path, 100000, &n, &err);
	if (!data)
		fail_msg("%s", err.text);
	birdline_init(&l);
	for (size_t at = 0; at < n; at += used)
		if (birdline_feed(&l, data + at, n - at, &used) == BIRDLINE_MORE)
			row(arg, l.code, l.text);
	free(data);
	return l.code;
}

struct protocols {
	int n;
	struct bird_protocol rows[32];
};

static void
take_protocol(void *arg, int code, const char *text)
{
	struct protocols *p = arg;

	p->n += birdrows_protocol(code, text, &p->rows[p->n]);
}

static const struct bird_protocol *
find(const struct protocols *p, const char *name)
{
	for (int i = 0; i < p->n; i++)
		if (strcmp(p->rows[i].name, name) == 0)
			return &p->rows[i];
	fail_msg("no row for %s", name);
	return NULL;
}

static void
protocols_are_read_with_long_names_and_empty_info(void **state)
{
	struct protocols p = {0};
	const struct bird_protocol *row;

	(void)state;
	assert_int_equal(replay("protocols", take_protocol, &p), 0);
	assert_int_equal(p.n, 10);
	row = find(&p, "anypop_dns_v4_drain");
	assert_string_equal(row->proto, "Static");
	assert_string_equal(row->table, "anypop4");
	assert_string_equal(row->state, "up");
	assert_string_equal(row->since, "09:22:24.683");
	assert_string_equal(row->info, "");
	assert_string_equal(find(&p, "up1")->info, "Established");
	assert_string_equal(find(&p, "dead1")->state, "start");
	assert_string_equal(find(&p, "rej1")->state, "down");
	assert_true(strncmp(find(&p, "dead1")->info, "Active        Socket: ", 22) == 0);
}

static void
iso_times_are_one_field(void **state)
{
	struct protocols p = {0};

	(void)state;
	replay("iso_protocols", take_protocol, &p);
	assert_string_equal(find(&p, "up2")->since, "2026-11-22 09:22:28");
	assert_string_equal(find(&p, "up2")->info, "Established");
	assert_true(strncmp(find(&p, "up1")->info, "Active ", 7) == 0);
}

static void
take_details(void *arg, int code, const char *text)
{
	birdrows_details(code, text, arg);
}

static void
details_of_a_session(void **state)
{
	struct bird_details d;

	(void)state;
	birdrows_details_init(&d);
	replay("protocol_all", take_details, &d);
	assert_string_equal(d.row.name, "up1");
	assert_string_equal(d.neighbor, "10.9.0.2");
	assert_int_equal(d.neighbor_as, 64501);
	assert_int_equal(d.local_as, 64500);
	assert_true(d.external);
	assert_int_equal(d.hold_s, 240);
	assert_string_equal(d.table[FAMILY_V4], "anypop4");
	assert_string_equal(d.table[FAMILY_V6], "anypop6");
	assert_false(d.local_restarts);
	birdrows_details_init(&d);
	replay("details_gr", take_details, &d);
	assert_true(d.local_restarts);
	assert_string_equal(d.table[FAMILY_V4], "master4");
}

static void
take_status(void *arg, int code, const char *text)
{
	birdrows_status(code, text, arg);
}

static void
status_names_version_boot_and_reconfiguration(void **state)
{
	struct bird_status s = {0};

	(void)state;
	assert_int_equal(replay("status", take_status, &s), 13);
	assert_string_equal(s.version, "2.0.12");
	assert_true(strncmp(s.boot, "2026-11-22 ", 11) == 0);
	assert_true(strncmp(s.reconfigured, "2026-11-22 ", 11) == 0);
}

static void
times_may_waver_by_a_millisecond(void **state)
{
	const char *t = "2026-11-22 10:24:59.999";

	(void)state;
	assert_true(birdrows_same_time(t, t));
	assert_true(birdrows_same_time(t, "2026-11-22 10:25:00.001"));
	assert_false(birdrows_same_time(t, "2026-11-22 10:25:00.002"));
	assert_false(birdrows_same_time(t, "2026-11-23 10:24:59.999"));
	assert_true(birdrows_same_time("", ""));
	assert_true(birdrows_same_time("10:24", "10:24"));
	assert_false(birdrows_same_time("10:24", t));
	assert_false(birdrows_same_time("2026-11-22 10:24:59.99", t));
}

static void
take_bfd(void *arg, int code, const char *text)
{
	struct bird_bfd row, *out = arg;

	if (birdrows_bfd(code, text, &row))
		*out = row;
}

static void
bfd_rows_but_not_their_header(void **state)
{
	struct bird_bfd row = {0};

	(void)state;
	replay("bfd", take_bfd, &row);
	assert_string_equal(row.address, "10.9.0.2");
	assert_string_equal(row.interface, "v0");
	assert_string_equal(row.state, "Up");
}

/* BIRD names the interface behind the neighbour wherever the configuration does. */
static void
bfd_is_of_the_neighbour_on_its_interface(void **state)
{
	struct bird_details d;
	struct bird_bfd row;

	(void)state;
	birdrows_details_init(&d);
	birdrows_details(
	    1006, "    Neighbor address: fe80::1111:2222:3333:4444%enp129s0f0.4094", &d);
	assert_true(birdrows_bfd(
	    1020, "fe80::1111:2222:3333:4444 enp129s0f0.4094 Up 10:00:00 0.050 0.150", &row));
	assert_true(birdrows_bfd_with(&row, d.neighbor));
	assert_true(birdrows_bfd_with(&row, "fe80::1111:2222:3333:4444"));
	assert_false(birdrows_bfd_with(&row, "fe80::1111:2222:3333:4444%enp129s0f1.4094"));
	assert_false(birdrows_bfd_with(&row, "fe80::1111:2222:3333:444%enp129s0f0.4094"));
	assert_false(birdrows_bfd_with(&row, ""));
	assert_true(birdrows_bfd(1020, "10.0.0.1 --- Up 10:00:00 0.050 0.150", &row));
	assert_true(birdrows_bfd_with(&row, "10.0.0.1%eth0"));
	assert_false(birdrows_bfd_with(&row, "10.0.0.2%eth0"));
}

static void
take_routes(void *arg, int code, const char *text)
{
	birdrows_routes(code, text, arg);
}

static struct bird_routes routes;

static int
read_routes(const char *name)
{
	birdrows_routes_init(&routes);
	return replay(name, take_routes, &routes);
}

static void
routes_of_one_network_best_first(void **state)
{
	(void)state;
	assert_int_equal(read_routes("table_three"), 0);
	assert_int_equal(routes.n, 3);
	assert_string_equal(routes.routes[0].protocol, "anypop_dns_v4_full");
	assert_string_equal(routes.routes[0].table, "anypop4");
	assert_true(routes.routes[0].best);
	assert_int_equal(routes.routes[0].preference, 200);
	assert_string_equal(routes.routes[1].protocol, "anypop_dns_v4_drain");
	assert_false(routes.routes[1].best);
	assert_string_equal(routes.routes[2].type, "blackhole");
	for (int i = 0; i < 3; i++)
		assert_string_equal(routes.routes[i].net, "192.0.2.0/24");
	assert_false(routes.routes[0].attributes);
}

static void
attributes_belong_to_the_route_above_them(void **state)
{
	(void)state;
	read_routes("table_three_all");
	assert_int_equal(routes.n, 3);
	assert_int_equal(routes.routes[0].local_pref, 150);
	assert_true(bird_route_has_large(&routes.routes[0], 64500, 1, 3));
	assert_int_equal(routes.routes[1].local_pref, 50);
	assert_true(bird_route_has_large(&routes.routes[1], 64500, 1, 1));
	assert_false(bird_route_has_large(&routes.routes[1], 64500, 1, 3));
	assert_int_equal(routes.routes[2].local_pref, -1);
	assert_int_equal(routes.routes[2].n_large, 0);
}

static void
what_a_filter_makes_of_a_route(void **state)
{
	const struct bird_route *r = &routes.routes[0];

	(void)state;
	assert_int_equal(read_routes("export_drain_all"), 0);
	assert_int_equal(routes.n, 1);
	assert_true(r->attributes);
	assert_int_equal(r->n_path, 3);
	assert_int_equal(r->path[2], 64500);
	assert_int_equal(r->med, 30);
	assert_true(bird_route_has(r, 65535, 0));
	assert_false(bird_route_has(r, 65535, 1));
	assert_true(bird_route_has_large(r, 64500, 1, 1));
	read_routes("export_full_all");
	assert_int_equal(r->n_path, 0);
	assert_int_equal(r->med, -1);
}

static void
tables_and_received_routes_are_told_apart(void **state)
{
	(void)state;
	read_routes("exported_both");
	assert_int_equal(routes.n, 3);
	assert_string_equal(routes.routes[2].table, "anypop6");
	assert_string_equal(routes.routes[2].net, "2001:db8:53::/48");
	read_routes("received_all");
	assert_int_equal(routes.n, 5);
	assert_string_equal(routes.routes[1].protocol, "pop1i");
	assert_string_equal(routes.routes[1].type, "unreachable");
	assert_int_equal(routes.routes[1].n_path, 0);
	assert_int_equal(routes.routes[4].n_path, 4);
	read_routes("iso_table");
	assert_int_equal(routes.n, 1);
	assert_string_equal(routes.routes[0].protocol, "anypop_dns_v4_drain");
}

static void
no_route_is_no_route_with_its_code(void **state)
{
	(void)state;
	assert_int_equal(read_routes("not_found"), 8001);
	assert_int_equal(routes.n, 0);
	assert_int_equal(read_routes("exported_down"), 9001);
	assert_int_equal(routes.n, 0);
	assert_int_equal(read_routes("no_protocol"), 9001);
}

static void
crooked_rows_are_passed_over(void **state)
{
	static const char *const rows[] = {"", " ", "192.0.2.0/24", "192.0.2.0/24 unicast [",
	    "Table ", "Table :", "x [y", "]", "[]", "\t", "a b c", "9 "};
	struct bird_protocol p;
	struct bird_bfd b;

	(void)state;
	birdrows_routes_init(&routes);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		birdrows_routes(1007, rows[i], &routes);
		birdrows_routes(1012, rows[i], &routes);
		assert_false(birdrows_protocol(1002, rows[i], &p));
		assert_false(birdrows_bfd(1020, rows[i], &b));
	}
	assert_int_equal(routes.n, 0);
}

static void
what_does_not_fit_is_said(void **state)
{
	char row[2000] = "\tBGP.community:";

	(void)state;
	birdrows_routes_init(&routes);
	birdrows_routes(1007, "10.0.0.0/8 unicast [p 1:2] * (100)", &routes);
	for (int i = 0; i < BIRD_COMMUNITIES + 1; i++)
		sprintf(row + strlen(row), " (1,%d)", i);
	birdrows_routes(1012, row, &routes);
	assert_true(routes.routes[0].cut);
	assert_int_equal(routes.routes[0].n_communities, BIRD_COMMUNITIES);
	for (int i = 0; i < BIRD_ROUTES; i++)
		birdrows_routes(1007, "     unicast [q 1:2] (100)", &routes);
	assert_true(routes.more);
	assert_int_equal(routes.n, BIRD_ROUTES);
	birdrows_routes_init(&routes);
	birdrows_routes(1007, "10.0.0.0/8 unicast [p 1:2] * (100)", &routes);
	birdrows_routes(8000, "<line overflow>", &routes);
	assert_true(routes.routes[0].cut);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(protocols_are_read_with_long_names_and_empty_info),
	    cmocka_unit_test(iso_times_are_one_field),
	    cmocka_unit_test(details_of_a_session),
	    cmocka_unit_test(status_names_version_boot_and_reconfiguration),
	    cmocka_unit_test(times_may_waver_by_a_millisecond),
	    cmocka_unit_test(bfd_rows_but_not_their_header),
	    cmocka_unit_test(bfd_is_of_the_neighbour_on_its_interface),
	    cmocka_unit_test(routes_of_one_network_best_first),
	    cmocka_unit_test(attributes_belong_to_the_route_above_them),
	    cmocka_unit_test(what_a_filter_makes_of_a_route),
	    cmocka_unit_test(tables_and_received_routes_are_told_apart),
	    cmocka_unit_test(no_route_is_no_route_with_its_code),
	    cmocka_unit_test(crooked_rows_are_passed_over),
	    cmocka_unit_test(what_does_not_fit_is_said),
	};

	return cmocka_run_group_tests_name("birdrows", tests, NULL, NULL);
}
