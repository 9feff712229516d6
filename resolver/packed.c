/*
 * packed: between an entry and what lies in a shard.
 */
#include "resolver/packed.h"

#include <string.h>

/* Inlined, so that this file imports nothing. */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "lib/dns.h"

_Static_assert(sizeof(struct packed) == 24, "a layout that processes share");
_Static_assert(sizeof(struct packed) % 8 == 0 && sizeof(struct entry) % 8 == 0,
    "a body begins and ends at a multiple of 8 in both");

#define QUESTION_TAIL 4 /* type, class */

/* A failure has no TTLs: there it is the octets of its text. */
static bool
has_text(uint8_t flags)
{
	return (flags & ENTRY_FAILURE) != 0;
}

size_t
packed_size(const struct packed *p)
{
	size_t more = has_text(p->flags) ? p->n_ttls : 2 * (size_t)p->n_ttls;

	return (sizeof(*p) + more + p->message_length + 7) / 8 * 8;
}

static uint32_t
check_of(const struct packed *p, const void *body, uint64_t seed)
{
	uint64_t head = XXH3_64bits_withSeed(
	    (const uint8_t *)p + sizeof(p->check), sizeof(*p) - sizeof(p->check), seed);

	return (uint32_t)XXH3_64bits_withSeed(body, packed_size(p) - sizeof(*p), head);
}

bool
packed_whole(const struct packed *p, const void *body, uint64_t seed)
{
	return p->check == check_of(p, body, seed);
}

bool
packed_make(const struct entry *e, uint64_t seed, struct packed *out)
{
	const char *text = entry_text(e);

	if (e->stored_s > INT32_MAX || e->stored_s < INT32_MIN ||
	    (has_text(e->flags) && e->n_ttls > 0))
		return false;
	*out = (struct packed){
	    .ttl_s = e->ttl_s,
	    .stored_s = (int32_t)e->stored_s,
	    .message_length = e->message_length,
	    .n_ttls = text != NULL ? (uint16_t)(strlen(text) + 1) : e->n_ttls,
	    .ede = e->ede,
	    .flags = e->flags,
	    .rcode = e->rcode,
	    .cause = e->cause,
	    .origin = e->origin,
	    .key_flags = e->key_flags,
	    .name_length = e->name_length,
	};
	out->check = check_of(out, e + 1, seed);
	return true;
}

/* Is a failure's text, which ends with its zero before `room` does, as long as the header says? */
static bool
text_as_said(const struct packed *p, const char *text, size_t room)
{
	size_t n = strnlen(text, room);

	return p->n_ttls == (n > 0 ? n + 1 : 0);
}

bool
packed_open(const struct packed *p, struct entry *e)
{
	uint16_t n_ttls = has_text(p->flags) ? 0 : p->n_ttls;
	size_t question = 2 * (size_t)n_ttls + DNS_HEADER + p->name_length;
	const uint8_t *tail = (const uint8_t *)(e + 1) + question;

	if (DNS_HEADER + (size_t)p->name_length + QUESTION_TAIL > p->message_length)
		return false;
	*e = (struct entry){
	    .size = (uint32_t)(packed_size(p) - sizeof(*p) + sizeof(*e)),
	    .ttl_s = p->ttl_s,
	    .stored_s = p->stored_s,
	    .message_length = p->message_length,
	    .n_ttls = n_ttls,
	    .ede = p->ede,
	    .flags = p->flags,
	    .rcode = p->rcode,
	    .cause = p->cause,
	    .origin = p->origin,
	    .type = (uint16_t)(tail[0] << 8 | tail[1]),
	    .class = (uint16_t)(tail[2] << 8 | tail[3]),
	    .key_flags = p->key_flags,
	    .name_length = p->name_length,
	};
	return !has_text(p->flags) ||
	       text_as_said(p, (const char *)(e + 1) + p->message_length,
		   e->size - sizeof(*e) - p->message_length);
}
