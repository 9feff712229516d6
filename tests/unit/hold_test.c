/* What is held: names, the order of sockets, and what a descriptor is. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/sealed.h"
#include "resolver/given.h"
#include "resolver/hold.h"
#include "resolver/hold_plan.h"
#include "resolver/store.h"

static struct err err;

static void
names_are_read_whole(void **state)
{
	static const struct {
		const char *name;
		int udp; /* its slot, -1: none */
		bool tcp;
	} rows[] = {
	    {"udp.0.0", 0, false},
	    {"udp.63.63", 63, false},
	    {"udp.64.0", -1, false},
	    {"udp.99999999999999999999.0", -1, false},
	    {"udp.1.99999999999999999999", -1, false},
	    {"udp.01.0", -1, false},
	    {"udp.0.00", -1, false},
	    {"udp.-1.0", -1, false},
	    {"udp.1", -1, false},
	    {"udp.1.", -1, false},
	    {"udp..1", -1, false},
	    {"udp.1.2.3", -1, false},
	    {"udp.1.2x", -1, false},
	    {"udp", -1, false},
	    {"", -1, false},
	    {"xudp.1.1", -1, false},
	    {"tcp.0", -1, true},
	    {"tcp.63", -1, true},
	    {"tcp.", -1, false},
	    {"tcp.1.1", -1, false},
	    {"tcp.x", -1, false},
	};
	unsigned slot;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		bool udp = hold_is_udp(rows[i].name, &slot);

		if (udp != (rows[i].udp != -1) || (udp && slot != (unsigned)rows[i].udp) ||
		    hold_is_tcp(rows[i].name) != rows[i].tcp)
			fail_msg("%s", rows[i].name);
	}
}

/* As the kernel does it when a socket of a group is closed. */
static void
the_last_one_takes_the_place_of_a_lost_one(void **state)
{
	static const struct {
		int before[6], after[6], n;
	} rows[] = {
	    {{1, 2, 3, 4, 5, 6}, {1, 2, 3, 4, 5, 6}, 6},
	    {{-1, -1, -1, -1, -1, -1}, {-1, -1, -1, -1, -1, -1}, 0},
	    {{1, 2, 3, -1, -1, -1}, {1, 2, 3, -1, -1, -1}, 3},
	    {{1, -1, 3, 4, -1, -1}, {1, 4, 3, -1, -1, -1}, 3},
	    {{-1, 2, 3, 4, 5, 6}, {6, 2, 3, 4, 5, -1}, 5},
	    {{-1, -1, -1, -1, -1, 6}, {6, -1, -1, -1, -1, -1}, 1},
	    {{-1, -1, 3, -1, 5, -1}, {5, 3, -1, -1, -1, -1}, 2},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int fds[6];

		memcpy(fds, rows[i].before, sizeof(fds));
		assert_int_equal(plan_close_ranks(fds, 6), rows[i].n);
		assert_memory_equal(fds, rows[i].after, sizeof(fds));
	}
}

static void
a_socket_is_known_by_where_it_is_bound(void **state)
{
	struct place p = {.port = 0}, found, other;
	char text[PLACE_TEXT];

	(void)state;
	for (int i = 0; i < 4; i++) {
		const char *address = i & 1 ? "::1" : "127.0.0.1";
		int fd, second;

		p = (struct place){.tcp = i >= 2};
		assert_true(addr_parse(address, &p.addr));
		fd = socket_open(&p, &err); /* at any port */
		assert_true(fd >= 0);
		assert_true(socket_place(fd, &found));
		assert_true(found.port != 0 && found.tcp == p.tcp);
		assert_true(addr_equal(&found.addr, &p.addr));
		assert_true(socket_is_shared(fd));
		assert_int_equal(socket_vacant(&found, &err), -1);
		assert_non_null(strstr(err.text, place_render(&found, text)));
		second = socket_open(&found, &err);
		assert_true(second >= 0);
		assert_true(socket_place(second, &other) && place_equal(&found, &other));
		other.tcp = !other.tcp;
		assert_false(place_equal(&found, &other));
		close(second);
		close(fd);
		assert_int_equal(socket_vacant(&found, &err), 0);
	}
}

static void
what_is_no_socket_of_ours_has_no_place(void **state)
{
	int pair[2], unbound = socket(AF_INET, SOCK_DGRAM, 0);
	int deaf = socket(AF_INET, SOCK_STREAM, 0), file = open("/dev/null", O_RDONLY);
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	struct place p;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(bind(deaf, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_false(socket_place(unbound, &p));
	assert_false(socket_place(deaf, &p));
	assert_false(socket_place(file, &p));
	assert_false(socket_place(pair[0], &p));
	assert_false(socket_place(-1, &p));
	close(pair[0]);
	close(pair[1]);
	close(file);
	close(deaf);
	close(unbound);
}

static void
a_shard_fits_by_size_and_layout(void **state)
{
	size_t bytes;
	uint8_t *memory;
	int fd, other = sealed_make("test", 1 << 20, &err);

	(void)state;
	assert_int_equal(l2_make(1 << 20, &fd, &err), 0);
	assert_true(l2_fits(fd, 1 << 20));
	assert_false(l2_fits(fd, 2 << 20));
	assert_false(l2_fits(other, 1 << 20));
	assert_false(l2_fits(STDIN_FILENO, 1 << 20));
	assert_false(l2_fits(-1, 1 << 20));
	memory = sealed_map(fd, true, &bytes, &err);
	assert_non_null(memory);
	memory[0] ^= 1;
	assert_false(l2_fits(fd, 1 << 20));
	close(other);
	close(fd);
}

static void
a_given_scoreboard_goes_on_and_is_of_its_kind(void **state)
{
	struct held h = {0};
	struct scoreboard *s;
	int fd;

	(void)state;
	s = scoreboard_make('w', &fd, &err);
	assert_non_null(s);
	score_add(&s->queries_udp, 7);
	atomic_store(&s->state, SCORE_ANSWERING);
	atomic_store(&s->in_flight, 3);
	scoreboard_unmap(s);
	assert_int_equal(held_add(&h, "score.w5", fd, &err), 0);
	s = given_score(&h, 'w', 5, NULL, &err);
	assert_non_null(s);
	assert_int_equal(held_find(&h, "score.w5"), -1); /* taken */
	assert_int_equal(atomic_load(&s->queries_udp), 7);
	assert_int_equal(atomic_load(&s->state), SCORE_STARTING);
	assert_int_equal(atomic_load(&s->in_flight), 0);
	assert_int_equal(atomic_load(&s->generation), 1);
	assert_int_equal(atomic_load(&s->pid), getpid());
	scoreboard_unmap(s);
	assert_int_equal(held_add(&h, "score.e5", fcntl(fd, F_DUPFD, 0), &err), 0);
	assert_null(given_score(&h, 'e', 5, NULL, &err));
	assert_non_null(strstr(err.text, "another kind"));
	held_fini(&h);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(names_are_read_whole),
	    cmocka_unit_test(the_last_one_takes_the_place_of_a_lost_one),
	    cmocka_unit_test(a_socket_is_known_by_where_it_is_bound),
	    cmocka_unit_test(what_is_no_socket_of_ours_has_no_place),
	    cmocka_unit_test(a_shard_fits_by_size_and_layout),
	    cmocka_unit_test(a_given_scoreboard_goes_on_and_is_of_its_kind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
