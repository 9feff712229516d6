/*
 * load: where clients' questions go, and what becomes of them.
 *
 * A client's routers take the best rung that anybody announces, then the nearest place; nodes of
 * one place that stand on it share. What is over a node's capacity is lost, and so is what it
 * cannot answer. Sums are kept by place and rung, so that one change costs a look at the places.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/chance.h"
#include "tests/sim/world.h"

enum { DROPS_OF_CAPACITY = 20000 /* questions a second that a node can answer */ };

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
		double far = q == p ? -1 : distance(place, &w->places[q]);

		while (i > 0) {
			int o = place->order[i - 1];

			if ((o == p ? -1 : distance(place, &w->places[o])) <= far)
				break;
			place->order[i] = o;
			i--;
		}
		place->order[i] = q;
	}
}

void
load_init(struct world *w)
{
	w->factor = 1;
	w->load = 0;
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

static int
best_rung(const struct world *w)
{
	for (int r = w->ladder.n_rungs - 1; r > 0; r--)
		for (int p = 0; p < w->s.places; p++)
			if (w->places[p].count[r] > 0)
				return r;
	return 0;
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
	if (silent64 == n->silent64 && cpu == n->cpu && drops == n->drops && loaded == n->loaded)
		return false;
	if (n->power)
		truth_begin(w, n);
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
place_feels(struct world *w, struct place *place, int best)
{
	double each = best > 0 && place->count[best] > 0 ? place->asked / place->count[best] : 0;
	double share = each / place->capacity;

	if (share > w->tally.worst && w->now.us > SIM_BEGIN_US + 240000000)
		w->tally.worst = share;
	for (int i = 0; i < place->n_members; i++) {
		struct node *n = world_node(w, place->members[i]);
		bool serves = best > 0 && n->seen == best && each > 0;

		feels(w, n, serves ? share : 0, serves);
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
rates(struct world *w, int best)
{
	double answered = 0, all = w->load * w->factor;

	for (int p = 0; p < w->s.places && best > 0; p++) {
		const struct place *place = &w->places[p];
		double each;

		if (place->count[best] == 0)
			continue;
		each = place->asked / place->count[best];
		answered += (each < place->capacity ? each : place->capacity) * place->ability[best];
	}
	w->rate_lost = all > answered ? all - answered : 0;
	w->rate_avoidable = possible(w) > answered ? possible(w) - answered : 0;
}

/* Clients anew; what the nodes feel of it may be looked at only after. */
void
load_route(struct world *w)
{
	int best = best_rung(w);

	load_count(w);
	for (int p = 0; p < w->s.places; p++)
		w->places[p].asked = 0;
	for (int c = 0; c < w->s.places && best > 0; c++) {
		const int *order = w->places[c].order;
		int i = 0;

		while (w->places[order[i]].count[best] == 0)
			i++;
		w->places[order[i]].asked += w->places[c].load * w->factor;
	}
	rates(w, best);
	for (int p = 0; p < w->s.places; p++)
		place_feels(w, &w->places[p], best);
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
	rates(w, best_rung(w));
}
