/*
 * replay: see replay.h. Entries that cannot be taken (damage, hostile bytes, records that are
 * missing) end what is known, and the next whole state in the record begins it again.
 */
#include "healthd/replay_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct replay *
replay_new(const struct replay_want *want)
{
	struct replay *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	r->want = *want;
	r->track = calloc(1, sizeof(*r->track));
	if (r->track == NULL) {
		free(r);
		return NULL;
	}
	return r;
}

void
replay_forget_settings(struct replay *r)
{
	if (r->arena != NULL)
		arena_free(r->arena);
	r->arena = NULL;
	free(r->configuration);
	r->configuration = NULL;
}

static void
expect_nothing(struct replay *r)
{
	free(r->expected.text);
	r->expected.text = NULL;
	r->expected.type = 0;
}

void
replay_free(struct replay *r)
{
	if (r == NULL)
		return;
	replay_forget_settings(r);
	expect_nothing(r);
	free(r->first.recorded);
	free(r->first.decided);
	free(r->track);
	free(r);
}

/* --- what is told ----------------------------------------------------------------------------- */

void
replay_tell(struct replay *r, struct replay_entry e)
{
	e.wall_us = mono_is_set(e.at) ? e.at.us + r->wall_offset_us : r->wall_us;
	if (r->entry != NULL)
		r->entry(r->arg, &e);
}

bool
replay_wanted(const struct replay *r, int lane, int64_t wall_us)
{
	const char *service = r->settings.site.services[lane_service(lane)].name;

	return wall_us >= r->want.from_us && wall_us <= r->want.to_us &&
	       (r->want.service == NULL || strcmp(r->want.service, service) == 0) &&
	       (r->want.family == NULL ||
		   strcmp(r->want.family, family_name(lane_family(lane))) == 0);
}

void
replay_differs(
    struct replay *r, int lane, const char *recorded, const char *decided, const char *what)
{
	if (lane >= 0 && !replay_wanted(r, lane, r->wall_us))
		return;
	if (r->count.differences++ > 0)
		return;
	snprintf(r->first.what, sizeof(r->first.what), "%s", what);
	if (lane >= 0)
		lane_name(&r->settings.site, lane, r->first.lane);
	r->first.wall_us = r->wall_us;
	r->first.recorded = recorded != NULL ? strdup(recorded) : NULL;
	r->first.decided = decided != NULL ? strdup(decided) : NULL;
}

/* Is all of `a` in `b` as well? An object of `b` may have more members, of a later release. */
static bool
covers(const json_t *a, const json_t *b)
{
	const char *key;
	json_t *v;
	size_t i;

	if (json_is_object(a) && json_is_object(b)) {
		json_object_foreach((json_t *)a, key, v)
		{
			if (!covers(v, json_object_get(b, key)))
				return false;
		}
		return true;
	}
	if (json_is_array(a) && json_array_size(a) == json_array_size(b)) {
		json_array_foreach(a, i, v)
		{
			if (!covers(v, json_array_get(b, i)))
				return false;
		}
		return true;
	}
	return b != NULL && json_equal(a, b);
}

bool
replay_same(struct replay *r, int lane, const char *recorded, const char *decided, uint64_t *same)
{
	bool counts = lane < 0 || replay_wanted(r, lane, r->wall_us), wide;
	json_error_t why;
	json_t *a, *b;

	if (decided == NULL)
		return false;
	if (strcmp(recorded, decided) == 0) {
		*same += counts;
		return true;
	}
	a = json_loads(recorded, 0, &why);
	b = json_loads(decided, 0, &why);
	wide = a != NULL && covers(a, b);
	r->count.wider += wide && counts;
	json_decref(a);
	json_decref(b);
	return wide;
}

/* Nothing is known any more. */
void
replay_lose(struct replay *r, const char *why)
{
	struct replay_gap *g = &r->gaps[r->n_gaps];
	bool knew = r->whole != 0;

	expect_nothing(r);
	r->whole = r->given_new = 0;
	if (r->arena != NULL)
		track_reset(r->track, &r->settings, NULL);
	replay_forget_settings(r);
	if (!knew)
		return;
	if (r->n_gaps < sizeof(r->gaps) / sizeof(r->gaps[0])) {
		g->wall_us = r->wall_us;
		snprintf(g->why, sizeof(g->why), "%s", why);
	}
	r->n_gaps++;
	replay_tell(r, (struct replay_entry){.kind = REPLAY_LOST, .text = why});
}

/* --- entries ---------------------------------------------------------------------------------- */

static void
expect(struct replay *r, const struct track_turn *turn)
{
	struct fact facts[MAX_CHECKS] = {0};
	const char *names[MAX_CHECKS];
	bool news = flight_news(&turn->out, turn->wish, turn->rule);
	struct decision d = {.site = &r->settings.site,
	    .lane = turn->lane,
	    .observe = r->settings.mode == MODE_OBSERVE,
	    .starved = turn->starved,
	    .now = turn->now,
	    .before = &turn->before,
	    .in = &turn->in,
	    .out = &turn->out,
	    .facts = facts,
	    .names = names,
	    .n_facts = r->track->n_checks,
	    .mask = r->track->lanes[turn->lane].facts};
	json_t *o;

	if (!news && !(r->given_new & 1U << turn->lane))
		return;
	for (int n = 0; n < r->track->n_checks; n++) {
		facts[n] = r->track->checks[n].is.fact;
		names[n] = r->track->checks[n].is.name;
	}
	o = decision_render(&d);
	r->expected.type = news ? RECORD_DECISION : RECORD_INPUT;
	r->expected.lane = turn->lane;
	r->expected.text = json_dumps(o, JSON_COMPACT);
	json_decref(o);
}

static bool
on_step(struct replay *r, const struct record_sample *s, struct mono at)
{
	struct track_turn turn;
	int lane = s->check;

	if (lane >= MAX_LANES)
		return false;
	if (!(r->whole & 1U << lane)) {
		r->given_new &= ~(1U << lane);
		return true;
	}
	if (!r->track->lanes[lane].is.born)
		return false;
	r->count.steps++;
	r->starved = s->value != 0;
	track_step(r->track, lane, s->value != 0, at, &turn);
	expect(r, &turn);
	r->given_new &= ~(1U << lane);
	replay_tell(
	    r, (struct replay_entry){
		   .kind = REPLAY_STEP, .at = at, .lane = lane, .on = turn.starved, .turn = &turn});
	return true;
}

static bool
on_probe(struct replay *r, const struct record_sample *s, struct mono at)
{
	struct sample sample = {.outcome = (enum outcome)s->outcome,
	    .value = s->value,
	    .rtt_us = s->rtt_us,
	    .sent = {s->sent_us},
	    .at = at};

	if (s->check >= r->track->n_checks || s->outcome >= N_OUTCOMES || s->value < 0 ||
	    s->value > 100 || s->sent_us < 0 || s->sent_us > at.us)
		return r->track->n_checks == 0; /* not known yet how many there are */
	if (s->target >= MAX_TARGETS)
		return false;
	if (!r->track->checks[s->check].known)
		return true;
	if (s->target >= r->track->checks[s->check].is.n_targets)
		return false;
	r->count.samples++;
	track_sample(r->track, s->check, s->target, &sample);
	replay_tell(r, (struct replay_entry){.kind = REPLAY_SAMPLE,
			   .at = at,
			   .check = s->check,
			   .target = s->target,
			   .sample = &sample});
	return true;
}

static bool
on_evidence(struct replay *r, const struct record_sample *s, struct mono at)
{
	if (s->check >= MAX_CHECKS)
		return false;
	track_evidence(r->track, s->check, s->value != 0, at);
	replay_tell(
	    r, (struct replay_entry){
		   .kind = REPLAY_EVIDENCE, .at = at, .check = s->check, .on = s->value != 0});
	return true;
}

static bool
on_entry(struct replay *r, const struct record_sample *s)
{
	struct mono at = {s->at_us};

	/* `at` of evidence that has ended may lie as far back as never. */
	if (s->at_us < (s->kind == SAMPLE_EVIDENCE ? 0 : 1) || s->at_us > FLIGHT_TIME_MAX)
		return false;
	switch (s->kind) {
	case SAMPLE_PROBE:
		return on_probe(r, s, at);
	case SAMPLE_TICK:
		track_tick(r->track, at);
		replay_tell(r, (struct replay_entry){.kind = REPLAY_TICK, .at = at});
		return true;
	case SAMPLE_STEP:
		return on_step(r, s, at);
	case SAMPLE_EVIDENCE:
		return on_evidence(r, s, at);
	default:
		return false;
	}
}

/* A lane that went another way is taken up again where the record tells its state. */
static void
leave_lane(struct replay *r, int lane)
{
	r->whole &= ~(1U << lane);
	r->track->lanes[lane].known = false;
}

static void
check_missing(struct replay *r)
{
	int lane = r->expected.lane;

	if (r->expected.type == 0)
		return;
	replay_differs(r, lane, NULL, r->expected.text, "a decision that the record has not");
	expect_nothing(r);
	leave_lane(r, lane);
}

static void
on_samples(struct replay *r, const struct record_seen *record)
{
	struct record_sample s;

	for (size_t at = 0; at + sizeof(s) <= record->length; at += sizeof(s)) {
		check_missing(r);
		memcpy(&s, (const char *)record->data + at, sizeof(s));
		if (!on_entry(r, &s)) {
			replay_lose(r, "an entry that cannot be");
			return;
		}
	}
}

static int
lane_of_decision(const struct replay *r, const char *text)
{
	json_error_t why;
	json_t *o = json_loads(text, 0, &why);
	const char *name = json_string_value(json_object_get(o, "lane"));
	int lane = name != NULL ? lane_find(&r->settings.site, name) : -1;

	json_decref(o);
	return lane;
}

static void
on_decision(struct replay *r, const struct record_seen *record)
{
	const char *text = record->data;
	int lane = r->expected.lane;

	if (r->expected.type == record->type &&
	    replay_same(r, lane, text, r->expected.text, &r->count.decisions)) {
		expect_nothing(r);
		return;
	}
	if (r->expected.type == 0)
		lane = r->arena != NULL ? lane_of_decision(r, text) : -1;
	if (lane < 0 || !(r->whole & 1U << lane)) {
		r->count.passed += lane < 0 || replay_wanted(r, lane, r->wall_us);
		return;
	}
	replay_differs(r, lane, text, r->expected.text,
	    r->expected.type == 0 ? "a decision that the record's entries do not call for"
	    : r->expected.type != record->type
		? "a decision that is news, and was recorded as new input (or the other way round)"
		: "a decision that does not come out as it was recorded");
	expect_nothing(r);
	leave_lane(r, lane);
}

int
replay_record(void *replay, const struct record_seen *record)
{
	struct replay *r = replay;

	r->count.records++;
	/* The wall clock may jump; what is told goes on from where it stood at the beginning. */
	if (r->whole == 0)
		r->wall_offset_us = record->wall_us - record->mono_us;
	r->wall_us = record->mono_us + r->wall_offset_us;
	if (r->progress != NULL)
		r->progress(record->done, record->of);
	if (record->lost)
		replay_lose(r, "records are missing");
	if (record->type != RECORD_DECISION && record->type != RECORD_INPUT &&
	    record->type != RECORD_EVENT)
		check_missing(r);
	if (record->type == RECORD_BOOT)
		replay_boot(r, record->data);
	else if (record->type == RECORD_DECISION || record->type == RECORD_INPUT)
		on_decision(r, record);
	else if (r->arena != NULL && record->type == RECORD_STATE)
		replay_state(r, record);
	else if (r->arena != NULL && record->type == RECORD_SAMPLE)
		on_samples(r, record);
	if (r->whole != 0)
		r->last_wall_us = r->wall_us;
	return 0;
}

int
replay_file(struct replay *r, const char *path, struct err *err)
{
	uint64_t damaged = 0;
	int rc;

	replay_lose(r, "another file begins");
	rc = recorder_walk(path, replay_record, r, &damaged, err);
	r->count.damaged += damaged;
	expect_nothing(r); /* what the last second cut off */
	return rc;
}
