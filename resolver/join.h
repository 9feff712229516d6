/*
 * join: identical misses share one question to an engine. Pure, bounded: all memory is the
 * caller's, given once; everything is meant by its index in it.
 *
 * A question is open from its first asker until join_close(); askers wait at it, and it may have
 * none (all were answered from stale data while it still runs). Both stand in the order in which
 * they came, so the oldest of each is known: deadlines need no more than that.
 */
#ifndef RESOLVER_JOIN_H
#define RESOLVER_JOIN_H

#include "lib/mono.h"
#include "resolver/entry.h"

#define JOIN_NONE UINT32_MAX
#define JOIN_QUESTIONS_MAX (1u << 20)

struct join_links {
	uint32_t older, newer;
};
struct join_question {
	struct key key;
	uint64_t hash;
	struct mono since;
	uint32_t next;	       /* in its bucket, or of the free ones */
	uint32_t first, last;  /* its waiters */
	struct join_links all; /* among the open ones */
	uint16_t generation;   /* 1..4095: tells a late answer to a former question */
	bool open;
};
struct join_waiter {
	uint32_t question;
	struct join_links mates;  /* at the question; `newer` among the free ones */
	struct join_links others; /* among those that have not been looked after */
	struct mono since;
	bool patient; /* not looked after yet: see join_due() */
};
struct join {
	struct join_question *questions;
	struct join_waiter *waiters;
	uint32_t *buckets;
	uint32_t n_questions, n_waiters, mask;
	uint32_t free_question, free_waiter;
	struct join_links open, patient; /* the ends: `older` is the oldest */
	uint32_t n_open, n_waiting;
};

/* Memory of so many elements each, owned by the caller; `n_buckets` is a power of two. */
void join_init(struct join *j, struct join_question *questions, uint32_t n_questions,
    struct join_waiter *waiters, uint32_t n_waiters, uint32_t *buckets, uint32_t n_buckets);

enum join_verdict { JOIN_NEW, JOIN_SHARED, JOIN_FULL };
/* A waiter at the question of this key, which is opened unless it is open. JOIN_FULL changes
 * nothing. `hash` is keyed by a secret, so that nobody can fill one bucket. */
enum join_verdict join_enter(struct join *j, const struct key *k, uint64_t hash, struct mono now,
    uint32_t *question, uint32_t *waiter);
/* Opens the question of this key without a waiter. JOIN_SHARED: it was open already. */
enum join_verdict join_open(struct join *j, const struct key *k, uint64_t hash, struct mono now,
    uint32_t *question);
/* Is this key's question open? */
bool join_is_open(const struct join *j, const struct key *k, uint64_t hash);
/* Removes the waiter from its question. */
void join_leave(struct join *j, uint32_t waiter);
/* The oldest waiter of a question; JOIN_NONE when there is none. */
uint32_t join_first(const struct join *j, uint32_t question);
/* Ends a question that has no waiters any more. */
void join_close(struct join *j, uint32_t question);

/* What an engine is told to call it; never 0. JOIN_NONE for one that is not open (any more). */
uint32_t join_id(const struct join *j, uint32_t question);
uint32_t join_find(const struct join *j, uint32_t id);

/* The oldest waiter that came at or before `before` and has not been returned by this yet. */
uint32_t join_due(struct join *j, struct mono before);
/* The oldest open question, when it was opened at or before `before`. */
uint32_t join_overdue(const struct join *j, struct mono before);

#endif
