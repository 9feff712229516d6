/*
 * console_client: one client of the control socket: its bounded buffers, its requests, its answers.
 * Only console.c uses it.
 */
#ifndef HEALTHD_CONSOLE_CLIENT_H
#define HEALTHD_CONSOLE_CLIENT_H

#include "bgpctl/frame.h"
#include "healthd/console.h"
#include "lib/mono.h"

struct console_client {
	struct ev_loop *loop; /* borrowed, as the next two */
	console_handle *handle;
	void *arg;
	void (*done)(void *owner); /* called when a callback ends: time to close who is gone */
	void *owner;
	int fd;	      /* -1: the place is free */
	int depth;    /* > 0: in use further up the stack */
	bool follow;
	bool eof;     /* it will ask no more */
	bool closing; /* gone as soon as the output is out */
	bool gone;    /* to be closed */
	struct console_peer peer;
	struct ev_io io;
	int watching;	 /* EV_READ | EV_WRITE */
	struct frame in; /* owns in.data */
	char *out;	 /* malloc'd */
	size_t out_begin, out_end, out_size;
	struct mono moved; /* last time that a byte went either way */
};

/* Takes over `fd`; loop, handle, arg, done and owner are set already. -1 when out of memory. */
int client_open(struct console_client *cl, int fd, int uid, int gid, int pid);
void client_close(struct console_client *cl);
/* One line for a follower; marks it gone when it does not keep up. */
void client_tell(struct console_client *cl, const char *line, size_t length);
/* Is it stuck, or idle for so long that it should make room? */
bool client_is_stale(const struct console_client *cl, struct mono now);

#endif
