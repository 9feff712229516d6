/*
 * instant: points in wall-clock time as operators write them.
 */
#ifndef BGPCTL_INSTANT_H
#define BGPCTL_INSTANT_H

#include <stdbool.h>
#include <stdint.h>

/*
 * "10m" (ago), "03:14" or "03:14:15" (the last time that it was that late, local time),
 * "2026-11-22", "2026-11-22T03:14[:15]" or with a blank (local time; with a Z behind: UTC).
 * Microseconds since 1970. False when it is none of them.
 */
bool instant_parse(const char *text, int64_t now_us, int64_t *out_us);

#endif
