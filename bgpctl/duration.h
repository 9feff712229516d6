/*
 * duration: lengths of time as people write and read them. Pure.
 */
#ifndef BGPCTL_DURATION_H
#define BGPCTL_DURATION_H

#include <stdbool.h>
#include <stdint.h>

#define DURATION_TEXT 32

/* "90s", "30m", "2h", "1d", "1h30m", "250ms"; a bare number is refused, for "10" could be anything.
 * At most a year. False when it is none. */
bool duration_parse(const char *text, int64_t *ms);

/* For people, two units at most: "0.3 s", "42 s", "3 min 5 s", "2 h", "4 d 3 h". Negative counts as
 * zero. Returns buf. */
const char *duration_render(double seconds, char buf[static DURATION_TEXT]);

#endif
