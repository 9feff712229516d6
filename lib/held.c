/*
 * held: sets of named descriptors, by environment and by socket.
 */
#include "lib/held.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "lib/ensure.h"

/* In a packet: the name, padded with NULs, then the note. */
#define PACKET (HELD_NAME + HELD_TEXT)

bool
held_name_ok(const char *name)
{
	size_t n =
	    strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_");

	return n > 0 && n < HELD_NAME && name[n] == '\0';
}

int
held_add(struct held *h, const char *name, int fd, struct err *err)
{
	struct held_one *all;

	if (!held_name_ok(name)) {
		err_set(err, "a descriptor cannot be called \"%.40s\"", name);
	} else if (held_find(h, name) != -1) {
		err_set(err, "there are two descriptors called \"%s\"", name);
	} else if (h->n == HELD_MAX) {
		err_set(err, "there are more than %d descriptors to hold", HELD_MAX);
	} else {
		all = realloc(h->all, ((size_t)h->n + 1) * sizeof(*all));
		ENSURE(all != NULL);
		h->all = all;
		memset(&all[h->n], 0, sizeof(*all));
		snprintf(all[h->n].name, HELD_NAME, "%s", name);
		all[h->n++].fd = fd;
		fcntl(fd, F_SETFD, FD_CLOEXEC);
		return 0;
	}
	close(fd);
	return -1;
}

int
held_find(const struct held *h, const char *name)
{
	for (int i = 0; i < h->n; i++)
		if (strcmp(h->all[i].name, name) == 0)
			return h->all[i].fd;
	return -1;
}

void
held_fini(struct held *h)
{
	for (int i = 0; i < h->n; i++)
		close(h->all[i].fd);
	free(h->all);
	*h = (struct held){0};
}

void
held_make_room(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == -1)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

int
held_from_env(struct held *out, struct err *err)
{
	char **names = NULL;
	int n = sd_listen_fds_with_names(1, &names), done = 0;

	*out = (struct held){0};
	if (n < 0) {
		errno = -n;
		return err_errno(err, "what LISTEN_FDS hands over cannot be taken");
	}
	for (int i = 0; i < n; i++) {
		struct err ignored;

		/* A stranger's (a socket unit's, say) is none that we know: its name is "unknown".
		 * A store keeps two of a name where one was said twice. */
		if (done == -1 || strcmp(names[i], "unknown") == 0 || !held_name_ok(names[i]) ||
		    held_find(out, names[i]) != -1)
			close(HELD_FIRST + i);
		else
			done = held_add(out, names[i], HELD_FIRST + i, &ignored);
		free(names[i]);
	}
	free(names);
	if (done == -1)
		return err_set(err, "LISTEN_FDS hands over more than %d descriptors", HELD_MAX);
	return 0;
}

int
held_to_env(const struct held_one *all, int n)
{
	size_t size = (size_t)n * HELD_NAME + 1, at = 0;
	char number[24], *names;
	int done;

	if (n == 0) {
		unsetenv("LISTEN_PID");
		unsetenv("LISTEN_FDS");
		unsetenv("LISTEN_FDNAMES");
		return 0;
	}
	names = malloc(size);
	if (names == NULL)
		return -1;
	for (int i = 0; i < n; i++)
		at +=
		    (size_t)snprintf(names + at, size - at, "%s%s", i > 0 ? ":" : "", all[i].name);
	done = setenv("LISTEN_FDNAMES", names, 1);
	free(names);
	snprintf(number, sizeof(number), "%d", (int)getpid());
	if (done == 0)
		done = setenv("LISTEN_PID", number, 1);
	snprintf(number, sizeof(number), "%d", n);
	return done == 0 ? setenv("LISTEN_FDS", number, 1) : -1;
}

int
held_send(int socket, const char *name, int fd, const char *note)
{
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {.bytes = {0}};
	char packet[PACKET] = "";
	struct iovec iov = {packet, HELD_NAME};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
	ssize_t n;

	snprintf(packet, HELD_NAME, "%s", name);
	if (fd == -1) {
		snprintf(packet + HELD_NAME, HELD_TEXT, "%s", note != NULL ? note : "");
		iov.iov_len = HELD_NAME + strlen(packet + HELD_NAME) + 1;
	} else {
		m.msg_control = control.bytes;
		m.msg_controllen = sizeof(control.bytes);
		control.head.cmsg_level = SOL_SOCKET;
		control.head.cmsg_type = SCM_RIGHTS;
		control.head.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.head), &fd, sizeof(int));
	}
	do
		n = sendmsg(socket, &m, MSG_NOSIGNAL);
	while (n == -1 && errno == EINTR);
	return n == -1 ? -1 : 0;
}

/*
 * The descriptor that came along, or -1; where there are more, none is taken. Alignment makes the
 * room for one a room for two; the kernel closes what is more than that.
 */
static int
descriptor_of(struct msghdr *m)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(m);
	int fd[2];
	size_t n;

	if (c == NULL || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
		return -1;
	n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	memcpy(fd, CMSG_DATA(c), n * sizeof(int));
	if (n == 1)
		return fd[0];
	for (size_t i = 0; i < n; i++)
		close(fd[i]);
	return -1;
}

int
held_receive(int socket, char name[static HELD_NAME], int *fd, char note[static HELD_TEXT])
{
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	_Static_assert(sizeof(control) <= CMSG_LEN(2 * sizeof(int)), "descriptor_of() takes two");
	char packet[PACKET];
	struct iovec iov = {packet, sizeof(packet)};
	struct msghdr m = {
	    .msg_iov = &iov,
	    .msg_iovlen = 1,
	    .msg_control = control.bytes,
	    .msg_controllen = sizeof(control.bytes),
	};
	size_t noted;
	ssize_t n;

	do
		n = recvmsg(socket, &m, MSG_CMSG_CLOEXEC);
	while (n == -1 && errno == EINTR);
	if (n <= 0)
		return (int)n;
	*fd = descriptor_of(&m);
	noted = (size_t)n - HELD_NAME;
	if ((size_t)n < HELD_NAME || (m.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) ||
	    memchr(packet, '\0', HELD_NAME) == NULL || !held_name_ok(packet) ||
	    (*fd == -1) != (noted > 0) || (noted > 0 && packet[n - 1] != '\0')) {
		if (*fd != -1)
			close(*fd);
		*fd = -1;
		errno = EPROTO;
		return -1;
	}
	memcpy(name, packet, HELD_NAME);
	note[0] = '\0';
	if (noted > 0)
		memcpy(note, packet + HELD_NAME, noted);
	return 1;
}
