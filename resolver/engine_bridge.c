/*
 * libunbound sees a base and events with tables of functions; behind each event stand a libev io
 * and a libev timer. The meaning is libevent's, which libunbound was written for: an event that
 * does not persist is off before its callback runs, one that persists has its timeout counted anew
 * from each activation, and a callback may delete or free the very event that called it, so nothing
 * here touches an event after calling back.
 *
 * An event is owned by libunbound, from new_event() to free().
 */
#include "resolver/engine_bridge.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/time.h>

#include "lib/ensure.h"

typedef void callback(int fd, short bits, void *arg);

struct base {
	struct ub_event_base super; /* first: libunbound's handle is this address */
	struct ev_loop *loop;
};

struct event_of {
	struct ub_event super; /* first */
	struct ev_loop *loop;
	struct ev_io io;
	struct ev_timer timer;
	int fd;
	short bits;
	callback *call;
	void *arg;
	const void *owner;
};

/* One loop in a process, and a signal handler that has nobody to ask. */
static const void *volatile owner;

void
bridge_own(const void *whose)
{
	owner = whose;
}

const void *
bridge_owner(void)
{
	return owner;
}

static struct event_of *
own(struct ub_event *e)
{
	ENSURE(e->magic == UB_EVENT_MAGIC);
	return (struct event_of *)e;
}

static void
stop(struct event_of *e)
{
	ev_io_stop(e->loop, &e->io);
	ev_timer_stop(e->loop, &e->timer);
}

static void
fire(struct event_of *e, short bits)
{
	if ((e->bits & UB_EV_PERSIST) == 0)
		stop(e);
	else if (e->timer.repeat > 0)
		ev_timer_again(e->loop, &e->timer);
	owner = e->owner;
	e->call(e->fd, bits, e->arg);
	owner = NULL;
}

static void
on_io(struct ev_loop *loop, struct ev_io *w, int revents)
{
	struct event_of *e = w->data;
	short bits = 0;

	(void)loop;
	if (revents & EV_READ)
		bits |= UB_EV_READ;
	if (revents & EV_WRITE)
		bits |= UB_EV_WRITE;
	fire(e, bits & e->bits);
}

static void
on_timer(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	(void)loop;
	(void)revents;
	fire(w->data, UB_EV_TIMEOUT);
}

static void
start(struct event_of *e, const struct timeval *tv)
{
	int events = (e->bits & UB_EV_READ ? EV_READ : 0) | (e->bits & UB_EV_WRITE ? EV_WRITE : 0);
	double after;

	e->owner = owner;
	if (e->fd >= 0 && events != 0) {
		ev_io_stop(e->loop, &e->io);
		ev_io_set(&e->io, e->fd, events);
		ev_io_start(e->loop, &e->io);
	}
	if (tv == NULL)
		return;
	/* A repeat of 0 would mean none. */
	after = (double)tv->tv_sec + (double)tv->tv_usec / 1e6;
	e->timer.repeat = after > 0 ? after : 1e-6;
	ev_timer_again(e->loop, &e->timer);
}

static void
event_add_bits(struct ub_event *event, short bits)
{
	own(event)->bits |= bits;
}

static void
event_del_bits(struct ub_event *event, short bits)
{
	own(event)->bits &= (short)~bits;
}

static void
event_set_fd(struct ub_event *event, int fd)
{
	own(event)->fd = fd;
}

static void
event_free(struct ub_event *event)
{
	struct event_of *e = own(event);

	stop(e);
	e->super.magic = 0;
	free(e);
}

static int
event_add(struct ub_event *event, struct timeval *tv)
{
	start(own(event), tv);
	return 0;
}

static int
event_del(struct ub_event *event)
{
	stop(own(event));
	return 0;
}

static int
event_add_timer(struct ub_event *event, struct ub_event_base *base, callback *call, void *arg,
    struct timeval *tv)
{
	struct event_of *e = own(event);

	stop(e);
	e->loop = ((struct base *)base)->loop;
	e->fd = -1;
	e->bits = UB_EV_TIMEOUT;
	e->call = call;
	e->arg = arg;
	start(e, tv);
	return 0;
}

/* Signals belong to the engine; libunbound says that it does not ask for them here. */
static int
event_add_signal(struct ub_event *event, struct timeval *tv)
{
	(void)event;
	(void)tv;
	return -1;
}

static int
event_del_signal(struct ub_event *event)
{
	(void)event;
	return -1;
}

static void
event_unregister(struct ub_event *event)
{
	(void)event;
}

static void
event_wouldblock(struct ub_event *event, int bits)
{
	(void)event;
	(void)bits;
}

static struct ub_event_vmt event_table = {
    .add_bits = event_add_bits,
    .del_bits = event_del_bits,
    .set_fd = event_set_fd,
    .free = event_free,
    .add = event_add,
    .del = event_del,
    .add_timer = event_add_timer,
    .del_timer = event_del,
    .add_signal = event_add_signal,
    .del_signal = event_del_signal,
    .winsock_unregister_wsaevent = event_unregister,
    .winsock_tcp_wouldblock = event_wouldblock,
};

static struct ub_event *
base_new_event(struct ub_event_base *base, int fd, short bits, callback *call, void *arg)
{
	struct event_of *e = calloc(1, sizeof(*e));

	if (e == NULL)
		return NULL;
	e->super.magic = UB_EVENT_MAGIC;
	e->super.vmt = &event_table;
	e->loop = ((struct base *)base)->loop;
	ev_init(&e->io, on_io);
	ev_init(&e->timer, on_timer);
	/* What has come is read before anybody is found to be late: libevent does so, and of equals
	 * libev calls timers first. Else whoever stalls for longer than a server's timeout takes
	 * servers for dead whose answers it has. */
	ev_set_priority(&e->timer, EV_MINPRI);
	e->io.data = e;
	e->timer.data = e;
	e->fd = fd;
	e->bits = bits;
	e->call = call;
	e->arg = arg;
	return &e->super;
}

static struct ub_event *
base_new_signal(struct ub_event_base *base, int number, callback *call, void *arg)
{
	(void)base;
	(void)number;
	(void)call;
	(void)arg;
	return NULL;
}

static struct ub_event *
base_register(struct ub_event_base *base, void *wsaevent, callback *call, void *arg)
{
	(void)base;
	(void)wsaevent;
	(void)call;
	(void)arg;
	return NULL;
}

/* The loop is run and ended by the engine alone. */
static int
base_dispatch(struct ub_event_base *base)
{
	(void)base;
	return -1;
}

static int
base_loopexit(struct ub_event_base *base, struct timeval *tv)
{
	(void)base;
	(void)tv;
	return -1;
}

void
bridge_free(struct ub_event_base *base)
{
	free(base);
}

static struct ub_event_base_vmt base_table = {
    .free = bridge_free,
    .dispatch = base_dispatch,
    .loopexit = base_loopexit,
    .new_event = base_new_event,
    .new_signal = base_new_signal,
    .winsock_register_wsaevent = base_register,
};

struct ub_event_base *
bridge_new(struct ev_loop *loop)
{
	struct base *b = calloc(1, sizeof(*b));

	ENSURE(b != NULL);
	b->super.magic = UB_EVENT_MAGIC;
	b->super.vmt = &base_table;
	b->loop = loop;
	return &b->super;
}
