/*
 * TCP (RFC 7766): connections on which queries come one after another and answers go out as they are
 * known, in any order.
 *
 * A connection is bounded in everything: the length of a query, the queries it may have waiting, the
 * octets of answers it leaves unread (past a mark nothing more is read from it), and time: to send a
 * query it has begun, to take an answer, to be silent. When all places are taken the one that has been
 * idle longest makes room. None is freed while it is being read.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/ensure.h"
#include "lib/event.h"
#include "resolver/worker_parts.h"

enum {
	LISTENERS_MAX = 256,
	ACCEPTS_A_TURN = 16,
	QUERY_ROOM = 4096 + 2,
	QUERIES_WAITING = 64,
	UNREAD_MARK = 64 * 1024,
	UNREAD_MAX = 256 * 1024,
	TAKEN_LEAST = 4096, /* octets a client must take within an idle time, or all there are */
	OUT_FIRST = 4096,
};

struct conn {
	struct worker *worker;
	ev_io io;
	uint16_t number; /* its place */
	uint32_t serial;
	union endpoint client;
	bool trusted;
	bool broken;  /* to be closed */
	bool ended;   /* the client sends no more */
	bool reading; /* in conn_read(): not to be freed */
	int waiting;  /* queries that an engine works on */
	int events;   /* what io watches for; 0: it is stopped */
	struct mono active;  /* something came or went */
	struct mono partial; /* the query that is not complete began */
	struct mono taking;  /* unread answers: `taken` counts from here */
	size_t taken;
	size_t n_in, n_out, sent, out_room;
	uint8_t *out;
	uint8_t in[QUERY_ROOM];
};
struct listener {
	struct worker *worker;
	ev_io io;
	bool trusted;
};
struct tcp {
	struct listener listeners[LISTENERS_MAX];
	int n_listeners;
	bool paused, stopping;
	struct conn **conns; /* conf's tcp_clients places */
	uint32_t n_conns, n_places, serial;
	ev_timer watch;
};

static int64_t
idle_ms(const struct worker *w)
{
	const struct tcp *t = w->tcp;

	/* Crowded: places are for those who use them. */
	return t->n_conns > t->n_places / 4 * 3 ? w->conf->worker.tcp_idle_ms / 10 :
						  w->conf->worker.tcp_idle_ms;
}

int
tcp_keepalive(const struct worker *w)
{
	int64_t tenths = w->tcp->stopping ? 0 : idle_ms(w) / 100;

	return tenths < UINT16_MAX ? (int)tenths : UINT16_MAX;
}

static void
conn_free(struct conn *c)
{
	struct worker *w = c->worker;

	ev_io_stop(w->loop, &c->io);
	close(c->io.fd);
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
	return c->waiting < QUERIES_WAITING && unread(c) < UNREAD_MARK;
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
	size_t n;

	c->waiting++;
	n = worker_query(w, &from, wire, length, w->answer);
	if (from.waits)
		return;
	c->waiting--;
	if (n > 0)
		conn_put(c, w->answer, n);
	else
		c->broken = true; /* no query, so no client of ours */
}

/* Whole queries out of what has come, as long as more may wait. */
static void
conn_parse(struct conn *c)
{
	size_t at = 0, length;

	while (c->n_in - at >= 2 && !c->broken && may_ask(c)) {
		length = (size_t)c->in[at] << 8 | c->in[at + 1];
		if (length > QUERY_ROOM - 2) {
			score_add(&c->worker->score->drop[DROP_MALFORMED], 1);
			c->broken = true;
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
	ssize_t n = recv(c->io.fd, c->in + c->n_in, QUERY_ROOM - c->n_in, MSG_DONTWAIT);

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

/* Takes up what may be taken up, sends what there is, watches for what may come, closes what is done:
 * the last thing done to a connection. */
static void
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
	if (c->broken || ((c->ended || t->stopping) && c->waiting == 0 && unread(c) == 0)) {
		conn_free(c);
		return;
	}
	events = !c->ended && !t->stopping && may_ask(c) ? EV_READ : 0;
	events |= unread(c) > 0 ? EV_WRITE : 0;
	conn_watch(c, events);
}

static void
conn_ready(struct ev_loop *loop, ev_io *io, int events)
{
	struct conn *c = io->data;

	(void)loop;
	if ((events & EV_READ) && c->n_in < QUERY_ROOM)
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

static bool
is_idle(const struct conn *c)
{
	return c->waiting == 0 && unread(c) == 0 && c->n_in == 0;
}

/* Frees the place of whoever has been idle longest; false: all are busy. */
static bool
make_room(struct worker *w)
{
	struct tcp *t = w->tcp;
	struct conn *oldest = NULL;

	for (uint32_t i = 0; i < t->n_places; i++) {
		struct conn *c = t->conns[i];

		if (c != NULL && is_idle(c) && !c->reading &&
		    (oldest == NULL || mono_before(c->active, oldest->active)))
			oldest = c;
	}
	if (oldest == NULL)
		return false;
	conn_free(oldest);
	return true;
}

static void
conn_new(struct worker *w, int fd, const union endpoint *client, bool trusted)
{
	struct tcp *t = w->tcp;
	struct conn *c = NULL;
	uint32_t place = 0;

	if (t->n_conns < t->n_places || make_room(w))
		c = calloc(1, sizeof(*c));
	if (c == NULL) {
		score_add(&w->score->drop[DROP_FULL], 1);
		close(fd);
		return;
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
	ev_io_init(&c->io, conn_ready, fd, 0);
	c->io.data = c;
	conn_watch(c, EV_READ);
}

static void
listeners_pause(struct tcp *t, bool pause)
{
	if (pause == t->paused)
		return;
	t->paused = pause;
	for (int i = 0; i < t->n_listeners; i++) {
		struct listener *l = &t->listeners[i];

		if (pause)
			ev_io_stop(l->worker->loop, &l->io);
		else
			ev_io_start(l->worker->loop, &l->io);
	}
}

static void
acceptable(struct ev_loop *loop, ev_io *io, int events)
{
	struct listener *l = io->data;
	struct worker *w = l->worker;
	union endpoint client;
	socklen_t length;
	int fd;

	(void)loop;
	(void)events;
	w->now = mono_now();
	for (int i = 0; i < ACCEPTS_A_TURN; i++) {
		length = sizeof(client);
		fd = accept4(io->fd, &client.any, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0) {
			conn_new(w, fd, &client, l->trusted);
			continue;
		}
		/* Out of descriptors: looked at again by the watch, not in a loop. */
		if ((errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) &&
		    !make_room(w))
			listeners_pause(w->tcp, true);
		return;
	}
}

/* Too long silent, too slow to send a query, or to take an answer? */
static bool
is_overdue(struct conn *c)
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
	return is_idle(c) && mono_diff_ms(now, c->active) > idle_ms(c->worker);
}

static void
watch(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct worker *w = timer->data;
	struct tcp *t = w->tcp;

	(void)loop;
	(void)events;
	for (uint32_t i = 0; i < t->n_places; i++)
		if (t->conns[i] != NULL && is_overdue(t->conns[i]))
			conn_free(t->conns[i]);
	if (!t->stopping)
		listeners_pause(t, false);
}

int
tcp_new(struct worker *w, struct err *err)
{
	int64_t every_ms = w->conf->worker.tcp_idle_ms / 10;

	w->tcp = calloc(1, sizeof(*w->tcp));
	if (w->tcp != NULL) {
		w->tcp->n_places = (uint32_t)w->conf->worker.tcp_clients;
		w->tcp->conns = calloc(w->tcp->n_places, sizeof(*w->tcp->conns));
	}
	if (w->tcp == NULL || w->tcp->conns == NULL)
		return err_set(err, "no memory for %lld connections; lower worker.tcp_clients",
		    (long long)w->conf->worker.tcp_clients);
	every_ms = every_ms < 50 ? 50 : every_ms > 1000 ? 1000 : every_ms;
	ev_init(&w->tcp->watch, watch);
	w->tcp->watch.data = w;
	w->tcp->watch.repeat = (double)every_ms / 1e3;
	return 0;
}

int
tcp_add(struct worker *w, int fd, bool trusted, struct err *err)
{
	struct tcp *t = w->tcp;
	struct listener *l = &t->listeners[t->n_listeners];

	if (t->n_listeners == LISTENERS_MAX)
		return err_set(err, "more than %d listening sockets", LISTENERS_MAX);
	t->n_listeners++;
	l->worker = w;
	l->trusted = trusted;
	ev_io_init(&l->io, acceptable, fd, EV_READ);
	l->io.data = l;
	return 0;
}

void
tcp_start(struct worker *w)
{
	for (int i = 0; i < w->tcp->n_listeners; i++)
		ev_io_start(w->loop, &w->tcp->listeners[i].io);
	ev_timer_again(w->loop, &w->tcp->watch);
}

void
tcp_stop(struct worker *w)
{
	struct tcp *t = w->tcp;

	t->stopping = true;
	for (int i = 0; i < t->n_listeners; i++) {
		ev_io_stop(w->loop, &t->listeners[i].io);
		close(t->listeners[i].io.fd);
	}
	t->n_listeners = 0;
	for (uint32_t i = 0; i < t->n_places; i++)
		if (t->conns[i] != NULL)
			conn_settle(t->conns[i]);
}

bool
tcp_is_quiet(const struct worker *w)
{
	return w->tcp->stopping && w->tcp->n_conns == 0;
}

void
tcp_free(struct worker *w)
{
	if (w->tcp == NULL)
		return;
	tcp_stop(w);
	for (uint32_t i = 0; i < w->tcp->n_places; i++)
		if (w->tcp->conns[i] != NULL)
			conn_free(w->tcp->conns[i]);
	ev_timer_stop(w->loop, &w->tcp->watch);
	free(w->tcp->conns);
	free(w->tcp);
}
