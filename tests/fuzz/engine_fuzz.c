/*
 * Any octets as an answer of libunbound, for both kinds of clients: a good verdict has a message
 * that is built to a valid entry or refused, and one without DNSSEC holds the same records but for
 * those that were not asked for.
 */
#include <stdint.h>
#include <string.h>

#include "lib/dns.h"
#include "lib/ensure.h"
#include "resolver/engine_plain.h"
#include "resolver/engine_verdict.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct ttl_policy policy = {0, 86400, 30, 3600, 5};
static uint8_t plain[65535];
static _Alignas(8) uint8_t entry[ENTRY_ROOM];

static bool
signature(uint16_t type)
{
	return type == 46 || type == 47 || type == 50;
}

/* The next record that a plain answer keeps: of the last `*left`, of which those beyond `others`
 * answer. False at the end. */
static bool
next_kept(const uint8_t *wire, size_t length, size_t *at, unsigned *left, unsigned others,
    uint16_t asked, struct dns_record *r)
{
	for (; *left > 0; --*left) {
		ENSURE(dns_record_read(wire, length, at, r));
		if (r->type == DNS_TYPE_OPT)
			*left = 1;
		else if (!signature(r->type) ||
			 (*left > others && (r->type == asked || asked == DNS_TYPE_ANY)))
			return --*left, true;
	}
	return false;
}

static void
same_records(const uint8_t *data, size_t size, size_t n, const struct key *k)
{
	struct dns_record was, is;
	struct dns_message before, after;
	unsigned left, left_after, others, others_after;
	size_t at, at_after;

	ENSURE(dns_message_parse(data, size, &before) == DNS_SOUND);
	ENSURE(dns_message_parse(plain, n, &after) == DNS_SOUND);
	at = before.answers;
	at_after = after.answers;
	others = (unsigned)before.nscount + before.arcount;
	others_after = (unsigned)after.nscount + after.arcount;
	left = before.ancount + others;
	left_after = after.ancount + others_after;
	while (next_kept(data, size, &at, &left, others, k->type, &was)) {
		ENSURE(next_kept(plain, n, &at_after, &left_after, others_after, k->type, &is));
		ENSURE(was.type == is.type && was.class == is.class && was.ttl == is.ttl);
		ENSURE(was.owner.length == is.owner.length &&
		       memcmp(was.owner.wire, is.owner.wire, was.owner.length) == 0);
	}
	ENSURE(!next_kept(plain, n, &at_after, &left_after, others_after, k->type, &is));
}

static bool
key_of(const uint8_t *data, size_t size, bool dnssec_ok, struct key *k)
{
	struct dns_name name;
	size_t at = DNS_HEADER;

	return size > DNS_HEADER && dns_name_read(data, size, &at, &name) && at + 4 <= size &&
	       key_make(k, name.wire, name.length, (uint16_t)(data[at] << 8 | data[at + 1]),
		   (uint16_t)(data[at + 2] << 8 | data[at + 3]), dnssec_ok, false);
}

static void
answer(const uint8_t *data, size_t size, bool dnssec_ok)
{
	const struct outcome o = {.packet = data, .length = size};
	struct verdict v = verdict_of(&o, false);
	struct key k;
	size_t n = size, built;

	if (!v.good || !key_of(data, size, dnssec_ok, &k))
		return;
	if (!dnssec_ok) {
		n = plain_render(&k, data, size, plain, sizeof(plain));
		if (n == 0)
			return;
		same_records(data, size, n, &k);
		data = plain;
	}
	built = entry_build(&k, data, n, &policy, v.flags, v.ede, 1000, entry);
	ENSURE(built == 0 || entry_valid(entry, built, &k));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	answer(data, size, false);
	answer(data, size, true);
	return 0;
}
