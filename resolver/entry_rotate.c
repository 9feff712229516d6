/*
 * entry_rotate: the addresses of an answer in turn.
 *
 * Clients take the first address mostly, so one order for all would send them all to one server.
 * What changes places are the addresses alone, among records that are otherwise equal octet by
 * octet: names, their compression and signatures (which are over the set, RFC 4034, 3.1.8.1) stay
 * as they are. Whether no name anywhere leads through an address is found out once, as the entry is
 * built.
 */
#include <string.h>

#include "lib/dns.h"
#include "resolver/entry.h"

enum { TYPE_DS = 43, TYPE_RRSIG = 46, TYPE_NSEC = 47, TYPE_DNSKEY = 48, TYPE_NSEC3 = 50 };

#define FIXED 10       /* octets of a record between owner and data */
#define TO_TYPE 4      /* a TTL stands so far behind its record's type ... */
#define TO_RDLENGTH 4  /* ... and so far before the length of the data ... */
#define TO_DATA 6      /* ... and before the data itself */

/* Octets that no name may lead through. */
struct stretch {
	size_t from, to;
};

static unsigned
get16(const uint8_t *p)
{
	return (unsigned)p[0] << 8 | p[1];
}

/* Of the data of the question's type; 0 where nothing rotates. */
static size_t
width_of(const struct entry *e)
{
	if (e->class != DNS_CLASS_IN)
		return 0;
	return e->type == DNS_TYPE_A ? 4 : e->type == DNS_TYPE_AAAA ? 16 : 0;
}

/* As dns_name_read(), of a name that is sound. */
static bool
name_avoids(const uint8_t *m, size_t at, const struct stretch *s)
{
	while (m[at] != 0) {
		size_t octets = m[at] >= 0xc0 ? 2 : 1u + m[at];

		if (at < s->to && at + octets > s->from)
			return false;
		at = m[at] >= 0xc0 ? get16(m + at) & 0x3fff : at + octets;
	}
	return at < s->from || at >= s->to;
}

/* Of a record behind the addresses: its owner and the names in its data, where we know of all. */
static bool
record_avoids(const uint8_t *m, size_t length, size_t at, const struct dns_record *r,
    const struct stretch *s)
{
	size_t next = r->rdata.at;
	struct dns_name name;

	if (!name_avoids(m, at, s))
		return false;
	switch (r->type) {
	case DNS_TYPE_A:
	case DNS_TYPE_AAAA:
	case DNS_TYPE_TXT:
	case TYPE_DS:
	case TYPE_DNSKEY:
	case TYPE_RRSIG: /* the names of these are never compressed (RFC 4034, 5155) */
	case TYPE_NSEC:
	case TYPE_NSEC3:
		return true;
	case DNS_TYPE_NS:
	case DNS_TYPE_CNAME:
	case DNS_TYPE_PTR:
	case DNS_TYPE_DNAME:
		return name_avoids(m, next, s);
	case DNS_TYPE_MX:
		return name_avoids(m, next + 2, s);
	case DNS_TYPE_SRV:
		return name_avoids(m, next + 6, s);
	case DNS_TYPE_SOA:
		return name_avoids(m, next, s) && dns_name_read(m, length, &next, &name) &&
		       name_avoids(m, next, s);
	default:
		return false;
	}
}

/* Is the address record at `at` as the first one, but for the address? */
static bool
record_alike(const uint8_t *m, size_t first, size_t width, size_t at, const struct dns_record *r)
{
	return memcmp(m + first, m + at, r->rdata.at - at) == 0 && r->rdata.length == width;
}

bool
entry_rotates(const struct entry *e)
{
	const uint8_t *m = entry_message(e);
	size_t at = DNS_HEADER + (size_t)e->name_length + 4, first = 0, width = width_of(e);
	size_t length = e->message_length, before;
	struct stretch s = {0};
	unsigned found = 0, i;
	struct dns_record r;

	for (i = 0; width > 0 && i < e->n_ttls; i++) {
		before = at;
		if (!dns_record_read(m, length, &at, &r))
			return false;
		if (i >= get16(m + 6) || r.type != e->type) {
			if (found > 0 && !record_avoids(m, length, before, &r, &s))
				return false;
			continue;
		}
		if (found++ == 0) {
			first = before;
			s = (struct stretch){r.rdata.at - FIXED, at};
		}
		/* One of another owner, or apart from the others, is of another kind. */
		if (before != (found == 1 ? first : s.to) ||
		    !record_alike(m, first, width, before, &r))
			return false;
		s.to = at;
	}
	return found > 1;
}

static size_t
ttl_at(const struct entry *e, unsigned i)
{
	uint16_t offset;

	memcpy(&offset, (const uint8_t *)e + sizeof(*e) + 2 * (size_t)i, 2);
	return offset;
}

/* Does the record hold such an address? */
static bool
holds(const struct entry *e, const uint8_t *m, unsigned i, size_t width)
{
	size_t at = ttl_at(e, i);

	return get16(m + at - TO_TYPE) == e->type && get16(m + at + TO_RDLENGTH) == width &&
	       at + TO_DATA + width <= e->message_length;
}

void
entry_rotate(const struct entry *e, uint32_t chance, uint8_t *served, size_t length)
{
	const uint8_t *m = entry_message(e);
	size_t width = width_of(e);
	unsigned answers = get16(m + 6), first = 0, n = 0, from;

	if ((e->flags & ENTRY_ROTATES) == 0 || width == 0 || length < e->message_length)
		return;
	if (answers > e->n_ttls)
		answers = e->n_ttls;
	while (first < answers && !holds(e, m, first, width))
		first++;
	while (first + n < answers && holds(e, m, first + n, width))
		n++;
	from = (unsigned)((uint64_t)chance * n >> 32);
	for (unsigned i = 0; i < n; i++)
		memcpy(served + ttl_at(e, first + i) + TO_DATA,
		    m + ttl_at(e, first + (from + i < n ? from + i : from + i - n)) + TO_DATA,
		    width);
}
