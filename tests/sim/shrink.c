#include "tests/sim/shrink.h"

#include <string.h>

bool
shrink_breaks(struct scenario *s, enum bent bent, const struct model *m)
{
	struct world w;
	bool breaks;

	world_run(&w, s, &(struct run_conf){.policy = POLICY_OURS, .bent = bent, .stop = true}, m);
	breaks = w.breach.promise != NULL;
	if (breaks)
		strncpy(s->expect, w.breach.promise, sizeof(s->expect) - 1);
	world_free(&w);
	return breaks;
}

/* Takes `try` if it still breaks the same promise. */
static bool
take(struct scenario *s, struct scenario try, enum bent bent, const struct model *m)
{
	if (!shrink_breaks(&try, bent, m))
		return false;
	*s = try;
	return true;
}

static bool
fewer_faults(struct scenario *s, enum bent bent, const struct model *m)
{
	for (int i = 0; i < s->n_faults; i++) {
		struct scenario try = *s;

		memmove(&try.faults[i], &try.faults[i + 1],
		    (size_t)(s->n_faults - 1 - i) * sizeof(try.faults[0]));
		try.n_faults--;
		if (take(s, try, bent, m))
			return true;
	}
	return false;
}

static bool
with_nodes(struct scenario *s, int nodes, enum bent bent, const struct model *m)
{
	struct scenario try = *s;

	if (nodes < 1 || nodes >= s->nodes)
		return false;
	try.nodes = nodes;
	try.places = try.places < nodes ? try.places : nodes;
	try.regions = try.regions < try.places ? try.regions : try.places;
	return take(s, try, bent, m);
}

static bool
fewer_nodes(struct scenario *s, enum bent bent, const struct model *m)
{
	return with_nodes(s, s->nodes / 2, bent, m) || with_nodes(s, s->nodes - 1, bent, m);
}

static bool
shorter(struct scenario *s, enum bent bent, const struct model *m)
{
	for (int i = 0; i < s->n_faults; i++) {
		struct scenario try = *s;
		struct fault *f = &try.faults[i];

		if (f->to_ms - f->from_ms < 2000)
			continue;
		f->to_ms = f->from_ms + (f->to_ms - f->from_ms) / 2;
		if (take(s, try, bent, m))
			return true;
	}
	return false;
}

void
shrink(struct scenario *s, enum bent bent, const struct model *m)
{
	while (fewer_faults(s, bent, m) || fewer_nodes(s, bent, m) || shorter(s, bent, m))
		;
}
