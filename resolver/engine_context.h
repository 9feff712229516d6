/*
 * engine_context: a libunbound context, configured from resolver.conf.
 */
#ifndef RESOLVER_ENGINE_CONTEXT_H
#define RESOLVER_ENGINE_CONTEXT_H

#include <stdio.h>
#include <unbound.h>
#include <unbound-event.h>

#include "lib/err.h"
#include "resolver/conf.h"

/*
 * A finalised context, ready for ub_resolve_event(): every file is read, every option stands, and
 * no file is opened again. Made after the last fork, deleted (ub_ctx_delete) outside its callbacks.
 * What libunbound has to say becomes events. NULL with the mend.
 */
struct ub_ctx *
context_new(const struct resolver_conf *c, struct ub_event_base *base, struct err *err);

/* The options as text in unbound.conf's language; `ports` sockets at a time. */
void context_options(FILE *to, const struct resolver_conf *c, long ports);

#endif
