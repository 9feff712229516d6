/*
 * brain_region: drains of whole regions. What is asked for at this node is told to the fleet by a
 * request beacon until its end; what others ask of this node's region becomes a limit of the lane,
 * held by the owner "region", while heed_step() says so. So what the ladder is told of it stands in
 * the flight record like any other limit.
 */
#include "healthd/brain.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "lib/event.h"

static int64_t
wall_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return ts.tv_sec;
}

uint16_t
region_expiry(struct mono until)
{
	return beacon_expiry(wall_s(), (mono_diff_ms(until, mono_now()) + 999) / 1000);
}

static struct heed_conf
heed_conf(const struct site *site)
{
	return (struct heed_conf){
	    .id = (int)site->fleet.id,
	    .region = beacon_region(site->fleet.region),
	    .others = site->fleet.heed_requests,
	    .needed = (int)(site->fleet.min_announcing > 1 ? site->fleet.min_announcing : 1),
	    .settle_ms = site->fleet.settle_ms,
	};
}

struct heed_in
region_heed_in(const struct brain *b, const struct lane *lane)
{
	const struct fleet_view *v = fleetwatch_view(b->fleet.watch, lane->index);

	return (struct heed_in){
	    .peers = v->peers,
	    .n_peers = v->n_peers,
	    .view_at = v->at,
	    .fresh = lane->guarded.standing == FLEET_FRESH,
	    .own_region = lane->ask.set ? beacon_region(lane->ask.region) : 0,
	    .own_expiry = lane->ask.expiry,
	    .wall_s = wall_s(),
	};
}

void
region_words(const struct lane *lane, struct beacon_words *words)
{
	words->request_region = lane->ask.set ? beacon_region(lane->ask.region) : 0;
	words->request_expiry = lane->ask.set ? lane->ask.expiry : 0;
}

/* --- what is heeded --------------------------------------------------------------------------- */

static void
begin_event(struct event *e, const struct brain *b, const struct lane *lane, enum event_level level)
{
	event_begin(e, level, "region");
	event_str(e, "service", b->settings.site.services[lane_service(lane->index)].name);
	event_str(e, "family", family_name(lane_family(lane->index)));
}

static void
say_heed(const struct brain *b, const struct lane *lane, const struct heed_out *was)
{
	const struct heed_out *o = &lane->heeded;
	bool bad = o->word == HEED_FEW || o->word == HEED_DEAF || o->word == HEED_KEPT;
	struct event e;

	if (o->word == was->word && o->state.on == was->state.on &&
	    o->state.from == was->state.from)
		return;
	begin_event(&e, b, lane, bad ? EVENT_WARN : EVENT_NOTICE);
	event_str(&e, "region", b->settings.site.fleet.region);
	event_str(&e, "request", heed_word_name(o->word));
	if (o->state.from != 0)
		event_int(&e, "from", o->state.from);
	if (o->state.on)
		event_int(&e, "left_s", mono_diff_ms(o->state.until, mono_now()) / 1000);
	event_int(&e, "takers", o->takers);
	event_int(&e, "needed", heed_conf(&b->settings.site).needed);
	event_str(&e, "because", heed_word_means(o->word));
	event_send(&e);
}

static bool
stands(const struct lane *lane, const struct limit *like)
{
	for (int i = 0; i < MAX_LIMITS; i++) {
		const struct limit *l = &lane->limits[i];

		if (l->set && l->owner == like->owner)
			return l->until.us == like->until.us && strcmp(l->who, like->who) == 0 &&
			       strcmp(l->reason, like->reason) == 0;
	}
	return false;
}

/* The lane's limit follows. */
static void
follow(struct brain *b, struct lane *lane)
{
	const struct heed *s = &lane->heeded.state;
	struct limit limit = {.set = true,
	    .owner = OWNER_REGION,
	    .sort = LIMIT_CAP,
	    .rung = RUNG_DRAIN,
	    .until = s->until};

	if (!s->on) {
		if (limits_drop(lane->limits, MAX_LIMITS, OWNER_REGION))
			limits_save(b);
		return;
	}
	if (s->from == 0)
		return; /* as the predecessor left it */
	snprintf(limit.who, sizeof(limit.who), "node %d", s->from);
	snprintf(limit.reason, sizeof(limit.reason), "drain of region %s, asked for by node %d%s",
	    b->settings.site.fleet.region, s->from,
	    s->from == b->settings.site.fleet.id ? " (this one)" : "");
	if (stands(lane, &limit))
		return;
	limits_put(lane->limits, MAX_LIMITS, &limit);
	limits_save(b);
}

static void
ask_ends(struct brain *b, struct lane *lane, const char *why)
{
	struct event e;

	begin_event(&e, b, lane, EVENT_NOTICE);
	event_str(&e, "region", lane->ask.region);
	event_str(&e, "asked_here", why);
	event_send(&e);
	lane->ask = (struct ask){0};
	limits_save(b);
}

void
region_step(struct brain *b, struct lane *lane, struct mono now)
{
	struct heed_conf conf = heed_conf(&b->settings.site);
	struct heed_out was = lane->heeded;
	struct heed_in in;

	if (lane->ask.set && !mono_before(now, lane->ask.until))
		ask_ends(b, lane, "over");
	in = region_heed_in(b, lane);
	lane->heeded = heed_step(&conf, lane->heed, &in, now);
	lane->heed = lane->heeded.state;
	if (lane->ask.set)
		lane->heeded.next = mono_min(lane->heeded.next, lane->ask.until);
	follow(b, lane);
	say_heed(b, lane, &was);
}

/* --- what is asked for here ------------------------------------------------------------------- */

static int
may_ask(const struct brain *b, const struct lane *lane, const char *name, struct err *err)
{
	struct heed_in in = region_heed_in(b, lane);
	uint16_t region = beacon_region(name), own = beacon_region(b->settings.site.fleet.region);
	int needed = heed_conf(&b->settings.site).needed, takers, inside = own == region;

	if (!in.fresh)
		return err_set(err,
		    "%s: the view of the fleet is %s, so nobody would heed it; ask at "
		    "another node (--force asks all the same)",
		    lane->name, fleet_standing_name(lane->guarded.standing));
	for (int i = 0; i < in.n_peers; i++)
		inside += in.peers[i].region == region;
	if (inside == 0)
		return err_set(err,
		    "%s: no node in view is in a region %s; `bgpctl fleet` has them "
		    "(--force asks all the same)",
		    lane->name, name);
	takers = heed_takers(&in, region, true) +
		 (own != region && driver_told(b->driver, lane->index) > RUNG_DRAIN);
	if (takers < needed)
		return err_set(err,
		    "%s: %d of %d nodes needed elsewhere announce better than drain "
		    "and are not asked to drain themselves, so none of %s would heed it (--force "
		    "asks "
		    "all the same)",
		    lane->name, takers, needed, name);
	return 0;
}

int
region_ask(struct brain *b, uint32_t lanes, const struct ask *ask, bool force, struct err *err)
{
	for (int l = 0; l < MAX_LANES; l++) {
		const struct lane *lane = &b->lanes[l];

		if (!(lanes >> l & 1))
			continue;
		if (lane->ask.set && strcmp(lane->ask.region, ask->region) != 0)
			return err_set(err,
			    "%s: this node asks for a drain of %s already, and can ask "
			    "for one at a time; `bgpctl undrain --region %s` first, or ask at "
			    "another "
			    "node",
			    lane->name, lane->ask.region, lane->ask.region);
		if (!force && may_ask(b, lane, ask->region, err) < 0)
			return -1;
	}
	for (int l = 0; l < MAX_LANES; l++)
		if (lanes >> l & 1) {
			struct event e;

			b->lanes[l].ask = *ask;
			begin_event(&e, b, &b->lanes[l], EVENT_NOTICE);
			event_str(&e, "region", ask->region);
			event_str(&e, "asked_here", "begun");
			event_str(&e, "who", ask->who);
			event_int(&e, "for_s", mono_diff_ms(ask->until, mono_now()) / 1000);
			event_str(&e, "reason", ask->reason);
			event_send(&e);
		}
	limits_save(b);
	return 0;
}

int
region_end(struct brain *b, uint32_t lanes, const char *region)
{
	int n = 0;

	for (int l = 0; l < MAX_LANES; l++) {
		struct lane *lane = &b->lanes[l];

		if (!(lanes >> l & 1) || !lane->ask.set ||
		    (region != NULL && strcmp(lane->ask.region, region) != 0))
			continue;
		ask_ends(b, lane, "withdrawn");
		n++;
	}
	return n;
}

/* What a predecessor heard is kept until the fleet has been looked at, and what it asked for is
 * told on: without a break, since this comes before the first order. */
void
region_init(struct brain *b)
{
	for (int l = 0; l < MAX_LANES; l++) {
		struct beacon_words words;
		struct lane *lane = &b->lanes[l];

		if (!lane->exists || !fleet_has(b, lane)) {
			limits_drop(lane->limits, MAX_LIMITS, OWNER_REGION);
			lane->ask = (struct ask){0};
			continue;
		}
		for (int i = 0; i < MAX_LIMITS; i++)
			if (lane->limits[i].set && lane->limits[i].owner == OWNER_REGION)
				lane->heed =
				    (struct heed){.on = true, .until = lane->limits[i].until};
		lane->heeded.state = lane->heed;
		if (!lane->ask.set)
			continue;
		lane->ask.expiry = region_expiry(lane->ask.until);
		words = driver_words(b->driver, l); /* beside what a predecessor left */
		region_words(lane, &words);
		driver_say(b->driver, l, &words);
	}
}
