/*
 * engine_bridge: libunbound's pluggable events over libev, so that both run in one loop.
 */
#ifndef RESOLVER_ENGINE_BRIDGE_H
#define RESOLVER_ENGINE_BRIDGE_H

#include <ev.h>
#include <unbound-event.h>

/* Owned by the caller; outlives every context made with it. `loop` is borrowed. */
struct ub_event_base *bridge_new(struct ev_loop *loop);
void bridge_free(struct ub_event_base *base);

/*
 * Whose work is under way: whoever is set while libunbound is called, and, while one of its events
 * calls back, whoever was set when that event was begun. An event that serves several is the first
 * one's. NULL: nobody's. To be compared and looked at as memory only: it may have ended since.
 * bridge_owner() may be called in a signal handler.
 */
void bridge_own(const void *owner);
const void *bridge_owner(void);

#endif
