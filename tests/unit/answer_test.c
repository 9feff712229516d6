/*
 * answer: which datagrams are the answer to a question, and which of those are right.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "healthd/answer.h"
#include "lib/dns.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))
#define R(type, rest) "\300\014\0" type "\0\001\0\0\0\0\0" rest
#define ALIAS R("\005", "\006\003web\300\014") /* www -> web.www. */
#define ADDRESS R("\001", "\004\300\0\002\001")
#define OPT(data) "\0\0\051\004\320\0\0\0\0\0" data

struct row {
	uint16_t qtype;
	const char *rcodes, *data;
	bool ad;
	unsigned flags;
	int an, ar;
	const char *rest;
	size_t n;
	enum answer_sort sort;
	const char *why, *nsid;
};

#define ROW(qtype, rcodes, data, ad, flags, an, ar, rest, sort, why, nsid)                         \
	{qtype, rcodes, data, ad, flags, an, ar, rest, sizeof(rest) - 1, sort, why, nsid}

static size_t
query_of(uint16_t qtype, uint8_t out[static DNS_QUERY_MAX])
{
	struct dns_query q = {.qtype = qtype, .qclass = 1, .id = 0x4242};
	struct err err;

	assert_int_equal(dns_name_parse("www", &q.qname, &err), 0);
	return dns_query_build(&q, out, DNS_QUERY_MAX);
}

/* The row's answer to the query: its header changed, its records behind the question. */
static size_t
answer_of(const struct row *r, const uint8_t *query, size_t n, uint8_t out[static 200])
{
	memcpy(out, query, n);
	out[2] = (uint8_t)(r->flags >> 8);
	out[3] = (uint8_t)r->flags;
	out[7] = (uint8_t)r->an;
	out[11] = (uint8_t)r->ar;
	assert_true(n + r->n <= 200);
	memcpy(out + n, r->rest, r->n);
	return n + r->n;
}

static void
answers_are_told_right_from_wrong(void **state)
{
	static const struct row rows[] = {
	    ROW(1, NULL, NULL, false, 0x8180, 0, 0, "", ANSWER_RIGHT, "", ""),
	    ROW(1, "NOERROR|NXDOMAIN", "", false, 0x8183, 0, 0, "", ANSWER_RIGHT, "", ""),
	    ROW(1, NULL, NULL, false, 0x8183, 0, 0, "", ANSWER_WRONG, "NXDOMAIN", ""),
	    ROW(1, NULL, NULL, false, 0x818b, 0, 0, "", ANSWER_WRONG, "DSOTYPENI", ""),
	    ROW(1, NULL, NULL, false, 0x0180, 0, 0, "", ANSWER_FOREIGN, "", ""), /* a query */
	    ROW(1, NULL, NULL, false, 0xa180, 0, 0, "", ANSWER_WRONG, "answer with opcode 4", ""),
	    ROW(1, NULL, "192.0.2.1", false, 0x8180, 2, 0, ALIAS ADDRESS, ANSWER_RIGHT, "", ""),
	    ROW(1, NULL, "192.0.2.2", false, 0x8180, 2, 0, ALIAS ADDRESS, ANSWER_WRONG,
		"answer 192.0.2.1 != 192.0.2.2", ""),
	    ROW(1, NULL, "192.0.2.2", false, 0x8180, 1, 0, ALIAS, ANSWER_WRONG,
		"no A in the answer", ""),
	    ROW(28, NULL, "2001:DB8:0::0001", false, 0x8180, 1, 0,
		R("\034", "\020 \001\015\270\0\0\0\0\0\0\0\0\0\0\0\001"), ANSWER_RIGHT, "", ""),
	    ROW(5, NULL, "WEB.www", false, 0x8180, 1, 0, ALIAS, ANSWER_RIGHT, "", ""),
	    ROW(16, NULL, "a", false, 0x8180, 2, 0, R("\020", "\002\001b") R("\020", "\002\001a"),
		ANSWER_RIGHT, "", ""), /* any of them will do */
	    ROW(16, NULL, "A", false, 0x8180, 1, 0, R("\020", "\002\001a"), ANSWER_WRONG,
		"answer \"a\" != A", ""), /* text has case */
	    ROW(1, NULL, NULL, true, 0x81a0, 0, 0, "", ANSWER_RIGHT, "", ""),
	    ROW(1, NULL, NULL, true, 0x8180, 0, 0, "", ANSWER_WRONG, "AD missing", ""),
	    ROW(1, NULL, NULL, true, 0x8182, 0, 0, "", ANSWER_WRONG, "SERVFAIL", ""),
	    ROW(1, NULL, "192.0.2.1", false, 0x8380, 0, 0, "", ANSWER_TRUNCATED, "", ""),
	    ROW(1, NULL, NULL, false, 0x8382, 0, 0, "", ANSWER_WRONG, "SERVFAIL", ""),
	    ROW(1, NULL, NULL, false, 0x8180, 1, 0, "", ANSWER_WRONG,
		"malformed answer: cut off", ""),
	    ROW(1, NULL, NULL, false, 0x8180, 0, 1, OPT("\010\0\003\0\004pop1"), ANSWER_RIGHT, "",
		"pop1"),
	    ROW(1, NULL, NULL, false, 0x8180, 0, 1, OPT("\007\0\003\0\003\000a\377"), ANSWER_RIGHT,
		"", "0061ff"),
	    ROW(1, NULL, NULL, false, 0x8182, 0, 1, OPT("\006\0\017\0\002\0\026"), ANSWER_WRONG,
		"SERVFAIL, extended error 22", ""),
	    ROW(1, NULL, NULL, false, 0x8180, 0, 1, "\0\0\051\004\320\001\0\0\0\0\0", ANSWER_WRONG,
		"BADVERS", ""),
	};
	uint8_t query[DNS_QUERY_MAX], wire[200];

	(void)state;
	for (size_t i = 0; i < N(rows); i++) {
		const struct row *r = &rows[i];
		size_t n = query_of(r->qtype, query), length = answer_of(r, query, n, wire);
		struct expect e;
		struct answer a;
		struct err err;

		assert_int_equal(expect_init(&e, r->qtype, r->rcodes, r->data, r->ad, &err), 0);
		a = answer_judge(&e, query, n, wire, length);
		if (a.sort != r->sort || strcmp(a.why, r->why) != 0 || strcmp(a.nsid, r->nsid) != 0)
			fail_msg("row %zu: %d \"%s\" \"%s\"", i, a.sort, a.why, a.nsid);
	}
}

static void
answers_to_others_are_foreign(void **state)
{
	static const struct row good = ROW(1, NULL, NULL, false, 0x8180, 0, 0, "", 0, "", "");
	static const struct {
		size_t at;
		uint8_t octet;
	} changes[] = {{0, 0x43}, {1, 0}, {2, 0x01}, {13, 'x'}, {18, 2}, {20, 3}, {5, 0}};
	struct expect sane = expect_sane(1);
	uint8_t query[DNS_QUERY_MAX], wire[200];
	size_t n = query_of(1, query), length;

	(void)state;
	for (size_t i = 0; i < N(changes); i++) {
		length = answer_of(&good, query, n, wire);
		wire[changes[i].at] = changes[i].octet;
		if (changes[i].at == 5)
			length = DNS_HEADER; /* no question, and no error either */
		assert_int_equal(answer_judge(&sane, query, n, wire, length).sort, ANSWER_FOREIGN);
	}
	length = answer_of(&good, query, n, wire);
	assert_int_equal(answer_judge(&sane, query, n, wire, length).sort, ANSWER_RIGHT);
	for (size_t cut = 0; cut < DNS_HEADER; cut++)
		assert_int_equal(answer_judge(&sane, query, n, wire, cut).sort, ANSWER_FOREIGN);
}

static void
sane_means_somebody_works_there(void **state)
{
	struct row r = ROW(1, NULL, NULL, false, 0, 0, 0, "", 0, "", "");
	struct expect sane = expect_sane(1);
	uint8_t query[DNS_QUERY_MAX], wire[200];
	size_t n = query_of(1, query);

	(void)state;
	for (unsigned rcode = 0; rcode < 12; rcode++) {
		r.flags = 0x8000 | rcode;
		answer_of(&r, query, n, wire);
		assert_int_equal(answer_judge(&sane, query, n, wire, n).sort,
		    rcode == DNS_SERVFAIL || rcode == DNS_REFUSED ? ANSWER_WRONG : ANSWER_RIGHT);
	}
}

static void
expectations_that_cannot_be_are_refused(void **state)
{
	static const struct {
		uint16_t qtype;
		const char *rcodes, *data;
	} rows[] = {{1, "OK", NULL}, {1, "NOERROR|", NULL}, {1, "NOERROR||SERVFAIL", NULL},
	    {1, "RCODE64", NULL}, {1, "NOERRORNOERRORNOERROR", NULL}, {1, NULL, "::1"},
	    {28, NULL, "192.0.2.1"}, {5, NULL, "a..b"}};
	char longest[300];
	struct expect e;
	struct err err;

	(void)state;
	for (size_t i = 0; i < N(rows); i++)
		assert_int_equal(
		    expect_init(&e, rows[i].qtype, rows[i].rcodes, rows[i].data, false, &err), -1);
	memset(longest, 'x', sizeof(longest));
	longest[256] = '\0';
	assert_int_equal(expect_init(&e, 16, NULL, longest, false, &err), -1);
	longest[255] = '\0';
	assert_int_equal(expect_init(&e, 16, NULL, longest, false, &err), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(answers_are_told_right_from_wrong),
	    cmocka_unit_test(answers_to_others_are_foreign),
	    cmocka_unit_test(sane_means_somebody_works_there),
	    cmocka_unit_test(expectations_that_cannot_be_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
