/*
 * conf_place: where values stood in the files. Written by conf_read*(), asked by conf_wrong().
 */
#ifndef LIB_CONF_PLACE_H
#define LIB_CONF_PLACE_H

#include "lib/conf.h"

/* A struct that was read: its key path ("services.dns", "" at the top), and where it starts (line
 * 0: not in any file). */
struct conf_spot {
	const void *base;
	const struct conf_key *keys;
	const char *path, *file;
	int line;
};

struct conf_places *conf_places_new(const char *path, struct arena *arena);
void conf_places_struct(struct conf_places *p, const struct conf_spot *spot);
/* A key (index -1) or an array's element of the struct at `base`. */
void conf_places_key(struct conf_places *p, const void *base, const char *name, int index,
    const char *file, int line);

#endif
