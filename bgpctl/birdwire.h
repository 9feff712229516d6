/*
 * birdwire: one connection to BIRD's control socket, kept open. Shell on libev around birdtalk.
 *
 * Connects by itself, again with back-off (50 ms to 1 s) whenever BIRD closes, is absent, talks
 * nonsense or misses a deadline. Nothing blocks. Commands asked before a loss are gone.
 */
#ifndef BGPCTL_BIRDWIRE_H
#define BGPCTL_BIRDWIRE_H

#include <ev.h>
#include <stdbool.h>
#include <stdint.h>

struct birdwire; /* owned by whoever called birdwire_new() */

struct birdwire_events {
	void (*up)(void *arg); /* BIRD has greeted */
	void (*row)(void *arg, uint32_t tag, int code, const char *text);
	void (*done)(void *arg, uint32_t tag, int code, const char *text);
	/* The connection was lost or could not be made; called for every failed attempt. */
	void (*down)(void *arg, const char *why);
	void *arg;
};

/* `path` is borrowed. The first attempt is made from the loop. */
struct birdwire *birdwire_new(struct ev_loop *loop, const char *path, int64_t timeout_ms,
    const struct birdwire_events *events);
bool birdwire_ready(const struct birdwire *w);
/* False when there is no dialogue or the queue is full. May be called from events. */
bool birdwire_ask(struct birdwire *w, uint32_t tag, const char *command);
void birdwire_free(struct birdwire *w);

#endif
