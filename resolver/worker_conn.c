/*
 * A connection (RFC 7766): queries come one after another, answers go out as they are known, in any
 * order.
 *
 * It is bounded in everything: the length of a query, the queries it may have waiting, the octets
 * of answers it leaves unread (past a mark nothing more is read from it), and time: to send a query
 * it has begun, to take an answer, to be silent. It is freed by conn_settle(), never while it is
 * being read. What was asked before something that is no query is answered all the same.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/ensure.h"
#include "resolver/worker_conn.h"

enum {
	QUERIES_WAITING = 64,
	UNREAD_MARK = 64 * 1024,
	UNREAD_MAX = 256 * 1024,
	TAKEN_LEAST = 4096, /* octets a client must take within an idle time, or all there are */
	OUT_FIRST = 4096,
};

void
conn_free(struct conn *c)
{
	struct worker *w = c->worker;

	ev_io_stop(w->loop, &c->io);
	close(c->io.fd);
	limiter_conn_end(w, &c->client, c->trusted);
	w->tcp->conns[c->number] = NULL;
	w->tcp->n_conns--;
	free(c->out);
	free(c);
}

static void
conn_watch(struct conn *c, int events)
{
	struct ev_loop *loop = c->worker->loop;

	if (events == c->events)
		return;
	c->events = events;
	ev_io_stop(loop, &c->io);
	ev_io_set(&c->io, c->io.fd, events);
	if (events != 0)
		ev_io_start(loop, &c->io);
}

static size_t
unread(const struct conn *c)
{
	return c->n_out - c->sent;
}

static bool
may_ask(const struct conn *c)
{
	return !c->deaf && c->waiting < QUERIES_WAITING && unread(c) < UNREAD_MARK;
}

static void
conn_write(struct conn *c)
{
	ssize_t n;

	while (unread(c) > 0 && !c->broken) {
		n = send(c->io.fd, c->out + c->sent, unread(c), MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n > 0) {
			c->sent += (size_t)n;
			c->taken += (size_t)n;
			c->active = c->worker->now;
		} else if (errno == EAGAIN || errno == EWOULDBLOCK) {
			return;
		} else if (errno != EINTR) {
			c->broken = true;
		}
	}
	c->n_out = c->sent = 0;
	if (c->out_room > OUT_FIRST) {
		free(c->out);
		c->out = NULL;
		c->out_room = 0;
	}
}

static bool
out_grow(struct conn *c, size_t need)
{
	size_t room;
	uint8_t *out;

	if (c->sent > 0) {
		memmove(c->out, c->out + c->sent, unread(c));
		c->n_out -= c->sent;
		c->sent = 0;
	}
	if (c->n_out + need <= c->out_room)
		return true;
	if (c->n_out + need > UNREAD_MAX)
		return false;
	for (room = OUT_FIRST; room < c->n_out + need; room *= 2)
		continue;
	out = realloc(c->out, room);
	if (out == NULL)
		return false;
	c->out = out;
	c->out_room = room;
	return true;
}

static void
conn_put(struct conn *c, const uint8_t *message, size_t length)
{
	if (c->n_out + 2 + length > c->out_room && !out_grow(c, 2 + length)) {
		score_add(&c->worker->score->drop[DROP_SEND], 1);
		c->broken = true;
		return;
	}
	if (unread(c) == 0) {
		c->taking = c->worker->now;
		c->taken = 0;
	}
	c->out[c->n_out++] = (uint8_t)(length >> 8);
	c->out[c->n_out++] = (uint8_t)length;
	memcpy(c->out + c->n_out, message, length);
	c->n_out += length;
}

static void
conn_query(struct conn *c, const uint8_t *wire, size_t length)
{
	struct worker *w = c->worker;
	struct asker from = {
	    .tcp = true,
	    .trusted = c->trusted,
	    .source = c->number,
	    .serial = c->serial,
	    .client = c->client,
	    .since = w->now,
	};
	enum query_verdict verdict;
	struct key key;
	size_t n;

	c->waiting++;
	verdict = query_parse(wire, length, &from.query, &key);
	n = worker_query(w, &from, verdict, &key, wire, w->answer);
	if (from.waits)
		return;
	c->waiting--;
	if (n > 0)
		conn_put(c, w->answer, n);
	else
		c->deaf = true; /* no query, so no client of ours */
}

/* Whole queries out of what has come, as long as more may wait. */
static void
conn_parse(struct conn *c)
{
	size_t at = 0, length;

	while (c->n_in - at >= 2 && !c->broken && may_ask(c)) {
		length = (size_t)c->in[at] << 8 | c->in[at + 1];
		if (length > CONN_QUERY_ROOM - 2) {
			score_add(&c->worker->score->drop[DROP_MALFORMED], 1);
			c->deaf = true;
			break;
		}
		if (c->n_in - at - 2 < length)
			break;
		conn_query(c, c->in + at + 2, length);
		at += 2 + length;
	}
	if (at == 0)
		return;
	memmove(c->in, c->in + at, c->n_in - at);
	c->n_in -= at;
	c->partial = c->worker->now;
}

static void
conn_read(struct conn *c)
{
	ssize_t n = recv(c->io.fd, c->in + c->n_in, CONN_QUERY_ROOM - c->n_in, MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
		return;
	if (n < 0)
		c->broken = true;
	else if (n == 0)
		c->ended = true;
	if (n <= 0)
		return;
	c->active = c->worker->now;
	if (c->n_in == 0)
		c->partial = c->worker->now;
	c->n_in += (size_t)n;
}

void
conn_settle(struct conn *c)
{
	struct tcp *t = c->worker->tcp;
	size_t before;
	int events;

	c->reading = true;
	do {
		before = c->n_in;
		conn_parse(c);
		conn_write(c);
	} while (c->n_in < before && !c->broken);
	c->reading = false;
	if (c->broken || ((c->ended || c->deaf || t->stopping) && c->waiting == 0 &&
			     unread(c) == 0)) {
		conn_free(c);
		return;
	}
	events = !c->ended && !t->stopping && may_ask(c) ? EV_READ : 0;
	events |= unread(c) > 0 ? EV_WRITE : 0;
	conn_watch(c, events);
}

void
conn_stop(struct conn *c)
{
	/* What has come already is answered. */
	if ((c->events & EV_READ) && c->n_in < CONN_QUERY_ROOM)
		conn_read(c);
	conn_settle(c);
}

static void
conn_ready(struct ev_loop *loop, ev_io *io, int events)
{
	struct conn *c = io->data;

	(void)loop;
	if ((events & EV_READ) && c->n_in < CONN_QUERY_ROOM)
		conn_read(c);
	conn_settle(c);
}

void
tcp_answer(struct worker *w, const struct asker *to, const uint8_t *message, size_t length)
{
	struct conn *c = w->tcp->conns[to->source];

	if (c == NULL || c->serial != to->serial)
		return;
	ENSURE(c->waiting > 0);
	c->waiting--;
	if (length > 0)
		conn_put(c, message, length);
	else
		c->broken = true;
	if (!c->reading)
		conn_settle(c);
}

struct conn *
conn_new(struct worker *w, int fd, const union endpoint *client, bool trusted)
{
	struct tcp *t = w->tcp;
	struct conn *c = calloc(1, sizeof(*c));
	uint32_t place = 0;

	if (c == NULL) {
		close(fd);
		return NULL;
	}
	while (t->conns[place] != NULL)
		place++;
	c->worker = w;
	c->number = (uint16_t)place;
	c->serial = ++t->serial;
	c->client = *client;
	c->trusted = trusted;
	c->active = w->now;
	t->conns[place] = c;
	t->n_conns++;
	limiter_conn_begin(w, client, trusted);
	ev_io_init(&c->io, conn_ready, fd, 0);
	c->io.data = c;
	conn_watch(c, EV_READ);
	return c;
}

bool
conn_is_idle(const struct conn *c)
{
	return c->waiting == 0 && unread(c) == 0 && c->n_in == 0;
}

bool
conn_is_overdue(struct conn *c)
{
	struct mono now = c->worker->now;
	int64_t patience_ms = c->worker->conf->worker.tcp_idle_ms;

	if (unread(c) > 0 && mono_diff_ms(now, c->taking) > patience_ms) {
		if (c->taken < TAKEN_LEAST)
			return true;
		c->taking = now;
		c->taken = 0;
	}
	if (c->n_in > 0 && may_ask(c) && mono_diff_ms(now, c->partial) > patience_ms)
		return true;
	return conn_is_idle(c) && mono_diff_ms(now, c->active) > tcp_idle_ms(c->worker);
}
