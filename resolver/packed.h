/*
 * packed: an entry as it lies in a shard: its header in 24 octets with a checksum, instead of 32
 * and one beside. What the question says already (type, class) and what follows from the other
 * numbers (size) is left out, and the time is one of 32 bits. The body (TTL offsets, message,
 * zeros) is the entry's own; of a failure it is the message and its text. Pure.
 */
#ifndef RESOLVER_PACKED_H
#define RESOLVER_PACKED_H

#include "resolver/entry.h"

struct packed {
	uint32_t check; /* of all that follows; xxh3, seeded */
	uint32_t ttl_s;
	int32_t stored_s;
	uint16_t message_length;
	uint16_t n_ttls; /* of a failure, which has none: octets of its text, with the zero */
	uint16_t ede;
	uint8_t flags, rcode, cause, origin, key_flags, name_length;
};

#define PACKED_ROOM (ENTRY_ROOM - sizeof(struct entry) + sizeof(struct packed))

/* The header of a sound entry, its checksum too. False where it can't hold it: one stored 68 years
 * from the clock's begin, a failure with TTLs. */
bool packed_make(const struct entry *e, uint64_t seed, struct packed *out);
/* Octets of header and body, a multiple of 8; what the numbers say, which may be more than
 * PACKED_ROOM. */
size_t packed_size(const struct packed *p);
/* `e` has the body behind its header (packed_size() less the packed header, which is at most
 * ENTRY_ROOM with the entry's): fills in the header. What comes out may still be unsound: ask
 * entry_valid(). False when the numbers contradict each other. */
bool packed_open(const struct packed *p, struct entry *e);
/* Does the checksum say that header and body are as they were made? The body is of the size that
 * packed_size() says. */
bool packed_whole(const struct packed *p, const void *body, uint64_t seed);

#endif
