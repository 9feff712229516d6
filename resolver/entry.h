/*
 * entry: one cached answer, position-independent, whole: what is kept in L1 and L2 and what the
 * engine tells. Pure.
 *
 * Key by meaning: lower-cased name, type, class, DO, CD. The body is a DNS message, pre-rendered:
 * header (id 0), question in lower case, answer, authority, additional without OPT; all TTLs stand
 * at noted offsets so that serving is a copy and a few patches. The key's name is the question's.
 *
 * An entry lies at an address aligned to 8; it is built once and then only read. Whatever came from
 * another process passes entry_valid() as a private copy before anything else looks at it.
 */
#ifndef RESOLVER_ENTRY_H
#define RESOLVER_ENTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ENTRY_MAX 65535		/* octets of a message */
#define ENTRY_ROOM (78 * 1024)	/* octets that any entry fits in, with the offsets of 5956 TTLs */
#define ENTRY_NAME_MAX 255
#define ENTRY_TEXT 80 /* octets of why a failure is one */

/* Without padding, and compared and hashed as octets up to the name's end. */
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
	ENTRY_ROTATES = 8, /* its addresses may change places: entry_rotate() */
};

/* Who told an answer: recursion (by the engine's context of that number), the regional cache, a
 * backup resolver (of that number); in the low four bits, and the number in the others. */
enum entry_origin { ORIGIN_RECURSION, ORIGIN_L3, ORIGIN_BACKUP, N_ORIGINS };
#define ORIGIN(who, number) ((uint8_t)((who) | (number) << 4))
#define ORIGIN_WHO(origin) ((origin) & 0x0f)
#define ORIGIN_NUMBER(origin) ((origin) >> 4)

/* An answer so long past its time is not given any more (RFC 8767, 5). */
#define ENTRY_STALE_MAX_S 86400

/* Header of an entry; then TTL offsets (uint16_t each, of the message, ascending), message, of a
 * failure perhaps a text that says why (printable, ended by a zero), zeros. */
struct entry {
	uint32_t size;	     /* all of it, multiple of 8 */
	uint32_t ttl_s;	     /* it lives so long; 0: for those who wait for it, not to be kept */
	int64_t stored_s;    /* CLOCK_BOOTTIME seconds */
	uint16_t message_length, n_ttls;
	uint16_t ede;	     /* 0: none */
	uint8_t flags, rcode;
	uint8_t cause;	     /* enum score_cause, of failures */
	uint8_t origin;	     /* who told it: ORIGIN(), of the engine's choice after it was built */
	uint16_t type, class;
	uint8_t key_flags, name_length;
};

struct ttl_policy {
	uint32_t min_s, max_s;	   /* of positive answers */
	uint32_t neg_min_s, neg_max_s; /* 30 s, 1 h; RFC 2308 */
	uint32_t failure_s;	   /* RFC 9520: at least 1 s, at most 5 min */
};

/* Keyed hash (xxh3 with a random seed per memory segment). */
uint64_t key_hash(const struct key *k, uint64_t seed);
/* From wire (any case, uncompressed, ending within `length`); false when it is no name. */
bool key_make(struct key *k, const uint8_t *name, size_t length, uint16_t type, uint16_t class,
    bool dnssec_ok, bool checking_disabled);
bool key_equal(const struct key *a, const struct key *b);
/* Which of `n` shards, each an engine's, holds a key's answer. */
unsigned key_shard(const struct key *k, unsigned n);
/* Is this name (wire, lower case) the apex or, with `tree`, below it? */
bool key_within(const struct key *k, const uint8_t *apex, size_t length, bool tree);

/*
 * Checks a whole answer message of the engine for this key and renders it into `out` (ENTRY_ROOM
 * octets): bounds, question, TTLs, OPT (and what follows it) left out. `flags`: ENTRY_SECURE or 0.
 * The size, or 0 when the message is not usable (not for this question, truncated, malformed).
 *
 * TTLs are clamped in this order, each as an unsigned number (RFC 8767, 4):
 * 1. A failure (neither NOERROR, NXDOMAIN nor YXDOMAIN) becomes entry_fail() with its rcode; its
 *    cause is `upstream` until the caller knows better.
 * 2. In the authority of a negative answer t = min(TTL of SOA, its MINIMUM) (RFC 2308, 5), raised
 * to neg_min_s, then lowered to neg_max_s, is the SOA's; the other records there are raised and
 *    lowered likewise, then to t (RFC 9077).
 * 3. All others are raised to min_s, then lowered to max_s.
 * 4. The entry lives as long as its shortest record. A negative answer without SOA has a ttl_s of 0
 *    (RFC 2308, 5: not to be cached).
 */
size_t entry_build(const struct key *k, const uint8_t *message, size_t length,
    const struct ttl_policy *policy, uint8_t flags, uint16_t ede, int64_t now_s, void *out);
/* A failure of our own: no answer came, or one that must not be told (bogus). `rcode` up to 15,
 * `cause` an enum score_cause; it lives failure_s, from 1 s to 300 s. The size. */
size_t entry_fail(const struct key *k, uint8_t rcode, uint8_t cause, uint16_t ede,
    const struct ttl_policy *policy, int64_t now_s, void *out);

/* Adds why to a failure that entry_fail() has just made: its first ENTRY_TEXT octets, as far as
 * they are printable. The size. */
size_t entry_explain(void *entry, const char *why);
/* Of a sound entry: why it is a failure; NULL: it does not say. */
const char *entry_text(const struct entry *e);

/* Is this memory (at most `room` octets, hostile) a consistent entry of that key (NULL: of any)?
 * Every offset is checked, so that what passes may be served from a private copy. */
bool entry_valid(const void *memory, size_t room, const struct key *k);
void entry_key(const struct entry *e, struct key *k);
bool entry_is(const struct entry *e, const struct key *k); /* of that key? `e` is sound */
const uint8_t *entry_message(const struct entry *e); /* e->message_length octets */

/* Seconds of its life that are left; 0: stale. One stored more than a minute ahead is stale too. */
uint32_t entry_left_s(const struct entry *e, int64_t now_s);
bool entry_fresh(const struct entry *e, int64_t now_s);
/* May it be told where nothing newer is to be had? No failure, and past its time by
 * ENTRY_STALE_MAX_S at most. */
bool entry_spare(const struct entry *e, int64_t now_s);
/* What an entry is worth beside another of its key. A failure that was kept where nothing better
 * was known is no reason to forget what is (RFC 8767); that an answer is bogus is one. */
enum entry_worth { WORTH_NOTHING, WORTH_OVER, WORTH_FAILURE, WORTH_SPARE, WORTH_TELLING };
enum entry_worth entry_worth(const struct entry *e, int64_t now_s); /* never WORTH_NOTHING */

/* Writes the answer to one client into `out`: id, flags, question as asked (its case, name_length
 * octets), TTLs aged, no underflow; OPT is the caller's. AD is set on a secure answer where the
 * client asked (`ad_wanted`, or DO in the key); CD is the key's.
 * `stale_ttl_s` above 0 permits staleness: an entry that is not fresh has this for every TTL, and
 * no AD, since its signatures may have ended. With 0 (just told) TTLs only age. Over `max` octets
 * the additional section is left out; what is too long even so is TC and the question alone. The
 * length; 0 when not even that fits. */
size_t entry_serve(const struct entry *e, uint16_t id, bool rd, bool ad_wanted,
    const uint8_t *qname_as_asked, int64_t now_s, uint32_t stale_ttl_s, uint8_t *out, size_t max);

/* The order of addresses (A, AAAA) in the answer section, entry_rotate.c. May they change places:
 * is there more than one, alike in owner and TTL and side by side, and does no name lead through
 * them? Asked by entry_build(), which notes it as ENTRY_ROTATES. `e` is sound, as is its message.
 */
bool entry_rotates(const struct entry *e);
/* In what entry_serve() wrote (`length` octets): they begin with another one and go round from
 * there, each as likely as the other by `chance`, a random number. Nothing where the entry does not
 * rotate, or the answer was cut off. */
void entry_rotate(const struct entry *e, uint32_t chance, uint8_t *served, size_t length);

#endif
