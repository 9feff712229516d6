/*
 * birdask: one question to BIRD and its whole answer, blocking. For the command line (apply,
 * doctor); the driver has its own way. Shell.
 */
#ifndef BGPCTL_BIRDASK_H
#define BGPCTL_BIRDASK_H

#include <stdint.h>

#include "lib/err.h"

struct birdask; /* a connection, greeted */

/* `hello` (may be NULL, else 64 bytes) receives the greeting, "BIRD 2.0.12 ready.". The error tells
 * an absent socket, a refused permission and a BIRD that does not answer apart. */
struct birdask *birdask_open(const char *socket, int64_t timeout_ms, char *hello, struct err *err);

/* Called with each line of the answer, the last included. */
typedef void birdask_line(void *arg, int code, const char *text);

/* The code of the answer's last line, or -1 with an error (the connection is of no use then).
 * `line` may be NULL. */
int birdask(struct birdask *b, const char *command, birdask_line *line, void *arg, struct err *err);
void birdask_close(struct birdask *b);

#endif
