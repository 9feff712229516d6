/* steer: datagrams go to the sockets that are read, at random, and to no other; from one address
 * and port as from many. By the kernel itself, over loopback. And a heart that stops is seen
 * soon. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "healthd/steer.h"

enum { N = 6, SENT = 120 };

static int group[N], client = -1;
static struct sockaddr_in at;

static int
set_up(void **state)
{
	socklen_t size = sizeof(at);
	int on = 1;

	(void)state;
	at = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	for (int i = 0; i < N; i++) {
		group[i] = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
		if (setsockopt(group[i], SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) != 0 ||
		    bind(group[i], (struct sockaddr *)&at, sizeof(at)) != 0 ||
		    getsockname(group[i], (struct sockaddr *)&at, &size) != 0)
			return -1;
	}
	client = socket(AF_INET, SOCK_DGRAM, 0);
	return connect(client, (struct sockaddr *)&at, sizeof(at));
}

static int
tear_down(void **state)
{
	(void)state;
	for (int i = 0; i < N; i++)
		close(group[i]);
	close(client);
	return 0;
}

static void
attach(uint64_t bits)
{
	struct sock_filter code[STEER_MAX];
	struct sock_fprog program = {.filter = code};

	program.len = (unsigned short)steer_program(bits, code);
	assert_in_range(program.len, 1, STEER_MAX);
	assert_int_equal(
	    setsockopt(group[0], SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program, sizeof(program)),
	    0);
}

/* How many of SENT datagrams of one client arrived where. */
static void
flood(int got[N])
{
	char octet = 'x';

	memset(got, 0, N * sizeof(got[0]));
	for (int i = 0; i < SENT; i++) {
		assert_int_equal(send(client, &octet, 1, 0), 1);
		for (int s = 0; s < N; s++)
			got[s] += recv(group[s], &octet, 1, 0) == 1;
	}
}

static void
only_those_that_are_read_are_sent_to(void **state)
{
	static const uint64_t rows[] = {1, 1 << 5, 0x21, 0x2a, 0x3e, 0x3f};

	(void)state;
	for (size_t r = 0; r < sizeof(rows) / sizeof(rows[0]); r++) {
		int got[N], all = 0;

		attach(rows[r]);
		flood(got);
		for (int s = 0; s < N; s++) {
			all += got[s];
			/* One of k gets none of 120 by chance once in (1 - 1/k)^-120: never. */
			assert_true((got[s] > 0) == ((rows[r] >> s & 1) != 0));
		}
		assert_int_equal(all, SENT);
	}
}

static void
nobody_is_no_program(void **state)
{
	struct sock_filter code[STEER_MAX];

	(void)state;
	assert_int_equal(steer_program(0, code), 0);
	assert_int_equal(steer_program(UINT64_MAX, code), 2 + 2 * 64 - 1);
	assert_int_equal(steer_program(UINT64_C(1) << 63, code), 1);
}

enum { BEAT_US = 20000, SOON_US = 50000, STEP_US = 500 };

/* A worker's heart beats each BEAT_US until it hangs; so long after that it is seen to be late by
 * who looks for the first time at `look_us` and then as it is told to. */
static int64_t
seen_after_us(int64_t hang_us, int64_t look_us, int *looks)
{
	for (*looks = 0;; ++*looks) {
		int64_t alive_us = look_us < hang_us ? look_us : hang_us;
		int64_t late_us = look_us - alive_us / BEAT_US * BEAT_US;

		if (late_us >= STEER_BEAT_MS * 1000)
			return look_us - hang_us;
		assert_in_range(steer_look_us(late_us), 1000, STEER_LOOK_MS * 1000);
		look_us += steer_look_us(late_us);
	}
}

static void
who_hangs_is_seen_within_50_ms(void **state)
{
	int looks;

	(void)state;
	for (int64_t hang_us = 10 * BEAT_US; hang_us < 11 * BEAT_US; hang_us += STEP_US)
		for (int64_t look_us = 0; look_us < STEER_LOOK_MS * 1000; look_us += STEP_US)
			assert_in_range(seen_after_us(hang_us, look_us, &looks), 0, SOON_US);
}

static void
nobody_is_looked_at_more_often_while_all_beat(void **state)
{
	int looks;

	(void)state;
	for (int64_t look_us = 0; look_us < STEER_LOOK_MS * 1000; look_us += STEP_US) {
		seen_after_us(INT64_C(10000000), look_us, &looks);
		assert_in_range(looks, 1, 10000 / STEER_LOOK_MS + 3);
	}
	assert_int_equal(steer_look_us(0), STEER_LOOK_MS * 1000);
	assert_int_equal(steer_look_us(-5), STEER_LOOK_MS * 1000);
	/* Nobody beats in time: it is not worth a spin. */
	assert_int_equal(steer_look_us(STEER_BEAT_MS * 1000), STEER_LOOK_MS * 1000);
	assert_int_equal(steer_look_us(INT64_MAX), STEER_LOOK_MS * 1000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
		only_those_that_are_read_are_sent_to, set_up, tear_down),
	    cmocka_unit_test(nobody_is_no_program),
	    cmocka_unit_test(who_hangs_is_seen_within_50_ms),
	    cmocka_unit_test(nobody_is_looked_at_more_often_while_all_beat),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
