/*
 * l1: a worker's cache against a model, under floods, and its bounds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <malloc.h>

#include <cmocka.h>

#include "resolver/store.h"
#include "tests/unit/wire_maker.h"

#define KEYS 4096

static _Alignas(8) uint8_t memory[ENTRY_ROOM];
static struct key keys[KEYS];

static const struct entry *
made(unsigned n, unsigned version, unsigned large)
{
	assert_true(numbered_entry(n, version, large, 1000, memory) > 0);
	return (const struct entry *)memory;
}

static int
make_keys(void **state)
{
	(void)state;
	for (unsigned i = 0; i < KEYS; i++)
		keys[i] = numbered_key(i);
	return 0;
}

static void
what_is_put_is_found_until_all_is_cleared(void **state)
{
	struct l1 *c = l1_new(1 << 20, 0);
	struct l1_stats stats;

	(void)state;
	for (unsigned i = 0; i < 500; i++)
		assert_null(l1_find(c, &keys[i]));
	for (unsigned i = 0; i < 500; i++)
		l1_put(c, made(i, i, 0));
	for (unsigned i = 0; i < 200; i++)
		assert_true(numbered_right(l1_find(c, &keys[499 - i]), 499 - i, 0));
	l1_clear(c);
	assert_null(l1_find(c, &keys[498]));
	l1_stats(c, &stats);
	assert_int_equal(stats.entries, 0);
	assert_int_equal(stats.puts, 500);
	assert_true(stats.bytes <= 1 << 20 && stats.bytes > (1 << 20) - 64);
	l1_free(c);
	l1_free(NULL);
}

static void
the_latest_version_is_found(void **state)
{
	struct l1 *c = l1_new(256 << 10, 0);
	unsigned version;

	(void)state;
	for (version = 1; version < 5000; version++) {
		l1_put(c, made(version % 3, version, 0));
		memcpy(memory, l1_find(c, &keys[version % 3]), sizeof(struct entry));
		assert_true(numbered_right(l1_find(c, &keys[version % 3]), version % 3, 0));
		assert_int_equal(entry_left_s((struct entry *)memory, 1000), 300 + version % 100);
	}
	l1_free(c);
}

/* A name asked between floods of names that are asked once stays. */
static void
a_flood_does_not_evict_what_is_asked(void **state)
{
	struct l1 *c = l1_new(256 << 10, 0);
	unsigned kept = 0;

	(void)state;
	for (unsigned i = 0; i < 60; i++)
		l1_put(c, made(i, 1, 0));
	for (unsigned flood = 60; flood < KEYS; flood++) {
		for (unsigned i = 0; flood % 60 == 0 && i < 60; i++)
			l1_find(c, &keys[i]);
		l1_put(c, made(flood, 1, 0));
	}
	for (unsigned i = 0; i < 60; i++)
		kept += l1_find(c, &keys[i]) != NULL;
	/* The flood is five times the memory. */
	assert_true(kept >= 58); /* a full bucket of the index may cost one */
	l1_free(c);
}

static void
what_is_fetched_ahead_is_not_thereby_asked(void **state)
{
	struct l1 *c = l1_new(L1_BYTES_MIN, 0);

	(void)state;
	l1_put(c, made(0, 0, 0));
	l1_put(c, made(1, 0, 0));
	for (int i = 0; i < 5; i++)
		for (unsigned k = 1; k < 3; k++) { /* the second is not there */
			l1_prefetch(c, &keys[k], true);
			l1_prefetch(c, &keys[k], false);
		}
	assert_non_null(l1_find(c, &keys[0]));
	for (unsigned i = 10; i < 500; i++)
		l1_put(c, made(i, 0, 0));
	assert_non_null(l1_find(c, &keys[0]));
	assert_null(l1_find(c, &keys[1]));
	l1_free(c);
}

static void
what_was_evicted_and_comes_back_enters_the_main_ring(void **state)
{
	/* So many ghosts that they hardly ever meet: where they stand is of a random seed. */
	struct l1 *c = l1_new(256 << 10, 200000);
	unsigned flood = 20, there = 0;

	(void)state;
	for (unsigned i = 0; i < 20; i++)
		l1_put(c, made(i, 1, 0));
	for (; flood < 320; flood++)
		l1_put(c, made(flood, 1, 0));
	for (unsigned i = 0; i < 20; i++)
		assert_null(l1_find(c, &keys[i]));
	for (unsigned i = 0; i < 20; i++)
		l1_put(c, made(i, 2, 0));
	for (; flood < 620; flood++)
		l1_put(c, made(flood, 1, 0));
	for (unsigned i = 0; i < 20; i++)
		there += l1_find(c, &keys[i]) != NULL;
	assert_true(there >= 18);
	l1_free(c);
}

static void
what_is_not_to_be_kept_is_not(void **state)
{
	struct l1 *c = l1_new(L1_BYTES_MIN, 16);
	struct entry *e = (struct entry *)memory;

	(void)state;
	made(1, 1, 0);
	l1_put(c, e);
	assert_non_null(l1_find(c, &keys[1]));
	e->ttl_s = 0;
	l1_put(c, e);
	assert_null(l1_find(c, &keys[1]));
	l1_put(c, made(2, 1, 0));
	for (unsigned version = 0; version < 1000; version++)
		if (made(2, version, 100)->size > L1_BYTES_MIN / 20) {
			l1_put(c, e);
			assert_null(l1_find(c, &keys[2]));
			break;
		}
	assert_true(e->size > L1_BYTES_MIN / 20);
	l1_free(c);
}

/* Random puts, drops and finds, entries of 100 octets to some kilobytes, rings that wrap hundreds
 * of times: what is found is of the last version put, and never what was dropped. */
static void
it_agrees_with_a_model(void **state)
{
	static unsigned last[KEYS];
	static const struct {
		size_t bytes, entries;
		unsigned large;
	} rows[] = {{L1_BYTES_MIN, 0, 10}, {L1_BYTES_MIN, 64, 0}, {256 << 10, 0, 300},
	    {100000, 100000, 20}, {1 << 20, 1000, 100}};
	uint64_t seed = 20261122;

	(void)state;
	for (size_t row = 0; row < sizeof(rows) / sizeof(rows[0]); row++) {
		struct l1 *c = l1_new(rows[row].bytes, rows[row].entries);
		struct l1_stats stats;
		unsigned hits = 0;

		memset(last, 0, sizeof(last));
		for (unsigned turn = 1; turn < 40000; turn++) {
			unsigned n = chance(&seed) % 2 ? chance(&seed) % 64 : chance(&seed) % KEYS;
			unsigned what = chance(&seed) % 16;
			const struct entry *e;

			if (what == 0) {
				made(n, turn, 0);
				((struct entry *)memory)->ttl_s = 0; /* and so is not kept */
				l1_put(c, (struct entry *)memory);
				last[n] = 0;
			} else if (what < 7) {
				last[n] = turn;
				l1_put(c, made(n, turn, rows[row].large));
			}
			e = l1_find(c, &keys[n]);
			if (e == NULL)
				continue;
			hits++;
			assert_true(last[n] != 0);
			assert_int_equal(
			    numbered_entry(n, last[n], rows[row].large, 1000, memory), e->size);
			assert_memory_equal(e, memory, e->size);
		}
		l1_stats(c, &stats);
		assert_true(hits > 8000);
		assert_true(stats.evictions > 1000 && stats.bytes_used <= stats.bytes);
		l1_free(c);
	}
}

static void
nothing_is_allocated_after_it_is_made(void **state)
{
	struct l1 *c = l1_new(256 << 10, 0);
	size_t before = mallinfo2().uordblks;

	(void)state;
	for (unsigned i = 0; i < KEYS; i++) {
		l1_put(c, made(i, 1, 0));
		l1_find(c, &keys[i / 2]);
	}
	assert_int_equal(mallinfo2().uordblks, before);
	l1_free(c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_put_is_found_until_all_is_cleared),
	    cmocka_unit_test(the_latest_version_is_found),
	    cmocka_unit_test(a_flood_does_not_evict_what_is_asked),
	    cmocka_unit_test(what_is_fetched_ahead_is_not_thereby_asked),
	    cmocka_unit_test(what_was_evicted_and_comes_back_enters_the_main_ring),
	    cmocka_unit_test(what_is_not_to_be_kept_is_not),
	    cmocka_unit_test(it_agrees_with_a_model),
	    cmocka_unit_test(nothing_is_allocated_after_it_is_made),
	};

	return cmocka_run_group_tests(tests, make_keys, NULL);
}
