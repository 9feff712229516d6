#include "resolver/socket.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BUFFER_BYTES = 4 << 20, BACKLOG = 1024 };

struct addr
endpoint_addr(const union endpoint *e)
{
	struct addr a = {.family = FAMILY_V4};

	if (e->any.sa_family == AF_INET6) {
		a.family = FAMILY_V6;
		memcpy(a.bytes, &e->v6.sin6_addr, 16);
	} else {
		memcpy(a.bytes, &e->v4.sin_addr, 4);
	}
	return a;
}

bool
place_equal(const struct place *a, const struct place *b)
{
	return a->tcp == b->tcp && a->port == b->port && addr_equal(&a->addr, &b->addr);
}

const char *
place_render(const struct place *p, char buf[static PLACE_TEXT])
{
	char text[ADDR_TEXT];

	snprintf(buf, PLACE_TEXT, "%s port %u (%s)", addr_render(&p->addr, text), p->port,
	    p->tcp ? "TCP" : "UDP");
	return buf;
}

static socklen_t
endpoint_of(const struct place *p, union endpoint *out)
{
	memset(out, 0, sizeof(*out));
	if (p->addr.family == FAMILY_V4) {
		out->v4.sin_family = AF_INET;
		out->v4.sin_port = htons(p->port);
		memcpy(&out->v4.sin_addr, p->addr.bytes, 4);
		return sizeof(out->v4);
	}
	out->v6.sin6_family = AF_INET6;
	out->v6.sin6_port = htons(p->port);
	memcpy(&out->v6.sin6_addr, p->addr.bytes, 16);
	return sizeof(out->v6);
}

static int
set(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value));
}

/* What decides whom a bind meets. */
static int
place_options_set(int fd, const struct place *p)
{
	bool v6 = p->addr.family == FAMILY_V6;

	if (v6 && set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1) == -1)
		return -1;
	return v6 ? set(fd, IPPROTO_IPV6, IPV6_FREEBIND, 1) : set(fd, IPPROTO_IP, IP_FREEBIND, 1);
}

/* What may fail without harm is tried. */
static int
options_set(int fd, const struct place *p)
{
	if (set(fd, SOL_SOCKET, SO_REUSEPORT, 1) == -1 ||
	    set(fd, SOL_SOCKET, SO_REUSEADDR, 1) == -1 || place_options_set(fd, p) == -1)
		return -1;
	if (p->tcp)
		return 0;
	/* From the first datagram on, whenever it is read. */
	if (set(fd, SOL_SOCKET, SO_TIMESTAMPNS, 1) == -1)
		return -1;
	set(fd, SOL_SOCKET, SO_RCVBUF, BUFFER_BYTES);
	set(fd, SOL_SOCKET, SO_SNDBUF, BUFFER_BYTES);
	/* Nobody's forged ICMP makes answers smaller; they fit without fragments anyway. */
	if (p->addr.family == FAMILY_V6)
		set(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_OMIT);
	else
		set(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_OMIT);
	return 0;
}

static int
socket_new(const struct place *p, struct err *err)
{
	int type = (p->tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK | SOCK_CLOEXEC;
	int fd = socket(p->addr.family == FAMILY_V6 ? AF_INET6 : AF_INET, type, 0);
	char text[PLACE_TEXT];

	if (fd == -1)
		return err_errno(err, "cannot make a socket for %s", place_render(p, text));
	return fd;
}

int
socket_open(const struct place *p, struct err *err)
{
	int fd = socket_new(p, err);
	char text[PLACE_TEXT];
	union endpoint at;
	socklen_t length = endpoint_of(p, &at);

	if (fd == -1)
		return -1;
	if (options_set(fd, p) == 0 && bind(fd, &at.any, length) == 0 &&
	    (!p->tcp || listen(fd, BACKLOG) == 0))
		return fd;
	err_errno(err,
	    "cannot listen on %s; is somebody else there, or the right to do so missing?",
	    place_render(p, text));
	close(fd);
	return -1;
}

/* Without SO_REUSEPORT a bind fails beside anybody who listens; with SO_REUSEADDR, TCP lets it pass
 * beside connections that are over. */
int
socket_vacant(const struct place *p, struct err *err)
{
	int fd = socket_new(p, err), done;
	char text[PLACE_TEXT];
	union endpoint at;
	socklen_t length = endpoint_of(p, &at);

	if (fd == -1)
		return -1;
	done = place_options_set(fd, p);
	if (done == 0 && p->tcp)
		done = set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (done == 0)
		done = bind(fd, &at.any, length);
	if (done == -1 && errno == EADDRINUSE)
		err_set(err,
		    "somebody else listens on %s: a worker started by hand or by an earlier "
		    "healthd, or another resolver; stop it first (ss -lnp says who)",
		    place_render(p, text));
	else if (done == -1)
		err_errno(err, "cannot listen on %s", place_render(p, text));
	close(fd);
	return done;
}

static int
option_of(int fd, int option)
{
	int value = 0;
	socklen_t size = sizeof(value);

	return getsockopt(fd, SOL_SOCKET, option, &value, &size) == 0 ? value : -1;
}

bool
socket_place(int fd, struct place *out)
{
	int type = option_of(fd, SO_TYPE), protocol = option_of(fd, SO_PROTOCOL);
	union endpoint at = {0};
	socklen_t length = sizeof(at);

	if (getsockname(fd, &at.any, &length) == -1)
		return false;
	*out = (struct place){.tcp = type == SOCK_STREAM};
	if (at.any.sa_family == AF_INET) {
		out->addr.family = FAMILY_V4;
		memcpy(out->addr.bytes, &at.v4.sin_addr, 4);
		out->port = ntohs(at.v4.sin_port);
	} else if (at.any.sa_family == AF_INET6) {
		out->addr.family = FAMILY_V6;
		memcpy(out->addr.bytes, &at.v6.sin6_addr, 16);
		out->port = ntohs(at.v6.sin6_port);
	}
	if (out->port == 0)
		return false;
	return out->tcp ? protocol == IPPROTO_TCP && option_of(fd, SO_ACCEPTCONN) == 1
			: type == SOCK_DGRAM && protocol == IPPROTO_UDP;
}

bool
socket_is_shared(int fd)
{
	return option_of(fd, SO_REUSEPORT) == 1;
}
