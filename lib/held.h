/*
 * held: descriptors with names. What outlives a process is handed to the next one so: by
 * environment at an exec, as systemd does it (sd_listen_fds(3): LISTEN_PID, LISTEN_FDS,
 * LISTEN_FDNAMES, numbers from 3), which is also how a descriptor store gives back what it kept; or
 * one by one over a SOCK_SEQPACKET socket.
 *
 * Names are of letters, digits, '.', '-' and '_': what FDNAME= takes. Who gave them says what they
 * mean; to everybody else they are labels.
 */
#ifndef LIB_HELD_H
#define LIB_HELD_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/err.h"

#define HELD_NAME 32   /* with the NUL */
#define HELD_MAX 2048  /* of one set */
#define HELD_FIRST 3   /* the first number after an exec */
#define HELD_TEXT 1024 /* of a note, with the NUL */

struct held_one {
	char name[HELD_NAME];
	int fd;
};

/* Owns its descriptors, all close-on-exec. Zeros are an empty set. */
struct held {
	struct held_one *all;
	int n;
};

bool held_name_ok(const char *name);
/* Takes `fd` over, also where it fails (closed then): a bad name, a name twice, a full set. 0 or
 * -1. */
int held_add(struct held *h, const char *name, int fd, struct err *err);
/* Borrowed; -1: there is none of that name. */
int held_find(const struct held *h, const char *name);
/* Closes all and is empty. */
void held_fini(struct held *h);
/* Old and new together may be more than one may have open by habit: this process's soft limit
 * becomes its hard one. */
void held_make_room(void);

/* What the environment hands to this process; the variables are removed. Nothing handed is an empty
 * set, not an error; descriptors without a name, or with a bad one, are closed. 0 or -1. */
int held_from_env(struct held *out, struct err *err);
/* After fork(), before exec: sets the variables for what now lies at HELD_FIRST and above, in this
 * order. 0, or -1 with errno. */
int held_to_env(const struct held_one *all, int n);

/* One descriptor, or (fd -1) a note of text, in one packet: 0, or -1 with errno. Blocks as the
 * socket does. A note's name says what it is. */
int held_send(int socket, const char *name, int fd, const char *note);
/* 1: `name`, and either *fd (owned by the caller, close-on-exec) or, with *fd -1, `note`; 0: the
 * end; -1 with errno (EPROTO: no packet of this kind). */
int held_receive(int socket, char name[static HELD_NAME], int *fd, char note[static HELD_TEXT]);

#endif
