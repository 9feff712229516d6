/*
 * engine_impl: the engine's parts and what they share. Internal to engine*.c.
 *
 * Peers are workers' connections, in slots; questions stand in a pool as large as engine.in_flight.
 * A question begins when a peer asks and ends when libunbound calls back: only then is its slot
 * free, since libunbound cannot be made to forget it. Who asked is answered at the question's
 * deadline at the latest; an answer that comes later still goes into the shard. Such late ones have
 * as many slots of their own: where each name leads to other servers that are silent, libunbound is
 * at it for some 15 s each, and names that are well would find all slots taken by questions that
 * nobody waits for. Beyond that they count as the others do.
 *
 * The regional cache is asked first. Recursion begins when it has nothing, or when redis.race_ms
 * are over; from then on the first good answer is told. One that comes before ends the question.
 *
 * The order is recursion, what is past its time, backup resolvers, failure. Where something past
 * its time is in the shard, recursion's failure is told at once, and the worker gives that. Where
 * nothing is, backups are asked (engine_backup.c): when recursion failed for want of an answer,
 * when it has been silent for backup_after_ms, or, while its breaker is not closed, before it, and
 * it then after them. What is bogus fails, and is taken to nobody.
 */
#ifndef RESOLVER_ENGINE_IMPL_H
#define RESOLVER_ENGINE_IMPL_H

#include <ev.h>
#include <unbound.h>
#include <unbound-event.h>

#include "lib/mono.h"
#include "lib/scoreboard.h"
#include "resolver/ask.h"
#include "resolver/ask_batch.h"
#include "resolver/breaker.h"
#include "resolver/conf.h"
#include "resolver/engine_context.h"
#include "resolver/engine_verdict.h"
#include "resolver/l3.h"
#include "resolver/quarantine.h"
#include "resolver/forward.h"
#include "resolver/hints.h"
#include "resolver/slowstart.h"
#include "resolver/standing.h"
#include "resolver/store.h"

#define MAX_PEERS 64 /* as many as engine.telling has bits */
#define PEER_BACKLOG_MAX (2 << 20) /* octets that a peer may leave unread; more: it is cut off */

struct engine;
struct packet;

struct peer {
	struct engine *engine;
	int fd; /* -1: the slot is free */
	struct ev_io io;
	struct packet *first, **last; /* what the socket did not take yet; owned */
	size_t backlog;
	struct ask_out out; /* what it is told when this turn ends; empty with a backlog */
};

struct question {
	struct engine *engine;
	struct peer *peer; /* NULL: nobody waits (any more) */
	uint32_t id;
	bool waiting; /* in the list by deadline: not told yet */
	bool refresh; /* nobody waits: it is to renew what stands in the shard */
	uint8_t context; /* whom it was asked of */
	bool failed;	/* in vain so far, and the regional cache has not spoken yet */
	struct l3_get l3;
	struct ev_timer race; /* at whose end recursion begins */
	struct key key;
	struct mono asked;
	bool recursing; /* libunbound has it, and will call back; or it is held */
	bool late;	/* it is told, and libunbound still has it; counted in engine.late */
	bool held;	/* it waits for its turn with libunbound */
	bool recursed;	/* it had it, or has it */
	bool noted;	/* what became of that is counted */
	struct exchange *exchange; /* with a backup resolver; NULL: none */
	uint16_t tried;	 /* backups, by upstream's number, as bits */
	uint8_t n_tried, asking; /* how many; the last */
	struct question *next, *previous; /* by deadline, or next free */
	struct question *next_held;
};

#define UPSTREAM_TRIALS 4

struct upstream;
struct trial {
	struct upstream *upstream;
	struct exchange *exchange; /* NULL: over */
};
/* Recursion, or a backup resolver. */
struct upstream {
	struct engine *engine; /* NULL: no such upstream */
	int number; /* 0: recursion; backups from 1 on, in the file's order; in entries' origin */
	const char *name;
	struct breaker breaker;
	struct score_upstream *score;
	const struct backup_conf *conf; /* of a backup */
	struct forward_server *server;	/* of a backup; owned */
	struct ev_timer wake;
	struct trial trials[UPSTREAM_TRIALS];
	int n_trials; /* under way, the first so many began */
};
/* Where recursion would begin; owned. */
struct way {
	struct forward_server *server;
	enum family family;
};

struct engine {
	const struct resolver_conf *conf;
	int number;
	struct ev_loop *loop;
	struct ub_event_base *base;
	struct ub_ctx *ctx[CONTEXTS_MAX]; /* the second is NULL without refresh */
	struct l2 *shard; /* NULL: the probation engine has none */
	struct quarantine *quarantine; /* the probation engine's; NULL: it is another one */
	int shard_reader; /* descriptor of either that is handed to peers */
	struct l3 *l3; /* NULL: none is configured */
	struct scoreboard *score;
	int score_reader; /* descriptor of it that is handed to peers who ask */
	struct standing standing;
	struct ev_io listener;
	struct ev_timer heartbeat, deadline;
	struct ev_signal term, interrupt;
	struct ev_prepare first;
	struct peer peers[MAX_PEERS];
	uint64_t telling; /* whose `out` is not empty, as bits */
	struct ev_prepare turn_end;
	struct ask_in in; /* what a peer sent; of one callback at a time */
	struct question *pool, *free_questions, *oldest, *newest;
	int64_t in_flight, refreshes, late; /* the others are part of the first */
	int64_t capacity; /* so many may be in flight that are not late */
	int64_t slots;	  /* of the pool: with those that may be late besides */
	struct question *starting; /* is being handed to libunbound */
	struct slowstart opening;
	struct question *first_held, **last_held; /* what that keeps back, in order */
	struct ev_prepare opening_turn;
	struct forward *forward;
	struct upstream upstreams[SCORE_UPSTREAMS];
	int n_upstreams; /* with recursion */
	struct way ways[HINTS_MAX];
	int n_ways;
	struct question *patient; /* the oldest that is not due for a backup yet */
	struct ev_timer patience;
	bool running, stopping;
	bool over;   /* the loop has ended; nothing is told or kept any more */
	bool hushed; /* it stops for the next: nothing is read any more */
	bool purged; /* hushed, for a purge */
	uid_t user;  /* whom we run as */
	struct purge purge;
	struct peer *purger; /* its connection may be gone */
	struct ev_timer hush_limit;
	/* Scratch, of one callback at a time. */
	_Alignas(8) uint8_t entry[ENTRY_ROOM], kept[ENTRY_ROOM];
	uint8_t plain[ENTRY_MAX];
	const char *why; /* of the failure that is being made; NULL: nothing more is known */
};

/* engine_question.c */
void questions_init(struct engine *e);
void questions_fini(struct engine *e);
/* Takes it up, or tells at once that there is no room. It may be answered before this returns. */
void question_start(struct peer *p, const struct ask *a);
/* Nobody waits for these any more. */
void questions_forget(struct engine *e, const struct peer *p);

/* engine_refresh.c: is it to be asked, and of which context? If not, the peer has been told. */
bool refresh_begin(struct peer *p, const struct ask *a, const struct key *k, uint8_t *context);
/* The better one of what stands in the shard and what was just told, which is kept if it is that.
 * Borrowed from e->kept or `told`. */
const struct entry *refresh_settle(struct engine *e, const struct key *k, const struct entry *told);
/* Nobody has answered it yet: on to a backup, to recursion if that was passed over, or to the end.
 */
void question_go_on(struct question *q);
/* Its slot is free unless somebody still works on it. */
void question_release(struct question *q);
/* A backup says that it must not be answered. */
void question_bogus(struct question *q, uint16_t ede);
/* It is told: out of the list by deadline. */
void question_wait_no_more(struct question *q);

/* No backup resolver is waited for any more. */
void question_leave_backup(struct question *q);

/* engine_recursion.c */
void recursion_init(struct engine *e);
void recursion_fini(struct engine *e);
/* Takes it to libunbound, or makes it wait for that; it may be answered, and gone, when this
 * returns. False: it cannot be asked. */
bool recursion_ask(struct question *q);
/* Its deadline has come. */
void recursion_overdue(struct question *q);

/* engine_told.c: each tells whoever still waits. An answer of recursion, kept as well; a failure,
 * kept where nothing better is; what is in `entry`. */
void question_answer(struct question *q, const struct outcome *o, const struct verdict *v);
void question_fail(struct question *q, enum score_cause cause, uint16_t ede);
void question_tell(struct question *q, const struct entry *entry);
/* A backup's answer: told, kept, and then true; false where it cannot be used. */
bool question_told_by(
    struct question *q, const struct upstream *u, const struct forward_told *told);

/* engine_upstream.c: opens all of them, before the cage closes. */
int upstreams_open(struct engine *e, struct err *err);
void upstreams_close(struct engine *e);
/* An answer came from outside after so many microseconds; or none did, about this zone (see
 * breaker_step()). */
void upstream_answered(struct upstream *u, int64_t us);
void upstream_failed(struct upstream *u, uint64_t zone);
/* Is recursion's breaker not closed? */
bool upstream_is_cut(const struct engine *e);

/* engine_backup.c */
void backup_init(struct engine *e);
/* Takes it to the next backup resolver; false: there is none for it. */
bool backup_ask(struct question *q);
void backup_wait_on(struct question *q);	    /* it is the newest in the list */
void backup_wait_no_more(const struct question *q); /* it leaves the list */

/* engine_peer.c */
/* 0, or -1: no memory. */
int peers_init(struct engine *e, int listener);
void peers_fini(struct engine *e);
/* No new connections; those that stand are served on. */
void peers_refuse(struct engine *e);
/* `entry` NULL: no answer is to be had from this engine now. It is told so at the latest when this
 * turn of the loop ends. May cut the peer off. */
void peer_tell(struct peer *p, uint32_t id, const struct entry *entry);
/* Says hello again to all: how recursion stands has changed. */
void peers_hello(struct engine *e);
/* Sends what is to be told. */
void peers_flush(struct engine *e);
/* Is everything told taken by the sockets? */
bool peers_idle(const struct engine *e);

/* Nothing is read from anybody any more: what they send waits in the sockets, and is theirs to ask
 * again when those close. */
void peers_pause(struct engine *e);
/* They are read again. */
void peers_resume(struct engine *e);

/* engine_purge.c: begins the end. False: it is no purge. */
bool purge_take(struct peer *p, const void *in, size_t length);
/* Once the loop has ended: drops the names, and tells so. */
void purge_end(struct engine *e);

/* engine.c: tells how we stand. */
void engine_state(struct engine *e);
/* The drain may be over. */
void engine_settled(struct engine *e);
/* It stops, and nothing is read any more: what is asked waits in the sockets for the next engine.
 * What is in flight has a moment to end in, and then waits for that one as well. */
void engine_hush(struct engine *e);

#endif
