/* The forward client: questions, answers read as hostile, frames; and the hints. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "resolver/forward_wire.h"
#include "resolver/hints.h"

static struct key
key_www(bool dnssec_ok, bool cd)
{
	struct key k;

	assert_true(key_make(&k, (const uint8_t *)"\3www\4test", 10, 1, 1, dnssec_ok, cd));
	return k;
}

static void
questions_say_what_the_key_wants(void **state)
{
	uint8_t q[DNS_QUERY_MAX];

	(void)state;
	for (int i = 0; i < 8; i++) {
		struct key k = key_www(i & 1, i & 2);
		size_t n = forward_question(&k, 0x1234, i & 4, q);
		struct dns_message m;

		assert_int_equal(dns_message_parse(q, n, &m), DNS_SOUND);
		assert_true(m.id == 0x1234 && m.rd && !m.qr && m.edns && m.qdcount == 1);
		assert_true(m.dnssec_ok == (i & 1) && m.cd == ((i & 2) >> 1) && m.ad == (i >> 2));
		assert_int_equal(m.payload, DNS_UDP_PAYLOAD);
		assert_memory_equal(q + DNS_HEADER, "\3www\4test\0\0\1\0\1", 14);
		forward_id_set(q, 7);
		assert_int_equal(forward_id(q), 7);
	}
	assert_int_equal(forward_trial(9, true, q), DNS_HEADER + 5 + 11);
	assert_memory_equal(q, "\0\11\1\0\0\1\0\0\0\0\0\1\0\0\2\0\1", 17);
	forward_trial(9, false, q);
	assert_int_equal(q[2], 0);
}

#define Q "\3www\4test\0\0\1\0\1"
#define A "\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\xcb\0\x71\1"
#define OPT_EDE(code) "\0\0\x29\4\xd0\0\0\0\0\0\6\0\x0f\0\2\0" code
#define ROW(name, bytes, k, ad, rcode, ede) {name, bytes, sizeof(bytes) - 1, k, ad, rcode, ede}

static void
answers_are_what_they_are(void **state)
{
	static const struct {
		const char *what, *bytes;
		size_t length;
		enum forward_kind kind;
		bool ad;
		uint8_t rcode;
		uint16_t ede;
	} answers[] = {
	    ROW("NOERROR", "\0\7\x81\x80\0\1\0\1\0\0\0\0" Q A, FORWARD_ANSWER, false, 0, 0),
	    ROW("with AD", "\0\7\x81\xa0\0\1\0\1\0\0\0\0" Q A, FORWARD_ANSWER, true, 0, 0),
	    ROW("other case", "\0\7\x81\x80\0\1\0\0\0\0\0\0\3WwW\4test\0\0\1\0\1", FORWARD_ANSWER,
		false, 0, 0),
	    ROW("NXDOMAIN", "\0\7\x81\x83\0\1\0\0\0\0\0\0" Q, FORWARD_ANSWER, false, 3, 0),
	    ROW("YXDOMAIN", "\0\7\x81\x86\0\1\0\0\0\0\0\0" Q, FORWARD_ANSWER, false, 6, 0),
	    ROW("SERVFAIL", "\0\7\x81\x82\0\1\0\0\0\0\0\0" Q, FORWARD_REFUSAL, false, 2, 0),
	    ROW("REFUSED", "\0\7\x81\x85\0\1\0\0\0\0\0\0" Q, FORWARD_REFUSAL, false, 5, 0),
	    ROW("bogus", "\0\7\x81\x82\0\1\0\0\0\0\0\1" Q OPT_EDE("\6"), FORWARD_BOGUS,
		false, 2, 6),
	    ROW("SERVFAIL, unreachable", "\0\7\x81\x82\0\1\0\0\0\0\0\1" Q OPT_EDE("\x16"),
		FORWARD_REFUSAL, false, 2, 22),
	    ROW("stale", "\0\7\x81\x80\0\1\0\1\0\0\0\1" Q A OPT_EDE("\3"), FORWARD_ANSWER,
		false, 0, 3),
	    ROW("TC", "\0\7\x83\x80\0\1\0\0\0\0\0\0" Q, FORWARD_TRUNCATED, false, 0, 0),
	    ROW("another id", "\0\x8\x81\x80\0\1\0\1\0\0\0\0" Q A, FORWARD_FOREIGN, false, 0, 0),
	    ROW("a query", "\0\7\1\0\0\1\0\1\0\0\0\0" Q A, FORWARD_FOREIGN, false, 0, 0),
	    ROW("another opcode", "\0\7\xa9\x80\0\1\0\1\0\0\0\0" Q A, FORWARD_FOREIGN, false, 0, 0),
	    ROW("another name", "\0\7\x81\x80\0\1\0\0\0\0\0\0\3wwx\4test\0\0\1\0\1",
		FORWARD_FOREIGN,
		false, 0, 0),
	    ROW("another type", "\0\7\x81\x80\0\1\0\0\0\0\0\0\3www\4test\0\0\2\0\1",
		FORWARD_FOREIGN,
		false, 0, 0),
	    ROW("another class", "\0\7\x81\x80\0\1\0\0\0\0\0\0\3www\4test\0\0\1\0\3",
		FORWARD_FOREIGN, false, 0, 0),
	    ROW("no question", "\0\7\x81\x85\0\0\0\0\0\0\0\0", FORWARD_FOREIGN, false, 0, 0),
	    ROW("two questions", "\0\7\x81\x80\0\2\0\0\0\0\0\0" Q Q, FORWARD_FOREIGN, false, 0, 0),
	    ROW("octets behind it", "\0\7\x81\x80\0\1\0\1\0\0\0\0" Q A "x",
		FORWARD_FOREIGN, false, 0,
		0),
	    ROW("ends within a record", "\0\7\x81\x80\0\1\0\1\0\0\0\0" Q "\xc0\x0c\0\1\0",
		FORWARD_FOREIGN, false, 0, 0),
	    ROW("half a header", "\0\7\x81\x80\0\1\0\0\0\0\0", FORWARD_FOREIGN, false, 0, 0),
	    ROW("nothing", "", FORWARD_FOREIGN, false, 0, 0),
	};
	struct key k = key_www(false, false);
	uint8_t q[DNS_QUERY_MAX];
	size_t n = forward_question(&k, 7, false, q);

	(void)state;
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		struct forward_read r = forward_read(
		    q, n, (const uint8_t *)answers[i].bytes, answers[i].length);

		if (r.kind != answers[i].kind || r.ad != answers[i].ad ||
		    r.rcode != answers[i].rcode || r.ede != answers[i].ede)
			fail_msg("%s: kind %d, ad %d, rcode %d, ede %d", answers[i].what, r.kind,
		r.ad,
			    r.rcode, r.ede);
	}
}

/* Three messages in pieces of every size come out whole and in order. */
static void
frames_come_in_any_pieces(void **state)
{
	uint8_t sent[2 + 12 + 2 + 300 + 2 + 40], buffer[FORWARD_STREAM_ROOM];
	static const size_t lengths[] = {12, 300, 40};
	size_t end = 0;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		sent[end] = (uint8_t)(lengths[i] >> 8);
		sent[end + 1] = (uint8_t)lengths[i];
		memset(sent + end + 2, (int)('a' + i), lengths[i]);
		end += 2 + lengths[i];
	}
	assert_int_equal(end, sizeof(sent));
	for (size_t piece = 1; piece <= end; piece++) {
		size_t used = 0, n_read = 0, length;
		const uint8_t *message;

		for (size_t at = 0; at < end; at += piece) {
			size_t n = end - at < piece ? end - at : piece;

			memcpy(buffer + used, sent + at, n);
			used += n;
			while (forward_frame(buffer, used, &message, &length) == FRAME_WHOLE) {
				assert_int_equal(length, lengths[n_read]);
				assert_int_equal(message[length - 1], 'a' + n_read);
				n_read++;
				used = forward_frame_drop(buffer, used, length);
			}
		}
		assert_int_equal(n_read, 3);
		assert_int_equal(used, 0);
	}
}

static void
what_is_too_short_is_no_message(void **state)
{
	const uint8_t *message;
	size_t length;

	(void)state;
	assert_int_equal(forward_frame((const uint8_t *)"\0", 1, &message, &length), FRAME_PARTIAL);
	assert_int_equal(forward_frame((const uint8_t *)"\0\0", 2, &message, &length), FRAME_EMPTY);
	assert_int_equal(
	    forward_frame((const uint8_t *)"\0\13", 2, &message, &length), FRAME_EMPTY);
	assert_int_equal(
	    forward_frame((const uint8_t *)"\0\14", 2, &message, &length), FRAME_PARTIAL);
	assert_int_equal(
	    forward_frame((const uint8_t *)"\xff\xff", 2, &message, &length), FRAME_PARTIAL);
}

static void
hints_are_addresses_of_their_records(void **state)
{
	static const char text[] =
	    "; a comment A 192.0.2.9\n"
	    ".  3600000  NS  A.ROOT-SERVERS.NET.\n"
	    "A.ROOT-SERVERS.NET. 3600000 A 198.41.0.4\n"
	    "a.root-servers.net.\t3600000\tIN\taaaa\t2001:503:ba3e::2:30 ; and more\n"
	    "a. A 2001:db8::1\n"	/* not of its type */
	    "a. AAAA 192.0.2.1\n"
	    "a. A\n"
	    "a. A nonsense\r\n"
	    "a. NS b. A;192.0.2.7\n"
	    "b. A 192.0.2.2\r\n"
	    "c. A 192.0.2.3";
	static const char *const wanted[] = {
	    "198.41.0.4", "2001:503:ba3e::2:30", "192.0.2.2", "192.0.2.3"};
	struct addr out[HINTS_MAX];
	char buf[ADDR_TEXT], many[100 * 16] = "";

	(void)state;
	assert_int_equal(hints_parse(text, out), 4);
	for (int i = 0; i < 4; i++)
		assert_string_equal(addr_render(&out[i], buf), wanted[i]);
	assert_int_equal(hints_parse("", out), 0);
	for (int i = 0; i < 100; i++)
		strcat(many, "a A 192.0.2.1\n");
	assert_int_equal(hints_parse(many, out), HINTS_MAX);
	assert_int_equal(hints_builtin(out), 8);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(questions_say_what_the_key_wants),
	    cmocka_unit_test(answers_are_what_they_are),
	    cmocka_unit_test(frames_come_in_any_pieces),
	    cmocka_unit_test(what_is_too_short_is_no_message),
	    cmocka_unit_test(hints_are_addresses_of_their_records),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
