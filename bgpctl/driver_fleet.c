/*
 * driver_fleet: what the driver tells the fleet, and which sessions count for what.
 */
#include "bgpctl/driver_parts.h"

/* Which of a view's sessions lead out: as configured, else eBGP. */
static uint32_t
exits(const struct driver *d, int lane)
{
	uint32_t bits = 0;
	int s;

	for (int i = 0; (s = birdlook_session(d->site, lane, i)) >= 0; i++) {
		int exit = d->site->bird.sessions[s].exit;

		bits |= (uint32_t)(exit < 0 ? d->birdlook.sessions[s].external : exit) << i;
	}
	return bits;
}

/* Which of them carry beacons to nodes or reflectors, and are no way out. */
uint32_t
driver_aside(const struct driver *d, int lane)
{
	uint32_t bits = 0;
	int s;

	for (int i = 0; (s = birdlook_session(d->site, lane, i)) >= 0; i++)
		bits |= (uint32_t)(d->site->bird.sessions[s].fleet && d->birdlook.sessions[s].known)
			<< i;
	return bits & ~exits(d, lane);
}

/* A worse rung is told at once, a better one has been proven by then. */
void
driver_tell_fleet(struct driver *d, int i)
{
	const struct driver_lane *lane = &d->lanes[i];

	if (d->beacons)
		beaconwire_tell(d->beacons, i, beacon_rung_of(&lane->door,
		    beaconwire_rung(d->beacons, i), &lane->view, exits(d, i)));
}

void
driver_say(struct driver *d, int lane, const struct beacon_words *words)
{
	if (d->beacons)
		beaconwire_say(d->beacons, lane, words);
}

int
driver_told(const struct driver *d, int lane)
{
	return d->beacons ? beaconwire_rung(d->beacons, lane) : -1;
}

int
driver_nonce(const struct driver *d)
{
	return d->beacons ? beaconwire_nonce(d->beacons) : -1;
}

bool
driver_exits(const struct driver *d, int lane)
{
	return exits(d, lane) != 0;
}

struct beacon_words
driver_words(const struct driver *d, int lane)
{
	return d->beacons ? beaconwire_words(d->beacons, lane)
			  : (struct beacon_words){.load = BEACON_LOAD_UNKNOWN};
}
