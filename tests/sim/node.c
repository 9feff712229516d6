/*
 * node: what happens at one node between its truth and its routes.
 */
#include "bgpctl/site.h"
#include "healthd/load.h"
#include "tests/sim/chance.h"
#include "tests/sim/world.h"

enum {
	PROOF_US = 10000, /* from an order to BIRD's proof of it; docs/figures.md has 3 to 10 ms */
	WARM_MS = 300000, /* a cold cache is worth little for so long */
};

/* What of its clients' questions a node answers without upstream: from a warm cache, stale answers
 * among them, and from a cold one. Assumed, in the middle of what docs/figures.md has of outages.
 */
static const double stale_share = 0.85, cold_share = 0.30;

bool
node_session(const struct node *n)
{
	return n->power && n->off[FAULT_SESSION] == 0 && n->off[FAULT_CARRIER] == 0;
}

bool
node_upstream(const struct node *n)
{
	return !n->flap_lost && n->off[FAULT_CARRIER] == 0;
}

void
node_ability(struct world *w, struct node *n)
{
	int hung, serving = node_serving(w, n, &hung);
	double able = 0;

	if (node_session(n) && serving > 0 && n->off[FAULT_LOCAL] == 0) {
		able = (double)(serving - hung) / serving;
		if (!node_upstream(n) || n->off[FAULT_RECURSION])
			able *= n->warm ? stale_share : cold_share;
	}
	load_able(w, n, able);
}

void
node_alarm(struct world *w, struct node *n)
{
	int64_t due = INT64_MAX, at;

	if (n->brain) {
		due = targets_due(w, n);
		at = slots_due(w, n);
		due = at < due ? at : due;
		if (w->conf.policy == POLICY_CHECKER)
			due = n->ask_at < due ? n->ask_at : due;
		else if (n->decide_at.us < due)
			due = n->decide_at.us;
		if (n->dirty || n->dirty_fleet)
			due = w->now.us;
	}
	alarms_set(&w->alarms, n->id - 1, due < w->now.us ? w->now.us : due);
}

/* --- routes ----------------------------------------------------------------------------------- */

/* Until the world's routers have followed: bad news travel slower, since routers try all other ways
 * first. Assumed; the order of a node's own changes is kept. */
static int64_t
route_us(struct world *w, struct node *n, bool worse)
{
	uint64_t x = chance(w->s.seed, 21, (uint64_t)n->id, (uint64_t)n->route_at);
	int64_t at =
	    w->now.us + (worse ? chance_in(x, 200000, 3000000) : chance_in(x, 50000, 1000000));

	return at > n->route_at ? at : n->route_at + 1;
}

/* What is announced now follows from the order, the session and power. */
void
node_export(struct world *w, struct node *n)
{
	int rung = node_session(n) ? n->order : RUNG_SILENT;

	if (rung == n->exported)
		return;
	n->route_at = route_us(w, n, rung < n->exported);
	n->exported = rung;
	w->tally.changes++;
	happenings_put(&w->happenings, n->route_at, HAPPEN_ROUTE, n->id, 0, rung);
}

void
node_order(struct world *w, struct node *n, int rung, enum ladder_rule rule)
{
	int from = n->order;

	n->order = rung;
	n->proven = -1;
	n->rule = rule;
	n->order_at = w->now.us;
	node_export(w, n);
	happenings_put(&w->happenings, w->now.us + PROOF_US, HAPPEN_PROOF, n->id, 0, n->order_at);
	world_say(w, "node %d: %d -> %d by %s", n->id, from, rung, ladder_rule_name(rule));
	promise_moved(w, n, from, rule);
	w->digest = chance(
	    w->digest, (uint64_t)w->now.us, (uint64_t)n->id, (uint64_t)rung << 8 | (uint64_t)rule);
	w->decided++;
}

/* --- the plain checker ------------------------------------------------------------------------ */

/* What ExaBGP's healthcheck and its like do, with ExaBGP's defaults (healthcheck --help: interval
 * 5, fast-interval 1, rise 3, fall 3): one command that asks the service address for a name of the
 * world, announce after so many successes, withdraw after so many failures, ask faster while it is
 * not clear. It sees one answer at a time and no other node. */
enum { PLAIN_US = 5000000, PLAIN_FAST_US = 1000000, PLAIN_RISE = 3, PLAIN_FALL = 3 };

static bool
plain_asks(struct world *w, struct node *n)
{
	uint64_t x = chance(w->s.seed, 31, (uint64_t)n->id, (uint64_t)w->now.us);
	double silent = node_silent(n, w);

	return chance_part(x) >= silent && node_upstream(n) && n->off[FAULT_RECURSION] == 0 &&
	       n->off[FAULT_LOCAL] == 0;
}

static void
plain_run(struct world *w, struct node *n)
{
	bool up = n->order > RUNG_SILENT, ok;

	if (n->ask_at > w->now.us)
		return;
	ok = plain_asks(w, n);
	n->run = ok == up ? 0 : n->run + 1;
	if (n->run >= (up ? PLAIN_FALL : PLAIN_RISE)) {
		n->run = 0;
		node_order(w, n, up ? RUNG_SILENT : w->ladder.n_rungs - 1,
		    up ? RULE_VITAL_FALL : RULE_CLIMB);
	}
	n->ask_at = w->now.us + (n->run > 0 ? PLAIN_FAST_US : PLAIN_US);
}

/* --- life ------------------------------------------------------------------------------------- */

static void
brain_begin(struct world *w, struct node *n, bool forget)
{
	n->brain = true;
	n->nonce = (uint16_t)(n->nonce % 8191 + 1);
	n->guard = guard_init();
	n->fleet = (struct guard_out){0};
	n->severity = SEVERITY_NONE;
	n->fault = -1;
	n->doubt = MONO_NEVER;
	targets_begin(w, n, forget);
	n->ask_at = w->now.us + n->phase_us % PLAIN_FAST_US;
	n->dirty = n->dirty_fleet = true;
}

void
node_boot(struct world *w, struct node *n)
{
	if (n->power)
		return;
	n->power = true;
	n->warm = false;
	n->order = RUNG_SILENT;
	n->proven = RUNG_SILENT;
	n->ladder = ladder_init(&w->ladder, w->now);
	n->own_flap = (struct flap){.at = w->now};
	n->bad_since = w->now.us;
	happenings_put(
	    &w->happenings, w->now.us + WARM_MS * 1000, HAPPEN_WARM, n->id, 0, ++n->boots);
	brain_begin(w, n, true);
	slots_begin(w, n, false);
	node_ability(w, n);
	node_alarm(w, n);
}

void
node_stand(struct world *w, struct node *n)
{
	int best = w->ladder.n_rungs - 1;
	struct ladder saved = ladder_init(&w->ladder, w->now);

	saved.rung = (int8_t)best;
	saved.latch_until = MONO_NEVER;
	n->power = n->warm = true;
	n->order = n->proven = n->exported = best;
	n->order_at = n->route_at = w->now.us;
	n->ladder = ladder_adopt(&w->ladder, saved, best, true, w->now);
	n->own_flap = (struct flap){.at = w->now};
	slots_begin(w, n, true);
	brain_begin(w, n, true);
	node_ability(w, n);
	load_seen(w, n, best);
	node_alarm(w, n);
}

void
node_load(struct world *w, struct node *n)
{
	uint8_t load;

	if (!n->brain || w->conf.policy != POLICY_OURS)
		return;
	load = load_level(n->load, n->share < 1 ? n->share : 1);
	if (load == n->load)
		return;
	n->load = load;
	n->dirty = true;
	node_alarm(w, n);
}

void
node_off(struct world *w, struct node *n)
{
	n->power = n->brain = false;
	slots_off(w, n);
	n->order = RUNG_SILENT;
	n->proven = -1;
	n->ladder = ladder_init(&w->ladder, w->now);
	node_export(w, n);
	node_ability(w, n);
	fleet_tell(w, n, (struct told){.rung = -1});
	node_alarm(w, n);
}

/* Another brain, of what the one before saved; what stands is what BIRD and the gates show. */
void
node_brain_back(struct world *w, struct node *n)
{
	if (!n->power || n->brain)
		return;
	n->ladder = ladder_adopt(&w->ladder, n->ladder, n->order, true, w->now);
	if (n->ladder.rung != n->order)
		node_order(w, n, n->ladder.rung, RULE_ADOPT_FAILED);
	brain_begin(w, n, false);
	node_alarm(w, n);
}

void
node_run(struct world *w, struct node *n)
{
	bool any;

	alarms_set(&w->alarms, n->id - 1, INT64_MAX);
	w->tally.steps++;
	if (!n->brain)
		return;
	slots_run(w, n);
	any = targets_run(w, n);
	if (w->conf.policy == POLICY_CHECKER) {
		plain_run(w, n);
		n->dirty = n->dirty_fleet = false;
	} else if (any || n->dirty || n->dirty_fleet || !mono_before(w->now, n->decide_at)) {
		n->dirty = n->dirty_fleet = false;
		decide(w, n);
	}
	node_alarm(w, n);
}
