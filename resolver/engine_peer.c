/*
 * Workers' connections. What a peer sends is checked packet by packet, and the first that is none
 * of ours ends the connection. What it does not read is kept for it up to a bound, and as long as
 * anything is kept it is not read from either: a peer that hangs costs that bound, not more.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/ensure.h"
#include "lib/event.h"
#include "resolver/ask_io.h"
#include "resolver/engine_impl.h"

#define PACKETS_A_TURN 64 /* then others have their turn */
#define SEND_BUFFER (1 << 20)

struct packet {
	struct packet *next;
	size_t length;
	uint8_t bytes[];
};

static void
peer_close(struct peer *p)
{
	struct packet *k;

	ev_io_stop(p->engine->loop, &p->io);
	close(p->fd);
	p->fd = -1;
	while (p->first != NULL) {
		k = p->first;
		p->first = k->next;
		free(k);
	}
	p->last = &p->first;
	p->backlog = 0;
	questions_forget(p->engine, p);
}

static void
peer_cut(struct peer *p, enum score_drop why, const char *because)
{
	score_add(&p->engine->score->drop[why], 1);
	event_say(EVENT_WARN, "engine_peer_cut", "%s", because);
	peer_close(p);
}

static void
peer_watch(struct peer *p, int events)
{
	ev_io_stop(p->engine->loop, &p->io);
	ev_io_set(&p->io, p->fd, events);
	ev_io_start(p->engine->loop, &p->io);
}

static void
peer_keep(struct peer *p, const uint8_t *head, const struct entry *entry, size_t entry_size)
{
	struct packet *k;

	if (p->backlog + TOLD_HEAD + entry_size > PEER_BACKLOG_MAX) {
		peer_cut(p, DROP_SEND, "it does not read its answers");
		return;
	}
	k = malloc(sizeof(*k) + TOLD_HEAD + entry_size);
	if (k == NULL) {
		peer_cut(p, DROP_SEND, "there is no memory to keep its answers");
		return;
	}
	k->next = NULL;
	k->length = TOLD_HEAD + entry_size;
	memcpy(k->bytes, head, TOLD_HEAD);
	if (entry_size > 0)
		memcpy(k->bytes + TOLD_HEAD, entry, entry_size);
	if (p->first == NULL)
		peer_watch(p, EV_WRITE);
	*p->last = k;
	p->last = &k->next;
	p->backlog += k->length;
}

static void
peer_send(struct peer *p, const uint8_t head[static TOLD_HEAD], const struct entry *entry,
    uint32_t size)
{
	if (p->first == NULL && ask_send(p->fd, head, TOLD_HEAD, entry, size, -1) == 0)
		return;
	if (p->first != NULL || errno == EAGAIN || errno == ENOBUFS)
		peer_keep(p, head, entry, size);
	else
		peer_close(p);
}

void
peer_tell(struct peer *p, uint32_t id, const struct entry *entry)
{
	uint32_t size = entry != NULL ? entry->size : 0;
	uint8_t head[TOLD_HEAD];

	told_encode(id, size, head);
	peer_send(p, head, entry, size);
}

/* To one that does not read it: its own loss. */
static void
peer_show(const struct peer *p, uint32_t id)
{
	uint8_t out[LOOK_SIZE];

	look_encode(id, out);
	ask_send(p->fd, out, sizeof(out), NULL, 0, p->engine->score_reader);
}

void
peers_hello(struct engine *e)
{
	uint8_t head[TOLD_HEAD];
	int i;

	told_hello(upstream_is_cut(e), head);
	for (i = 0; i < MAX_PEERS; i++) {
		if (e->peers[i].engine != NULL && e->peers[i].fd >= 0)
			peer_send(&e->peers[i], head, NULL, 0);
	}
}

/* The probation engine takes no question as long as it works on one. */
static bool
peers_wait(const struct engine *e)
{
	return e->purged || (e->quarantine != NULL && e->in_flight > 0);
}

static void
peer_write(struct peer *p)
{
	struct packet *k;

	for (k = p->first; k != NULL; k = p->first) {
		if (ask_send(p->fd, k->bytes, k->length, NULL, 0, -1) < 0) {
			if (errno != EAGAIN && errno != ENOBUFS)
				peer_close(p);
			return;
		}
		p->first = k->next;
		p->backlog -= k->length;
		free(k);
	}
	p->last = &p->first;
	if (peers_wait(p->engine))
		ev_io_stop(p->engine->loop, &p->io);
	else
		peer_watch(p, EV_READ);
	engine_settled(p->engine);
}

/* False when nothing more is to be read now. */
static bool
peer_read_one(struct peer *p)
{
	uint8_t in[ASK_MAX]; /* a purge is shorter */
	struct ask a;
	uint32_t id;
	int descriptor;
	ssize_t n = ask_receive(p->fd, in, sizeof(in), &descriptor);

	if (descriptor >= 0)
		close(descriptor);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n == 0 || (n < 0 && errno != EMSGSIZE)) {
		peer_close(p);
		return false;
	}
	if (n > 0 && descriptor < 0 && purge_is(in, (size_t)n) && purge_take(p, in, (size_t)n))
		return true;
	if (n > 0 && descriptor < 0 && look_decode(in, (size_t)n, &id)) {
		peer_show(p, id);
		return true;
	}
	if (n < 0 || descriptor >= 0 || !ask_decode(in, (size_t)n, &a)) {
		peer_cut(p, DROP_MALFORMED, "what it sent is no question");
		return false;
	}
	question_start(p, &a);
	return true;
}

static void
on_peer(struct ev_loop *loop, struct ev_io *w, int revents)
{
	struct peer *p = w->data;
	int i;

	(void)loop;
	if (revents & EV_WRITE)
		peer_write(p);
	if ((revents & EV_READ) == 0)
		return;
	/* An answer may come at once, and cut the peer off or begin a backlog. */
	for (i = 0; i < PACKETS_A_TURN && p->fd >= 0 && p->first == NULL && !peers_wait(p->engine);
	    i++) {
		if (!peer_read_one(p))
			return;
	}
}

static void
peer_open(struct peer *p, int fd)
{
	static const int buffer = SEND_BUFFER;
	uint8_t hello[TOLD_HEAD];

	p->fd = fd;
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof(buffer));
	told_hello(upstream_is_cut(p->engine), hello);
	if (ask_send(fd, hello, sizeof(hello), NULL, 0, p->engine->shard_reader) < 0)
		peer_close(p);
	else if (!peers_wait(p->engine))
		peer_watch(p, EV_READ);
}

static void
on_listener(struct ev_loop *loop, struct ev_io *w, int revents)
{
	struct engine *e = w->data;
	int fd, i;

	(void)loop;
	(void)revents;
	fd = accept4(w->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd < 0)
		return;
	for (i = 0; i < MAX_PEERS && e->peers[i].fd >= 0; i++)
		continue;
	if (i < MAX_PEERS) {
		peer_open(&e->peers[i], fd);
		return;
	}
	score_add(&e->score->drop[DROP_FULL], 1);
	event_say(EVENT_WARN, "engine_peer_refused",
	    "%d workers are connected, and there is room for no "
	    "more",
	    MAX_PEERS);
	close(fd);
}

void
peers_init(struct engine *e, int listener)
{
	int i;

	for (i = 0; i < MAX_PEERS; i++) {
		e->peers[i] = (struct peer){.engine = e, .fd = -1};
		e->peers[i].last = &e->peers[i].first;
		ev_init(&e->peers[i].io, on_peer);
		e->peers[i].io.data = &e->peers[i];
	}
	ev_io_init(&e->listener, on_listener, listener, EV_READ);
	e->listener.data = e;
	ev_io_start(e->loop, &e->listener);
}

void
peers_refuse(struct engine *e)
{
	if (e->listener.fd < 0)
		return;
	ev_io_stop(e->loop, &e->listener);
	close(e->listener.fd);
	e->listener.fd = -1;
}

void
peers_pause(struct engine *e)
{
	int i;

	for (i = 0; i < MAX_PEERS; i++) {
		if (e->peers[i].fd >= 0 && e->peers[i].first == NULL)
			ev_io_stop(e->loop, &e->peers[i].io);
	}
}

void
peers_resume(struct engine *e)
{
	int i;

	for (i = 0; i < MAX_PEERS; i++) {
		if (e->peers[i].fd >= 0 && e->peers[i].first == NULL)
			peer_watch(&e->peers[i], EV_READ);
	}
}

bool
peers_idle(const struct engine *e)
{
	int i;

	for (i = 0; i < MAX_PEERS; i++) {
		if (e->peers[i].first != NULL)
			return false;
	}
	return true;
}

void
peers_fini(struct engine *e)
{
	int i;

	peers_refuse(e);
	for (i = 0; i < MAX_PEERS; i++) {
		if (e->peers[i].fd >= 0)
			peer_close(&e->peers[i]);
	}
}
