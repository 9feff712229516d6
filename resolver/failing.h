/*
 * failing: which questions failed a moment ago, so that they are not asked again at once: an answer
 * past its time is then given without waiting for another failure (RFC 8767, section 5), and where
 * there is none, the failure itself (RFC 9520). Pure; a fixed table in which a newer one may take
 * an older one's place.
 *
 * When everything fails (so many in a row), it is the way out that is lost; the first success says
 * that it is back, and then no failure of before counts any more.
 */
#ifndef RESOLVER_FAILING_H
#define RESOLVER_FAILING_H

#include <stdbool.h>

#include "lib/mono.h"
#include "lib/scoreboard.h"

#define FAILING_SLOTS 4096
#define FAILING_OUTAGE 5 /* failures in a row */

struct failure {
	uint64_t hash; /* of the key, by a secret */
	struct mono until;
	enum score_cause cause;
	int ede; /* RFC 8914; -1: none */
	uint32_t era; /* failing_put() sets it */
};
struct failing {
	uint32_t era, in_a_row;
	struct failure slots[FAILING_SLOTS];
};

void failing_put(struct failing *f, const struct failure *new);
/* NULL when it did not fail, or long enough ago. */
const struct failure *failing_find(const struct failing *f, uint64_t hash, struct mono now);
/* It succeeded: so the way out is there. */
void failing_drop(struct failing *f, uint64_t hash);
/* So many in a row that it is the way out. Clients choose what is asked, so they can bring this
 * about: nothing may rest on it that harms others. */
bool failing_all(const struct failing *f);
/* None counts any more. */
void failing_clear(struct failing *f);

#endif
