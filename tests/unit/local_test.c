/*
 * local: what a worker answers of itself; admit: who may ask.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "resolver/admit.h"
#include "resolver/local.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))
#define ROOM (QUERY_UDP_LEAST + DNS_NAME_MAX)

static struct local
local_of(const char *health)
{
	struct local l = {.identity = "lab/one/3", .version = "anypop x"};
	struct addr address;
	struct err err;

	assert_true(addr_parse("2001:db8::1", &address));
	assert_int_equal(local_health(&l, health, &address, &err), 0);
	return l;
}

/* Asks `l`; what comes back must be a sound message of the same question. The text of its first
 * answer, "" for none. */
static enum local_verdict
asked(const struct local *l, const char *name, uint16_t type, uint16_t class, char text[512])
{
	struct dns_query dq = {.qtype = type, .qclass = class, .id = 7, .rd = true};
	uint8_t wire[DNS_QUERY_MAX], out[ROOM];
	enum local_verdict verdict;
	struct dns_message m;
	struct dns_record r;
	struct query q;
	struct key k;
	struct err err;
	size_t n, length = 0, at;

	text[0] = '\0';
	assert_int_equal(dns_name_parse(name, &dq.qname, &err), 0);
	n = dns_query_build(&dq, wire, sizeof(wire));
	verdict = local_answer(l, query_parse(wire, n, &q, &k), &q, &k, wire, out, &length);
	if (verdict != LOCAL_ANSWERED)
		return verdict;
	assert_true(length <= QUERY_UDP_LEAST);
	assert_int_equal(dns_message_parse(out, length, &m), DNS_SOUND);
	assert_true(m.qr && m.rd && m.id == 7 && m.rcode == 0);
	assert_true(dns_question_equal(wire, n, out, length));
	at = m.answers;
	if (m.ancount > 0) {
		assert_true(dns_record_read(out, length, &at, &r));
		assert_true(dns_name_equal(&r.owner, &dq.qname));
		assert_true(dns_rdata_render(out, length, &r, text, 512));
	}
	return verdict;
}

static void
names_of_its_own_are_answered_and_others_are_not(void **state)
{
	static const struct {
		const char *name;
		uint16_t type, class;
		enum local_verdict verdict;
		const char *text;
	} rows[] = {
	    {"id.server", DNS_TYPE_TXT, DNS_CLASS_CH, LOCAL_ANSWERED, "\"lab/one/3\""},
	    {"ID.Server", 255, DNS_CLASS_CH, LOCAL_ANSWERED, "\"lab/one/3\""},
	    {"hostname.bind", DNS_TYPE_TXT, DNS_CLASS_CH, LOCAL_ANSWERED, "\"lab/one/3\""},
	    {"version.server", DNS_TYPE_TXT, DNS_CLASS_CH, LOCAL_ANSWERED, "\"anypop x\""},
	    {"version.bind", DNS_TYPE_TXT, DNS_CLASS_CH, LOCAL_ANSWERED, "\"anypop x\""},
	    {"id.server", DNS_TYPE_A, DNS_CLASS_CH, LOCAL_ANSWERED, ""},
	    {"authors.bind", DNS_TYPE_TXT, DNS_CLASS_CH, LOCAL_REFUSED, ""},
	    {"server", DNS_TYPE_TXT, DNS_CLASS_CH, LOCAL_REFUSED, ""},
	    {"x.id.server", DNS_TYPE_TXT, DNS_CLASS_CH, LOCAL_REFUSED, ""},
	    {"health.example", DNS_TYPE_A, DNS_CLASS_CH, LOCAL_REFUSED, ""},
	    {"id.server", DNS_TYPE_TXT, DNS_CLASS_IN, LOCAL_NONE, ""},
	    {"health.example", DNS_TYPE_A, DNS_CLASS_IN, LOCAL_ANSWERED, "192.0.2.1"},
	    {"HEALTH.example", DNS_TYPE_AAAA, DNS_CLASS_IN, LOCAL_ANSWERED, "2001:db8::1"},
	    {"health.example", 255, DNS_CLASS_IN, LOCAL_ANSWERED, "192.0.2.1"},
	    {"health.example", DNS_TYPE_TXT, DNS_CLASS_IN, LOCAL_ANSWERED, ""},
	    {"x.health.example", DNS_TYPE_A, DNS_CLASS_IN, LOCAL_NONE, ""},
	    {"example", DNS_TYPE_A, DNS_CLASS_IN, LOCAL_NONE, ""},
	    {"example", 255, DNS_CLASS_IN, LOCAL_ANSWERED, "\\# 9 075246433834383200"},
	};
	struct local l = local_of("Health.Example");
	char text[512];

	(void)state;
	for (size_t i = 0; i < N(rows); i++) {
		enum local_verdict v = asked(&l, rows[i].name, rows[i].type, rows[i].class, text);

		if (v != rows[i].verdict || strcmp(text, rows[i].text) != 0)
			fail_msg("%s %u %u: verdict %d, \"%s\"", rows[i].name, rows[i].type,
			    rows[i].class, v, text);
	}
}

static void
without_a_health_name_nothing_is(void **state)
{
	struct local l = local_of("");
	char text[512];

	(void)state;
	assert_int_equal(asked(&l, ".", DNS_TYPE_A, DNS_CLASS_IN, text), LOCAL_NONE);
}

static void
the_longest_text_passes(void **state)
{
	struct local l = local_of("");
	char text[512];

	(void)state;
	memset(l.identity, 'x', LOCAL_TEXT_MAX);
	assert_int_equal(asked(&l, "id.server", DNS_TYPE_TXT, DNS_CLASS_CH, text), LOCAL_ANSWERED);
	assert_int_equal(strlen(text), LOCAL_TEXT_MAX + 2);
}

static void
an_identity_is_made_of_its_parts(void **state)
{
	static const struct {
		const char *form, *text;
	} rows[] = {
	    {"%p/%n/%i", "lab/one/17"},
	    {"%i%i", "1717"},
	    {"100%%", "100%"},
	    {"%", "%"},
	    {"%x", "%x"},
	    {"", ""},
	};
	char text[LOCAL_TEXT_MAX + 1], form[600];

	(void)state;
	for (size_t i = 0; i < N(rows); i++) {
		local_identity(rows[i].form, "lab", "one", 17, text);
		assert_string_equal(text, rows[i].text);
	}
	memset(form, 'x', sizeof(form) - 1);
	form[sizeof(form) - 1] = '\0';
	local_identity(form, "lab", "one", 17, text);
	assert_int_equal(strlen(text), LOCAL_TEXT_MAX);
	for (size_t n = LOCAL_TEXT_MAX - 3; n <= LOCAL_TEXT_MAX + 1; n++) {
		memset(form, 'x', n);
		memcpy(form + n, "%p%n", 5);
		local_identity(form, "lab", "one", 17, text);
		assert_true(strlen(text) <= LOCAL_TEXT_MAX);
	}
}

static void
a_version_may_be_told_in_other_words_or_hidden(void **state)
{
	static const struct {
		const char *form, *text;
	} rows[] = {
	    {"anypop %v", "anypop 1.2"}, {"%v%v", "1.21.2"}, {"a resolver", "a resolver"}, {"", ""},
	};
	static const char *const names[] = {"version.bind", "VERSION.server"};
	struct local l = local_of("");
	char text[512], told[512];

	(void)state;
	for (size_t i = 0; i < N(rows); i++) {
		local_version(rows[i].form, "1.2", l.version);
		assert_string_equal(l.version, rows[i].text);
		snprintf(told, sizeof(told), "\"%s\"", rows[i].text);
		for (size_t j = 0; j < N(names); j++) {
			assert_int_equal(
			    asked(&l, names[j], DNS_TYPE_TXT, DNS_CLASS_CH, text),
			    rows[i].text[0] != '\0' ? LOCAL_ANSWERED : LOCAL_REFUSED);
			assert_string_equal(text, rows[i].text[0] != '\0' ? told : "");
		}
	}
	assert_int_equal(
	    asked(&l, "id.server", DNS_TYPE_TXT, DNS_CLASS_CH, text), LOCAL_ANSWERED);
}

static void
only_who_is_allowed_is_admitted(void **state)
{
	static const struct {
		const char *client;
		bool allowed;
	} rows[] = {
	    {"10.1.2.3", true}, {"11.1.2.3", false}, {"192.0.2.9", true}, {"192.0.2.10", false},
	    {"2001:db8:1::5", true}, {"2001:db8:2::5", false}, {"::", false}, {"0.0.0.0", false},
	};
	struct prefix allowed[3];
	struct addr a;

	(void)state;
	assert_true(prefix_parse("10.0.0.0/8", &allowed[0]));
	assert_true(prefix_parse("192.0.2.9/32", &allowed[1]));
	assert_true(prefix_parse("2001:db8:1::/48", &allowed[2]));
	for (size_t i = 0; i < N(rows); i++) {
		assert_true(addr_parse(rows[i].client, &a));
		if (admit(allowed, N(allowed), &a) != rows[i].allowed)
			fail_msg("%s", rows[i].client);
		assert_false(admit(NULL, 0, &a));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(names_of_its_own_are_answered_and_others_are_not),
	    cmocka_unit_test(without_a_health_name_nothing_is),
	    cmocka_unit_test(the_longest_text_passes),
	    cmocka_unit_test(an_identity_is_made_of_its_parts),
	    cmocka_unit_test(a_version_may_be_told_in_other_words_or_hidden),
	    cmocka_unit_test(only_who_is_allowed_is_admitted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
