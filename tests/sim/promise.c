/*
 * promise: what must hold in every world, judged by what nodes do and by the world's truth; nothing
 * here asks the code that decides. Moves and beacons are judged when they are made, what has to
 * last or to end is looked at each second.
 *
 * Only our own policy promises anything: baselines are counted, not judged.
 */
#include <stdarg.h>
#include <string.h>

#include "bgpctl/site.h"
#include "tests/sim/world.h"

enum promise {
	P_ANNOUNCED,
	P_BUDGET,
	P_BUDGET_FALL,
	P_CLAIM,
	P_RECOVERS,
	P_ROUTERS,
	P_REASON,
	P_UPSTREAM,
	P_OVERLOAD,
	P_HOLE,
	P_REGION,
	P_BORNE,
	N_PROMISES
};

static const char *const names[N_PROMISES + 1] = {
    [P_ANNOUNCED] = "somebody_announces",
    [P_BUDGET] = "budget_is_kept",
    [P_BUDGET_FALL] = "budget_at_each_fall",
    [P_CLAIM] = "no_claim_beyond_proof",
    [P_RECOVERS] = "all_is_well_again",
    [P_ROUTERS] = "routers_keep_patience",
    [P_REASON] = "silent_by_rule",
    [P_UPSTREAM] = "upstream_never_silences",
    [P_OVERLOAD] = "overload_never_silences",
    [P_HOLE] = "holes_are_closed",
    [P_REGION] = "region_keeps_one",
    [P_BORNE] = "overload_is_borne",
};

enum {
	GRACE_MS = 10000, /* an able node is given so long to announce where nobody does */
	HOLE_MS = 30000,  /* one that answers nothing, to leave it to others */
	KNOWN_MS = 10000, /* overload that has lasted so long is known to all */
	ILL_MS = 60000,	  /* what was wrong here so long ago may still be a reason */
};

const char *
promise_name(int n)
{
	return n >= 0 && n < N_PROMISES ? names[n] : NULL;
}

/* The one that this run looks for; without one, any. */
static bool
promise_wanted(const struct world *w, enum promise p)
{
	return w->s.expect[0] == '\0' || strcmp(w->s.expect, names[p]) == 0;
}

static void __attribute__((format(printf, 4, 5)))
broken(struct world *w, enum promise p, int node, const char *fmt, ...)
{
	va_list ap;

	if (!policy_has_fleet(w->conf.policy) || w->broken >> p & 1)
		return;
	w->broken |= 1U << p;
	if (w->breach.promise != NULL || !promise_wanted(w, p))
		return;
	w->breach.promise = names[p];
	w->breach.at_ms = world_ms(w);
	w->breach.node = node;
	va_start(ap, fmt);
	vsnprintf(w->breach.text, sizeof(w->breach.text), fmt, ap);
	va_end(ap);
	world_say(w, "BROKEN %s: %s", names[p], w->breach.text);
}

/* --- truth, as a person with eyes everywhere sees it --------------------------------------------
 */

static bool
any_on(const struct world *w, enum fault_kind kind)
{
	for (int i = 0; i < w->s.n_faults; i++) {
		const struct fault *f = &w->s.faults[i];
		int64_t ms = world_ms(w);

		if (f->kind == kind && ms >= f->from_ms &&
		    ms < f->to_ms + w->guard.settle_ms + 2 * w->poll_ms)
			return true;
	}
	return false;
}

/* Could it serve by itself, as its own vital checks would have it? */
static bool
able(const struct world *w, const struct node *n)
{
	int hung, serving = node_serving(w, n, &hung);

	return n->brain && node_session(n) && n->off[FAULT_BIRD] == 0 && n->off[FAULT_LOCAL] == 0 &&
	       n->roster.ready >= w->m->settings.workers.min_ready && serving > 0 && hung == 0 &&
	       n->silent64 == 0;
}

/* Something at this node itself is wrong. */
static bool
ill(const struct node *n)
{
	return n->off[FAULT_RECURSION] || n->off[FAULT_LOCAL] || n->off[FAULT_CRASH] ||
	       n->off[FAULT_HANG] || n->off[FAULT_RELEASE] || n->off[FAULT_PACKET] ||
	       n->off[FAULT_CARRIER] || n->off[FAULT_POWER];
}

static int
announcers(const struct world *w, int region)
{
	int n = 0;

	for (int i = 0; i < w->s.nodes; i++)
		n += w->nodes[i].exported > RUNG_SILENT &&
		     (region < 0 || w->nodes[i].region == region);
	return n;
}

static int
suspended(const struct world *w, int *chosen)
{
	int n = 0;

	*chosen = 0;
	for (int i = 0; i < w->s.nodes; i++) {
		const struct node *node = &w->nodes[i];

		n += node->order == RUNG_SILENT;
		*chosen += node->order == RUNG_SILENT && node->ladder.chosen && node->power;
	}
	return n;
}

/* Nothing has happened for so long that every node knows of it. */
static bool
at_rest(const struct world *w)
{
	return w->now.us - w->disturbed_at > (3 * w->guard.settle_ms + 2 * w->poll_ms) * 1000 &&
	       !any_on(w, FAULT_PARTITION) && !any_on(w, FAULT_LIE) && !any_on(w, FAULT_BIRD);
}

/* --- at each move -------------------------------------------------------------------------------
 */

static void
judge_routers(struct world *w, struct node *n, int from, enum ladder_rule rule)
{
	const struct flap_conf *f = &w->ladder.flap;
	double before = flap_estimate(f, n->own_flap, w->now);
	double after = before + (double)flap_cost(f, from, n->order);

	n->own_flap = flap_charge(f, n->own_flap, from, n->order, w->now);
	if (rule == RULE_CLIMB && after > (double)f->limit + 1)
		broken(w, P_ROUTERS, n->id,
		    "node %d climbs to rung %d: routers have %.0f on record", n->id, n->order,
		    after);
}

static void
judge_silence(struct world *w, struct node *n, int from, enum ladder_rule rule)
{
	bool was_ill = ill(n) || (n->bad_since > 0 && w->now.us - n->bad_since < ILL_MS * 1000);
	bool pressed =
	    n->silent64 > 0 || (n->pressed_at > 0 && w->now.us - n->pressed_at < ILL_MS * 1000);
	int chosen, all = suspended(w, &chosen);

	if (rule != RULE_VITAL_FALL && rule != RULE_PROVEN_FALL && rule != RULE_ADOPT_FAILED)
		broken(
		    w, P_REASON, n->id, "node %d is silent by %s", n->id, ladder_rule_name(rule));
	if (rule == RULE_PROVEN_FALL && from != RUNG_DRAIN)
		broken(w, P_REASON, n->id, "node %d is silent by proof from rung %d", n->id, from);
	if (!was_ill && !pressed && rule != RULE_ADOPT_FAILED)
		broken(
		    w, P_UPSTREAM, n->id, "node %d is silent, and nothing is wrong there", n->id);
	if (!was_ill && pressed)
		broken(w, P_OVERLOAD, n->id, "node %d is silent, and only overloaded", n->id);
	if (rule != RULE_PROVEN_FALL || !at_rest(w))
		return;
	if (all > w->guard.max_suspended)
		broken(w, P_BUDGET_FALL, n->id,
		    "node %d is silent by choice: %d are, of %d allowed", n->id, all,
		    w->guard.max_suspended);
	if (w->s.regions > 1 && announcers(w, n->region) == 0)
		broken(w, P_REGION, n->id, "node %d was the last of region %d", n->id, n->region);
}

/* Whom overload alone takes down leaves somebody on its rung or a better one who is not
 * overloaded. */
static void
judge_borne(struct world *w, struct node *n, int from)
{
	bool was_ill = ill(n) || (n->bad_since > 0 && w->now.us - n->bad_since < ILL_MS * 1000);

	if (was_ill || n->silent64 == 0 || !node_upstream(n) || !at_rest(w))
		return;
	for (int i = 0; i < w->s.nodes; i++) {
		const struct node *other = &w->nodes[i];

		if (other != n && other->exported >= from &&
		    (other->silent64 == 0 || w->now.us - other->burdened_since < KNOWN_MS * 1000))
			return;
	}
	broken(w, P_BORNE, n->id, "node %d falls from rung %d for overload; all others have it",
	    n->id, from);
}

void
promise_moved(struct world *w, struct node *n, int from, enum ladder_rule rule)
{
	if (!policy_has_fleet(w->conf.policy))
		return;
	judge_routers(w, n, from, rule);
	if (rule == RULE_SCORE_FALL)
		judge_borne(w, n, from);
	if (n->order == RUNG_SILENT && from > RUNG_SILENT)
		judge_silence(w, n, from, rule);
	/* Vital falls and returns are others' doing to whoever counts the budget. */
	if (rule != RULE_PROVEN_FALL && (n->order == RUNG_SILENT || from == RUNG_SILENT))
		w->disturbed_at = w->now.us;
}

void
promise_told(struct world *w, struct node *n)
{
	if (n->off[FAULT_LIE] == 0 && n->told.rung > n->exported)
		broken(w, P_CLAIM, n->id, "node %d says rung %d and announces %d", n->id,
		    n->told.rung, n->exported);
}

/* --- each second --------------------------------------------------------------------------------
 */

static void
note(const struct world *w, struct node *n)
{
	int hung, serving = node_serving(w, n, &hung);

	if (!able(w, n))
		n->able_since = w->now.us;
	if (ill(n))
		n->bad_since = w->now.us;
	/* It announces, and answers nothing. */
	if (n->exported == RUNG_SILENT || (serving > hung && n->off[FAULT_LOCAL] == 0) || !n->brain)
		n->idle_since = w->now.us;
}

/* How long an able node may take where nobody announces: the emergency wait that relapses earned
 * it; where a beacon lies that somebody does, the ordinary holds. */
static int64_t
grace_ms(const struct world *w, const struct node *n)
{
	int64_t ms = GRACE_MS + n->ladder.emergency_wait_ms;

	if (any_on(w, FAULT_LIE))
		ms += 2 * w->ladder.hold_cap_ms;
	return ms;
}

static void
judge_announced(struct world *w)
{
	if (announcers(w, -1) > 0) {
		w->zero_since = w->now.us;
		return;
	}
	for (int i = 0; i < w->s.nodes; i++) {
		const struct node *n = &w->nodes[i];
		int64_t since = n->able_since > w->zero_since ? n->able_since : w->zero_since;

		if (w->now.us - since > grace_ms(w, n) * 1000)
			broken(w, P_ANNOUNCED, n->id,
			    "nobody announces, and node %d could for %lld s", n->id,
			    (long long)((w->now.us - since) / 1000000));
	}
}

static void
judge_budget(struct world *w)
{
	int chosen, all = suspended(w, &chosen);

	if (chosen == 0 || all <= w->guard.max_suspended || !at_rest(w))
		w->over_since = w->now.us;
	if (w->now.us - w->over_since > 2 * w->guard.settle_ms * 1000)
		broken(w, P_BUDGET, 0, "%d are silent, %d of them by choice, of %d allowed", all,
		    chosen, w->guard.max_suspended);
}

static void
judge_holes(struct world *w)
{
	int others = 0;

	for (int i = 0; i < w->s.nodes; i++)
		others += w->nodes[i].exported > RUNG_SILENT && w->nodes[i].ability > 0.5;
	if (others == 0 || !at_rest(w))
		w->hole_since = w->now.us;
	for (int i = 0; i < w->s.nodes; i++) {
		const struct node *n = &w->nodes[i];
		int64_t since = n->idle_since > w->hole_since ? n->idle_since : w->hole_since;

		if (w->now.us - since > HOLE_MS * 1000)
			broken(w, P_HOLE, n->id, "node %d announces and answers nothing for %lld s",
			    n->id, (long long)((w->now.us - since) / 1000000));
	}
}

void
promises_check(struct world *w)
{
	if (!policy_has_fleet(w->conf.policy))
		return;
	for (int i = 0; i < w->s.nodes; i++)
		note(w, &w->nodes[i]);
	judge_announced(w);
	judge_budget(w);
	judge_holes(w);
}

/* Holds at their longest for each rung, the budget of routers, crash loops, the brake. */
int64_t
promise_recovery_ms(const struct world *w)
{
	return (w->ladder.n_rungs - 1) * w->ladder.hold_cap_ms + 2 * w->ladder.flap.half_life_ms +
	       w->ladder.latch_ms + w->m->settings.workers.quarantine_ms + 60000;
}

void
promises_end(struct world *w)
{
	bool judged =
	    w->s.end_ms == 0 && world_ms(w) >= scenario_quiet_ms(&w->s) + promise_recovery_ms(w);

	for (int i = 0; judged && i < w->s.nodes; i++) {
		const struct node *n = &w->nodes[i];

		if (n->seen != w->ladder.n_rungs - 1)
			broken(w, P_RECOVERS, n->id,
			    "node %d is at rung %d, %lld s after all faults", n->id, n->seen,
			    (long long)(world_ms(w) - scenario_quiet_ms(&w->s)) / 1000);
	}
}
