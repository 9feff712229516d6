/*
 * The sockets that clients reach: handed in, or made here; and the private listener for probes.
 *
 * One socket per address, so that an answer leaves from the address that was asked without being
 * told; all workers share them by SO_REUSEPORT. An address need not be bound on any link yet
 * (IP_FREEBIND).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "resolver/worker_parts.h"

enum { BUFFER_BYTES = 4 << 20, BACKLOG = 1024 };

/* Either takes the descriptor, or closes it. */
static int
add(struct worker *w, int fd, bool tcp, bool trusted, struct err *err)
{
	int done = tcp ? tcp_add(w, fd, trusted, err) : udp_add(w, fd, trusted, err);

	if (done == -1)
		close(fd);
	return done;
}

static socklen_t
endpoint_of(const struct addr *a, uint16_t port, union endpoint *out)
{
	memset(out, 0, sizeof(*out));
	if (a->family == FAMILY_V4) {
		out->v4.sin_family = AF_INET;
		out->v4.sin_port = htons(port);
		memcpy(&out->v4.sin_addr, a->bytes, 4);
		return sizeof(out->v4);
	}
	out->v6.sin6_family = AF_INET6;
	out->v6.sin6_port = htons(port);
	memcpy(&out->v6.sin6_addr, a->bytes, 16);
	return sizeof(out->v6);
}

static int
set(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value));
}

/* What may fail without harm is tried. */
static int
options_set(int fd, const struct addr *a, bool tcp)
{
	bool v6 = a->family == FAMILY_V6;

	if (set(fd, SOL_SOCKET, SO_REUSEPORT, 1) == -1 ||
	    set(fd, SOL_SOCKET, SO_REUSEADDR, 1) == -1)
		return -1;
	if (v6 && set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1) == -1)
		return -1;
	if (v6 ? set(fd, IPPROTO_IPV6, IPV6_FREEBIND, 1) == -1
	       : set(fd, IPPROTO_IP, IP_FREEBIND, 1) == -1)
		return -1;
	if (tcp)
		return 0;
	set(fd, SOL_SOCKET, SO_RCVBUF, BUFFER_BYTES);
	set(fd, SOL_SOCKET, SO_SNDBUF, BUFFER_BYTES);
	/* Nobody's forged ICMP makes answers smaller; they fit without fragments anyway. */
	if (v6)
		set(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_OMIT);
	else
		set(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_OMIT);
	return 0;
}

static int
open_one(struct worker *w, const struct addr *a, uint16_t port, bool tcp, bool trusted,
    struct err *err)
{
	int type = (tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK | SOCK_CLOEXEC;
	int fd = socket(a->family == FAMILY_V6 ? AF_INET6 : AF_INET, type, 0);
	const char *transport = tcp ? "TCP" : "UDP";
	char text[ADDR_TEXT];
	union endpoint at;
	socklen_t length = endpoint_of(a, port, &at);

	addr_render(a, text);
	if (fd == -1)
		return err_errno(err, "cannot make a %s socket for %s", transport, text);
	if (options_set(fd, a, tcp) == -1 || bind(fd, &at.any, length) == -1 ||
	    (tcp && listen(fd, BACKLOG) == -1)) {
		err_errno(err,
		    "cannot listen on %s port %u (%s); is somebody else there, or the right "
		    "to do so missing?",
		    text, port, transport);
		close(fd);
		return -1;
	}
	return add(w, fd, tcp, trusted, err);
}

static int
open_both(struct worker *w, const struct addr *a, uint16_t port, bool trusted, struct err *err)
{
	if (open_one(w, a, port, false, trusted, err) == -1)
		return -1;
	return open_one(w, a, port, true, trusted, err);
}

/* A socket that somebody handed in: bound, of the Internet, and listening when it is TCP. */
static int
take_one(struct worker *w, int fd, struct err *err)
{
	union endpoint at;
	socklen_t length = sizeof(at), size = sizeof(int);
	int type, listening = 0, flags = fcntl(fd, F_GETFL);

	if (flags == -1 || getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == -1 ||
	    getsockname(fd, &at.any, &length) == -1)
		return err_set(err, "%s: descriptor %d is no socket", WORKER_ENV_SOCKETS, fd);
	size = sizeof(listening);
	getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size);
	if ((at.any.sa_family != AF_INET && at.any.sa_family != AF_INET6) || at.v4.sin_port == 0 ||
	    !(type == SOCK_DGRAM || (type == SOCK_STREAM && listening)))
		return err_set(err, "%s: descriptor %d is neither bound UDP nor listening TCP",
		    WORKER_ENV_SOCKETS, fd);
	if (fcntl(fd, F_SETFL, flags | O_NONBLOCK) == -1 || fcntl(fd, F_SETFD, FD_CLOEXEC) == -1)
		return err_errno(err, "cannot prepare descriptor %d", fd);
	return add(w, fd, type == SOCK_STREAM, false, err);
}

static int
take_all(struct worker *w, const char *list, struct err *err)
{
	const char *at = list;
	char *end;
	long fd;

	do {
		errno = 0;
		fd = strtol(at, &end, 10);
		if (errno != 0 || end == at || fd < 0 || fd > 1 << 20 ||
		    (*end != ',' && *end != '\0'))
			return err_set(
			    err, "%s=%s is no list of descriptors", WORKER_ENV_SOCKETS, list);
		if (take_one(w, (int)fd, err) == -1)
			return -1;
		at = end + 1;
	} while (*end == ',');
	return 0;
}

int
worker_sockets_open(struct worker *w, struct err *err)
{
	const struct resolver_conf *c = w->conf;
	const char *list = getenv(WORKER_ENV_SOCKETS);
	struct addr probe;

	if (list != NULL && take_all(w, list, err) == -1)
		return -1;
	for (int i = 0; list == NULL && i < c->n_listen; i++)
		if (open_both(w, &c->listen[i], (uint16_t)c->port, false, err) == -1)
			return -1;
	if (!addr_parse(c->probe_address, &probe))
		return err_set(err, "probe_address: \"%s\" is no address", c->probe_address);
	return open_both(w, &probe, (uint16_t)(c->probe_port + w->number), true, err);
}
