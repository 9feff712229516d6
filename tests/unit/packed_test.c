/*
 * packed: what goes into a shard comes out as it was, and nothing else comes out.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "resolver/packed.h"
#include "tests/unit/wire_maker.h"

#define SEED 0x5eed

static _Alignas(8) uint8_t memory[ENTRY_ROOM], opened[ENTRY_ROOM];
static struct entry *const e = (struct entry *)memory, *const o = (struct entry *)opened;

static void
assert_comes_back(void)
{
	struct packed p;
	size_t body = e->size - sizeof(*e);

	assert_true(packed_make(e, SEED, &p));
	assert_int_equal(packed_size(&p), sizeof(p) + body);
	memset(opened, 0xee, sizeof(opened));
	memcpy(o + 1, e + 1, body);
	assert_true(packed_whole(&p, o + 1, SEED));
	assert_false(packed_whole(&p, o + 1, SEED + 1));
	assert_true(packed_open(&p, o));
	assert_memory_equal(o, e, e->size);
	assert_true(entry_valid(o, o->size, NULL));
}

static void
every_entry_comes_back_as_it_was(void **state)
{
	static const struct ttl_policy policy = {.max_s = 86400, .failure_s = 5};
	struct key k = wire_key("x.example.", DNS_TYPE_AAAA, true, true);

	(void)state;
	for (unsigned n = 0; n < 2000; n++) {
		assert_true(numbered_entry(n, n, 300, 1000 + n, memory) > 0);
		e->origin = (uint8_t)(n * 7);
		e->flags = n % 2 ? ENTRY_SECURE : 0;
		assert_comes_back();
	}
	for (unsigned rcode = 0; rcode < 16; rcode++) {
		entry_fail(&k, (uint8_t)rcode, (uint8_t)(rcode % 3), (uint16_t)(rcode * 4000),
		    &policy, -5, memory);
		assert_comes_back();
	}
}

static void
times_of_32_bits_are_kept_and_no_others(void **state)
{
	static const struct {
		int64_t stored_s;
		bool kept;
	} rows[] = {{0, true}, {-1, true}, {INT32_MAX, true}, {INT32_MIN, true},
	    {INT32_MAX + 1ll, false}, {INT32_MIN - 1ll, false}, {INT64_MAX, false},
	    {INT64_MIN, false}};
	struct packed p;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		numbered_entry(1, 1, 0, rows[i].stored_s, memory);
		if (rows[i].kept)
			assert_comes_back();
		else
			assert_false(packed_make(e, SEED, &p));
	}
}

static void
every_flipped_bit_is_seen(void **state)
{
	size_t body;
	struct packed p;

	(void)state;
	numbered_entry(3, 1, 0, 1000, memory);
	body = e->size - sizeof(*e);
	assert_true(packed_make(e, SEED, &p));
	for (size_t bit = 0; bit < 8 * (sizeof(p) + body); bit++) {
		uint8_t *octet = bit < 8 * sizeof(p) ? (uint8_t *)&p + bit / 8
						     : memory + sizeof(*e) - sizeof(p) + bit / 8;

		*octet ^= (uint8_t)(1u << bit % 8);
		/* Another size would be looked at only where it fits. */
		assert_true(packed_size(&p) > sizeof(memory) || !packed_whole(&p, e + 1, SEED));
		*octet ^= (uint8_t)(1u << bit % 8);
	}
	assert_true(packed_whole(&p, e + 1, SEED));
}

static void
a_question_that_does_not_fit_is_refused(void **state)
{
	struct packed p;

	(void)state;
	numbered_entry(3, 1, 0, 1000, memory);
	memcpy(opened, memory, e->size);
	assert_true(packed_make(e, SEED, &p));
	p.message_length = (uint16_t)(DNS_HEADER + p.name_length + 3);
	assert_false(packed_open(&p, o));
	p.message_length++;
	assert_true(packed_open(&p, o));
	p.name_length = 255;
	assert_false(packed_open(&p, o));
	p.message_length = 0;
	assert_false(packed_open(&p, o));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_entry_comes_back_as_it_was),
	    cmocka_unit_test(times_of_32_bits_are_kept_and_no_others),
	    cmocka_unit_test(every_flipped_bit_is_seen),
	    cmocka_unit_test(a_question_that_does_not_fit_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
