/*
 * l3_value: answers to Redis and back: what comes back is what went, aged, or nothing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "resolver/l3_value.h"
#include "tests/unit/wire_maker.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))
#define NOW 50 /* a machine that was just booted */
#define WALL 1700000000

static const struct ttl_policy policy = {
    .min_s = 0, .max_s = 86400, .neg_min_s = 30, .neg_max_s = 3600, .failure_s = 5};
static const struct l3_rules plain = {.view = "default", .policy = &policy},
			     trusting = {.view = "default", .secure = true, .policy = &policy};
static struct hmac_sha256_ctx mac;
static const struct l3_rules keyed = {
    .view = "default", .mac = &mac, .validates = true, .secure = true, .policy = &policy};

static _Alignas(8) uint8_t memory[ENTRY_ROOM], back[ENTRY_ROOM];
static const struct entry *const entry = (const struct entry *)memory,
				 *const again = (const struct entry *)back;
static uint8_t value[L3_VALUE_MAX];
static struct wire_maker made;
static struct key www;

static int
set_up(void **state)
{
	(void)state;
	nettle_hmac_sha256_set_key(&mac, 16, (const uint8_t *)"a secret of ours");
	www = wire_key("www.example.", DNS_TYPE_A, true, false);
	return 0;
}

/* www.example. A, living for 300 s. */
static void
make(uint8_t flags)
{
	wire_begin(&made, 0, "www.example.", DNS_TYPE_A);
	wire_a(&made, 0, 300);
	wire_a(&made, 0, 400);
	assert_true(entry_build(&www, made.wire, made.length, &policy, flags, 0, NOW, memory) > 0);
}

static size_t
encode(const struct l3_rules *r)
{
	memset(value, 0xa5, sizeof(value));
	return l3_value_encode(entry, r, WALL, value);
}

static enum l3_verdict
decode(size_t length, const struct l3_rules *r, int64_t wall_s)
{
	enum l3_verdict v;

	memset(back, 0xa5, sizeof(back));
	v = l3_value_decode(value, length, &www, r, wall_s, NOW, back);
	if (v == L3_TAKEN)
		assert_true(entry_valid(back, again->size, &www) && entry_fresh(again, NOW));
	return v;
}

static void
keys_tell_everything_that_sets_answers_apart(void **state)
{
	static const struct {
		const char *name;
		uint16_t type;
		bool dnssec_ok, checking_disabled, validates;
		const char *text;
	} rows[] = {
	    {"WWW.example.", 1, false, false, false, "anypop:1:default::1:1:www.example."},
	    {"www.example.", 28, true, false, true, "anypop:1:default:dv:28:1:www.example."},
	    {"www.example.", 65280, true, true, false, "anypop:1:default:dc:65280:1:www.example."},
	    {".", 2, false, true, true, "anypop:1:default:cv:2:1:."},
	    {"a\\.b.c\\000.", 1, false, false, false, "anypop:1:default::1:1:a\\.b.c\\000."},
	};
	char text[L3_KEY_MAX];

	(void)state;
	for (size_t i = 0; i < N(rows); i++) {
		struct key k = wire_key(rows[i].name, rows[i].type, rows[i].dnssec_ok,
		    rows[i].checking_disabled);
		struct l3_rules r = plain;
		size_t length;

		r.validates = rows[i].validates;
		length = l3_key_render(&k, &r, text);
		assert_int_equal(length, strlen(rows[i].text));
		assert_memory_equal(text, rows[i].text, length);
	}
}

static void
the_longest_key_and_view_fit(void **state)
{
	char text[L3_KEY_MAX], view[L3_VIEW_MAX + 1];
	struct l3_rules r = plain;
	uint8_t name[ENTRY_NAME_MAX];
	struct key k;

	(void)state;
	memset(view, 'v', L3_VIEW_MAX);
	view[L3_VIEW_MAX] = '\0';
	r.view = view;
	r.validates = true;
	memset(name, 1, sizeof(name)); /* labels of one octet, each of four characters */
	name[254] = 0;
	assert_true(key_make(&k, name, 255, 65535, 65535, true, true));
	assert_true(l3_key_render(&k, &r, text) < L3_KEY_MAX - 1);
}

static void
what_comes_back_is_what_went(void **state)
{
	static const struct l3_rules *const rules[] = {&plain, &trusting, &keyed};

	(void)state;
	for (size_t i = 0; i < N(rules); i++) {
		size_t length;

		make(rules[i]->secure ? ENTRY_SECURE : 0);
		length = encode(rules[i]);
		assert_in_range(length, 1, L3_VALUE_MAX);
		assert_int_equal(value[length], 0xa5);
		assert_int_equal(decode(length, rules[i], WALL), L3_TAKEN);
		assert_memory_equal(back, memory, entry->size);
	}
}

static void
a_negative_answer_comes_back_as_one(void **state)
{
	size_t length;

	(void)state;
	wire_begin(&made, DNS_NXDOMAIN, "www.example.", DNS_TYPE_A);
	wire_soa(&made, 900, 600);
	assert_true(entry_build(&www, made.wire, made.length, &policy, 0, 0, NOW, memory) > 0);
	length = encode(&plain);
	assert_int_equal(decode(length, &plain, WALL + 100), L3_TAKEN);
	assert_int_equal(again->rcode, DNS_NXDOMAIN);
	assert_int_equal(again->flags, ENTRY_NEGATIVE);
	assert_int_equal(entry_left_s(again, NOW), 500);
}

static void
age_is_by_the_clock_and_bounded(void **state)
{
	static const struct {
		int64_t wall_s;
		enum l3_verdict verdict;
		uint32_t left_s;
	} rows[] = {
	    {WALL, L3_TAKEN, 300},
	    {WALL + 100, L3_TAKEN, 200},
	    {WALL + 299, L3_TAKEN, 1},
	    {WALL + 300, L3_STALE, 0},
	    {WALL + 1000000, L3_STALE, 0},
	    {WALL - 10, L3_TAKEN, 300},
	    {WALL - 11, L3_WRONG, 0},
	    {0, L3_WRONG, 0},
	    {-1, L3_WRONG, 0},
	    {INT64_MIN, L3_WRONG, 0},
	    {INT64_MAX, L3_STALE, 0},
	};
	size_t length;

	(void)state;
	make(0);
	length = encode(&plain);
	for (size_t i = 0; i < N(rows); i++) {
		assert_int_equal(decode(length, &plain, rows[i].wall_s), rows[i].verdict);
		if (rows[i].verdict == L3_TAKEN)
			assert_int_equal(entry_left_s(again, NOW), rows[i].left_s);
	}
}

static void
what_is_of_before_a_flush_is_stale(void **state)
{
	struct l3_rules r = plain;
	size_t length;

	(void)state;
	make(0);
	length = encode(&plain);
	r.stale_by_s = WALL;
	assert_int_equal(decode(length, &r, WALL + 2), L3_STALE);
	r.stale_by_s = WALL - 1;
	assert_int_equal(decode(length, &r, WALL + 2), L3_TAKEN);
}

static void
only_good_answers_with_a_life_go(void **state)
{
	(void)state;
	entry_fail(&www, DNS_SERVFAIL, 0, 22, &policy, NOW, memory);
	assert_int_equal(encode(&keyed), 0);
	wire_begin(&made, 0, "www.example.", DNS_TYPE_A);
	wire_a(&made, 0, 0);
	assert_true(entry_build(&www, made.wire, made.length, &policy, 0, 0, NOW, memory) > 0);
	assert_int_equal(encode(&keyed), 0);
	make(ENTRY_SECURE);
	assert_int_equal(encode(&plain), 0);
	assert_true(encode(&trusting) > 0);
}

static void
ad_is_believed_only_where_it_may_be(void **state)
{
	size_t length;

	(void)state;
	make(ENTRY_SECURE);
	length = encode(&trusting);
	assert_int_equal(decode(length, &plain, WALL), L3_UNTRUSTED);
	assert_int_equal(decode(length, &trusting, WALL), L3_TAKEN);
	assert_int_equal(again->flags, ENTRY_SECURE);
}

static void
nobody_elses_values_are_taken(void **state)
{
	struct hmac_sha256_ctx other;
	struct l3_rules forger = keyed, viewer = plain, validating = plain;
	struct key k = wire_key("www.example.", DNS_TYPE_AAAA, true, false), own = www;
	size_t length;

	(void)state;
	nettle_hmac_sha256_set_key(&other, 16, (const uint8_t *)"another's secret");
	forger.mac = &other;
	viewer.view = "other";
	validating.validates = true;
	make(0);
	length = encode(&forger);
	assert_int_equal(decode(length, &keyed, WALL), L3_WRONG);
	assert_int_equal(decode(length, &plain, WALL), L3_WRONG);
	length = encode(&plain);
	assert_int_equal(decode(length, &keyed, WALL), L3_WRONG);
	assert_int_equal(decode(length, &viewer, WALL), L3_WRONG);
	assert_int_equal(decode(length, &validating, WALL), L3_WRONG);
	www = k;
	assert_int_equal(decode(length, &plain, WALL), L3_WRONG);
	www = wire_key("wwx.example.", DNS_TYPE_A, true, false);
	assert_int_equal(decode(length, &plain, WALL), L3_WRONG);
	www = wire_key("www.example.", DNS_TYPE_A, false, false);
	assert_int_equal(decode(length, &plain, WALL), L3_WRONG);
	www = own;
	assert_int_equal(decode(length, &plain, WALL), L3_TAKEN);
}

/* Sealed again after the change, as by somebody who can. */
static void
reseal(size_t length)
{
	struct hmac_sha256_ctx m = mac;

	nettle_hmac_sha256_update(&m, length - SHA256_DIGEST_SIZE, value);
	nettle_hmac_sha256_digest(&m, SHA256_DIGEST_SIZE, value + length - SHA256_DIGEST_SIZE);
}

static void
impossible_values_are_wrong_whoever_sealed_them(void **state)
{
	static const struct {
		const char *why;
		size_t at;
		uint8_t octet;
	} rows[] = {{"magic", 0, 'A'}, {"version", 4, 2}, {"a flag that is none", 5, 0x84},
	    {"negative is not theirs to say", 5, 0x82}, {"reserved", 6, 1}, {"reserved too", 31, 1},
	    {"of the far future", 8, 0x70}, {"of before time", 8, 0xf0}, {"lives for ever", 16, 0xff},
	    {"longer than we keep any", 17, 2}, {"another type", 21, 28}, {"another class", 23, 3},
	    {"another DO", 24, 0}, {"name too long", 25, 200}, {"view too short", 26, 6},
	    {"another seal", 27, 0}, {"message too long", 29, 255}, {"another name", 34, 'x'},
	    {"another view", 45, 'D'}, {"a failure", 55, 0x82}, {"a query", 54, 0},
	    {"two questions", 57, 2}, {"more records than there are", 59, 3},
	    {"fewer records", 59, 1}};

	(void)state;
	for (size_t i = 0; i < N(rows); i++) {
		size_t length;

		make(ENTRY_SECURE);
		length = encode(&keyed);
		assert_int_equal(decode(length, &keyed, WALL), L3_TAKEN);
		assert_int_not_equal(value[rows[i].at], rows[i].octet);
		value[rows[i].at] = rows[i].octet;
		reseal(length);
		if (decode(length, &keyed, WALL) != L3_WRONG)
			fail_msg("taken: %s", rows[i].why);
	}
}

/* Every octet is under the seal. */
static void
damaged_and_cut_values_are_wrong(void **state)
{
	static const struct l3_rules *const rules[] = {&trusting, &keyed};

	(void)state;
	for (size_t i = 0; i < N(rules); i++) {
		size_t length;

		make(ENTRY_SECURE);
		length = encode(rules[i]);
		for (size_t at = 0; at < length; at++) {
			value[at] ^= 1;
			assert_int_equal(decode(length, rules[i], WALL), L3_WRONG);
			value[at] ^= 1;
			assert_int_equal(decode(at, rules[i], WALL), L3_WRONG);
		}
		assert_int_equal(decode(length + 1, rules[i], WALL), L3_WRONG);
		assert_int_equal(decode(length, rules[i], WALL), L3_TAKEN);
	}
}

static void
our_own_policy_counts(void **state)
{
	static const struct ttl_policy strict = {.max_s = 350, .neg_max_s = 60};
	struct l3_rules r = plain;
	size_t length;

	(void)state;
	make(0);
	length = encode(&plain);
	r.policy = &strict;
	assert_int_equal(decode(length, &r, WALL + 100), L3_TAKEN);
	assert_int_equal(entry_left_s(again, NOW), 200);
	/* Told to live shorter than its records. */
	r = keyed;
	r.validates = false;
	make(0);
	length = encode(&r);
	value[18] = 0;
	value[19] = 10;
	reseal(length);
	assert_int_equal(decode(length, &r, WALL + 5), L3_TAKEN);
	assert_int_equal(entry_left_s(again, NOW), 5);
	assert_int_equal(decode(length, &r, WALL + 10), L3_STALE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(keys_tell_everything_that_sets_answers_apart),
	    cmocka_unit_test(the_longest_key_and_view_fit),
	    cmocka_unit_test(what_comes_back_is_what_went),
	    cmocka_unit_test(a_negative_answer_comes_back_as_one),
	    cmocka_unit_test(age_is_by_the_clock_and_bounded),
	    cmocka_unit_test(what_is_of_before_a_flush_is_stale),
	    cmocka_unit_test(only_good_answers_with_a_life_go),
	    cmocka_unit_test(ad_is_believed_only_where_it_may_be),
	    cmocka_unit_test(nobody_elses_values_are_taken),
	    cmocka_unit_test(impossible_values_are_wrong_whoever_sealed_them),
	    cmocka_unit_test(damaged_and_cut_values_are_wrong),
	    cmocka_unit_test(our_own_policy_counts),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
