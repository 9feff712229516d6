/*
 * brain_lanes: one decision per dirty lane and turn of the loop: facts to judgement, judgement and
 * limits and proof to ladder, the ladder's word to the driver. This is the one place where a rung
 * changes; it says so, records it with its inputs, and runs the hook.
 */
#include "healthd/brain.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "lib/ensure.h"
#include "lib/event.h"

uint32_t
lanes_all(const struct brain *b)
{
	uint32_t mask = 0;

	for (int l = 0; l < MAX_LANES; l++)
		mask |= (uint32_t)b->lanes[l].exists << l;
	return mask;
}

void
lanes_touch(struct brain *b, uint32_t mask)
{
	for (int l = 0; l < MAX_LANES; l++)
		if (mask & 1U << l)
			b->lanes[l].dirty = true;
}

const char *
lane_rung_name(const struct brain *b, int rung)
{
	return rung < 0 ? "none" : b->settings.site.rungs[rung].name;
}

/* --- what the ladder is told ------------------------------------------------------------------ */

static bool
addresses_bound(const struct brain *b, int lane)
{
	struct addr own[MAX_ADDRESSES];
	int n = lane_addresses(&b->settings.site, lane, own);

	for (int i = 0; i < n; i++)
		for (int a = 0; a < b->n_addresses; a++)
			if (addr_equal(&own[i], &b->addresses[a].address) &&
			    !(b->addresses[a].known && b->addresses[a].present))
				return false;
	return true;
}

static bool
listeners_answer(const struct brain *b, const struct lane *lane)
{
	for (int n = 0; n < b->n_instances; n++) {
		const struct instance *i = &b->instances[n];

		if ((lane->facts & UINT64_C(1) << n) && i->conf->kind == KIND_DNS &&
		    i->conf->target == DNS_ANYCAST && i->fact.class == CLASS_SELF &&
		    i->fact.verdict != VERDICT_OK)
			return false;
	}
	return true;
}

static bool
session_up(const struct brain *b, enum family family)
{
	for (int s = 0; s < b->settings.site.bird.n_sessions; s++)
		if (b->settings.site.bird.sessions[s].families & 1U << family &&
		    b->sessions[s].state == SESSION_UP)
			return true;
	return b->settings.site.bird.n_sessions == 0;
}

/* Foreign workers tell nothing of their cache: warm is that recursion works through them, or that
 * they have had their time to try. */
static bool
is_warm(const struct brain *b, const struct lane *lane, struct mono now)
{
	bool asked = false;

	for (int n = 0; n < b->n_instances; n++) {
		const struct instance *i = &b->instances[n];

		if (!(lane->facts & UINT64_C(1) << n) || i->conf->kind != KIND_DNS ||
		    !i->conf->recursion)
			continue;
		if (i->fact.verdict == VERDICT_OK)
			return true;
		asked = true;
	}
	return !asked || (mono_is_set(b->warm_since) &&
			     mono_diff_ms(now, b->warm_since) >=
				 b->settings.ladder.preflight_warm_ms);
}

static bool
gates_exist(const struct brain *b, const struct lane *lane)
{
	const struct door_view *v = driver_view(b->driver, lane->index);

	for (int r = 1; r < b->settings.site.n_rungs; r++)
		if (v->gate[r] != LOCK_OPEN && v->gate[r] != LOCK_CLOSED)
			return false;
	return true;
}

static uint32_t
preflight_missing(const struct brain *b, const struct lane *lane, struct mono now)
{
	uint32_t missing = 0;

	if (!addresses_bound(b, lane->index))
		missing |= PREFLIGHT_ADDRESSES;
	if (!listeners_answer(b, lane))
		missing |= PREFLIGHT_LISTENERS;
	if (b->n_slots > 0 && workers_ready(b) < b->settings.workers.min_ready)
		missing |= PREFLIGHT_WORKERS;
	if (!is_warm(b, lane, now))
		missing |= PREFLIGHT_WARM;
	if (b->settings.mode == MODE_OBSERVE)
		return missing;
	if (!session_up(b, lane_family(lane->index)))
		missing |= PREFLIGHT_SESSION;
	if (!gates_exist(b, lane))
		missing |= PREFLIGHT_GATES;
	return missing;
}

static int
proven_rung(const struct brain *b, const struct lane *lane)
{
	const struct door *door = driver_door(b->driver, lane->index);

	/* Nothing is written when observing, so nothing can be shown either: decisions run as if.
	 */
	if (b->settings.mode == MODE_OBSERVE)
		return lane->ladder.rung;
	if (lane->ladder.phase == LADDER_ADOPT)
		return driver_shown(b->driver, lane->index);
	return door->order == lane->ladder.rung ? door->proven : -1;
}

static uint64_t
seen_by_us(const struct brain *b)
{
	uint64_t seen = 0;

	for (int n = 0; n < b->n_instances; n++) {
		const struct instance *i = &b->instances[n];
		bool all = true;

		for (int t = 0; t < i->n_targets; t++)
			all &= flight_seen(mono_is_set(i->targets[t].last.at),
			    &i->targets[t].window);
		seen |= (uint64_t)all << n;
	}
	return seen;
}

/* --- deciding --------------------------------------------------------------------------------- */

static void
lane_born(struct brain *b, struct lane *lane, struct mono now)
{
	const struct door_view *view = driver_view(b->driver, lane->index);
	int shown = driver_shown(b->driver, lane->index);
	struct flight_birth birth = {
	    .lane = lane->index,
	    .at = now,
	    .has_saved = lane->has_saved,
	    .fresh = b->lease_fresh,
	    .saved = lane->saved,
	};

	lane->born = true;
	/* A BIRD that hangs just now is no reason to close what stands: the gate that is open
	 * alone, of the rung that the predecessor ordered, is enough. */
	if (!mono_is_set(view->bird_at) && lane->has_saved && shown < 0 &&
	    door_gate_shown(view, b->settings.site.n_rungs) == lane->saved.rung)
		shown = lane->saved.rung;
	birth.shown = shown;
	record_birth(b, &birth);
	lane->ladder = flight_born(&b->settings.ladder, &birth);
	if (lane->ladder.phase == LADDER_ADOPT)
		event_say(EVENT_NOTICE, "adopt", "%s: %s %s", lane->name,
		    mono_is_set(view->bird_at) ? "BIRD and the gates show"
					       : "BIRD does not answer, its gate shows",
		    lane_rung_name(b, shown));
	else if (shown > RUNG_SILENT)
		event_say(EVENT_WARN, "adopt_refused",
		    "%s: BIRD and the gates show %s, but no saved lease under 60 s old says so",
		    lane->name, lane_rung_name(b, shown));
}

/* Has the first look at BIRD come, or the time run out to wait for it? */
static bool
lane_ripe(struct brain *b, struct lane *lane, struct mono now)
{
	return mono_is_set(driver_view(b->driver, lane->index)->bird_at) ||
	       !mono_before(now, b->look_until);
}

static void
arm(struct brain *b, struct lane *lane, struct mono next, struct mono now)
{
	double wait;

	ev_timer_stop(b->loop, &lane->timer);
	if (!mono_is_set(next) || next.us == INT64_MAX)
		return;
	wait = (double)mono_diff_us(next, now) / 1e6;
	ev_timer_set(&lane->timer, wait < 0.001 ? 0.001 : wait, 0);
	ev_timer_start(b->loop, &lane->timer);
}

static void
lane_order(struct brain *b, struct lane *lane, int from)
{
	/* While adopting, the predecessor's rung stands untouched. */
	if (lane->ladder.phase == LADDER_ADOPT && !lane->out.moved)
		return;
	if (lane->ordered && !lane->out.moved)
		return;
	lane->ordered = true;
	driver_order(b->driver, lane->index, lane->ladder.rung);
	if (!lane->out.moved)
		return;
	say_move(b, lane, from);
	hook_run(b, lane, from, lane->ladder.rung);
	b->state_due = true;
}

static void
lane_decide(struct brain *b, struct lane *lane, struct mono now)
{
	struct ladder_out *out = &lane->out;
	struct fact facts[MAX_CHECKS];
	const char *names[MAX_CHECKS];
	struct ladder before;
	struct ladder_in in;
	int wish = lane->out.wish;
	enum ladder_rule rule = lane->out.rule;
	bool starved = roster_starved(&b->roster, now) || load_is_full(b->load);
	struct decision d = {.site = &b->settings.site,
	    .lane = lane->index,
	    .observe = b->settings.mode == MODE_OBSERVE,
	    .starved = starved,
	    .now = now,
	    .before = &before,
	    .in = &in,
	    .out = out,
	    .facts = facts,
	    .names = names,
	    .n_facts = b->n_instances,
	    .mask = lane->facts};

	if (!lane->born && !lane_ripe(b, lane, now)) {
		arm(b, lane, b->look_until, now);
		return;
	}
	if (!lane->born)
		lane_born(b, lane, now);
	for (int n = 0; n < b->n_instances; n++) {
		facts[n] = b->instances[n].fact;
		names[n] = b->instances[n].name;
	}
	lane->judgement = judge_seen(facts, b->n_instances, lane->facts, seen_by_us(b), starved);
	lane->preflight = preflight_missing(b, lane, now);
	fleet_step(b, lane, now);
	struct mono expiry = limits_tick(lane->limits, MAX_LIMITS, now);
	in = (struct ladder_in){
	    .judgement = lane->judgement,
	    .preflight = lane->preflight,
	    .proven = proven_rung(b, lane),
	    .limits = lane->limits,
	    .n_limits = MAX_LIMITS,
	    .fleet = lane->fleet,
	    .shutdown = b->shutdown,
	    .shutdown_silent = b->shutdown_silent,
	};
	before = lane->ladder;
	record_step(b, lane, &in, starved, now);
	*out = ladder_step(&b->settings.ladder, before, &in, now);
	lane->ladder = out->state;
	b->counters.decisions++;
	record_decision(b, lane, &d, flight_news(out, wish, rule));
	lane_order(b, lane, before.rung);
	say_proof(b, lane);
	fleet_tell(b, lane);
	if (mono_is_set(expiry) && (!mono_is_set(out->next) || mono_before(expiry, out->next)))
		out->next = expiry;
	arm(b, lane, out->next, now);
}

void
lanes_decide(struct brain *b)
{
	for (int l = 0; l < MAX_LANES; l++) {
		struct lane *lane = &b->lanes[l];

		/* An order may report back at once and dirty its lane again: settle within the
		 * turn, bounded in case two rules ever disagree. */
		for (int turns = 0; lane->exists && lane->dirty && turns < 4; turns++) {
			lane->dirty = false;
			lane_decide(b, lane, mono_now());
		}
	}
}

/* --- what comes back from BIRD ---------------------------------------------------------------- */

/* An operator who disables our protocol in BIRD is respected downward, for a while, and shown. */
static void
follow_hand(struct brain *b, struct lane *lane, int hand)
{
	struct limit limit = {
	    .set = true,
	    .owner = OWNER_BIRDC,
	    .sort = LIMIT_CAP,
	    .rung = RUNG_SILENT,
	    .until = mono_add_ms(mono_now(), b->settings.site.bird.hand_ms),
	};
	char name[LOCK_NAME];

	if (hand == lane->hand)
		return;
	lane->hand = (int8_t)hand;
	if (hand < 0)
		return;
	snprintf(limit.reason, sizeof(limit.reason),
	    "%s was disabled by hand in BIRD; bgpctl undrain ends it sooner",
	    lane_protocol(&b->settings.site, lane->index, hand, name));
	limits_put(lane->limits, MAX_LIMITS, &limit);
	limits_save(b);
}

static void
on_lane(void *arg, int index, const struct door *door, const struct door_view *view)
{
	struct brain *b = arg;
	struct lane *lane = &b->lanes[index];

	(void)view;
	if (b->settings.mode == MODE_DRIVE) {
		follow_hand(b, lane, door->hand);
		say_alarms(b, lane, lane->ordered ? door->alarms : 0);
	}
	lane->dirty = true;
}

static void
on_sessions(void *arg, const struct session_view *s, int n)
{
	struct brain *b = arg;
	const struct site *site = &b->settings.site;

	for (int i = 0; i < n; i++) {
		struct event e;

		if (s[i].state == b->sessions[i].state && s[i].bfd_up == b->sessions[i].bfd_up)
			continue;
		/* Found up at our start is no news. */
		event_begin(&e,
		    s[i].state != SESSION_UP                      ? EVENT_WARN
		    : b->sessions[i].state == SESSION_UNKNOWN ? EVENT_INFO
							      : EVENT_NOTICE,
		    "session");
		event_str(&e, "session", site->bird.sessions[i].name);
		event_str(&e, "state", session_state_name(s[i].state));
		event_str(&e, "text", s[i].text);
		if (s[i].bfd_known)
			event_str(&e, "bfd", s[i].bfd_up ? "up" : "down");
		event_send(&e);
	}
	fleet_sessions(b, s);
	memcpy(b->sessions, s, sizeof(*s) * (size_t)n);
	checks_sessions(b);
	lanes_touch(b, lanes_all(b));
}

const char *
session_state_name(enum session_state s)
{
	static const char *const names[] = {"unknown", "missing", "down", "up"};

	return names[s];
}

const char bird_unconfirmed[] =
    "BIRD's configuration is not confirmed and goes back by itself; `birdc configure confirm` keeps "
    "it, `birdc configure undo` goes back now";

static void
follow_undo(struct brain *b)
{
	bool undo = driver_undo(b->driver);

	if (undo == b->bird.undo)
		return;
	b->bird.undo = undo;
	event_say(undo ? EVENT_ALARM : EVENT_NOTICE, "undo", "%s",
	    undo ? bird_unconfirmed : "BIRD's configuration is no longer waiting to be undone");
}

static void
on_bird(void *arg, bool answers, const char *version, const char *boot, const char *reconfigured)
{
	struct brain *b = arg;
	struct event e;

	if (answers != b->bird.answers || (answers && strcmp(boot, b->bird.boot) != 0)) {
		event_begin(&e, answers ? EVENT_NOTICE : EVENT_ALARM, "bird");
		event_str(&e, "answers", answers ? "yes" : "no");
		if (answers) {
			event_str(&e, "version", version);
			event_str(&e, "boot", boot);
		}
		event_send(&e);
	}
	b->bird.answers = answers;
	if (answers) {
		snprintf(b->bird.version, sizeof(b->bird.version), "%s", version);
		snprintf(b->bird.boot, sizeof(b->bird.boot), "%s", boot);
		snprintf(b->bird.reconfigured, sizeof(b->bird.reconfigured), "%s", reconfigured);
	}
	follow_undo(b);
	lanes_touch(b, lanes_all(b));
}

struct driver_events
lanes_driver_events(struct brain *b)
{
	return (struct driver_events){
	    .lane = on_lane, .sessions = on_sessions, .bird = on_bird, .arg = b};
}

static void
on_lane_timer(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	struct lane *lane = w->data;

	(void)loop;
	(void)revents;
	lane->dirty = true;
}

void
lanes_init(struct brain *b)
{
	const struct site *site = &b->settings.site;

	for (int l = 0; l < MAX_LANES; l++) {
		struct lane *lane = &b->lanes[l];

		lane->exists = lane_service(l) < site->n_services && lane_exists(site, l);
		lane->index = l;
		lane->hand = lane->claimed = -1;
		lane->out.fault = -1; /* no check: the guard asks before the ladder was stepped */
		ev_timer_init(&lane->timer, on_lane_timer, 0, 0);
		lane->timer.data = lane;
		if (!lane->exists)
			continue;
		lane_name(site, l, lane->name);
		lane->dirty = true;
	}
}
