#include "healthd/track.h"

#include <string.h>

#include "lib/ensure.h"

static int
lane_in(const struct settings *s, const struct settings *recorded, int lane)
{
	char name[LANE_NAME];

	if (recorded == NULL)
		return lane_exists(&s->site, lane) ? lane : -1;
	if (!lane_exists(&recorded->site, lane))
		return -1;
	return lane_find(&s->site, lane_name(&recorded->site, lane, name));
}

void
track_reset(struct track *t, const struct settings *s, const struct settings *recorded)
{
	memset(t, 0, sizeof(*t));
	t->settings = s;
	t->exact = recorded == NULL;
	for (int l = 0; l < MAX_LANES; l++)
		t->lane_of[l] = lane_in(s, recorded, l);
}

static const struct check_conf *
conf_find(const struct settings *s, const char *name)
{
	for (int c = 0; s != NULL && c < s->n_checks; c++)
		if (strcmp(s->checks[c].name, name) == 0)
			return &s->checks[c];
	return NULL;
}

/* The lanes of the record that the check counts for under these settings. */
static uint32_t
counts_for(const struct track *t, const struct check_conf *conf, uint32_t lanes)
{
	uint32_t mask = 0;

	for (int l = 0; l < MAX_LANES; l++)
		if (lanes & 1U << l && t->lane_of[l] >= 0 &&
		    check_conf_counts(t->settings, conf, t->lane_of[l]))
			mask |= 1U << l;
	return mask;
}

/* What weighs until the next sample is taken by the new words, too. */
static void
weigh_anew(struct track_check *c, const struct check_conf *was)
{
	struct fact *f = &c->is.fact;

	f->vital = c->conf->vital;
	if (f->weight > 0 || was == NULL || was->weight == 0)
		f->weight = c->tally_conf.weight;
}

void
track_put_check(struct track *t, const struct flight_check *from, const struct settings *recorded)
{
	struct track_check *c = &t->checks[from->n];
	const struct check_conf *was = conf_find(recorded, from->check);

	*c = (struct track_check){
	    .known = true, .is = *from, .conf = conf_find(t->settings, from->check)};
	t->n_checks = from->of;
	for (int l = 0; l < MAX_LANES; l++)
		t->lanes[l].facts &= ~(UINT64_C(1) << from->n);
	if (c->conf == NULL)
		return;
	c->window_conf = check_conf_window(c->conf);
	c->tally_conf = check_conf_tally(c->conf, from->n_targets);
	/* How often it was asked is the record's, and so is what has no key. */
	c->window_conf.stale_ms = (uint32_t)from->stale_ms;
	if (t->exact || (was != NULL && was->k == c->conf->k))
		c->tally_conf.k = (uint16_t)from->k;
	if (t->exact || c->conf->kind == KIND_ERROR_RATE)
		c->tally_conf.evidence = from->evidence;
	c->tally_conf.evidence_since = from->evidence_since;
	c->is.fact.confirms = c->tally_conf.confirms; /* the settings', not told in records */
	if (!t->exact)
		weigh_anew(c, was);
	c->is.lanes = t->exact ? from->lanes : counts_for(t, c->conf, from->lanes);
	for (int l = 0; l < MAX_LANES; l++)
		if (c->is.lanes & 1U << l)
			t->lanes[l].facts |= UINT64_C(1) << from->n;
}

void
track_put_lane(struct track *t, const struct flight_lane *l)
{
	t->lanes[l->lane].is = *l;
	t->lanes[l->lane].known = true;
}

bool
track_checks_known(const struct track *t)
{
	bool all = t->n_checks > 0;

	for (int n = 0; n < t->n_checks; n++)
		all &= t->checks[n].known;
	return all;
}

bool
track_lane_known(const struct track *t, int lane)
{
	return t->lanes[lane].known && t->lane_of[lane] >= 0 && track_checks_known(t);
}

static uint32_t
retally(struct track_check *c)
{
	struct window w[MAX_TARGETS] = {0};
	struct fact before = c->is.fact;

	for (int i = 0; i < c->is.n_targets; i++)
		w[i] = c->is.targets[i].window;
	c->is.fact = tally(&c->tally_conf, w, c->is.n_targets);
	return fact_differs(&c->is.fact, &before) ? c->is.lanes : 0;
}

uint32_t
track_sample(struct track *t, int check, int target, const struct sample *s)
{
	struct track_check *c = &t->checks[check];
	struct flight_target *x = &c->is.targets[target];
	uint32_t touched;

	if (!c->known || c->conf == NULL)
		return 0;
	touched = x->seen ? 0 : c->is.lanes; /* the first round comes nearer */
	x->seen = true;
	x->window = window_step(&c->window_conf, x->window, s);
	return touched | retally(c);
}

uint32_t
track_tick(struct track *t, struct mono now)
{
	uint32_t touched = 0;

	for (int n = 0; n < t->n_checks; n++) {
		struct track_check *c = &t->checks[n];

		if (!c->known || c->conf == NULL)
			continue;
		for (int i = 0; i < c->is.n_targets; i++)
			c->is.targets[i].window =
			    window_tick(&c->window_conf, c->is.targets[i].window, now);
		touched |= retally(c);
	}
	return touched;
}

void
track_evidence(struct track *t, int check, bool evidence, struct mono since)
{
	struct track_check *c = &t->checks[check];

	c->is.evidence = c->tally_conf.evidence = evidence;
	c->is.evidence_since = c->tally_conf.evidence_since = since;
}

static uint64_t
seen_by_us(const struct track *t)
{
	uint64_t seen = 0;

	for (int n = 0; n < t->n_checks; n++) {
		const struct flight_check *c = &t->checks[n].is;
		bool all = true;

		for (int i = 0; i < c->n_targets; i++)
			all &= flight_seen(c->targets[i].seen, &c->targets[i].window);
		seen |= (uint64_t)all << n;
	}
	return seen;
}

void
track_step(struct track *t, int lane, bool starved, struct mono now, struct track_turn *out)
{
	struct fact facts[MAX_CHECKS] = {0};
	struct track_lane *l = &t->lanes[lane];

	ENSURE(track_lane_known(t, lane) && l->is.born);
	for (int n = 0; n < t->n_checks; n++)
		facts[n] = t->checks[n].is.fact;
	*out = (struct track_turn){.now = now,
	    .starved = starved,
	    .lane = lane,
	    .wish = l->is.wish,
	    .rule = l->is.rule,
	    .before = l->is.ladder,
	    .in = flight_given_in(&l->is.given)};
	out->in.judgement = judge_seen(facts, t->n_checks, l->facts, seen_by_us(t), starved);
	out->out = ladder_step(&t->settings->ladder, out->before, &out->in, now);
	l->is.ladder = out->out.state;
	l->is.wish = out->out.wish;
	l->is.rule = out->out.rule;
}
