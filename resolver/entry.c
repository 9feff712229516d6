/*
 * entry: what lies in memory and what goes out of it. How one is made of a message: entry_build.c.
 */
#include "resolver/entry.h"

#include <string.h>

#include "lib/dns.h"
#include "lib/scoreboard.h"

_Static_assert(sizeof(struct entry) == 32, "an entry's header is a layout that processes share");

#define QUESTION_TAIL 4 /* type, class */
#define RECORD_TTL 5	/* a record's TTL stands at least so far behind its start */
#define AHEAD_S 60	/* clocks read at two moments; more than this is damage */

enum { AT_ANCOUNT = 6, AT_ARCOUNT = 10 };
enum {
	FLAG_QR = 0x80, /* third octet of a message */
	FLAG_TC = 0x02,
	FLAG_RD = 0x01,
	FLAG_RA = 0x80, /* fourth */
	FLAG_AD = 0x20,
	FLAG_CD = 0x10,
};

static const uint8_t *
offsets_of(const struct entry *e)
{
	return (const uint8_t *)e + sizeof(*e);
}

const uint8_t *
entry_message(const struct entry *e)
{
	return offsets_of(e) + 2 * (size_t)e->n_ttls;
}

static size_t
question_end(const struct entry *e)
{
	return DNS_HEADER + (size_t)e->name_length + QUESTION_TAIL;
}

void
entry_key(const struct entry *e, struct key *k)
{
	k->type = e->type;
	k->class = e->class;
	k->flags = e->key_flags;
	k->name_length = e->name_length;
	memcpy(k->name, entry_message(e) + DNS_HEADER, e->name_length);
}

_Static_assert(offsetof(struct entry, type) + 6 == sizeof(struct entry) &&
		   offsetof(struct entry, name_length) - offsetof(struct entry, type) ==
		       offsetof(struct key, name_length),
    "both hold the key's numbers in the same order");

bool
entry_is(const struct entry *e, const struct key *k)
{
	return memcmp((const uint8_t *)e + offsetof(struct entry, type), k,
		   offsetof(struct key, name)) == 0 &&
	       memcmp(entry_message(e) + DNS_HEADER, k->name, k->name_length) == 0;
}

static unsigned
get16(const uint8_t *p)
{
	return (unsigned)p[0] << 8 | p[1];
}

static bool
key_valid(const struct entry *e, const struct key *k)
{
	const uint8_t *m = entry_message(e), *tail = m + DNS_HEADER + e->name_length;
	struct key own;

	if (get16(m + 4) != 1 || get16(tail) != e->type || get16(tail + 2) != e->class)
		return false;
	if (!key_make(&own, m + DNS_HEADER, e->name_length, e->type, e->class,
		e->key_flags & KEY_DO, e->key_flags & KEY_CD))
		return false;
	return own.name_length == e->name_length && own.flags == e->key_flags &&
	       memcmp(own.name, m + DNS_HEADER, own.name_length) == 0 &&
	       (k == NULL || key_equal(&own, k));
}

/* Ascending, each with room for a record before it and the rest of one behind. */
static bool
offsets_valid(const struct entry *e)
{
	const uint8_t *m = entry_message(e), *at = offsets_of(e);
	size_t least = question_end(e) + RECORD_TTL;
	uint16_t offset;

	if (e->n_ttls != get16(m + 6) + get16(m + 8) + get16(m + 10))
		return false;
	for (unsigned i = 0; i < e->n_ttls; i++, at += 2) {
		memcpy(&offset, at, 2);
		if (offset < least || (size_t)offset + 6 > e->message_length)
			return false;
		least = (size_t)offset + 6 + RECORD_TTL;
	}
	return true;
}

/* What lies behind the message as text, with its zero; 0: none. A failure's octets there are either
 * that or zeros. `e->size` may be anything that fits in the memory. */
static size_t
text_room(const struct entry *e, size_t used)
{
	const char *text = (const char *)e + used;
	size_t n = 0, most = e->size > used ? e->size - used : 0;

	if ((e->flags & ENTRY_FAILURE) == 0)
		return 0;
	while (n < most && n <= ENTRY_TEXT && text[n] >= ' ' && text[n] < 0x7f)
		n++;
	/* Too long, or no zero behind it: of no size that is sound. */
	if (n > ENTRY_TEXT || (n < most && text[n] != '\0') || (n == most && n > 0))
		return SIZE_MAX / 2;
	return n > 0 ? n + 1 : 0;
}

static size_t
used_by(const struct entry *e)
{
	return sizeof(*e) + 2 * (size_t)e->n_ttls + e->message_length;
}

const char *
entry_text(const struct entry *e)
{
	return (e->flags & ENTRY_FAILURE) != 0 && text_room(e, used_by(e)) > 0
		   ? (const char *)e + used_by(e)
		   : NULL;
}

size_t
entry_explain(void *entry, const char *why)
{
	struct entry *e = entry;
	size_t used = used_by(e), n = 0;
	char *text = (char *)e + used;

	while (n < ENTRY_TEXT && why[n] >= ' ' && why[n] < 0x7f)
		n++;
	if (n == 0)
		return e->size;
	memcpy(text, why, n);
	e->size = (uint32_t)((used + n + 1 + 7) / 8 * 8);
	memset(text + n, 0, e->size - used - n);
	return e->size;
}

bool
entry_valid(const void *memory, size_t room, const struct key *k)
{
	const struct entry *e = memory;
	size_t used;

	if ((uintptr_t)memory % _Alignof(struct entry) != 0 || room < sizeof(*e))
		return false;
	used = sizeof(*e) + 2 * (size_t)e->n_ttls + e->message_length;
	if (e->size > room || e->size != (used + text_room(e, used) + 7) / 8 * 8)
		return false;
	if (e->name_length == 0 || question_end(e) > e->message_length || e->rcode > 15)
		return false;
	return key_valid(e, k) && offsets_valid(e);
}

static uint32_t
age_s(const struct entry *e, int64_t now_s)
{
	uint64_t age;

	if (e->stored_s > now_s)
		return (uint64_t)e->stored_s - (uint64_t)now_s > AHEAD_S ? UINT32_MAX : 0;
	age = (uint64_t)now_s - (uint64_t)e->stored_s;
	return age > UINT32_MAX ? UINT32_MAX : (uint32_t)age;
}

uint32_t
entry_left_s(const struct entry *e, int64_t now_s)
{
	uint32_t age = age_s(e, now_s);

	return e->ttl_s > age ? e->ttl_s - age : 0;
}

bool
entry_fresh(const struct entry *e, int64_t now_s)
{
	return entry_left_s(e, now_s) > 0;
}

bool
entry_spare(const struct entry *e, int64_t now_s)
{
	return (e->flags & ENTRY_FAILURE) == 0 &&
	       age_s(e, now_s) <= (uint64_t)e->ttl_s + ENTRY_STALE_MAX_S;
}

enum entry_worth
entry_worth(const struct entry *e, int64_t now_s)
{
	bool failure = (e->flags & ENTRY_FAILURE) != 0;

	if (entry_fresh(e, now_s))
		return failure && e->cause != CAUSE_BOGUS ? WORTH_FAILURE : WORTH_TELLING;
	return entry_spare(e, now_s) ? WORTH_SPARE : WORTH_OVER;
}

static void
ttl_put(uint8_t *p, uint32_t ttl)
{
	p[0] = (uint8_t)(ttl >> 24);
	p[1] = (uint8_t)(ttl >> 16);
	p[2] = (uint8_t)(ttl >> 8);
	p[3] = (uint8_t)ttl;
}

/* All TTLs of the first `n` records less `age`; to 0, not below. */
static void
ttls_age(const struct entry *e, unsigned n, uint8_t *message, uint32_t age)
{
	const uint8_t *at = offsets_of(e);
	uint32_t ttl;
	uint16_t offset;
	uint8_t *p;

	for (unsigned i = 0; i < n; i++, at += 2) {
		memcpy(&offset, at, 2);
		p = message + offset;
		ttl = (uint32_t)get16(p) << 16 | get16(p + 2);
		ttl_put(p, ttl > age ? ttl - age : 0);
	}
}

static void
ttls_fix(const struct entry *e, unsigned n, uint8_t *message, uint32_t ttl)
{
	const uint8_t *at = offsets_of(e);
	uint16_t offset;

	for (unsigned i = 0; i < n; i++, at += 2) {
		memcpy(&offset, at, 2);
		ttl_put(message + offset, ttl);
	}
}

/* What of a message goes out: all of it, all but the additional section, or the question alone. */
struct extent {
	size_t length;
	unsigned records;
	bool whole, cut;
};

/* That additional records do not fit is no reason for TC (RFC 2181, 9): they are left out. They
 * begin where the record before them ends, whose TTL's place is known. */
static struct extent
extent_within(const struct entry *e, size_t max)
{
	const uint8_t *m = entry_message(e);
	unsigned n = e->n_ttls - get16(m + AT_ARCOUNT);
	size_t length = question_end(e);
	uint16_t offset;

	if (e->message_length <= max)
		return (struct extent){e->message_length, e->n_ttls, true, false};
	if (n == e->n_ttls)
		return (struct extent){length, 0, false, true};
	if (n > 0) {
		memcpy(&offset, offsets_of(e) + 2 * (size_t)(n - 1), 2);
		length = (size_t)offset + 6 + get16(m + offset + 4);
	}
	if (length <= max && length <= e->message_length)
		return (struct extent){length, n, false, false};
	return (struct extent){question_end(e), 0, false, true};
}

size_t
entry_serve(const struct entry *e, uint16_t id, bool rd, bool ad_wanted,
    const uint8_t *qname_as_asked, int64_t now_s, uint32_t stale_ttl_s, uint8_t *out, size_t max)
{
	bool stale = stale_ttl_s > 0 && !entry_fresh(e, now_s);
	struct extent part = extent_within(e, max);
	bool cut = part.cut;
	bool ad = (e->flags & ENTRY_SECURE) && (ad_wanted || (e->key_flags & KEY_DO));

	if (part.length > max)
		return 0;
	memcpy(out, entry_message(e), part.length);
	out[0] = (uint8_t)(id >> 8);
	out[1] = (uint8_t)id;
	out[2] = FLAG_QR | (cut ? FLAG_TC : 0) | (rd ? FLAG_RD : 0);
	out[3] = (uint8_t)(FLAG_RA | (ad && !stale && !cut ? FLAG_AD : 0) |
			   (e->key_flags & KEY_CD ? FLAG_CD : 0) | e->rcode);
	memcpy(out + DNS_HEADER, qname_as_asked, e->name_length);
	if (!part.whole)
		memset(out + (cut ? AT_ANCOUNT : AT_ARCOUNT), 0, cut ? 6 : 2);
	if (stale)
		ttls_fix(e, part.records, out, stale_ttl_s);
	else
		ttls_age(e, part.records, out, age_s(e, now_s));
	return part.length;
}
