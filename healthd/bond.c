#include "healthd/bond.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

int
bond_send(int fd, const struct bond_message *m)
{
	struct bond_message copy = *m;
	ssize_t n;

	copy.version = BOND_VERSION;
	do
		n = send(fd, &copy, sizeof(copy), MSG_DONTWAIT | MSG_NOSIGNAL);
	while (n == -1 && errno == EINTR);
	if (n == (ssize_t)sizeof(copy))
		return 1;
	if (n == -1 && (errno == EAGAIN || errno == ENOBUFS))
		return 0;
	return -1;
}

static bool
is_ours(const struct bond_message *m)
{
	return m->version == BOND_VERSION && m->type >= BOND_HELLO && m->type <= BOND_SNAPSHOT &&
	    m->slot >= -1 && m->slot < MAX_SLOTS &&
	    memchr(m->text, '\0', sizeof(m->text)) != NULL;
}

int
bond_receive(int fd, struct bond_message *m)
{
	ssize_t n;

	/* MSG_TRUNC tells the whole length of a longer message. Descriptors sent along are closed
	 * by the kernel, since no room is offered for them. */
	do
		n = recv(fd, m, sizeof(*m), MSG_DONTWAIT | MSG_TRUNC);
	while (n == -1 && errno == EINTR);
	if (n == -1 && errno == EAGAIN)
		return 0;
	if (n != (ssize_t)sizeof(*m) || !is_ours(m))
		return -1;
	return 1;
}
