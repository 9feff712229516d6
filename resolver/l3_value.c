#include "resolver/l3_value.h"

#include <nettle/memops.h>
#include <stdio.h>
#include <string.h>

/* Inlined, so that this file imports nothing. */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "lib/dns.h"

#define VERSION 1
#define HEAD 32
#define AHEAD_S 10 /* clocks of a region's nodes differ; more than this is none of their doing */
#define CHECKSUM_SIZE 8

enum seal { SEAL_CHECKSUM, SEAL_MAC };

static const uint8_t magic[4] = {'a', 'p', 'L', '3'};

static void
put(uint8_t *at, uint64_t value, int octets)
{
	while (octets-- > 0)
		*at++ = (uint8_t)(value >> (8 * octets));
}

static uint64_t
get(const uint8_t *at, int octets)
{
	uint64_t value = 0;

	while (octets-- > 0)
		value = value << 8 | *at++;
	return value;
}

size_t
l3_key_render(const struct key *k, const struct l3_rules *r, char out[static L3_KEY_MAX])
{
	char text[DNS_NAME_TEXT];
	struct dns_name name = {.length = k->name_length};

	memcpy(name.wire, k->name, k->name_length);
	return (size_t)snprintf(out, L3_KEY_MAX, "anypop:%d:%s:%s%s%s:%u:%u:%s", VERSION,
	    r->view, k->flags & KEY_DO ? "d" : "", k->flags & KEY_CD ? "c" : "",
	    r->validates ? "v" : "", k->type, k->class, dns_name_render(&name, text));
}

static size_t
seal_size(const struct l3_rules *r)
{
	return r->mac != NULL ? SHA256_DIGEST_SIZE : CHECKSUM_SIZE;
}

static void
seal(const struct l3_rules *r, const uint8_t *octets, size_t length, uint8_t *out)
{
	struct hmac_sha256_ctx mac;

	if (r->mac == NULL) {
		put(out, XXH3_64bits(octets, length), CHECKSUM_SIZE);
		return;
	}
	mac = *r->mac;
	nettle_hmac_sha256_update(&mac, length, octets);
	nettle_hmac_sha256_digest(&mac, SHA256_DIGEST_SIZE, out);
}

static uint8_t
validates(const struct l3_rules *r)
{
	return r->validates ? L3_VALIDATES : 0;
}

size_t
l3_value_encode(const struct entry *e, const struct l3_rules *r, int64_t wall_s, uint8_t *out)
{
	size_t view = strlen(r->view);
	uint8_t *at = out + HEAD;

	if ((e->flags & ENTRY_FAILURE) || e->ttl_s == 0 || wall_s < 0)
		return 0;
	if ((e->flags & ENTRY_SECURE) && !r->secure)
		return 0;
	memset(out, 0, HEAD);
	memcpy(out, magic, sizeof(magic));
	out[4] = VERSION;
	out[5] = (e->flags & ENTRY_SECURE) | validates(r);
	put(out + 8, (uint64_t)wall_s, 8);
	put(out + 16, e->ttl_s, 4);
	put(out + 20, e->type, 2);
	put(out + 22, e->class, 2);
	out[24] = e->key_flags;
	out[25] = e->name_length;
	out[26] = (uint8_t)view;
	out[27] = r->mac != NULL ? SEAL_MAC : SEAL_CHECKSUM;
	put(out + 28, e->message_length, 2);
	memcpy(at, entry_message(e) + DNS_HEADER, e->name_length);
	at += e->name_length;
	memcpy(at, r->view, view);
	at += view;
	memcpy(at, entry_message(e), e->message_length);
	at += e->message_length;
	seal(r, out, (size_t)(at - out), at);
	return (size_t)(at - out) + seal_size(r);
}

/* Is it whole, and nobody else's? */
static bool
is_ours(const uint8_t *in, size_t length, const struct l3_rules *r)
{
	uint8_t own[SHA256_DIGEST_SIZE];
	size_t body;

	if (length < HEAD || memcmp(in, magic, sizeof(magic)) != 0 || in[4] != VERSION)
		return false;
	if (in[27] != (r->mac != NULL ? SEAL_MAC : SEAL_CHECKSUM))
		return false;
	body = HEAD + (size_t)in[25] + in[26] + get(in + 28, 2);
	if (length != body + seal_size(r))
		return false;
	seal(r, in, body, own);
	return nettle_memeql_sec(own, in + body, seal_size(r)) != 0;
}

/* The view separates what nodes of different policy may tell; the key, that a value was moved. */
static bool
is_of_key(const uint8_t *in, const struct key *k, const struct l3_rules *r)
{
	size_t view = strlen(r->view);

	return get(in + 20, 2) == k->type && get(in + 22, 2) == k->class && in[24] == k->flags &&
	       in[25] == k->name_length && in[26] == view &&
	       memcmp(in + HEAD, k->name, k->name_length) == 0 &&
	       memcmp(in + HEAD + k->name_length, r->view, view) == 0;
}

static enum l3_verdict
message_take(const uint8_t *in, uint32_t ttl_s, const struct key *k, const struct l3_rules *r,
    int64_t stored_s, void *out)
{
	struct entry *e = out;
	size_t at = HEAD + (size_t)in[25] + in[26];

	if (entry_build(k, in + at, get(in + 28, 2), r->policy, in[5] & ENTRY_SECURE, 0, stored_s,
		out) == 0)
		return L3_WRONG;
	if ((e->flags & ENTRY_FAILURE) || e->ttl_s == 0)
		return L3_WRONG;
	if (e->ttl_s > ttl_s)
		e->ttl_s = ttl_s;
	return L3_TAKEN;
}

enum l3_verdict
l3_value_decode(const uint8_t *in, size_t length, const struct key *k, const struct l3_rules *r,
    int64_t wall_s, int64_t now_s, void *out)
{
	const struct ttl_policy *p = r->policy;
	uint64_t stored_s, age_s;
	enum l3_verdict verdict;
	uint32_t ttl_s;

	if (!is_ours(in, length, r) || !is_of_key(in, k, r))
		return L3_WRONG;
	if ((in[5] & ~ENTRY_SECURE) != validates(r) || get(in + 6, 2) != 0 || get(in + 30, 2) != 0)
		return L3_WRONG;
	stored_s = get(in + 8, 8);
	ttl_s = (uint32_t)get(in + 16, 4);
	if (ttl_s == 0 || ttl_s > (p->max_s > p->neg_max_s ? p->max_s : p->neg_max_s))
		return L3_WRONG;
	if (wall_s < 0 || stored_s > (uint64_t)wall_s + AHEAD_S)
		return L3_WRONG;
	age_s = stored_s < (uint64_t)wall_s ? (uint64_t)wall_s - stored_s : 0;
	if (age_s >= ttl_s || (int64_t)stored_s <= r->stale_by_s)
		return L3_STALE;
	if ((in[5] & ENTRY_SECURE) && !r->secure)
		return L3_UNTRUSTED;
	verdict = message_take(in, ttl_s, k, r, now_s - (int64_t)age_s, out);
	if (verdict == L3_TAKEN && !entry_fresh(out, now_s))
		return L3_STALE;
	return verdict;
}
