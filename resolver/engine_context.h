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
 * An engine has two when answers are refreshed, since libunbound tells what it has cached until
 * that ends: whoever asks early gets what is left of it. What one of them fetched is renewed by the
 * other, whose own is over by then: a life and more has passed, since that percentage is 30 at the
 * most. Number 0 answers all else and has most of the memory, number 1 a quarter.
 */
#define CONTEXTS_MAX 2
int context_count(const struct resolver_conf *c);

/* Questions that libunbound may have at a time, in all contexts: engine.in_flight that are waited
 * for, and as many late ones. */
long context_questions(const struct resolver_conf *c);

/*
 * A finalised context, ready for ub_resolve_event(): every file is read, every option stands, and
 * no file is opened again. Made after the last fork, deleted (ub_ctx_delete) outside its callbacks.
 * What libunbound has to say becomes events. NULL with the mend.
 */
struct ub_ctx *
context_new(const struct resolver_conf *c, int number, struct ub_event_base *base, struct err *err);

/* One with the same options that follows the root's trust anchor in the file `autotrust` by RFC
 * 5011: looks at the root's keys when they are asked for, and replaces the file. It is finalised by
 * the first question, and may open files. NULL with the mend. */
struct ub_ctx *context_tracking(const struct resolver_conf *c, const char *autotrust,
    struct ub_event_base *base, struct err *err);
/* What libunbound has said first since such a one was made. */
const char *context_said(void);

/* The options as text in unbound.conf's language; `ports` sockets at a time. */
void context_options(FILE *to, const struct resolver_conf *c, int number, long ports);

#endif
