/*
 * Connections to a server that is asked by TCP or TLS: opened when the first question wants one,
 * shared by many, closed when nobody used it for a while or the server closes it.
 *
 * Nothing here calls back before the connection is in order again: whoever is called may put the
 * next question on it. Questions are written by the loop, so a failing write is met there, too.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/ensure.h"
#include "resolver/forward_impl.h"

#define READS_A_TURN 8

/* What it can go on with, and nothing else: what is ready and of no use would be told at each turn
 * of the loop. Where TLS has to write before it reads on (the answer to a KeyUpdate that the socket
 * did not take), what can be read is of no use. */
static int
events_of(const struct stream *s)
{
	if (s->state == STREAM_CONNECTING || s->tls_wants_write)
		return EV_WRITE;
	if (s->state == STREAM_OPEN && s->out_used > 0 && !s->write_wants_read)
		return EV_READ | EV_WRITE;
	return EV_READ;
}

static void
watch(struct stream *s)
{
	struct ev_loop *loop = s->server->forward->loop;
	int events = events_of(s), fed;

	if (ev_is_active(&s->io) && (s->io.events & (EV_READ | EV_WRITE)) == events)
		return;
	fed = ev_clear_pending(loop, &s->io); /* which stopping would: see stream_hear() */
	ev_io_stop(loop, &s->io);
	ev_io_set(&s->io, s->fd, events);
	ev_io_start(loop, &s->io);
	if (fed != 0)
		ev_feed_event(loop, &s->io, fed);
}

static void
idle_look(struct stream *s)
{
	struct ev_loop *loop = s->server->forward->loop;

	if (s->n > 0 || s->state == STREAM_CLOSED) {
		ev_timer_stop(loop, &s->idle);
	} else {
		s->idle.repeat = STREAM_IDLE_MS / 1e3;
		ev_timer_again(loop, &s->idle);
	}
}

static void
stream_close(struct stream *s)
{
	if (s->state == STREAM_CLOSED)
		return;
	ev_io_stop(s->server->forward->loop, &s->io);
	if (s->tls != NULL) {
		if (s->state == STREAM_OPEN)
			SSL_shutdown(s->tls); /* says so, and waits for nothing */
		SSL_free(s->tls);
		s->tls = NULL;
	}
	close(s->fd);
	s->fd = -1;
	free(s->in);
	free(s->out);
	s->in = s->out = NULL;
	s->state = STREAM_CLOSED;
	idle_look(s);
}

static bool
stream_open(struct stream *s)
{
	static const int on = 1;
	int fd = forward_socket(s->server, SOCK_STREAM);

	if (fd < 0)
		return false;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (s->server->tls != NULL) {
		s->tls = forward_tls_open(s->server, fd);
		if (s->tls == NULL) {
			close(fd);
			return false;
		}
	}
	s->in = malloc(FORWARD_STREAM_ROOM);
	s->out = malloc(STREAM_OUT);
	ENSURE(s->in != NULL && s->out != NULL);
	s->fd = fd;
	s->state = STREAM_CONNECTING;
	s->in_used = s->out_used = 0;
	s->answers = 0;
	s->foreign = 0;
	s->last = MONO_NEVER;
	s->tls_wants_write = s->write_wants_read = false;
	watch(s);
	return true;
}

static bool
id_is_taken(const struct stream *s, uint16_t id)
{
	for (const struct exchange *x = s->first; x != NULL; x = x->next)
		if (forward_id(x->question) == id)
			return true;
	return false;
}

static void
stream_put(struct stream *s, struct exchange *x)
{
	uint16_t id;

	do
		id = forward_random();
	while (id_is_taken(s, id));
	forward_id_set(x->question, id);
	s->out[s->out_used] = (uint8_t)(x->length >> 8);
	s->out[s->out_used + 1] = (uint8_t)x->length;
	memcpy(s->out + s->out_used + FORWARD_FRAME, x->question, x->length);
	s->out_used += FORWARD_FRAME + (size_t)x->length;
	x->stream = s;
	exchange_link(x, &s->first);
	s->n++;
	idle_look(s);
	watch(s);
}

bool
stream_take(struct exchange *x)
{
	struct stream *streams = x->server->streams, *s;

	for (int i = 0; i < FORWARD_STREAMS; i++) {
		s = &streams[i];
		if (s->state != STREAM_CLOSED && s->n < STREAM_MANY &&
		    s->out_used + FORWARD_FRAME + x->length <= STREAM_OUT) {
			stream_put(s, x);
			return true;
		}
	}
	for (int i = 0; i < FORWARD_STREAMS; i++) {
		s = &streams[i];
		if (s->state == STREAM_CLOSED && stream_open(s)) {
			stream_put(s, x);
			return true;
		}
	}
	return false;
}

void
stream_leave(struct exchange *x)
{
	struct stream *s = x->stream;

	exchange_unlink(x);
	x->stream = NULL;
	s->n--;
	idle_look(s);
}

/* Closes it. What was asked is asked once more where the server only ended a connection that it had
 * answered on, which it may at any time (RFC 7766, 6.2.4); the rest has failed. */
static void
stream_break(struct stream *s, const char *why)
{
	struct exchange *x, *lost = NULL;
	bool served = s->answers > 0;

	if (why != NULL)
		snprintf(s->server->why, FORWARD_WHY, "%s", why);
	while (s->first != NULL) {
		x = s->first;
		stream_leave(x);
		exchange_link(x, &lost);
	}
	stream_close(s);
	/* Those that fail wait in the server's list of those without a connection. */
	while (lost != NULL) {
		x = lost;
		exchange_unlink(x);
		if (served && !x->again) {
			x->again = true;
			if (stream_take(x))
				continue;
		}
		exchange_link(x, &x->server->datagrams);
		x->again = true;
		x->foreign = UINT8_MAX;
	}
	/* A callback may forget others of the list: look for the next anew. */
	for (x = s->server->datagrams; x != NULL; x = s->server->datagrams) {
		while (x != NULL && x->foreign != UINT8_MAX)
			x = x->next;
		if (x == NULL)
			break;
		exchange_broken(x);
	}
}

void
stream_doubt(struct stream *s, struct mono asked)
{
	if (s->state != STREAM_CLOSED && !mono_before(asked, s->last))
		stream_break(s, s->state == STREAM_OPEN ? "it does not answer"
							: "it does not take the connection");
}

/* False: it speaks no DNS. */
static bool
message_take(struct stream *s, const uint8_t *message, size_t length)
{
	struct forward_told told = {.end = FORWARD_TOLD, .message = message, .length = length};
	struct exchange *x = s->first;

	while (x != NULL && forward_id(x->question) != forward_id(message))
		x = x->next;
	if (x != NULL)
		told.read = forward_read(x->question, x->length, message, length);
	if (x == NULL || told.read.kind == FORWARD_FOREIGN)
		return ++s->foreign < FOREIGN_MOST;
	s->foreign = 0;
	s->answers++;
	s->last = mono_now();
	/* In a stream nothing is too long: that is no answer. */
	if (told.read.kind == FORWARD_TRUNCATED)
		told.read.kind = FORWARD_REFUSAL;
	exchange_end(x, &told);
	return true;
}

/* False: it speaks no DNS. */
static bool
messages_take(struct stream *s)
{
	enum forward_frame frame;
	const uint8_t *message;
	size_t length;

	while ((frame = forward_frame(s->in, s->in_used, &message, &length)) == FRAME_WHOLE) {
		if (!message_take(s, message, length))
			return false;
		s->in_used = forward_frame_drop(s->in, s->in_used, length);
	}
	return frame == FRAME_PARTIAL;
}

static ssize_t
stream_read(struct stream *s)
{
	size_t room = FORWARD_STREAM_ROOM - s->in_used;

	if (s->tls != NULL)
		return forward_tls_read(s->tls, s->in + s->in_used, room, &s->tls_wants_write);
	return recv(s->fd, s->in + s->in_used, room, 0);
}

static void
stream_ended(struct stream *s, ssize_t n)
{
	char why[FORWARD_WHY] = "it closed the connection";

	if (n < 0 && errno == EPROTO && s->tls != NULL)
		forward_tls_why(s->tls, why);
	else if (n < 0)
		snprintf(why, sizeof(why), "%s", strerrordesc_np(errno));
	stream_break(s, why);
}

/* False: it is closed. */
static bool
stream_hear(struct stream *s)
{
	ssize_t n = 0;

	s->tls_wants_write = s->write_wants_read = false;
	for (int i = 0; i < READS_A_TURN; i++) {
		n = stream_read(s);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return true;
		if (n <= 0) {
			stream_ended(s, n);
			return false;
		}
		s->in_used += (size_t)n;
		if (!messages_take(s)) {
			stream_break(s, "what it sent is no DNS");
			return false;
		}
	}
	/* The kernel tells nothing of what TLS has read ahead. */
	if (s->tls != NULL && SSL_has_pending(s->tls))
		ev_feed_event(s->server->forward->loop, &s->io, EV_READ);
	return true;
}

/* False: it is closed. */
static bool
stream_say(struct stream *s)
{
	ssize_t n;

	while (s->out_used > 0 && !s->write_wants_read) {
		n = s->tls != NULL
			? forward_tls_write(s->tls, s->out, s->out_used, &s->write_wants_read)
			: send(s->fd, s->out, s->out_used, MSG_NOSIGNAL);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return true;
		if (n <= 0) {
			stream_ended(s, n);
			return false;
		}
		s->out_used -= (size_t)n;
		memmove(s->out, s->out + n, s->out_used);
	}
	return true;
}

/* False: it is closed. */
static bool
stream_progress(struct stream *s)
{
	socklen_t size = sizeof(errno);
	int error = 0, shaken = 1;

	if (s->state == STREAM_CONNECTING) {
		getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &error, &size);
		if (error != 0) {
			stream_break(s, strerrordesc_np(error));
			return false;
		}
		s->state = s->tls != NULL ? STREAM_SHAKING : STREAM_OPEN;
	}
	if (s->state == STREAM_SHAKING) {
		shaken = forward_tls_shake(s->tls, &s->tls_wants_write);
		if (shaken < 0 && errno == EAGAIN)
			return true;
		if (shaken != 1) {
			stream_ended(s, shaken);
			return false;
		}
		s->state = STREAM_OPEN;
		s->tls_wants_write = false;
	}
	return true;
}

static void
on_stream(struct ev_loop *loop, struct ev_io *io, int revents)
{
	struct stream *s = io->data;

	(void)loop;
	if (s->state != STREAM_OPEN && !stream_progress(s))
		return;
	if (s->state == STREAM_OPEN && ((revents & EV_READ) || s->tls_wants_write) &&
	    !stream_hear(s))
		return;
	if (s->state == STREAM_OPEN && !stream_say(s))
		return;
	watch(s);
}

static void
on_idle(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	(void)loop;
	(void)revents;
	stream_close(w->data);
}

void
streams_init(struct forward_server *server)
{
	for (int i = 0; i < FORWARD_STREAMS; i++) {
		struct stream *s = &server->streams[i];

		s->server = server;
		s->fd = -1;
		ev_init(&s->io, on_stream);
		ev_init(&s->idle, on_idle);
		s->io.data = s->idle.data = s;
	}
}

void
streams_close(struct forward_server *server)
{
	for (int i = 0; i < FORWARD_STREAMS; i++) {
		while (server->streams[i].first != NULL)
			forward_forget(server->streams[i].first);
		stream_close(&server->streams[i]);
		ev_timer_stop(server->forward->loop, &server->streams[i].idle);
	}
}
