/*
 * Names in random case (0x20): what a server's way with letters makes of how it is asked; and the
 * client before servers that keep the case, that do not, by UDP, by TCP or by neither.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "resolver/forward_impl.h"

#define PATIENCE_S 60.0

/* ---- casing, forward_wire -------------------------------------------------------------------- */

static void
what_a_server_does_makes_how_it_is_asked(void **state)
{
	/* k kept, f folded; by TCP: t told, x failed. */
	static const struct {
		const char *events;
		enum casing_way way;
	} rows[] = {
	    {"", CASING_MIXED},
	    {"f", CASING_MIXED},
	    {"ff", CASING_MIXED},
	    {"fff", CASING_STREAM},
	    {"ffkff", CASING_MIXED},
	    {"ffkfff", CASING_STREAM},
	    {"ftftft", CASING_STREAM},
	    {"ffftttt", CASING_STREAM},
	    {"fffk", CASING_STREAM}, /* of a question that was under way */
	    {"fffxx", CASING_STREAM},
	    {"fffxxx", CASING_PLAIN},
	    {"fffxxtxx", CASING_STREAM},
	    {"fffxxtxxx", CASING_PLAIN},
	    {"fxfxfx", CASING_PLAIN},
	    {"fxfxkfx", CASING_MIXED}, /* TCP is not to be had, and not needed */
	    {"fffxxxt", CASING_PLAIN},
	    {"fffxxxk", CASING_PLAIN},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct casing c = {0}, off = {.off = true};

		for (const char *at = rows[i].events; *at != '\0'; at++) {
			enum casing_event event = *at == 'k' ? CASING_KEPT
			    : *at == 'f'		     ? CASING_FOLDED
			    : *at == 't'		     ? CASING_STREAM_TOLD
							     : CASING_STREAM_FAILED;

			c = casing_step(c, event);
			off = casing_step(off, event);
			assert_int_equal(casing_way(&off), CASING_PLAIN);
		}
		if (casing_way(&c) != rows[i].way)
			fail_msg("%s: %d", rows[i].events, casing_way(&c));
	}
}

static size_t
question_of(const char *wire, size_t n, uint8_t out[static DNS_QUERY_MAX])
{
	struct key k;

	assert_true(key_make(&k, (const uint8_t *)wire, n, 1, 1, true, false));
	return forward_question(&k, 7, false, out);
}

static void
letters_alone_change_and_come_back(void **state)
{
	/* The type is 'aa': behind the name nothing is a letter. */
	static const char name[] = "\3www\7a-0{`zk\4test";
	uint8_t q[DNS_QUERY_MAX], was[DNS_QUERY_MAX], bits[FORWARD_CASE];
	size_t n = question_of(name, sizeof(name), q);

	(void)state;
	q[DNS_HEADER + sizeof(name)] = q[DNS_HEADER + sizeof(name) + 1] = 'a';
	memcpy(was, q, n);
	memset(bits, 0, sizeof(bits));
	assert_int_equal(forward_case_mix(q, n, bits), 0);
	assert_memory_equal(q, was, n);
	assert_true(forward_case_kept(q, n, was));
	bits[0] = 1 << 1; /* the octet behind the first length ... */
	bits[1] = 1 << 2; /* ... and the tenth behind it */
	assert_int_equal(forward_case_mix(q, n, bits), 2);
	assert_memory_equal(q + DNS_HEADER, "\3Www\7a-0{`Zk\4test\0aa", sizeof(name) + 2);
	assert_false(forward_case_kept(q, n, was));
	forward_case_drop(q, n, q);
	assert_memory_equal(q, was, n);
	memset(bits, 0xff, sizeof(bits));
	assert_int_equal(forward_case_mix(q, n, bits), 3 + 3 + 4);
	assert_memory_equal(q + DNS_HEADER, "\3WWW\7A-0{`ZK\4TEST\0aa", sizeof(name) + 2);
	/* The root has none. */
	n = forward_trial(7, true, q);
	assert_int_equal(forward_case_mix(q, n, bits), 0);
}

/* ---- the client ------------------------------------------------------------------------------ */

enum udp_does { UDP_KEEPS, UDP_FOLDS, UDP_LIES };

struct rig {
	struct ev_loop *loop;
	struct ev_timer patience;
	struct resolver_conf conf;
	struct forward *forward;
	struct forward_server *server;
	enum udp_does does;
	ev_io udp, listener, conn; /* of the peer; fd -1: none */
	int by_udp, by_tcp;	   /* questions that it had */
	int mixed;		   /* of them with a capital */
	bool over;
	struct forward_told told; /* the last; its message is gone */
	bool lower;		  /* ... was as asked */
};

static bool
has_capitals(const uint8_t *message, size_t length)
{
	for (size_t i = DNS_HEADER; i < length; i++)
		if (message[i] >= 'A' && message[i] <= 'Z')
			return true;
	return false;
}

static void
on_udp(struct ev_loop *loop, ev_io *io, int events)
{
	struct rig *r = io->data;
	uint8_t q[512];
	struct sockaddr_in from;
	socklen_t size = sizeof(from);
	ssize_t n = recvfrom(io->fd, q, sizeof(q), 0, (struct sockaddr *)&from, &size);

	(void)loop;
	(void)events;
	assert_true(n > DNS_HEADER);
	r->by_udp++;
	r->mixed += has_capitals(q, (size_t)n);
	q[2] |= 0x80; /* QR */
	if (r->does != UDP_KEEPS)
		forward_case_drop(q, (size_t)n, q);
	if (r->does == UDP_LIES) {
		q[3] |= DNS_NXDOMAIN;
		q[DNS_HEADER + 1] ^= 0x20; /* as no question has it: see ask() */
	}
	assert_int_equal(sendto(io->fd, q, (size_t)n, 0, (struct sockaddr *)&from, size), n);
}

/* Whole messages come in one piece here, or in order. */
static void
on_conn(struct ev_loop *loop, ev_io *io, int events)
{
	struct rig *r = io->data;
	uint8_t q[FORWARD_FRAME + 512];
	ssize_t n = recv(io->fd, q, FORWARD_FRAME, MSG_WAITALL), length;

	(void)events;
	if (n < FORWARD_FRAME) {
		ev_io_stop(loop, io);
		close(io->fd);
		io->fd = -1;
		return;
	}
	length = q[0] << 8 | q[1];
	assert_int_equal(recv(io->fd, q + FORWARD_FRAME, (size_t)length, MSG_WAITALL), length);
	r->by_tcp++;
	r->mixed += has_capitals(q + FORWARD_FRAME, (size_t)length);
	q[FORWARD_FRAME + 2] |= 0x80;
	assert_int_equal(send(io->fd, q, (size_t)(n + length), MSG_NOSIGNAL), n + length);
}

static void
on_listener(struct ev_loop *loop, ev_io *io, int events)
{
	struct rig *r = io->data;

	(void)events;
	assert_int_equal(r->conn.fd, -1);
	ev_io_set(&r->conn, accept(io->fd, NULL, NULL), EV_READ);
	assert_true(r->conn.fd >= 0);
	ev_io_start(loop, &r->conn);
}

static void
on_patience(struct ev_loop *loop, ev_timer *timer, int events)
{
	(void)loop;
	(void)timer;
	(void)events;
	fail_msg("nothing comes of it");
}

/* One by UDP; one by TCP at the same port, that somebody listens on or not. */
static uint16_t
peer_make(struct rig *r, bool tcp)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(a);
	int udp, listener;

	/* A port that is free in both. */
	for (int i = 0;; i++) {
		assert_true(i < 100);
		a.sin_port = 0;
		udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		assert_int_equal(bind(udp, (struct sockaddr *)&a, sizeof(a)), 0);
		assert_int_equal(getsockname(udp, (struct sockaddr *)&a, &size), 0);
		if (bind(listener, (struct sockaddr *)&a, sizeof(a)) == 0)
			break;
		close(udp);
		close(listener);
	}
	ev_io_init(&r->udp, on_udp, udp, EV_READ);
	ev_io_init(&r->listener, on_listener, listener, EV_READ);
	ev_io_init(&r->conn, on_conn, -1, EV_READ);
	r->udp.data = r->listener.data = r->conn.data = r;
	ev_io_start(r->loop, &r->udp);
	if (tcp) {
		assert_int_equal(listen(listener, 4), 0);
		ev_io_start(r->loop, &r->listener);
	}
	return ntohs(a.sin_port);
}

static void
begin(struct rig *r, enum udp_does does, bool tcp)
{
	struct addr loopback;
	struct err err;
	uint16_t port;

	*r = (struct rig){.does = does, .loop = ev_loop_new(EVFLAG_NOENV)};
	ev_timer_init(&r->patience, on_patience, PATIENCE_S, 0);
	ev_timer_start(r->loop, &r->patience);
	port = peer_make(r, tcp);
	r->forward = forward_new(r->loop, &r->conf, 4);
	assert_true(addr_parse("127.0.0.1", &loopback));
	r->server = forward_server_new(r->forward, &loopback, port, BACKUP_UDP, NULL, NULL, &err);
	assert_non_null(r->server);
}

static void
end(struct rig *r)
{
	forward_server_free(r->server);
	forward_free(r->forward);
	close(r->udp.fd);
	close(r->listener.fd);
	if (r->conn.fd >= 0)
		close(r->conn.fd);
	ev_loop_destroy(r->loop);
}

static void
done(void *arg, const struct forward_told *told)
{
	struct rig *r = arg;

	r->told = *told;
	r->lower = told->end == FORWARD_TOLD && !has_capitals(told->message, told->length);
	r->over = true;
}

/* With so many letters some are capitals, and not the first alone, but for once in 2^60. */
static enum forward_end
ask(struct rig *r)
{
	static const char name[] = "\76abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz"
				   "abcdefghij";
	uint8_t q[DNS_QUERY_MAX];
	size_t n = question_of(name, sizeof(name), q);

	r->over = false;
	if (forward_ask(r->server, q, n, (int64_t)(PATIENCE_S * 1000), done, r) == NULL)
		return FORWARD_BROKEN;
	while (!r->over)
		ev_run(r->loop, EVRUN_ONCE);
	return r->told.end;
}

static void
a_server_that_keeps_the_case_is_asked_by_udp(void **state)
{
	struct rig r;

	(void)state;
	begin(&r, UDP_KEEPS, false);
	for (int i = 0; i < 10; i++) {
		assert_int_equal(ask(&r), FORWARD_TOLD);
		assert_int_equal(r.told.read.kind, FORWARD_ANSWER);
		assert_true(r.lower);
	}
	assert_int_equal(r.by_udp, 10);
	assert_int_equal(r.mixed, 10);
	end(&r);
}

static void
an_answer_in_another_case_is_not_believed(void **state)
{
	struct rig r;

	(void)state;
	begin(&r, UDP_LIES, true);
	assert_int_equal(ask(&r), FORWARD_TOLD);
	assert_int_equal(r.told.read.rcode, DNS_NOERROR); /* by TCP; by UDP it was NXDOMAIN */
	assert_true(r.by_udp == 1 && r.by_tcp == 1 && r.lower);
	/* Where TCP is not to be had, it is none all the same. */
	end(&r);
	begin(&r, UDP_LIES, false);
	assert_int_equal(ask(&r), FORWARD_BROKEN);
	end(&r);
}

static void
a_server_that_folds_names_is_asked_by_tcp(void **state)
{
	struct rig r;

	(void)state;
	begin(&r, UDP_FOLDS, true);
	for (int i = 1; i <= 10; i++) {
		assert_int_equal(ask(&r), FORWARD_TOLD);
		assert_true(r.lower);
		assert_int_equal(r.by_udp, i < CASING_ROW ? i : CASING_ROW);
		assert_int_equal(r.by_tcp, i);
	}
	assert_int_equal(r.mixed, CASING_ROW);
	end(&r);
}

static void
a_server_that_folds_names_and_has_no_tcp_is_of_use(void **state)
{
	struct rig r;

	(void)state;
	begin(&r, UDP_FOLDS, false);
	for (int i = 0; i < CASING_ROW; i++)
		assert_int_equal(ask(&r), FORWARD_BROKEN);
	for (int i = 1; i <= 10; i++) {
		assert_int_equal(ask(&r), FORWARD_TOLD);
		assert_true(r.lower);
		assert_int_equal(r.by_udp, CASING_ROW + i);
	}
	assert_int_equal(r.mixed, CASING_ROW);
	end(&r);
}

static void
a_server_that_is_known_to_fold_is_asked_in_lower_case(void **state)
{
	struct rig r;

	(void)state;
	begin(&r, UDP_FOLDS, false);
	forward_server_plain(r.server);
	for (int i = 0; i < 10; i++)
		assert_int_equal(ask(&r), FORWARD_TOLD);
	assert_true(r.by_udp == 10 && r.mixed == 0);
	end(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_a_server_does_makes_how_it_is_asked),
	    cmocka_unit_test(letters_alone_change_and_come_back),
	    cmocka_unit_test(a_server_that_keeps_the_case_is_asked_by_udp),
	    cmocka_unit_test(an_answer_in_another_case_is_not_believed),
	    cmocka_unit_test(a_server_that_folds_names_is_asked_by_tcp),
	    cmocka_unit_test(a_server_that_folds_names_and_has_no_tcp_is_of_use),
	    cmocka_unit_test(a_server_that_is_known_to_fold_is_asked_in_lower_case),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
