/*
 * view: the brain's state as people and programs are shown it; docs/control.md is the contract.
 * Reads only. Everything returned is a new reference.
 */
#include "healthd/view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "healthd/jsontext.h"

static json_t *
text_or_null(const char *s)
{
	return s != NULL && *s != '\0' ? jsontext(s) : json_null();
}

static json_t *
rung_or_null(const struct brain *b, int rung)
{
	return rung < 0 ? json_null() : json_string(lane_rung_name(b, rung));
}

json_t *
view_limit(const struct brain *b, const struct limit *l, struct mono now)
{
	return flight_limit(&b->settings.site, l, now);
}

static json_t *
view_lane_alarms(const struct brain *b, const struct lane *lane, struct mono now)
{
	json_t *all = json_array();

	for (int n = 0; n < N_DOOR_ALARMS; n++) {
		char buffer[160];
		const char *name, *text;
		struct mono since;

		text = lane_alarm(b, lane, n, &name, &since, buffer, sizeof(buffer));
		if (text != NULL)
			json_array_append_new(all,
			    json_pack("{sssosf}", "name", name, "text", jsontext(text), "since_s",
				(double)mono_diff_ms(now, since) / 1000));
	}
	return all;
}

/* What keeps it from the next move, in a phrase: of the limits that point the other way the one
 * that ends with it, else the one that ends last; one without an end is what must end first. */
static const struct limit *
waits_for(const struct lane *lane)
{
	const struct ladder_out *out = &lane->out;
	enum limit_sort sort = out->next_rung > lane->ladder.rung ? LIMIT_CAP : LIMIT_FLOOR;
	const struct limit *last = NULL;

	for (int i = 0; i < out->n_limits; i++) {
		const struct limit *l = &out->limits[i];

		if (l->sort != sort)
			continue;
		if (mono_is_set(out->next_move) && l->until.us == out->next_move.us)
			return l;
		if (last == NULL ||
		    (mono_is_set(last->until) &&
			(!mono_is_set(l->until) || mono_before(last->until, l->until))))
			last = l;
	}
	return last;
}

static json_t *
view_next(const struct brain *b, const struct lane *lane, struct mono now)
{
	const struct ladder_out *out = &lane->out;
	bool any = out->next_rung >= 0 && out->next_rung != lane->ladder.rung;
	const struct limit *l = any ? waits_for(lane) : NULL;
	char text[160] = "";

	/* A person's reason is no wait by itself. */
	if (l != NULL)
		snprintf(text, sizeof(text), "%s%s",
		    l->owner == OWNER_OPERATOR ? "operator: " : "", l->reason);
	return json_pack("{sososo}", "rung", any ? rung_or_null(b, out->next_rung) : json_null(),
	    "in_s", any ? view_left(out->next_move, now) : json_null(), "waits_for",
	    jsontext(text));
}

static const char *
phase_name(enum ladder_phase p)
{
	static const char *const names[] = {"start", "adopt", "run"};

	return names[p];
}

static json_t *
view_prefixes(const struct brain *b, int lane)
{
	struct prefix prefixes[MAX_PREFIXES];
	int n = lane_prefixes(&b->settings.site, lane, prefixes);
	json_t *all = json_array();
	char text[PREFIX_TEXT];

	for (int i = 0; i < n; i++)
		json_array_append_new(all, json_string(prefix_render(&prefixes[i], text)));
	return all;
}

json_t *
view_lane(const struct brain *b, const struct lane *lane, struct mono now)
{
	const struct ladder *l = &lane->ladder;
	bool judged = lane->born && lane->judgement.round;
	bool proven = lane->born && l->proven == l->rung && b->settings.mode == MODE_DRIVE;
	json_t *limits = json_array(), *o;
	char because[160];

	for (int i = 0; i < lane->out.n_limits; i++)
		json_array_append_new(limits, view_limit(b, &lane->out.limits[i], now));
	lane_because(b, lane, because, sizeof(because));
	o = json_pack("{sssssosssosb}", "service",
	    b->settings.site.services[lane_service(lane->index)].name, "family",
	    family_name(lane_family(lane->index)), "prefixes", view_prefixes(b, lane->index),
	    "phase", phase_name(l->phase), "rung", rung_or_null(b, l->rung), "proven", (int)proven);
	json_object_set_new(o, "shown", rung_or_null(b, driver_shown(b->driver, lane->index)));
	json_object_set_new(o, "best", rung_or_null(b, b->settings.site.n_rungs - 1));
	json_object_set_new(o, "wish",
	    l->phase == LADDER_START ? json_null() : rung_or_null(b, lane->out.wish));
	json_object_set_new(o, "score", judged ? json_integer(lane->judgement.score) : json_null());
	json_object_set_new(o, "rule", json_string(ladder_rule_name(lane->out.rule)));
	json_object_set_new(o, "because", jsontext(because));
	json_object_set_new(o, "since_s", view_since(l->rung_since, now));
	json_object_set_new(o, "proven_s", proven ? view_since(l->proven_since, now) : json_null());
	json_object_set_new(o, "limits", limits);
	json_object_set_new(o, "alarms", view_lane_alarms(b, lane, now));
	json_object_set_new(o, "next", view_next(b, lane, now));
	return o;
}

static json_t *
view_sessions(const struct brain *b)
{
	const struct site *site = &b->settings.site;
	json_t *all = json_array();

	for (int s = 0; s < site->bird.n_sessions; s++) {
		const struct session_view *v = &b->sessions[s];
		json_t *families = json_array();

		for (int f = 0; f < N_FAMILIES; f++)
			if (site->bird.sessions[s].families >> f & 1)
				json_array_append_new(families,
				    json_string(family_name((enum family)f)));
		json_array_append_new(
		    all, json_pack("{sssosssoso}", "name", site->bird.sessions[s].name, "families",
			     families, "state", session_state_name(v->state), "text",
			     jsontext(v->text), "bfd",
			     v->bfd_known ? json_string(v->bfd_up ? "up" : "down") : json_null()));
	}
	return all;
}

static json_t *
view_worker_counts(const struct brain *b)
{
	int running = 0, quarantined = 0;

	for (int s = 0; s < b->n_slots; s++) {
		running += b->slots[s].worker.pid != 0;
		quarantined += b->slots[s].worker.state == WORKER_QUARANTINED;
	}
	return json_pack("{sisisisisiso}", "ready", workers_ready(b), "running", running, "wanted",
	    (int)b->settings.workers.count, "min_ready", (int)b->settings.workers.min_ready,
	    "quarantined", quarantined, "states",
	    scores_kept(b) ? json_pack("{sisisi}", "answering",
				 scores_in_state(b, SCORE_ANSWERING), "stale_only",
				 scores_in_state(b, SCORE_STALE_ONLY), "failing",
				 scores_in_state(b, SCORE_FAILING))
			   : json_null());
}

static json_t *
view_engine_counts(const struct brain *b)
{
	int ready = 0;

	for (int e = 0; e < b->n_engines; e++)
		ready += b->engines[e].worker.state == WORKER_READY;
	return json_pack("{sisi}", "ready", ready, "wanted", b->n_engines);
}

static double
cpu_seconds(void)
{
	struct rusage r;

	getrusage(RUSAGE_SELF, &r);
	return (double)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) +
	       (double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec) / 1e6;
}

/* Of another process of ours, from /proc; zeroes where it can't be read. */
static void
process_usage(int pid, double *cpu_s, double *since_s, long *rss_kib)
{
	char path[40], text[600], *p;
	unsigned long utime = 0, stime = 0;
	unsigned long long start = 0;
	long pages = 0;
	struct timespec up;
	FILE *f;
	double hz = (double)sysconf(_SC_CLK_TCK);

	*cpu_s = *since_s = 0;
	*rss_kib = 0;
	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	f = fopen(path, "re");
	if (f == NULL)
		return;
	p = fgets(text, sizeof(text), f);
	fclose(f);
	p = p != NULL ? strrchr(text, ')') : NULL;
	if (p == NULL ||
	    sscanf(p + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %*d %*d %*d %*d "
			  "%*d %*d %llu %*u %ld",
		&utime, &stime, &start, &pages) != 4)
		return;
	clock_gettime(CLOCK_BOOTTIME, &up);
	*cpu_s = (double)(utime + stime) / hz;
	*since_s = (double)up.tv_sec + (double)up.tv_nsec / 1e9 - (double)start / hz;
	*rss_kib = pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static json_t *
view_processes(const struct brain *b, json_t *into, struct mono now)
{
	double cpu, since;
	long rss;

	process_usage(getpid(), &cpu, &since, &rss);
	json_object_set_new(into, "brain",
	    json_pack("{sisosIsfsi}", "pid", getpid(), "since_s", view_since(b->started, now),
		"restarts", (json_int_t)(b->counters.brain_starts - 1), "cpu_s", cpu_seconds(),
		"rss_kib", (int)rss));
	process_usage(getppid(), &cpu, &since, &rss);
	json_object_set_new(into, "keeper",
	    json_pack("{sisfsfsi}", "pid", getppid(), "since_s", since, "cpu_s", cpu, "rss_kib",
		(int)rss));
	return into;
}

static void
node_alarm(json_t *all, const char *name, const char *text)
{
	json_array_append_new(all,
	    json_pack("{sssosn}", "name", name, "text", jsontext(text), "since_s"));
}

static void
quarantine_alarms(json_t *all, const char *noun, const struct slot *slots, int n)
{
	char text[160], name[16];

	snprintf(name, sizeof(name), "%ss", noun);
	for (int s = 0; s < n; s++) {
		if (slots[s].worker.state != WORKER_QUARANTINED)
			continue;
		snprintf(text, sizeof(text), "%s %d is in quarantine: %s", noun, s,
		    slots[s].worker.why);
		node_alarm(all, name, text);
	}
}

static json_t *
view_node_alarms(const struct brain *b)
{
	json_t *all = json_array();
	char text[160];
	int ready = workers_ready(b);

	if (*b->note != '\0')
		node_alarm(all, "config", b->note);
	if (b->bird.undo)
		node_alarm(all, "undo", bird_unconfirmed);
	if (b->recorder_failed)
		node_alarm(all, "recorder", "the flight recorder cannot write; events say why");
	if (b->state_failed)
		node_alarm(all, "state", "the state cannot be saved; a restart would begin silent");
	if (limits_failing(b))
		node_alarm(all, "limits", "the disk does not take limits; a reboot would undo what "
					  "was changed; events say why");
	if (b->n_slots > 0 && ready < b->settings.workers.min_ready) {
		snprintf(text, sizeof(text), "%d of %d workers ready, fewer than min_ready %d",
		    ready, (int)b->settings.workers.count, (int)b->settings.workers.min_ready);
		node_alarm(all, "workers", text);
	}
	quarantine_alarms(all, "worker", b->slots, b->n_slots);
	quarantine_alarms(all, "engine", b->engines, b->n_engines);
	for (int n = 0; n < b->n_instances; n++) {
		const struct instance *i = &b->instances[n];

		if (i->conf->kind != KIND_RESOURCE || i->fact.verdict != VERDICT_IDLE)
			continue;
		snprintf(text, sizeof(text), "check %s is idle: %.60s", i->name,
		    i->targets[0].last.why);
		node_alarm(all, "source", text);
	}
	return all;
}

json_t *
view_node(const struct brain *b, struct mono now)
{
	const struct site *site = &b->settings.site;
	struct timespec wall;
	json_t *o = json_object();

	clock_gettime(CLOCK_REALTIME, &wall);
	json_object_set_new(o, "now_at", view_wall(&wall));
	json_object_set_new(o, "node", jsontext(site->node.name));
	json_object_set_new(o, "pop", jsontext(site->node.pop));
	json_object_set_new(o, "version", json_string(ANYPOP_VERSION));
	json_object_set_new(o, "mode",
	    json_string(b->settings.mode == MODE_OBSERVE ? "observe" : "drive"));
	json_object_set_new(o, "config",
	    json_pack("{sososo}", "path", jsontext(b->config_path), "read_at",
		view_wall(&b->read_at), "note", text_or_null(b->note)));
	view_processes(b, o, now);
	json_object_set_new(o, "bird",
	    json_pack("{sbsosososI}", "answers", (int)b->bird.answers, "version",
		text_or_null(b->bird.version), "boot", text_or_null(b->bird.boot), "reconfigured",
		text_or_null(b->bird.reconfigured), "commands",
		(json_int_t)driver_commands(b->driver)));
	json_object_set_new(o, "sessions", view_sessions(b));
	json_object_set_new(o, "workers", view_worker_counts(b));
	json_object_set_new(o, "engines", view_engine_counts(b));
	json_object_set_new(o, "shutdown", json_boolean(b->shutdown));
	json_object_set_new(o, "limits_kept", json_string(limits_kept(b)));
	json_object_set_new(o, "alarms", view_node_alarms(b));
	return o;
}

json_t *
view_status(const struct brain *b)
{
	struct mono now = mono_now();
	json_t *o = view_node(b, now), *lanes = json_array();

	for (int l = 0; l < MAX_LANES; l++)
		if (b->lanes[l].exists)
			json_array_append_new(lanes, view_lane(b, &b->lanes[l], now));
	json_object_set_new(o, "lanes", lanes);
	return o;
}

static json_t *
view_target(const struct target *t, struct mono now)
{
	const struct window *w = &t->window;
	const char *nsid = t->probe != NULL ? probe_nsid(t->probe) : "";

	return json_pack("{sosssisosisisisososososososo}", "name", jsontext(t->label), "verdict",
	    verdict_name(w->verdict), "value", (int)w->value, "since_s", view_since(w->since, now),
	    "fails", (int)w->fails, "wrongs", (int)w->wrongs, "oks", (int)w->oks, "onset_s",
	    view_since(w->onset, now), "last_ok_s", view_since(w->last_ok_sent, now), "last_s",
	    view_since(w->last_at, now), "rtt_us",
	    t->last.rtt_us >= 0 && mono_is_set(t->last.at) ? json_integer(t->last.rtt_us)
							   : json_null(),
	    "nsid", text_or_null(nsid), "why", jsontext(w->why), "seen",
	    jsontext(t->last.outcome == OUTCOME_OK ? t->last.why : ""));
}

int
view_targets_ok(const struct instance *i, int *judged, const char **why)
{
	int ok = 0;

	*why = "";
	*judged = 0;
	for (int t = 0; t < i->n_targets; t++) {
		ok += i->targets[t].window.verdict == VERDICT_OK;
		*judged += i->targets[t].window.verdict != VERDICT_IDLE;
		if (i->targets[t].window.verdict == VERDICT_FAIL && **why == '\0')
			*why = i->targets[t].window.why;
	}
	return ok;
}

struct mono
view_instance_since(const struct instance *i)
{
	struct mono since = MONO_NEVER;

	for (int t = 0; t < i->n_targets; t++)
		if (i->targets[t].window.verdict == i->fact.verdict)
			since = mono_max(since, i->targets[t].window.since);
	return since;
}

static json_t *
view_check(const struct brain *b, const struct instance *i, struct mono now)
{
	json_t *targets = json_array(), *o;
	const char *why;
	int judged, ok = view_targets_ok(i, &judged, &why);
	bool one = __builtin_popcount(i->lanes) == 1;
	int lane = one ? __builtin_ctz(i->lanes) : 0;

	for (int t = 0; t < i->n_targets; t++)
		json_array_append_new(targets, view_target(&i->targets[t], now));
	o = json_pack("{sssssssbsi}", "name", i->name, "kind",
	    check_kind_name((enum check_kind)i->conf->kind), "class",
	    check_class_name(i->fact.class), "vital", (int)i->fact.vital, "weight",
	    (int)i->conf->weight);
	json_object_set_new(o, "service",
	    one ? json_string(b->settings.site.services[lane_service(lane)].name) : json_null());
	json_object_set_new(o, "family",
	    one ? json_string(family_name(lane_family(lane))) : json_null());
	json_object_set_new(o, "interval_s", view_seconds(i->conf->interval_ms * 1000));
	json_object_set_new(o, "timeout_s", view_seconds(i->conf->timeout_ms * 1000));
	json_object_set_new(o, "rise", json_integer(i->window_conf.rise));
	json_object_set_new(o, "fall", json_integer(i->window_conf.fall));
	json_object_set_new(o, "forgive", json_integer(i->window_conf.forgive));
	json_object_set_new(o, "k", json_integer(i->tally_conf.k));
	json_object_set_new(o, "verdict", json_string(verdict_name(i->fact.verdict)));
	json_object_set_new(o, "value", json_integer(i->fact.value));
	json_object_set_new(o, "since_s", view_since(view_instance_since(i), now));
	json_object_set_new(o, "why", jsontext(why));
	json_object_set_new(o, "targets_ok", json_integer(ok));
	json_object_set_new(o, "targets", targets);
	return o;
}

json_t *
view_checks(const struct brain *b, uint32_t lanes, const char *name)
{
	struct mono now = mono_now();
	json_t *all = json_array();

	for (int n = 0; n < b->n_instances; n++) {
		const struct instance *i = &b->instances[n];

		if (!(i->lanes & lanes) || (name != NULL && strcmp(name, i->name) != 0 &&
						strcmp(name, i->conf->name) != 0))
			continue;
		json_array_append_new(all, view_check(b, i, now));
	}
	return json_pack("{so}", "checks", all);
}
