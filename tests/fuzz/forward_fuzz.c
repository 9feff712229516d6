/*
 * Any octets as the answer of a backup resolver: what is taken for an answer to the question is a
 * sound message of its id and its question, and is built to a valid entry or refused; what is not
 * is foreign. The question is the input's own where it has one, so that it can be answered at all.
 */
#include <stdint.h>
#include <string.h>

#include "lib/ensure.h"
#include "resolver/engine_plain.h"
#include "resolver/forward_wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct ttl_policy policy = {0, 60, 30, 60, 5};
static uint8_t plain[65535], lower[65535];
static _Alignas(8) uint8_t entry[ENTRY_ROOM];

static bool
key_of(const uint8_t *data, size_t size, bool dnssec_ok, struct key *k)
{
	struct dns_name name;
	size_t at = DNS_HEADER;

	return size > DNS_HEADER && dns_name_read(data, size, &at, &name) && at + 4 <= size &&
	       key_make(k, name.wire, name.length, (uint16_t)(data[at] << 8 | data[at + 1]),
		   (uint16_t)(data[at + 2] << 8 | data[at + 3]), dnssec_ok, false);
}

/* In lower case it is the question's. */
static void
case_looked_at(const uint8_t *question, size_t n, const uint8_t *data, size_t size)
{
	memcpy(lower, data, size);
	forward_case_drop(question, n, lower);
	ENSURE(forward_case_kept(question, n, lower));
	ENSURE(forward_read(question, n, lower, size).kind != FORWARD_FOREIGN);
}

static void
read_as_answer(const uint8_t *data, size_t size, bool dnssec_ok)
{
	uint8_t question[DNS_QUERY_MAX];
	struct forward_read r;
	struct dns_message m;
	struct key k;
	size_t n, built;

	if (!key_of(data, size, dnssec_ok, &k))
		key_make(&k, (const uint8_t *)"\1a", 3, 1, 1, dnssec_ok, false);
	n = forward_question(&k, size >= 2 ? forward_id(data) : 0, false, question);
	ENSURE(n > 0);
	r = forward_read(question, n, data, size);
	if (r.kind == FORWARD_FOREIGN)
		return;
	ENSURE(dns_message_parse(data, size, &m) == DNS_SOUND);
	ENSURE(m.qr && m.id == forward_id(question) && m.qdcount == 1 && r.rcode <= 15);
	ENSURE(r.kind != FORWARD_TRUNCATED || m.tc);
	case_looked_at(question, n, data, size);
	if (r.kind != FORWARD_ANSWER)
		return;
	n = size;
	if (!dnssec_ok) {
		n = plain_render(&k, data, size, plain, sizeof(plain));
		data = plain;
	}
	if (n == 0)
		return;
	built = entry_build(&k, data, n, &policy, 0, 0, 1000, entry);
	ENSURE(built == 0 || entry_valid(entry, built, &k));
	ENSURE(built == 0 || ((const struct entry *)(const void *)entry)->ttl_s <= 60);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	read_as_answer(data, size, false);
	read_as_answer(data, size, true);
	return 0;
}
