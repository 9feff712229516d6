/*
 * probe_dns: DNS questions over UDP and TCP, asked and judged.
 *
 * UDP uses a connected socket, so that the kernel drops what others send and reports a closed port.
 * Every question leaves from a fresh port unless told otherwise: the kernel spreads datagrams over
 * the workers' SO_REUSEPORT sockets by a hash of both ports, and a probe that kept its port would
 * only ever see one of them. Dissolving the connection and making it again draws a port at a third
 * of the cost of a new socket; after a failure it is a new socket all the same, without old errors.
 * TCP connects for every question, and closes with a reset (SO_LINGER 0): the answer is in, nothing
 * is lost by it, and at ten connections a second the side that closes first, us, would otherwise
 * hold 600 sockets and ports in TIME_WAIT.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "healthd/probe_base.h"
#include "lib/dns.h"
#include "lib/ensure.h"

#define UDP_ROOM 4096
#define TCP_ROOM (2 + 65535)
#define READS_PER_TURN 32 /* a flood on our port must not hold up the loop */

struct dns_probe {
	struct probe base;
	ev_io io;
	int fd; /* -1: none */
	bool tcp_on_tc, keep_port;
	enum dns_transport transport, current; /* as configured; of the question in flight */
	struct sockaddr_storage server, source;
	socklen_t server_size, source_size; /* source_size 0: any */
	struct expect expect;
	struct asked *asked; /* owned */
	int n_asked, turn;   /* `turn`: the one in flight, or asked last */
	size_t written, have; /* TCP: octets of the question sent, of the answer read */
	uint8_t *answer;      /* TCP_ROOM, owned; NULL where TCP can't happen */
};

static struct dns_probe *
dns_of(struct probe *p)
{
	return (struct dns_probe *)p;
}

static void
socket_close(struct dns_probe *d)
{
	if (d->fd < 0)
		return;
	ev_io_stop(d->base.loop, &d->io);
	close(d->fd);
	d->fd = -1;
}

/* Whose fault is it? Ours when we lack the means to ask; else there is no way to the server. */
static enum outcome
outcome_of(int error)
{
	switch (error) {
	case EMFILE:
	case ENFILE:
	case ENOBUFS:
	case ENOMEM:
	case EAGAIN:
	case EADDRINUSE:
		return OUTCOME_UNKNOWN;
	default:
		return OUTCOME_GONE;
	}
}

static void
end_errno(struct dns_probe *d, enum outcome outcome, int error)
{
	char text[PROBE_ERROR];

	socket_close(d);
	probe_end(&d->base, outcome, 0, false, "%s", probe_strerror(error, text));
}

/* A socket of the type, bound if there is a source, and connecting. 0 or an errno in *error with
 * the outcome that it means. */
static int
socket_open(struct dns_probe *d, int type, enum outcome *outcome)
{
	static const struct linger reset = {.l_onoff = 1};
	static const int on = 1;
	int fd, error;

	*outcome = OUTCOME_UNKNOWN;
	fd = socket(d->server.ss_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return errno;
	if (type == SOCK_STREAM)
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	if (d->source_size > 0) {
		setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
		if (bind(fd, (struct sockaddr *)&d->source, d->source_size) < 0)
			goto failed;
	}
	if (connect(fd, (struct sockaddr *)&d->server, d->server_size) < 0 &&
	    errno != EINPROGRESS) {
		/* A TCP socket without a free port is our own lack of means. */
		*outcome = type == SOCK_STREAM && errno == EADDRNOTAVAIL ? OUTCOME_UNKNOWN
									   : outcome_of(errno);
		goto failed;
	}
	d->fd = fd;
	ev_io_set(&d->io, fd, EV_READ);
	ev_io_start(d->base.loop, &d->io);
	return 0;
failed:
	error = errno;
	close(fd);
	return error;
}

static void tcp_ask(struct dns_probe *d);

/* Judges one whole answer. True if that ended the question (or took it on to TCP). */
static bool
answered(struct dns_probe *d, const uint8_t *wire, size_t length)
{
	const struct asked *q = &d->asked[d->turn];
	struct answer a = answer_judge(&d->expect, q->wire + 2, q->length, wire, length);

	if (a.sort == ANSWER_FOREIGN) {
		d->base.foreign += d->base.foreign < UINT16_MAX;
		return false;
	}
	memcpy(d->base.nsid, a.nsid, sizeof(a.nsid));
	if (d->current == TRANSPORT_TCP)
		socket_close(d);
	if (a.sort == ANSWER_TRUNCATED && d->current == TRANSPORT_UDP && d->tcp_on_tc) {
		socket_close(d);
		tcp_ask(d);
		return true;
	}
	if (a.sort == ANSWER_TRUNCATED && d->expect.data[0] != '\0') {
		a.sort = ANSWER_WRONG;
		snprintf(a.why, sizeof(a.why), "truncated");
	}
	if (a.sort == ANSWER_WRONG)
		probe_end(&d->base, OUTCOME_WRONG, 0, true, "%s", a.why);
	else
		probe_end(&d->base, OUTCOME_OK, 100, true, "%s", "");
	return true;
}

/* Reads what is there. True if the question ended; between questions nothing that comes matters. */
static bool
udp_read(struct dns_probe *d)
{
	uint8_t wire[UDP_ROOM];
	ssize_t n;

	for (int i = 0; i < READS_PER_TURN; i++) {
		n = recv(d->fd, wire, sizeof(wire), 0);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return false;
		if (!d->base.asking) {
			if (n < 0)
				socket_close(d);
			return false;
		}
		if (n < 0) {
			end_errno(d, outcome_of(errno), errno);
			return true;
		}
		if (answered(d, wire, (size_t)n))
			return true;
	}
	return false;
}

static bool
udp_fresh_port(struct dns_probe *d)
{
	static const struct sockaddr none = {.sa_family = AF_UNSPEC};

	return connect(d->fd, &none, sizeof(none)) == 0 &&
	       connect(d->fd, (struct sockaddr *)&d->server, d->server_size) == 0;
}

static void
udp_ask(struct dns_probe *d)
{
	const struct asked *q = &d->asked[d->turn];
	enum outcome outcome;
	int error = 0;

	d->current = TRANSPORT_UDP;
	if (d->fd >= 0 && !d->keep_port && !udp_fresh_port(d))
		socket_close(d);
	if (d->fd < 0)
		error = socket_open(d, SOCK_DGRAM, &outcome);
	if (error != 0)
		end_errno(d, outcome, error);
	else if (send(d->fd, q->wire + 2, q->length, 0) < 0)
		end_errno(d, outcome_of(errno), errno);
}

/* Waits for one kind of readiness of the TCP socket. */
static void
tcp_want(struct dns_probe *d, int events)
{
	if ((d->io.events & (EV_READ | EV_WRITE)) == events)
		return;
	ev_io_stop(d->base.loop, &d->io);
	ev_io_set(&d->io, d->fd, events);
	ev_io_start(d->base.loop, &d->io);
}

/* Sends the rest of the question. False when that has to wait, or when the question *ended. */
static bool
tcp_write(struct dns_probe *d, bool *ended)
{
	const struct asked *q = &d->asked[d->turn];
	ssize_t n;

	*ended = false;
	while (d->written < q->length + 2) {
		n = send(d->fd, q->wire + d->written, q->length + 2 - d->written, MSG_NOSIGNAL);
		if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
			tcp_want(d, EV_WRITE);
			return false;
		}
		if (n < 0) {
			end_errno(d, OUTCOME_GONE, errno);
			*ended = true;
			return false;
		}
		d->written += (size_t)n;
	}
	tcp_want(d, EV_READ);
	return true;
}

/* How many octets the answer has with its length in front, as far as that is known yet. */
static size_t
tcp_need(const struct dns_probe *d)
{
	return d->have < 2 ? 2 : 2 + ((size_t)d->answer[0] << 8 | d->answer[1]);
}

static bool
tcp_whole(struct dns_probe *d)
{
	if (answered(d, d->answer + 2, d->have - 2))
		return true;
	socket_close(d);
	probe_end(&d->base, OUTCOME_WRONG, 0, true, "answer to another question");
	return true;
}

static bool
tcp_read(struct dns_probe *d)
{
	ssize_t n;

	while (d->have < tcp_need(d)) {
		n = recv(d->fd, d->answer + d->have, tcp_need(d) - d->have, 0);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return false;
		if (n < 0) {
			end_errno(d, OUTCOME_GONE, errno);
			return true;
		}
		if (n == 0) {
			socket_close(d);
			probe_end(&d->base, OUTCOME_GONE, 0, false,
			    d->have == 0 ? "closed without an answer" : "closed within its answer");
			return true;
		}
		d->have += (size_t)n;
	}
	return tcp_whole(d);
}

static bool
tcp_go_on(struct dns_probe *d)
{
	bool ended;

	if (!tcp_write(d, &ended))
		return ended;
	return tcp_read(d);
}

static void
tcp_ask(struct dns_probe *d)
{
	enum outcome outcome;
	bool ended;
	int error;

	d->current = TRANSPORT_TCP;
	d->written = d->have = 0;
	error = socket_open(d, SOCK_STREAM, &outcome);
	if (error != 0)
		end_errno(d, outcome, error);
	else
		tcp_write(d, &ended); /* over loopback the connection often stands already */
}

static void
dns_ask(struct probe *p)
{
	struct dns_probe *d = dns_of(p);

	d->turn = (d->turn + 1) % d->n_asked;
	asked_patch(&d->asked[d->turn], probe_random(p), probe_random(p));
	if (d->transport == TRANSPORT_TCP)
		tcp_ask(d);
	else
		udp_ask(d);
}

static bool
dns_look(struct probe *p)
{
	struct dns_probe *d = dns_of(p);

	return d->current == TRANSPORT_TCP ? tcp_go_on(d) : udp_read(d);
}

static void
dns_drop(struct probe *p)
{
	socket_close(dns_of(p));
}

static void
dns_free(struct probe *p)
{
	struct dns_probe *d = dns_of(p);

	socket_close(d);
	free(d->answer);
	free(d->asked);
	free(d);
}

static const struct probe_kind dns_kind = {dns_ask, dns_look, dns_drop, dns_free};

static void
on_ready(struct ev_loop *loop, ev_io *w, int events)
{
	(void)loop, (void)events;
	dns_look(w->data);
}

struct probe *
probe_dns_new(struct ev_loop *loop, const struct probe_timing *t, const struct dns_asking *asking,
    const struct addr *server, uint16_t port, enum dns_transport transport,
    const struct addr *source, probe_done *done, void *arg, struct err *err)
{
	struct dns_probe *d;

	ENSURE(asking->n_qnames > 0);
	if (source != NULL && source->family != server->family)
		return (void)err_set(err, "source and server are not of the same address family"),
		       NULL;
	d = calloc(1, sizeof(*d));
	ENSURE(d != NULL);
	d->fd = -1;
	d->n_asked = asking->n_qnames;
	d->turn = d->n_asked - 1; /* so that the first is asked first */
	d->asked = calloc((size_t)d->n_asked, sizeof(*d->asked));
	if (transport == TRANSPORT_TCP || asking->tcp_on_tc)
		d->answer = malloc(TCP_ROOM); /* touched only as far as answers are long */
	ENSURE(d->asked != NULL &&
	       (d->answer != NULL || (transport == TRANSPORT_UDP && !asking->tcp_on_tc)));
	if (asked_init(d->asked, asking, err) < 0) {
		dns_free(&d->base);
		return NULL;
	}
	d->transport = transport;
	d->tcp_on_tc = asking->tcp_on_tc;
	d->keep_port = asking->keep_port;
	d->expect = asking->expect;
	d->server_size = addr_sockaddr(server, port, &d->server);
	if (source != NULL)
		d->source_size = addr_sockaddr(source, 0, &d->source);
	ev_init(&d->io, on_ready);
	d->io.data = d;
	probe_init(&d->base, &dns_kind, loop, t, done, arg);
	return &d->base;
}
