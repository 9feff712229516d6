/*
 * birdconf_fleet: what the include file has for the fleet. Part of birdconf; see docs/fleet.md.
 */
#ifndef BGPCTL_BIRDCONF_FLEET_H
#define BGPCTL_BIRDCONF_FLEET_H

#include <stdio.h>

#include "bgpctl/site.h"

#define BEACON_TABLE 5310     /* the kernel's; no rule leads there */
#define BEACON_PROTOCOL 99    /* of its routes that are ours (rtm_protocol) */
#define BEACON_PREFERENCE 400 /* above all that others say of our own id */

enum beacon_community { /* the second number of (asn, what, value) */
	BEACON_C_NUMBER = 5300,
	BEACON_C_SUSPENDED = 5301,
	BEACON_C_REGION = 5302,
	BEACON_C_SIZE = 5303,
	BEACON_C_WATCHED = 5310, /* + n: the id of the n-th */
};

/* Functions about beacons; nothing without a fleet. `edge`: for a router that is no node. */
void birdconf_fleet_functions(FILE *to, const struct site *site, bool edge);
/* Tables, the kernel protocols that learn our own beacons, and pipes. */
void birdconf_fleet_wiring(FILE *to, const struct site *site);

#endif
