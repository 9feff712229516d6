/* l2: purges. */
#include <sys/prctl.h>

#include "tests/unit/l2_rig.h"

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
	unsigned long hits = 0, of_purged = 0, looks = 0, beyond = 0;
	uint64_t seed = 17;
	pid_t pid = fork();

	(void)state;
	assert_true(pid >= 0);
	if (pid == 0)
		purge_until_killed(fd);
	/* Where processors are few the writer may have had one all the time: then we look on. */
	while (l2_purges(r) < 300 || ((hits <= 1000 || of_purged == 0) && ++beyond < 10000000)) {
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

int
main(void)
{
	const struct CMUnitTest told[] = {
	    cmocka_unit_test(a_purge_takes_what_matches_and_nothing_else),
	    cmocka_unit_test(a_purge_takes_all_of_a_damaged_segment),
	    cmocka_unit_test(readers_beside_a_purge_see_right_answers_or_none),
	};

	telling = true;
	return cmocka_run_group_tests(told, make_keys, free_pool);
}
