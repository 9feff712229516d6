/*
 * gatewatch: the state of all gates as of now, without asking the kernel when nothing can have
 * changed. A change that anybody can see has its netlink message in our socket already; so while
 * there is none, what was read last is what is.
 */
#ifndef BGPCTL_GATEWATCH_H
#define BGPCTL_GATEWATCH_H

#include <ev.h>

#include "bgpctl/gate.h"

struct gatewatch;

/* A gate of this lane is not as it was read last. Called from the loop. */
typedef void gatewatch_news(void *arg, int lane);

/* `site` and `gates` are borrowed for its life. Where the kernel refuses to tell of changes, each
 * reading asks it: that is said once, and costs a little. */
struct gatewatch *gatewatch_new(struct ev_loop *loop, const struct site *site, struct gates *gates,
    gatewatch_news *news, void *arg);
/* Fills `gate` from drain upward; others are left as they are. Asks the kernel when some link has
 * changed, when the last answer was no answer, and each 10 s all the same. */
void gatewatch_read(struct gatewatch *w, int lane, enum lock gate[static MAX_RUNGS]);
uint64_t gatewatch_asked(const struct gatewatch *w); /* how many gates so far, for tests */
void gatewatch_free(struct gatewatch *w);

#endif
