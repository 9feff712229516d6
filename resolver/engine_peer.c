/*
 * Workers' connections. What a peer sends is checked packet by packet, and the first that is none
 * of ours ends the connection. What it is told in one turn of the loop leaves at its end, in
 * batches: a worker that shares our core would else be woken for each answer, and take the core.
 * What it does not read is kept for it up to a bound, and as long as anything is kept it is not
 * read from either: a peer that hangs costs that bound, not more.
 *
 * The probation engine tells at once: what it had told when it ended is nobody's fault.
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

#define BATCHES_A_TURN 4 /* of ASK_BATCH packets; then others have their turn */
#define SEND_BUFFER (1 << 20)

struct packet {
	struct packet *next;
	size_t length;
	uint8_t bytes[];
};

static uint64_t
bit_of(const struct peer *p)
{
	return (uint64_t)1 << (p - p->engine->peers);
}

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
	ask_out_clear(&p->out);
	p->engine->telling &= ~bit_of(p);
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

/* One packet of these two parts. */
static void
peer_keep(struct peer *p, const void *head, size_t head_length, const void *body, size_t length)
{
	struct packet *k;

	if (p->backlog + head_length + length > PEER_BACKLOG_MAX) {
		peer_cut(p, DROP_SEND, "it does not read its answers");
		return;
	}
	k = malloc(sizeof(*k) + head_length + length);
	if (k == NULL) {
		peer_cut(p, DROP_SEND, "there is no memory to keep its answers");
		return;
	}
	k->next = NULL;
	k->length = head_length + length;
	memcpy(k->bytes, head, head_length);
	if (length > 0)
		memcpy(k->bytes + head_length, body, length);
	if (p->first == NULL)
		peer_watch(p, EV_WRITE);
	*p->last = k;
	p->last = &k->next;
	p->backlog += k->length;
}

/* The socket did not take it: for now, or is the peer gone? */
static bool
is_full(void)
{
	return errno == EAGAIN || errno == ENOBUFS;
}

static void
peer_flush(struct peer *p)
{
	unsigned done = ask_out_send(&p->out, p->fd), i;

	p->engine->telling &= ~bit_of(p);
	if (done < p->out.n && !is_full()) {
		peer_close(p);
		return;
	}
	for (i = done; i < p->out.n && p->fd >= 0; i++)
		peer_keep(p, p->out.iov[i].iov_base, p->out.iov[i].iov_len, NULL, 0);
	ask_out_clear(&p->out);
}

void
peers_flush(struct engine *e)
{
	while (e->telling != 0)
		peer_flush(&e->peers[__builtin_ctzll(e->telling)]);
}

static void
on_turn_end(struct ev_loop *loop, struct ev_prepare *w, int revents)
{
	struct engine *e = w->data;

	(void)loop;
	(void)revents;
	if (e->telling == 0)
		return;
	peers_flush(e);
	engine_settled(e);
}

/* One that does not fit in a batch goes by itself. */
static void
peer_send(struct peer *p, const uint8_t head[static TOLD_HEAD], const struct entry *entry,
    uint32_t size)
{
	if (p->first == NULL && ask_out_put(&p->out, head, TOLD_HEAD, entry, size)) {
		p->engine->telling |= bit_of(p);
		if (p->out.n == ASK_BATCH || p->engine->quarantine != NULL)
			peer_flush(p);
		return;
	}
	if (p->first == NULL)
		peer_flush(p);
	if (p->fd < 0 ||
	    (p->first == NULL && ask_send(p->fd, head, TOLD_HEAD, entry, size, -1) == 0))
		return;
	if (p->first != NULL || is_full())
		peer_keep(p, head, TOLD_HEAD, entry, size);
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
	return e->hushed || (e->quarantine != NULL && e->in_flight > 0);
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

/* False: the next one is not to be looked at. */
static bool
peer_packet(struct peer *p, unsigned i)
{
	const struct ask_in *all = &p->engine->in;
	ssize_t n = all->packets[i].length;
	int descriptor = all->packets[i].descriptor;
	const uint8_t *in = ask_in_packet(all, i);
	struct ask a;
	uint32_t id;

	if (descriptor >= 0)
		close(descriptor);
	if (n == 0) {
		peer_close(p);
		return false;
	}
	if (n > 0 && descriptor < 0 && purge_is(in, (size_t)n) && purge_take(p, in, (size_t)n))
		return !p->engine->purged;
	if (n > 0 && descriptor < 0 && look_decode(in, (size_t)n, &id)) {
		peer_show(p, id);
		return true;
	}
	if (n < 0 || descriptor >= 0 || !ask_decode(in, (size_t)n, &a)) {
		peer_cut(p, DROP_MALFORMED, "what it sent is no question");
		return false;
	}
	question_start(p, &a);
	return p->fd >= 0;
}

/* False when nothing more is to be read now. What is left when it is cut off, or a purge comes, is
 * as if it lay in the socket still. */
static bool
peer_read(struct peer *p, unsigned most)
{
	struct ask_in *in = &p->engine->in;
	unsigned i = 0;

	if (ask_in_receive(in, p->fd, most) < 0 && errno != EAGAIN && errno != EINTR)
		peer_close(p);
	while (i < in->n && peer_packet(p, i))
		i++;
	ask_in_drop(in, i + 1);
	return i == most;
}

static void
on_peer(struct ev_loop *loop, struct ev_io *w, int revents)
{
	struct peer *p = w->data;
	/* The probation engine has one question at a time. */
	unsigned most = p->engine->quarantine != NULL ? 1 : ASK_BATCH;
	int i;

	(void)loop;
	if (revents & EV_WRITE)
		peer_write(p);
	if ((revents & EV_READ) == 0)
		return;
	/* An answer may come at once, and cut the peer off or begin a backlog. */
	for (i = 0; i < BATCHES_A_TURN && p->fd >= 0 && p->first == NULL && !peers_wait(p->engine);
	    i++) {
		if (!peer_read(p, most))
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

int
peers_init(struct engine *e, int listener)
{
	int i;

	if (ask_in_open(&e->in, ASK_MAX) < 0)
		return -1;
	for (i = 0; i < MAX_PEERS; i++) {
		e->peers[i] = (struct peer){.engine = e, .fd = -1};
		e->peers[i].last = &e->peers[i].first;
		ev_init(&e->peers[i].io, on_peer);
		e->peers[i].io.data = &e->peers[i];
	}
	ev_io_init(&e->listener, on_listener, listener, EV_READ);
	e->listener.data = e;
	ev_io_start(e->loop, &e->listener);
	ev_prepare_init(&e->turn_end, on_turn_end);
	e->turn_end.data = e;
	ev_prepare_start(e->loop, &e->turn_end);
	return 0;
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
	return e->telling == 0;
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
	ask_in_close(&e->in);
}
