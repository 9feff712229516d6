/*
 * engine: the process that resolves: libunbound behind a SEQPACKET socket.
 *
 * It asks the hostile Internet and reads its answers, so it is alone in a process without rights,
 * under seccomp, and may die at any moment: workers go on from cache and connect again to the next
 * one. It is the only writer of its shard of the cache.
 *
 * Descriptors that outlive it may be handed in by the environment (lib/held.h), under the names of
 * hold.h: listen.E, shard.E, score.eE. What is not, it makes itself.
 *
 * The engine of the number ENGINE_PROBATION (given.h) is the probation engine: questions that are
 * suspected of having ended another one are asked again of it, one at a time (quarantine.h).
 */
#ifndef RESOLVER_ENGINE_H
#define RESOLVER_ENGINE_H

#include "lib/err.h"
#include "resolver/conf.h"

/* Runs until SIGTERM or SIGINT: 0 after a clean stop, -1 when it cannot start. Logs are open
 * already. */
int engine_run(const struct resolver_conf *conf, int number, struct err *err);

#endif
