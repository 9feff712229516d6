/*
 * The sockets that clients reach: handed over by whoever holds them (hold.h), those of all workers,
 * or made here; and the private listener for probes.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "resolver/given.h"
#include "resolver/hold.h"
#include "resolver/worker_parts.h"

/* Either takes the descriptor, or closes it. */
static int
add(struct worker *w, int fd, bool tcp, const struct udp_use *use, struct err *err)
{
	int done = tcp ? tcp_add(w, fd, use->trusted, err) : udp_add(w, fd, use, err);

	if (done == -1)
		close(fd);
	return done;
}

static int
open_both(struct worker *w, const struct addr *a, uint16_t port, bool trusted, struct err *err)
{
	const struct udp_use use = {.slot = (unsigned)w->number, .trusted = trusted};
	int fd;

	for (int tcp = 0; tcp < 2; tcp++) {
		fd = socket_open(&(struct place){*a, port, tcp == 1}, err);
		if (fd == -1 || add(w, fd, tcp == 1, &use, err) == -1)
			return -1;
	}
	return 0;
}

static int
take_one(struct worker *w, struct held *given, const char *name, bool tcp,
    const struct udp_use *use, struct err *err)
{
	int fd = held_find(given, name), flags;
	struct place place;

	if (!socket_place(fd, &place) || place.tcp != tcp)
		return err_set(err, "%s, which was handed over, is no %s socket of the Internet",
		    name, tcp ? "listening TCP" : "bound UDP");
	flags = fcntl(fd, F_GETFL);
	if (flags == -1 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) == -1)
		return err_errno(err, "cannot prepare %s", name);
	return add(w, given_take(given, name), tcp, use, err);
}

/* The number of sockets taken, -1 on error. */
static int
take_all(struct worker *w, struct held *given, struct err *err)
{
	struct udp_use use = {.held = true};
	int taken = 0, own = 0;
	unsigned slot;

	for (int i = 0; i < given->n; i++) {
		char name[HELD_NAME];
		bool tcp;

		memcpy(name, given->all[i].name, HELD_NAME);
		tcp = hold_is_tcp(name);
		if (!tcp && !hold_is_udp(name, &slot))
			continue;
		use.slot = tcp ? (unsigned)w->number : slot;
		if (take_one(w, given, name, tcp, &use, err) == -1)
			return -1;
		taken++;
		own += !tcp && use.slot == (unsigned)w->number;
		if (use.slot >= w->n_slots)
			w->n_slots = use.slot + 1;
	}
	if (taken > 0 && own == 0)
		return err_set(err,
		    "of the sockets that were handed over none is this worker's: there is no "
		    "udp.%d.0; hold more slots",
		    w->number);
	return taken;
}

/* Whoever holds the sockets says who reads them. */
static int
board_take(struct worker *w, struct held *given, struct err *err)
{
	int fd = given_take(given, HOLD_BOARD);

	if (fd == -1)
		return 0;
	w->board = board_map(fd, false, err);
	close(fd);
	return w->board != NULL ? 0 : err_wrap(err, "%s", HOLD_BOARD);
}

int
worker_sockets_open(struct worker *w, struct held *given, struct err *err)
{
	const struct resolver_conf *c = w->conf;
	int taken = take_all(w, given, err);
	struct addr probe;

	if (taken == -1 || board_take(w, given, err) == -1)
		return -1;
	for (int i = 0; taken == 0 && i < c->n_listen; i++)
		if (open_both(w, &c->listen[i], (uint16_t)c->port, false, err) == -1)
			return -1;
	if (!addr_parse(c->probe_address, &probe))
		return err_set(err, "probe_address: \"%s\" is no address", c->probe_address);
	return open_both(w, &probe, (uint16_t)(c->probe_port + w->number), true, err);
}
