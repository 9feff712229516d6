/*
 * Upstreams and their circuit breakers: recursion as a whole, and each backup resolver. What they
 * are for, and what counts as a failure, is in breaker.h; here stand their trials, their timers,
 * and the one door by which a breaker changes.
 *
 * Recursion is tried with a question to some of the servers it would begin with: the root's, or the
 * forwarders. One that answers is enough.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/dns.h"
#include "lib/ensure.h"
#include "lib/event.h"
#include "lib/file.h"
#include "resolver/engine_impl.h"
#include "resolver/hints.h"

#define TRIAL_MS 1500
#define HINTS_FILE_MAX (256 << 10)
#define EXCHANGES_SPARE 64 /* of trials */

static void
count(_Atomic uint64_t *counter, uint64_t value)
{
	atomic_store_explicit(counter, value, memory_order_relaxed);
}

static void
changed(struct upstream *u, enum score_breaker was, const char *because)
{
	enum score_breaker is = u->breaker.state;
	struct event ev;

	count(&u->score->breaker, is);
	count(&u->score->since_us, (uint64_t)u->breaker.since.us);
	if (is == BREAKER_OPEN)
		score_add(&u->score->opened, 1);
	event_begin(&ev, is == BREAKER_OPEN && was == BREAKER_CLOSED ? EVENT_WARN : EVENT_NOTICE,
	    "breaker");
	event_str(&ev, "upstream", u->name);
	event_str(&ev, "from", breaker_name(was));
	event_str(&ev, "to", breaker_name(is));
	event_str(&ev, "because", because);
	event_send(&ev);
	if (u->number == 0)
		peers_hello(u->engine);
}

static void trial_start(struct upstream *u);

/* The one door. */
static void
upstream_event(struct upstream *u, enum breaker_event event, uint64_t zone, const char *because)
{
	struct breaker_update up = breaker_step(u->breaker, event, zone, mono_now());
	enum score_breaker was = u->breaker.state;
	struct mono wake;

	u->breaker = up.next;
	if (was != u->breaker.state)
		changed(u, was, because);
	wake = breaker_wake(&u->breaker);
	ev_timer_stop(u->engine->loop, &u->wake);
	if (wake.us != MONO_FOREVER.us) {
		u->wake.repeat = (double)mono_diff_us(wake, mono_now()) / 1e6 + 0.001;
		u->wake.repeat = u->wake.repeat > 0.001 ? u->wake.repeat : 0.001;
		ev_timer_again(u->engine->loop, &u->wake);
	}
	if (up.trial)
		trial_start(u);
}

static void
trials_forget(struct upstream *u)
{
	for (int i = 0; i < UPSTREAM_TRIALS; i++) {
		if (u->trials[i].exchange != NULL)
			forward_forget(u->trials[i].exchange);
		u->trials[i].exchange = NULL;
	}
	u->n_trials = 0;
}

static void
on_trial(void *arg, const struct forward_told *told)
{
	struct trial *t = arg;
	struct upstream *u = t->upstream;
	const char *why = u->server != NULL ? forward_server_why(u->server) : "";
	char because[FORWARD_WHY + 64];

	t->exchange = NULL;
	u->n_trials--;
	if (told->end == FORWARD_TOLD && told->read.kind == FORWARD_ANSWER) {
		trials_forget(u);
		upstream_event(u, BREAKER_WELL, 0, "a trial was answered");
	} else if (u->n_trials == 0) {
		if (told->end == FORWARD_TOLD)
			snprintf(because, sizeof(because), "a trial had rcode %d",
			    told->read.rcode);
		else
			snprintf(because, sizeof(because), "a trial had no answer%s%s",
			    *why != '\0' ? ": " : "", why);
		upstream_event(u, BREAKER_BAD, 0, because);
	}
}

static void
trial_ask(struct upstream *u, struct forward_server *s, bool rd)
{
	struct trial *t = &u->trials[u->n_trials];
	uint8_t question[DNS_QUERY_MAX];
	size_t n = forward_trial(0, rd, question);

	t->exchange = forward_ask(s, question, n, TRIAL_MS, on_trial, t);
	if (t->exchange != NULL)
		u->n_trials++;
}

/* Some of each family that are not there any more by chance: at random, so that no single server
 * decides for ever. */
static void
trial_recursion(struct upstream *u)
{
	struct engine *e = u->engine;
	bool rd = e->conf->engine.mode == ENGINE_FORWARD;
	int from = e->n_ways > 0 ? rand() % e->n_ways : 0, taken[N_FAMILIES] = {0};

	for (int i = 0; i < e->n_ways && u->n_trials < UPSTREAM_TRIALS; i++) {
		const struct way *w = &e->ways[(from + i) % e->n_ways];

		if (taken[w->family] == UPSTREAM_TRIALS / N_FAMILIES)
			continue;
		taken[w->family]++;
		trial_ask(u, w->server, rd);
	}
}

static void
trial_start(struct upstream *u)
{
	trials_forget(u);
	if (u->server != NULL)
		trial_ask(u, u->server, true);
	else
		trial_recursion(u);
	if (u->n_trials == 0)
		upstream_event(u, BREAKER_BAD, 0, "nothing can be sent to it");
}

static void
on_wake(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	(void)revents;
	ev_timer_stop(loop, w);
	upstream_event(w->data, BREAKER_TIME, 0, "it is time for a trial");
}

void
upstream_answered(struct upstream *u, int64_t us)
{
	uint64_t rtt = atomic_load_explicit(&u->score->rtt_us, memory_order_relaxed);

	score_add(&u->score->answered, 1);
	count(&u->score->rtt_us, rtt == 0 ? (uint64_t)us : (7 * rtt + (uint64_t)us) / 8);
	/* The usual case costs nothing. */
	if (u->breaker.state != BREAKER_CLOSED || u->breaker.row > 0)
		upstream_event(u, BREAKER_ANSWERED, 0, "it answered");
}

void
upstream_failed(struct upstream *u, uint64_t zone)
{
	score_add(&u->score->failed, 1);
	upstream_event(u, BREAKER_FAILED, zone, "it failed");
}

/* Counters go on over restarts of the engine, as long as it is the same upstream's. */
static void
score_begin(struct score_upstream *s, const char *name)
{
	bool same = score_name(s->name, name);

	count(&s->breaker, BREAKER_CLOSED);
	count(&s->since_us, *name != '\0' ? (uint64_t)mono_now().us : 0);
	if (same)
		return;
	count(&s->asked, 0);
	count(&s->answered, 0);
	count(&s->failed, 0);
	count(&s->opened, 0);
	count(&s->rtt_us, 0);
}

static void
upstream_init(struct engine *e, int number, const char *name)
{
	struct upstream *u = &e->upstreams[number];

	u->engine = e;
	u->number = number;
	u->name = name;
	u->score = &e->score->upstream[number];
	for (int i = 0; i < UPSTREAM_TRIALS; i++)
		u->trials[i].upstream = u;
	ev_init(&u->wake, on_wake);
	u->wake.data = u;
	score_begin(u->score, name);
}

static int
backups_open(struct engine *e, struct err *err)
{
	for (int i = 0; i < e->conf->n_backup; i++) {
		const struct backup_conf *b = &e->conf->backup[i];
		bool tls = b->transport == BACKUP_DOT;
		struct upstream *u = &e->upstreams[1 + i];
		struct addr a;
		uint16_t port;

		upstream_init(e, 1 + i, b->address);
		ENSURE(resolver_conf_backup(b, &a, &port)); /* it was checked */
		u->conf = b;
		u->server = forward_server_new(e->forward, &a, port,
		    (enum backup_transport)b->transport, tls ? b->tls_name : NULL, b->ca_file, err);
		if (u->server == NULL)
			return -1;
		if (!b->mix_case)
			forward_server_plain(u->server);
	}
	e->n_upstreams = 1 + e->conf->n_backup;
	return 0;
}

static int
way_add(struct engine *e, const struct addr *a, uint16_t port, struct err *err)
{
	struct way *w = &e->ways[e->n_ways];

	w->family = a->family;
	w->server = forward_server_new(e->forward, a, port, BACKUP_UDP, NULL, NULL, err);
	if (w->server == NULL)
		return -1;
	e->n_ways++;
	return 0;
}

static int
ways_by_forwarders(struct engine *e, struct err *err)
{
	struct addr a;
	uint16_t port;

	for (int i = 0; i < e->conf->engine.n_forwarders && i < HINTS_MAX; i++) {
		ENSURE(resolver_conf_server(e->conf->engine.forwarders[i], &a, &port));
		if (way_add(e, &a, port, err) < 0)
			return -1;
	}
	return 0;
}

static int
ways_by_hints(struct engine *e, struct err *err)
{
	const char *path = e->conf->engine.root_hints;
	struct addr all[HINTS_MAX];
	char *text;
	int n;

	if (path[0] == '\0') {
		n = hints_builtin(all);
	} else {
		text = file_read(path, HINTS_FILE_MAX, NULL, err);
		if (text == NULL)
			return -1;
		n = hints_parse(text, all);
		free(text);
		if (n == 0)
			return err_set(err,
			    "%s: no address of a root server is in it; take the file of "
			    "dns-root-data",
			    path);
	}
	for (int i = 0; i < n; i++)
		if (way_add(e, &all[i], 53, err) < 0)
			return -1;
	return 0;
}

int
upstreams_open(struct engine *e, struct err *err)
{
	int64_t exchanges = EXCHANGES_SPARE;

	srand((unsigned)mono_now().us);
	if (e->conf->n_backup > 0)
		exchanges += e->conf->engine.in_flight < FORWARD_MOST ? e->conf->engine.in_flight
								      : FORWARD_MOST;
	e->forward = forward_new(e->loop, e->conf, exchanges);
	upstream_init(e, 0, "recursion");
	for (int i = 1 + e->conf->n_backup; i < SCORE_UPSTREAMS; i++)
		score_begin(&e->score->upstream[i], "");
	if (backups_open(e, err) < 0)
		return -1;
	return e->conf->engine.mode == ENGINE_FORWARD ? ways_by_forwarders(e, err)
						      : ways_by_hints(e, err);
}

void
upstreams_close(struct engine *e)
{
	for (int i = 0; i < SCORE_UPSTREAMS; i++) {
		struct upstream *u = &e->upstreams[i];

		if (u->engine == NULL)
			continue;
		trials_forget(u);
		ev_timer_stop(e->loop, &u->wake);
		forward_server_free(u->server);
	}
	for (int i = 0; i < e->n_ways; i++)
		forward_server_free(e->ways[i].server);
	forward_free(e->forward);
}

bool
upstream_is_cut(const struct engine *e)
{
	return e->upstreams[0].breaker.state != BREAKER_CLOSED;
}
