/*
 * wire_maker: DNS messages made by hand for tests, and numbered entries whose every octet follows
 * from key and version, so that any answer that is not one of its key's is seen.
 */
#ifndef TESTS_WIRE_MAKER_H
#define TESTS_WIRE_MAKER_H

#include <stdio.h>
#include <string.h>

#include "lib/dns.h"
#include "resolver/entry.h"

struct wire_maker {
	size_t length;
	uint8_t wire[ENTRY_MAX];
};

static inline void
wire_put(struct wire_maker *m, unsigned value, int octets)
{
	while (octets-- > 0)
		m->wire[m->length++] = (uint8_t)(value >> (8 * octets));
}

static inline void
wire_name(struct wire_maker *m, const char *text)
{
	struct dns_name name;
	struct err err;

	if (dns_name_parse(text, &name, &err) != 0)
		name = (struct dns_name){.length = 1};
	memcpy(m->wire + m->length, name.wire, name.length);
	m->length += name.length;
}

/* A response to one question, still without records. */
static inline void
wire_begin(struct wire_maker *m, unsigned flags, const char *qname, unsigned type)
{
	m->length = 0;
	wire_put(m, 0xabcd, 2);
	wire_put(m, 0x8000 | flags, 2);
	wire_put(m, 1, 2);
	wire_put(m, 0, 4);
	wire_put(m, 0, 2);
	wire_name(m, qname);
	wire_put(m, type, 2);
	wire_put(m, DNS_CLASS_IN, 2);
}

/* Sections 0 answer, 1 authority, 2 additional, in this order. Owner NULL: the question's name. */
static inline void
wire_record(struct wire_maker *m, int section, const char *owner, unsigned type, uint32_t ttl,
    const void *rdata, size_t length)
{
	m->wire[7 + 2 * section] += 1;
	if (m->wire[7 + 2 * section] == 0)
		m->wire[6 + 2 * section] += 1;
	if (owner != NULL)
		wire_name(m, owner);
	else
		wire_put(m, 0xc00c, 2);
	wire_put(m, type, 2);
	wire_put(m, DNS_CLASS_IN, 2);
	wire_put(m, ttl, 4);
	wire_put(m, (unsigned)length, 2);
	memcpy(m->wire + m->length, rdata, length);
	m->length += length;
}

static inline void
wire_a(struct wire_maker *m, int section, uint32_t ttl)
{
	wire_record(m, section, NULL, DNS_TYPE_A, ttl, "\300\000\002\001", 4);
}

static inline void
wire_soa(struct wire_maker *m, uint32_t ttl, uint32_t minimum)
{
	uint8_t rdata[22] = {0};

	for (int i = 0; i < 4; i++)
		rdata[18 + i] = (uint8_t)(minimum >> (24 - 8 * i));
	wire_record(m, 1, "example.", DNS_TYPE_SOA, ttl, rdata, sizeof(rdata));
}

static inline void
wire_opt(struct wire_maker *m)
{
	m->wire[11]++;
	wire_put(m, 0, 1);
	wire_put(m, DNS_TYPE_OPT, 2);
	wire_put(m, 1232, 2);
	wire_put(m, 0x8000, 4);
	wire_put(m, 0, 2);
}

static inline struct key
wire_key(const char *qname, unsigned type, bool dnssec_ok, bool checking_disabled)
{
	struct wire_maker m;
	struct key k = {0};

	m.length = 0;
	wire_name(&m, qname);
	if (!key_make(&k, m.wire, m.length, (uint16_t)type, DNS_CLASS_IN, dnssec_ok,
		checking_disabled))
		k.name_length = 0;
	return k;
}

/* xorshift64*: tests say their seeds. */
static inline uint64_t
chance(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 0x2545f4914f6cdd1du;
}

static inline struct key
numbered_key(unsigned n)
{
	char name[40];

	snprintf(name, sizeof(name), "host-%u.example.", n);
	return wire_key(name, DNS_TYPE_TXT, n % 2, false);
}

#define NUMBERED_TXT 200

/* The entry of key n in this version; its size. Most are small, one of 32 is of `large` records
 * more. */
static inline size_t
numbered_entry(unsigned n, unsigned version, unsigned large, int64_t now_s, void *out)
{
	static const struct ttl_policy policy = {.max_s = 86400, .neg_min_s = 30,
	    .neg_max_s = 3600, .failure_s = 5};
	uint64_t state = ((uint64_t)n << 32 | version) + 1;
	unsigned records = 1 + chance(&state) % 3;
	static struct wire_maker m;
	struct key k = numbered_key(n);
	uint8_t rdata[NUMBERED_TXT];
	char name[40];

	if (chance(&state) % 32 == 0)
		records += large;
	snprintf(name, sizeof(name), "host-%u.example.", n);
	wire_begin(&m, 0, name, DNS_TYPE_TXT);
	for (unsigned i = 0; i < records; i++) {
		size_t length = 12 + chance(&state) % (NUMBERED_TXT - 12);

		rdata[0] = (uint8_t)(length - 1);
		memcpy(rdata + 1, &version, 4);
		for (size_t j = 5; j < length; j++)
			rdata[j] = (uint8_t)chance(&state);
		wire_record(&m, 0, NULL, DNS_TYPE_TXT, 300 + version % 100, rdata, length);
	}
	return entry_build(&k, m.wire, m.length, &policy, 0, 0, now_s, out);
}

/* Is this entry, every octet of it, one that numbered_entry() makes for n? */
static inline bool
numbered_right(const struct entry *e, unsigned n, unsigned large)
{
	static _Alignas(8) uint8_t wanted[ENTRY_ROOM];
	struct key k = numbered_key(n);
	unsigned version;

	if (!entry_valid(e, e->size, &k) || e->n_ttls == 0)
		return false;
	/* Behind header, question, the first record's name, fixed fields and string length. */
	memcpy(&version, entry_message(e) + DNS_HEADER + k.name_length + 4 + 2 + 10 + 1, 4);
	return numbered_entry(n, version, large, e->stored_s, wanted) == e->size &&
	       memcmp(wanted, e, e->size) == 0;
}

#endif
