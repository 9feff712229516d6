#include "healthd/fields.h"

#include "healthd/ladder.h"

const struct field LADDER_FIELDS[] = {
    FIELD(ladder, rung, FIELD_I8),
    FIELD(ladder, proven, FIELD_I8),
    FIELD(ladder, relapses, FIELD_I8),
    FIELD(ladder, climbed, FIELD_BOOL),
    FIELD(ladder, chosen, FIELD_BOOL),
    FIELD(ladder, rung_since, FIELD_MONO),
    FIELD(ladder, proven_since, FIELD_MONO),
    FIELD(ladder, last_fall, FIELD_MONO),
    FIELD(ladder, last_climb, FIELD_MONO),
    FIELD(ladder, healed_at, FIELD_MONO),
    FIELD(ladder, hold_ms, FIELD_I64),
    FIELD(ladder, latch_until, FIELD_MONO),
    FIELD(ladder, emergency_at, FIELD_MONO),
    FIELD(ladder, emergency_wait_ms, FIELD_I64),
    FIELD(ladder, flap.penalty, FIELD_DOUBLE),
    FIELD(ladder, flap.at, FIELD_MONO),
    {NULL, 0, 0},
};

const struct field LADDER_REST_FIELDS[] = {
    FIELD(ladder, phase, FIELD_PHASE),
    FIELD(ladder, first, FIELD_BOOL),
    FIELD(ladder, phase_since, FIELD_MONO),
    FIELD(ladder, better_since, FIELD_MONO),
    FIELD(ladder, low_since, FIELD_MONO),
    FIELD(ladder, keep_until, FIELD_MONO),
    FIELD(ladder, pressed_since, FIELD_MONO),
    FIELD(ladder, pressed, FIELD_BOOL),
    FIELD(ladder, helping, FIELD_BOOL),
    FIELD(ladder, borne, FIELD_BOOL),
    {NULL, 0, 0},
};

const struct field WINDOW_FIELDS[] = {
    FIELD(window, verdict, FIELD_VERDICT),
    FIELD(window, solid, FIELD_VERDICT),
    FIELD(window, judged, FIELD_BOOL),
    FIELD(window, value, FIELD_I8),
    FIELD(window, fails, FIELD_U16),
    FIELD(window, wrongs, FIELD_U16),
    FIELD(window, oks, FIELD_U16),
    FIELD(window, mute, FIELD_BOOL),
    FIELD(window, halting, FIELD_BOOL),
    FIELD(window, run, FIELD_U16),
    FIELD(window, onset, FIELD_MONO),
    FIELD(window, broke, FIELD_MONO),
    FIELD(window, last_ok_sent, FIELD_MONO),
    FIELD(window, last_at, FIELD_MONO),
    FIELD(window, since, FIELD_MONO),
    {NULL, 0, 0},
};

const struct field FACT_FIELDS[] = {
    FIELD(fact, class, FIELD_CLASS),
    FIELD(fact, vital, FIELD_BOOL),
    FIELD(fact, evidence, FIELD_BOOL),
    FIELD(fact, overload, FIELD_BOOL),
    FIELD(fact, mute, FIELD_BOOL),
    FIELD(fact, halting, FIELD_BOOL),
    FIELD(fact, weight, FIELD_U16),
    FIELD(fact, verdict, FIELD_VERDICT),
    FIELD(fact, value, FIELD_I8),
    FIELD(fact, judged, FIELD_BOOL),
    FIELD(fact, onset, FIELD_MONO),
    FIELD(fact, last_ok_sent, FIELD_MONO),
    {NULL, 0, 0},
};

const struct field GIVEN_FIELDS[] = {
    FIELD(ladder_in, preflight, FIELD_U32),
    FIELD(ladder_in, proven, FIELD_INT),
    FIELD(ladder_in, shutdown, FIELD_BOOL),
    FIELD(ladder_in, shutdown_silent, FIELD_BOOL),
    {NULL, 0, 0},
};

const struct field FLEET_FIELDS[] = {
    FIELD(ladder_fleet, vital, FIELD_BOOL),
    FIELD(ladder_fleet, granted, FIELD_BOOL),
    FIELD(ladder_fleet, back, FIELD_BOOL),
    FIELD(ladder_fleet, emergency, FIELD_BOOL),
    FIELD(ladder_fleet, keep, FIELD_BOOL),
    FIELD(ladder_fleet, strained, FIELD_I8),
    {NULL, 0, 0},
};
