/*
 * replay_parts: what the files of replay share. Nobody else includes it.
 */
#ifndef HEALTHD_REPLAY_PARTS_H
#define HEALTHD_REPLAY_PARTS_H

#include "healthd/replay.h"

/* replay.c */
void replay_tell(struct replay *r, struct replay_entry e);
/* Is this lane, at this time, to be compared? */
bool replay_wanted(const struct replay *r, int lane, int64_t wall_us);
/* `lane` -1: none. The first one is kept, with both sides (JSON, or NULL). */
void replay_differs(
    struct replay *r, int lane, const char *recorded, const char *decided, const char *what);
void replay_lose(struct replay *r, const char *why); /* nothing is known any more */
void replay_forget_settings(struct replay *r);
/* Counts in *same, or in r->count.wider; false when they differ. Both are JSON. */
bool
replay_same(struct replay *r, int lane, const char *recorded, const char *decided, uint64_t *same);

/* replay_state.c */
void replay_boot(struct replay *r, const char *text);
void replay_state(struct replay *r, const struct record_seen *record);

#endif
