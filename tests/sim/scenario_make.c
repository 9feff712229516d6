/*
 * Scenarios by class. A world begins well, with all nodes at full; after a while come the faults.
 * What chance decides (when, how long, whom) follows from the seed.
 */
#include <string.h>

#include "tests/sim/chance.h"
#include "tests/sim/scenario.h"

enum { FIRST_MS = 60000, SPAN_MS = 600000 };

/* A maker asks for one number after another. */
struct dice {
	uint64_t seed, n;
};

static int64_t
roll(struct dice *d, int64_t least, int64_t most)
{
	return chance_in(chance(d->seed, 5, d->n++, 0), least, most);
}

static struct fault *
add(struct scenario *s, struct dice *d, enum fault_kind kind, enum where where, int which,
    int64_t least_ms, int64_t most_ms)
{
	struct fault *f = &s->faults[s->n_faults++];

	*f = (struct fault){.kind = kind, .where = where, .which = which};
	f->from_ms = FIRST_MS + roll(d, 0, SPAN_MS);
	f->to_ms = f->from_ms + roll(d, least_ms, most_ms);
	return f;
}

static int
somebody(const struct scenario *s, struct dice *d)
{
	return (int)roll(d, 1, s->nodes);
}

static int
some_region(const struct scenario *s, struct dice *d)
{
	return (int)roll(d, 0, s->regions - 1);
}

static void
make_upstream_one(struct scenario *s, struct dice *d)
{
	add(s, d, FAULT_UPSTREAM, WHERE_NODE, somebody(s, d), 5000, 900000);
}

static void
make_upstream_region(struct scenario *s, struct dice *d)
{
	add(s, d, FAULT_UPSTREAM, WHERE_REGION, some_region(s, d), 5000, 900000);
}

static void
make_upstream_all(struct scenario *s, struct dice *d)
{
	add(s, d, FAULT_UPSTREAM, WHERE_ALL, 0, 5000, 900000);
}

static void
make_upstream_flaps(struct scenario *s, struct dice *d)
{
	bool all = roll(d, 0, 1);
	struct fault *f = add(s, d, FAULT_UPSTREAM, all ? WHERE_ALL : WHERE_SHARE,
	    (int)roll(d, 20, 60), 600000, 1800000);

	f->param = roll(d, 3, 120);
}

static void
make_recursion_one(struct scenario *s, struct dice *d)
{
	add(s, d, FAULT_RECURSION, WHERE_NODE, somebody(s, d), 60000, 1200000);
}

static void
make_recursion_many(struct scenario *s, struct dice *d)
{
	add(s, d, FAULT_RECURSION, WHERE_SHARE, (int)roll(d, 40, 100), 60000, 1200000);
}

static void
make_crash_loop(struct scenario *s, struct dice *d)
{
	struct fault *f = add(s, d, FAULT_CRASH, roll(d, 0, 1) ? WHERE_NODE : WHERE_SHARE,
	    (int)roll(d, 1, s->nodes), 60000, 900000);

	f->param = roll(d, 50, 20000);
}

static void
make_hang(struct scenario *s, struct dice *d)
{
	struct fault *f = add(
	    s, d, FAULT_HANG, roll(d, 0, 1) ? WHERE_ALL : WHERE_NODE, somebody(s, d), 1000, 600000);

	f->param = roll(d, 0, 1);
}

static void
make_bad_release(struct scenario *s, struct dice *d)
{
	bool all = roll(d, 0, 3) > 0;

	add(s, d, FAULT_RELEASE, all ? WHERE_ALL : WHERE_SHARE, (int)roll(d, 50, 95), 30000,
	    900000);
}

static void
make_packet(struct scenario *s, struct dice *d)
{
	add(s, d, FAULT_PACKET, WHERE_ALL, 0, 60000, 900000)->param = roll(d, 5, 30000);
}

static void
make_partition(struct scenario *s, struct dice *d)
{
	struct fault *f;

	add(s, d, FAULT_PARTITION, WHERE_REGION, some_region(s, d), 10000, 900000);
	f = add(s, d, FAULT_RECURSION, WHERE_SHARE, (int)roll(d, 10, 70), 60000, 900000);
	f->from_ms = s->faults[0].from_ms + roll(d, -60000, 120000);
	f->to_ms = f->from_ms + roll(d, 60000, 900000);
}

static void
make_blackout(struct scenario *s, struct dice *d)
{
	struct fault *f = add(s, d, FAULT_POWER, WHERE_ALL, 0, 1000, 300000), *up;

	up = add(s, d, FAULT_UPSTREAM, WHERE_ALL, 0, 0, 0);
	up->from_ms = f->from_ms;
	up->to_ms = f->to_ms + roll(d, 0, 180000);
}

/* Inside one AS local preference counts before any distance. */
static void
make_blackout_as(struct scenario *s, struct dice *d)
{
	make_blackout(s, d);
	s->pull = 100000;
}

static void
make_brains(struct scenario *s, struct dice *d)
{
	int64_t at = FIRST_MS;

	for (int i = 0; i < 6; i++) {
		struct fault *f = add(s, d, FAULT_BRAIN, WHERE_SHARE, (int)roll(d, 20, 100), 0, 0);

		at += roll(d, 1000, 120000);
		f->from_ms = f->to_ms = at;
		f->param = roll(d, 50, 5000);
	}
	add(s, d, FAULT_RECURSION, WHERE_SHARE, (int)roll(d, 10, 40), 60000, 600000);
}

static void
make_liar(struct scenario *s, struct dice *d)
{
	int kind = (int)roll(d, 0, 3);

	add(s, d, FAULT_LIE, WHERE_NODE, somebody(s, d), 300000, 900000)->param =
	    roll(d, 0, N_LIES - 1);
	if (kind == 0)
		add(s, d, FAULT_RECURSION, WHERE_SHARE, (int)roll(d, 20, 100), 60000, 600000);
	else if (kind == 1)
		add(s, d, FAULT_RELEASE, WHERE_ALL, 0, 30000, 600000);
	else if (kind == 2)
		add(s, d, FAULT_LOCAL, WHERE_SHARE, (int)roll(d, 20, 100), 30000, 600000);
}

static void
make_correlated(struct scenario *s, struct dice *d)
{
	int region = some_region(s, d);
	int64_t from = FIRST_MS + roll(d, 0, SPAN_MS);
	static const enum fault_kind kinds[] = {FAULT_UPSTREAM, FAULT_RECURSION, FAULT_POWER,
	    FAULT_PARTITION, FAULT_SESSION, FAULT_CRASH, FAULT_BIRD};

	for (int i = 0; i < 3; i++) {
		struct fault *f =
		    add(s, d, kinds[roll(d, 0, 6)], WHERE_REGION, region, 5000, 600000);
		int64_t lasts = f->to_ms - f->from_ms;

		f->from_ms = from + roll(d, 0, 20000);
		f->to_ms = f->from_ms + lasts;
		f->param = f->kind == FAULT_CRASH ? roll(d, 50, 5000) : 0;
	}
}

static void
make_cascade(struct scenario *s, struct dice *d)
{
	struct fault *f;

	s->spare = (int)roll(d, 105, 130);
	f = add(s, d, FAULT_POWER, WHERE_SHARE, (int)roll(d, 10, 40), 60000, 900000);
	if (roll(d, 0, 1)) {
		struct fault *g = add(s, d, FAULT_SURGE, WHERE_ALL, 0, 60000, 600000);

		g->from_ms = f->from_ms + roll(d, 0, 60000);
		g->to_ms = g->from_ms + roll(d, 60000, 600000);
		g->param = roll(d, 110, 180);
	}
}

static void
make_mixture(struct scenario *s, struct dice *d)
{
	int n = (int)roll(d, 2, 8);

	for (int i = 0; i < n; i++) {
		enum fault_kind kind = (enum fault_kind)roll(d, 0, N_FAULT_KINDS - 1);
		enum where where = (enum where)roll(d, 0, 3);
		int which = where == WHERE_REGION ? some_region(s, d)
			    : where == WHERE_NODE ? somebody(s, d)
						  : (int)roll(d, 10, 90);
		struct fault *f = add(s, d, kind, where, which, 1000, 600000);

		if (kind == FAULT_CRASH || kind == FAULT_PACKET)
			f->param = roll(d, 20, 20000);
		else if (kind == FAULT_BRAIN)
			f->param = roll(d, 50, 5000);
		else if (kind == FAULT_SURGE)
			f->param = roll(d, 50, 200);
		else if (kind == FAULT_HANG)
			f->param = roll(d, 0, 1);
		else if (kind == FAULT_LIE)
			f->param = roll(d, 0, N_LIES - 1);
		else if (kind == FAULT_UPSTREAM && roll(d, 0, 2) == 0)
			f->param = roll(d, 3, 60);
		/* More than one liar is more than the guard promises to bear. */
		if (kind == FAULT_LIE) {
			f->where = WHERE_NODE;
			f->which = somebody(s, d);
		}
	}
}

static const struct {
	const char *name;
	void (*make)(struct scenario *s, struct dice *d);
} classes[] = {
    {"upstream_one", make_upstream_one},
    {"upstream_region", make_upstream_region},
    {"upstream_all", make_upstream_all},
    {"upstream_flaps", make_upstream_flaps},
    {"recursion_one", make_recursion_one},
    {"recursion_many", make_recursion_many},
    {"crash_loop", make_crash_loop},
    {"hang", make_hang},
    {"bad_release", make_bad_release},
    {"packet_of_death", make_packet},
    {"partition", make_partition},
    {"blackout", make_blackout},
    {"blackout_one_as", make_blackout_as},
    {"brain_restarts", make_brains},
    {"liar", make_liar},
    {"correlated", make_correlated},
    {"cascade", make_cascade},
    {"mixture", make_mixture},
};
#define N_CLASSES ((int)(sizeof(classes) / sizeof(classes[0])))

const char *
scenario_class(int n)
{
	return n >= 0 && n < N_CLASSES ? classes[n].name : NULL;
}

bool
scenario_make(struct scenario *s, const char *class, uint64_t seed, int nodes)
{
	struct dice d = {.seed = seed};
	int n = 0;

	while (n < N_CLASSES && strcmp(classes[n].name, class) != 0)
		n++;
	if (n == N_CLASSES)
		return false;
	d.seed = chance(seed, 3, (uint64_t)n, 0);
	*s = (struct scenario){.seed = d.seed};
	strncpy(s->class, class, sizeof(s->class) - 1);
	s->nodes = nodes > 0 ? nodes : (int)roll(&d, 3, 24);
	s->places = (int)roll(&d, 2, s->nodes < 24 ? s->nodes : 24);
	s->regions = (int)roll(&d, 1, s->places < SIM_REGIONS ? s->places : SIM_REGIONS);
	s->spare = (int)roll(&d, 140, 300);
	s->pull = (int)roll(&d, 5, 40);
	s->beacon_ms = (int)roll(&d, 20, 800);
	classes[n].make(s, &d);
	return true;
}
