/*
 * The codec of beacons: every field where docs/fleet.md says it is, and nothing else accepted.
 */
#include "bgpctl/beacon.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
/* cmocka.h needs those before it. */
#include <cmocka.h>

#define LENGTH(a) (sizeof(a) / sizeof((a)[0]))

static struct prefix
prefix(const char *text)
{
	struct prefix p;

	assert_true(prefix_parse(text, &p));
	return p;
}

/* clang-format off */
static const struct {
	const char *block;
	enum beacon_kind kind;
	int id;
	const char *route; /* NULL: no room */
} ROUTES[] = {
    {"198.18.0.0/20", BEACON_RUNG, 1, "198.18.0.1/32"},
    {"198.18.0.0/20", BEACON_RUNG, 1023, "198.18.3.255/32"},
    {"198.18.0.0/20", BEACON_RUNG, 1024, NULL},
    {"198.18.0.0/20", BEACON_INTENT, 1, "198.18.4.1/32"},
    {"198.18.0.0/20", BEACON_VERDICTS, 5, "198.18.8.5/32"},
    {"198.18.16.0/20", BEACON_REQUEST, 258, "198.18.29.2/32"},
    {"198.18.0.8/29", BEACON_REQUEST, 1, "198.18.0.15/32"},
    {"198.18.0.8/29", BEACON_RUNG, 2, NULL},
    {"198.18.0.8/30", BEACON_RUNG, 1, NULL},
    {"198.18.0.8/32", BEACON_RUNG, 1, NULL},
    {"fd00:53:b::/116", BEACON_RUNG, 1, "fd00:53:b::1/128"},
    {"fd00:53:b::/116", BEACON_INTENT, 1023, "fd00:53:b::7ff/128"},
    {"fd00:53:b::/116", BEACON_INTENT, 1024, NULL},
    {"fd00:53:b::/64", BEACON_REQUEST, 8191, "fd00:53:b:0:c000::1fff/128"},
    {"fd00:53:b::/64", BEACON_RUNG, 8192, NULL},
    {"10.0.0.0/8", BEACON_VERDICTS, 8191, "10.128.31.255/32"},
};

static const struct {
	struct beacon beacon;
	uint32_t number;
} NUMBERS[] = {
    {{BEACON_RUNG, 7, 0, .rung = {0, 0, 0}}, 0x20000000},
    {{BEACON_RUNG, 7, 0x1fff, .rung = {3, 15, BEACON_HAND | BEACON_CLIMBING}}, 0x3fff3f09},
    {{BEACON_RUNG, 7, 1, .rung = {1, 8, BEACON_ABSORBING | BEACON_STOPPING}}, 0x20011806},
    {{BEACON_INTENT, 7, 2, .intent = {SEVERITY_VITAL, 0}}, 0x20024000},
    {{BEACON_INTENT, 7, 2, .intent = {SEVERITY_SHARED, 0xab}}, 0x20021ab0},
    {{BEACON_VERDICTS, 7, 3, .verdicts = {2, 1, 0, 0, 0, 0, 0, 1}}, 0x20039001},
    {{BEACON_REQUEST, 7, 0, .request = {0xffff, 8191}}, 0x3fffffff},
    {{BEACON_REQUEST, 7, 0, .request = {1, 0}}, 0x20002000},
};

static const struct {
	const char *route;
	uint32_t number;
	enum beacon_fault fault;
} BAD[] = {
    {"198.18.0.1/32", 0x20000000, BEACON_OK},
    {"198.18.16.1/32", 0x20000000, BEACON_OUTSIDE},
    {"198.17.255.255/32", 0x20000000, BEACON_OUTSIDE},
    {"198.18.0.0/31", 0x20000000, BEACON_OUTSIDE},
    {"198.18.0.0/20", 0x20000000, BEACON_OUTSIDE},
    {"fd00:53:b::1/128", 0x20000000, BEACON_OUTSIDE},
    {"198.18.0.0/32", 0x20000000, BEACON_ID},
    {"198.18.0.101/32", 0x20000000, BEACON_ID},
    {"198.18.3.255/32", 0x20000000, BEACON_ID},
    {"198.18.4.0/32", 0x20004000, BEACON_ID},
    {"198.18.0.100/32", 0x20003000, BEACON_OK},
    {"198.18.0.1/32", 0, BEACON_OTHER_VERSION},
    {"198.18.0.1/32", 0x1fffffff, BEACON_OTHER_VERSION},
    {"198.18.0.1/32", 0x40000000, BEACON_OTHER_VERSION},
    {"198.18.0.1/32", 0xffffffff, BEACON_OTHER_VERSION},
    {"198.18.0.1/32", 0x20004000, BEACON_ABSURD}, /* rung 4 of 0..3 */
    {"198.18.0.1/32", 0x200030ff, BEACON_OK},     /* flags of a later release */
    {"198.18.4.1/32", 0x20000000, BEACON_ABSURD}, /* an intent of no severity */
    {"198.18.4.1/32", 0x20005000, BEACON_ABSURD},
    {"198.18.4.1/32", 0x20004001, BEACON_ABSURD}, /* bits that must be zero */
    {"198.18.4.1/32", 0x20004ff0, BEACON_OK},
    {"198.18.8.1/32", 0x2000aaaa, BEACON_OK},
    {"198.18.8.1/32", 0x2000aaab, BEACON_ABSURD}, /* a verdict of 3 */
    {"198.18.8.1/32", 0x2000c000, BEACON_ABSURD},
    {"198.18.12.1/32", 0x20001fff, BEACON_ABSURD}, /* a request for no region */
    {"198.18.12.1/32", 0x20002000, BEACON_OK},
};
/* clang-format on */

static void
routes_are_block_kind_and_id(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH(ROUTES); i++) {
		struct prefix block = prefix(ROUTES[i].block), route;
		struct beacon b;
		char text[PREFIX_TEXT];

		if (ROUTES[i].route == NULL) {
			assert_false(beacon_route(&block, ROUTES[i].kind, ROUTES[i].id, &route));
			assert_true(beacon_room(&block) < ROUTES[i].id);
			continue;
		}
		assert_true(beacon_route(&block, ROUTES[i].kind, ROUTES[i].id, &route));
		assert_string_equal(prefix_render(&route, text), ROUTES[i].route);
		/* And back; what the number holds is another matter. */
		beacon_parse(&block, &route, 0x20000000, MAX_FLEET, 4, &b);
		assert_int_equal(b.kind, ROUTES[i].kind);
		assert_int_equal(b.id, ROUTES[i].id);
	}
}

static void
numbers_hold_each_field_in_its_place(void **state)
{
	struct prefix block = prefix("198.18.0.0/20"), route;

	(void)state;
	for (size_t i = 0; i < LENGTH(NUMBERS); i++) {
		const struct beacon *want = &NUMBERS[i].beacon;
		struct beacon b;

		assert_int_equal(beacon_number(want), NUMBERS[i].number);
		assert_true(beacon_route(&block, want->kind, want->id, &route));
		assert_int_equal(
		    beacon_parse(&block, &route, NUMBERS[i].number, 10, 4, &b), BEACON_OK);
		assert_int_equal(b.nonce, want->nonce);
		assert_int_equal(beacon_number(&b), NUMBERS[i].number);
	}
}

static void
what_is_no_beacon_is_told_by_reason(void **state)
{
	struct prefix block = prefix("198.18.0.0/20");

	(void)state;
	for (size_t i = 0; i < LENGTH(BAD); i++) {
		struct prefix route = prefix(BAD[i].route);
		struct beacon b;
		enum beacon_fault fault = beacon_parse(&block, &route, BAD[i].number, 100, 4, &b);

		if (fault != BAD[i].fault)
			fail_msg("%s %08x: fault %d, not %d", BAD[i].route, BAD[i].number, fault,
			    BAD[i].fault);
	}
}

/* A far id in a wide block must not be taken for its low bits. */
static void
no_high_bit_of_an_id_is_lost(void **state)
{
	struct prefix block = prefix("fd00:53:b::/64");
	struct beacon b;

	(void)state;
	for (int bit = 13; bit < 62; bit++) {
		struct prefix route = prefix("fd00:53:b::1/128");

		route.addr.bytes[15 - bit / 8] |= (uint8_t)(1 << bit % 8);
		assert_int_equal(
		    beacon_parse(&block, &route, 0x20000000, MAX_FLEET, 4, &b), BEACON_ID);
	}
}

static void
names_become_numbers_that_are_never_zero(void **state)
{
	char name[16];

	(void)state;
	assert_int_equal(beacon_region(""), 0);
	assert_int_not_equal(beacon_region("eu"), beacon_region("us"));
	for (int i = 0; i < 200000; i++) {
		snprintf(name, sizeof(name), "r%d", i);
		assert_int_not_equal(beacon_region(name), 0);
		assert_int_not_equal(beacon_fault_of(name), 0);
	}
}

static void
a_share_rounds_down(void **state)
{
	(void)state;
	assert_int_equal(beacon_share(25, 3), 0);
	assert_int_equal(beacon_share(34, 3), 1);
	assert_int_equal(beacon_share(25, 8), 2);
	assert_int_equal(beacon_share(100, 8191), 8191);
	assert_int_equal(beacon_share(0, 8191), 0);
}

/* Seconds of the epoch, what is asked for, the minute that is told, and when that begins. */
static void
a_time_is_told_as_a_minute_of_a_circle(void **state)
{
	static const struct {
		int64_t wall_s, left_s;
		uint16_t expiry;
		int64_t begins_s;
	} times[] = {
	    {0, 0, 0, 0},
	    {0, 1, 1, 60},
	    {0, 60, 1, 60},
	    {0, 61, 2, 120},
	    {59, 1, 1, 1},
	    {59, 2, 2, 61},
	    {8191 * 60, 60, 0, 60}, /* over the wrap */
	    {8191 * 60 + 30, 3600, 60, 3630},
	    {8192 * 60 * 3636 + 5, 600, 11, 655},
	    {8191 * 60, -60, 8190, -60}, /* over already */
	    {8192 * 60, -60, 8191, -60}, /* ... before the wrap */
	    {8192 * 60 * 2, 4095 * 60, 4095, 4095 * 60},
	    {8192 * 60 * 2, 4096 * 60, 4096, -4096 * 60}, /* half the circle: taken for past */
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(times); i++) {
		uint16_t expiry = beacon_expiry(times[i].wall_s, times[i].left_s);

		assert_int_equal(expiry, times[i].expiry);
		assert_int_equal(beacon_expires_s(expiry, times[i].wall_s), times[i].begins_s);
	}
	for (int64_t wall = 0; wall < 9000 * 60; wall += 37)
		for (int64_t left = 1; left <= BEACON_REQUEST_MAX_S; left += 7919) {
			int64_t begins = beacon_expires_s(beacon_expiry(wall, left), wall);

			assert_true(begins >= left && begins < left + 60);
		}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(routes_are_block_kind_and_id),
	    cmocka_unit_test(numbers_hold_each_field_in_its_place),
	    cmocka_unit_test(what_is_no_beacon_is_told_by_reason),
	    cmocka_unit_test(no_high_bit_of_an_id_is_lost),
	    cmocka_unit_test(names_become_numbers_that_are_never_zero),
	    cmocka_unit_test(a_share_rounds_down),
	    cmocka_unit_test(a_time_is_told_as_a_minute_of_a_circle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
