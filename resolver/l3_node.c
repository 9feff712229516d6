/*
 * One Redis server: its connection. hiredis reads the answers; the socket is ours, since hiredis's
 * own asynchronous connections look names up in files (getaddrinfo, which the engine's cage ends)
 * and let both of their buffers grow.
 *
 * The greeting (AUTH, SELECT, then PING or CLUSTER SLOTS) counts as connecting: a server that
 * accepts and is silent is not up.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/ensure.h"
#include "lib/event.h"
#include "resolver/l3_impl.h"

#define SPARE 16 /* commands beside in_flight: greeting, ASKING, CLUSTER SLOTS */
#define READ_MAX (16 << 10)
#define TELL_MS 60000 /* a loss is told at most so often */

static uint32_t
ring_size(const struct l3_node *n)
{
	return (uint32_t)n->l3->conf->redis.in_flight + SPARE;
}

static void
timer_set(struct l3_node *n, int64_t ms)
{
	/* The loop's time may be of before a long callback, and the deadline then over already. */
	ev_now_update(n->l3->loop);
	n->timer.repeat = (double)ms / 1e3;
	ev_timer_again(n->l3->loop, &n->timer);
}

static void
watch(struct l3_node *n, int events)
{
	if (n->io.events == events && ev_is_active(&n->io))
		return;
	ev_io_stop(n->l3->loop, &n->io);
	ev_io_set(&n->io, n->fd, events);
	ev_io_start(n->l3->loop, &n->io);
}

/* Told when it is news, and at most once a minute; what is not told is counted. */
static void
tell_loss(struct l3_node *n, const char *because)
{
	struct mono now = mono_now();

	n->losses++;
	if (n->known == L3_KNOWN_LOST ||
	    (mono_is_set(n->said) && mono_diff_ms(now, n->said) < TELL_MS))
		return;
	event_say(EVENT_WARN, "l3_lost", "redis %s: %s; tries lately: %u", n->name, because,
	    (unsigned)n->losses);
	n->said = now;
	n->losses = 0;
	n->known = L3_KNOWN_LOST;
}

static void
tell_up(struct l3_node *n)
{
	if (n->known == L3_KNOWN_UP)
		return;
	event_say(EVENT_NOTICE, "l3_up", "redis %s is ready; tries in vain: %u", n->name,
	    (unsigned)n->losses);
	n->losses = 0;
	n->known = L3_KNOWN_UP;
}

void
l3_node_pace(struct l3_node *n)
{
	enum score_pace pace = n->pace.state == L3_DOWN	     ? PACE_DOWN
			       : n->pace.state == L3_GREETED ? PACE_GREETED
			       : l3_pace_waits(&n->pace)     ? PACE_UP
							     : PACE_LATE;

	if (atomic_load_explicit(&n->score->pace, memory_order_relaxed) == pace)
		return;
	atomic_store_explicit(&n->score->pace, pace, memory_order_relaxed);
	atomic_store_explicit(&n->score->since_us, (uint64_t)mono_now().us, memory_order_relaxed);
}

void
l3_node_lose(struct l3_node *n, const char *fmt, ...)
{
	struct l3_command lost;
	uint32_t chance = 0;
	char because[200];
	va_list args;
	int64_t pause;

	if (n->pace.state == L3_DOWN)
		return;
	va_start(args, fmt);
	vsnprintf(because, sizeof(because), fmt, args);
	va_end(args);
	if (getrandom(&chance, sizeof(chance), GRND_NONBLOCK) < 0)
		chance = n->number;
	pause = l3_pace_lost(&n->pace, mono_now(), chance);
	score_add(&n->score->lost, 1);
	l3_node_pace(n);
	ev_io_stop(n->l3->loop, &n->io);
	if (n->fd >= 0)
		close(n->fd);
	n->fd = -1;
	redisReaderFree(n->reader);
	n->reader = NULL;
	n->out_at = n->out_end = 0;
	timer_set(n, pause);
	tell_loss(n, because);
	/* It is down already: nothing is added meanwhile. */
	while (n->count > 0) {
		lost = n->ring[n->first];
		n->first = (n->first + 1) % ring_size(n);
		n->count--;
		l3_replied(n, &lost, NULL);
	}
}

static struct l3_command *
enqueue(struct l3_node *n, enum l3_kind kind, const struct l3_word *words, size_t count)
{
	struct l3_command *c;
	size_t size;

	if (n->count == ring_size(n))
		return NULL;
	if (n->out_at > 0) {
		memmove(n->out, n->out + n->out_at, n->out_end - n->out_at);
		n->out_end -= n->out_at;
		n->out_at = 0;
	}
	size = l3_command_render(words, count, n->out + n->out_end, L3_OUT_MAX - n->out_end);
	if (size == 0)
		return NULL;
	n->out_end += size;
	if (n->count == 0 && n->pace.state == L3_UP)
		timer_set(n, n->l3->conf->redis.command_ms);
	c = &n->ring[(n->first + n->count) % ring_size(n)];
	*c = (struct l3_command){.kind = kind, .node = n, .sent = mono_now()};
	n->count++;
	return c;
}

struct l3_command *
l3_node_send(struct l3_node *n, enum l3_kind kind, const struct l3_word *words, size_t count)
{
	uint32_t room = ring_size(n) - (kind == L3_GET || kind == L3_SET ? SPARE : 0);

	if (n->pace.state != L3_UP || n->count >= room)
		return NULL;
	return enqueue(n, kind, words, count);
}

static void
greet(struct l3_node *n)
{
	const struct resolver_conf *conf = n->l3->conf;
	const char *password = n->l3->password, *user = conf->redis.user;
	char number[24];
	bool fits = true;

	if (password[0] != '\0' && user[0] != '\0')
		fits = enqueue(n, L3_GREETING,
			   (const struct l3_word[]){
			       L3_WORD("AUTH"), L3_WORD(user), L3_WORD(password)},
			   3) != NULL;
	else if (password[0] != '\0')
		fits = enqueue(n, L3_GREETING,
			   (const struct l3_word[]){L3_WORD("AUTH"), L3_WORD(password)},
			   2) != NULL;
	if (conf->redis.database > 0) {
		snprintf(number, sizeof(number), "%lld", (long long)conf->redis.database);
		fits = fits && enqueue(n, L3_GREETING,
				   (const struct l3_word[]){L3_WORD("SELECT"), L3_WORD(number)},
				   2) != NULL;
	}
	fits = fits &&
	       enqueue(n, L3_GREETING_LAST,
		   conf->redis.cluster
		       ? (const struct l3_word[]){L3_WORD("CLUSTER"), L3_WORD("SLOTS")}
		       : (const struct l3_word[]){L3_WORD("PING"), {NULL, 0}},
		   conf->redis.cluster ? 2 : 1) != NULL;
	ENSURE(fits); /* into an empty buffer */
}

static int
open_socket(const struct l3_server *s)
{
	struct sockaddr_storage to;
	socklen_t size = addr_sockaddr(&s->addr, s->port, &to);
	static const int one = 1;
	int fd = socket(to.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);

	if (fd < 0)
		return -1;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (connect(fd, (const struct sockaddr *)&to, size) == 0 || errno == EINPROGRESS)
		return fd;
	close(fd);
	return -1;
}

static void
try(struct l3_node *n)
{
	struct l3 *l = n->l3;

	l3_pace_greet(&n->pace, mono_now());
	l3_node_pace(n);
	n->reader = redisReaderCreateWithFunctions(&l->replies);
	ENSURE(n->reader != NULL);
	n->fed = 0;
	n->fd = open_socket(&l->servers[n->number]);
	if (n->fd < 0) {
		l3_node_lose(n, "cannot connect: %s", strerrordesc_np(errno));
		return;
	}
	timer_set(n, l->conf->redis.connect_ms);
	greet(n);
	watch(n, EV_READ | EV_WRITE);
}

static void
on_up(struct l3_node *n)
{
	l3_pace_up(&n->pace, mono_now());
	l3_node_pace(n);
	ev_timer_stop(n->l3->loop, &n->timer);
	tell_up(n);
}

/* Of the greeting: only errors matter, and the last one. */
static void
on_greeting(struct l3_node *n, const struct l3_command *c, const redisReply *reply)
{
	if (reply->type == REDIS_REPLY_ERROR) {
		l3_node_lose(n, "it refuses us: %.100s", reply->str);
		return;
	}
	if (c->kind != L3_GREETING_LAST)
		return;
	on_up(n);
	if (n->l3->conf->redis.cluster)
		l3_replied(n, c, reply);
}

static void
on_reply(struct l3_node *n, const redisReply *reply)
{
	struct l3_command c;

	if (n->count == 0) {
		l3_node_lose(n, "it answers what nobody asked");
		return;
	}
	c = n->ring[n->first];
	n->first = (n->first + 1) % ring_size(n);
	n->count--;
	if (c.kind == L3_GREETING || c.kind == L3_GREETING_LAST)
		on_greeting(n, &c, reply);
	else
		l3_replied(n, &c, reply);
}

/* Each reply may lose the node, and its reader with it. */
static void
take_replies(struct l3_node *n)
{
	void *reply = NULL;

	while (n->reader != NULL) {
		if (redisReaderGetReply(n->reader, &reply) != REDIS_OK) {
			l3_node_lose(n, "it does not speak Redis's protocol: %.100s",
			    n->reader->errstr);
			return;
		}
		if (reply == NULL)
			break;
		n->fed = 0;
		n->heard = mono_now();
		on_reply(n, reply);
		freeReplyObject(reply);
	}
	if (n->reader != NULL && n->fed > L3_REPLY_MAX)
		l3_node_lose(n, "one answer has more than %d octets", L3_REPLY_MAX);
}

static void
read_some(struct l3_node *n)
{
	char in[READ_MAX];
	ssize_t got = recv(n->fd, in, sizeof(in), 0);

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got <= 0) {
		l3_node_lose(n, "%s", got == 0 ? "it hung up" : strerrordesc_np(errno));
		return;
	}
	n->fed += (size_t)got;
	if (redisReaderFeed(n->reader, in, (size_t)got) != REDIS_OK)
		l3_node_lose(n, "there is no memory for its answer");
	else
		take_replies(n);
}

/* What came while this process stood still is read before anything is called silence. */
static void
on_silence(struct l3_node *n)
{
	int64_t most_ms = n->l3->conf->redis.command_ms, spent_us;

	ev_timer_stop(n->l3->loop, &n->timer);
	if (n->count > 0)
		read_some(n);
	if (n->count == 0 || n->pace.state != L3_UP)
		return;
	spent_us = mono_diff_us(mono_now(), mono_max(n->ring[n->first].sent, n->heard));
	if (spent_us < most_ms * 1000) {
		timer_set(n, most_ms - spent_us / 1000);
		return;
	}
	n->silent = true;
	l3_node_lose(n, "it was silent for %lld ms", (long long)most_ms);
	n->silent = false;
}

static void
on_timer(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	struct l3_node *n = w->data;

	(void)loop;
	(void)revents;
	switch (n->pace.state) {
	case L3_DOWN:
		try(n);
		break;
	case L3_GREETED:
		l3_node_lose(n, "it was not ready within %lld ms",
		    (long long)n->l3->conf->redis.connect_ms);
		break;
	case L3_UP:
		on_silence(n);
		break;
	}
}

void
l3_node_flush(struct l3_node *n)
{
	ssize_t sent;

	if (n->fd < 0 || n->out_at == n->out_end)
		return;
	sent = send(n->fd, n->out + n->out_at, n->out_end - n->out_at, MSG_NOSIGNAL);
	if (sent < 0 && errno != EAGAIN && errno != EINTR) {
		l3_node_lose(n, "%s", strerrordesc_np(errno));
		return;
	}
	n->out_at += sent > 0 ? (size_t)sent : 0;
	if (n->out_at == n->out_end)
		n->out_at = n->out_end = 0;
	watch(n, n->out_end > 0 ? EV_READ | EV_WRITE : EV_READ);
}

static void
on_io(struct ev_loop *loop, struct ev_io *w, int revents)
{
	struct l3_node *n = w->data;

	(void)loop;
	if (revents & EV_WRITE)
		l3_node_flush(n);
	if ((revents & EV_READ) && n->fd >= 0)
		read_some(n);
}

/* Counters go on over restarts of the engine, as long as it is the same server's. */
static void
score_begin(struct l3_node *n)
{
	struct score_server *s = n->score;
	bool same = score_name(s->name, n->name);

	atomic_store_explicit(&s->pace, PACE_DOWN, memory_order_relaxed);
	atomic_store_explicit(&s->since_us, (uint64_t)mono_now().us, memory_order_relaxed);
	if (same)
		return;
	atomic_store_explicit(&s->asked, 0, memory_order_relaxed);
	atomic_store_explicit(&s->answered, 0, memory_order_relaxed);
	atomic_store_explicit(&s->lost, 0, memory_order_relaxed);
}

void
l3_node_init(struct l3_node *n, struct l3 *l, int number)
{
	*n = (struct l3_node){.l3 = l,
	    .number = (uint8_t)number,
	    .name = l->conf->redis.servers[number],
	    .fd = -1};
	n->score = &l->score->server[number];
	score_begin(n);
	n->out = malloc(L3_OUT_MAX);
	n->ring = calloc(ring_size(n), sizeof(*n->ring));
	ENSURE(n->out != NULL && n->ring != NULL);
	ev_init(&n->io, on_io);
	ev_init(&n->timer, on_timer);
	n->io.data = n->timer.data = n;
}

void
l3_node_start(struct l3_node *n)
{
	try(n);
}

void
l3_node_fini(struct l3_node *n)
{
	ev_io_stop(n->l3->loop, &n->io);
	ev_timer_stop(n->l3->loop, &n->timer);
	if (n->fd >= 0)
		close(n->fd);
	if (n->reader != NULL)
		redisReaderFree(n->reader);
	free(n->out);
	free(n->ring);
}
