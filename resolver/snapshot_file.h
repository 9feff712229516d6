/*
 * snapshot_file: the shared cache written to the configured file, and read from it (snapshot.h).
 *
 * Both are done by a child that has given up its rights, in worker.user and in a cage of its own:
 * what lies in shards and in the file is not root's to parse, and what it could do to that child
 * ends there. Files:
 *
 *     FILE       the last whole snapshot, of root and for root; replaced by rename
 *     FILE.new   the one that is being written; whoever writes holds a lock on it
 *     FILE.lock  held while FILE is put in place or taken away, so that no name comes back that
 *                was flushed while a snapshot of it was written
 */
#ifndef RESOLVER_SNAPSHOT_FILE_H
#define RESOLVER_SNAPSHOT_FILE_H

#include "resolver/conf.h"
#include "resolver/snapshot.h"
#include "resolver/store.h"

struct snapshot_done {
	uint64_t entries, bytes, ms; /* written, or taken over */
	uint64_t left;		     /* not taken: too old, no room, no time */
	int64_t age_s;		     /* of what was read */
	bool absent;		     /* there is no file */
	bool cut;		     /* the size or the time that was granted did not do for all */
};

/* Of this boot and this moment. 0 or -1. */
int snapshot_clock(struct snapshot_clock *out, struct err *err);
/* The same boot's, a moment later. */
void snapshot_clock_on(struct snapshot_clock *c);

/* Writes what `n` shards (readers) have. 0, or -1 with why not: FILE is then as it was. Waits for
 * the disk; who cannot wait does it in a process of its own, which may be killed at any time. */
int snapshot_save(const struct resolver_conf *c, struct l2 *const shards[], int n,
    struct snapshot_done *out, struct err *err);
/* Fills new shards, engine by engine, within load_ms and a little. 0, also where there is no file;
 * -1 with why not: the shards are then to be made anew, since anything may be in them, or will be.
 */
int snapshot_load(const struct resolver_conf *c, const int shards[], int n,
    struct snapshot_done *out, struct err *err);

/* The head of the present file. 0, 1 where there is none, or -1 with what is wrong with it. */
int snapshot_look(const struct resolver_conf *c, struct snapshot_head *out, struct err *err);
/* Takes it away, for good. 0, also where there is none, or -1. */
int snapshot_remove(const struct resolver_conf *c, struct err *err);

#endif
