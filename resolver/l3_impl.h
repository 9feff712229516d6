/*
 * l3_impl: the parts of l3 and what they share. Internal to l3*.c.
 *
 * Commands that a server has not answered stand in its ring, in the order of its answers. One that
 * somebody waits for has a `get`; that goes when it is forgotten, while the command stays until its
 * answer comes or the connection is lost.
 */
#ifndef RESOLVER_L3_IMPL_H
#define RESOLVER_L3_IMPL_H

#include <ev.h>
#include <hiredis/hiredis.h>

#include "resolver/l3.h"
#include "resolver/l3_command.h"
#include "resolver/l3_map.h"
#include "resolver/l3_pace.h"
#include "resolver/l3_value.h"

#define L3_OUT_MAX (512 << 10)	 /* octets that a server has not taken */
#define L3_REPLY_MAX (256 << 10) /* octets of one answer */

enum l3_kind { L3_GREETING, L3_GREETING_LAST, L3_ASKING, L3_GET, L3_SET, L3_MAP };

struct l3_command {
	enum l3_kind kind;
	uint8_t hops; /* redirections so far */
	struct l3_node *node;
	struct l3_get *get; /* L3_GET: who waits; NULL: nobody any more */
	struct mono sent;
};

enum l3_known { L3_KNOWN_NOTHING, L3_KNOWN_LOST, L3_KNOWN_UP };

struct l3_node {
	struct l3 *l3;
	uint8_t number;
	const char *name; /* as configured */
	struct l3_pace pace;
	int fd; /* -1: none */
	struct ev_io io;
	struct ev_timer timer; /* the next try; greeting's or silence's deadline */
	redisReader *reader;
	size_t fed; /* octets since the last whole answer */
	char *out;
	size_t out_at, out_end;
	struct l3_command *ring;
	uint32_t first, count;
	struct mono heard;  /* when the last answer came */
	struct mono said;   /* when a loss was last told */
	enum l3_known known; /* what was last told */
	bool silent;	     /* is being lost for its silence */
	struct score_server *score;
	uint32_t losses;     /* since then */
};

struct l3 {
	const struct resolver_conf *conf;
	struct ev_loop *loop;
	struct scoreboard *score;
	struct ev_prepare flush;
	struct ev_timer remap;
	struct l3_server servers[L3_SERVERS];
	struct l3_node nodes[L3_SERVERS];
	int n;
	uint8_t map[L3_SLOTS];
	bool map_wanted, strangers_told;
	uint8_t map_asked; /* whom last */
	struct l3_rules rules;
	struct hmac_sha256_ctx mac;
	char password[512];
	redisReplyObjectFunctions replies;
	/* Scratch, of one callback at a time. */
	_Alignas(8) uint8_t entry[ENTRY_ROOM];
	uint8_t value[L3_VALUE_MAX];
};

/* l3_node.c */
void l3_node_init(struct l3_node *n, struct l3 *l, int number);
void l3_node_fini(struct l3_node *n);
/* Its first try; later ones come by themselves. */
void l3_node_start(struct l3_node *n);
/* Queues a command. NULL when it is not up, or over a bound. Borrowed until its answer. */
struct l3_command *l3_node_send(
    struct l3_node *n, enum l3_kind kind, const struct l3_word *words, size_t count);
/* Tells the scoreboard how it stands. */
void l3_node_pace(struct l3_node *n);
/* Writes what is queued. */
void l3_node_flush(struct l3_node *n);
/* Leaves it alone for a while. What it has not answered is told as lost. */
void l3_node_lose(struct l3_node *n, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* l3.c: an answer, or NULL: lost. `c` has left the ring. May lose the node. */
void l3_replied(struct l3_node *n, const struct l3_command *c, const redisReply *reply);

#endif
