#include "resolver/forward_wire.h"

#include <string.h>

#define YXDOMAIN 6 /* RFC 6672: a DNAME made the name too long; an answer like any other */

size_t
forward_question(const struct key *k, uint16_t id, bool ad, uint8_t out[static DNS_QUERY_MAX])
{
	struct dns_query q = {
	    .qtype = k->type,
	    .qclass = k->class,
	    .id = id,
	    .rd = true,
	    .ad = ad,
	    .cd = (k->flags & KEY_CD) != 0,
	    .edns = true,
	    .dnssec_ok = (k->flags & KEY_DO) != 0,
	    .payload = DNS_UDP_PAYLOAD,
	};

	q.qname.length = k->name_length;
	memcpy(q.qname.wire, k->name, k->name_length);
	return dns_query_build(&q, out, DNS_QUERY_MAX);
}

size_t
forward_trial(uint16_t id, bool rd, uint8_t out[static DNS_QUERY_MAX])
{
	const struct dns_query q = {
	    .qname = {.length = 1},
	    .qtype = DNS_TYPE_NS,
	    .qclass = DNS_CLASS_IN,
	    .id = id,
	    .rd = rd,
	    .edns = true,
	    .payload = DNS_UDP_PAYLOAD,
	};

	return dns_query_build(&q, out, DNS_QUERY_MAX);
}

void
forward_id_set(uint8_t *question, uint16_t id)
{
	question[0] = (uint8_t)(id >> 8);
	question[1] = (uint8_t)id;
}

uint16_t
forward_id(const uint8_t *message)
{
	return (uint16_t)(message[0] << 8 | message[1]);
}

/* Where the name of a question of ours ends: it is followed by type, class and an OPT. */
static size_t
name_end(const uint8_t *question, size_t length)
{
	size_t at = DNS_HEADER;

	while (at < length && question[at] != 0)
		at += 1u + question[at];
	return at < length ? at : length;
}

int
forward_case_mix(uint8_t *question, size_t length, const uint8_t bits[static FORWARD_CASE])
{
	size_t end = name_end(question, length);
	int capitals = 0;

	/* Lengths of labels are no letters. */
	for (size_t at = DNS_HEADER, i = 0; at < end; at++, i++) {
		if (question[at] < 'a' || question[at] > 'z' || (bits[i / 8] >> i % 8 & 1) == 0)
			continue;
		question[at] = (uint8_t)(question[at] - 'a' + 'A');
		capitals++;
	}
	return capitals;
}

void
forward_case_drop(const uint8_t *question, size_t length, uint8_t *message)
{
	size_t end = name_end(question, length);

	for (size_t at = DNS_HEADER; at < end; at++)
		if (message[at] >= 'A' && message[at] <= 'Z')
			message[at] = (uint8_t)(message[at] - 'A' + 'a');
}

bool
forward_case_kept(const uint8_t *question, size_t length, const uint8_t *answer)
{
	return memcmp(question + DNS_HEADER, answer + DNS_HEADER,
		   name_end(question, length) - DNS_HEADER) == 0;
}

/* RFC 8914: what a validator says of data that it must not give out. */
static bool
is_bogus(uint16_t ede)
{
	return ede >= 6 && ede <= 12;
}

struct forward_read
forward_read(const uint8_t *question, size_t q_length, const uint8_t *answer, size_t length)
{
	struct forward_read r = {.kind = FORWARD_FOREIGN};
	struct dns_message m;

	if (length < DNS_HEADER || forward_id(answer) != forward_id(question) ||
	    dns_message_parse(answer, length, &m) != DNS_SOUND || !m.qr || m.opcode != 0 ||
	    m.qdcount != 1 || !dns_question_equal(question, q_length, answer, length))
		return r;
	r.ad = m.ad;
	r.rcode = m.rcode <= 15 ? (uint8_t)m.rcode : DNS_SERVFAIL;
	r.ede = m.ede ? m.ede_code : 0;
	if (m.tc)
		r.kind = FORWARD_TRUNCATED;
	else if (m.rcode == DNS_NOERROR || m.rcode == DNS_NXDOMAIN || m.rcode == YXDOMAIN)
		r.kind = FORWARD_ANSWER;
	else
		r.kind = m.rcode == DNS_SERVFAIL && is_bogus(r.ede) ? FORWARD_BOGUS
								    : FORWARD_REFUSAL;
	return r;
}

enum forward_frame
forward_frame(const uint8_t *bytes, size_t used, const uint8_t **message, size_t *length)
{
	if (used < FORWARD_FRAME)
		return FRAME_PARTIAL;
	*length = (size_t)bytes[0] << 8 | bytes[1];
	*message = bytes + FORWARD_FRAME;
	if (*length < DNS_HEADER)
		return FRAME_EMPTY;
	return used - FORWARD_FRAME < *length ? FRAME_PARTIAL : FRAME_WHOLE;
}

size_t
forward_frame_drop(uint8_t *bytes, size_t used, size_t message_length)
{
	size_t gone = FORWARD_FRAME + message_length;

	if (gone > used)
		return 0;
	memmove(bytes, bytes + gone, used - gone);
	return used - gone;
}
