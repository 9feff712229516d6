/* errand: what waits for a disk waits alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <semaphore.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/errand.h"

static sem_t disk, gone;
static int port;
static bool held;

static int
wait_for_disk(void *arg)
{
	held = fcntl(port, F_GETFD) != -1;
	while (sem_wait(&disk) < 0)
		;
	(*(int *)arg)++;
	sem_post(&gone);
	return *(int *)arg == 2 ? EIO : 0;
}

static int
setup(void **state)
{
	(void)state;
	port = socket(AF_INET, SOCK_STREAM, 0);
	return port < 3 || sem_init(&disk, 0, 0) < 0 || sem_init(&gone, 0, 0) < 0;
}

static int
teardown(void **state)
{
	(void)state;
	return close(port);
}

static void
who_begins_it_does_not_wait(void **state)
{
	int done = 0;
	struct errand *e = errand_new(wait_for_disk, &done);

	(void)state;
	assert_non_null(e);
	assert_false(errand_busy(e));
	for (int i = 0; i < 3; i++) {
		errand_begin(e);
		assert_true(errand_busy(e));
		assert_false(errand_wait(e, 0));
		sem_post(&disk);
		assert_true(errand_wait(e, -1));
		assert_int_equal(errand_result(e), i == 1 ? EIO : 0);
	}
	assert_int_equal(done, 3);
	assert_true(errand_free(e));
}

/* Else what is held by a disk, and not by SIGKILL, would hold the ports of its successor. */
static void
it_holds_no_descriptor_of_its_process(void **state)
{
	int done = 0;
	struct errand *e = errand_new(wait_for_disk, &done);

	(void)state;
	held = true;
	errand_begin(e);
	sem_post(&disk);
	assert_true(errand_wait(e, -1));
	assert_false(held);
	assert_int_equal(fcntl(port, F_GETFD), 0); /* ours is ours still */
	assert_true(errand_free(e));
}

static void
one_that_hangs_is_left_to_itself(void **state)
{
	static struct errand *e;
	static int done;

	(void)state;
	while (sem_trywait(&gone) == 0)
		;
	e = errand_new(wait_for_disk, &done);
	errand_begin(e);
	assert_false(errand_free(e));
	sem_post(&disk);
	while (sem_wait(&gone) < 0) /* it goes on all the same, and ends */
		;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(who_begins_it_does_not_wait),
	    cmocka_unit_test(it_holds_no_descriptor_of_its_process),
	    cmocka_unit_test(one_that_hangs_is_left_to_itself),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
