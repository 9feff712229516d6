/*
 * birdconf: the file that bird.conf includes, from the site's configuration. It changes only when
 * prefixes, rungs or their looks change, never at run time.
 */
#ifndef BGPCTL_BIRDCONF_H
#define BGPCTL_BIRDCONF_H

#include <stdio.h>

#include "bgpctl/site.h"

/* A better rung has the higher preference, and any rung a higher one than what BIRD gives to other
 * static, direct and learnt routes by default: while a rung is open, its route is the best. */
static inline int
birdconf_preference(int rung)
{
	return 300 + rung;
}

/* Tables, a static per service, family and rung, pipes where sessions are on master4/6, functions.
 */
void birdconf_render(FILE *to, const struct site *site);

/* Only the functions, for an edge router that hears our rungs over iBGP and speaks eBGP for us. */
void birdconf_edge(FILE *to, const struct site *site);

/* A complete small bird.conf that includes the file and has the site's sessions; addresses and
 * neighbour AS numbers are examples to be replaced. */
void birdconf_example(FILE *to, const struct site *site);

/* The rendered include file as malloc'd text (caller frees). */
char *birdconf_text(const struct site *site, size_t *length);

#endif
