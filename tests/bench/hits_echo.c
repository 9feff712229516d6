/*
 * The bare echo that a resolver's hit path is measured against: what comes goes back as it came.
 *
 * usage: hits_echo ADDRESS PORT [BATCH]     (BATCH 1: recvfrom and sendto, one by one)
 *
 * No kernel does less for a datagram that is answered, and no program either.
 */
#include <arpa/inet.h>
#include <err.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>

/* Rooms are no powers of two, so that they don't share a few sets of the CPU's cache. */
enum { BATCH_MAX = 256, ROOM = 2048 + 64 };

struct datagrams {
	struct mmsghdr messages[BATCH_MAX];
	struct iovec iov[BATCH_MAX];
	struct sockaddr_in from[BATCH_MAX];
	char octets[BATCH_MAX][ROOM];
};

static int
socket_open(const char *address, const char *port)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
	int fd = socket(AF_INET, SOCK_DGRAM, 0), bytes = 4 << 20;

	if (inet_pton(AF_INET, address, &at.sin_addr) != 1)
		errx(1, "%s is no IPv4 address", address);
	if (fd == -1 || bind(fd, (struct sockaddr *)&at, sizeof(at)) == -1)
		err(1, "%s port %s", address, port);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
	return fd;
}

static void
one_by_one(int fd, struct datagrams *d)
{
	socklen_t length;
	ssize_t n;

	for (;;) {
		length = sizeof(d->from[0]);
		n = recvfrom(fd, d->octets[0], ROOM, 0, (struct sockaddr *)&d->from[0], &length);
		if (n > 0)
			sendto(fd, d->octets[0], (size_t)n, 0, (struct sockaddr *)&d->from[0],
			    length);
	}
}

static void
batches(int fd, struct datagrams *d, unsigned batch)
{
	int n, sent;

	for (unsigned i = 0; i < batch; i++)
		d->messages[i].msg_hdr = (struct msghdr){
		    .msg_name = &d->from[i], .msg_iov = &d->iov[i], .msg_iovlen = 1};
	for (;;) {
		for (unsigned i = 0; i < batch; i++) {
			d->iov[i] = (struct iovec){d->octets[i], ROOM};
			d->messages[i].msg_hdr.msg_namelen = sizeof(d->from[i]);
		}
		n = recvmmsg(fd, d->messages, batch, MSG_WAITFORONE, NULL);
		for (int i = 0; i < n; i++)
			d->iov[i].iov_len = d->messages[i].msg_len;
		for (int at = 0; at < n; at += sent > 0 ? sent : 1)
			sent = sendmmsg(fd, d->messages + at, (unsigned)(n - at), 0);
	}
}

int
main(int n, char **words)
{
	static struct datagrams d;
	unsigned batch = n > 3 ? (unsigned)atoi(words[3]) : 32;
	int fd;

	if (n < 3 || batch < 1 || batch > BATCH_MAX)
		errx(2, "usage: hits_echo ADDRESS PORT [BATCH]");
	fd = socket_open(words[1], words[2]);
	if (batch == 1)
		one_by_one(fd, &d);
	batches(fd, &d, batch);
}
