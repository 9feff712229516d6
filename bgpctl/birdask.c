/*
 * birdask: see the header. The dialogue is birdtalk's, as in the driver; only the waiting differs.
 */
#include "bgpctl/birdask.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "bgpctl/birdtalk.h"
#include "lib/ensure.h"

struct birdask {
	int fd;
	struct birdtalk talk;
	char data[4096]; /* read and not yet taken: from `at`, `have` bytes */
	size_t at, have;
};

static int
say_connect(const char *path, struct err *err)
{
	if (errno == ENOENT)
		return err_set(err,
		    "BIRD's socket %s does not exist; start bird, or set bird.socket to "
		    "its control socket",
		    path);
	if (errno == EACCES || errno == EPERM)
		return err_set(err,
		    "no permission for BIRD's socket %s; join the group that owns it "
		    "(often \"bird\") or ask as root",
		    path);
	if (errno == ECONNREFUSED)
		return err_set(
		    err, "nobody listens at BIRD's socket %s; bird has died: start it", path);
	return err_errno(err, "cannot connect to BIRD's socket %s", path);
}

static int
connect_to(const char *path, struct err *err)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	int fd;

	if (strlen(path) >= sizeof(to.sun_path))
		return err_set(
		    err, "bird.socket is longer than %zu bytes", sizeof(to.sun_path) - 1);
	memcpy(to.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_errno(err, "cannot make a socket");
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0)
		return fd;
	say_connect(path, err);
	close(fd);
	return -1;
}

/* Writes what is to be written and reads once, waiting at most until the deadline. */
static int
exchange(struct birdask *b, struct err *err)
{
	struct pollfd p = {.fd = b->fd, .events = POLLIN};
	const char *bytes;
	size_t out = birdtalk_output(&b->talk, &bytes);
	int64_t wait = mono_diff_ms(b->talk.deadline, mono_now()) + 1;
	ssize_t n;

	if (out > 0 && (n = send(b->fd, bytes, out, MSG_NOSIGNAL)) > 0) {
		birdtalk_written(&b->talk, (size_t)n);
		out -= (size_t)n;
	}
	p.events |= out > 0 ? POLLOUT : 0;
	poll(&p, 1, wait > 0 ? (int)wait : 0);
	n = recv(b->fd, b->data, sizeof(b->data), 0);
	if (n == 0)
		return err_set(err, "BIRD closed the connection");
	if (n < 0 && errno != EAGAIN && errno != EINTR)
		return err_errno(err, "cannot read from BIRD");
	b->at = 0;
	b->have = n > 0 ? (size_t)n : 0;
	return 0;
}

/* The next thing BIRD says, or TALK_FAILED with an error. */
static enum birdtalk_got
next(struct birdask *b, struct err *err)
{
	enum birdtalk_got got;
	size_t used;

	for (;;) {
		got = birdtalk_feed(&b->talk, b->data + b->at, b->have, &used, mono_now());
		b->at += used;
		b->have -= used;
		if (got == TALK_NOTHING)
			got = birdtalk_tick(&b->talk, mono_now());
		if (got == TALK_FAILED)
			err_set(err, "BIRD does not answer as it should: %s", b->talk.why);
		if (got != TALK_NOTHING)
			return got;
		if (exchange(b, err) < 0)
			return TALK_FAILED;
	}
}

struct birdask *
birdask_open(const char *socket, int64_t timeout_ms, char *hello, struct err *err)
{
	int fd = connect_to(socket, err);
	struct birdask *b;

	if (fd < 0)
		return NULL;
	b = calloc(1, sizeof(*b));
	ENSURE(b);
	b->fd = fd;
	birdtalk_open(&b->talk, timeout_ms, mono_now());
	if (next(b, err) == TALK_FAILED) {
		birdask_close(b);
		return NULL;
	}
	if (hello)
		snprintf(hello, 64, "%.63s", b->talk.line.text);
	return b;
}

int
birdask(struct birdask *b, const char *command, birdask_line *line, void *arg, struct err *err)
{
	enum birdtalk_got got;

	if (!birdtalk_ask(&b->talk, 0, command, mono_now()))
		return err_set(err, "a command for BIRD of more than a line or %d bytes",
		    BIRDTALK_COMMAND - 1);
	do {
		got = next(b, err);
		if (got == TALK_FAILED)
			return -1;
		if (line)
			line(arg, b->talk.line.code, b->talk.line.text);
	} while (got != TALK_DONE);
	return b->talk.line.code;
}

void
birdask_close(struct birdask *b)
{
	if (!b)
		return;
	close(b->fd);
	free(b);
}
