/*
 * vantage: what nodes of the fleet say of each other (docs/fleet.md, Vantage points). Pure: which
 * verdict on a watched neighbour is told, and what a view's verdicts on one node come to.
 */
#ifndef HEALTHD_VANTAGE_H
#define HEALTHD_VANTAGE_H

#include "bgpctl/fleetlook.h"
#include "healthd/check.h"

/* Our own verdict on one neighbour as the others are told it. Zero: nothing was told yet. */
struct vantage {
	enum beacon_verdict told;
	struct mono changed; /* never: not yet */
};

/* `now_is`: the window's verdict. What is not known is told at once, and a verdict again no sooner
 * than `hold_ms` after the last change: two changes in that time at most. */
struct vantage vantage_step(
    struct vantage v, enum verdict now_is, int64_t hold_ms, struct mono now);

/* What nodes in view say of one node. */
struct vantage_votes {
	int watching; /* nodes that look at it, those of the next two among them */
	int well, failed;
};
enum vantage_sense { VANTAGE_NONE, VANTAGE_WELL, VANTAGE_FAILED };

/* Whoever is out of view or in conflict says nothing. Our own verdicts are no part of a view. */
struct vantage_votes vantage_count(const struct fleet_view *v, int size, int id);
/* Of those who know: more than half of them, and at least `min` of them; else NONE. */
enum vantage_sense vantage_majority(const struct vantage_votes *v, int min);

/* Are these the ids, in these places, that `site` has us watch? */
bool vantage_watched_as(const struct site *site, const uint16_t ids[static MAX_WATCHED]);

const char *beacon_verdict_name(enum beacon_verdict v); /* "unknown", "well", "failed" */

#endif
