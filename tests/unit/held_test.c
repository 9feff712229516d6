/* held and board: descriptors keep their names over exec's environment and over sockets; garbage is
 * refused; a neighbour is found for every worker that is not ready. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/board.h"
#include "lib/held.h"
#include "lib/sealed.h"

static int
zero(void)
{
	int fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static bool
is_open(int fd)
{
	return fcntl(fd, F_GETFD) != -1;
}

static void
names_are_checked(void **state)
{
	(void)state;
	assert_true(held_name_ok("udp.3.0"));
	assert_true(held_name_ok("a_b-C"));
	assert_false(held_name_ok(""));
	assert_false(held_name_ok("a:b"));
	assert_false(held_name_ok("a b"));
	assert_false(held_name_ok("a\n"));
	assert_true(held_name_ok("1234567890123456789012345678901"));
	assert_false(held_name_ok("12345678901234567890123456789012"));
}

static void
what_cannot_be_added_is_closed(void **state)
{
	struct held h = {0};
	int first = zero(), again = zero(), bad = zero();
	struct err err;

	(void)state;
	assert_int_equal(held_add(&h, "one", first, &err), 0);
	assert_int_equal(held_add(&h, "one", again, &err), -1);
	assert_false(is_open(again));
	assert_int_equal(held_add(&h, "a:b", bad, &err), -1);
	assert_false(is_open(bad));
	assert_int_equal(held_find(&h, "one"), first);
	assert_int_equal(held_find(&h, "two"), -1);
	held_fini(&h);
	assert_false(is_open(first));
	assert_int_equal(h.n, 0);
}

static void
packets_carry_a_descriptor_or_a_note(void **state)
{
	char name[HELD_NAME], note[HELD_TEXT];
	int pair[2], fd, sent = zero();

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	assert_int_equal(held_send(pair[0], "shard.0", sent, NULL), 0);
	assert_int_equal(held_send(pair[0], "done", -1, "engines=2"), 0);
	assert_int_equal(held_send(pair[0], "done", -1, NULL), 0);
	close(pair[0]);
	assert_int_equal(held_receive(pair[1], name, &fd, note), 1);
	assert_string_equal(name, "shard.0");
	assert_true(is_open(fd));
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	assert_string_equal(note, "");
	close(fd);
	assert_int_equal(held_receive(pair[1], name, &fd, note), 1);
	assert_string_equal(name, "done");
	assert_int_equal(fd, -1);
	assert_string_equal(note, "engines=2");
	assert_int_equal(held_receive(pair[1], name, &fd, note), 1);
	assert_string_equal(note, "");
	assert_int_equal(held_receive(pair[1], name, &fd, note), 0);
	close(pair[1]);
	close(sent);
}

static void
other_packets_are_refused(void **state)
{
	static const struct {
		char bytes[48];
		size_t n;
	} rows[] = {
	    {"x", 1},
	    {"name\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
		32}, /* neither of both */
	    {"a:b\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0note", 37},
	    {"01234567890123456789012345678901note", 37}, /* a name without an end */
	    {"name\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0note",
		36}, /* a note without */
	};
	static char big[HELD_NAME + HELD_TEXT + 1] = "big";
	char name[HELD_NAME], note[HELD_TEXT];
	int pair[2], fd;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(send(pair[0], rows[i].bytes, rows[i].n, 0), rows[i].n);
		assert_int_equal(held_receive(pair[1], name, &fd, note), -1);
		assert_int_equal(errno, EPROTO);
		assert_int_equal(fd, -1);
	}
	assert_int_equal(send(pair[0], big, sizeof(big), 0), sizeof(big));
	assert_int_equal(held_receive(pair[1], name, &fd, note), -1);
	close(pair[0]);
	close(pair[1]);
}

/* Room for one, by the kernel's alignment, is room for two. */
static void
a_packet_of_two_descriptors_leaves_none_open(void **state)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(2 * sizeof(int))] = {0};
	char packet[HELD_NAME] = "two", name[HELD_NAME], note[HELD_TEXT];
	struct iovec iov = {packet, sizeof(packet)};
	struct msghdr m = {.msg_iov = &iov,
	    .msg_iovlen = 1,
	    .msg_control = control,
	    .msg_controllen = sizeof(control)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	int pair[2], fd, before = zero(), after, sent[2] = {before, before};

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(sent));
	memcpy(CMSG_DATA(c), sent, sizeof(sent));
	assert_int_equal(sendmsg(pair[0], &m, 0), sizeof(packet));
	assert_int_equal(held_receive(pair[1], name, &fd, note), -1);
	assert_int_equal(errno, EPROTO);
	assert_int_equal(fd, -1);
	after = zero();
	assert_int_equal(after, pair[1] + 1);
	close(after);
	close(pair[0]);
	close(pair[1]);
	close(before);
}

/* What systemd would do for us: numbers from 3 on, in this very process. */
static void
hand(const char *names, int n)
{
	char text[24];

	snprintf(text, sizeof(text), "%d", n);
	setenv("LISTEN_FDS", text, 1);
	snprintf(text, sizeof(text), "%d", (int)getpid());
	setenv("LISTEN_PID", text, 1);
	setenv("LISTEN_FDNAMES", names, 1);
}

static void
the_environment_hands_over_what_has_a_name(void **state)
{
	struct held h;
	struct err err;
	int fd = zero();

	(void)state;
	assert_int_equal(held_from_env(&h, &err), 0);
	assert_int_equal(h.n, 0);
	for (int i = 0; i < 4; i++)
		assert_int_equal(dup2(fd, HELD_FIRST + i), HELD_FIRST + i);
	hand("udp.0.0:unknown:udp.0.0:score.e0", 4);
	assert_int_equal(held_from_env(&h, &err), 0);
	assert_int_equal(h.n, 2);
	assert_int_equal(held_find(&h, "udp.0.0"), 3);
	assert_int_equal(held_find(&h, "score.e0"), 6);
	assert_false(is_open(4));
	assert_false(is_open(5));
	assert_null(getenv("LISTEN_FDS"));
	held_fini(&h);
}

static void
each_that_is_not_ready_has_one_neighbour(void **state)
{
	static const struct {
		uint64_t ready;
		unsigned n;
	} rows[] = {
	    {0xb, 4}, {1, 1}, {1, 4}, {8, 4}, {5, 4}, {0, 4}, {0xf, 4}, {UINT64_MAX << 1, 64}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t all = rows[i].n == 64 ? UINT64_MAX : (UINT64_C(1) << rows[i].n) - 1;
		uint64_t read = 0, wards;

		for (unsigned own = 0; own < rows[i].n; own++) {
			wards = board_wards(rows[i].ready, own, rows[i].n);
			assert_true((wards & (read | rows[i].ready)) == 0);
			read |= wards;
		}
		assert_true(read == (rows[i].ready == 0 ? 0 : all & ~rows[i].ready));
	}
	assert_true(board_wards(0xb, 1, 4) == 4);
	assert_true(board_wards(0xb, 4, 4) == 0);
	assert_true(board_wards(~UINT64_C(0), 0, 65) == 0);
}

static void
a_board_is_checked_before_it_is_believed(void **state)
{
	struct board *b, *reader;
	struct err err;
	int fd, read_only, other;

	(void)state;
	b = board_make(&fd, &err);
	assert_non_null(b);
	read_only = sealed_reopen(fd, &err);
	assert_true(read_only >= 0);
	reader = board_map(read_only, false, &err);
	assert_non_null(reader);
	atomic_store(&b->ready, 5);
	assert_true(atomic_load(&reader->ready) == 5);
	assert_null(board_map(read_only, true, &err));
	b->version++;
	assert_null(board_map(fd, true, &err));
	other = sealed_make("other", sizeof(*b), &err);
	assert_null(board_map(other, true, &err));
	board_unmap(b);
	board_unmap(reader);
	board_unmap(NULL);
	close(other);
	close(fd);
	close(read_only);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(names_are_checked),
	    cmocka_unit_test(what_cannot_be_added_is_closed),
	    cmocka_unit_test(packets_carry_a_descriptor_or_a_note),
	    cmocka_unit_test(other_packets_are_refused),
	    cmocka_unit_test(a_packet_of_two_descriptors_leaves_none_open),
	    cmocka_unit_test(the_environment_hands_over_what_has_a_name),
	    cmocka_unit_test(each_that_is_not_ready_has_one_neighbour),
	    cmocka_unit_test(a_board_is_checked_before_it_is_believed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
