/*
 * ask_batch: packets between worker and engine (ask.h), many by one system call. What one turn of a
 * loop brings leaves when it ends, so that the other side is woken once.
 */
#ifndef RESOLVER_ASK_BATCH_H
#define RESOLVER_ASK_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "lib/err.h"
#include "resolver/ask_io.h"

#define ASK_BATCH 16	  /* packets of a batch */
#define ASK_OUT_ROOM 8192 /* its octets: all that a worker asks fits, and usual answers */

/* On their way out. All zero: empty. */
struct ask_out {
	unsigned n;
	size_t used;
	struct mmsghdr messages[ASK_BATCH];
	struct iovec iov[ASK_BATCH];
	uint8_t octets[ASK_OUT_ROOM];
};

/* Copies one more packet, of head and body, to the end; false: it has no room (an empty one: never
 * will have). */
bool ask_out_put(struct ask_out *out, const void *head, size_t head_length, const void *body,
    size_t body_length);
/* Sends, never blocking, and counts what the socket took, from the first on; where that is less
 * than all, errno says why (as ask_send()). Nothing is taken out. */
unsigned ask_out_send(const struct ask_out *out, int socket);
void ask_out_clear(struct ask_out *out);

/* Read in. */
struct ask_in {
	unsigned n;
	size_t room;	 /* of each packet */
	uint8_t *octets; /* of all; owned */
	struct {
		ssize_t length; /* 0: the end; -1: it is larger than `room` */
		int descriptor; /* that came along; -1: none. Owned by who reads it */
	} packets[ASK_BATCH];
	struct mmsghdr messages[ASK_BATCH];
	struct iovec iov[ASK_BATCH];
	_Alignas(struct cmsghdr) char control[ASK_BATCH][ASK_CONTROL];
};

/* Packets of up to `room` octets, each at an address aligned to 8. 0 or -1: no memory. */
int ask_in_open(struct ask_in *in, size_t room);
void ask_in_close(struct ask_in *in);
/* Up to `most` packets, never blocking; fewer: there were no more, for now. Their number, or -1
 * with errno as recvmsg(). All of the batch before must have been read. */
int ask_in_receive(struct ask_in *in, int socket, unsigned most);
/* Packet `i` of them. */
uint8_t *ask_in_packet(const struct ask_in *in, unsigned i);
/* Those from `i` on are read by nobody: closes what came along. */
void ask_in_drop(const struct ask_in *in, unsigned i);

#endif
