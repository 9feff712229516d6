/*
 * `bgpctl check`.
 */
#include "bgpctl/render.h"

#include <string.h>

#include "bgpctl/duration.h"
#include "bgpctl/pick.h"

static void
print_target(FILE *to, const json_t *t, int width)
{
	const char *reason = pick_text(t, "why", "");
	char text[DURATION_TEXT];

	fprintf(to, "    %-7s  %-*s", render_verdict(t), width, pick_text(t, "name", "?"));
	if (pick_is_set(t, "rtt_us"))
		fprintf(to, "  %.2f ms", pick_number(t, "rtt_us", 0) / 1000);
	fprintf(to, "  %.0f ok in a row", pick_number(t, "oks", 0));
	if (pick_number(t, "fails", 0) > 0)
		fprintf(to, ", %.0f failed (%.0f with an answer)", pick_number(t, "fails", 0),
		    pick_number(t, "wrongs", 0));
	if (pick_is_set(t, "onset_s"))
		fprintf(to, ", the first %s ago",
		    duration_render(pick_number(t, "onset_s", 0), text));
	if (pick_is_set(t, "last_ok_s"))
		fprintf(to, ", last ok %s ago",
		    duration_render(pick_number(t, "last_ok_s", 0), text));
	else
		fputs(", never ok", to);
	if (pick_text(t, "nsid", "")[0] != '\0')
		fprintf(to, ", nsid %s", pick_text(t, "nsid", ""));
	if (reason[0] != '\0')
		fprintf(to, "; last failure: %s", reason);
	if (pick_text(t, "seen", "")[0] != '\0')
		fprintf(to, "; %s", pick_text(t, "seen", ""));
	fputc('\n', to);
}

static void
print_check(FILE *to, const json_t *c)
{
	const json_t *t;
	char text[DURATION_TEXT];
	int width = 0;
	size_t i;

	fprintf(to, "%-7s %s", render_verdict(c), pick_text(c, "name", "?"));
	if (pick_is_set(c, "service"))
		fprintf(to, " (%s %s)", pick_text(c, "service", "?"), pick_text(c, "family", "?"));
	fprintf(to, ": %s, %s%s, weight %.0f, value %.0f, for %s", pick_text(c, "kind", "?"),
	    pick_text(c, "class", "?"), pick_bool(c, "vital") ? ", vital" : "",
	    pick_number(c, "weight", 0), pick_number(c, "value", 0),
	    duration_render(pick_number(c, "since_s", 0), text));
	if (strcmp(pick_text(c, "verdict", ""), "ok") != 0 && pick_text(c, "why", "")[0] != '\0')
		fprintf(to, ": %s", pick_text(c, "why", ""));
	fprintf(to,
	    "\n    each %g s, at most %g s; fails after %.0f, well after %.0f, forgives after "
	    "%.0f; %.0f of %zu targets needed\n",
	    pick_number(c, "interval_s", 0), pick_number(c, "timeout_s", 0),
	    pick_number(c, "fall", 0), pick_number(c, "rise", 0), pick_number(c, "forgive", 0),
	    pick_number(c, "k", 0), json_array_size(pick_part(c, "targets")));
	json_array_foreach (pick_part(c, "targets"), i, t) {
		int n = (int)strlen(pick_text(t, "name", "?"));

		width = n > width ? n : width;
	}
	json_array_foreach (pick_part(c, "targets"), i, t)
		print_target(to, t, width);
}

void
render_checks(FILE *to, const json_t *checks)
{
	const json_t *c;
	size_t i;

	json_array_foreach (pick_part(checks, "checks"), i, c)
		print_check(to, c);
}

int
render_checks_failed(const json_t *checks)
{
	const json_t *c;
	size_t i;

	json_array_foreach (pick_part(checks, "checks"), i, c) {
		if (strcmp(pick_text(c, "verdict", ""), "fail") == 0)
			return 1;
	}
	return 0;
}
