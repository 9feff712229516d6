/*
 * Numbers are little-endian whatever the host is: files are carried off and read elsewhere.
 */
#include "bgpctl/ring.h"

#include <string.h>

#define HEADER_MAGIC "ANYPOPFR"
#define HEADER_VERSION 1
#define RECORD_MAGIC 0x43525041u /* "APRC" */

static void
put(uint8_t *to, uint64_t value, int bytes)
{
	for (int i = 0; i < bytes; i++)
		to[i] = (uint8_t)(value >> (8 * i));
}

static uint64_t
get(const uint8_t *from, int bytes)
{
	uint64_t value = 0;

	for (int i = 0; i < bytes; i++)
		value |= (uint64_t)from[i] << (8 * i);
	return value;
}

/* Castagnoli's polynomial, reflected; a nibble at a time: 64 bytes of table, and no start-up. */
uint32_t
crc32c(uint32_t crc, const void *data, size_t length)
{
	static const uint32_t table[16] = {0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1,
	    0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d, 0x82f63b78, 0x92a8fc17, 0xa24bb5a6,
	    0xb21572c9, 0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75};
	const uint8_t *p = data;

	crc = ~crc;
	for (size_t i = 0; i < length; i++) {
		crc ^= p[i];
		crc = (crc >> 4) ^ table[crc & 15];
		crc = (crc >> 4) ^ table[crc & 15];
	}
	return ~crc;
}

size_t
ring_record_size(size_t length)
{
	return (RING_RECORD_BYTES + length + 7) / 8 * 8;
}

void
ring_header_encode(const struct ring_header *h, uint8_t out[static RING_COPY_BYTES])
{
	memset(out, 0, RING_COPY_BYTES);
	memcpy(out, HEADER_MAGIC, 8);
	put(out + 8, HEADER_VERSION, 4);
	put(out + 16, h->size, 8);
	put(out + 24, h->salt, 8);
	put(out + 32, h->flush, 8);
	put(out + 40, h->head, 8);
	put(out + 48, h->sequence, 8);
	memcpy(out + 56, h->boot_id, 16);
	put(out + 12, crc32c(0, out + 16, RING_COPY_BYTES - 16), 4);
}

bool
ring_header_decode(const uint8_t in[static RING_COPY_BYTES], struct ring_header *h)
{
	if (memcmp(in, HEADER_MAGIC, 8) != 0 || get(in + 8, 4) != HEADER_VERSION ||
	    get(in + 12, 4) != crc32c(0, in + 16, RING_COPY_BYTES - 16))
		return false;
	h->size = get(in + 16, 8);
	h->salt = get(in + 24, 8);
	h->flush = get(in + 32, 8);
	h->head = get(in + 40, 8);
	h->sequence = get(in + 48, 8);
	memcpy(h->boot_id, in + 56, 16);
	return h->size > RING_HEADER_BYTES && h->head % 8 == 0 &&
	    h->head <= h->size - RING_HEADER_BYTES;
}

bool
ring_header_choose(const uint8_t in[static 2 * RING_COPY_BYTES], struct ring_header *h)
{
	struct ring_header second;
	bool first_holds = ring_header_decode(in, h);

	if (!ring_header_decode(in + RING_COPY_BYTES, &second))
		return first_holds;
	if (!first_holds || second.flush > h->flush)
		*h = second;
	return true;
}

static uint32_t
record_crc(const uint8_t *record, size_t length, uint64_t salt)
{
	uint8_t seed[8];

	put(seed, salt, 8);
	return crc32c(crc32c(0, seed, 8), record + 8, RING_RECORD_BYTES - 8 + length);
}

void
ring_record_encode(const struct ring_record *r, uint64_t salt, uint8_t *out)
{
	memset(out, 0, RING_RECORD_BYTES);
	put(out, RECORD_MAGIC, 4);
	put(out + 8, r->length, 4);
	put(out + 12, r->type, 2);
	put(out + 14, r->flags, 2);
	put(out + 16, r->sequence, 8);
	put(out + 24, (uint64_t)r->wall_us, 8);
	put(out + 32, (uint64_t)r->mono_us, 8);
	if (r->length > 0)
		memmove(out + RING_RECORD_BYTES, r->data, r->length);
	memset(out + RING_RECORD_BYTES + r->length, 0,
	    ring_record_size(r->length) - RING_RECORD_BYTES - r->length);
	put(out + 4, record_crc(out, r->length, salt), 4);
}

enum ring_found
ring_record_at(const uint8_t *ring, size_t n, size_t at, uint64_t salt, struct ring_record *out)
{
	const uint8_t *p = ring + at;
	size_t left = n - at;
	uint32_t length;

	if (left < RING_RECORD_BYTES || get(p, 4) != RECORD_MAGIC)
		return RING_NOTHING;
	length = (uint32_t)get(p + 8, 4);
	if (length > RING_DATA_MAX || ring_record_size(length) > left ||
	    get(p + 4, 4) != record_crc(p, length, salt))
		return RING_DAMAGED;
	*out = (struct ring_record){
	    .length = length,
	    .type = (uint16_t)get(p + 12, 2),
	    .flags = (uint16_t)get(p + 14, 2),
	    .sequence = get(p + 16, 8),
	    .wall_us = (int64_t)get(p + 24, 8),
	    .mono_us = (int64_t)get(p + 32, 8),
	    .data = p + RING_RECORD_BYTES,
	};
	return RING_RECORD;
}
