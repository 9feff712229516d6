/* steer: datagrams go to the sockets that are read, at random, and to no other; from one address
 * and port as from many. By the kernel itself, over loopback. */
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

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
		only_those_that_are_read_are_sent_to, set_up, tear_down),
	    cmocka_unit_test(nobody_is_no_program),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
