/*
 * ladder_turn: what the parts of ladder_step() share. Nobody else includes it.
 *
 * One turn looks at one state at one moment. Rules read it, add the limits that bind and the times
 * at which they end, and say where to go; only ladder.c changes the state.
 */
#ifndef HEALTHD_LADDER_TURN_H
#define HEALTHD_LADDER_TURN_H

#include "healthd/ladder.h"

struct turn {
	const struct ladder_conf *conf;
	const struct ladder_in *in;
	const struct ladder *s;
	struct mono now;
	struct judgement j; /* as it counts here */
	bool needed;	    /* ill, and others bear more than they can: the score has no say */
	struct ladder_out *out; /* limits, wish, next, next_move, next_rung, because */
	int ceiling;		/* lowest outside cap, shutdown included */
	int floor;		/* highest outside floor */
	int stop;		/* the shutdown's cap; the best rung when there is none */
	int pin;		/* -1: none */
};

/* Where to go, by which rule; with the present rung: why to stay. */
struct course {
	int rung;
	enum ladder_rule rule;
};

/* ladder_fall.c: the score that counts at this rung's thresholds: others' word alone is no reason
 * to be silent. */
int ladder_score(const struct judgement *j, int rung);
/* Where score and vital checks alone would go from `rung`. */
int ladder_wish(const struct ladder_conf *conf, const struct judgement *j, int rung);
/* The score is so low that silent is called for (said nothing about being allowed). */
bool ladder_calls_silent(const struct ladder_conf *conf, const struct judgement *j);
/* How much this lane wishes to be silent, all holds and leave apart: enum severity. */
uint8_t ladder_severity(const struct turn *t);
/* Overload, and nothing else, would take it to a lower rung; or the end of a help. */
bool ladder_is_pressed(const struct turn *t);
/* Whether a fall from drain to silent by proof would be right at this moment, hold apart. */
bool ladder_silent_is_right(const struct turn *t);
/* How far down health takes it now, and by which rule; the present rung and STAY when nowhere. */
struct course ladder_fall(struct turn *t);

/* ladder_climb.c: whether anything but hold and budget keeps it from climbing. */
bool ladder_may_rise(const struct turn *t);
/* How far up it may go now; the present rung and WAIT or STAY when nowhere. */
struct course ladder_climb(struct turn *t);
/* From silent to drain because the guard calls the lane back; the present rung and WAIT else. */
struct course ladder_return(struct turn *t);
/* As ladder_climb(), by the emergency rule alone. */
struct course ladder_emergency(struct turn *t);

/* ladder_say.c: limits and sentences. */
void turn_limit(struct turn *t, enum limit_owner owner, enum limit_sort sort, int rung,
    struct mono until, const char *fmt, ...) __attribute__((format(printf, 6, 7)));
void turn_because(struct turn *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The guard's reason. */
const char *turn_fleet(const struct turn *t);
/* Call again at `at`, if that is still to come. */
void turn_wake(struct turn *t, struct mono at);
/* The next move, as far as it can be told. */
void turn_plan(struct turn *t, int rung, struct mono at);

#endif
