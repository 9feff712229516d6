/*
 * l3: the cache that the nodes of a region share, on Redis. Its client: asynchronous, in the
 * engine's loop, without a call that could block.
 *
 * Each configured server has one connection. What it may cost is bounded before it is spent:
 * commands without an answer, octets that it has not taken, octets of one answer, time to be ready,
 * time of silence. Past any of these it is left alone for a while (l3_pace.h), and its questions
 * are misses at once.
 *
 * With Cluster, slots follow what its servers tell, but no server is spoken to that is not
 * configured.
 */
#ifndef RESOLVER_L3_H
#define RESOLVER_L3_H

#include <ev.h>

#include "lib/err.h"
#include "lib/scoreboard.h"
#include "resolver/conf.h"
#include "resolver/entry.h"

struct l3;
struct l3_command;

/* A question to it; owned by who asks, zeros at first. */
struct l3_get {
	const struct key *key; /* borrowed */
	/* Called once, from the loop, unless it is forgotten before: NULL, or a good entry with
	 * some of its life left, which lasts for the call. */
	void (*told)(struct l3_get *g, const struct entry *entry);
	struct l3_command *command; /* NULL: none is under way */
};

/* Reads its files. `purged`: no answer is used that was stored before this process began.
 * `loop`, `conf` and `score` are borrowed. NULL with the mend. */
struct l3 *l3_new(const struct resolver_conf *conf, struct ev_loop *loop, struct scoreboard *score,
    bool purged, struct err *err);
/* Begins to connect. */
void l3_start(struct l3 *l);
/* Nothing is told any more. NULL is fine. */
void l3_free(struct l3 *l);

/* Asks. False when it cannot be asked now, and nothing is told. */
bool l3_get(struct l3 *l, struct l3_get *g, const struct key *key,
    void (*told)(struct l3_get *g, const struct entry *entry));
/* Is it worth waiting for what was just asked? Up to redis.race_ms, that is. */
bool l3_waits(const struct l3_get *g);
/* Whoever asked does not want to know any more. */
void l3_forget(struct l3_get *g);

/* Shares a good answer that was just built out of recursion, when it can and may be. */
void l3_put(struct l3 *l, const struct entry *e);

#endif
