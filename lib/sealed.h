/*
 * sealed: shared memory that outlives its makers: memfds of a fixed size.
 *
 * Mode 0600 (a memfd is born 0777: whoever holds it, even read-only, could reopen it writable), all
 * pages allocated at once (so that none is missing later, which would be a SIGBUS), sealed against
 * shrinking (one ftruncate would kill every reader) and growing and against further seals. Nobody
 * trusts a descriptor that was handed over: sealed_size() looks at all that first.
 */
#ifndef LIB_SEALED_H
#define LIB_SEALED_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/err.h"

/* A new one of zeros; the descriptor (close-on-exec, owned by the caller), or -1. */
int sealed_make(const char *name, size_t bytes, struct err *err);
/* Another descriptor of the same memory that can only read, owned by the caller; or -1. */
int sealed_reopen(int fd, struct err *err);
/* Another one that can write and is nobody else's: a lock on it ends with this process. Both need
 * the memory to belong to this user. */
int sealed_reopen_own(int fd, struct err *err);
/* 0 and its size, or -1 when it is no memory that is sealed so. */
int sealed_size(int fd, size_t *bytes, struct err *err);
/* Maps all of it, shared. NULL on error. `*bytes` is what munmap() wants. */
void *sealed_map(int fd, bool writable, size_t *bytes, struct err *err);

#endif
