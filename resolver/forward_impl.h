/*
 * forward_impl: what the files of the forward client share, and nobody else sees.
 */
#ifndef RESOLVER_FORWARD_IMPL_H
#define RESOLVER_FORWARD_IMPL_H

#include <openssl/ssl.h>
#include <sys/socket.h>

#include "lib/mono.h"
#include "resolver/casing.h"
#include "resolver/forward.h"

#define FORWARD_STREAMS 4   /* connections to a server */
#define STREAM_MANY 256	    /* questions on one at a time */
#define STREAM_OUT (64 << 10) /* octets that it may not have taken yet */
#define STREAM_IDLE_MS 15000 /* an unused one is closed after so long */
#define FOREIGN_MOST 64	    /* messages that nobody asked for, in a row */

enum stream_state { STREAM_CLOSED, STREAM_CONNECTING, STREAM_SHAKING, STREAM_OPEN };

struct stream {
	struct forward_server *server;
	enum stream_state state;
	int fd;
	SSL *tls; /* owned; NULL: plain */
	struct ev_io io;
	struct ev_timer idle;
	struct exchange *first; /* on it, in no order */
	int n;
	uint64_t answers; /* since it was opened */
	struct mono last; /* when the last of them came */
	int foreign;
	bool tls_wants_write;  /* the handshake, or reading, goes on once something is written */
	bool write_wants_read; /* writing goes on once something is read */
	uint8_t *in, *out; /* owned, while it is open */
	size_t in_used, out_used;
};

struct forward_server {
	struct forward *forward;
	struct addr address;
	uint16_t port;
	enum backup_transport transport;
	const char *tls_name; /* borrowed of the configuration */
	SSL_CTX *tls;	      /* owned; NULL: plain */
	struct stream streams[FORWARD_STREAMS];
	struct exchange *datagrams; /* exchanges by UDP */
	struct casing casing;
	char why[FORWARD_WHY];
};

struct exchange {
	struct forward *forward;
	struct forward_server *server; /* NULL: free */
	struct stream *stream;	       /* NULL: by UDP */
	struct exchange *next, **self; /* in the stream's or the server's list; `next` among free */
	struct ev_io io;	       /* of its UDP socket; fd -1: none */
	struct ev_timer timer;
	struct mono asked, until;
	forward_done *done;
	void *arg;
	uint8_t foreign;
	int capitals; /* in its question, by UDP; -1: its case is not looked at */
	bool recased; /* on a connection for the case's sake */
	bool again; /* its connection broke once */
	uint16_t length;
	uint8_t question[DNS_QUERY_MAX];
};

struct forward {
	struct ev_loop *loop;
	const struct resolver_conf *conf;
	struct exchange *pool, *free;
	uint8_t datagram[DNS_UDP_PAYLOAD + 1]; /* scratch */
};

/* forward.c */
void exchange_link(struct exchange *x, struct exchange **list);
void exchange_unlink(struct exchange *x);
/* Frees it, then calls back. */
void exchange_end(struct exchange *x, const struct forward_told *told);
void exchange_broken(struct exchange *x);
/* A socket of this kind towards the server, bound and connecting; -1. */
int forward_socket(struct forward_server *s, int type);
uint16_t forward_random(void);

/* forward_stream.c */
void streams_init(struct forward_server *s);
void streams_close(struct forward_server *s);
/* Puts it on a connection; false: there is none to be had. */
bool stream_take(struct exchange *x);
/* Off its connection. */
void stream_leave(struct exchange *x);
/* No answer to it came in time: a connection on which nothing came since it was asked is dead. */
void stream_doubt(struct stream *s, struct mono asked);

/* forward_tls.c */
SSL_CTX *forward_tls_new(const char *ca_file, struct err *err);
SSL *forward_tls_open(struct forward_server *s, int fd);
/* For the three next: octets, 0 at the end, -1 with errno; EAGAIN: later, and `*wants_write`
 * says what it waits for. The handshake is 1 when it is done. */
int forward_tls_shake(SSL *tls, bool *wants_write);
ssize_t forward_tls_read(SSL *tls, void *to, size_t room, bool *wants_write);
ssize_t forward_tls_write(SSL *tls, const void *from, size_t length, bool *wants_read);
/* What went wrong last, one phrase. */
void forward_tls_why(const SSL *tls, char out[static FORWARD_WHY]);

#endif
