/*
 * Clients of a resolver: questions from many ports, popular names more often, answers looked at.
 *
 * usage: hits_load ADDRESS PORT [KEY=NUMBER ...]
 *
 *   names=10000   how many: hNNNNNNN.dNN.bench.zone., A 10.N.N.N, as the bench's zone has them
 *   first=0       the number of the first
 *   zipf=1        0: all names are as popular; 1: by Zipf's law, s = 1
 *   each=0        1: every name once, in order
 *   seconds=2     so long (each=0)
 *   ports=16      sockets
 *   window=16     of questions on their way at each of them, at most
 *   rate=0        questions a second, at even times, whatever comes back; 0: as the window allows
 *   wait_ms=500   an answer that takes longer is lost; each=1 asks again then
 *   echo=0        1: it is no resolver, the question comes back
 *   from=0        so many source addresses, 10.253.0.1 and so on; 0: what the kernel takes
 *   cookie=0      1: questions bring a client's cookie alone; 2: also the server's, learned first
 *   samples=0     1: also each question to descriptor 3: when it was asked and how long it took, in
 *                 microseconds, two int32_t; -1: lost, -2: wrong. And it sleeps between questions
 *   seed=1
 *
 * Writes one JSON object: when it began, in ns of CLOCK_MONOTONIC; asked, right, wrong, lost;
 * seconds from the first question to the last answer; latency of the right ones in microseconds.
 * Right is an answer with the question's id and octets, NOERROR, and the one address that is that
 * name's.
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tests/bench/hits_names.h"

enum {
	PORTS_MAX = 256,
	WINDOW_MAX = 1024, /* a slot's number is the low bits of its id */
	BATCH = 64,
	ANSWER_ROOM = 2048,
	TICKS = 1 << 20, /* of latency, a tenth of a microsecond each */
	BURST = 8	 /* with a rate: so many by one port at once, at most */
};

struct slot {
	int64_t sent_ns; /* 0: free */
	uint32_t name;
	uint16_t id;
};
struct port {
	int fd;
	struct slot *slots;
	uint16_t *vacant;
	unsigned n_vacant;
	uint8_t cookie[COOKIE];
};
struct sample {
	int32_t at_us, took_us;
};
enum { LOST = -1, WRONG = -2 };
struct load {
	long names, first, zipf, each, seconds, ports, window, rate, wait_ms, echo, seed;
	long from, cookie, keeps;
	struct port port[PORTS_MAX];
	uint32_t *draws;
	struct questions queries;
	uint32_t *latency;
	struct sample *samples; /* as many as were asked by time and rate, most likely */
	size_t n_samples, samples_room;
	uint64_t asked, right, wrong, lost, drawn, n_out, again;
	int64_t began, ended, until;
	uint64_t random;
};

static int64_t
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void
source_bind(const struct load *l, int fd, long i)
{
	struct sockaddr_in from = {.sin_family = AF_INET,
	    .sin_addr.s_addr = htonl(0x0afd0001u + (uint32_t)(i % l->from))};

	if (bind(fd, (struct sockaddr *)&from, sizeof(from)) == -1)
		err(1, "10.253.0.%ld", i % l->from + 1);
}

/* Asks for the first name with the client's half alone; the server's comes last in the answer. */
static void
cookie_learn(const struct load *l, struct port *p)
{
	static const uint8_t option[] = {0, 10, 0, COOKIE};
	uint8_t answer[ANSWER_ROOM];
	struct pollfd come = {.fd = p->fd, .events = POLLIN};
	struct questions q;
	ssize_t n = 0;

	questions_make(&q, l->first, 1, CLIENT_COOKIE);
	for (int tries = 0; tries < 10 && n <= 0; tries++)
		if (send(p->fd, q.octets[0], q.length, 0) > 0 && poll(&come, 1, 500) == 1)
			n = recv(p->fd, answer, sizeof(answer), 0);
	if (n < COOKIE + 4 || memcmp(answer + n - COOKIE - 4, option, 4) != 0)
		errx(1, "no cookie comes");
	memcpy(p->cookie, answer + n - COOKIE, COOKIE);
	free(q.octets);
}

static void
ports_open(struct load *l, const char *address, const char *number)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(number))};
	int bytes = 8 << 20;

	if (inet_pton(AF_INET, address, &to.sin_addr) != 1)
		errx(1, "%s is no IPv4 address", address);
	for (long i = 0; i < l->ports; i++) {
		struct port *p = &l->port[i];

		p->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
		if (p->fd != -1 && l->from > 0)
			source_bind(l, p->fd, i);
		if (p->fd == -1 || connect(p->fd, (struct sockaddr *)&to, sizeof(to)) == -1)
			err(1, "%s port %s", address, number);
		setsockopt(p->fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes));
		p->slots = memory((size_t)l->window, sizeof(*p->slots));
		p->vacant = memory((size_t)l->window, sizeof(*p->vacant));
		while (p->n_vacant < l->window) {
			p->slots[p->n_vacant].id = (uint16_t)p->n_vacant;
			p->vacant[p->n_vacant] = (uint16_t)p->n_vacant;
			p->n_vacant++;
		}
		if (l->cookie == 2)
			cookie_learn(l, p);
	}
}

static void
sample(struct load *l, const struct slot *s, int64_t took_us)
{
	if (l->n_samples < l->samples_room)
		l->samples[l->n_samples++] =
		    (struct sample){(int32_t)((s->sent_ns - l->began) / 1000), (int32_t)took_us};
}

static bool
more(const struct load *l, int64_t now)
{
	return l->each ? l->drawn < (uint64_t)l->names : now < l->until;
}

static uint32_t
name_next(struct load *l)
{
	uint64_t i = l->drawn++;

	return l->each ? (uint32_t)i : l->draws[i % DRAWS];
}

/* All questions are of one length: the kernel takes them in one piece and cuts it (UDP_SEGMENT), so
 * that clients are quicker than any server. What it does not take has no answer, and is lost. */
static void
send_all(int fd, const uint8_t *octets, size_t each, unsigned n)
{
	struct iovec iov = {(void *)octets, each * n};
	union {
		struct cmsghdr head;
		char octets[CMSG_SPACE(sizeof(uint16_t))];
	} control = {.head = {.cmsg_len = CMSG_LEN(sizeof(uint16_t)),
			 .cmsg_level = SOL_UDP,
			 .cmsg_type = UDP_SEGMENT}};
	struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};
	uint16_t size = (uint16_t)each;

	memcpy(CMSG_DATA(&control.head), &size, sizeof(size));
	if (n > 1) {
		message.msg_control = &control;
		message.msg_controllen = sizeof(control.octets);
	}
	(void)!sendmsg(fd, &message, 0);
}

/* Up to `n` questions from a port that has vacant slots for them. */
static void
ask(struct load *l, struct port *p, unsigned n)
{
	static uint8_t octets[BATCH * QUERY_ROOM];
	size_t each = l->queries.length;
	int64_t now = now_ns();

	for (unsigned i = 0; i < n; i++) {
		struct slot *s = &p->slots[p->vacant[--p->n_vacant]];
		uint8_t *q = octets + i * each;

		s->name = name_next(l);
		s->sent_ns = now;
		s->id = (uint16_t)(s->id + WINDOW_MAX);
		memcpy(q, l->queries.octets[s->name], each);
		if (l->cookie == 2)
			memcpy(q + l->queries.cookie, p->cookie, COOKIE);
		q[0] = (uint8_t)(s->id >> 8);
		q[1] = (uint8_t)s->id;
	}
	send_all(p->fd, octets, each, n);
	l->asked += n;
	l->n_out += n;
}

static bool
is_right(const struct load *l, const struct slot *s, const uint8_t *answer, size_t length)
{
	const uint8_t *query = l->queries.octets[s->name];
	size_t end = l->queries.question;
	long number = l->first + (long)s->name;

	if (l->echo)
		return length == end && memcmp(answer + 2, query + 2, end - 2) == 0;
	if (length < end + 16 || (answer[2] & 0xfb) != 0x81 || (answer[3] & 0x0f) != 0)
		return false;
	if (answer[6] != 0 || answer[7] != 1 || memcmp(answer + 12, query + 12, end - 12) != 0)
		return false;
	answer += end + 12;
	return answer[0] == 10 && answer[1] == (number >> 16 & 0xff) &&
	       answer[2] == (number >> 8 & 0xff) && answer[3] == (number & 0xff);
}

static void
vacate(struct load *l, struct port *p, struct slot *s)
{
	s->sent_ns = 0;
	p->vacant[p->n_vacant++] = (uint16_t)(s - p->slots);
	l->n_out--;
}

static void
take(struct load *l, struct port *p, const uint8_t *answer, size_t length, int64_t now)
{
	unsigned id = length >= 12 ? (unsigned)(answer[0] << 8 | answer[1]) : 0;
	struct slot *s = &p->slots[id % WINDOW_MAX < l->window ? id % WINDOW_MAX : 0];
	int64_t tick;

	/* Of a question that was given up. */
	if (s->sent_ns == 0 || s->id != id)
		return;
	if (is_right(l, s, answer, length)) {
		l->right++;
		tick = (now - s->sent_ns) / 100;
		l->latency[tick < TICKS ? tick : TICKS - 1]++;
		sample(l, s, (now - s->sent_ns) / 1000);
	} else {
		l->wrong++;
		sample(l, s, WRONG);
	}
	l->ended = now;
	vacate(l, p, s);
}

static void
receive(struct load *l, struct port *p)
{
	static struct mmsghdr messages[BATCH];
	static struct iovec iov[BATCH];
	static uint8_t octets[BATCH][ANSWER_ROOM];
	int64_t now;
	int n;

	do {
		for (int i = 0; i < BATCH; i++) {
			iov[i] = (struct iovec){octets[i], ANSWER_ROOM};
			messages[i].msg_hdr = (struct msghdr){.msg_iov = &iov[i], .msg_iovlen = 1};
		}
		n = recvmmsg(p->fd, messages, BATCH, MSG_DONTWAIT, NULL);
		now = now_ns();
		for (int i = 0; i < n; i++)
			take(l, p, octets[i], messages[i].msg_len, now);
	} while (n == BATCH);
}

/* Those that have waited too long: lost; with each=1 asked again in their slot. */
static void
give_up(struct load *l, int64_t now)
{
	for (long i = 0; i < l->ports; i++) {
		struct port *p = &l->port[i];

		for (struct slot *s = p->slots; s < p->slots + l->window; s++) {
			if (s->sent_ns == 0 || now - s->sent_ns < l->wait_ms * 1000000)
				continue;
			if (l->each && l->again++ < 10 * (uint64_t)l->names) {
				uint8_t q[QUERY_ROOM];

				memcpy(q, l->queries.octets[s->name], QUERY_ROOM);
				q[0] = (uint8_t)(s->id >> 8);
				q[1] = (uint8_t)s->id;
				s->sent_ns = now;
				(void)!send(p->fd, q, l->queries.length, 0);
				continue;
			}
			l->lost++;
			sample(l, s, LOST);
			vacate(l, p, s);
		}
	}
}

static void
fill(struct load *l, struct port *p, int64_t now, unsigned most)
{
	unsigned n = p->n_vacant < most ? p->n_vacant : most;

	if (l->each && n > (uint64_t)l->names - l->drawn)
		n = (unsigned)((uint64_t)l->names - l->drawn);
	if (n > 0 && more(l, now))
		ask(l, p, n);
}

/* What is due by now, a few a port. */
static void
pace(struct load *l, int64_t now, unsigned *turn)
{
	int64_t due = (int64_t)((double)(now - l->began) * (double)l->rate / 1e9) -
		      (int64_t)l->asked;

	for (long tries = 0; due > 0 && tries < l->ports; tries++) {
		struct port *p = &l->port[(*turn)++ % (unsigned)l->ports];
		unsigned n = due < BURST ? (unsigned)due : BURST;

		due -= p->n_vacant < n ? p->n_vacant : n;
		fill(l, p, now, n);
	}
}

static void
run(struct load *l)
{
	struct epoll_event events[PORTS_MAX];
	int epoll = epoll_create1(0), n;
	int64_t now, looked;
	unsigned turn = 0;

	for (long i = 0; i < l->ports; i++) {
		struct epoll_event e = {.events = EPOLLIN, .data.ptr = &l->port[i]};

		if (epoll_ctl(epoll, EPOLL_CTL_ADD, l->port[i].fd, &e) == -1)
			err(1, "epoll");
	}
	l->began = looked = now = now_ns();
	l->until = now + l->seconds * 1000000000;
	while (more(l, now) || l->n_out > 0) {
		if (l->rate)
			pace(l, now, &turn);
		for (long i = 0; !l->rate && i < l->ports; i++)
			if (l->port[i].n_vacant >= l->window / 2)
				fill(l, &l->port[i], now, BATCH);
		/* Never asleep: else whoever answers would pay for waking us. (But the authority of
		 * what is asked for the first time may need the core.) */
		n = epoll_wait(epoll, events, PORTS_MAX, l->each ? 10 : l->keeps ? 1 : 0);
		for (int i = 0; i < n; i++)
			receive(l, events[i].data.ptr);
		now = now_ns();
		if (now - looked > 20000000)
			give_up(l, looked = now);
	}
}

static double
quantile_us(const struct load *l, double q)
{
	uint64_t seen = 0;

	for (long i = 0; i < TICKS; i++)
		if ((double)(seen += l->latency[i]) >= q * (double)l->right)
			return (double)(i + 1) / 10;
	return 0;
}

static void
words_read(struct load *l, int n, char **words)
{
	const struct {
		const char *key;
		long *value, least, most;
	} keys[] = {
	    {"names", &l->names, 1, 10000000},	  {"first", &l->first, 0, 10000000},
	    {"zipf", &l->zipf, 0, 1},		  {"each", &l->each, 0, 1},
	    {"seconds", &l->seconds, 1, 3600},
	    {"ports", &l->ports, 1, PORTS_MAX},	  {"window", &l->window, 1, WINDOW_MAX},
	    {"rate", &l->rate, 0, 100000000},	  {"wait_ms", &l->wait_ms, 1, 60000},
	    {"echo", &l->echo, 0, 1},		  {"seed", &l->seed, 1, 1000000000},
	    {"from", &l->from, 0, PORTS_MAX - 2}, {"cookie", &l->cookie, 0, 2},
	    {"samples", &l->keeps, 0, 1},
	};

	for (int i = 0; i < n; i++) {
		const char *sign = strchr(words[i], '=');
		size_t k = 0, length = sign != NULL ? (size_t)(sign - words[i]) : 0;

		while (k < sizeof(keys) / sizeof(keys[0]) &&
		       (strlen(keys[k].key) != length ||
			   memcmp(keys[k].key, words[i], length) != 0))
			k++;
		if (length == 0 || k == sizeof(keys) / sizeof(keys[0]))
			errx(2, "%s: no such key", words[i]);
		*keys[k].value = atol(sign + 1);
		if (*keys[k].value < keys[k].least || *keys[k].value > keys[k].most)
			errx(2, "%s: from %ld to %ld", words[i], keys[k].least, keys[k].most);
	}
}

static void
samples_write(const struct load *l)
{
	const char *all = (const char *)l->samples;
	size_t length = l->n_samples * sizeof(*l->samples);

	for (size_t at = 0; at < length;) {
		ssize_t n = write(3, all + at, length - at);

		if (n <= 0)
			err(1, "descriptor 3");
		at += (size_t)n;
	}
}

int
main(int n, char **words)
{
	static struct load l = {.names = 10000,
	    .zipf = 1,
	    .seconds = 2,
	    .ports = 16,
	    .window = 16,
	    .wait_ms = 500,
	    .seed = 1};

	if (n < 3)
		errx(2, "usage: hits_load ADDRESS PORT [KEY=NUMBER ...]");
	words_read(&l, n - 3, words + 3);
	l.random = (uint64_t)l.seed * 0x9e3779b97f4a7c15;
	l.latency = memory(TICKS, sizeof(*l.latency));
	if (l.keeps) {
		l.samples_room = (size_t)(l.rate * (l.seconds + 1));
		l.samples = memory(l.samples_room, sizeof(*l.samples));
	}
	questions_make(&l.queries, l.first, l.names,
	    l.cookie == 0 ? 0 : l.cookie == 1 ? CLIENT_COOKIE : COOKIE);
	l.draws = draws_make(l.names, l.zipf, &l.random);
	ports_open(&l, words[1], words[2]);
	run(&l);
	samples_write(&l);
	printf("{\"began_ns\": %ld, \"asked\": %lu, \"right\": %lu, \"wrong\": %lu, "
	       "\"lost\": %lu, \"again\": %lu, "
	       "\"seconds\": %.6f, \"p50_us\": %.1f, \"p99_us\": %.1f, \"p999_us\": %.1f}\n",
	    l.began, l.asked, l.right, l.wrong, l.lost, l.again, (double)(l.ended - l.began) / 1e9,
	    quantile_us(&l, 0.5), quantile_us(&l, 0.99), quantile_us(&l, 0.999));
	return 0;
}
