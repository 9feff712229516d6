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

#endif
