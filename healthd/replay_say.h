/*
 * replay_say: what came of a replay, for people and for programs.
 */
#ifndef HEALTHD_REPLAY_SAY_H
#define HEALTHD_REPLAY_SAY_H

#include "healthd/replay.h"

json_t *replay_json(const struct replay *r);
void replay_text(FILE *to, const struct replay *r);
json_t *replay_wall(int64_t wall_us); /* null: never */
/* "2026-11-22 03:14:15.926", UTC. */
#define REPLAY_WHEN 32
const char *replay_when(int64_t wall_us, char buf[static REPLAY_WHEN]);

#endif
