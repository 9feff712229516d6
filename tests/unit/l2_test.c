/* l2: a shard alone: its memory, what is put and found, damage, takeover. */
#include <sys/mman.h>
#include <sys/stat.h>

#include "lib/scoreboard.h"
#include "tests/unit/l2_rig.h"

static void
shards_are_sealed_private_and_read_only_to_readers(void **state)
{
	int fd = shard_new(2 << 20), reader = sealed_reopen(fd, &err);
	struct stat st;
	size_t bytes;

	(void)state;
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(st.st_size, 2 << 20);
	assert_int_equal(st.st_blocks, (2 << 20) / 512);
	assert_int_equal(ftruncate(fd, 4096), -1);
	assert_int_equal(ftruncate(fd, 4 << 20), -1);
	assert_true(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, reader, 0) == MAP_FAILED);
	assert_int_equal(write(reader, "x", 1), -1);
	assert_int_equal(sealed_size(reader, &bytes, &err), 0);
	close(reader);
	close(fd);
}

static void
what_is_no_shard_is_refused(void **state)
{
	char name[] = "/tmp/anypop-l2-XXXXXX";
	int plain = mkstemp(name), fd = memfd_create("test", MFD_ALLOW_SEALING), small, large;

	(void)state;
	unlink(name);
	assert_int_equal(ftruncate(plain, 2 << 20), 0);
	assert_int_equal(ftruncate(fd, 2 << 20), 0);
	assert_null(l2_open_reader(plain, &err));
	assert_null(l2_open_writer(plain, &err));
	assert_null(l2_open_reader(fd, &err));
	assert_null(l2_open_reader(-1, &err));
	small = sealed_make("test", 4096, &err);
	assert_null(l2_open_reader(small, &err));
	assert_null(l2_open_writer(small, &err));
	assert_null(l2_open_writer(-1, &err));
	assert_int_equal(l2_make(L2_BYTES_MIN - 1, &large, &err), -1);
	assert_int_equal(l2_make(L2_BYTES_MAX + 4096, &large, &err), -1);
	close(plain);
	close(fd);
	close(small);
}

static void
what_is_put_is_found_replaced_and_dropped(void **state)
{
	int fd = shard_new(1 << 20);
	struct l2 *w = writer_of(fd), *r = reader_of(fd);

	(void)state;
	for (unsigned i = 0; i < 300; i++)
		assert_int_equal(look(r, i), 0);
	for (unsigned version = 1; version < 4; version++)
		for (unsigned i = 0; i < 300; i++)
			l2_put(w, made(i, version));
	for (unsigned i = 0; i < 300; i++) {
		assert_int_equal(look(r, i), 1);
		assert_int_equal(numbered_entry(i, 3, LARGE, 1000, memory), found->size);
		assert_memory_equal(memory, got, found->size);
	}
	assert_int_equal(stats_of(r).entries, 300);
	assert_int_equal(stats_of(r).puts, 900);
	assert_int_equal(stats_of(r).evictions, 0);
	l2_drop(w, &keys[7]);
	l2_drop(w, &keys[7]);
	((struct entry *)memory)->ttl_s = 0;
	l2_put(w, (struct entry *)memory); /* the last one made, 299 */
	assert_int_equal(look(r, 7) + look(r, 299), 0);
	assert_int_equal(stats_of(r).entries, 298);
	l2_put(w, made(7, 9));
	assert_int_equal(look(r, 7), 1);
	l2_close(r);
	l2_close(w);
	l2_close(NULL);
	close(fd);
}

static void
the_largest_entries_fit(void **state)
{
	int fd = shard_new(1 << 20);
	struct l2 *w = writer_of(fd), *r = reader_of(fd);
	static const struct ttl_policy policy = {.max_s = 86400};
	static struct wire_maker m;
	struct key k = wire_key(".", 65280, false, false);
	size_t size;

	(void)state;
	wire_begin(&m, 0, ".", 65280);
	while (m.length + 11 <= ENTRY_MAX)
		wire_record(&m, 0, ".", 65280, 60, "", 0);
	size = entry_build(&k, m.wire, m.length, &policy, 0, 0, 1000, memory);
	for (int i = 0; i < 100; i++) {
		l2_put(w, (struct entry *)memory);
		assert_int_equal(l2_find(r, &k, got), size);
		assert_memory_equal(got, memory, size);
	}
	l2_close(r);
	l2_close(w);
	close(fd);
}

static void
the_next_writer_finds_all_as_it_was(void **state)
{
	int fd = shard_new(1 << 20);
	struct l2 *w = writer_of(fd), *r = reader_of(fd);
	struct l2_stats before, after;
	unsigned hits = 0, again = 0;

	(void)state;
	for (unsigned i = 0; i < KEYS; i++)
		l2_put(w, made(i, 1));
	for (unsigned i = 0; i < KEYS; i++)
		hits += look(r, i);
	before = stats_of(w);
	l2_close(w);
	w = writer_of(fd);
	after = stats_of(w);
	for (unsigned i = 0; i < KEYS; i++)
		again += look(r, i);
	assert_true(hits > 500);
	assert_int_equal(again, hits);
	assert_int_equal(after.entries, before.entries);
	assert_int_equal(after.bytes_used, before.bytes_used);
	assert_int_equal(after.sweeps, before.sweeps + 1);
	assert_int_equal(after.torn, 0);
	assert_int_equal(after.remade, 0);
	l2_put(w, made(0, 2));
	assert_int_equal(look(r, 0) + look(r, KEYS - 1), 2);
	l2_close(r);
	l2_close(w);
	close(fd);
}

static void
a_bucket_left_odd_is_a_miss_until_swept(void **state)
{
	int fd = shard_new(1 << 20);
	struct l2 *r = reader_of(fd), *w = writer_of(fd);
	struct l2_bucket *b;

	(void)state;
	l2_put(w, made(1, 1));
	b = l2_bucket_of(w, key_hash(&keys[1], atomic_load(&w->header->seed)));
	l2_bucket_begin(b);
	assert_int_equal(look(r, 1), 0);
	l2_close(w);
	w = writer_of(fd);
	assert_int_equal(stats_of(w).torn, 1);
	assert_int_equal(look(r, 1), 1);
	l2_close(r);
	l2_close(w);
	close(fd);
}

/* Where the damage goes: anywhere, or aimed at header and segment table, index, log. */
static size_t
damage_place(const struct l2_shape *shape, unsigned aim, uint64_t *seed)
{
	uint64_t from[] = {0, 0, shape->buckets_at, shape->log_at};
	uint64_t to[] = {shape->bytes, shape->buckets_at, shape->log_at, shape->bytes};

	return from[aim] + chance(seed) % (to[aim] - from[aim]);
}

/* Octets of the shard change while writer and reader are at it, and between writers. */
static void
damage_costs_misses_never_a_wrong_answer(void **state)
{
	int fd = shard_new(1 << 20);
	struct l2 *r = reader_of(fd), *w = writer_of(fd);
	unsigned long hits = 0;
	uint64_t seed = 7;
	uint8_t *octets = w->memory;

	(void)state;
	for (unsigned round = 0; round < 400; round++) {
		for (unsigned i = 0; i < 40; i++) {
			unsigned n = chance(&seed) % KEYS;

			l2_put(w, made(n, round));
			hits += look(r, n) + look(r, chance(&seed) % KEYS);
			octets[damage_place(&w->shape, round % 4, &seed)] ^=
			    (uint8_t)(1u << chance(&seed) % 8);
			hits += look(r, n) + look(w, chance(&seed) % KEYS);
			if (chance(&seed) % 4 == 0)
				l2_drop(w, &keys[n]);
		}
		if (round % 8 == 0) {
			l2_close(w);
			w = writer_of(fd);
			octets = w->memory;
		}
	}
	assert_true(hits > 400 * 40);
	assert_true(stats_of(w).remade > 0);
	l2_close(r);
	l2_close(w);
	close(fd);
}

/* A slot that leads behind the last segment, to a record that would be sound: nobody's hits are
 * counted there, and what lies behind the counts is not this shard's. */
static void
behind_the_last_segment_nothing_is_found(void **state)
{
	int fd = shard_new(32 << 20), slot;
	struct l2 *w = writer_of(fd), *r = reader_of(fd);
	uint64_t hash = key_hash(&keys[1], l2_seed_of(w)), end = l2_log_end(w), from;
	struct l2_bucket *b = l2_bucket_of(w, hash);
	size_t size;

	(void)state;
	l2_put(w, made(1, 1));
	assert_int_equal(look(r, 1), 1);
	slot = l2_slot_find(w, b, &keys[1], hash);
	from = l2_place_of(b, slot);
	size = packed_size((const struct packed *)(w->memory + from));
	assert_true(end + size < w->shape.bytes);
	assert_true((end - w->shape.log_at) / L2_HITS_OCTETS == w->hits_bytes);
	memcpy(w->memory + end, w->memory + from, size);
	l2_slot_set(b, slot, end, hash);
	assert_int_equal(look(r, 1), 0);
	memcpy(w->memory + end - 8, w->memory + from, size);
	l2_slot_set(b, slot, end - 8, hash);
	assert_int_equal(look(r, 1), 0);
	l2_slot_set(b, slot, from, hash);
	assert_int_equal(look(r, 1), 1);
	l2_close(r);
	l2_close(w);
	close(fd);
}

static void
a_shard_of_noise_or_of_another_layout_is_begun_anew(void **state)
{
	int fd = shard_new(1 << 20);
	struct l2 *r = reader_of(fd), *w = writer_of(fd);
	uint64_t seed = 3;

	(void)state;
	for (int round = 0; round < 20; round++) {
		l2_put(w, made(1, 1));
		assert_int_equal(look(r, 1), 1);
		if (round % 2 == 0)
			for (size_t i = 0; i < w->shape.bytes / 8; i++)
				((uint64_t *)w->memory)[i] = chance(&seed);
		else
			atomic_fetch_add(&w->header->magic, 1ull << 40); /* another version */
		assert_int_equal(look(r, 1), 0);
		l2_close(w);
		w = writer_of(fd);
		assert_int_equal(look(r, 1), 0);
		assert_int_equal(stats_of(w).entries, 0);
		for (unsigned i = 0; i < 500; i++)
			l2_put(w, made(i, 2));
		for (unsigned i = 0; i < 500; i++)
			assert_int_equal(look(r, i), 1);
	}
	l2_close(r);
	l2_close(w);
	close(fd);
}

/* An engine that stood in for the key's own kept its answer in its own shard. */
static void
of_several_shards_the_best_is_found(void **state)
{
	int fds[2] = {shard_new(1 << 20), shard_new(1 << 20)};
	struct l2 *w[2] = {writer_of(fds[0]), writer_of(fds[1])};
	const struct l2 *all[2] = {w[0], w[1]}, *none[2] = {NULL, NULL}, *one[2];
	int own = (int)key_shard(&keys[5], 2), other = 1 - own;
	const struct entry *e;
	uint32_t lived;

	(void)state;
	assert_int_equal(l2_best(none, 2, &keys[5], 1000, got), -1);
	assert_int_equal(l2_best(all, 2, &keys[5], 1000, got), -1);
	e = made(5, 1);
	lived = e->ttl_s;
	l2_put(w[other], e);
	assert_int_equal(l2_best(all, 2, &keys[5], 1000, got), other);
	assert_true(entry_is(found, &keys[5]));
	one[own] = w[own];
	one[other] = NULL;
	assert_int_equal(l2_best(one, 2, &keys[5], 1000, got), -1);
	/* Of equals the own one; one that may still be told before one that is past its time. */
	l2_put(w[own], e);
	assert_int_equal(l2_best(all, 2, &keys[5], 1000, got), own);
	((struct entry *)memory)->stored_s += lived;
	l2_put(w[other], e);
	assert_int_equal(l2_best(all, 2, &keys[5], 1000 + lived, got), other);
	assert_int_equal(found->stored_s, 1000 + lived);
	/* And what is past its time before a failure, whose find comes last. */
	entry_fail(&keys[5], DNS_SERVFAIL, CAUSE_UPSTREAM, 0, &(struct ttl_policy){.failure_s = 5},
	    1000 + lived, memory);
	l2_put(w[other], e);
	assert_int_equal(l2_best(all, 2, &keys[5], 1000 + lived, got), own);
	assert_int_equal(found->flags & ENTRY_FAILURE, 0);
	for (int i = 0; i < 2; i++) {
		l2_close(w[i]);
		close(fds[i]);
	}
}

int
main(void)
{
	const struct CMUnitTest silent[] = {
	    cmocka_unit_test(what_is_put_is_found_replaced_and_dropped),
	    cmocka_unit_test(the_next_writer_finds_all_as_it_was),
	};
	const struct CMUnitTest told[] = {
	    cmocka_unit_test(shards_are_sealed_private_and_read_only_to_readers),
	    cmocka_unit_test(what_is_no_shard_is_refused),
	    cmocka_unit_test(what_is_put_is_found_replaced_and_dropped),
	    cmocka_unit_test(the_largest_entries_fit),
	    cmocka_unit_test(the_next_writer_finds_all_as_it_was),
	    cmocka_unit_test(a_bucket_left_odd_is_a_miss_until_swept),
	    cmocka_unit_test(damage_costs_misses_never_a_wrong_answer),
	    cmocka_unit_test(behind_the_last_segment_nothing_is_found),
	    cmocka_unit_test(a_shard_of_noise_or_of_another_layout_is_begun_anew),
	    cmocka_unit_test(of_several_shards_the_best_is_found),
	};

	int failed = cmocka_run_group_tests(silent, make_keys, free_pool);

	telling = true;
	return failed + cmocka_run_group_tests(told, make_keys, free_pool);
}
