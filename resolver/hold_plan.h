/*
 * hold_plan: the list of what is to be held, with what is there of it already. Internal to hold*.c.
 */
#ifndef RESOLVER_HOLD_PLAN_H
#define RESOLVER_HOLD_PLAN_H

#include <stddef.h>
#include <stdint.h>

#include "lib/held.h"
#include "resolver/conf.h"
#include "resolver/socket.h"

enum item_kind {
	ITEM_SOCKET,
	ITEM_SCORE,
	ITEM_SHARD,
	ITEM_HITS,
	ITEM_QUARANTINE,
	ITEM_SECRET,
	ITEM_LISTENER
};
struct item {
	char name[HELD_NAME];
	enum item_kind kind;
	int fd;		     /* -1: to be made. Kept ones are borrowed of the old set */
	bool first;	     /* ITEM_SOCKET: of its place, so nobody else may be there */
	struct place place;  /* ITEM_SOCKET */
	uint32_t score_kind; /* ITEM_SCORE */
	int number;	     /* of the engine: ITEM_SHARD, ITEM_HITS, ITEM_LISTENER */
};
/* Owns `items`. */
struct plan {
	const struct resolver_conf *conf;
	int slots;
	struct item *items;
	int n;
};

/* In the order in which things are made: those whose making shows outside come last. 0 or -1. */
int plan_make(struct plan *p, const struct held *old, struct err *err);
void plan_fini(struct plan *p);
size_t plan_shard_bytes(const struct plan *p);

/* Of what was handed over as the UDP sockets of one address, by slot (-1: none): the kernel has
 * filled the place of one that was closed with its last one, and so do we. How many there are. */
int plan_close_ranks(int fds[], int n);

#endif
