/*
 * beacon: see the header. Numbers and addresses are bit fields with the highest bits first; what a
 * field cannot hold is a bug of whoever asks, what a field must not hold is somebody else's route.
 */
#include "bgpctl/beacon.h"

#include <string.h>

#include "lib/ensure.h"

#define KIND_BITS 2
#define VERSION_SHIFT 29
#define NONCE_SHIFT 16
#define REGION_SHIFT 13
#define EXPIRY_MASK 0x1fffu
#define NONCE_MASK ((1u << BEACON_NONCE_BITS) - 1)

static int
width(enum family f)
{
	return f == FAMILY_V4 ? 32 : 128;
}

static void
put_bits(uint8_t *bytes, int from, int n, uint32_t value)
{
	for (int i = 0; i < n; i++) {
		int bit = from + i, shift = n - 1 - i;

		if (shift < 32 && (value >> shift & 1))
			bytes[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
	}
}

/* Saturates: more than 31 significant bits are UINT32_MAX. */
static uint32_t
get_bits(const uint8_t *bytes, int from, int n)
{
	uint32_t value = 0;

	for (int bit = from; bit < from + n; bit++) {
		if (value >> 31)
			return UINT32_MAX;
		value = value << 1 | (bytes[bit / 8] >> (7 - bit % 8) & 1);
	}
	return value;
}

static int
id_bits(const struct prefix *block)
{
	return width(block->addr.family) - block->length - KIND_BITS;
}

int
beacon_room(const struct prefix *block)
{
	int n = id_bits(block);

	if (n < 1)
		return 0;
	return n >= 13 ? MAX_FLEET : (1 << n) - 1;
}

bool
beacon_route(const struct prefix *block, enum beacon_kind kind, int id, struct prefix *out)
{
	int host = width(block->addr.family);

	ENSURE(kind >= 0 && kind < N_BEACON_KINDS && id > 0);
	if (id > beacon_room(block))
		return false;
	*out = *block;
	out->length = (uint8_t)host;
	put_bits(out->addr.bytes, block->length, KIND_BITS, (uint32_t)kind);
	put_bits(out->addr.bytes, block->length + KIND_BITS, id_bits(block), (uint32_t)id);
	return true;
}

static uint32_t
payload_of(const struct beacon *b)
{
	uint32_t payload = 0;

	switch (b->kind) {
	case BEACON_RUNG:
		ENSURE(b->rung.rung < 16 && b->rung.load < 16);
		return (uint32_t)b->rung.rung << 12 | (uint32_t)b->rung.load << 8 | b->rung.flags;
	case BEACON_INTENT:
		ENSURE(b->intent.severity > SEVERITY_NONE && b->intent.severity < N_SEVERITIES);
		return (uint32_t)b->intent.severity << 12 | (uint32_t)b->intent.fault << 4;
	case BEACON_VERDICTS:
		for (int i = 0; i < MAX_WATCHED; i++) {
			ENSURE(b->verdicts[i] <= BEACON_FAILED);
			payload = payload << 2 | b->verdicts[i];
		}
		return payload;
	case BEACON_REQUEST:
		break;
	}
	ENSURE(!"a kind with a payload");
	return 0;
}

uint32_t
beacon_number(const struct beacon *b)
{
	uint32_t version = (uint32_t)BEACON_VERSION << VERSION_SHIFT;

	if (b->kind == BEACON_REQUEST) {
		ENSURE(b->request.region != 0 && b->request.expiry <= EXPIRY_MASK);
		return version | (uint32_t)b->request.region << REGION_SHIFT | b->request.expiry;
	}
	ENSURE(b->nonce <= NONCE_MASK);
	return version | (uint32_t)b->nonce << NONCE_SHIFT | payload_of(b);
}

static enum beacon_fault
read_payload(uint32_t number, int n_rungs, struct beacon *b)
{
	uint32_t payload = number & 0xffff;

	switch (b->kind) {
	case BEACON_RUNG:
		b->rung.rung = (uint8_t)(payload >> 12);
		b->rung.load = (uint8_t)(payload >> 8 & 15);
		b->rung.flags = (uint8_t)payload;
		return b->rung.rung < n_rungs ? BEACON_OK : BEACON_ABSURD;
	case BEACON_INTENT:
		b->intent.severity = (uint8_t)(payload >> 12);
		b->intent.fault = (uint8_t)(payload >> 4);
		return b->intent.severity > SEVERITY_NONE && b->intent.severity < N_SEVERITIES &&
			       (payload & 15) == 0
			   ? BEACON_OK
			   : BEACON_ABSURD;
	case BEACON_VERDICTS:
		for (int i = 0; i < MAX_WATCHED; i++) {
			b->verdicts[i] = payload >> 2 * (MAX_WATCHED - 1 - i) & 3;
			if (b->verdicts[i] > BEACON_FAILED)
				return BEACON_ABSURD;
		}
		return BEACON_OK;
	case BEACON_REQUEST:
		b->nonce = 0;
		b->request.region = (uint16_t)(number >> REGION_SHIFT);
		b->request.expiry = (uint16_t)(number & EXPIRY_MASK);
		return b->request.region != 0 ? BEACON_OK : BEACON_ABSURD;
	}
	return BEACON_ABSURD;
}

enum beacon_fault
beacon_parse(const struct prefix *block, const struct prefix *route, uint32_t number, int size,
    int n_rungs, struct beacon *out)
{
	uint32_t id;

	memset(out, 0, sizeof(*out));
	if (beacon_room(block) == 0 || route->length != width(block->addr.family) ||
	    !prefix_holds(block, &route->addr))
		return BEACON_OUTSIDE;
	out->kind = (enum beacon_kind)get_bits(route->addr.bytes, block->length, KIND_BITS);
	id = get_bits(route->addr.bytes, block->length + KIND_BITS, id_bits(block));
	if (id == 0 || id > MAX_FLEET || (int)id > size)
		return BEACON_ID;
	out->id = (uint16_t)id;
	if (number >> VERSION_SHIFT != BEACON_VERSION)
		return BEACON_OTHER_VERSION;
	out->nonce = (uint16_t)(number >> NONCE_SHIFT & NONCE_MASK);
	return read_payload(number, n_rungs, out);
}

#define EPOCH_MINUTES (EXPIRY_MASK + 1)

uint16_t
beacon_expiry(int64_t wall_s, int64_t left_s)
{
	return (uint16_t)((uint64_t)(wall_s + left_s + 59) / 60 & EXPIRY_MASK);
}

/* Half of the circle lies ahead, half behind. */
int64_t
beacon_expires_s(uint16_t expiry, int64_t wall_s)
{
	uint64_t minute = (uint64_t)wall_s / 60;
	int64_t ahead = (int64_t)((expiry - minute) & EXPIRY_MASK);

	if (ahead >= EPOCH_MINUTES / 2)
		ahead -= EPOCH_MINUTES;
	return ahead * 60 - (int64_t)((uint64_t)wall_s % 60);
}

static uint32_t
fnv1a(const char *text)
{
	uint32_t hash = 2166136261u;

	for (; *text != '\0'; text++)
		hash = (hash ^ (uint8_t)*text) * 16777619u;
	return hash;
}

uint16_t
beacon_region(const char *name)
{
	uint32_t hash = fnv1a(name);
	uint16_t folded = (uint16_t)(hash >> 16 ^ hash);

	if (*name == '\0')
		return 0;
	return folded != 0 ? folded : 1;
}

uint8_t
beacon_fault_of(const char *check)
{
	uint32_t hash = fnv1a(check);
	uint8_t folded = (uint8_t)(hash >> 24 ^ hash >> 16 ^ hash >> 8 ^ hash);

	return folded != 0 ? folded : 1;
}

int
beacon_share(int percent, int size)
{
	return percent * size / 100;
}
