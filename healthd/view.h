/*
 * view: see view.c. Shared by its two files; brain.h has what others call.
 */
#ifndef HEALTHD_VIEW_H
#define HEALTHD_VIEW_H

#include "healthd/brain.h"

json_t *view_seconds(int64_t us);
json_t *view_since(struct mono t, struct mono now); /* age; null when never */
json_t *view_left(struct mono t, struct mono now);  /* time to come, 0 when past; null when never */
json_t *view_wall(const struct timespec *ts);
json_t *view_lane(const struct brain *b, const struct lane *lane, struct mono now);
/* Null where the lane is in no fleet. */
json_t *view_guard(const struct brain *b, const struct lane *lane, struct mono now);
json_t *view_node(const struct brain *b, struct mono now);
/* How many are ok, of how many that are judged (not idle), and why the first that failed did. */
int view_targets_ok(const struct instance *i, int *judged, const char **why);
struct mono view_instance_since(const struct instance *i);

#endif
