/*
 * UDP: datagrams in and out by batches.
 *
 * Each socket has a batch of answers of its own, written in place: what a batch of queries brought
 * leaves at its end, what engines told leaves when the loop's turn ends. The batch of queries is
 * shared, since it lives for one callback.
 *
 * Of the sockets of other workers we read those whose owner is not there (board.h). An answer
 * leaves by the socket its query came in on, also once that is no longer read. A socket has its
 * batch from when it is first read on: most never are.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "lib/ensure.h"
#include "resolver/arrival.h"
#include "resolver/worker_parts.h"

/* Rooms are odd numbers of cache lines: with powers of two, the first lines of all of a batch,
 * which are the only ones that are touched, would share a few sets of the CPU's cache. */
enum { BATCH = 32, QUERY_ROOM = 2048 + 64, ANSWER_ROOM = 4096 + 64 };
/* Batches read in one go: of a busy socket, and of one that is left for good. */
enum { TURN_BATCHES = 4, DRAIN_BATCHES = 64 };
/* After so many at once more have come meanwhile, most likely: looking costs less than a turn of
 * the loop. */
enum { BUSY = BATCH / 4 };
enum { AHEAD = 4 }; /* so many entries are on their way from memory while one is sent */

struct out_batch {
	struct mmsghdr messages[BATCH];
	struct iovec iov[BATCH];
	union endpoint to[BATCH];
	uint8_t octets[BATCH][ANSWER_ROOM];
};
struct in_batch {
	struct mmsghdr messages[BATCH];
	struct iovec iov[BATCH];
	union endpoint from[BATCH];
	_Alignas(struct cmsghdr) char control[BATCH][CMSG_SPACE(sizeof(struct timespec))];
	struct parsed {
		struct query query;
		enum query_verdict verdict;
		struct key key;
	} parsed[BATCH];
	uint8_t octets[BATCH][QUERY_ROOM];
};
struct udp {
	struct worker *worker;
	ev_io io;     /* active while it is read when the kernel says so, ... */
	ev_idle busy; /* ... or this, while it is looked at each turn */
	uint16_t number;
	struct udp_use use;
	struct arrival arrival;
	struct in_batch *in; /* shared: the first socket's to free */
	struct out_batch *out; /* NULL: never read yet */
	unsigned n_out;	       /* in `out` */
};

/* What the kernel took is gone; a datagram that it refuses is dropped, the rest goes on. */
static void
batch_send(struct worker *w, struct udp *u)
{
	struct out_batch *b = u->out;
	unsigned at = 0;
	int n;

	while (at < u->n_out) {
		n = sendmmsg(u->io.fd, b->messages + at, u->n_out - at, MSG_DONTWAIT);
		if (n > 0) {
			at += (unsigned)n;
			continue;
		}
		if (errno == EINTR)
			continue;
		if (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS) {
			score_add(&w->score->drop[DROP_SEND], u->n_out - at);
			break;
		}
		score_add(&w->score->drop[DROP_SEND], 1);
		at++;
	}
	u->n_out = 0;
}

uint8_t *
udp_slot(struct worker *w, uint16_t source)
{
	struct udp *u = &w->udp[source];

	ENSURE(source < w->n_udp);
	if (u->n_out == BATCH)
		batch_send(w, u);
	return u->out->octets[u->n_out];
}

void
udp_commit(struct worker *w, uint16_t source, const union endpoint *to, size_t length)
{
	struct out_batch *b = w->udp[source].out;
	unsigned i = w->udp[source].n_out;

	ENSURE(source < w->n_udp && i < BATCH && length <= ANSWER_ROOM);
	w->udp[source].n_out++;
	b->to[i] = *to;
	b->iov[i] = (struct iovec){b->octets[i], length};
	b->messages[i].msg_hdr = (struct msghdr){
	    .msg_name = &b->to[i],
	    .msg_namelen = to->any.sa_family == AF_INET6 ? sizeof(to->v6) : sizeof(to->v4),
	    .msg_iov = &b->iov[i],
	    .msg_iovlen = 1,
	};
}

void
udp_flush(struct worker *w)
{
	for (int i = 0; i < w->n_udp; i++)
		if (w->udp[i].n_out > 0)
			batch_send(w, &w->udp[i]);
}

/* When the datagram came, by the kernel's stamp: wall-clock, since that is what the kernel has. A
 * clock set back makes it now. */
static struct mono
came_at(const struct worker *w, struct msghdr *m, const struct timespec *wall)
{
	struct timespec stamp;
	int64_t age;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c != NULL; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_TIMESTAMPNS)
			continue;
		__builtin_memcpy(&stamp, CMSG_DATA(c), sizeof(stamp));
		age = (int64_t)(wall->tv_sec - stamp.tv_sec) * 1000000 +
		    (wall->tv_nsec - stamp.tv_nsec) / 1000;
		return mono_add_us(w->now, age > 0 ? -age : 0);
	}
	return w->now;
}

static void
datagram(struct worker *w, struct udp *u, unsigned i, struct mono came)
{
	struct in_batch *in = u->in;
	struct asker from = {
	    .trusted = u->use.trusted,
	    .source = u->number,
	    .client = in->from[i],
	    .since = came,
	    .query = in->parsed[i].query,
	};
	uint8_t *out;
	size_t n;

	/* Whoever sent it has given up; and one cut off, or from port 0, is no query. */
	if (mono_diff_us(w->now, came) > w->conf->worker.old_ms * 1000) {
		score_add(&w->score->drop[DROP_OLD], 1);
		return;
	}
	if ((in->messages[i].msg_hdr.msg_flags & MSG_TRUNC) || from.client.v4.sin_port == 0) {
		score_add(&w->score->drop[DROP_MALFORMED], 1);
		return;
	}
	out = udp_slot(w, u->number);
	n = worker_query(w, &from, in->parsed[i].verdict, &in->parsed[i].key, in->octets[i], out);
	if (n > 0)
		udp_commit(w, u->number, &from.client, n);
}

/* The number of datagrams read. Without `stamped` only the first says when it came, and the others
 * are taken to be as old, which at most they are. */
static int
batch_receive(struct udp *u, bool stamped)
{
	struct in_batch *in = u->in;

	for (int i = 0; i < BATCH; i++) {
		in->messages[i].msg_hdr.msg_namelen = sizeof(in->from[i]);
		in->messages[i].msg_hdr.msg_controllen =
		    stamped || i == 0 ? sizeof(in->control[i]) : 0;
	}
	return recvmmsg(u->io.fd, in->messages, BATCH, MSG_DONTWAIT, NULL);
}

static void
entry_prefetch(const struct worker *w, const struct parsed *p)
{
	if (p->verdict == QUERY_ASK)
		l1_prefetch(w->l1, &p->key, false);
}

/* Parses all of a batch, and meanwhile has fetched into the CPU's cache where in L1 their answers
 * are: one after another, each would wait for memory, and then once more for its entry. */
static void
batch_parse(struct worker *w, struct in_batch *in, int n)
{
	for (int i = 0; i < n; i++) {
		struct parsed *p = &in->parsed[i];

		p->verdict = query_parse(
		    in->octets[i], in->messages[i].msg_len, &p->query, &p->key);
		if (p->verdict == QUERY_ASK)
			l1_prefetch(w->l1, &p->key, true);
	}
	for (int i = 0; i < n && i < AHEAD; i++)
		entry_prefetch(w, &in->parsed[i]);
}

/* The number of datagrams read. */
static int
batch_read(struct worker *w, struct udp *u)
{
	struct mono asked = w->now, first, came;
	int64_t old_us = w->conf->worker.old_ms * 1000;
	bool stamped = arrival_doubtful(&u->arrival, asked, old_us);
	int n = batch_receive(u, stamped);
	struct timespec wall;

	if (n <= 0)
		return 0;
	clock_gettime(CLOCK_REALTIME, &wall);
	w->now = mono_now();
	batch_parse(w, u->in, n);
	first = came = came_at(w, &u->in->messages[0].msg_hdr, &wall);
	for (int i = 0; i < n; i++) {
		if (i + AHEAD < n)
			entry_prefetch(w, &u->in->parsed[i + AHEAD]);
		datagram(w, u, (unsigned)i, came);
		/* Only what is known to be old is dropped, also if we were stopped on our way. */
		came = stamped && i + 1 < n ? came_at(w, &u->in->messages[i + 1].msg_hdr, &wall)
					    : mono_max(first, mono_add_us(w->now, -old_us));
	}
	arrival_note(&u->arrival, asked, first, n < BATCH);
	engine_links_flush(w);
	batch_send(w, u);
	return n;
}

/* Reads until few come: true; or so many batches, and then there is more. */
static bool
queue_read(struct worker *w, struct udp *u, int batches)
{
	while (batches-- > 0)
		if (batch_read(w, u) < BUSY)
			return true;
	return false;
}

/* A socket that stays busy is taken out of epoll until it is not: else the kernel tells epoll of
 * each datagram that is sent, too, which costs a twentieth of a hit and is of no use to us. */
static void
readable(struct ev_loop *loop, ev_io *io, int events)
{
	struct udp *u = io->data;

	(void)events;
	if (queue_read(u->worker, u, TURN_BATCHES) || !ev_is_active(io))
		return;
	ev_io_stop(loop, io);
	ev_idle_start(loop, &u->busy);
}

static void
busy(struct ev_loop *loop, ev_idle *idle, int events)
{
	struct udp *u = idle->data;

	(void)events;
	if (!queue_read(u->worker, u, TURN_BATCHES) || !ev_is_active(idle))
		return;
	ev_idle_stop(loop, idle);
	ev_io_start(loop, &u->io);
}

static void
watch(struct udp *u)
{
	if (!ev_is_active(&u->busy))
		ev_io_start(u->worker->loop, &u->io);
}

static void
unwatch(struct udp *u)
{
	ev_io_stop(u->worker->loop, &u->io);
	ev_idle_stop(u->worker->loop, &u->busy);
}

void
udp_drain(struct worker *w)
{
	for (int i = 0; i < w->n_udp; i++)
		if (!w->udp[i].use.held)
			queue_read(w, &w->udp[i], DRAIN_BATCHES);
}

void
udp_leave(struct worker *w)
{
	for (int i = 0; i < w->n_udp; i++) {
		struct udp *u = &w->udp[i];

		if (!u->use.held)
			continue;
		if (u->use.slot == (unsigned)w->number)
			queue_read(w, u, DRAIN_BATCHES);
		unwatch(u);
	}
	w->wards = 0;
}

void
udp_wards(struct worker *w, uint64_t wards)
{
	for (int i = 0; i < w->n_udp; i++) {
		struct udp *u = &w->udp[i];

		if (u->use.slot == (unsigned)w->number)
			continue;
		if (u->out == NULL && (wards >> u->use.slot & 1) != 0)
			u->out = calloc(1, sizeof(*u->out));
		/* Without memory for it, it waits for its owner. */
		if (u->out != NULL && (wards >> u->use.slot & 1) != 0)
			watch(u);
		else
			unwatch(u);
	}
	w->wards = wards;
}

static struct in_batch *
in_batch_new(void)
{
	struct in_batch *in = calloc(1, sizeof(*in));

	for (int i = 0; in != NULL && i < BATCH; i++) {
		in->iov[i] = (struct iovec){in->octets[i], QUERY_ROOM};
		in->messages[i].msg_hdr = (struct msghdr){
		    .msg_name = &in->from[i],
		    .msg_iov = &in->iov[i],
		    .msg_iovlen = 1,
		    .msg_control = in->control[i],
		};
	}
	return in;
}

int
udp_add(struct worker *w, int fd, const struct udp_use *use, struct err *err)
{
	struct udp *all = realloc(w->udp, ((size_t)w->n_udp + 1) * sizeof(*all));
	static const int on = 1;
	struct udp *u;

	if (all == NULL)
		return err_set(err, "no memory for another socket");
	w->udp = all;
	u = &all[w->n_udp];
	*u = (struct udp){.worker = w, .number = (uint16_t)w->n_udp, .use = *use};
	u->in = w->n_udp == 0 ? in_batch_new() : all[0].in;
	if (use->slot == (unsigned)w->number)
		u->out = calloc(1, sizeof(*u->out));
	if (u->in == NULL || (u->out == NULL && use->slot == (unsigned)w->number))
		return err_set(err, "no memory for another socket");
	if (setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on)) == -1)
		return err_errno(err, "cannot ask for the arrival times of datagrams");
	ev_io_init(&u->io, readable, fd, EV_READ);
	ev_idle_init(&u->busy, busy);
	/* Others' events don't keep it from its turn, nor it them from theirs. */
	ev_set_priority(&u->busy, EV_MAXPRI);
	w->n_udp++;
	return 0;
}

void
udp_start(struct worker *w)
{
	for (int i = 0; i < w->n_udp; i++) {
		w->udp[i].io.data = w->udp[i].busy.data = &w->udp[i];
		if (w->udp[i].use.slot == (unsigned)w->number)
			watch(&w->udp[i]);
	}
}

void
udp_free(struct worker *w)
{
	if (w->n_udp > 0)
		free(w->udp[0].in);
	for (int i = 0; i < w->n_udp; i++) {
		unwatch(&w->udp[i]);
		close(w->udp[i].io.fd);
		free(w->udp[i].out);
	}
	free(w->udp);
}
