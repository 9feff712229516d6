/*
 * l3_value: an answer as it lies in Redis, under which key, and back. Pure.
 *
 * What comes out of Redis was written by another node, or by anybody else who may write there: it
 * is read like a packet. Its key is in it once more, whole; its message passes entry_build() as an
 * upstream's does, under this node's own TTL policy.
 *
 * Octets, numbers in network order:
 *     0  "apL3", version, flags (ENTRY_SECURE, L3_VALIDATES), 0, 0
 *     8  wall-clock seconds (8) when it was stored, then its life in seconds (4)
 *    20  type (2), class (2), key flags, name length, view length, kind of seal
 *    28  message length (2), 0, 0
 *    32  name, view, message, seal over all before it: XXH3 (8), or with a secret HMAC-SHA-256 (32)
 */
#ifndef RESOLVER_L3_VALUE_H
#define RESOLVER_L3_VALUE_H

#include <nettle/hmac.h>

#include "resolver/entry.h"

#define L3_VIEW_MAX 32
#define L3_VALIDATES 0x80 /* among a value's flags: whoever wrote it does */
#define L3_KEY_MAX (1020 + L3_VIEW_MAX + 48)
#define L3_VALUE_MAX (32 + ENTRY_NAME_MAX + L3_VIEW_MAX + ENTRY_MAX + 32)

struct l3_rules {
	const char *view;		   /* at most L3_VIEW_MAX characters */
	const struct hmac_sha256_ctx *mac; /* keyed with the secret; NULL: there is none */
	bool validates; /* this node does; it shares answers only with others that do */
	bool secure;	/* ENTRY_SECURE is believed; else such a value is not used */
	int64_t stale_by_s; /* wall-clock; what was stored then or earlier is not used */
	const struct ttl_policy *policy;
};

enum l3_verdict {
	L3_TAKEN,
	L3_STALE,     /* its life is over, or it is of before a flush */
	L3_UNTRUSTED, /* secure, which is not believed here */
	L3_WRONG,     /* damaged, forged, of another key or version, of a time that cannot be */
};

/* "anypop:1:VIEW:FLAGS:TYPE:CLASS:name.", flags d (DO), c (CD), v (validates); its length. */
size_t l3_key_render(const struct key *k, const struct l3_rules *r, char out[static L3_KEY_MAX]);

/* A good answer that may be kept, just built. The length (L3_VALUE_MAX always suffices), or 0 when
 * it is none to be shared: a failure, of no life, or secure where nobody would believe it. */
size_t
l3_value_encode(const struct entry *e, const struct l3_rules *r, int64_t wall_s, uint8_t *out);

/*
 * Reads `length` octets (hostile) as the value of `k`, and makes the entry in `out` (ENTRY_ROOM
 * octets, aligned to 8), aged by the wall-clock: with L3_TAKEN it is sound, good, of this key, and
 * has some of its life left at `now_s` (boot time).
 */
enum l3_verdict l3_value_decode(const uint8_t *in, size_t length, const struct key *k,
    const struct l3_rules *r, int64_t wall_s, int64_t now_s, void *out);

#endif
