/*
 * life: what a silent process does, seen from outside; with real processes. Readings are made 100
 * ms apart, as probes are; what must be so is waited for, what must not be is looked at several
 * times.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "healthd/life.h"

#define READ_MS 100
#define WAIT_MS 10000

typedef void deed(void);

static void
nap(int64_t ms)
{
	struct timespec ts = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

	nanosleep(&ts, NULL);
}

static void
spin(void)
{
	volatile unsigned n = 0;

	for (;;)
		n++;
}

/* What a deadlock is made of: a lock that nobody gives back. */
static void
wait_for_a_lock(void)
{
	static uint32_t word = 1;

	for (;;)
		syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 1, NULL, NULL, 0);
}

static void *
spin_thread(void *arg)
{
	(void)arg;
	spin();
	return NULL;
}

static void
spin_in_another_thread(void)
{
	pthread_t t;

	if (pthread_create(&t, NULL, spin_thread, NULL) == 0)
		wait_for_a_lock();
}

/* A loop that does nothing but look at the clock now and then: hung for whoever asks. */
static void
keep_a_clock(void)
{
	for (;;)
		nap(20);
}

static pid_t
begin(deed *what)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid != 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	alarm(60); /* whatever becomes of the test */
	what();
	_exit(1);
}

static void
end(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* How many of `n` looks, READ_MS apart, show life; stops early when `until` have. */
static int
looks(pid_t pid, int n, int until)
{
	struct life before = life_read(pid), now;
	int shown = 0;

	for (int i = 0; i < n && shown < until; i++) {
		nap(READ_MS);
		now = life_read(pid);
		shown += life_shown(&before, &now);
		before = now;
	}
	return shown;
}

static void
pin(pid_t pid, int cpu)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	assert_int_equal(sched_setaffinity(pid, sizeof(one), &one), 0);
}

/* A processor that this process may use. */
static int
some_cpu(void)
{
	cpu_set_t all;

	assert_int_equal(sched_getaffinity(0, sizeof(all), &all), 0);
	for (int i = 0; i < CPU_SETSIZE; i++)
		if (CPU_ISSET(i, &all))
			return i;
	fail_msg("no processor");
	return -1;
}

static void
a_busy_process_lives(void **state)
{
	pid_t pid = begin(spin);

	(void)state;
	assert_int_equal(looks(pid, WAIT_MS / READ_MS, 5), 5);
	end(pid);
}

static void
a_process_whose_other_thread_is_busy_lives(void **state)
{
	pid_t pid = begin(spin_in_another_thread);

	(void)state;
	assert_int_equal(looks(pid, WAIT_MS / READ_MS, 5), 5);
	end(pid);
}

/* Nice 19 beside hogs at nice 0 on one processor: it gets next to nothing of it, and wants it. */
static void
a_starved_process_lives(void **state)
{
	pid_t hogs[3], starved;
	int cpu = some_cpu();

	(void)state;
	for (int i = 0; i < 3; i++) {
		hogs[i] = begin(spin);
		pin(hogs[i], cpu);
	}
	starved = begin(spin);
	pin(starved, cpu);
	setpriority(PRIO_PROCESS, (id_t)starved, 19);
	assert_int_equal(looks(starved, WAIT_MS / READ_MS, 5), 5);
	end(starved);
	for (int i = 0; i < 3; i++)
		end(hogs[i]);
}

/* Waits until it sleeps: what it did before that is life. */
static void
come_to_rest(pid_t pid)
{
	struct life before = life_read(pid), now;

	for (int i = 0; i < WAIT_MS / READ_MS; i++) {
		nap(READ_MS);
		now = life_read(pid);
		if (now.known && !life_shown(&before, &now))
			return;
		before = now;
	}
	fail_msg("it never came to rest");
}

static void
a_stopped_process_does_not_live_whatever_it_did(void **state)
{
	static deed *const deeds[] = {spin, spin_in_another_thread, wait_for_a_lock};

	(void)state;
	for (size_t i = 0; i < sizeof(deeds) / sizeof(deeds[0]); i++) {
		pid_t pid = begin(deeds[i]);
		struct life first = {0}, now;
		int status;

		nap(READ_MS);
		kill(pid, SIGSTOP);
		assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
		now = life_read(pid);
		assert_true(now.known && now.stopped);
		assert_false(life_shown(&first, &now));
		assert_int_equal(looks(pid, 5, 1), 0);
		end(pid);
	}
}

static void
a_deadlocked_process_does_not_live(void **state)
{
	pid_t pid = begin(wait_for_a_lock);

	(void)state;
	come_to_rest(pid);
	assert_int_equal(looks(pid, 5, 1), 0);
	end(pid);
}

/* Under load such a process may now and then wait for a processor a while: most looks count. */
static void
one_that_only_keeps_a_clock_does_not_live(void **state)
{
	pid_t pid = begin(keep_a_clock);
	int shown = 0;

	(void)state;
	come_to_rest(pid);
	for (int tries = 0; tries < 10; tries++) {
		shown = looks(pid, 3, 1);
		if (shown == 0)
			break;
	}
	assert_int_equal(shown, 0);
	end(pid);
}

static void
what_is_not_there_does_not_live(void **state)
{
	pid_t pid = begin(spin);
	struct life before = life_read(pid), now;

	(void)state;
	end(pid);
	now = life_read(pid);
	assert_false(now.known);
	assert_false(life_shown(&before, &now));
}

static void
shares_of_the_time_decide(void **state)
{
	struct life before = {.known = true, .spent_us = 1000, .at = {1000000}};
	struct life now = {.known = true, .spent_us = 1000, .at = {1100000}};
	struct life unknown = {0};

	(void)state;
	assert_false(life_shown(&before, &now));
	now.spent_us = 1000 + 4999;
	assert_false(life_shown(&before, &now));
	now.spent_us = 1000 + 5000; /* a twentieth */
	assert_true(life_shown(&before, &now));
	assert_false(life_shown(&unknown, &now)); /* nothing to hold it against */
	now.spent_us = 10; /* a thread has ended */
	assert_true(life_shown(&before, &now));
	now.stopped = true;
	assert_false(life_shown(&before, &now));
	now = (struct life){.known = true, .runnable = true, .at = {1100000}};
	assert_true(life_shown(&unknown, &now));
	now.stopped = true;
	assert_false(life_shown(&unknown, &now));
	assert_false(life_shown(&before, &unknown));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(shares_of_the_time_decide),
	    cmocka_unit_test(a_busy_process_lives),
	    cmocka_unit_test(a_process_whose_other_thread_is_busy_lives),
	    cmocka_unit_test(a_starved_process_lives),
	    cmocka_unit_test(a_stopped_process_does_not_live_whatever_it_did),
	    cmocka_unit_test(a_deadlocked_process_does_not_live),
	    cmocka_unit_test(one_that_only_keeps_a_clock_does_not_live),
	    cmocka_unit_test(what_is_not_there_does_not_live),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
