/*
 * brain_vantage: this node as a vantage point, and what the other vantage points say of it
 * (docs/fleet.md). Neighbours' windows are kept here, apart from the checks: what we find of others
 * is told to them and never judges us. What they say of us is an event when a majority forms or
 * ends, and one more fact where a check of kind "vantage" is configured.
 */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "healthd/brain.h"

#define SAY_MAX 6 /* majorities told in ... */
#define SAY_SPAN_MS 60000

const char *
vantage_sense_name(enum vantage_sense s)
{
	static const char *const names[] = {"none", "well", "failed"};

	return names[s];
}

struct neighbour *
vantages_of(const struct brain *b, int lane, int place)
{
	return &b->fleet.neighbours[lane * b->settings.site.fleet.n_watch + place];
}

static const struct watched *
watched_of(const struct neighbour *n)
{
	return &n->brain->settings.site.fleet.watch[n->place];
}

static void
begin_event(
    struct event *e, const struct brain *b, enum event_level level, int lane, const char *name)
{
	event_begin(e, level, name);
	event_str(e, "service", b->settings.site.services[lane_service(lane)].name);
	event_str(e, "family", family_name(lane_family(lane)));
}

/* --- what we find of others ------------------------------------------------------------------- */

static struct window_conf
window_conf(const struct site *site)
{
	return (struct window_conf){
	    .rise = (uint16_t)site->fleet.probe.rise,
	    .fall = (uint16_t)site->fleet.probe.fall,
	    .forgive = (uint16_t)site->fleet.probe.forgive,
	    .stale_ms =
		(uint32_t)(3 * site->fleet.probe.interval_ms + site->fleet.probe.timeout_ms),
	};
}

/* The one place where a told verdict changes. */
static void
retell(struct neighbour *n, struct mono now)
{
	struct brain *b = n->brain;
	enum beacon_verdict from = n->told.told;
	struct event e;

	n->told =
	    vantage_step(n->told, n->window.verdict, b->settings.site.fleet.probe.hold_ms, now);
	if (n->told.told == from)
		return;
	begin_event(&e, b, EVENT_NOTICE, n->lane, "watched");
	event_int(&e, "node", watched_of(n)->id);
	event_str(&e, "from", beacon_verdict_name(from));
	event_str(&e, "to", beacon_verdict_name(n->told.told));
	if (n->told.told == BEACON_FAILED)
		event_str(&e, "because", n->window.why);
	else if (n->told.told == BEACON_UNKNOWN)
		event_str(&e, "because",
		    !n->in_view	  ? "it is out of view"
		    : n->lost_way ? "we would ask from an anycast address"
				  : "no timely answer to go by");
	event_send(&e);
	lanes_touch(b, 1U << n->lane); /* which is told the others at the end of the turn */
}

static void
forget(struct neighbour *n, struct mono now)
{
	n->window = window_init(now);
	retell(n, now);
}

static void
on_sample(void *arg, const struct sample *s)
{
	struct neighbour *n = arg;
	struct window_conf conf = window_conf(&n->brain->settings.site);

	n->last = *s;
	if (!n->in_view || n->lost_way)
		return;
	n->window = window_step(&conf, n->window, s);
	retell(n, s->at);
}

/* A partition says nothing of a service, and when it ends nobody is to be found failed for it: who
 * is out of view is not known, and seen anew when he is back. */
static void
follow_view(struct neighbour *n, const struct fleet_view *v, bool fresh, struct mono now)
{
	const struct fleet_node *node = &v->nodes[watched_of(n)->id];
	bool in_view = fresh && node->known && !node->conflict && node->peer.rung >= 0;

	if (in_view == n->in_view)
		return;
	n->in_view = in_view;
	forget(n, now);
}

/* Would the kernel have us ask from an address that the answer would not come back to? */
static bool
leaves_from_anycast(struct brain *b, const struct addr *server)
{
	const struct site *site = &b->settings.site;
	struct sockaddr_storage to, from;
	socklen_t size = addr_sockaddr(server, 53, &to), had = sizeof(from);
	struct addr own;
	bool anycast = false;
	int fd;

	if (checks_source(b, server) != NULL)
		return false; /* the settings have seen to it */
	fd = socket(to.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return false;
	if (connect(fd, (struct sockaddr *)&to, size) == 0 &&
	    getsockname(fd, (struct sockaddr *)&from, &had) == 0 &&
	    addr_from_sockaddr(&from, &own))
		for (int s = 0; s < site->n_services; s++)
			for (int p = 0; p < site->services[s].n_prefixes; p++)
				anycast |= prefix_holds(&site->services[s].prefixes[p], &own);
	close(fd);
	return anycast;
}

static void
follow_way(struct neighbour *n, struct mono now)
{
	const struct addr *server = watched_address(watched_of(n), lane_family(n->lane));
	bool lost = leaves_from_anycast(n->brain, server);
	char text[ADDR_TEXT];
	struct event e;

	if (lost == n->lost_way)
		return;
	n->lost_way = lost;
	begin_event(&e, n->brain, lost ? EVENT_ALARM : EVENT_NOTICE, n->lane, "watched");
	event_int(&e, "node", watched_of(n)->id);
	event_str(&e, "address", addr_render(server, text));
	event_str(&e, "because",
	    lost ? "the kernel would ask it from an anycast address: write outgoing_addresses"
		 : "it is asked from an address of this host's own again");
	event_send(&e);
	forget(n, now);
}

static int
begin(struct brain *b, struct neighbour *n, struct err *err)
{
	const struct site *site = &b->settings.site;
	const struct addr *server = watched_address(watched_of(n), lane_family(n->lane));
	struct probe_timing timing = {
	    .interval_ms = site->fleet.probe.interval_ms,
	    .timeout_ms = site->fleet.probe.timeout_ms,
	};
	struct dns_question q = {
	    .qname = site->fleet.probe.qname,
	    .qtype = site->fleet.probe.qtype,
	    .qclass = site->fleet.probe.qclass,
	    .nsid = true,
	    .expect_rcode = "NOERROR",
	    .expect_data = site->fleet.probe.expect_data,
	};

	if (server == NULL)
		return 0;
	n->probe = probe_dns(b->loop, &timing, &q, server,
	    (uint16_t)site->services[lane_service(n->lane)].port, TRANSPORT_UDP,
	    checks_source(b, server), on_sample, n, err);
	return n->probe != NULL ? 0 : err_wrap(err, "fleet.watch, node %lld",
					  (long long)watched_of(n)->id);
}

int
vantages_init(struct brain *b, struct err *err)
{
	const struct site *site = &b->settings.site;
	size_t places = (size_t)site->fleet.n_watch;
	uint32_t lanes = b->fleet.watch != NULL ? lanes_with_beacons(site, 3) : 0;
	struct mono now = mono_now();

	if (places == 0 || lanes == 0)
		return 0;
	b->fleet.neighbours =
	    arena_get(b->arena, sizeof(*b->fleet.neighbours) * places * MAX_LANES);
	for (int l = 0; l < MAX_LANES; l++)
		for (int p = 0; lanes >> l & 1 && p < (int)places; p++) {
			struct neighbour *n = vantages_of(b, l, p);

			*n = (struct neighbour){.brain = b, .lane = l, .place = p};
			n->window = window_init(now);
			if (begin(b, n, err) < 0)
				return -1;
		}
	return 0;
}

void
vantages_fini(struct brain *b)
{
	for (int l = 0; b->fleet.neighbours != NULL && l < MAX_LANES; l++)
		for (int p = 0; p < b->settings.site.fleet.n_watch; p++)
			if (vantages_of(b, l, p)->probe != NULL)
				probe_free(vantages_of(b, l, p)->probe);
	b->fleet.neighbours = NULL;
}

/* BIRD's filter says which ids the places stand for: as long as it has others than we look at, or
 * its word is not in yet, nothing is told. */
void
vantages_tell(const struct brain *b, int lane, uint8_t verdicts[static MAX_WATCHED])
{
	const struct fleet_view *v = fleetwatch_view(b->fleet.watch, lane);

	memset(verdicts, BEACON_UNKNOWN, MAX_WATCHED);
	if (b->fleet.neighbours == NULL || !v->own_known ||
	    !vantage_watched_as(&b->settings.site, v->own_watched))
		return;
	for (int p = 0; p < b->settings.site.fleet.n_watch; p++)
		verdicts[p] = (uint8_t)vantages_of(b, lane, p)->told.told;
}

static void
say_misnamed(struct brain *b, int lane, const struct fleet_view *v)
{
	struct hearsay *h = &b->fleet.hearsay[lane];
	bool misnamed = b->fleet.neighbours != NULL && v->own_known &&
			!vantage_watched_as(&b->settings.site, v->own_watched);
	struct event e;

	if (misnamed == h->misnamed)
		return;
	h->misnamed = misnamed;
	begin_event(&e, b, misnamed ? EVENT_ALARM : EVENT_NOTICE, lane, "watched");
	event_str(&e, "because",
	    misnamed ? "BIRD tells other ids than fleet.watch names, so no verdict is told: "
		       "bgpctl bird apply"
		     : "BIRD tells the ids that fleet.watch names");
	event_send(&e);
}

/* --- what others find of us ------------------------------------------------------------------- */

static void
send_majority(struct brain *b, int lane, struct mono now)
{
	struct hearsay *h = &b->fleet.hearsay[lane];
	struct event e;

	begin_event(
	    &e, b, h->sense == VANTAGE_FAILED ? EVENT_WARN : EVENT_NOTICE, lane, "vantage");
	event_str(&e, "from", vantage_sense_name(h->said.sense));
	event_str(&e, "to", vantage_sense_name(h->sense));
	event_int(&e, "watching", h->votes.watching);
	event_int(&e, "well", h->votes.well);
	event_int(&e, "failed", h->votes.failed);
	event_int(&e, "min_vantages", b->settings.site.fleet.min_vantages);
	if (h->said.untold > 0)
		event_int(&e, "untold", h->said.untold);
	event_send(&e);
	h->said.n++;
	h->said.untold = 0;
	h->said.sense = h->sense;
	if (h->said.n == 1)
		h->said.since = now;
}

/* Whoever lies may change his word at each look: told SAY_MAX times a span, then counted. */
static void
say_majority(struct brain *b, int lane, bool changed, struct mono now)
{
	struct hearsay *h = &b->fleet.hearsay[lane];

	if (mono_is_set(h->said.since) && mono_diff_ms(now, h->said.since) >= SAY_SPAN_MS)
		h->said.n = 0;
	if (changed && h->said.n >= SAY_MAX)
		h->said.untold++;
	else if (h->sense != h->said.sense && h->said.n < SAY_MAX)
		send_majority(b, lane, now);
}

static void
feed(struct brain *b, int lane, const char *why)
{
	static const enum outcome outcomes[] = {
	    [VANTAGE_NONE] = OUTCOME_IDLE,
	    [VANTAGE_WELL] = OUTCOME_OK,
	    [VANTAGE_FAILED] = OUTCOME_WRONG,
	};
	enum vantage_sense sense = b->fleet.hearsay[lane].sense;

	for (int n = 0; n < b->n_instances; n++) {
		struct instance *i = &b->instances[n];

		if (i->conf->kind == KIND_VANTAGE && i->lanes >> lane & 1)
			checks_feed(
			    b, i, 0, outcomes[sense], sense == VANTAGE_WELL ? 100 : 0, why);
	}
}

static void
hear(struct brain *b, int lane, bool fresh, bool second, struct mono now)
{
	const struct site *site = &b->settings.site;
	const struct fleet_view *v = fleetwatch_view(b->fleet.watch, lane);
	struct hearsay *h = &b->fleet.hearsay[lane];
	enum vantage_sense was = h->sense;
	char why[64];

	h->votes = fresh ? vantage_count(v, (int)site->fleet.size, (int)site->fleet.id)
			 : (struct vantage_votes){0};
	h->sense = vantage_majority(&h->votes, (int)site->fleet.min_vantages);
	if (h->sense != was || !mono_is_set(h->since))
		h->since = now;
	say_majority(b, lane, h->sense != was, now);
	if (fresh)
		snprintf(why, sizeof(why), "%d of %d who know say failed", h->votes.failed,
		    h->votes.failed + h->votes.well);
	else
		snprintf(why, sizeof(why), "no fresh view of the fleet");
	if (second || h->sense != was)
		feed(b, lane, why);
}

/* --- when ------------------------------------------------------------------------------------- */

static void
look(struct brain *b, int lane, bool second)
{
	const struct fleet_view *v = fleetwatch_view(b->fleet.watch, lane);
	struct window_conf conf = window_conf(&b->settings.site);
	struct mono now = mono_now();
	bool fresh = mono_is_set(v->at) &&
		     mono_diff_ms(now, v->at) <= b->settings.site.fleet.view_max_age_ms;

	for (int p = 0; b->fleet.neighbours != NULL && p < b->settings.site.fleet.n_watch; p++) {
		struct neighbour *n = vantages_of(b, lane, p);

		if (n->probe == NULL)
			continue;
		follow_view(n, v, fresh, now);
		if (!second)
			continue;
		follow_way(n, now);
		n->window = window_tick(&conf, n->window, now);
		retell(n, now); /* also one that waited for its hold */
	}
	say_misnamed(b, lane, v);
	hear(b, lane, fresh, second, now);
}

static void
look_at(struct brain *b, uint32_t lanes, bool second)
{
	for (int l = 0; l < MAX_LANES; l++)
		if (lanes >> l & 1 && b->lanes[l].exists)
			look(b, l, second);
}

void
vantages_view(struct brain *b, uint32_t lanes)
{
	look_at(b, lanes, false);
}

void
vantages_second(struct brain *b)
{
	if (b->fleet.watch != NULL)
		look_at(b, lanes_with_beacons(&b->settings.site, 3), true);
}
