/*
 * forward: asking other resolvers, on libev: UDP, TCP, and TLS (RFC 7858) by OpenSSL.
 *
 * UDP: a socket, so a source port of the kernel's choice, a random id and letters in random case
 * (casing.h) for each exchange; what comes from elsewhere, with another id or another question is
 * passed over, and after some of those the question goes by TCP, where nobody can guess; so it does
 * after TC, and where the case is not kept. Streams are kept
 * open and shared: a few connections a server, many questions on each, answers in any order.
 * Everything is bounded: exchanges, connections, what a server may send that nobody asked for.
 *
 * The callback is called once for each exchange that began and was not forgotten, never from within
 * forward_ask(). It may ask and forget as it likes.
 */
#ifndef RESOLVER_FORWARD_H
#define RESOLVER_FORWARD_H

#include <ev.h>

#include "lib/addr.h"
#include "lib/err.h"
#include "resolver/conf.h"
#include "resolver/forward_wire.h"

#define FORWARD_WHY 120
#define FORWARD_MOST 512 /* exchanges by UDP at a time, each with a descriptor, need no more */

struct forward;	       /* the exchanges, and where they come from */
struct forward_server; /* one that is asked, with its connections */
struct exchange;       /* one question to one server */

enum forward_end {
	FORWARD_TOLD,	/* an answer came: `read` says what it is */
	FORWARD_SILENT, /* none in time */
	FORWARD_BROKEN, /* no connection, or what came through it was no DNS */
};
struct forward_told {
	enum forward_end end;
	struct forward_read read;
	const uint8_t *message; /* valid in the callback; NULL unless told */
	size_t length;
	int64_t us; /* since it was asked */
};
typedef void forward_done(void *arg, const struct forward_told *told);

/* Room for so many exchanges at a time; sources as engine.outgoing_addresses. Ends the process when
 * there is no memory. `loop` and `conf` are borrowed. */
struct forward *forward_new(
    struct ev_loop *loop, const struct resolver_conf *conf, int64_t exchanges);
/* Is there no room for a further exchange now? */
bool forward_full(const struct forward *f);
void forward_free(struct forward *f); /* its servers first; NULL is fine */

/* `tls_name` NULL: not by TLS; else the certificate has to be for this name, from an authority in
 * `ca_file`, which is read now. NULL with the mend. */
struct forward_server *forward_server_new(struct forward *f, const struct addr *address,
    uint16_t port, enum backup_transport transport, const char *tls_name, const char *ca_file,
    struct err *err);
/* By UDP it is asked in lower case: it does not keep the case of names, and that is known. */
void forward_server_plain(struct forward_server *s);
void forward_server_free(struct forward_server *s); /* its exchanges are not called back */
/* Why the last connection failed or ended, one phrase; "" when none did. */
const char *forward_server_why(const struct forward_server *s);

/* `question` is of forward_wire, its name in lower case; id and case are set here, and what is told
 * is in lower case as asked. An answer has to come within so long. NULL:
 * it cannot be asked now (no room, no route). */
struct exchange *forward_ask(struct forward_server *s, const uint8_t *question, size_t length,
    int64_t within_ms, forward_done *done, void *arg);
void forward_forget(struct exchange *x); /* no call back any more */

#endif
