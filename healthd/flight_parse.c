/*
 * The other direction. A file may come from anywhere, and what is handed on is stepped by code that
 * asserts what it is given: so what cannot be is refused here.
 */
#include "healthd/flight.h"

#include <stdio.h>
#include <string.h>

#include "healthd/fields.h"

static bool
text_get(const json_t *o, const char *key, char *to, size_t size)
{
	const char *text = json_string_value(json_object_get(o, key));

	return text != NULL && (size_t)snprintf(to, size, "%s", text) < size;
}

static bool
number_get(const json_t *o, const char *key, int64_t low, int64_t high, int64_t *to)
{
	const json_t *v = json_object_get(o, key);

	*to = json_integer_value(v);
	return json_is_integer(v) && *to >= low && *to <= high;
}

static bool
bool_get(const json_t *o, const char *key, bool *to)
{
	const json_t *v = json_object_get(o, key);

	*to = json_is_true(v);
	return json_is_boolean(v);
}

static bool
lane_get(const struct site *site, const json_t *o, int *lane)
{
	char name[LANE_NAME];

	*lane = text_get(o, "lane", name, sizeof(name)) ? lane_find(site, name) : -1;
	return *lane >= 0;
}

/* The index of a text among the names of n values; -1: none of them. */
static int
named(const json_t *o, const char *key, int n, const char *(*name)(int))
{
	const char *text = json_string_value(json_object_get(o, key));

	for (int i = 0; text != NULL && i < n; i++)
		if (strcmp(text, name(i)) == 0)
			return i;
	return -1;
}

static const char *
owner_name(int n)
{
	return limit_owner_name((enum limit_owner)n);
}

static const char *
sort_name(int n)
{
	return limit_sort_name((enum limit_sort)n);
}

static const char *
standing_name(int n)
{
	return fleet_standing_name((enum fleet_standing)n);
}

static const char *
rule_name(int n)
{
	return ladder_rule_name((enum ladder_rule)n);
}

/* --- checks ----------------------------------------------------------------------------------- */

static bool
in_time(struct mono t, struct mono now)
{
	return t.us >= 0 && t.us <= now.us;
}

static bool
target_get(const json_t *o, struct mono now, struct flight_target *t)
{
	struct window w = {0}, sane;

	if (!text_get(o, "name", t->label, sizeof(t->label)) || !bool_get(o, "seen", &t->seen) ||
	    !fields_load(WINDOW_FIELDS, json_object_get(o, "window"), &w))
		return false;
	sane = window_sane(w, now);
	t->window = sane;
	return fields_equal(WINDOW_FIELDS, &w, &sane);
}

static bool
lanes_get(const struct site *site, const json_t *all, uint32_t *lanes)
{
	const json_t *o;
	size_t i;

	*lanes = 0;
	json_array_foreach(all, i, o)
	{
		int lane = json_is_string(o) ? lane_find(site, json_string_value(o)) : -1;

		if (lane < 0)
			return false;
		*lanes |= 1U << lane;
	}
	return json_is_array(all);
}

static bool
fact_get(const json_t *o, struct mono now, struct fact *f)
{
	return fields_load(FACT_FIELDS, o, f) && f->value >= 0 && f->value <= 100 &&
	       in_time(f->onset, now) && in_time(f->last_ok_sent, now);
}

static bool
check_get(const struct site *site, const json_t *o, struct mono now, struct flight_check *c)
{
	const json_t *targets = json_object_get(o, "targets");
	size_t n = json_array_size(targets);
	int64_t number, of, k, since;

	if (!number_get(o, "of", 1, MAX_CHECKS, &of) || !number_get(o, "n", 0, of - 1, &number) ||
	    !number_get(o, "k", 0, MAX_TARGETS, &k) ||
	    !number_get(o, "stale_ms", 0, UINT32_MAX, &c->stale_ms) ||
	    !number_get(o, "evidence_since", 0, now.us, &since) ||
	    !bool_get(o, "evidence", &c->evidence) ||
	    !text_get(o, "name", c->name, sizeof(c->name)) ||
	    !text_get(o, "check", c->check, sizeof(c->check)) ||
	    !lanes_get(site, json_object_get(o, "lanes"), &c->lanes) ||
	    !fact_get(json_object_get(o, "fact"), now, &c->fact) || n > MAX_TARGETS)
		return false;
	c->of = (int)of;
	c->n = (int)number;
	c->k = (int)k;
	c->evidence_since.us = since;
	c->n_targets = (int)n;
	for (size_t t = 0; t < n; t++)
		if (!target_get(json_array_get(targets, t), now, &c->targets[t]))
			return false;
	return true;
}

int
flight_check_parse(const struct site *site, const json_t *o, struct mono now,
    struct flight_check *out, struct err *err)
{
	*out = (struct flight_check){0};
	return check_get(site, o, now, out)
		   ? 0
		   : err_set(err, "the state of a check is not one that a brain can be in");
}

/* --- lanes ------------------------------------------------------------------------------------ */

static bool
limit_get(const json_t *o, struct limit *l)
{
	int owner = named(o, "owner", N_LIMIT_OWNERS, owner_name);
	int sort = named(o, "sort", LIMIT_PIN + 1, sort_name);
	int64_t rung, until;

	if (owner < 0 || sort < 0 || !number_get(o, "rung", 0, INT8_MAX, &rung) ||
	    !number_get(o, "until_us", 0, INT64_MAX, &until) ||
	    !text_get(o, "who", l->who, sizeof(l->who)) ||
	    !text_get(o, "reason", l->reason, sizeof(l->reason)))
		return false;
	l->set = true;
	l->owner = (enum limit_owner)owner;
	l->sort = (enum limit_sort)sort;
	l->rung = (int8_t)rung;
	l->until.us = until;
	return true;
}

/* Nodes that had no fleet yet tell none. */
static bool
fleet_get(const json_t *o, struct flight_given *g)
{
	struct ladder_fleet *f = &g->in.fleet;
	int standing = named(o, "standing", FLEET_FRESH + 1, standing_name);

	if (o == NULL)
		return true;
	if (standing < 0 || !fields_load(FLEET_FIELDS, o, f) ||
	    !text_get(o, "because", g->because, sizeof(g->because)))
		return false;
	f->standing = (enum fleet_standing)standing;
	return true;
}

static bool
given_get(const struct site *site, const json_t *o, struct flight_given *g)
{
	const json_t *held = json_object_get(o, "held");
	size_t n = json_array_size(held);

	*g = (struct flight_given){0};
	if (!fields_load_some(GIVEN_FIELDS, json_object_get(o, "given"), &g->in) ||
	    g->in.proven < -1 || g->in.proven >= site->n_rungs ||
	    !fleet_get(json_object_get(o, "fleet"), g) || !json_is_array(held) || n > MAX_LIMITS)
		return false;
	for (size_t i = 0; i < n; i++)
		if (!limit_get(json_array_get(held, i), &g->held[i]))
			return false;
	return true;
}

/* What an older release did not keep begins as in a ladder that begins. */
static bool
ladder_get(const json_t *o, struct ladder *s)
{
	*s = (struct ladder){0};
	return fields_load_some(LADDER_FIELDS, o, s) && fields_load_some(LADDER_REST_FIELDS, o, s);
}

static bool
ladder_can_be(const struct ladder_conf *conf, const struct ladder *s, struct mono now)
{
	struct ladder sane = ladder_sane(conf, *s, now);

	return fields_equal(LADDER_FIELDS, s, &sane) && fields_equal(LADDER_REST_FIELDS, s, &sane);
}

int
flight_lane_parse(const struct site *site, const struct ladder_conf *conf, const json_t *o,
    struct mono now, struct flight_lane *out, struct err *err)
{
	int rule = named(o, "rule", N_LADDER_RULES, rule_name);
	int64_t wish;
	bool well;

	*out = (struct flight_lane){0};
	well = rule >= 0 && lane_get(site, o, &out->lane) && bool_get(o, "born", &out->born) &&
	       number_get(o, "wish", 0, site->n_rungs - 1, &wish) &&
	       given_get(site, o, &out->given);
	if (well && out->born)
		well = ladder_get(json_object_get(o, "ladder"), &out->ladder) &&
		       ladder_can_be(conf, &out->ladder, now);
	if (!well)
		return err_set(err, "the state of a lane is not one that a brain can be in");
	out->wish = (int)wish;
	out->rule = (enum ladder_rule)rule;
	return 0;
}

int
flight_given_parse(
    const struct site *site, const json_t *o, int *lane, struct flight_given *out, struct err *err)
{
	if (lane_get(site, o, lane) && given_get(site, o, out))
		return 0;
	return err_set(err, "what a lane was told is not what a brain can be told");
}

int
flight_birth_parse(
    const struct site *site, const json_t *o, struct flight_birth *out, struct err *err)
{
	const json_t *saved = json_object_get(o, "saved");
	int64_t shown;

	*out = (struct flight_birth){0};
	/* A saved state comes from a file, and may be anything: ladder_adopt() mends it. */
	if (!lane_get(site, o, &out->lane) ||
	    !number_get(o, "at_us", 1, FLIGHT_TIME_MAX, &out->at.us) ||
	    !number_get(o, "shown", -1, MAX_RUNGS, &shown) || !bool_get(o, "fresh", &out->fresh) ||
	    (json_is_object(saved) && !ladder_get(saved, &out->saved)) ||
	    (!json_is_object(saved) && !json_is_null(saved)))
		return err_set(err, "the beginning of a lane is not one that can be");
	out->has_saved = json_is_object(saved);
	out->shown = (int)shown;
	return 0;
}
