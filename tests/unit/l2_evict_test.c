/* l2: what a full shard keeps, and what hits that readers tell have to do with it. */
#include "tests/unit/l2_rig.h"

/* Many times the shard's size, with entries of up to 64 KiB: the newest are found, the oldest went.
 */
static void
a_full_shard_forgets_the_oldest(void **state)
{
	int fd = shard_new(1 << 20);
	struct l2 *w = writer_of(fd), *r = reader_of(fd);
	unsigned old = 0;
	size_t put = 0;

	(void)state;
	for (unsigned turn = 0; turn < 4 * KEYS; turn++) {
		l2_put(w, made(turn % KEYS, turn));
		put += ((struct entry *)memory)->size;
		assert_int_equal(look(r, turn % KEYS), 1);
		if (turn > 100)
			old += look(r, (turn - 100) % KEYS);
	}
	assert_true(put > 10 << 20);
	/* A full bucket of the index may have cost a few before their time. */
	assert_true(old > (4 * KEYS - 100) * 98 / 100);
	assert_int_equal(look(r, 0), 0);
	assert_true(stats_of(r).bytes_used <= stats_of(r).bytes);
	assert_true(stats_of(r).bytes_used > stats_of(r).bytes * 2 / 3);
	for (unsigned i = old = 0; i < KEYS; i++)
		old += look(r, i);
	assert_int_equal(old, stats_of(r).entries);
	assert_int_equal(stats_of(r).puts - stats_of(r).evictions, old);
	l2_close(r);
	l2_close(w);
	close(fd);
}

/* Names asked between floods of names that are asked once stay; where nobody tells, they go. */
static void
a_flood_does_not_evict_what_is_asked(void **state)
{
	int fd = shard_new(1 << 20);
	struct l2 *w = writer_of(fd), *r = reader_of(fd);
	unsigned flood;

	(void)state;
	put_all(w, 0, 60, 1);
	for (flood = 60; flood < KEYS; flood += 60) {
		look_all(r, 0, 60);
		put_all(w, flood, flood + 60, 1);
	}
	/* A full bucket of the index may cost one. */
	if (telling)
		assert_true(look_all(r, 0, 60) >= 58 && stats_of(r).kept >= 50);
	else
		assert_int_equal(look_all(r, 0, 60) + stats_of(r).kept, 0);
	l2_close(r);
	l2_close(w);
	close(fd);
}

/* What was asked and is past its time is no better than what was not. */
static void
what_is_past_its_time_is_not_kept(void **state)
{
	int fd = shard_new(1 << 20);
	struct l2 *w = writer_of(fd), *r = reader_of(fd);

	(void)state;
	put_all(w, 0, 60, 1);
	assert_int_equal(look_all(r, 0, 60), 60);
	for (unsigned i = 60; i < KEYS; i++) {
		numbered_entry(i, 1, LARGE, 2000, memory);
		l2_put(w, (struct entry *)memory);
	}
	assert_int_equal(look_all(r, 0, 60) + stats_of(r).kept, 0);
	l2_close(r);
	l2_close(w);
	close(fd);
}

static void
what_was_evicted_and_comes_back_enters_the_main_log(void **state)
{
	int fd = shard_new(1 << 20);
	struct l2 *w = writer_of(fd), *r = reader_of(fd);
	unsigned main_log = 0;

	(void)state;
	put_all(w, 0, 3000, 1);
	assert_int_equal(look_all(r, 0, 20), 0);
	put_all(w, 0, 20, 2);
	for (unsigned i = 0; i < 20; i++)
		main_log += w->own[segment_of_key(w, i)].log == L2_MAIN;
	/* Ghosts meet by chance, two here and there; without any it would be none. */
	assert_true(main_log >= 10);
	put_all(w, 3000, 6000, 1);
	assert_true(look_all(r, 0, 20) + 5 >= main_log);
	l2_close(r);
	l2_close(w);
	close(fd);
}

/* Whatever is told, each put empties what it takes itself and little more; the rest of a segment
 * where, once in a great while, no room is left without it. */
static void
no_put_takes_long(void **state)
{
	int fd = shard_new(3 << 20);
	struct l2 *w = writer_of(fd), *r = reader_of(fd);
	struct l2_stats before = stats_of(w), after;
	uint64_t seed = 4, settled, long_ones = 0;

	(void)state;
	for (unsigned turn = 0; turn < 60000; turn++) {
		struct entry *e = pool[chance(&seed) % POOL];

		if (telling && turn % 64 == 0)
			memset((void *)w->hits, (int)(turn / 64 % 4), w->hits_bytes);
		l2_put(w, e);
		after = stats_of(w);
		settled = after.kept + after.evictions - before.kept - before.evictions;
		long_ones += settled > 4 * e->size / 48 + 2;
		assert_true(settled <= w->shape.segment_bytes / 48 + 2);
		before = after;
	}
	assert_true(after.evictions > 1000 && long_ones <= 60);
	l2_close(r);
	l2_close(w);
	close(fd);
}

/* Others write what they like where hits are told, also beside a writer that is killed. */
static void
false_hits_cost_no_wrong_answer(void **state)
{
	int fd = shard_new(1 << 20);
	struct l2 *w = writer_of(fd), *r = reader_of(fd);
	uint64_t seed = 12, found_n = 0;

	(void)state;
	for (unsigned turn = 0; turn < 40000; turn++) {
		unsigned n = chance(&seed) % KEYS;

		r->hits[chance(&seed) % r->hits_bytes] = (uint8_t)chance(&seed);
		if (turn % 997 == 0)
			memset((void *)r->hits, (int)chance(&seed), r->hits_bytes);
		l2_put(w, made(n, turn));
		found_n += look(r, n) + look(r, chance(&seed) % KEYS);
	}
	assert_true(found_n > 40000);
	assert_true(stats_of(r).bytes_used <= stats_of(r).bytes);
	assert_int_equal(look_all(r, 0, KEYS), stats_of(r).entries);
	l2_close(r);
	l2_close(w);
	close(fd);
}

static void
hits_of_another_size_or_read_only_are_refused(void **state)
{
	int fd = shard_new(2 << 20), other, reader, none;
	struct l2 *r = reader_of(fd), *w = writer_of(fd);
	_Atomic uint8_t *were = r->hits;

	(void)state;
	assert_int_equal(l2_hits_make(4 << 20, &other, &err), 0);
	assert_true(l2_hits_fit(other, 4 << 20));
	assert_false(l2_hits_fit(other, 2 << 20));
	assert_false(l2_hits_fit(-1, 2 << 20));
	assert_int_equal(l2_hits_use(r, other, &err), -1);
	assert_int_equal(l2_hits_use(r, STDIN_FILENO, &err), -1);
	assert_int_equal(l2_hits_use(w, fd, &err), -1);
	reader = sealed_reopen(hits_fd, &err);
	assert_int_equal(l2_hits_use(r, reader, &err), -1);
	assert_ptr_equal(r->hits, were);
	assert_int_equal(l2_hits_make(4096, &none, &err), -1);
	l2_put(w, made(1, 1));
	assert_int_equal(look(r, 1) + look(w, 1), 2);
	/* Only the reader's look counts. */
	assert_int_equal(*l2_hits_of(r, l2_segment_place(w, segment_of_key(w, 1))), 1);
	close(fd);
	close(other);
	close(reader);
	l2_close(r);
	l2_close(w);
}

int
main(void)
{
	const struct CMUnitTest silent[] = {
	    cmocka_unit_test(a_full_shard_forgets_the_oldest),
	    cmocka_unit_test(a_flood_does_not_evict_what_is_asked),
	    cmocka_unit_test(no_put_takes_long),
	};
	const struct CMUnitTest told[] = {
	    cmocka_unit_test(a_flood_does_not_evict_what_is_asked),
	    cmocka_unit_test(what_is_past_its_time_is_not_kept),
	    cmocka_unit_test(what_was_evicted_and_comes_back_enters_the_main_log),
	    cmocka_unit_test(no_put_takes_long),
	    cmocka_unit_test(false_hits_cost_no_wrong_answer),
	    cmocka_unit_test(hits_of_another_size_or_read_only_are_refused),
	};

	int failed = cmocka_run_group_tests(silent, make_keys, free_pool);

	telling = true;
	return failed + cmocka_run_group_tests(told, make_keys, free_pool);
}
