/*
 * snapshot: what was in the shards is there after a reboot, as old as it is by then; of a file that
 * is not as it was written nothing is.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "lib/mono.h"
#include "resolver/snapshot_file.h"
#include "tests/unit/l2_rig.h"

#define BYTES ((size_t)4 << 20)
#define FEW 500
#define DAY 86400

static char directory[] = "/tmp/snapshot_test.XXXXXX", file[64], other[64];
static struct resolver_conf conf = {.worker = {.user = "", .seccomp = true},
    .snapshot = {.file = file, .max_mib = 64, .load_ms = 8000}};
static struct snapshot_done done;
static int64_t put_from; /* s; when the entries of the present file began to be put */

static int64_t
now_s(void)
{
	return mono_now().us / 1000000;
}

/* ---- the form, and the clocks ---------------------------------------------------------------- */

static void
times_are_moved_by_the_clock_that_went_on(void **state)
{
	static const struct {
		bool same;
		int64_t then_wall, then_boot, now_wall, now_boot;
		int64_t age, shift; /* age below 0: refused */
	} rows[] = {
	    {true, 1000, 50, 1100, 150, 100, 0},
	    {true, 1000, 50, 9, 150, 100, 0}, /* wall-clock steps do not matter */
	    {true, 1000, 50, 99999, 150, 100, 0},
	    {true, 1000, 50, 1100, 49, -1, 0},
	    {false, 1000, 50, 1100, 20, 100, -130}, /* stored at 50: 100 s before 20 */
	    {false, 1000, 500000, 1000, 3, 0, -499997},
	    {false, 1000, 50, 1000 + 30 * DAY, 20, 30 * DAY, -30 - 30 * DAY},
	    {false, 1000, 50, 999, 20, -1, 0}, /* its battery is empty */
	    {false, 1700000000, 50, 0, 20, -1700000000, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct snapshot_clock then = {"a", rows[i].then_wall, rows[i].then_boot};
		struct snapshot_clock now = {"a", rows[i].now_wall, rows[i].now_boot};
		int64_t shift = 0;
		int rc;

		now.boot_id[15] = rows[i].same ? 0 : 1;
		rc = snapshot_shift(&then, &now, &shift, &err);
		if (snapshot_age_s(&then, &now) != rows[i].age ||
		    rc != (rows[i].age < 0 ? -1 : 0) || shift != rows[i].shift)
			fail_msg("row %zu: %lld", i, (long long)shift);
	}
}

static void
failures_and_what_is_too_old_are_left_out(void **state)
{
	struct entry e = {.ttl_s = 60, .stored_s = 1000};

	(void)state;
	assert_true(snapshot_wants(&e, 1000));
	assert_true(snapshot_wants(&e, 1060 + ENTRY_STALE_MAX_S));
	assert_false(snapshot_wants(&e, 1061 + ENTRY_STALE_MAX_S));
	assert_false(snapshot_wants(&e, 999));
	e.flags = ENTRY_FAILURE;
	assert_false(snapshot_wants(&e, 1000));
	e = (struct entry){.stored_s = 1000};
	assert_false(snapshot_wants(&e, 1000));
}

static void
records_come_back_and_no_others(void **state)
{
	static _Alignas(8) uint8_t record[PACKED_ROOM];
	uint64_t put = 7, taken = 7;
	size_t size;

	(void)state;
	for (unsigned n = 0; n < 200; n++) {
		const struct entry *e = made(n, n);

		size = snapshot_put(e, 7, &put, record);
		assert_true(size > 0);
		assert_int_equal(snapshot_take(record, size, 7, &taken, got), size);
		assert_int_equal(put, taken);
		assert_memory_equal(got, e, e->size);
		assert_int_equal(snapshot_take(record, size - 1, 7, &taken, got), 0);
		assert_int_equal(snapshot_take(record, size, 8, &taken, got), 0);
	}
	size = snapshot_put(made(1, 1), 7, &put, record);
	for (size_t at = 0; at < size; at++) {
		record[at] ^= 4;
		assert_int_equal(snapshot_take(record, size, 7, &taken, got), 0);
		record[at] ^= 4;
	}
}

/* ---- the file -------------------------------------------------------------------------------- */

static int
begin(void **state)
{
	make_keys(state);
	assert_non_null(mkdtemp(directory));
	snprintf(file, sizeof(file), "%s/cache", directory);
	snprintf(other, sizeof(other), "%s/other", directory);
	return 0;
}

static int
end(void **state)
{
	static const char *const names[] = {"cache.lock", "cache", "cache.new", "other"};
	char path[96];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", directory, names[i]);
		unlink(path);
	}
	assert_int_equal(rmdir(directory), 0);
	return free_pool(state);
}

/* Entry n, stored so long ago. */
static void
put(struct l2 *writers[], unsigned n_writers, unsigned n, int64_t age_s)
{
	assert_true(numbered_entry(n, n, LARGE, now_s() - age_s, memory) > 0);
	l2_put(writers[key_shard(&keys[n], n_writers)], (const struct entry *)memory);
}

/* A snapshot of `n` entries that are so old, from two shards. */
static void
save(unsigned n, int64_t age_s)
{
	int fds[2] = {shard_new(BYTES), shard_new(BYTES)};
	struct l2 *writers[2] = {writer_of(fds[0]), writer_of(fds[1])};
	struct l2 *readers[2] = {reader_of(fds[0]), reader_of(fds[1])};

	put_from = now_s();
	for (unsigned i = 0; i < n; i++)
		put(writers, 2, i, age_s);
	if (snapshot_save(&conf, readers, 2, &done, &err) != 0)
		fail_msg("%s", err.text);
	for (int i = 0; i < 2; i++) {
		l2_close(writers[i]);
		l2_close(readers[i]);
		close(fds[i]);
	}
}

/* The present file as if written so many seconds ago in another boot. */
static void
reboot(int64_t ago_s)
{
	int fd = open(file, O_RDWR);
	struct snapshot_head head;

	assert_int_equal(pread(fd, &head, sizeof(head), 0), sizeof(head));
	head.at.boot_id[0]++;
	head.at.wall_s -= ago_s;
	snapshot_head_seal(&head);
	assert_int_equal(pwrite(fd, &head, sizeof(head), 0), sizeof(head));
	close(fd);
}

/* What has become older since its entries were put, by clocks of whole seconds. */
static int64_t
meanwhile_s(void)
{
	return now_s() - put_from + 1;
}

/* Into `n` new shards of so many octets; how many keys are there then, each right, as old as said,
 * give or take the seconds that pass meanwhile. -1: it is refused. */
static int
load(unsigned n, size_t bytes, int64_t age_s)
{
	struct l2 *readers[4];
	int fds[4], there = 0;
	unsigned i;

	for (i = 0; i < n; i++)
		fds[i] = shard_new(bytes);
	if (snapshot_load(&conf, fds, (int)n, &done, &err) != 0)
		there = -1;
	for (i = 0; i < n; i++)
		readers[i] = reader_of(fds[i]);
	for (i = 0; there >= 0 && i < KEYS; i++) {
		if (!look(readers[key_shard(&keys[i], n)], i))
			continue;
		there++;
		if (age_s >= 0)
			assert_in_range(now_s() - found->stored_s - age_s, 0, meanwhile_s());
	}
	for (i = 0; i < n; i++) {
		if (there >= 0)
			assert_int_equal(stats_of(readers[i]).evictions, 0);
		l2_close(readers[i]);
		close(fds[i]);
	}
	return there;
}

static void
what_was_kept_is_there_whatever_the_shards(void **state)
{
	(void)state;
	save(FEW, 30);
	assert_int_equal(done.entries, FEW);
	assert_false(done.cut);
	for (unsigned n = 1; n <= 4; n++) {
		assert_int_equal(load(n, n == 3 ? BYTES / 2 : BYTES, 30), FEW);
		assert_int_equal(done.entries, FEW);
		assert_int_equal(done.left, 0);
	}
}

static void
a_reboot_makes_entries_older_by_the_time_it_took(void **state)
{
	(void)state;
	save(FEW, 30);
	reboot(500);
	assert_int_equal(load(2, BYTES, 530), FEW);
	assert_in_range(done.age_s, 500, 500 + meanwhile_s());
	/* Past their time by a day and more nobody may be told of them. */
	save(FEW, 30);
	reboot(8 * DAY);
	assert_int_equal(load(2, BYTES, 0), 0);
	assert_int_equal(done.left, FEW);
	save(FEW, 30);
	reboot(-100);
	assert_int_equal(load(2, BYTES, 0), -1);
	assert_non_null(strstr(err.text, "set the clock"));
}

/* Entry n lives for 300 + n seconds. */
static void
what_is_past_its_time_is_kept_for_a_day(void **state)
{
	int fd = shard_new(BYTES);
	struct l2 *s = writer_of(fd), *reader = reader_of(fd);

	(void)state;
	put_from = now_s();
	put(&s, 1, 1, DAY + 301 - 60);
	put(&s, 1, 2, DAY + 302 + 1);
	assert_int_equal(snapshot_save(&conf, &reader, 1, &done, &err), 0);
	assert_int_equal(done.entries, 1);
	assert_int_equal(load(1, BYTES, DAY + 301 - 60), 1);
	reboot(30);
	assert_int_equal(load(1, BYTES, DAY + 301 - 30), 1);
	reboot(31);
	assert_int_equal(load(1, BYTES, 0), 0);
	l2_close(s);
	l2_close(reader);
	close(fd);
}

static void
a_small_shard_takes_what_it_has_room_for(void **state)
{
	int there;

	(void)state;
	save(4000, 10);
	there = load(1, L2_BYTES_MIN, 10);
	assert_in_range(there, 100, 3999);
	assert_int_equal((unsigned)there, done.entries);
	assert_int_equal(done.entries + done.left, 4000);
}

static void
a_file_is_no_larger_than_it_may_be(void **state)
{
	struct stat st;

	(void)state;
	conf.snapshot.max_mib = 1;
	save(4000, 10);
	conf.snapshot.max_mib = 64;
	assert_true(done.cut);
	assert_int_equal(stat(file, &st), 0);
	assert_int_equal((uint64_t)st.st_size, done.bytes);
	assert_in_range(st.st_size, 900 << 10, 1 << 20);
	assert_int_equal((unsigned)load(2, BYTES, 10), done.entries);
}

/* ---- files that are none --------------------------------------------------------------------- */

static void
flip(off_t at)
{
	int fd = open(file, O_RDWR);
	uint8_t octet;

	assert_int_equal(pread(fd, &octet, 1, at), 1);
	octet ^= 0x10;
	assert_int_equal(pwrite(fd, &octet, 1, at), 1);
	close(fd);
}

static off_t
size_of_file(void)
{
	struct stat st;

	assert_int_equal(stat(file, &st), 0);
	return st.st_size;
}

static void
cut_by_one(void)
{
	assert_int_equal(truncate(file, size_of_file() - 8), 0);
}

static void
cut_to_a_head(void)
{
	assert_int_equal(truncate(file, 87), 0);
}

static void
longer(void)
{
	assert_int_equal(truncate(file, size_of_file() + 8), 0);
}

static void
head_damaged(void)
{
	flip(70);
}

static void
magic_damaged(void)
{
	flip(0);
}

static void
middle_damaged(void)
{
	flip(size_of_file() / 2);
}

static void
last_damaged(void)
{
	flip(size_of_file() - 1);
}

/* Its head says so, and is sealed: whoever wrote it meant it. */
static void
one_record_less(void)
{
	int fd = open(file, O_RDWR);
	struct snapshot_head head;

	assert_int_equal(pread(fd, &head, sizeof(head), 0), sizeof(head));
	head.entries--;
	snapshot_head_seal(&head);
	assert_int_equal(pwrite(fd, &head, sizeof(head), 0), sizeof(head));
	close(fd);
}

static void
another_digest(void)
{
	int fd = open(file, O_RDWR);
	struct snapshot_head head;

	assert_int_equal(pread(fd, &head, sizeof(head), 0), sizeof(head));
	head.digest++;
	snapshot_head_seal(&head);
	assert_int_equal(pwrite(fd, &head, sizeof(head), 0), sizeof(head));
	close(fd);
}

static void
empty(void)
{
	assert_int_equal(truncate(file, 0), 0);
}

static void
for_all_to_write(void)
{
	assert_int_equal(chmod(file, 0620), 0);
}

static void
a_link(void)
{
	assert_int_equal(rename(file, other), 0);
	assert_int_equal(symlink(other, file), 0);
}

static void
a_pipe(void)
{
	assert_int_equal(unlink(file), 0);
	assert_int_equal(mkfifo(file, 0600), 0);
}

static void
what_is_not_as_it_was_written_is_not_used(void **state)
{
	static const struct {
		void (*spoil)(void);
		const char *word;
	} rows[] = {
	    {cut_by_one, "octets and should have"},
	    {cut_to_a_head, "too short"},
	    {longer, "octets and should have"},
	    {head_damaged, "head is damaged"},
	    {magic_damaged, "no snapshot of this release"},
	    {middle_damaged, "is damaged"},
	    {last_damaged, "is damaged"},
	    {one_record_less, "not as it was written"},
	    {another_digest, "not as it was written"},
	    {empty, "too short"},
	    {for_all_to_write, "somebody else"},
	    {a_link, "cannot open"},
	    {a_pipe, "is no file"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		unlink(file);
		save(FEW, 10);
		rows[i].spoil();
		if (load(2, BYTES, -1) != -1 || strstr(err.text, rows[i].word) == NULL ||
		    strstr(err.text, file) == NULL)
			fail_msg("row %zu: %s", i, err.text);
	}
	unlink(file);
	unlink(other);
	assert_int_equal(load(2, BYTES, -1), 0);
	assert_true(done.absent);
}

static void
every_octet_counts(void **state)
{
	(void)state;
	unlink(file);
	save(3, 10);
	for (off_t at = 0; at < size_of_file(); at += 7) {
		flip(at);
		assert_int_equal(load(1, L2_BYTES_MIN, -1), -1);
		flip(at);
	}
	assert_int_equal(load(1, L2_BYTES_MIN, 10), 3);
}

/* ---- others at work -------------------------------------------------------------------------- */

static bool
is_written(const char *path)
{
	int fd = open(path, O_RDONLY);
	uint64_t magic = 0;
	bool whole = fd >= 0 && pread(fd, &magic, sizeof(magic), 0) == sizeof(magic) && magic != 0;

	if (fd >= 0)
		close(fd);
	return whole;
}

/* With the file's lock in our hands until the snapshot is there but for its name. */
static void
a_name_that_is_flushed_meanwhile_does_not_come_back(void **state)
{
	int fd = shard_new(BYTES), lock, status;
	struct l2 *s = writer_of(fd), *reader = reader_of(fd);
	char path[80];
	pid_t pid;

	(void)state;
	unlink(file);
	put(&s, 1, 1, 0);
	snprintf(path, sizeof(path), "%s.lock", file);
	lock = open(path, O_RDWR | O_CREAT, 0600);
	assert_int_equal(flock(lock, LOCK_EX), 0);
	pid = fork();
	if (pid == 0) {
		close(lock);
		_exit(snapshot_save(&conf, &reader, 1, &done, &err) != 0 &&
			      strstr(err.text, "flushed") != NULL
			  ? 0
			  : 1);
	}
	snprintf(path, sizeof(path), "%s.new", file);
	while (!is_written(path))
		usleep(1000);
	assert_int_equal(snapshot_save(&conf, &reader, 1, &done, &err), -1);
	assert_non_null(strstr(err.text, "another process"));
	l2_purge(s, NULL, NULL);
	close(lock);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(access(file, F_OK), -1);
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(snapshot_save(&conf, &reader, 1, &done, &err), 0);
	assert_int_equal(done.entries, 0);
	assert_int_equal(snapshot_remove(&conf, &err), 0);
	assert_int_equal(access(file, F_OK), -1);
	assert_int_equal(snapshot_remove(&conf, &err), 0);
	l2_close(s);
	l2_close(reader);
	close(fd);
}

static void
one_that_cannot_be_written_leaves_the_one_before(void **state)
{
	struct snapshot_head before, after;
	int fd = shard_new(BYTES);
	struct l2 *s = writer_of(fd), *reader = reader_of(fd);
	struct rlimit was, small = {4096, 4096};

	(void)state;
	save(FEW, 0);
	assert_int_equal(snapshot_look(&conf, &before, &err), 0);
	assert_int_equal(before.entries, FEW);
	for (unsigned i = 0; i < 100; i++)
		put(&s, 1, i, 0);
	/* As a full disk: the file may not grow. */
	getrlimit(RLIMIT_FSIZE, &was);
	small.rlim_max = was.rlim_max;
	setrlimit(RLIMIT_FSIZE, &small);
	assert_int_equal(snapshot_save(&conf, &reader, 1, &done, &err), -1);
	setrlimit(RLIMIT_FSIZE, &was);
	assert_int_equal(snapshot_look(&conf, &after, &err), 0);
	assert_memory_equal(&after, &before, sizeof(after));
	l2_close(s);
	l2_close(reader);
	close(fd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(times_are_moved_by_the_clock_that_went_on),
	    cmocka_unit_test(failures_and_what_is_too_old_are_left_out),
	    cmocka_unit_test(records_come_back_and_no_others),
	    cmocka_unit_test(what_was_kept_is_there_whatever_the_shards),
	    cmocka_unit_test(a_reboot_makes_entries_older_by_the_time_it_took),
	    cmocka_unit_test(what_is_past_its_time_is_kept_for_a_day),
	    cmocka_unit_test(a_small_shard_takes_what_it_has_room_for),
	    cmocka_unit_test(a_file_is_no_larger_than_it_may_be),
	    cmocka_unit_test(what_is_not_as_it_was_written_is_not_used),
	    cmocka_unit_test(every_octet_counts),
	    cmocka_unit_test(a_name_that_is_flushed_meanwhile_does_not_come_back),
	    cmocka_unit_test(one_that_cannot_be_written_leaves_the_one_before),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
