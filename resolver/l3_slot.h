/*
 * l3_slot: where a key lives in a Redis Cluster, and where a node says that it lives instead. Pure.
 *
 * Source: Redis Cluster specification, "Key distribution model", "Hash tags", "Redirection and
 * resharding".
 */
#ifndef RESOLVER_L3_SLOT_H
#define RESOLVER_L3_SLOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/addr.h"

#define L3_SLOTS 16384

/* CRC-16/XMODEM of the key, or of what stands between its first '{' and the next '}' when that is
 * anything, modulo L3_SLOTS. */
uint16_t l3_slot(const char *key, size_t length);

struct l3_redirect {
	bool ask; /* this once, after ASKING; else the slot has moved for good */
	uint16_t slot;
	struct addr addr;
	uint16_t port;
};

/* "MOVED 3999 192.0.2.1:6379", "ASK 3999 2001:db8::1:6379". False when it is neither, or names no
 * address. */
bool l3_redirect_parse(const char *text, size_t length, struct l3_redirect *out);

#endif
