/*
 * `bgpctl workers`: the processes, and below them what our own ones count.
 */
#include "bgpctl/render.h"

#include <string.h>

#include "bgpctl/duration.h"
#include "bgpctl/pick.h"

static void
print_slot(FILE *to, const json_t *w)
{
	char since[DURATION_TEXT], due[DURATION_TEXT], pid[16] = "-", rtt[24] = "-";

	if (pick_is_set(w, "pid"))
		snprintf(pid, sizeof(pid), "%.0f", pick_number(w, "pid", 0));
	if (pick_is_set(w, "rtt_us"))
		snprintf(rtt, sizeof(rtt), "%.2f ms", pick_number(w, "rtt_us", 0) / 1000);
	fprintf(to, "%4.0f%s  %-11s  %-11s  %7s  %6.0f  %6.0f  %9s  %s", pick_number(w, "slot", 0),
	    pick_bool(w, "spare") ? "s" : " ", pick_text(w, "state", "?"),
	    duration_render(pick_number(w, "since_s", 0), since), pid, pick_number(w, "starts", 0),
	    pick_number(w, "failed_starts", 0), rtt, pick_text(w, "nsid", "-"));
	if (pick_is_set(w, "due_s"))
		fprintf(to, "  next step in %s", duration_render(pick_number(w, "due_s", 0), due));
	if (pick_text(w, "why", "")[0] != '\0')
		fprintf(to, "  %s", pick_text(w, "why", ""));
	fputc('\n', to);
}

/* Number `key` with its unit, or "-" where there is none; `scale` divides it. */
static const char *
number(const json_t *of, const char *key, double scale, int digits, const char *unit, char buf[24])
{
	if (!pick_is_set(of, key))
		return "-";
	snprintf(buf, 24, "%.*f%s", digits, pick_number(of, key, 0) / scale, unit);
	return buf;
}

static void
print_score(FILE *to, const json_t *w)
{
	const json_t *score = pick_part(w, "score"), *recent = pick_part(score, "recent");
	const json_t *failed = pick_part(recent, "failures");
	char qps[24], hits[24], flight[24], p50[24], p99[24];

	if (score == NULL)
		return;
	fprintf(to, "%4.0f%s  %-11s  %9s  %7s  %9s  %9s  %9s  %8.0f  %5.0f  %8.0f\n",
	    pick_number(w, "slot", 0), pick_bool(w, "spare") ? "s" : " ",
	    pick_is_set(w, "pid") ? pick_text(score, "state", "?") : "-", /* its last word */
	    number(recent, "qps", 1, 1, "", qps), number(recent, "hit_percent", 1, 1, " %", hits),
	    number(score, "in_flight", 1, 0, "", flight),
	    number(recent, "p50_us", 1000, 2, " ms", p50),
	    number(recent, "p99_us", 1000, 2, " ms", p99), pick_number(failed, "upstream", 0),
	    pick_number(failed, "bogus", 0), pick_number(failed, "internal", 0));
}

static double
window_of(const json_t *slots)
{
	const json_t *w;
	size_t i;

	json_array_foreach(slots, i, w)
	{
		const json_t *score = pick_part(w, "score");

		if (score != NULL)
			return pick_number(pick_part(score, "recent"), "window_s", 0);
	}
	return -1;
}

/* Those that keep a scoreboard, if any do. Latency is under so much, a power of two. */
static void
print_scores(FILE *to, const char *noun, const json_t *slots)
{
	double window_s = window_of(slots);
	const json_t *w;
	size_t i;

	if (window_s < 0)
		return;
	fprintf(to,
	    "\n%-6s DOES         ANSWERS/S     HITS  IN FLIGHT      P50 <      P99 <"
	    "  UPSTREAM  BOGUS  INTERNAL  (failed in %.0f s)\n",
	    noun, window_s);
	json_array_foreach(slots, i, w) print_score(to, w);
}

/* A row of those members of `counts` that are not 0, if there are any; below a head, once. */
static void
print_named(FILE *to, const char *noun, bool *headed, const json_t *w, const char *what,
    const json_t *counts)
{
	bool begun = false;
	const char *name;
	json_t *count;

	json_object_foreach((json_t *)counts, name, count)
	{
		if (json_number_value(count) == 0)
			continue;
		if (!*headed)
			fprintf(to, "\n%-6s COUNTED  SO FAR\n", noun);
		*headed = true;
		if (!begun)
			fprintf(to, "%4.0f%s  %-7s  ", pick_number(w, "slot", 0),
			    pick_bool(w, "spare") ? "s" : " ", what);
		fprintf(to, "%s%s %.0f", begun ? ", " : "", name, json_number_value(count));
		begun = true;
	}
	if (begun)
		fputc('\n', to);
}

/* What was dropped, and what else happened: limits, cookies, renewals, suspects, the regional
 * cache. */
static void
print_counts(FILE *to, const char *noun, const json_t *slots)
{
	bool headed = false;
	const json_t *w;
	size_t i;

	json_array_foreach(slots, i, w)
	{
		const json_t *score = pick_part(w, "score");

		print_named(to, noun, &headed, w, "drops", pick_part(score, "drops"));
		print_named(to, noun, &headed, w, "events", pick_part(score, "events"));
	}
}

static void
print_upstream(FILE *to, const json_t *engine, const json_t *u)
{
	char since[DURATION_TEXT], rtt[24];

	fprintf(to, "%6.0f  %-24s  %-9s  %-11s  %9.0f  %9.0f  %9.0f  %6.0f  %9s\n",
	    pick_number(engine, "slot", 0), pick_text(u, "name", "?"), pick_text(u, "breaker", "?"),
	    duration_render(pick_number(u, "since_s", 0), since), pick_number(u, "asked", 0),
	    pick_number(u, "answered", 0), pick_number(u, "failed", 0), pick_number(u, "opened", 0),
	    number(u, "rtt_us", 1000, 2, " ms", rtt));
}

/* Where the engines ask: recursion, and backup resolvers. */
static void
print_upstreams(FILE *to, const json_t *engines)
{
	const json_t *e, *u;
	bool headed = false;
	size_t i, j;

	json_array_foreach(engines, i, e)
	{
		json_array_foreach(pick_part(pick_part(e, "score"), "upstreams"), j, u)
		{
			if (!headed)
				fputs("\nENGINE  ASKS                      BREAKER    FOR"
				      "              ASKED   ANSWERED     FAILED  OPENED       "
				      " RTT\n",
				    to);
			headed = true;
			print_upstream(to, e, u);
		}
	}
}

static void
print_summary(FILE *to, const json_t *workers)
{
	const json_t *rolling = pick_part(workers, "rolling");
	bool engines = strcmp(pick_text(rolling, "what", ""), "engines") == 0;
	char text[DURATION_TEXT];

	fprintf(to, "%.0f of %.0f ready, at least %.0f wanted in upgrades",
	    pick_number(workers, "ready", 0), pick_number(workers, "wanted", 0),
	    pick_number(workers, "min_ready", 0));
	if (pick_is_set(workers, "none_ready_s"))
		fprintf(to, "; NONE READY for %s",
		    duration_render(pick_number(workers, "none_ready_s", 0), text));
	if (pick_number(workers, "failed_starts", 0) > 0)
		fprintf(to, "; %.0f failed starts", pick_number(workers, "failed_starts", 0));
	if (rolling != NULL)
		fprintf(to, "; upgrading %s %.0f (%s)", engines ? "engine" : "slot",
		    pick_number(rolling, "slot", 0), pick_text(rolling, "stage", "?"));
	fputs("\n\n", to);
}

static void
print_slots(FILE *to, const char *noun, const json_t *slots)
{
	const json_t *w;
	size_t i;

	fprintf(
	    to, "%-6s STATE        FOR              PID  STARTS  FAILED     ANSWER  NSID\n", noun);
	json_array_foreach(slots, i, w) print_slot(to, w);
}

void
render_workers(FILE *to, const json_t *workers)
{
	const json_t *engines = pick_part(workers, "engines");

	print_summary(to, workers);
	print_slots(to, "SLOT", pick_part(workers, "workers"));
	print_scores(to, "SLOT", pick_part(workers, "workers"));
	print_counts(to, "SLOT", pick_part(workers, "workers"));
	if (json_array_size(engines) == 0)
		return;
	fputc('\n', to);
	print_slots(to, "ENGINE", engines);
	print_scores(to, "ENGINE", engines);
	print_counts(to, "ENGINE", engines);
	print_upstreams(to, engines);
	if (json_array_size(pick_part(workers, "probation")) == 0)
		return;
	fputs("\nThe probation engine, which is asked what another one may have ended of:\n", to);
	print_slots(to, "ENGINE", pick_part(workers, "probation"));
	print_scores(to, "ENGINE", pick_part(workers, "probation"));
}
