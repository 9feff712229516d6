/*
 * What the pages share: limits, alarms, answers to changes, events, and the washing of text.
 */
#include "bgpctl/render.h"

#include <math.h>
#include <string.h>
#include <time.h>

#include "bgpctl/duration.h"
#include "bgpctl/pick.h"

static const char *
sort_words(const char *sort)
{
	if (strcmp(sort, "cap") == 0)
		return "at most";
	if (strcmp(sort, "floor") == 0)
		return "at least";
	return strcmp(sort, "pin") == 0 ? "exactly" : sort;
}

/* "operator: at most drain, 29 min left (alice: kernel)" */
void
render_limit(FILE *to, const json_t *limit)
{
	const char *who = pick_text(limit, "who", ""), *reason = pick_text(limit, "reason", "");
	char left[DURATION_TEXT];

	fprintf(to, "%s: %s %s", pick_text(limit, "owner", "?"),
	    sort_words(pick_text(limit, "sort", "?")), pick_text(limit, "rung", "?"));
	if (pick_is_set(limit, "expires_in_s"))
		fprintf(to, ", %s left",
		    duration_render(pick_number(limit, "expires_in_s", 0), left));
	if (who[0] != '\0' && reason[0] != '\0')
		fprintf(to, " (%s: %s)", who, reason);
	else if (who[0] != '\0' || reason[0] != '\0')
		fprintf(to, " (%s%s)", who, reason);
}

/* What fails must catch the eye. */
const char *
render_verdict(const json_t *of)
{
	const char *verdict = pick_text(of, "verdict", "?");

	return strcmp(verdict, "fail") == 0 ? "FAIL" : strcmp(verdict, "unknown") == 0 ? "UNKNOWN"
								       : verdict;
}

void
render_alarms(FILE *to, const char *indent, const json_t *alarms)
{
	char since[DURATION_TEXT];
	const json_t *alarm;
	size_t i;

	json_array_foreach (alarms, i, alarm) {
		fprintf(to, "%s! %s: %s", indent, pick_text(alarm, "name", "?"),
		    pick_text(alarm, "text", ""));
		if (pick_is_set(alarm, "since_s"))
			fprintf(to, " (for %s)",
			    duration_render(pick_number(alarm, "since_s", 0), since));
		fputc('\n', to);
	}
}

void
render_limited(FILE *to, const json_t *answer)
{
	const json_t *lanes = pick_part(answer, "lanes"), *lane, *limit, *limits;
	size_t i, k;

	json_array_foreach (lanes, i, lane) {
		fprintf(to, "%s %s: ", pick_text(lane, "service", "?"),
		    pick_text(lane, "family", "?"));
		limits = pick_part(lane, "limits");
		if (json_array_size(limits) == 0)
			fputs("no operator's limit", to);
		json_array_foreach (limits, k, limit) {
			fputs(k > 0 ? "; " : "", to);
			render_limit(to, limit);
		}
		fprintf(to, ". Now at %s%s; score and vital checks ask for %s.\n",
		    pick_text(lane, "rung", "?"), pick_bool(lane, "proven") ? "" : " (not proven)",
		    pick_text(lane, "wish", "nothing yet"));
	}
}

void
render_event(FILE *to, int64_t wall_us, const char *level, const char *name, const char *line)
{
	time_t seconds = (time_t)(wall_us / 1000000);
	char when[32] = "?";
	struct tm tm;

	if (localtime_r(&seconds, &tm) != NULL)
		strftime(when, sizeof(when), "%b %d %H:%M:%S", &tm);
	if (strncmp(line, "event=", 6) == 0) {
		const char *blank = strchr(line, ' ');

		line = blank != NULL ? blank + 1 : "";
	}
	fprintf(to, "%s.%03d %s%-12s %s\n", when, (int)(wall_us / 1000 % 1000),
	    strcmp(level, "alarm") == 0	 ? "! "
	    : strcmp(level, "warn") == 0 ? "* "
					 : "  ",
	    name, line);
}
