/*
 * dns: names, queries and messages, sound and malformed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/dns.h"

#define L63 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define L61 "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffg"
#define N(a) (sizeof(a) / sizeof((a)[0]))

static struct dns_name
name_of(const char *text)
{
	struct dns_name name;
	struct err err;

	assert_int_equal(dns_name_parse(text, &name, &err), 0);
	return name;
}

static void
names_parse_and_render_to_one_form(void **state)
{
	static const struct {
		const char *text, *form;
		int length;
	} rows[] = {
	    {".", ".", 1},
	    {"com", "com.", 5},
	    {"www.Example.com.", "www.Example.com.", 17},
	    {"a\\.b.c", "a\\.b.c.", 7},
	    {"\\065\\000.x", "A\\000.x.", 6},
	    {"a b.x", "a\\032b.x.", 7},
	    {"\\\\.\\\".", "\\\\.\\\".", 5},
	    {L63 ".x", L63 ".x.", 67},
	    {L63 "." L63 "." L63 "." L61, L63 "." L63 "." L63 "." L61 ".", 255},
	};
	char text[DNS_NAME_TEXT];

	(void)state;
	for (size_t i = 0; i < N(rows); i++) {
		struct dns_name name = name_of(rows[i].text), again;

		assert_int_equal(name.length, rows[i].length);
		assert_string_equal(dns_name_render(&name, text), rows[i].form);
		again = name_of(text);
		assert_true(dns_name_equal(&name, &again));
	}
}

static void
names_that_cannot_be_are_refused(void **state)
{
	static const char *const rows[] = {"", "..", ".a", "a..b", "a..", "a\\", "a\\1", "a\\12",
	    "a\\256", "a\\12x", L63 "a", L63 "a.b", L63 "." L63 "." L63 "." L61 "h"};

	(void)state;
	for (size_t i = 0; i < N(rows); i++) {
		struct dns_name name;
		struct err err = {""};

		assert_int_equal(dns_name_parse(rows[i], &name, &err), -1);
		assert_string_not_equal(err.text, "");
	}
}

static void
worst_name_fits_its_text(void **state)
{
	struct dns_name name = {.length = 255};
	char text[DNS_NAME_TEXT];
	size_t at = 0;

	(void)state;
	memset(name.wire, 0xff, sizeof(name.wire));
	for (int i = 0; i < 4; i++) {
		name.wire[at] = i < 3 ? 63 : 61;
		at += (size_t)name.wire[at] + 1;
	}
	name.wire[at] = 0;
	assert_int_equal(at, 254);
	assert_int_equal(strlen(dns_name_render(&name, text)), 250 * 4 + 4);
}

static void
names_compare_without_case(void **state)
{
	struct dns_name a = name_of("wWw.example"), b = name_of("WwW.EXAMPLE.");
	struct dns_name c = name_of("www.examplf"), bracket = name_of("["), brace = name_of("{");

	(void)state;
	assert_true(dns_name_equal(&a, &b));
	assert_false(dns_name_equal(&a, &c));
	assert_false(dns_name_equal(&bracket, &brace)); /* 0x20 apart, and no letters */
}

static void
words_go_both_ways(void **state)
{
	char w[DNS_WORD];

	(void)state;
	assert_int_equal(dns_type_parse("aaaa"), 28);
	assert_int_equal(dns_type_parse("TYPE65535"), 65535);
	assert_int_equal(dns_type_parse("type28"), 28);
	assert_int_equal(dns_type_parse("TYPE65536"), -1);
	assert_int_equal(dns_type_parse("TYPE99999999999999999999"), -1);
	assert_int_equal(dns_type_parse("TYPE"), -1);
	assert_int_equal(dns_type_parse("TYPE-1"), -1);
	assert_int_equal(dns_type_parse("TYPE1x"), -1);
	assert_int_equal(dns_type_parse(""), -1);
	assert_int_equal(dns_class_parse("ch"), 3);
	assert_int_equal(dns_class_parse("CLASS42"), 42);
	assert_int_equal(dns_rcode_parse("ServFail"), 2);
	assert_int_equal(dns_rcode_parse("RCODE4096"), -1);
	for (unsigned v = 0; v <= UINT16_MAX; v++) {
		assert_int_equal(dns_type_parse(dns_type_render((uint16_t)v, w)), v);
		assert_int_equal(dns_class_parse(dns_class_render((uint16_t)v, w)), v);
	}
	for (unsigned v = 0; v <= 4095; v++)
		assert_int_equal(dns_rcode_parse(dns_rcode_render((uint16_t)v, w)), v);
}

static void
query_is_what_the_standard_says(void **state)
{
	static const uint8_t want[] = {0x12, 0x34, 0x01, 0x30, 0, 1, 0, 0, 0, 0, 0, 1, 1, 'a', 0,
	    0, 16, 0, 3, 0, 0, 41, 4, 0xd0, 0, 0, 0x80, 0, 0, 4, 0, 3, 0, 0};
	struct dns_query q = {.qname = name_of("a"), .qtype = 16, .qclass = 3, .id = 0x1234,
	    .rd = true, .ad = true, .cd = true, .edns = true, .dnssec_ok = true, .nsid = true,
	    .payload = 1232};
	uint8_t out[DNS_QUERY_MAX];
	struct dns_message m;

	(void)state;
	assert_int_equal(dns_query_build(&q, out, sizeof(out)), sizeof(want));
	assert_memory_equal(out, want, sizeof(want));
	assert_int_equal(dns_query_build(&q, out, sizeof(want) - 1), 0);
	assert_int_equal(dns_message_parse(want, sizeof(want), &m), DNS_SOUND);
	assert_true(m.rd && m.ad && m.cd && m.edns && m.dnssec_ok && !m.qr && !m.tc);
	assert_int_equal(m.payload, 1232);
	q.qname = name_of(L63 "." L63 "." L63 "." L61);
	assert_int_equal(dns_query_build(&q, out, sizeof(out)), DNS_QUERY_MAX);
}

/* A response to "a. TXT CH": flags, counts, then `rest` behind the question. */
struct packet {
	uint8_t wire[100];
	size_t length;
};

#define ANSWERS 19 /* where the question ends */

static struct packet
packet_of(unsigned flags, int an, int ns, int ar, const char *rest, size_t n)
{
	struct packet p = {.wire = {0x12, 0x34, (uint8_t)(flags >> 8), (uint8_t)flags, 0, 1, 0,
			       (uint8_t)an, 0, (uint8_t)ns, 0, (uint8_t)ar, 1, 'a', 0, 0, 16, 0,
			       3}};

	assert_true(ANSWERS + n <= sizeof(p.wire));
	memcpy(p.wire + ANSWERS, rest, n);
	p.length = ANSWERS + n;
	return p;
}

#define PACKET(flags, an, ns, ar, rest) packet_of(flags, an, ns, ar, rest, sizeof(rest) - 1)
#define RECORD(rest) PACKET(0x8400, 1, 0, 0, rest)
#define EXTRA(rest) PACKET(0x8400, 0, 0, 1, rest)
#define TXT "\300\014\0\020\0\003\0\0\0\0\0\003\002hi"
#define OPT0 "\0\0\051\004\320\0\0\0\0\0\0"
#define HEAD(type) "\300\014\0" type "\0\001\0\0\0\0\0"

static void
malformed_messages_are_told_apart(void **state)
{
	const struct {
		const char *what;
		struct packet packet;
		enum dns_fault fault;
	} rows[] = {
	    {"sound", RECORD(TXT), DNS_SOUND},
	    {"pointer to itself", RECORD("\300\023\0\020\0\003\0\0\0\0\0\0"), DNS_FAULT_NAME},
	    {"pointer ahead", RECORD("\300\040\0\020\0\003\0\0\0\0\0\0"), DNS_FAULT_NAME},
	    {"label and back", RECORD("\001b\300\023\0\020\0\003\0\0\0\0\0\0"), DNS_FAULT_NAME},
	    {"label type 01", RECORD("\100\0\020\0\003\0\0\0\0\0\003\002hi"), DNS_FAULT_NAME},
	    {"half a pointer", RECORD("\300"), DNS_FAULT_NAME},
	    {"no record at all", RECORD(""), DNS_FAULT_SHORT},
	    {"half a header", RECORD("\300\014\0\020\0\003\0\0"), DNS_FAULT_SHORT},
	    {"rdata cut off", RECORD("\300\014\0\020\0\003\0\0\0\0\0\004\002hi"), DNS_FAULT_SHORT},
	    {"trailing", RECORD(TXT "!"), DNS_FAULT_TRAILING},
	    {"string over its rdata", RECORD(HEAD("\020") "\003\003hi"), DNS_FAULT_RDATA},
	    {"empty TXT", RECORD(HEAD("\020") "\0"), DNS_FAULT_RDATA},
	    {"A of five", RECORD(HEAD("\001") "\00512345"), DNS_FAULT_RDATA},
	    {"A in CH", RECORD("\300\014\0\001\0\003\0\0\0\0\0\00512345"), DNS_SOUND},
	    {"CNAME and more", RECORD(HEAD("\005") "\003\300\014x"), DNS_FAULT_RDATA},
	    {"CNAME into itself", RECORD(HEAD("\005") "\002\300\037"), DNS_FAULT_RDATA},
	    {"SOA cut", RECORD(HEAD("\006") "\004\300\014\300\014"), DNS_FAULT_RDATA},
	    {"OPT", EXTRA(OPT0), DNS_SOUND},
	    {"OPT as answer", RECORD(OPT0), DNS_FAULT_OPT},
	    {"OPT with a name", EXTRA("\001b" OPT0), DNS_FAULT_OPT},
	    {"half an option", EXTRA("\0\0\051\004\320\0\0\0\0\0\003\0\003\0"), DNS_FAULT_OPT},
	    {"option over OPT", EXTRA("\0\0\051\004\320\0\0\0\0\0\005\0\003\0\002x"),
		DNS_FAULT_OPT},
	    {"two OPT", PACKET(0x8400, 0, 0, 2, OPT0 OPT0), DNS_FAULT_OPT},
	    {"cut off, TC", PACKET(0x8600, 3, 1, 1, TXT "\300\014\0"), DNS_SOUND},
	    {"cut in a name, TC", PACKET(0x8600, 2, 1, 1, TXT "\300"), DNS_SOUND},
	    {"TC and nonsense", PACKET(0x8600, 1, 0, 0, HEAD("\001") "\00512345"), DNS_FAULT_RDATA},
	};
	struct dns_message m;

	(void)state;
	for (size_t i = 0; i < N(rows); i++) {
		enum dns_fault f =
		    dns_message_parse(rows[i].packet.wire, rows[i].packet.length, &m);

		if (f != rows[i].fault)
			fail_msg("%s: %s", rows[i].what, dns_fault_name(f));
		if (m.tc && f == DNS_SOUND) {
			assert_int_equal(m.ancount, 1);
			assert_int_equal(m.nscount + m.arcount, 0);
		}
	}
	assert_int_equal(dns_message_parse(rows[0].packet.wire, 11, &m), DNS_FAULT_SHORT);
	assert_int_equal(dns_message_parse(rows[0].packet.wire, 0, &m), DNS_FAULT_SHORT);
}

/* Whatever is cut from a sound message without TC leaves none. */
static void
every_cut_is_noticed(void **state)
{
	struct packet p = PACKET(0x8400, 1, 1, 1, TXT
	    "\300\014\0\002\0\003\0\0\0\0\0\002\300\014"
	    "\0\0\051\004\320\0\0\0\0\0\006\0\003\0\002pp");
	struct dns_message m;

	(void)state;
	assert_int_equal(dns_message_parse(p.wire, p.length, &m), DNS_SOUND);
	for (size_t n = 0; n < p.length; n++)
		assert_int_not_equal(dns_message_parse(p.wire, n, &m), DNS_SOUND);
}

/* A chain of pointers, each to the one before, must neither loop nor take long. */
static void
pointers_only_go_back(void **state)
{
	struct packet p = {.wire = {0}};
	struct dns_name name;
	size_t at;

	(void)state;
	for (size_t i = 14; i < sizeof(p.wire); i += 2) {
		p.wire[i] = 0xc0;
		p.wire[i + 1] = (uint8_t)(i - 2);
	}
	at = sizeof(p.wire) - 2;
	assert_true(dns_name_read(p.wire, sizeof(p.wire), &at, &name));
	assert_int_equal(name.length, 1);
	assert_int_equal(at, sizeof(p.wire));
	p.wire[12] = 0xc0;
	p.wire[13] = (uint8_t)(sizeof(p.wire) - 2);
	at = sizeof(p.wire) - 2;
	assert_false(dns_name_read(p.wire, sizeof(p.wire), &at, &name));
}

static void
opt_gives_rcode_nsid_and_extended_error(void **state)
{
	struct packet p = PACKET(0x8182, 0, 0, 1,
	    "\0\0\051\004\320\001\0\200\0\0\022\0\003\0\004pop1\0\017\0\006\0\026dead");
	struct dns_message m;

	(void)state;
	assert_int_equal(dns_message_parse(p.wire, p.length, &m), DNS_SOUND);
	assert_int_equal(m.rcode, 1 << 4 | 2);
	assert_true(m.edns && m.dnssec_ok && m.ra);
	assert_int_equal(m.nsid.length, 4);
	assert_memory_equal(p.wire + m.nsid.at, "pop1", 4);
	assert_true(m.ede);
	assert_int_equal(m.ede_code, 22);
	assert_int_equal(m.ede_text.length, 4);
	assert_memory_equal(p.wire + m.ede_text.at, "dead", 4);
}

static void
question_must_be_the_same(void **state)
{
	struct dns_query q = {.qname = name_of("wWw.x"), .qtype = 1, .qclass = 1};
	uint8_t a[DNS_QUERY_MAX], b[DNS_QUERY_MAX];
	size_t n = dns_query_build(&q, a, sizeof(a));
	const struct {
		size_t at;
		uint8_t octet;
		bool equal;
	} rows[] = {
	    {13, 'W', true}, {13, 'v', false}, {n - 1, 3, false}, {n - 3, 28, false},
	    {5, 0, false}, {5, 2, false}, {12, 0xc0, false}, {12, 2, false},
	};

	(void)state;
	for (size_t i = 0; i < N(rows); i++) {
		memcpy(b, a, n);
		b[rows[i].at] = rows[i].octet;
		assert_int_equal(dns_question_equal(a, n, b, n), rows[i].equal);
	}
	for (size_t cut = 0; cut < n; cut++)
		assert_false(dns_question_equal(a, n, a, cut));
}

static void
rdata_reads_as_in_a_zone_file(void **state)
{
	const struct {
		struct packet packet;
		const char *text;
	} rows[] = {
	    {RECORD(HEAD("\001") "\004\300\0\002\001"), "192.0.2.1"},
	    {RECORD(HEAD("\034") "\020 \001\015\270\0\0\0\0\0\0\0\0\0\0\0\001"), "2001:db8::1"},
	    {RECORD(HEAD("\020") "\013\004a\"\\\001\005b c d"), "\"a\\\"\\\\\\001\" \"b c d\""},
	    {RECORD(HEAD("\002") "\005\002ns\300\014"), "ns.a."},
	    {RECORD(HEAD("\017") "\004\0\012\300\014"), "10 a."},
	    {RECORD(HEAD("\041") "\010\0\001\0\002\0\065\300\014"), "1 2 53 a."},
	    {RECORD(HEAD("\006") "\032\300\014\001h\300\014\0\0\0\001\0\0\0\002\0\0\0\003\0\0\0\004"
				 "\377\377\377\377"), "a. h.a. 1 2 3 4 4294967295"},
	    {RECORD(HEAD("\006") "\033\300\014\001h\300\014\0\0\0\001\0\0\0\002\0\0\0\003\0\0\0\004"
				 "\377\377\377\377\0"), NULL},
	    {RECORD("\300\014\377\0\0\001\0\0\0\0\0\003\0\253\377"), "\\# 3 00abff"},
	    {RECORD("\300\014\377\0\0\001\0\0\0\0\0\0"), "\\# 0"},
	};
	char text[200];

	(void)state;
	for (size_t i = 0; i < N(rows); i++) {
		const struct packet *p = &rows[i].packet;
		struct dns_record r;
		size_t at = ANSWERS;

		assert_true(dns_record_read(p->wire, p->length, &at, &r));
		assert_int_equal(at, p->length);
		if (rows[i].text == NULL) {
			assert_false(dns_rdata_render(p->wire, at, &r, text, sizeof(text)));
			continue;
		}
		assert_true(dns_rdata_render(p->wire, at, &r, text, sizeof(text)));
		assert_string_equal(text, rows[i].text);
		for (size_t room = 0; room <= strlen(rows[i].text); room++)
			assert_false(dns_rdata_render(p->wire, at, &r, text, room));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(names_parse_and_render_to_one_form),
	    cmocka_unit_test(names_that_cannot_be_are_refused),
	    cmocka_unit_test(worst_name_fits_its_text),
	    cmocka_unit_test(names_compare_without_case),
	    cmocka_unit_test(words_go_both_ways),
	    cmocka_unit_test(query_is_what_the_standard_says),
	    cmocka_unit_test(malformed_messages_are_told_apart),
	    cmocka_unit_test(every_cut_is_noticed),
	    cmocka_unit_test(pointers_only_go_back),
	    cmocka_unit_test(opt_gives_rcode_nsid_and_extended_error),
	    cmocka_unit_test(question_must_be_the_same),
	    cmocka_unit_test(rdata_reads_as_in_a_zone_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
