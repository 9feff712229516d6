/*
 * Lanes, and the names of their locks: what follows from a site by looking at it. Pure.
 */
#include <stdio.h>
#include <string.h>

#include "bgpctl/site.h"

bool
lane_exists(const struct site *site, int lane)
{
	const struct service *s;
	int i;

	if (lane < 0 || lane_service(lane) >= site->n_services)
		return false;
	s = &site->services[lane_service(lane)];
	for (i = 0; i < s->n_prefixes; i++) {
		if (s->prefixes[i].addr.family == lane_family(lane))
			return true;
	}
	return false;
}

int
lane_prefixes(const struct site *site, int lane, struct prefix *out)
{
	const struct service *s = &site->services[lane_service(lane)];
	int i, n = 0;

	for (i = 0; i < s->n_prefixes && n < MAX_PREFIXES; i++) {
		if (s->prefixes[i].addr.family == lane_family(lane))
			out[n++] = s->prefixes[i];
	}
	return n;
}

int
lane_addresses(const struct site *site, int lane, struct addr *out)
{
	const struct service *s = &site->services[lane_service(lane)];
	int i, n = 0;

	for (i = 0; i < s->n_addresses && n < MAX_ADDRESSES; i++) {
		if (s->addresses[i].family == lane_family(lane))
			out[n++] = s->addresses[i];
	}
	return n;
}

const struct prefix *
lane_beacons(const struct site *site, int lane)
{
	const struct service *s = &site->services[lane_service(lane)];

	for (int i = 0; site->fleet.size > 0 && lane_exists(site, lane) && i < s->n_beacons; i++)
		if (s->beacons[i].addr.family == lane_family(lane))
			return &s->beacons[i];
	return NULL;
}

uint32_t
lanes_with_beacons(const struct site *site, uint32_t families)
{
	uint32_t lanes = 0;

	for (int lane = 0; lane < site->n_services * N_FAMILIES; lane++)
		if (families >> lane_family(lane) & 1 && lane_beacons(site, lane) != NULL)
			lanes |= 1u << lane;
	return lanes;
}

int
site_budget(const struct site *site)
{
	int percent = conf_percent(site->fleet.max_suspended);

	return percent < 0 ? (int)site->fleet.max_suspended
			   : beacon_share(percent, (int)site->fleet.size);
}

const char *
site_region(const struct site *site, uint16_t region)
{
	if (region == 0)
		return NULL;
	if (region == beacon_region(site->fleet.region))
		return site->fleet.region;
	for (int i = 0; i < site->fleet.n_regions; i++)
		if (region == beacon_region(site->fleet.regions[i]))
			return site->fleet.regions[i];
	return NULL;
}

const char *
lane_name(const struct site *site, int lane, char buf[static LANE_NAME])
{
	snprintf(buf, LANE_NAME, "%s/%s", site->services[lane_service(lane)].name,
	    family_name(lane_family(lane)));
	return buf;
}

int
lane_find(const struct site *site, const char *name)
{
	char buf[LANE_NAME];

	for (int l = 0; l < MAX_LANES; l++) {
		if (lane_exists(site, l) && strcmp(lane_name(site, l, buf), name) == 0)
			return l;
	}
	return -1;
}

const char *
lane_protocol(const struct site *site, int lane, int rung, char buf[static LOCK_NAME])
{
	snprintf(buf, LOCK_NAME, "anypop_%s_%s_%s", site->services[lane_service(lane)].name,
	    family_name(lane_family(lane)), site->rungs[rung].name);
	return buf;
}

const char *
lane_gate(const struct site *site, int lane, int rung, char buf[static LOCK_NAME])
{
	snprintf(buf, LOCK_NAME, "ap%s%s.%d", site->services[lane_service(lane)].name,
	    lane_family(lane) == FAMILY_V4 ? "4" : "6", rung);
	return buf;
}

const struct addr *
watched_address(const struct watched *w, enum family f)
{
	for (int i = 0; i < w->n_addresses; i++)
		if (w->addresses[i].family == f)
			return &w->addresses[i];
	return NULL;
}

const char *
beacon_kernel(enum family f)
{
	return f == FAMILY_V4 ? "anypop_kernel4" : "anypop_kernel6";
}

const char *
beacon_table(enum family f)
{
	return f == FAMILY_V4 ? "anypop_fleet4" : "anypop_fleet6";
}

int
rung_find(const struct site *site, const char *name)
{
	int i;

	for (i = 0; i < site->n_rungs; i++) {
		if (strcmp(site->rungs[i].name, name) == 0)
			return i;
	}
	return -1;
}
