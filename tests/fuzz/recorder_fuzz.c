/*
 * The flight recorder's reader on any bytes: as a header, and as a ring behind a header of ours. It
 * must neither read outside nor hand out a record that is not wholly inside.
 *   clang -fsanitize=fuzzer,address,undefined
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "bgpctl/ring.h"
#include "lib/ensure.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
scan(const uint8_t *ring, size_t n, uint64_t salt)
{
	struct ring_record r;
	size_t at = 0;

	while (at < n) {
		if (ring_record_at(ring, n, at, salt, &r) != RING_RECORD) {
			at += 8;
			continue;
		}
		ENSURE(r.data >= ring + at && r.data + r.length <= ring + n);
		at += ring_record_size(r.length);
	}
}

/* The same bytes as the data of a true record, damaged by one byte: it must not pass. */
static void
damage(const uint8_t *data, size_t size)
{
	size_t length = size < 256 ? size : 256, whole = ring_record_size(length);
	struct ring_record r = {.length = (uint32_t)length, .type = 3, .data = data}, back;
	uint8_t *out = malloc(whole);
	size_t where = data[0] % (RING_RECORD_BYTES + length);

	ENSURE(out != NULL);
	ring_record_encode(&r, 7, out);
	ENSURE(ring_record_at(out, whole, 0, 7, &back) == RING_RECORD);
	ENSURE(back.length == length && memcmp(back.data, data, length) == 0);
	ENSURE(ring_record_at(out, whole, 0, 8, &back) != RING_RECORD);
	out[where] ^= 0x10;
	ENSURE(ring_record_at(out, whole, 0, 7, &back) != RING_RECORD);
	free(out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t copies[2 * RING_COPY_BYTES] = {0};
	struct ring_header h;

	if (size == 0)
		return 0;
	memcpy(copies, data, size < sizeof(copies) ? size : sizeof(copies));
	if (ring_header_choose(copies, &h))
		ENSURE(h.size > RING_HEADER_BYTES && h.head <= h.size - RING_HEADER_BYTES);
	scan(data, size, 0);
	damage(data, size);
	return 0;
}
