/*
 * view_why: one whole account of each lane.
 */
#include "healthd/view.h"

#include <stdio.h>
#include <string.h>

#include "healthd/jsontext.h"

static json_t *
view_judgement(const struct brain *b, const struct judgement *j)
{
	return json_pack("{sbsbsbsbsbsbsbsbsbso}", "round", (int)j->round, "self_ok",
	    (int)j->self_ok, "unknown", (int)j->unknown, "vital_failed", (int)j->vital_failed,
	    "shared_bad", (int)j->shared_bad, "shared_well", (int)j->shared_well, "proven",
	    (int)j->proven, "overload", (int)j->overload, "absorbed", (int)j->absorbed, "because",
	    j->because >= 0 ? json_string(b->instances[j->because].name) : json_null());
}

static json_t *
why_checks(const struct brain *b, const struct lane *lane, struct mono now)
{
	json_t *all = json_array();

	for (int n = 0; n < b->n_instances; n++) {
		const struct instance *i = &b->instances[n];
		const char *why;
		int judged, ok = view_targets_ok(i, &judged, &why);
		int k = i->tally_conf.k < judged ? i->tally_conf.k : judged;

		if (!(lane->facts & UINT64_C(1) << n))
			continue;
		json_array_append_new(all,
		    json_pack("{sssssssbsisssisbsososisisi}", "name", i->name, "kind",
			check_kind_name((enum check_kind)i->conf->kind), "class",
			check_class_name(i->fact.class), "vital", (int)i->fact.vital, "weight",
			(int)i->conf->weight, "verdict", verdict_name(i->fact.verdict), "value",
			(int)i->fact.value, "counts", (int)(i->fact.verdict != VERDICT_IDLE),
			"since_s", view_since(view_instance_since(i), now), "why", jsontext(why),
			"targets_ok", ok, "targets", judged, "k", k));
	}
	return all;
}

static const char *
lock_name(enum lock l)
{
	static const char *const names[] = {"unknown", "absent", "closed", "open"};

	return names[l];
}

static json_t *
why_rungs(const struct brain *b, const struct lane *lane)
{
	const struct site *site = &b->settings.site;
	const struct door_view *v = driver_view(b->driver, lane->index);
	json_t *all = json_array();

	for (int r = site->n_rungs - 1; r >= 0; r--) {
		const struct rung *rung = &site->rungs[r];
		bool best = r == site->n_rungs - 1, silent = r == RUNG_SILENT;
		char protocol[LOCK_NAME], gate[LOCK_NAME];
		json_t *o = json_object();

		json_object_set_new(o, "name", json_string(rung->name));
		json_object_set_new(o, "enter", best ? json_null() : json_integer(rung->enter));
		json_object_set_new(o, "leave", best ? json_null() : json_integer(rung->leave));
		json_object_set_new(o, "local_pref",
		    silent ? json_null() : json_integer(rung->local_pref));
		json_object_set_new(o, "prepend",
		    silent ? json_null() : json_integer(rung->prepend));
		json_object_set_new(o, "med",
		    silent || rung->med < 0 ? json_null() : json_integer(rung->med));
		if (!silent) {
			lane_protocol(site, lane->index, r, protocol);
			lane_gate(site, lane->index, r, gate);
		}
		json_object_set_new(o, "protocol", silent ? json_null() : json_string(protocol));
		json_object_set_new(o, "protocol_lock",
		    silent ? json_null() : json_string(lock_name(v->protocol[r])));
		json_object_set_new(o, "gate", silent ? json_null() : json_string(gate));
		json_object_set_new(o, "gate_lock",
		    silent ? json_null() : json_string(lock_name(v->gate[r])));
		json_object_set_new(o, "in_table",
		    json_integer(silent ? 0 : __builtin_popcount(v->in_table[r])));
		json_array_append_new(all, o);
	}
	return all;
}

static json_t *
why_proof(const struct brain *b, const struct lane *lane)
{
	static const char *const sent_names[] = {"unknown", "nothing", "ours", "foreign"};
	const struct site *site = &b->settings.site;
	const struct door_view *v = driver_view(b->driver, lane->index);
	struct prefix prefixes[MAX_PREFIXES];
	int n = lane_prefixes(site, lane->index, prefixes);
	json_t *all = json_array();

	for (int p = 0; p < n; p++) {
		int column = 0; /* the view has a column per session of this family only */

		for (int s = 0; s < site->bird.n_sessions; s++) {
			const struct sending *x;
			char text[PREFIX_TEXT];
			bool ours;

			if (!(site->bird.sessions[s].families & 1U << lane_family(lane->index)))
				continue;
			x = &v->sending[p][column++];
			ours = x->sent == SENT_OURS;
			json_array_append_new(all,
			    json_pack("{sssssssssososo}", "prefix",
				prefix_render(&prefixes[p], text), "session",
				site->bird.sessions[s].name, "state",
				session_state_name(b->sessions[s].state), "sent",
				sent_names[x->sent], "rung",
				ours ? json_string(lane_rung_name(b, x->rung)) : json_null(),
				"protocol",
				*x->protocol != '\0' ? jsontext(x->protocol) : json_null(),
				"attributes", ours ? json_boolean(x->attributes) : json_null()));
		}
	}
	return all;
}

/* Time that is still to come; null when there is none. */
static json_t *
wait_left(struct mono until, struct mono now)
{
	return mono_before(now, until) ? view_left(until, now) : json_null();
}

static json_t *
cap_left(const struct lane *lane, enum limit_owner owner, struct mono now)
{
	for (int i = 0; i < lane->out.n_limits; i++) {
		const struct limit *l = &lane->out.limits[i];

		if (l->owner == owner && l->sort == LIMIT_CAP)
			return wait_left(l->until, now);
	}
	return json_null();
}

static json_t *
why_holds(const struct brain *b, const struct lane *lane, struct mono now)
{
	const struct ladder *l = &lane->ladder;
	struct mono falls =
	    mono_is_set(l->low_since)
		? mono_add_ms(l->low_since, b->settings.ladder.fall_hold_ms)
		: MONO_NEVER;

	return json_pack("{sosososososisoso}", "climb_s", view_seconds(l->hold_ms * 1000),
	    "climb_left_s", cap_left(lane, OWNER_HOLD, now), "fall_left_s", wait_left(falls, now),
	    "latch_left_s", wait_left(l->latch_until, now), "emergency_left_s",
	    cap_left(lane, OWNER_EMERGENCY, now), "relapses", (int)l->relapses, "wished_s",
	    view_since(l->better_since, now), "low_s", view_since(l->low_since, now));
}

static json_t *
why_flap(const struct brain *b, const struct lane *lane, struct mono now)
{
	const struct flap_conf *c = &b->settings.ladder.flap;
	const struct ladder *l = &lane->ladder;
	int to = lane->out.next_rung;
	bool climbs = to > l->rung;
	int64_t cost = climbs ? flap_cost(c, l->rung, to) : 0;
	struct mono at = climbs ? flap_allowed_at(c, l->flap, cost, now) : MONO_NEVER;

	return json_pack("{sfsIsososo}", "estimate", flap_estimate(c, l->flap, now), "limit",
	    (json_int_t)c->limit, "half_life_s", view_seconds(c->half_life_ms * 1000), "cost",
	    climbs ? json_integer(cost) : json_null(), "allowed_in_s", view_left(at, now));
}

static json_t *
why_moves(const struct brain *b, const struct lane *lane)
{
	json_t *all = json_array();

	for (uint64_t n = 0; n < lane->moves && n < N_RECENT_MOVES; n++) {
		const struct move *m = &lane->recent[(lane->moves - 1 - n) % N_RECENT_MOVES];

		json_array_append_new(all,
		    json_pack("{sossssssso}", "at", view_wall(&m->at), "from",
			lane_rung_name(b, m->from), "to", lane_rung_name(b, m->to), "rule",
			ladder_rule_name(m->rule), "because", jsontext(m->because)));
	}
	return all;
}

static json_t *
why_addresses(const struct brain *b, const struct lane *lane)
{
	struct addr own[MAX_ADDRESSES];
	int n = lane_addresses(&b->settings.site, lane->index, own);
	json_t *all = json_array();

	for (int i = 0; i < n; i++)
		for (int a = 0; a < b->n_addresses; a++) {
			char text[ADDR_TEXT];

			if (!addr_equal(&own[i], &b->addresses[a].address))
				continue;
			json_array_append_new(all,
			    json_pack("{ssso}", "address", addr_render(&own[i], text), "bound",
				b->addresses[a].known ? json_boolean(b->addresses[a].present)
						      : json_null()));
		}
	return all;
}

static json_t *
why_lane(const struct brain *b, const struct lane *lane, struct mono now)
{
	json_t *o = view_lane(b, lane, now);

	json_object_set_new(o, "addresses", why_addresses(b, lane));
	json_object_set_new(o, "mean", json_integer(lane->judgement.mean));
	json_object_set_new(o, "judgement", view_judgement(b, &lane->judgement));
	json_object_set_new(o, "checks", why_checks(b, lane, now));
	json_object_set_new(o, "rungs", why_rungs(b, lane));
	json_object_set_new(o, "proof", why_proof(b, lane));
	json_object_set_new(o, "preflight", flight_preflight(lane->preflight));
	json_object_set_new(o, "holds", why_holds(b, lane, now));
	json_object_set_new(o, "flap", why_flap(b, lane, now));
	json_object_set_new(o, "fleet", view_guard(b, lane, now));
	json_object_set_new(o, "moves", why_moves(b, lane));
	return o;
}

json_t *
view_why(const struct brain *b, uint32_t lanes)
{
	struct mono now = mono_now();
	json_t *o = view_node(b, now), *all = json_array();

	for (int l = 0; l < MAX_LANES; l++)
		if (b->lanes[l].exists && lanes & 1U << l)
			json_array_append_new(all, why_lane(b, &b->lanes[l], now));
	json_object_set_new(o, "lanes", all);
	return o;
}
