/*
 * entry_fuzz: any octets as an answer of the engine, and any octets as an entry. What entry_build()
 * takes is a valid entry, and is served at any time, in any room, as a sound message with the TTLs
 * of the policy; what entry_valid() takes can be served without a stray access.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/dns.h"
#include "lib/ensure.h"
#include "resolver/entry.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct ttl_policy policy = {
    .min_s = 2, .max_s = 86400, .neg_min_s = 30, .neg_max_s = 3600, .failure_s = 5};
static _Alignas(8) uint8_t memory[ENTRY_ROOM];
static uint8_t out[ENTRY_MAX];

/* What is served right after it was stored. */
static void
ttls_check(size_t length, const struct dns_message *m, uint32_t least, uint32_t most)
{
	size_t at = m->answers;
	struct dns_record r;

	for (int i = 0; i < m->ancount + m->nscount + m->arcount; i++) {
		ENSURE(dns_record_read(out, length, &at, &r));
		ENSURE(r.ttl >= least && r.ttl <= most);
	}
}

/* Owners, types and TTLs are the same; of an answer's addresses each is still there, and all other
 * data stays. */
static void
rotate_check(const struct entry *e, size_t length)
{
	static uint8_t before[ENTRY_MAX];
	struct dns_record r, was;
	struct dns_message m;
	unsigned sum = 0;
	size_t at, other;

	memcpy(before, out, length);
	entry_rotate(e, 0x9e3779b9u * (unsigned)length, out, length);
	ENSURE(dns_message_parse(out, length, &m) == DNS_SOUND);
	at = other = m.answers;
	for (int i = 0; i < m.ancount + m.nscount + m.arcount; i++) {
		ENSURE(dns_record_read(out, length, &at, &r));
		ENSURE(dns_record_read(before, length, &other, &was));
		ENSURE(at == other && dns_name_equal(&r.owner, &was.owner));
		ENSURE(r.type == was.type && r.ttl == was.ttl);
		for (size_t j = r.rdata.at; j < at; j++) {
			ENSURE(out[j] == before[j] || (r.type == e->type && i < m.ancount));
			sum += (unsigned)out[j] - before[j];
		}
	}
	ENSURE(sum == 0);
}

static void
serve_check(const struct entry *e, int64_t now_s, uint32_t stale_ttl_s, size_t max, uint32_t least,
    uint32_t most)
{
	struct dns_message m;
	size_t length;

	length = entry_serve(
	    e, 0xffff, true, true, entry_message(e) + DNS_HEADER, now_s, stale_ttl_s, out, max);
	ENSURE(length <= max);
	if (length == 0)
		return;
	rotate_check(e, length);
	ENSURE(dns_message_parse(out, length, &m) == DNS_SOUND);
	ENSURE(m.qr && m.qdcount == 1 && m.rcode == e->rcode && !m.edns);
	ENSURE(!m.ad || (e->flags & ENTRY_SECURE));
	ENSURE(!m.tc || e->message_length > max);
	if (m.tc)
		ENSURE(m.ancount + m.nscount + m.arcount == 0);
	else if (e->message_length > max) /* the additional section alone makes way */
		ENSURE(m.arcount == 0 && memcmp(out + 6, entry_message(e) + 6, 4) == 0);
	ttls_check(length, &m, least, most);
}

static void
build(const uint8_t *data, size_t size, uint8_t how)
{
	const struct entry *e = (const struct entry *)memory;
	struct dns_name qname;
	size_t at = DNS_HEADER, made;
	struct key k;

	if (!dns_name_read(data, size, &at, &qname) || at + 4 > size)
		return;
	if (!key_make(&k, qname.wire, qname.length, (uint16_t)(data[at] << 8 | data[at + 1]),
		(uint16_t)(data[at + 2] << 8 | data[at + 3]), how & 2, how & 4))
		return;
	made = entry_build(&k, data, size, &policy, how & ENTRY_SECURE, 0, 1000, memory);
	if (made == 0)
		return;
	ENSURE(made == e->size && made <= ENTRY_ROOM && entry_valid(memory, made, &k));
	ENSURE(entry_is(e, &k) && e->ttl_s <= policy.max_s);
	serve_check(e, 1000, 0, sizeof(out), 2, policy.max_s);
	serve_check(e, 1000 + e->ttl_s, 30, sizeof(out), 30, 30);
	serve_check(e, 1000 + e->ttl_s / 2 + 1, 0, sizeof(out), 0, policy.max_s);
	serve_check(e, INT64_MIN, 0, sizeof(out), 0, 0);
	serve_check(e, 1000, 0, how * 8u, 2, policy.max_s);
}

/* Copied to memory of just its size, where an access beyond is seen. */
static void
take(const uint8_t *data, size_t size, uint8_t how)
{
	uint8_t *copy = malloc(size > 0 ? size : 1);
	const struct entry *e = (const struct entry *)copy;
	struct key k;
	size_t length;

	ENSURE(copy != NULL);
	memcpy(copy, data, size);
	if (entry_valid(copy, size, NULL)) {
		ENSURE(e->size <= size);
		entry_key(e, &k);
		ENSURE(entry_valid(copy, size, &k) && entry_is(e, &k));
		entry_left_s(e, 1000);
		length = entry_serve(e, 1, how & 1, how & 2, k.name, 1000, how & 4 ? 30 : 0, out,
		    how & 8 ? sizeof(out) : 100);
		entry_rotate(e, (uint32_t)size << 24, out, length);
		ENSURE(length <= e->size);
	}
	free(copy);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1)
		return 0;
	if (data[0] & 1)
		build(data + 1, size - 1, data[0] >> 1);
	else
		take(data + 1, size - 1, data[0] >> 1);
	return 0;
}
