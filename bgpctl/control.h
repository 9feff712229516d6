/*
 * control: the operator's socket, both ends. One JSON object per line: {"verb": ..., "args": {...}}
 * in, {"ok": bool, "error": text, "data": ...} out; a `follow` request keeps receiving lines.
 * docs/control.md is the protocol.
 */
#ifndef BGPCTL_CONTROL_H
#define BGPCTL_CONTROL_H

#include <jansson.h>
#include <sys/types.h>

#include "lib/err.h"

#define CONTROL_SOCKET "control.sock" /* in paths.run_dir */

/* Client, blocking with a timeout. */
struct control;
struct control *control_open(const char *path, int timeout_ms, struct err *err);
/* Sends a request; args may be NULL (reference stolen otherwise). */
int control_ask(struct control *c, const char *verb, json_t *args, struct err *err);
/* The next line's object (new reference); NULL and an error at its end. errno tells why: ETIMEDOUT,
 * EPIPE (closed by the other end), EPROTO (nonsense), or another. */
json_t *control_next(struct control *c, int timeout_ms, struct err *err);
/* To poll beside other descriptors: call control_next() with timeout 0 when it is readable. */
int control_fd(const struct control *c);
void control_close(struct control *c);

#endif
