/*
 * `bgpctl fleet`: where we stand in each lane, then one line per node.
 */
#include "bgpctl/render.h"

#include <string.h>

#include "bgpctl/beacon.h"
#include "bgpctl/duration.h"
#include "bgpctl/pick.h"

static void
print_age(FILE *to, const json_t *of, const char *key)
{
	char text[DURATION_TEXT];

	if (pick_is_set(of, key))
		fprintf(to, "%s", duration_render(pick_number(of, key, 0), text));
	else
		fputs("never", to);
}

static void
print_words(FILE *to, const json_t *lane)
{
	static const char *const words[][2] = {{"granted", "we may go silent"},
	    {"back", "WE ARE CALLED BACK"}, {"keep", "most see the same fault: the rung is kept"},
	    {"emergency", "TOO FEW OTHERS ANNOUNCE"},
	    {"conflict", "ANOTHER NODE TELLS BEACONS OF OUR ID"}};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (pick_bool(lane, words[i][0]))
			fprintf(to, "; %s", words[i][1]);
	if (pick_number(lane, "frozen_s", 0) > 0)
		fprintf(to, "; frozen for %.0f s", pick_number(lane, "frozen_s", 0));
	if (!pick_bool(lane, "exits"))
		fputs("; no session leads out", to);
}

static void
print_dropped(FILE *to, const json_t *dropped)
{
	const char *reason;
	const json_t *n;
	bool any = false;

	json_object_foreach((json_t *)(uintptr_t)dropped, reason, n)
	{
		if (json_number_value(n) <= 0)
			continue;
		fprintf(to, "%s%s %.0f", any ? ", " : "    not believed so far: ", reason,
		    json_number_value(n));
		any = true;
	}
	if (any)
		fputc('\n', to);
}

/* Regions that are asked to drain: ours, by us, by others. */
static void
print_drain(FILE *to, const json_t *lane)
{
	const json_t *drain = pick_part(lane, "drain"), *here, *request;
	char text[DURATION_TEXT];
	size_t i;

	if (pick_bool(drain, "on") || strcmp(pick_text(drain, "word", "none"), "none") != 0)
		fprintf(to, "    %s\n", pick_text(drain, "because", ""));
	here = pick_part(drain, "asked_here");
	if (here != NULL)
		fprintf(to, "    asked for here: drain of %s, %s left (%s: %s)\n",
		    pick_text(here, "region", "?"),
		    duration_render(pick_number(here, "left_s", 0), text),
		    pick_text(here, "who", "?"), pick_text(here, "reason", ""));
	json_array_foreach(pick_part(lane, "requests"), i, request)
	    fprintf(to, "    node %.0f asks for a drain of %s, %s\n",
		pick_number(request, "id", 0), pick_text(request, "region", "?"),
		!pick_bool(request, "sound")
		    ? "with an end that is past or absurd: not heeded"
		    : duration_render(pick_number(request, "left_s", 0), text));
}

static void
print_head(FILE *to, const json_t *lane)
{
	fprintf(to, "%s %s  %s, view ", pick_text(lane, "service", "?"),
	    pick_text(lane, "family", "?"), pick_text(lane, "standing", "?"));
	print_age(to, lane, "view_age_s");
	fprintf(to, " old: %.0f others in view, %.0f announce, %.0f suspended of at most %.0f",
	    pick_number(lane, "in_view", 0), pick_number(lane, "announcing", 0),
	    pick_number(lane, "suspended", 0), pick_number(lane, "budget", 0));
	fprintf(to, "\n    we tell %s, intent %s, rank %.0f", pick_text(lane, "told", "nothing"),
	    pick_text(lane, "intent", "?"), pick_number(lane, "rank", 0));
	if (pick_is_set(lane, "load"))
		fprintf(to, ", load %.0f%%", 100 * pick_number(lane, "load", 0));
	if (pick_is_set(lane, "overload"))
		fprintf(to, "; overload on %s", pick_text(lane, "overload", "?"));
	print_words(to, lane);
	fprintf(to, "\n    %s\n", pick_text(lane, "because", ""));
	print_drain(to, lane);
	print_dropped(to, pick_part(lane, "dropped"));
}

#define MAX_SHOWN 64 /* lanes of an answer; there are at most 32 */

/* The lane's node of this id, NULL none; `at` walks through them, which ascend. */
static const json_t *
node_of(const json_t *lane, int id, size_t *at)
{
	const json_t *nodes = pick_part(lane, "nodes"), *node;

	while ((node = json_array_get(nodes, *at)) != NULL && pick_number(node, "id", 0) < id)
		(*at)++;
	return node != NULL && (int)pick_number(node, "id", 0) == id ? node : NULL;
}

static void
print_node_lane(FILE *to, const json_t *lane, const json_t *node)
{
	const json_t *flag;
	size_t i;

	fprintf(to, "  %s/%s %s", pick_text(lane, "service", "?"), pick_text(lane, "family", "?"),
	    pick_text(node, "rung", "no rung"));
	if (pick_is_set(node, "load"))
		fprintf(to, " load %.0f%%", 100 * pick_number(node, "load", 0));
	if (strcmp(pick_text(node, "intent", "none"), "none") != 0)
		fprintf(to, " intent %s", pick_text(node, "intent", "?"));
	json_array_foreach(pick_part(node, "flags"), i, flag)
	    fprintf(to, " %s", json_string_value(flag));
	fputs(" for ", to);
	print_age(to, node, "since_s");
	if (pick_bool(node, "conflict"))
		fputs(" CONFLICT: two nodes use this id", to);
	fputc(';', to);
}

static void
print_node(FILE *to, const json_t *lanes, int id, size_t at[static MAX_SHOWN])
{
	const json_t *lane, *node;
	bool begun = false;
	size_t i;

	json_array_foreach(lanes, i, lane)
	{
		node = i < MAX_SHOWN ? node_of(lane, id, &at[i]) : NULL;
		if (node == NULL)
			continue;
		if (!begun)
			fprintf(to, "%5d  %-8s", id, pick_text(node, "region", "-"));
		begun = true;
		print_node_lane(to, lane, node);
	}
	if (begun)
		fputc('\n', to);
}

void
render_fleet(FILE *to, const json_t *fleet)
{
	const json_t *lanes = pick_part(fleet, "lanes"), *lane;
	const char *region = pick_text(fleet, "region", "");
	int size = (int)pick_number(fleet, "size", 0);
	size_t at[MAX_SHOWN] = {0};
	size_t i;

	fprintf(to,
	    "Node %.0f of a fleet of %.0f%s%s; at most %.0f suspended, %.0f others must "
	    "announce\n",
	    pick_number(fleet, "id", 0), pick_number(fleet, "size", 0),
	    region[0] != '\0' ? ", region " : "", region, pick_number(fleet, "max_suspended", 0),
	    pick_number(fleet, "min_announcing", 0));
	if (pick_is_set(fleet, "lost"))
		fprintf(to, "NO VIEW: %s\n", pick_text(fleet, "lost", ""));
	json_array_foreach(lanes, i, lane) print_head(to, lane);
	size = size < MAX_FLEET ? size : MAX_FLEET;
	for (int id = 1; id <= size; id++)
		print_node(to, lanes, id, at);
	json_array_foreach(lanes, i, lane)
	    render_matrix(to, lane, (int)pick_number(fleet, "id", 0), size);
}
