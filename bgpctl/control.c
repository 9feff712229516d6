/*
 * The client's end: blocking, every wait bounded by the caller. The buffer grows with the longest
 * answer, up to ANSWER_MAX; what comes from the other end is not trusted to be ours.
 */
#include "bgpctl/control.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "bgpctl/frame.h"
#include "lib/mono.h"

#define ANSWER_MAX ((size_t)4 << 20)
#define ANSWER_START ((size_t)16 << 10)
#define RETRY_MS 50

struct control {
	int fd;
	struct frame frame; /* owns frame.data */
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
};

static int
explain_connect(const char *path, struct err *err)
{
	switch (errno) {
	case EACCES:
	case EPERM:
		return err_set(err, "%s: you may not open the control socket: your user must be in "
		    "the group of paths.control_group (`ls -l %s`, then `adduser YOU GROUP` and a "
		    "new login), or use sudo", path, path);
	case ENOENT:
		return err_set(err, "healthd does not answer on %s: there is no such socket; is it "
		    "running? `systemctl status healthd`, and -s or -c if it runs elsewhere", path);
	case ECONNREFUSED:
		return err_set(err,
		    "healthd does not answer on %s: the socket is there, but nobody "
		    "listens; `systemctl status healthd` and `journalctl -u healthd` say why",
		    path);
	case EAGAIN:
		return err_set(err, "healthd does not accept on %s: it is hung or overrun; its "
		    "keeper replaces a hung brain within a second or two, try again", path);
	default:
		return err_errno(err, "%s: cannot connect", path);
	}
}

static int
connect_once(const char *path, int timeout_ms)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	struct timeval tv = {timeout_ms / 1000, timeout_ms % 1000 * 1000};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	memcpy(sun.sun_path, path, strlen(path));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
	if (connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == 0)
		return fd;
	int saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

struct control *
control_open(const char *path, int timeout_ms, struct err *err)
{
	struct mono give_up = mono_add_ms(mono_now(), timeout_ms < 1500 ? timeout_ms : 1500);
	struct control *c;
	char *data;
	int fd;

	if (strlen(path) >= sizeof(c->path)) {
		err_set(err, "%s: the path is too long for a socket, at most %zu bytes", path,
		    sizeof(c->path) - 1);
		return NULL;
	}
	/* Nobody listens for a moment while one brain hands over to the next. */
	while ((fd = connect_once(path, timeout_ms)) < 0 && errno == ECONNREFUSED &&
	    mono_before(mono_now(), give_up))
		nanosleep(&(struct timespec){.tv_nsec = RETRY_MS * 1000000L}, NULL);
	if (fd < 0) {
		explain_connect(path, err);
		return NULL;
	}
	c = calloc(1, sizeof(*c));
	data = malloc(ANSWER_START);
	if (c == NULL || data == NULL) {
		err_set(err, "out of memory");
		free(c);
		free(data);
		close(fd);
		return NULL;
	}
	c->fd = fd;
	c->frame = frame_init(data, ANSWER_START);
	strcpy(c->path, path);
	return c;
}

int
control_ask(struct control *c, const char *verb, json_t *args, struct err *err)
{
	json_t *request = json_pack("{s:s,s:o*}", "verb", verb, "args", args);
	char *text = request != NULL ? json_dumps(request, JSON_COMPACT) : NULL;
	size_t length, done = 0;
	int rc = 0;

	json_decref(request);
	if (text == NULL)
		return err_set(err, "the request cannot be written: its text is not UTF-8");
	length = strlen(text);
	text[length++] = '\n';
	while (done < length && rc == 0) {
		ssize_t n = send(c->fd, text + done, length - done, MSG_NOSIGNAL);

		if (n > 0)
			done += (size_t)n;
		else if (n < 0 && errno != EINTR)
			rc = err_errno(err, "%s: cannot send the request", c->path);
	}
	free(text);
	return rc;
}

static int
grow(struct control *c, struct err *err)
{
	size_t size = c->frame.size * 2;
	char *data;

	if (size > ANSWER_MAX)
		return err_set(err, "%s: the answer is longer than %zu MiB: is this healthd's "
		    "socket?", c->path, ANSWER_MAX >> 20);
	data = realloc(c->frame.data, size);
	if (data == NULL)
		return err_set(err, "out of memory");
	frame_grown(&c->frame, data, size);
	return 0;
}

/* Reads once, waiting at most until `deadline`. */
static int
read_some(struct control *c, struct mono deadline, struct err *err)
{
	struct pollfd p = {.fd = c->fd, .events = POLLIN};
	int64_t left = mono_diff_ms(deadline, mono_now());
	size_t room;
	char *to;
	ssize_t n;
	int ready = poll(&p, 1, left < 0 ? 0 : left > 3600000 ? 3600000 : (int)left);

	if (ready == 0 && !mono_before(mono_now(), deadline)) {
		errno = ETIMEDOUT;
		return err_set(err, "healthd does not answer on %s: connected, and silent since; "
		    "its keeper replaces a hung brain within a second or two, try again", c->path);
	}
	if (ready <= 0)
		return ready == 0 || errno == EINTR ? 0 : err_errno(err, "%s: poll", c->path);
	to = frame_room(&c->frame, &room);
	n = recv(c->fd, to, room, MSG_DONTWAIT);
	if (n < 0)
		return errno == EINTR || errno == EAGAIN
			   ? 0
			   : err_errno(err, "%s: cannot read", c->path);
	if (n == 0) {
		errno = EPIPE;
		return err_set(err, frame_holds_part(&c->frame)
			? "%s: healthd closed the connection in the middle of an answer: its brain "
			  "was replaced just now, try again"
			: "%s: healthd closed the connection: its brain was replaced just now, or "
			  "has too many clients; try again", c->path);
	}
	frame_filled(&c->frame, (size_t)n);
	return 0;
}

json_t *
control_next(struct control *c, int timeout_ms, struct err *err)
{
	struct mono deadline = mono_add_ms(mono_now(), timeout_ms);
	json_error_t why;
	size_t length;
	char *line;
	json_t *object;

	for (;;) {
		enum frame_result got = frame_next(&c->frame, &line, &length);

		if (got == FRAME_LINE)
			break;
		if (got == FRAME_FULL && grow(c, err) < 0)
			goto failed;
		if (read_some(c, deadline, err) < 0)
			return NULL;
	}
	object = json_loadb(line, length, 0, &why);
	if (json_is_object(object))
		return object;
	json_decref(object);
	err_set(err, "%s: the answer is not a JSON object (%s): is this healthd's socket, of the "
	    "same version?", c->path, why.text[0] != '\0' ? why.text : "some other value");
failed:
	errno = EPROTO;
	return NULL;
}

int
control_fd(const struct control *c)
{
	return c->fd;
}

void
control_close(struct control *c)
{
	if (c == NULL)
		return;
	close(c->fd);
	free(c->frame.data);
	free(c);
}
