/*
 * conf_tree: from libconfig's parsed tree to structs, by key table. Part of conf.
 */
#ifndef LIB_CONF_TREE_H
#define LIB_CONF_TREE_H

#include <libconfig.h>

#include "lib/conf_place.h"

struct conf_source {
	const char *path;
	const char *dir; /* of `path`: what included files are relative to */
	struct arena *arena;
	struct conf_places *places;
	struct err *err;
};

/* The name of a file as libconfig has it (NULL: the main one), for messages; in the arena. */
const char *conf_source_name(const struct conf_source *source, const char *file);
int conf_tree_read(const struct conf_source *source, const config_setting_t *root,
    const struct conf_key *keys, void *out);

#endif
