/*
 * replay: a flight record decided again, entry by entry, by the code that decided it. What comes
 * out is compared with what was recorded, byte for byte: each decision, and each state that the
 * record repeats. Whoever wants to know what else could have been (whatif.c) follows the entries.
 */
#ifndef HEALTHD_REPLAY_H
#define HEALTHD_REPLAY_H

#include "healthd/track.h"

#define REPLAY_TEXT 200

enum replay_kind {
	REPLAY_WHOLE,  /* the lane's state is known from here on */
	REPLAY_LOST,   /* from here on nothing is known; `text` says why */
	REPLAY_BEGINS, /* a brain began: no lane is born */
	REPLAY_SAMPLE,
	REPLAY_TICK,
	REPLAY_EVIDENCE,
	REPLAY_BIRTH,
	REPLAY_GIVEN,
	REPLAY_STEP,
};

/* What the record told; the track has taken it already. Pointers hold during the call. */
struct replay_entry {
	enum replay_kind kind;
	struct mono at;
	int64_t wall_us; /* of it */
	int lane, check, target;
	bool on; /* evidence; starved */
	const struct sample *sample;
	const struct flight_birth *birth;
	const struct flight_given *given;
	const struct track_turn *turn;
	const char *text;
};

struct replay_gap {
	int64_t wall_us;
	char why[REPLAY_TEXT];
};

struct replay_count {
	uint64_t records, samples, steps;
	uint64_t
	    decisions;	 /* that came out the same, byte for byte; with those of new input alone */
	uint64_t states; /* the same, byte for byte */
	uint64_t wider;	 /* the same in all that was recorded; this release tells more */
	uint64_t passed; /* decisions that stand before the first whole state, or behind a gap */
	uint64_t differences;
	uint64_t damaged; /* records whose checksum does not hold */
};

struct replay_want {
	int64_t from_us, to_us;	      /* wall clock: what is compared; all is decided */
	const char *service, *family; /* NULL: all */
};

struct replay {
	struct replay_want want;
	void (*entry)(void *arg, const struct replay_entry *e); /* NULL: nobody follows */
	void *arg;						/* of entry() */
	void (*progress)(size_t done, size_t of);		/* NULL: nobody waits */

	struct arena *arena; /* of the settings; NULL: not known */
	struct settings settings;
	char *configuration; /* the text that they were read from */
	char version[32];    /* of the anypop that recorded */
	struct track *track;
	uint32_t whole;	    /* lanes whose state is known */
	uint32_t given_new; /* lanes that were told something new since their last step */
	struct {
		enum record_type type; /* 0: none */
		int lane;
		char *text;
	} expected;   /* the next record is to be this */
	bool starved; /* at the last step */
	int64_t wall_offset_us, wall_us;

	struct replay_count count;
	int64_t first_wall_us, last_wall_us; /* of what could be decided again */
	struct replay_gap gaps[16];
	uint64_t n_gaps;
	char refused[REPLAY_TEXT]; /* why nothing can be decided again, where that is so; "" */
	struct {
		char lane[LANE_NAME];
		int64_t wall_us;
		char what[REPLAY_TEXT];
		char *recorded, *decided; /* JSON; NULL: there is none */
	} first;			  /* difference */
};

struct replay *replay_new(const struct replay_want *want);
void replay_free(struct replay *r);
/* Reads one file; to be called again for what was recorded after it. 0, or -1 when it is no flight
 * recorder. */
int replay_file(struct replay *r, const char *path, struct err *err);
/* One record, as recorder_walk() hands it on. */
int replay_record(void *replay, const struct record_seen *record);

#endif
