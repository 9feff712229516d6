/*
 * birdapply: puts the generated include file in force: difference, check, install, reload, proof.
 * Blocking; for `bgpctl bird apply`, on an operator's word only. healthd never does this.
 */
#ifndef BGPCTL_BIRDAPPLY_H
#define BGPCTL_BIRDAPPLY_H

#include <stdbool.h>
#include <stdio.h>

#include "bgpctl/site.h"

/* Writes what would change in the include file ("- old" and "+ new" lines) to `to`, NULL for none.
 * 1: it differs, 0: it is up to date, -1: it cannot be read (an absent file differs). */
int birdapply_difference(const struct site *site, FILE *to, struct err *err);

/* Called with one sentence for each thing done. */
typedef void birdapply_say(void *arg, const char *sentence);

/*
 * Installs the file and lets BIRD reload: `configure check` with the new file in place, and if BIRD
 * refuses it the old one is put back; `configure`; then waits until every protocol of ours is there
 * (at most 10 s). Gates decide what is announced throughout, so nothing is announced or withdrawn
 * by it. 0, or -1 and what is in force now.
 */
int birdapply(const struct site *site, birdapply_say *say, void *arg, struct err *err);

#endif
