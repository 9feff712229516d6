/*
 * engine_cage: giving up rights for good.
 */
#ifndef RESOLVER_ENGINE_CAGE_H
#define RESOLVER_ENGINE_CAGE_H

#include <stdbool.h>

#include "lib/err.h"

/* Becomes `user` ("" = stays who it is): its groups, no capability, nothing to gain by exec. */
int cage_drop(const char *user, struct err *err);
/* From here on a system call that resolving does not need, or that would open a file, start a
 * program or make memory executable, ends the process (SIGSYS). All that will ever be opened is
 * open. */
int cage_close(struct err *err);

#endif
