/*
 * engine_plain: an answer for those who did not ask for DNSSEC. Pure.
 */
#ifndef RESOLVER_ENGINE_PLAIN_H
#define RESOLVER_ENGINE_PLAIN_H

#include <stddef.h>
#include <stdint.h>

#include "resolver/entry.h"

/* Copies a whole answer to this key's question without the signatures and proofs that were not
 * asked for (RRSIG, NSEC, NSEC3 of another type than the question's; RFC 4035, 3.2.1); with them
 * may go OPT and what follows it. The length; 0 when the message is malformed or `room` is too
 * small. */
size_t
plain_render(const struct key *k, const uint8_t *message, size_t length, uint8_t *out, size_t room);

#endif
