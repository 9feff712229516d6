/*
 * snapshot_parts: what the files of snapshot_*.c share. Internal to them.
 */
#ifndef RESOLVER_SNAPSHOT_PARTS_H
#define RESOLVER_SNAPSHOT_PARTS_H

#include "lib/mono.h"
#include "resolver/snapshot_file.h"

#define SNAPSHOT_PATH 256
#define SNAPSHOT_SHARDS 16 /* engines, at most */
#define SNAPSHOT_BUFFER ((size_t)1 << 20)

/* In memory that the child shares with us, and all of it that it can write: no more than said. */
struct snapshot_said {
	struct snapshot_done done;
	struct err err;
};

/* What is done apart. The child has a copy of its own. */
struct snapshot_job {
	const struct resolver_conf *conf;
	struct l2 *shards[SNAPSHOT_SHARDS];
	int n, fd;
	struct mono begun, until;
	struct snapshot_said *said;
	int (*work)(struct snapshot_job *job); /* 0, or -1 with said->err */
};

/* 0 or -1. */
int snapshot_job_init(struct snapshot_job *job, const struct resolver_conf *c,
    int (*work)(struct snapshot_job *job), struct err *err);
/* What was said, and how long it took since the begin. */
void snapshot_job_fini(struct snapshot_job *job, struct snapshot_done *out);
/* Does the work in a child, for `limit_ms` at most (-1: as long as it takes). 0, or -1 with why it
 * has not been done; the child is gone then, or left to itself. */
int snapshot_apart(struct snapshot_job *job, int64_t limit_ms, struct err *err);
/* The child's: whatever it has opened as root stays open, and no more can be. 0 or -1. */
int snapshot_confine(struct snapshot_job *job);

const char *
snapshot_path(const struct resolver_conf *c, const char *suffix, char path[static SNAPSHOT_PATH]);
/* Opens the present file: root's, and nobody else's to write. Its descriptor, -1 with errno ENOENT
 * where there is none, or with what is wrong. */
int snapshot_open(const struct resolver_conf *c, uint64_t *bytes, struct err *err);
/* All of it, as far as the file goes: how many octets; -1. */
ssize_t snapshot_read(int fd, void *to, size_t n);
/* FILE.lock, locked; -1. */
int snapshot_lock(const struct resolver_conf *c, struct err *err);
/* What was done to names in the file's directory is on the disk. */
int snapshot_sync_directory(const struct resolver_conf *c, struct err *err);

#endif
