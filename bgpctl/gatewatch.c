/*
 * gatewatch: a netlink socket that only listens. What a message says is not looked at: it is the
 * reason to ask the kernel, which knows better than a message that may be one of many, or late. One
 * that was lost for lack of room (ENOBUFS) is a reason too.
 */
#include "bgpctl/gatewatch.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/ensure.h"
#include "lib/event.h"

#define SAFETY_MS 10000 /* asked at least so often */

struct known {
	enum lock gate[MAX_RUNGS];
	struct mono at; /* when read; never: not, or not to be trusted any more */
};

struct gatewatch {
	struct ev_loop *loop;
	ev_io io;
	int fd; /* owned; -1: none */
	const struct site *site;
	struct gates *gates;
	gatewatch_news *news;
	void *arg;
	uint64_t asked;
	int n_lanes;
	struct known *lanes; /* owned */
};

static int
listen_for_links(void)
{
	const struct sockaddr_nl links = {.nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_ROUTE);

	if (fd >= 0 && bind(fd, (const struct sockaddr *)&links, sizeof(links)) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

/* Takes all that lies there; whether that was anything. */
static bool
heard(struct gatewatch *w)
{
	bool any = false;
	char start[16];

	for (;;) {
		if (recv(w->fd, start, sizeof(start), MSG_DONTWAIT) < 0) {
			if (errno == EAGAIN)
				return any;
			if (errno != EINTR && errno != ENOBUFS)
				return true; /* can't be; asking is always right */
		}
		any = true;
	}
}

static void
forget(struct gatewatch *w)
{
	for (int i = 0; i < w->n_lanes; i++)
		w->lanes[i].at = MONO_NEVER;
}

static void
ask(struct gatewatch *w, int lane)
{
	struct known *k = &w->lanes[lane];
	char name[LOCK_NAME];
	bool answered = true;

	for (int rung = RUNG_DRAIN; rung < w->site->n_rungs; rung++) {
		k->gate[rung] = gate_state(w->gates, lane_gate(w->site, lane, rung, name));
		answered = answered && k->gate[rung] != LOCK_UNKNOWN;
		w->asked++;
	}
	k->at = answered ? mono_now() : MONO_NEVER;
}

static void
on_message(struct ev_loop *loop, ev_io *io, int revents)
{
	struct gatewatch *w = io->data;

	(void)loop;
	(void)revents;
	if (!heard(w))
		return;
	for (int i = 0; i < w->n_lanes; i++) {
		struct known before = w->lanes[i];

		if (!lane_exists(w->site, i))
			continue;
		ask(w, i);
		if (memcmp(before.gate, w->lanes[i].gate, sizeof(before.gate)) != 0)
			w->news(w->arg, i);
	}
}

struct gatewatch *
gatewatch_new(struct ev_loop *loop, const struct site *site, struct gates *gates,
    gatewatch_news *news, void *arg)
{
	struct gatewatch *w = calloc(1, sizeof(*w));

	ENSURE(w);
	*w = (struct gatewatch){.loop = loop,
	    .fd = listen_for_links(),
	    .site = site,
	    .gates = gates,
	    .news = news,
	    .arg = arg,
	    .n_lanes = site->n_services * N_FAMILIES};
	w->lanes = calloc((size_t)w->n_lanes, sizeof(*w->lanes));
	ENSURE(w->lanes);
	forget(w);
	if (w->fd < 0) {
		event_say(EVENT_WARN, "gate",
		    "the kernel will not tell of changed links: the gates are read each second");
		return w;
	}
	ev_io_init(&w->io, on_message, w->fd, EV_READ);
	w->io.data = w;
	ev_io_start(loop, &w->io);
	return w;
}

void
gatewatch_read(struct gatewatch *w, int lane, enum lock gate[static MAX_RUNGS])
{
	struct known *k = &w->lanes[lane];

	ENSURE(lane >= 0 && lane < w->n_lanes);
	if (w->fd < 0 || heard(w))
		forget(w);
	if (!mono_is_set(k->at) || mono_diff_ms(mono_now(), k->at) >= SAFETY_MS)
		ask(w, lane);
	for (int rung = RUNG_DRAIN; rung < w->site->n_rungs; rung++)
		gate[rung] = k->gate[rung];
}

uint64_t
gatewatch_asked(const struct gatewatch *w)
{
	return w->asked;
}

void
gatewatch_free(struct gatewatch *w)
{
	if (w == NULL)
		return;
	if (w->fd >= 0) {
		ev_io_stop(w->loop, &w->io);
		close(w->fd);
	}
	free(w->lanes);
	free(w);
}
