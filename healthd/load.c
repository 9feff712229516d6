#include "healthd/load.h"

#include "bgpctl/beacon.h"

enum { EIGHTHS = 8, FULL = 7 };

static const double slack = 0.25; /* of a level */

uint8_t
load_level(uint8_t told, double share)
{
	double eighths = share * EIGHTHS;

	if (!(eighths > 0))
		eighths = 0;
	if (told <= LOAD_MOST && eighths >= told - slack && eighths < told + 1 + slack)
		return told;
	return eighths < LOAD_MOST ? (uint8_t)eighths : LOAD_MOST;
}

bool
load_is_full(uint8_t load)
{
	return load != BEACON_LOAD_UNKNOWN && load >= FULL;
}
