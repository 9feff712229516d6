/*
 * What a key table cannot say about the fleet: ids within its size, blocks that are wide enough and
 * lie apart from everything, and ways by which the beacons travel.
 */
#include <string.h>

#include "bgpctl/site.h"

#define SAY(site, base, key, index, err, ...)                                                      \
	conf_wrong((site)->places, base, key, index, err, __VA_ARGS__)

bool
region_name_good(const char *name)
{
	size_t n = strlen(name);

	return n > 0 && n <= MAX_REGION &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-") == n;
}

static int
check_numbers(const struct site *site, struct err *err)
{
	long long size = site->fleet.size, id = site->fleet.id;

	if (size == 1)
		return SAY(site, &site->fleet, "size", -1, err,
		    "1 is no fleet; write how many nodes announce these prefixes in all, or leave "
		    "the group out and write ladder.alone = true");
	if (id < 1 || id > size)
		return SAY(site, &site->fleet, "id", -1, err,
		    id < 1 ? "is missing; give this node a number of its own, 1 to size = %lld"
			   : "%2$lld is above size = %1$lld; raise size at every node, or "
			     "correct it",
		    size, id);
	if (site->fleet.min_announcing >= size)
		return SAY(site, &site->fleet, "min_announcing", -1, err,
		    "%lld others never announce in a fleet of %lld; write at most %lld",
		    (long long)site->fleet.min_announcing, size, size - 1);
	if (site->fleet.min_vantages >= size &&
	    conf_given(site->places, &site->fleet, "min_vantages"))
		return SAY(site, &site->fleet, "min_vantages", -1, err,
		    "%lld others never watch this node in a fleet of %lld; write at most %lld",
		    (long long)site->fleet.min_vantages, size, size - 1);
	if (site_budget(site) >= size)
		return SAY(site, &site->fleet, "max_suspended", -1, err,
		    "%d is the whole fleet; write less than size = %lld", site_budget(site), size);
	return 0;
}

static int
check_name(const struct site *site, const char *key, int index, const char *name, struct err *err)
{
	if (region_name_good(name) || (*name == '\0' && index < 0))
		return 0;
	return SAY(site, &site->fleet, key, index, err,
	    "\"%s\" is no region's name; write 1 to %d of a-z, 0-9, _ and -", name, MAX_REGION);
}

/* Two names with one digest are one region to every guard, and one would be shown for both. */
static int
check_digests(const struct site *site, int index, struct err *err)
{
	const char *name = site->fleet.regions[index], *other;

	for (int i = -1; i < index; i++) {
		other = i < 0 ? site->fleet.region : site->fleet.regions[i];
		if (strcmp(name, other) == 0 && i >= 0)
			return SAY(site, &site->fleet, "regions", index, err,
			    "\"%s\" is there twice; take one out", name);
		if (strcmp(name, other) != 0 && beacon_region(name) == beacon_region(other))
			return SAY(site, &site->fleet, "regions", index, err,
			    "\"%s\" and \"%s\" have the same digest #%04x in beacons, so they "
			    "would be one region; rename one",
			    name, other, beacon_region(name));
	}
	return 0;
}

static int
check_regions(const struct site *site, struct err *err)
{
	if (check_name(site, "region", -1, site->fleet.region, err) < 0)
		return -1;
	for (int i = 0; i < site->fleet.n_regions; i++)
		if (check_name(site, "regions", i, site->fleet.regions[i], err) < 0 ||
		    check_digests(site, i, err) < 0)
			return -1;
	return 0;
}

static int
check_times(const struct site *site, struct err *err)
{
	long long poll = site->fleet.poll_ms;

	if (site->fleet.view_max_age_ms < 2 * poll)
		return SAY(site, &site->fleet, "view_max_age_ms", -1, err,
		    "%lld is under twice poll_ms = %lld; every view would be too old between two "
		    "looks, so raise it",
		    (long long)site->fleet.view_max_age_ms, poll);
	if (site->fleet.settle_ms < 2 * poll)
		return SAY(site, &site->fleet, "settle_ms", -1, err,
		    "%lld is under twice poll_ms = %lld; others' wishes would be seen too late, so "
		    "raise it",
		    (long long)site->fleet.settle_ms, poll);
	return 0;
}

static int
check_watched_address(
    const struct site *site, const struct watched *w, int index, struct err *err)
{
	const struct addr *a = &w->addresses[index];
	char text[ADDR_TEXT];

	addr_render(a, text);
	for (int i = 0; i < index; i++)
		if (w->addresses[i].family == a->family)
			return SAY(site, w, "addresses", index, err,
			    "%s is the second one of its family; take one out", text);
	for (int s = 0; s < site->n_services; s++)
		for (int p = 0; p < site->services[s].n_prefixes; p++)
			if (prefix_holds(&site->services[s].prefixes[p], a))
				return SAY(site, w, "addresses", index, err,
				    "%s is in an anycast prefix (service %s), so the nearest node "
				    "would answer; write one of node %lld alone",
				    text, site->services[s].name, (long long)w->id);
	return 0;
}

static int
check_watch(const struct site *site, struct err *err)
{
	for (int i = 0; i < site->fleet.n_watch; i++) {
		const struct watched *w = &site->fleet.watch[i];

		if (w->id == site->fleet.id)
			return SAY(site, w, "id", -1, err,
			    "%lld is this node; watch others, its own checks look at it",
			    (long long)w->id);
		if (w->id > site->fleet.size)
			return SAY(site, w, "id", -1, err, "%lld is above fleet.size = %lld",
			    (long long)w->id, (long long)site->fleet.size);
		for (int j = 0; j < i; j++)
			if (site->fleet.watch[j].id == w->id)
				return SAY(site, w, "id", -1, err,
				    "%lld is there twice; take one out", (long long)w->id);
		for (int a = 0; a < w->n_addresses; a++)
			if (check_watched_address(site, w, a, err) < 0)
				return -1;
	}
	if (site->fleet.probe.timeout_ms > site->fleet.probe.interval_ms)
		return SAY(site, &site->fleet.probe, "timeout_ms", -1, err,
		    "%lld is above interval_ms = %lld; a probe ends before the next begins",
		    (long long)site->fleet.probe.timeout_ms,
		    (long long)site->fleet.probe.interval_ms);
	return 0;
}

/* Against the prefixes of every service, and the blocks of those before it. */
static int
check_apart(const struct site *site, int service, int index, struct err *err)
{
	const struct service *own = &site->services[service];
	const struct prefix *block = &own->beacons[index];
	char a[PREFIX_TEXT], b[PREFIX_TEXT];

	prefix_render(block, a);
	for (int s = 0; s < site->n_services; s++) {
		const struct service *other = &site->services[s];

		for (int i = 0; i < other->n_prefixes; i++)
			if (prefix_overlaps(block, &other->prefixes[i]))
				return SAY(site, own, "beacons", index, err,
				    "%s overlaps %s, which service %s announces; a block is for "
				    "beacons alone",
				    a, prefix_render(&other->prefixes[i], b), other->name);
		for (int i = 0; i < other->n_beacons && (s < service || i < index) && s <= service;
		     i++)
			if (prefix_overlaps(block, &other->beacons[i]))
				return SAY(site, own, "beacons", index, err,
				    "%s overlaps the block %s of service %s; each service and "
				    "family has its own",
				    a, prefix_render(&other->beacons[i], b), other->name);
	}
	return 0;
}

static int
check_block(const struct site *site, int service, int index, struct err *err)
{
	const struct service *s = &site->services[service];
	const struct prefix *block = &s->beacons[index];
	int width = block->addr.family == FAMILY_V4 ? 32 : 128, bits = 1;
	char text[PREFIX_TEXT];

	for (int i = 0; i < index; i++)
		if (s->beacons[i].addr.family == block->addr.family)
			return SAY(site, s, "beacons", index, err,
			    "%s is the second block of its family; take one out",
			    prefix_render(block, text));
	if (!lane_exists(site, lane_of(service, block->addr.family)))
		return SAY(site, s, "beacons", index, err,
		    "%s is for a family in which the service has no prefix; take it out",
		    prefix_render(block, text));
	while (1 << bits <= site->fleet.size)
		bits++;
	if (beacon_room(block) < site->fleet.size)
		return SAY(site, s, "beacons", index, err,
		    "%s has room for ids up to %d, and the fleet's size is %lld; take a /%d or "
		    "wider",
		    prefix_render(block, text), beacon_room(block), (long long)site->fleet.size,
		    width - 2 - bits);
	return check_apart(site, service, index, err);
}

static int
check_blocks(const struct site *site, struct err *err)
{
	for (int s = 0; s < site->n_services; s++) {
		const struct service *service = &site->services[s];

		if (service->n_beacons > 0 && site->fleet.size == 0)
			return SAY(site, service, "beacons", -1, err,
			    "is there without a fleet; write fleet = { size = ...; id = ...; }, or "
			    "take it out");
		for (int i = 0; i < service->n_beacons; i++)
			if (check_block(site, s, i, err) < 0)
				return -1;
	}
	return 0;
}

/* Each family that has beacons needs a session that carries them. */
static int
check_ways(const struct site *site, struct err *err)
{
	if (lanes_with_beacons(site, 3) == 0)
		return SAY(site, &site->fleet, "size", -1, err,
		    "is set, but no service has beacons; give each service of the fleet a block "
		    "per family, as beacons = [ \"198.18.0.0/20\" ]");
	for (int f = 0; f < N_FAMILIES; f++) {
		bool way = lanes_with_beacons(site, 1u << f) == 0;

		for (int i = 0; i < site->bird.n_sessions; i++)
			way |= site->bird.sessions[i].fleet &&
			       site->bird.sessions[i].families >> f & 1;
		if (!way)
			return SAY(site, &site->bird, "sessions", -1, err,
			    "has none with fleet = true in %s, so no beacon would reach anybody; "
			    "mark the iBGP sessions to the other nodes or the route reflectors",
			    family_name((enum family)f));
	}
	return 0;
}

int
site_check_fleet(const struct site *site, struct err *err)
{
	if (check_blocks(site, err) < 0)
		return -1;
	if (site->fleet.size == 0) {
		if (site->fleet.id != 0)
			return SAY(site, &site->fleet, "size", -1, err,
			    "is missing; write how many nodes the fleet has");
		return 0;
	}
	if (check_numbers(site, err) < 0 || check_regions(site, err) < 0 ||
	    check_times(site, err) < 0 || check_watch(site, err) < 0)
		return -1;
	return check_ways(site, err);
}
