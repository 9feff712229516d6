/*
 * birdwire: see the header. One descriptor, three watchers (readable, writable, a timer that is
 * either the dialogue's deadline or the next attempt). What has come is read before a deadline is
 * judged, since libev runs timers first after a stall.
 */
#include "bgpctl/birdwire.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "bgpctl/birdtalk.h"
#include "lib/ensure.h"

#define RETRY_MIN_MS 50
#define RETRY_MAX_MS 1000
#define READ_BYTES 16384

struct birdwire {
	struct ev_loop *loop;
	const char *path;
	int64_t timeout_ms, retry_ms;
	struct birdwire_events events;
	int fd; /* -1: none */
	bool greeted;
	struct birdtalk talk;
	ev_io readable, writable;
	ev_timer timer;
};

static void
arm(struct birdwire *w, int64_t ms)
{
	ev_timer_stop(w->loop, &w->timer);
	ev_timer_set(&w->timer, (double)(ms > 0 ? ms : 0) / 1000.0, 0);
	ev_timer_start(w->loop, &w->timer);
}

static void
arm_deadline(struct birdwire *w)
{
	if (w->fd < 0)
		return;
	if (mono_is_set(w->talk.deadline))
		arm(w, mono_diff_ms(w->talk.deadline, mono_now()) + 1);
	else
		ev_timer_stop(w->loop, &w->timer);
}

static void
disconnect(struct birdwire *w)
{
	if (w->fd < 0)
		return;
	ev_io_stop(w->loop, &w->readable);
	ev_io_stop(w->loop, &w->writable);
	ev_timer_stop(w->loop, &w->timer);
	close(w->fd);
	w->fd = -1;
	w->greeted = false;
	birdtalk_close(&w->talk);
}

static void
lost(struct birdwire *w, const char *why)
{
	if (w->greeted)
		w->retry_ms = RETRY_MIN_MS;
	disconnect(w);
	arm(w, w->retry_ms);
	w->retry_ms = w->retry_ms * 2 < RETRY_MAX_MS ? w->retry_ms * 2 : RETRY_MAX_MS;
	w->events.down(w->events.arg, why);
}

static void
flush(struct birdwire *w)
{
	const char *bytes;
	size_t n;
	ssize_t done;

	while (w->fd >= 0 && (n = birdtalk_output(&w->talk, &bytes)) > 0) {
		done = send(w->fd, bytes, n, MSG_NOSIGNAL);
		if (done > 0) {
			birdtalk_written(&w->talk, (size_t)done);
			continue;
		}
		/* A real error shows at the next read, where it is handled. */
		if (errno == EAGAIN)
			ev_io_start(w->loop, &w->writable);
		return;
	}
	ev_io_stop(w->loop, &w->writable);
}

static bool
take(struct birdwire *w, const char *data, size_t n)
{
	struct birdtalk *t = &w->talk;
	enum birdtalk_got got;
	size_t used;

	do {
		got = birdtalk_feed(t, data, n, &used, mono_now());
		data += used;
		n -= used;
		if (got == TALK_GREETED) {
			w->greeted = true;
			w->retry_ms = RETRY_MIN_MS;
			w->events.up(w->events.arg);
		} else if (got == TALK_ROW) {
			w->events.row(w->events.arg, t->tag, t->line.code, t->line.text);
		} else if (got == TALK_DONE) {
			w->events.done(w->events.arg, t->tag, t->line.code, t->line.text);
		}
	} while (got != TALK_NOTHING && got != TALK_FAILED);
	return got != TALK_FAILED;
}

/* Reads what is there, at most READ_BYTES so that a talkative peer cannot keep the loop. */
static void
receive(struct birdwire *w)
{
	char data[READ_BYTES];
	ssize_t n = recv(w->fd, data, sizeof(data), 0);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0) {
		lost(w, strerror(errno));
	} else if (n == 0) {
		lost(w, "BIRD closed the connection");
	} else if (!take(w, data, (size_t)n)) {
		lost(w, w->talk.why);
	} else {
		flush(w);
		arm_deadline(w);
	}
}

static void
on_readable(struct ev_loop *loop, ev_io *io, int revents)
{
	(void)loop;
	(void)revents;
	receive(io->data);
}

static void
on_writable(struct ev_loop *loop, ev_io *io, int revents)
{
	(void)loop;
	(void)revents;
	flush(io->data);
}

static void
attempt(struct birdwire *w)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};

	if (strlen(w->path) >= sizeof(to.sun_path)) {
		lost(w, "the socket's path is too long for the kernel");
		return;
	}
	memcpy(to.sun_path, w->path, strlen(w->path) + 1);
	w->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (w->fd < 0 || connect(w->fd, (struct sockaddr *)&to, sizeof(to)) < 0) {
		lost(w, strerror(errno));
		return;
	}
	birdtalk_open(&w->talk, w->timeout_ms, mono_now());
	ev_io_set(&w->readable, w->fd, EV_READ);
	ev_io_set(&w->writable, w->fd, EV_WRITE);
	ev_io_start(w->loop, &w->readable);
	arm_deadline(w);
}

static void
on_timer(struct ev_loop *loop, ev_timer *timer, int revents)
{
	struct birdwire *w = timer->data;

	(void)loop;
	(void)revents;
	if (w->fd < 0) {
		attempt(w);
		return;
	}
	receive(w);
	if (w->fd < 0)
		return;
	if (birdtalk_tick(&w->talk, mono_now()) == TALK_FAILED)
		lost(w, w->talk.why);
	else
		arm_deadline(w);
}

struct birdwire *
birdwire_new(struct ev_loop *loop, const char *path, int64_t timeout_ms,
    const struct birdwire_events *events)
{
	struct birdwire *w = calloc(1, sizeof(*w));

	ENSURE(w);
	w->loop = loop;
	w->path = path;
	w->timeout_ms = timeout_ms;
	w->retry_ms = RETRY_MIN_MS;
	w->events = *events;
	w->fd = -1;
	ev_init(&w->readable, on_readable);
	ev_init(&w->writable, on_writable);
	ev_init(&w->timer, on_timer);
	w->readable.data = w->writable.data = w->timer.data = w;
	arm(w, 0);
	return w;
}

bool
birdwire_ready(const struct birdwire *w)
{
	return w->greeted;
}

bool
birdwire_ask(struct birdwire *w, uint32_t tag, const char *command)
{
	if (!w->greeted || !birdtalk_ask(&w->talk, tag, command, mono_now()))
		return false;
	flush(w);
	arm_deadline(w);
	return true;
}

void
birdwire_free(struct birdwire *w)
{
	if (!w)
		return;
	disconnect(w);
	ev_timer_stop(w->loop, &w->timer);
	free(w);
}
