/*
 * brain_state: what one brain leaves to the next, limits apart (brain_limits.c): ladders, windows,
 * counters, worker back-off in run_dir/brain.state, JSON on tmpfs; when they change (brain_due.c).
 * Its age and boot id are the saved lease: only a state of this boot, under 60 s old, lets a
 * successor adopt what BIRD shows.
 *
 * It is read as hostile: a field of the wrong type is as good as absent, a ladder goes through
 * ladder_adopt(), which mends what cannot be.
 */
#include "healthd/brain.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bgpctl/pick.h"
#include "healthd/fields.h"
#include "healthd/jsontext.h"
#include "lib/file.h"

#define STATE_MAX_BYTES (1 << 20)
#define LEASE_FRESH_MS 60000

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

int64_t
state_integer(const json_t *o, const char *key, int64_t low, int64_t high)
{
	json_int_t v = json_integer_value(json_object_get(o, key));

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
write_json(const char *path, json_t *j, struct err *err)
{
	char *text = json_dumps(j, JSON_COMPACT);
	int rc;

	if (text == NULL)
		return err_set(err, "%s: cannot render the state", path);
	rc = file_replace_fast(path, text, strlen(text), 0640, err);
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
		 : write_json(path, all, &err);
	if ((rc < 0) != b->state_failed) {
		b->state_failed = rc < 0;
		event_say(rc < 0 ? EVENT_ALARM : EVENT_NOTICE, "state", "%s%s",
		    rc < 0 ? err.text : "the state is saved again",
		    rc < 0 ? "; a restart would begin silent" : "");
	}
	free(path);
	json_decref(all);
}

/* --- loading ---------------------------------------------------------------------------------- */

json_t *
state_read(const char *dir, const char *name)
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
			snprintf(to->why, sizeof(to->why), "%s", pick_text(w, "why", ""));
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

		slots[s].past_starts = (uint32_t)state_integer(o, "starts", 0, UINT32_MAX);
		w->failed_starts = (uint16_t)state_integer(o, "failed_starts", 0, UINT16_MAX);
		w->backoff_ms =
		    state_integer(o, "backoff_ms", 0, b->settings.workers.backoff_max_ms);
		w->slow = json_is_true(json_object_get(o, "slow"));
		snprintf(w->why, sizeof(w->why), "%s", pick_text(o, "why", ""));
	}
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
	all = state_read(b->settings.site.paths.run_dir, "brain.state");
	if (all == NULL || *b->boot_id == '\0' ||
	    strcmp(pick_text(all, "boot_id", ""), b->boot_id) != 0) {
		json_decref(all);
		return;
	}
	age_us = b->started.us - state_integer(all, "saved_us", 0, INT64_MAX);
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
