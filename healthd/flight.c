/*
 * What is written here is read back by flight_parse.c, and byte for byte again by whoever decides
 * anew: an object is rendered by one function, whoever asks.
 */
#include "healthd/flight.h"

#include <stdio.h>
#include <string.h>

#include "healthd/fields.h"
#include "healthd/jsontext.h"
#include "healthd/view_time.h"
#include "lib/ensure.h"

static json_t *
rung_or_null(const struct site *site, int rung)
{
	return rung < 0 || rung >= site->n_rungs ? json_null()
						 : json_string(site->rungs[rung].name);
}

static const char *
rung_name(const struct site *site, int rung)
{
	return rung < 0 || rung >= site->n_rungs ? "none" : site->rungs[rung].name;
}

static json_t *
lane_text(const struct site *site, int lane)
{
	char name[LANE_NAME];

	return json_string(lane_name(site, lane, name));
}

json_t *
flight_limit(const struct site *site, const struct limit *l, struct mono now)
{
	return json_pack("{sssssosososo}", "owner", limit_owner_name(l->owner), "sort",
	    limit_sort_name(l->sort), "rung", rung_or_null(site, l->rung), "expires_in_s",
	    view_left(l->until, now), "who", jsontext(l->who), "reason", jsontext(l->reason));
}

/* --- a decision ------------------------------------------------------------------------------- */

static json_t *
render_ladder(const struct ladder *l)
{
	json_t *o = fields_save(LADDER_FIELDS, l);

	fields_put(o, LADDER_REST_FIELDS, l);
	return o;
}

static json_t *
check_or_null(const char *const *names, int check)
{
	return check >= 0 ? json_string(names[check]) : json_null();
}

static json_t *
render_judgement(const struct judgement *j, const char *const *names)
{
	return json_pack("{sisbsbsbsbsbsbsbsbsosbsbsbso}", "mean", j->mean, "round", (int)j->round,
	    "self_ok", (int)j->self_ok, "self_pass", (int)j->self_pass, "empty", (int)j->empty,
	    "unknown", (int)j->unknown, "vital_failed", (int)j->vital_failed, "shared_bad",
	    (int)j->shared_bad, "shared_well", (int)j->shared_well, "shared",
	    check_or_null(names, j->shared), "proven", (int)j->proven, "overload", (int)j->overload,
	    "absorbed", (int)j->absorbed, "because", check_or_null(names, j->because));
}

static json_t *
render_facts(const struct decision *d)
{
	json_t *all = json_array();

	for (int n = 0; n < d->n_facts; n++) {
		const struct fact *f = &d->facts[n];

		if (d->mask & UINT64_C(1) << n)
			json_array_append_new(
			    all, json_pack("{sssssisbsIsI}", "check", d->names[n], "verdict",
				     verdict_name(f->verdict), "value", (int)f->value, "judged",
				     (int)f->judged, "onset_us", (json_int_t)f->onset.us,
				     "last_ok_us", (json_int_t)f->last_ok_sent.us));
	}
	return all;
}

json_t *
flight_preflight(uint32_t missing)
{
	static const char *const names[] = {
	    "addresses", "listeners", "workers", "session", "warm", "gates"};
	json_t *all = json_array();

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (missing & 1U << i)
			json_array_append_new(all, json_string(names[i]));
	return all;
}

static json_t *
render_fleet(const struct ladder_fleet *f, const char *because)
{
	json_t *o = json_pack("{ss}", "standing", fleet_standing_name(f->standing));

	fields_put(o, FLEET_FIELDS, f);
	json_object_set_new(o, "because", jsontext(because != NULL ? because : ""));
	return o;
}

void
flight_because(const struct ladder_out *out, const char *check, char *text, size_t size)
{
	const char *hole = strstr(out->because, "%c");

	if (hole == NULL)
		snprintf(text, size, "%s", out->because);
	else
		snprintf(text, size, "%.*s%s%s", (int)(hole - out->because), out->because,
		    check != NULL ? check : "none", hole + 2);
}

static json_t *
render_limits(const struct decision *d, const struct limit *l, int n)
{
	json_t *all = json_array();

	for (int i = 0; i < n; i++)
		if (l[i].set)
			json_array_append_new(all, flight_limit(d->site, &l[i], d->now));
	return all;
}

json_t *
decision_render(const struct decision *d)
{
	const struct ladder_in *in = d->in;
	const struct judgement *j = &in->judgement;
	json_t *o = json_object();
	char because[160];

	flight_because(
	    d->out, j->because >= 0 ? d->names[j->because] : NULL, because, sizeof(because));
	json_object_set_new(o, "lane", lane_text(d->site, d->lane));
	json_object_set_new(o, "now_us", json_integer(d->now.us));
	json_object_set_new(o, "before", render_ladder(d->before));
	json_object_set_new(o, "after", render_ladder(&d->out->state));
	json_object_set_new(o, "facts", render_facts(d));
	json_object_set_new(o, "starved", json_boolean(d->starved));
	json_object_set_new(o, "mode", json_string(d->observe ? "observe" : "drive"));
	json_object_set_new(o, "judgement", render_judgement(j, d->names));
	fields_put(o, GIVEN_FIELDS, in);
	json_object_set_new(o, "preflight", flight_preflight(in->preflight)); /* in words */
	json_object_set_new(o, "held", render_limits(d, in->limits, in->n_limits));
	json_object_set_new(o, "fleet", render_fleet(&in->fleet, in->fleet.because));
	json_object_set_new(o, "rule", json_string(ladder_rule_name(d->out->rule)));
	json_object_set_new(o, "wish", json_string(rung_name(d->site, d->out->wish)));
	json_object_set_new(o, "because", jsontext(because));
	json_object_set_new(o, "score", json_integer(j->score));
	json_object_set_new(o, "severity", json_integer(d->out->severity));
	json_object_set_new(o, "fault", check_or_null(d->names, d->out->fault));
	json_object_set_new(o, "limits", render_limits(d, d->out->limits, d->out->n_limits));
	return o;
}

/* --- states ----------------------------------------------------------------------------------- */

static json_t *
render_lanes(const struct site *site, uint32_t lanes)
{
	json_t *all = json_array();

	for (int l = 0; l < MAX_LANES; l++)
		if (lanes & 1U << l && lane_exists(site, l))
			json_array_append_new(all, lane_text(site, l));
	return all;
}

json_t *
flight_check_render(const struct site *site, const struct flight_check *c)
{
	json_t *targets = json_array(), *o;

	for (int t = 0; t < c->n_targets; t++) {
		const struct flight_target *x = &c->targets[t];

		json_array_append_new(
		    targets, json_pack("{sosbso}", "name", jsontext(x->label), "seen", (int)x->seen,
				 "window", fields_save(WINDOW_FIELDS, &x->window)));
	}
	o = json_pack("{sssisissss}", "is", "check", "n", c->n, "of", c->of, "name", c->name,
	    "check", c->check);
	json_object_set_new(o, "lanes", render_lanes(site, c->lanes));
	json_object_set_new(o, "k", json_integer(c->k));
	json_object_set_new(o, "stale_ms", json_integer(c->stale_ms));
	json_object_set_new(o, "evidence", json_boolean(c->evidence));
	json_object_set_new(o, "evidence_since", json_integer(c->evidence_since.us));
	json_object_set_new(o, "fact", fields_save(FACT_FIELDS, &c->fact));
	json_object_set_new(o, "targets", targets);
	return o;
}

static void
put_given(json_t *o, const struct flight_given *g)
{
	json_t *held = json_array();

	for (int i = 0; i < MAX_LIMITS; i++) {
		const struct limit *l = &g->held[i];

		if (l->set)
			json_array_append_new(
			    held, json_pack("{sssssisIsoso}", "owner", limit_owner_name(l->owner),
				      "sort", limit_sort_name(l->sort), "rung", (int)l->rung,
				      "until_us", (json_int_t)l->until.us, "who", jsontext(l->who),
				      "reason", jsontext(l->reason)));
	}
	json_object_set_new(o, "given", fields_save(GIVEN_FIELDS, &g->in));
	json_object_set_new(o, "held", held);
	json_object_set_new(o, "fleet", render_fleet(&g->in.fleet, g->because));
}

json_t *
flight_lane_render(const struct site *site, const struct flight_lane *l)
{
	json_t *o = json_pack(
	    "{sssosb}", "is", "lane", "lane", lane_text(site, l->lane), "born", (int)l->born);

	json_object_set_new(o, "ladder", l->born ? render_ladder(&l->ladder) : json_null());
	json_object_set_new(o, "wish", json_integer(l->wish));
	json_object_set_new(o, "rule", json_string(ladder_rule_name(l->rule)));
	put_given(o, &l->given);
	return o;
}

json_t *
flight_given_render(const struct site *site, int lane, const struct flight_given *g)
{
	json_t *o = json_pack("{ssso}", "is", "given", "lane", lane_text(site, lane));

	put_given(o, g);
	return o;
}

json_t *
flight_birth_render(const struct site *site, const struct flight_birth *b)
{
	return json_pack("{sssosIsosisb}", "is", "birth", "lane", lane_text(site, b->lane), "at_us",
	    (json_int_t)b->at.us, "saved", b->has_saved ? render_ladder(&b->saved) : json_null(),
	    "shown", b->shown, "fresh", (int)b->fresh);
}

struct flight_given
flight_given_of(const struct ladder_in *in)
{
	const char *because = in->fleet.because;
	struct flight_given g = {.in = *in};

	ENSURE(in->n_limits == MAX_LIMITS);
	g.in.judgement = (struct judgement){0};
	g.in.limits = NULL;
	g.in.fleet.because = NULL;
	memcpy(g.held, in->limits, sizeof(g.held));
	snprintf(g.because, sizeof(g.because), "%s", because != NULL ? because : "");
	return g;
}

struct ladder_in
flight_given_in(const struct flight_given *g)
{
	struct ladder_in in = g->in;

	in.limits = g->held;
	in.n_limits = MAX_LIMITS;
	in.fleet.because = g->because[0] != '\0' ? g->because : NULL;
	return in;
}

bool
flight_given_equal(const struct flight_given *a, const struct flight_given *b)
{
	const struct ladder_fleet *x = &a->in.fleet, *y = &b->in.fleet;

	return fields_equal(GIVEN_FIELDS, &a->in, &b->in) && x->standing == y->standing &&
	       fields_equal(FLEET_FIELDS, x, y) && strcmp(a->because, b->because) == 0 &&
	       memcmp(a->held, b->held, sizeof(a->held)) == 0;
}

bool
flight_news(const struct ladder_out *out, int wish, enum ladder_rule rule)
{
	return out->moved || out->wish != wish || out->rule != rule;
}

bool
flight_seen(bool sampled, const struct window *w)
{
	return sampled || w->verdict == VERDICT_IDLE;
}

struct ladder
flight_born(const struct ladder_conf *conf, const struct flight_birth *b)
{
	return b->has_saved ? ladder_adopt(conf, b->saved, b->shown, b->fresh, b->at)
			    : ladder_init(conf, b->at);
}

struct record_sample
flight_tick(struct mono now)
{
	return (struct record_sample){.kind = SAMPLE_TICK, .at_us = now.us};
}

struct record_sample
flight_evidence(int check, bool evidence, struct mono since)
{
	return (struct record_sample){.kind = SAMPLE_EVIDENCE,
	    .check = (uint16_t)check,
	    .value = evidence,
	    .at_us = since.us};
}

struct record_sample
flight_step(int lane, bool starved, struct mono now)
{
	return (struct record_sample){
	    .kind = SAMPLE_STEP, .check = (uint16_t)lane, .value = starved, .at_us = now.us};
}
