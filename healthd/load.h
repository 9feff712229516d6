/*
 * load: what share of its capacity a node carries, in eighths, as its beacons tell it. Pure.
 *
 * Capacity is configured (workers.capacity), what is carried are the answers that our workers
 * counted. Who is asked more than it can answer answers as much as it can: a load of 8 is "at
 * capacity", by however much it is asked more.
 */
#ifndef HEALTHD_LOAD_H
#define HEALTHD_LOAD_H

#include <stdbool.h>
#include <stdint.h>

/* The level to tell, where `told` was before (BEACON_LOAD_UNKNOWN: nothing yet) and `share` of the
 * capacity is carried now. A told level stands until the load is a quarter of a level outside it,
 * so that what wavers about a boundary changes no beacon. 0..LOAD_MOST. */
uint8_t load_level(uint8_t told, double share);
#define LOAD_MOST 14
/* Carries so much that lost questions are overload: whoever answers at its capacity is not dead. */
bool load_is_full(uint8_t load);

#endif
