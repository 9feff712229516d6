/* Packets by the batch: each as it was put, in order, and none lost or leaked on the way. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "resolver/ask_batch.h"

#define ROOM 300

struct pair {
	int ends[2];
	struct ask_out out;
	struct ask_in in;
};

static int
pair_open(void **state)
{
	struct pair *p = calloc(1, sizeof(*p));

	assert_non_null(p);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, p->ends), 0);
	assert_int_equal(ask_in_open(&p->in, ROOM), 0);
	*state = p;
	return 0;
}

static int
pair_close(void **state)
{
	struct pair *p = *state;

	ask_in_close(&p->in);
	close(p->ends[0]);
	if (p->ends[1] >= 0)
		close(p->ends[1]);
	free(p);
	return 0;
}

/* Its number, then as many octets of it. */
static bool
put(struct pair *p, uint8_t number)
{
	uint8_t body[UINT8_MAX];

	memset(body, number, sizeof(body));
	return ask_out_put(&p->out, &number, 1, body, number);
}

static void
is_packet(const struct pair *p, unsigned i, uint8_t number)
{
	const uint8_t *packet = ask_in_packet(&p->in, i);

	assert_int_equal((uintptr_t)packet % 8, 0);
	assert_int_equal(p->in.packets[i].length, 1 + number);
	assert_int_equal(p->in.packets[i].descriptor, -1);
	for (unsigned at = 0; at <= number; at++)
		assert_int_equal(packet[at], number);
}

static void
a_batch_arrives_as_single_packets(void **state)
{
	struct pair *p = *state;
	unsigned n = 0;

	while (n < ASK_BATCH) {
		assert_true(put(p, (uint8_t)n));
		n++;
	}
	assert_false(put(p, 1));
	assert_int_equal(ask_out_send(&p->out, p->ends[0]), ASK_BATCH);
	assert_int_equal(ask_in_receive(&p->in, p->ends[1], 5), 5);
	for (n = 0; n < 5; n++)
		is_packet(p, n, (uint8_t)n);
	assert_int_equal(ask_in_receive(&p->in, p->ends[1], ASK_BATCH), ASK_BATCH - 5);
	for (n = 5; n < ASK_BATCH; n++)
		is_packet(p, n - 5, (uint8_t)n);
	assert_int_equal(ask_in_receive(&p->in, p->ends[1], ASK_BATCH), -1);
	assert_int_equal(errno, EAGAIN);
	assert_int_equal(p->in.n, 0);
}

static void
a_cleared_batch_is_empty(void **state)
{
	struct pair *p = *state;

	assert_true(put(p, 9));
	ask_out_clear(&p->out);
	assert_int_equal(ask_out_send(&p->out, p->ends[0]), 0);
	assert_true(put(p, 3));
	assert_int_equal(ask_out_send(&p->out, p->ends[0]), 1);
	assert_int_equal(ask_in_receive(&p->in, p->ends[1], ASK_BATCH), 1);
	is_packet(p, 0, 3);
}

static void
what_has_no_room_is_not_put(void **state)
{
	static uint8_t large[ASK_OUT_ROOM];
	struct pair *p = *state;

	assert_false(ask_out_put(&p->out, "x", 1, large, sizeof(large)));
	assert_true(ask_out_put(&p->out, "x", 1, large, sizeof(large) - 1));
	assert_false(ask_out_put(&p->out, "x", 1, NULL, 0));
	assert_int_equal(p->out.n, 1);
}

static void
a_full_socket_takes_the_first(void **state)
{
	struct pair *p = *state;
	int least = 1;
	unsigned sent = 0, taken, got = 0;

	assert_int_equal(setsockopt(p->ends[0], SOL_SOCKET, SO_SNDBUF, &least, sizeof(least)), 0);
	for (unsigned i = 0; i < ASK_BATCH; i++)
		assert_true(put(p, (uint8_t)(100 + i)));
	do {
		taken = ask_out_send(&p->out, p->ends[0]);
		sent += taken;
	} while (taken == ASK_BATCH);
	assert_int_equal(errno, EAGAIN);
	while (ask_in_receive(&p->in, p->ends[1], ASK_BATCH) > 0)
		for (unsigned i = 0; i < p->in.n; i++)
			is_packet(p, i, (uint8_t)(100 + got++ % ASK_BATCH));
	assert_int_equal(got, sent);
}

static void
the_end_and_what_is_too_large_are_told(void **state)
{
	static uint8_t large[ROOM + 1];
	struct pair *p = *state;

	assert_true(ask_out_put(&p->out, large, sizeof(large), NULL, 0));
	assert_true(put(p, 2));
	assert_int_equal(ask_out_send(&p->out, p->ends[0]), 2);
	assert_int_equal(ask_in_receive(&p->in, p->ends[1], 2), 2);
	assert_int_equal(p->in.packets[0].length, -1);
	is_packet(p, 1, 2);
	close(p->ends[0]);
	p->ends[0] = dup(p->ends[1]);
	assert_true(ask_in_receive(&p->in, p->ends[1], ASK_BATCH) > 0);
	assert_int_equal(p->in.packets[0].length, 0);
}

static void
a_descriptor_comes_with_its_packet_or_is_closed(void **state)
{
	struct pair *p = *state;
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC), came, dropped;

	for (int i = 0; i < 3; i++)
		assert_int_equal(ask_send(p->ends[0], "x", 1, NULL, 0, i > 0 ? fd : -1), 0);
	close(fd);
	assert_int_equal(ask_in_receive(&p->in, p->ends[1], ASK_BATCH), 3);
	assert_int_equal(p->in.packets[0].descriptor, -1);
	came = p->in.packets[1].descriptor;
	dropped = p->in.packets[2].descriptor;
	assert_true(came >= 0 && dropped >= 0);
	ask_in_drop(&p->in, 2);
	assert_int_equal(fcntl(came, F_GETFD), FD_CLOEXEC);
	assert_int_equal(fcntl(dropped, F_GETFD), -1);
	close(came);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
		a_batch_arrives_as_single_packets, pair_open, pair_close),
	    cmocka_unit_test_setup_teardown(a_cleared_batch_is_empty, pair_open, pair_close),
	    cmocka_unit_test_setup_teardown(what_has_no_room_is_not_put, pair_open, pair_close),
	    cmocka_unit_test_setup_teardown(a_full_socket_takes_the_first, pair_open, pair_close),
	    cmocka_unit_test_setup_teardown(
		the_end_and_what_is_too_large_are_told, pair_open, pair_close),
	    cmocka_unit_test_setup_teardown(
		a_descriptor_comes_with_its_packet_or_is_closed, pair_open, pair_close),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
