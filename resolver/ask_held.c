/*
 * A listener is bound at a path of its maker's and moved to its name (ask_listen()), so its own
 * address does not say whether the name is still its. The kernel knows which file it is bound to,
 * and tells by netlink (sock_diag(7)).
 */
#include "resolver/ask_held.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>

#include "resolver/ask_io.h"

static bool
listens_as_ours(int fd)
{
	int type = 0, listening = 0;
	socklen_t size = sizeof(int);
	struct sockaddr_un at = {0};

	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == -1 || type != SOCK_SEQPACKET)
		return false;
	size = sizeof(int);
	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) == -1 || !listening)
		return false;
	size = sizeof(at);
	return getsockname(fd, (struct sockaddr *)&at, &size) == 0 && at.sun_family == AF_UNIX;
}

/* The file of the answer; false when it has none. */
static bool
file_read_out(const struct nlmsghdr *n, size_t length, uint32_t *file)
{
	const struct rtattr *a;
	struct unix_diag_vfs vfs;
	size_t left;

	if (!NLMSG_OK(n, length) || n->nlmsg_type != SOCK_DIAG_BY_FAMILY ||
	    n->nlmsg_len < NLMSG_LENGTH(sizeof(struct unix_diag_msg)))
		return false;
	a = (const struct rtattr *)((const char *)NLMSG_DATA(n) +
				    NLMSG_ALIGN(sizeof(struct unix_diag_msg)));
	left = n->nlmsg_len - NLMSG_LENGTH(sizeof(struct unix_diag_msg));
	for (; RTA_OK(a, left); a = RTA_NEXT(a, left)) {
		if (a->rta_type != UNIX_DIAG_VFS || RTA_PAYLOAD(a) < sizeof(vfs))
			continue;
		memcpy(&vfs, RTA_DATA(a), sizeof(vfs));
		*file = vfs.udiag_vfs_ino;
		return true;
	}
	return false;
}

/* The number of the file that this socket is bound to; false: the kernel does not say. */
static bool
file_of(int fd, uint32_t *file)
{
	_Alignas(struct nlmsghdr) char answer[1024];
	struct {
		struct nlmsghdr head;
		struct unix_diag_req ask;
	} question = {
	    .head = {.nlmsg_len = sizeof(question),
		.nlmsg_type = SOCK_DIAG_BY_FAMILY,
		.nlmsg_flags = NLM_F_REQUEST},
	    .ask = {.sdiag_family = AF_UNIX,
		.udiag_states = UINT32_MAX,
		.udiag_show = UDIAG_SHOW_VFS,
		.udiag_cookie = {UINT32_MAX, UINT32_MAX}},
	};
	struct stat st;
	ssize_t n = -1;
	int kernel;

	if (fstat(fd, &st) == -1)
		return false;
	question.ask.udiag_ino = (uint32_t)st.st_ino;
	kernel = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	if (kernel == -1)
		return false;
	if (send(kernel, &question, sizeof(question), 0) == sizeof(question))
		n = recv(kernel, answer, sizeof(answer), 0);
	close(kernel);
	return n > 0 && file_read_out((const struct nlmsghdr *)answer, (size_t)n, file);
}

int
ask_held(int fd, const char *run_dir, int number, const char *user, struct err *err)
{
	char path[256];
	struct stat st;
	uint32_t file;

	ask_path(path, sizeof(path), run_dir, number);
	if (!listens_as_ours(fd) || stat(path, &st) == -1 || !S_ISSOCK(st.st_mode))
		return 0;
	/* Where the kernel does not say, it is taken for ours: a new one would cut running engines
	 * off. */
	if (file_of(fd, &file) && file != (uint32_t)st.st_ino)
		return 0;
	return ask_hand_to(path, user, err) == -1 ? -1 : 1;
}
