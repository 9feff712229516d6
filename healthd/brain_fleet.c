/*
 * brain_fleet: the fleet's view to the guard, the guard's word to the ladder, and what this node
 * tells the others. The guard is stepped whenever its lane is decided, and a lane is decided with
 * each new view.
 */
#include "healthd/brain.h"

#include <stdio.h>
#include <string.h>

#include "lib/event.h"

static const char *const SEVERITIES[] = {"none", "shared", "low", "high", "vital"};

const char *
severity_name(int severity)
{
	return severity >= 0 && severity < N_SEVERITIES ? SEVERITIES[severity] : "?";
}

bool
fleet_has(const struct brain *b, const struct lane *lane)
{
	return b->fleet.watch != NULL && lane_beacons(&b->settings.site, lane->index) != NULL;
}

struct guard_conf
fleet_guard_conf(const struct site *site)
{
	return (struct guard_conf){
	    .id = (int)site->fleet.id,
	    .size = (int)site->fleet.size,
	    .min_announcing = (int)site->fleet.min_announcing,
	    .max_suspended = site_budget(site),
	    .region = beacon_region(site->fleet.region),
	    .settle_ms = site->fleet.settle_ms,
	    .view_max_age_ms = site->fleet.view_max_age_ms,
	};
}

/* --- what the guard is told and says ---------------------------------------------------------- */

/* The shared check that fails here, by name: the same name means the same thing everywhere. */
static uint8_t
shared_fault(const struct brain *b, const struct lane *lane)
{
	int fault = lane->out.fault;

	if (!lane->born || fault < 0 || fault >= b->n_instances)
		return 0;
	return beacon_fault_of(b->instances[fault].conf->name);
}

/*
 * The others see what a predecessor told all along: its place among the wishes stays ours until our
 * checks say what is wished now. The guard hears of it as of a wish that begins (decision 0044).
 */
static void
follow_predecessor(const struct lane *lane, struct guard_in *in)
{
	if (lane->left.severity >= SEVERITY_LOW && in->severity < lane->left.severity)
		in->severity = lane->left.severity;
	if (lane->left.severity != SEVERITY_NONE && in->fault == 0)
		in->fault = lane->left.fault;
}

/* Is that known? A round is not enough while the score is low and proof that the fault is here
 * waits for a shared check's turn. */
static bool
knows_own_wish(const struct lane *lane)
{
	return lane->out.severity >= SEVERITY_LOW ||
	       (lane->judgement.round && lane->out.wish > RUNG_SILENT);
}

/* Then the guard is asked again, with that alone. At the latest when a wish that was told anew
 * after the freeze would have settled: others must not wait for nothing for longer. */
static void
leave_predecessor(const struct brain *b, struct lane *lane)
{
	int64_t since_ms = mono_diff_ms(mono_now(), b->started);

	if (lane->left.severity == SEVERITY_NONE ||
	    (!knows_own_wish(lane) && since_ms < 2 * b->settings.site.fleet.settle_ms))
		return;
	lane->left = (struct beacon_words){.severity = SEVERITY_NONE};
	lane->dirty = true;
}

/* As published by the guard; before the first view it has no word of its own. */
static uint8_t
told_severity(const struct brain *b, const struct lane *lane)
{
	bool seen = mono_is_set(fleetwatch_view(b->fleet.watch, lane->index)->at);

	return !seen && lane->left.severity > lane->guard.severity ? lane->left.severity
								   : lane->guard.severity;
}

/* --- what is said ----------------------------------------------------------------------------- */

static bool
guard_differs(const struct guard_out *a, const struct guard_out *b)
{
	return a->standing != b->standing || a->granted != b->granted || a->back != b->back ||
	       a->emergency != b->emergency || a->keep != b->keep ||
	       a->state.severity != b->state.severity;
}

static void
say_guard(const struct brain *b, struct lane *lane, const struct fleet_view *v, struct mono now)
{
	const struct guard_out *o = &lane->guarded;
	bool conflict = v->conflict != lane->fleet_said.conflict;
	bool bad = o->standing != FLEET_FRESH || o->emergency || v->conflict;
	struct event e;

	/* Before the first view could have come there is nothing to be missed. */
	if (o->standing == FLEET_STALE && !mono_is_set(v->at) &&
	    mono_diff_ms(now, b->started) < b->settings.site.fleet.view_max_age_ms)
		return;
	if (!conflict && !guard_differs(o, &lane->fleet_said.out))
		return;
	lane->fleet_said.out = *o;
	lane->fleet_said.conflict = v->conflict;
	event_begin(&e, bad ? EVENT_ALARM : EVENT_NOTICE, "fleet");
	event_str(&e, "service", b->settings.site.services[lane_service(lane->index)].name);
	event_str(&e, "family", family_name(lane_family(lane->index)));
	event_str(&e, "standing", fleet_standing_name(o->standing));
	event_str(&e, "intent", severity_name(o->state.severity));
	event_str(&e, "word",
	    o->back	   ? "come back"
	    : o->granted   ? "may go silent"
	    : o->keep	   ? "keep the rung"
	    : o->emergency ? "emergency"
			   : "none");
	event_int(&e, "in_view", o->in_view);
	event_int(&e, "announcing", o->announcing);
	event_int(&e, "suspended", o->suspended);
	event_int(&e, "budget", o->budget);
	if (v->conflict)
		event_int(&e, "foreign_nonce", v->foreign);
	event_str(&e, "because", v->conflict ? "another node tells beacons of our id" : o->because);
	event_send(&e);
}

/* Why the lane is no better, in flags. */
static uint8_t
flags_of(const struct brain *b, const struct lane *lane, uint8_t severity)
{
	const struct judgement *j = &lane->judgement;
	uint8_t flags = 0;

	for (int i = 0; i < lane->out.n_limits; i++) {
		const struct limit *l = &lane->out.limits[i];

		if ((l->owner == OWNER_OPERATOR || l->owner == OWNER_BIRDC ||
			l->owner == OWNER_REGION) &&
		    l->sort != LIMIT_FLOOR && l->rung < b->settings.site.n_rungs - 1)
			flags |= BEACON_HAND;
	}
	if (judgement_is_overload(j))
		flags |= BEACON_ABSORBING;
	if (b->shutdown)
		flags |= BEACON_STOPPING;
	if (lane->out.wish > lane->ladder.rung && !j->unknown)
		flags |= BEACON_CLIMBING;
	if (severity >= SEVERITY_LOW)
		flags |= BEACON_WISHING;
	return flags;
}

void
fleet_step(struct brain *b, struct lane *lane, struct mono now)
{
	struct guard_conf conf = fleet_guard_conf(&b->settings.site);
	bool silent = lane->ladder.rung == RUNG_SILENT;
	const struct fleet_view *v;
	struct guard_in in;

	if (!fleet_has(b, lane))
		return;
	v = fleetwatch_view(b->fleet.watch, lane->index);
	in = (struct guard_in){
	    .peers = v->peers,
	    .n_peers = v->n_peers,
	    .view_at = v->at,
	    .conflict = v->conflict,
	    .session_lost = lane->fleet_session_lost,
	    .silent = silent,
	    .discretionary = silent && lane->ladder.chosen,
	    .severity = lane->out.severity,
	    .fault = shared_fault(b, lane),
	};
	follow_predecessor(lane, &in);
	lane->fleet_session_lost = false;
	lane->fleet_heard.severity = lane->out.severity;
	lane->fleet_heard.fault = lane->out.fault;
	lane->guarded = guard_step(&conf, lane->guard, &in, now);
	lane->guard = lane->guarded.state;
	lane->fleet = (struct ladder_fleet){
	    .standing = lane->guarded.standing,
	    .vital = lane->guarded.vital,
	    .granted = lane->guarded.granted,
	    .back = lane->guarded.back,
	    .emergency = lane->guarded.emergency,
	    .keep = lane->guarded.keep,
	    .strained = lane->guarded.strained,
	    .because = lane->guarded.because,
	};
	say_guard(b, lane, v, now);
	region_step(b, lane, now);
}

/* The intent, the load, and why the rung is no better; the rung itself is the driver's. */
void
fleet_tell(struct brain *b, struct lane *lane)
{
	struct beacon_words words = {.load = b->load};
	struct ladder_out *out = &lane->out;

	if (!fleet_has(b, lane))
		return;
	/* The guard hears of a wish that is new in the same turn. */
	lane->dirty |= out->severity != lane->fleet_heard.severity ||
		       out->fault != lane->fleet_heard.fault || out->moved;
	out->next =
	    mono_is_set(out->next) ? mono_min(out->next, lane->guarded.next) : lane->guarded.next;
	out->next = mono_min(out->next, lane->heeded.next);
	words.severity = told_severity(b, lane);
	words.flags = flags_of(b, lane, words.severity);
	words.fault = words.severity != SEVERITY_NONE ? lane->guard.fault : 0;
	vantages_tell(b, lane->index, words.verdicts);
	region_words(lane, &words);
	driver_say(b->driver, lane->index, &words);
	leave_predecessor(b, lane);
}

/* --- what comes in ---------------------------------------------------------------------------- */

void
fleet_sessions(struct brain *b, const struct session_view *now)
{
	const struct site *site = &b->settings.site;

	for (int s = 0; s < site->bird.n_sessions; s++) {
		const struct session *session = &site->bird.sessions[s];

		if (!session->fleet || b->sessions[s].state != SESSION_UP ||
		    now[s].state == SESSION_UP)
			continue;
		for (int l = 0; l < MAX_LANES; l++)
			if (session->families >> lane_family(l) & 1)
				b->lanes[l].fleet_session_lost = true;
	}
}

static void
on_view(void *arg, uint32_t lanes)
{
	struct brain *b = arg;
	struct event e;

	if (b->fleet.lost[0] != '\0') {
		event_begin(&e, EVENT_NOTICE, "fleet");
		event_str(&e, "view", "back");
		event_send(&e);
		b->fleet.lost[0] = '\0';
	}
	vantages_view(b, lanes);
	lanes_touch(b, lanes);
}

static void
on_lost(void *arg, const char *why)
{
	struct brain *b = arg;
	struct event e;

	if (strncmp(b->fleet.lost, why, sizeof(b->fleet.lost) - 1) == 0)
		return;
	snprintf(b->fleet.lost, sizeof(b->fleet.lost), "%.159s", why);
	event_begin(&e, EVENT_ALARM, "fleet");
	event_str(&e, "view", "lost");
	event_str(&e, "because", why);
	event_send(&e);
}

void
fleet_init(struct brain *b)
{
	struct fleetwatch_events events = {.view = on_view, .lost = on_lost, .arg = b};

	if (!lanes_with_beacons(&b->settings.site, 3))
		return;
	for (int l = 0; l < MAX_LANES; l++) {
		b->lanes[l].guard = guard_init();
		if (lane_beacons(&b->settings.site, l) != NULL)
			b->lanes[l].left = driver_words(b->driver, l);
	}
	b->fleet.watch =
	    fleetwatch_new(b->loop, &b->settings.site, driver_nonce(b->driver), &events);
}

void
fleet_fini(struct brain *b)
{
	fleetwatch_free(b->fleet.watch);
	b->fleet.watch = NULL;
}
