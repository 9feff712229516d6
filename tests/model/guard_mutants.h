/*
 * guard_mutants: guards that are wrong in one way each; the checker must catch every one. A mutant
 * is the shipped code with its configuration, view, memory or answer bent on the way in or out
 * (decision 0012).
 */
#ifndef TESTS_MODEL_GUARD_MUTANTS_H
#define TESTS_MODEL_GUARD_MUTANTS_H

#include "guard_setups.h"
#include "guard_world.h"

/* What a mutant may bend: `in.peers` is `peers`, and may be written. */
struct bent {
	int size; /* as configured */
	struct guard_conf conf;
	struct guard before;
	struct guard_in in;
	struct peer *peers;
	struct guard_out out;
};

struct mutant {
	const char *name;
	int in; /* the small configuration that must show it */
	void (*before)(struct bent *b);
	void (*after)(struct bent *b);
};

static bool
rose(const struct bent *b)
{
	return b->before.severity >= SEVERITY_LOW && b->out.state.severity > b->before.severity;
}

static void
no_new_settling(struct bent *b)
{
	if (rose(b))
		b->out.state.risen = b->before.risen;
}

static void
settles_in_one_delay(struct bent *b)
{
	b->conf.settle_ms = DELAY * 1000;
}

static void
takes_views_for_new(struct bent *b)
{
	b->in.view_at = model_now;
}

static void
remembers_size(struct bent *b)
{
	b->conf.size = b->in.n_peers + 1;
}

static int
unseen(const struct bent *b)
{
	return b->conf.size - 1 - b->in.n_peers;
}

static void
enlarge(struct bent *b, int by)
{
	b->conf.max_suspended += by;
	for (int i = 0; i < b->in.n_peers; i++)
		b->peers[i].max_suspended = (uint16_t)(b->peers[i].max_suspended + by);
}

static void
forgets_the_unseen(struct bent *b)
{
	enlarge(b, unseen(b));
}

static void
one_too_many(struct bent *b)
{
	enlarge(b, 1);
}

static void
own_budget(struct bent *b)
{
	for (int i = 0; i < b->in.n_peers; i++)
		b->peers[i].max_suspended = MAX_FLEET;
}

/* Isolation alone goes by a smaller fleet. */
static void
ignores_isolation(struct bent *b)
{
	int most = 2 * (b->in.n_peers + 1) - 1, spare = b->conf.size - most;

	if (spare <= 0)
		return;
	b->conf.size = most;
	enlarge(b, -spare);
}

static void
returns_when_isolated(struct bent *b)
{
	b->out.back = b->out.back || (b->in.discretionary && 2 * (b->in.n_peers + 1) <= b->size);
}

static void
counts_who_goes_first(struct bent *b)
{
	for (int i = 0; i < b->in.n_peers; i++)
		b->conf.min_announcing -=
		    b->peers[i].rung > RUNG_SILENT && b->peers[i].severity >= SEVERITY_LOW;
}

static void
thinks_itself_first(struct bent *b)
{
	b->conf.id = 0;
	for (int i = 0; i < b->in.n_peers; i++)
		if (b->peers[i].rung > RUNG_SILENT)
			b->peers[i].severity = b->peers[i].flags = 0;
}

static void
goes_by_id_alone(struct bent *b)
{
	for (int i = 0; i < b->in.n_peers; i++)
		if (b->peers[i].severity >= SEVERITY_LOW)
			b->peers[i].severity = b->in.severity;
}

static void
no_hidden_wishes(struct bent *b)
{
	for (int i = 0; i < b->in.n_peers; i++)
		b->peers[i].flags = 0;
}

static void
hands_do_not_count(struct bent *b)
{
	for (int i = 0; i < b->in.n_peers; i++)
		if (b->peers[i].severity < SEVERITY_LOW)
			b->peers[i].rung = RUNG_DRAIN;
}

static void
any_view_is_fresh(struct bent *b)
{
	b->conf.view_max_age_ms = 1000000;
}

static void
no_conflict(struct bent *b)
{
	b->in.conflict = false;
}

static void
no_freeze(struct bent *b)
{
	b->in.session_lost = false;
	b->before.frozen_until = MONO_NEVER;
}

static void
no_regions(struct bent *b)
{
	b->conf.region = 0;
}

static void
one_too_few(struct bent *b)
{
	b->conf.min_announcing--;
}

static void
vital_is_able(struct bent *b)
{
	for (int i = 0; i < b->in.n_peers; i++)
		if (b->peers[i].severity == SEVERITY_VITAL)
			b->peers[i].severity = SEVERITY_HIGH;
}

static void
vital_without_others(struct bent *b)
{
	b->out.vital = b->out.standing == FLEET_FRESH;
}

static void
vital_waits(struct bent *b)
{
	b->out.vital = false;
	b->out.granted = b->out.granted && b->out.state.severity < SEVERITY_VITAL;
}

static void
says_every_wish(struct bent *b)
{
	struct guard *s = &b->out.state;

	if (b->in.severity < SEVERITY_LOW || s->severity >= SEVERITY_LOW)
		return;
	s->severity = b->in.severity;
	s->risen = model_now;
}

static void
never_grants(struct bent *b)
{
	b->out.granted = false;
}

static void
never_returns(struct bent *b)
{
	b->out.back = false;
}

static void
never_emergency(struct bent *b)
{
	b->out.emergency = false;
}

static bool
few(const struct bent *b)
{
	return b->out.announcing < b->conf.min_announcing;
}

static void
returns_by_rank_alone(struct bent *b)
{
	b->out.back = b->out.back && b->out.standing == FLEET_FRESH && !few(b) &&
		      b->out.rank >= b->out.budget;
}

static void
returns_by_need_alone(struct bent *b)
{
	b->out.back = b->out.back && (b->out.standing != FLEET_FRESH || few(b));
}

static void
stays_when_isolated(struct bent *b)
{
	b->out.back = b->out.back && b->out.standing != FLEET_ISOLATED;
}

static void
stays_when_blind(struct bent *b)
{
	b->out.back = b->out.back && b->out.standing != FLEET_STALE;
}

static void
leaves_its_region(struct bent *b)
{
	b->out.back = b->out.back &&
		      (b->out.standing != FLEET_FRESH || few(b) || b->out.rank >= b->out.budget);
}

static const struct mutant mutants[] = {
    {"a rise does not settle anew", IN_PAIR, NULL, no_new_settling},
    {"settles in one delay", IN_PAIR, settles_in_one_delay, NULL},
    {"takes what it saw long ago for new", IN_PAIR, takes_views_for_new, NULL},
    {"the fleet is as large as what is seen", IN_SPLIT, remembers_size, NULL},
    {"nodes out of view are not suspended", IN_REGIONS, forgets_the_unseen, NULL},
    {"one more than may be", IN_MEAN, one_too_many, NULL},
    {"its own budget, not the smallest", IN_MEAN, own_budget, NULL},
    {"isolation is ignored", IN_SPLIT, ignores_isolation, NULL},
    {"isolation is ignored, but by who is silent", IN_SPLIT, ignores_isolation,
	returns_when_isolated},
    {"who goes first still counts as announcing", IN_ENOUGH, counts_who_goes_first, NULL},
    {"each thinks itself the first", IN_PAIR, thinks_itself_first, NULL},
    {"the order is by id alone", IN_MEAN, goes_by_id_alone, NULL},
    {"a wish on its way is none", IN_MESH, no_hidden_wishes, NULL},
    {"silent without a wish counts as announcing", IN_HANDS, hands_do_not_count, NULL},
    {"any view is fresh", IN_PAIR, any_view_is_fresh, NULL},
    {"a conflict over its id is ignored", IN_TWINS, no_conflict, NULL},
    {"a lost session does not freeze", IN_TOLD, no_freeze, NULL},
    {"regions are ignored", IN_REGIONS, no_regions, NULL},
    {"one announcer fewer is enough", IN_ENOUGH, one_too_few, NULL},
    {"vital failures count as able", IN_PAIR, vital_is_able, NULL},
    {"vital failures go without asking for others", IN_PAIR, NULL, vital_without_others},
    {"vital failures never go", IN_PAIR, NULL, vital_waits},
    {"wishes that cannot come true are published", IN_REGIONS, NULL, says_every_wish},
    {"never grants", IN_MEAN, NULL, never_grants},
    {"silent by score never returns", IN_PAIR, NULL, never_returns},
    {"no emergency", IN_BLACKOUT, NULL, never_emergency},
    {"returns by rank, not for want of announcers", IN_PAIR, NULL, returns_by_rank_alone},
    {"returns for want of announcers, not by rank", IN_REGIONS, NULL, returns_by_need_alone},
    {"does not return for its region", IN_REGIONS, NULL, leaves_its_region},
    {"stays when isolated", IN_SPLIT, NULL, stays_when_isolated},
    {"stays when blind", IN_PAIR, NULL, stays_when_blind},
};
#define N_MUTANTS ((int)(sizeof(mutants) / sizeof(mutants[0])))

#endif
