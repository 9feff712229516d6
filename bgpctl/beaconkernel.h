/*
 * beaconkernel: our routes in the kernel's table of beacons, by netlink. Blocking calls of
 * microseconds; for keeper, brain and bgpctl, each without the others. Only routes of our own
 * protocol number are seen or touched, and only that table is looked through, however many routes
 * the host has.
 */
#ifndef BGPCTL_BEACONKERNEL_H
#define BGPCTL_BEACONKERNEL_H

#include <stdint.h>

#include "lib/addr.h"
#include "lib/err.h"

struct kernel_beacon {
	struct prefix net; /* a host route */
	uint32_t number;   /* its metric */
	int link;	   /* through which it leads; 0: blackhole */
};

struct beaconkernel; /* a netlink socket */

struct beaconkernel *beaconkernel_open(struct err *err);
void beaconkernel_close(struct beaconkernel *k);
/* What is there, of the families whose bit is set; at most `max` are filled in. How many, or -1. */
int beaconkernel_list(
    struct beaconkernel *k, uint32_t families, struct kernel_beacon *out, int max, struct err *err);
/* 0; also when it is there already. -2: its link is down or gone, which is no error of ours. */
int beaconkernel_add(struct beaconkernel *k, const struct kernel_beacon *b, struct err *err);
int beaconkernel_delete(struct beaconkernel *k, const struct kernel_beacon *b, struct err *err);
/* All of ours go; goes on after errors, -1 with the first. */
int beaconkernel_flush(struct beaconkernel *k, struct err *err);

#endif
