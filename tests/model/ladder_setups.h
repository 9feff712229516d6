/*
 * ladder_setups: the small configurations. Each turns one part of the rules loose on everything
 * that may happen to it and keeps the rest still, so that every state of it can be visited.
 * Together they let every event happen. Constants are a few seconds, in order like the real ones.
 */
#ifndef TESTS_MODEL_LADDER_SETUPS_H
#define TESTS_MODEL_LADDER_SETUPS_H

#include "ladder_world.h"

#define RUNGS .n_rungs = 4, .enter = {30, 50, 80}, .leave = {40, 60, 90}
#define STILL_FLAP {.half_life_ms = 1000, .limit = 1500, .withdraw_cost = 0, .change_cost = 0}
#define EMERGENCY .emergency_min_ms = 1000, .emergency_max_ms = 4000, .emergency_relapse_ms = 4000
#define SILENT_ALONE .vital_alone = ALONE_SILENT, .proven_alone = ALONE_SILENT

#define VITAL(can_) {.class = CLASS_SELF, .vital = true, .evidence = true, .can = (can_)}
#define MUTE(can_) \
	{.class = CLASS_SELF, .vital = true, .evidence = true, .mute = true, .can = (can_)}
#define DERIVED(weight_, can_) \
	{.class = CLASS_DERIVED, .evidence = true, .weight = (weight_), .can = (can_)}
#define READING(weight_, can_) {.class = CLASS_DERIVED, .weight = (weight_), .can = (can_)}
#define OVERLOAD(weight_, can_) \
	{.class = CLASS_DERIVED, .evidence = true, .overload = true, .weight = (weight_), \
	 .can = (can_)}
#define SHARED(weight_, can_) {.class = CLASS_SHARED, .weight = (weight_), .can = (can_)}

#define TOLD(weight_, can_) \
	{.class = CLASS_TOLD, .evidence = true, .confirms = true, .weight = (weight_), \
	 .can = (can_)}

#define CAN_FAIL (CAN(OK) | CAN(FAIL))
#define CAN_HIDE (CAN_FAIL | CAN(UNKNOWN))
#define CAN_ALL (CAN_HIDE | CAN(IDLE))

enum {
	IN_ATTRIBUTION, IN_OVERLOAD, IN_PROOF, IN_HOLDS, IN_BUDGET, IN_EMERGENCY, IN_HANDS,
	IN_STOPPING, IN_POLICIES, IN_SLOWNESS, IN_HEARSAY, IN_PRESSURE, IN_SHARE, N_SETUPS
};

static const struct setup setups[] = {
    [IN_ATTRIBUTION] = {
	.name = "attribution: who may prove that the fault is here",
	.conf = {RUNGS, .fall_hold_ms = 2000, .latch_ms = 2000, .hold_ms = 1000,
	    .hold_cap_ms = 1000, .heal_ms = 1000, .adopt_ms = 1000, SILENT_ALONE, EMERGENCY,
	    .flap = STILL_FLAP},
	.n = 3,
	.checks = {DERIVED(80, CAN_ALL), SHARED(10, CAN_ALL), SHARED(10, CAN_ALL)},
	.most = 3,
    },
    [IN_OVERLOAD] = {
	.name = "overload and readings: what may not prove it",
	.conf = {RUNGS, .fall_hold_ms = 1000, .latch_ms = 1000, .hold_ms = 1000,
	    .hold_cap_ms = 1000, .heal_ms = 1000, .adopt_ms = 1000, SILENT_ALONE, EMERGENCY,
	    .flap = STILL_FLAP},
	.n = 4,
	.checks = {OVERLOAD(80, CAN_ALL), READING(100, CAN_ALL), DERIVED(30, CAN_FAIL),
	    SHARED(10, CAN_FAIL)},
	.most = 2,
    },
    [IN_PROOF] = {
	.name = "proof: BIRD that lags, fails and forgets",
	.conf = {RUNGS, .fall_hold_ms = 2000, .latch_ms = 1000, .hold_ms = 2000,
	    .hold_cap_ms = 2000, .heal_ms = 1000, .adopt_ms = 1000, SILENT_ALONE, EMERGENCY,
	    .flap = STILL_FLAP},
	.n = 3,
	.checks = {VITAL(CAN_FAIL), DERIVED(90, CAN_HIDE), SHARED(10, CAN_FAIL)},
	.slow_proof = true,
	.restarts = true,
	.most = 7,
    },
    [IN_HOLDS] = {
	.name = "holds: relapses, healing, restarts",
	.conf = {RUNGS, .fall_hold_ms = 1000, .latch_ms = 1000, .hold_ms = 1000,
	    .hold_cap_ms = 4000, .relapse_ms = 3000, .heal_ms = 3000, .adopt_ms = 1000,
	    SILENT_ALONE, EMERGENCY, .flap = STILL_FLAP},
	.n = 2,
	.checks = {VITAL(CAN_HIDE), READING(10, CAN_HIDE)},
	.restarts = true,
	.most = 12,
    },
    [IN_BUDGET] = {
	.name = "flap budget: changes cost, restarts do not pay",
	.conf = {RUNGS, .fall_hold_ms = 1000, .latch_ms = 1000, .hold_ms = 1000,
	    .hold_cap_ms = 1000, .heal_ms = 1000, .adopt_ms = 1000, SILENT_ALONE, EMERGENCY,
	    .flap = {.half_life_ms = 3000, .limit = 1500, .withdraw_cost = 1000,
		.change_cost = 500}},
	.n = 2,
	.checks = {VITAL(CAN_FAIL), READING(10, CAN_FAIL)},
	.restarts = true,
	.most = 3,
    },
    [IN_EMERGENCY] = {
	.name = "emergency: alone in the world",
	.conf = {RUNGS, .fall_hold_ms = 1000, .latch_ms = 1000, .hold_ms = 2000,
	    .hold_cap_ms = 2000, .heal_ms = 1000, .adopt_ms = 1000, .alone = true, SILENT_ALONE,
	    EMERGENCY, .flap = STILL_FLAP},
	.n = 3,
	.checks = {VITAL(CAN_FAIL), DERIVED(90, CAN_FAIL), SHARED(10, CAN_FAIL)},
	.preflight = true,
	.restarts = true,
	.most = 5,
    },
    [IN_HANDS] = {
	.name = "hands: caps, floors, pins",
	.conf = {RUNGS, .fall_hold_ms = 1000, .latch_ms = 1000, .hold_ms = 1000,
	    .hold_cap_ms = 1000, .heal_ms = 1000, .adopt_ms = 1000, SILENT_ALONE, EMERGENCY,
	    .flap = STILL_FLAP},
	.n = 2,
	.checks = {VITAL(CAN_FAIL), READING(10, CAN_HIDE)},
	.n_limits = 5,
	.limits =
	    {
		{.set = true, .owner = OWNER_OPERATOR, .sort = LIMIT_CAP, .rung = 1, .reason = "m"},
		{.set = true, .owner = OWNER_BIRDC, .sort = LIMIT_CAP, .rung = 0, .reason = "m"},
		{.set = true, .owner = OWNER_FLEET, .sort = LIMIT_FLOOR, .rung = 1, .reason = "m"},
		{.set = true, .owner = OWNER_OPERATOR, .sort = LIMIT_PIN, .rung = 2, .reason = "m"},
		{.set = true, .owner = OWNER_FLEET, .sort = LIMIT_PIN, .rung = 0, .reason = "m"},
	    },
	.restarts = true,
	.most = 2,
    },
    [IN_STOPPING] = {
	.name = "stopping, and preflight",
	.conf = {RUNGS, .fall_hold_ms = 1000, .latch_ms = 1000, .hold_ms = 2000,
	    .hold_cap_ms = 2000, .heal_ms = 1000, .adopt_ms = 1000, SILENT_ALONE, EMERGENCY,
	    .flap = STILL_FLAP},
	.n = 2,
	.checks = {VITAL(CAN_FAIL), READING(10, CAN_ALL)},
	.n_limits = 2,
	.limits =
	    {
		{.set = true, .owner = OWNER_OPERATOR, .sort = LIMIT_CAP, .rung = 0, .reason = "m"},
		{.set = true, .owner = OWNER_OPERATOR, .sort = LIMIT_PIN, .rung = 2, .reason = "m"},
	    },
	.preflight = true,
	.shutdown = true,
	.most = 5,
    },
    [IN_POLICIES] = {
	.name = "policies: drain where others would be silent",
	.conf = {RUNGS, .fall_hold_ms = 1000, .latch_ms = 1000, .hold_ms = 1000,
	    .hold_cap_ms = 1000, .heal_ms = 1000, .adopt_ms = 1000, .vital_alone = ALONE_DRAIN,
	    .proven_alone = ALONE_DRAIN, EMERGENCY, .flap = STILL_FLAP},
	.n = 3,
	.checks = {VITAL(CAN_HIDE), DERIVED(90, CAN_FAIL), SHARED(10, CAN_HIDE)},
	.restarts = true,
	.most = 2,
    },
    [IN_SLOWNESS] = {
	.name = "slowness: silence that overload explains, or not",
	.conf = {RUNGS, .fall_hold_ms = 1000, .latch_ms = 1000, .hold_ms = 1000,
	    .hold_cap_ms = 1000, .heal_ms = 1000, .adopt_ms = 1000, SILENT_ALONE, EMERGENCY,
	    .flap = STILL_FLAP},
	.n = 4,
	.checks = {MUTE(CAN_HIDE), VITAL(CAN_FAIL), DERIVED(90, CAN_FAIL), SHARED(10, CAN_FAIL)},
	.starves = true,
	.restarts = true,
	.most = 2,
    },
    [IN_HEARSAY] = {
	.name = "hearsay: what others say of this node, true or not",
	.conf = {RUNGS, .fall_hold_ms = 1000, .latch_ms = 1000, .hold_ms = 1000,
	    .hold_cap_ms = 1000, .heal_ms = 1000, .adopt_ms = 1000, SILENT_ALONE, EMERGENCY,
	    .flap = STILL_FLAP},
	.n = 4,
	.checks = {DERIVED(50, CAN_FAIL), DERIVED(30, CAN_FAIL), SHARED(10, CAN_FAIL),
	    TOLD(900, CAN_ALL)},
	.restarts = true,
	.most = 2,
    },
    [IN_PRESSURE] = {
	.name = "pressure: overload in a fleet, borne, tried to leave, and helped",
	.conf = {RUNGS, .fall_hold_ms = 1000, .absorb_ms = 2000, .latch_ms = 1000,
	    .hold_ms = 2000, .hold_cap_ms = 2000, .heal_ms = 1000, .adopt_ms = 1000,
	    SILENT_ALONE, EMERGENCY,
	    .flap = {.half_life_ms = 2000, .limit = 1500, .withdraw_cost = 1000,
		.change_cost = 500}},
	.n = 2,
	.checks = {OVERLOAD(80, CAN_FAIL), READING(30, CAN_FAIL)},
	.fleet = true,
	.most = 3,
    },
    [IN_SHARE] = {
	.name = "pressure: vital silence under overload in a fleet",
	.conf = {RUNGS, .fall_hold_ms = 1000, .absorb_ms = 1000, .latch_ms = 1000,
	    .hold_ms = 1000, .hold_cap_ms = 1000, .heal_ms = 1000, .adopt_ms = 1000,
	    SILENT_ALONE, EMERGENCY, .flap = STILL_FLAP},
	.n = 2,
	.checks = {MUTE(CAN_FAIL), READING(30, CAN_HIDE)},
	.starves = true,
	.fleet = true,
	.most = 2,
    },
};

#endif
