/*
 * decide: from windows to a rung, as the brain does it: tally, facts_absorb, judge, guard, ladder.
 */
#include <string.h>

#include "bgpctl/site.h"
#include "healthd/load.h"
#include "tests/sim/world.h"

/* --- what the decision is made of ---------------------------------------------------------------
 */

static bool
seen_by_us(const struct world *w, const struct node *n, const struct sim_check *c)
{
	(void)w;
	for (int t = c->first; t < c->first + c->n; t++)
		if (!n->targets[t].seen && n->targets[t].window.verdict != VERDICT_IDLE)
			return false;
	return true;
}

static bool
is_starved(const struct world *w, const struct node *n)
{
	return w->conf.bent != BENT_NO_ABSORB &&
	       (roster_starved(&n->roster, w->now) || load_is_full(n->load));
}

static void
make_facts(const struct world *w, const struct node *n, struct fact *facts)
{
	for (int i = 0; i < w->m->n_checks; i++) {
		const struct sim_check *c = &w->m->checks[i];
		struct window windows[MAX_TARGETS];

		for (int t = 0; t < c->n; t++)
			windows[t] = n->targets[c->first + t].window;
		facts[i] = tally(&c->tally, windows, c->n);
	}
	if (w->conf.bent != BENT_NO_ABSORB) {
		facts_absorb(facts, w->m->n_checks, is_starved(w, n));
		return;
	}
	for (int i = 0; i < w->m->n_checks; i++)
		facts[i].overload = false;
}

/* A round is a round of this brain's own (brain_lanes.c). */
static struct judgement
judge_node(const struct world *w, const struct node *n, const struct fact *facts)
{
	struct judgement j = judge(facts, w->m->n_checks, ~UINT64_C(0));
	bool any_self = false;

	for (int i = 0; i < w->m->n_checks; i++) {
		bool self = facts[i].class == CLASS_SELF;
		bool seen = seen_by_us(w, n, &w->m->checks[i]);

		any_self |= self && seen;
		j.round &= seen;
		j.self_ok &= seen || !self;
		j.self_pass &= seen || !facts[i].vital;
	}
	j.self_pass &= any_self;
	j.starved = is_starved(w, n);
	if (w->conf.bent == BENT_NO_BRAKE) {
		j.proven |= !j.shared_well;
		j.shared_bad = false;
		j.shared_well = true;
	}
	return j;
}

static bool
is_warm(const struct world *w, const struct node *n, const struct fact *facts)
{
	bool asked = false;

	for (int i = 0; i < w->m->n_checks; i++) {
		if (!w->m->checks[i].recursion)
			continue;
		if (facts[i].verdict == VERDICT_OK)
			return true;
		asked = true;
	}
	return !asked || (mono_is_set(n->warm_since) &&
			     mono_diff_ms(w->now, n->warm_since) >= w->ladder.preflight_warm_ms);
}

static uint32_t
preflight(const struct world *w, const struct node *n, const struct fact *facts)
{
	uint32_t missing = 0;

	for (int i = 0; i < w->m->n_checks; i++)
		if (w->m->checks[i].anycast_self && facts[i].verdict != VERDICT_OK)
			missing |= PREFLIGHT_LISTENERS;
	if (n->roster.ready < w->m->settings.workers.min_ready)
		missing |= PREFLIGHT_WORKERS;
	if (!is_warm(w, n, facts))
		missing |= PREFLIGHT_WARM;
	if (!node_session(n))
		missing |= PREFLIGHT_SESSION;
	return missing;
}

/* The latest beginning of a failure that may come to be proven. */
static struct mono
doubt_of(const struct world *w, const struct fact *facts)
{
	struct mono doubt = MONO_NEVER;

	for (int i = 0; i < w->m->n_checks; i++)
		if (facts[i].class != CLASS_SHARED && facts[i].evidence &&
		    facts[i].verdict == VERDICT_FAIL)
			doubt = mono_max(doubt, facts[i].onset);
	return doubt;
}

/* --- the fleet ----------------------------------------------------------------------------------
 */

/* Is the guard's word of any use here? One that is well asks nothing and is asked nothing. */
static bool
concerned(const struct world *w, const struct node *n)
{
	const struct judgement *j = &n->judgement;

	return w->conf.every || n->ladder.rung < w->ladder.n_rungs - 1 || j->score < j->calm ||
	       n->severity != SEVERITY_NONE || n->fault >= 0 || j->vital_failed || j->shared_bad ||
	       j->score < w->ladder.enter[RUNG_SILENT] || n->guard.severity != SEVERITY_NONE ||
	       n->guard.fault != 0 || n->session_lost || !mono_is_set(n->guard.born);
}

static void
ask_fleet(struct world *w, struct node *n)
{
	bool silent = n->ladder.rung == RUNG_SILENT;
	struct guard_out *g = &n->fleet;

	if (!concerned(w, n)) {
		g->next = MONO_FOREVER;
		return;
	}
	fleet_step(w, n,
	    (struct guard_in){.silent = silent,
		.discretionary = silent && n->ladder.chosen,
		.severity = n->severity,
		.fault = (uint8_t)(n->fault + 1)});
	if (w->conf.bent == BENT_GRANTS) {
		g->granted = n->severity >= SEVERITY_LOW && g->standing == FLEET_FRESH;
		g->back = false;
	}
	if (w->conf.bent == BENT_CASCADE)
		g->strained = RUNG_SILENT;
	if (w->conf.bent == BENT_NO_EMERGENCY)
		g->emergency = g->back = false;
}

static struct ladder_fleet
bound(const struct guard_out *g)
{
	return (struct ladder_fleet){.standing = g->standing,
	    .vital = g->vital,
	    .granted = g->granted,
	    .back = g->back,
	    .emergency = g->emergency,
	    .keep = g->keep,
	    .strained = g->strained,
	    .because = g->because};
}

/* Falls are told before they are made, climbs when they are proven. */
static void
tell(struct world *w, struct node *n)
{
	struct told t = n->told;

	if (!n->power)
		return;
	t.nonce = n->nonce;
	t.max_suspended = (uint16_t)w->guard.max_suspended;
	t.severity = n->guard.severity;
	t.fault = n->guard.fault;
	t.load = n->load;
	t.flags = n->guard.severity >= SEVERITY_LOW ? BEACON_WISHING : 0;
	if (judgement_is_overload(&n->judgement))
		t.flags |= BEACON_ABSORBING;
	if (n->wish > n->ladder.rung && !n->judgement.unknown)
		t.flags |= BEACON_CLIMBING;
	if (w->conf.bent == BENT_EAGER || (node_session(n) && n->proven == n->order))
		t.rung = (int8_t)n->order;
	else if (!node_session(n) || t.rung < 0)
		t.rung = RUNG_SILENT;
	else if (n->order < t.rung)
		t.rung = (int8_t)n->order;
	fleet_tell(w, n, t);
}

/* --- the decision -------------------------------------------------------------------------------
 */

/* The budget of routers is the one deadline that is rounded, by when it was asked for, to 2 ms.
 * Shortly before it every question is asked for real, so that it is asked for when it would be. */
enum { ALERT_US = 250000 };

static void
follow_budget(struct world *w, struct node *n, const struct ladder_out *out)
{
	struct mono alert = mono_add_us(out->next, -ALERT_US);
	bool waits = false, was = n->alert;

	for (int i = 0; i < out->n_limits; i++)
		waits |= out->limits[i].owner == OWNER_FLAP;
	n->alert = waits && !w->conf.every && !mono_before(w->now, alert);
	if (n->alert != was) {
		truth_begin(w, n);
		truth_end(w, n);
	}
	if (waits && !n->alert && !w->conf.every && out->next.us < INT64_MAX)
		n->decide_at = mono_min(n->decide_at, alert);
}

static struct ladder_out
step(struct world *w, struct node *n, const struct fact *facts)
{
	struct ladder_conf conf = w->ladder;
	struct ladder_in in = {.judgement = n->judgement,
	    .preflight = preflight(w, n, facts),
	    .proven = n->ladder.rung == n->order && node_session(n) ? n->proven : -1};
	struct ladder_out out;

	if (n->order == RUNG_SILENT)
		in.proven = RUNG_SILENT;
	if (w->conf.policy == POLICY_SILENT)
		conf.proven_alone = ALONE_SILENT;
	if (!policy_has_fleet(w->conf.policy))
		return ladder_step(&conf, n->ladder, &in, w->now);
	/* The guard is told the ladder's wish, and the ladder what the guard makes of that. */
	ask_fleet(w, n);
	in.fleet = bound(&n->fleet);
	out = ladder_step(&conf, n->ladder, &in, w->now);
	if (out.severity == n->severity && out.fault == n->fault)
		return out;
	n->severity = out.severity;
	n->fault = out.fault;
	ask_fleet(w, n);
	in.fleet = bound(&n->fleet);
	return ladder_step(&conf, n->ladder, &in, w->now);
}

static void
take(struct world *w, struct node *n, const struct ladder_out *out)
{
	/* The guard is told at once that the lane is silent, and of what sort: what it says of that
	 * is worth another turn. */
	n->dirty = out->moved || out->state.chosen != n->ladder.chosen;
	n->ladder = out->state;
	n->wish = out->wish;
	if (!out->moved)
		return;
	world_say(w, "node %d: score %d: %s", n->id, n->judgement.score, out->because);
	node_order(w, n, n->ladder.rung, out->rule);
}

void
decide(struct world *w, struct node *n)
{
	struct fact facts[MAX_CHECKS];
	struct ladder_out out;
	struct mono warm = mono_add_ms(n->warm_since, w->ladder.preflight_warm_ms);

	w->tally.decisions++;
	if (mono_is_set(n->doubt))
		targets_doubt(w, n, n->doubt);
	make_facts(w, n, facts);
	if (doubt_of(w, facts).us != n->doubt.us) {
		targets_doubt(w, n, doubt_of(w, facts));
		make_facts(w, n, facts);
	}
	n->judgement = judge_node(w, n, facts);
	out = step(w, n, facts);
	take(w, n, &out);
	n->decide_at = out.next;
	follow_budget(w, n, &out);
	if (policy_has_fleet(w->conf.policy)) {
		tell(w, n);
		n->decide_at = mono_min(n->decide_at, n->fleet.next);
	}
	if (mono_is_set(n->warm_since) && mono_before(w->now, warm))
		n->decide_at = mono_min(n->decide_at, warm);
	if (!mono_before(w->now, n->decide_at))
		n->decide_at = mono_add_us(w->now, 1000); /* the brain's shortest timer */
}
