/*
 * What both courses did, as JSON and as text: the moves side by side, then the sums.
 */
#include <stdlib.h>
#include <string.h>

#include "healthd/jsontext.h"
#include "healthd/replay_say.h"
#include "healthd/view_time.h"
#include "healthd/whatif.h"

static const char *const who_names[] = {"recorded", "what_if"};

static const char *
rung_name(const struct whatif *w, enum whatif_who who, int rung)
{
	return rung >= 0 && rung < w->n_rungs[who] ? w->rungs[who][rung] : "none";
}

/* --- JSON ------------------------------------------------------------------------------------- */

static json_t *
sum_json(const struct whatif_sum *s)
{
	return json_pack("{sIsIsIsososo}", "moves", (json_int_t)s->moves, "withdrawals",
	    (json_int_t)s->withdrawals, "relapses", (json_int_t)s->relapses, "below_best_s",
	    view_seconds(s->below_best_us), "silent_s", view_seconds(s->silent_us),
	    "ill_announced_s", view_seconds(s->ill_announced_us));
}

static json_t *
moves_json(const struct whatif *w, const struct whatif_lane *l)
{
	json_t *all = json_array();

	for (size_t n = 0; n < l->n_moves; n++) {
		const struct whatif_move *m = &l->moves[n];

		json_array_append_new(
		    all, json_pack("{sossssssssso}", "at", replay_wall(m->wall_us), "course",
			     who_names[m->who], "from", rung_name(w, m->who, m->from), "to",
			     rung_name(w, m->who, m->to), "rule", m->rule, "because",
			     jsontext(m->because)));
	}
	return all;
}

json_t *
whatif_json(const struct whatif *w)
{
	json_t *lanes = json_array(), *notes = json_array();

	for (int n = 0; n < w->n_lanes; n++) {
		const struct whatif_lane *l = &w->lanes[n];

		json_array_append_new(
		    lanes, json_pack("{sssososososo}", "lane", l->name, "known_s",
			       view_seconds(l->known_us), "ill_s", view_seconds(l->ill_us),
			       "recorded", sum_json(&l->sum[RECORDED]), "what_if",
			       sum_json(&l->sum[OTHER]), "moves", moves_json(w, l)));
	}
	for (int n = 0; n < w->n_notes; n++)
		json_array_append_new(notes, jsontext(w->notes[n]));
	return json_pack(
	    "{sososo}", "notes", notes, "lanes", lanes, "replay", replay_json(w->replay));
}

/* --- text ------------------------------------------------------------------------------------- */

#define TOGETHER_US 5000 /* so near each other are two moves one line */

/* From the n-th move on, a line; returns how many it tells. */
static size_t
print_moves(FILE *to, const struct whatif *w, const struct whatif_lane *l, size_t n, int8_t rung[2])
{
	const struct whatif_move *m = &l->moves[n];
	bool both = n + 1 < l->n_moves && m[1].who != m->who &&
		    m[1].wall_us - m->wall_us <= TOGETHER_US &&
		    strcmp(m[1].because, m->because) == 0;
	char side[2][40], when[REPLAY_WHEN];

	for (int who = 0; who < 2; who++)
		snprintf(side[who], sizeof(side[who]), "%s",
		    rung_name(w, (enum whatif_who)who, rung[who]));
	for (int i = 0; i <= both; i++) {
		snprintf(side[m[i].who], sizeof(side[0]), "%s -> %s",
		    rung_name(w, m[i].who, m[i].from), rung_name(w, m[i].who, m[i].to));
		rung[m[i].who] = m[i].to;
	}
	fprintf(to, "  %-24s %-20s %-20s %s: %s\n", replay_when(m->wall_us, when), side[RECORDED],
	    side[OTHER], m->rule, m->because);
	return both ? 2 : 1;
}

static int8_t
first_rung(const struct whatif_lane *l, enum whatif_who who)
{
	for (size_t n = 0; n < l->n_moves; n++)
		if (l->moves[n].who == who)
			return l->moves[n].from;
	return l->now.rung[who];
}

static void
print_seconds(FILE *to, const char *what, int64_t recorded_us, int64_t other_us)
{
	fprintf(to, "  %-28s %16.3f s %16.3f s %+16.3f s\n", what, (double)recorded_us / 1e6,
	    (double)other_us / 1e6, (double)(other_us - recorded_us) / 1e6);
}

static void
print_count(FILE *to, const char *what, uint64_t recorded, uint64_t other)
{
	fprintf(to, "  %-28s %16lld   %16lld   %+16lld\n", what, (long long)recorded,
	    (long long)other, (long long)(other - recorded));
}

static void
print_lane(FILE *to, const struct whatif *w, const struct whatif_lane *l)
{
	const struct whatif_sum *r = &l->sum[RECORDED], *o = &l->sum[OTHER];
	int8_t rung[2] = {first_rung(l, RECORDED), first_rung(l, OTHER)};

	fprintf(to, "\n%s\n", l->name);
	if (l->n_moves == 0)
		fprintf(to, "  neither moved\n");
	else
		fprintf(to, "  %-24s %-20s %-20s %s\n", "UTC", "recorded", "what if", "because");
	for (size_t n = 0; n < l->n_moves;)
		n += print_moves(to, w, l, n, rung);
	fprintf(to, "\n  known for %.0f s, ill for %.3f s of it\n", (double)l->known_us / 1e6,
	    (double)l->ill_us / 1e6);
	fprintf(to, "  %-28s %16s   %16s   %16s\n", "", "recorded", "what if", "difference");
	print_count(to, "changes of route", r->moves, o->moves);
	print_count(to, "of them withdrawals", r->withdrawals, o->withdrawals);
	print_count(to, "relapses", r->relapses, o->relapses);
	print_seconds(to, "below the best rung", r->below_best_us, o->below_best_us);
	print_seconds(to, "silent", r->silent_us, o->silent_us);
	print_seconds(to, "announcing while ill", r->ill_announced_us, o->ill_announced_us);
}

void
whatif_text(FILE *to, const struct whatif *w)
{
	const struct replay *r = w->replay;
	char from[REPLAY_WHEN], until[REPLAY_WHEN];

	fprintf(to, "%s to %s UTC, recorded by anypop %s\n", replay_when(r->first_wall_us, from),
	    replay_when(r->last_wall_us, until), r->version);
	for (int n = 0; n < w->n_notes; n++)
		fprintf(to, "note: %s\n", w->notes[n]);
	if (r->count.differences > 0)
		fprintf(to,
		    "note: %llu decisions of the record do not come out as they were recorded; "
		    "`bgpctl replay` shows the first\n",
		    (unsigned long long)r->count.differences);
	for (int n = 0; n < w->n_lanes; n++)
		print_lane(to, w, &w->lanes[n]);
}
