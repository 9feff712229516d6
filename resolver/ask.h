/*
 * ask: between worker and engine, over SOCK_SEQPACKET (a listening Unix socket per engine). One packet a
 * message, bounded; both ends treat the other's as hostile.
 */
#ifndef RESOLVER_ASK_H
#define RESOLVER_ASK_H

#include "lib/scoreboard.h"
#include "resolver/entry.h"

#define ASK_VERSION 1

struct ask {
	uint32_t version;
	uint32_t id; /* the worker's */
	uint16_t type, class;
	uint8_t flags; /* KEY_DO, KEY_CD */
	uint8_t name_length;
	uint8_t name[ENTRY_NAME_MAX];
};
struct told {
	uint32_t version;
	uint32_t id;
	uint32_t entry_size; /* follows; 0: the engine is over its cap or shutting down */
};

size_t ask_encode(const struct ask *a, void *out, size_t room);
bool ask_decode(const void *in, size_t length, struct ask *a);
bool told_decode(const void *in, size_t length, struct told *t, const struct entry **entry);

#endif
