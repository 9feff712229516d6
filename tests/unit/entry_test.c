/*
 * entry: answers kept and served: keys, TTLs, flags, what is refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/scoreboard.h"
#include "tests/unit/wire_maker.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))
#define NOW 100000

static const struct ttl_policy policy = {
    .min_s = 0, .max_s = 86400, .neg_min_s = 30, .neg_max_s = 3600, .failure_s = 5};

static _Alignas(8) uint8_t memory[ENTRY_ROOM];
static const struct entry *const entry = (const struct entry *)memory;
static struct wire_maker made;
static uint8_t out[ENTRY_MAX];
static struct dns_message told;

static size_t
build(const struct key *k, const struct ttl_policy *p, uint8_t flags)
{
	size_t size;

	memset(memory, 0xa5, sizeof(memory));
	size = entry_build(k, made.wire, made.length, p, flags, 0, NOW, memory);
	if (size > 0)
		assert_true(entry_valid(memory, size, k));
	return size;
}

/* Serves to `out` and `told`; whatever is served is a sound message. */
static size_t
serve(int64_t now_s, bool ad_wanted, uint32_t stale_ttl_s, size_t max)
{
	size_t length = entry_serve(entry, 0x1234, true, ad_wanted, entry_message(entry) + 12,
	    now_s, stale_ttl_s, out, max);

	assert_true(length > 0 && length <= max);
	assert_int_equal(dns_message_parse(out, length, &told), DNS_SOUND);
	assert_int_equal(told.id, 0x1234);
	assert_true(told.qr && told.ra && told.rd && !told.aa && !told.edns);
	return length;
}

static uint32_t
ttl_of_record(int which)
{
	struct dns_record r = {0};
	size_t at = told.answers;

	for (int i = 0; i <= which; i++)
		assert_true(dns_record_read(out, sizeof(out), &at, &r));
	return r.ttl;
}

static void
keys_fold_case_and_keep_do_and_cd_apart(void **state)
{
	struct key a = wire_key("WWW.Example.", 1, false, false);
	struct key b = wire_key("www.eXAMPLE.", 1, false, false);
	const struct key others[] = {wire_key("www.example.", 28, false, false),
	    wire_key("www.example.", 1, true, false), wire_key("www.example.", 1, false, true),
	    wire_key("ww.example.", 1, false, false), wire_key("www.example.x.", 1, false, false)};

	(void)state;
	assert_true(key_equal(&a, &b));
	assert_true(key_hash(&a, 7) == key_hash(&b, 7));
	assert_true(key_hash(&a, 7) != key_hash(&a, 8));
	assert_memory_equal(a.name, "\3www\7example", 13);
	for (size_t i = 0; i < N(others); i++) {
		assert_false(key_equal(&a, &others[i]));
		assert_true(key_hash(&a, 7) != key_hash(&others[i], 7));
	}
}

static void
a_tree_is_its_apex_and_what_is_below(void **state)
{
	static const struct {
		const char *name, *apex;
		bool tree, within;
	} rows[] = {
	    {"www.example.", "www.example.", false, true},
	    {"WWW.example.", "www.example.", true, true},
	    {"www.example.", "example.", true, true},
	    {"www.example.", "example.", false, false},
	    {"a.b.c.example.", "c.example.", true, true},
	    {"www.example.", ".", true, true},
	    {".", ".", true, true},
	    {".", ".", false, true},
	    {".", "example.", true, false},
	    {"example.", "www.example.", true, false},
	    {"wwwexample.", "example.", true, false},
	    {"www.example.org.", "example.", true, false},
	    {"www.exempla.", "example.", true, false},
	    /* The octets of "example." stand in its first label's end. */
	    {"x\\007example.", "example.", true, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct key k = wire_key(rows[i].name, 1, false, false),
			   apex = wire_key(rows[i].apex, 1, false, false);

		if (key_within(&k, apex.name, apex.name_length, rows[i].tree) != rows[i].within)
			fail_msg("%s, %s%s", rows[i].name, rows[i].apex,
			    rows[i].tree ? " and below" : "");
	}
}

static void
names_that_are_none_make_no_key(void **state)
{
	static const struct {
		const char *octets;
		size_t length;
	} rows[] = {{"", 0}, {"\1", 1}, {"\1a", 2}, {"\2a", 3}, {"\300\14", 2}, {"\100a", 66},
	    {"\3www\3com", 8}};
	uint8_t longest[300];
	struct key k;

	(void)state;
	for (size_t i = 0; i < N(rows); i++)
		assert_false(key_make(
		    &k, (const uint8_t *)rows[i].octets, rows[i].length, 1, 1, false, false));
	memset(longest, 1, sizeof(longest));
	longest[254] = 0;
	assert_true(key_make(&k, longest, sizeof(longest), 1, 1, false, false));
	assert_int_equal(k.name_length, 255);
	memset(longest, 1, sizeof(longest));
	longest[256] = 0;
	assert_false(key_make(&k, longest, sizeof(longest), 1, 1, false, false));
	assert_true(key_make(&k, (const uint8_t *)"\0www", 4, 2, 1, false, false));
	assert_int_equal(k.name_length, 1);
}

static void
positive_ttls_are_clamped_and_the_shortest_is_the_life(void **state)
{
	static const struct {
		uint32_t min, max, ttl[2], told[2], life;
	} rows[] = {
	    {0, 86400, {300, 60}, {300, 60}, 60},
	    {0, 86400, {0, 60}, {0, 60}, 0},
	    {10, 86400, {0, 60}, {10, 60}, 10},
	    {0, 86400, {UINT32_MAX, 0x80000000}, {86400, 86400}, 86400},
	    {100, 50, {1, 1000}, {50, 50}, 50},
	};
	struct key k = wire_key("www.example.", DNS_TYPE_A, false, false);

	(void)state;
	for (size_t i = 0; i < N(rows); i++) {
		struct ttl_policy p = policy;

		p.min_s = rows[i].min;
		p.max_s = rows[i].max;
		wire_begin(&made, 0, "www.example.", DNS_TYPE_A);
		wire_a(&made, 0, rows[i].ttl[0]);
		wire_a(&made, 2, rows[i].ttl[1]);
		wire_opt(&made);
		assert_true(build(&k, &p, 0) > 0);
		assert_int_equal(entry->ttl_s, rows[i].life);
		assert_int_equal(entry->flags, 0);
		serve(NOW, false, 0, sizeof(out));
		assert_int_equal(told.ancount, 1);
		assert_int_equal(told.arcount, 1);
		assert_int_equal(ttl_of_record(0), rows[i].told[0]);
		assert_int_equal(ttl_of_record(1), rows[i].told[1]);
	}
}

static void
negative_ttl_is_the_lesser_of_soa_and_minimum_within_bounds(void **state)
{
	static const struct {
		uint32_t ttl, minimum, other, told, told_other, life;
		unsigned rcode;
	} rows[] = {
	    {900, 600, 700, 600, 600, 600, DNS_NXDOMAIN},
	    {600, 900, 100, 600, 100, 100, DNS_NXDOMAIN},
	    {600, 900, 5, 600, 30, 30, DNS_NOERROR},
	    {5, 900, 900, 30, 30, 30, DNS_NXDOMAIN},
	    {900, 0, 900, 30, 30, 30, DNS_NOERROR},
	    {86400, 86400, 86400, 3600, 3600, 3600, DNS_NXDOMAIN},
	    {UINT32_MAX, UINT32_MAX, 0, 3600, 30, 30, DNS_NOERROR},
	};
	struct key k = wire_key("www.example.", DNS_TYPE_AAAA, true, false);

	(void)state;
	for (size_t i = 0; i < N(rows); i++) {
		wire_begin(&made, rows[i].rcode, "www.example.", DNS_TYPE_AAAA);
		wire_soa(&made, rows[i].ttl, rows[i].minimum);
		wire_record(&made, 1, "a.example.", 47, rows[i].other, "\0\0", 2);
		assert_true(build(&k, &policy, ENTRY_SECURE) > 0);
		assert_int_equal(entry->ttl_s, rows[i].life);
		assert_int_equal(entry->flags, ENTRY_SECURE | ENTRY_NEGATIVE);
		serve(NOW, false, 0, sizeof(out));
		assert_int_equal(told.rcode, rows[i].rcode);
		assert_true(told.ad);
		assert_int_equal(ttl_of_record(0), rows[i].told);
		assert_int_equal(ttl_of_record(1), rows[i].told_other);
	}
}

static void
negative_answer_behind_an_alias_lives_as_long_as_the_alias(void **state)
{
	struct key k = wire_key("www.example.", DNS_TYPE_A, false, false);

	(void)state;
	wire_begin(&made, DNS_NXDOMAIN, "www.example.", DNS_TYPE_A);
	wire_record(&made, 0, NULL, DNS_TYPE_CNAME, 7, "\1x", 3);
	wire_soa(&made, 600, 600);
	assert_true(build(&k, &policy, 0) > 0);
	assert_int_equal(entry->ttl_s, 7);
	assert_int_equal(entry->flags, ENTRY_NEGATIVE);
}

static void
negative_answer_without_soa_is_told_but_not_kept(void **state)
{
	struct key k = wire_key("www.example.", DNS_TYPE_A, false, false);

	(void)state;
	wire_begin(&made, DNS_NXDOMAIN, "www.example.", DNS_TYPE_A);
	assert_true(build(&k, &policy, 0) > 0);
	assert_int_equal(entry->ttl_s, 0);
	wire_begin(&made, 0, "www.example.", DNS_TYPE_A);
	wire_record(&made, 0, NULL, DNS_TYPE_CNAME, 700, "\1x", 3);
	assert_true(build(&k, &policy, 0) > 0);
	assert_int_equal(entry->ttl_s, 0);
	serve(NOW, false, 0, sizeof(out));
	assert_int_equal(ttl_of_record(0), 700);
}

static void
soa_in_a_positive_answer_is_a_record_like_others(void **state)
{
	struct key k = wire_key("www.example.", DNS_TYPE_A, false, false);

	(void)state;
	wire_begin(&made, 0, "www.example.", DNS_TYPE_A);
	wire_a(&made, 0, 500);
	wire_soa(&made, 400, 10);
	assert_true(build(&k, &policy, 0) > 0);
	assert_int_equal(entry->ttl_s, 400);
	assert_int_equal(entry->flags, 0);
}

static void
failures_live_from_one_second_to_five_minutes(void **state)
{
	static const struct {
		uint32_t wish, life;
	} rows[] = {{0, 1}, {1, 1}, {5, 5}, {300, 300}, {301, 300}, {UINT32_MAX, 300}};
	struct key k = wire_key("www.example.", DNS_TYPE_A, false, true);
	size_t size;

	(void)state;
	for (size_t i = 0; i < N(rows); i++) {
		struct ttl_policy p = policy;

		p.failure_s = rows[i].wish;
		size = entry_fail(&k, DNS_SERVFAIL, CAUSE_BOGUS, 6, &p, NOW, memory);
		assert_true(entry_valid(memory, size, &k));
		assert_int_equal(entry->ttl_s, rows[i].life);
		assert_int_equal(entry->cause, CAUSE_BOGUS);
		assert_int_equal(entry->ede, 6);
		serve(NOW, true, 0, 512);
		assert_int_equal(told.rcode, DNS_SERVFAIL);
		assert_true(told.cd && !told.ad);
	}
}

static void
a_failure_may_say_why(void **state)
{
	static const struct {
		const char *why, *kept;
	} rows[] = {
	    {"x", "x"},
	    {"signature expired from 192.0.2.1", "signature expired from 192.0.2.1"},
	    {"up to what is not printable\n, and no further", "up to what is not printable"},
	    {"", NULL},
	    {"\tnothing", NULL},
	    {"1234567890123456789012345678901234567890123456789012345678901234567890123456789012345",
		"12345678901234567890123456789012345678901234567890123456789012345678901234567890"},
	};
	struct key k = wire_key("www.example.", DNS_TYPE_A, false, false);
	size_t size, plain;

	(void)state;
	for (size_t i = 0; i < N(rows); i++) {
		memset(memory, 0xff, 512);
		plain = entry_fail(&k, DNS_SERVFAIL, CAUSE_BOGUS, 7, &policy, NOW, memory);
		assert_null(entry_text(entry));
		size = entry_explain(memory, rows[i].why);
		assert_int_equal(size, entry->size);
		assert_true(entry_valid(memory, size, &k));
		if (rows[i].kept == NULL) {
			assert_null(entry_text(entry));
			assert_int_equal(size, plain);
			continue;
		}
		assert_string_equal(entry_text(entry), rows[i].kept);
		serve(NOW, true, 0, 512);
		assert_int_equal(told.rcode, DNS_SERVFAIL);
	}
	/* Damage: no zero at its end, a size that is not the text's, what is not printable. */
	size = entry->size;
	memset(memory + size - 8, 'x', 8);
	assert_false(entry_valid(memory, size, &k));
	entry_fail(&k, DNS_SERVFAIL, CAUSE_BOGUS, 7, &policy, NOW, memory);
	size = entry_explain(memory, "because of something");
	((struct entry *)memory)->size = (uint32_t)size + 8;
	memset(memory + size, 0, 8);
	assert_false(entry_valid(memory, size + 8, &k));
	((struct entry *)memory)->size = (uint32_t)size;
	assert_true(entry_valid(memory, size, &k));
	memory[size - 16] = 0x1b;
	assert_false(entry_valid(memory, size, &k));
}

static void
failures_of_upstream_keep_rcode_but_no_record(void **state)
{
	static const uint8_t rcodes[] = {DNS_FORMERR, DNS_SERVFAIL, DNS_NOTIMP, DNS_REFUSED, 9};
	struct key k = wire_key("www.example.", DNS_TYPE_A, false, false);

	(void)state;
	for (size_t i = 0; i < N(rcodes); i++) {
		wire_begin(&made, rcodes[i], "www.example.", DNS_TYPE_A);
		wire_a(&made, 0, 900);
		assert_true(build(&k, &policy, ENTRY_SECURE) > 0);
		assert_int_equal(entry->flags, ENTRY_FAILURE);
		assert_int_equal(entry->ttl_s, 5);
		assert_int_equal(entry->n_ttls, 0);
		serve(NOW, true, 0, 512);
		assert_int_equal(told.rcode, rcodes[i]);
		assert_false(told.ad);
	}
}

static void
ttls_age_and_never_underflow(void **state)
{
	static const struct {
		int64_t at;
		uint32_t stale, told[2];
		bool fresh;
	} rows[] = {
	    {NOW, 0, {60, 100}, true},
	    {NOW + 59, 30, {1, 41}, true},
	    {NOW + 60, 30, {30, 30}, false},
	    {NOW + 60, 0, {0, 40}, false},
	    {NOW + 5000, 0, {0, 0}, false},
	    {NOW + 5000, 30, {30, 30}, false},
	    {NOW - 1, 30, {60, 100}, true},
	    {NOW - 60, 30, {60, 100}, true},
	    {NOW - 61, 30, {30, 30}, false},
	    {INT64_MAX, 30, {30, 30}, false},
	    {INT64_MIN, 30, {30, 30}, false},
	    {INT64_MAX, 0, {0, 0}, false},
	};
	struct key k = wire_key("www.example.", DNS_TYPE_A, false, false);

	(void)state;
	wire_begin(&made, 0, "www.example.", DNS_TYPE_A);
	wire_a(&made, 0, 60);
	wire_a(&made, 0, 100);
	assert_true(build(&k, &policy, ENTRY_SECURE) > 0);
	for (size_t i = 0; i < N(rows); i++) {
		assert_int_equal(entry_fresh(entry, rows[i].at), rows[i].fresh);
		serve(rows[i].at, true, rows[i].stale, sizeof(out));
		assert_int_equal(ttl_of_record(0), rows[i].told[0]);
		assert_int_equal(ttl_of_record(1), rows[i].told[1]);
		assert_int_equal(told.ad, rows[i].fresh || rows[i].stale == 0);
	}
	assert_int_equal(entry_left_s(entry, NOW + 15), 45);
}

static void
ad_needs_a_secure_answer_and_an_asker(void **state)
{
	static const struct {
		bool secure, dnssec_ok, ad_wanted, ad;
	} rows[] = {{true, false, false, false}, {true, false, true, true},
	    {true, true, false, true}, {true, true, true, true}, {false, true, true, false},
	    {false, false, true, false}};

	(void)state;
	for (size_t i = 0; i < N(rows); i++) {
		struct key k = wire_key("www.example.", DNS_TYPE_A, rows[i].dnssec_ok, false);

		wire_begin(&made, 0, "www.example.", DNS_TYPE_A);
		wire_a(&made, 0, 60);
		assert_true(build(&k, &policy, rows[i].secure ? ENTRY_SECURE : 0) > 0);
		serve(NOW, rows[i].ad_wanted, 30, sizeof(out));
		assert_int_equal(told.ad, rows[i].ad);
	}
}

static void
question_is_told_in_the_case_it_was_asked(void **state)
{
	struct key k = wire_key("www.example.", DNS_TYPE_A, false, false);
	size_t length;

	(void)state;
	wire_begin(&made, 0, "wWw.eXample.", DNS_TYPE_A);
	wire_a(&made, 0, 60);
	assert_true(build(&k, &policy, 0) > 0);
	assert_memory_equal(entry_message(entry) + 12, "\3www\7example", 13);
	length = entry_serve(
	    entry, 1, false, false, (const uint8_t *)"\3WwW\7exAmplE", NOW, 0, out, sizeof(out));
	assert_int_equal(length, made.length);
	assert_memory_equal(out + 12, "\3WwW\7exAmplE", 13);
	assert_int_equal(out[2], 0x80);
}

/* RFC 2181, 9: TC tells of what is needed and missing. */
static void
additional_records_are_left_out_before_anything_is_truncated(void **state)
{
	static const uint8_t mx[] = {0, 10, 1, 'm', 0xc0, 12}, soa[22] = {0};
	const struct {
		const char *what;
		int answers, authority, additional;
	} rows[] = {{"behind answers", 2, 0, 3}, {"behind authority", 1, 1, 3},
	    {"behind neither", 0, 0, 3}};
	struct key k = wire_key("example.", 15, false, false);
	size_t whole, least;

	(void)state;
	for (size_t i = 0; i < N(rows); i++) {
		wire_begin(&made, 0x0080, "example.", 15);
		for (int n = 0; n < rows[i].answers; n++)
			wire_record(&made, 0, NULL, 15, 300 + n, mx, sizeof(mx));
		for (int n = 0; n < rows[i].authority; n++)
			wire_record(&made, 1, NULL, 6, 300, soa, sizeof(soa));
		least = made.length;
		for (int n = 0; n < rows[i].additional; n++)
			wire_record(&made, 2, "m.example.", 1, 300, "abcd", 4);
		assert_true(build(&k, &policy, ENTRY_SECURE) > 0);
		whole = made.length;
		assert_int_equal(serve(NOW + 10, true, 0, whole), whole);
		assert_int_equal(told.arcount, rows[i].additional);
		assert_int_equal(serve(NOW + 10, true, 0, whole - 1), least);
		assert_false(told.tc);
		assert_true(told.ad);
		assert_int_equal(told.ancount, rows[i].answers);
		assert_int_equal(told.nscount, rows[i].authority);
		assert_int_equal(told.arcount, 0);
		if (rows[i].answers > 0)
			assert_int_equal(ttl_of_record(0), 290);
		if (rows[i].answers > 0) {
			serve(NOW + 10, true, 0, least - 1);
			assert_true(told.tc && told.ancount == 0 && told.arcount == 0);
		}
	}
}

static void
what_does_not_fit_is_truncated_to_its_question(void **state)
{
	struct key k = wire_key("www.example.", DNS_TYPE_A, false, false);
	size_t question = 12 + 13 + 4;

	(void)state;
	wire_begin(&made, 0, "www.example.", DNS_TYPE_A);
	for (int i = 0; i < 100; i++)
		wire_a(&made, 0, 60);
	assert_true(build(&k, &policy, ENTRY_SECURE) > 0);
	assert_int_equal(serve(NOW, true, 0, made.length), made.length);
	assert_true(told.ancount == 100 && !told.tc && told.ad);
	assert_int_equal(serve(NOW, true, 0, made.length - 1), question);
	assert_true(told.ancount == 0 && told.tc && !told.ad);
	assert_int_equal(serve(NOW, true, 0, question), question);
	assert_int_equal(
	    entry_serve(entry, 1, true, true, entry_message(entry) + 12, NOW, 0, out, question - 1),
	    0);
}

static void
opt_and_what_follows_it_are_left_out(void **state)
{
	struct key k = wire_key("www.example.", DNS_TYPE_A, false, false);

	(void)state;
	wire_begin(&made, 0, "www.example.", DNS_TYPE_A);
	wire_a(&made, 0, 60);
	wire_a(&made, 2, 50);
	wire_opt(&made);
	wire_a(&made, 2, 10);
	assert_true(build(&k, &policy, 0) > 0);
	assert_int_equal(entry->n_ttls, 2);
	assert_int_equal(entry->ttl_s, 50);
	serve(NOW, false, 0, sizeof(out));
	assert_int_equal(told.arcount, 1);
}

/* Each row changes a usable message into one that is not. */
static void
messages_not_for_this_question_or_malformed_are_refused(void **state)
{
	static const struct {
		const char *why;
		size_t at;
		uint8_t octet;
	} rows[] = {
	    {"a query", 2, 0x00},
	    {"truncated", 2, 0x82},
	    {"another opcode", 2, 0xa8},
	    {"no question", 5, 0},
	    {"two questions", 5, 2},
	    {"another name", 13, 'v'},
	    {"another type", 26, 28},
	    {"another class", 28, 3},
	    {"more answers than there are", 7, 9},
	    {"fewer answers", 7, 0},
	    {"rdata too long", 40, 5},
	    {"rdata of the wrong size", 40, 3},
	    {"name of no kind", 29, 0x80},
	    {"name from within the id", 30, 0},
	    {"TSIG", 32, 250},
	};
	struct key k = wire_key("www.example.", DNS_TYPE_A, false, false);

	(void)state;
	for (size_t i = 0; i < N(rows); i++) {
		wire_begin(&made, 0, "www.example.", DNS_TYPE_A);
		wire_a(&made, 0, 60);
		assert_true(build(&k, &policy, 0) > 0);
		made.wire[rows[i].at] = rows[i].octet;
		if (build(&k, &policy, 0) != 0)
			fail_msg("taken: %s", rows[i].why);
		assert_int_equal(entry_build(&k, made.wire, i, &policy, 0, 0, NOW, memory), 0);
	}
}

/* The second owner is "the first one's TTL": sound as long as that begins with a label's length. */
static void
names_that_point_at_what_changes_are_refused(void **state)
{
	struct key k = wire_key("www.example.", DNS_TYPE_A, false, false);
	struct dns_message m;

	(void)state;
	wire_begin(&made, 0, "www.example.", DNS_TYPE_A);
	wire_a(&made, 0, 0x01610000); /* "a." */
	wire_a(&made, 0, 60);
	made.wire[46] = 35;
	assert_int_equal(made.wire[35], 1);
	assert_int_equal(dns_message_parse(made.wire, made.length, &m), DNS_SOUND);
	assert_int_equal(build(&k, &policy, 0), 0);
	/* What counts additional records changes with OPT, and where they are left out. */
	for (unsigned at = 0; at < DNS_HEADER; at++) {
		wire_begin(&made, 0, "www.example.", DNS_TYPE_A);
		wire_a(&made, 0, 60);
		wire_a(&made, 0, 60);
		made.wire[46] = (uint8_t)at;
		assert_int_equal(build(&k, &policy, 0), 0);
	}
}

static void
what_is_spared_is_good_and_a_day_past_its_time_at_most(void **state)
{
	static const struct {
		int64_t at;
		bool spare;
	} rows[] = {{NOW, true}, {NOW + 60, true}, {NOW + 60 + ENTRY_STALE_MAX_S, true},
	    {NOW + 61 + ENTRY_STALE_MAX_S, false}, {NOW - 60, true}, {NOW - 61, false},
	    {INT64_MAX, false}, {INT64_MIN, false}};
	struct key k = wire_key("www.example.", DNS_TYPE_A, false, false);

	(void)state;
	wire_begin(&made, 0, "www.example.", DNS_TYPE_A);
	wire_a(&made, 0, 60);
	assert_true(build(&k, &policy, 0) > 0);
	for (size_t i = 0; i < N(rows); i++)
		assert_int_equal(entry_spare(entry, rows[i].at), rows[i].spare);
	entry_fail(&k, DNS_SERVFAIL, CAUSE_UPSTREAM, 0, &policy, NOW, memory);
	assert_false(entry_spare(entry, NOW));
}

static void
a_failure_is_worth_less_than_what_may_be_told_past_its_time(void **state)
{
	static const struct {
		int64_t at;
		enum entry_worth answer, upstream, bogus;
	} rows[] = {
	    {NOW, WORTH_TELLING, WORTH_FAILURE, WORTH_TELLING},
	    {NOW + 5, WORTH_TELLING, WORTH_OVER, WORTH_OVER},
	    {NOW + 60, WORTH_SPARE, WORTH_OVER, WORTH_OVER},
	    {NOW + 61 + ENTRY_STALE_MAX_S, WORTH_OVER, WORTH_OVER, WORTH_OVER},
	};
	struct key k = wire_key("www.example.", DNS_TYPE_A, false, false);
	struct ttl_policy five = policy;

	(void)state;
	five.failure_s = 5;
	assert_true(WORTH_FAILURE < WORTH_SPARE && WORTH_OVER < WORTH_FAILURE);
	for (size_t i = 0; i < N(rows); i++) {
		wire_begin(&made, 0, "www.example.", DNS_TYPE_A);
		wire_a(&made, 0, 60);
		assert_true(build(&k, &policy, 0) > 0);
		assert_int_equal(entry_worth(entry, rows[i].at), rows[i].answer);
		entry_fail(&k, DNS_SERVFAIL, CAUSE_UPSTREAM, 0, &five, NOW, memory);
		assert_int_equal(entry_worth(entry, rows[i].at), rows[i].upstream);
		entry_fail(&k, DNS_SERVFAIL, CAUSE_BOGUS, 0, &five, NOW, memory);
		assert_int_equal(entry_worth(entry, rows[i].at), rows[i].bogus);
	}
}

/* How far they may lead is for whoever follows them to say: libunbound, or a backup resolver. */
static void
a_chain_of_aliases_is_kept_whole_however_long(void **state)
{
	enum { LINKS = 1000 };
	struct key k = wire_key("c0.example.", DNS_TYPE_A, false, false);
	struct dns_name next;
	char owner[32], text[32];
	struct err err;

	(void)state;
	wire_begin(&made, 0, "c0.example.", DNS_TYPE_A);
	for (int i = 0; i < LINKS; i++) {
		snprintf(owner, sizeof(owner), "c%d.example.", i);
		snprintf(text, sizeof(text), "c%d.example.", i + 1);
		assert_int_equal(dns_name_parse(text, &next, &err), 0);
		wire_record(&made, 0, owner, DNS_TYPE_CNAME, 300, next.wire, next.length);
	}
	wire_record(&made, 0, text, DNS_TYPE_A, 60, "\300\000\002\001", 4);
	assert_true(build(&k, &policy, 0) > 0);
	assert_int_equal(entry->flags, 0);
	assert_int_equal(entry->ttl_s, 60);
	serve(NOW, false, 0, sizeof(out));
	assert_int_equal(told.ancount, LINKS + 1);
	serve(NOW, false, 0, 512);
	assert_true(told.tc && told.ancount == 0);
}

static void
an_answer_of_the_most_records_fits(void **state)
{
	struct key k = wire_key(".", DNS_TYPE_TXT, false, false);
	int n = 0;

	(void)state;
	wire_begin(&made, 0, ".", DNS_TYPE_TXT);
	for (; made.length + 11 <= ENTRY_MAX; n++)
		wire_record(&made, 0, ".", 65280, 60, "", 0);
	assert_int_equal(n, 5956);
	assert_true(build(&k, &policy, 0) > 0);
	assert_int_equal(entry->n_ttls, n);
	assert_true(entry->size <= ENTRY_ROOM);
	assert_int_equal(serve(NOW + 1, false, 0, ENTRY_MAX), made.length);
}

/* The last octets of the addresses as served, in their order. */
static void
addresses(char *text, uint32_t dice)
{
	size_t length, at;
	struct dns_record r;

	length = entry_serve(
	    entry, 1, true, false, entry_message(entry) + 12, NOW, 0, out, sizeof(out));
	entry_rotate(entry, dice, out, length);
	assert_int_equal(dns_message_parse(out, length, &told), DNS_SOUND);
	at = told.answers;
	for (int i = 0; i < told.ancount; i++) {
		assert_true(dns_record_read(out, length, &at, &r));
		if (r.type == DNS_TYPE_A || r.type == DNS_TYPE_AAAA)
			*text++ = (char)out[r.rdata.at + r.rdata.length - 1u];
	}
	*text = '\0';
}

static void
wire_set(int n, unsigned type)
{
	uint8_t rdata[16] = {0x20, 1, 0xd, 0xb8};

	for (int i = 0; i < n; i++) {
		rdata[type == DNS_TYPE_A ? 3 : 15] = (uint8_t)('a' + i);
		wire_record(&made, 0, NULL, type, 60, rdata, type == DNS_TYPE_A ? 4 : 16);
	}
}

static void
set_round(int n, unsigned type)
{
	struct key k = wire_key("www.example.", type, false, false);
	char text[32], round[64];
	int first[13] = {0};

	wire_begin(&made, 0, "www.example.", type);
	wire_set(n, type);
	assert_true(build(&k, &policy, 0) > 0);
	assert_int_equal(entry->flags & ENTRY_ROTATES, n > 1 ? ENTRY_ROTATES : 0);
	addresses(round, 0);
	assert_int_equal(round[0], 'a');
	assert_int_equal(strlen(round), n);
	addresses(round + n, 0);
	for (uint32_t i = 0; i < 260; i++) {
		addresses(text, UINT32_MAX / 260 * i);
		assert_int_equal(strlen(text), n);
		assert_non_null(strstr(round, text));
		first[text[0] - 'a']++;
	}
	for (int i = 0; i < n; i++)
		assert_in_range(first[i], 260 / n - 1, 260 / n + 2);
	addresses(text, UINT32_MAX);
	assert_int_equal(text[0], 'a' + n - 1);
}

static void
addresses_begin_with_each_as_often_and_keep_their_round(void **state)
{
	(void)state;
	for (int n = 1; n <= 13; n++) {
		set_round(n, DNS_TYPE_A);
		set_round(n, DNS_TYPE_AAAA);
	}
}

/* All but the addresses stands where it stood: an alias before them, signatures and others behind.
 */
static void
what_is_no_address_keeps_its_place(void **state)
{
	struct key k = wire_key("www.example.", DNS_TYPE_A, true, false);
	static uint8_t plain[ENTRY_MAX];
	uint8_t address[4] = {9, 9, 9, 0};
	size_t length, from, to;
	char text[8];

	(void)state;
	wire_begin(&made, 0, "www.example.", DNS_TYPE_A);
	wire_record(&made, 0, NULL, DNS_TYPE_CNAME, 30, "\1x\300\20", 4);
	wire_record(&made, 0, NULL, 46, 30, "signature", 9);
	from = made.length;
	for (address[3] = 'a'; address[3] <= 'c'; address[3]++)
		wire_record(&made, 0, "x.example.", DNS_TYPE_A, 60, address, 4);
	to = made.length;
	wire_record(&made, 0, "x.example.", 46, 60, "signature", 9);
	wire_record(&made, 1, "example.", DNS_TYPE_NS, 60, "\300\14", 2);
	wire_a(&made, 2, 60);
	wire_a(&made, 2, 60);
	assert_true(build(&k, &policy, ENTRY_SECURE) > 0);
	assert_int_equal(entry->flags, ENTRY_SECURE | ENTRY_ROTATES);
	addresses(text, 0);
	assert_memory_equal(text, "abc", 3);
	memcpy(plain, out, made.length);
	addresses(text, UINT32_MAX / 2);
	assert_memory_equal(text, "bca", 3);
	assert_memory_equal(out, plain, from);
	assert_memory_equal(out + to, plain + to, made.length - to);
	/* What was cut off has none. */
	length = entry_serve(entry, 1, true, false, k.name, NOW, 0, out, 100);
	memcpy(plain, out, sizeof(plain));
	entry_rotate(entry, UINT32_MAX, out, length);
	assert_memory_equal(out, plain, sizeof(plain));
}

/* Each row is two addresses and what makes them unfit to change places. */
static void
addresses_stay_where_a_change_could_be_seen(void **state)
{
	/* 0300, 050: a label of the length of the first address, which that follows. */
	static const struct {
		const char *why, *first, *second;
		uint32_t ttl;
		bool apart;
		unsigned type; /* of the record behind them: its owner, its data */
		uint8_t owner, data;
	} rows[] = {
	    {"nothing", NULL, NULL, 60, false, DNS_TYPE_NS, 014, 014},
	    {"another TTL", NULL, NULL, 61, false, DNS_TYPE_NS, 014, 014},
	    {"another owner", "www.example.", "wwx.example.", 60, false, DNS_TYPE_NS, 014, 014},
	    {"another case", "www.example.", "wWw.example.", 60, false, DNS_TYPE_NS, 014, 014},
	    {"apart", NULL, NULL, 60, true, DNS_TYPE_NS, 014, 014},
	    {"an owner through an address", NULL, NULL, 60, false, DNS_TYPE_NS, 050, 014},
	    {"a name through an address", NULL, NULL, 60, false, DNS_TYPE_NS, 014, 050},
	    {"data that nobody knows", NULL, NULL, 60, false, 65280, 014, 014},
	};
	struct key k = wire_key("www.example.", DNS_TYPE_A, false, false);

	(void)state;
	for (size_t i = 0; i < N(rows); i++) {
		uint8_t name[2] = {0300, rows[i].data};

		wire_begin(&made, 0, "www.example.", DNS_TYPE_A);
		wire_record(&made, 0, rows[i].first, DNS_TYPE_A, 60, "\1\1\1\1", 4);
		if (rows[i].apart)
			wire_record(&made, 0, NULL, 46, 60, "signature", 9);
		wire_record(&made, 0, rows[i].second, DNS_TYPE_A, rows[i].ttl, "\2\2\2\2", 4);
		wire_record(&made, 1, NULL, rows[i].type, 60, name, 2);
		made.wire[made.length - 13] = rows[i].owner;
		assert_true(rows[i].first != NULL || made.wire[050] == 4);
		assert_true(build(&k, &policy, 0) > 0);
		if (((entry->flags & ENTRY_ROTATES) == 0) != (i > 0))
			fail_msg("%s: flags %d", rows[i].why, entry->flags);
	}
}

/* Any one octet of an entry changed: still nothing but a sound memory access, or refused. */
static void
damaged_entries_are_refused_or_harmless(void **state)
{
	struct key k = wire_key("www.example.", DNS_TYPE_A, false, false), own;
	static uint8_t whole[ENTRY_ROOM];
	size_t size, refused = 0, length;

	(void)state;
	wire_begin(&made, 0, "www.example.", DNS_TYPE_A);
	wire_a(&made, 0, 60);
	wire_a(&made, 0, 60);
	size = build(&k, &policy, 0);
	memcpy(whole, memory, size);
	for (size_t at = 0; at < size; at++) {
		for (unsigned bit = 0; bit < 8; bit++) {
			memcpy(memory, whole, size);
			memory[at] ^= (uint8_t)(1u << bit);
			if (!entry_valid(memory, size, &k)) {
				refused++;
				continue;
			}
			entry_key(entry, &own);
			assert_true(key_equal(&own, &k));
			length =
			    entry_serve(entry, 1, true, true, k.name, NOW, 30, out, sizeof(out));
			entry_rotate(entry, UINT32_MAX, out, length);
			assert_true(length >= 29 && length <= size);
		}
	}
	/* At least whatever flips in sizes, key, counts and question. */
	assert_true(refused >= 8 * (4 + 4 + 6 + 8 + 17));
	memcpy(memory, whole, size);
	for (size_t room = 0; room < size; room++)
		assert_false(entry_valid(memory, room, &k));
	assert_false(entry_valid(memory + 4, size, NULL));
	assert_true(entry_valid(memory, size, NULL));
	k.name[1] = 'v';
	assert_false(entry_valid(memory, size, &k));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_failure_may_say_why),
	    cmocka_unit_test(keys_fold_case_and_keep_do_and_cd_apart),
	    cmocka_unit_test(names_that_are_none_make_no_key),
	    cmocka_unit_test(a_tree_is_its_apex_and_what_is_below),
	    cmocka_unit_test(positive_ttls_are_clamped_and_the_shortest_is_the_life),
	    cmocka_unit_test(negative_ttl_is_the_lesser_of_soa_and_minimum_within_bounds),
	    cmocka_unit_test(negative_answer_behind_an_alias_lives_as_long_as_the_alias),
	    cmocka_unit_test(negative_answer_without_soa_is_told_but_not_kept),
	    cmocka_unit_test(soa_in_a_positive_answer_is_a_record_like_others),
	    cmocka_unit_test(failures_live_from_one_second_to_five_minutes),
	    cmocka_unit_test(failures_of_upstream_keep_rcode_but_no_record),
	    cmocka_unit_test(ttls_age_and_never_underflow),
	    cmocka_unit_test(ad_needs_a_secure_answer_and_an_asker),
	    cmocka_unit_test(question_is_told_in_the_case_it_was_asked),
	    cmocka_unit_test(additional_records_are_left_out_before_anything_is_truncated),
	    cmocka_unit_test(what_does_not_fit_is_truncated_to_its_question),
	    cmocka_unit_test(opt_and_what_follows_it_are_left_out),
	    cmocka_unit_test(messages_not_for_this_question_or_malformed_are_refused),
	    cmocka_unit_test(names_that_point_at_what_changes_are_refused),
	    cmocka_unit_test(what_is_spared_is_good_and_a_day_past_its_time_at_most),
	    cmocka_unit_test(a_failure_is_worth_less_than_what_may_be_told_past_its_time),
	    cmocka_unit_test(a_chain_of_aliases_is_kept_whole_however_long),
	    cmocka_unit_test(an_answer_of_the_most_records_fits),
	    cmocka_unit_test(addresses_begin_with_each_as_often_and_keep_their_round),
	    cmocka_unit_test(what_is_no_address_keeps_its_place),
	    cmocka_unit_test(addresses_stay_where_a_change_could_be_seen),
	    cmocka_unit_test(damaged_entries_are_refused_or_harmless),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
