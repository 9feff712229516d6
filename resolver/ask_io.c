/*
 * The socket between worker and engine. A listener is bound under a name of its own and renamed
 * into place, so that there is no moment without an engine's socket once the first one stood there,
 * and a successor takes the place over while its predecessor still serves those it has.
 */
#include "resolver/ask_io.h"

#include <errno.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/file.h"
#include "resolver/given.h"

#define BACKLOG 64
#define SEND_BUFFER (1 << 20) /* the kernel gives what net.core.wmem_max lets it */

size_t
ask_path(char *path, size_t size, const char *run_dir, int number)
{
	char name[HELD_NAME];
	int n = snprintf(
	    path, size, "%s/engine-%s.sock", run_dir, given_engine(name, "", number));

	return n < 0 ? size : (size_t)n;
}

static int
address(struct sockaddr_un *to, const char *run_dir, int number, const char *end, struct err *err)
{
	size_t n;

	memset(to, 0, sizeof(*to));
	to->sun_family = AF_UNIX;
	n = ask_path(to->sun_path, sizeof(to->sun_path), run_dir, number);
	if (n + strlen(end) < sizeof(to->sun_path))
		memcpy(to->sun_path + n, end, strlen(end));
	else
		return err_set(err, "%s is too long for a socket's path; shorten run_dir", run_dir);
	return 0;
}

static int
new_socket(struct err *err)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	return fd < 0 ? err_errno(err, "cannot make a socket") : fd;
}

/* Mode first: nobody else gets in between. */
int
ask_hand_to(const char *path, const char *user, struct err *err)
{
	const struct passwd *pw;
	struct stat st;

	if (stat(path, &st) < 0)
		return err_errno(err, "cannot look at %s", path);
	/* Where it was given away before, only a right that the unit does not leave us could. */
	if ((st.st_mode & 07777) != 0600 && chmod(path, 0600) < 0)
		return err_errno(err, "cannot set the mode of %s", path);
	if (user[0] == '\0')
		return 0;
	pw = getpwnam(user);
	if (pw == NULL)
		return err_set(
		    err, "there is no user \"%s\"; create it, or correct worker.user", user);
	if (pw->pw_uid != st.st_uid && chown(path, pw->pw_uid, (gid_t)-1) < 0)
		return err_errno(err, "cannot give %s to %s; start as root", path, user);
	return 0;
}

static int
listen_at(int fd, const struct sockaddr_un *own, const struct sockaddr_un *name, const char *user,
    struct err *err)
{
	unlink(own->sun_path);
	if (bind(fd, (const struct sockaddr *)own, sizeof(*own)) < 0)
		return err_errno(err, "cannot make %s", own->sun_path);
	if (ask_hand_to(own->sun_path, user, err) < 0)
		return -1;
	if (listen(fd, BACKLOG) < 0)
		return err_errno(err, "cannot listen at %s", own->sun_path);
	if (rename(own->sun_path, name->sun_path) < 0)
		return err_errno(err, "cannot put the engine's socket at %s", name->sun_path);
	return 0;
}

int
ask_listen(const char *run_dir, int number, const char *user, struct err *err)
{
	struct sockaddr_un own, name;
	char end[32];
	int fd;

	snprintf(end, sizeof(end), ".%ld", (long)getpid());
	if (file_mkdirs(run_dir, err) < 0 || address(&own, run_dir, number, end, err) < 0 ||
	    address(&name, run_dir, number, "", err) < 0)
		return -1;
	fd = new_socket(err);
	if (fd < 0)
		return -1;
	if (listen_at(fd, &own, &name, user, err) < 0) {
		unlink(own.sun_path);
		close(fd);
		return -1;
	}
	return fd;
}

int
ask_connect(const char *run_dir, int number, struct err *err)
{
	static const int buffer = SEND_BUFFER;
	struct sockaddr_un name;
	int fd;

	if (address(&name, run_dir, number, "", err) < 0)
		return -1;
	fd = new_socket(err);
	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof(buffer));
	if (connect(fd, (const struct sockaddr *)&name, sizeof(name)) < 0) {
		err_errno(err, "no engine answers at %s", name.sun_path);
		close(fd);
		return -1;
	}
	return fd;
}

/* Keeps the first descriptor that came along, closes all others. */
static void
take_passed(struct msghdr *m, int *descriptor)
{
	struct cmsghdr *c;
	size_t n, i;
	int fd;

	for (c = CMSG_FIRSTHDR(m); c != NULL; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (i = 0; i < n; i++) {
			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
			if (*descriptor < 0)
				*descriptor = fd;
			else
				close(fd);
		}
	}
}

ssize_t
ask_taken(struct msghdr *m, size_t length, int *descriptor)
{
	*descriptor = -1;
	take_passed(m, descriptor);
	if ((m->msg_flags & MSG_TRUNC) == 0)
		return (ssize_t)length;
	if (*descriptor >= 0)
		close(*descriptor);
	*descriptor = -1;
	return -1;
}

ssize_t
ask_receive(int socket, void *in, size_t room, int *descriptor)
{
	_Alignas(struct cmsghdr) char control[ASK_CONTROL];
	struct iovec iov = {in, room};
	struct msghdr m = {.msg_iov = &iov,
	    .msg_iovlen = 1,
	    .msg_control = control,
	    .msg_controllen = sizeof(control)};
	ssize_t n = recvmsg(socket, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	*descriptor = -1;
	if (n < 0)
		return -1;
	n = ask_taken(&m, (size_t)n, descriptor);
	if (n < 0)
		errno = EMSGSIZE;
	return n;
}

static void
put_passed(struct msghdr *m, char *control, size_t size, int descriptor)
{
	struct cmsghdr *c;

	m->msg_control = control;
	m->msg_controllen = size;
	c = CMSG_FIRSTHDR(m);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &descriptor, sizeof(int));
}

int
ask_send(int socket, const void *head, size_t head_length, const void *body, size_t body_length,
    int descriptor)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {0};
	struct iovec iov[2] = {{(void *)head, head_length}, {(void *)body, body_length}};
	struct msghdr m = {.msg_iov = iov, .msg_iovlen = body_length > 0 ? 2 : 1};

	if (descriptor >= 0)
		put_passed(&m, control, sizeof(control), descriptor);
	return sendmsg(socket, &m, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -1 : 0;
}
