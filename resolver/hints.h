/*
 * hints: addresses of the root's servers out of a hints file, for trials of our own. Pure.
 */
#ifndef RESOLVER_HINTS_H
#define RESOLVER_HINTS_H

#include "lib/addr.h"

#define HINTS_MAX 32

/* The A and AAAA records of a zone file's text that are written on a line each, as all hints files
 * are; whatever else stands there is passed over. How many, up to HINTS_MAX. */
int hints_parse(const char *text, struct addr out[static HINTS_MAX]);
/* Some of those that libunbound would ask without a file. */
int hints_builtin(struct addr out[static HINTS_MAX]);

#endif
