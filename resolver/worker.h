/*
 * worker: the process that answers clients: from itself, from cache, or through an engine.
 *
 * One event loop, no rights, no Internet, no writable cache. A query goes one way: received
 * (worker_udp, worker_tcp) -> query_parse() -> admit() -> local_answer() -> L1 -> L2 -> join ->
 * engine (worker_engine)
 * -> answered where it came from (worker_answer). A hit allocates nothing: it is written straight
 * into the batch that goes out.
 *
 * Descriptors that outlive it may be handed in by the environment (lib/held.h), under the names of
 * hold.h: all udp.W.L (its own, and those of the workers it may have to read for), all tcp.L, its
 * score.wW, the board. What is not, it makes itself.
 */
#ifndef RESOLVER_WORKER_H
#define RESOLVER_WORKER_H

#include "lib/err.h"
#include "resolver/conf.h"

/* Runs until SIGTERM or SIGINT: 0 after a clean stop, -1 when it cannot start. Logs are open
 * already. */
int worker_run(const struct resolver_conf *conf, int number, struct err *err);

#endif
