/*
 * brain_metrics_score: what scoreboards count, for Prometheus: by worker and by engine. Counters
 * are those of the shared memory, which outlive processes, this one too.
 */
#include "healthd/brain.h"

#include <stdio.h>

#include "lib/dns.h"

/* Latency buckets that are shown: 2^FIRST to 2^LAST microseconds. */
#define FIRST_BUCKET 4
#define LAST_BUCKET 24

struct group {
	const char *noun, *help; /* "worker" */
	const struct slot *slots;
	int n;
};

static void
group_head(FILE *f, const struct group *g, const char *what, const char *type, const char *help)
{
	char name[64], text[120];

	snprintf(name, sizeof(name), "%s_%s", g->noun, what);
	snprintf(text, sizeof(text), "%s %s", g->help, help);
	metrics_head(f, name, type, text);
}

static void
sample(FILE *f, const struct group *g, int slot, const char *what, const char *label,
    const char *value, uint64_t n)
{
	fprintf(f, "anypop_%s_%s{%s=\"%d\"", g->noun, what, g->noun, slot);
	if (label != NULL)
		fprintf(f, ",%s=\"%s\"", label, value);
	fprintf(f, "} %llu\n", (unsigned long long)n);
}

static void
render_states(FILE *f, const struct group *g)
{
	group_head(f, g, "up", "gauge", "1 while it is ready.");
	for (int s = 0; s < g->n; s++)
		sample(f, g, s, "up", NULL, NULL, g->slots[s].worker.state == WORKER_READY);
	group_head(f, g, "state", "gauge", "1 for the state it is in, by its own word.");
	for (int s = 0; s < g->n; s++)
		for (int i = 0; g->slots[s].score != NULL && i < N_SCORE_STATES; i++)
			sample(f, g, s, "state", "state", traffic_state_name((uint64_t)i),
			    score_state(&g->slots[s]) == (uint64_t)i);
	group_head(f, g, "in_flight", "gauge", "Questions under way.");
	for (int s = 0; s < g->n; s++)
		if (g->slots[s].score != NULL)
			sample(f, g, s, "in_flight", NULL, NULL,
			    atomic_load_explicit(
				&g->slots[s].score->in_flight, memory_order_relaxed));
}

/* The usual ones always, others once they have come. */
static void
render_rcodes(FILE *f, const struct group *g)
{
	group_head(f, g, "answers_total", "counter", "Answers, by rcode.");
	for (int s = 0; s < g->n; s++) {
		struct traffic_counts c;
		char name[DNS_WORD];

		if (g->slots[s].score == NULL)
			continue;
		score_read(&g->slots[s], &c);
		for (int i = 0; i < SCORE_RCODES; i++)
			if (i <= DNS_REFUSED || c.rcode[i] > 0)
				sample(f, g, s, "answers_total", "rcode",
				    dns_rcode_render((uint16_t)i, name), c.rcode[i]);
	}
}

static void
render_named(FILE *f, const struct group *g, const char *what, const char *label, const char *help,
    size_t offset, int n, const char *name(int))
{
	group_head(f, g, what, "counter", help);
	for (int s = 0; s < g->n; s++) {
		struct traffic_counts c;
		const uint64_t *counts = (const uint64_t *)((const char *)&c + offset);

		if (g->slots[s].score == NULL)
			continue;
		score_read(&g->slots[s], &c);
		for (int i = 0; i < n; i++)
			sample(f, g, s, what, label, name(i), counts[i]);
	}
}

/* Buckets as Prometheus wants them: each with all that are faster. Those above the last shown are
 * in +Inf only. There is no sum: writers keep buckets. */
static void
render_latency(FILE *f, const struct group *g)
{
	group_head(f, g, "latency_seconds", "histogram", "Time to the answer.");
	for (int s = 0; s < g->n; s++) {
		struct traffic_counts c;
		uint64_t sum = 0;
		char le[32];

		if (g->slots[s].score == NULL)
			continue;
		score_read(&g->slots[s], &c);
		for (int i = 0; i < SCORE_BUCKETS; i++) {
			sum += c.latency[i];
			snprintf(le, sizeof(le), "%g", (double)(UINT64_C(1) << i) / 1e6);
			if (i >= FIRST_BUCKET && i <= LAST_BUCKET)
				sample(f, g, s, "latency_seconds_bucket", "le", le, sum);
		}
		sample(f, g, s, "latency_seconds_bucket", "le", "+Inf", sum);
		sample(f, g, s, "latency_seconds_count", NULL, NULL, sum);
	}
}

static void
render_group(FILE *f, const struct group *g)
{
	render_states(f, g);
	render_rcodes(f, g);
	render_named(f, g, "failures_total", "cause", "Questions without a good answer, by cause.",
	    offsetof(struct traffic_counts, cause), N_CAUSES, traffic_cause_name);
	render_named(f, g, "drops_total", "reason", "What was dropped unanswered.",
	    offsetof(struct traffic_counts, drop), N_DROPS, traffic_drop_name);
	render_named(f, g, "events_total", "event", "What else happened, by kind.",
	    offsetof(struct traffic_counts, event), N_SCORED, traffic_event_name);
	render_latency(f, g);
}

/* The labels of a sample up to the name; the caller closes the brace. */
static void
upstream_sample(FILE *f, const char *what, int engine, const char *name)
{
	char text[LABEL_TEXT];

	fprintf(f, "anypop_%s{engine=\"%d\",name=\"%s\"", what, engine, metrics_label(name, text));
}

/* One number of each upstream of each engine. */
static void
render_upstream(
    FILE *f, const struct group *g, const char *what, const char *help, size_t offset)
{
	struct upstream_reading u;
	const uint64_t *n = (const uint64_t *)((const char *)&u + offset);

	metrics_head(f, what, "counter", help);
	for (int s = 0; s < g->n; s++)
		for (int i = 0; i < SCORE_UPSTREAMS; i++) {
			if (!score_upstream_read(&g->slots[s], i, &u))
				continue;
			upstream_sample(f, what, s, u.name);
			fprintf(f, "} %llu\n", (unsigned long long)*n);
		}
}

static void
render_breakers(FILE *f, const struct group *g)
{
	struct upstream_reading u;

	metrics_head(f, "upstream_breaker", "gauge", "1 for the state its circuit breaker is in.");
	for (int n = 0; n < g->n * SCORE_UPSTREAMS; n++) {
		if (!score_upstream_read(&g->slots[n / SCORE_UPSTREAMS], n % SCORE_UPSTREAMS, &u))
			continue;
		for (uint64_t b = 0; b < N_BREAKERS; b++) {
			upstream_sample(f, "upstream_breaker", n / SCORE_UPSTREAMS, u.name);
			fprintf(f, ",state=\"%s\"} %d\n", traffic_breaker_name(b),
			    u.breaker == b);
		}
	}
}

static void
render_upstream_rtt(FILE *f, const struct group *g)
{
	struct upstream_reading u;

	metrics_head(f, "upstream_rtt_seconds", "gauge", "Time to its answers, smoothed.");
	for (int n = 0; n < g->n * SCORE_UPSTREAMS; n++) {
		if (!score_upstream_read(&g->slots[n / SCORE_UPSTREAMS], n % SCORE_UPSTREAMS, &u) ||
		    u.rtt_us == 0)
			continue;
		upstream_sample(f, "upstream_rtt_seconds", n / SCORE_UPSTREAMS, u.name);
		fprintf(f, "} %g\n", (double)u.rtt_us / 1e6);
	}
}

static void
render_upstreams(FILE *f, const struct group *g)
{
	render_breakers(f, g);
	render_upstream_rtt(f, g);
	render_upstream(f, g, "upstream_asked_total", "Questions it was asked.",
	    offsetof(struct upstream_reading, asked));
	render_upstream(f, g, "upstream_answered_total", "Answers it gave.",
	    offsetof(struct upstream_reading, answered));
	render_upstream(f, g, "upstream_failed_total", "Questions it failed.",
	    offsetof(struct upstream_reading, failed));
	render_upstream(f, g, "upstream_opened_total",
	    "Times its circuit breaker opened.", offsetof(struct upstream_reading, opened));
}

static void
server_sample(FILE *f, const char *what, int engine, const struct score_server_look *l)
{
	char text[LABEL_TEXT];

	fprintf(f, "anypop_redis_%s{engine=\"%d\",name=\"%s\"", what, engine,
	    metrics_label(l->name, text));
}

/* Those of each engine, one after the other; false at the end. `n` begins at -1. */
static bool
server_next(const struct group *g, int *n, struct score_server_look *out)
{
	while (++*n < g->n * SCORE_SERVERS) {
		const struct scoreboard *s = g->slots[*n / SCORE_SERVERS].score;

		if (s != NULL && score_server_read(s, *n % SCORE_SERVERS, out))
			return true;
	}
	return false;
}

/* One number of each Redis server of each engine. */
static void
render_server(FILE *f, const struct group *g, const char *what, const char *help, size_t offset)
{
	struct score_server_look l;
	const uint64_t *count = (const uint64_t *)((const char *)&l + offset);
	char name[64];

	snprintf(name, sizeof(name), "redis_%s", what);
	metrics_head(f, name, "counter", help);
	for (int n = -1; server_next(g, &n, &l);) {
		server_sample(f, what, n / SCORE_SERVERS, &l);
		fprintf(f, "} %llu\n", (unsigned long long)*count);
	}
}

static void
render_servers(FILE *f, const struct group *g)
{
	struct score_server_look l;

	metrics_head(f, "redis_state", "gauge", "1 for the state in which an engine has it.");
	for (int n = -1; server_next(g, &n, &l);)
		for (uint64_t p = 0; p < N_PACES; p++) {
			server_sample(f, "state", n / SCORE_SERVERS, &l);
			fprintf(f, ",state=\"%s\"} %d\n", score_pace_name(p), l.pace == p);
		}
	render_server(f, g, "asked_total", "Questions that a Redis server was asked.",
	    offsetof(struct score_server_look, asked));
	render_server(f, g, "answered_total", "Answers that it gave.",
	    offsetof(struct score_server_look, answered));
	render_server(f, g, "lost_total", "Times that it was left alone for a while.",
	    offsetof(struct score_server_look, lost));
}

void
metrics_scores(FILE *f, const struct brain *b)
{
	struct group workers = {"worker", "By worker:", b->slots, b->n_slots};
	struct group engines = {"engine", "By engine:", b->engines, b->n_engines};

	render_group(f, &workers);
	render_named(f, &workers, "layer_total", "layer", "Answers, by where they came from.",
	    offsetof(struct traffic_counts, layer), N_LAYERS, traffic_layer_name);
	render_group(f, &engines);
	render_upstreams(f, &engines);
	render_servers(f, &engines);
}
