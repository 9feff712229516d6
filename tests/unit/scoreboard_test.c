/*
 * scoreboard: slots of writers, seen by readers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/scoreboard.h"
#include "lib/sealed.h"

static struct err err;

static void
a_reader_sees_what_the_writer_counts(void **state)
{
	int fd, reader;
	struct scoreboard *w = scoreboard_make('w', &fd, &err), *r;

	(void)state;
	assert_non_null(w);
	reader = sealed_reopen(fd, &err);
	assert_true(reader >= 0);
	r = scoreboard_map(reader, false, &err);
	assert_non_null(r);
	assert_int_equal(r->kind, 'w');
	assert_int_equal(atomic_load(&r->queries_udp), 0);
	score_add(&w->queries_udp, 3);
	score_add(&w->rcode[2], 1);
	assert_int_equal(atomic_load(&r->queries_udp), 3);
	assert_int_equal(atomic_load(&r->rcode[2]), 1);
	assert_null(scoreboard_map(reader, true, &err));
	scoreboard_unmap(r);
	/* The next process of the slot counts on. */
	scoreboard_unmap(w);
	w = scoreboard_map(fd, true, &err);
	assert_non_null(w);
	assert_int_equal(atomic_load(&w->queries_udp), 3);
	scoreboard_unmap(w);
	scoreboard_unmap(NULL);
	close(reader);
	close(fd);
}

static void
nobody_shrinks_grows_or_opens_it_up(void **state)
{
	int fd, reader;
	struct scoreboard *w = scoreboard_make('e', &fd, &err);
	struct stat st;

	(void)state;
	assert_non_null(w);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(ftruncate(fd, 0), -1);
	assert_int_equal(ftruncate(fd, 1 << 20), -1);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), -1);
	reader = sealed_reopen(fd, &err);
	assert_true(mmap(NULL, 64, PROT_WRITE, MAP_SHARED, reader, 0) == MAP_FAILED);
	assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	assert_int_equal(fcntl(reader, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	scoreboard_unmap(w);
	close(reader);
	close(fd);
}

/* A stranger's descriptor, or a slot of another version, is refused with a sentence. */
static void
what_is_no_scoreboard_is_refused(void **state)
{
	struct scoreboard *w;
	int fd, pipes[2], unsealed = memfd_create("test", MFD_ALLOW_SEALING), small;
	uint32_t *words[4];

	(void)state;
	assert_int_equal(pipe(pipes), 0);
	assert_int_equal(ftruncate(unsealed, sizeof(*w)), 0);
	small = sealed_make("test", 64, &err);
	assert_null(scoreboard_map(-1, false, &err));
	assert_null(scoreboard_map(pipes[0], false, &err));
	assert_null(scoreboard_map(unsealed, false, &err));
	assert_non_null(strstr(err.text, "not sealed"));
	assert_null(scoreboard_map(small, false, &err));
	w = scoreboard_make('w', &fd, &err);
	words[0] = &w->magic;
	words[1] = &w->version;
	words[2] = &w->size;
	words[3] = &w->kind;
	for (int i = 0; i < 4; i++) {
		*words[i] ^= 0x10000;
		assert_null(scoreboard_map(fd, false, &err));
		*words[i] ^= 0x10000;
	}
	scoreboard_unmap(w);
	w = scoreboard_map(fd, false, &err);
	assert_non_null(w);
	scoreboard_unmap(w);
	close(fd);
	close(small);
	close(unsealed);
	close(pipes[0]);
	close(pipes[1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_reader_sees_what_the_writer_counts),
	    cmocka_unit_test(nobody_shrinks_grows_or_opens_it_up),
	    cmocka_unit_test(what_is_no_scoreboard_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
