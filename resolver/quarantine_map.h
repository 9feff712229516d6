/*
 * quarantine_map: the memory of a quarantine: a sealed memfd (lib/sealed.h).
 */
#ifndef RESOLVER_QUARANTINE_MAP_H
#define RESOLVER_QUARANTINE_MAP_H

#include "lib/err.h"
#include "resolver/quarantine.h"

/* A new, empty one; *fd is the caller's. 0 or -1. */
int quarantine_make(int *fd, struct err *err);
/* Maps an existing one: `writable` for the probation engine. `fd` may be closed after. NULL with
 * why when it is none of this version. */
struct quarantine *quarantine_open(int fd, bool writable, struct err *err);
void quarantine_close(struct quarantine *q); /* NULL is fine */

#endif
