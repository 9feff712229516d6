/*
 * view_time: durations as JSON, in seconds with three decimals at most.
 */
#ifndef HEALTHD_VIEW_TIME_H
#define HEALTHD_VIEW_TIME_H

#include <jansson.h>
#include <time.h>

#include "lib/mono.h"

json_t *view_seconds(int64_t us);
json_t *view_since(struct mono t, struct mono now); /* age; null when never */
json_t *view_left(struct mono t, struct mono now);  /* time to come, 0 when past; null when never */
json_t *view_wall(const struct timespec *ts);	    /* RFC 3339, UTC */

#endif
