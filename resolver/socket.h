/*
 * socket: the sockets that clients reach: how one is opened, and what one is that somebody handed
 * over.
 *
 * One per address, so that an answer leaves from the address that was asked without being told. An
 * address need not be bound on any link yet (IP_FREEBIND).
 */
#ifndef RESOLVER_SOCKET_H
#define RESOLVER_SOCKET_H

#include <netinet/in.h>

#include "lib/addr.h"
#include "lib/err.h"

union endpoint {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

/* Its address, of whichever family. */
struct addr endpoint_addr(const union endpoint *e);

/* Where a socket is bound. */
struct place {
	struct addr addr;
	uint16_t port;
	bool tcp;
};
#define PLACE_TEXT (ADDR_TEXT + 24)

bool place_equal(const struct place *a, const struct place *b);
/* "192.0.2.53 port 53 (UDP)"; returns buf. */
const char *place_render(const struct place *p, char buf[static PLACE_TEXT]);

/* Bound there, non-blocking, close-on-exec, one of as many as share it (SO_REUSEPORT); UDP notes
 * arrival times, TCP listens. The descriptor, or -1 with the mend. */
int socket_open(const struct place *p, struct err *err);
/* 0 when nobody is bound there; -1 says who may be. */
int socket_vacant(const struct place *p, struct err *err);
/* False when it is neither bound UDP nor listening TCP. */
bool socket_place(int fd, struct place *out);
/* Can another one be bound beside it? */
bool socket_is_shared(int fd);

#endif
