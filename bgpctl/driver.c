/*
 * driver: the hands of the doors.
 *
 * Each lane has a door (what is wanted and how far it is) and a view (what was seen). The timer
 * runs to the earliest of the doors' next looks and the regular poll; it reads the gates, steps the
 * doors that are due, and begins a round of questions to BIRD. A round fills views of its own
 * (`scratch`) which are taken over when it is complete, so a door never sees half an observation.
 * When a door acts during a round, the round is given up: what it was told is from before the act.
 *
 * Gates are set by netlink at once and read back before every step (by gatewatch, which asks the
 * kernel only where something may have changed). Commands to BIRD go between two
 * questions of a round. Whether they were obeyed is not taken from their reply but from the next
 * look.
 */
#include "bgpctl/driver.h"

#include "bgpctl/driver_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bgpctl/birdtalk.h"
#include "bgpctl/gate.h"
#include "lib/ensure.h"
#include "lib/event.h"

#define MAKE_MS 100
#define PROVE_MS 1000
#define RETRY_MIN_MS 100
#define RETRY_MAX_MS 2000
#define ATTRIBUTES_EVERY 10 /* polls */
#define TAG_COMMAND 0x80000000u

static bool
repeated(char *said, size_t size, const char *now)
{
	if (strncmp(said, now, size - 1) == 0)
		return true;
	snprintf(said, size, "%s", now);
	return false;
}

static void
arm(struct driver *d)
{
	struct mono at = d->poll_at;
	int64_t us;

	for (int i = 0; i < d->n_lanes; i++)
		if (d->lanes[i].exists && mono_is_set(d->lanes[i].look))
			at = mono_min(at, d->lanes[i].look);
	us = mono_diff_us(at, mono_now());
	ev_timer_stop(d->loop, &d->timer);
	ev_timer_set(&d->timer, us > 0 ? (double)us / 1e6 + 1e-4 : 0, 0);
	ev_timer_start(d->loop, &d->timer);
}

/* Acting. */

static void
gate_action(struct driver *d, int lane, struct door_action action)
{
	struct err err;
	char name[LOCK_NAME];
	int e;

	lane_gate(d->site, lane, action.rung, name);
	if (action.what == DOOR_GATE_MAKE)
		e = gate_make(d->gates, name, &err);
	else
		e = gate_set(d->gates, name, action.what == DOOR_GATE_UP, &err);
	if (e == 0)
		d->gate_error[0] = '\0';
	else if (!repeated(d->gate_error, sizeof(d->gate_error), err.text))
		event_say(EVENT_ALARM, "gate", "%s", err.text);
}

static void
bird_action(struct driver *d, int lane, struct door_action action)
{
	char name[LOCK_NAME], command[LOCK_NAME + 16];
	const char *verb = action.what == DOOR_ENABLE ? "enable" : "disable";

	lane_protocol(d->site, lane, action.rung, name);
	snprintf(command, sizeof(command), "%s %s", verb, name);
	if (birdwire_ask(d->wire, TAG_COMMAND, command)) {
		d->commands++;
		d->in_round = false;
	}
}

/* What opens comes first. The fleet is told between that and what closes: of a worse rung before
 * the better one goes, through a gate that is up by then. */
static void
act(struct driver *d, int lane, const struct door_out *out)
{
	bool told = false, opened = false;

	for (int i = 0; i < out->n; i++) {
		enum door_do what = out->actions[i].what;

		if (!told && (what == DOOR_GATE_DOWN || what == DOOR_DISABLE)) {
			driver_tell_fleet(d, lane);
			told = true;
		}
		opened |= what == DOOR_GATE_UP;
		if (what >= DOOR_GATE_UP)
			gate_action(d, lane, out->actions[i]);
		else
			bird_action(d, lane, out->actions[i]);
	}
	if (out->n > 0)
		d->in_round = false;
	driver_tell_fleet(d, lane);
	if (opened && d->beacons) /* the kernel dropped what led through it */
		beaconwire_sync(d->beacons);
}

static void
step(struct driver *d, int i)
{
	struct driver_lane *lane = &d->lanes[i];
	struct door_out out;

	gatewatch_read(d->watch, i, d->lanes[i].view.gate);
	out = door_step(&d->conf, lane->door, &lane->view, mono_now());
	lane->door = out.state;
	lane->look = out.look;
	act(d, i, &out);
	if (lane->seen || (d->bird_reported && !d->bird_answers))
		driver_report(d, i);
}

/* Looking. */

static void
ask_next(struct driver *d)
{
	char command[LOOK_COMMAND];

	if (!birdlook_command(&d->birdlook, command)) {
		d->in_round = false;
		return;
	}
	if (birdwire_ask(d->wire, d->round, command))
		d->commands++;
	else
		d->in_round = false;
}

static void
begin_round(struct driver *d, uint32_t lanes, bool attributes)
{
	uint32_t moving = 0;

	for (int i = 0; i < d->n_lanes; i++)
		if (lanes >> i & 1 && !d->lanes[i].door.settled)
			moving |= 1u << i;
	d->round = (d->round + 1) & ~TAG_COMMAND;
	d->in_round = true;
	birdlook_begin(&d->birdlook, lanes, moving, attributes, mono_now());
	ask_next(d);
}

static void
take_view(struct driver_lane *lane, const struct door_view *seen)
{
	enum lock gate[MAX_RUNGS];

	memcpy(gate, lane->view.gate, sizeof(gate));
	lane->view = *seen;
	memcpy(lane->view.gate, gate, sizeof(gate));
	lane->seen = true;
}

static void
end_round(struct driver *d)
{
	uint32_t lanes = d->birdlook.lanes;

	d->in_round = false;
	for (int i = 0; i < d->n_lanes; i++)
		if (d->lanes[i].exists && (lanes >> i & 1)) {
			d->scratch[i].aside = driver_aside(d, i);
			take_view(&d->lanes[i], &d->scratch[i]);
		}
	driver_report_bird(d);
	driver_report_sessions(d);
	for (int i = 0; i < d->n_lanes; i++)
		if (d->lanes[i].exists && (lanes >> i & 1))
			step(d, i);
	arm(d);
}

/* BIRD's word. */

static void
on_up(void *arg)
{
	struct driver *d = arg;

	d->poll_at = mono_now();
	arm(d);
}

static void
on_row(void *arg, uint32_t tag, int code, const char *text)
{
	struct driver *d = arg;

	if (d->in_round && tag == d->round)
		birdlook_row(&d->birdlook, code, text);
}

static void
on_done(void *arg, uint32_t tag, int code, const char *text)
{
	struct driver *d = arg;
	char refusal[96];

	if (tag == TAG_COMMAND) {
		if (reply_class(code) == REPLY_OK) {
			d->refused[0] = '\0';
			return;
		}
		snprintf(refusal, sizeof(refusal), "%04d %.80s", code, text);
		if (!repeated(d->refused, sizeof(d->refused), refusal))
			event_say(EVENT_ALARM, "bird", "BIRD refuses our command: %s", refusal);
		return;
	}
	if (!d->in_round || tag != d->round)
		return;
	birdlook_done(&d->birdlook, code, text);
	ask_next(d);
	if (d->birdlook.step == LOOK_END)
		end_round(d);
}

static void
on_down(void *arg, const char *why)
{
	struct driver *d = arg;
	bool news = d->bird_answers || !d->bird_reported;

	d->in_round = false;
	d->bird_answers = false;
	d->bird_reported = true;
	birdlook_lost(&d->birdlook);
	if (!repeated(d->lost, sizeof(d->lost), why))
		event_say(EVENT_WARN, "bird", "no answer from BIRD at %s: %s",
		    d->site->bird.socket, why);
	if (news && d->events.bird) {
		d->in_event = true;
		d->events.bird(d->events.arg, false, "", "", "");
		d->in_event = false;
	}
	driver_report_sessions(d);
	for (int i = 0; i < d->n_lanes; i++) {
		if (!d->lanes[i].exists)
			continue;
		take_view(&d->lanes[i], &d->scratch[i]);
		d->lanes[i].seen = false;
		step(d, i);
	}
	arm(d);
}

static void
on_timer(struct ev_loop *loop, ev_timer *timer, int revents)
{
	struct driver *d = timer->data;
	struct mono now = mono_now();
	bool poll = !mono_before(now, d->poll_at);
	bool can_look = !d->in_round && birdwire_ready(d->wire);
	uint32_t lanes = 0;

	(void)loop;
	(void)revents;
	for (int i = 0; i < d->n_lanes; i++) {
		struct driver_lane *lane = &d->lanes[i];

		if (!lane->exists || (!poll && mono_before(now, lane->look)))
			continue;
		lanes |= 1u << i;
		/* A settled door is stepped once, with what the round brings. */
		if (!can_look || !lane->door.settled)
			step(d, i);
		else
			lane->look = mono_add_ms(now, d->conf.poll_ms);
	}
	if (poll)
		d->poll_at = mono_add_ms(now, d->conf.poll_ms);
	if (poll && d->beacons)
		beaconwire_sync(d->beacons);
	if (lanes && !d->in_round && birdwire_ready(d->wire))
		begin_round(d, lanes, poll && d->polls++ % ATTRIBUTES_EVERY == 0);
	arm(d);
}

/* A door that is not settled has a look to come. */
static void
on_gates(void *arg, int lane)
{
	struct driver *d = arg;

	if (!d->lanes[lane].door.settled)
		return;
	d->lanes[lane].look = mono_now();
	arm(d);
}

/* The owner's side. */

struct driver *
driver_new(struct ev_loop *loop, const struct site *site, bool observe,
    const struct driver_events *events, struct err *err)
{
	struct birdwire_events wire = {
	    .up = on_up, .row = on_row, .done = on_done, .down = on_down};
	struct driver *d;
	struct gates *gates = gates_open(err);

	if (!gates)
		return NULL;
	d = calloc(1, sizeof(*d));
	ENSURE(d);
	if (lanes_with_beacons(site, 3) && !observe && !(d->beacons = beaconwire_new(site, err))) {
		gates_close(gates);
		free(d);
		return NULL;
	}
	d->n_lanes = site->n_services * N_FAMILIES;
	d->lanes = calloc((size_t)d->n_lanes, sizeof(*d->lanes));
	d->scratch = calloc((size_t)d->n_lanes, sizeof(*d->scratch));
	ENSURE(d->lanes && d->scratch);
	d->loop = loop;
	d->site = site;
	d->observe = observe;
	d->events = *events;
	d->gates = gates;
	d->watch = gatewatch_new(loop, site, gates, on_gates, d);
	d->conf = (struct door_conf){site->n_rungs, MAKE_MS, PROVE_MS, RETRY_MIN_MS, RETRY_MAX_MS,
	    site->bird.poll_ms};
	birdlook_init(&d->birdlook, site, d->scratch);
	for (int i = 0; i < d->n_lanes; i++) {
		d->lanes[i].exists = lane_exists(site, i);
		d->lanes[i].door = door_init(mono_now());
		d->lanes[i].view = d->scratch[i];
		if (d->lanes[i].exists)
			gatewatch_read(d->watch, i, d->lanes[i].view.gate);
	}
	wire.arg = d;
	d->wire = birdwire_new(loop, site->bird.socket, site->bird.timeout_ms, &wire);
	ev_init(&d->timer, on_timer);
	d->timer.data = d;
	d->poll_at = mono_add_ms(mono_now(), d->conf.poll_ms);
	arm(d);
	return d;
}

static struct driver_lane *
get_lane(const struct driver *d, int lane)
{
	ENSURE(lane >= 0 && lane < d->n_lanes && d->lanes[lane].exists);
	return &d->lanes[lane];
}

void
driver_order(struct driver *d, int lane, int rung)
{
	struct driver_lane *l = get_lane(d, lane);

	if (d->observe || l->door.order == rung)
		return;
	ENSURE(rung >= 0 && rung < d->site->n_rungs);
	l->door = door_order(l->door, rung, mono_now());
	/* Ordered from within a report: the step under way is finished first. */
	if (d->in_event)
		l->look = mono_now();
	else
		step(d, lane);
	arm(d);
}

const struct door *
driver_door(const struct driver *d, int lane)
{
	return &get_lane(d, lane)->door;
}

const struct door_view *
driver_view(const struct driver *d, int lane)
{
	return &get_lane(d, lane)->view;
}

int
driver_shown(const struct driver *d, int lane)
{
	return door_shown(&get_lane(d, lane)->view, d->site->n_rungs);
}

void
driver_kick(struct driver *d)
{
	d->poll_at = mono_now();
	arm(d);
}

uint64_t
driver_commands(const struct driver *d)
{
	return d->commands;
}

void
driver_free(struct driver *d)
{
	if (!d)
		return;
	ev_timer_stop(d->loop, &d->timer);
	birdwire_free(d->wire);
	beaconwire_free(d->beacons);
	gatewatch_free(d->watch);
	gates_close(d->gates);
	free(d->lanes);
	free(d->scratch);
	free(d);
}
