/*
 * entry: one cached answer, position-independent, whole: what is kept in L1 and L2 and what the
 * engine tells. Pure.
 *
 * Key by meaning: lower-cased name, type, class, DO, CD. The body is a DNS message from its flags on,
 * pre-rendered: question, answer, authority, additional without OPT; all TTLs stand at noted offsets
 * so that serving is a copy and a few patches.
 */
#ifndef RESOLVER_ENTRY_H
#define RESOLVER_ENTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ENTRY_MAX 65535
#define ENTRY_NAME_MAX 255

struct key {
	uint16_t type, class;
	uint8_t flags;	/* KEY_DO, KEY_CD */
	uint8_t name_length;
	uint8_t name[ENTRY_NAME_MAX]; /* wire form, lower case */
};
enum { KEY_DO = 1, KEY_CD = 2 };

enum entry_flag {
	ENTRY_SECURE = 1,  /* validated: AD where DO or AD was asked */
	ENTRY_NEGATIVE = 2, /* NXDOMAIN or NODATA, RFC 2308 */
	ENTRY_FAILURE = 4, /* RFC 9520 */
};

/* Header of an entry; then key name, TTL offsets (uint16_t each, of the message), message. */
struct entry {
	uint32_t size;	     /* all of it, multiple of 8 */
	uint32_t hash;	     /* of the key, low bits */
	int64_t stored_s;    /* CLOCK_BOOTTIME seconds */
	uint32_t ttl_s;	     /* it lives so long */
	uint16_t message_length, n_ttls;
	uint16_t type, class;
	uint8_t key_flags, name_length, flags, rcode;
	uint16_t ede;	     /* 0: none */
	uint8_t cause;	     /* enum score_cause, of failures */
	uint8_t layer_from;  /* reserved for L3 */
};

struct ttl_policy {
	uint32_t min_s, max_s;	   /* of positive answers */
	uint32_t neg_min_s, neg_max_s; /* 30 s, 1 h; RFC 2308 */
	uint32_t failure_s;	   /* RFC 9520: at least 1 s, at most 5 min */
};

/* Keyed hash (xxh3 with a random seed per memory segment). */
uint64_t key_hash(const struct key *k, uint64_t seed);
/* From wire (any case, uncompressed); false when it is no name. */
bool key_make(struct key *k, const uint8_t *name, size_t length, uint16_t type, uint16_t class,
    bool dnssec_ok, bool checking_disabled);

/* Checks a whole answer message of the engine for this key and renders it into `out` (ENTRY_MAX + 1024
 * bytes): bounds, question, TTLs clamped by policy in documented order, OPT left out. The size, or 0
 * when the message is not usable. */
size_t entry_build(const struct key *k, const uint8_t *message, size_t length,
    const struct ttl_policy *policy, uint8_t flags, uint16_t ede, int64_t now_s, void *out);
/* Is this memory (at most `room` bytes, hostile) a consistent entry of that key? Every offset is
 * checked, so that what passes may be served from a private copy. */
bool entry_valid(const struct entry *e, size_t room, const struct key *k);
bool entry_fresh(const struct entry *e, int64_t now_s);
/* Writes the answer to one client into `out`: id, flags, question as asked (its case), TTLs aged, no
 * underflow; OPT is the caller's. Truncates at `max` by TC with an empty body. The length. */
size_t entry_serve(const struct entry *e, uint16_t id, bool rd, bool ad_wanted,
    const uint8_t *qname_as_asked, int64_t now_s, uint32_t stale_ttl_s, uint8_t *out, size_t max);

#endif
