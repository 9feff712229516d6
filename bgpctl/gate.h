/*
 * gate: the kernel's half of each rung's two locks: address-less links, by netlink. Blocking calls
 * of microseconds; usable by keeper, brain and bgpctl, each without the others.
 */
#ifndef BGPCTL_GATE_H
#define BGPCTL_GATE_H

#include "bgpctl/door.h"
#include "bgpctl/site.h"

struct gates; /* a netlink socket */

struct gates *gates_open(struct err *err);
void gates_close(struct gates *g);
enum lock gate_state(struct gates *g, const char *name);
/* Creates it down: dummy, or a bridge where the kernel has no dummy; addrgenmode none. 0 if there.
 */
int gate_make(struct gates *g, const char *name, struct err *err);
int gate_set(struct gates *g, const char *name, bool up, struct err *err);
int gate_delete(struct gates *g, const char *name, struct err *err);
/* This node tells the fleet nothing any more: no beacon of ours is left in the kernel's table. */
int beacons_silence(struct err *err);
/* What this node found of its neighbours is not known any more: its verdicts go, and its other
 * beacons stay. For when nobody is there who looks. */
int beacons_forget(const struct site *site, struct err *err);
/* Every beacon gone, where the site has any, and every gate of it down: the reflex. Goes on after
 * errors; -1 with the first. */
int gates_all_down(struct gates *g, const struct site *site, struct err *err);

#endif
