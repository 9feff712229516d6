/*
 * query: what each kind of query deserves, sound and malformed; and what replies are made of.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "resolver/query.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))
/* A header: id 0x1234, flags, counts. */
#define H(f1, f2, qd, an, ns, ar) "\x12\x34" f1 f2 "\0" qd "\0" an "\0" ns "\0" ar
#define RD_Q H("\x01", "\0", "\1", "\0", "\0", "\0")
#define RD_E H("\x01", "\0", "\1", "\0", "\0", "\1")
#define WWW "\3wWw\7Example\0"
#define A_IN "\0\x01\0\x01"
#define OPT(payload, version, flags, rdlen) "\0\0\x29" payload "\0" version flags rdlen
#define PLAIN_OPT OPT("\x04\xd0", "\0", "\0\0", "\0\0")
#define NO_Q H("\x01", "\0", "\0", "\0", "\0", "\1")
/* What follows is its data; both lengths are under 256. */
#define COOKIE_OPT(rdlen, length) \
	"\0\0\x29\x04\xd0\0\0\0\0\0" rdlen "\0\x0a\0" length
#define C64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define WIRE(s) (s), sizeof(s) - 1

static const struct row {
	const char *what;
	const char *wire;
	size_t length;
	enum query_verdict verdict;
	int ede; /* checked unless EDE_NONE */
} rows[] = {
    {"a plain query", WIRE(RD_Q WWW A_IN), QUERY_ASK, EDE_NONE},
    {"the root",
	WIRE(RD_Q "\0"
		  "\0\x02\0\x01"),
	QUERY_ASK, EDE_NONE},
    {"with EDNS", WIRE(RD_E WWW A_IN PLAIN_OPT), QUERY_ASK, EDE_NONE},
    {"an unknown option",
	WIRE(RD_E WWW A_IN OPT("\x04\xd0", "\0", "\0\0", "\0\x06") "\xff\xf0\0\2ab"), QUERY_ASK,
	EDE_NONE},
    {"unknown EDNS flags", WIRE(RD_E WWW A_IN OPT("\x04\xd0", "\0", "\x7f\xff", "\0\0")), QUERY_ASK,
	EDE_NONE},
    {"a record beside OPT (TSIG)",
	WIRE(H("\1", "\0", "\1", "\0", "\0", "\2") WWW A_IN PLAIN_OPT
	    "\0\0\xfa\0\xff\0\0\0\0\0\2xy"),
	QUERY_ASK, EDE_NONE},
    {"a type nobody knows", WIRE(RD_Q WWW "\xff\x01\0\x01"), QUERY_ASK, EDE_NONE},
    {"Z and AA set", WIRE(H("\x05", "\x40", "\1", "\0", "\0", "\0") WWW A_IN), QUERY_ASK, EDE_NONE},

    {"nothing", WIRE(""), QUERY_DROP, EDE_NONE},
    {"eleven octets", WIRE("\x12\x34\1\0\0\1\0\0\0\0\0"), QUERY_DROP, EDE_NONE},
    {"a response", WIRE(H("\x81", "\0", "\1", "\0", "\0", "\0") WWW A_IN), QUERY_DROP, EDE_NONE},
    {"a response of another opcode", WIRE(H("\xa8", "\0", "\1", "\0", "\0", "\0")), QUERY_DROP,
	EDE_NONE},

    {"IQUERY", WIRE(H("\x08", "\0", "\0", "\1", "\0", "\0")), QUERY_NOTIMP, EDE_NONE},
    {"STATUS", WIRE(H("\x10", "\0", "\0", "\0", "\0", "\0")), QUERY_NOTIMP, EDE_NONE},
    {"NOTIFY", WIRE(H("\x20", "\0", "\1", "\0", "\0", "\0") WWW "\0\6\0\1"), QUERY_NOTIMP,
	EDE_NONE},
    {"UPDATE", WIRE(H("\x28", "\0", "\1", "\0", "\0", "\0") WWW "\0\6\0\1"), QUERY_NOTIMP,
	EDE_NONE},
    {"opcode 15, garbage behind", WIRE(H("\x78", "\0", "\7", "\7", "\7", "\7") "garbage"),
	QUERY_NOTIMP, EDE_NONE},

    {"a header alone", WIRE(H("\1", "\0", "\0", "\0", "\0", "\0")), QUERY_FORMERR, EDE_NONE},
    {"no question, OPT", WIRE(H("\1", "\0", "\0", "\0", "\0", "\1") PLAIN_OPT), QUERY_FORMERR,
	EDE_NONE},
    {"two questions", WIRE(H("\1", "\0", "\2", "\0", "\0", "\0") WWW A_IN WWW A_IN), QUERY_FORMERR,
	EDE_NONE},
    {"the question is missing", WIRE(RD_Q), QUERY_FORMERR, EDE_NONE},
    {"cut in a label", WIRE(RD_Q "\3ww"), QUERY_FORMERR, EDE_NONE},
    {"cut before the root", WIRE(RD_Q "\3www"), QUERY_FORMERR, EDE_NONE},
    {"cut in the type", WIRE(RD_Q WWW "\0"), QUERY_FORMERR, EDE_NONE},
    {"cut in the class", WIRE(RD_Q WWW "\0\1\0"), QUERY_FORMERR, EDE_NONE},
    {"a pointer to the header", WIRE(RD_Q "\xc0\0\0\1\0\1"), QUERY_FORMERR, EDE_NONE},
    {"a pointer to itself", WIRE(RD_Q "\xc0\x0c\0\1\0\1"), QUERY_FORMERR, EDE_NONE},
    {"a label of 64",
	WIRE(RD_Q "\x40"
		  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		  "\0" A_IN),
	QUERY_FORMERR, EDE_NONE},
    {"an extended label type",
	WIRE(RD_Q "\x80"
		  "a\0" A_IN),
	QUERY_FORMERR, EDE_NONE},
    {"octets behind", WIRE(RD_Q WWW A_IN "x"), QUERY_FORMERR, EDE_NONE},
    {"octets behind OPT", WIRE(RD_E WWW A_IN PLAIN_OPT "x"), QUERY_FORMERR, EDE_NONE},
    {"an answer in it",
	WIRE(H("\1", "\0", "\1", "\1", "\0", "\0") WWW A_IN "\xc0\x0c" A_IN "\0\0\0\1\0\4\1\2\3\4"),
	QUERY_FORMERR, EDE_NONE},
    {"an authority in it",
	WIRE(H("\1", "\0", "\1", "\0", "\1", "\0") WWW A_IN "\xc0\x0c" A_IN "\0\0\0\1\0\4\1\2\3\4"),
	QUERY_FORMERR, EDE_NONE},
    {"OPT is missing", WIRE(RD_E WWW A_IN), QUERY_FORMERR, EDE_NONE},
    {"OPT is cut", WIRE(RD_E WWW A_IN "\0\0\x29\x04\xd0\0\0\0\0\0"), QUERY_FORMERR, EDE_NONE},
    {"OPT is longer than the message", WIRE(RD_E WWW A_IN OPT("\x04\xd0", "\0", "\0\0", "\0\1")),
	QUERY_FORMERR, EDE_NONE},
    {"two OPT", WIRE(H("\1", "\0", "\1", "\0", "\0", "\2") WWW A_IN PLAIN_OPT PLAIN_OPT),
	QUERY_FORMERR, EDE_NONE},
    {"OPT with a name", WIRE(RD_E WWW A_IN "\1x" PLAIN_OPT), QUERY_FORMERR, EDE_NONE},
    {"an option is cut", WIRE(RD_E WWW A_IN OPT("\x04\xd0", "\0", "\0\0", "\0\3") "\0\3\0"),
	QUERY_FORMERR, EDE_NONE},
    {"an option is longer than OPT",
	WIRE(RD_E WWW A_IN OPT("\x04\xd0", "\0", "\0\0", "\0\4") "\0\3\0\1"), QUERY_FORMERR,
	EDE_NONE},
    {"type 0", WIRE(RD_Q WWW "\0\0\0\1"), QUERY_FORMERR, EDE_INVALID_QUERY_TYPE},
    {"type OPT", WIRE(RD_Q WWW "\0\x29\0\1"), QUERY_FORMERR, EDE_INVALID_QUERY_TYPE},
    {"type NXNAME", WIRE(RD_Q WWW "\0\x80\0\1"), QUERY_FORMERR, EDE_INVALID_QUERY_TYPE},
    {"type 65535", WIRE(RD_Q WWW "\xff\xff\0\1"), QUERY_FORMERR, EDE_INVALID_QUERY_TYPE},

    {"a client cookie", WIRE(RD_E WWW A_IN COOKIE_OPT("\x0c", "\x08") "clientco"), QUERY_ASK,
	EDE_NONE},
    {"both cookies", WIRE(RD_E WWW A_IN COOKIE_OPT("\x1c", "\x18") "clientcoserver cookie ok"),
	QUERY_ASK, EDE_NONE},
    {"the longest cookie",
	WIRE(RD_E WWW A_IN COOKIE_OPT("\x2c", "\x28") "clientcoa server cookie of others, 32 oc"),
	QUERY_ASK, EDE_NONE},
    {"a cookie without octets", WIRE(RD_E WWW A_IN COOKIE_OPT("\4", "\0")), QUERY_FORMERR, EDE_NONE},
    {"a cookie of seven", WIRE(RD_E WWW A_IN COOKIE_OPT("\x0b", "\7") "clientc"), QUERY_FORMERR,
	EDE_NONE},
    {"a cookie of nine", WIRE(RD_E WWW A_IN COOKIE_OPT("\x0d", "\x09") "clientcos"), QUERY_FORMERR,
	EDE_NONE},
    {"a server cookie of seven", WIRE(RD_E WWW A_IN COOKIE_OPT("\x13", "\x0f") "clientcoservers"),
	QUERY_FORMERR, EDE_NONE},
    {"a server cookie of 33",
	WIRE(RD_E WWW A_IN COOKIE_OPT("\x2d", "\x29") "clientcoa server cookie of others, 33 oct"),
	QUERY_FORMERR, EDE_NONE},
    {"a cookie of 264",
	WIRE(RD_E WWW A_IN "\0\0\x29\x04\xd0\0\0\0\0\1\x0c\0\x0a\1\x08" C64 C64 C64 C64 "clientco"),
	QUERY_FORMERR, EDE_NONE},
    {"a second cookie, malformed",
	WIRE(RD_E WWW A_IN COOKIE_OPT("\x11", "\x08") "clientco\0\x0a\0\1x"), QUERY_ASK, EDE_NONE},
    {"a cookie alone", WIRE(NO_Q COOKIE_OPT("\x0c", "\x08") "clientco"), QUERY_COOKIE, EDE_NONE},
    {"a cookie alone, and an answer",
	WIRE(H("\1", "\0", "\0", "\1", "\0", "\1") "\0" A_IN "\0\0\0\1\0\4\1\2\3\4" COOKIE_OPT(
	    "\x0c", "\x08") "clientco"),
	QUERY_FORMERR, EDE_NONE},
    {"a malformed cookie alone", WIRE(NO_Q COOKIE_OPT("\x0d", "\x09") "clientcos"), QUERY_FORMERR,
	EDE_NONE},
    {"a cookie alone, octets behind", WIRE(NO_Q COOKIE_OPT("\x0c", "\x08") "clientcox"),
	QUERY_FORMERR, EDE_NONE},
    {"a cookie alone, version 1",
	WIRE(NO_Q OPT("\x04\xd0", "\1", "\0\0", "\0\x0c") "\0\x0a\0\x08" "clientco"),
	QUERY_BADVERS, EDE_NONE},

    {"EDNS version 1", WIRE(RD_E WWW A_IN OPT("\x04\xd0", "\1", "\0\0", "\0\0")), QUERY_BADVERS,
	EDE_NONE},
    {"version 255, options unlike ours",
	WIRE(RD_E WWW A_IN OPT("\x04\xd0", "\xff", "\0\0", "\0\3") "xyz"), QUERY_BADVERS, EDE_NONE},

    {"AXFR", WIRE(RD_Q WWW "\0\xfc\0\1"), QUERY_REFUSED, EDE_NOT_SUPPORTED},
    {"IXFR", WIRE(RD_Q WWW "\0\xfb\0\1"), QUERY_REFUSED, EDE_NOT_SUPPORTED},
    {"AXFR of CHAOS", WIRE(RD_Q WWW "\0\xfc\0\3"), QUERY_REFUSED, EDE_NOT_SUPPORTED},
    {"class HS", WIRE(RD_Q WWW "\0\1\0\4"), QUERY_REFUSED, EDE_NOT_SUPPORTED},
    {"class ANY", WIRE(RD_Q WWW "\0\1\0\xff"), QUERY_NOTIMP, EDE_NOT_SUPPORTED},
    {"class NONE", WIRE(RD_Q WWW "\0\1\0\xfe"), QUERY_NOTIMP, EDE_NOT_SUPPORTED},
    {"class 0", WIRE(RD_Q WWW "\0\1\0\0"), QUERY_NOTIMP, EDE_NOT_SUPPORTED},
    {"TSIG", WIRE(RD_Q WWW "\0\xfa\0\1"), QUERY_NOTIMP, EDE_NONE},
    {"TKEY", WIRE(RD_Q WWW "\0\xf9\0\1"), QUERY_NOTIMP, EDE_NONE},
    {"MAILB", WIRE(RD_Q WWW "\0\xfd\0\1"), QUERY_NOTIMP, EDE_NONE},
    {"type 129", WIRE(RD_Q WWW "\0\x81\0\1"), QUERY_NOTIMP, EDE_NONE},

    {"CHAOS",
	WIRE(RD_Q "\2id\6server\0"
		  "\0\x10\0\3"),
	QUERY_CHAOS, EDE_NONE},
    {"ANY of CHAOS",
	WIRE(RD_Q "\2id\6server\0"
		  "\0\xff\0\3"),
	QUERY_CHAOS, EDE_NONE},
    {"ANY", WIRE(RD_Q WWW "\0\xff\0\1"), QUERY_ANY, EDE_NONE},
};

/* From memory of exactly that size, so that a sanitizer sees every step beyond it. */
static enum query_verdict
parse(const char *wire, size_t length, struct query *q, struct key *k)
{
	uint8_t *copy = malloc(length > 0 ? length : 1);
	enum query_verdict verdict;

	assert_non_null(copy);
	memcpy(copy, wire, length);
	verdict = query_parse(copy, length, q, k);
	free(copy);
	return verdict;
}

static void
every_query_gets_the_verdict_it_deserves(void **state)
{
	struct query q;
	struct key k;

	(void)state;
	for (size_t i = 0; i < N(rows); i++) {
		enum query_verdict verdict = parse(rows[i].wire, rows[i].length, &q, &k);

		if (verdict != rows[i].verdict || q.ede != rows[i].ede)
			fail_msg("%s: verdict %d, EDE %d; wanted %d, %d", rows[i].what, verdict,
			    q.ede, rows[i].verdict, rows[i].ede);
	}
}

/* Each cut of a sound query is malformed, and what was understood of it is not beyond the cut. */
static void
no_cut_of_a_query_passes(void **state)
{
	static const char whole[] = RD_E WWW A_IN
	    OPT("\x04\xd0", "\0", "\x80\0", "\0\4") "\0\3\0\0";
	struct query q;
	struct key k;

	(void)state;
	assert_int_equal(parse(whole, sizeof(whole) - 1, &q, &k), QUERY_ASK);
	for (size_t n = 0; n < sizeof(whole) - 1; n++) {
		assert_int_equal(
		    parse(whole, n, &q, &k), n < DNS_HEADER ? QUERY_DROP : QUERY_FORMERR);
		assert_true(q.question_length == 0 || (size_t)DNS_HEADER + q.question_length <= n);
	}
}

static void
what_is_asked_is_understood(void **state)
{
	struct query q;
	struct key k;

	(void)state;
	assert_int_equal(parse(WIRE(H("\1", "\x30", "\1", "\0", "\0", "\1") WWW "\0\x1c\0\1" OPT(
				   "\x10\0", "\0", "\x80\0", "\0\x0a") "\0\3\0\0\0\x0b\0\2\0\1"),
			     &q, &k),
	    QUERY_ASK);
	assert_int_equal(q.id, 0x1234);
	assert_true(q.rd && q.ad && q.cd && q.edns && q.dnssec_ok && q.nsid && q.keepalive);
	assert_int_equal(q.payload, 4096);
	assert_int_equal(q.type, DNS_TYPE_AAAA);
	assert_int_equal(q.class, DNS_CLASS_IN);
	assert_int_equal(q.question_length, sizeof(WWW) - 1 + 4);
	assert_int_equal(k.flags, KEY_DO | KEY_CD);
	assert_int_equal(k.name_length, 13);
	assert_memory_equal(k.name, "\3www\7example", 13);
	assert_int_equal(k.type, DNS_TYPE_AAAA);

	assert_int_equal(
	    parse(WIRE(H("\0", "\0", "\1", "\0", "\0", "\0") WWW A_IN), &q, &k), QUERY_ASK);
	assert_false(q.rd || q.ad || q.cd || q.edns || q.dnssec_ok || q.nsid || q.keepalive);
	assert_int_equal(q.payload, 512);
	assert_int_equal(k.flags, 0);

	/* RFC 6891, 6.2.3: values under 512 are taken as 512. */
	parse(WIRE(RD_E WWW A_IN OPT("\0\x10", "\0", "\0\0", "\0\0")), &q, &k);
	assert_int_equal(q.payload, 512);
}

static void
a_malformed_query_comes_back_with_what_was_understood(void **state)
{
	struct query q;
	struct key k;

	(void)state;
	parse(WIRE(H("\1", "\0", "\1", "\0", "\0", "\2") WWW A_IN PLAIN_OPT PLAIN_OPT), &q, &k);
	assert_true(q.edns && q.question_length > 0);
	parse(WIRE(RD_E WWW A_IN OPT("\x04\xd0", "\0", "\x80\0", "\0\3") "\0\3\0"), &q, &k);
	assert_false(q.edns || q.dnssec_ok);
	parse(WIRE(H("\1", "\0", "\2", "\0", "\0", "\0") WWW A_IN WWW A_IN), &q, &k);
	assert_int_equal(q.question_length, 0);
}

static void
a_reply_carries_the_question_as_it_was_asked(void **state)
{
	static const char wire[] = H("\1", "\x10", "\1", "\0", "\0", "\1") WWW A_IN
	    OPT("\x04\xd0", "\0", "\x80\0", "\0\4") "\0\3\0\0";
	static const char want[] = "\x12\x34\x81\x92\0\1\0\0\0\0\0\1" WWW A_IN
	    "\0\0\x29\x04\xd0\0\0\x80\0\0\x12" "\0\3\0\3a/b" "\0\x0f\0\7\0\x16" "gone!";
	struct reply_opt opt = {1232, EDE_NO_REACHABLE_AUTHORITY, "gone!", "a/b", -1, false, NULL};
	uint8_t out[512];
	struct query q;
	struct key k;
	size_t n;

	(void)state;
	assert_int_equal(parse(WIRE(wire), &q, &k), QUERY_ASK);
	n = reply_head(&q, (const uint8_t *)wire, DNS_SERVFAIL, REPLY_RA, out, sizeof(out));
	assert_int_equal(n, DNS_HEADER + q.question_length);
	assert_int_equal(out[3], 0x92);
	n = reply_opt(&q, DNS_SERVFAIL, &opt, out, n, sizeof(out));
	assert_int_equal(n, sizeof(want) - 1);
	assert_memory_equal(out, want, n);
}

static void
an_extended_rcode_is_split_between_header_and_opt(void **state)
{
	static const char wire[] = RD_E WWW A_IN OPT("\x04\xd0", "\1", "\0\0", "\0\0");
	struct reply_opt opt = {1232, EDE_NONE, NULL, "a", -1, false, NULL};
	struct dns_message m;
	uint8_t out[512];
	struct query q;
	struct key k;
	size_t n;

	(void)state;
	assert_int_equal(parse(WIRE(wire), &q, &k), QUERY_BADVERS);
	n = reply_head(&q, (const uint8_t *)wire, 16, 0, out, sizeof(out));
	n = reply_opt(&q, 16, &opt, out, n, sizeof(out));
	assert_int_equal(dns_message_parse(out, n, &m), DNS_SOUND);
	assert_int_equal(m.rcode, 16);
	assert_int_equal(m.edns_version, 0);
}

/* Whatever the room: a sound message of at most that size, and the most useful options in it. */
static void
options_make_way_when_room_is_short(void **state)
{
	static const char wire[] = RD_E WWW A_IN OPT("\x04\xd0", "\0", "\0\0", "\0\4") "\0\3\0\0";
	struct reply_opt opt = {1232, EDE_STALE, "text", "nsid", 100, false, NULL};
	bool seen_all = false, seen_nsid = false, seen_bare = false, seen_none = false;
	struct dns_message m;
	uint8_t out[512];
	struct query q;
	struct key k;
	size_t n, head;

	(void)state;
	parse(WIRE(wire), &q, &k);
	for (size_t room = (size_t)DNS_HEADER + q.question_length; room < 100; room++) {
		head = reply_head(&q, (const uint8_t *)wire, 0, 0, out, room);
		assert_int_equal(head, DNS_HEADER + q.question_length);
		n = reply_opt(&q, 0, &opt, out, head, room);
		assert_true(n <= room);
		assert_int_equal(dns_message_parse(out, n, &m), DNS_SOUND);
		seen_all |= m.ede && m.ede_text.length == 4 && m.nsid.length == 4;
		seen_nsid |= !m.ede && m.nsid.length == 4;
		seen_bare |= m.edns && m.nsid.length == 0;
		seen_none |= !m.edns;
	}
	assert_true(seen_all && seen_nsid && seen_bare && seen_none);
	assert_int_equal(reply_head(&q, (const uint8_t *)wire, 0, 0, out,
			     DNS_HEADER + q.question_length - 1u),
	    0);
}

static void
a_cookie_is_kept_and_goes_back(void **state)
{
	static const char wire[] =
	    RD_E WWW A_IN COOKIE_OPT("\x38", "\x28") "clientcoa server cookie of others, 32 oc"
						     "\0\x0a\0\x08" "another!";
	static const char want[] = "\x12\x34\x81\x07\0\1\0\0\0\0\0\1" WWW A_IN
	    "\0\0\x29\x04\xd0\1\0\0\0\0\x1c\0\x0a\0\x18" "clientcoours, as it is!!";
	struct reply_opt opt = {1232, EDE_NONE, NULL, "a", -1, false,
	    (const uint8_t *)"clientcoours, as it is!!"};
	uint8_t out[512];
	struct query q;
	struct key k;
	size_t n;

	(void)state;
	assert_int_equal(parse(WIRE(wire), &q, &k), QUERY_ASK);
	assert_int_equal(q.cookie_length, 40);
	assert_memory_equal(q.cookie, "clientcoa server cookie ", COOKIE_FULL);
	n = reply_head(&q, (const uint8_t *)wire, 23, 0, out, sizeof(out));
	assert_int_equal(reply_opt_length(&q, &opt), 11 + 4 + COOKIE_FULL);
	assert_int_equal(reply_opt(&q, 23, &opt, out, n, n + 38), n + 11);
	n = reply_head(&q, (const uint8_t *)wire, 23, 0, out, sizeof(out));
	n = reply_opt(&q, 23, &opt, out, n, n + 39);
	assert_int_equal(n, sizeof(want) - 1);
	assert_memory_equal(out, want, n);
}

static void
a_client_without_edns_gets_no_opt(void **state)
{
	struct reply_opt opt = {1232, EDE_STALE, "text", "nsid", 100, false, NULL};
	static const char wire[] = RD_Q WWW A_IN;
	uint8_t out[512];
	struct query q;
	struct key k;
	size_t n;

	(void)state;
	parse(WIRE(wire), &q, &k);
	n = reply_head(&q, (const uint8_t *)wire, 0, REPLY_RA, out, sizeof(out));
	assert_int_equal(reply_opt_length(&q, &opt), 0);
	assert_int_equal(reply_opt(&q, 0, &opt, out, n, sizeof(out)), n);
}

static void
a_record_is_named_by_the_question(void **state)
{
	static const char wire[] = RD_Q WWW A_IN;
	static const uint8_t address[] = {192, 0, 2, 1};
	struct dns_message m;
	struct dns_record r;
	uint8_t out[512];
	struct query q;
	struct key k;
	size_t n, at;
	char text[64];

	(void)state;
	parse(WIRE(wire), &q, &k);
	n = reply_head(&q, (const uint8_t *)wire, 0, REPLY_RA, out, sizeof(out));
	assert_int_equal(reply_record(1, 1, 60, address, 4, out, n, n + 15), 0);
	n = reply_record(1, 1, 100000, address, 4, out, n, n + 16);
	assert_int_equal(dns_message_parse(out, n, &m), DNS_SOUND);
	at = m.answers;
	assert_true(dns_record_read(out, n, &at, &r));
	assert_int_equal(r.ttl, 100000);
	assert_memory_equal(r.owner.wire, "\3wWw\7Example", 13);
	assert_true(dns_rdata_render(out, n, &r, text, sizeof(text)));
	assert_string_equal(text, "192.0.2.1");
}

static void
what_is_told_again_says_so_beside_its_cause(void **state)
{
	static const uint8_t both[] = {0, 15, 0, 2, 0, 22, 0, 15, 0, 2, 0, 13};
	struct reply_opt opt = {1232, EDE_NO_REACHABLE_AUTHORITY, NULL, NULL, -1, true, NULL};
	struct query q = {.edns = true};
	uint8_t out[512] = {0};
	size_t n = reply_opt(&q, DNS_SERVFAIL, &opt, out, DNS_HEADER, sizeof(out));

	(void)state;
	assert_int_equal(n, DNS_HEADER + 11 + sizeof(both));
	assert_memory_equal(out + DNS_HEADER + 11, both, sizeof(both));
	/* Where there is no room, the cause matters more. */
	memset(out, 0, sizeof(out));
	n = reply_opt(&q, DNS_SERVFAIL, &opt, out, DNS_HEADER, DNS_HEADER + 11 + 6);
	assert_int_equal(n, DNS_HEADER + 11 + 6);
	assert_memory_equal(out + DNS_HEADER + 11, both, 6);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_told_again_says_so_beside_its_cause),
	    cmocka_unit_test(every_query_gets_the_verdict_it_deserves),
	    cmocka_unit_test(no_cut_of_a_query_passes),
	    cmocka_unit_test(what_is_asked_is_understood),
	    cmocka_unit_test(a_malformed_query_comes_back_with_what_was_understood),
	    cmocka_unit_test(a_reply_carries_the_question_as_it_was_asked),
	    cmocka_unit_test(an_extended_rcode_is_split_between_header_and_opt),
	    cmocka_unit_test(options_make_way_when_room_is_short),
	    cmocka_unit_test(a_cookie_is_kept_and_goes_back),
	    cmocka_unit_test(a_client_without_edns_gets_no_opt),
	    cmocka_unit_test(a_record_is_named_by_the_question),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
