/*
 * l2: a shard between processes: writers killed at any instruction, damage, wrap-around, takeover.
 * Every answer is compared octet by octet with what its key and version prescribe.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/mono.h"
#include "lib/sealed.h"
#include "resolver/l2_shard.h"
#include "tests/unit/wire_maker.h"

#define KEYS 6000
#define LARGE 200 /* records more, of one entry in 32: some 20 KiB */
#define KILLS 1000
#define STEADY 100
#define STEPPED 16
#define POOL 4096 /* entries made beforehand, so that a writer does nothing but write */

static _Alignas(8) uint8_t memory[ENTRY_ROOM], got[ENTRY_ROOM];
static const struct entry *const found = (const struct entry *)got;
static struct key keys[KEYS];
static struct err err;

static bool telling;	 /* readers tell their hits */
static int hits_fd = -1; /* of the shard made last; owned */

static struct entry *pool[POOL]; /* owned */
static unsigned pool_key[POOL];

static int
make_keys(void **state)
{
	uint64_t seed = 11;
	size_t size;

	(void)state;
	for (unsigned i = 0; i < KEYS; i++)
		keys[i] = numbered_key(i);
	for (unsigned i = 0; i < POOL; i++) {
		pool_key[i] = chance(&seed) % (KEYS - STEADY);
		size = numbered_entry(pool_key[i], i, LARGE, 1000, memory);
		pool[i] = malloc(size);
		memcpy(pool[i], memory, size);
	}
	return 0;
}

static int
free_pool(void **state)
{
	(void)state;
	for (unsigned i = 0; i < POOL; i++)
		free(pool[i]);
	return 0;
}

static const struct entry *
made(unsigned n, unsigned version)
{
	assert_true(numbered_entry(n, version, LARGE, 1000, memory) > 0);
	return (const struct entry *)memory;
}

static int
shard_new(size_t bytes)
{
	int fd;

	if (l2_make(bytes, &fd, &err) != 0)
		fail_msg("%s", err.text);
	if (hits_fd >= 0)
		close(hits_fd);
	hits_fd = -1;
	if (telling)
		assert_int_equal(l2_hits_make(bytes, &hits_fd, &err), 0);
	return fd;
}

static void
tell_hits(struct l2 *s)
{
	if (telling && l2_hits_use(s, hits_fd, &err) != 0)
		fail_msg("%s", err.text);
}

static struct l2 *
reader_of(int fd)
{
	int reader = sealed_reopen(fd, &err);
	struct l2 *s;

	assert_true(reader >= 0);
	s = l2_open_reader(reader, &err);
	assert_non_null(s);
	close(reader);
	tell_hits(s);
	return s;
}

static struct l2 *
writer_of(int fd)
{
	struct l2 *s = l2_open_writer(fd, &err);

	if (s == NULL)
		fail_msg("%s", err.text);
	tell_hits(s);
	return s;
}

static struct l2_stats
stats_of(const struct l2 *s)
{
	struct l2_stats stats;

	l2_stats(s, &stats);
	return stats;
}

/* 1 when key n is found, which then is right, or the test ends here. */
static unsigned
look(const struct l2 *s, unsigned n)
{
	size_t size = l2_find(s, &keys[n], got);

	if (size == 0)
		return 0;
	assert_int_equal(size, found->size);
	if (!numbered_right(found, n, LARGE))
		fail_msg("a wrong answer for key %u", n);
	return 1;
}

static uint64_t
segment_of_key(const struct l2 *s, unsigned n)
{
	uint64_t hash = key_hash(&keys[n], l2_seed_of(s));
	const struct l2_bucket *b = l2_bucket_of(s, hash);
	int slot = l2_slot_find(s, b, &keys[n], hash);

	assert_true(slot >= 0);
	return l2_segment_of(s, l2_place_of(b, slot));
}

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
	assert_int_equal(l2_clear(w, &err), 0);
	for (unsigned i = 0; i < 300; i++)
		assert_int_equal(look(r, i), 0);
	l2_put(w, made(7, 9));
	assert_int_equal(look(r, 7), 1);
	l2_close(r);
	l2_close(w);
	l2_close(NULL);
	close(fd);
}

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

/* A writer's process: takes the shard over and writes until it is killed. Says so by one octet. */
static _Noreturn void
write_until_killed(int fd, int tell, uint64_t seed)
{
	struct l2 *w;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	w = l2_open_writer(fd, &err);
	if (w == NULL || (telling && l2_hits_use(w, hits_fd, &err) != 0) ||
	    write(tell, "w", 1) != 1)
		_exit(1);
	for (;;) {
		if (chance(&seed) % 16 == 0)
			l2_drop(w, &keys[chance(&seed) % KEYS]);
		else
			l2_put(w, pool[chance(&seed) % POOL]);
	}
}

static pid_t
writer_start(int fd, uint64_t seed)
{
	int tell[2];
	pid_t pid;
	char c;

	assert_int_equal(pipe(tell), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		write_until_killed(fd, tell[1], seed);
	close(tell[1]);
	if (read(tell[0], &c, 1) != 1)
		fail_msg("the writer did not take the shard over");
	close(tell[0]);
	return pid;
}

static void
writer_kill(pid_t pid)
{
	int status;

	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void
killed_writers_cost_no_wrong_answer(void **state)
{
	int fd = shard_new(1 << 20);
	struct l2 *r = reader_of(fd);
	unsigned long hits = 0, after = 0;
	uint64_t seed = 2026;
	struct l2_stats stats;

	(void)state;
	for (unsigned i = 1; i <= KILLS; i++) {
		pid_t pid = writer_start(fd, i);
		struct mono end = mono_add_us(mono_now(), (int64_t)(chance(&seed) % 1000));

		do
			hits += look(r, chance(&seed) % KEYS);
		while (mono_before(mono_now(), end));
		writer_kill(pid);
		for (int j = 0; j < 20; j++)
			after += look(r, chance(&seed) % KEYS);
	}
	stats = stats_of(r);
	print_message(
	    "%d kills: %lu right answers beside writers, %lu after; %lu puts, %lu evictions, "
	    "%lu buckets torn\n",
	    KILLS, hits, after, (unsigned long)stats.puts, (unsigned long)stats.evictions,
	    (unsigned long)stats.torn);
	assert_int_equal(stats.remade, 0);
	assert_int_equal(stats.sweeps, KILLS);
	assert_true(hits > KILLS && after > KILLS);
	l2_close(r);
	close(fd);
}

/*
 * The same, exhaustively: a writer run instruction by instruction through puts, replacements, drops
 * and the emptying of a segment. At each instruction within a change, and at many others, it is as
 * if it were killed there: the next writer takes over a copy.
 */
static bool
is_large(const struct entry *e)
{
	return e->size > 8192;
}

/* A shard that is full, with STEADY keys in its newest segments, and no room left in the last. */
static void
fill(struct l2 *w)
{
	for (unsigned turn = 0; turn < 3; turn++)
		for (unsigned i = STEPPED; i < POOL; i++)
			if (is_large(pool[i]))
				l2_put(w, pool[i]);
	for (unsigned n = KEYS - STEADY; n < KEYS; n++)
		l2_put(w, made(n, n));
	do
		l2_put(w, pool[0]);
	while (w->own[segment_of_key(w, pool_key[0])].used + 600 < w->shape.segment_bytes);
	/* All were asked, as far as anybody knows: so much is kept as may be. */
	if (telling)
		memset((void *)w->hits, 2, w->hits_bytes);
}

static _Noreturn void
write_stepwise(int fd)
{
	struct l2 *w = writer_of(fd);

	fill(w);
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
		_exit(77);
	for (unsigned i = 0; i < STEPPED; i++) {
		raise(SIGSTOP);
		if (i % 4 == 3)
			l2_drop(w, &keys[pool_key[i - 1]]);
		else
			l2_put(w, i % 4 == 2 ? pool[i - 1] : pool[i]);
	}
	_exit(0);
}

static bool
within_a_change(const struct l2 *r)
{
	for (uint64_t i = 0; i < r->shape.n_buckets; i++)
		if (atomic_load_explicit(&r->buckets[i].sequence, memory_order_relaxed) % 2 != 0)
			return true;
	return false;
}

static void
death_here(const struct l2 *r, int copy, void *copied, bool changing)
{
	struct l2 *w, *reader;
	unsigned there = 0;

	memcpy(copied, r->memory, r->shape.bytes);
	w = writer_of(copy);
	reader = reader_of(copy);
	assert_int_equal(stats_of(w).remade, 0);
	assert_int_equal(stats_of(w).torn, changing);
	/* What can be read beside the dead one is there for the next. */
	for (unsigned n = KEYS - STEADY; n < KEYS; n++) {
		there += look(r, n);
		assert_true(look(reader, n) || !look(r, n));
	}
	assert_true(there > STEADY / 2 && (telling || there >= STEADY - 1));
	for (unsigned i = 0; i < STEPPED; i++)
		look(reader, pool_key[i]);
	l2_put(w, pool[STEPPED]);
	assert_int_equal(look(reader, pool_key[STEPPED]), 1);
	l2_close(reader);
	l2_close(w);
}

static void
a_writer_may_die_at_any_instruction(void **state)
{
	int fd = shard_new(1 << 20), copy = shard_new(1 << 20), status, op = -1;
	struct l2 *r = reader_of(fd);
	unsigned long steps = 0, within = 0, settled;
	void *copied;
	size_t bytes;
	pid_t pid = fork();

	(void)state;
	if (pid == 0)
		write_stepwise(fd);
	copied = sealed_map(copy, true, &bytes, &err);
	assert_non_null(copied);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
		print_message("no ptrace here\n");
		skip();
	}
	settled = stats_of(r).evictions + stats_of(r).kept;
	for (; !WIFEXITED(status); assert_int_equal(waitpid(pid, &status, 0), pid)) {
		assert_true(WIFSTOPPED(status));
		op += WSTOPSIG(status) == SIGSTOP;
		if (op >= 0 && ++steps) {
			bool changing = within_a_change(r);

			within += changing;
			look(r, pool_key[op]);
			if (changing || steps % 499 == 0)
				death_here(r, copy, copied, changing);
		}
		assert_int_equal(ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL), 0);
	}
	assert_int_equal(WEXITSTATUS(status), 0);
	settled = stats_of(r).evictions + stats_of(r).kept - settled;
	print_message(
	    "%lu steps, %lu within a change, %lu evicted or kept\n", steps, within, settled);
	/* Each change takes an instruction at least; and a segment was emptied on the way. */
	assert_true(within > STEPPED);
	assert_true(settled > 2 && (!telling || stats_of(r).kept > 2));
	munmap(copied, bytes);
	l2_close(r);
	close(copy);
	close(fd);
}

static void
one_process_reads_what_another_writes(void **state)
{
	int fd = shard_new(2 << 20);
	struct l2 *r = reader_of(fd);
	pid_t pid = writer_start(fd, 99);
	uint64_t seed = 1, hits = 0;

	(void)state;
	while (stats_of(r).puts < 100000)
		hits += look(r, chance(&seed) % KEYS);
	writer_kill(pid);
	assert_true(hits > 1000);
	l2_close(r);
	close(fd);
}

static void
a_second_writer_is_refused_until_the_first_is_gone(void **state)
{
	int fd = shard_new(1 << 20);
	pid_t pid = writer_start(fd, 5);
	struct l2 *w;

	(void)state;
	assert_null(l2_open_writer(fd, &err));
	assert_non_null(strstr(err.text, "another process"));
	writer_kill(pid);
	w = writer_of(fd);
	/* Closing what others hold of the memory gives nothing up. */
	close(sealed_reopen(fd, &err));
	close(dup(fd));
	assert_null(l2_open_writer(fd, &err));
	l2_close(w);
	w = writer_of(fd);
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

/* Of the keys host-N, those whose N ends with this digit. */
static bool
ends_with(const struct entry *e, void *arg)
{
	struct key k;

	entry_key(e, &k);
	return k.name[k.name[0]] == *(const char *)arg;
}

static void
a_purge_takes_what_matches_and_nothing_else(void **state)
{
	int fd = shard_new(2 << 20);
	struct l2 *w = writer_of(fd), *r = reader_of(fd);
	uint64_t before = stats_of(r).evictions;
	char digit = '7';

	(void)state;
	for (unsigned version = 1; version < 3; version++) /* replaced ones count once */
		for (unsigned i = 0; i < 500; i++)
			l2_put(w, made(i, version));
	assert_int_equal(l2_purges(r), 0);
	assert_int_equal(l2_purge(w, ends_with, &digit), 50);
	assert_int_equal(l2_purges(r), 1);
	for (unsigned i = 0; i < 500; i++)
		assert_int_equal(look(r, i), i % 10 != 7);
	assert_int_equal(stats_of(r).entries, 450);
	assert_int_equal(stats_of(r).evictions, before);
	assert_int_equal(l2_purge(w, ends_with, &digit), 0);
	assert_int_equal(l2_purges(r), 2);
	l2_put(w, made(7, 3));
	assert_int_equal(look(r, 7), 1);
	l2_close(w);
	w = writer_of(fd); /* what was purged stays away, also for the next writer */
	assert_int_equal(stats_of(w).entries, 451);
	assert_int_equal(l2_purges(r), 2);
	assert_int_equal(look(r, 17), 0);
	assert_int_equal(stats_of(r).writer, getpid());
	l2_close(r);
	l2_close(w);
	close(fd);
}

/* Where a segment's records cannot be followed, what it hid might have matched. */
static void
a_purge_takes_all_of_a_damaged_segment(void **state)
{
	int fd = shard_new(1 << 20);
	struct l2 *w = writer_of(fd), *r = reader_of(fd);
	char none = 'x';

	(void)state;
	for (unsigned i = 0; i < 100; i++)
		l2_put(w, made(i, 1));
	((struct packed *)(w->memory + l2_segment_place(w, segment_of_key(w, 0))))->n_ttls = 9;
	assert_true(l2_purge(w, ends_with, &none) > 0);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(look(r, i), 0);
	assert_int_equal(stats_of(w).remade, 0);
	l2_close(r);
	l2_close(w);
	close(fd);
}

/* A writer's process that puts and purges in turns; each purge takes all there is of its digit. */
static _Noreturn void
purge_until_killed(int fd)
{
	struct l2 *w = l2_open_writer(fd, &err);
	char digit = '3';

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (w == NULL)
		_exit(1);
	for (unsigned version = 1;; version++) {
		for (unsigned i = 0; i < 200; i++)
			l2_put(w, made(i, version));
		l2_purge(w, ends_with, &digit);
	}
}

static void
readers_beside_a_purge_see_right_answers_or_none(void **state)
{
	int fd = shard_new(1 << 20);
	struct l2 *r = reader_of(fd);
	unsigned long hits = 0, of_purged = 0, looks = 0;
	uint64_t seed = 17;
	pid_t pid = fork();

	(void)state;
	assert_true(pid >= 0);
	if (pid == 0)
		purge_until_killed(fd);
	while (l2_purges(r) < 300) {
		unsigned n = (unsigned)(chance(&seed) % 200);
		unsigned hit = look(r, n);

		hits += hit;
		of_purged += hit && n % 10 == 3;
		if (++looks % 1024 == 0)
			assert_int_equal(waitpid(pid, NULL, WNOHANG), 0);
	}
	writer_kill(pid);
	assert_true(hits > 1000 && of_purged > 0);
	l2_close(r);
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

static void
put_all(struct l2 *w, unsigned from, unsigned to, unsigned version)
{
	for (unsigned i = from; i < to; i++)
		l2_put(w, made(i, version));
}

static unsigned
look_all(const struct l2 *r, unsigned from, unsigned to)
{
	unsigned n = 0;

	for (unsigned i = from; i < to; i++)
		n += look(r, i);
	return n;
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
	    cmocka_unit_test(what_is_put_is_found_replaced_and_dropped),
	    cmocka_unit_test(a_full_shard_forgets_the_oldest),
	    cmocka_unit_test(a_flood_does_not_evict_what_is_asked),
	    cmocka_unit_test(the_next_writer_finds_all_as_it_was),
	    cmocka_unit_test(no_put_takes_long),
	    cmocka_unit_test(a_writer_may_die_at_any_instruction),
	};
	const struct CMUnitTest told[] = {
	    cmocka_unit_test(shards_are_sealed_private_and_read_only_to_readers),
	    cmocka_unit_test(what_is_no_shard_is_refused),
	    cmocka_unit_test(what_is_put_is_found_replaced_and_dropped),
	    cmocka_unit_test(the_largest_entries_fit),
	    cmocka_unit_test(the_next_writer_finds_all_as_it_was),
	    cmocka_unit_test(a_bucket_left_odd_is_a_miss_until_swept),
	    cmocka_unit_test(a_purge_takes_what_matches_and_nothing_else),
	    cmocka_unit_test(a_purge_takes_all_of_a_damaged_segment),
	    cmocka_unit_test(readers_beside_a_purge_see_right_answers_or_none),
	    cmocka_unit_test(killed_writers_cost_no_wrong_answer),
	    cmocka_unit_test(a_writer_may_die_at_any_instruction),
	    cmocka_unit_test(one_process_reads_what_another_writes),
	    cmocka_unit_test(a_second_writer_is_refused_until_the_first_is_gone),
	    cmocka_unit_test(damage_costs_misses_never_a_wrong_answer),
	    cmocka_unit_test(a_shard_of_noise_or_of_another_layout_is_begun_anew),
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
