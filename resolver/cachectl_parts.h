/*
 * cachectl_parts: what the files of `resolver cache` share. Internal to cachectl*.c.
 */
#ifndef RESOLVER_CACHECTL_PARTS_H
#define RESOLVER_CACHECTL_PARTS_H

#include <stdio.h>

#include "lib/dns.h"
#include "lib/mono.h"
#include "resolver/ask.h"
#include "resolver/cachectl.h"
#include "resolver/conf.h"
#include "resolver/quarantine_map.h"
#include "resolver/store.h"

#define HELLO_MS 2000 /* an engine that lives says hello at once; its successor soon */

#define PROBATION_MS 300 /* one that is being started again says nothing for a moment */

struct cachectl {
	const struct resolver_conf *conf;
	bool json, tree, dnssec;
	int argc; /* words that are no option, the first is the task */
	char **argv;
};

/* An engine that said hello. */
struct visit {
	int socket;	  /* owned */
	struct l2 *shard; /* owned; NULL: of the probation engine, which has none */
	struct quarantine *quarantine; /* owned; the probation engine's, else NULL */
	struct scoreboard *score;      /* owned, can only be read; NULL before visit_look() */
};

/* Waits until the engine of that number says hello, until `by` at most. 0, or -1 with why not. */
int
visit_open(const struct cachectl *c, int number, struct mono by, struct visit *v, struct err *err);
/* Asks for its scoreboard. 0, or -1 with why not: one of an older release ends the connection. */
int visit_look(struct visit *v, struct mono by, struct err *err);
void visit_close(struct visit *v);
/* The next packet, waited for until `by`: its length, 0 at the end, -1 with what went wrong. */
ssize_t
visit_receive(int socket, void *in, size_t room, int *descriptor, struct mono by, struct err *err);

/* "resolver: sentence" on stderr; returns CACHE_NOBODY. */
int cachectl_trouble(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* A name in wire form, lower case. 0, or -1 with what is wrong with it. */
int cachectl_name(const char *text, struct dns_name *out, struct err *err);
/* A JSON string with its quotes. */
void cachectl_quote(FILE *to, const char *text);

/* cachectl_redis.c: what an engine's scoreboard says of the regional cache; n_servers 0: it has
 * none. */
#define REDIS_COUNTS 9
struct redis_look {
	uint64_t counts[REDIS_COUNTS];
	int n_servers; /* of a sum: above 0 where any has one */
	struct score_server_look servers[SCORE_SERVERS];
};
void redis_look(const struct scoreboard *s, struct redis_look *out);
void redis_add(struct redis_look *total, const struct redis_look *one);
/* One more member of an object, with its comma; null where it has none. */
void redis_json(const struct redis_look *l, bool servers);
/* A table of those that have one, and their servers; nothing when none has. */
void redis_print(const struct redis_look looks[], int n, const struct redis_look *sum);

/* What stats says of the snapshot: a line, or a member of an object with its comma. Nothing, or
 * null, where none is configured. */
void snapshot_print(const struct cachectl *c);
void snapshot_json(const struct cachectl *c);

int cachectl_stats(const struct cachectl *c);
int cachectl_snapshot(const struct cachectl *c);
int cachectl_explain(const struct cachectl *c);
int cachectl_flush(const struct cachectl *c);

#endif
