/*
 * The parts of a record that tell what stands: the configuration, checks, lanes, what a lane is
 * told.
 */
#include "healthd/replay_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- the configuration ------------------------------------------------------------------------ */

struct head {
	int record;
	bool begins;
	char version[32];
};

/* The lines before the configuration's own; returns where that begins. */
static const char *
read_head(const char *text, struct head *h)
{
	static const char *const keys[] = {"record = ", "version = ", "boot_id = ", "begins = "};

	*h = (struct head){.record = 1, .begins = true};
	for (;;) {
		size_t k = 0, n = strcspn(text, "\n");

		while (k < 4 && strncmp(text, keys[k], strlen(keys[k])) != 0)
			k++;
		if (k == 4)
			return text;
		if (k == 0)
			h->record = (int)strtol(text + strlen(keys[0]), NULL, 10);
		else if (k == 1)
			sscanf(text, "version = \"%31[^\"\n]", h->version);
		else if (k == 3)
			h->begins = strncmp(text, "begins = false", 14) != 0;
		text += n + (text[n] == '\n');
	}
}

static void
refuse(struct replay *r, const struct head *h)
{
	replay_lose(r, "another version of anypop begins to record");
	snprintf(r->refused, sizeof(r->refused),
	    h->record > FLIGHT_VERSION
		? "it was recorded by anypop %s, which is newer and records what this one "
		  "(" ANYPOP_VERSION ") does not know; use its own bgpctl"
		: "it was recorded by anypop %s, whose decisions rested on other things than this "
		  "one's (" ANYPOP_VERSION "); `bgpctl events` reads it",
	    h->version);
}

void
replay_boot(struct replay *r, const char *text)
{
	struct head h;
	const char *configuration = read_head(text, &h);
	struct err err;

	if (h.record != FLIGHT_VERSION) {
		refuse(r, &h);
		return;
	}
	if (r->configuration != NULL && !h.begins) {
		if (strcmp(r->configuration, configuration) == 0)
			return;
		replay_differs(r, -1, NULL, NULL, "the configuration changed while a brain ran");
	}
	replay_lose(r, h.begins ? "a new brain begins" : "the configuration is another one");
	r->arena = arena_new();
	if (settings_read_text(
		configuration, "the recorded configuration", &r->settings, r->arena, &err) < 0) {
		replay_forget_settings(r);
		snprintf(r->refused, sizeof(r->refused), "%.*s", REPLAY_TEXT - 1, err.text);
		return;
	}
	r->configuration = strdup(configuration);
	snprintf(r->version, sizeof(r->version), "%s", h.version);
	track_reset(r->track, &r->settings, NULL);
	if (h.begins)
		replay_tell(r, (struct replay_entry){.kind = REPLAY_BEGINS});
}

/* --- states ----------------------------------------------------------------------------------- */

/* Of the lanes whose state is known now and was not before. */
static void
look_whole(struct replay *r)
{
	for (int l = 0; l < MAX_LANES; l++) {
		if (r->whole & 1U << l || !track_lane_known(r->track, l))
			continue;
		r->whole |= 1U << l;
		if (r->first_wall_us == 0)
			r->first_wall_us = r->wall_us;
		replay_tell(r, (struct replay_entry){.kind = REPLAY_WHOLE, .lane = l});
	}
}

/* A state that is known already: is it what we have come to? */
static void
compare_state(struct replay *r, int lane, json_t *ours, const char *recorded)
{
	char *text = json_dumps(ours, JSON_COMPACT);

	if (!replay_same(r, lane, recorded, text, &r->count.states))
		replay_differs(
		    r, lane, recorded, text, "a state is not what the record's entries make of it");
	free(text);
	json_decref(ours);
}

static int
on_check(struct replay *r, const json_t *o, struct mono at, const char *text, struct err *err)
{
	struct flight_check *c = malloc(sizeof(*c));
	struct track_check *ours;
	int rc = -1;

	if (c == NULL)
		return err_set(err, "out of memory");
	err_set(err, "the number of checks changed while a brain ran");
	if (flight_check_parse(&r->settings.site, o, at, c, err) == 0 &&
	    (r->track->n_checks == 0 || r->track->n_checks == c->of)) {
		ours = &r->track->checks[c->n];
		if (ours->known)
			compare_state(
			    r, -1, flight_check_render(&r->settings.site, &ours->is), text);
		track_put_check(r->track, c, NULL);
		rc =
		    ours->conf != NULL ? 0 : err_set(err, "a check that the configuration has not");
	}
	free(c);
	return rc;
}

static int
on_lane(struct replay *r, const json_t *o, struct mono at, const char *text, struct err *err)
{
	struct flight_lane l;

	if (flight_lane_parse(&r->settings.site, &r->settings.ladder, o, at, &l, err) < 0)
		return -1;
	if (r->whole & 1U << l.lane)
		compare_state(r, l.lane,
		    flight_lane_render(&r->settings.site, &r->track->lanes[l.lane].is), text);
	track_put_lane(r->track, &l);
	return 0;
}

static int
on_given(struct replay *r, const json_t *o, struct mono at, struct err *err)
{
	struct flight_given g;
	int lane;

	if (flight_given_parse(&r->settings.site, o, &lane, &g, err) < 0)
		return -1;
	r->track->lanes[lane].is.given = g;
	r->given_new |= 1U << lane;
	replay_tell(
	    r, (struct replay_entry){.kind = REPLAY_GIVEN, .at = at, .lane = lane, .given = &g});
	return 0;
}

static int
on_birth(struct replay *r, const json_t *o, struct err *err)
{
	struct flight_birth b;
	struct flight_lane *l;

	if (flight_birth_parse(&r->settings.site, o, &b, err) < 0)
		return -1;
	l = &r->track->lanes[b.lane].is;
	l->lane = b.lane;
	l->born = true;
	l->ladder = flight_born(&r->settings.ladder, &b);
	replay_tell(r,
	    (struct replay_entry){.kind = REPLAY_BIRTH, .at = b.at, .lane = b.lane, .birth = &b});
	return 0;
}

void
replay_state(struct replay *r, const struct record_seen *record)
{
	struct mono at = {record->mono_us};
	json_error_t why;
	json_t *o = json_loadb(record->data, record->length, 0, &why);
	const char *is = json_string_value(json_object_get(o, "is"));
	struct err err;
	int rc = -1;

	if (is == NULL)
		err_set(&err, "a state that is none");
	else if (strcmp(is, "check") == 0)
		rc = on_check(r, o, at, record->data, &err);
	else if (strcmp(is, "lane") == 0)
		rc = on_lane(r, o, at, record->data, &err);
	else if (strcmp(is, "given") == 0)
		rc = on_given(r, o, at, &err);
	else if (strcmp(is, "birth") == 0)
		rc = on_birth(r, o, &err);
	else
		rc = 0; /* of a later release, which says in its version where we would go wrong */
	json_decref(o);
	if (rc < 0)
		replay_lose(r, err.text);
	else
		look_whole(r);
}
