/*
 * TCP listeners and the places for connections. When all are taken, whoever has been idle longest
 * makes room; out of descriptors, accepting pauses until the next look.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "resolver/worker_conn.h"

enum { ACCEPTS_A_TURN = 16 };

int64_t
tcp_idle_ms(const struct worker *w)
{
	const struct tcp *t = w->tcp;

	/* Crowded: places are for those who use them. */
	return t->n_conns > t->n_places / 4 * 3 ? w->conf->worker.tcp_idle_ms / 10 :
						  w->conf->worker.tcp_idle_ms;
}

int
tcp_keepalive(const struct worker *w)
{
	int64_t tenths = w->tcp->stopping ? 0 : tcp_idle_ms(w) / 100;

	return tenths < UINT16_MAX ? (int)tenths : UINT16_MAX;
}

/* Frees the place of whoever has been idle longest (`full`: among those of that client, or of its
 * prefix); false: all are busy. */
static bool
make_room(struct worker *w, enum limiter_full full, const union endpoint *client)
{
	struct tcp *t = w->tcp;
	struct conn *oldest = NULL;

	for (uint32_t i = 0; i < t->n_places; i++) {
		struct conn *c = t->conns[i];

		if (c != NULL && conn_is_idle(c) && !c->reading &&
		    (full == LIMITER_FITS || limiter_same(w, full, &c->client, client)) &&
		    (oldest == NULL || mono_before(c->active, oldest->active)))
			oldest = c;
	}
	if (oldest == NULL)
		return false;
	conn_free(oldest);
	return true;
}

static void
conn_admit(struct worker *w, int fd, const union endpoint *client, bool trusted)
{
	struct tcp *t = w->tcp;
	enum limiter_full full = limiter_conn(w, client, trusted);

	if (full != LIMITER_FITS && !make_room(w, full, client)) {
		score_add(&w->score->drop[DROP_RATE], 1);
		close(fd);
		return;
	}
	if (t->n_conns < t->n_places || make_room(w, LIMITER_FITS, client)) {
		conn_new(w, fd, client, trusted);
		return;
	}
	score_add(&w->score->drop[DROP_FULL], 1);
	close(fd);
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
			conn_admit(w, fd, &client, l->trusted);
			continue;
		}
		/* Out of descriptors: looked at again by the watch, not in a loop. */
		if ((errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) &&
		    !make_room(w, LIMITER_FITS, &client))
			listeners_pause(w->tcp, true);
		return;
	}
}

static void
watch(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct worker *w = timer->data;
	struct tcp *t = w->tcp;

	(void)loop;
	(void)events;
	for (uint32_t i = 0; i < t->n_places; i++)
		if (t->conns[i] != NULL && conn_is_overdue(t->conns[i]))
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

	if (t->n_listeners == CONN_LISTENERS_MAX)
		return err_set(err, "more than %d listening sockets", CONN_LISTENERS_MAX);
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
			conn_stop(t->conns[i]);
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
