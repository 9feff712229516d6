/*
 * ask_io: the socket that asks and answers cross, its address, and the descriptor that comes along.
 */
#ifndef RESOLVER_ASK_IO_H
#define RESOLVER_ASK_IO_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "lib/err.h"

#define ASK_PASSED 4 /* descriptors of one packet that can be taken in, to be closed */
#define ASK_CONTROL CMSG_SPACE(ASK_PASSED * sizeof(int))

/* Where engine `number` listens; the length as snprintf()'s. */
size_t ask_path(char *path, size_t size, const char *run_dir, int number);
/* A non-blocking listener at run_dir/engine-N.sock for `user` alone ("" = whoever we are): a dead
 * predecessor's socket is replaced at once. -1 with the mend. */
int ask_listen(const char *run_dir, int number, const char *user, struct err *err);
/* The path is `user`'s alone, as ask_listen() leaves it. 0 or -1. */
int ask_hand_to(const char *path, const char *user, struct err *err);
/* A non-blocking connection to it (the worker's side); -1 when no engine is there. */
int ask_connect(const char *run_dir, int number, struct err *err);

/* One packet, never blocking. As recv(): its length, 0 at the end, -1 with errno (EAGAIN; EMSGSIZE
 * for one that is larger than `room`). `*descriptor` receives the one that came along, or -1;
 * others are closed. The caller owns it. */
ssize_t ask_receive(int socket, void *in, size_t room, int *descriptor);
/* Of a packet of `length` octets that recvmsg() took with ASK_CONTROL octets of control: its
 * length, or -1 for one that was larger than its room; the descriptor as ask_receive(). */
ssize_t ask_taken(struct msghdr *m, size_t length, int *descriptor);
/* Head and body as one packet, never blocking, `descriptor` along with it unless -1. 0, or -1 with
 * errno (EAGAIN: the other end does not read). */
int ask_send(int socket, const void *head, size_t head_length, const void *body, size_t body_length,
    int descriptor);

#endif
