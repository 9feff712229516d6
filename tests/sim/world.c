/* world: one run, from a cold start to the end of its scenario. */
#include "tests/sim/world.h"

#include <stdarg.h>
#include <stdlib.h>

#include "bgpctl/site.h"
#include "lib/ensure.h"
#include "tests/sim/chance.h"

enum { START_MS = 5000, LOOK_US = 1000000, COUNT_FROM_MS = 30000, REST_MS = 60000 };

static const char *const policies[N_POLICIES] = {
    "checker", "alone", "alone_silent", "ours", "ours_unsized"};
static const char *const bents[N_BENTS] = {
    "", "always_grants", "no_emergency", "no_absorb", "no_brake", "cascades", "eager_beacons"};

const char *
policy_name(enum policy p)
{
	return policies[p];
}

const char *
bent_name(enum bent b)
{
	return bents[b];
}

void
world_say(struct world *w, const char *fmt, ...)
{
	va_list ap;

	if (w->conf.trace == NULL)
		return;
	fprintf(w->conf.trace, "%13.6f ", (double)(w->now.us - SIM_BEGIN_US) / 1e6);
	va_start(ap, fmt);
	vfprintf(w->conf.trace, fmt, ap);
	va_end(ap);
	fputc('\n', w->conf.trace);
}

/* The fleet's keys as the configuration has them, for a fleet of this size. */
static void
fleet_conf(struct world *w)
{
	struct site site = w->m->settings.site;

	site.fleet.size = w->s.nodes;
	w->poll_ms = site.fleet.poll_ms;
	w->guard = (struct guard_conf){.size = w->s.nodes,
	    .min_announcing = (int)site.fleet.min_announcing,
	    .max_suspended = site_budget(&site),
	    .settle_ms = site.fleet.settle_ms,
	    .view_max_age_ms = site.fleet.view_max_age_ms};
}

static void
nodes_init(struct world *w)
{
	size_t n = (size_t)w->s.nodes, t = (size_t)w->m->n_targets;

	w->nodes = calloc(n, sizeof(*w->nodes));
	w->targets = calloc(n * t, sizeof(*w->targets));
	ENSURE(w->nodes != NULL && w->targets != NULL);
	alarms_init(&w->alarms, w->s.nodes);
	for (int id = 1; id <= w->s.nodes; id++) {
		struct node *node = world_node(w, id);

		node->id = id;
		node->place = (id - 1) % w->s.places;
		node->region = node->place % w->s.regions;
		node->phase_us = chance_in(chance(w->s.seed, 61, (uint64_t)id, 0), 0, 9999999);
		node->targets = &w->targets[(size_t)(id - 1) * t];
		node->proven = -1;
		node->load = BEACON_LOAD_UNKNOWN;
		for (int i = 0; i <= MAX_ENGINES; i++)
			node->slots[i].next_at = node->slots[i].dies_at = INT64_MAX;
	}
}

static void
nodes_begin(struct world *w)
{
	for (int id = 1; id <= w->s.nodes; id++) {
		int64_t after =
		    chance_in(chance(w->s.seed, 62, (uint64_t)id, 0), 0, START_MS * 1000);

		if (w->s.cold)
			happenings_put(&w->happenings, w->now.us + after, HAPPEN_BOOT, id, 0, 0);
		else
			node_stand(w, world_node(w, id));
	}
}

static void
happen_node(struct world *w, const struct happening *h)
{
	struct node *n = world_node(w, h->a);

	switch (h->what) {
	case HAPPEN_ROUTE:
		if (h->at == n->route_at)
			load_seen(w, n, (int)h->data);
		break;
	case HAPPEN_PROOF:
		if (h->data == n->order_at && node_session(n)) {
			n->proven = n->order;
			n->dirty = true;
			node_alarm(w, n);
		}
		break;
	case HAPPEN_BOOT:
		if (n->off[FAULT_POWER] == 0)
			node_boot(w, n);
		break;
	case HAPPEN_BRAIN:
		node_brain_back(w, n);
		break;
	case HAPPEN_LOAD:
		if (h->data == n->load_at)
			node_load(w, n);
		break;
	case HAPPEN_WARM:
		if (n->power && h->data == n->boots) {
			n->warm = true;
			node_ability(w, n);
		}
		break;
	default:
		break;
	}
}

static void
happen(struct world *w, const struct happening *h)
{
	switch ((enum happening_kind)h->what) {
	case HAPPEN_FAULT_ON:
	case HAPPEN_FAULT_OFF:
		w->disturbed_at = w->now.us;
		fault_turn(w, h->a, h->what == HAPPEN_FAULT_ON);
		break;
	case HAPPEN_FLAP:
		w->disturbed_at = w->now.us;
		fault_flap(w, h->a, h->data != 0);
		break;
	case HAPPEN_BEACON:
		fleet_beacon(w, h->a, h->b, h->data);
		break;
	case HAPPEN_READ:
		fleet_read(w, h->a);
		break;
	case HAPPEN_CUT:
		w->disturbed_at = w->now.us;
		fleet_cut_group(w, h->a);
		break;
	case HAPPEN_LOOK:
		promises_check(w);
		happenings_put(&w->happenings, w->now.us + LOOK_US, HAPPEN_LOOK, 0, 0, 0);
		break;
	case HAPPEN_ROUTE:
	case HAPPEN_PROOF:
	case HAPPEN_BOOT:
	case HAPPEN_BRAIN:
	case HAPPEN_WARM:
	case HAPPEN_LOAD:
		happen_node(w, h);
		break;
	}
}

static bool
all_full(const struct world *w)
{
	for (int i = 0; i < w->s.nodes; i++)
		if (w->nodes[i].seen != w->ladder.n_rungs - 1)
			return false;
	return true;
}

/* All is over: the faults, and what came of them; or the time that everything may take. */
static bool
at_end(struct world *w)
{
	int64_t quiet = scenario_quiet_ms(&w->s), ms = world_ms(w);

	if (w->conf.stop && w->breach.promise != NULL)
		return true;
	if (w->s.end_ms > 0)
		return ms >= w->s.end_ms;
	if (ms < quiet + REST_MS || ms < COUNT_FROM_MS)
		return false;
	if (w->conf.horizon_ms > 0 && ms >= quiet + w->conf.horizon_ms)
		return true;
	return all_full(w) || ms >= quiet + promise_recovery_ms(w);
}

static void
go(struct world *w)
{
	bool counting = false;

	while (!at_end(w)) {
		int node = alarms_first(&w->alarms);
		int64_t wakes = w->alarms.at[node], happens = happenings_at(&w->happenings);

		if (!counting && world_ms(w) >= COUNT_FROM_MS) {
			struct tally_of_run t = w->tally;

			load_count(w);
			counting = true;
			w->tally = (struct tally_of_run){.decisions = t.decisions,
			    .samples = t.samples,
			    .steps = t.steps,
			    .guards = t.guards};
			load_route(w);
		}
		w->now.us = wakes < happens ? wakes : happens;
		ENSURE(w->now.us < INT64_MAX);
		if (happens <= wakes) {
			struct happening h = happenings_take(&w->happenings);

			happen(w, &h);
		} else {
			node_run(w, world_node(w, node + 1));
		}
	}
	load_count(w);
	promises_end(w);
}

void
world_run(
    struct world *w, const struct scenario *s, const struct run_conf *conf, const struct model *m)
{
	*w = (struct world){.s = *s, .conf = *conf, .m = m, .now = {SIM_BEGIN_US}};
	w->ladder = m->settings.ladder;
	w->digest = s->seed;
	fleet_conf(w);
	nodes_init(w);
	fleet_init(w);
	load_init(w);
	faults_init(w);
	nodes_begin(w);
	happenings_put(&w->happenings, w->now.us + LOOK_US, HAPPEN_LOOK, 0, 0, 0);
	go(w);
}

void
world_free(struct world *w)
{
	fleet_fini(w);
	load_fini(w);
	alarms_fini(&w->alarms);
	happenings_fini(&w->happenings);
	free(w->nodes);
	free(w->targets);
}
