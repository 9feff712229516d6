/*
 * view_workers: the supervised processes as people and programs are shown them: the workers, and
 * the engines of our own resolver, with what their scoreboards say. docs/control.md is the
 * contract.
 */
#include <stdio.h>

#include "healthd/jsontext.h"
#include "healthd/view.h"
#include "lib/dns.h"

#define RECENT_MS 10000

typedef const char *name_of(int index);

static json_t *
view_named(const uint64_t *n, int count, name_of *name)
{
	json_t *o = json_object();

	for (int i = 0; i < count; i++)
		json_object_set_new(o, name(i), json_integer((json_int_t)n[i]));
	return o;
}

/* Those that have been given, by name. */
static json_t *
view_rcodes(const uint64_t *n)
{
	json_t *o = json_object();
	char name[DNS_WORD];

	for (int i = 0; i < SCORE_RCODES; i++)
		if (n[i] > 0)
			json_object_set_new(
			    o, dns_rcode_render((uint16_t)i, name), json_integer((json_int_t)n[i]));
	return o;
}

static json_t *
number_or_null(int64_t n)
{
	return n >= 0 ? json_integer(n) : json_null();
}

/* An engine has no caches in front of it: what it answers is in its rcodes. */
static json_t *
view_recent(const struct slot *s)
{
	struct traffic_counts sum = {0};
	int64_t ms = traffic_window(s->traffic, RECENT_MS, &sum);
	uint64_t found = traffic_answers(&sum), all = 0;
	json_t *o;

	for (int i = 0; i < SCORE_RCODES; i++)
		all += sum.rcode[i];
	o = json_pack("{so}", "window_s", view_seconds(ms * 1000));
	json_object_set_new(o, "answers", json_integer((json_int_t)all));
	json_object_set_new(
	    o, "qps", ms > 0 ? json_real((double)all * 1000 / (double)ms) : json_null());
	json_object_set_new(o, "hit_percent",
	    found > 0 ? json_real((double)traffic_hits(&sum) * 100 / (double)found) : json_null());
	json_object_set_new(o, "failures", view_named(sum.cause, N_CAUSES, traffic_cause_name));
	json_object_set_new(o, "p50_us", number_or_null(traffic_latency_us(&sum, 50)));
	json_object_set_new(o, "p99_us", number_or_null(traffic_latency_us(&sum, 99)));
	return o;
}

/* Of an engine: recursion and backup resolvers, with their breakers. */
static json_t *
view_upstreams(const struct slot *s, struct mono now)
{
	json_t *all = json_array(), *o;
	struct upstream_reading u;

	for (int i = 0; i < SCORE_UPSTREAMS; i++) {
		if (!score_upstream_read(s, i, &u))
			continue;
		o = json_pack("{sosssosIsIsIsI}", "name", jsontext(u.name), "breaker",
		    traffic_breaker_name(u.breaker), "since_s",
		    view_since((struct mono){(int64_t)(u.since_us & INT64_MAX)}, now), "asked",
		    (json_int_t)u.asked, "answered", (json_int_t)u.answered, "failed",
		    (json_int_t)u.failed, "opened", (json_int_t)u.opened);
		json_object_set_new(o, "rtt_us",
		    u.rtt_us > 0 ? json_integer((json_int_t)u.rtt_us) : json_null());
		json_array_append_new(all, o);
	}
	return all;
}

static json_t *
view_score(const struct slot *s, struct mono now)
{
	const struct scoreboard *score = s->score;
	struct mono beat;
	struct traffic_counts c;
	json_t *o;

	if (score == NULL)
		return json_null();
	score_read(s, &c);
	beat.us =
	    (int64_t)(atomic_load_explicit(&score->heartbeat_us, memory_order_relaxed) & INT64_MAX);
	o = json_pack("{sssosI}", "state", traffic_state_name(score_state(s)), "heartbeat_s",
	    view_since(beat, now), "generation",
	    (json_int_t)atomic_load_explicit(&score->generation, memory_order_relaxed));
	json_object_set_new(
	    o, "queries", json_pack("{sIsI}", "udp", (json_int_t)c.udp, "tcp", (json_int_t)c.tcp));
	json_object_set_new(o, "rcodes", view_rcodes(c.rcode));
	json_object_set_new(o, "layers", view_named(c.layer, N_LAYERS, traffic_layer_name));
	json_object_set_new(o, "failures", view_named(c.cause, N_CAUSES, traffic_cause_name));
	json_object_set_new(o, "drops", view_named(c.drop, N_DROPS, traffic_drop_name));
	json_object_set_new(o, "events", view_named(c.event, N_SCORED, traffic_event_name));
	json_object_set_new(o, "joined", json_integer((json_int_t)c.joined));
	json_object_set_new(o, "truncated", json_integer((json_int_t)c.truncated));
	json_object_set_new(o, "in_flight",
	    json_integer(
		(json_int_t)atomic_load_explicit(&score->in_flight, memory_order_relaxed)));
	json_object_set_new(o, "upstreams", view_upstreams(s, now));
	json_object_set_new(o, "recent", view_recent(s));
	return o;
}

/* What workers and engines have in common. */
static json_t *
view_slot(const struct slot *s, struct mono now)
{
	const struct worker *w = &s->worker;
	json_t *o;

	o = json_pack("{sisosssosisisi}", "slot", s->index % ENGINE_SLOT, "pid",
	    w->pid != 0 ? json_integer(w->pid) : json_null(), "state", worker_state_name(w->state),
	    "since_s", view_since(w->since, now), "starts", (int)(s->past_starts + w->starts),
	    "failed_starts", (int)w->failed_starts, "silent_probes", (int)w->silent_probes);
	json_object_set_new(o, "up_s", w->pid != 0 ? view_since(w->started_at, now) : json_null());
	json_object_set_new(o, "due_s", view_left(w->due, now));
	json_object_set_new(o, "why", jsontext(w->why));
	json_object_set_new(o, "score", view_score(s, now));
	return o;
}

static json_t *
view_worker(const struct brain *b, const struct slot *s, struct mono now)
{
	json_t *o = view_slot(s, now);
	char probe[80];

	snprintf(probe, sizeof(probe), "%s@%d", b->settings.workers.probe_address,
	    (int)b->settings.workers.probe_port + s->index);
	json_object_set_new(o, "spare", json_boolean(s->index >= b->settings.workers.count));
	json_object_set_new(o, "probe", json_string(probe));
	json_object_set_new(o, "rtt_us",
	    s->worker.pid != 0 && s->last.outcome == OUTCOME_OK && mono_is_set(s->last.at)
		? json_integer(s->last.rtt_us)
		: json_null());
	json_object_set_new(o, "nsid",
	    s->probe != NULL && *probe_nsid(s->probe) != '\0' ? jsontext(probe_nsid(s->probe))
							      : json_null());
	return o;
}

static json_t *
view_rolling(const struct brain *b, struct mono now)
{
	bool engines = rolling_active(&b->rotation);
	const struct rolling *r = engines ? &b->rotation : &b->rolling;

	if (!rolling_active(r))
		return json_null();
	return json_pack("{sssisssf}", "what", engines ? "engines" : "workers", "slot", r->slot,
	    "stage", rolling_stage_name(r->stage), "since_s",
	    (double)mono_diff_ms(now, r->since) / 1000);
}

json_t *
view_workers(const struct brain *b)
{
	struct mono now = mono_now();
	json_t *all = json_array(), *engines = json_array(), *probation = json_array(), *o;

	for (int s = 0; s < b->n_slots; s++)
		json_array_append_new(all, view_worker(b, &b->slots[s], now));
	for (int e = 0; e < b->n_engines; e++)
		json_array_append_new(engines, view_slot(&b->engines[e], now));
	if (b->probation)
		json_array_append_new(
		    probation, view_slot(&b->engines[PROBATION_SLOT - ENGINE_SLOT], now));
	o = json_pack("{sisisisisososo}", "wanted", (int)b->settings.workers.count, "ready",
	    workers_ready(b), "min_ready", (int)b->settings.workers.min_ready, "spare",
	    (int)b->settings.workers.spare, "workers", all, "engines", engines,
	    "probation", probation);
	json_object_set_new(o, "none_ready_s", view_since(b->roster.none_since, now));
	json_object_set_new(o, "failed_starts", json_integer(b->roster.failed_starts));
	json_object_set_new(o, "rolling", view_rolling(b, now));
	return o;
}
