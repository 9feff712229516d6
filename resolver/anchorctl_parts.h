/*
 * anchorctl_parts: what the files of `resolver anchor` share. Internal to anchorctl*.c.
 */
#ifndef RESOLVER_ANCHORCTL_PARTS_H
#define RESOLVER_ANCHORCTL_PARTS_H

#include "resolver/anchor_file.h"

#define ANCHOR_PATH 256

struct anchorctl {
	const struct resolver_conf *conf;
	char state[ANCHOR_PATH], work[ANCHOR_PATH], failed[ANCHOR_PATH];
	bool json;
};

/* The tasks; each an exit status. */
int anchorctl_update(const struct anchorctl *c);
int anchorctl_status(const struct anchorctl *c);

/* libunbound's file, or a copy of it: 0, ANCHOR_FILE_NONE where there is none; -1 where it cannot
 * be gone on with. */
int anchorctl_tracked(const char *path, struct anchors *out, struct err *err);

#endif
