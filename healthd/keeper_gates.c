#include <string.h>

#include "healthd/keeper.h"
#include "lib/event.h"

/*
 * What the keeper does to gates. It never puts one up but for dead-man `drain`, and it acts only
 * while no brain holds a lease, or when everything ends.
 *
 * The reflex: without a brain that has settled, nobody but the keeper sees that no worker is alive
 * and ready. It waits half a lease from the moment the last one went, so that a brain that is just
 * being replaced can start its workers again, and a brain's lapse and this wait together stay a
 * matter of one to one and a half seconds at the default lease.
 */

#define AGAIN_MS 1000 /* where the kernel did not take a gate down */

bool
keeper_drives(const struct keeper *k)
{
	return k->settings.mode == MODE_DRIVE && k->gates != NULL;
}

/* Calls `each` for every gate of the site. */
typedef void gate_each(struct keeper *k, const char *name, int rung, void *arg);

static void
for_each_gate(struct keeper *k, const struct site *site, gate_each *each, void *arg)
{
	char name[LOCK_NAME];

	for (int lane = 0; lane < site->n_services * N_FAMILIES; lane++) {
		if (!lane_exists(site, lane))
			continue;
		for (int rung = RUNG_DRAIN; rung < site->n_rungs; rung++)
			each(k, lane_gate(site, lane, rung, name), rung, arg);
	}
}

static void
count_open(struct keeper *k, const char *name, int rung, void *arg)
{
	int *open = arg;

	(void)rung;
	*open += gate_state(k->gates, name) == LOCK_OPEN;
}

/* Nobody looks at the neighbours now: what was found of them is not known any more. */
void
gates_forget(struct keeper *k)
{
	const struct site *site = &k->settings.site;
	struct err err;

	if (keeper_drives(k) && site->fleet.n_watch > 0 && lanes_with_beacons(site, 3) &&
	    beacons_forget(site, &err) < 0)
		event_say(EVENT_WARN, "gates", "could not take verdicts back: %s", err.text);
}

bool
gates_silence(struct keeper *k, const char *why)
{
	int open = 0;
	struct err err;

	if (!keeper_drives(k))
		return true;
	for_each_gate(k, &k->settings.site, count_open, &open);
	if (gates_all_down(k->gates, &k->settings.site, &err) == -1) {
		event_say(EVENT_ALARM, "gates", "could not put every gate down: %s", err.text);
		return false;
	}
	if (open > 0)
		event_say(EVENT_ALARM, "gates_down", "%s", why);
	return true;
}

/* A keeper that died took its workers with it: whatever it left announced is not true any more. */
void
gates_start(struct keeper *k)
{
	struct err err;

	if (k->settings.mode != MODE_DRIVE)
		return;
	k->gates = gates_open(&err);
	if (k->gates == NULL)
		event_say(EVENT_ALARM, "gates", "the keeper cannot reach the gates: %s", err.text);
	else if (!k->hot)
		gates_silence(k, "left up by a keeper that did not end cleanly");
}

static bool
is_settled(const struct keeper *k, struct mono now)
{
	return k->brain.state == BRAIN_WELL &&
	    mono_diff_ms(now, k->brain.hello_at) >= k->settings.keeper.lease_ms / 2;
}

void
gates_reflex(struct keeper *k)
{
	struct mono now = mono_now(), due;

	if (k->settings.workers.count == 0 || k->phase == KEEPER_STOPPING || !keeper_drives(k) ||
	    !mono_is_set(k->none_since) || is_settled(k, now)) {
		keeper_set_timer(k, &k->reflex, -1);
		return;
	}
	due = mono_add_ms(k->none_since, k->settings.keeper.lease_ms / 2);
	if (mono_before(now, due)) {
		keeper_set_timer(k, &k->reflex, mono_diff_ms(due, now) + 1);
		return;
	}
	keeper_set_timer(k, &k->reflex, -1);
	/* Nobody else would try again. */
	if (!gates_silence(k, "reflex: no brain in charge and no worker ready"))
		keeper_set_timer(k, &k->reflex, AGAIN_MS);
}

static void
count_better(struct keeper *k, const char *name, int rung, void *arg)
{
	int *open = arg;

	*open += rung > RUNG_DRAIN && gate_state(k->gates, name) == LOCK_OPEN;
}

void
gates_dead_man(struct keeper *k)
{
	int better = 0, why;

	if (!keeper_drives(k) || k->settings.keeper.dead_man == DEAD_MAN_HOLD)
		return;
	if (k->settings.keeper.dead_man == DEAD_MAN_SILENT) {
		gates_silence(k, "the brain died, and keeper.dead_man = silent");
		return;
	}
	for_each_gate(k, &k->settings.site, count_better, &better);
	if (better == 0 || k->drainer != 0)
		return;
	/* Going below what was asked for would be worse than staying: see gates_drained(). */
	why = drain_start(&k->settings.site, &k->drainer);
	if (why != 0)
		event_say(EVENT_ALARM, "dead_man", "cannot drain: %s; the rungs stay as they are",
		    strerror(why));
}

/* Make before break, lane by lane: the better gates go down only beside an open drain. */
static void
drain_lane(struct keeper *k, int lane)
{
	const struct site *site = &k->settings.site;
	char name[LOCK_NAME];
	bool better = false;
	struct err err;

	for (int rung = RUNG_DRAIN + 1; rung < site->n_rungs; rung++)
		better |= gate_state(k->gates, lane_gate(site, lane, rung, name)) == LOCK_OPEN;
	if (!better)
		return;
	if (gate_set(k->gates, lane_gate(site, lane, RUNG_DRAIN, name), true, &err) == -1) {
		event_say(EVENT_ALARM, "dead_man", "cannot drain: %s; the rung stays", err.text);
		return;
	}
	for (int rung = RUNG_DRAIN + 1; rung < site->n_rungs; rung++)
		if (gate_set(k->gates, lane_gate(site, lane, rung, name), false, &err) == -1)
			event_say(EVENT_ALARM, "dead_man", "%s", err.text);
}

/* The messenger is back: `enabled` means that BIRD confirmed drain's protocols enabled. */
void
gates_drained(struct keeper *k, bool enabled)
{
	if (!keeper_drives(k) || k->phase == KEEPER_STOPPING)
		return;
	if (!enabled) {
		event_say(EVENT_ALARM, "dead_man", "BIRD did not enable the drain protocols; the "
		    "rungs stay as they are");
		return;
	}
	for (int lane = 0; lane < k->settings.site.n_services * N_FAMILIES; lane++)
		if (lane_exists(&k->settings.site, lane))
			drain_lane(k, lane);
	event_say(EVENT_ALARM, "dead_man", "the brain died, and keeper.dead_man = drain");
}

struct names {
	const char *name;
	bool found;
};

static void
compare(struct keeper *k, const char *name, int rung, void *arg)
{
	struct names *n = arg;

	(void)k;
	(void)rung;
	n->found |= strcmp(n->name, name) == 0;
}

static void
remove_gate(struct keeper *k, const char *name, int rung, void *arg)
{
	const struct site *keep = arg;
	struct names n = {.name = name};
	struct err err;

	(void)rung;
	if (keep != NULL)
		for_each_gate(k, keep, compare, &n);
	if (n.found || gate_state(k->gates, name) == LOCK_ABSENT)
		return;
	if (gate_set(k->gates, name, false, &err) == -1 ||
	    gate_delete(k->gates, name, &err) == -1)
		event_say(EVENT_WARN, "gates", "%s", err.text);
}

void
gates_remove(struct keeper *k, const struct site *keep)
{
	struct site copy;

	if (!keeper_drives(k))
		return;
	if (keep != NULL)
		copy = *keep;
	for_each_gate(k, &k->settings.site, remove_gate, keep != NULL ? &copy : NULL);
}
