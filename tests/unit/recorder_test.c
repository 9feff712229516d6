/*
 * The flight recorder: what was written comes back in order, whatever happened to the file. Time is
 * the test's own: mono_now() is replaced.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bgpctl/recorder.h"
#include "bgpctl/ring.h"
#include "lib/mono.h"

#define SIZE (1 << 20)

static struct mono now = {1000000};
static char dir[64], path[96];

struct mono
mono_now(void)
{
	return now;
}

/* The disk, where the file is opened: it may hang. */
static sem_t disk;
static bool hangs;
static int on_the_loop;
static pthread_t loop_thread;

int
flock(int fd, int operation)
{
	on_the_loop += pthread_equal(pthread_self(), loop_thread);
	while (hangs && sem_wait(&disk) < 0)
		;
	return (int)syscall(SYS_flock, fd, operation);
}

struct seen {
	int n, events, samples;
	char first[256], last[256];
	int64_t numbers[100000]; /* of "N text" records */
	int n_numbers;
};
static struct seen seen;

static int
see(void *arg, enum record_type type, int64_t wall, int64_t mono, const void *data, size_t length)
{
	char text[256];

	(void)arg;
	assert_true(wall > 1000000000000000);
	assert_true(mono >= 1000000);
	snprintf(text, sizeof(text), "%.*s", (int)length, (const char *)data);
	seen.n++;
	if (type == RECORD_SAMPLE)
		seen.samples += (int)(length / sizeof(struct record_sample));
	if (type == RECORD_EVENT)
		seen.events++;
	if (type != RECORD_SAMPLE) {
		if (seen.first[0] == '\0')
			strcpy(seen.first, text);
		strcpy(seen.last, text);
		if (seen.n_numbers < 100000)
			seen.numbers[seen.n_numbers++] = atoll(text);
	}
	return 0;
}

static uint64_t
read_back(void)
{
	struct err err;
	uint64_t skipped = 99;

	memset(&seen, 0, sizeof(seen));
	if (recorder_read(path, see, NULL, &skipped, &err) < 0)
		fail_msg("%s", err.text);
	return skipped;
}

static struct recorder *
open_it(void)
{
	struct err err;
	struct recorder *r = recorder_open(path, SIZE, &err);

	if (r == NULL)
		fail_msg("%s", err.text);
	return r;
}

static void
append_numbers(struct recorder *r, int from, int to, size_t pad)
{
	char *text = calloc(1, pad + 32);

	for (int i = from; i < to; i++) {
		memset(text, ' ', pad + 31);
		text[snprintf(text, 32, "%d", i)] = ' ';
		recorder_append(r, RECORD_DECISION, text, pad + 16);
	}
	free(text);
}

static int
setup(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/anypop-recorder-XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/flight", dir);
	return 0;
}

static int
teardown(void **state)
{
	char aside[128];

	(void)state;
	snprintf(aside, sizeof(aside), "%s" RECORDER_SET_ASIDE, path);
	unlink(aside);
	unlink(path);
	rmdir(dir);
	return 0;
}

static void
what_was_written_comes_back(void **state)
{
	struct recorder *r = open_it();
	struct record_sample s = {.check = 3, .target = 1, .value = 100, .rtt_us = 212};
	struct stat st;

	(void)state;
	recorder_append(r, RECORD_BOOT, "boot", 4);
	for (int i = 0; i < 300; i++)
		recorder_append(r, RECORD_SAMPLE, &s, sizeof(s));
	recorder_event(r, 5, "event=rung from=full to=drain");
	recorder_append(r, RECORD_INPUT, "", 0);
	recorder_close(r);
	assert_int_equal(read_back(), 0);
	assert_int_equal(seen.samples, 300);
	assert_int_equal(seen.events, 1);
	assert_int_equal(
	    seen.n, 1 + 3 + 2); /* samples share records: 300 * 32 bytes in 4096 each */
	assert_string_equal(seen.first, "boot");
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, SIZE);
	assert_int_equal(st.st_mode & 07777, 0640);
}

static void
reopening_continues(void **state)
{
	(void)state;
	for (int i = 0; i < 5; i++) {
		struct recorder *r = open_it();

		append_numbers(r, i * 10, i * 10 + 10, 0);
		recorder_close(r);
	}
	assert_int_equal(read_back(), 0);
	assert_int_equal(seen.n_numbers, 50);
	for (int i = 0; i < 50; i++)
		assert_int_equal(seen.numbers[i], i);
}

static void
the_ring_wraps_and_keeps_the_newest_in_order(void **state)
{
	int n = 0;

	(void)state;
	for (int lap = 0; lap < 40; lap++) { /* 40 * 100 * about 1 KiB: nearly four laps */
		struct recorder *r = open_it();

		append_numbers(r, n, n + 100, 900 + (size_t)lap * 13);
		n += 100;
		recorder_close(r);
	}
	read_back();
	assert_int_equal(seen.numbers[seen.n_numbers - 1], n - 1);
	assert_true(seen.n_numbers > 500);
	for (int i = 1; i < seen.n_numbers; i++)
		assert_int_equal(seen.numbers[i], seen.numbers[i - 1] + 1);
}

static void
records_after_the_last_header_are_kept(void **state)
{
	uint8_t before[2 * RING_COPY_BYTES];
	struct recorder *r = open_it();
	int fd;

	(void)state;
	append_numbers(r, 0, 10, 0);
	recorder_close(r);
	fd = open(path, O_RDWR);
	assert_int_equal(pread(fd, before, sizeof(before), 0), sizeof(before));
	r = open_it();
	append_numbers(r, 10, 20, 0);
	recorder_close(r);
	/* As if the writer had died between its records and its header. */
	assert_int_equal(pwrite(fd, before, sizeof(before), 0), sizeof(before));
	close(fd);
	r = open_it();
	append_numbers(r, 20, 30, 0);
	recorder_close(r);
	assert_int_equal(read_back(), 0);
	assert_int_equal(seen.n_numbers, 30);
	for (int i = 0; i < 30; i++)
		assert_int_equal(seen.numbers[i], i);
}

static void
a_torn_record_is_skipped_and_counted(void **state)
{
	struct recorder *r = open_it();
	uint8_t junk = 0xff;
	int fd;

	(void)state;
	append_numbers(r, 0, 10, 400);
	recorder_close(r);
	fd = open(path, O_RDWR);
	/* Inside the fourth record's data. */
	assert_int_equal(pwrite(fd, &junk, 1, RING_HEADER_BYTES +
	    3 * (off_t)ring_record_size(416) + 200), 1);
	close(fd);
	assert_int_equal(read_back(), 1);
	assert_int_equal(seen.n_numbers, 9);
	assert_int_equal(seen.numbers[2], 2);
	assert_int_equal(seen.numbers[3], 4);
}

static void
one_header_copy_is_enough_and_none_is_set_aside(void **state)
{
	struct recorder *r = open_it();
	uint8_t junk[RING_COPY_BYTES];
	char aside[128];
	int fd;

	(void)state;
	memset(junk, 0xaa, sizeof(junk));
	append_numbers(r, 0, 5, 0);
	recorder_close(r);
	fd = open(path, O_RDWR);
	assert_int_equal(pwrite(fd, junk, sizeof(junk), RING_COPY_BYTES), sizeof(junk));
	r = open_it();
	append_numbers(r, 5, 7, 0);
	recorder_close(r);
	read_back();
	assert_int_equal(seen.n_numbers, 7);
	assert_int_equal(pwrite(fd, junk, sizeof(junk), 0), sizeof(junk));
	assert_int_equal(pwrite(fd, junk, sizeof(junk), RING_COPY_BYTES), sizeof(junk));
	close(fd);
	r = open_it();
	append_numbers(r, 100, 101, 0);
	recorder_close(r);
	read_back();
	assert_int_equal(seen.n_numbers, 1);
	assert_int_equal(seen.numbers[0], 100);
	snprintf(aside, sizeof(aside), "%s" RECORDER_SET_ASIDE, path);
	assert_int_equal(access(aside, F_OK), 0);
}

static void
a_foreign_file_is_set_aside_and_no_link_is_followed(void **state)
{
	struct recorder *r;
	struct err err;
	char aside[128], target[128], text[8] = {0};
	int fd = open(path, O_RDWR | O_CREAT, 0600);

	(void)state;
	assert_int_equal(write(fd, "precious", 8), 8);
	close(fd);
	r = open_it();
	recorder_close(r);
	snprintf(aside, sizeof(aside), "%s" RECORDER_SET_ASIDE, path);
	fd = open(aside, O_RDONLY);
	assert_int_equal(read(fd, text, 8), 8);
	assert_memory_equal(text, "precious", 8);
	close(fd);
	unlink(path);
	snprintf(target, sizeof(target), "%s/target", dir);
	assert_int_equal(symlink(target, path), 0);
	assert_null(recorder_open(path, SIZE, &err));
	assert_int_equal(access(target, F_OK), -1);
}

static void
two_writers_are_refused(void **state)
{
	struct recorder *r = open_it();
	struct err err;

	(void)state;
	assert_null(recorder_open(path, SIZE, &err));
	assert_non_null(strstr(err.text, "another process"));
	recorder_close(r);
}

static void
limit_files(rlim_t bytes)
{
	struct rlimit l;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &l), 0);
	l.rlim_cur = bytes;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &l), 0);
}

static void
no_room_is_met_at_open(void **state)
{
	struct recorder *r;
	struct err err;

	(void)state;
	limit_files(SIZE / 2);
	r = recorder_open(path, SIZE, &err);
	limit_files(RLIM_INFINITY);
	assert_null(r);
	assert_non_null(strstr(err.text, "recorder.size_mib"));
	assert_int_equal(access(path, F_OK), -1);
}

/* Flushes until the thread has ended the write before and its result is in. */
static int
flush_until(struct recorder *r, int want, struct err *err)
{
	int rc = 0;

	for (int i = 0; i < 5000 && rc == 0; i++) {
		rc = recorder_flush(r, err);
		if (rc == want || rc != 0)
			break;
		usleep(
		    1000); /* the thread's own progress: bounded by 5 s, and no verdict by time */
	}
	return rc;
}

static void
a_failing_disk_is_reported_once_and_tried_again(void **state)
{
	struct recorder *r = open_it();
	struct err err = {0};

	(void)state;
	append_numbers(r, 0, 10, 0);
	assert_int_equal(recorder_flush(r, &err), 0);
	limit_files(4096); /* every write of a record fails from here on */
	append_numbers(r, 10, 20, 0);
	assert_int_equal(flush_until(r, -1, &err), -1);
	assert_non_null(strstr(err.text, "nothing is recorded"));
	for (int i = 0; i < 59; i++) {
		now = mono_add_ms(now, 1000);
		append_numbers(r, 20, 21, 0);
		assert_int_equal(recorder_flush(r, &err), 0);
	}
	limit_files(RLIM_INFINITY);
	assert_true(recorder_dropped(r) >= 69);
	now = mono_add_ms(now, 2000);
	append_numbers(r, 30, 31, 0);
	assert_int_equal(flush_until(r, 1, &err), 1);
	append_numbers(r, 31, 32, 0);
	recorder_close(r);
	assert_int_equal(read_back(), 0);
	assert_int_equal(seen.numbers[seen.n_numbers - 2], 30);
	assert_int_equal(seen.numbers[seen.n_numbers - 1], 31);
	assert_true(seen.n_numbers <= 22);
}

static void
a_disk_that_hangs_at_the_opening_holds_nobody_up(void **state)
{
	struct recorder *r;
	struct err err;

	(void)state;
	loop_thread = pthread_self();
	on_the_loop = 0;
	assert_int_equal(sem_init(&disk, 0, 0), 0);
	hangs = true;
	r = recorder_begin(path, SIZE, &err);
	assert_non_null(r);
	append_numbers(r, 0, 10, 0);
	assert_int_equal(recorder_flush(r, &err), 0);
	now = mono_add_ms(now, 10000);
	assert_int_equal(recorder_flush(r, &err), -1);
	assert_non_null(strstr(err.text, "nothing is recorded"));
	assert_int_equal(recorder_flush(r, &err), 0); /* said once */
	sem_post(&disk);
	assert_int_equal(flush_until(r, 1, &err), 1);
	hangs = false;
	append_numbers(r, 10, 20, 0);
	recorder_close(r);
	assert_int_equal(on_the_loop, 0);
	assert_int_equal(read_back(), 0);
	assert_int_equal(seen.n_numbers, 20); /* from the first on */
}

static void
a_file_that_cannot_be_opened_is_tried_again(void **state)
{
	struct recorder *r;
	struct err err;

	(void)state;
	limit_files(SIZE / 2);
	r = recorder_begin(path, SIZE, &err);
	assert_non_null(r);
	assert_int_equal(flush_until(r, -1, &err), -1);
	assert_non_null(strstr(err.text, "recorder.size_mib"));
	append_numbers(r, 0, 10, 0);
	assert_int_equal(recorder_flush(r, &err), 0);
	limit_files(RLIM_INFINITY);
	now = mono_add_ms(now, 60000);
	assert_int_equal(flush_until(r, 1, &err), 1);
	append_numbers(r, 10, 20, 0);
	recorder_close(r);
	assert_int_equal(read_back(), 0);
	assert_int_equal(seen.numbers[seen.n_numbers - 1], 19);
}

static void
too_much_at_once_is_dropped_and_counted(void **state)
{
	struct recorder *r = open_it();

	(void)state;
	append_numbers(r, 0, 400, 1000);
	assert_true(recorder_dropped(r) > 100);
	recorder_close(r);
	assert_int_equal(read_back(), 0);
	assert_true(seen.n_numbers > 200);
}

static void
crc32c_is_castagnolis(void **state)
{
	(void)state;
	assert_int_equal(
	    crc32c(0, "123456789", 9), 0xe3069283u); /* RFC 3720, appendix B.4 and kin */
}

#define ROW(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		ROW(what_was_written_comes_back),
		ROW(reopening_continues),
		ROW(the_ring_wraps_and_keeps_the_newest_in_order),
		ROW(records_after_the_last_header_are_kept),
		ROW(a_torn_record_is_skipped_and_counted),
		ROW(one_header_copy_is_enough_and_none_is_set_aside),
		ROW(a_foreign_file_is_set_aside_and_no_link_is_followed),
		ROW(two_writers_are_refused),
		ROW(no_room_is_met_at_open),
		ROW(a_disk_that_hangs_at_the_opening_holds_nobody_up),
		ROW(a_file_that_cannot_be_opened_is_tried_again),
		ROW(a_failing_disk_is_reported_once_and_tried_again),
		ROW(too_much_at_once_is_dropped_and_counted),
		cmocka_unit_test(crc32c_is_castagnolis),
	};

	signal(SIGXFSZ, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
