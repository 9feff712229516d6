/*
 * brain_state: what one brain leaves to the next. Two files of JSON:
 *
 *   run_dir/brain.state    ladders, windows, counters, worker back-off, on tmpfs; when they change
 * (brain_due.c). Its age and boot id are the saved lease: only a state of this boot, under 60 s
 * old, lets a successor adopt what BIRD shows.
 *   state_dir/limits.json  operators' limits, at each change, synced; kept over reboots. Expiry is
 * kept as time left and as wall-clock time: in the same boot the monotonic clock decides, after a
 * reboot the wall clock, and one that has jumped back ends nothing early and prolongs nothing.
 *
 * Both are read as hostile: a field of the wrong type is as good as absent, a ladder goes through
 * ladder_adopt(), which mends what cannot be.
 */
#include "healthd/brain.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "healthd/fields.h"
#include "healthd/jsontext.h"
#include "lib/file.h"

#define STATE_VERSION 1
#define STATE_MAX_BYTES (1 << 20)
#define LEASE_FRESH_MS 60000
#define FAR_US (INT64_C(10) * 365 * 86400 * 1000000) /* later than any limit ends */

static const struct field COUNTER_FIELDS[] = {
    FIELD(counters, brain_starts, FIELD_I64),
    FIELD(counters, decisions, FIELD_I64),
    FIELD(counters, moves, FIELD_I64),
    FIELD(counters, worker_exits, FIELD_I64),
    FIELD(counters, worker_hangs, FIELD_I64),
    FIELD(counters, hooks, FIELD_I64),
    FIELD(counters, hooks_failed, FIELD_I64),
    FIELD(counters, engine_exits, FIELD_I64),
    FIELD(counters, engine_hangs, FIELD_I64),
    {NULL, 0, 0},
};

static int64_t
clip(json_int_t v, int64_t low, int64_t high)
{
	return v < low ? low : v > high ? high : v;
}

/* --- saving ----------------------------------------------------------------------------------- */

static json_t *
windows_save(const struct brain *b)
{
	json_t *all = json_object();

	for (int n = 0; n < b->n_instances; n++) {
		const struct instance *i = &b->instances[n];
		json_t *targets = json_object();

		for (int t = 0; t < i->n_targets; t++) {
			json_t *w = fields_save(WINDOW_FIELDS, &i->targets[t].window);

			json_object_set_new(w, "why", jsontext(i->targets[t].window.why));
			json_object_set_new(targets, i->targets[t].label, w);
		}
		json_object_set_new(all, i->name, targets);
	}
	return all;
}

static json_t *
slots_save(const struct slot *slots, int n)
{
	json_t *all = json_array();

	for (int s = 0; s < n; s++) {
		const struct worker *w = &slots[s].worker;

		json_array_append_new(all,
		    json_pack("{sisisIsbso}", "starts", (int)(slots[s].past_starts + w->starts),
			"failed_starts", (int)w->failed_starts, "backoff_ms",
			(json_int_t)w->backoff_ms, "slow", (int)w->slow, "why", jsontext(w->why)));
	}
	return all;
}

static int
write_json(const char *path, json_t *j, bool sync, struct err *err)
{
	char *text = json_dumps(j, sync ? JSON_INDENT(1) : JSON_COMPACT);
	int rc;

	if (text == NULL)
		return err_set(err, "%s: cannot render the state", path);
	rc = sync ? file_replace(path, text, strlen(text), 0640, err)
		  : file_replace_fast(path, text, strlen(text), 0640, err);
	free(text);
	return rc;
}

void
state_save(struct brain *b)
{
	char *path = NULL;
	json_t *lanes = json_object(), *all;
	struct err err;
	int rc;

	for (int l = 0; l < MAX_LANES; l++) {
		const struct lane *lane = &b->lanes[l];

		if (lane->exists && lane->born)
			json_object_set_new(lanes, lane->name,
			    fields_save(LADDER_FIELDS, &lane->ladder));
		else if (lane->exists && lane->has_saved)
			json_object_set_new(lanes, lane->name,
			    fields_save(LADDER_FIELDS, &lane->saved));
	}
	all = json_pack("{sisssIsososososo}", "version", STATE_VERSION, "boot_id", b->boot_id,
	    "saved_us", (json_int_t)mono_now().us, "lanes", lanes, "windows", windows_save(b),
	    "slots", slots_save(b->slots, b->n_slots), "engines",
	    slots_save(b->engines, MAX_SLOTS - ENGINE_SLOT), "counters",
	    fields_save(COUNTER_FIELDS, &b->counters));
	b->state_due = false;
	b->saved.at = mono_now();
	rc = asprintf(&path, "%s/brain.state", b->settings.site.paths.run_dir) < 0
		 ? err_set(&err, "out of memory")
		 : write_json(path, all, false, &err);
	if ((rc < 0) != b->state_failed) {
		b->state_failed = rc < 0;
		event_say(rc < 0 ? EVENT_ALARM : EVENT_NOTICE, "state", "%s%s",
		    rc < 0 ? err.text : "the state is saved again",
		    rc < 0 ? "; a restart would begin silent" : "");
	}
	free(path);
	json_decref(all);
}

static int64_t
wall_now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static json_t *
limit_save(const struct brain *b, const struct limit *l, struct mono now)
{
	int64_t left = mono_is_set(l->until) ? mono_diff_us(l->until, now) : 0;

	return json_pack("{sisisisssIsIsoso}", "owner", (int)l->owner, "sort", (int)l->sort, "rung",
	    (int)l->rung, "name", lane_rung_name(b, l->rung), "until_us",
	    (json_int_t)l->until.us, "left_us", (json_int_t)left, "who", jsontext(l->who), "reason",
	    jsontext(l->reason));
}

static json_t *
ask_save(const struct ask *a, struct mono now)
{
	return json_pack("{sssIsIsoso}", "region", a->region, "until_us", (json_int_t)a->until.us,
	    "left_us", (json_int_t)mono_diff_us(a->until, now), "who", jsontext(a->who), "reason",
	    jsontext(a->reason));
}

void
limits_save(struct brain *b)
{
	struct mono now = mono_now();
	json_t *lanes = json_object(), *asks = json_object(), *all;
	char *path = NULL;
	struct err err;

	for (int l = 0; l < MAX_LANES; l++) {
		json_t *list;

		if (!b->lanes[l].exists)
			continue;
		list = json_array();
		for (int i = 0; i < MAX_LIMITS; i++)
			if (b->lanes[l].limits[i].set)
				json_array_append_new(list,
				    limit_save(b, &b->lanes[l].limits[i], now));
		json_object_set_new(lanes, b->lanes[l].name, list);
		if (b->lanes[l].ask.set)
			json_object_set_new(asks, b->lanes[l].name,
			    ask_save(&b->lanes[l].ask, now));
	}
	all = json_pack("{sisssIsoso}", "version", STATE_VERSION, "boot_id", b->boot_id,
	    "saved_wall_us", (json_int_t)wall_now_us(), "lanes", lanes, "regions", asks);
	if (asprintf(&path, "%s/limits.json", b->settings.site.paths.state_dir) >= 0 &&
	    write_json(path, all, true, &err) < 0)
		event_say(EVENT_ALARM, "state",
		    "%s; limits hold, and would be lost with this process", err.text);
	free(path);
	json_decref(all);
}

/* --- loading ---------------------------------------------------------------------------------- */

static json_t *
read_json(const char *dir, const char *name)
{
	char *path = NULL, *text;
	json_t *j = NULL;
	json_error_t why;
	struct err err;
	size_t length;

	if (asprintf(&path, "%s/%s", dir, name) < 0)
		return NULL;
	text = file_read(path, STATE_MAX_BYTES, &length, &err);
	if (text != NULL) {
		j = json_loadb(text, length, 0, &why);
		if (j == NULL)
			event_say(EVENT_WARN, "state", "%s is damaged and not used: %s", path,
			    why.text);
		else if (json_integer_value(json_object_get(j, "version")) != STATE_VERSION) {
			event_say(
			    EVENT_WARN, "state", "%s is of another version and not used", path);
			json_decref(j);
			j = NULL;
		}
	}
	free(text);
	free(path);
	return j;
}

static const char *
text_of(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s != NULL ? s : "";
}

static void
windows_load(struct brain *b, const json_t *all)
{
	for (int n = 0; n < b->n_instances; n++) {
		struct instance *i = &b->instances[n];
		const json_t *targets = json_object_get(all, i->name);

		for (int t = 0; t < i->n_targets; t++) {
			const json_t *w = json_object_get(targets, i->targets[t].label);
			struct window *to = &i->targets[t].window;

			if (!json_is_object(w))
				continue;
			fields_load(WINDOW_FIELDS, w, to);
			snprintf(to->why, sizeof(to->why), "%s", text_of(w, "why"));
			*to = window_sane(*to, b->started);
		}
	}
}

static void
slots_load(const struct brain *b, struct slot *slots, int n, const json_t *all)
{
	for (int s = 0; s < n; s++) {
		const json_t *o = json_array_get(all, (size_t)s);
		struct worker *w = &slots[s].worker;

		slots[s].past_starts = (uint32_t)clip(
		    json_integer_value(json_object_get(o, "starts")), 0, UINT32_MAX);
		w->failed_starts = (uint16_t)clip(
		    json_integer_value(json_object_get(o, "failed_starts")), 0, UINT16_MAX);
		w->backoff_ms = clip(json_integer_value(json_object_get(o, "backoff_ms")), 0,
		    b->settings.workers.backoff_max_ms);
		w->slow = json_is_true(json_object_get(o, "slow"));
		snprintf(w->why, sizeof(w->why), "%s", text_of(o, "why"));
	}
}

/* A limit means a rung by its name, which another configuration may have given another number.
 * Silent and drain are what they are under any name. -1: there is no such rung any more. */
static int
limit_rung(const struct site *site, const json_t *o)
{
	json_int_t rung = json_integer_value(json_object_get(o, "rung"));
	const char *name = text_of(o, "name");

	if (!json_is_integer(json_object_get(o, "rung")) || rung < 0)
		return -1;
	if (rung <= RUNG_DRAIN)
		return (int)rung;
	if (rung_find(site, name) < 0)
		event_say(EVENT_WARN, "state",
		    "a limit at rung %.20s ends: there is no such rung any more", name);
	return rung_find(site, name);
}

static bool
limit_load(const json_t *o, bool same_boot, int64_t wall_elapsed_us, const struct site *site,
    struct limit *l)
{
	struct mono now = mono_now();
	int64_t left = clip(json_integer_value(json_object_get(o, "left_us")), -1, FAR_US);
	int64_t until = json_integer_value(json_object_get(o, "until_us"));
	json_int_t owner = json_integer_value(json_object_get(o, "owner"));
	json_int_t sort = json_integer_value(json_object_get(o, "sort"));
	int rung = limit_rung(site, o);

	/* Only these hold limits from outside; all others are the ladder's own. */
	if (!json_is_object(o) ||
	    (owner != OWNER_OPERATOR && owner != OWNER_BIRDC && owner != OWNER_REGION) ||
	    sort < LIMIT_CAP || sort > LIMIT_PIN || rung < 0 || left < 0 || until < 0)
		return false;
	if (owner == OWNER_REGION && (sort != LIMIT_CAP || rung != RUNG_DRAIN || until == 0))
		return false;
	*l = (struct limit){.set = true,
	    .owner = (enum limit_owner)owner,
	    .sort = (enum limit_sort)sort,
	    .rung = (int8_t)rung};
	if (until != 0)
		l->until = same_boot ? (struct mono){until}
				     : mono_add_us(now, left - wall_elapsed_us);
	snprintf(l->who, sizeof(l->who), "%s", text_of(o, "who"));
	snprintf(l->reason, sizeof(l->reason), "%s", text_of(o, "reason"));
	return until == 0 || mono_before(now, l->until);
}

/* What we ask of a region goes on after us; it always has an end. */
static void
ask_load(const json_t *o, bool same_boot, int64_t wall_elapsed_us, struct ask *a)
{
	struct mono now = mono_now(), most = mono_add_ms(now, BEACON_REQUEST_MAX_S * 1000LL);
	int64_t left = clip(json_integer_value(json_object_get(o, "left_us")), 0, FAR_US);
	int64_t until =
	    clip(json_integer_value(json_object_get(o, "until_us")), 0, FLIGHT_TIME_MAX);
	struct mono ends = same_boot ? (struct mono){until}
				     : mono_add_us(now, left - wall_elapsed_us);

	if (!region_name_good(text_of(o, "region")) || !mono_before(now, ends))
		return;
	*a = (struct ask){.set = true, .until = mono_min(ends, most)};
	snprintf(a->region, sizeof(a->region), "%s", text_of(o, "region"));
	snprintf(a->who, sizeof(a->who), "%s", text_of(o, "who"));
	snprintf(a->reason, sizeof(a->reason), "%s", text_of(o, "reason"));
}

static void
limits_load(struct brain *b)
{
	json_t *all = read_json(b->settings.site.paths.state_dir, "limits.json");
	bool same_boot = strcmp(text_of(all, "boot_id"), b->boot_id) == 0;
	int64_t elapsed = wall_now_us() -
	    clip(json_integer_value(json_object_get(all, "saved_wall_us")), 0, INT64_MAX);

	for (int l = 0; all != NULL && l < MAX_LANES; l++) {
		const json_t *list, *o;
		size_t i;
		struct limit limit;

		if (!b->lanes[l].exists)
			continue;
		list = json_object_get(json_object_get(all, "lanes"), b->lanes[l].name);
		json_array_foreach(list, i,
		    o) if (limit_load(o, same_boot, elapsed < 0 ? 0 : elapsed, &b->settings.site,
			       &limit)) limits_put(b->lanes[l].limits, MAX_LIMITS, &limit);
		ask_load(json_object_get(json_object_get(all, "regions"), b->lanes[l].name),
		    same_boot, elapsed < 0 ? 0 : elapsed, &b->lanes[l].ask);
	}
	json_decref(all);
}

static void
boot_id_read(struct brain *b)
{
	struct err err;
	char *text = file_read("/proc/sys/kernel/random/boot_id", 64, NULL, &err);

	if (text != NULL)
		snprintf(b->boot_id, sizeof(b->boot_id), "%.*s", (int)strcspn(text, "\n"), text);
	free(text);
}

void
state_load(struct brain *b)
{
	json_t *all;
	int64_t age_us;

	boot_id_read(b);
	limits_load(b);
	all = read_json(b->settings.site.paths.run_dir, "brain.state");
	if (all == NULL || *b->boot_id == '\0' ||
	    strcmp(text_of(all, "boot_id"), b->boot_id) != 0) {
		json_decref(all);
		return;
	}
	age_us = b->started.us -
	    clip(json_integer_value(json_object_get(all, "saved_us")), 0, INT64_MAX);
	b->lease_fresh = age_us >= 0 && age_us < LEASE_FRESH_MS * 1000;
	fields_load(COUNTER_FIELDS, json_object_get(all, "counters"), &b->counters);
	if (b->lease_fresh) {
		windows_load(b, json_object_get(all, "windows"));
		slots_load(b, b->slots, b->n_slots, json_object_get(all, "slots"));
		slots_load(b, b->engines, MAX_SLOTS - ENGINE_SLOT, json_object_get(all, "engines"));
	}
	for (int l = 0; l < MAX_LANES; l++) {
		struct lane *lane = &b->lanes[l];
		const json_t *o = json_object_get(json_object_get(all, "lanes"), lane->name);

		if (!lane->exists || !json_is_object(o))
			continue;
		lane->has_saved = true;
		lane->saved = (struct ladder){.phase = LADDER_RUN, .proven = -1};
		fields_load(LADDER_FIELDS, o, &lane->saved);
	}
	json_decref(all);
}
