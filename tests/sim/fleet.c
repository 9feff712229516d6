/*
 * fleet: who sees what of whom, when. Nodes tell by beacons; a beacon takes its time to each group
 * of nodes, never overtakes an earlier one of the same node, and is read at the group's next look.
 * In a fleet of up to OWN nodes each sees by itself; in a larger one those behind one route
 * reflector share what they see, since a view costs memory by its size.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/sim/chance.h"
#include "tests/sim/world.h"

enum { OWN = 64, SHARED = 16, NONE = -1 };

static int64_t
pack(struct told t)
{
	return (int64_t)(t.rung + 1) | (int64_t)t.severity << 4 | (int64_t)t.fault << 8 |
	       (int64_t)t.flags << 16 | (int64_t)t.nonce << 24 | (int64_t)t.max_suspended << 40 |
	       (int64_t)t.load << 56;
}

static struct told
unpack(int64_t x)
{
	return (struct told){.rung = (int8_t)((x & 15) - 1),
	    .severity = x >> 4 & 15,
	    .fault = x >> 8 & 255,
	    .flags = x >> 16 & 255,
	    .nonce = x >> 24 & 65535,
	    .max_suspended = x >> 40 & 65535,
	    .load = x >> 56 & 15};
}

static bool
same(struct told a, struct told b)
{
	return pack(a) == pack(b);
}

static int
group_of(const struct world *w, const struct node *n)
{
	int r = w->s.regions;

	if (w->s.nodes <= OWN)
		return n->id - 1;
	return n->region + r * ((n->id / 7) % (SHARED / r > 0 ? SHARED / r : 1));
}

static void *
room(size_t n, size_t size)
{
	void *p = calloc(n > 0 ? n : 1, size);

	if (p == NULL)
		abort();
	return p;
}

void
fleet_init(struct world *w)
{
	size_t n = (size_t)w->s.nodes;

	w->n_groups = w->s.nodes <= OWN ? w->s.nodes : SHARED;
	w->groups = room((size_t)w->n_groups, sizeof(*w->groups));
	for (int g = 0; g < w->n_groups; g++) {
		struct group *group = &w->groups[g];

		group->members = room(n, sizeof(int));
		group->entries = room(n, sizeof(*group->entries));
		group->peers = room(n, sizeof(*group->peers));
		group->phase_us = chance_in(chance(w->s.seed, 51, (uint64_t)g, 0), 0, 999999);
		for (size_t i = 0; i < n; i++)
			group->entries[i].told.rung = NONE;
	}
	for (int id = 1; id <= w->s.nodes; id++) {
		struct node *node = world_node(w, id);
		struct group *group = &w->groups[group_of(w, node)];

		node->group = group_of(w, node);
		node->told.rung = NONE;
		group->region = node->region;
		group->members[group->n_members++] = id;
	}
}

void
fleet_fini(struct world *w)
{
	for (int g = 0; g < w->n_groups; g++) {
		free(w->groups[g].members);
		free(w->groups[g].entries);
		free(w->groups[g].peers);
	}
	free(w->groups);
}

/* --- the way of a beacon ---------------------------------------------------------------------- */

/* Half to three times the usual, one in a hundred sent again by TCP; never so late that a settled
 * wish is not known: that is what settle_ms asks of the network. */
static int64_t
way_us(const struct world *w, int group, int node, int64_t at)
{
	uint64_t x = chance(w->s.seed, 52, (uint64_t)group << 16 | (uint64_t)node, (uint64_t)at);
	int64_t us = (int64_t)w->s.beacon_ms * chance_in(x, 500, 3000);
	int64_t most = (w->guard.settle_ms / 2 - w->poll_ms) * 1000;

	if (chance_mix(x) % 100 == 0)
		us += 1000000;
	return us < most ? us : most;
}

static void
send(struct world *w, int group, int node, struct told told)
{
	struct entry *e = &w->groups[group].entries[node - 1];
	int64_t at = w->now.us + way_us(w, group, node, w->now.us);

	e->at = at > e->at ? at : e->at + 1;
	happenings_put(&w->happenings, e->at, HAPPEN_BEACON, group, node, pack(told));
}

/* What others are told of a node that lies. */
static struct told
forged(const struct world *w, const struct node *n, struct told told)
{
	for (int i = 0; i < w->s.n_faults; i++) {
		const struct fault *f = &w->s.faults[i];

		if (f->kind != FAULT_LIE || n->off[FAULT_LIE] == 0 ||
		    !fault_hits(&w->s, i, n->id, n->region))
			continue;
		if (f->param == LIE_FULL)
			told.rung = (int8_t)(w->ladder.n_rungs - 1);
		if (f->param == LIE_SILENT)
			told.rung = 0;
		if (f->param == LIE_VITAL)
			told.severity = SEVERITY_VITAL;
		if (f->param == LIE_BUDGET)
			told.max_suspended = 0;
		if (f->param == LIE_DOUBLE)
			told.rung = NONE; /* a conflict is as good as out of view */
	}
	return told;
}

static void
send_all(struct world *w, struct node *n)
{
	for (int g = 0; g < w->n_groups; g++)
		send(w, g, n->id, forged(w, n, n->told));
}

void
fleet_tell(struct world *w, struct node *n, struct told told)
{
	if (!policy_has_fleet(w->conf.policy) || same(told, n->told))
		return;
	n->told = told;
	promise_told(w, n);
	send_all(w, n);
}

void
fleet_lie(struct world *w)
{
	for (int id = 1; id <= w->s.nodes && policy_has_fleet(w->conf.policy); id++)
		send_all(w, world_node(w, id));
}

/* The group's next look at its BIRD. */
static void
look_soon(struct world *w, int g)
{
	struct group *group = &w->groups[g];
	int64_t every = w->poll_ms * 1000, from = SIM_BEGIN_US + group->phase_us;

	if (group->changed)
		return;
	group->changed = true;
	happenings_put(
	    &w->happenings, from + ((w->now.us - from) / every + 1) * every, HAPPEN_READ, g, 0, 0);
}

void
fleet_beacon(struct world *w, int g, int node, int64_t packed)
{
	struct entry *e = &w->groups[g].entries[node - 1];

	if (same(e->told, unpack(packed)))
		return;
	e->told = unpack(packed);
	if (!e->cut)
		look_soon(w, g);
}

/* --- partitions ------------------------------------------------------------------------------- */

/* Who is on which side of which cut, as bits. */
static uint64_t
sides(const struct world *w, const struct node *n)
{
	uint64_t side = 0;

	for (int i = 0; i < w->s.n_faults; i++) {
		const struct fault *f = &w->s.faults[i];
		int64_t at = world_ms(w);

		if (f->kind == FAULT_PARTITION && at >= f->from_ms && at < f->to_ms &&
		    fault_hits(&w->s, i, n->id, n->region))
			side |= UINT64_C(1) << i;
	}
	return side;
}

/* Sessions across a cut are found down (BFD and hold times: assumed), or up again. */
void
fleet_cut(struct world *w, int fault)
{
	for (int g = 0; g < w->n_groups && policy_has_fleet(w->conf.policy); g++)
		happenings_put(&w->happenings,
		    w->now.us + chance_in(chance(w->s.seed, 53, (uint64_t)g, (uint64_t)w->now.us),
				    300000, 3000000),
		    HAPPEN_CUT, g, fault, 0);
}

void
fleet_cut_group(struct world *w, int g)
{
	struct group *group = &w->groups[g];
	uint64_t ours = sides(w, world_node(w, group->members[0]));
	bool more = false;

	for (int id = 1; id <= w->s.nodes; id++) {
		struct entry *e = &group->entries[id - 1];
		bool cut = sides(w, world_node(w, id)) != ours;

		more |= cut && !e->cut;
		if (cut != e->cut)
			look_soon(w, g);
		e->cut = cut;
	}
	if (!more)
		return;
	group->lost = true;
	look_soon(w, g);
}

/* --- reading ---------------------------------------------------------------------------------- */

static struct peer
peer_of(const struct world *w, int id, const struct told *t)
{
	const struct node *n = &w->nodes[id - 1];

	return (struct peer){.id = (uint16_t)id,
	    .nonce = t->nonce,
	    .rung = t->rung,
	    .load = t->load,
	    .flags = t->flags,
	    .severity = t->severity,
	    .fault = t->fault,
	    .max_suspended = t->max_suspended,
	    .region = (uint16_t)(w->s.regions > 1 ? n->region + 1 : 0)};
}

/* All that is there, ascending; one's own entry is taken out when one steps (without_us()). */
void
fleet_read(struct world *w, int g)
{
	struct group *group = &w->groups[g];

	group->n_peers = 0;
	group->gap = 0;
	for (int id = 1; id <= w->s.nodes; id++) {
		const struct entry *e = &group->entries[id - 1];

		if (e->told.rung != NONE && !e->cut)
			group->peers[group->n_peers++] = peer_of(w, id, &e->told);
	}
	group->lost_now = group->lost;
	group->changed = group->lost = false;
	for (int i = 0; i < group->n_members; i++) {
		struct node *n = world_node(w, group->members[i]);

		n->session_lost |= group->lost_now;
		if (!n->brain || n->off[FAULT_BIRD])
			continue;
		n->dirty_fleet = true;
		node_alarm(w, n);
	}
}

/* Moves our own entry to the end and leaves it out: cheap where nodes step in order. */
static int
without_us(struct group *group, int id)
{
	struct peer aside;
	int i;

	if (group->gap > 0 && group->aside.id == id)
		return group->n_peers - 1;
	if (group->gap > 0) { /* put back whoever is out */
		i = group->n_peers - 1;
		while (i > 0 && group->peers[i - 1].id > group->aside.id) {
			group->peers[i] = group->peers[i - 1];
			i--;
		}
		group->peers[i] = group->aside;
	}
	for (i = 0; i < group->n_peers && group->peers[i].id < id; i++)
		;
	group->gap = i < group->n_peers && group->peers[i].id == id;
	if (group->gap == 0)
		return group->n_peers;
	aside = group->peers[i];
	memmove(&group->peers[i], &group->peers[i + 1],
	    (size_t)(group->n_peers - 1 - i) * sizeof(struct peer));
	group->aside = aside;
	return group->n_peers - 1;
}

/* The latest look of the group's before now. */
static struct mono
looked_at(const struct world *w, const struct group *group)
{
	int64_t every = w->poll_ms * 1000, from = SIM_BEGIN_US + group->phase_us;

	if (w->now.us < from)
		return MONO_NEVER;
	return (struct mono){from + (w->now.us - from) / every * every};
}

void
fleet_step(struct world *w, struct node *n, struct guard_in in)
{
	struct group *group = &w->groups[n->group];
	struct guard_conf conf = w->guard;
	int64_t every = w->poll_ms * 1000;
	struct mono settled;

	in.peers = group->peers;
	in.n_peers = without_us(group, n->id);
	conf.id = n->id;
	conf.region = (uint16_t)(w->s.regions > 1 ? n->region + 1 : 0);
	if (n->off[FAULT_BIRD]) {
		in.view_at = n->view_at;
	} else {
		/* It looks again long before the view is too old: no need to be told when that
		 * would be. */
		in.view_at = n->view_at = looked_at(w, group);
		conf.view_max_age_ms = 86400000;
	}
	in.session_lost = n->session_lost;
	n->session_lost = false;
	n->fleet = guard_step(&conf, n->guard, &in, w->now);
	n->guard = n->fleet.state;
	w->tally.guards++;
	/* The first look after a wish has settled. */
	settled = mono_add_ms(n->guard.risen, w->guard.settle_ms);
	if (mono_is_set(n->guard.risen) && mono_before(in.view_at, settled) &&
	    !n->off[FAULT_BIRD]) {
		int64_t from = SIM_BEGIN_US + group->phase_us;
		int64_t look = from + (settled.us - from + every - 1) / every * every;

		n->fleet.next = mono_min(n->fleet.next, (struct mono){look});
	}
}
