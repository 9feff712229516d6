/*
 * brain_workers: the shell around supervise, roster and rolling: probes of each worker's private
 * port go in, orders to the keeper come out.
 *
 * A slot's probe lives as long as its process: it is made when the keeper says STARTED and freed at
 * EXITED, so an answer never belongs to an earlier worker.
 */
#include "healthd/brain.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "lib/event.h"

#define START_PROBE_MS 20 /* a starting worker is asked so often, until it answers */
#define ANSWERS_MS 2000	  /* one that answered so lately is no endless loop */

static struct rolling_conf
rolling_conf_of(const struct brain *b)
{
	return (struct rolling_conf){
	    .count = (int)b->settings.workers.count,
	    .spare = (int)b->settings.workers.spare,
	    .min_ready = (int)b->settings.workers.min_ready,
	    .noun = "worker",
	    .start_timeout_ms = b->settings.workers.start_timeout_ms,
	    .stop_timeout_ms = b->settings.workers.stop_timeout_ms,
	};
}

static bool
serves(const struct worker *w)
{
	return w->state == WORKER_READY || (w->state == WORKER_UNREADY && w->slow);
}

uint64_t
workers_serving_bits(const struct brain *b)
{
	uint64_t bits = 0;

	for (int s = 0; s < b->n_slots; s++)
		if (serves(&b->slots[s].worker))
			bits |= UINT64_C(1) << s;
	return bits;
}

int
workers_ready(const struct brain *b)
{
	int n = 0;

	for (int s = 0; s < b->n_slots; s++)
		n += b->slots[s].worker.state == WORKER_READY;
	return n;
}

/* --- one slot --------------------------------------------------------------------------------- */

/* Is it meant to answer? A starting one is judged by time alone. */
static bool
slot_judged(const struct slot *s)
{
	return s->worker.state == WORKER_READY || s->worker.state == WORKER_UNREADY;
}

bool
slot_life(struct slot *s, enum outcome outcome)
{
	struct life now = {0};
	bool shown = false;

	if (outcome == OUTCOME_SILENT && slot_judged(s)) {
		now = life_read(s->worker.pid);
		shown = life_shown(&s->life, &now);
	}
	s->life = now;
	return shown;
}

bool
slot_answers(const struct slot *s)
{
	struct traffic_counts sum = {0};
	uint64_t answers = 0;

	if (s->score == NULL || !load_is_full(s->brain->load))
		return false;
	traffic_window(s->traffic, ANSWERS_MS, &sum);
	for (int i = 0; i < N_LAYERS; i++)
		answers += sum.layer[i];
	return answers > 0;
}

static void
on_worker_probe(void *arg, const struct sample *sample)
{
	struct slot *s = arg;
	struct worker_event ev = {
	    .type = WORKER_EV_PROBE, .outcome = sample->outcome, .sent = sample->sent};

	ev.life = slot_life(s, sample->outcome);
	ev.answers = ev.life && slot_answers(s);
	s->last = *sample;
	worker_event(s->brain, s, &ev);
}

static void
slot_probe_start(struct brain *b, struct slot *s)
{
	const struct dns_question q = {
	    .qname = b->settings.workers.probe_qname,
	    .qtype = b->settings.workers.probe_qtype,
	    .qclass = b->settings.workers.probe_qclass,
	    .nsid = true,
	    .keep_port = true, /* one process, nothing to spread over */
	};
	struct probe_timing t = {
	    .interval_ms = b->settings.workers.probe_interval_ms,
	    .timeout_ms = b->settings.workers.probe_timeout_ms,
	};
	struct addr address;
	struct err err;

	if (s->worker.state == WORKER_STARTING && t.interval_ms > START_PROBE_MS)
		t.interval_ms = START_PROBE_MS;
	if (!addr_parse(b->settings.workers.probe_address, &address))
		return;
	s->probe = probe_dns(b->loop, &t, &q, &address,
	    (uint16_t)(b->settings.workers.probe_port + s->index), TRANSPORT_UDP, NULL,
	    on_worker_probe, s, &err);
	s->life = (struct life){0};
	if (s->probe == NULL)
		event_say(
		    EVENT_ALARM, "worker", "worker %d cannot be probed: %s", s->index, err.text);
}

void
worker_adopted(struct brain *b, struct slot *s)
{
	slot_probe_start(b, s);
}

static void
slot_probe_follow(struct brain *b, struct slot *s, enum worker_state before)
{
	const struct worker *w = &s->worker;

	if (w->pid == 0 && s->probe != NULL) {
		/* Freed from its own callback at times: the probe allows that. */
		probe_free(s->probe);
		s->probe = NULL;
	} else if (w->pid != 0 && s->probe == NULL) {
		slot_probe_start(b, s);
	}
	if (s->probe != NULL && before == WORKER_STARTING && w->state != WORKER_STARTING)
		probe_pace(s->probe, b->settings.workers.probe_interval_ms);
}

void
slot_order(struct brain *b, struct slot *s, enum worker_action action)
{
	struct bond_message m = {.slot = s->index};

	if (action == WORKER_DO_NOTHING)
		return;
	m.type = action == WORKER_DO_START ? BOND_START : BOND_STOP;
	m.status = action == WORKER_DO_TERM    ? SIGTERM
		   : action == WORKER_DO_ABORT ? SIGABRT
					       : SIGKILL;
	bond_tell(b, &m);
}

void
say_worker(const struct slot *s, enum worker_state from)
{
	const struct worker *w = &s->worker;
	struct event e;
	bool again = w->state == WORKER_STARTING &&
		     (from == WORKER_READY || from == WORKER_UNREADY);
	bool bad = again || w->state == WORKER_UNREADY || w->state == WORKER_WAITING ||
		   w->state == WORKER_QUARANTINED;

	event_begin(&e,
	    w->state == WORKER_QUARANTINED ? EVENT_ALARM
	    : bad			   ? EVENT_WARN
					   : EVENT_NOTICE,
	    s->index < ENGINE_SLOT ? "worker" : "engine");
	if (s->index == PROBATION_SLOT)
		event_str(&e, "slot", "probation");
	else
		event_int(&e, "slot", s->index % ENGINE_SLOT);
	event_str(&e, "from", worker_state_name(from));
	event_str(&e, "to", worker_state_name(w->state));
	if (w->pid != 0)
		event_int(&e, "pid", w->pid);
	if (w->state == WORKER_READY && from == WORKER_STARTING && mono_is_set(w->started_at))
		event_fmt(&e, "start_ms", "%.1f",
		    (double)mono_diff_us(w->ready_at, w->started_at) / 1000);
	if (bad && *w->why != '\0')
		event_str(&e, "because", w->why);
	if (w->failed_starts > 0)
		event_int(&e, "failed_starts", w->failed_starts);
	event_send(&e);
}

void
worker_event(struct brain *b, struct slot *s, const struct worker_event *ev)
{
	struct supervise_conf conf = supervise_conf_of(&b->settings);
	enum worker_state before = s->worker.state;
	bool stable = s->worker.stable, slow = s->worker.slow, served = serves(&s->worker);
	struct worker_out out = worker_step(&conf, s->worker, ev, mono_now());

	b->counters.worker_hangs += out.state.killed_hung && !s->worker.killed_hung;
	s->worker = out.state;
	slot_order(b, s, out.action);
	slot_probe_follow(b, s, before);
	if (out.changed) {
		say_worker(s, before);
		checks_slot_changed(b, s->index);
	}
	/* Stable again is no change of state, but the roster must forget by it what had added up;
	 * and being slow is what overload is seen by. */
	if (out.changed || ev->type == WORKER_EV_EXITED || s->worker.stable != stable ||
	    s->worker.slow != slow)
		workers_settle(b);
	if (served != serves(&s->worker))
		lease_renew(b);
}

/* --- all slots -------------------------------------------------------------------------------- */

/* "3 ready: 2 answering, 1 stale only"; workers without scoreboards are only ready. */
static void
workers_text(const struct brain *b, char *text, size_t size)
{
	if (!scores_kept(b)) {
		*text = '\0';
		return;
	}
	snprintf(text, size, "%d ready: %d answering, %d stale only, %d failing", b->roster.ready,
	    scores_in_state(b, SCORE_ANSWERING), scores_in_state(b, SCORE_STALE_ONLY),
	    scores_in_state(b, SCORE_FAILING));
}

static void
feed_roster(struct brain *b, struct instance *i)
{
	const struct roster *r = &b->roster;
	char why[64];
	struct mono now = mono_now();

	if (r->ready > 0) {
		int wanted = r->wanted > 0 ? r->wanted : 1;
		/* One that answers what it has cached, and nothing else, is half a worker. */
		int half = scores_in_state(b, SCORE_STALE_ONLY) + scores_in_state(b, SCORE_FAILING);
		int value = (200 * r->ready - 100 * half) / (2 * wanted);

		workers_text(b, why, sizeof(why));
		checks_feed(b, i, 0, OUTCOME_OK, value > 100 ? 100 : value, why);
	} else if (roster_failed(r, b->settings.workers.none_ready_ms,
		       b->settings.workers.failed_starts, now)) {
		snprintf(why, sizeof(why), "none ready for %lld ms, %d failed starts",
		    (long long)mono_diff_ms(now, r->none_since), r->failed_starts);
		/* Failed starts are malfunction; none ready may be overload (facts_absorb()). */
		checks_feed(b, i, 0,
		    roster_broken(r, b->settings.workers.failed_starts) ? OUTCOME_WRONG
									: OUTCOME_SILENT,
		    0, why);
	} else {
		checks_feed(b, i, 0, OUTCOME_UNKNOWN, 0, "none ready yet");
	}
}

static void
feed_rosters(struct brain *b)
{
	for (int i = 0; i < b->n_instances; i++)
		if (b->instances[i].roster)
			feed_roster(b, &b->instances[i]);
}

static void
roster_follow(struct brain *b)
{
	struct worker all[MAX_WORKERS];
	struct mono now = mono_now(), due, until;

	for (int s = 0; s < b->n_slots; s++)
		all[s] = b->slots[s].worker;
	b->roster = roster_step(b->roster, all, b->n_slots, now);
	if (b->roster.ready > 0 && !mono_is_set(b->warm_since))
		b->warm_since = now;
	feed_rosters(b);
	ev_timer_stop(b->loop, &b->roster_timer);
	due = roster_deadline(&b->roster, b->settings.workers.none_ready_ms);
	until = roster_starved_until(&b->roster, now);
	if (mono_is_set(until) && !(mono_before(now, due) && mono_before(due, until)))
		due = until;
	if (mono_is_set(due) && mono_before(now, due)) {
		ev_timer_set(&b->roster_timer, (double)(mono_diff_us(due, now) + 1000) / 1e6, 0);
		ev_timer_start(b->loop, &b->roster_timer);
	}
}

static void
on_roster_timer(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	(void)loop;
	(void)revents;
	roster_follow(w->data);
	lanes_touch(w->data, lanes_all(w->data)); /* overload may be over */
}

void
say_rolling(const struct rolling *r, const char *what)
{
	struct event e;

	event_begin(&e, r->stage == ROLLING_ABORTED ? EVENT_ALARM : EVENT_NOTICE,
	    r->stage == ROLLING_DONE      ? "upgrade_done"
	    : r->stage == ROLLING_ABORTED ? "upgrade_failed"
					  : "upgrade");
	event_str(&e, "what", what);
	if (rolling_active(r)) {
		event_int(&e, "slot", r->slot);
		event_str(&e, "stage", rolling_stage_name(r->stage));
	}
	event_int(&e, "replaced", r->done);
	if (r->stage == ROLLING_ABORTED)
		event_str(&e, "because", r->why);
	event_send(&e);
}

static void
rolling_apply(struct brain *b, struct rolling_out out)
{
	struct worker_event ev = {.type = WORKER_EV_WANT};

	b->rolling = out.state;
	if (out.changed)
		say_rolling(&b->rolling, "workers");
	if (out.action == ROLLING_DO_NOTHING)
		return;
	if (out.action == ROLLING_DO_UNWANT)
		ev.type = WORKER_EV_UNWANT;
	worker_event(b, &b->slots[out.slot], &ev);
}

/* A spare that no upgrade is using (its brain died, or a slot could not be replaced) goes when
 * every slot has its worker again. */
static void
spare_retire(struct brain *b)
{
	struct worker_event ev = {.type = WORKER_EV_UNWANT};
	int spare = (int)b->settings.workers.count;

	if (spare >= b->n_slots || !b->slots[spare].worker.wanted)
		return;
	for (int s = 0; s < spare; s++)
		if (b->slots[s].worker.state != WORKER_READY)
			return;
	worker_event(b, &b->slots[spare], &ev);
}

static void
rolling_follow(struct brain *b)
{
	struct rolling_conf conf = rolling_conf_of(b);
	struct worker all[MAX_WORKERS];
	struct rolling_out out;

	/* Each action changes a slot and so comes here again by workers_settle(); bounded by
	 * stages. */
	if (!rolling_active(&b->rolling)) {
		spare_retire(b);
		return;
	}
	for (int s = 0; s < b->n_slots; s++)
		all[s] = b->slots[s].worker;
	out = rolling_step(&conf, b->rolling, all, mono_now());
	rolling_apply(b, out);
}

/* The next time-driven step of any slot or of the rolling restart. */
static void
workers_arm(struct brain *b)
{
	struct mono due = MONO_FOREVER, now = mono_now();
	double wait;

	for (int s = 0; s < b->n_slots; s++)
		if (mono_is_set(b->slots[s].worker.due))
			due = mono_min(due, b->slots[s].worker.due);
	if (rolling_active(&b->rolling) && mono_is_set(b->rolling.due))
		due = mono_min(due, b->rolling.due);
	ev_timer_stop(b->loop, &b->slots_timer);
	if (due.us == INT64_MAX)
		return;
	wait = (double)mono_diff_us(due, now) / 1e6;
	ev_timer_set(&b->slots_timer, wait < 0.001 ? 0.001 : wait, 0);
	ev_timer_start(b->loop, &b->slots_timer);
}

void
workers_settle(struct brain *b)
{
	roster_follow(b);
	rolling_follow(b);
	workers_arm(b);
	lanes_touch(b, lanes_all(b));
}

static void
on_slots_timer(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	struct brain *b = w->data;
	struct worker_event ev = {.type = WORKER_EV_TICK};
	struct mono now = mono_now();

	(void)loop;
	(void)revents;
	for (int s = 0; s < b->n_slots; s++)
		if (mono_is_set(b->slots[s].worker.due) &&
		    !mono_before(now, b->slots[s].worker.due))
			worker_event(b, &b->slots[s], &ev);
	rolling_follow(b);
	workers_arm(b);
}

void
workers_second(struct brain *b)
{
	feed_rosters(b);
	workers_arm(b);
}

int
upgrade_refuse(const struct brain *b, struct err *err)
{
	bool workers = rolling_active(&b->rolling);
	const struct rolling *r = workers ? &b->rolling : &b->rotation;

	return err_set(err, "an upgrade is under way (%s %d, %s)", workers ? "worker" : "engine",
	    r->slot, rolling_stage_name(r->stage));
}

int
workers_upgrade(struct brain *b, struct err *err)
{
	struct rolling_conf conf = rolling_conf_of(b);
	struct worker all[MAX_WORKERS];
	struct rolling_out out;

	if (b->n_slots == 0)
		return err_set(err, "no workers are supervised here (workers.count = 0)");
	if (rolling_active(&b->rolling) || rolling_active(&b->rotation))
		return upgrade_refuse(b, err);
	for (int s = 0; s < b->n_slots; s++)
		all[s] = b->slots[s].worker;
	out = rolling_begin(&conf, all, mono_now());
	if (!rolling_active(&out.state))
		return err_set(err, "%s", out.state.why);
	rolling_apply(b, out);
	workers_settle(b);
	return 0;
}

void
workers_init(struct brain *b)
{
	b->n_slots = b->settings.workers.count == 0
			 ? 0
			 : (int)(b->settings.workers.count + b->settings.workers.spare);
	b->slots = arena_get(b->arena, sizeof(*b->slots) * (size_t)(b->n_slots + 1));
	for (int s = 0; s < b->n_slots; s++)
		b->slots[s] = (struct slot){
		    .brain = b, .index = s, .worker = worker_init(b->started)};
	ev_timer_init(&b->slots_timer, on_slots_timer, 0, 0);
	ev_timer_init(&b->roster_timer, on_roster_timer, 0, 0);
	b->slots_timer.data = b->roster_timer.data = b;
}

void
workers_fini(struct brain *b)
{
	for (int s = 0; s < b->n_slots; s++)
		if (b->slots[s].probe != NULL)
			probe_free(b->slots[s].probe);
}
