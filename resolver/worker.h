/*
 * worker: the process that answers clients: from itself, from cache, or through an engine.
 *
 * One event loop, no rights, no Internet, no writable cache. A query goes one way: received
 * (worker_udp, worker_tcp) -> query_parse() -> admit() -> local_answer() -> L1 -> L2 -> join ->
 * engine (worker_engine)
 * -> answered where it came from (worker_answer). A hit allocates nothing: it is written straight
 * into the batch that goes out.
 *
 * Descriptors that outlive it may be handed in by environment variables; what is not, it makes
 * itself.
 */
#ifndef RESOLVER_WORKER_H
#define RESOLVER_WORKER_H

#include "lib/err.h"
#include "resolver/conf.h"

/* Bound sockets of the service, UDP and listening TCP: numbers with commas between them. */
#define WORKER_ENV_SOCKETS "ANYPOP_WORKER_SOCKETS"
#define WORKER_ENV_SCORE "ANYPOP_WORKER_SCORE" /* a memfd of scoreboard_make(), writable */

/* Runs until SIGTERM or SIGINT: 0 after a clean stop, -1 when it cannot start. Logs are open
 * already. */
int worker_run(const struct resolver_conf *conf, int number, struct err *err);

#endif
