/*
 * brain_metrics: /metrics in Prometheus' text format, base units, prefix anypop_; /status.json and
 * a plain page at /.
 */
#include "healthd/brain.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "lib/text.h"


void
metrics_head(FILE *f, const char *name, const char *type, const char *help)
{
	fprintf(f, "# HELP anypop_%s %s\n# TYPE anypop_%s %s\n", name, help, name, type);
}

const char *
metrics_label(const char *value, char buf[static LABEL_TEXT])
{
	size_t n = 0;

	for (; *value != '\0' && n + 3 < LABEL_TEXT; value++) {
		if (*value == '\\' || *value == '"' || *value == '\n')
			buf[n++] = '\\';
		buf[n++] = *value == '\n' ? 'n' : *value;
	}
	buf[n] = '\0';
	text_clean(buf);
	return buf;
}

typedef double lane_number(const struct brain *b, const struct lane *lane);

static double
lane_rung_number(const struct brain *b, const struct lane *lane)
{
	(void)b;
	return lane->ladder.rung;
}

static double
lane_best(const struct brain *b, const struct lane *lane)
{
	(void)lane;
	return b->settings.site.n_rungs - 1;
}

static double
lane_wish(const struct brain *b, const struct lane *lane)
{
	(void)b;
	return lane->out.wish;
}

static double
lane_proven(const struct brain *b, const struct lane *lane)
{
	return b->settings.mode == MODE_DRIVE && lane->ladder.proven == lane->ladder.rung;
}

static double
lane_score(const struct brain *b, const struct lane *lane)
{
	(void)b;
	return lane->judgement.score;
}

static double
lane_flap(const struct brain *b, const struct lane *lane)
{
	return flap_estimate(&b->settings.ladder.flap, lane->ladder.flap, mono_now());
}

static double
lane_moves(const struct brain *b, const struct lane *lane)
{
	(void)b;
	return (double)lane->moves;
}

static double
lane_limits(const struct brain *b, const struct lane *lane)
{
	(void)b;
	return lane->out.n_limits;
}

static const struct {
	const char *name, *type, *help;
	lane_number *number;
} LANE_METRICS[] = {
    {"rung", "gauge", "Ordered rung, 0 is silent.", lane_rung_number},
    {"rung_best", "gauge", "The best rung's number.", lane_best},
    {"rung_wish", "gauge", "Rung that score and vital checks alone would take.", lane_wish},
    {"rung_proven", "gauge", "1 when BIRD and the gates show the ordered rung.", lane_proven},
    {"score", "gauge", "Health, 0 to 100.", lane_score},
    {"flap_penalty", "gauge", "Estimated route flap damping penalty.", lane_flap},
    {"rung_changes_total", "counter", "Rung changes ordered by this brain.", lane_moves},
    {"limits", "gauge", "Limits that bound the lane now.", lane_limits},
};

static void
render_lanes(FILE *f, const struct brain *b)
{
	const struct site *site = &b->settings.site;

	for (size_t m = 0; m < sizeof(LANE_METRICS) / sizeof(LANE_METRICS[0]); m++) {
		metrics_head(f, LANE_METRICS[m].name, LANE_METRICS[m].type, LANE_METRICS[m].help);
		for (int l = 0; l < MAX_LANES; l++)
			if (b->lanes[l].exists)
				fprintf(f, "anypop_%s{service=\"%s\",family=\"%s\"} %.10g\n",
				    LANE_METRICS[m].name, site->services[lane_service(l)].name,
				    family_name(lane_family(l)),
				    LANE_METRICS[m].number(b, &b->lanes[l]));
	}
	metrics_head(f, "alarm", "gauge", "1 while a lane's alarm is on.");
	for (int l = 0; l < MAX_LANES; l++)
		for (int n = 0; b->lanes[l].exists && n < N_DOOR_ALARMS; n++) {
			char text[160];
			const char *name;
			struct mono since;

			if (lane_alarm(b, &b->lanes[l], n, &name, &since, text, sizeof(text)) !=
			    NULL)
				fprintf(f,
				    "anypop_alarm{service=\"%s\",family=\"%s\",alarm=\"%s\"} 1\n",
				    site->services[lane_service(l)].name,
				    family_name(lane_family(l)), name);
		}
}

static void
render_checks(FILE *f, const struct brain *b)
{
	metrics_head(f, "check_verdict", "gauge", "1 ok, 0 fail, -1 unknown, -2 idle.");
	for (int n = 0; n < b->n_instances; n++) {
		static const int numbers[] = {-2, -1, 0, 1};
		const struct instance *i = &b->instances[n];

		fprintf(f, "anypop_check_verdict{check=\"%s\",kind=\"%s\",class=\"%s\"} %d\n",
		    i->name, check_kind_name((enum check_kind)i->conf->kind),
		    check_class_name(i->fact.class), numbers[i->fact.verdict]);
	}
	metrics_head(f, "probe_results_total", "counter", "Probes ended, by outcome.");
	for (int n = 0; n < b->n_instances; n++)
		for (int o = OUTCOME_OK; o < N_OUTCOMES; o++) {
			const struct instance *i = &b->instances[n];
			uint64_t sum = 0;

			for (int t = 0; t < i->n_targets; t++)
				sum += i->targets[t].ended[o];
			fprintf(f, "anypop_probe_results_total{check=\"%s\",outcome=\"%s\"} %llu\n",
			    i->name, outcome_name((enum outcome)o), (unsigned long long)sum);
		}
	metrics_head(
	    f, "probe_rtt_seconds", "gauge", "Round-trip time of the last answered probe.");
	for (int n = 0; n < b->n_instances; n++)
		for (int t = 0; t < b->instances[n].n_targets; t++) {
			const struct target *g = &b->instances[n].targets[t];
			char target[LABEL_TEXT];

			if (g->last.outcome == OUTCOME_OK && g->last.rtt_us >= 0)
				fprintf(f,
				    "anypop_probe_rtt_seconds{check=\"%s\",target=\"%s\"} %.6f\n",
				    b->instances[n].name, metrics_label(g->label, target),
				    g->last.rtt_us / 1e6);
		}
}

static void
one(FILE *f, const char *name, const char *type, const char *help, double value)
{
	metrics_head(f, name, type, help);
	fprintf(f, "anypop_%s %.15g\n", name, value);
}

static void
render_sessions(FILE *f, const struct brain *b)
{
	metrics_head(f, "session_up", "gauge", "1 while the BGP session is established.");
	for (int s = 0; s < b->settings.site.bird.n_sessions; s++)
		fprintf(f, "anypop_session_up{session=\"%s\"} %d\n",
		    b->settings.site.bird.sessions[s].name, b->sessions[s].state == SESSION_UP);
}

static void
render_node(FILE *f, const struct brain *b)
{
	const struct counters *c = &b->counters;
	char node[LABEL_TEXT], pop[LABEL_TEXT];
	struct rusage r;

	getrusage(RUSAGE_SELF, &r);
	metrics_head(f, "build_info", "gauge", "Version and node.");
	fprintf(f, "anypop_build_info{version=\"%s\",node=\"%s\",pop=\"%s\",mode=\"%s\"} 1\n",
	    ANYPOP_VERSION, metrics_label(b->settings.site.node.name, node),
	    metrics_label(b->settings.site.node.pop, pop),
	    b->settings.mode == MODE_OBSERVE ? "observe" : "drive");
	one(f, "bird_answers", "gauge", "1 while BIRD answers.", b->bird.answers);
	one(f, "bird_commands_total", "counter", "Commands sent to BIRD by this brain.",
	    (double)driver_commands(b->driver));
	one(f, "workers_ready", "gauge", "Workers ready.", workers_ready(b));
	one(f, "workers_wanted", "gauge", "Workers configured.", (double)b->settings.workers.count);
	one(f, "worker_exits_total", "counter", "Worker processes that ended.",
	    (double)c->worker_exits);
	one(f, "worker_hangs_total", "counter", "Workers killed because they hung.",
	    (double)c->worker_hangs);
	one(f, "engine_exits_total", "counter", "Engine processes that ended.",
	    (double)c->engine_exits);
	one(f, "engine_hangs_total", "counter", "Engines killed because they hung.",
	    (double)c->engine_hangs);
	one(f, "brain_starts_total", "counter", "Starts of the brain in this boot.",
	    (double)c->brain_starts);
	one(f, "decisions_total", "counter", "Decisions taken in this boot.", (double)c->decisions);
	one(f, "moves_total", "counter", "Rung changes ordered in this boot.", (double)c->moves);
	one(f, "hooks_total", "counter", "Hook runs begun.", (double)c->hooks);
	one(f, "hooks_failed_total", "counter", "Hook runs that failed or were dropped.",
	    (double)c->hooks_failed);
	one(f, "events_dropped_total", "counter", "Event lines that stderr or the journal refused.",
	    (double)event_dropped());
	one(f, "config_broken", "gauge", "1 while a newer configuration is not in force.",
	    *b->note != '\0');
	one(f, "load", "gauge", "Share of workers.capacity that is carried, -1 not known.",
	    b->load != BEACON_LOAD_UNKNOWN ? b->load / 8.0 : -1);
	one(f, "recorder_dropped_total", "counter", "Records lost since this brain started.",
	    b->recorder != NULL ? (double)recorder_dropped(b->recorder) : 0);
	one(f, "recorder_failed", "gauge", "1 while the flight recorder cannot write.",
	    b->recorder_failed);
	one(f, "limits_on_disk", "gauge", "1 while a reboot would change no limit.",
	    strcmp(limits_kept(b), "disk") == 0);
	one(f, "brain_cpu_seconds_total", "counter", "CPU time of this brain.",
	    (double)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) +
		(double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec) / 1e6);
}

/* Nothing where the shared cache is kept in no file. */
static void
render_snapshot(FILE *f, const struct brain *b)
{
	const struct snapshots *s = &b->snapshot.done;
	bool any = mono_is_set(s->written_at);

	if (!b->snapshot.kept)
		return;
	one(f, "snapshot_every_seconds", "gauge",
	    "The shared cache is to be written to its file so often, 0 only at the end.",
	    b->snapshot.every_s);
	one(f, "snapshot_age_seconds", "gauge", "Since the last one was written, -1 none yet.",
	    any ? (double)mono_diff_ms(mono_now(), s->written_at) / 1e3 : -1);
	one(f, "snapshot_entries", "gauge", "Entries in that one, -1 not known.",
	    any ? (double)s->entries : -1);
	one(f, "snapshot_bytes", "gauge", "Size of that one, -1 not known.",
	    any ? (double)s->bytes : -1);
	one(f, "snapshots_written_total", "counter", "Snapshots written since healthd began.",
	    (double)s->written);
	one(f, "snapshots_failed_total", "counter", "Snapshots that came to nothing.",
	    (double)s->failed);
}

static void
render_page(FILE *f, const struct brain *b)
{
	fprintf(f, "anypop %s on %s\n\n", ANYPOP_VERSION, b->settings.site.node.name);
	for (int l = 0; l < MAX_LANES; l++) {
		const struct lane *lane = &b->lanes[l];
		char because[160];

		if (!lane->exists)
			continue;
		lane_because(b, lane, because, sizeof(because));
		fprintf(f, "%-20s %-10s score %3d  %s\n", lane->name,
		    lane_rung_name(b, lane->ladder.rung), lane->judgement.score, because);
	}
	fprintf(f, "\n/metrics  /status.json\n");
}

char *
brain_metrics_render(void *arg, const char *path, const char **content_type)
{
	const struct brain *b = arg;
	char *text = NULL;
	size_t size;
	FILE *f;

	if (strcmp(path, "/status.json") == 0) {
		json_t *o = view_status(b);

		*content_type = "application/json";
		text = json_dumps(o, JSON_INDENT(1));
		json_decref(o);
		return text;
	}
	if (strcmp(path, "/metrics") != 0 && strcmp(path, "/") != 0)
		return NULL;
	f = open_memstream(&text, &size);
	if (f == NULL)
		return NULL;
	if (strcmp(path, "/") == 0) {
		*content_type = "text/plain; charset=utf-8";
		render_page(f, b);
	} else {
		*content_type = "text/plain; version=0.0.4; charset=utf-8";
		render_node(f, b);
		render_snapshot(f, b);
		render_sessions(f, b);
		render_lanes(f, b);
		render_checks(f, b);
		metrics_scores(f, b);
		metrics_fleet(f, b);
	}
	fclose(f);
	return text;
}
