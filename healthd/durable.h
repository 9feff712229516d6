/*
 * durable: a file that is to be on a disk, which may hang: written beside the loop, the latest text
 * alone, again until it is there. Shell.
 */
#ifndef HEALTHD_DURABLE_H
#define HEALTHD_DURABLE_H

#include <stdbool.h>

#include "lib/err.h"
#include "lib/mono.h"

struct durable;

/* Nothing is touched yet. NULL: no memory. */
struct durable *durable_new(const char *path);
/* Takes `text` (heap) over: the next step begins to write it. What waits already is forgotten. */
void durable_put(struct durable *d, char *text);
/* Begins what waits, if nothing is under way. 0: no news; -1 with `err`: the file is not written as
 * it should be, or not in time; 1: it is there again. */
int durable_step(struct durable *d, struct mono now, struct err *err);
/* All that was put is on the disk. */
bool durable_kept(const struct durable *d);
bool durable_failing(const struct durable *d); /* as durable_step() has said */
/* Waits so long at most for what is under way, and again for what waits. Is all on the disk? */
bool durable_free(struct durable *d, int ms);

#endif
