/*
 * l3_fuzz: what Redis may answer. Any octets as a value: with L3_TAKEN it is a sound entry of the
 * key, fresh, good, within the policy, and goes back into a value that is taken again. Octets with
 * a checksum of their own making, so that what is behind the seal is reached as well. Any octets as
 * a redirection, and as the stream of a connection, whose replies are read as a Cluster's map.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "lib/ensure.h"
#include "resolver/l3_map.h"
#include "resolver/l3_reply.h"
#include "resolver/l3_value.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define WALL 1700000000
#define NOW 1000

static const struct ttl_policy policy = {
    .min_s = 2, .max_s = 86400, .neg_min_s = 30, .neg_max_s = 3600, .failure_s = 5};
static _Alignas(8) uint8_t memory[ENTRY_ROOM], again[ENTRY_ROOM];
static uint8_t value[L3_VALUE_MAX];

/* The key is the one that the octets say they are of, so that others are not all there is. */
static bool
key_of(const uint8_t *in, size_t length, struct key *k)
{
	return length > 32 && in[25] <= length - 32 &&
	       key_make(k, in + 32, in[25], (uint16_t)(in[20] << 8 | in[21]),
		   (uint16_t)(in[22] << 8 | in[23]), in[24] & KEY_DO, in[24] & KEY_CD);
}

static void
taken(const struct key *k, const struct l3_rules *r)
{
	const struct entry *e = (const struct entry *)memory;
	char text[L3_KEY_MAX];
	size_t length;

	ENSURE(entry_valid(memory, sizeof(memory), k) && entry_is(e, k));
	ENSURE(entry_fresh(e, NOW) && (e->flags & ENTRY_FAILURE) == 0);
	ENSURE(e->ttl_s > 0 && e->ttl_s <= policy.max_s);
	ENSURE(r->secure || (e->flags & ENTRY_SECURE) == 0);
	length = l3_value_encode(e, r, WALL, value);
	ENSURE(length > 0 && length <= sizeof(value));
	ENSURE(l3_value_decode(value, length, k, r, WALL, NOW, again) == L3_TAKEN);
	ENSURE(l3_key_render(k, r, text) < L3_KEY_MAX);
}

/* In memory of just its size, where an access beyond is seen. */
static void
decode(const uint8_t *data, size_t size, uint8_t how)
{
	const struct l3_rules r = {.view = how & 4 ? "v" : "default",
	    .validates = how & 8,
	    .secure = how & 16,
	    .stale_by_s = how & 32 ? WALL - 100 : 0,
	    .policy = &policy};
	size_t length = size + (how & 2 ? 8 : 0);
	uint8_t *copy = malloc(length > 0 ? length : 1);
	struct key k;
	int i;

	ENSURE(copy != NULL);
	memcpy(copy, data, size);
	for (i = 0; how & 2 && i < 8; i++)
		copy[size + (size_t)i] = (uint8_t)(XXH3_64bits(data, size) >> (8 * (7 - i)));
	if (key_of(copy, length, &k) &&
	    l3_value_decode(copy, length, &k, &r, WALL, NOW, memory) == L3_TAKEN)
		taken(&k, &r);
	free(copy);
}

static void
map_check(const redisReply *reply)
{
	static uint8_t map[L3_SLOTS];
	struct l3_server servers[2] = {{.port = 6379}, {.port = 6379}};
	struct l3_redirect to;
	size_t slot;
	int strange;

	ENSURE(addr_parse("192.0.2.1", &servers[0].addr));
	ENSURE(addr_parse("192.0.2.2", &servers[1].addr));
	memset(map, 0, sizeof(map));
	strange = l3_map_take(map, reply, 1, servers, 2);
	ENSURE(strange >= -1);
	for (slot = 0; slot < L3_SLOTS; slot += 61)
		ENSURE(map[slot] < 2 || map[slot] == L3_NOBODY);
	if (reply->type == REDIS_REPLY_ERROR && l3_redirect_parse(reply->str, reply->len, &to))
		ENSURE(to.slot < L3_SLOTS && to.port > 0);
}

static void
stream(const uint8_t *data, size_t size)
{
	redisReplyObjectFunctions functions;
	redisReader *reader;
	void *reply;

	l3_reply_init(&functions);
	reader = redisReaderCreateWithFunctions(&functions);
	ENSURE(reader != NULL && redisReaderFeed(reader, (const char *)data, size) == REDIS_OK);
	while (redisReaderGetReply(reader, &reply) == REDIS_OK && reply != NULL) {
		map_check(reply);
		freeReplyObject(reply);
	}
	redisReaderFree(reader);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct l3_redirect to;

	if (size < 1)
		return 0;
	switch (data[0] & 65) {
	case 64:
		stream(data + 1, size - 1);
		break;
	case 65:
		if (l3_redirect_parse((const char *)data + 1, size - 1, &to))
			ENSURE(to.slot < L3_SLOTS && to.port > 0);
		ENSURE(l3_slot((const char *)data + 1, size - 1) < L3_SLOTS);
		break;
	default:
		decode(data + 1, size - 1, data[0]);
	}
	return 0;
}
