/*
 * guard_setups: the small fleets that are explored, each with what may happen in it.
 */
#ifndef TESTS_MODEL_GUARD_SETUPS_H
#define TESTS_MODEL_GUARD_SETUPS_H

#include "guard_world.h"

enum {
	IN_PAIR,
	IN_TRIO,
	IN_MESH,
	IN_SPLIT,
	IN_ENOUGH,
	IN_MEAN,
	IN_HANDS,
	IN_TWINS,
	IN_TOLD,
	IN_REGIONS,
	IN_BLACKOUT,
	IN_FOUR,
	IN_FIVE,
	N_SETUPS,
};

#define ILLNESS (CAN(WELL) | CAN(ILL) | CAN(WORSE))

static const struct setup setups[N_SETUPS] = {
    [IN_PAIR] =
	{
	    .name = "two, all that may befall them",
	    .n = 2,
	    .budget = 1,
	    .min = 1,
	    .can = ILLNESS | CAN(VITAL) | CAN(DEAD),
	    .events = 3,
	    .hangs = true,
	    .restarts = true,
	    .climbs = true,
	    .alone_silent = true,
	},
    [IN_TRIO] =
	{
	    .name = "three on a budget of one",
	    .n = 3,
	    .budget = 1,
	    .min = 1,
	    .can = ILLNESS | CAN(DEAD),
	    .events = 3,
	    .hangs = true,
	    .climbs = true,
	},
    [IN_MESH] =
	{
	    .name = "three, one session of the mesh fails and comes back",
	    .n = 3,
	    .budget = 1,
	    .min = 1,
	    .can = CAN(ILL),
	    .cuts = {4},
	    .events = 4,
	    .climbs = true,
	},
    [IN_SPLIT] =
	{
	    .name = "five that fall apart",
	    .n = 5,
	    .budget = 4,
	    .min = 1,
	    .can = CAN(WORSE),
	    .cuts = {3, 7},
	    .events = 3,
	    .sight = BY_VIEWER,
	    .climbs = true,
	},
    [IN_ENOUGH] =
	{
	    .name = "three of whom all but one may go",
	    .n = 3,
	    .budget = 3,
	    .min = 1,
	    .can = ILLNESS | CAN(VITAL),
	    .events = 3,
	    .climbs = true,
	},
    [IN_MEAN] =
	{
	    .name = "three, the last allows fewer",
	    .n = 3,
	    .budget = 2,
	    .min = 1,
	    .mean = 1,
	    .can = ILLNESS,
	    .events = 3,
	    .climbs = true,
	},
    [IN_HANDS] =
	{
	    .name = "three under operators' hands",
	    .n = 3,
	    .budget = 1,
	    .min = 1,
	    .can = CAN(WELL) | CAN(WORSE) | CAN(HELD),
	    .events = 4,
	},
    [IN_TWINS] =
	{
	    .name = "three, two of whom believe they are the same",
	    .n = 3,
	    .budget = 2,
	    .min = 1,
	    .can = CAN(ILL) | CAN(WORSE),
	    .events = 3,
	    .twins = true,
	    .climbs = true,
	},
    [IN_TOLD] =
	{
	    .name = "three that hear of lost sessions",
	    .n = 3,
	    .budget = 2,
	    .min = 1,
	    .can = CAN(ILL) | CAN(WORSE),
	    .cuts = {1, 4},
	    .events = 3,
	    .sessions = true,
	    .climbs = true,
	},
    [IN_REGIONS] =
	{
	    .name = "four in two regions",
	    .n = 4,
	    .budget = 2,
	    .min = 1,
	    .region = {1, 2, 2, 2},
	    .can = CAN(WELL) | CAN(ILL) | CAN(WORSE) | CAN(DEAD),
	    .events = 3,
	    .sight = BY_PAIR,
	    .climbs = true,
	},
    [IN_BLACKOUT] =
	{
	    .name = "two that die and come back, and nobody's hold ever ends",
	    .n = 2,
	    .budget = 1,
	    .min = 1,
	    .can = CAN(WELL) | CAN(WORSE) | CAN(VITAL) | CAN(DEAD),
	    .events = 4,
	    .sight = BY_PAIR,
	},
    [IN_FOUR] =
	{
	    .name = "four on a budget of two, two to announce",
	    .n = 4,
	    .budget = 2,
	    .min = 2,
	    .can = ILLNESS | CAN(VITAL),
	    .events = 3,
	    .sight = BY_PAIR,
	    .climbs = true,
	},
    [IN_FIVE] =
	{
	    .name = "five on a budget of two",
	    .n = 5,
	    .budget = 2,
	    .min = 1,
	    .can = CAN(ILL) | CAN(WORSE) | CAN(VITAL),
	    .events = 3,
	    .sight = BY_VIEWER,
	    .climbs = true,
	},
};

#endif
