/*
 * probe_dns: questions over real loopback sockets, against servers that misbehave on purpose.
 * Servers and probes share one loop, so that each test decides what happens in which order.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "healthd/probe.h"
#include "lib/dns.h"

#define MAX_SAMPLES 16
#define GUARD_S 30.0 /* ends what hangs */
#define PACKET_MAX 1500

enum manner {
	GOOD,
	SERVFAIL,
	MUTE,
	GARBAGE,	/* two octets */
	MALFORMED,	/* our id, and a record that is not there */
	WRONG_ID_FIRST, /* then the right one */
	WRONG_QUESTION,
	TWICE,
	LATE,		/* answers the question before this one */
	TRUNCATED,
	NO_QUESTION,	/* NOTIMP with the header alone */
	WITH_AD,
	STALLS,		/* answers, then holds up the loop */
	STALLS_MUTE,
	BYTEWISE,	/* TCP from here on */
	HALF,
	CLOSES,
	RESETS,
	OTHER_TCP,
};

struct rig {
	struct ev_loop *loop;
	struct probe *probe;
	enum manner manner;
	int stall_ms;
	ev_io udp, listener, connection;
	ev_timer guard, drip;
	uint16_t port;
	uint8_t query[PACKET_MAX], before[PACKET_MAX], answer[PACKET_MAX + 2];
	size_t query_length, before_length, answer_length, dripped;
	int questions, connections;
	uint16_t ports[MAX_SAMPLES]; /* that questions came from */
	char labels[MAX_SAMPLES][13];
	struct sample samples[MAX_SAMPLES];
	int n, want;
	int free_at; /* the sample in whose callback the probe is freed */
};

static void
done(void *arg, const struct sample *s)
{
	struct rig *r = arg;

	assert_true(r->n < MAX_SAMPLES);
	r->samples[r->n++] = *s;
	if (r->n == r->free_at) {
		probe_free(r->probe);
		r->probe = NULL;
	}
	if (r->n == r->want)
		ev_break(r->loop, EVBREAK_ALL);
}

/* The answer to `query` in the rig's manner; its length. */
static size_t
answer_build(const struct rig *r, const uint8_t *query, size_t n, uint8_t *out)
{
	static const uint8_t txt[] = {0xc0, 12, 0, 16, 0, 3, 0, 0, 0, 0, 0, 5, 4, 'p', 'o', 'p',
	    '1'};
	static const uint8_t opt[] = {0, 0, 41, 4, 0xd0, 0, 0, 0, 0, 0, 6, 0, 3, 0, 2, 'p', '1'};
	size_t question = DNS_HEADER;

	while (query[question] != 0)
		question += (size_t)query[question] + 1;
	question += 5;
	assert_true(question <= n && question + sizeof(txt) + sizeof(opt) <= PACKET_MAX);
	memcpy(out, query, question);
	out[2] = 0x84;
	out[3] = r->manner == SERVFAIL ? 2 : r->manner == WITH_AD ? 0x20 : 0;
	memset(out + 6, 0, 6);
	if (r->manner == NO_QUESTION) {
		out[3] = 4;
		out[5] = 0;
		return DNS_HEADER;
	}
	if (r->manner == TRUNCATED)
		out[2] |= 2;
	if (r->manner == WRONG_QUESTION || r->manner == OTHER_TCP)
		out[13] ^= 1;
	out[11] = 1;
	if (r->manner == SERVFAIL || r->manner == TRUNCATED) {
		memcpy(out + question, opt, sizeof(opt));
		return question + sizeof(opt);
	}
	out[7] = r->manner == MALFORMED ? 2 : 1;
	memcpy(out + question, txt, sizeof(txt));
	memcpy(out + question + sizeof(txt), opt, sizeof(opt));
	return question + sizeof(txt) + sizeof(opt);
}

static void
stall(const struct rig *r)
{
	usleep((useconds_t)r->stall_ms * 1000);
}

static void
udp_answer(struct rig *r, const struct sockaddr_in *from)
{
	const uint8_t *query = r->manner == LATE ? r->before : r->query;
	size_t n = r->manner == LATE ? r->before_length : r->query_length;
	uint8_t out[PACKET_MAX];

	if (r->manner == STALLS_MUTE)
		stall(r);
	if (r->manner == MUTE || r->manner == STALLS_MUTE || n == 0)
		return;
	n = answer_build(r, query, n, out);
	if (r->manner == GARBAGE)
		n = 2;
	if (r->manner == WRONG_ID_FIRST) {
		out[0] ^= 0x55;
		sendto(r->udp.fd, out, n, 0, (const struct sockaddr *)from, sizeof(*from));
		out[0] ^= 0x55;
	}
	sendto(r->udp.fd, out, n, 0, (const struct sockaddr *)from, sizeof(*from));
	if (r->manner == TWICE)
		sendto(r->udp.fd, out, n, 0, (const struct sockaddr *)from, sizeof(*from));
	if (r->manner == STALLS)
		stall(r);
}

static void
on_udp(struct ev_loop *loop, ev_io *w, int events)
{
	struct rig *r = w->data;
	struct sockaddr_in from;
	socklen_t size = sizeof(from);
	ssize_t n;

	(void)loop, (void)events;
	memcpy(r->before, r->query, r->query_length);
	r->before_length = r->query_length;
	n = recvfrom(w->fd, r->query, sizeof(r->query), 0, (struct sockaddr *)&from, &size);
	assert_true(n > DNS_HEADER);
	r->query_length = (size_t)n;
	assert_true(r->questions < MAX_SAMPLES);
	r->ports[r->questions] = from.sin_port;
	memcpy(r->labels[r->questions++], r->query + 13, 12);
	udp_answer(r, &from);
}

static void
connection_close(struct rig *r)
{
	ev_timer_stop(r->loop, &r->drip);
	if (r->connection.fd < 0)
		return;
	ev_io_stop(r->loop, &r->connection);
	close(r->connection.fd);
	r->connection.fd = -1;
}

static void
on_drip(struct ev_loop *loop, ev_timer *w, int events)
{
	struct rig *r = w->data;

	(void)loop, (void)events;
	if (r->dripped < r->answer_length)
		send(r->connection.fd, r->answer + r->dripped++, 1, MSG_NOSIGNAL);
	else
		connection_close(r);
}

static void
on_connection(struct ev_loop *loop, ev_io *w, int events)
{
	struct rig *r = w->data;
	uint8_t in[PACKET_MAX];
	ssize_t n = recv(w->fd, in, sizeof(in), 0);
	size_t length;

	(void)loop, (void)events;
	if (n <= 2) {
		connection_close(r);
		return;
	}
	assert_int_equal(in[0] << 8 | in[1], n - 2);
	if (r->manner == MUTE)
		return;
	length = answer_build(r, in + 2, (size_t)n - 2, r->answer + 2);
	r->answer[0] = (uint8_t)(length >> 8);
	r->answer[1] = (uint8_t)length;
	r->answer_length = r->manner == HALF ? length / 2 : length + 2;
	r->dripped = 0;
	if (r->manner == BYTEWISE) {
		ev_timer_set(&r->drip, 0.0005, 0.0005);
		ev_timer_start(r->loop, &r->drip);
		return;
	}
	send(w->fd, r->answer, r->answer_length, MSG_NOSIGNAL);
	if (r->manner == HALF)
		connection_close(r);
}

static void
on_listener(struct ev_loop *loop, ev_io *w, int events)
{
	static const struct linger reset = {.l_onoff = 1};
	struct rig *r = w->data;
	int fd = accept4(w->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)loop, (void)events;
	assert_true(fd >= 0);
	r->connections++;
	if (r->manner == RESETS)
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	if (r->manner == RESETS || r->manner == CLOSES) {
		/* Read first: closing over unread octets would be a reset by itself. */
		char in[PACKET_MAX];

		while (recv(fd, in, sizeof(in), 0) > 0 && r->manner == CLOSES)
			;
		close(fd);
		return;
	}
	connection_close(r);
	ev_io_set(&r->connection, fd, EV_READ);
	ev_io_start(r->loop, &r->connection);
}

static void
on_guard(struct ev_loop *loop, ev_timer *w, int events)
{
	(void)w, (void)events;
	ev_break(loop, EVBREAK_ALL);
}

/* Both listeners on one ephemeral port. */
static void
rig_open(struct rig *r, enum manner manner)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(at);
	int udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), tcp = -1;

	*r = (struct rig){.loop = ev_loop_new(0), .manner = manner};
	assert_int_equal(bind(udp, (struct sockaddr *)&at, size), 0);
	for (int i = 0; i < 100; i++) { /* the TCP port of that number may be taken */
		assert_int_equal(getsockname(udp, (struct sockaddr *)&at, &size), 0);
		tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		if (bind(tcp, (struct sockaddr *)&at, size) == 0)
			break;
		close(tcp);
		close(udp);
		udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		at.sin_port = 0;
		assert_int_equal(bind(udp, (struct sockaddr *)&at, size), 0);
	}
	assert_int_equal(listen(tcp, 16), 0);
	r->port = ntohs(at.sin_port);
	ev_io_init(&r->udp, on_udp, udp, EV_READ);
	ev_io_init(&r->listener, on_listener, tcp, EV_READ);
	ev_io_init(&r->connection, on_connection, -1, EV_READ);
	ev_timer_init(&r->guard, on_guard, GUARD_S, 0.0);
	ev_timer_init(&r->drip, on_drip, 0.001, 0.001);
	r->udp.data = r->listener.data = r->connection.data = r->drip.data = r;
	ev_io_start(r->loop, &r->udp);
	ev_io_start(r->loop, &r->listener);
}

static void
rig_close(struct rig *r)
{
	connection_close(r);
	probe_free(r->probe);
	ev_io_stop(r->loop, &r->udp);
	ev_io_stop(r->loop, &r->listener);
	ev_timer_stop(r->loop, &r->guard);
	close(r->udp.fd);
	close(r->listener.fd);
	ev_loop_destroy(r->loop);
}

/* Runs until `want` more samples are in; a test that gets fewer fails here. */
static void
rig_run(struct rig *r, int want)
{
	r->want = r->n + want;
	ev_now_update(r->loop);
	ev_timer_stop(r->loop, &r->guard);
	ev_timer_set(&r->guard, GUARD_S, 0.0);
	ev_timer_start(r->loop, &r->guard);
	ev_run(r->loop, 0);
	assert_int_equal(r->n, r->want);
}

/* Often, and with time to answer even on a busy machine; and one whose timeouts are the test, which
 * may stall for its interval and still judge. */
static const struct probe_timing swift = {.interval_ms = 20, .timeout_ms = 1500};
static const struct probe_timing brisk = {.interval_ms = 1000, .timeout_ms = 50};
static const struct probe_timing patient = {.interval_ms = 2000, .timeout_ms = 1500};

static void
rig_ask(struct rig *r, enum dns_transport transport, const struct probe_timing *t,
    struct dns_question q)
{
	struct addr server, source;
	struct err err;

	assert_true(addr_parse("127.0.0.1", &server) && addr_parse("127.0.0.2", &source));
	if (q.qname == NULL)
		q.qname = "id.server";
	q.qtype = "TXT";
	q.qclass = "CH";
	q.nsid = true;
	r->probe = probe_dns(r->loop, t, &q, &server, r->port, transport, &source, done, r, &err);
	assert_non_null(r->probe);
	probe_kick(r->probe);
}

/* One question, one sample. */
static struct sample
one(enum manner manner, enum dns_transport transport, const struct probe_timing *t,
    struct dns_question q)
{
	struct rig r;

	rig_open(&r, manner);
	rig_ask(&r, transport, t, q);
	rig_run(&r, 1);
	rig_close(&r);
	return r.samples[0];
}

static void
answers_are_judged(void **state)
{
	static const struct {
		enum manner manner;
		enum dns_transport transport;
		struct dns_question q;
		enum outcome outcome;
		const char *why;
	} rows[] = {
	    {GOOD, TRANSPORT_UDP, {.qname = NULL}, OUTCOME_OK, ""},
	    {GOOD, TRANSPORT_UDP, {.expect_data = "pop1"}, OUTCOME_OK, ""},
	    {GOOD, TRANSPORT_UDP, {.expect_data = "\"pop1\""}, OUTCOME_OK, ""},
	    {GOOD, TRANSPORT_UDP, {.expect_data = "pop2"}, OUTCOME_WRONG,
		"answer \"pop1\" != pop2"},
	    {GOOD, TRANSPORT_UDP, {.expect_rcode = "NXDOMAIN"}, OUTCOME_WRONG, "NOERROR"},
	    {SERVFAIL, TRANSPORT_UDP, {.qname = NULL}, OUTCOME_WRONG, "SERVFAIL"},
	    {SERVFAIL, TRANSPORT_UDP, {.expect_rcode = "NOERROR|SERVFAIL"}, OUTCOME_OK, ""},
	    {GOOD, TRANSPORT_UDP, {.expect_ad = true}, OUTCOME_WRONG, "AD missing"},
	    {WITH_AD, TRANSPORT_UDP, {.expect_ad = true}, OUTCOME_OK, ""},
	    {MALFORMED, TRANSPORT_UDP, {.qname = NULL}, OUTCOME_WRONG, "malformed answer: bad OPT"},
	    {WRONG_ID_FIRST, TRANSPORT_UDP, {.qname = NULL}, OUTCOME_OK, ""},
	    {TRUNCATED, TRANSPORT_UDP, {.qname = NULL}, OUTCOME_OK, ""},
	    {TRUNCATED, TRANSPORT_UDP, {.expect_data = "pop1"}, OUTCOME_WRONG, "truncated"},
	    {NO_QUESTION, TRANSPORT_UDP, {.qname = NULL}, OUTCOME_WRONG, "NOTIMP"},
	    {GOOD, TRANSPORT_TCP, {.expect_data = "pop1"}, OUTCOME_OK, ""},
	    {SERVFAIL, TRANSPORT_TCP, {.qname = NULL}, OUTCOME_WRONG, "SERVFAIL"},
	    {BYTEWISE, TRANSPORT_TCP, {.expect_data = "pop1"}, OUTCOME_OK, ""},
	    {HALF, TRANSPORT_TCP, {.qname = NULL}, OUTCOME_GONE, "closed within its answer"},
	    {CLOSES, TRANSPORT_TCP, {.qname = NULL}, OUTCOME_GONE, "closed without an answer"},
	    {RESETS, TRANSPORT_TCP, {.qname = NULL}, OUTCOME_GONE, "connection reset by peer"},
	    {OTHER_TCP, TRANSPORT_TCP, {.qname = NULL}, OUTCOME_WRONG,
		"answer to another question"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sample s = one(rows[i].manner, rows[i].transport, &patient, rows[i].q);

		if (s.outcome != rows[i].outcome || strcmp(s.why, rows[i].why) != 0)
			fail_msg("row %zu: outcome %d, \"%s\"", i, s.outcome, s.why);
		assert_int_equal(s.value, s.outcome == OUTCOME_OK ? 100 : 0);
		assert_int_equal(s.rtt_us >= 0, s.outcome != OUTCOME_GONE);
		assert_true(mono_is_set(s.sent) && !mono_before(s.at, s.sent));
	}
}

static void
silence_ends_by_the_timeout(void **state)
{
	static const struct {
		enum manner manner;
		enum dns_transport transport;
		const char *why;
	} rows[] = {
	    {MUTE, TRANSPORT_UDP, "timed out"},
	    {GARBAGE, TRANSPORT_UDP, "timed out; 1 answers to other questions"},
	    {WRONG_QUESTION, TRANSPORT_UDP, "timed out; 1 answers to other questions"},
	    {MUTE, TRANSPORT_TCP, "timed out"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct probe_timing t = {.interval_ms = 20000, .timeout_ms = 30};
		struct dns_question plain = {.qname = NULL};
		struct sample s = one(rows[i].manner, rows[i].transport, &t, plain);

		assert_int_equal(s.outcome, OUTCOME_SILENT);
		assert_string_equal(s.why, rows[i].why);
		assert_true(mono_diff_ms(s.at, s.sent) >= 29);
		assert_int_equal(s.rtt_us, -1);
	}
}

static void
closed_port_is_known_at_once(void **state)
{
	(void)state;
	for (enum dns_transport t = TRANSPORT_UDP; t <= TRANSPORT_TCP; t++) {
		struct rig r;

		rig_open(&r, GOOD);
		close(r.udp.fd);
		close(r.listener.fd);
		ev_io_stop(r.loop, &r.udp);
		ev_io_stop(r.loop, &r.listener);
		rig_ask(&r, t, &patient, (struct dns_question){0});
		rig_run(&r, 1);
		assert_int_equal(r.samples[0].outcome, OUTCOME_GONE);
		assert_string_equal(r.samples[0].why, "connection refused");
		r.udp.fd = r.listener.fd = -1;
		rig_close(&r);
	}
}

/* The answer to question k arrives while k+1 is in flight, on the same socket. */
static void
late_answer_is_not_mistaken(void **state)
{
	struct rig r;

	(void)state;
	rig_open(&r, LATE);
	rig_ask(&r, TRANSPORT_UDP, &brisk, (struct dns_question){.keep_port = true});
	rig_run(&r, 3);
	for (int i = 0; i < 3; i++)
		assert_int_equal(r.samples[i].outcome, OUTCOME_SILENT);
	assert_string_equal(r.samples[1].why, "timed out; 1 answers to other questions");
	r.manner = GOOD;
	rig_run(&r, 1);
	assert_int_equal(r.samples[3].outcome, OUTCOME_OK);
	rig_close(&r);
}

static void
second_answer_between_questions_is_nothing(void **state)
{
	struct rig r;

	(void)state;
	rig_open(&r, TWICE);
	rig_ask(&r, TRANSPORT_UDP, &swift, (struct dns_question){.keep_port = true});
	rig_run(&r, 4);
	for (int i = 0; i < 4; i++)
		assert_int_equal(r.samples[i].outcome, OUTCOME_OK);
	rig_close(&r);
}

static void
on_hog(struct ev_loop *loop, ev_timer *w, int events)
{
	(void)loop, (void)events;
	stall(w->data);
}

/* Another callback of the same turn took long: the loop's clock is old when the question goes out,
 * and its timer fires early. The server gets its whole time nevertheless. */
static void
old_clock_of_the_loop_shortens_no_timeout(void **state)
{
	struct rig r;
	ev_timer hog;

	(void)state;
	rig_open(&r, MUTE);
	r.stall_ms = 80;
	ev_timer_init(&hog, on_hog, 0.0, 0.0);
	ev_set_priority(&hog, EV_MAXPRI);
	hog.data = &r;
	ev_timer_start(r.loop, &hog);
	rig_ask(&r, TRANSPORT_UDP, &brisk, (struct dns_question){0});
	usleep(5000); /* now both are due in the same turn */
	rig_run(&r, 1);
	assert_int_equal(r.samples[0].outcome, OUTCOME_SILENT);
	assert_true(mono_diff_ms(r.samples[0].at, r.samples[0].sent) >= 48);
	ev_timer_stop(r.loop, &hog);
	rig_close(&r);
}

/* libev runs the timer first; the answer that is already here has to count. */
static void
answer_is_read_before_the_timeout_is_judged(void **state)
{
	struct rig r;

	(void)state;
	rig_open(&r, STALLS);
	r.stall_ms = 80;
	rig_ask(&r, TRANSPORT_UDP, &brisk, (struct dns_question){0});
	rig_run(&r, 1);
	assert_int_equal(r.samples[0].outcome, OUTCOME_OK);
	assert_int_equal(r.samples[0].rtt_us, -1); /* nobody knows when it came */
	rig_close(&r);
}

static void
own_stall_is_nobodys_fault(void **state)
{
	struct rig r;

	(void)state;
	rig_open(&r, STALLS_MUTE);
	r.stall_ms = 1250;
	rig_ask(&r, TRANSPORT_UDP, &brisk, (struct dns_question){0});
	rig_run(&r, 1);
	assert_int_equal(r.samples[0].outcome, OUTCOME_UNKNOWN);
	assert_memory_equal(r.samples[0].why, "we stalled for ", 15);
	r.manner = MUTE;
	rig_run(&r, 1);
	assert_int_equal(r.samples[1].outcome, OUTCOME_SILENT);
	rig_close(&r);
}

static void
wrong_answer_is_asked_about_again_once(void **state)
{
	struct probe_timing t = {.interval_ms = 3000, .timeout_ms = 1500, .retry_ms = 5};
	struct rig r;

	(void)state;
	rig_open(&r, SERVFAIL);
	rig_ask(&r, TRANSPORT_UDP, &t, (struct dns_question){0});
	rig_run(&r, 3);
	/* An interval is never so short, nor the pause after a wrong answer so long. */
	assert_in_range(mono_diff_ms(r.samples[1].sent, r.samples[0].at), 4, 1350);
	assert_in_range(mono_diff_ms(r.samples[2].sent, r.samples[1].sent), 1425, 6000);
	rig_close(&r);
}

static void
questions_leave_from_fresh_ports_unless_told(void **state)
{
	struct rig r;

	(void)state;
	for (int keep = 0; keep < 2; keep++) {
		int same = 0;

		rig_open(&r, GOOD);
		rig_ask(&r, TRANSPORT_UDP, &swift, (struct dns_question){.keep_port = keep == 1});
		rig_run(&r, 8);
		for (int i = 1; i < 8; i++)
			same += r.ports[i] == r.ports[0];
		if (keep == 1)
			assert_int_equal(same, 7);
		else
			assert_true(same < 4);
		rig_close(&r);
	}
}

static void
random_labels_and_ids_are_fresh(void **state)
{
	struct rig r;

	(void)state;
	rig_open(&r, GOOD);
	rig_ask(&r, TRANSPORT_UDP, &swift, (struct dns_question){.qname = "$random.zone"});
	rig_run(&r, 4);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(strspn(r.labels[i], "abcdefghijklmnopqrstuvwxyz234567"), 12);
		for (int k = 0; k < i; k++)
			assert_string_not_equal(r.labels[i], r.labels[k]);
	}
	assert_memory_not_equal(r.query, r.before, 2);
	assert_memory_equal(r.query + 25, "\4zone", 6);
	rig_close(&r);
}

static void
nsid_of_the_last_answer_is_kept(void **state)
{
	struct rig r;

	(void)state;
	rig_open(&r, GOOD);
	rig_ask(&r, TRANSPORT_UDP, &swift, (struct dns_question){0});
	assert_string_equal(probe_nsid(r.probe), "");
	rig_run(&r, 1);
	assert_string_equal(probe_nsid(r.probe), "p1");
	rig_close(&r);
}

static void
probe_may_be_freed_in_its_callback(void **state)
{
	static const enum manner manners[] = {GOOD, SERVFAIL, MUTE, HALF, STALLS};

	(void)state;
	for (enum dns_transport t = TRANSPORT_UDP; t <= TRANSPORT_TCP; t++)
		for (size_t i = 0; i < sizeof(manners) / sizeof(manners[0]); i++) {
			struct rig r;

			rig_open(&r, manners[i]);
			r.stall_ms = 80;
			r.free_at = 1;
			rig_ask(&r, t, &brisk, (struct dns_question){0});
			rig_run(&r, 1);
			assert_null(r.probe);
			rig_close(&r);
		}
}

static void
kick_and_pace_move_the_next_question(void **state)
{
	static const struct probe_timing slow = {.interval_ms = 200000, .timeout_ms = 1500};
	struct rig r;

	(void)state;
	rig_open(&r, GOOD);
	rig_ask(&r, TRANSPORT_UDP, &slow, (struct dns_question){0});
	rig_run(&r, 1);
	probe_kick(r.probe); /* else the guard would come first, by far */
	rig_run(&r, 1);
	probe_pace(r.probe, 10);
	rig_run(&r, 3);
	rig_close(&r);
}

static void
upstream_falls_back_to_tcp_and_takes_canaries_in_turn(void **state)
{
	static const char *const canaries[] = {"first.example", "other.example"};
	struct addr server;
	struct err err;
	struct rig r;

	(void)state;
	rig_open(&r, TRUNCATED);
	assert_true(addr_parse("127.0.0.1", &server));
	r.probe = probe_upstream(r.loop, &swift, canaries, 2, "NS", true, &server, r.port, NULL,
	    done, &r, &err);
	assert_non_null(r.probe);
	rig_run(&r, 1);
	assert_int_equal(r.samples[0].outcome, OUTCOME_OK);
	assert_int_equal(r.connections, 1);
	assert_int_equal(r.query[2] & 1, 1); /* RD */
	assert_memory_equal(r.labels[0], "first", 5);
	r.manner = NO_QUESTION; /* neither SERVFAIL nor REFUSED: somebody is there */
	rig_run(&r, 1);
	assert_int_equal(r.samples[1].outcome, OUTCOME_OK);
	assert_memory_equal(r.labels[1], "other", 5);
	r.manner = SERVFAIL;
	rig_run(&r, 1);
	assert_int_equal(r.samples[2].outcome, OUTCOME_WRONG);
	assert_memory_equal(r.labels[2], "first", 5);
	rig_close(&r);
}

static void
questions_that_cannot_be_are_refused(void **state)
{
	static const struct {
		struct dns_question q;
		const char *word;
	} rows[] = {
	    {{.qname = "a..b", .qtype = "A", .qclass = "IN"}, "a..b"},
	    {{.qname = "a", .qtype = "B", .qclass = "IN"}, "\"B\""},
	    {{.qname = "a", .qtype = "A", .qclass = "XX"}, "\"XX\""},
	    {{.qname = "a", .qtype = "A", .qclass = "IN", .expect_rcode = "OK"}, "\"OK\""},
	    {{.qname = "a", .qtype = "A", .qclass = "IN", .expect_data = "::1"}, "\"::1\""},
	};
	struct ev_loop *loop = ev_loop_new(0);
	struct addr server;

	(void)state;
	assert_true(addr_parse("127.0.0.1", &server));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct err err = {""};

		assert_null(probe_dns(loop, &patient, &rows[i].q, &server, 53, TRANSPORT_UDP, NULL,
		    done, NULL, &err));
		assert_non_null(strstr(err.text, rows[i].word));
	}
	ev_loop_destroy(loop);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(answers_are_judged),
	    cmocka_unit_test(silence_ends_by_the_timeout),
	    cmocka_unit_test(closed_port_is_known_at_once),
	    cmocka_unit_test(late_answer_is_not_mistaken),
	    cmocka_unit_test(second_answer_between_questions_is_nothing),
	    cmocka_unit_test(old_clock_of_the_loop_shortens_no_timeout),
	    cmocka_unit_test(answer_is_read_before_the_timeout_is_judged),
	    cmocka_unit_test(own_stall_is_nobodys_fault),
	    cmocka_unit_test(wrong_answer_is_asked_about_again_once),
	    cmocka_unit_test(questions_leave_from_fresh_ports_unless_told),
	    cmocka_unit_test(random_labels_and_ids_are_fresh),
	    cmocka_unit_test(nsid_of_the_last_answer_is_kept),
	    cmocka_unit_test(probe_may_be_freed_in_its_callback),
	    cmocka_unit_test(kick_and_pace_move_the_next_question),
	    cmocka_unit_test(upstream_falls_back_to_tcp_and_takes_canaries_in_turn),
	    cmocka_unit_test(questions_that_cannot_be_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
