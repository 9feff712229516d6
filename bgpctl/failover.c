/*
 * failover: see the header. Rungs come by name: silent and drain have these names in every
 * configuration, and whatever else there is is better.
 */
#include "bgpctl/failover.h"

#include <stdio.h>
#include <string.h>

#include "bgpctl/beacon.h"
#include "bgpctl/pick.h"

#define FULL_LOAD 1.0

bool
failover_inside(const json_t *node, const char *region)
{
	const char *of = pick_text(node, "region", "");
	char digest[16];

	snprintf(digest, sizeof(digest), "#%04x", beacon_region(region));
	return strcmp(of, region) == 0 || strcmp(of, digest) == 0;
}

static bool
is_better_than_drain(const char *rung)
{
	return rung[0] != '\0' && strcmp(rung, "silent") != 0 && strcmp(rung, "drain") != 0;
}

static bool
wishes(const json_t *node)
{
	const char *intent = pick_text(node, "intent", "none");

	return strcmp(intent, "low") == 0 || strcmp(intent, "high") == 0 ||
	       strcmp(intent, "vital") == 0;
}

static bool
has_flag(const json_t *node, const char *name)
{
	const json_t *flag;
	size_t i;

	json_array_foreach(pick_part(node, "flags"), i, flag)
	{
		const char *text = json_string_value(flag);

		if (text != NULL && strcmp(text, name) == 0)
			return true;
	}
	return false;
}

struct votes {
	int well, failed;
};

/* What the others who look at this node say, in one lane. */
static void
count_votes(const json_t *lane, int id, struct votes *v)
{
	const json_t *node, *one;
	size_t i, j;

	json_array_foreach(pick_part(lane, "nodes"), i, node)
	{
		if (pick_bool(node, "conflict"))
			continue;
		json_array_foreach(pick_part(node, "verdicts"), j, one)
		{
			const char *verdict = pick_text(one, "verdict", "");

			if ((int)pick_number(one, "id", 0) != id)
				continue;
			v->well += strcmp(verdict, "well") == 0;
			v->failed += strcmp(verdict, "failed") == 0;
		}
	}
}

static enum taken
judge(const json_t *lane, const json_t *node)
{
	struct votes v = {0};

	if (pick_bool(node, "conflict") || !is_better_than_drain(pick_text(node, "rung", "")))
		return TAKEN_GONE;
	count_votes(lane, (int)pick_number(node, "id", 0), &v);
	if (wishes(node) || has_flag(node, "wishing") || v.failed > v.well)
		return TAKEN_WISHING;
	if (has_flag(node, "absorbing") || pick_number(node, "load", 0) >= FULL_LOAD)
		return TAKEN_FULL;
	return TAKEN_WELL;
}

static const json_t *
node_of(const json_t *lane, int id)
{
	const json_t *node;
	size_t i;

	json_array_foreach(pick_part(lane, "nodes"), i,
	    node) if ((int)pick_number(node, "id", 0) == id) return node;
	return NULL;
}

/* A taker takes in every lane. */
static enum taken
worst_of(const json_t *lanes, int id)
{
	enum taken worst = TAKEN_WELL;
	const json_t *lane;
	size_t i;

	json_array_foreach(lanes, i, lane)
	{
		const json_t *node = node_of(lane, id);
		enum taken t = node != NULL ? judge(lane, node) : TAKEN_GONE;

		worst = t < worst ? t : worst;
	}
	return worst;
}

static void
add_inside(struct failover *f, const json_t *lanes, int id)
{
	bool announcing = false, wishing = false;
	struct votes v = {0};
	const json_t *lane;
	size_t i;

	json_array_foreach(lanes, i, lane)
	{
		const json_t *node = node_of(lane, id);

		if (node == NULL)
			continue;
		announcing |= is_better_than_drain(pick_text(node, "rung", ""));
		wishing |= wishes(node) || has_flag(node, "wishing") ||
			   strcmp(pick_text(node, "rung", "silent"), "silent") == 0;
		count_votes(lane, id, &v);
	}
	f->nodes++;
	f->announcing += announcing;
	f->voted += v.well + v.failed > 0;
	f->ill += v.well + v.failed > 0 ? v.failed > v.well : wishing;
}

static void
add_outside(struct failover *f, const json_t *lanes, int id)
{
	enum taken t = worst_of(lanes, id);
	const json_t *lane;
	size_t i;

	f->takers += t >= TAKEN_FULL;
	f->full += t == TAKEN_FULL;
	json_array_foreach(lanes, i, lane)
	{
		double load = pick_number(node_of(lane, id), "load", -1);

		if (t >= TAKEN_FULL && load > f->load)
			f->load = load;
	}
}

/* The first lane of each id; a node that is missing in one is found in another. */
static void
add_nodes(struct failover *f, const json_t *lanes, const char *region)
{
	const json_t *lane, *node, *before;
	size_t i, j, k;

	json_array_foreach(lanes, i, lane) json_array_foreach(pick_part(lane, "nodes"), j, node)
	{
		int id = (int)pick_number(node, "id", 0);
		bool seen = false;

		json_array_foreach(lanes, k, before) if (k < i) seen |= node_of(before, id) != NULL;
		if (seen)
			continue;
		if (failover_inside(node, region))
			add_inside(f, lanes, id);
		else
			add_outside(f, lanes, id);
	}
}

/* This node stands in the lanes themselves. */
static void
add_own(struct failover *f, const json_t *lanes)
{
	bool any = false, all = json_array_size(lanes) > 0, wishing = false;
	const json_t *lane;
	size_t i;

	json_array_foreach(lanes, i, lane)
	{
		bool better = is_better_than_drain(pick_text(lane, "told", ""));

		any |= better;
		all &= better && !wishes(lane);
		wishing |= wishes(lane) || strcmp(pick_text(lane, "told", "silent"), "silent") == 0;
	}
	f->nodes += f->own;
	f->announcing += f->own && any;
	f->ill += f->own && wishing;
	f->takers += !f->own && all;
}

struct failover
failover_look(const json_t *answer, const char *region)
{
	const json_t *lanes = pick_part(answer, "lanes"), *lane;
	struct failover f = {.load = -1, .fresh = json_array_size(lanes) > 0};
	size_t i;

	f.needed = (int)pick_number(answer, "min_announcing", 1);
	f.needed = f.needed > 1 ? f.needed : 1;
	f.own = strcmp(pick_text(answer, "region", ""), region) == 0;
	json_array_foreach(lanes, i, lane)
	{
		if (strcmp(pick_text(lane, "standing", "none"), "fresh") == 0)
			continue;
		if (f.fresh)
			snprintf(f.unwell, sizeof(f.unwell), "%s %s is %s",
			    pick_text(lane, "service", "?"), pick_text(lane, "family", "?"),
			    pick_text(lane, "standing", "unknown"));
		f.fresh = false;
	}
	add_nodes(&f, lanes, region);
	add_own(&f, lanes);
	return f;
}

bool
failover_moved(const struct failover *f)
{
	return f->fresh && f->nodes > 0 && f->announcing == 0;
}

const char *
failover_refuses(const struct failover *f, const char *region, char text[static FAILOVER_WORDS])
{
	if (!f->fresh)
		snprintf(text, FAILOVER_WORDS,
		    "this node has no fresh view of the fleet (%s): nothing can be verified, and "
		    "nobody would heed it",
		    f->unwell[0] != '\0' ? f->unwell : "no lane");
	else if (f->nodes == 0)
		snprintf(text, FAILOVER_WORDS,
		    "no node in view is in a region %s; `bgpctl fleet` "
		    "has them",
		    region);
	else if (f->takers < f->needed)
		snprintf(text, FAILOVER_WORDS,
		    "%d others elsewhere could take over, and %d must: draining %s moves nothing",
		    f->takers, f->needed, region);
	else if (f->takers == f->full)
		snprintf(text, FAILOVER_WORDS, "all %d that would take over are overloaded already",
		    f->takers);
	else
		return NULL;
	return text;
}

const char *
failover_breaks(
    const struct failover *begun, const struct failover *f, char text[static FAILOVER_WORDS])
{
	if (!f->fresh && begun->fresh)
		snprintf(text, FAILOVER_WORDS, "the view of the fleet is lost (%s)", f->unwell);
	else if (f->takers < begun->takers)
		snprintf(text, FAILOVER_WORDS, "of %d that took over %d %s left", begun->takers,
		    f->takers, f->takers == 1 ? "is" : "are");
	else if (f->full > begun->full)
		snprintf(text, FAILOVER_WORDS, "%d of %d that took over %s overloaded", f->full,
		    f->takers, f->full == 1 ? "is" : "are");
	else
		return NULL;
	return text;
}

const char *
failover_region_says(const struct failover *f, const char *region, char text[static FAILOVER_WORDS])
{
	snprintf(text, FAILOVER_WORDS,
	    "%s has %d node%s in view%s, %d better than drain; %d ill (%s)", region, f->nodes,
	    f->nodes == 1 ? "" : "s", f->own ? ", this one included" : "", f->announcing, f->ill,
	    f->voted == 0 ? "by their own word; nobody looks at them from outside"
			  : "by the majority of those who look at them from outside");
	return text;
}

const char *
failover_takers_say(const struct failover *f, char text[static FAILOVER_WORDS])
{
	char load[80] = "their load is not told";

	if (f->load >= 0)
		snprintf(load, sizeof(load), "the most loaded carries %.0f%%", 100 * f->load);
	snprintf(text, FAILOVER_WORDS, "%d would take over, %d must; %d overloaded; %s", f->takers,
	    f->needed, f->full, load);
	return text;
}
