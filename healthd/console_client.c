/*
 * Nothing here ever waits for a client: one that does not read what it asked for is cut off, by
 * size when it follows and by time always; one that only sits there gives its place back after a
 * while.
 *
 * A client's next request is taken only when little output waits for it, so that many requests in
 * one packet cannot make the buffer grow: what is unread stays in the kernel and stops the sender.
 *
 * The handler runs inside client_ready() and may tell all followers, this one too: so a client is
 * only marked as gone here, and closed by console.c when it is in use no more.
 */
#include "healthd/console_client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "healthd/accounts.h"

#define LINE_MAX_BYTES ((size_t)64 << 10)
#define ANSWER_MAX_BYTES ((size_t)4 << 20)
#define WAITING_MAX_BYTES ((size_t)1 << 20) /* of a follower */
#define TAKE_BELOW_BYTES ((size_t)64 << 10) /* output waiting, above which no request is taken */
#define KEEP_BYTES ((size_t)16 << 10)	    /* an empty output buffer larger than this is freed */
#define STUCK_MS 10000			    /* took nothing of what waits for it */
#define IDLE_MS 300000			    /* asked nothing, and does not follow */

static size_t
client_waiting(const struct console_client *cl)
{
	return cl->out_end - cl->out_begin;
}

static void
client_watch(struct console_client *cl)
{
	int want = 0;

	if (!cl->eof && !cl->closing && client_waiting(cl) < TAKE_BELOW_BYTES)
		want |= EV_READ;
	if (client_waiting(cl) > 0)
		want |= EV_WRITE;
	if (want == cl->watching)
		return;
	ev_io_stop(cl->loop, &cl->io);
	ev_io_set(&cl->io, cl->fd, want);
	if (want != 0)
		ev_io_start(cl->loop, &cl->io);
	cl->watching = want;
}

/* Sends what the socket takes. */
static void
client_push(struct console_client *cl)
{
	while (client_waiting(cl) > 0 && !cl->gone) {
		ssize_t n = send(cl->fd, cl->out + cl->out_begin, client_waiting(cl),
		    MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n > 0) {
			cl->out_begin += (size_t)n;
			cl->moved = mono_now();
		} else if (errno == EAGAIN) {
			break;
		} else if (errno != EINTR) {
			cl->gone = true;
		}
	}
	if (client_waiting(cl) == 0) {
		cl->out_begin = cl->out_end = 0;
		if (cl->out_size > KEEP_BYTES) {
			free(cl->out);
			cl->out = NULL;
			cl->out_size = 0;
		}
		if (cl->closing)
			cl->gone = true;
	}
}

static bool
client_put(struct console_client *cl, const char *text, size_t length)
{
	size_t need = client_waiting(cl) + length;

	if (cl->out_end + length > cl->out_size) {
		if (cl->out_begin > 0)
			memmove(cl->out, cl->out + cl->out_begin, client_waiting(cl));
		cl->out_end -= cl->out_begin;
		cl->out_begin = 0;
	}
	if (need > cl->out_size) {
		size_t size = need < 4096 ? 4096 : need + need / 2;
		char *out = realloc(cl->out, size);

		if (out == NULL)
			return false;
		cl->out = out;
		cl->out_size = size;
	}
	memcpy(cl->out + cl->out_end, text, length);
	cl->out_end += length;
	return true;
}

/* Steals `object`. */
static void
client_answer(struct console_client *cl, json_t *object)
{
	char *text = object != NULL ? json_dumps(object, JSON_COMPACT) : NULL;
	size_t length = text != NULL ? strlen(text) : 0;

	json_decref(object);
	if (text == NULL || length >= ANSWER_MAX_BYTES) {
		static const char sorry[] =
		    "{\"ok\":false,\"error\":\"the answer is too long; ask for less\"}\n";

		if (!client_put(cl, sorry, sizeof(sorry) - 1))
			cl->gone = true;
	} else {
		text[length] = '\n'; /* in place of its NUL */
		if (!client_put(cl, text, length + 1))
			cl->gone = true;
	}
	free(text);
}

static void
client_refuse(struct console_client *cl, const char *why)
{
	json_t *text = json_string(why);

	/* A sentence that quotes what is no UTF-8 cannot be sent as it is. */
	if (text == NULL)
		text = json_string("refused, and the reason is not UTF-8: send UTF-8");
	client_answer(cl, json_pack("{s:b,s:o}", "ok", 0, "error", text));
}

static void
client_request(struct console_client *cl, const char *line, size_t length)
{
	struct err err = {0};
	json_error_t why;
	json_t *request = json_loadb(line, length, JSON_REJECT_DUPLICATES, &why);
	const char *verb = json_string_value(json_object_get(request, "verb"));
	json_t *args = json_object_get(request, "args");
	json_t *data;

	if (!json_is_object(request)) {
		err_set(&err, "a request is one JSON object on one line: %s",
		    request == NULL ? why.text : "this is another value");
		client_refuse(cl, err.text);
		cl->closing = true;
	} else if (verb == NULL) {
		client_refuse(cl, "\"verb\" is missing or is not a string");
	} else if (args != NULL && !json_is_object(args)) {
		client_refuse(cl, "\"args\" is not an object");
	} else {
		json_t *none = json_object();
		bool follow = false;

		data =
		    cl->handle(cl->arg, &cl->peer, verb, args != NULL ? args : none, &follow, &err);
		if (data == NULL && err.text[0] != '\0') {
			client_refuse(cl, err.text);
		} else {
			client_answer(cl, json_pack("{s:b,s:o}", "ok", 1, "data",
			    data != NULL ? data : json_object()));
			cl->follow |= follow;
		}
		json_decref(none);
	}
	json_decref(request);
}

static void
client_requests(struct console_client *cl)
{
	char *line;
	size_t length;

	while (!cl->gone && !cl->closing && client_waiting(cl) < TAKE_BELOW_BYTES) {
		enum frame_result got = frame_next(&cl->in, &line, &length);

		if (got == FRAME_MORE) {
			cl->closing = cl->eof;
			cl->gone |= cl->closing && client_waiting(cl) == 0;
			return;
		}
		if (got == FRAME_FULL) {
			client_refuse(cl, "the line is too long: at most 65536 bytes");
			cl->closing = true;
		} else {
			client_request(cl, line, length);
		}
		client_push(cl);
	}
}

static void
client_read(struct console_client *cl)
{
	size_t room;
	char *to = frame_room(&cl->in, &room);
	ssize_t n = room > 0 ? recv(cl->fd, to, room, MSG_DONTWAIT) : -1;

	if (n == 0) {
		cl->eof = true; /* it may still read what waits for it */
		cl->gone |= cl->follow;
	} else if (n > 0) {
		frame_filled(&cl->in, (size_t)n);
		cl->moved = mono_now();
	} else if (room > 0 && errno != EAGAIN && errno != EINTR) {
		cl->gone = true;
	}
}

static void
client_ready(struct ev_loop *loop, struct ev_io *io, int revents)
{
	struct console_client *cl = io->data;

	(void)loop;
	cl->depth++;
	if (revents & EV_WRITE)
		client_push(cl);
	if ((revents & EV_READ) && !cl->gone)
		client_read(cl);
	client_requests(cl); /* also what was left in the buffer while output waited */
	if (!cl->gone)
		client_watch(cl);
	cl->depth--;
	cl->done(cl->owner);
}

/* Who is not in the file is shown by number. */
static void
peer_name(struct console_peer *peer)
{
	if (!accounts_user(ACCOUNTS_USERS, (uid_t)peer->uid, peer->who, sizeof(peer->who)))
		snprintf(peer->who, sizeof(peer->who), "%d", peer->uid);
}

int
client_open(struct console_client *cl, int fd, int uid, int gid, int pid)
{
	char *data = malloc(LINE_MAX_BYTES);

	if (data == NULL)
		return -1;
	cl->fd = fd;
	cl->depth = 0;
	cl->follow = cl->eof = cl->closing = cl->gone = false;
	cl->in = frame_init(data, LINE_MAX_BYTES);
	cl->out = NULL;
	cl->out_begin = cl->out_end = cl->out_size = 0;
	cl->moved = mono_now();
	cl->peer = (struct console_peer){.uid = uid, .gid = gid, .pid = pid};
	peer_name(&cl->peer);
	ev_io_init(&cl->io, client_ready, fd, EV_READ);
	cl->io.data = cl;
	cl->watching = EV_READ;
	ev_io_start(cl->loop, &cl->io);
	return 0;
}

void
client_close(struct console_client *cl)
{
	ev_io_stop(cl->loop, &cl->io);
	close(cl->fd);
	free(cl->in.data);
	free(cl->out);
	cl->fd = -1;
	cl->in.data = cl->out = NULL;
}

void
client_tell(struct console_client *cl, const char *line, size_t length)
{
	if (cl->gone || !cl->follow)
		return;
	if (client_waiting(cl) + length > WAITING_MAX_BYTES || !client_put(cl, line, length)) {
		cl->gone = true;
		return;
	}
	client_push(cl);
	if (!cl->gone)
		client_watch(cl);
}

bool
client_is_stale(const struct console_client *cl, struct mono now)
{
	int64_t still = mono_diff_ms(now, cl->moved);

	return client_waiting(cl) > 0 ? still >= STUCK_MS : !cl->follow && still >= IDLE_MS;
}
