#include "resolver/l3_map.h"

#include <string.h>

uint8_t
l3_map_server(const struct l3_server *servers, int n, const struct addr *addr, uint16_t port)
{
	int i;

	for (i = 0; i < n; i++) {
		if (servers[i].port == port && addr_equal(&servers[i].addr, addr))
			return (uint8_t)i;
	}
	return L3_NOBODY;
}

void
l3_map_spread(uint8_t map[static L3_SLOTS], int n)
{
	int slot;

	for (slot = 0; slot < L3_SLOTS; slot++)
		map[slot] = (uint8_t)(slot * n / L3_SLOTS);
}

static bool
is_number(const redisReply *r, long long most)
{
	return r->type == REDIS_REPLY_INTEGER && r->integer >= 0 && r->integer <= most;
}

/* A node: address, port, and more. Without an address it is the one that told. False when it is no
 * node. */
static bool
node_read(const redisReply *node, uint8_t from, const struct l3_server *servers, int n,
    uint8_t *out)
{
	const redisReply *host;
	char text[ADDR_TEXT];
	struct addr addr;

	if (node->type != REDIS_REPLY_ARRAY || node->elements < 2 ||
	    !is_number(node->element[1], UINT16_MAX))
		return false;
	host = node->element[0];
	if (host->type == REDIS_REPLY_NIL || (host->type == REDIS_REPLY_STRING && host->len == 0)) {
		*out = from;
		return true;
	}
	if (host->type != REDIS_REPLY_STRING)
		return false;
	*out = L3_NOBODY;
	if (host->len >= sizeof(text) || memchr(host->str, '\0', host->len) != NULL)
		return true;
	memcpy(text, host->str, host->len);
	text[host->len] = '\0';
	if (addr_parse(text, &addr))
		*out = l3_map_server(servers, n, &addr, (uint16_t)node->element[1]->integer);
	return true;
}

/* One range: first slot, last slot, its master, and replicas. */
static bool
range_read(const redisReply *range, uint8_t from, const struct l3_server *servers, int n,
    uint8_t *owner)
{
	return range->type == REDIS_REPLY_ARRAY && range->elements >= 3 &&
	       is_number(range->element[0], L3_SLOTS - 1) &&
	       is_number(range->element[1], L3_SLOTS - 1) &&
	       range->element[0]->integer <= range->element[1]->integer &&
	       node_read(range->element[2], from, servers, n, owner);
}

int
l3_map_take(uint8_t map[static L3_SLOTS], const redisReply *reply, uint8_t from,
    const struct l3_server *servers, int n)
{
	int strange = 0;
	uint8_t owner;
	size_t i;

	if (reply->type != REDIS_REPLY_ARRAY || reply->elements > L3_SLOTS)
		return -1;
	for (i = 0; i < reply->elements; i++) {
		if (!range_read(reply->element[i], from, servers, n, &owner))
			return -1;
	}
	memset(map, L3_NOBODY, L3_SLOTS);
	for (i = 0; i < reply->elements; i++) {
		const redisReply *range = reply->element[i];
		size_t first = (size_t)range->element[0]->integer,
		       slots = (size_t)range->element[1]->integer - first + 1;

		if (!range_read(range, from, servers, n, &owner))
			return -1;
		memset(map + first, owner, slots);
		/* Ranges that overlap may make it more than there are; it is only told. */
		strange += owner == L3_NOBODY ? (int)slots : 0;
	}
	return strange;
}
