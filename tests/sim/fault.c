/* fault: what befalls the world, when. */
#include "tests/sim/world.h"

enum { BOOT_US = 20000000 /* from power to a brain */ };

static int64_t
at_us(int64_t ms)
{
	return SIM_BEGIN_US + ms * 1000;
}

void
faults_init(struct world *w)
{
	for (int i = 0; i < w->s.n_faults; i++) {
		happenings_put(
		    &w->happenings, at_us(w->s.faults[i].from_ms), HAPPEN_FAULT_ON, i, 0, 0);
		happenings_put(
		    &w->happenings, at_us(w->s.faults[i].to_ms), HAPPEN_FAULT_OFF, i, 0, 0);
	}
}

/* A node is without upstream while any such fault is in its bad half. */
static void
upstream(struct world *w, struct node *n, bool lost)
{
	truth_begin(w, n);
	n->off[FAULT_UPSTREAM] = (uint8_t)(n->off[FAULT_UPSTREAM] + (lost ? 1 : -1));
	n->flap_lost = n->off[FAULT_UPSTREAM] > 0;
	truth_end(w, n);
}

static void
session(struct world *w, struct node *n)
{
	targets_tell(w, n, TRUTH_CARRIER);
	targets_tell(w, n, TRUTH_SESSION);
	node_export(w, n);
	if (!node_session(n))
		n->proven = -1;
	else
		happenings_put(
		    &w->happenings, w->now.us + 10000, HAPPEN_PROOF, n->id, 0, n->order_at);
	n->dirty = n->dirty_fleet = true;
}

static void
power(struct world *w, struct node *n, bool on)
{
	if (on && n->off[FAULT_POWER] == 0 && !n->power)
		happenings_put(&w->happenings, w->now.us + BOOT_US, HAPPEN_BOOT, n->id, 0, 0);
	else if (!on && n->power)
		node_off(w, n);
}

/* A fault of this kind has begun or ended at this node; off[] says how many are on now. */
static void
befall(struct world *w, struct node *n, const struct fault *f, bool on)
{
	switch (f->kind) {
	case FAULT_CRASH:
		n->crash_ms = f->param;
		slots_mortal(w, n);
		break;
	case FAULT_PACKET:
		n->packet_ms = f->param;
		slots_mortal(w, n);
		break;
	case FAULT_HANG:
		n->hang_again = f->param == 1;
		if (on)
			slots_hang(w, n);
		break;
	case FAULT_RELEASE:
		if (on)
			slots_release(w, n);
		break;
	case FAULT_POWER:
		power(w, n, !on);
		break;
	case FAULT_BRAIN:
		if (on && n->brain) {
			n->brain = false;
			happenings_put(&w->happenings, w->now.us + f->param * 1000 + 1,
			    HAPPEN_BRAIN, n->id, 0, 0);
		}
		break;
	case FAULT_SESSION:
	case FAULT_CARRIER:
		session(w, n);
		break;
	default:
		break;
	}
}

static void
turn_node(struct world *w, struct node *n, const struct fault *f, bool on)
{
	if (f->kind == FAULT_UPSTREAM) {
		upstream(w, n, on);
		return;
	}
	truth_begin(w, n);
	n->off[f->kind] = (uint8_t)(n->off[f->kind] + (on ? 1 : -1));
	truth_end(w, n);
	befall(w, n, f, on);
	n->dirty = n->dirty_fleet = true;
	node_alarm(w, n);
}

static void
turn_all(struct world *w, int fault, bool on)
{
	for (int id = 1; id <= w->s.nodes; id++) {
		struct node *n = world_node(w, id);

		if (fault_hits(&w->s, fault, id, n->region))
			turn_node(w, n, &w->s.faults[fault], on);
	}
}

void
fault_turn(struct world *w, int fault, bool on)
{
	const struct fault *f = &w->s.faults[fault];

	world_say(w, "fault %s %s", fault_kind_name(f->kind), on ? "begins" : "ends");
	if (f->kind == FAULT_SURGE) {
		load_count(w);
		w->factor = on ? (double)f->param / 100 : 1;
		load_route(w);
		return;
	}
	if (f->kind == FAULT_UPSTREAM && f->param > 0) {
		if (on)
			fault_flap(w, fault, true);
		return;
	}
	turn_all(w, fault, on);
	if (f->kind == FAULT_PARTITION)
		fleet_cut(w, fault);
	if (f->kind == FAULT_LIE)
		fleet_lie(w);
}

void
fault_flap(struct world *w, int fault, bool lost)
{
	const struct fault *f = &w->s.faults[fault];
	int64_t next = w->now.us + f->param * 1000000;

	turn_all(w, fault, lost);
	if (next < at_us(f->to_ms))
		happenings_put(&w->happenings, next, HAPPEN_FLAP, fault, 0, !lost);
	else if (lost)
		happenings_put(&w->happenings, at_us(f->to_ms), HAPPEN_FLAP, fault, 0, 0);
}
