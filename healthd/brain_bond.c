/*
 * brain_bond: the brain's end of the bond: its lease, the keeper's messages, the adoption of
 * workers that run.
 */
#include "healthd/brain.h"

#include <stdio.h>
#include <string.h>

#include "lib/event.h"

void
bond_tell(struct brain *b, const struct bond_message *m)
{
	if (bond_send(b->bond, m) == 1)
		return;
	/* The socket takes hundreds of messages: a keeper that reads none of them is no keeper. */
	event_say(EVENT_ALARM, "bond", "the keeper does not take messages; this brain ends");
	ev_break(b->loop, EVBREAK_ALL);
}

static void
status_text(const struct brain *b, char *text, size_t size)
{
	size_t n = 0;
	int engines = 0;

	for (int l = 0; l < MAX_LANES; l++) {
		const struct lane *lane = &b->lanes[l];

		if (!lane->exists || n >= size)
			continue;
		n += (size_t)snprintf(text + n, size - n, "%s %s%s, ", lane->name,
		    lane_rung_name(b, lane->ladder.rung),
		    lane->ladder.proven == lane->ladder.rung ? "" : " (unproven)");
	}
	for (int e = 0; e < b->n_engines; e++)
		engines += b->engines[e].worker.state == WORKER_READY;
	if (b->n_engines > 0 && n < size)
		n += (size_t)snprintf(
		    text + n, size - n, "%d of %d engines and ", engines, b->n_engines);
	if (n < size)
		snprintf(text + n, size - n, "%d of %d workers ready%s", workers_ready(b),
		    (int)b->settings.workers.count,
		    b->settings.mode == MODE_OBSERVE ? "; observing" : "");
}

void
lease_renew(struct brain *b)
{
	struct bond_message m = {.type = BOND_LEASE, .ready = workers_serving_bits(b)};

	status_text(b, m.text, sizeof(m.text));
	bond_tell(b, &m);
}

/* Slots that run are adopted, the others are wanted. */
static void
workers_start(struct brain *b)
{
	struct worker_event want = {.type = WORKER_EV_WANT};

	for (int s = 0; s < b->n_slots; s++) {
		if (b->slots[s].worker.pid != 0)
			worker_adopted(b, &b->slots[s]);
		else if (s < b->settings.workers.count)
			worker_event(b, &b->slots[s], &want);
	}
	workers_settle(b);
}

/* The worker or engine that the keeper means; NULL: none of ours. */
static struct slot *
slot_of(struct brain *b, int index)
{
	if (index >= 0 && index < b->n_slots)
		return &b->slots[index];
	if (index >= ENGINE_SLOT && index < MAX_SLOTS)
		return &b->engines[index - ENGINE_SLOT];
	return NULL;
}

static void
slot_adopt(struct slot *s, const struct bond_message *m)
{
	struct worker kept = s->worker;
	struct mono started = {m->at_us}, now = mono_now();
	/* An engine's own word is as good as the last brain's. */
	bool ready = m->ready != 0 || (s->index >= ENGINE_SLOT && engine_well(s, m->pid));

	/* The keeper's "ready" may be a slow one's. */
	s->worker = kept.slow	      ? worker_adopt_slow(m->pid, started, now)
		    : ready	    ? worker_adopt_ready(m->pid, started, now)
				    : worker_adopt(m->pid, started, now);
	s->worker.failed_starts = kept.failed_starts;
	s->worker.backoff_ms = kept.backoff_ms;
	snprintf(s->worker.why, sizeof(s->worker.why), "%s", kept.why);
}

static void
on_roster(struct brain *b, const struct bond_message *m)
{
	struct slot *s = slot_of(b, m->slot);

	if (s != NULL)
		slot_adopt(s, m);
	if (m->slot >= 0)
		return;
	engines_begin(b, m->status, m->ready != 0);
	workers_start(b);
}

static void
on_keeper_slot(struct brain *b, const struct bond_message *m)
{
	struct worker_event ev = {.pid = m->pid, .status = m->status};
	struct slot *s = slot_of(b, m->slot);

	if (s == NULL)
		return;
	ev.type = m->type == BOND_STARTED  ? WORKER_EV_STARTED
		  : m->type == BOND_FAILED ? WORKER_EV_START_FAILED
					   : WORKER_EV_EXITED;
	if (ev.type == WORKER_EV_EXITED)
		(*(s->index < ENGINE_SLOT ? &b->counters.worker_exits
					  : &b->counters.engine_exits))++;
	if (s->index < ENGINE_SLOT)
		worker_event(b, s, &ev);
	else
		engine_event(b, s, &ev);
}

static void
on_keeper_message(struct brain *b, const struct bond_message *m)
{
	switch (m->type) {
	case BOND_ROSTER:
		on_roster(b, m);
		break;
	case BOND_STARTED:
	case BOND_FAILED:
	case BOND_EXITED:
		on_keeper_slot(b, m);
		break;
	case BOND_SHUTDOWN:
		brain_shutdown(b);
		break;
	case BOND_YIELD:
		event_say(EVENT_NOTICE, "yield", "a successor takes over");
		ev_break(b->loop, EVBREAK_ALL);
		break;
	case BOND_NOTE:
		snprintf(b->note, sizeof(b->note), "%.255s", m->text);
		if (*b->note != '\0')
			event_say(EVENT_ALARM, "config", "%s", b->note);
		break;
	case BOND_SNAPSHOT:
		b->snapshot.kept = true;
		b->snapshot.every_s = m->status;
		b->snapshot.done = m->snapshots;
		break;
	default:
		event_say(EVENT_WARN, "bond", "the keeper says %u, which means nothing here",
		    m->type);
	}
}

static void
on_bond(struct ev_loop *loop, struct ev_io *w, int revents)
{
	struct brain *b = w->data;
	struct bond_message m;
	int rc;

	(void)revents;
	while ((rc = bond_receive(b->bond, &m)) == 1)
		on_keeper_message(b, &m);
	if (rc < 0) {
		event_say(EVENT_ALARM, "bond", "the keeper is gone; this brain ends");
		ev_break(loop, EVBREAK_ALL);
	}
}

static void
on_lease(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	(void)loop;
	(void)revents;
	lease_renew(w->data);
}

void
bond_open(struct brain *b)
{
	struct bond_message hello = {.type = BOND_HELLO, .version = BOND_VERSION};
	double every = (double)b->settings.keeper.lease_ms / 1000 / 5;

	ev_io_init(&b->bond_io, on_bond, b->bond, EV_READ);
	b->bond_io.data = b;
	ev_io_start(b->loop, &b->bond_io);
	bond_tell(b, &hello);
	lease_renew(b);
	ev_timer_init(&b->lease_timer, on_lease, every, every);
	b->lease_timer.data = b;
	ev_timer_start(b->loop, &b->lease_timer);
}
