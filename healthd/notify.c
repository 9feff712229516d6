#include "healthd/notify.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* 0: there is nobody to tell. */
static socklen_t
manager(struct sockaddr_un *to)
{
	const char *path = getenv("NOTIFY_SOCKET");
	size_t n = path != NULL ? strlen(path) : 0;

	*to = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (n < 2 || n >= sizeof(to->sun_path) || (path[0] != '/' && path[0] != '@'))
		return 0;
	memcpy(to->sun_path, path, n);
	if (path[0] == '@')
		to->sun_path[0] = '\0';
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
}

static bool
tell(int s, struct msghdr *m, int wait_ms)
{
	struct pollfd p = {.fd = s, .events = POLLOUT};
	ssize_t n;

	/* A connected socket is writable when its peer's queue has room. */
	do
		n = sendmsg(s, m, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (n == -1 &&
	       (errno == EINTR || (errno == EAGAIN && wait_ms > 0 && poll(&p, 1, wait_ms) == 1)));
	return n != -1;
}

bool
notify_send(const char *text, int fd, int wait_ms)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {0};
	struct iovec iov = {(void *)(uintptr_t)text, strlen(text)};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
	struct sockaddr_un to;
	socklen_t length = manager(&to);
	struct cmsghdr *c;
	bool told;
	int s;

	if (length == 0)
		return true;
	if (fd != -1) {
		m.msg_control = control;
		m.msg_controllen = sizeof(control);
		c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &fd, sizeof(int));
	}
	s = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	told = s != -1 && connect(s, (struct sockaddr *)&to, length) == 0 && tell(s, &m, wait_ms);
	if (s != -1)
		close(s);
	return told;
}
