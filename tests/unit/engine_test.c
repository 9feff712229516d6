/* The engine's pure parts: what libunbound's words mean, answers without DNSSEC, its options. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "lib/dns.h"
#include "resolver/engine_context.h"
#include "resolver/engine_plain.h"
#include "resolver/engine_verdict.h"

static void
every_outcome_has_its_verdict(void **state)
{
	static const char why[] =
	    "validation failure <a.test. A IN>: signature expired from 192.0.2.1";
	static const struct {
		const char *what;
		int rcode, wire; /* wire -1: no packet */
		size_t length;
		int sec;
		bool cd, good;
		uint8_t flags;
		uint16_t ede;
		enum score_cause cause;
	} rows[] = {
	    {"secure", 0, 0, 40, 2, false, true, ENTRY_SECURE, 0, 0},
	    {"insecure", 0, 0, 40, 0, false, true, 0, 0, 0},
	    {"NXDOMAIN", 0, 3, 40, 2, false, true, ENTRY_SECURE, 0, 0},
	    {"YXDOMAIN", 0, 6, 40, 0, false, true, 0, 0, 0},
	    {"bogus", 0, 0, 40, 1, false, false, ENTRY_FAILURE, 7, CAUSE_BOGUS},
	    {"bogus, checking disabled", 0, 0, 40, 1, true, true, 0, 0, 0},
	    {"SERVFAIL of the call, garbage length", 2, -1, 1 << 20, 0, false, false, ENTRY_FAILURE, 22,
		CAUSE_UPSTREAM},
	    {"SERVFAIL on the wire", 0, 2, 40, 0, false, false, ENTRY_FAILURE, 22, CAUSE_UPSTREAM},
	    {"SERVFAIL on the wire, bogus", 0, 2, 40, 1, false, false, ENTRY_FAILURE, 7, CAUSE_BOGUS},
	    {"SERVFAIL on the wire, bogus, checking disabled", 0, 2, 40, 1, true, false, ENTRY_FAILURE,
		22, CAUSE_UPSTREAM},
	    {"REFUSED on the wire", 0, 5, 40, 0, false, false, ENTRY_FAILURE, 22, CAUSE_UPSTREAM},
	    {"no packet", 0, -1, 0, 0, false, false, ENTRY_FAILURE, 0, CAUSE_INTERNAL},
	    {"half a header", 0, 0, 11, 2, false, false, ENTRY_FAILURE, 0, CAUSE_INTERNAL},
	};
	uint8_t packet[40] = {0};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct outcome o = {rows[i].rcode, rows[i].wire < 0 ? NULL : packet, rows[i].length,
		    rows[i].sec, rows[i].sec == 1 ? why : NULL};
		struct verdict v;

		packet[3] = (uint8_t)(0x80 | rows[i].wire);
		v = verdict_of(&o, rows[i].cd);
		if (v.good != rows[i].good || v.flags != rows[i].flags || v.ede != rows[i].ede ||
		    (!v.good && v.cause != rows[i].cause))
			fail_msg("%s: good %d, flags %d, ede %d, cause %d", rows[i].what, v.good,
			    v.flags, v.ede, v.cause);
	}
}

static void
sentences_have_their_extended_error(void **state)
{
	static const struct {
		const char *why;
		uint16_t ede;
	} rows[] = {
	    /* As 1.17.1 says them. */
	    {"validation failure <www.bogus.test. A IN>: ECDSA signature verification failed from "
	     "10.9.2.1", 6},
	    {"validation failure <a.test. A IN>: signature expired from 10.9.2.1 for key a.test. while "
	     "building chain of trust", 7},
	    {"validation failure <a.test. A IN>: signature before inception date from 10.9.2.1", 8},
	    {"validation failure <a.test. A IN>: No DNSKEY record from 10.9.2.1 for key a.test. while "
	     "building chain of trust", 9},
	    {"validation failure <a.test. A IN>: no signatures from 10.9.2.1", 10},
	    {"something new", 6},
	    {"", 6},
	    {NULL, 6},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (verdict_ede(rows[i].why) != rows[i].ede)
			fail_msg("%s: %d", rows[i].why, verdict_ede(rows[i].why));
	}
}

/* www.a. A: alias CNAME with its signature in between; names that point into what goes. */
static const uint8_t signed_answer[] =
    "\0\0\x81\xa0\0\1\0\4\0\2\0\1"
    "\3www\1a\0\0\1\0\1"		       /* 12: www.a. A IN */
    "\xc0\x0c\0\5\0\1\0\0\0\x3c\0\4\1x\xc0\x10" /* 23: CNAME x.a. (at 35), a. at 16 */
    "\xc0\x0c\0\x2e\0\1\0\0\0\x3c\0\3\1\2\3"   /* 39: RRSIG */
    "\xc0\x23\0\1\0\1\0\0\0\x3c\0\4\xcb\0\x71\1" /* 54: x.a. A */
    "\xc0\x23\0\x2e\0\1\0\0\0\x3c\0\3\1\2\3"   /* 70: RRSIG */
    "\1n\xc0\x10\0\x2f\0\1\0\0\0\x3c\0\2\1\2"  /* 85: n.a. NSEC */
    "\xc0\x55\0\2\0\1\0\0\0\x3c\0\5\2ns\xc0\x55" /* 101: n.a. NS ns.n.a., both into the NSEC */
    "\xc0\x71\0\1\0\1\0\0\0\x3c\0\4\xcb\0\x71\2"; /* 118: ns.n.a. A (name at 113) */

static struct key
key_www(uint8_t flags, uint16_t type)
{
	struct key k;

	assert_true(key_make(&k, (const uint8_t *)"\3www\1a", 7, type, 1, flags & KEY_DO, false));
	return k;
}

static void
signatures_go_and_names_stay_whole(void **state)
{
	struct key k = key_www(0, 1);
	static const struct {
		uint16_t type;
		const char *owner, *data;
	} rows[] = {
	    {5, "www.a.", "x.a."},
	    {1, "x.a.", "203.0.113.1"},
	    {2, "n.a.", "ns.n.a."},
	    {1, "ns.n.a.", "203.0.113.2"},
	};
	char name[DNS_NAME_TEXT], text[DNS_NAME_TEXT];
	struct dns_message m;
	struct dns_record r;
	uint8_t out[512];
	size_t i, at,
	    n = plain_render(&k, signed_answer, sizeof(signed_answer) - 1, out, sizeof(out));

	(void)state;
	assert_int_equal(dns_message_parse(out, n, &m), DNS_SOUND);
	assert_int_equal(m.ancount, 2);
	assert_int_equal(m.nscount, 1);
	assert_int_equal(m.arcount, 1);
	assert_true(m.qr && m.ad && m.rd && m.ra);
	at = m.answers;
	for (i = 0; i < 4; i++) {
		assert_true(dns_record_read(out, n, &at, &r));
		assert_int_equal(r.type, rows[i].type);
		assert_int_equal(r.ttl, 60);
		assert_string_equal(dns_name_render(&r.owner, name), rows[i].owner);
		assert_true(dns_rdata_render(out, n, &r, text, sizeof(text)));
		assert_string_equal(text, rows[i].data);
	}
	assert_int_equal(at, n);
	assert_true(n < sizeof(signed_answer) - 1);
}

/* Those of SRV and DNAME should not be, and are read nevertheless (RFC 3597, 4). */
static void
compressed_targets_survive_what_goes_before_them(void **state)
{
	static const uint8_t message[] =
	    "\0\0\x81\xa0\0\1\0\3\0\0\0\0"
	    "\3www\1a\0\0\x21\0\1"
	    "\xc0\x0c\0\x2e\0\1\0\0\0\x3c\0\3\1\2\3" /* RRSIG */
	    "\xc0\x0c\0\x21\0\1\0\0\0\x3c\0\x0a\0\1\0\2\0\3\1s\xc0\x0c"
	    "\xc0\x10\0\x27\0\1\0\0\0\x3c\0\4\1d\xc0\x38"; /* d.s.www.a. */
	static const char *const data[] = {"1 2 3 s.www.a.", "d.s.www.a."};
	struct key k = key_www(0, DNS_TYPE_SRV);
	char text[DNS_NAME_TEXT];
	struct dns_message m;
	struct dns_record r;
	uint8_t out[512];
	size_t i, at, n = plain_render(&k, message, sizeof(message) - 1, out, sizeof(out));

	(void)state;
	assert_int_equal(dns_message_parse(out, n, &m), DNS_SOUND);
	assert_int_equal(m.ancount, 2);
	for (i = 0, at = m.answers; i < 2; i++) {
		assert_true(dns_record_read(out, n, &at, &r));
		assert_true(dns_rdata_render(out, n, &r, text, sizeof(text)));
		assert_string_equal(text, data[i]);
		assert_true(out[at - 1] == 0); /* written whole */
	}
}

static void
what_was_asked_for_stays_as_an_answer(void **state)
{
	struct key rrsig = key_www(0, 46), any = key_www(0, 255), nsec = key_www(0, 47);
	struct dns_message m;
	uint8_t out[512];
	size_t n = plain_render(&rrsig, signed_answer, sizeof(signed_answer) - 1, out, sizeof(out));

	(void)state;
	assert_int_equal(dns_message_parse(out, n, &m), DNS_SOUND);
	assert_int_equal(m.ancount, 4);
	assert_int_equal(m.nscount, 1);
	n = plain_render(&any, signed_answer, sizeof(signed_answer) - 1, out, sizeof(out));
	assert_int_equal(dns_message_parse(out, n, &m), DNS_SOUND);
	assert_int_equal(m.ancount, 4);
	assert_int_equal(m.nscount, 1);
	assert_int_equal(m.arcount, 1);
	n = plain_render(&nsec, signed_answer, sizeof(signed_answer) - 1, out, sizeof(out));
	assert_int_equal(dns_message_parse(out, n, &m), DNS_SOUND);
	assert_int_equal(m.ancount, 2);
	assert_int_equal(m.nscount, 1);
}

static void
cut_messages_and_small_rooms_are_refused(void **state)
{
	struct key k = key_www(0, 1);
	uint8_t out[512];
	size_t i, n = plain_render(&k, signed_answer, sizeof(signed_answer) - 1, out, sizeof(out));

	(void)state;
	for (i = 0; i < sizeof(signed_answer) - 1; i++)
		assert_int_equal(plain_render(&k, signed_answer, i, out, sizeof(out)), 0);
	for (i = 0; i < n; i++)
		assert_int_equal(
		    plain_render(&k, signed_answer, sizeof(signed_answer) - 1, out, i), 0);
	assert_int_equal(plain_render(&k, signed_answer, sizeof(signed_answer) - 1, out, n), n);
}

static char *
options(const struct resolver_conf *c)
{
	char *text = NULL;
	size_t size;
	FILE *to = open_memstream(&text, &size);

	context_options(to, c, 0, 512);
	fclose(to);
	return text;
}

static void
options_follow_the_configuration(void **state)
{
	static const char head[] = "pop = \"p\"; node = \"n\"; listen = [ \"192.0.2.53\" ];";
	struct arena *arena = arena_new();
	struct resolver_conf c;
	struct err err = {""};
	char *text;

	(void)state;
	if (resolver_conf_read_text(arena_printf(arena,
					"%s engine = { trust_anchor = \"\"; root_hints "
					"= \"\"; special = [ \"test.\" ]; outgoing_addresses = [ "
					"\"198.51.100.7\" ]; };",
					head),
		"x", &c, arena, &err) < 0)
		fail_msg("%s", err.text);
	text = options(&c);
	assert_non_null(strstr(text, "module-config: \"iterator\"\n"));
	assert_non_null(
	    strstr(text, "outgoing-interface: 198.51.100.7\n\tdo-ip4: yes\n\tdo-ip6: no\n"));
	assert_non_null(strstr(text, "local-zone: \"test.\" nodefault\n"));
	assert_non_null(strstr(text, "infra-cache-max-rtt: 1000\n\toutbound-msg-retry: 2\n"
	    "\tinfra-keep-probing: yes\n\tinfra-host-ttl: 30\n"));
	assert_null(strstr(text, "forward-zone"));
	assert_null(strstr(text, "root-hints"));
	assert_null(strstr(text, "unwanted-reply-threshold"));
	free(text);
	if (resolver_conf_read_text(
		arena_printf(arena,
		    "%s engine = { mode = \"forward\"; trust_anchor "
		    "= \"/dev/null\"; forwarders = [ \"2001:db8::9@5353\" ]; };",
		    head),
		"x", &c, arena, &err) < 0)
		fail_msg("%s", err.text);
	text = options(&c);
	assert_non_null(strstr(text, "module-config: \"validator iterator\"\n"));
	assert_non_null(
	    strstr(text, "forward-zone:\n\tname: \".\"\n\tforward-addr: 2001:db8::9@5353\n"));
	free(text);
	arena_free(arena);
}

static void
the_reason_is_told_short(void **state)
{
	static const struct {
		const char *why, *told;
	} rows[] = {
	    {"validation failure <www.bogus.test. A IN>: signature crypto failed from 10.9.2.1",
		"signature crypto failed from 10.9.2.1"},
	    {"no keys have a DS with algorithm", "no keys have a DS with algorithm"},
	    {"a\tb\x80", "a b "},
	    {"validation failure <x>", "validation failure <x>"},
	    {"", NULL},
	    {NULL, NULL},
	};
	char out[ENTRY_TEXT + 1], longest[200];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *told = verdict_why(rows[i].why, out);

		if (rows[i].told == NULL)
			assert_null(told);
		else
			assert_string_equal(told, rows[i].told);
	}
	memset(longest, 'x', sizeof(longest));
	longest[sizeof(longest) - 1] = '\0';
	assert_int_equal(strlen(verdict_why(longest, out)), ENTRY_TEXT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_reason_is_told_short),
	    cmocka_unit_test(every_outcome_has_its_verdict),
	    cmocka_unit_test(sentences_have_their_extended_error),
	    cmocka_unit_test(signatures_go_and_names_stay_whole),
	    cmocka_unit_test(compressed_targets_survive_what_goes_before_them),
	    cmocka_unit_test(what_was_asked_for_stays_as_an_answer),
	    cmocka_unit_test(cut_messages_and_small_rooms_are_refused),
	    cmocka_unit_test(options_follow_the_configuration),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
