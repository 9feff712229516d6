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
#include "resolver/ask.h"
#include "resolver/ask_batch.h"
#include "resolver/limits.h"
#include "resolver/local.h"
#include "resolver/probation.h"
#include "resolver/refresh.h"
#include "resolver/rrl.h"
#include "resolver/socket.h"
#include "resolver/standing.h"
#include "resolver/store.h"
#include "resolver/worker.h"

#define WORKER_STALE_WAIT_MS 1800   /* RFC 8767: the first asker waits so long */
#define WORKER_STALE_TTL_S 30
#define WORKER_STALE_RECHECK_MS 30000 /* stale at once after a failure */
#define WORKER_AWAY_MS 1000	    /* an engine gets so long to come back before questions fail */
#define WORKER_PROBATION_MS 3000    /* the probation engine so long, as it is ended more often */
#define WORKER_DECLINES 2	    /* a question that so many engines had no room for fails */
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
	/* worker_limits.c: */
	bool proven;	 /* it is where its address says: by TCP, or a valid cookie */
	bool exempt;	 /* under no limit; known where w->limiting is not 0 */
	bool cache_only; /* over a limit: no engine is asked */
	uint8_t cookie;	 /* enum asker_cookie */
};
/* What its COOKIE option said. Its answer carries query.cookie unless it had none. */
enum asker_cookie { ASKER_NO_COOKIE, ASKER_ASKS_FOR_ONE, ASKER_BAD_COOKIE, ASKER_GOOD_COOKIE };
/* An asker that waits, with its question as it asked it (where it stands in a message). */
struct waiting {
	struct asker asker;
	uint8_t wire[DNS_HEADER + DNS_NAME_MAX + 4];
};

/* A question on its way: which engine has it. */
struct asking {
	int engine;	/* -1: none has it yet */
	uint8_t losses; /* engines that went away with it */
	uint8_t declined; /* engines that had no room for it */
	uint8_t trials;	  /* probation engines that went away at it */
	bool probation;	  /* of the probation engine alone; it may wait for its turn */
	uint64_t told;	/* what that engine had told when it was asked */
	bool refresh;	/* it is to renew what is cached; counted in worker.refresh */
};

struct engine_link {
	struct worker *worker;
	int number;
	ev_io io;
	ev_timer retry;
	bool connected, up; /* up: it has said hello */
	bool known;	    /* it has been up */
	struct last_words last; /* said since the hello; signal 0: none */
	bool cut;	    /* ... and that recursion's breaker is not closed */
	struct mono away_since;
	uint64_t told;
	struct ask_out out; /* questions that leave with the batch */
	uint32_t asked[ASK_BATCH]; /* their ids */
	unsigned taken; /* of them by the socket, where it did not take all */
	bool full; /* it takes no more until it is said to */
	struct l2 *shard; /* kept while the engine is away; NULL: none was handed in or has come */
	dev_t shard_dev;
	ino_t shard_ino;
	uint64_t purges;       /* of the shard, that were heeded */
	uint64_t purges_hello; /* of the shard, when this engine said hello */
};

/* What the answer that is being written counts as, once it is known that it leaves. */
struct tally {
	unsigned rcode;
	enum score_layer layer;
	int cause; /* enum score_cause; -1: it is no failure */
};

struct udp;
struct tcp;
struct limiter;
struct worker {
	const struct resolver_conf *conf;
	int number;
	struct ev_loop *loop;
	struct mono now; /* of this turn of the loop */
	struct scoreboard *score;
	struct standing standing;
	bool running; /* the loop turns */
	bool served;  /* an engine has been there */
	struct local local;
	uint64_t secret; /* keys the hashes that clients could aim at */

	struct l1 *l1;
	uint8_t *found;	 /* ENTRY_ROOM: an entry out of L2 */
	uint8_t *told;	 /* ENTRY_ROOM: what is told to several, out of either cache */
	uint8_t *answer; /* UINT16_MAX: one for TCP */
	struct failing *failing;
	struct refresh refresh;
	uint64_t dice; /* which address goes first */

	struct join join; /* of the three next */
	struct join_question *questions;
	struct join_waiter *waiters;
	uint32_t *buckets;
	struct waiting *waiting; /* beside join.waiters */
	struct asking *asking;	 /* beside join.questions */
	uint32_t n_unsent;
	struct engine_link *engines; /* behind the serving ones the probation engine */
	bool leaving; /* some have questions in their batch */
	struct ask_in in; /* what an engine told */
	struct suspects suspects;
	const struct quarantine *quarantine; /* mapped; NULL: none was handed in or has come */
	uint32_t trial; /* the question, by its id, that the probation engine has; 0: none */

	struct udp *udp;
	int n_udp;
	unsigned n_slots;    /* of workers whose sockets we hold */
	struct board *board; /* says whose to read; NULL: nobody does */
	uint64_t wards;	     /* whose we read besides our own, as bits */
	bool left;	     /* what comes to our held sockets is left to others */
	struct tcp *tcp;

	struct limiter *limiter;
	unsigned limiting; /* enum limiting, as bits; 0: nothing is limited */
	struct tally tally;

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

/* worker_answer.c: the one way. from->query, `verdict` and `k` are query_parse()'s of `wire`. `out`
 * has room for worker_limit(); 0: nothing to send now, and `from->waits` says whether something
 * will come. */
size_t worker_query(struct worker *w, struct asker *from, enum query_verdict verdict,
    const struct key *k, const uint8_t *wire, uint8_t *out);
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
/* The same of one that failed a moment ago: it says so. */
size_t worker_fail_again(struct worker *w, const struct asker *a, const uint8_t *wire,
    enum score_cause cause, int ede, uint8_t *out, size_t room);

/* The one way out, for every answer that was written: `n` octets in `out`, counted now; or fewer,
 * or 0 where a flood is answered enough. `k` NULL: the query was none that has a key. */
size_t worker_release(struct worker *w, const struct asker *a, const struct key *k,
    const uint8_t *wire, uint8_t *out, size_t n);
/* A miss of somebody over a limit: what is past its time, or REFUSED. */
size_t worker_spare_engine(struct worker *w, const struct asker *a, const struct key *k,
    const uint8_t *wire, uint8_t *out);

/* TC, for who is there to come back by TCP; BADCOOKIE for who can do so by UDP. */
size_t worker_slip(struct worker *w, const struct asker *a, const uint8_t *wire, uint8_t *out,
    size_t room);

/* worker_limits.c: who asks too much (limits.h, rrl.h, crowd.h), who has proven his address
 * (cookie.h). */
enum limiting { LIMITING_QUERIES = 1, LIMITING_MISSES = 2, LIMITING_RESPONSES = 4 };
int limiter_open(struct worker *w, struct held *given, struct err *err);
void limiter_free(struct worker *w);
/* Reads its COOKIE option and puts what goes back in its place. */
void limiter_cookie(struct worker *w, struct asker *a);
/* The next two, and limiter_response(), where w->limiting is not 0. One more query; sets a->exempt,
 * a->cache_only. */
enum limits_verdict limiter_query(struct worker *w, struct asker *a);
/* May it have an engine asked? */
bool limiter_miss(struct worker *w, const struct asker *a);
/* May it wait for one, or has its source its share of the places already (limits_place())? */
bool limiter_place(const struct worker *w, const struct asker *a);
/* It waits; it waits no more. */
void limiter_wait_begin(struct worker *w, const struct asker *a);
void limiter_wait_end(struct worker *w, const struct asker *a);
enum rrl_verdict limiter_response(struct worker *w, const struct asker *a, const struct key *k,
    const uint8_t *out);
/* Whose connections are at their cap. */
enum limiter_full { LIMITER_FITS, LIMITER_CLIENT_FULL, LIMITER_PREFIX_FULL };
enum limiter_full limiter_conn(struct worker *w, const union endpoint *client, bool trusted);
void limiter_conn_begin(struct worker *w, const union endpoint *client, bool trusted);
void limiter_conn_end(struct worker *w, const union endpoint *client, bool trusted);
/* Are both of the same client, or (LIMITER_PREFIX_FULL) of the same prefix? */
bool limiter_same(const struct worker *w, enum limiter_full of, const union endpoint *a,
    const union endpoint *b);

/* What is past its time, but not by more than a day: NULL, or as worker_find(). */
const struct entry *worker_find_stale(struct worker *w, const struct key *k);
/* worker_wait.c: questions that an engine works on. As worker_query(). */
size_t worker_ask(struct worker *w, struct asker *a, const struct key *k, const uint8_t *wire,
    uint8_t *out);
/* An engine told this (not from w->found, nor from L1). The question is closed, as by the next. */
void worker_told(struct worker *w, uint32_t question, const struct entry *e);
/* It is quarantined. */
void worker_refused(struct worker *w, uint32_t question);
/* Stale or SERVFAIL, for one asker, without a question: as worker_query(). */
size_t worker_refuse(struct worker *w, const struct asker *a, const struct key *k,
    const uint8_t *wire, uint8_t *out);
/* It fails without having been told why. */
void worker_failed(struct worker *w, uint32_t question, enum score_cause cause, int ede,
    const char *text);
/* A refresh that its engine does not take: it ends, or with waiters is a question as any other that
 * is still to be sent (true). */
bool worker_unasked(struct worker *w, uint32_t question);
/* Its engine went away with it: unsent again, or failed. */
void worker_lost(struct worker *w, uint32_t question);
/* Unsent again; who has waited gets what is past its time. */
void worker_again(struct worker *w, uint32_t question);
/* Looks after those who have waited long enough. */
void worker_deadlines(struct worker *w);

/* worker_refresh.c: this answer, which was just served from there, is near its end. `e` may be gone
 * afterwards. */
void worker_refresh(struct worker *w, const struct key *k, const struct entry *e,
    enum score_layer layer);

/* worker_engine.c. */
int engine_links_open(struct worker *w, struct held *given, struct err *err);
void engine_links_close(struct worker *w);
struct engine_link *engine_link_of(struct worker *w, const struct key *k);
bool engine_links_up(const struct worker *w);
/* Has a key's own engine, which is there, said that it does not reach out? */
bool engine_links_cut(struct worker *w, const struct key *k);
/* Once a turn: where a shard was purged, what was copied out of it goes as well. */
void engine_links_heed(struct worker *w);
/* Is one there, or so shortly away that waiting for it is worth while? */
bool engine_links_hopeful(const struct worker *w);
bool engine_link_hopeful(const struct engine_link *l);
/* worker_send.c. Sends it to its engine or another one; it stays unsent when none takes it. */
void engine_links_send(struct worker *w, uint32_t question);
/* Sends it to its own engine; false when that does not take it. */
bool engine_link_refresh(struct worker *w, uint32_t question);
/* True: it leaves with the batch, at the latest when this turn ends; should the socket not take it
 * then, it is unsent again. To the probation engine it leaves at once. */
bool engine_link_send(struct engine_link *l, uint32_t question);
/* What is to leave leaves. It may end questions that nobody waits for. */
void engine_links_flush(struct worker *w);
/* What is left of the batch has not been sent. As engine_links_flush(). */
void engine_link_undo(struct engine_link *l);
/* Each question that waits for none, once. */
void engine_links_unsent(struct worker *w);

/* worker_probation.c. NULL: the configuration has no probation engine. */
struct engine_link *probation_link(const struct worker *w);
bool probation_is(const struct engine_link *l);
/* Takes `fd` over: its memory, once it has said hello, or as it was handed in; -1 is fine. */
void probation_take(struct worker *w, int fd);
/* Quarantined? Then what is said of it, as worker_query(); 0: it may be asked. */
size_t probation_refuse(struct worker *w, const struct asker *a, const struct key *k,
    const uint8_t *wire, uint8_t *out);
/* Which way this question, which no engine has, is to go from now on. */
enum probation_way probation_route(struct worker *w, uint32_t question);
/* The next in turn is sent, if it is anybody's turn. */
void probation_next(struct worker *w);
/* An engine that served is gone, and what it said last. Before its questions are looked after. */
void probation_suspect(struct engine_link *l);
/* The probation engine is gone with this question; it told something; it declined. */
void probation_lost(struct worker *w, uint32_t question);
void probation_told(struct worker *w, uint32_t id, uint32_t question);
void probation_declined(struct worker *w, uint32_t question);
/* Looks after those who wait for it in vain. */
void probation_deadlines(struct worker *w);
void probation_free(struct worker *w);

#endif
