/* beacon_fuzz: any route and number; what is read says the same when it is written again. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "bgpctl/beacon.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* block: family, length, 16 octets; route: length, 16 octets; number: 4; size: 2. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct prefix block = {0}, route = {0}, again;
	uint32_t number;
	struct beacon b;
	uint16_t fleet;
	int width;

	if (size < 41)
		return 0;
	block.addr.family = route.addr.family = data[0] & 1 ? FAMILY_V6 : FAMILY_V4;
	width = block.addr.family == FAMILY_V6 ? 128 : 32;
	block.length = (uint8_t)(data[1] % (width + 1));
	route.length = (uint8_t)(data[18] % (width + 1));
	memcpy(block.addr.bytes, data + 2, (size_t)width / 8);
	memcpy(route.addr.bytes, data + 19, (size_t)width / 8);
	for (int bit = block.length; bit < width; bit++)
		block.addr.bytes[bit / 8] &= (uint8_t) ~(0x80 >> bit % 8);
	memcpy(&number, data + 35, sizeof(number));
	memcpy(&fleet, data + 39, sizeof(fleet));
	if (beacon_parse(&block, &route, number, fleet, 6, &b) != BEACON_OK)
		return 0;
	if (b.id < 1 || b.id > MAX_FLEET || b.id > fleet || b.id > beacon_room(&block) ||
	    !beacon_route(&block, b.kind, b.id, &again) || !prefix_equal(&route, &again) ||
	    beacon_number(&b) != number)
		abort();
	return 0;
}
