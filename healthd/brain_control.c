/*
 * brain_control: what operators ask of the brain, as docs/control.md says. Whatever changes
 * something is checked whole before anything changes, and then audited as an event.
 */
#include "healthd/brain_request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "healthd/history.h"
#include "lib/event.h"

#define MAX_FOR_S 31536000.0
#define MAX_REASON (sizeof(((struct limit *)0)->reason) - 1)

int
request_args(const struct request *r, const char *known, struct err *err)
{
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)r->args, key, value)
	{
		char word[40];

		snprintf(word, sizeof(word), " %.30s ", key);
		if (strchr(key, ' ') != NULL || strstr(known, word) == NULL)
			return err_set(err, "%s takes no argument \"%.30s\" (it takes:%s)", r->verb,
			    key, *known != '\0' ? known : " none");
	}
	return 0;
}

int
request_text(const struct request *r, const char *key, const char **out, struct err *err)
{
	const json_t *v = json_object_get(r->args, key);

	*out = NULL;
	if (v == NULL || json_is_null(v))
		return 0;
	*out = json_string_value(v);
	return *out != NULL ? 0 : err_set(err, "%s must be a string", key);
}

static void
service_names(const struct brain *b, char *text, size_t size)
{
	size_t n = 0;

	*text = '\0';
	for (int s = 0; s < b->settings.site.n_services && n < size; s++)
		n += (size_t)snprintf(text + n, size - n, "%s%s", s > 0 ? ", " : "",
		    b->settings.site.services[s].name);
}

int
request_lanes(const struct request *r, uint32_t *mask, struct err *err)
{
	const struct brain *b = r->brain;
	const char *service, *family;
	bool known = false;
	char names[200];

	*mask = 0;
	if (request_text(r, "service", &service, err) < 0 ||
	    request_text(r, "family", &family, err) < 0)
		return -1;
	if (family != NULL && strcmp(family, "v4") != 0 && strcmp(family, "v6") != 0)
		return err_set(err, "no such family: %.20s (v4 or v6)", family);
	for (int l = 0; l < MAX_LANES; l++) {
		const char *name;

		if (!b->lanes[l].exists)
			continue;
		name = b->settings.site.services[lane_service(l)].name;
		if (service != NULL && strcmp(service, name) != 0)
			continue;
		known = true;
		if (family == NULL || strcmp(family, family_name(lane_family(l))) == 0)
			*mask |= 1U << l;
	}
	service_names(b, names, sizeof(names));
	if (!known)
		return err_set(
		    err, "no service of that name: %.30s (there are: %s)", service, names);
	if (*mask == 0)
		return err_set(err, "%s%.30s has no prefix of family %s",
		    service != NULL ? "service " : "this node", service != NULL ? service : "",
		    family);
	return 0;
}

int
request_for(const struct request *r, struct mono *until, struct err *err)
{
	const json_t *v = json_object_get(r->args, "for_s");
	double s = json_number_value(v);

	*until = MONO_NEVER;
	if (v == NULL || json_is_null(v))
		return 0;
	if (!json_is_number(v) || !(s >= 1 && s <= MAX_FOR_S))
		return err_set(err, "for_s must be a number of seconds from 1 to 31536000");
	*until = mono_add_ms(mono_now(), (int64_t)(s * 1000));
	return 0;
}

static int
arg_rung(const struct request *r, int8_t *rung, struct err *err)
{
	const struct site *site = &r->brain->settings.site;
	const char *name;
	char names[120];
	size_t n = 0;
	int found;

	if (request_text(r, "rung", &name, err) < 0)
		return -1;
	found = name != NULL ? rung_find(site, name) : -1;
	*rung = (int8_t)found;
	for (int i = site->n_rungs - 1; i >= 0 && n < sizeof(names); i--)
		n += (size_t)snprintf(names + n, sizeof(names) - n, "%s%s", n > 0 ? ", " : "",
		    site->rungs[i].name);
	if (found >= 0)
		return 0;
	return name == NULL
		   ? err_set(err, "pin needs a rung (there are: %s)", names)
		   : err_set(err, "no rung of that name: %.30s (there are: %s)", name, names);
}

void
request_audit(const struct request *r)
{
	char *args = r->args != NULL ? json_dumps(r->args, JSON_COMPACT) : NULL;
	struct event e;

	event_begin(&e, EVENT_NOTICE, "operator");
	event_str(&e, "who", r->peer->who);
	event_int(&e, "uid", r->peer->uid);
	event_int(&e, "pid", r->peer->pid);
	event_str(&e, "verb", r->verb);
	event_str(&e, "args", args != NULL ? args : "{}");
	event_send(&e);
	free(args);
}

/* The operator's own limits of the lanes, and where these stand. */
static json_t *
lanes_answer(const struct brain *b, uint32_t mask)
{
	json_t *lanes = json_array();

	for (int l = 0; l < MAX_LANES; l++) {
		const struct lane *lane = &b->lanes[l];
		json_t *limits;

		if (!(mask & 1U << l))
			continue;
		limits = json_array();
		for (int i = 0; i < MAX_LIMITS; i++)
			if (lane->limits[i].set && lane->limits[i].owner == OWNER_OPERATOR)
				json_array_append_new(limits,
				    view_limit(b, &lane->limits[i], mono_now()));
		json_array_append_new(lanes,
		    json_pack("{sssssssssbso}", "service",
			b->settings.site.services[lane_service(l)].name, "family",
			family_name(lane_family(l)), "rung", lane_rung_name(b, lane->ladder.rung),
			"wish", lane_rung_name(b, lane->out.wish), "proven",
			(int)(lane->ladder.proven == lane->ladder.rung), "limits", limits));
	}
	return json_pack("{soss}", "lanes", lanes, "limits_kept", limits_kept(b));
}

/* All lanes or none. */
static int
limits_put_all(struct brain *b, uint32_t mask, const struct limit *limit, struct err *err)
{
	struct limit trial[MAX_LIMITS];

	for (int l = 0; l < MAX_LANES; l++) {
		memcpy(trial, b->lanes[l].limits, sizeof(trial));
		if (mask & 1U << l && !limits_put(trial, MAX_LIMITS, limit))
			return err_set(err, "%s holds too many limits; undrain or unpin first",
			    b->lanes[l].name);
	}
	for (int l = 0; l < MAX_LANES; l++)
		if (mask & 1U << l)
			limits_put(b->lanes[l].limits, MAX_LIMITS, limit);
	return 0;
}

static json_t *
put_limit(const struct request *r, struct limit limit, struct err *err)
{
	struct brain *b = r->brain;
	const char *reason;
	uint32_t mask;

	if (request_lanes(r, &mask, err) < 0 || request_for(r, &limit.until, err) < 0 ||
	    request_text(r, "reason", &reason, err) < 0)
		return NULL;
	if (reason != NULL && strlen(reason) > MAX_REASON) {
		err_set(err, "reason is longer than %zu bytes", MAX_REASON);
		return NULL;
	}
	limit.set = true;
	limit.owner = OWNER_OPERATOR;
	snprintf(limit.who, sizeof(limit.who), "%s", r->peer->who);
	snprintf(limit.reason, sizeof(limit.reason), "%s", reason != NULL ? reason : r->verb);
	if (limits_put_all(b, mask, &limit, err) < 0)
		return NULL;
	request_audit(r);
	limits_save(b);
	lanes_touch(b, mask);
	lanes_decide(b);
	return lanes_answer(b, mask);
}

static json_t *
take_limit(const struct request *r, enum limit_sort sort, struct err *err)
{
	struct brain *b = r->brain;
	uint32_t mask;

	if (request_args(r, " service family ", err) < 0 || request_lanes(r, &mask, err) < 0)
		return NULL;
	for (int l = 0; l < MAX_LANES; l++) {
		struct limit *all = b->lanes[l].limits;

		for (int i = 0; mask & 1U << l && i < MAX_LIMITS; i++) {
			bool own = all[i].owner == OWNER_OPERATOR && all[i].sort == sort;
			bool hand = all[i].owner == OWNER_BIRDC && sort == LIMIT_CAP;

			if (all[i].set && (own || hand))
				all[i] = (struct limit){0};
		}
	}
	request_audit(r);
	limits_save(b);
	lanes_touch(b, mask);
	lanes_decide(b);
	return lanes_answer(b, mask);
}

/* --- verbs ------------------------------------------------------------------------------------ */

static json_t *
verb_status(const struct request *r, struct err *err)
{
	return request_args(r, "", err) < 0 ? NULL : view_status(r->brain);
}

static json_t *
verb_why(const struct request *r, struct err *err)
{
	uint32_t mask;

	if (request_args(r, " service family ", err) < 0 || request_lanes(r, &mask, err) < 0)
		return NULL;
	return view_why(r->brain, mask);
}

static json_t *
verb_checks(const struct request *r, struct err *err)
{
	const char *name;
	uint32_t mask;

	if (request_args(r, " service family name ", err) < 0 || request_lanes(r, &mask, err) < 0 ||
	    request_text(r, "name", &name, err) < 0)
		return NULL;
	return view_checks(r->brain, mask, name);
}

static json_t *
verb_fleet(const struct request *r, struct err *err)
{
	uint32_t lanes;

	if (request_args(r, " service family ", err) < 0 || request_lanes(r, &lanes, err) < 0)
		return NULL;
	if (r->brain->fleet.watch != NULL)
		return view_fleet(r->brain, lanes);
	err_set(err, "this node is in no fleet: the configuration has none (fleet.size)");
	return NULL;
}

static json_t *
verb_workers(const struct request *r, struct err *err)
{
	return request_args(r, "", err) < 0 ? NULL : view_workers(r->brain);
}

static json_t *
verb_drain(const struct request *r, struct err *err)
{
	struct limit l = {.sort = LIMIT_CAP,
	    .rung = strcmp(r->verb, "silence") == 0 ? RUNG_SILENT : RUNG_DRAIN};

	if (request_args(r, " service family for_s reason ", err) < 0)
		return NULL;
	return put_limit(r, l, err);
}

static json_t *
verb_pin(const struct request *r, struct err *err)
{
	struct limit l = {.sort = LIMIT_PIN};

	if (request_args(r, " service family for_s reason rung ", err) < 0 ||
	    arg_rung(r, &l.rung, err) < 0)
		return NULL;
	return put_limit(r, l, err);
}

static json_t *
verb_undrain(const struct request *r, struct err *err)
{
	return take_limit(r, LIMIT_CAP, err);
}

static json_t *
verb_unpin(const struct request *r, struct err *err)
{
	return take_limit(r, LIMIT_PIN, err);
}

static json_t *
successor(const struct request *r, struct err *err)
{
	struct bond_message m = {.type = BOND_UPGRADE};

	if (bond_send(r->brain->bond, &m) != 1) {
		err_set(err, "the keeper takes no message now; try again");
		return NULL;
	}
	request_audit(r);
	return json_pack("{si}", "brain_pid", getpid());
}

static json_t *
verb_reload(const struct request *r, struct err *err)
{
	struct settings trial = {0};
	struct arena *arena;
	int rc;

	if (request_args(r, "", err) < 0)
		return NULL;
	/* The keeper, which is root, judges it in any case; here only to answer at once. */
	if (access(r->brain->config_path, R_OK) < 0)
		return successor(r, err);
	arena = arena_new();
	rc = settings_read(r->brain->config_path, &trial, arena, err);
	arena_free(arena);
	return rc < 0 ? NULL : successor(r, err);
}

static json_t *
verb_upgrade(const struct request *r, struct err *err)
{
	const json_t *follow = json_object_get(r->args, "follow");
	struct brain *b = r->brain;
	const char *what;
	json_t *slots;
	bool engines;

	if (request_args(r, " what follow ", err) < 0 || request_text(r, "what", &what, err) < 0)
		return NULL;
	if (follow != NULL && !json_is_boolean(follow)) {
		err_set(err, "follow must be true or false");
		return NULL;
	}
	if (what != NULL && strcmp(what, "daemon") == 0)
		return successor(r, err);
	if (what == NULL || (strcmp(what, "workers") != 0 && strcmp(what, "engines") != 0)) {
		err_set(err, "upgrade needs what: \"daemon\", \"workers\" or \"engines\"");
		return NULL;
	}
	engines = strcmp(what, "engines") == 0;
	if ((engines ? engines_upgrade(b, err) : workers_upgrade(b, err)) < 0)
		return NULL;
	*r->follow = json_is_true(follow);
	request_audit(r);
	slots = json_array();
	for (int s = 0; s < (engines ? b->n_engines : (int)b->settings.workers.count); s++)
		json_array_append_new(slots, json_integer(s));
	return json_pack("{so}", "slots", slots);
}

static const struct {
	const char *verb;
	json_t *(*handle)(const struct request *r, struct err *err);
} VERBS[] = {
    {"status", verb_status},
    {"why", verb_why},
    {"checks", verb_checks},
    {"workers", verb_workers},
    {"fleet", verb_fleet},
    {"drain", verb_drain},
    {"silence", verb_drain},
    {"undrain", verb_undrain},
    {"drain_region", verb_drain_region},
    {"undrain_region", verb_undrain_region},
    {"alert", verb_alert},
    {"pin", verb_pin},
    {"unpin", verb_unpin},
    {"reload", verb_reload},
    {"upgrade", verb_upgrade},
};

json_t *
control_handle(void *arg, const struct console_peer *peer, const char *verb, const json_t *args,
    bool *follow, struct err *err)
{
	struct request r = {
	    .brain = arg, .peer = peer, .verb = verb, .args = args, .follow = follow};

	if (strcmp(verb, "events") == 0) {
		if (request_args(&r, " n since_us level follow ", err) < 0)
			return NULL;
		if (r.brain->history != NULL)
			return history_answer(r.brain->history, args, follow, err);
		err_set(err, "no memory for events here; the journal has them");
		return NULL;
	}
	for (size_t i = 0; i < sizeof(VERBS) / sizeof(VERBS[0]); i++)
		if (strcmp(verb, VERBS[i].verb) == 0)
			return VERBS[i].handle(&r, err);
	err_set(err, "no such request: %.30s", verb);
	return NULL;
}
