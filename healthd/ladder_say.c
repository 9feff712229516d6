#include <stdarg.h>
#include <stdio.h>

#include "healthd/ladder_turn.h"

/*
 * How a turn is told: limits with owner, reason and end, one sentence, and what comes next.
 * Sentences are for the operator who reads `bgpctl why`; no rule reads them back.
 */

const char *
ladder_rule_name(enum ladder_rule r)
{
	static const char *const names[] = {
	    [RULE_STAY] = "stay",
	    [RULE_START] = "start",
	    [RULE_ADOPT] = "adopt",
	    [RULE_ADOPT_FAILED] = "adopt_failed",
	    [RULE_SCORE_FALL] = "score_fall",
	    [RULE_VITAL_FALL] = "vital_fall",
	    [RULE_PROVEN_FALL] = "proven_fall",
	    [RULE_LIMIT_FALL] = "limit_fall",
	    [RULE_CLIMB] = "climb",
	    [RULE_FIRST] = "first",
	    [RULE_EMERGENCY] = "emergency",
	    [RULE_RELIEF] = "relief",
	    [RULE_RETURN] = "return",
	    [RULE_PIN] = "pin",
	    [RULE_SHUTDOWN] = "shutdown",
	    [RULE_WAIT] = "wait",
	};

	return (unsigned)r < sizeof(names) / sizeof(names[0]) ? names[r] : "?";
}

const char *
turn_fleet(const struct turn *t)
{
	const char *because = t->in->fleet.because;

	return because != NULL ? because : "no word";
}

void
turn_wake(struct turn *t, struct mono at)
{
	if (mono_is_set(at) && mono_before(t->now, at))
		t->out->next = mono_min(t->out->next, at);
}

void
turn_plan(struct turn *t, int rung, struct mono at)
{
	t->out->next_rung = rung;
	t->out->next_move = at;
}

void
turn_limit(struct turn *t, enum limit_owner owner, enum limit_sort sort, int rung,
    struct mono until, const char *fmt, ...)
{
	struct limit *l = &t->out->limits[t->out->n_limits];
	va_list ap;

	if (t->out->n_limits == MAX_LADDER_LIMITS)
		return;
	t->out->n_limits++;
	*l = (struct limit){
	    .set = true, .owner = owner, .sort = sort, .rung = (int8_t)rung, .until = until};
	va_start(ap, fmt);
	vsnprintf(l->reason, sizeof(l->reason), fmt, ap);
	va_end(ap);
	turn_wake(t, until);
}

void
turn_because(struct turn *t, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(t->out->because, sizeof(t->out->because), fmt, ap);
	va_end(ap);
}
