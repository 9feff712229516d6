/*
 * cachectl: `resolver cache`, the operator's look into the shared cache and the way to empty it. A
 * client of the engines' sockets: each engine's hello brings a descriptor of its shard that can
 * only be read, and a purge is asked for by a packet (ask.h).
 */
#ifndef RESOLVER_CACHECTL_H
#define RESOLVER_CACHECTL_H

enum {
	CACHE_WELL = 0,
	CACHE_NO = 1,	  /* not found, or done in part only */
	CACHE_NOBODY = 3, /* no engine answers; also wrong usage */
};

/* argv[0] is "cache"; reads the configuration at `path`, prints what it found. Its exit status. */
int cachectl_run(const char *path, int argc, char **argv);

#endif
