/*
 * beaconwire: what this node tells the fleet, kept true in the kernel's table of beacons. Owned by
 * the driver, which knows the rung; the brain gives the words.
 *
 * Level-triggered: what is wanted is compared with what the kernel has, at each change and with
 * each poll; what is missing is added first, then what is not wanted goes.
 */
#ifndef BGPCTL_BEACONWIRE_H
#define BGPCTL_BEACONWIRE_H

#include "bgpctl/beaconkernel.h"
#include "bgpctl/door.h"
#include "bgpctl/site.h"

struct beaconwire;

struct beacon_words {		 /* what is told beside the rung */
	uint8_t load, flags;	 /* BEACON_LOAD_UNKNOWN; enum beacon_flags */
	uint8_t severity, fault; /* an intent; SEVERITY_NONE: none */
	uint8_t verdicts[MAX_WATCHED]; /* on site.fleet.watch, in its order: enum beacon_verdict */
	uint16_t request_region; /* a region is asked to drain; 0: none is */
	uint16_t request_expiry; /* beacon_expiry() */
};

/* Of a site with a fleet, which is borrowed. The nonce is that of the beacons that a predecessor
 * left, else drawn. NULL with an error where there is no netlink. */
struct beaconwire *beaconwire_new(const struct site *site, struct err *err);
uint16_t beaconwire_nonce(const struct beaconwire *w);
/* Which rung is told, -1 none yet (what a predecessor left is taken over as told). */
int beaconwire_rung(const struct beaconwire *w, int lane);
/* From now on this rung, by the kernel's table before it returns, if that is possible. */
void beaconwire_tell(struct beaconwire *w, int lane, int rung);
/* As said last, or what a predecessor left, as long as nothing has been said. */
struct beacon_words beaconwire_words(const struct beaconwire *w, int lane);
void beaconwire_say(struct beaconwire *w, int lane, const struct beacon_words *words);
/* Compares all with the kernel. Trouble is said once. */
void beaconwire_sync(struct beaconwire *w);
void beaconwire_free(struct beaconwire *w); /* leaves the beacons as they are */

/*
 * The rung that may be told (pure, beaconrung.c): what the exit sessions send by the last look, and
 * never better than the order. `told`: the rung told so far, which is not raised while BIRD does
 * not answer, nor by a look from before the order, nor by one from before the gate of what it saw
 * went down. `exits`: bits of the view's sessions. -1: nothing is told before the first order.
 */
int beacon_rung_of(const struct door *door, int told, const struct door_view *view, uint32_t exits);

#endif
