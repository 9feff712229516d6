/*
 * refresh: which cached answers a worker has renewed before they end. Pure.
 *
 * An answer that is asked for within the last part of its life is worth renewing: whoever asks so
 * late asks often (decision 0021). That costs upstream a question each, so there is a budget: of
 * renewals a second, and of those that are open at a time. A question that was tried is left alone
 * for half of what its answer has left. Nothing is renewed while upstream is ill: then every answer
 * that is kept is worth more than a question.
 *
 * Workers of one node have the same answers and see each other's renewals in the shared cache. So
 * that they do not all ask at the same moment, each begins up to a quarter of that part later, by
 * its own hash of the key.
 */
#ifndef RESOLVER_REFRESH_H
#define RESOLVER_REFRESH_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/mono.h"
#include "resolver/entry.h"

#define REFRESH_SLOTS 1024
#define REFRESH_AGAIN_S 5     /* at least so long between two tries of one question */
#define REFRESH_SHARE 8	      /* at most one of so many questions in flight is a renewal */

struct refresh {
	int64_t percent; /* of its life that an answer has left; 0: none is renewed */
	int64_t per_s;	 /* also so many at once, after a pause */
	int64_t budget_us; /* what is saved up, in microseconds: a renewal costs a second / per_s */
	struct mono filled;
	uint32_t open, open_max;
	struct {
		uint64_t hash;
		struct mono until;
	} tried[REFRESH_SLOTS];
};

/* `in_flight`: questions that may be open at all. */
void refresh_init(
    struct refresh *r, int64_t percent, int64_t per_s, int64_t in_flight, struct mono now);

/* Has it come so near its end? Asked at each hit. */
static inline bool
refresh_is_near(int64_t percent, const struct entry *e, int64_t now_s)
{
	return (now_s - e->stored_s) * 100 >= (int64_t)e->ttl_s * (100 - percent) && percent > 0;
}

enum refresh_verdict {
	REFRESH_ASK,
	REFRESH_EARLY, /* others first */
	REFRESH_ILL,
	REFRESH_TRIED,
	REFRESH_OVER, /* the budget is used up */
};
/* May this answer, which is near its end, be renewed now? `hash` is of its key, by a secret of this
 * worker's. REFRESH_ASK changes nothing but what is saved up: refresh_asked() takes it. */
enum refresh_verdict refresh_may(struct refresh *r, const struct entry *e, uint64_t hash, bool ill,
    struct mono now);
/* It was asked for. */
void refresh_asked(struct refresh *r, const struct entry *e, uint64_t hash, struct mono now);
/* One that was asked for is no longer open. */
void refresh_ended(struct refresh *r);

#endif
