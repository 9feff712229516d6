/*
 * cage: giving up rights for good. Of engines, which read the hostile Internet, of workers, which
 * read whatever anybody sends, and of those who write or read a snapshot of what these left.
 */
#ifndef RESOLVER_CAGE_H
#define RESOLVER_CAGE_H

#include "lib/err.h"

/* Built with AddressSanitizer? Then a cage lets by what that needs (gcc's; clang's starts a program
 * as well) to report what it has found and to look for leaks at the end, files and a thread that
 * traces among it: no cage for production. */
#if defined(__SANITIZE_ADDRESS__)
#define CAGE_SANITISED 1
#elif defined(__has_feature)
#define CAGE_SANITISED __has_feature(address_sanitizer)
#else
#define CAGE_SANITISED 0
#endif

enum cage { CAGE_ENGINE, CAGE_WORKER, CAGE_SNAPSHOT };

/* Becomes `user` ("" = stays who it is): its groups, no capability, nothing to gain by exec. 0, or
 * -1 with the mend, which names the role's key. */
int cage_drop(enum cage role, const char *user, struct err *err);
/* From here on a system call that this role does not need, or that would open a file, start a
 * program or make memory executable, ends the process (SIGSYS). All that will ever be opened is
 * open, but for sockets: an engine's to the Internet, a worker's to engines. 0 or -1, which names
 * the key, a snapshot's being the worker's. */
int cage_close(enum cage role, struct err *err);

#endif
