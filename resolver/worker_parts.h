/*
 * worker_parts: what the files of the worker share, and nobody else sees.
 */
#ifndef RESOLVER_WORKER_PARTS_H
#define RESOLVER_WORKER_PARTS_H

#include <ev.h>
#include <sys/types.h>

#include "lib/board.h"
#include "lib/held.h"
#include "lib/scoreboard.h"
#include "resolver/failing.h"
#include "resolver/join.h"
#include "resolver/local.h"
#include "resolver/socket.h"
#include "resolver/standing.h"
#include "resolver/store.h"
#include "resolver/worker.h"

#define WORKER_STALE_WAIT_MS 1800   /* RFC 8767: the first asker waits so long */
#define WORKER_STALE_MAX_S ENTRY_STALE_MAX_S
#define WORKER_STALE_TTL_S 30
#define WORKER_STALE_RECHECK_MS 30000 /* stale at once after a failure */
#define WORKER_AWAY_MS 1000	    /* an engine gets so long to come back before questions fail */
#define WORKER_LOSSES 2		    /* a question that lost so many engines is not asked again */
#define WORKER_STOP_MS 2000	    /* SIGTERM: what is in flight gets at most so long ... */
#define WORKER_STOP_READ_MS 1000    /* ... and its held sockets are read at most so long */

/* Who asked, and where the answer goes; what of the query it needs. Copied while it waits. */
struct asker {
	bool tcp;
	bool trusted;	 /* by the private listener: admitted */
	uint16_t source; /* of worker.udp, or of the connections */
	uint32_t serial; /* TCP: of the connection; its place may be another's by now */
	union endpoint client;
	struct mono since; /* its query's arrival */
	struct query query;
	bool waits; /* at a question: its answer comes later */
};
/* An asker that waits, with its question as it asked it (where it stands in a message). */
struct waiting {
	struct asker asker;
	uint8_t wire[DNS_HEADER + DNS_NAME_MAX + 4];
};

/* A question on its way: which engine has it. */
struct asking {
	int engine;	/* -1: none has it yet */
	uint8_t losses; /* engines that went away with it */
	uint64_t told;	/* what that engine had told when it was asked */
};

struct engine_link {
	struct worker *worker;
	int number;
	ev_io io;
	ev_timer retry;
	bool connected, up; /* up: it has said hello */
	bool cut;	    /* ... and that recursion's breaker is not closed */
	struct mono away_since;
	uint64_t told;
	struct l2 *shard; /* kept while the engine is away; NULL: none was handed in or has come */
	dev_t shard_dev;
	ino_t shard_ino;
	uint64_t purges;       /* of the shard, that were heeded */
	uint64_t purges_hello; /* of the shard, when this engine said hello */
};

struct udp;
struct tcp;
struct worker {
	const struct resolver_conf *conf;
	int number;
	struct ev_loop *loop;
	struct mono now; /* of this turn of the loop */
	struct scoreboard *score;
	struct standing standing;
	bool running; /* the loop turns */
	struct local local;
	uint64_t secret; /* keys the hashes that clients could aim at */

	struct l1 *l1;
	uint8_t *found;	 /* ENTRY_ROOM: an entry out of L2 */
	uint8_t *answer; /* UINT16_MAX: one for TCP */
	struct failing *failing;

	struct join join; /* of the three next */
	struct join_question *questions;
	struct join_waiter *waiters;
	uint32_t *buckets;
	struct waiting *waiting; /* beside join.waiters */
	struct asking *asking;	 /* beside join.questions */
	uint32_t n_unsent;
	struct engine_link *engines;
	uint8_t *told; /* TOLD_MAX */

	struct udp *udp;
	int n_udp;
	unsigned n_slots;    /* of workers whose sockets we hold */
	struct board *board; /* says whose to read; NULL: nobody does */
	uint64_t wards;	     /* whose we read besides our own, as bits */
	bool left;	     /* what comes to our held sockets is left to others */
	struct tcp *tcp;

	ev_timer tick;
	ev_prepare flush;
	ev_check turn;
	ev_signal term, interrupt, hup;
	struct mono stop_at; /* set: stopping */
};

/* worker.c: tells how we stand. */
void worker_state(struct worker *w);

/* worker_sockets.c: every socket is non-blocking, TCP listens. Takes what it uses of `given`. */
int worker_sockets_open(struct worker *w, struct held *given, struct err *err);

/* worker_udp.c. `fd` is owned from here on. */
struct udp_use {
	unsigned slot; /* whose it is, by worker's number */
	bool trusted;  /* the private listener */
	bool held;     /* somebody else has it too: what is queued in it outlives us */
};
int udp_add(struct worker *w, int fd, const struct udp_use *use, struct err *err);
/* Reads our own. */
void udp_start(struct worker *w);
/* Of the others' exactly those of these workers are read from now on. */
void udp_wards(struct worker *w, uint64_t wards);
/* Reads what is queued in our held sockets, up to a bound, and nothing more of what is held. */
void udp_leave(struct worker *w);
/* Writes one answer; leaves with the batch, at the latest when this turn ends. */
uint8_t *udp_slot(struct worker *w, uint16_t source);
void udp_commit(struct worker *w, uint16_t source, const union endpoint *to, size_t length);
void udp_flush(struct worker *w);
/* Reads what is queued in those that end with us, up to a bound. */
void udp_drain(struct worker *w);
void udp_free(struct worker *w);

/* worker_tcp.c. */
int tcp_new(struct worker *w, struct err *err);
int tcp_add(struct worker *w, int fd, bool trusted, struct err *err);
void tcp_start(struct worker *w);
/* Sends or keeps the answer; dropped when the connection is another's. */
void tcp_answer(struct worker *w, const struct asker *to, const uint8_t *message, size_t length);
/* No more connections; those that wait for nothing are closed, the others once they have it. */
void tcp_stop(struct worker *w);
/* Stopped, and nobody has an answer to come. */
bool tcp_is_quiet(const struct worker *w);
/* What an idle connection is told it has, in tenths of a second (RFC 7828). */
int tcp_keepalive(const struct worker *w);
void tcp_free(struct worker *w);

/* worker_answer.c: the one way. `out` has room for worker_limit(); 0: nothing to send now, and
 * `from->waits` says whether something will come. */
size_t worker_query(struct worker *w, struct asker *from, const uint8_t *wire, size_t length,
    uint8_t *out);
/* How long an answer to that client may be. */
size_t worker_limit(const struct worker *w, const struct asker *a);
/* The entry that answers a key, if it is there, whatever its age; borrowed until the next call.
 * `*layer` says where it was. */
const struct entry *worker_find(struct worker *w, const struct key *k, enum score_layer *layer);
/* An answer from an entry; with LAYER_STALE also past its time. */
size_t worker_serve(struct worker *w, const struct asker *a, const uint8_t *wire,
    const struct entry *e, enum score_layer layer, uint8_t *out, size_t room);
/* Is it a failure to the client, one that is counted by cause? */
bool worker_is_failure(const struct entry *e);
/* SERVFAIL for a cause that is counted; `text` may be NULL. */
size_t worker_fail(struct worker *w, const struct asker *a, const uint8_t *wire,
    enum score_cause cause, int ede, const char *text, uint8_t *out, size_t room);

/* worker_wait.c: questions that an engine works on. As worker_query(). */
size_t worker_ask(struct worker *w, struct asker *a, const struct key *k, const uint8_t *wire,
    uint8_t *out);
/* An engine told this (not from w->found, nor from L1). The question is closed, as by the next. */
void worker_told(struct worker *w, uint32_t question, const struct entry *e);
/* It fails without having been told why. */
void worker_failed(struct worker *w, uint32_t question, enum score_cause cause, int ede,
    const char *text);
/* Its engine went away with it: unsent again, or failed. */
void worker_lost(struct worker *w, uint32_t question);
/* Looks after those who have waited long enough. */
void worker_deadlines(struct worker *w);

/* worker_engine.c. */
int engine_links_open(struct worker *w, struct held *given, struct err *err);
void engine_links_close(struct worker *w);
struct engine_link *engine_link_of(struct worker *w, const struct key *k);
/* Sends it to its engine or another one; it stays unsent when none takes it. */
void engine_links_send(struct worker *w, uint32_t question);
bool engine_links_up(const struct worker *w);
/* Has a key's own engine, which is there, said that it does not reach out? */
bool engine_links_cut(struct worker *w, const struct key *k);
/* Once a turn: where a shard was purged, what was copied out of it goes as well. */
void engine_links_heed(struct worker *w);
/* Is one there, or so shortly away that waiting for it is worth while? */
bool engine_links_hopeful(const struct worker *w);

#endif
