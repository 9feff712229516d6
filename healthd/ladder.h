/*
 * ladder: which rung one lane should stand on. Pure: (state, event, now) -> (state', what to do,
 * when to call again), with its reasons. Design, section 3, is the specification.
 *
 * Words: `rung` is what has been ordered, `proven` what BIRD has shown for it; `wish` is where
 * score and vital checks alone would go. A rung is claimed only when proven == rung.
 */
#ifndef HEALTHD_LADDER_H
#define HEALTHD_LADDER_H

#include "bgpctl/site.h"
#include "healthd/flap.h"
#include "healthd/guard.h"
#include "healthd/judge.h"
#include "healthd/limit.h"

enum alone_policy { ALONE_DRAIN, ALONE_SILENT };

struct ladder_conf {
	int n_rungs;
	int enter[MAX_RUNGS], leave[MAX_RUNGS]; /* by rung; of the best rung unused */
	int64_t fall_hold_ms; /* at drain so long before going silent by proof: 30 s */
	int64_t absorb_ms;    /* overload lasts so long before it takes the lane down in a fleet */
	int64_t latch_ms;     /* brake stays on after shared checks are well: 60 s */
	int64_t hold_ms, hold_cap_ms; /* between climbs: 60 s; doubled at relapse up to the cap */
	int64_t relapse_ms;   /* a fall so soon after a climb is a relapse */
	int64_t heal_ms;      /* so long announcing without a fall or a wait halves the hold */
	int64_t adopt_ms;     /* a self round must pass within this to adopt, or overload be evident
				 then: 300 ms */
	int64_t preflight_warm_ms;
	bool alone; /* this PoP is to be treated as the only one: emergency climb */
	int vital_alone, proven_alone; /* enum alone_policy: how far down without a fleet view */
	int64_t emergency_min_ms, emergency_max_ms, emergency_relapse_ms; /* 1 s, 60 s, 10 min */
	struct flap_conf flap;
};

enum ladder_phase {
	LADDER_START, /* silent until one full round is in */
	LADDER_ADOPT, /* a predecessor's rung stands; one self round decides */
	LADDER_RUN,
};

/* Kept over restarts of the brain except where noted; a plain value. */
struct ladder {
	enum ladder_phase phase;
	int8_t rung, proven; /* proven -1: nothing shown yet for the present order */
	int8_t relapses;     /* how often the hold has doubled and not healed */
	bool first;	     /* not kept: nothing announced since START */
	bool climbed;	     /* since the last fall by health: the next one may be a relapse */
	bool chosen;	     /* silent for its score, not for a vital failure: the fleet may call
				it back */
	struct mono phase_since; /* not kept */
	struct mono rung_since;	 /* when ordered */
	struct mono proven_since;
	struct mono better_since; /* not kept: since when nothing but hold and budget has kept it
				     from climbing, without a break */
	struct mono low_since;	  /* not kept: since when at drain, proven, with the score calling
				     for silent */
	struct mono pressed_since; /* not kept: since when overload alone calls for a lower rung,
				      with enough others there */
	bool pressed; /* not kept: overload alone, in view of others, made the last fall; until the
			 next climb */
	bool helping; /* not kept: by relief on a rung that its score does not bear */
	bool borne;   /* not kept: ... and nobody called back for it */
	struct mono last_fall;	  /* by health: score, vital check, proof, failed adoption */
	struct mono last_climb;	  /* by rule, not by a pin */
	struct mono healed_at;	  /* the hold halves heal_ms after this; moves on while waiting */
	int64_t hold_ms;	  /* the present wait between climbs */
	struct mono latch_until;  /* brake; FOREVER while shared checks are bad */
	struct mono keep_until;	  /* not kept: latch_ms after most of the fleet had our fault */
	struct mono emergency_at; /* last emergency climb */
	int64_t emergency_wait_ms; /* at silent so long before the next emergency climb */
	struct flap flap;
};

enum preflight { /* bits: what is missing before an announcement or a climb */
	PREFLIGHT_ADDRESSES = 1, /* service addresses bound */
	PREFLIGHT_LISTENERS = 2, /* they answer */
	PREFLIGHT_WORKERS = 4,	 /* enough of them ready */
	PREFLIGHT_SESSION = 8,	 /* a BGP session up */
	PREFLIGHT_WARM = 16,
	PREFLIGHT_GATES = 32,	 /* our locks exist */
};

/* What the fleet's guard says (struct guard_out); all zero where no fleet is configured. */
struct ladder_fleet {
	enum fleet_standing standing;
	bool vital, granted, back, emergency, keep;
	int8_t strained;
	const char *because; /* static text, or NULL */
};

struct ladder_in {
	struct judgement judgement;
	uint32_t preflight; /* missing */
	int proven; /* rung that BIRD and the gates show proven for the present order, or -1 */
	const struct limit *limits; /* borrowed; from outside, expired ones already dropped */
	int n_limits;		    /* at most MAX_LIMITS */
	struct ladder_fleet fleet;
	bool shutdown; /* SIGTERM: go to drain, and then to silent on `shutdown_silent` */
	bool shutdown_silent;
};

/* Why the ladder moved or stays. Each value names one rule; docs/ladder.md lists them. */
enum ladder_rule {
	RULE_STAY,  /* the wish is where we are */
	RULE_START, /* waiting for the first round */
	RULE_ADOPT, /* predecessor's rung stands until the self round is in, then is taken over */
	RULE_ADOPT_FAILED, /* the self round did not pass in time */
	RULE_SCORE_FALL,
	RULE_VITAL_FALL,
	RULE_PROVEN_FALL, /* below drain by rule (b) */
	RULE_LIMIT_FALL,  /* a cap */
	RULE_CLIMB,
	RULE_FIRST, /* first announcement, at drain */
	RULE_EMERGENCY,
	RULE_RELIEF, /* others carry overload on a better rung: up to them without the hold */
	RULE_RETURN, /* silent for its score, and the fleet needs it or has no room for that */
	RULE_PIN,
	RULE_SHUTDOWN,
	RULE_WAIT, /* it would climb or fall further, and limits hold it */
	N_LADDER_RULES
};
const char *ladder_rule_name(enum ladder_rule r);

#define MAX_LADDER_LIMITS (MAX_LIMITS + 8)

struct ladder_out {
	struct ladder state;
	bool moved;	/* state.rung differs from before: order it */
	int wish;
	uint8_t severity; /* enum severity: the wish for silent that the guard is to be told */
	int8_t fault;	  /* index of the shared check that fails here, -1: none */
	enum ladder_rule rule;
	int n_limits;
	struct limit limits[MAX_LADDER_LIMITS]; /* every limit that bounds this lane now, those from
						   outside first, with reasons and expiry */
	struct mono next;	/* call again then at the latest, even if nothing happens; FOREVER:
				   time alone changes nothing */
	int next_rung;		/* the rung it would order at `next_move`, -1 unknown */
	struct mono next_move;	/* never: waits for an event, not for time */
	char because[160]; /* one sentence: "score 41 < 50; check %c counts most", where "%c" (at
			      most once) stands for the name of check judgement.because */
};

/* Starts silent with nothing remembered. */
struct ladder ladder_init(const struct ladder_conf *conf, struct mono now);
/* Makes any values (a state file, a reload with fewer rungs) a state that can be stepped: rungs,
 * holds, waits and penalties within range, times not in the future, NaN gone. What is clamped is
 * clamped towards caution. The phase is kept if it is one. */
struct ladder ladder_sane(const struct ladder_conf *conf, struct ladder s, struct mono now);
/* A predecessor's saved state (any values, see ladder_sane), to be adopted if `shown` (what gates
 * and BIRD show now, -1 unknown) is an announcing rung and the lease was fresh; otherwise starts
 * silent, with holds, budget, brake and waits kept. The caller orders `rung` of the result. */
struct ladder ladder_adopt(const struct ladder_conf *conf, struct ladder saved, int shown,
    bool lease_fresh, struct mono now);
struct ladder_out ladder_step(const struct ladder_conf *conf, struct ladder state,
    const struct ladder_in *in, struct mono now);

#endif
