/*
 * anchor: the root's trust anchors as text. Three kinds of file are read by one parser: what
 * libunbound keeps by RFC 5011 (its "autotrust" file, with keys in states), what `resolver anchor`
 * makes of it for engines, and any file of the root's DNSKEY records, a line each. Pure.
 */
#ifndef RESOLVER_ANCHOR_H
#define RESOLVER_ANCHOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"

#define ANCHOR_KEYS 16
#define ANCHOR_RDATA 1040 /* RSA of 8192 bits with its exponent */
#define ANCHOR_LINE (sizeof(". IN DNSKEY 65535 255 255 ") + (ANCHOR_RDATA + 2) / 3 * 4)
#define ANCHOR_TAGS (ANCHOR_KEYS * 6 + 8)
#define ANCHOR_FILE_MAX (64 << 10)
#define ANCHOR_HOLD_S (30 * 86400) /* a new key has to stand for so long (RFC 5011, 2.4.1) */

/* As libunbound numbers them. */
enum anchor_state {
	ANCHOR_START,
	ANCHOR_PENDING,
	ANCHOR_VALID,
	ANCHOR_MISSING, /* valid, and not published now: still trusted (RFC 5011, 4.2) */
	ANCHOR_REVOKED,
	ANCHOR_REMOVED,
};

struct anchor_key {
	enum anchor_state state; /* VALID where the file says nothing of states */
	int64_t since_s;	 /* of the wall clock; 0: it does not say */
	uint16_t tag;		 /* RFC 4034, appendix B */
	uint16_t length;
	uint8_t rdata[ANCHOR_RDATA];
};

struct anchors {
	int n;
	struct anchor_key keys[ANCHOR_KEYS];
	bool tracked;	   /* it is an autotrust file, of the root */
	int64_t success_s; /* of an autotrust file: when keys were last verified; 0: never */
};

/* Every line has to be a comment or a DNSKEY record of the root with the SEP flag; of an autotrust
 * file each has its state. Anything else, a key that is there twice, one that is revoked by its
 * flags and not by its state or the other way round, and an autotrust file whose keys were all
 * revoked, is an error, with its line. No key at all is none. */
int anchors_parse(const char *text, struct anchors *out, struct err *err);

/* May signatures by it be believed? */
bool anchor_in_force(const struct anchor_key *key);
int anchors_in_force(const struct anchors *all);
/* The same keys in force on both sides, in whatever order. */
bool anchors_same(const struct anchors *a, const struct anchors *b);

/* One key as a record, without the line's end. */
const char *anchor_line(const struct anchor_key *key, char out[static ANCHOR_LINE]);
/* "20326 38696": the tags of those whose state is one of `states`, a bit each; "none". */
const char *anchors_tags(const struct anchors *all, unsigned states, char out[static ANCHOR_TAGS]);
#define ANCHOR_BIT(state) (1U << (state))
#define ANCHOR_FORCE_BITS (ANCHOR_BIT(ANCHOR_VALID) | ANCHOR_BIT(ANCHOR_MISSING))

/* The file for engines: those in force, behind a first line that names the file that they grew
 * from. Its length; 0 where nothing is in force, or `room` is too small. */
size_t anchors_render(const struct anchors *all, const char *origin, char *out, size_t room);
/* Does that line stand at the beginning of this text; and does it name this origin? */
bool anchors_rendered(const char *text);
bool anchors_grew_from(const char *text, const char *origin);

#endif
