/*
 * judge: from windows to a check's fact, and from facts to one judgement per lane. Pure.
 *
 * Design, section 2 (classes, verdicts, score) and section 3 (attribution: who may prove that a
 * fault is here).
 */
#ifndef HEALTHD_JUDGE_H
#define HEALTHD_JUDGE_H

#include "healthd/check.h"
#include "healthd/window.h"

/* One check instance as the decision sees it. */
struct fact {
	enum check_class class;
	bool vital;
	bool
	    evidence; /* its failure can prove malfunction (resource readings and `cache` cannot) */
	bool overload; /* its failure means overload, not malfunction (absorb, RFC 9199) */
	bool mute;     /* it fails, and by silence alone: overload may explain it (facts_absorb) */
	bool confirms; /* of a told one: while it is ok nobody goes silent for his score */
	bool halting;  /* ... and what fails of it answers now and then: some questions are lost */
	uint16_t weight; /* in the mean; vital checks may have none. 0 also where there is nothing
			    to weigh now: idle before it became unknown */
	enum verdict verdict;
	int8_t value; /* 0..100; unknown keeps the last verdict's, 100 if there was none:
			 what was never seen must not pull the score down */
	bool judged;		  /* has ever been known or idle */
	struct mono onset; /* of a failure that stands: the latest beginning among the targets
			      that make it fail (conservative); never otherwise */
	struct mono last_ok_sent; /* the time since which k targets have had a success */
};

struct tally_conf {
	uint16_t
	    k; /* well when at least k targets are (clipped to the targets that are not idle) */
	enum check_class class;
	bool vital, evidence, overload, confirms;
	uint16_t weight;
	struct mono evidence_since; /* of a check that is evidence at times only: since when it is,
				       without a break. What it shows then began no earlier */
};

/*
 * k of n over the targets; k 0 means all. Idle targets are left out; with none left the check is
 * idle, but a vital check is never idle: it is unknown then. `value`: ok, the mean of its best k ok
 * targets (losing the others is what k allows); failed, the mean of its failed targets (0 unless
 * graded); unknown, as it was when every target still had its last verdict.
 */
struct fact tally(const struct tally_conf *conf, const struct window *w, int n);

/* Is there something new in it to decide on? */
bool fact_differs(const struct fact *a, const struct fact *b);

/* A failure by silence alone is overload, not malfunction, while overload is evident
 * (`starved`: a worker lives and is too slow to answer), and of a self check also while it is
 * halting: who loses some questions and answers others is not dead. Shared checks are left as
 * they are: they do not ask our workers. Wrong answers, and being told that nobody is there,
 * are never explained by this. */
void facts_absorb(struct fact *facts, int n, bool starved);

struct judgement {
	int score;	  /* 0..100; 0 whenever a vital check has failed, absorbed or not */
	int mean;	  /* the weighted mean before that rule; of what others say (CLASS_TOLD)
			     only failures are in it */
	int hearsay;	  /* so much of what the score lacks is others' word alone (CLASS_TOLD): it
			     counts at every rung but silent */
	bool denied;	  /* others say that we are well, and are to confirm going silent */
	int calm;	  /* the score if nothing were overload: 0 by a vital failure, else the mean
			     with 100 for whatever is or would be overload */
	int calm_hearsay; /* as hearsay, of that */
	bool round;	  /* every check has been judged (or is idle) */
	bool self_ok;	  /* at least one self check is ok, every other is ok or idle */
	bool self_pass;	  /* enough to adopt on: a self check is ok, and no vital one failed or
			     unknown */
	bool empty;	  /* all idle, or none: the score says nothing (100, and unknown) */
	bool unknown;	  /* some check is unknown, or there is nothing to judge: blocks climbing */
	bool vital_failed; /* and it is no overload */
	bool absorbed;	  /* a vital check fails by overload, and none otherwise */
	bool starved;	  /* overload is evident (facts_absorb()), whether or not something fails */
	bool shared_bad;  /* a shared check is failed or unknown */
	bool shared_well; /* at least one shared check is ok, and none is failed or unknown */
	int8_t shared;	  /* index of the first shared check that has failed, -1: none */
	bool proven;	  /* rule (b): the fault is here */
	bool overload;	  /* something fails, and all that fails is overload */
	int8_t because;	  /* index of the fact that decided most (first vital failure, else the one
			     that costs most, else one that fails), -1 when all is well */
};

/* Overload, and nothing else, costs it score: what a beacon's `absorbing` tells. */
bool judgement_is_overload(const struct judgement *j);
/* `mask` has a bit per fact that belongs to the lane. */
struct judgement judge(const struct fact *facts, int n, uint64_t mask);
/* The same for a brain that may have taken over: with overload told (facts_absorb()), and a check
 * of which this brain has seen nothing itself (no bit in `seen`) makes neither a round nor passes.
 * A predecessor's windows are kept, so that one odd answer after a restart moves nothing; but a
 * round is a round of this brain's own. */
struct judgement judge_seen(const struct fact *facts, int n, uint64_t mask, uint64_t seen,
    bool starved);

#endif
