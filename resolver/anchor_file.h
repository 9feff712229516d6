/*
 * anchor_file: which trust anchors engines of a configuration read.
 */
#ifndef RESOLVER_ANCHOR_FILE_H
#define RESOLVER_ANCHOR_FILE_H

#include "resolver/anchor.h"
#include "resolver/conf.h"

enum anchor_file {
	ANCHOR_FILE_NONE,  /* nothing is followed, or not yet: engine.trust_anchor is read */
	ANCHOR_FILE_OTHER, /* what is followed there grew from another trust_anchor: likewise */
	ANCHOR_FILE_KEYS,  /* these are in force, one at least */
};

/* Reads engine.followed_anchor; -1 where it is there and cannot be used. */
int anchor_file_read(const struct resolver_conf *c, struct anchors *out, struct err *err);

#endif
