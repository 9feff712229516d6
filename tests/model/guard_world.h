/*
 * guard_world: a small fleet in which every state is visited.
 *
 * Time goes in ticks of a second. In a tick every living node sees what the beacons' delays let it
 * see, steps the shipped guard, acts on it as a ladder would, and publishes. A beacon takes 1 to
 * DELAY ticks, each kind, each pair of nodes and each tick as the adversary likes, but in order:
 * what is seen of one kind never gets older than it was. So a view is, for each pair and kind, a
 * lag into the history of what was published. A lost session is out of view, both ways.
 */
#ifndef TESTS_MODEL_GUARD_WORLD_H
#define TESTS_MODEL_GUARD_WORLD_H

#include <stdlib.h>
#include <string.h>

#include "bgpctl/site.h"
#include "healthd/guard.h"

enum {
	MAX_NODES = 5,
	DELAY = 2,   /* the worst, in ticks */
	MAX_AGE = 1, /* a view so old is fresh */
	/* In whole ticks "more than twice the delay and the age" begins here. */
	SETTLE = 2 * DELAY + MAX_AGE - 1,
	HISTORY = DELAY + MAX_AGE,
	LONG = 30, /* clocks stop here; all that may come has come by then */
	MAX_HAPPENINGS = 64,
};

enum condition { WELL, ILL, WORSE, VITAL, HELD, DEAD, N_CONDITIONS };
#define CAN(c) (1u << (c))

enum told { OUT, SILENT, ANNOUNCES };

struct told_by { /* what one node published in one tick */
	uint8_t rung, wish, severity;
};

struct node {
	uint8_t condition, silent;
	uint8_t granted;			/* silent by the guard's leave and no other way */
	uint8_t chosen;				/* silent by score, whatever made it so */
	uint8_t severity, risen, frozen, young; /* the guard's own */
	uint8_t hung; /* its BIRD does not answer, for so many ticks; 0: it does */
	uint8_t twin; /* somebody else uses its id */
	uint8_t
	    able_age; /* the watcher's: since others announced who could answer, enough of them */
};

struct world {
	struct node node[MAX_NODES];
	struct told_by told[HISTORY][MAX_NODES];
	uint8_t cut[HISTORY]; /* who is on the other side of a partition, a bit each */
	uint8_t lag[2][MAX_NODES][MAX_NODES]; /* of rung and intent, [seen by][seen]: the oldest
						 that may be seen next; of a hung node: what is */
	uint8_t cut_now, lost;		      /* lost: who is to be told that a session went down */
	uint8_t happened;		      /* events so far */
	/* The watcher's clocks, in ticks. */
	uint8_t calm;  /* since the last event */
	uint8_t loss;  /* since the last announcer was lost by anything but leave */
	uint8_t split; /* since the last session was lost */
};

/* How freely the adversary delays: each kind of beacon of each node to each other; both kinds of a
 * node together; all that one node sees. */
enum sight { BY_KIND, BY_PAIR, BY_VIEWER };

/* One small configuration, and what may happen in it. */
struct setup {
	const char *name;
	int n, budget, min;
	int mean; /* the last node's own, smaller budget; 0: the same */
	uint8_t region[MAX_NODES];
	uint8_t cuts[4]; /* partitions that may come */
	unsigned can;	 /* conditions that may come */
	uint8_t events;	 /* at most so many in one history */
	enum sight sight;
	bool hangs, twins, restarts, sessions; /* sessions: a lost one is noticed as such */
	bool climbs;	   /* who is well and silent climbs at once; else only in an emergency */
	bool alone_silent; /* vital_alone */
};

enum event_kind { EV_TICK, EV_BECOME, EV_CUT, EV_HANG, EV_TWIN, EV_RESTART, N_EVENTS };

struct happening {
	uint8_t kind, a, b;
};

static const struct mono model_now = {1000000000};

static struct mono
ago(int ticks)
{
	return mono_add_ms(model_now, -1000 * (int64_t)ticks);
}

static struct mono
from_now(int ticks)
{
	return mono_add_ms(model_now, 1000 * (int64_t)ticks);
}

static bool
apart(uint8_t cut, int a, int b)
{
	return (cut >> a & 1) != (cut >> b & 1);
}

static uint8_t
older(uint8_t age, int most)
{
	return age < most ? (uint8_t)(age + 1) : age;
}

/* What `i` sees of `j`, as the lags stand. */
static struct told_by
sees(const struct world *w, int i, int j)
{
	int r = w->lag[0][i][j], s = w->lag[1][i][j];
	struct told_by t = w->told[r][j];

	if (apart(w->cut[r], i, j))
		t.rung = OUT, t.wish = 0;
	t.severity = apart(w->cut[s], i, j) ? 0 : w->told[s][j].severity;
	return t;
}

static uint8_t
wished(const struct node *n)
{
	return n->condition == ILL     ? SEVERITY_LOW
	       : n->condition == WORSE ? SEVERITY_HIGH
	       : n->condition == VITAL ? SEVERITY_VITAL
				       : SEVERITY_NONE;
}

static bool
able(const struct node *n)
{
	return n->condition <= WORSE;
}

static struct guard
guard_of(const struct node *n)
{
	return (struct guard){
	    .severity = n->severity,
	    .risen = n->severity >= SEVERITY_LOW ? ago(n->risen) : MONO_NEVER,
	    .frozen_until = n->frozen ? from_now(n->frozen) : MONO_NEVER,
	    .born = n->young ? MONO_NEVER : ago(LONG),
	};
}

static void
take_guard(struct node *n, const struct guard *s)
{
	int64_t risen = mono_diff_ms(model_now, s->risen) / 1000;
	int64_t frozen = mono_diff_ms(s->frozen_until, model_now) / 1000;

	n->severity = s->severity;
	n->risen = s->severity < SEVERITY_LOW
		       ? 0
		       : (uint8_t)(risen > SETTLE + MAX_AGE ? SETTLE + MAX_AGE : risen);
	n->frozen = !mono_before(model_now, s->frozen_until) ? 0 : (uint8_t)frozen;
	n->young = 0;
}

static int
peers_of(const struct setup *u, const struct world *w, int i, struct peer *peers)
{
	int n = 0;

	for (int j = 0; j < u->n; j++) {
		struct told_by t;

		if (j == i)
			continue;
		t = sees(w, i, j);
		if (t.rung == OUT || w->node[j].twin)
			continue;
		peers[n++] = (struct peer){.id = (uint16_t)(j + 1),
		    .rung = t.rung == SILENT ? RUNG_SILENT : RUNG_DRAIN,
		    .flags = t.wish ? BEACON_WISHING : 0,
		    .severity = t.severity,
		    .region = u->region[j],
		    .max_suspended = (uint16_t)(u->mean && j == u->n - 1 ? u->mean : u->budget)};
	}
	return n;
}

static struct guard_conf
conf_of(const struct setup *u, int i)
{
	return (struct guard_conf){.id = i + 1,
	    .size = u->n,
	    .min_announcing = u->min,
	    .max_suspended = u->mean && i == u->n - 1 ? u->mean : u->budget,
	    .region = u->region[i],
	    .settle_ms = SETTLE * 1000,
	    .view_max_age_ms = MAX_AGE * 1000};
}

/* The furthest that anybody still looks back. */
static int
furthest(const struct setup *u, const struct world *w, int kind, int seen)
{
	int most = 0;

	for (int i = 0; i < u->n; i++)
		if (i != seen && w->lag[kind][i][seen] > most)
			most = w->lag[kind][i][seen];
	return most;
}

static bool
same_so_far(const struct world *w, int kind, int i, int j, int lag)
{
	const struct told_by *a = &w->told[lag][j], *b = &w->told[0][j];

	if (apart(w->cut[lag], i, j) != apart(w->cut[0], i, j))
		return false;
	return kind == 0 ? a->rung == b->rung && a->wish == b->wish : a->severity == b->severity;
}

/* Worlds with equal futures are made equal: a lag behind which nothing has changed is none, and
 * history that nobody looks at any more is forgotten. */
static void
settle_lags(const struct setup *u, struct world *w)
{
	int cut = 0;

	for (int kind = 0; kind < 2; kind++)
		for (int i = 0; i < u->n; i++)
			for (int j = 0; j < u->n; j++) {
				uint8_t *lag = &w->lag[kind][i][j];
				bool same = i != j;

				for (int l = *lag; l > 0 && same; l--)
					same = same_so_far(w, kind, i, j, l);
				if (same || i == j || w->node[i].condition == DEAD)
					*lag = 0;
				cut = *lag > cut ? *lag : cut;
			}
	for (int j = 0; j < u->n; j++) {
		int rung = furthest(u, w, 0, j), intent = furthest(u, w, 1, j);

		for (int l = 1; l < HISTORY; l++) {
			if (l > rung) {
				w->told[l][j].rung = w->told[l - 1][j].rung;
				w->told[l][j].wish = w->told[l - 1][j].wish;
			}
			if (l > intent)
				w->told[l][j].severity = w->told[l - 1][j].severity;
		}
	}
	for (int l = cut + 1; l < HISTORY; l++)
		w->cut[l] = w->cut[l - 1];
}

#endif
