/*
 * ladder_mutants: ladders that are wrong in one way each. The checker must catch every one; one
 * that it lets pass fails the test. A mutant is the shipped code with its configuration, facts,
 * judgement, memory or answer bent on the way in or out, which is how such a mistake would look
 * from outside.
 */
#ifndef TESTS_MODEL_LADDER_MUTANTS_H
#define TESTS_MODEL_LADDER_MUTANTS_H

#include "ladder_promises.h"
#include "ladder_setups.h"

struct mutant {
	const char *name;
	int in; /* the small configuration that must show it */
	void (*conf)(struct ladder_conf *c);
	void (*facts)(struct fact *f, int n);
	void (*judged)(struct judgement *j);
	void (*before)(struct ladder *s, struct ladder_in *in);
	void (*adopted)(struct ladder *s);
	void (*after)(struct ladder_out *out);
};

static void
idle_is_ok(struct fact *f, int n)
{
	for (int i = 0; i < n; i++) {
		if (f[i].verdict != VERDICT_IDLE)
			continue;
		f[i].verdict = VERDICT_OK;
		f[i].value = 100;
		f[i].last_ok_sent = MONO_FOREVER;
	}
}

static void
idle_is_failed(struct fact *f, int n)
{
	for (int i = 0; i < n; i++) {
		if (f[i].verdict != VERDICT_IDLE)
			continue;
		f[i].verdict = VERDICT_FAIL;
		f[i].value = 0;
	}
}

static void
unknown_is_failed(struct fact *f, int n)
{
	for (int i = 0; i < n; i++) {
		if (f[i].verdict != VERDICT_UNKNOWN)
			continue;
		f[i].verdict = VERDICT_FAIL;
		f[i].value = 0;
		f[i].onset = (struct mono){1};
	}
}

static void
unknown_is_ok(struct fact *f, int n)
{
	for (int i = 0; i < n; i++)
		if (f[i].verdict == VERDICT_UNKNOWN)
			f[i].verdict = VERDICT_OK;
}

static void
any_success_proves(struct fact *f, int n)
{
	for (int i = 0; i < n; i++)
		if (f[i].class == CLASS_SHARED && mono_is_set(f[i].last_ok_sent))
			f[i].last_ok_sent = MONO_FOREVER;
}

static void
shared_is_evidence(struct fact *f, int n)
{
	for (int i = 0; i < n; i++) {
		if (f[i].class != CLASS_SHARED || f[i].verdict != VERDICT_FAIL)
			continue;
		f[i].class = CLASS_DERIVED;
		f[i].evidence = true;
		f[i].onset = (struct mono){1};
	}
}

static void
readings_are_evidence(struct fact *f, int n)
{
	for (int i = 0; i < n; i++)
		f[i].evidence = true;
}

static void
one_shared_is_enough(struct fact *f, int n)
{
	bool any = false;

	for (int i = 0; i < n; i++)
		any = any || (f[i].class == CLASS_SHARED && f[i].verdict == VERDICT_OK);
	for (int i = 0; i < n && any; i++)
		if (f[i].class == CLASS_SHARED && f[i].verdict != VERDICT_OK)
			f[i].verdict = VERDICT_IDLE;
}

static void
shared_ignored(struct judgement *j)
{
	j->shared_well = j->shared_well || j->shared_bad;
	j->shared_bad = false;
}

static void
always_proven(struct judgement *j)
{
	j->proven = true;
}

static void
never_proven(struct judgement *j)
{
	j->proven = false;
}

static void
nothing_absorbed(struct judgement *j)
{
	j->overload = false;
}

static void
wrong_answers_absorbed(struct fact *f, int n)
{
	for (int i = 0; i < n; i++)
		f[i].mute = f[i].verdict == VERDICT_FAIL;
}

/* Comes before facts_absorb() has a look: what is not mute stays malfunction. */
static void
nothing_is_mute(struct fact *f, int n)
{
	for (int i = 0; i < n; i++)
		f[i].mute = false;
}

static void
absorbs_without_overload(struct fact *f, int n)
{
	for (int i = 0; i < n; i++)
		f[i].overload = f[i].overload || f[i].mute;
}

static void
floor_of_absorb_dropped(struct ladder *s, struct ladder_in *in)
{
	if (s->phase == LADDER_RUN && in->judgement.absorbed)
		in->judgement.overload = in->judgement.absorbed = false; /* the score stays 0 */
}

static void
absorbed_where_it_stands(struct ladder *s, struct ladder_in *in)
{
	if (in->judgement.absorbed && s->rung > RUNG_DRAIN)
		in->judgement.score = 85; /* between the thresholds */
}

static void
absorbed_away(struct judgement *j)
{
	if (j->absorbed)
		j->score = 100;
}

static void
vital_averaged(struct judgement *j)
{
	j->vital_failed = false;
	j->score = j->mean;
}

static void
hearsay_at_silent(struct judgement *j)
{
	j->hearsay = 0;
}

static void
nobody_is_asked(struct judgement *j)
{
	j->denied = false;
}

/* As if others' word were our own. */
static void
hearsay_believed(struct fact *f, int n)
{
	for (int i = 0; i < n; i++)
		if (f[i].class == CLASS_TOLD)
			f[i].class = CLASS_DERIVED;
}

static void
vital_weighed(struct judgement *j)
{
	j->vital_failed = false; /* the score of 0 stays */
}

static void
score_ignored(struct judgement *j)
{
	j->score = j->vital_failed ? 0 : 100;
}

static void
climbs_on_unknown(struct judgement *j)
{
	j->unknown = false;
}

static void
always_unknown(struct judgement *j)
{
	j->unknown = true;
}

static void
no_round(struct judgement *j)
{
	j->round = true;
	j->unknown = false;
}

static void
self_always_passes(struct judgement *j)
{
	j->self_pass = true;
}

static void
lets_go_under_overload(struct judgement *j)
{
	j->starved = false;
}

static void
emergency_without_self(struct judgement *j)
{
	j->self_ok = true;
}

static void
claims_early(struct ladder *s, struct ladder_in *in)
{
	in->proven = s->rung;
}

static void
budget_ignored(struct ladder *s, struct ladder_in *in)
{
	(void)in;
	s->flap.penalty = 0;
}

static void
emergency_never_waits(struct ladder *s, struct ladder_in *in)
{
	(void)in;
	s->emergency_wait_ms = 0;
}

static void
preflight_ignored(struct ladder *s, struct ladder_in *in)
{
	(void)s;
	in->preflight = 0;
}

/* `limits` is const to the ladder; the world made a fresh copy for this call. */
static void
without(struct ladder_in *in, enum limit_sort sort)
{
	struct limit *l = (struct limit *)(uintptr_t)in->limits;

	for (int i = 0; i < in->n_limits; i++)
		if (l[i].sort == sort)
			l[i].set = false;
}

static void
caps_ignored(struct ladder *s, struct ladder_in *in)
{
	(void)s;
	without(in, LIMIT_CAP);
}

static void
floors_ignored(struct ladder *s, struct ladder_in *in)
{
	(void)s;
	without(in, LIMIT_FLOOR);
}

static void
pins_ignored(struct ladder *s, struct ladder_in *in)
{
	(void)s;
	without(in, LIMIT_PIN);
}

static void
caps_overdone(struct ladder *s, struct ladder_in *in)
{
	struct limit *l = (struct limit *)(uintptr_t)in->limits;

	(void)s;
	for (int i = 0; i < in->n_limits; i++)
		if (l[i].sort == LIMIT_CAP)
			l[i].rung = RUNG_SILENT;
}

static void
holds_ignored(struct ladder *s, struct ladder_in *in)
{
	(void)in;
	s->better_since = s->rung_since = (struct mono){1};
}

static void
stop_ignored(struct ladder *s, struct ladder_in *in)
{
	(void)s;
	in->shutdown = in->shutdown_silent = false;
}

static void
breaks_are_forgotten(struct ladder *s, struct ladder_in *in)
{
	(void)in;
	if (s->phase == LADDER_RUN)
		s->better_since = mono_is_set(s->rung_since) ? s->rung_since : s->better_since;
}

static void
low_breaks_are_forgotten(struct ladder *s, struct ladder_in *in)
{
	(void)in;
	if (s->rung == RUNG_DRAIN)
		s->low_since = s->rung_since;
}

static void
relapses_are_forgotten(struct ladder *s, struct ladder_in *in)
{
	(void)in;
	s->climbed = false;
}

static void
latch_dropped(struct ladder_conf *c)
{
	c->latch_ms = 0;
}

static void
fall_hold_skipped(struct ladder_conf *c)
{
	c->fall_hold_ms = 0;
}

static void
hold_not_doubled(struct ladder_conf *c)
{
	c->hold_cap_ms = c->hold_ms;
}

static void
heals_at_once(struct ladder_conf *c)
{
	c->heal_ms = 1000;
}

static void
leaves_where_it_enters(struct ladder_conf *c)
{
	memcpy(c->leave, c->enter, sizeof(c->leave));
}

static void
vital_policy_ignored(struct ladder_conf *c)
{
	c->vital_alone = ALONE_SILENT;
}

static void
proven_policy_ignored(struct ladder_conf *c)
{
	c->proven_alone = ALONE_SILENT;
}

static void
falls_too_easily(struct ladder_conf *c)
{
	c->enter[2] = c->leave[2] = 95;
}

static void
never_falls_by_score(struct ladder_conf *c)
{
	memset(c->enter, 0, sizeof(c->enter));
}

static void
no_emergency(struct ladder_conf *c)
{
	c->alone = false;
}

static void
withdrawals_are_cheap(struct ladder_conf *c)
{
	c->flap.withdraw_cost = c->flap.change_cost;
}

static void
waits_for_adoption(struct ladder_conf *c)
{
	c->adopt_ms = 0;
}

static void
emergency_anywhere(struct ladder_conf *c)
{
	c->alone = true;
}

static void
hold_forgotten(struct ladder *s)
{
	s->hold_ms = 1; /* clamped by nobody: the configuration's is put back below */
	s->last_fall = s->rung_since = MONO_NEVER;
}

static void
doubling_forgotten(struct ladder *s)
{
	s->hold_ms = 1;
}

static void
budget_forgotten(struct ladder *s)
{
	s->flap.penalty = 0;
}

static void
emergency_forgotten(struct ladder *s)
{
	s->emergency_wait_ms = 0;
	s->emergency_at = MONO_NEVER;
}

static void
deadline_forgotten(struct ladder_out *out)
{
	out->next = MONO_FOREVER;
}

static void
reasons_forgotten(struct ladder_out *out)
{
	out->n_limits = 0;
}

static void
claims_what_it_ordered(struct ladder_out *out)
{
	out->state.proven = out->state.rung;
}

static void
hides_its_claim(struct ladder_out *out)
{
	out->state.proven = -1;
}

static void
skips_drain(struct ladder_out *out)
{
	if (out->moved && (out->rule == RULE_FIRST || out->rule == RULE_CLIMB))
		out->state.rung = 2;
}

static void
moves_without_a_rule(struct ladder_out *out)
{
	if (out->moved)
		out->rule = RULE_STAY;
}

static void
others_always_enough(struct ladder *s, struct ladder_in *in)
{
	if (s->rung > RUNG_SILENT)
		in->fleet.emergency = false;
}

static void
others_never_enough(struct ladder *s, struct ladder_in *in)
{
	if (s->rung > RUNG_SILENT)
		in->fleet.emergency = true;
}

static void
overload_not_borne(struct ladder_conf *c)
{
	c->absorb_ms = 0;
}

static void
borne_for_ever(struct ladder_conf *c)
{
	c->absorb_ms = 1000000;
}

static void
way_back_not_asked_for(struct ladder *s, struct ladder_in *in)
{
	(void)in;
	s->borne = true;
}

static void
always_called(struct ladder *s, struct ladder_in *in)
{
	(void)s;
	in->fleet.strained = 3;
}

static void
never_called(struct ladder *s, struct ladder_in *in)
{
	(void)s;
	in->fleet.strained = RUNG_SILENT;
}

static void
help_at_any_price(struct ladder *s, struct ladder_in *in)
{
	if (s->rung > RUNG_SILENT && in->fleet.strained > s->rung)
		s->flap.penalty = 0;
}

static void
help_spends_no_reserve(struct ladder *s, struct ladder_in *in)
{
	if (s->rung > RUNG_SILENT && in->fleet.strained > s->rung && s->flap.penalty > 1000)
		in->fleet.strained = RUNG_SILENT;
}

static void
the_silent_not_called(struct ladder *s, struct ladder_in *in)
{
	if (s->rung == RUNG_SILENT)
		in->fleet.strained = RUNG_SILENT;
}

static void
the_ill_not_called(struct ladder *s, struct ladder_in *in)
{
	(void)s;
	if (in->judgement.score < 100)
		in->fleet.strained = RUNG_SILENT;
}

static void
the_ill_not_needed_here(struct ladder *s, struct ladder_in *in)
{
	if (in->judgement.score < 100 && in->fleet.strained == s->rung)
		in->fleet.strained = RUNG_SILENT;
}

static void
help_forgotten(struct ladder *s, struct ladder_in *in)
{
	(void)in;
	s->helping = false;
}

static void
help_for_ever(struct ladder *s, struct ladder_in *in)
{
	(void)in;
	s->helping = true;
	s->last_climb = model_now;
}

static void
malfunction_is_calm(struct judgement *j)
{
	j->calm = 100;
}

static const struct mutant mutants[] = {
    {.name = "idle counted as ok", .in = IN_ATTRIBUTION, .facts = idle_is_ok},
    {.name = "idle counted as failed", .in = IN_ATTRIBUTION, .facts = idle_is_failed},
    {.name = "unknown counted as failed", .in = IN_ATTRIBUTION, .facts = unknown_is_failed},
    {.name = "unknown counted as ok", .in = IN_ATTRIBUTION, .facts = unknown_is_ok},
    {.name = "onset rule dropped: any success upstream proves",
	.in = IN_ATTRIBUTION,
	.facts = any_success_proves},
    {.name = "shared failure counted as evidence",
	.in = IN_ATTRIBUTION,
	.facts = shared_is_evidence},
    {.name = "readings counted as evidence", .in = IN_OVERLOAD, .facts = readings_are_evidence},
    {.name = "one shared check is enough", .in = IN_ATTRIBUTION, .facts = one_shared_is_enough},
    {.name = "brake dropped: shared failures ignored",
	.in = IN_ATTRIBUTION,
	.judged = shared_ignored},
    {.name = "silent by score alone", .in = IN_ATTRIBUTION, .judged = always_proven},
    {.name = "never silent by proof", .in = IN_ATTRIBUTION, .judged = never_proven},
    {.name = "absorb dropped", .in = IN_OVERLOAD, .judged = nothing_absorbed},
    {.name = "wrong answers absorbed", .in = IN_SLOWNESS, .facts = wrong_answers_absorbed},
    {.name = "vital silence not absorbed", .in = IN_SLOWNESS, .facts = nothing_is_mute},
    {.name = "silence absorbed without overload",
	.in = IN_SLOWNESS,
	.facts = absorbs_without_overload},
    {.name = "silent by proof under absorbed silence",
	.in = IN_SLOWNESS,
	.before = floor_of_absorb_dropped},
    {.name = "absorbed silence does not drain",
	.in = IN_SLOWNESS,
	.before = absorbed_where_it_stands},
    {.name = "absorbed silence costs nothing", .in = IN_SLOWNESS, .judged = absorbed_away},
    {.name = "vital averaged away", .in = IN_HOLDS, .judged = vital_averaged},
    {.name = "climb while unknown", .in = IN_HOLDS, .judged = climbs_on_unknown},
    {.name = "never climbs", .in = IN_ATTRIBUTION, .judged = always_unknown},
    {.name = "announces before the first round", .in = IN_PROOF, .judged = no_round},
    {.name = "adopts without a self round", .in = IN_HOLDS, .judged = self_always_passes},
    {.name = "lets go of what is adopted under overload",
	.in = IN_SLOWNESS,
	.judged = lets_go_under_overload},
    {.name = "emergency climb without self checks",
	.in = IN_EMERGENCY,
	.judged = emergency_without_self},
    {.name = "proof not awaited", .in = IN_PROOF, .before = claims_early},
    {.name = "rung claimed before its proof", .in = IN_PROOF, .after = claims_what_it_ordered},
    {.name = "budget ignored", .in = IN_BUDGET, .before = budget_ignored},
    {.name = "withdrawals charged as changes", .in = IN_BUDGET, .conf = withdrawals_are_cheap},
    {.name = "emergency climb without its growing wait",
	.in = IN_EMERGENCY,
	.before = emergency_never_waits},
    {.name = "emergency climb though others announce", .in = IN_HOLDS, .conf = emergency_anywhere},
    {.name = "preflight ignored", .in = IN_STOPPING, .before = preflight_ignored},
    {.name = "caps ignored", .in = IN_HANDS, .before = caps_ignored},
    {.name = "floors ignored", .in = IN_HANDS, .before = floors_ignored},
    {.name = "pins ignored", .in = IN_HANDS, .before = pins_ignored},
    {.name = "caps overdone", .in = IN_HANDS, .before = caps_overdone},
    {.name = "others' word takes it silent", .in = IN_HEARSAY, .judged = hearsay_at_silent},
    {.name = "others are not asked to confirm", .in = IN_HEARSAY, .judged = nobody_is_asked},
    {.name = "others' word is one's own", .in = IN_HEARSAY, .facts = hearsay_believed},
    {.name = "holds ignored", .in = IN_HOLDS, .before = holds_ignored},
    {.name = "vital failure only lowers the score", .in = IN_PROOF, .judged = vital_weighed},
    {.name = "score ignored", .in = IN_PROOF, .judged = score_ignored},
    {.name = "falls above the threshold", .in = IN_ATTRIBUTION, .conf = falls_too_easily},
    {.name = "never falls by score", .in = IN_ATTRIBUTION, .conf = never_falls_by_score},
    {.name = "no emergency climb", .in = IN_EMERGENCY, .conf = no_emergency},
    {.name = "climbs from what is not proven",
	.in = IN_PROOF,
	.before = claims_early,
	.after = hides_its_claim},
    {.name = "first announcement skips drain", .in = IN_HOLDS, .after = skips_drain},
    {.name = "moves without a rule", .in = IN_HOLDS, .after = moves_without_a_rule},
    {.name = "stopping ignored", .in = IN_STOPPING, .before = stop_ignored},
    {.name = "hold not begun anew after a break", .in = IN_HOLDS, .before = breaks_are_forgotten},
    {.name = "wait at drain not begun anew after a break",
	.in = IN_ATTRIBUTION,
	.before = low_breaks_are_forgotten},
    {.name = "hold not doubled", .in = IN_HOLDS, .conf = hold_not_doubled},
    {.name = "relapses not noticed", .in = IN_HOLDS, .before = relapses_are_forgotten},
    {.name = "hold heals too soon", .in = IN_HOLDS, .conf = heals_at_once},
    {.name = "latch dropped", .in = IN_ATTRIBUTION, .conf = latch_dropped},
    {.name = "fall hold skipped", .in = IN_ATTRIBUTION, .conf = fall_hold_skipped},
    {.name = "no gap between enter and leave", .in = IN_OVERLOAD, .conf = leaves_where_it_enters},
    {.name = "vital_alone ignored", .in = IN_POLICIES, .conf = vital_policy_ignored},
    {.name = "proven_alone ignored", .in = IN_POLICIES, .conf = proven_policy_ignored},
    {.name = "adoption not waited for", .in = IN_HOLDS, .conf = waits_for_adoption},
    {.name = "hold forgotten at restart", .in = IN_HOLDS, .adopted = hold_forgotten},
    {.name = "doubled hold forgotten at restart", .in = IN_HOLDS, .adopted = doubling_forgotten},
    {.name = "budget forgotten at restart", .in = IN_BUDGET, .adopted = budget_forgotten},
    {.name = "emergency wait forgotten at restart",
	.in = IN_EMERGENCY,
	.adopted = emergency_forgotten},
    {.name = "deadline forgotten", .in = IN_ATTRIBUTION, .after = deadline_forgotten},
    {.name = "reasons forgotten", .in = IN_ATTRIBUTION, .after = reasons_forgotten},
    {.name = "others are always enough", .in = IN_PRESSURE, .before = others_always_enough},
    {.name = "others are never enough", .in = IN_PRESSURE, .before = others_never_enough},
    {.name = "overload not borne", .in = IN_PRESSURE, .conf = overload_not_borne},
    {.name = "overload not borne for vital silence", .in = IN_SHARE, .conf = overload_not_borne},
    {.name = "overload borne for ever", .in = IN_PRESSURE, .conf = borne_for_ever},
    {.name = "way back not asked for", .in = IN_PRESSURE, .before = way_back_not_asked_for},
    {.name = "always called to help", .in = IN_PRESSURE, .before = always_called},
    {.name = "never called to help", .in = IN_PRESSURE, .before = never_called},
    {.name = "help at any price", .in = IN_PRESSURE, .before = help_at_any_price},
    {.name = "help spends no reserve", .in = IN_PRESSURE, .before = help_spends_no_reserve},
    {.name = "the silent are not called to help",
	.in = IN_SHARE,
	.before = the_silent_not_called},
    {.name = "the ill are not called to help", .in = IN_PRESSURE, .before = the_ill_not_called},
    {.name = "the ill leave a rung that bears too much",
	.in = IN_PRESSURE,
	.before = the_ill_not_needed_here},
    {.name = "a help is left at once", .in = IN_PRESSURE, .before = help_forgotten},
    {.name = "a help is never over", .in = IN_PRESSURE, .before = help_for_ever},
    {.name = "malfunction taken for overload", .in = IN_PRESSURE, .judged = malfunction_is_calm},
};

enum { N_MUTANTS = sizeof(mutants) / sizeof(mutants[0]) };

#endif
