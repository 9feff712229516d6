/*
 * The Internet's distance: stands before name servers and hands their answers on after a while.
 *
 * usage: distance LISTEN=SERVER=MS ...     (IPv4 addresses; port 53 of both, UDP)
 *
 * A question goes on at once, its answer comes back MS milliseconds after it was asked, at the
 * earliest. For each line on standard input writes how many questions have come so far, as one JSON
 * object: by LISTEN, then by type; "truncated" are answers that will be asked for again by TCP,
 * which nobody serves here. Ends with standard input.
 */
#include <arpa/inet.h>
#include <err.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/bench/bench_clock.h"

enum { WAYS_MAX = 16, IDS = 65536, HELD = 8192, OCTETS = 1500, TURN = 64 };
enum kind { A, NS, DS, DNSKEY, OTHER, TRUNCATED, KINDS };
static const char *const kind_names[KINDS] = {"A", "NS", "DS", "DNSKEY", "other", "truncated"};

struct asker {
	struct sockaddr_in from;
	uint16_t id;
	int64_t due_ns; /* 0: nobody waits */
};
struct answer {
	struct asker to;
	size_t length;
	uint8_t octets[OCTETS];
};
struct way {
	const char *name;
	int near, far; /* sockets: where it listens; to the server */
	int64_t delay_ns;
	uint16_t next;
	struct asker *askers;	/* IDS of them */
	struct answer *answers; /* HELD of them, a ring in the order of their ends */
	unsigned first, n;
	uint64_t counts[KINDS];
};

static int
socket_at(const char *address, bool listens)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(53)};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0), bytes = 4 << 20;

	if (inet_pton(AF_INET, address, &at.sin_addr) != 1)
		errx(2, "%s is no IPv4 address", address);
	if (fd == -1 || (listens ? bind : connect)(fd, (struct sockaddr *)&at, sizeof(at)) == -1)
		err(1, "%s", address);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes));
	return fd;
}

static void
way_open(struct way *w, char *word)
{
	char *server = strchr(word, '='), *ms = server != NULL ? strchr(server + 1, '=') : NULL;

	if (ms == NULL)
		errx(2, "%s: not LISTEN=SERVER=MS", word);
	*server++ = *ms++ = '\0';
	w->name = word;
	w->near = socket_at(word, true);
	w->far = socket_at(server, false);
	w->delay_ns = atol(ms) * 1000000;
	w->askers = calloc(IDS, sizeof(*w->askers));
	w->answers = calloc(HELD, sizeof(*w->answers));
	if (w->askers == NULL || w->answers == NULL)
		errx(1, "no memory");
}

/* The type follows the first name; of what is no question, it is another. */
static enum kind
kind_of(const uint8_t *octets, size_t length)
{
	size_t at = 12;

	while (at < length && octets[at] != 0)
		at += 1u + octets[at];
	if (at + 3 > length || octets[at + 1] != 0)
		return OTHER;
	switch (octets[at + 2]) {
	case 1:
		return A;
	case 2:
		return NS;
	case 43:
		return DS;
	case 48:
		return DNSKEY;
	default:
		return OTHER;
	}
}

static void
questions_read(struct way *w)
{
	uint8_t octets[OCTETS];
	struct sockaddr_in from;

	for (int i = 0; i < TURN; i++) {
		socklen_t size = sizeof(from);
		ssize_t n =
		    recvfrom(w->near, octets, sizeof(octets), 0, (struct sockaddr *)&from, &size);
		struct asker *a = &w->askers[w->next];

		if (n < 12)
			return;
		w->counts[kind_of(octets, (size_t)n)]++;
		*a = (struct asker){
		    from, (uint16_t)(octets[0] << 8 | octets[1]), now_ns() + w->delay_ns};
		octets[0] = (uint8_t)(w->next >> 8);
		octets[1] = (uint8_t)w->next++;
		(void)!send(w->far, octets, (size_t)n, 0);
	}
}

static void
answers_read(struct way *w)
{
	while (w->n < HELD) {
		struct answer *x = &w->answers[(w->first + w->n) % HELD];
		ssize_t n = recv(w->far, x->octets, OCTETS, 0);
		struct asker *a = &w->askers[x->octets[0] << 8 | x->octets[1]];

		if (n < 12)
			return;
		if (a->due_ns == 0)
			continue;
		x->to = *a;
		x->length = (size_t)n;
		a->due_ns = 0;
		w->counts[TRUNCATED] += (x->octets[2] & 2) != 0;
		w->n++;
	}
}

/* What is due leaves; when the next one is. */
static int64_t
answers_send(struct way *w, int64_t now)
{
	while (w->n > 0) {
		struct answer *x = &w->answers[w->first];

		if (x->to.due_ns > now)
			return x->to.due_ns;
		x->octets[0] = (uint8_t)(x->to.id >> 8);
		x->octets[1] = (uint8_t)x->to.id;
		(void)!sendto(w->near, x->octets, x->length, 0, (struct sockaddr *)&x->to.from,
		    sizeof(x->to.from));
		w->first = (w->first + 1) % HELD;
		w->n--;
	}
	return INT64_MAX;
}

static void
counts_print(const struct way *ways, int n)
{
	printf("{");
	for (int i = 0; i < n; i++) {
		printf("%s\"%s\": {", i > 0 ? ", " : "", ways[i].name);
		for (int k = 0; k < KINDS; k++)
			printf(
			    "%s\"%s\": %lu", k > 0 ? ", " : "", kind_names[k], ways[i].counts[k]);
		printf("}");
	}
	printf("}\n");
	fflush(stdout);
}

static void
watch(int epoll, int fd, int number)
{
	struct epoll_event e = {.events = EPOLLIN, .data.u32 = (uint32_t)number};

	if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e) == -1)
		err(1, "epoll");
}

/* Number 2i: way i's questions; 2i + 1: its answers. False: the end. */
static bool
serve(struct way *ways, int n, uint32_t number)
{
	char line[64];
	ssize_t length;

	if (number < 2 * (uint32_t)n) {
		(number % 2 == 0 ? questions_read : answers_read)(&ways[number / 2]);
		return true;
	}
	length = read(STDIN_FILENO, line, sizeof(line));
	for (ssize_t i = 0; i < length; i++)
		if (line[i] == '\n')
			counts_print(ways, n);
	return length > 0;
}

int
main(int n, char **words)
{
	static struct way ways[WAYS_MAX];
	struct epoll_event events[2 * WAYS_MAX + 1];
	int epoll = epoll_create1(0), came;
	bool goes_on = true;

	n--;
	if (n < 1 || n > WAYS_MAX)
		errx(2, "usage: distance LISTEN=SERVER=MS ...");
	for (int i = 0; i < n; i++) {
		way_open(&ways[i], words[i + 1]);
		watch(epoll, ways[i].near, 2 * i);
		watch(epoll, ways[i].far, 2 * i + 1);
	}
	watch(epoll, STDIN_FILENO, 2 * n);
	while (goes_on) {
		int64_t now = now_ns(), next = INT64_MAX, at;

		for (int i = 0; i < n; i++)
			next = (at = answers_send(&ways[i], now)) < next ? at : next;
		came = epoll_wait(epoll, events, 2 * WAYS_MAX + 1,
		    next == INT64_MAX ? -1 : (int)((next - now + 999999) / 1000000));
		for (int i = 0; i < came; i++)
			goes_on = serve(ways, n, events[i].data.u32) && goes_on;
	}
	return 0;
}
