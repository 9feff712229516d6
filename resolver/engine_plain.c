/*
 * libunbound always asks for DNSSEC, and answers with it. Records cannot simply be cut out: later
 * names may point into them. So every name that may be compressed is written anew, against the
 * names written so far. Data of unknown types is copied as it stands: it holds no pointers
 * (RFC 3597, 4).
 */
#include "resolver/engine_plain.h"

#include <stdbool.h>
#include <string.h>

#include "lib/dns.h"

#define TYPE_RRSIG 46
#define TYPE_NSEC 47
#define TYPE_NSEC3 50
#define POINTS_MAX 0x4000 /* what a compression pointer can reach */
#define PLACES 64	  /* a name that would need a further one is written out */

struct writer {
	uint8_t *out;
	size_t at, room;
	bool full;
	uint16_t places[PLACES]; /* where names and their suffixes begin */
	int n_places;
};

static void
put(struct writer *w, const void *bytes, size_t n)
{
	if (w->full || n > w->room - w->at) {
		w->full = true;
		return;
	}
	memcpy(w->out + w->at, bytes, n);
	w->at += n;
}

static void
put16(struct writer *w, unsigned value)
{
	uint8_t bytes[2] = {(uint8_t)(value >> 8), (uint8_t)value};

	put(w, bytes, sizeof(bytes));
}

/* Octets, not letters: the case that a zone's owner chose is kept. */
static int
place_find(const struct writer *w, const struct dns_name *suffix)
{
	struct dns_name there;
	size_t at;
	int i;

	for (i = 0; i < w->n_places && !w->full; i++) {
		at = w->places[i];
		/* The first label tells most apart, at little cost. */
		if (at + 1u + suffix->wire[0] <= w->at &&
		    memcmp(w->out + at, suffix->wire, 1u + suffix->wire[0]) == 0 &&
		    dns_name_read(w->out, w->at, &at, &there) && there.length == suffix->length &&
		    memcmp(there.wire, suffix->wire, suffix->length) == 0)
			return w->places[i];
	}
	return -1;
}

static void
put_name_whole(struct writer *w, const struct dns_name *name)
{
	put(w, name->wire, name->length);
}

static void
put_name(struct writer *w, const struct dns_name *name)
{
	struct dns_name suffix = *name;
	size_t label, new_places[128], n_new = 0;
	int place = -1;

	while (suffix.wire[0] != 0 && !w->full) {
		place = place_find(w, &suffix);
		if (place >= 0)
			break;
		label = 1u + suffix.wire[0];
		if (w->at < POINTS_MAX)
			new_places[n_new++] = w->at;
		put(w, suffix.wire, label);
		suffix.length = (uint8_t)(suffix.length - label);
		memmove(suffix.wire, suffix.wire + label, suffix.length);
	}
	if (place >= 0)
		put16(w, 0xc000u | (unsigned)place);
	else
		put(w, "", 1);
	for (label = 0; label < n_new && w->n_places < PLACES; label++)
		w->places[w->n_places++] = (uint16_t)new_places[label];
}

/* Where names stand in data of a type: behind `before` octets there are `names` of them, then what
 * remains. A reader decompresses them all; a writer compresses those of RFC 1035 alone (RFC 3597,
 * 4; RFC 6672, 2.5). */
struct names_in {
	uint8_t before, names;
	bool compressed;
};

static struct names_in
names_in(uint16_t type)
{
	switch (type) {
	case DNS_TYPE_NS:
	case DNS_TYPE_CNAME:
	case DNS_TYPE_PTR:
	case 3: /* MD, MF, MB, MG, MR: gone, but compressible for ever */
	case 4:
	case 7:
	case 8:
	case 9:
		return (struct names_in){0, 1, true};
	case DNS_TYPE_MX:
		return (struct names_in){2, 1, true};
	case DNS_TYPE_SOA:
	case 14: /* MINFO */
		return (struct names_in){0, 2, true};
	case DNS_TYPE_DNAME:
		return (struct names_in){0, 1, false};
	case DNS_TYPE_SRV:
		return (struct names_in){6, 1, false};
	default:
		return (struct names_in){0, 0, false};
	}
}

static bool
put_data(struct writer *w, const uint8_t *message, size_t length, const struct dns_record *r)
{
	size_t at = r->rdata.at, end = at + r->rdata.length;
	struct names_in in = names_in(r->type);
	struct dns_name name;

	if (in.before > r->rdata.length)
		return false;
	put(w, message + at, in.before);
	at += in.before;
	for (; in.names > 0; in.names--) {
		if (!dns_name_read(message, length, &at, &name) || at > end)
			return false;
		if (in.compressed)
			put_name(w, &name);
		else
			put_name_whole(w, &name);
	}
	put(w, message + at, end - at);
	return true;
}

static bool
put_record(struct writer *w, const uint8_t *message, size_t length, const struct dns_record *r)
{
	size_t size_at;

	put_name(w, &r->owner);
	put16(w, r->type);
	put16(w, r->class);
	put16(w, r->ttl >> 16);
	put16(w, r->ttl & 0xffff);
	size_at = w->at;
	put16(w, 0);
	if (!put_data(w, message, length, r) || w->full)
		return false;
	w->out[size_at] = (uint8_t)((w->at - size_at - 2) >> 8);
	w->out[size_at + 1] = (uint8_t)(w->at - size_at - 2);
	return true;
}

/* Proofs that nobody asked for are left out; a type that was asked for is an answer, and no proof
 * in the authority section (RFC 4035, 3.2.1). */
static bool
asked_for(const struct key *k, uint16_t type, bool is_answer)
{
	if (type != TYPE_RRSIG && type != TYPE_NSEC && type != TYPE_NSEC3)
		return true;
	return is_answer && (k->type == type || k->type == DNS_TYPE_ANY);
}

/* The records of one section; how many stay, or -1. `*end` is set at an OPT. */
static int
put_section(struct writer *w, const struct key *k, const uint8_t *message, size_t length,
    size_t *at, unsigned count, bool is_answer, bool *end)
{
	struct dns_record r;
	int kept = 0;

	for (; count > 0 && !*end; count--) {
		if (!dns_record_read(message, length, at, &r))
			return -1;
		if (r.type == DNS_TYPE_OPT) {
			*end = true;
		} else if (asked_for(k, r.type, is_answer)) {
			if (!put_record(w, message, length, &r))
				return -1;
			kept++;
		}
	}
	return kept;
}

static bool
is_plain(const struct key *k, const uint8_t *message, size_t length, const struct dns_message *m)
{
	unsigned count = (unsigned)m->ancount + m->nscount + m->arcount;
	size_t at = m->answers;
	struct dns_record r;

	for (unsigned i = 0; i < count; i++) {
		if (!dns_record_read(message, length, &at, &r) ||
		    !asked_for(k, r.type, i < m->ancount))
			return false;
	}
	return true;
}

size_t
plain_render(const struct key *k, const uint8_t *message, size_t length, uint8_t *out, size_t room)
{
	struct writer w = {.out = out, .room = room};
	struct dns_message m;
	struct dns_name qname;
	unsigned counts[3];
	bool end = false;
	size_t at;
	int i, kept;

	if (dns_message_parse(message, length, &m) != DNS_SOUND || m.qdcount != 1)
		return 0;
	if (is_plain(k, message, length, &m)) {
		put(&w, message, length);
		return w.full ? 0 : w.at;
	}
	counts[0] = m.ancount;
	counts[1] = m.nscount;
	counts[2] = m.arcount;
	/* Header and question as they are; the question's name is one that later ones point to. */
	put(&w, message, DNS_HEADER);
	at = DNS_HEADER;
	if (!dns_name_read(message, length, &at, &qname) || at + 4 != m.answers)
		return 0;
	put_name(&w, &qname);
	put(&w, message + at, 4);
	at = m.answers;
	for (i = 0; i < 3 && !w.full; i++) {
		kept = put_section(&w, k, message, length, &at, counts[i], i == 0, &end);
		if (kept < 0)
			return 0;
		out[6 + 2 * i] = (uint8_t)(kept >> 8);
		out[7 + 2 * i] = (uint8_t)kept;
	}
	return w.full ? 0 : w.at;
}
