/*
 * brain_record: what the flight recorder is told. Everything that the pure core is given and that
 * does not follow from something recorded earlier is written before it is used, in the order in
 * which it is used; so `bgpctl replay` can decide again. States stand there as well: all of them at
 * the beginning, and then one part every few seconds, so that replay may begin anywhere in the ring
 * and finds its feet again after a loss.
 */
#include "healthd/brain.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RETRY_MS 60000
#define PART_MS 5000 /* some hundred bytes a second, beside the samples' thousands */

static void
append_json(struct brain *b, enum record_type type, json_t *o)
{
	char *text = json_dumps(o, JSON_COMPACT);

	if (text != NULL)
		recorder_append(b->recorder, type, text, strlen(text));
	free(text);
	json_decref(o);
}

static void
append_sample(struct brain *b, const struct record_sample *s)
{
	if (b->recorder != NULL)
		recorder_append(b->recorder, RECORD_SAMPLE, s, sizeof(*s));
}

/* --- parts of the state ----------------------------------------------------------------------- */

static void
append_configuration(struct brain *b, bool begins)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	if (f == NULL)
		return;
	fprintf(f, "record = %d;\nversion = \"%s\";\nboot_id = \"%s\";\nbegins = %s;\n",
	    FLIGHT_VERSION, ANYPOP_VERSION, b->boot_id, begins ? "true" : "false");
	for (int n = 0; n < b->n_instances; n++)
		for (int t = 0; t < b->instances[n].n_targets; t++)
			fprintf(f, "# instance %d target %d: %s %s\n", n, t, b->instances[n].name,
			    b->instances[n].targets[t].label);
	settings_render(f, &b->settings);
	fclose(f);
	recorder_append(b->recorder, RECORD_BOOT, text, size);
	free(text);
}

static void
append_check(struct brain *b, int n)
{
	const struct instance *i = &b->instances[n];
	struct flight_check c = {
	    .n = n,
	    .of = b->n_instances,
	    .lanes = i->lanes,
	    .k = i->tally_conf.k,
	    .stale_ms = i->window_conf.stale_ms,
	    .evidence = i->tally_conf.evidence,
	    .evidence_since = i->tally_conf.evidence_since,
	    .fact = i->fact,
	    .n_targets = i->n_targets,
	};

	snprintf(c.name, sizeof(c.name), "%s", i->name);
	snprintf(c.check, sizeof(c.check), "%s", i->conf->name);
	for (int t = 0; t < i->n_targets; t++) {
		const struct target *from = &i->targets[t];
		struct flight_target *to = &c.targets[t];

		memcpy(to->label, from->label, sizeof(to->label));
		to->seen = mono_is_set(from->last.at);
		to->window = from->window;
	}
	append_json(b, RECORD_STATE, flight_check_render(&b->settings.site, &c));
}

static void
append_lane(struct brain *b, const struct lane *lane)
{
	struct flight_lane l = {
	    .lane = lane->index,
	    .born = lane->born,
	    .ladder = lane->ladder,
	    .wish = lane->out.wish,
	    .rule = lane->out.rule,
	    .given = lane->recorded,
	};

	append_json(b, RECORD_STATE, flight_lane_render(&b->settings.site, &l));
}

/* The configuration, checks, lanes: as many parts as that makes. */
static int
parts(const struct brain *b)
{
	return 1 + b->n_instances + MAX_LANES;
}

static void
append_part(struct brain *b, int n, bool begins)
{
	int lane = n - 1 - b->n_instances;

	if (n == 0)
		append_configuration(b, begins);
	else if (n <= b->n_instances)
		append_check(b, n - 1);
	else if (b->lanes[lane].exists)
		append_lane(b, &b->lanes[lane]);
}

/* The next part that there is. */
static void
append_turn(struct brain *b, struct mono now)
{
	int n = b->recorder_turn.next;

	if (mono_before(now, b->recorder_turn.at))
		return;
	append_part(b, n, false);
	do
		n = (n + 1) % parts(b);
	while (n > b->n_instances && !b->lanes[n - 1 - b->n_instances].exists);
	b->recorder_turn.next = n;
	b->recorder_turn.at = mono_add_ms(now, PART_MS);
}

/* --- opening, and each second ----------------------------------------------------------------- */

static void
append_all(struct brain *b, bool begins)
{
	for (int n = 0; n < parts(b); n++)
		append_part(b, n, begins);
	b->recorder_turn.next = 0;
	b->recorder_turn.at = mono_add_ms(mono_now(), PART_MS);
}

/* Whether the disk lets it be opened is heard from record_second(). */
void
record_open(struct brain *b)
{
	struct err err;

	if (b->settings.recorder.path == NULL || *b->settings.recorder.path == '\0')
		return;
	b->recorder =
	    recorder_begin(b->settings.recorder.path, b->settings.recorder.size_mib << 20, &err);
	b->recorder_tried = mono_now();
	if (b->recorder != NULL) {
		append_all(b, true);
		return;
	}
	if (!b->recorder_failed)
		event_say(EVENT_ALARM, "recorder", "%s; nothing is recorded", err.text);
	b->recorder_failed = true;
}

void
record_second(struct brain *b)
{
	struct mono now = mono_now();
	struct err err;
	int rc;

	if (b->recorder == NULL && mono_diff_ms(now, b->recorder_tried) >= RETRY_MS)
		record_open(b);
	if (b->recorder == NULL)
		return;
	append_turn(b, now);
	rc = recorder_flush(b->recorder, &err);
	if (rc == 0)
		return;
	b->recorder_failed = rc < 0;
	event_say(rc < 0 ? EVENT_ALARM : EVENT_NOTICE, "recorder", "%s",
	    rc < 0 ? err.text : "the flight recorder writes again");
	if (rc > 0)
		append_all(b, false); /* much was lost, or nothing is there yet */
}

/* --- as it happens ---------------------------------------------------------------------------- */

void
record_sample(struct brain *b, const struct target *t, const struct sample *s)
{
	struct record_sample r = {
	    .check = (uint16_t)t->instance,
	    .target = (uint16_t)t->index,
	    .outcome = (uint8_t)s->outcome,
	    .value = s->value,
	    .rtt_us = s->rtt_us,
	    .sent_us = s->sent.us,
	    .at_us = s->at.us,
	};

	append_sample(b, &r);
}

void
record_tick(struct brain *b, struct mono now)
{
	struct record_sample r = flight_tick(now);

	append_sample(b, &r);
}

void
record_evidence(struct brain *b, const struct instance *i)
{
	struct record_sample r = flight_evidence(
	    (int)(i - b->instances), i->tally_conf.evidence, i->tally_conf.evidence_since);

	append_sample(b, &r);
}

void
record_birth(struct brain *b, const struct flight_birth *birth)
{
	if (b->recorder != NULL)
		append_json(b, RECORD_STATE, flight_birth_render(&b->settings.site, birth));
}

void
record_step(
    struct brain *b, struct lane *lane, const struct ladder_in *in, bool starved, struct mono now)
{
	struct record_sample r = flight_step(lane->index, starved, now);
	struct flight_given given = flight_given_of(in);

	lane->input_new = !flight_given_equal(&lane->recorded, &given);
	lane->recorded = given;
	if (b->recorder != NULL && lane->input_new)
		append_json(
		    b, RECORD_STATE, flight_given_render(&b->settings.site, lane->index, &given));
	append_sample(b, &r);
}

void
record_decision(struct brain *b, const struct lane *lane, const struct decision *d, bool news)
{
	if (b->recorder != NULL && (news || lane->input_new))
		append_json(b, news ? RECORD_DECISION : RECORD_INPUT, decision_render(d));
}
