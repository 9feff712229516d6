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
#define SCOREBOARD_VERSION 4

enum score_state {
	SCORE_STARTING,	  /* or not there; ends when its loop turns */
	SCORE_ANSWERING,
	SCORE_STALE_ONLY, /* a worker without any engine: from its caches */
	SCORE_FAILING,	  /* asks, and gets no good answer: see resolver/standing.h */
	SCORE_STOPPING,	  /* told to end; answers what it has */
	N_SCORE_STATES
};
/* Where an answer came from. ENGINE, L3 and BACKUP: an engine told it just now, from recursion,
 * from the regional cache, or from a backup resolver. */
enum score_layer {
	LAYER_LOCAL,
	LAYER_L1,
	LAYER_L2,
	LAYER_ENGINE,
	LAYER_STALE,
	LAYER_L3,
	LAYER_BACKUP,
	N_LAYERS
};
/*
 * Why a question had no good answer: only `internal` speaks against this node.
 *
 * A worker counts answers that it gave to clients, each once in `rcode` and once in `layer`; what
 * it gave no answer to is in `drop`. An answer is a failure when its rcode is neither NOERROR,
 * NXDOMAIN nor YXDOMAIN and it is not one that the query itself deserves (FORMERR, NOTIMP, BADVERS,
 * BADCOOKIE, REFUSED); a failure counts in exactly one `cause`, whatever layer it came from, each
 * time it is told:
 * - upstream: servers or forwarders did not answer, or with errors, or with what is no answer; also
 *   when the worker's deadline ran out while the engine told other answers, and where there was no
 *   room: what is full, an engine or the places to wait, is full of questions that upstream has not
 *   answered, or of more of them than a node can take, and neither is a fault that is here;
 * - bogus: an answer came that must not be believed;
 * - internal: no engine, or one that says nothing or talks nonsense.
 * An answer past its time counts in LAYER_STALE and as no failure. An engine counts likewise what
 * it told workers (it has no layers).
 */
enum score_cause { CAUSE_UPSTREAM, CAUSE_BOGUS, CAUSE_INTERNAL, N_CAUSES };
enum score_drop {
	DROP_OLD,
	DROP_MALFORMED,
	DROP_REFUSED,
	DROP_FULL,
	DROP_SEND,
	DROP_RATE, /* over a limit, or a response that rate limiting let fall */
	N_DROPS
};
/* What else is worth counting: it is told beside answers and drops, and is neither. */
enum score_event {
	SCORED_SLIPPED,		/* TC instead of an answer, by a limit (worker) */
	SCORED_CACHE_ONLY,	/* over a limit: answered from cache, or refused a miss (worker) */
	SCORED_COOKIE_GOOD,	/* queries with a server cookie of ours (RFC 7873; worker) */
	SCORED_COOKIE_BAD,	/* ... with one that is not, or too old (worker) */
	SCORED_REFRESH_ASKED,	/* renewals asked for (worker) or begun (engine) */
	SCORED_REFRESH_RENEWED, /* ... that moved the expiry later (engine) */
	SCORED_SUSPECTS,	/* questions asked again of the probation engine (worker) */
	SCORED_QUARANTINED,	/* ... refused: they ended a probation engine (worker) */
	SCORED_L3_HIT,		/* an answer out of Redis won its race (engine) */
	SCORED_L3_MISS,
	SCORED_L3_LATE,	  /* it came after the race was lost */
	SCORED_L3_BAD,	  /* a value that is none of ours, or damaged */
	SCORED_L3_FAILED, /* no connection, an error */
	SCORED_L3_WRITE,
	SCORED_BACKUP_ASKED, /* questions taken to a backup resolver (engine) */
	SCORED_L3_STALE,     /* a value whose life was over, or of before a purge */
	SCORED_L3_UNTRUSTED, /* a validated one, which is not believed here */
	SCORED_L3_TIMEOUT,   /* asked of a server that then was silent for too long */
	N_SCORED
};
#define SCORE_RCODES 24 /* up to BADCOOKIE: extended ones count as what they are */
#define SCORE_UPSTREAMS 16 /* recursion itself (0), backup resolvers in the file's order */
#define SCORE_SERVERS 16   /* of Redis, in the file's order */
#define SCORE_BUCKETS 32 /* of latency: bucket i counts answers under 2^i microseconds */

/* One upstream of an engine, and its circuit breaker. */
enum score_breaker { BREAKER_CLOSED, BREAKER_OPEN, BREAKER_HALF_OPEN, N_BREAKERS };
struct score_upstream {
	_Atomic uint64_t name[6]; /* octets of a text, ended by NUL; all zero: no such upstream */
	_Atomic uint64_t breaker; /* enum score_breaker */
	_Atomic uint64_t since_us; /* CLOCK_BOOTTIME of its last change */
	_Atomic uint64_t asked, answered, failed, opened;
	_Atomic uint64_t rtt_us; /* smoothed; 0: none yet */
};

/* One Redis server of an engine, and whether it is spoken to (resolver/l3_pace.h). */
enum score_pace {
	PACE_DOWN, /* left alone for a while */
	PACE_GREETED,
	PACE_UP,
	PACE_LATE, /* up, and too late for every race: asked, and not waited for */
	N_PACES
};
struct score_server {
	_Atomic uint64_t name[6];		/* as of an upstream */
	_Atomic uint64_t pace;			/* enum score_pace */
	_Atomic uint64_t since_us;		/* CLOCK_BOOTTIME of its last change */
	_Atomic uint64_t asked, answered, lost; /* lost: times it was left alone */
};

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
	_Atomic uint64_t event[N_SCORED];
	struct score_upstream upstream[SCORE_UPSTREAMS];
	struct score_server server[SCORE_SERVERS];
};

/* Only the one writer of a slot calls this. */
static inline void
score_add(_Atomic uint64_t *counter, uint64_t n)
{
	atomic_store_explicit(counter,
	    atomic_load_explicit(counter, memory_order_relaxed) + n, memory_order_relaxed);
}

/* Writes a name of SCORE_NAME octets at most, what is longer cut. True: it was that already, so
 * that what was counted under it goes on. */
#define SCORE_NAME 47
bool score_name(_Atomic uint64_t name[static 6], const char *text);

/* One server as read; false: there is no such. */
struct score_server_look {
	char name[SCORE_NAME + 1];
	uint64_t pace, since_us, asked, answered, lost;
};
bool score_server_read(const struct scoreboard *s, int number, struct score_server_look *out);
const char *score_pace_name(uint64_t pace); /* "?" where it is none */

/* A fresh sealed slot; *fd is the writer's descriptor (owned by the caller). NULL on error. */
struct scoreboard *scoreboard_make(uint32_t kind, int *fd, struct err *err);
/* Maps an existing one: `writable` for its writer. Size, magic, version, kind are checked. */
struct scoreboard *scoreboard_map(int fd, bool writable, struct err *err);
void scoreboard_unmap(struct scoreboard *s);

#endif
