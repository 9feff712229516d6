/*
 * The fleet in `bgpctl why`: one line, where the fleet holds something back or might do so at the
 * next fault. While the view is fresh and nothing waits for it there is nothing to read.
 */
#include "bgpctl/render.h"

#include <stdbool.h>
#include <string.h>

#include "bgpctl/duration.h"
#include "bgpctl/pick.h"

static bool
is_fresh(const json_t *guard)
{
	return strcmp(pick_text(guard, "standing", "fresh"), "fresh") == 0;
}

/* Would it go silent, if it could? */
static bool
wishes(const json_t *guard)
{
	const char *intent = pick_text(guard, "intent", "none");

	return strcmp(intent, "none") != 0 && strcmp(intent, "shared") != 0;
}

/* Is one of the lane's limits the fleet's? */
static bool
is_limited(const json_t *limits)
{
	const json_t *limit;
	size_t i;

	json_array_foreach (limits, i, limit) {
		const char *owner = pick_text(limit, "owner", "");

		if (strcmp(owner, "fleet") == 0 || strcmp(owner, "alone") == 0)
			return true;
	}
	return false;
}

static void
print_standing(FILE *to, const json_t *guard)
{
	const char *standing = pick_text(guard, "standing", "?");
	char age[DURATION_TEXT];

	fprintf(to, "  Fleet  %s: ", standing);
	if (!pick_is_set(guard, "view_age_s"))
		fputs("there was no view yet", to);
	else if (strcmp(standing, "stale") == 0)
		fprintf(to, "the view is %s old",
		    duration_render(pick_number(guard, "view_age_s", 0), age));
	else if (pick_is_set(guard, "size"))
		fprintf(to, "sees %.0f of %.0f others", pick_number(guard, "in_view", 0),
		    pick_number(guard, "size", 0) - 1);
	else
		fprintf(to, "sees %.0f others", pick_number(guard, "in_view", 0));
}

static void
print_announcing(FILE *to, const json_t *guard)
{
	double n = pick_number(guard, "announcing", 0);

	if (!pick_is_set(guard, "view_age_s"))
		return;
	fprintf(to, ", %.0f announce%s", n, n == 1 ? "s" : "");
	if (pick_is_set(guard, "min_announcing") && n < pick_number(guard, "min_announcing", 0))
		fprintf(to, " where %.0f must", pick_number(guard, "min_announcing", 0));
	fprintf(to, ", %.0f of at most %.0f suspended", pick_number(guard, "suspended", 0),
	    pick_number(guard, "budget", 0));
}

/* What follows for this lane. */
static void
print_word(FILE *to, const json_t *guard)
{
	char left[DURATION_TEXT];
	bool frozen = pick_number(guard, "frozen_s", 0) > 0;

	if (pick_bool(guard, "conflict"))
		fputs("; ANOTHER NODE TELLS BEACONS OF OUR ID", to);
	if (!pick_bool(guard, "exits"))
		fputs("; no session leads out", to);
	if (frozen)
		fprintf(to, "; frozen for %s",
		    duration_render(pick_number(guard, "frozen_s", 0), left));
	if (pick_bool(guard, "back"))
		fprintf(to, "; WE ARE CALLED BACK: %s", pick_text(guard, "because", "?"));
	else if (pick_bool(guard, "granted"))
		fputs("; it may go silent", to);
	else if (wishes(guard))
		fprintf(to, "; the wish to go silent (%s): %s", pick_text(guard, "intent", "?"),
		    pick_text(guard, "because", "?"));
	else if (pick_bool(guard, "keep") || pick_bool(guard, "emergency"))
		fprintf(to, "; %s", pick_text(guard, "because", "?"));
	if (frozen || !is_fresh(guard))
		fputs("; nothing by choice is granted", to);
}

void
render_guard(FILE *to, const json_t *guard, const json_t *limits)
{
	if (guard == NULL ||
	    (is_fresh(guard) && !wishes(guard) && !is_limited(limits) &&
		pick_number(guard, "frozen_s", 0) <= 0 && !pick_bool(guard, "conflict") &&
		!pick_bool(guard, "back") && !pick_bool(guard, "keep") &&
		!pick_bool(guard, "emergency") && pick_bool(guard, "exits")))
		return;
	print_standing(to, guard);
	print_announcing(to, guard);
	print_word(to, guard);
	fputc('\n', to);
}
