/*
 * wait: until healthd has done what was asked of it.
 */
#ifndef BGPCTL_WAIT_H
#define BGPCTL_WAIT_H

#include "bgpctl/cli.h"

/* `changed` is the answer to drain, pin or silence: until each of its lanes stands proven at its
 * limit's rung (or is proven silent). 0, or -1 with a complaint when time is up. */
int wait_proven(struct cli *cli, const json_t *changed, int timeout_ms);

/* Until what `changed`, the answer to a change of limits, has changed is on healthd's disk, or time
 * is up: `changed` says how it stands then. */
void wait_kept(struct cli *cli, json_t *changed, int timeout_ms);

/* Until a brain with another pid answers. Its status (new reference), or NULL with `err` set. */
json_t *wait_brain(struct cli *cli, int old_pid, int timeout_ms, struct err *err);

#endif
