/*
 * track: one course of decisions, fed from a flight record as the brain was fed by its probes and
 * by BIRD: the same windows, tally, judge and ladder, without the world. No clock, no I/O.
 *
 * A track that is exact has the settings that the record was made with. Another one has settings of
 * its own, and then what they say of a check or the ladder holds, and what only the record can say
 * (what was asked, how often) stays.
 */
#ifndef HEALTHD_TRACK_H
#define HEALTHD_TRACK_H

#include "healthd/flight.h"
#include "healthd/settings.h"

struct track_check {
	struct flight_check is; /* as it stands now */
	bool known;
	const struct check_conf *conf; /* NULL: these settings have none of that name */
	struct window_conf window_conf;
	struct tally_conf tally_conf;
};

struct track_lane {
	bool known;
	uint64_t facts; /* mask of checks */
	struct flight_lane is;
};

struct track {
	const struct settings *settings; /* borrowed */
	bool exact;
	int n_checks; /* 0: not known yet */
	struct track_check checks[MAX_CHECKS];
	struct track_lane lanes[MAX_LANES]; /* by the record's numbers */
	int lane_of[MAX_LANES]; /* the settings' number of the record's lane; -1: not in them */
};

/* One step of a lane: what decision_render() needs besides names and facts. */
struct track_turn {
	struct mono now;
	bool starved;
	int lane;
	int wish; /* as it was before */
	enum ladder_rule rule;
	struct ladder before;
	struct ladder_in in; /* borrows from the lane's own */
	struct ladder_out out;
};

/* Nothing is known. With `recorded` (of the record) the track is not exact. */
void track_reset(struct track *t, const struct settings *s, const struct settings *recorded);
/* The state of a check or a lane, from the record. `recorded` as above, NULL when exact. */
void
track_put_check(struct track *t, const struct flight_check *c, const struct settings *recorded);
void track_put_lane(struct track *t, const struct flight_lane *l);
bool track_checks_known(const struct track *t);
bool track_lane_known(const struct track *t, int lane); /* and all checks: it may be stepped */

/* What came in. The lanes that have something to think about, as a mask. */
uint32_t track_sample(struct track *t, int check, int target, const struct sample *s);
uint32_t track_tick(struct track *t, struct mono now);
void track_evidence(struct track *t, int check, bool evidence, struct mono since);

/* Decides; the lane is known and born. Its state is then the new one. */
void track_step(struct track *t, int lane, bool starved, struct mono now, struct track_turn *out);

#endif
