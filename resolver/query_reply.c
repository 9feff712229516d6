/*
 * Answers written, as far as they need no cache: header, question, a record, OPT.
 */
#include <string.h>

#include "resolver/query.h"

enum { QR = 0x8000, RD = 0x0100, CD = 0x0010, AT_FLAGS = 2, AT_ANCOUNT = 6, AT_ARCOUNT = 10 };

static uint16_t
get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static uint8_t *
put16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
	return p + 2;
}

static uint8_t *
put_bytes(uint8_t *p, const void *from, size_t n)
{
	if (n > 0)
		memcpy(p, from, n);
	return p + n;
}

size_t
reply_head(const struct query *q, const uint8_t *wire, unsigned rcode, unsigned flags, uint8_t *out,
    size_t room)
{
	size_t length = DNS_HEADER + (size_t)q->question_length;

	if (room < length)
		return 0;
	memset(out, 0, DNS_HEADER);
	put16(out, q->id);
	put16(out + AT_FLAGS,
	    QR | (unsigned)q->opcode << 11 | flags | (q->rd ? RD : 0) | (q->cd ? CD : 0) |
		(rcode & 0xf));
	put16(out + 4, q->question_length > 0);
	put_bytes(out + DNS_HEADER, wire + DNS_HEADER, q->question_length);
	return length;
}

static size_t
ede_text_length(const struct reply_opt *o)
{
	size_t n = o->ede_text != NULL ? strlen(o->ede_text) : 0;

	return n < REPLY_EDE_TEXT ? n : REPLY_EDE_TEXT;
}

static size_t
nsid_length(const struct query *q, const struct reply_opt *o)
{
	return q->nsid && o->nsid != NULL ? strlen(o->nsid) : 0;
}

size_t
reply_opt_length(const struct query *q, const struct reply_opt *o)
{
	size_t n = 11;

	if (!q->edns)
		return 0;
	if (o->cookie != NULL)
		n += 4 + COOKIE_FULL;
	if (nsid_length(q, o) > 0)
		n += 4 + nsid_length(q, o);
	if (o->keepalive >= 0)
		n += 6;
	if (o->ede != EDE_NONE)
		n += 6 + ede_text_length(o);
	if (o->cached_error)
		n += 6;
	return n;
}

/* Leaves out what `room` has no place for, the least needed first. */
static struct reply_opt
opt_fitted(const struct query *q, const struct reply_opt *o, size_t room)
{
	struct reply_opt fitted = *o;

	if (reply_opt_length(q, &fitted) > room)
		fitted.ede_text = NULL;
	if (reply_opt_length(q, &fitted) > room)
		fitted.cached_error = false;
	if (reply_opt_length(q, &fitted) > room)
		fitted.ede = EDE_NONE;
	if (reply_opt_length(q, &fitted) > room)
		fitted.nsid = NULL;
	if (reply_opt_length(q, &fitted) > room)
		fitted.keepalive = -1;
	if (reply_opt_length(q, &fitted) > room)
		fitted.cookie = NULL;
	return fitted;
}

size_t
reply_opt(const struct query *q, unsigned rcode, const struct reply_opt *o, uint8_t *out,
    size_t length, size_t room)
{
	struct reply_opt fitted = opt_fitted(q, o, room - length);
	size_t n = reply_opt_length(q, &fitted), nsid = nsid_length(q, &fitted), text;
	uint8_t *p = out + length;

	if (n == 0 || n > room - length)
		return length;
	*p++ = 0;
	p = put16(p, DNS_TYPE_OPT);
	p = put16(p, o->payload);
	p = put16(p, (rcode >> 4 & 0xff) << 8);
	p = put16(p, q->dnssec_ok ? 0x8000 : 0);
	p = put16(p, (unsigned)(n - 11));
	if (fitted.cookie != NULL) {
		p = put16(p, QUERY_OPTION_COOKIE);
		p = put16(p, COOKIE_FULL);
		p = put_bytes(p, fitted.cookie, COOKIE_FULL);
	}
	if (nsid > 0) {
		p = put16(p, DNS_OPTION_NSID);
		p = put16(p, (unsigned)nsid);
		p = put_bytes(p, fitted.nsid, nsid);
	}
	if (fitted.keepalive >= 0) {
		p = put16(p, QUERY_OPTION_KEEPALIVE);
		p = put16(p, 2);
		p = put16(p, (unsigned)fitted.keepalive);
	}
	if (fitted.ede != EDE_NONE) {
		text = ede_text_length(&fitted);
		p = put16(p, DNS_OPTION_EDE);
		p = put16(p, (unsigned)(2 + text));
		p = put16(p, (unsigned)fitted.ede);
		p = put_bytes(p, fitted.ede_text, text);
	}
	if (fitted.cached_error)
		put16(put16(put16(p, DNS_OPTION_EDE), 2), EDE_CACHED_ERROR);
	put16(out + AT_ARCOUNT, get16(out + AT_ARCOUNT) + 1u);
	return length + n;
}

size_t
reply_record(uint16_t type, uint16_t class, uint32_t ttl_s, const void *rdata, size_t rdata_length,
    uint8_t *out, size_t length, size_t room)
{
	uint8_t *p = out + length;

	if (room - length < 12 + rdata_length)
		return 0;
	p = put16(p, 0xc000 | DNS_HEADER);
	p = put16(p, type);
	p = put16(p, class);
	p = put16(p, ttl_s >> 16);
	p = put16(p, ttl_s & 0xffff);
	p = put16(p, (unsigned)rdata_length);
	put_bytes(p, rdata, rdata_length);
	put16(out + AT_ANCOUNT, get16(out + AT_ANCOUNT) + 1u);
	return length + 12 + rdata_length;
}
