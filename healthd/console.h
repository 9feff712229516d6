/*
 * console: the operator's socket, healthd's end. Shell on libev. Accepts, knows its peers
 * (SO_PEERCRED), frames lines, bounds everything (clients, line length, output waiting), hands
 * requests on and writes the answers.
 */
#ifndef HEALTHD_CONSOLE_H
#define HEALTHD_CONSOLE_H

#include <ev.h>
#include <jansson.h>
#include <stdbool.h>

#include "lib/err.h"

struct console;
struct console_peer {
	int uid, gid, pid;
	char who[32]; /* login name, or the number */
};

/* Returns the `data` of the answer (new reference; NULL means {}), or NULL with `err` set when the
 * request is refused. `*follow` may be set to also send this peer later console_tell() lines. */
typedef json_t *console_handle(void *arg, const struct console_peer *peer, const char *verb,
    const json_t *args, bool *follow, struct err *err);

/* The socket is made at `path`, mode 0660, owned by `group` where it can be ("" = leave). */
struct console *console_new(struct ev_loop *loop, const char *path, const char *group,
    console_handle *handle, void *arg, struct err *err);
/* Sends one object to all that follow; one that does not read is cut off, never waited for. */
void console_tell(struct console *c, const json_t *line);
void console_free(struct console *c);

#endif
