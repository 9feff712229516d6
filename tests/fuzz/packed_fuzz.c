/*
 * packed_fuzz: a record of a shard that anybody may have written. What opens and is a sound entry
 * packs again into the same numbers.
 */
#include <stdint.h>
#include <string.h>

#include "lib/ensure.h"
#include "resolver/packed.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static _Alignas(8) uint8_t memory[ENTRY_ROOM];
	struct entry *e = (struct entry *)memory;
	struct packed p, again;
	size_t length;
	struct key k;

	if (size < sizeof(p))
		return 0;
	memcpy(&p, data, sizeof(p));
	length = packed_size(&p);
	if (length > PACKED_ROOM)
		return 0;
	memset(memory, 0, sizeof(memory));
	memcpy(e + 1, data + sizeof(p), (size < length ? size : length) - sizeof(p));
	packed_whole(&p, e + 1, 1);
	if (!packed_open(&p, e) || !entry_valid(e, e->size, NULL))
		return 0;
	ENSURE(e->size == length - sizeof(p) + sizeof(*e));
	entry_key(e, &k);
	ENSURE(entry_is(e, &k) && entry_valid(e, e->size, &k));
	ENSURE(packed_make(e, 1, &again) && packed_whole(&again, e + 1, 1));
	again.check = p.check;
	ENSURE(memcmp(&p, &again, sizeof(p)) == 0);
	return 0;
}
