/*
 * whatif: beside a record that is replayed, the course that other settings would have taken on the
 * same samples and the same inputs; what both did to the route, and for how long.
 *
 * What cannot be known is taken as follows. Checks were asked as often as they were. BIRD's proof
 * of another rung comes as long after the order as the record's last one did, unless the record's
 * own has not come for PROOF_LATE_MS: then BIRD shows nothing to either. What stands in the record
 * as told from outside (operators, preflight, shutdown, the fleet) is told to both. Where the
 * record has a gap, both begin again with what it says behind it.
 *
 * A lane is *ill* while its clients would have been: a vital check, or one that puts a DNS question
 * to the lane's own addresses or workers, fails by the last samples of its targets alone, without
 * any window's patience; by the record's settings, for both.
 */
#ifndef HEALTHD_WHATIF_H
#define HEALTHD_WHATIF_H

#include "healthd/replay.h"

#define WHATIF_PROOF_LATE_MS 5000

enum whatif_who { RECORDED, OTHER };

struct whatif_move {
	int64_t wall_us;
	enum whatif_who who;
	int8_t from, to; /* rungs of that one's settings */
	char rule[16];
	char because[160];
};

/* How things stood from then on. */
struct whatif_point {
	int64_t wall_us;
	bool known; /* false: a gap begins */
	bool ill;
	int8_t score[2], rung[2]; /* by enum whatif_who; score -1: no round yet */
	uint16_t limits[2];	  /* owners of the limits that bind, as bits */
};

struct whatif_sum {
	uint64_t moves, withdrawals, relapses;
	int64_t below_best_us, silent_us, ill_announced_us;
};

struct whatif_lane {
	char name[LANE_NAME];
	struct whatif_sum sum[2];
	int64_t known_us, ill_us;
	struct whatif_move *moves; /* malloc'd, in order */
	size_t n_moves, room_moves;
	struct whatif_point *points; /* malloc'd, in order; one for each change */
	size_t n_points, room_points;
	/* as it stands */
	struct whatif_point now;
	struct mono wake;      /* when the other course is to be asked at the latest; never */
	struct mono late;      /* that is over, and the record shows its brain awake at this time */
	int64_t proof_us;      /* the record's last wait for proof */
	struct mono moved;     /* the recorded course, last */
	struct ladder carried; /* the other course's, over a restart of the brain */
	bool has_carried;
	int rung_best[2];
};

struct whatif {
	struct replay *replay;	      /* borrowed */
	const struct settings *other; /* borrowed */
	struct track *track;
	bool checks_in;
	struct whatif_lane lanes[MAX_LANES]; /* in the order in which they were met */
	int n_lanes;
	struct whatif_lane *of[MAX_LANES];   /* by the record's numbers, while known */
	int8_t raw[MAX_CHECKS][MAX_TARGETS]; /* last outcome, -1: none */
	char rungs[2][MAX_RUNGS][MAX_RUNG_NAME + 1];
	int n_rungs[2];
	char *notes[MAX_CHECKS + 8]; /* malloc'd: what to know about the comparison */
	int n_notes;
	bool failed; /* out of memory */
};

/* Follows `replay` (sets its entry hook); NULL: out of memory. */
struct whatif *whatif_new(struct replay *replay, const struct settings *other);
void whatif_free(struct whatif *w);
/* After the last file. */
void whatif_end(struct whatif *w);

/* whatif_say.c, whatif_svg.c */
json_t *whatif_json(const struct whatif *w);
void whatif_text(FILE *to, const struct whatif *w);
void whatif_svg(FILE *to, const struct whatif *w);

#endif
