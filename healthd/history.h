/*
 * history: the last events in memory, a ring of fixed size, and the answer to `events` of them
 * (docs/control.md). The flight recorder has what is older.
 */
#ifndef HEALTHD_HISTORY_H
#define HEALTHD_HISTORY_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"

struct history;

struct history *history_new(size_t bytes); /* NULL when out of memory */
void history_free(struct history *h);

/* Overwrites the oldest; what is longer than a quarter of the ring is cut off. No allocation. */
void history_add(struct history *h, int64_t wall_us, int level, const char *name, const char *line);

/* The `data` of an answer to `events`, by its arguments; NULL with `err` set when they are wrong.
 */
json_t *history_answer(const struct history *h, const json_t *args, bool *follow, struct err *err);

/* One EVENT of the protocol, new reference. Bytes that are not UTF-8 become '?'. */
json_t *history_event(int64_t wall_us, int level, const char *name, const char *line);

/* "alarm", "warn", "notice", "info", "debug"; -1 when it is none of them. */
const char *history_level_name(int level);
int history_level_find(const char *name);

#endif
