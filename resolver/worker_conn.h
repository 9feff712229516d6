/*
 * worker_conn: one TCP connection of a client (worker_conn.c), and the places they have
 * (worker_tcp.c).
 */
#ifndef RESOLVER_WORKER_CONN_H
#define RESOLVER_WORKER_CONN_H

#include "resolver/worker_parts.h"

#define CONN_LISTENERS_MAX 256
#define CONN_QUERY_ROOM (4096 + 2) /* a query and its length */

struct conn {
	struct worker *worker;
	ev_io io;
	uint16_t number; /* its place */
	uint32_t serial;
	union endpoint client;
	bool trusted;
	bool broken;  /* to be closed */
	bool ended;   /* the client sends no more */
	bool deaf;    /* it sent what is no query: nothing more is taken, but it is answered */
	bool reading; /* in conn_read(): not to be freed */
	int waiting;  /* queries that an engine works on */
	int events;   /* what io watches for; 0: it is stopped */
	struct mono active;  /* something came or went */
	struct mono partial; /* the query that is not complete began */
	struct mono taking;  /* unread answers: `taken` counts from here */
	size_t taken;
	size_t n_in, n_out, sent, out_room;
	uint8_t *out;
	uint8_t in[CONN_QUERY_ROOM];
};
struct listener {
	struct worker *worker;
	ev_io io;
	bool trusted;
};
struct tcp {
	struct listener listeners[CONN_LISTENERS_MAX];
	int n_listeners;
	bool paused, stopping;
	struct conn **conns; /* conf's tcp_clients places */
	uint32_t n_conns, n_places, serial;
	ev_timer watch;
};

/* In a free place; takes the descriptor. NULL: no memory, and it is closed. */
struct conn *conn_new(struct worker *w, int fd, const union endpoint *client, bool trusted);
void conn_free(struct conn *c);
/* Takes up what may be taken up, sends what there is, watches for what may come, frees what is
 * done. */
void conn_settle(struct conn *c);
/* Once tcp.stopping is set: a last look at what has come, then as conn_settle(). */
void conn_stop(struct conn *c);
/* Nothing comes, goes or is waited for. */
bool conn_is_idle(const struct conn *c);
/* Too long silent, too slow to send a query, or to take an answer? */
bool conn_is_overdue(struct conn *c);
/* How long a connection may be idle now. */
int64_t tcp_idle_ms(const struct worker *w);

#endif
