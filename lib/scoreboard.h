/*
 * scoreboard: what each worker and engine tells of itself, in shared memory. Writers never wait; a
 * reader sees each counter whole (aligned 64-bit words, relaxed), not all of them at one instant.
 *
 * One sealed memfd per writer (F_SEAL_SHRINK | F_SEAL_GROW, mode 0600): a slot is one struct, its
 * layout versioned. Readers get a descriptor reopened read-only.
 */
#ifndef LIB_SCOREBOARD_H
#define LIB_SCOREBOARD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/mono.h"

#define SCOREBOARD_MAGIC 0x70706e61u /* "anpp" */
#define SCOREBOARD_VERSION 1

enum score_state {
	SCORE_STARTING,	  /* or not there; ends when its loop turns */
	SCORE_ANSWERING,
	SCORE_STALE_ONLY, /* a worker without any engine: from its caches */
	SCORE_FAILING,	  /* asks, and gets no good answer: see resolver/standing.h */
	SCORE_STOPPING,	  /* told to end; answers what it has */
	N_SCORE_STATES
};
enum score_layer { LAYER_LOCAL, LAYER_L1, LAYER_L2, LAYER_ENGINE, LAYER_STALE, N_LAYERS };
/*
 * Why a question had no good answer: only `internal` speaks against this node.
 *
 * A worker counts answers that it gave to clients, each once in `rcode` and once in `layer`; what
 * it gave no answer to is in `drop`. An answer is a failure when its rcode is neither NOERROR,
 * NXDOMAIN nor YXDOMAIN and it is not one that the query itself deserves (FORMERR, NOTIMP, BADVERS,
 * REFUSED); a failure counts in exactly one `cause`, whatever layer it came from, each time it is
 * told:
 * - upstream: servers or forwarders did not answer, or with errors; also when the worker's deadline
 *   ran out while the engine told other answers;
 * - bogus: an answer came that must not be believed;
 * - internal: no engine, or one that says nothing, is full or talks nonsense; no room to wait.
 * An answer past its time counts in LAYER_STALE and as no failure. An engine counts likewise what
 * it told workers (it has no layers).
 */
enum score_cause { CAUSE_UPSTREAM, CAUSE_BOGUS, CAUSE_INTERNAL, N_CAUSES };
enum score_drop { DROP_OLD, DROP_MALFORMED, DROP_REFUSED, DROP_FULL, DROP_SEND, N_DROPS };
#define SCORE_RCODES 16
#define SCORE_BUCKETS 32 /* of latency: bucket i counts answers under 2^i microseconds */

struct scoreboard {
	uint32_t magic, version, size, kind; /* kind: 'w' worker, 'e' engine */
	_Alignas(64) _Atomic uint64_t heartbeat_us; /* CLOCK_BOOTTIME of the writer's last turn */
	_Atomic uint64_t generation, pid, started_us;
	_Atomic uint64_t state; /* enum score_state */
	_Alignas(64) _Atomic uint64_t queries_udp;
	_Atomic uint64_t queries_tcp;
	_Atomic uint64_t rcode[SCORE_RCODES], layer[N_LAYERS], cause[N_CAUSES], drop[N_DROPS];
	_Atomic uint64_t latency[SCORE_BUCKETS];
	_Atomic uint64_t in_flight, joined, truncated;
};

/* Only the one writer of a slot calls this. */
static inline void
score_add(_Atomic uint64_t *counter, uint64_t n)
{
	atomic_store_explicit(counter,
	    atomic_load_explicit(counter, memory_order_relaxed) + n, memory_order_relaxed);
}

/* A fresh sealed slot; *fd is the writer's descriptor (owned by the caller). NULL on error. */
struct scoreboard *scoreboard_make(uint32_t kind, int *fd, struct err *err);
/* Maps an existing one: `writable` for its writer. Size, magic, version, kind are checked. */
struct scoreboard *scoreboard_map(int fd, bool writable, struct err *err);
void scoreboard_unmap(struct scoreboard *s);

#endif
