/*
 * load: where clients' questions go, and what becomes of them.
 *
 * Clients take the shortest way: the distance, and what the rung's prepended ASs add to it. Regions
 * are a circle of radius 1 apart, the places of one within a third of that; `pull` is how far one
 * prepended AS is, in percent of the radius (large: rungs before distance, as local preference has
 * it inside one AS). Nodes of one place on one rung share. What is over a node's capacity is lost,
 * and so is what it cannot answer. Sums are kept by place and rung.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/chance.h"
#include "tests/sim/world.h"

enum {
	LOAD_US = 1500000,	  /* from a change of load to the brain's knowing: two looks */
	DROPS_OF_CAPACITY = 20000 /* questions a second that a node can answer */
};

static void
place_init(struct world *w, int p)
{
	struct place *place = &w->places[p];
	uint64_t x = chance(w->s.seed, 41, (uint64_t)p, 0);
	double turn = 6.2831853 * ((p % w->s.regions) + 0.3 * chance_part(x)) / w->s.regions;

	*place = (struct place){.x = cos(turn), .y = sin(turn)};
	place->load = 0.5 + 1.5 * chance_part(chance_mix(x));
	place->members = malloc((size_t)w->s.nodes * sizeof(int));
}

static double
distance(const struct place *a, const struct place *b)
{
	return hypot(a->x - b->x, a->y - b->y);
}

/* A handful of places: sorted by insertion, ties by number. */
static void
place_order(struct world *w, int p)
{
	struct place *place = &w->places[p];

	for (int q = 0; q < w->s.places; q++) {
		int i = q;
		double far = q == p ? 0 : distance(place, &w->places[q]);

		for (; i > 0 && place->far[i - 1] > far; i--) {
			place->order[i] = place->order[i - 1];
			place->far[i] = place->far[i - 1];
		}
		place->order[i] = q;
		place->far[i] = far;
	}
}

void
load_init(struct world *w)
{
	w->factor = 1;
	w->load = 0;
	for (int r = 1; r < w->ladder.n_rungs; r++)
		w->handicap[r] = (double)w->m->settings.site.rungs[r].prepend * w->s.pull / 100;
	for (int p = 0; p < w->s.places; p++)
		place_init(w, p);
	for (int id = 1; id <= w->s.nodes; id++) {
		struct place *place = &w->places[world_node(w, id)->place];

		place->members[place->n_members++] = id;
		place->count[0]++;
	}
	for (int p = 0; p < w->s.places; p++) {
		struct place *place = &w->places[p];

		place->load *= place->n_members;
		place->capacity = place->load * w->s.spare / 100 / place->n_members;
		w->load += place->load;
		place_order(w, p);
	}
	w->ability_count[0] = w->s.nodes;
	w->silent = w->s.nodes;
	w->counted_at = w->now.us;
	load_route(w);
}

void
load_fini(struct world *w)
{
	for (int p = 0; p < w->s.places; p++)
		free(w->places[p].members);
}

void
load_count(struct world *w)
{
	double s = (double)(w->now.us - w->counted_at) / 1e6;

	if (s <= 0)
		return;
	w->tally.asked += s * w->load * w->factor;
	w->tally.lost += s * w->rate_lost;
	w->tally.avoidable += s * w->rate_avoidable;
	w->tally.suspended_s += s * w->silent;
	w->tally.node_s += s * w->s.nodes;
	w->tally.zero_s += w->announcing == 0 ? s : 0;
	w->counted_at = w->now.us;
}

/* What a node feels of its load: lost questions, pressure, drops. Pressure begins at four fifths of
 * the capacity and is total at one and a half. Assumed. */
static bool
feels(struct world *w, struct node *n, double share, bool loaded)
{
	int silent64 = share > 1 ? (int)lround(64 * (1 - 1 / share)) : 0;
	int cpu = share > 0.8 ? (int)lround((share - 0.8) * 142) : 0;
	int drops = share > 1 ? (int)lround((share - 1) * DROPS_OF_CAPACITY) : 0;

	cpu = cpu > 100 ? 100 : cpu;
	if (share != n->share) {
		n->share = share;
		n->load_at = w->now.us;
		happenings_put(
		    &w->happenings, w->now.us + LOAD_US, HAPPEN_LOAD, n->id, 0, n->load_at);
	}
	if (silent64 == n->silent64 && cpu == n->cpu && drops == n->drops && loaded == n->loaded)
		return false;
	if (n->power)
		truth_begin(w, n);
	if (silent64 > 0 || n->silent64 > 0)
		n->pressed_at = w->now.us;
	if (silent64 > 0 && n->silent64 == 0)
		n->burdened_since = w->now.us;
	n->silent64 = (uint8_t)silent64;
	n->cpu = (int16_t)cpu;
	n->drops = drops;
	if (n->loaded != loaded) {
		n->loaded = loaded;
		if (n->off[FAULT_PACKET] && n->power)
			slots_mortal(w, n);
	}
	if (n->power)
		truth_end(w, n);
	return true;
}

static void
place_feels(struct world *w, struct place *place)
{
	double share[MAX_RUNGS] = {0};

	for (int r = 1; r < w->ladder.n_rungs; r++) {
		if (place->count[r] > 0)
			share[r] = place->asked[r] / place->count[r] / place->capacity;
		if (share[r] > w->tally.worst)
			w->tally.worst = share[r];
	}
	for (int i = 0; i < place->n_members; i++) {
		struct node *n = world_node(w, place->members[i]);

		feels(w, n, share[n->seen], share[n->seen] > 0);
	}
}

static double
possible(const struct world *w)
{
	int top = 100;
	double most = w->load * w->factor;

	while (top > 0 && w->ability_count[top] == 0)
		top--;
	most *= top / 100.0;
	return w->able_capacity < most ? w->able_capacity : most;
}

static void
rates(struct world *w)
{
	double answered = 0, all = w->load * w->factor;

	for (int p = 0; p < w->s.places; p++) {
		const struct place *place = &w->places[p];

		for (int r = 1; r < w->ladder.n_rungs; r++) {
			double each;

			if (place->count[r] == 0)
				continue;
			each = place->asked[r] / place->count[r];
			each = each < place->capacity ? each : place->capacity;
			answered += each * place->ability[r];
		}
	}
	w->rate_lost = all > answered ? all - answered : 0;
	w->rate_avoidable = possible(w) > answered ? possible(w) - answered : 0;
}

/* Where the clients of place c go: by the length of the way, each prepended AS as long as `pull`
 * says; the nearer place where two are alike. */
static void
route_place(struct world *w, int c)
{
	const struct place *from = &w->places[c];
	double least = INFINITY;
	int to = -1, rung = 0;

	for (int i = 0; i < w->s.places; i++) {
		const struct place *p = &w->places[from->order[i]];

		if (from->far[i] >= least)
			break; /* all others are farther still */
		for (int r = w->ladder.n_rungs - 1; r > 0; r--) {
			double cost = from->far[i] + w->handicap[r];

			if (p->count[r] == 0 || cost >= least)
				continue;
			least = cost;
			to = from->order[i];
			rung = r;
		}
	}
	if (to >= 0)
		w->places[to].asked[rung] += from->load * w->factor;
}

/* Clients anew, and what the nodes feel of it. */
void
load_route(struct world *w)
{
	load_count(w);
	for (int p = 0; p < w->s.places; p++)
		memset(w->places[p].asked, 0, sizeof(w->places[p].asked));
	for (int c = 0; c < w->s.places; c++)
		route_place(w, c);
	rates(w);
	for (int p = 0; p < w->s.places; p++)
		place_feels(w, &w->places[p]);
}

void
load_seen(struct world *w, struct node *n, int rung)
{
	struct place *place = &w->places[n->place];

	load_count(w);
	place->count[n->seen]--;
	place->ability[n->seen] -= n->ability;
	w->announcing += (rung > 0) - (n->seen > 0);
	w->silent += (rung == 0) - (n->seen == 0);
	n->seen = rung;
	place->count[rung]++;
	place->ability[rung] += n->ability;
	load_route(w);
}

static int
percent(double ability)
{
	return (int)lround(100 * ability);
}

void
load_able(struct world *w, struct node *n, double ability)
{
	struct place *place = &w->places[n->place];

	if (ability == n->ability)
		return;
	load_count(w);
	w->ability_count[percent(n->ability)]--;
	w->ability_count[percent(ability)]++;
	w->able_capacity += place->capacity * (ability - n->ability);
	place->ability[n->seen] += ability - n->ability;
	n->ability = ability;
	rates(w);
}
