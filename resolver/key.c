/*
 * key: what an answer is kept under.
 */
#include <string.h>

/* Inlined, so that this file imports nothing. */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "resolver/entry.h"

_Static_assert(offsetof(struct key, name) == 6, "a key is hashed as octets; it has no padding");

static uint8_t
fold(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
}

static size_t
key_size(const struct key *k)
{
	return offsetof(struct key, name) + k->name_length;
}

uint64_t
key_hash(const struct key *k, uint64_t seed)
{
	return XXH3_64bits_withSeed(k, key_size(k), seed);
}

bool
key_equal(const struct key *a, const struct key *b)
{
	return a->name_length == b->name_length && memcmp(a, b, key_size(a)) == 0;
}

bool
key_make(struct key *k, const uint8_t *name, size_t length, uint16_t type, uint16_t class,
    bool dnssec_ok, bool checking_disabled)
{
	size_t end = 0;

	if (length > ENTRY_NAME_MAX)
		length = ENTRY_NAME_MAX;
	while (end < length && name[end] != 0) {
		if (name[end] > 63)
			return false;
		end += (size_t)name[end] + 1;
	}
	if (end >= length)
		return false;
	/* Lengths are at most 63 and no letters, so the whole name may be folded as octets. */
	for (size_t i = 0; i <= end; i++)
		k->name[i] = fold(name[i]);
	k->name_length = (uint8_t)(end + 1);
	k->type = type;
	k->class = class;
	k->flags = (dnssec_ok ? KEY_DO : 0) | (checking_disabled ? KEY_CD : 0);
	return true;
}

unsigned
key_shard(const struct key *k, unsigned n)
{
	return n == 1 ? 0 : (unsigned)(key_hash(k, 0) % n);
}

bool
key_within(const struct key *k, const uint8_t *apex, size_t length, bool tree)
{
	size_t at = 0;

	/* Label by label: the same octets in the middle of one are no name. */
	while (tree && at + length < k->name_length && k->name[at] != 0)
		at += (size_t)k->name[at] + 1;
	return at + length == k->name_length && memcmp(k->name + at, apex, length) == 0;
}
