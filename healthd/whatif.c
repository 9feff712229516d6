#include "healthd/whatif_book.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The record's own step for something follows within a turn of its loop; what it did not find worth
 * one is decided so long after. */
#define TURN_US 50000

void
whatif_free(struct whatif *w)
{
	if (w == NULL)
		return;
	for (int l = 0; l < w->n_lanes; l++) {
		free(w->lanes[l].moves);
		free(w->lanes[l].points);
	}
	for (int n = 0; n < w->n_notes; n++)
		free(w->notes[n]);
	free(w->track);
	free(w);
}

/* --- from the record's rungs to the others ---------------------------------------------------- */

/* Silent and drain are what they are under any name, and the best is the best. */
static int
rung_map(const struct whatif *w, int rung)
{
	const struct site *from = &w->replay->settings.site, *to = &w->other->site;
	int found;

	if (rung <= RUNG_DRAIN || rung >= from->n_rungs)
		return rung;
	if (rung == from->n_rungs - 1)
		return to->n_rungs - 1;
	found = rung_find(to, from->rungs[rung].name);
	return found >= 0 ? found : RUNG_DRAIN;
}

static struct ladder
ladder_map(const struct whatif *w, struct ladder s, struct mono now)
{
	s.rung = (int8_t)rung_map(w, s.rung);
	s.proven = (int8_t)rung_map(w, s.proven);
	return ladder_sane(&w->other->ladder, s, now);
}

static struct flight_given
given_map(const struct whatif *w, const struct flight_given *g)
{
	struct flight_given to = *g;

	to.in.proven = rung_map(w, g->in.proven);
	for (int i = 0; i < MAX_LIMITS; i++)
		to.held[i].rung = (int8_t)rung_map(w, g->held[i].rung);
	return to;
}

/* --- the other course ------------------------------------------------------------------------- */

/* What BIRD shows for the other course's rung. */
static int
proven_for(const struct whatif *w, const struct whatif_lane *l, int lane, int recorded_rung,
    struct mono now)
{
	const struct flight_lane *theirs = &w->replay->track->lanes[lane].is;
	const struct ladder *own = &w->track->lanes[lane].is.ladder;
	int proven = theirs->given.in.proven;

	int64_t apart = mono_diff_us(own->rung_since, theirs->ladder.rung_since);

	if (own->rung == rung_map(w, recorded_rung) && apart <= TURN_US && apart >= -TURN_US)
		return rung_map(w, proven); /* the same order */
	if (proven != recorded_rung &&
	    mono_diff_ms(now, theirs->ladder.rung_since) > WHATIF_PROOF_LATE_MS)
		return -1;
	return mono_diff_us(now, own->rung_since) >= l->proof_us ? own->rung : -1;
}

static void
step_other(struct whatif *w, struct whatif_lane *l, int lane, bool starved, int recorded_rung,
    struct mono now)
{
	struct track_lane *own = &w->track->lanes[lane];
	struct track_turn turn;
	struct mono shown;

	own->is.given.in.proven = proven_for(w, l, lane, recorded_rung, now);
	track_step(w->track, lane, starved, now, &turn);
	shown = mono_add_us(turn.out.state.rung_since, l->proof_us);
	l->late = MONO_NEVER;
	l->wake = turn.out.next.us == INT64_MAX ? MONO_NEVER : turn.out.next;
	if (turn.out.state.proven != turn.out.state.rung && mono_before(now, shown) &&
	    (!mono_is_set(l->wake) || mono_before(shown, l->wake)))
		l->wake = shown;
	book_turn(w, l, OTHER, w->track, &turn, now.us + w->replay->wall_offset_us);
}

/* The other course's own deadlines, and what its own windows make of samples: decided when the
 * record had no reason to, and no sooner than its brain could. */
static void
catch_up(struct whatif *w, struct mono now)
{
	for (int lane = 0; lane < MAX_LANES; lane++) {
		struct whatif_lane *l = w->of[lane];
		const struct flight_lane *theirs = &w->replay->track->lanes[lane].is;

		if (l == NULL || !mono_is_set(l->wake) || !mono_before(l->wake, now) ||
		    !w->track->lanes[lane].is.born || !theirs->born)
			continue;
		if (!mono_is_set(l->late))
			l->late = now;
		else if (mono_before(mono_add_us(l->late, TURN_US), now))
			step_other(w, l, lane, w->replay->starved, theirs->ladder.rung, l->late);
	}
}

static void
wake(struct whatif *w, uint32_t lanes, struct mono at)
{
	for (int l = 0; l < MAX_LANES; l++)
		if (lanes & 1U << l && w->of[l] != NULL &&
		    (!mono_is_set(w->of[l]->wake) || mono_before(at, w->of[l]->wake)))
			w->of[l]->wake = w->of[l]->late = at;
}

static void
on_sample(struct whatif *w, const struct replay_entry *e)
{
	const struct track_check *c = &w->replay->track->checks[e->check];

	wake(w, track_sample(w->track, e->check, e->target, e->sample), e->at);
	if (e->sample->outcome == OUTCOME_UNKNOWN)
		return;
	if (w->raw[e->check][e->target] == (int8_t)e->sample->outcome)
		return;
	w->raw[e->check][e->target] = (int8_t)e->sample->outcome;
	if (c->conf != NULL && book_tells_illness(c->conf))
		book_illness(w, c->is.lanes, e->wall_us);
}

/* --- beginnings ------------------------------------------------------------------------------- */

static void __attribute__((format(printf, 2, 3))) note(struct whatif *w, const char *fmt, ...)
{
	va_list ap;
	char *text = NULL;

	va_start(ap, fmt);
	if (w->n_notes == MAX_CHECKS + 8 || vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	for (int n = 0; text != NULL && n < w->n_notes; n++)
		if (strcmp(w->notes[n], text) == 0) {
			free(text);
			text = NULL;
		}
	if (text != NULL)
		w->notes[w->n_notes++] = text;
}

static const struct check_conf *
check_named(const struct settings *s, const char *name)
{
	for (int c = 0; c < s->n_checks; c++)
		if (strcmp(s->checks[c].name, name) == 0)
			return &s->checks[c];
	return NULL;
}

/* What the other settings say that the record cannot answer. */
static void
note_limits(struct whatif *w)
{
	const struct settings *was = &w->replay->settings, *is = w->other;

	for (int c = 0; c < is->n_checks; c++) {
		const struct check_conf *n = &is->checks[c], *o = check_named(was, n->name);

		if (o == NULL)
			note(w, "check %s is not in the record, and is left out", n->name);
		else if (o->interval_ms != n->interval_ms || o->timeout_ms != n->timeout_ms)
			note(w,
			    "check %s was asked each %lld ms with a timeout of %lld ms; that "
			    "stays",
			    n->name, (long long)o->interval_ms, (long long)o->timeout_ms);
		if (o != NULL && (o->warn != n->warn || o->crit != n->crit))
			note(w,
			    "check %s: warn and crit were applied when it was recorded; they "
			    "stay",
			    n->name);
	}
	for (int c = 0; c < was->n_checks; c++)
		if (check_named(is, was->checks[c].name) == NULL)
			note(w, "check %s is in the record alone, and does not count",
			    was->checks[c].name);
	if (was->workers.min_ready != is->workers.min_ready ||
	    was->ladder.preflight_warm_ms != is->ladder.preflight_warm_ms)
		note(w, "preflight (workers.min_ready, preflight_warm_ms) is as it was recorded");
	if (was->site.fleet.size > 0)
		note(w, "the fleet's word answers what was recorded; both are told it");
}

static void
name_rungs(struct whatif *w, enum whatif_who who, const struct site *site)
{
	w->n_rungs[who] = site->n_rungs;
	for (int r = 0; r < site->n_rungs; r++)
		snprintf(w->rungs[who][r], sizeof(w->rungs[who][r]), "%s", site->rungs[r].name);
}

static struct whatif_lane *
lane_get(struct whatif *w, int lane)
{
	struct whatif_lane *l;
	char name[LANE_NAME];

	lane_name(&w->replay->settings.site, lane, name);
	for (int n = 0; n < w->n_lanes; n++)
		if (strcmp(w->lanes[n].name, name) == 0)
			return &w->lanes[n];
	if (w->n_lanes == MAX_LANES)
		return NULL;
	l = &w->lanes[w->n_lanes++];
	memcpy(l->name, name, sizeof(name));
	l->proof_us = TURN_US;
	return l;
}

static void
forget(struct whatif *w, int64_t wall_us)
{
	for (int lane = 0; lane < MAX_LANES; lane++) {
		struct whatif_lane *l = w->of[lane];

		if (l == NULL)
			continue;
		book_time(w, l, wall_us);
		l->has_carried = w->track->lanes[lane].known && w->track->lanes[lane].is.born;
		l->carried = w->track->lanes[lane].is.ladder;
		l->now.known = false;
		l->wake = l->late = MONO_NEVER;
		book_point(w, l);
		w->of[lane] = NULL;
	}
	w->checks_in = false;
}

static void
take_checks(struct whatif *w)
{
	const struct track *from = w->replay->track;

	track_reset(w->track, w->other, &w->replay->settings);
	memset(w->raw, -1, sizeof(w->raw));
	for (int n = 0; n < from->n_checks; n++)
		track_put_check(w->track, &from->checks[n].is, &w->replay->settings);
	name_rungs(w, RECORDED, &w->replay->settings.site);
	name_rungs(w, OTHER, &w->other->site);
	note_limits(w);
	w->checks_in = true;
}

static void
on_whole(struct whatif *w, const struct replay_entry *e)
{
	const struct replay_want *want = &w->replay->want;
	struct flight_lane from = w->replay->track->lanes[e->lane].is;
	const struct service *s = &w->replay->settings.site.services[lane_service(e->lane)];
	struct whatif_lane *l;

	if (!w->checks_in)
		take_checks(w);
	if (w->of[e->lane] != NULL ||
	    (want->service != NULL && strcmp(want->service, s->name) != 0) ||
	    (want->family != NULL && strcmp(want->family, family_name(lane_family(e->lane))) != 0))
		return;
	if (w->track->lane_of[e->lane] < 0) {
		note(w, "%s/%s is not in the other configuration, and is left out", s->name,
		    family_name(lane_family(e->lane)));
		return;
	}
	l = lane_get(w, e->lane);
	if (l == NULL)
		return;
	w->of[e->lane] = l;
	l->rung_best[RECORDED] = w->replay->settings.site.n_rungs - 1;
	l->rung_best[OTHER] = w->other->site.n_rungs - 1;
	l->has_carried = l->has_carried && !from.born;
	if (from.born) {
		l->moved = from.ladder.rung_since;
		from.ladder = ladder_map(
		    w, from.ladder, (struct mono){e->wall_us - w->replay->wall_offset_us});
	}
	from.wish = rung_map(w, from.wish);
	from.given = given_map(w, &from.given);
	track_put_lane(w->track, &from);
	book_time(w, l, e->wall_us);
}

/* A brain that is killed takes the last moment of the record with it. What it had saved of a move
 * in that moment is all that either course can go on from. */
static bool
is_cut(struct whatif *w, const struct whatif_lane *l, const struct flight_birth *b)
{
	if (mono_diff_us(b->saved.rung_since, l->moved) <= 0)
		return false;
	note(w, "a move just before a brain's end is not in the record: from there on both courses "
		"have what was saved");
	return true;
}

/* A brain took over: the other course's took over what its own predecessor had left. */
static void
on_birth(struct whatif *w, struct whatif_lane *l, const struct replay_entry *e)
{
	struct flight_lane *own = &w->track->lanes[e->lane].is;
	struct flight_birth b = *e->birth;

	b.shown = rung_map(w, b.shown);
	if (b.has_saved && l->has_carried && !is_cut(w, l, e->birth)) {
		if (e->birth->shown == e->birth->saved.rung)
			b.shown = l->carried.rung;
		b.saved = l->carried;
	} else if (b.has_saved) {
		b.saved = ladder_map(w, b.saved, b.at);
	}
	l->has_carried = false;
	l->moved = w->replay->track->lanes[e->lane].is.ladder.rung_since;
	own->lane = e->lane;
	own->born = true;
	own->ladder = flight_born(&w->other->ladder, &b);
	book_begin(w, l, RECORDED, w->replay->track->lanes[e->lane].is.ladder.rung, e->wall_us);
	book_begin(w, l, OTHER, own->ladder.rung, e->wall_us);
}

static void
on_step(struct whatif *w, struct whatif_lane *l, const struct replay_entry *e)
{
	const struct ladder *s = &e->turn->out.state;

	l->moved = s->rung_since;
	if (s->proven == s->rung && e->turn->before.proven != e->turn->before.rung &&
	    mono_before(s->rung_since, s->proven_since))
		l->proof_us = mono_diff_us(s->proven_since, s->rung_since);
	if (l->proof_us > WHATIF_PROOF_LATE_MS * 1000)
		l->proof_us = WHATIF_PROOF_LATE_MS * 1000;
	book_turn(w, l, RECORDED, w->replay->track, e->turn, e->wall_us);
	if (w->track->lanes[e->lane].is.born)
		step_other(w, l, e->lane, e->on, e->turn->before.rung, e->at);
}

static void
follow(void *arg, const struct replay_entry *e)
{
	struct whatif *w = arg;
	struct whatif_lane *l = w->of[e->lane];

	if (e->kind == REPLAY_WHOLE) {
		on_whole(w, e);
		return;
	}
	if (e->kind == REPLAY_LOST || e->kind == REPLAY_BEGINS) {
		forget(w, e->wall_us);
		return;
	}
	if (!w->checks_in)
		return;
	catch_up(w, e->at);
	switch (e->kind) {
	case REPLAY_SAMPLE:
		on_sample(w, e);
		break;
	case REPLAY_TICK:
		wake(w, track_tick(w->track, e->at), e->at);
		break;
	case REPLAY_EVIDENCE:
		track_evidence(w->track, e->check, e->on, e->at);
		break;
	case REPLAY_GIVEN:
		if (l != NULL)
			w->track->lanes[e->lane].is.given = given_map(w, e->given);
		break;
	case REPLAY_BIRTH:
		if (l != NULL)
			on_birth(w, l, e);
		break;
	case REPLAY_STEP:
		if (l != NULL)
			on_step(w, l, e);
		break;
	default:
		break;
	}
}

struct whatif *
whatif_new(struct replay *replay, const struct settings *other)
{
	struct whatif *w = calloc(1, sizeof(*w));

	if (w == NULL || (w->track = calloc(1, sizeof(*w->track))) == NULL) {
		free(w);
		return NULL;
	}
	w->replay = replay;
	w->other = other;
	replay->entry = follow;
	replay->arg = w;
	return w;
}

void
whatif_end(struct whatif *w)
{
	forget(w, w->replay->wall_us);
}
