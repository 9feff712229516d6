/* l2 between processes: writers killed at any instruction, and the one that is there. */
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>

#include "lib/mono.h"
#include "tests/unit/l2_rig.h"

#define KILLS 1000
#define STEPPED 16

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

static bool
is_held(const struct l2 *r, unsigned n)
{
	const struct l2_bucket *b = l2_bucket_of(r, key_hash(&keys[n], l2_seed_of(r)));

	return atomic_load_explicit(&b->sequence, memory_order_relaxed) % 2 != 0;
}

/* `steady`: of the STEADY keys were there when this change began. */
static void
death_here(const struct l2 *r, int copy, void *copied, bool changing, unsigned steady)
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
		there += look(r, n) || is_held(r, n);
		assert_true(look(reader, n) || !look(r, n));
	}
	/* A put may take the place of one, in a bucket that is full. */
	assert_true(there > steady / 2 && (telling || there + 1 >= steady));
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
	unsigned steady = 0;
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
		if (WSTOPSIG(status) == SIGSTOP) {
			op++;
			steady = look_all(r, KEYS - STEADY, KEYS);
		}
		if (op >= 0 && ++steps) {
			bool changing = within_a_change(r);

			within += changing;
			look(r, pool_key[op]);
			if (changing || steps % 499 == 0)
				death_here(r, copy, copied, changing, steady);
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
	uint64_t seed = 1, hits = 0, beyond = 0;

	(void)state;
	/* Where processors are few the writer may have had one all the time: then we look on. */
	while (stats_of(r).puts < 100000 || (hits <= 1000 && ++beyond < 10000000))
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

int
main(void)
{
	const struct CMUnitTest silent[] = {
	    cmocka_unit_test(a_writer_may_die_at_any_instruction),
	};
	const struct CMUnitTest told[] = {
	    cmocka_unit_test(killed_writers_cost_no_wrong_answer),
	    cmocka_unit_test(a_writer_may_die_at_any_instruction),
	    cmocka_unit_test(one_process_reads_what_another_writes),
	    cmocka_unit_test(a_second_writer_is_refused_until_the_first_is_gone),
	};

	int failed = cmocka_run_group_tests(silent, make_keys, free_pool);

	telling = true;
	return failed + cmocka_run_group_tests(told, make_keys, free_pool);
}
