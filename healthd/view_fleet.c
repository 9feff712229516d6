/*
 * view_fleet: the fleet as people and programs are shown it: where we stand, and what each node
 * tells. docs/control.md is the contract.
 */
#include "healthd/view.h"

#include <stdio.h>

#include "healthd/jsontext.h"

static const struct {
	int bit;
	const char *name;
} FLAGS[] = {
    {BEACON_HAND, "hand"},
    {BEACON_ABSORBING, "absorbing"},
    {BEACON_STOPPING, "stopping"},
    {BEACON_CLIMBING, "climbing"},
    {BEACON_WISHING, "wishing"},
};
#define N_FLAGS (sizeof(FLAGS) / sizeof(FLAGS[0]))

static json_t *
view_flags(int flags)
{
	json_t *all = json_array();

	for (size_t i = 0; i < N_FLAGS; i++)
		if (flags & FLAGS[i].bit)
			json_array_append_new(all, json_string(FLAGS[i].name));
	return all;
}

/* Only names' digests travel; ours, and those that are configured, we know by name. */
static json_t *
view_region(const struct site *site, uint16_t region)
{
	const char *name = site_region(site, region);
	char text[16];

	if (region == 0)
		return json_null();
	if (name != NULL)
		return json_string(name);
	snprintf(text, sizeof(text), "#%04x", region);
	return json_string(text);
}

static json_t *
view_verdicts(const struct fleet_node *n)
{
	json_t *all = json_array();

	for (int i = 0; i < MAX_WATCHED; i++)
		if (n->watched[i] != 0)
			json_array_append_new(all, json_pack("{siss}", "id", (int)n->watched[i],
						       "verdict",
			    beacon_verdict_name((enum beacon_verdict)n->verdicts[i])));
	return all;
}

static json_t *
view_load(uint8_t load)
{
	return load != BEACON_LOAD_UNKNOWN ? json_real(load / 8.0) : json_null();
}

/* Silent stands for nowhere. */
static json_t *
view_rung(const struct brain *b, int rung)
{
	return rung > RUNG_SILENT ? json_string(lane_rung_name(b, rung)) : json_null();
}

static json_t *
view_peer(const struct brain *b, const struct fleet_node *n, struct mono now)
{
	const struct site *site = &b->settings.site;
	const struct peer *p = &n->peer;
	bool known = p->rung >= 0;
	json_t *o =
	    json_pack("{sisosososssiso}", "id", (int)p->id, "region", view_region(site, p->region),
		"rung", known ? json_string(lane_rung_name(b, p->rung)) : json_null(), "load",
		view_load(known ? p->load : BEACON_LOAD_UNKNOWN), "intent",
		severity_name(p->severity), "fault", (int)p->fault, "flags", view_flags(p->flags));

	json_object_set_new(o, "conflict", json_boolean(n->conflict));
	json_object_set_new(o, "max_suspended",
	    p->max_suspended < MAX_FLEET ? json_integer(p->max_suspended) : json_null());
	json_object_set_new(o, "size", n->size ? json_integer(n->size) : json_null());
	json_object_set_new(o, "since_s", view_since(n->since, now));
	if (n->verdicts_known)
		json_object_set_new(o, "verdicts", view_verdicts(n));
	return o;
}

static json_t *
view_dropped(const struct fleet_view *v)
{
	json_t *o = json_object();

	for (int i = 0; i < N_FLEET_DROPS; i++)
		json_object_set_new(o, fleet_drop_name((enum fleet_drop)i),
		    json_integer((json_int_t)v->dropped[i]));
	return o;
}

json_t *
view_guard(const struct brain *b, const struct lane *lane, struct mono now)
{
	const struct guard_out *g = &lane->guarded;
	const struct fleet_view *v;
	int told = driver_told(b->driver, lane->index);
	json_t *o;

	if (!fleet_has(b, lane))
		return json_null();
	v = fleetwatch_view(b->fleet.watch, lane->index);
	o = json_pack("{sssosisisisisissss}", "standing", fleet_standing_name(g->standing),
	    "view_age_s", view_since(v->at, now), "in_view", g->in_view, "announcing",
	    g->announcing, "suspended", g->suspended, "budget", g->budget, "rank", g->rank,
	    "intent", severity_name(lane->guard.severity), "because", g->because);
	json_object_set_new(o, "vital", json_boolean(g->vital));
	json_object_set_new(o, "granted", json_boolean(g->granted));
	json_object_set_new(o, "back", json_boolean(g->back));
	json_object_set_new(o, "emergency", json_boolean(g->emergency));
	json_object_set_new(o, "keep", json_boolean(g->keep));
	json_object_set_new(o, "overload", view_rung(b, g->strained));
	json_object_set_new(o, "load", view_load(b->load));
	json_object_set_new(o, "frozen_s", view_left(lane->guard.frozen_until, now));
	json_object_set_new(
	    o, "told", told < 0 ? json_null() : json_string(lane_rung_name(b, told)));
	json_object_set_new(o, "exits", json_boolean(driver_exits(b->driver, lane->index)));
	json_object_set_new(o, "conflict", json_boolean(v->conflict));
	json_object_set_new(o, "size", json_integer(b->settings.site.fleet.size));
	json_object_set_new(
	    o, "min_announcing", json_integer(b->settings.site.fleet.min_announcing));
	json_object_set_new(o, "drain", view_region_drain(lane, now));
	return o;
}

static json_t *
fleet_lane(const struct brain *b, const struct lane *lane, struct mono now)
{
	const struct fleet_view *v = fleetwatch_view(b->fleet.watch, lane->index);
	json_t *o = view_guard(b, lane, now), *nodes = json_array();
	char text[PREFIX_TEXT];

	json_object_set_new(
	    o, "service", json_string(b->settings.site.services[lane_service(lane->index)].name));
	json_object_set_new(o, "family", json_string(family_name(lane_family(lane->index))));
	json_object_set_new(o, "block",
	    json_string(prefix_render(lane_beacons(&b->settings.site, lane->index), text)));
	json_object_set_new(o, "dropped", view_dropped(v));
	for (int id = 1; id <= b->settings.site.fleet.size; id++)
		if (v->nodes[id].known)
			json_array_append_new(nodes, view_peer(b, &v->nodes[id], now));
	json_object_set_new(o, "nodes", nodes);
	json_object_set_new(o, "watched", view_watched(b, lane->index, now));
	json_object_set_new(o, "hearsay", view_hearsay(b, lane->index, now));
	json_object_set_new(o, "requests", view_region_requests(b, lane));
	return o;
}

json_t *
view_fleet(const struct brain *b, uint32_t lanes)
{
	const struct site *site = &b->settings.site;
	struct mono now = mono_now();
	json_t *all = json_array(), *o;
	int nonce = driver_nonce(b->driver);

	o = json_pack("{sisisssisi}", "id", (int)site->fleet.id, "size", (int)site->fleet.size,
	    "region", site->fleet.region, "max_suspended", site_budget(site), "min_announcing",
	    (int)site->fleet.min_announcing);
	json_object_set_new(o, "nonce", nonce < 0 ? json_null() : json_integer(nonce));
	json_object_set_new(
	    o, "lost", b->fleet.lost[0] != '\0' ? jsontext(b->fleet.lost) : json_null());
	for (int l = 0; l < MAX_LANES; l++)
		if (lanes >> l & 1 && b->lanes[l].exists && fleet_has(b, &b->lanes[l]))
			json_array_append_new(all, fleet_lane(b, &b->lanes[l], now));
	json_object_set_new(o, "lanes", all);
	return o;
}

/* --- /metrics --------------------------------------------------------------------------------- */

typedef double fleet_number(const struct lane *lane, const struct fleet_view *v, struct mono now);

#define NUMBER(name, what)                                                                         \
	static double name(const struct lane *lane, const struct fleet_view *v, struct mono now)   \
	{                                                                                          \
		(void)lane;                                                                        \
		(void)v;                                                                           \
		(void)now;                                                                         \
		return (double)(what);                                                             \
	}

NUMBER(fleet_standing, lane->guarded.standing)
NUMBER(fleet_age, mono_is_set(v->at) ? (double)mono_diff_us(now, v->at) / 1e6 : -1)
NUMBER(fleet_in_view, lane->guarded.in_view)
NUMBER(fleet_announcing, lane->guarded.announcing)
NUMBER(fleet_suspended, lane->guarded.suspended)
NUMBER(fleet_budget, lane->guarded.budget)
NUMBER(fleet_rank, lane->guarded.rank)
NUMBER(fleet_intent, lane->guard.severity)
NUMBER(fleet_emergency, lane->guarded.emergency)
NUMBER(fleet_conflict, v->conflict)
NUMBER(fleet_overload, lane->guarded.strained)

static const struct {
	const char *name, *help;
	fleet_number *number;
} METRICS[] = {
    {"fleet_standing", "0 none, 1 stale, 2 isolated, 3 fresh.", fleet_standing},
    {"fleet_view_age_seconds", "Age of the view of the fleet, -1 before the first.", fleet_age},
    {"fleet_in_view", "Other nodes in view.", fleet_in_view},
    {"fleet_announcing", "Other nodes that announce.", fleet_announcing},
    {"fleet_suspended", "Nodes silent or out of view.", fleet_suspended},
    {"fleet_budget", "How many may be.", fleet_budget},
    {"fleet_rank", "How many are suspended or go before us.", fleet_rank},
    {"fleet_intent", "Severity of our published intent, 0 none to 4 vital.", fleet_intent},
    {"fleet_emergency", "1 while too few others announce.", fleet_emergency},
    {"fleet_overload", "Best rung at which another tells overload, 0 none.", fleet_overload},
    {"fleet_conflict", "1 while another node tells beacons of our id.", fleet_conflict},
};

static void
put_labels(FILE *f, const struct brain *b, int lane)
{
	fprintf(f, "{service=\"%s\",family=\"%s\"",
	    b->settings.site.services[lane_service(lane)].name, family_name(lane_family(lane)));
}

void
metrics_fleet(FILE *f, const struct brain *b)
{
	uint32_t lanes = b->fleet.watch != NULL ? lanes_with_beacons(&b->settings.site, 3) : 0;
	struct mono now = mono_now();

	if (lanes == 0)
		return;
	for (size_t m = 0; m < sizeof(METRICS) / sizeof(METRICS[0]); m++) {
		metrics_head(f, METRICS[m].name, "gauge", METRICS[m].help);
		for (int l = 0; l < MAX_LANES; l++) {
			if (!(lanes >> l & 1))
				continue;
			fprintf(f, "anypop_%s", METRICS[m].name);
			put_labels(f, b, l);
			fprintf(f, "} %.10g\n",
			    METRICS[m].number(
				&b->lanes[l], fleetwatch_view(b->fleet.watch, l), now));
		}
	}
	metrics_region(f, b);
	metrics_head(f, "fleet_dropped_total", "counter", "Beacons not believed, by reason.");
	for (int l = 0; l < MAX_LANES; l++)
		for (int i = 0; lanes >> l & 1 && i < N_FLEET_DROPS; i++) {
			fputs("anypop_fleet_dropped_total", f);
			put_labels(f, b, l);
			fprintf(f, ",reason=\"%s\"} %llu\n", fleet_drop_name((enum fleet_drop)i),
			    (unsigned long long)fleetwatch_view(b->fleet.watch, l)->dropped[i]);
		}
	metrics_vantages(f, b);
}
