/*
 * Names that need nobody else.
 */
#include "resolver/local.h"

#include <stdio.h>
#include <string.h>

enum { TYPE_HINFO = 13, TYPE_ANY = 255 };

/* `form` with parts[i] for % and the i-th of these letters; any other % stands for itself. */
static void
fill(const char *form, const char *letters, const char *const parts[],
    char out[static LOCAL_TEXT_MAX + 1])
{
	size_t at = 0, room = LOCAL_TEXT_MAX + 1;

	out[0] = '\0';
	for (const char *p = form; *p != '\0' && at < room - 1; p++) {
		char one[2] = {*p, '\0'};
		const char *letter = *p == '%' && p[1] != '\0' ? strchr(letters, p[1]) : NULL;

		p += letter != NULL;
		at += (size_t)snprintf(
		    out + at, room - at, "%s", letter != NULL ? parts[letter - letters] : one);
	}
}

void
local_identity(const char *form, const char *pop, const char *node, int number,
    char out[static LOCAL_TEXT_MAX + 1])
{
	char digits[12];
	const char *const parts[] = {pop, node, digits, "%"};

	snprintf(digits, sizeof(digits), "%d", number);
	fill(form, "pni%", parts, out);
}

void
local_version(const char *form, const char *release, char out[static LOCAL_TEXT_MAX + 1])
{
	const char *const parts[] = {release, "%"};

	fill(form, "v%", parts, out);
}

int
local_health(struct local *l, const char *name, const struct addr *address, struct err *err)
{
	l->health.length = 0;
	l->health_address = *address;
	if (name == NULL || name[0] == '\0')
		return 0;
	if (dns_name_parse(name, &l->health, err) == -1)
		return -1;
	for (size_t i = 0; i < l->health.length; i++)
		if (l->health.wire[i] >= 'A' && l->health.wire[i] <= 'Z')
			l->health.wire[i] += 'a' - 'A';
	return 0;
}

static bool
key_is(const struct key *k, const void *wire, size_t length)
{
	return k->name_length == length && memcmp(k->name, wire, length) == 0;
}

/* NULL: a name of CHAOS that is not served. */
static const char *
chaos_text(const struct local *l, const struct key *k)
{
	static const struct {
		const char name[16];
		uint8_t length;
		bool version;
	} names[] = {
	    {"\002id\006server", 11, false},
	    {"\010hostname\004bind", 15, false},
	    {"\007version\006server", 16, true},
	    {"\007version\004bind", 14, true},
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (key_is(k, names[i].name, names[i].length))
			return names[i].version ? l->version : l->identity;
	return NULL;
}

static enum local_verdict
chaos_answer(const struct local *l, const struct query *q, const struct key *key,
    const uint8_t *wire, uint8_t *out, size_t *length)
{
	const char *text = chaos_text(l, key);
	uint8_t rdata[1 + LOCAL_TEXT_MAX];
	size_t room = QUERY_UDP_LEAST + DNS_NAME_MAX;

	if (text == NULL || text[0] == '\0')
		return LOCAL_REFUSED;
	*length = reply_head(q, wire, DNS_NOERROR, REPLY_AA | REPLY_RA, out, room);
	if (q->type == DNS_TYPE_TXT || q->type == TYPE_ANY) {
		rdata[0] = (uint8_t)strlen(text);
		memcpy(rdata + 1, text, rdata[0]);
		*length = reply_record(
		    DNS_TYPE_TXT, DNS_CLASS_CH, 0, rdata, 1u + rdata[0], out, *length, room);
	}
	return LOCAL_ANSWERED;
}

static enum local_verdict
health_answer(const struct local *l, const struct query *q, const uint8_t *wire, uint8_t *out,
    size_t *length)
{
	static const uint8_t a[4] = LOCAL_HEALTH_A;
	size_t room = QUERY_UDP_LEAST + DNS_NAME_MAX;

	*length = reply_head(q, wire, DNS_NOERROR, REPLY_AA | REPLY_RA, out, room);
	if (q->type == DNS_TYPE_A || q->type == TYPE_ANY)
		*length = reply_record(
		    DNS_TYPE_A, DNS_CLASS_IN, LOCAL_HEALTH_TTL_S, a, sizeof(a), out, *length, room);
	else if (q->type == DNS_TYPE_AAAA)
		*length = reply_record(DNS_TYPE_AAAA, DNS_CLASS_IN, LOCAL_HEALTH_TTL_S,
		    l->health_address.bytes, 16, out, *length, room);
	return LOCAL_ANSWERED;
}

/* RFC 8482, 4.2: a HINFO that says so, instead of all there is. */
static enum local_verdict
any_answer(const struct query *q, const uint8_t *wire, uint8_t *out, size_t *length)
{
	static const uint8_t hinfo[] = "\007RFC8482"; /* and the empty OS: the closing zero */
	size_t room = QUERY_UDP_LEAST + DNS_NAME_MAX;

	*length = reply_head(q, wire, DNS_NOERROR, REPLY_RA, out, room);
	*length =
	    reply_record(TYPE_HINFO, DNS_CLASS_IN, 3600, hinfo, sizeof(hinfo), out, *length, room);
	return LOCAL_ANSWERED;
}

enum local_verdict
local_answer(const struct local *l, enum query_verdict verdict, const struct query *q,
    const struct key *key, const uint8_t *wire,
    uint8_t out[static QUERY_UDP_LEAST + DNS_NAME_MAX], size_t *length)
{
	if (verdict == QUERY_CHAOS)
		return chaos_answer(l, q, key, wire, out, length);
	if (l->health.length > 0 && key_is(key, l->health.wire, l->health.length))
		return health_answer(l, q, wire, out, length);
	if (verdict == QUERY_ANY)
		return any_answer(q, wire, out, length);
	return LOCAL_NONE;
}
