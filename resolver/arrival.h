/*
 * arrival: must the kernel say of every datagram of a socket when it came, so that old ones are
 * known? Pure.
 *
 * A queue is first in, first out. What was queued when the oldest of a batch was read came after
 * it, and what is queued after the queue was seen empty came after that. As long as such a moment
 * is not long ago, nothing in the queue can be old, and the stamp of a batch's first one, which is
 * its oldest, is enough to go on: a stamp costs the kernel and us about a twentieth of a hit.
 */
#ifndef RESOLVER_ARRIVAL_H
#define RESOLVER_ARRIVAL_H

#include "lib/mono.h"

struct arrival {
	struct mono since; /* nothing in the queue came before this; never: nobody knows */
};

/* May some of what is read now, which is `now` at the earliest, be older than `old_us`? */
bool arrival_doubtful(const struct arrival *a, struct mono now, int64_t old_us);
/* A batch was read, begun at `asked` or later. Its first one came at `first`; `emptied`: it was not
 * full, so it was all there was. */
void arrival_note(struct arrival *a, struct mono asked, struct mono first, bool emptied);

#endif
