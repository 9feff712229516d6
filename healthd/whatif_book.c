#include "healthd/whatif_book.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- what is kept ----------------------------------------------------------------------------- */

static bool
grow(void **all, size_t n, size_t *room, size_t size)
{
	size_t more = *room == 0 ? 64 : *room * 2;
	void *larger;

	if (n < *room)
		return true;
	larger = realloc(*all, more * size);
	if (larger == NULL)
		return false;
	*all = larger;
	*room = more;
	return true;
}

static bool
in_sight(const struct whatif *w, int64_t wall_us)
{
	return wall_us >= w->replay->want.from_us && wall_us <= w->replay->want.to_us;
}

void
book_point(struct whatif *w, struct whatif_lane *l)
{
	void *all = l->points;

	if (!in_sight(w, l->now.wall_us))
		return;
	if (!grow(&all, l->n_points, &l->room_points, sizeof(*l->points))) {
		w->failed = true;
		return;
	}
	l->points = all;
	l->points[l->n_points++] = l->now;
}

void
book_time(struct whatif *w, struct whatif_lane *l, int64_t wall_us)
{
	int64_t from = l->now.wall_us, to = wall_us;

	l->now.wall_us = to;
	from = from < w->replay->want.from_us ? w->replay->want.from_us : from;
	to = to > w->replay->want.to_us ? w->replay->want.to_us : to;
	if (!l->now.known || to <= from)
		return;
	l->known_us += to - from;
	l->ill_us += l->now.ill ? to - from : 0;
	for (int who = 0; who < 2; who++) {
		struct whatif_sum *s = &l->sum[who];

		s->below_best_us += l->now.rung[who] < l->rung_best[who] ? to - from : 0;
		s->silent_us += l->now.rung[who] == RUNG_SILENT ? to - from : 0;
		s->ill_announced_us +=
		    l->now.ill && l->now.rung[who] != RUNG_SILENT ? to - from : 0;
	}
}

static uint16_t
owners(const struct ladder_out *out)
{
	uint16_t mask = 0;

	for (int i = 0; i < out->n_limits; i++)
		mask |= (uint16_t)(1U << out->limits[i].owner);
	return mask;
}

static struct whatif_move *
put_move(struct whatif *w, struct whatif_lane *l, enum whatif_who who, int from, int to)
{
	void *all = l->moves;
	struct whatif_move *m;

	if (!in_sight(w, l->now.wall_us))
		return NULL;
	l->sum[who].moves++;
	l->sum[who].withdrawals += to == RUNG_SILENT;
	if (!grow(&all, l->n_moves, &l->room_moves, sizeof(*l->moves))) {
		w->failed = true;
		return NULL;
	}
	l->moves = all;
	m = &l->moves[l->n_moves++];
	*m = (struct whatif_move){
	    .wall_us = l->now.wall_us, .who = who, .from = (int8_t)from, .to = (int8_t)to};
	return m;
}

static void
put_turn(struct whatif *w, struct whatif_lane *l, enum whatif_who who, const struct track *t,
    const struct track_turn *turn)
{
	const struct ladder *s = &turn->out.state;
	int check = turn->in.judgement.because;
	struct whatif_move *m = put_move(w, l, who, turn->before.rung, s->rung);

	if (m == NULL)
		return;
	l->sum[who].relapses += s->relapses > turn->before.relapses;
	snprintf(m->rule, sizeof(m->rule), "%s", ladder_rule_name(turn->out.rule));
	flight_because(&turn->out, check >= 0 ? t->checks[check].is.name : NULL, m->because,
	    sizeof(m->because));
}

void
book_begin(struct whatif *w, struct whatif_lane *l, enum whatif_who who, int rung, int64_t wall_us)
{
	int before = l->now.rung[who];
	struct whatif_move *m;

	book_time(w, l, wall_us);
	l->now.rung[who] = (int8_t)rung;
	if (before == rung || l->known_us == 0)
		return;
	m = put_move(w, l, who, before, rung);
	if (m == NULL)
		return;
	snprintf(m->rule, sizeof(m->rule), "begin");
	snprintf(m->because, sizeof(m->because), "a brain began with nothing to take over");
}

static bool
point_same(const struct whatif_point *a, const struct whatif_point *b)
{
	return a->known == b->known && a->ill == b->ill && a->score[0] == b->score[0] &&
	       a->score[1] == b->score[1] && a->rung[0] == b->rung[0] && a->rung[1] == b->rung[1] &&
	       a->limits[0] == b->limits[0] && a->limits[1] == b->limits[1];
}

void
book_turn(struct whatif *w, struct whatif_lane *l, enum whatif_who who, const struct track *t,
    const struct track_turn *turn, int64_t wall_us)
{
	struct whatif_point before = l->now;
	const struct judgement *j = &turn->in.judgement;

	book_time(w, l, wall_us);
	if (turn->out.moved)
		put_turn(w, l, who, t, turn);
	l->now.known = true;
	l->now.rung[who] = turn->out.state.rung;
	l->now.score[who] = (int8_t)(j->round ? j->score : -1);
	l->now.limits[who] = owners(&turn->out);
	if (!point_same(&before, &l->now))
		book_point(w, l);
}

/* --- illness ---------------------------------------------------------------------------------- */

bool
book_tells_illness(const struct check_conf *c)
{
	return c->vital || (c->kind == KIND_DNS && c->target != DNS_SERVERS);
}

static bool
fails_raw(const struct whatif *w, int check)
{
	const struct track_check *c = &w->replay->track->checks[check];
	int live = 0, failed = 0, need;

	for (int t = 0; t < c->is.n_targets; t++) {
		int8_t o = w->raw[check][t];

		live += o >= 0 && o != OUTCOME_IDLE;
		failed += o == OUTCOME_WRONG || o == OUTCOME_SILENT || o == OUTCOME_GONE;
	}
	need = c->is.k < live ? c->is.k : live;
	return failed > live - need;
}

static bool
is_ill(const struct whatif *w, int lane)
{
	const struct track *t = w->replay->track;

	for (int n = 0; n < t->n_checks; n++)
		if (t->checks[n].conf != NULL && t->checks[n].is.lanes & 1U << lane &&
		    book_tells_illness(t->checks[n].conf) && fails_raw(w, n))
			return true;
	return false;
}

void
book_illness(struct whatif *w, uint32_t lanes, int64_t wall_us)
{
	for (int lane = 0; lane < MAX_LANES; lane++) {
		struct whatif_lane *l = w->of[lane];
		bool ill;

		if (l == NULL || !(lanes & 1U << lane))
			continue;
		ill = is_ill(w, lane);
		if (ill == l->now.ill)
			continue;
		book_time(w, l, wall_us);
		l->now.ill = ill;
		if (l->now.known)
			book_point(w, l);
	}
}
