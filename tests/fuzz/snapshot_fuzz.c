/*
 * snapshot_fuzz: a file of anybody's. What is taken from it is a sound entry, and becomes the same
 * record again; no clock makes it younger than it is, or a number overflow.
 *
 * The first octet says what is put right before it is read, so that there is a way behind the
 * checksums: 1 the head's, 2 the records', 4 the size. Then eight octets of the present clocks.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/ensure.h"
#include "resolver/snapshot.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MEND_HEAD = 1, MEND_RECORDS = 2, MEND_SIZE = 4 };

static _Alignas(8) uint8_t memory[ENTRY_ROOM], again[PACKED_ROOM];
static struct entry *const e = (struct entry *)memory;

/* Gives a record that would be sound but for its checksum the right one. */
static void
mend(uint8_t *at, size_t n, uint64_t seed)
{
	struct packed p;
	size_t size;

	if (n < sizeof(p))
		return;
	memcpy(&p, at, sizeof(p));
	size = packed_size(&p);
	if (size > n || size > PACKED_ROOM)
		return;
	memcpy(e + 1, at + sizeof(p), size - sizeof(p));
	if (packed_open(&p, e) && entry_valid(e, e->size, NULL) && packed_make(e, seed, &p))
		memcpy(at, &p.check, sizeof(p.check));
}

static void
records(uint8_t *at, size_t n, const struct snapshot_head *h, bool mended)
{
	uint64_t digest = h->seed, same = h->seed;
	size_t size;

	for (;;) {
		if (mended)
			mend(at, n, h->seed);
		size = snapshot_take(at, n, h->seed, &digest, memory);
		if (size == 0)
			return;
		ENSURE(size <= n && size % 8 == 0 && entry_valid(memory, ENTRY_ROOM, NULL));
		ENSURE(snapshot_put(e, h->seed, &same, again) == size && same == digest);
		ENSURE(memcmp(again, at, size) == 0);
		at += size;
		n -= size;
	}
}

static void
clocks(const struct snapshot_head *h, const uint8_t now[static 8])
{
	struct snapshot_clock clock = {.boot_s = 100};
	uint32_t wall_s, boot_s;
	int64_t shift_s;
	struct err err;

	memcpy(&wall_s, now, 4);
	memcpy(&boot_s, now + 4, 4);
	clock.wall_s = wall_s;
	clock.boot_s = boot_s;
	memcpy(clock.boot_id, h->at.boot_id, (size_t)now[0] % 2 * SNAPSHOT_BOOT_ID);
	if (snapshot_shift(&h->at, &clock, &shift_s, &err) != 0)
		return;
	/* What was stored at the file's end is as old as the file. */
	ENSURE(clock.boot_s - (h->at.boot_s + shift_s) == snapshot_age_s(&h->at, &clock));
	ENSURE(snapshot_age_s(&h->at, &clock) >= 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct snapshot_head h;
	struct err err;
	uint8_t *copy;
	uint8_t what;

	if (size < 9 + sizeof(h))
		return 0;
	what = data[0];
	memcpy(&h, data + 9, sizeof(h));
	if (what & MEND_SIZE)
		h.bytes = size - 9;
	if (what & MEND_HEAD)
		snapshot_head_seal(&h);
	if (snapshot_head_check(&h, size - 9, &err) != 0)
		return 0;
	clocks(&h, data + 1);
	size -= 9 + sizeof(h);
	copy = malloc(size + 1);
	ENSURE(copy != NULL);
	memcpy(copy, data + 9 + sizeof(h), size);
	records(copy, size, &h, what & MEND_RECORDS);
	free(copy);
	return 0;
}
