/*
 * decide: from windows to a rung, as the brain does it: tally, facts_absorb, judge, guard, ladder.
 */
#include <string.h>

#include "bgpctl/site.h"
#include "tests/sim/world.h"

/* --- what the decision is made of --------------------------------------------------------------- */

static bool
seen_by_us(const struct world *w, const struct node *n, const struct sim_check *c)
{
	(void)w;
	for (int t = c->first; t < c->first + c->n; t++)
		if (!n->targets[t].seen && n->targets[t].window.verdict != VERDICT_IDLE)
			return false;
	return true;
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
		facts_absorb(facts, w->m->n_checks, roster_starved(&n->roster, w->now));
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

/* --- the fleet ---------------------------------------------------------------------------------- */

static uint8_t
severity_of(const struct world *w, const struct node *n, const struct judgement *j)
{
	bool braked = mono_before(w->now, n->ladder.latch_until);

	if (j->vital_failed)
		return SEVERITY_VITAL;
	if (n->ladder.rung > RUNG_DRAIN || j->empty || j->score >= w->ladder.enter[RUNG_SILENT] ||
	    !j->proven || j->overload || j->absorbed || braked)
		return SEVERITY_NONE;
	return 2 * j->score < w->ladder.enter[RUNG_SILENT] ? SEVERITY_HIGH : SEVERITY_LOW;
}

static uint8_t
fault_of(const struct world *w, const struct fact *facts)
{
	for (int i = 0; i < w->m->n_checks; i++)
		if (facts[i].class == CLASS_SHARED && facts[i].verdict == VERDICT_FAIL)
			return (uint8_t)(i + 1);
	return 0;
}

/* Is the guard's word of any use here? One that is well asks nothing and is asked nothing. */
static bool
concerned(const struct world *w, const struct node *n, uint8_t severity, uint8_t fault)
{
	return w->conf.every || n->ladder.rung == RUNG_SILENT || severity != SEVERITY_NONE ||
	       fault != 0 || n->guard.severity != SEVERITY_NONE || n->guard.fault != 0 ||
	       n->session_lost || !mono_is_set(n->guard.born);
}

static void
ask_fleet(struct world *w, struct node *n, const struct judgement *j, const struct fact *facts)
{
	uint8_t severity = severity_of(w, n, j), fault = fault_of(w, facts);
	bool silent = n->ladder.rung == RUNG_SILENT;

	if (!concerned(w, n, severity, fault)) {
		n->fleet.next = MONO_FOREVER;
		return;
	}
	fleet_step(w, n,
	    (struct guard_in){.silent = silent,
		.discretionary = silent && n->discretionary && !j->vital_failed,
		.severity = severity,
		.fault = fault});
	if (w->conf.bent == BENT_GRANTS) {
		n->fleet.granted = severity >= SEVERITY_LOW;
		n->fleet.back = false;
	}
	if (w->conf.bent == BENT_NO_EMERGENCY)
		n->fleet.emergency = n->fleet.back = false;
	if (w->conf.bent == BENT_NO_SETTLE && severity >= SEVERITY_LOW && !silent)
		n->fleet.granted |= n->fleet.standing == FLEET_FRESH &&
				    n->fleet.rank < n->fleet.budget && n->fleet.announcing > 0;
}

/* What the guard says, in the words that the ladder has. */
static void
bind(const struct world *w, const struct node *n, struct ladder_conf *conf, struct limit *keep)
{
	const struct guard_out *g = &n->fleet;
	bool fresh = g->standing == FLEET_FRESH;

	conf->alone = g->emergency || g->back;
	conf->proven_alone = g->granted && !g->back ? ALONE_SILENT : ALONE_DRAIN;
	if (n->ladder.rung == RUNG_SILENT && n->discretionary && !g->back)
		conf->proven_alone = ALONE_SILENT;
	if (fresh)
		conf->vital_alone = g->vital || g->granted ? ALONE_SILENT : ALONE_DRAIN;
	*keep = (struct limit){.set = g->keep, .owner = OWNER_FLEET, .sort = LIMIT_FLOOR,
	    .rung = (int8_t)(n->ladder.rung > RUNG_SILENT ? n->ladder.rung : RUNG_SILENT)};
	(void)w;
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
	t.flags = n->guard.severity >= SEVERITY_LOW ? BEACON_WISHING : 0;
	if (w->conf.bent == BENT_EAGER || (node_session(n) && n->proven == n->order))
		t.rung = (int8_t)n->order;
	else if (!node_session(n) || t.rung < 0)
		t.rung = RUNG_SILENT;
	else if (n->order < t.rung)
		t.rung = (int8_t)n->order;
	fleet_tell(w, n, t);
}

/* --- the decision ------------------------------------------------------------------------------- */

static void
wake(struct node *n, struct mono at)
{
	if (mono_is_set(at))
		n->decide_at = mono_min(n->decide_at, at);
}

/* The budget of routers is the one deadline that is rounded, by when it was asked for, to 2 ms. Shortly
 * before it every question is asked for real, so that it is asked for when it would be. */
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
	struct limit keep = {0};
	struct ladder_in in = {.judgement = n->judgement,
	    .preflight = preflight(w, n, facts),
	    .proven = n->ladder.rung == n->order && node_session(n) ? n->proven : -1,
	    .limits = &keep,
	    .n_limits = 1};
	struct ladder_out out;

	if (n->order == RUNG_SILENT)
		in.proven = RUNG_SILENT;
	if (w->conf.policy == POLICY_SILENT)
		conf.proven_alone = ALONE_SILENT;
	if (w->conf.policy == POLICY_OURS)
		bind(w, n, &conf, &keep);
	out = ladder_step(&conf, n->ladder, &in, w->now);
	n->ladder = out.state;
	return out;
}

static void
take(struct world *w, struct node *n, const struct ladder_out *out)
{
	if (!out->moved)
		return;
	if (n->ladder.rung == RUNG_SILENT)
		n->discretionary = out->rule == RULE_PROVEN_FALL;
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
	if (doubt_of(w, facts).us != n->doubt.us)
		targets_doubt(w, n, doubt_of(w, facts));
	make_facts(w, n, facts);
	n->judgement = judge_node(w, n, facts);
	if (w->conf.policy == POLICY_OURS)
		ask_fleet(w, n, &n->judgement, facts);
	out = step(w, n, facts);
	take(w, n, &out);
	if (w->conf.policy == POLICY_OURS)
		tell(w, n);
	n->decide_at = out.next;
	follow_budget(w, n, &out);
	if (w->conf.policy == POLICY_OURS)
		wake(n, n->fleet.next);
	if (mono_is_set(n->warm_since) && mono_before(w->now, warm))
		wake(n, warm);
	if (!mono_before(w->now, n->decide_at))
		n->decide_at = mono_add_us(w->now, 1000); /* the brain's shortest timer */
}
