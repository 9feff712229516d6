/*
 * l3_map: which server has which slots, as CLUSTER SLOTS tells. Pure.
 */
#ifndef RESOLVER_L3_MAP_H
#define RESOLVER_L3_MAP_H

#include <hiredis/hiredis.h>

#include "resolver/l3_slot.h"

#define L3_SERVERS 16
#define L3_NOBODY 255

struct l3_server {
	struct addr addr;
	uint16_t port;
};

/* The number of that server among the configured ones, or L3_NOBODY. */
uint8_t l3_map_server(
    const struct l3_server *servers, int n, const struct addr *addr, uint16_t port);

/* Without Cluster: slots in equal parts, in the order of the servers. */
void l3_map_spread(uint8_t map[static L3_SLOTS], int n);

/*
 * Takes the answer (hostile) that server `from` gave: slots of servers that are not configured, or
 * that it does not mention, are nobody's. How many slots are of servers that are not configured;
 * -1, and the map as it was, when it is no such answer.
 */
int l3_map_take(uint8_t map[static L3_SLOTS], const redisReply *reply, uint8_t from,
    const struct l3_server *servers, int n);

#endif
