/*
 * ask: between worker and engine, over SOCK_SEQPACKET (a listening Unix socket per engine). One
 * packet a message, bounded; both ends treat the other's as hostile. Pure.
 *
 * Numbers are in host order: both ends are on one host. The engine's first message is the hello: id
 * 0, no entry, and with it, once it has one, a read-only descriptor of its shard of the cache
 * (SCM_RIGHTS, see ask_io.h). It says hello again, without the descriptor, whenever what the hello
 * tells of its way out has changed: while that is cut, a worker that has an answer past its time
 * gives it at once and asks nothing. A worker's ids are its own business, but not 0.
 *
 * An operator's tool connects as a worker does, and may send a purge: the engine takes no new
 * questions, lets what it works on end, drops these names from its shard, tells how many entries
 * went, and ends; its successor knows nothing of them. Only from root or the engine's own user.
 *
 * Anybody who is connected may ask for a look at the engine's scoreboard: a packet of the same
 * octets comes back, and with it a descriptor that can only be read.
 *
 * An engine that ends by a fault of its own (not by another's hand) may say one thing more to all
 * its peers: its last words, which signal it was and the question that it was at.
 */
#ifndef RESOLVER_ASK_H
#define RESOLVER_ASK_H

#include "lib/scoreboard.h"
#include "resolver/entry.h"

#define ASK_VERSION 1
#define ASK_HEAD                                                                                   \
	16 /* of a question: version, id, type, class, flags, name_length, zeros; then the name */
#define ASK_MAX (ASK_HEAD + ENTRY_NAME_MAX)
#define TOLD_HEAD 16 /* of an answer: version, id, entry_size, zeros; then the entry */
#define TOLD_MAX (TOLD_HEAD + ENTRY_ROOM)
#define TOLD_HELLO 0 /* its id */
#define TOLD_CUT 1   /* of a hello: recursion's breaker is not closed, see breaker.h */
#define PURGE_VERSION 0x70750001u /* in the place of an ask's: another message. Its version is 1 */
#define PURGE_HEAD 12 /* of a purge: version, id, flags, name_length, zeros; then the name */
#define PURGE_MAX (PURGE_HEAD + ENTRY_NAME_MAX)
#define PURGED_SIZE 16 /* its answer: version, id, verdict, gone */
#define LOOK_VERSION 0x6c6f0001u /* of a look and its answer, in the place of an ask's */
#define LOOK_SIZE 8		 /* version, id */
#define LAST_VERSION 0x6c770001u /* of last words, in the place of a told's */
#define LAST_HEAD 16 /* version, signal, type, class, flags, name_length, zeros; then the name */
#define LAST_MAX (LAST_HEAD + ENTRY_NAME_MAX)

struct ask {
	uint32_t version;
	uint32_t id; /* the worker's */
	uint16_t type, class;
	uint8_t flags; /* KEY_DO, KEY_CD, ASK_REFRESH */
	uint8_t name_length;
	uint8_t name[ENTRY_NAME_MAX]; /* wire form, lower case */
};
/* Nobody waits for it: the answer that is cached is near its end. What is told is the better one of
 * the two, or no entry when this is not the time for it. */
enum { ASK_REFRESH = 4 };
struct told {
	uint32_t version;
	uint32_t id;
	uint32_t entry_size; /* follows; 0: the engine is over its cap or shutting down */
	uint32_t state; /* of a hello: 0 or TOLD_CUT; else 0. The entry that follows it is aligned
			 * to 8, as the buffer has to be */
};
struct purge {
	uint32_t version;
	uint32_t id;   /* not TOLD_HELLO */
	uint8_t flags; /* PURGE_TREE */
	uint8_t name_length;
	uint8_t name[ENTRY_NAME_MAX]; /* wire form, lower case */
};
enum { PURGE_TREE = 1 /* and all names below */ };
struct purged {
	uint32_t version;
	uint32_t id;
	uint32_t verdict; /* enum purge_verdict */
	uint32_t gone;	  /* entries dropped */
};
struct last_words {
	uint32_t version;
	uint32_t signal; /* 1 to 64 */
	struct key key;	 /* of the question in hand; name_length 0, and all zero: of none */
};
enum purge_verdict {
	PURGE_DONE,    /* and the engine ends */
	PURGE_REFUSED, /* not from this user */
	N_PURGE_VERDICTS
};

/* Their length, or 0 when `room` is too small or the question is none that ask_decode() takes. */
size_t ask_encode(const struct ask *a, void *out, size_t room);
/* The head alone: the entry's own bytes follow it in the same packet. Always TOLD_HEAD. */
size_t told_encode(uint32_t id, uint32_t entry_size, uint8_t out[static TOLD_HEAD]);
size_t told_hello(bool cut, uint8_t out[static TOLD_HEAD]);

/* Exactly one well-formed message of this version? A name is whole, uncompressed and lower-cased.
 */
bool ask_decode(const void *in, size_t length, struct ask *a);
/* `*entry` lies within `in`, which is aligned to 8, and is of the size told, nothing more:
 * entry_valid() is still to be asked. NULL when there is none. */
bool told_decode(const void *in, size_t length, struct told *t, const struct entry **entry);

/* As the four above. Which of the two kinds a packet to the engine is: purge_is(). */
size_t purge_encode(const struct purge *p, void *out, size_t room);
void purged_encode(const struct purged *p, uint8_t out[static PURGED_SIZE]);
bool purge_is(const void *in, size_t length);
bool purge_decode(const void *in, size_t length, struct purge *p);
bool purged_decode(const void *in, size_t length, struct purged *p);

/* `id`: not TOLD_HELLO. False: it is no look, nor an answer to one. */
void look_encode(uint32_t id, uint8_t out[static LOOK_SIZE]);
bool look_decode(const void *in, size_t length, uint32_t *id);

/* As ask_encode() and ask_decode(); may be called in a signal handler. */
size_t last_encode(const struct last_words *l, void *out, size_t room);
bool last_decode(const void *in, size_t length, struct last_words *l);

#endif
