/*
 * slowstart: how many questions may be with recursion at a time. Pure.
 *
 * Whoever begins with an empty cache needs the same few things for all that is asked: the root, its
 * keys, the next zones and theirs. What waits for one of them goes on all at once when it comes, in
 * one callback, a tenth of a millisecond and more for each question; what comes meanwhile lies in
 * its socket, and how long it lay there counts as the way to its server. With a thousand questions
 * on a busy core that is most of a second, and good servers are taken for dead (decision 0043).
 *
 * So few may begin at first, one more for each answer from outside (they double with each way there
 * and back, as a TCP connection does), and twice as many after each SLOWSTART_MS even if nothing is
 * answered, so that names which hang do not keep others waiting for long. It only opens.
 */
#ifndef RESOLVER_SLOWSTART_H
#define RESOLVER_SLOWSTART_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/mono.h"

#define SLOWSTART_FIRST 64
#define SLOWSTART_MS 500

struct slowstart {
	int64_t room, most; /* `most`: it is open, and stays so */
	int64_t inside;
	struct mono doubles; /* when, until it is open; never before the first */
};

/* `most` > 0: as many as can be asked at all. */
void slowstart_init(struct slowstart *s, int64_t most);
/* May one more begin? Then it has. */
bool slowstart_enter(struct slowstart *s, struct mono now);
/* One that had begun is over; `answered`: by somebody outside. */
void slowstart_leave(struct slowstart *s, bool answered);

#endif
