/*
 * `bgpctl status`: a table with a line for each lane, what bounds or alarms it below, and the rest
 * of the node in a few lines. Its exit code answers whether anybody has to get up.
 */
#include "bgpctl/render.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bgpctl/duration.h"
#include "bgpctl/pick.h"

enum { C_SERVICE, C_FAMILY, C_RUNG, C_WISH, C_SCORE, C_PROOF, C_SINCE, N_COLUMNS };

struct row {
	char cell[N_COLUMNS][48];
};

static struct row
lane_row(const json_t *lane)
{
	bool proven = pick_bool(lane, "proven");
	const char *shown = pick_text(lane, "shown", NULL);
	char since[DURATION_TEXT];
	struct row r;

	snprintf(r.cell[C_SERVICE], 48, "%s", pick_text(lane, "service", "?"));
	snprintf(r.cell[C_FAMILY], 48, "%s", pick_text(lane, "family", "?"));
	snprintf(r.cell[C_RUNG], 48, "%s", pick_text(lane, "rung", "?"));
	snprintf(r.cell[C_WISH], 48, "%s", pick_text(lane, "wish", "-"));
	if (pick_is_set(lane, "score"))
		snprintf(r.cell[C_SCORE], 48, "%.0f", pick_number(lane, "score", 0));
	else
		strcpy(r.cell[C_SCORE], "-");
	if (proven)
		strcpy(r.cell[C_PROOF], "proven");
	else if (shown != NULL && strcmp(shown, pick_text(lane, "rung", "")) != 0)
		snprintf(r.cell[C_PROOF], 48, "NO, shows %s", shown);
	else
		strcpy(r.cell[C_PROOF], "NOT PROVEN");
	snprintf(r.cell[C_SINCE], 48, "%s",
	    duration_render(pick_number(lane, "since_s", 0), since));
	return r;
}

static void
print_row(FILE *to, const struct row *r, const int *width)
{
	for (int c = 0; c < N_COLUMNS - 1; c++)
		fprintf(to, "%-*s  ", width[c], r->cell[c]);
	fprintf(to, "%s\n", r->cell[N_COLUMNS - 1]);
}

static void
print_lanes(FILE *to, const json_t *lanes)
{
	static const struct row titles = {
	    {"SERVICE", "FAMILY", "RUNG", "WISH", "SCORE", "PROOF", "SINCE"}};
	int width[N_COLUMNS] = {0};
	const json_t *lane, *limit;
	struct row r = titles;
	size_t i, k;

	for (int c = 0; c < N_COLUMNS; c++)
		width[c] = (int)strlen(titles.cell[c]);
	json_array_foreach (lanes, i, lane) {
		r = lane_row(lane);
		for (int c = 0; c < N_COLUMNS; c++)
			if ((int)strlen(r.cell[c]) > width[c])
				width[c] = (int)strlen(r.cell[c]);
	}
	print_row(to, &titles, width);
	json_array_foreach (lanes, i, lane) {
		r = lane_row(lane);
		print_row(to, &r, width);
		json_array_foreach (pick_part(lane, "limits"), k, limit) {
			fputs("    ", to);
			render_limit(to, limit);
			fputc('\n', to);
		}
		render_alarms(to, "    ", pick_part(lane, "alarms"));
	}
}

static void
print_workers(FILE *to, const json_t *w, const json_t *engines)
{
	const json_t *states = pick_part(w, "states");
	int quarantined = (int)pick_number(w, "quarantined", 0);

	fprintf(to, "workers   %d of %d ready", (int)pick_number(w, "ready", 0),
	    (int)pick_number(w, "wanted", 0));
	if (pick_number(w, "running", 0) != pick_number(w, "ready", 0))
		fprintf(to, ", %d running", (int)pick_number(w, "running", 0));
	if (quarantined > 0)
		fprintf(to, ", %d in quarantine (crash loop)", quarantined);
	if (pick_number(states, "stale_only", 0) > 0)
		fprintf(to, ", %d STALE ONLY", (int)pick_number(states, "stale_only", 0));
	if (pick_number(states, "failing", 0) > 0)
		fprintf(to, ", %d FAILING", (int)pick_number(states, "failing", 0));
	if (pick_number(engines, "wanted", 0) > 0)
		fprintf(to, "; engines %d of %d ready", (int)pick_number(engines, "ready", 0),
		    (int)pick_number(engines, "wanted", 0));
	fputc('\n', to);
}

static void
print_bird(FILE *to, const json_t *bird, const json_t *sessions)
{
	const json_t *s;
	size_t i;

	fprintf(to, "bird      %s", pick_text(bird, "version", ""));
	if (!pick_bool(bird, "answers"))
		fprintf(to, "%sDOES NOT ANSWER",
		    pick_text(bird, "version", "")[0] != '\0' ? " " : "");
	json_array_foreach (sessions, i, s) {
		fprintf(to, "%s %s %s", i == 0 ? ";" : ",", pick_text(s, "name", "?"),
		    pick_text(s, "state", "?"));
		if (pick_is_set(s, "bfd"))
			fprintf(to, " (bfd %s)", pick_text(s, "bfd", "?"));
	}
	fputc('\n', to);
}

static void
print_processes(FILE *to, const json_t *status)
{
	const json_t *brain = pick_part(status, "brain"), *keeper = pick_part(status, "keeper");
	int restarts = (int)pick_number(brain, "restarts", 0);
	char since[DURATION_TEXT];

	fprintf(to, "healthd   brain %d for %s", (int)pick_number(brain, "pid", 0),
	    duration_render(pick_number(brain, "since_s", 0), since));
	if (restarts > 0)
		fprintf(to, " (started again %d time%s)", restarts, restarts == 1 ? "" : "s");
	fprintf(to, ", keeper %d for %s\n", (int)pick_number(keeper, "pid", 0),
	    duration_render(pick_number(keeper, "since_s", 0), since));
}

void
render_status(FILE *to, const json_t *status)
{
	const json_t *config = pick_part(status, "config"), *alarms = pick_part(status, "alarms");
	const char *now = pick_text(status, "now_at", "");

	fprintf(to, "%s (%s)  anypop %s", pick_text(status, "node", "?"),
	    pick_text(status, "pop", "?"), pick_text(status, "version", "?"));
	if (strlen(now) >= 19)
		fprintf(to, "  %.10s %.8s UTC", now, now + 11);
	fputc('\n', to);
	if (strcmp(pick_text(status, "mode", "drive"), "observe") == 0)
		fputs("OBSERVING ONLY: decides and records, writes nothing to BIRD or links\n", to);
	if (pick_bool(status, "shutdown"))
		fputs("SHUTTING DOWN\n", to);
	fputc('\n', to);
	print_lanes(to, pick_part(status, "lanes"));
	fputc('\n', to);
	print_workers(to, pick_part(status, "workers"), pick_part(status, "engines"));
	print_bird(to, pick_part(status, "bird"), pick_part(status, "sessions"));
	print_processes(to, status);
	if (pick_is_set(config, "note"))
		fprintf(to, "config    not in force: %s\n", pick_text(config, "note", ""));
	if (json_array_size(alarms) > 0)
		fputc('\n', to);
	render_alarms(to, "", alarms);
}

static int
lane_code(const json_t *lane)
{
	const char *rung = pick_text(lane, "rung", "silent");
	const char *best = pick_text(lane, "best", rung);

	if (strcmp(rung, "silent") == 0 || strcmp(pick_text(lane, "shown", rung), "silent") == 0)
		return STATUS_SILENT;
	if (!pick_bool(lane, "proven") || strcmp(rung, best) != 0 ||
	    json_array_size(pick_part(lane, "alarms")) > 0)
		return STATUS_DEGRADED;
	return STATUS_WELL;
}

int
render_status_code(const json_t *status)
{
	const json_t *lanes = pick_part(status, "lanes"), *lane;
	int worst = json_array_size(pick_part(status, "alarms")) > 0 ||
		    pick_is_set(pick_part(status, "config"), "note") || json_array_size(lanes) == 0
		? STATUS_DEGRADED : STATUS_WELL;
	size_t i;

	json_array_foreach (lanes, i, lane) {
		int code = lane_code(lane);

		if (code > worst)
			worst = code;
	}
	return worst;
}
