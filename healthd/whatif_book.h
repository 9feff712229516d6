/*
 * whatif_book: what both courses of a lane did, and for how long. Shared by whatif.c and its books.
 */
#ifndef HEALTHD_WHATIF_BOOK_H
#define HEALTHD_WHATIF_BOOK_H

#include "healthd/whatif.h"

/* The time since the last look is booked on how things stood in it. */
void book_time(struct whatif *w, struct whatif_lane *l, int64_t wall_us);
void book_point(struct whatif *w, struct whatif_lane *l); /* how they stand from now on */
/* A decision of one of the two, `t` being its track. */
void book_turn(struct whatif *w, struct whatif_lane *l, enum whatif_who who, const struct track *t,
    const struct track_turn *turn, int64_t wall_us);
/* A brain began with another rung than the one before had left. */
void
book_begin(struct whatif *w, struct whatif_lane *l, enum whatif_who who, int rung, int64_t wall_us);
bool book_tells_illness(const struct check_conf *c);
void book_illness(struct whatif *w, uint32_t lanes, int64_t wall_us); /* looks which are ill */

#endif
