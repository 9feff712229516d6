/*
 * brain_checks: samples become windows, windows a fact; a changed fact marks the lanes that it
 * counts for. What instances there are, and their probes, is brain_instances.c.
 */
#include "healthd/brain.h"

#include <stdio.h>
#include <string.h>

#include "lib/event.h"

#define SAY_MAX 6
#define SAY_SPAN_MS 60000

static void
send_verdict(struct instance *i, const struct target *t, enum verdict from)
{
	enum verdict to = i->fact.verdict;
	struct event e;

	event_begin(&e, to == VERDICT_FAIL ? EVENT_WARN : EVENT_NOTICE, "check");
	event_str(&e, "check", i->name);
	event_str(&e, "class", check_class_name(i->fact.class));
	event_str(&e, "from", verdict_name(from));
	event_str(&e, "to", verdict_name(to));
	if (i->fact.vital)
		event_str(&e, "vital", "yes");
	if (to == VERDICT_FAIL && t != NULL) {
		event_str(&e, "target", t->label);
		event_str(&e, "because", t->window.why);
	}
	if (i->said.untold > 0)
		event_int(&e, "untold", i->said.untold);
	event_send(&e);
	i->said.n++;
	i->said.untold = 0;
	i->said.verdict = to;
}

/* A check that flaps is told SAY_MAX times a span, and then counted. */
static void
say_verdict(struct instance *i, const struct target *t, enum verdict from)
{
	struct mono now = mono_now();

	if (!mono_is_set(i->said.since) || mono_diff_ms(now, i->said.since) >= SAY_SPAN_MS) {
		i->said.since = now;
		i->said.n = 0;
	}
	if (i->said.n < SAY_MAX)
		send_verdict(i, t, i->said.untold > 0 ? i->said.verdict : from);
	else
		i->said.untold++;
}

/* The span is over and changes were not told: where it stands now. */
static void
say_untold(struct instance *i, struct mono now)
{
	if (i->said.untold == 0 || mono_diff_ms(now, i->said.since) < SAY_SPAN_MS)
		return;
	i->said.since = now;
	i->said.n = 0;
	i->said.untold--; /* the one that is told here */
	send_verdict(i, NULL, i->said.verdict);
}

/* Windows changed: the fact anew; its lanes have something to think about if it differs. */
static void
instance_retally(struct brain *b, struct instance *i, const struct target *t)
{
	struct window w[MAX_TARGETS];
	struct fact before = i->fact;

	for (int n = 0; n < i->n_targets; n++)
		w[n] = i->targets[n].window;
	i->fact = tally(&i->tally_conf, w, i->n_targets);
	if (i->fact.verdict != before.verdict && (before.judged || i->fact.verdict == VERDICT_FAIL))
		say_verdict(i, t, before.verdict);
	if (fact_differs(&i->fact, &before))
		lanes_touch(b, i->lanes);
}

static void
target_sample(struct target *t, const struct sample *s)
{
	struct brain *b = t->brain;
	struct instance *i = &b->instances[t->instance];

	if (!mono_is_set(t->last.at))
		lanes_touch(b, i->lanes); /* the first round comes nearer */
	t->last = *s;
	t->ended[s->outcome]++;
	t->window = window_step(&i->window_conf, t->window, s);
	record_sample(b, t, s);
	instance_retally(b, i, t);
}

void
checks_on_probe(void *arg, const struct sample *sample)
{
	target_sample(arg, sample);
}

void
checks_feed(struct brain *b, struct instance *i, int target, enum outcome outcome, int value,
    const char *why)
{
	struct mono now = mono_now();
	struct sample s = {
	    .outcome = outcome, .value = (int8_t)value, .rtt_us = -1, .sent = now, .at = now};

	(void)b;
	snprintf(s.why, sizeof(s.why), "%s", why);
	target_sample(&i->targets[target], &s);
}

void
checks_second(struct brain *b)
{
	struct mono now = mono_now();

	checks_sessions(b);
	links_second(b);
	for (int slot = 0; slot < b->n_slots; slot++)
		checks_slot_changed(b, slot);
	record_tick(b, now);
	for (int n = 0; n < b->n_instances; n++) {
		struct instance *i = &b->instances[n];

		for (int t = 0; t < i->n_targets; t++)
			i->targets[t].window =
			    window_tick(&i->window_conf, i->targets[t].window, now);
		instance_retally(b, i, NULL);
		say_untold(i, now);
	}
}

void
checks_fini(struct brain *b)
{
	for (int n = 0; n < b->n_instances; n++)
		for (int t = 0; t < b->instances[n].n_targets; t++)
			if (b->instances[n].targets[t].probe != NULL)
				probe_free(b->instances[n].targets[t].probe);
	b->n_instances = 0;
}
