/*
 * One listening socket and a table of clients (console_client.c), at most MAX_CLIENTS. The table
 * belongs to the console; a client is closed here only, when it is in use nowhere up the stack.
 */
#include "healthd/console.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "healthd/accounts.h"
#include "healthd/console_client.h"
#include "lib/ensure.h"
#include "lib/event.h"

#define MAX_CLIENTS 32
#define SWEEP_S 2.0

struct console {
	struct ev_loop *loop;
	struct ev_io accept;
	struct ev_timer sweep; /* runs while there are clients, or to try accept again */
	int fd;
	ino_t inode; /* of our socket file: a successor's is not ours to remove */
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	struct console_client clients[MAX_CLIENTS];
};

static void
console_close_gone(void *arg)
{
	struct console *c = arg;

	for (int i = 0; i < MAX_CLIENTS; i++) {
		struct console_client *cl = &c->clients[i];

		if (cl->fd >= 0 && cl->gone && cl->depth == 0)
			client_close(cl);
	}
}

static void
console_sweep(struct ev_loop *loop, struct ev_timer *timer, int revents)
{
	struct console *c = timer->data;
	struct mono now = mono_now();
	int n = 0;

	(void)revents;
	for (int i = 0; i < MAX_CLIENTS; i++) {
		struct console_client *cl = &c->clients[i];

		if (cl->fd >= 0 && client_is_stale(cl, now))
			cl->gone = true;
	}
	console_close_gone(c);
	for (int i = 0; i < MAX_CLIENTS; i++)
		n += c->clients[i].fd >= 0;
	ev_io_start(loop, &c->accept);
	if (n == 0)
		ev_timer_stop(loop, timer);
}

static void
console_admit(struct console *c, int fd)
{
	static const char full[] =
	    "{\"ok\":false,\"error\":\"too many clients at once (32): close some\"}\n";
	struct ucred cred;
	socklen_t length = sizeof(cred);
	int place = 0;

	while (place < MAX_CLIENTS && c->clients[place].fd >= 0)
		place++;
	if (place == MAX_CLIENTS)
		(void)!send(fd, full, sizeof(full) - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (place == MAX_CLIENTS ||
	    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &length) < 0 ||
	    client_open(&c->clients[place], fd, (int)cred.uid, (int)cred.gid, cred.pid) < 0)
		close(fd);
}

static void
console_accept(struct ev_loop *loop, struct ev_io *io, int revents)
{
	struct console *c = io->data;
	int fd = accept4(c->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)revents;
	if (fd >= 0)
		console_admit(c, fd);
	else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)
		ev_io_stop(loop, io); /* it stays readable: try again with the next sweep */
	if (!ev_is_active(&c->sweep))
		ev_timer_again(loop, &c->sweep);
}

static void
console_give(const char *path, const char *group)
{
	gid_t gid;

	if (group == NULL || group[0] == '\0')
		return;
	if (!accounts_group(ACCOUNTS_GROUPS, group, &gid))
		event_say(EVENT_WARN, "console",
		    "paths.control_group: no group %s in /etc/group, so "
		    "only root and our own user may use %s; `addgroup --system %s`",
		    group, path, group);
	else if (lchown(path, (uid_t)-1, gid) < 0)
		event_say(EVENT_WARN, "console",
		    "cannot give %s to group %s: %s; add our user to it", path, group,
		    strerror(errno));
}

/* The file appears under its name only when it is listening and has its rights. */
static int
console_listen(struct console *c, const char *group, struct err *err)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	struct stat st;

	if (strlen(c->path) + 4 >= sizeof(sun.sun_path))
		return err_set(err, "%s: the path is too long for a socket: shorten paths.run_dir",
		    c->path);
	snprintf(sun.sun_path, sizeof(sun.sun_path), "%.*s.new", (int)sizeof(c->path) - 5, c->path);
	c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (c->fd < 0)
		return err_errno(err, "socket");
	unlink(sun.sun_path);
	if (bind(c->fd, (struct sockaddr *)&sun, sizeof(sun)) < 0)
		return err_errno(err, "%s: cannot bind (does the directory exist, and may we write "
		    "to it?)", sun.sun_path);
	console_give(sun.sun_path, group);
	if (chmod(sun.sun_path, 0660) < 0 || listen(c->fd, 16) < 0 || stat(sun.sun_path, &st) < 0 ||
	    rename(sun.sun_path, c->path) < 0) {
		err_errno(err, "%s", c->path);
		unlink(sun.sun_path);
		return -1;
	}
	c->inode = st.st_ino;
	return 0;
}

struct console *
console_new(struct ev_loop *loop, const char *path, const char *group, console_handle *handle,
    void *arg, struct err *err)
{
	struct console *c = calloc(1, sizeof(*c));

	if (c == NULL || strlen(path) >= sizeof(c->path)) {
		err_set(err, "%s: the path is too long for a socket: shorten paths.run_dir", path);
		free(c);
		return NULL;
	}
	c->loop = loop;
	strcpy(c->path, path);
	for (int i = 0; i < MAX_CLIENTS; i++)
		c->clients[i] = (struct console_client){.fd = -1, .loop = loop, .handle = handle,
		    .arg = arg, .done = console_close_gone, .owner = c};
	if (console_listen(c, group, err) < 0) {
		if (c->fd >= 0)
			close(c->fd);
		free(c);
		return NULL;
	}
	ev_io_init(&c->accept, console_accept, c->fd, EV_READ);
	c->accept.data = c;
	ev_io_start(loop, &c->accept);
	ev_timer_init(&c->sweep, console_sweep, SWEEP_S, SWEEP_S);
	c->sweep.data = c;
	return c;
}

void
console_tell(struct console *c, const json_t *line)
{
	char *text = NULL;
	size_t length = 0;

	for (int i = 0; i < MAX_CLIENTS; i++) {
		if (c->clients[i].fd < 0 || !c->clients[i].follow)
			continue;
		if (text == NULL) { /* once, and only when somebody follows */
			text = json_dumps(line, JSON_COMPACT);
			ENSURE(text != NULL);
			length = strlen(text);
			text[length++] = '\n'; /* in place of its NUL */
		}
		client_tell(&c->clients[i], text, length);
	}
	free(text);
	console_close_gone(c);
}

void
console_free(struct console *c)
{
	struct stat st;

	if (c == NULL)
		return;
	for (int i = 0; i < MAX_CLIENTS; i++) {
		if (c->clients[i].fd >= 0)
			client_close(&c->clients[i]);
	}
	ev_timer_stop(c->loop, &c->sweep);
	ev_io_stop(c->loop, &c->accept);
	close(c->fd);
	if (stat(c->path, &st) == 0 && st.st_ino == c->inode)
		unlink(c->path);
	free(c);
}
