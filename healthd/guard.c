#include "healthd/guard.h"

#include <stddef.h>

#include "bgpctl/site.h"

/*
 * One pass over the peers counts who is there, who announces and who goes before us; everything
 * else follows from these counts. There is one order of all nodes (struct place), by what is
 * published and by nothing else, so that two nodes that have each other's beacons agree who of them
 * is first. What has not arrived yet is taken for the worst: a node out of view for silent, a wish
 * whose severity is not known for the most severe.
 */

/* Where a node stands in the order, lower groups first. */
enum group {
	GROUP_GONE,    /* silent and no wish of its own: a hand, a start, a stop */
	GROUP_VITAL,   /* silent by a vital failure */
	GROUP_CHOSEN,  /* silent by proof */
	GROUP_WISHING, /* announces, and wants to go */
	GROUP_STAYING,
};

struct place {
	enum group group;
	uint8_t severity;
	int id;
};

struct count {
	int in_view, announcing, silent;
	int budget;
	int before;		    /* in view and before us, silent or wishing */
	int able;		    /* announcing, and not known to fail vitally */
	int burdened;		    /* of these, who tell overload */
	int sure;		    /* announcing, and known not to fail vitally */
	int behind;		    /* announcing, not before us: whom we leave the service to */
	int able_here, behind_here; /* the same, in our own region */
	int same_fault;
	int strained; /* the best rung of one that tells overload */
};

/* One look at one view. */
struct look {
	const struct guard_conf *conf;
	const struct guard_in *in;
	struct mono now;
	struct guard_out *out;
	struct count n;
	bool blind; /* not fresh, and for so long that what was seen says nothing any more */
	bool settled, frozen, here; /* here: our region has an announcer beside us, or asks none */
};

const char *
fleet_standing_name(enum fleet_standing s)
{
	static const char *const names[] = {"none", "stale", "isolated", "fresh"};

	return (unsigned)s <= FLEET_FRESH ? names[s] : "?";
}

struct guard
guard_init(void)
{
	return (struct guard){0};
}

static struct place
place_of(bool silent, uint8_t severity, int id)
{
	enum group group = !silent ? (severity >= SEVERITY_LOW ? GROUP_WISHING : GROUP_STAYING)
			   : severity >= SEVERITY_VITAL ? GROUP_VITAL
			   : severity >= SEVERITY_LOW	? GROUP_CHOSEN
							: GROUP_GONE;

	return (struct place){.group = group,
	    .severity = group == GROUP_GONE || group == GROUP_STAYING ? SEVERITY_NONE : severity,
	    .id = id};
}

/* Silent by score and well again, to others we are one more that is silent for reasons of its own;
 * of those we alone can return. */
static struct place
own_place(const struct guard_in *in, uint8_t severity, int id)
{
	if (in->silent && in->discretionary && severity < SEVERITY_LOW)
		return (struct place){.group = GROUP_VITAL, .id = id};
	return place_of(in->silent, severity, id);
}

static bool
goes_before(struct place a, struct place b)
{
	if (a.group != b.group)
		return a.group < b.group;
	if (a.severity != b.severity)
		return a.severity > b.severity;
	return a.id < b.id;
}

static void
count_overload(struct count *n, const struct peer *p)
{
	int rung = p->rung < MAX_RUNGS ? p->rung : MAX_RUNGS - 1;

	if (!(p->flags & BEACON_ABSORBING))
		return;
	n->burdened++;
	n->strained = rung > n->strained ? rung : n->strained;
}

static void
count_peer(struct count *n, const struct guard_conf *conf, const struct guard_in *in,
    const struct peer *p, struct place ours)
{
	bool silent = p->rung < RUNG_DRAIN;
	/* The rung's beacon says that there is a wish, the intent's has not come. */
	bool hidden = p->severity < SEVERITY_LOW && p->flags & BEACON_WISHING;
	uint8_t severity = hidden ? SEVERITY_VITAL : p->severity;
	bool before = goes_before(place_of(silent, severity, p->id), ours);
	bool here = conf->region != 0 && p->region == conf->region;

	n->in_view++;
	if (p->max_suspended < n->budget)
		n->budget = p->max_suspended;
	if (before && (silent || severity >= SEVERITY_LOW))
		n->before++;
	if (in->fault != 0 && p->severity >= SEVERITY_SHARED && p->fault == in->fault)
		n->same_fault++;
	if (silent) {
		n->silent++;
		return;
	}
	n->announcing++;
	n->sure += severity < SEVERITY_VITAL;
	n->behind += !before;
	n->behind_here += !before && here;
	if (p->severity < SEVERITY_VITAL) {
		count_overload(n, p);
		n->able++;
		n->able_here += here;
	}
}

static struct count
count_peers(const struct guard_conf *conf, const struct guard_in *in, uint8_t severity)
{
	struct place ours = own_place(in, severity, conf->id);
	struct count n = {.budget = conf->max_suspended};

	for (int i = 0; i < in->n_peers; i++) {
		const struct peer *p = &in->peers[i];

		if (p->id >= 1 && p->id <= conf->size && p->id != conf->id && p->rung >= 0)
			count_peer(&n, conf, in, p, ours);
	}
	return n;
}

static void
wake(struct guard_out *out, struct mono at, struct mono now)
{
	if (mono_is_set(at) && mono_before(now, at))
		out->next = mono_min(out->next, at);
}

/* What of the wish is to be published. One that cannot come true would only keep others from going:
 * it is held back. A vital failure is always told, since others have to know that our announcement
 * is worth nothing; and so is why a silent lane is silent. */
static uint8_t
worth_saying(const struct look *l)
{
	const struct guard_in *in = l->in;
	bool lonely = l->conf->region != 0 && l->n.able_here == 0;

	if (in->severity >= SEVERITY_LOW && (in->silent || in->severity >= SEVERITY_VITAL ||
						(l->out->standing == FLEET_FRESH && !lonely)))
		return in->severity;
	return in->fault != 0 ? SEVERITY_SHARED : SEVERITY_NONE;
}

/* Only a rise begins the settling anew: whoever has not heard of a lower wish yet still counts the
 * higher one. */
static void
publish(struct guard *s, uint8_t severity, uint8_t fault, struct mono now)
{
	if (severity < SEVERITY_LOW)
		s->risen = MONO_NEVER;
	else if (severity > s->severity)
		s->risen = now;
	s->severity = severity;
	s->fault = fault;
}

/* A guard that begins has seen as little as one that has just lost a session. */
static void
freeze(struct guard *s, const struct guard_conf *conf, const struct guard_in *in, struct mono now)
{
	bool begins = !mono_is_set(s->born);

	if (begins)
		s->born = now;
	if (begins || in->conflict || in->session_lost)
		s->frozen_until = mono_add_ms(now, conf->settle_ms);
}

static enum fleet_standing
standing(struct look *l, const struct guard *s)
{
	int64_t age_us = l->conf->view_max_age_ms * 1000;
	struct mono seen = l->in->view_at, known = mono_max(seen, s->born);

	wake(l->out, mono_add_us(known, age_us + 1), l->now);
	if (mono_is_set(seen))
		wake(l->out, mono_add_us(seen, age_us + 1), l->now);
	l->blind = mono_diff_us(l->now, known) > age_us;
	if (!mono_is_set(seen) || mono_diff_us(l->now, seen) > age_us)
		return FLEET_STALE;
	return 2 * (l->n.in_view + 1) > l->conf->size ? FLEET_FRESH : FLEET_ISOLATED;
}

/* Why a wish has to wait; NULL: it need not. */
static const char *
obstacle(const struct look *l)
{
	const struct guard_out *out = l->out;

	if (out->standing != FLEET_FRESH)
		return "no silence by the fleet's leave without a fresh view of most of it";
	/* A wish held back for this has no place in the order: what follows says nothing then. */
	if (!l->here)
		return "no other node would go on announcing in this region";
	if (l->n.behind < l->conf->min_announcing)
		return "too few others would go on announcing";
	if (out->rank >= out->budget)
		return "others are silent, or go first, as many as may be";
	if (l->in->conflict)
		return "another node uses this node's id";
	if (l->frozen)
		return "the view has changed by a lost session, or is new";
	if (!l->settled)
		return "the wish is not settled: not every node may know of it yet";
	return NULL;
}

/* Why a lane that is silent by proof has to come back; NULL: it has not. */
static const char *
recall(const struct look *l)
{
	const struct guard_out *out = l->out;

	if (out->standing == FLEET_STALE)
		return l->blind ? "nothing is seen of the fleet" : NULL;
	if (out->standing == FLEET_ISOLATED)
		return "most of the fleet is out of view";
	if (l->n.able < l->conf->min_announcing)
		return "too few others announce";
	if (l->conf->region != 0 && l->n.able_here == 0)
		return "no other node announces in this region";
	if (!l->frozen && out->rank >= out->budget)
		return "more are silent than may be";
	return NULL;
}

static void
decide(struct look *l)
{
	struct guard_out *out = l->out;
	bool silent = l->in->silent;
	bool wishing = l->in->severity >= SEVERITY_LOW;
	const char *wait = obstacle(l), *home = recall(l);

	out->vital = out->standing == FLEET_FRESH && l->n.sure >= l->conf->min_announcing;
	out->granted = wishing && !silent && wait == NULL;
	out->back = silent && l->in->discretionary && home != NULL;
	out->emergency = out->standing == FLEET_STALE
			     ? l->blind
			     : l->n.able - l->n.burdened < l->conf->min_announcing;
	out->keep = out->standing == FLEET_FRESH && out->state.fault != 0 &&
		    2 * (l->n.same_fault + 1) > l->conf->size;
	out->strained = (int8_t)l->n.strained;
	out->because = out->back			 ? home
		       : out->granted			 ? "may go silent"
		       : wishing && !silent		 ? wait
		       : out->keep			 ? "most of the fleet sees the same fault"
		       : l->blind			 ? "nothing is seen of the fleet"
		       : out->standing == FLEET_STALE	 ? "no view of the fleet yet"
		       : out->standing == FLEET_ISOLATED ? "most of the fleet is out of view"
		       : out->emergency			 ? "too few others announce and bear it"
							 : "the fleet is in view";
}

/* Looks at the view and brings the state up to date. A view is old knowledge: that everybody has
 * heard of our wish is of use only in what was looked at after that. */
static void
observe(struct look *l, struct guard *s)
{
	const struct guard_conf *conf = l->conf;
	const struct guard_in *in = l->in;
	uint8_t severity;

	freeze(s, conf, in, l->now);
	l->n = count_peers(conf, in, in->severity);
	l->out->standing = standing(l, s);
	severity = worth_saying(l);
	if (severity < SEVERITY_LOW && in->severity >= SEVERITY_LOW)
		l->n = count_peers(conf, in, severity);
	publish(s, severity, in->fault, l->now);
	l->settled = severity >= SEVERITY_LOW &&
		     !mono_before(in->view_at, mono_add_ms(s->risen, conf->settle_ms));
	l->frozen = mono_before(l->now, s->frozen_until);
	l->here = conf->region == 0 || severity >= SEVERITY_VITAL || l->n.behind_here > 0;
	wake(l->out, s->frozen_until, l->now);
}

struct guard_out
guard_step(
    const struct guard_conf *conf, struct guard s, const struct guard_in *in, struct mono now)
{
	struct guard_out out = {
	    .next = MONO_FOREVER, .state = s, .because = "no fleet is configured"};
	struct guard_in wished = *in;
	struct look l = {.conf = conf, .in = &wished, .now = now, .out = &out};

	if (conf->size == 0)
		return out;
	/* A score that jumps about a threshold would begin the settling again and again: what was
	 * published as HIGH stays so, to us as to others, while there is a wish. */
	if (in->severity == SEVERITY_LOW && s.severity == SEVERITY_HIGH)
		wished.severity = SEVERITY_HIGH;
	observe(&l, &s);
	out.state = s;
	out.in_view = l.n.in_view;
	out.announcing = l.n.announcing;
	out.suspended = conf->size - 1 - l.n.announcing;
	out.budget = l.n.budget;
	out.rank = conf->size - 1 - l.n.in_view + l.n.before;
	decide(&l);
	return out;
}
