/*
 * view: see view.c. Shared by its two files; brain.h has what others call.
 */
#ifndef HEALTHD_VIEW_H
#define HEALTHD_VIEW_H

#include "healthd/brain.h"
#include "healthd/view_time.h"

json_t *view_lane(const struct brain *b, const struct lane *lane, struct mono now);
/* Null where the lane is in no fleet. */
json_t *view_guard(const struct brain *b, const struct lane *lane, struct mono now);
json_t *view_node(const struct brain *b, struct mono now);
/* How many are ok, of how many that are judged (not idle), and why the first that failed did. */
int view_targets_ok(const struct instance *i, int *judged, const char **why);
struct mono view_instance_since(const struct instance *i);

#endif
