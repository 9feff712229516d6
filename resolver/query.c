/*
 * Queries read.
 *
 * What may be wrong is looked for in the order in which the octets come, so that a reply can carry
 * as much of the question as was understood. Records beside OPT in the additional section (a TSIG
 * that nobody here has a key for) are stepped over, but they must be whole.
 */
#include "resolver/query.h"

#include <string.h>

enum {
	FLAG_QR = 0x8000,
	FLAG_RD = 0x0100,
	FLAG_AD = 0x0020,
	FLAG_CD = 0x0010,
	EDNS_DO = 0x8000,
};

/* Types that are no data of a zone (RFC 6895, 3.1). */
enum {
	TYPE_NXNAME = 128, /* RFC 9824: never to be asked for */
	TYPE_META_LAST = 255,
	TYPE_IXFR = 251,
	TYPE_AXFR = 252,
	TYPE_ANY = 255,
	TYPE_RESERVED = 65535,
};
enum { CLASS_NONE = 254, CLASS_ANY = 255 };

static uint16_t
get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

/* An uncompressed name's length at the question, 0 when it is none: there is nothing before it that
 * a pointer could mean. */
static size_t
name_length(const uint8_t *wire, size_t room)
{
	size_t at = 0;

	while (at < room && at < DNS_NAME_MAX) {
		if (wire[at] == 0)
			return at + 1;
		if (wire[at] > DNS_LABEL_MAX)
			return 0;
		at += 1u + wire[at];
	}
	return 0;
}

static bool
question_parse(const uint8_t *wire, size_t length, size_t *at, struct query *out)
{
	const uint8_t *name = wire + DNS_HEADER;
	size_t n = name_length(name, length - DNS_HEADER);

	if (n == 0 || length - DNS_HEADER - n < 4)
		return false;
	out->type = get16(name + n);
	out->class = get16(name + n + 2);
	out->question_length = (uint16_t)(n + 4);
	*at = DNS_HEADER + n + 4;
	return true;
}

/* Of several only the first counts (RFC 7873, 5.2); one that can't be is FORMERR (5.2.2). */
static bool
cookie_parse(const uint8_t *data, size_t length, struct query *out)
{
	if (out->cookie_length > 0)
		return true;
	if (length > UINT8_MAX || !cookie_length_ok((unsigned)length))
		return false;
	out->cookie_length = (uint8_t)length;
	memcpy(out->cookie, data, length < COOKIE_FULL ? length : COOKIE_FULL);
	return true;
}

static bool
options_parse(const uint8_t *wire, const struct dns_part *data, struct query *out)
{
	size_t at = data->at, end = at + data->length;

	while (at < end) {
		if (end - at < 4 || get16(wire + at + 2) > end - at - 4)
			return false;
		switch (get16(wire + at)) {
		case DNS_OPTION_NSID:
			out->nsid = true;
			break;
		case QUERY_OPTION_KEEPALIVE:
			out->keepalive = true;
			break;
		case QUERY_OPTION_COOKIE:
			if (!cookie_parse(wire + at + 4, get16(wire + at + 2), out))
				return false;
			break;
		default:
			break; /* RFC 6891, 6.1.2: unknown options are ignored */
		}
		at += 4u + get16(wire + at + 2);
	}
	return true;
}

/* Returns false on a record that can't be; `version` receives OPT's. */
static bool
additional_parse(const uint8_t *wire, size_t length, size_t *at, struct query *out,
    unsigned *version)
{
	struct dns_record r;
	struct query with = *out;

	if (!dns_record_read(wire, length, at, &r))
		return false;
	if (r.type != DNS_TYPE_OPT)
		return true;
	if (out->edns || r.owner.length != 1)
		return false;
	with.edns = true;
	with.payload = r.class < QUERY_UDP_LEAST ? QUERY_UDP_LEAST : r.class;
	with.dnssec_ok = (r.ttl & EDNS_DO) != 0;
	*version = r.ttl >> 16 & 0xff;
	/* Another version's options need not look like ours. */
	if (*version == 0 && !options_parse(wire, &r.rdata, &with))
		return false;
	*out = with;
	return true;
}

static enum query_verdict
type_judge(struct query *out)
{
	if (out->type == TYPE_ANY)
		return QUERY_ANY;
	if (out->type == TYPE_IXFR || out->type == TYPE_AXFR)
		return QUERY_REFUSED;
	if (out->type == 0 || out->type == DNS_TYPE_OPT || out->type == TYPE_NXNAME ||
	    out->type == TYPE_RESERVED) {
		out->ede = EDE_INVALID_QUERY_TYPE;
		return QUERY_FORMERR;
	}
	if (out->type > TYPE_NXNAME && out->type <= TYPE_META_LAST)
		return QUERY_NOTIMP;
	return QUERY_ASK;
}

/* A whole message with one question: what of it is served? */
static enum query_verdict
question_judge(const uint8_t *wire, struct query *out, struct key *key)
{
	enum query_verdict verdict = type_judge(out);
	size_t n = out->question_length - 4u;

	if (verdict == QUERY_FORMERR || verdict == QUERY_NOTIMP)
		return verdict;
	if (!key_make(key, wire + DNS_HEADER, n, out->type, out->class, out->dnssec_ok, out->cd))
		return QUERY_FORMERR;
	if (out->class == CLASS_ANY || out->class == CLASS_NONE || out->class == 0) {
		out->ede = EDE_NOT_SUPPORTED;
		return QUERY_NOTIMP;
	}
	if (verdict != QUERY_REFUSED && out->class == DNS_CLASS_CH)
		return QUERY_CHAOS;
	if (verdict == QUERY_REFUSED || out->class != DNS_CLASS_IN) {
		out->ede = EDE_NOT_SUPPORTED;
		return QUERY_REFUSED;
	}
	return verdict;
}

enum query_verdict
query_parse(const uint8_t *wire, size_t length, struct query *out, struct key *key)
{
	size_t at = DNS_HEADER;
	unsigned flags, version = 0;

	*out = (struct query){.payload = QUERY_UDP_LEAST, .ede = EDE_NONE};
	if (length < DNS_HEADER || length > UINT16_MAX)
		return QUERY_DROP;
	flags = get16(wire + 2);
	if (flags & FLAG_QR)
		return QUERY_DROP;
	out->id = get16(wire);
	out->opcode = (uint8_t)(flags >> 11 & 0xf);
	out->rd = flags & FLAG_RD;
	out->ad = flags & FLAG_AD;
	out->cd = flags & FLAG_CD;
	/* Another opcode's message may be laid out otherwise: nothing of it is read. */
	if (out->opcode != 0)
		return QUERY_NOTIMP;
	if (get16(wire + 4) > 1)
		return QUERY_FORMERR;
	if (get16(wire + 4) == 1 && !question_parse(wire, length, &at, out))
		return QUERY_FORMERR;
	if (get16(wire + 6) != 0 || get16(wire + 8) != 0)
		return QUERY_FORMERR;
	for (unsigned n = get16(wire + 10); n > 0; n--)
		if (!additional_parse(wire, length, &at, out, &version))
			return QUERY_FORMERR;
	if (at != length)
		return QUERY_FORMERR;
	if (version != 0)
		return QUERY_BADVERS;
	if (out->question_length == 0)
		return out->cookie_length > 0 ? QUERY_COOKIE : QUERY_FORMERR;
	return question_judge(wire, out, key);
}
