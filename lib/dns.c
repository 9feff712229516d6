/*
 * dns: queries written, messages read. Names are in dns_name.c, text in dns_text.c.
 */
#include "lib/dns.h"

#include <string.h>

enum {
	FLAG_QR = 0x8000,
	FLAG_AA = 0x0400,
	FLAG_TC = 0x0200,
	FLAG_RD = 0x0100,
	FLAG_RA = 0x0080,
	FLAG_AD = 0x0020,
	FLAG_CD = 0x0010,
	EDNS_DO = 0x8000,
};

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
opt_build(const struct dns_query *q, uint8_t *p)
{
	*p++ = 0; /* the root */
	p = put16(p, DNS_TYPE_OPT);
	p = put16(p, q->payload);
	p = put16(p, 0); /* extended rcode, version 0 */
	p = put16(p, q->dnssec_ok ? EDNS_DO : 0);
	p = put16(p, q->nsid ? 4 : 0);
	if (q->nsid) {
		p = put16(p, DNS_OPTION_NSID);
		p = put16(p, 0);
	}
	return p;
}

size_t
dns_query_build(const struct dns_query *q, uint8_t *out, size_t room)
{
	size_t opt = q->edns ? 11 + (q->nsid ? 4 : 0) : 0;
	unsigned flags = (q->rd ? FLAG_RD : 0) | (q->ad ? FLAG_AD : 0) | (q->cd ? FLAG_CD : 0);
	uint8_t *p = out;

	if (room < DNS_HEADER + (size_t)q->qname.length + 4 + opt)
		return 0;
	p = put16(p, q->id);
	p = put16(p, flags);
	p = put16(p, 1);
	p = put16(p, 0);
	p = put16(p, 0);
	p = put16(p, q->edns ? 1 : 0);
	memcpy(p, q->qname.wire, q->qname.length);
	p += q->qname.length;
	p = put16(p, q->qtype);
	p = put16(p, q->qclass);
	if (q->edns)
		p = opt_build(q, p);
	return (size_t)(p - out);
}

const char *
dns_fault_name(enum dns_fault f)
{
	static const char *const names[] = {
	    [DNS_SOUND] = "sound",
	    [DNS_FAULT_SHORT] = "cut off",
	    [DNS_FAULT_NAME] = "bad name",
	    [DNS_FAULT_RDATA] = "bad rdata",
	    [DNS_FAULT_OPT] = "bad OPT",
	    [DNS_FAULT_TRAILING] = "trailing octets",
	};

	return (size_t)f < sizeof(names) / sizeof(names[0]) ? names[f] : "?";
}

bool
dns_record_read(const uint8_t *wire, size_t length, size_t *at, struct dns_record *out)
{
	size_t p = *at, rdlength;

	if (!dns_name_read(wire, length, &p, &out->owner) || p + 10 > length)
		return false;
	out->type = get16(wire + p);
	out->class = get16(wire + p + 2);
	out->ttl = (uint32_t)get16(wire + p + 4) << 16 | get16(wire + p + 6);
	rdlength = get16(wire + p + 8);
	p += 10;
	if (rdlength > length - p || p > UINT16_MAX)
		return false;
	out->rdata = (struct dns_part){(uint16_t)p, (uint16_t)rdlength};
	*at = p + rdlength;
	return true;
}

/* A whole number of names followed by `tail` octets must fill the rdata. */
static bool
names_fill(const uint8_t *wire, const struct dns_part *rdata, size_t head, int names, size_t tail)
{
	size_t at = rdata->at + head, end = (size_t)rdata->at + rdata->length;
	struct dns_name name;

	if (rdata->length < head)
		return false;
	while (names-- > 0)
		if (!dns_name_read(wire, end, &at, &name))
			return false;
	return at + tail == end;
}

static bool
txt_fills(const uint8_t *wire, const struct dns_part *rdata)
{
	size_t at = rdata->at, end = at + rdata->length;

	while (at < end)
		at += (size_t)wire[at] + 1;
	return rdata->length > 0 && at == end;
}

/* The shape that the record's type prescribes; the shapes of others are not known here. */
static bool
rdata_sound(const uint8_t *wire, const struct dns_record *r)
{
	if (r->class != DNS_CLASS_IN && (r->type == DNS_TYPE_A || r->type == DNS_TYPE_AAAA))
		return true;
	switch (r->type) {
	case DNS_TYPE_A:
		return r->rdata.length == 4;
	case DNS_TYPE_AAAA:
		return r->rdata.length == 16;
	case DNS_TYPE_NS:
	case DNS_TYPE_CNAME:
	case DNS_TYPE_PTR:
	case DNS_TYPE_DNAME:
		return names_fill(wire, &r->rdata, 0, 1, 0);
	case DNS_TYPE_MX:
		return names_fill(wire, &r->rdata, 2, 1, 0);
	case DNS_TYPE_SRV:
		return names_fill(wire, &r->rdata, 6, 1, 0);
	case DNS_TYPE_SOA:
		return names_fill(wire, &r->rdata, 0, 2, 20);
	case DNS_TYPE_TXT:
		return txt_fills(wire, &r->rdata);
	default:
		return true;
	}
}

static void
option_take(const uint8_t *wire, uint16_t code, struct dns_part data, struct dns_message *out)
{
	if (code == DNS_OPTION_NSID) {
		out->nsid = data;
	} else if (code == DNS_OPTION_EDE && data.length >= 2 && !out->ede) {
		out->ede = true;
		out->ede_code = get16(wire + data.at);
		out->ede_text =
		    (struct dns_part){(uint16_t)(data.at + 2), (uint16_t)(data.length - 2)};
	}
}

static bool
opt_parse(const uint8_t *wire, const struct dns_record *r, struct dns_message *out)
{
	size_t at = r->rdata.at, end = at + r->rdata.length;
	uint16_t size;

	if (out->edns || r->owner.length != 1)
		return false;
	out->edns = true;
	out->payload = r->class;
	out->rcode |= (uint16_t)((r->ttl >> 24) << 4);
	out->edns_version = (uint8_t)(r->ttl >> 16);
	out->dnssec_ok = (r->ttl & EDNS_DO) != 0;
	while (at < end) {
		if (end - at < 4)
			return false;
		size = get16(wire + at + 2);
		if (size > end - at - 4)
			return false;
		option_take(wire, get16(wire + at),
		    (struct dns_part){(uint16_t)(at + 4), size}, out);
		at += 4 + (size_t)size;
	}
	return true;
}

static void
header_parse(const uint8_t *wire, struct dns_message *out)
{
	unsigned flags = get16(wire + 2);

	*out = (struct dns_message){
	    .id = get16(wire),
	    .opcode = (uint8_t)(flags >> 11 & 0xf),
	    .qr = flags & FLAG_QR,
	    .aa = flags & FLAG_AA,
	    .tc = flags & FLAG_TC,
	    .rd = flags & FLAG_RD,
	    .ra = flags & FLAG_RA,
	    .ad = flags & FLAG_AD,
	    .cd = flags & FLAG_CD,
	    .rcode = (uint16_t)(flags & 0xf),
	    .qdcount = get16(wire + 4),
	    .ancount = get16(wire + 6),
	    .nscount = get16(wire + 8),
	    .arcount = get16(wire + 10),
	};
}

static enum dns_fault
question_skip(const uint8_t *wire, size_t length, size_t *at)
{
	struct dns_name name;

	if (*at >= length)
		return DNS_FAULT_SHORT;
	if (!dns_name_read(wire, length, at, &name))
		return DNS_FAULT_NAME;
	if (length - *at < 4)
		return DNS_FAULT_SHORT;
	*at += 4;
	return DNS_SOUND;
}

static enum dns_fault
record_check(const uint8_t *wire, size_t length, size_t *at, bool additional,
    struct dns_message *out)
{
	struct dns_record r;
	struct dns_name name;
	size_t p = *at;

	if (p >= length)
		return DNS_FAULT_SHORT;
	if (!dns_record_read(wire, length, at, &r))
		return dns_name_read(wire, length, &p, &name) ? DNS_FAULT_SHORT : DNS_FAULT_NAME;
	if (r.type == DNS_TYPE_OPT)
		return additional && opt_parse(wire, &r, out) ? DNS_SOUND : DNS_FAULT_OPT;
	return rdata_sound(wire, &r) ? DNS_SOUND : DNS_FAULT_RDATA;
}

enum dns_fault
dns_message_parse(const uint8_t *wire, size_t length, struct dns_message *out)
{
	size_t at = DNS_HEADER;
	enum dns_fault fault;
	uint16_t *count;

	*out = (struct dns_message){0};
	if (length < DNS_HEADER || length > UINT16_MAX)
		return DNS_FAULT_SHORT;
	header_parse(wire, out);
	for (int i = 0; i < out->qdcount; i++) {
		fault = question_skip(wire, length, &at);
		if (fault != DNS_SOUND)
			return fault;
	}
	out->answers = (uint16_t)at;
	for (int section = 0; section < 3; section++) {
		count = section == 0 ? &out->ancount : section == 1 ? &out->nscount : &out->arcount;
		for (int i = 0; i < *count; i++) {
			fault = record_check(wire, length, &at, section == 2, out);
			if (out->tc && (fault == DNS_FAULT_SHORT || fault == DNS_FAULT_NAME)) {
				*count = (uint16_t)i;
				out->nscount = section < 1 ? 0 : out->nscount;
				out->arcount = section < 2 ? 0 : out->arcount;
				return DNS_SOUND;
			}
			if (fault != DNS_SOUND)
				return fault;
		}
	}
	return at == length ? DNS_SOUND : DNS_FAULT_TRAILING;
}
