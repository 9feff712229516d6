/*
 * entry_build: a whole answer message checked and rendered into an entry.
 *
 * Two passes over the records: the first finds where the OPT cuts the message off, what kind of
 * answer it is and how many TTLs it has; the second clamps them and notes where they stand in the
 * copy.
 *
 * Serving changes id, flags and TTLs. A name that points among those would change with them, into
 * one that is none. So the copy is first read with octets there that begin no label; only a message
 * that is sound even so is kept.
 */
#include <string.h>

#include "lib/dns.h"
#include "lib/scoreboard.h"
#include "resolver/entry.h"

#define RCODE_YXDOMAIN 6 /* RFC 6672: a DNAME led to a name too long; an answer */
/* TKEY, TSIG, IXFR, AXFR, MAILB, MAILA, ANY: of a transaction, not data. */
#define TYPE_META_FIRST 249
#define TYPE_META_LAST 255
#define FLAGS 0x8080u /* QR, RA; both octets begin no label */
#define POISON 0x80808080u
#define SOA_TAIL 4 /* MINIMUM, its last field */

enum section { ANSWER, AUTHORITY, ADDITIONAL, N_SECTIONS };

struct plan {
	const struct key *key;
	const struct ttl_policy *policy;
	uint16_t counts[N_SECTIONS]; /* of records that stay */
	size_t length;		     /* what stays of the message */
	bool answered, soa, negative;
	uint8_t rcode;
	uint32_t neg_ttl_s; /* with `soa` */
};

static uint32_t
get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static uint8_t *
put16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
	return p + 2;
}

/* Where the two disagree, the upper bound holds. */
static uint32_t
clamp(uint32_t v, uint32_t least, uint32_t most)
{
	if (v < least)
		v = least;
	return v < most ? v : most;
}

static bool
question_of(const struct key *k, const uint8_t *message, size_t length, const struct dns_message *m)
{
	size_t end = DNS_HEADER + (size_t)k->name_length;
	struct key asked;

	if (!m->qr || m->tc || m->opcode != 0 || m->qdcount != 1 || length < end + 4)
		return false;
	return key_make(&asked, message + DNS_HEADER, k->name_length,
		   (uint16_t)(message[end] << 8 | message[end + 1]),
		   (uint16_t)(message[end + 2] << 8 | message[end + 3]), k->flags & KEY_DO,
		   k->flags & KEY_CD) &&
	       key_equal(&asked, k);
}

static void
record_note(struct plan *p, enum section s, const uint8_t *message, const struct dns_record *r)
{
	uint32_t minimum;

	if (s == ANSWER && (r->type == p->key->type || p->key->type == DNS_TYPE_ANY))
		p->answered = true;
	if (s != AUTHORITY || r->type != DNS_TYPE_SOA || p->soa)
		return;
	/* A sound SOA has at least its five numbers: the parser looked. */
	minimum = get32(message + r->rdata.at + r->rdata.length - SOA_TAIL);
	p->soa = true;
	p->neg_ttl_s =
	    clamp(r->ttl < minimum ? r->ttl : minimum, p->policy->neg_min_s, p->policy->neg_max_s);
}

/* False when a record is none to be kept. */
static bool
records_plan(struct plan *p, const uint8_t *message, size_t length, const struct dns_message *m)
{
	const uint16_t counts[N_SECTIONS] = {m->ancount, m->nscount, m->arcount};
	struct dns_record r;
	size_t at = m->answers;

	for (enum section s = ANSWER; s < N_SECTIONS; s++) {
		for (p->counts[s] = 0; p->counts[s] < counts[s]; p->counts[s]++) {
			p->length = at;
			if (!dns_record_read(message, length, &at, &r))
				return false;
			/* What follows OPT may point behind it; it is additional, and can go. */
			if (r.type == DNS_TYPE_OPT)
				return true;
			if (r.type >= TYPE_META_FIRST && r.type <= TYPE_META_LAST)
				return false;
			record_note(p, s, message, &r);
		}
	}
	p->length = at;
	return true;
}

static uint32_t
ttl_of(const struct plan *p, enum section s, const struct dns_record *r)
{
	uint32_t ttl;

	if (!p->negative || s != AUTHORITY || !p->soa)
		return clamp(r->ttl, p->policy->min_s, p->policy->max_s);
	if (r->type == DNS_TYPE_SOA)
		return p->neg_ttl_s;
	ttl = clamp(r->ttl, p->policy->neg_min_s, p->policy->neg_max_s);
	return ttl < p->neg_ttl_s ? ttl : p->neg_ttl_s;
}

static void
put32(uint8_t *p, uint32_t v)
{
	put16(put16(p, v >> 16), v & 0xffff);
}

/* Clamps the TTLs of `message` into the copy and notes their offsets; the shortest. `poison` stands
 * there instead when it is not 0. */
static uint32_t
ttls_render(
    const struct plan *p, const uint8_t *message, uint32_t poison, uint8_t *copy, uint8_t *offsets)
{
	size_t at = DNS_HEADER + (size_t)p->key->name_length + 4;
	uint32_t ttl, least = UINT32_MAX;
	struct dns_record r;
	uint16_t offset;

	for (enum section s = ANSWER; s < N_SECTIONS; s++) {
		for (uint16_t i = 0; i < p->counts[s]; i++, offsets += 2) {
			if (!dns_record_read(message, p->length, &at, &r))
				return 0;
			ttl = ttl_of(p, s, &r);
			offset = (uint16_t)(r.rdata.at - 6); /* before RDLENGTH */
			memcpy(offsets, &offset, 2);
			put32(copy + offset, poison != 0 ? poison : ttl);
			least = ttl < least ? ttl : least;
		}
	}
	return least;
}

static void
header_render(uint8_t *message, uint16_t id, uint8_t rcode, const uint16_t counts[N_SECTIONS])
{
	uint8_t *p = put16(message, id);

	p = put16(p, FLAGS | rcode);
	p = put16(p, 1);
	for (enum section s = ANSWER; s < N_SECTIONS; s++)
		p = put16(p, counts[s]);
}

/* All but the TTL; the place of the message. */
static uint8_t *
entry_begin(struct entry *e, const struct key *k, size_t n_ttls, size_t length)
{
	size_t used = sizeof(*e) + 2 * n_ttls + length;

	*e = (struct entry){
	    .size = (uint32_t)((used + 7) / 8 * 8),
	    .message_length = (uint16_t)length,
	    .n_ttls = (uint16_t)n_ttls,
	    .type = k->type,
	    .class = k->class,
	    .key_flags = k->flags,
	    .name_length = k->name_length,
	};
	memset((uint8_t *)e + used, 0, e->size - used);
	return (uint8_t *)e + sizeof(*e) + 2 * n_ttls;
}

size_t
entry_fail(const struct key *k, uint8_t rcode, uint8_t cause, uint16_t ede,
    const struct ttl_policy *policy, int64_t now_s, void *out)
{
	static const uint16_t none[N_SECTIONS];
	size_t length = DNS_HEADER + (size_t)k->name_length + 4;
	struct entry *e = out;
	uint8_t *message = entry_begin(e, k, 0, length), *p;

	e->stored_s = now_s;
	e->ttl_s = clamp(policy->failure_s, 1, 300);
	e->flags = ENTRY_FAILURE;
	e->rcode = rcode <= 15 ? rcode : DNS_SERVFAIL;
	e->cause = cause;
	e->ede = ede;
	header_render(message, 0, e->rcode, none);
	p = message + DNS_HEADER;
	memcpy(p, k->name, k->name_length);
	put16(put16(p + k->name_length, k->type), k->class);
	return e->size;
}

/* The message in its place, served at any time, or false when it can't be. */
static bool
message_render(const struct plan *p, const uint8_t *message, struct entry *e)
{
	uint8_t *offsets = (uint8_t *)e + sizeof(*e);
	uint8_t *copy = entry_begin(e, p->key,
	    (size_t)p->counts[ANSWER] + p->counts[AUTHORITY] + p->counts[ADDITIONAL], p->length);
	struct dns_message m;

	memcpy(copy, message, p->length);
	memcpy(copy + DNS_HEADER, p->key->name, p->key->name_length);
	header_render(copy, POISON & 0xffff, 0, p->counts);
	ttls_render(p, message, POISON, copy, offsets);
	if (dns_message_parse(copy, p->length, &m) != DNS_SOUND)
		return false;
	header_render(copy, 0, p->rcode, p->counts);
	e->ttl_s = ttls_render(p, message, 0, copy, offsets);
	if (e->n_ttls == 0 || (p->negative && !p->soa))
		e->ttl_s = 0;
	return true;
}

size_t
entry_build(const struct key *k, const uint8_t *message, size_t length,
    const struct ttl_policy *policy, uint8_t flags, uint16_t ede, int64_t now_s, void *out)
{
	struct plan p = {.key = k, .policy = policy};
	struct entry *e = out;
	struct dns_message m;

	if (dns_message_parse(message, length, &m) != DNS_SOUND ||
	    !question_of(k, message, length, &m))
		return 0;
	if (m.rcode != DNS_NOERROR && m.rcode != DNS_NXDOMAIN && m.rcode != RCODE_YXDOMAIN)
		return entry_fail(k, m.rcode <= 15 ? (uint8_t)m.rcode : DNS_SERVFAIL,
		    CAUSE_UPSTREAM, ede, policy, now_s, out);
	if (!records_plan(&p, message, length, &m))
		return 0;
	p.rcode = (uint8_t)m.rcode;
	p.negative = m.rcode == DNS_NXDOMAIN || (m.rcode == DNS_NOERROR && !p.answered);
	if (!message_render(&p, message, e))
		return 0;
	e->stored_s = now_s;
	e->flags = (flags & ENTRY_SECURE) | (p.negative ? ENTRY_NEGATIVE : 0);
	e->rcode = p.rcode;
	e->ede = ede;
	if (entry_rotates(e))
		e->flags |= ENTRY_ROTATES;
	return e->size;
}
