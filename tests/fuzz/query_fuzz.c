/*
 * query_fuzz: any octets as a query; and for whatever verdict, the reply that a worker would write
 * must be a sound message of the same id and question, within its room.
 */
#include <stdlib.h>
#include <string.h>

#include "resolver/local.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(int cond)
{
	if (!cond)
		abort();
}

static void
reply_sound(const struct query *q, const uint8_t *wire, const uint8_t *out, size_t length)
{
	struct dns_message m;

	must(dns_message_parse(out, length, &m) == DNS_SOUND);
	must(m.qr && m.id == q->id && m.opcode == q->opcode && m.rd == q->rd && m.cd == q->cd);
	must(m.qdcount == (q->question_length > 0));
	must(memcmp(out + DNS_HEADER, wire + DNS_HEADER, q->question_length) == 0);
	must(!m.edns || q->edns);
}

/* In every room from the least there is. */
static void
replies(const struct query *q, const uint8_t *wire, unsigned rcode)
{
	struct reply_opt opt = {1232, EDE_STALE, "because", "pop/node/1", 100, true,
	    q->cookie_length > 0 ? q->cookie : NULL};
	uint8_t out[QUERY_UDP_LEAST];
	size_t n, end, least = DNS_HEADER + (size_t)q->question_length;

	must(reply_head(q, wire, rcode, 0, out, least - 1) == 0);
	for (size_t room = least; room < least + 92; room += 7) {
		n = reply_head(q, wire, rcode, REPLY_RA, out, room);
		must(n == least);
		end = reply_opt(q, rcode, &opt, out, n, room);
		must(end >= n && end <= room);
		reply_sound(q, wire, out, end);
	}
}

static void
locally(enum query_verdict verdict, const struct query *q, const struct key *k, const uint8_t *wire)
{
	static const struct addr address = {.family = FAMILY_V6};
	static struct local l = {.identity = "pop/node/1", .version = "x"};
	uint8_t out[QUERY_UDP_LEAST + DNS_NAME_MAX];
	size_t length = 0;
	struct err err;

	if (l.health.length == 0)
		must(local_health(&l, "h", &address, &err) == 0);
	if (local_answer(&l, verdict, q, k, wire, out, &length) != LOCAL_ANSWERED)
		return;
	must(length <= QUERY_UDP_LEAST);
	reply_sound(q, wire, out, length);
}

/* A key is its question, in lower case. */
static void
key_sound(const struct query *q, const struct key *k, const uint8_t *wire)
{
	struct key again;

	must(
	    k->name_length == q->question_length - 4 && k->type == q->type && k->class == q->class);
	must(key_make(&again, wire + DNS_HEADER, k->name_length, q->type, q->class, q->dnssec_ok,
	    q->cd));
	must(key_equal(k, &again));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum query_verdict verdict;
	enum dns_fault fault;
	struct dns_message m;
	struct query q;
	struct key k;

	verdict = query_parse(data, size, &q, &k);
	if (verdict == QUERY_DROP)
		return 0;
	must(DNS_HEADER + (size_t)q.question_length <= size);
	must(q.payload >= QUERY_UDP_LEAST);
	must(q.cookie_length == 0 || (q.edns && cookie_length_ok(q.cookie_length)));
	must((verdict == QUERY_COOKIE) <= (q.cookie_length > 0 && q.question_length == 0));
	replies(&q, data,
	    verdict == QUERY_BADVERS  ? 16
	    : verdict == QUERY_COOKIE ? 23
				      : DNS_FORMERR);
	if (verdict != QUERY_CHAOS && verdict != QUERY_ANY && verdict != QUERY_ASK)
		return 0;
	key_sound(&q, &k, data);
	locally(verdict, &q, &k, data);
	/* What is served is sound to the other reader, too, which also looks into records beside
	 * OPT. */
	fault = dns_message_parse(data, size, &m);
	must(fault == DNS_SOUND || fault == DNS_FAULT_RDATA);
	must(fault != DNS_SOUND || m.edns == q.edns);
	return 0;
}
