/*
 * fleetlook: see the header. A route is judged when the next one begins or the answer ends, since
 * its attributes come in lines of their own.
 */
#include "bgpctl/fleetlook.h"

#include <string.h>

#include "bgpctl/birdconf_fleet.h"

const char *
fleet_drop_name(enum fleet_drop d)
{
	static const char *const names[] = {
	    "outside", "id", "number", "version", "absurd", "cut", "conflict", "watched"};

	return names[d];
}

void
fleetlook_init(struct fleetlook *l, const struct site *site, int nonce, struct fleet_view *views)
{
	memset(l, 0, sizeof(*l));
	l->site = site;
	l->nonce = nonce;
	l->views = views;
}

void
fleetlook_begin(struct fleetlook *l, enum family f, struct mono now)
{
	l->family = f;
	l->began = now;
	l->lanes = lanes_with_beacons(l->site, 1u << f);
	l->net[0] = '\0';
	l->route.any = false;
	for (int lane = 0; lane < MAX_LANES; lane++) {
		struct fleet_view *v = &l->views[lane];

		if (!(l->lanes >> lane & 1))
			continue;
		memset(v->next, 0, sizeof(*v->next) * (size_t)(l->site->fleet.size + 1));
		v->next_conflict = false;
		v->next_own_known = false;
	}
}

static void
drop(struct fleet_view *v, enum fleet_drop why)
{
	v->dropped[why]++;
}

static enum fleet_drop
why_dropped(enum beacon_fault fault)
{
	static const enum fleet_drop why[] = {
	    [BEACON_OUTSIDE] = DROP_OUTSIDE,
	    [BEACON_ID] = DROP_ID,
	    [BEACON_OTHER_VERSION] = DROP_VERSION,
	    [BEACON_ABSURD] = DROP_ABSURD,
	};

	return why[fault];
}

static void
take_rung(struct fleet_node *n, const struct beacon *b, const struct fleet_route *r)
{
	uint32_t suspended = r->suspended < MAX_FLEET ? r->suspended : MAX_FLEET;

	if (n->peer.rung < 0 || b->rung.rung < n->peer.rung) {
		n->peer.rung = (int8_t)b->rung.rung;
		n->peer.load = b->rung.load;
		n->peer.flags = b->rung.flags;
	}
	if (suspended < n->peer.max_suspended)
		n->peer.max_suspended = (uint16_t)suspended;
	n->peer.region = r->region <= UINT16_MAX ? (uint16_t)r->region : 0;
	n->size = r->size <= MAX_FLEET ? (uint16_t)r->size : 0;
}

/* Whom the places of a verdicts beacon are about, `from` tells it: 0 where it is nobody. False when
 * some place with an id had to be left out. */
static bool
read_watched(const struct site *site, int from, const struct fleet_route *r, uint16_t *ids)
{
	bool all = r->twice == 0;

	for (int i = 0; i < MAX_WATCHED; i++) {
		uint32_t id = r->twice >> i & 1 ? 0 : r->watched[i];
		bool alone = id <= (uint32_t)site->fleet.size && (int)id != from;

		for (int j = 0; j < MAX_WATCHED; j++)
			alone &= j == i || r->watched[j] != id;
		all &= alone || id == 0;
		ids[i] = id != 0 && alone ? (uint16_t)id : 0;
	}
	return all;
}

static int
place_of(const uint16_t *ids, int id)
{
	for (int i = 0; i < MAX_WATCHED; i++)
		if (ids[i] == id)
			return i;
	return -1;
}

/* Of two routes that differ the newer cannot be told: what both say is known, the rest is not. */
static void
take_verdicts(
    struct fleetlook *l, struct fleet_view *v, struct fleet_node *n, const struct beacon *b)
{
	uint8_t verdicts[MAX_WATCHED] = {0};
	uint16_t ids[MAX_WATCHED];

	if (!read_watched(l->site, b->id, &l->route, ids))
		drop(v, DROP_WATCHED);
	for (int i = 0; i < MAX_WATCHED; i++) {
		int was = n->verdicts_known && ids[i] != 0 ? place_of(n->watched, ids[i]) : i;

		verdicts[i] = ids[i] != 0 ? b->verdicts[i] : BEACON_UNKNOWN;
		if (n->verdicts_known && (was < 0 || n->verdicts[was] != verdicts[i]))
			verdicts[i] = BEACON_UNKNOWN;
	}
	n->verdicts_known = true;
	memcpy(n->verdicts, verdicts, sizeof(verdicts));
	memcpy(n->watched, ids, sizeof(ids));
}

static void
take_request(struct peer *p, const struct beacon *b)
{
	if (p->request_region != 0 &&
	    (p->request_region < b->request.region ||
		(p->request_region == b->request.region &&
		    p->request_expiry <= b->request.expiry)))
		return;
	p->request_region = b->request.region;
	p->request_expiry = b->request.expiry;
}

static void
take_beacon(struct fleetlook *l, struct fleet_view *v, const struct beacon *b)
{
	const struct fleet_route *r = &l->route;
	struct fleet_node *n = &v->next[b->id];

	if (!n->known) {
		n->known = true;
		n->peer = (struct peer){.id = b->id,
		    .rung = -1,
		    .load = BEACON_LOAD_UNKNOWN,
		    .max_suspended = MAX_FLEET};
	}
	if (b->kind == BEACON_REQUEST) {
		take_request(&n->peer, b);
		return;
	}
	if (n->nonce_known && n->peer.nonce != b->nonce)
		n->conflict = true;
	n->nonce_known = true;
	n->peer.nonce = b->nonce;
	if (b->kind == BEACON_RUNG)
		take_rung(n, b, r);
	else if (b->kind == BEACON_VERDICTS)
		take_verdicts(l, v, n, b);
	else if (b->intent.severity > n->peer.severity) {
		n->peer.severity = b->intent.severity;
		n->peer.fault = b->intent.fault;
	}
}

static void
take_own(struct fleetlook *l, struct fleet_view *v)
{
	read_watched(l->site, (int)l->site->fleet.id, &l->route, v->next_own_watched);
	v->next_own_known = true;
}

/* Somebody else speaks for us. */
static void
take_foreign(struct fleetlook *l, struct fleet_view *v, const struct beacon *b)
{
	if (b->kind == BEACON_REQUEST || l->nonce < 0 || b->nonce == l->nonce)
		return;
	v->next_conflict = true;
	v->next_foreign = b->nonce;
}

static void
judge(struct fleetlook *l)
{
	const struct fleet_route *r = &l->route;
	struct fleet_view *v = NULL;
	enum beacon_fault fault;
	struct prefix net;
	struct beacon b;
	int lane = 0;

	l->route.any = false;
	if (!prefix_parse(l->net, &net) || net.addr.family != l->family)
		return;
	for (lane = 0; lane < MAX_LANES && !v; lane++)
		if (l->lanes >> lane & 1 && prefix_holds(lane_beacons(l->site, lane), &net.addr))
			v = &l->views[lane];
	if (!v)
		return;
	if (r->cut || r->n_numbers != 1) {
		if (r->own)
			return;
		drop(v, r->cut ? DROP_CUT : DROP_NUMBER);
		return;
	}
	fault = beacon_parse(lane_beacons(l->site, lane - 1), &net, r->number,
	    (int)l->site->fleet.size, l->site->n_rungs, &b);
	if (r->own) {
		if (fault == BEACON_OK && b.kind == BEACON_VERDICTS)
			take_own(l, v);
	} else if (fault != BEACON_OK)
		drop(v, why_dropped(fault));
	else if (b.id == l->site->fleet.id)
		take_foreign(l, v, &b);
	else
		take_beacon(l, v, &b);
}

/* A route's first line: "NET  unicast [PROTOCOL ...", or blanks for the network of the one before.
 */
static void
route_line(struct fleetlook *l, const char *text)
{
	const char *open = strchr(text, '['), *own = beacon_kernel(l->family);
	size_t n = strcspn(text, " "), m;

	if (l->route.any)
		judge(l);
	if (text[0] != ' ') {
		n = n < sizeof(l->net) ? n : sizeof(l->net) - 1;
		memcpy(l->net, text, n);
		l->net[n] = '\0';
	}
	memset(&l->route, 0, sizeof(l->route));
	l->route.suspended = MAX_FLEET;
	if (!open)
		return;
	m = strcspn(open + 1, " ]");
	l->route.any = true;
	l->route.own = m == strlen(own) && strncmp(open + 1, own, m) == 0;
}

static void
community(struct fleet_route *r, uint32_t what, uint32_t value)
{
	if (what == BEACON_C_NUMBER) {
		r->number = value;
		r->n_numbers++;
	} else if (what == BEACON_C_SUSPENDED) {
		r->suspended = value < r->suspended ? value : r->suspended;
	} else if (what == BEACON_C_REGION) {
		r->region = value;
	} else if (what == BEACON_C_SIZE) {
		r->size = value;
	} else if (what >= BEACON_C_WATCHED && what < BEACON_C_WATCHED + MAX_WATCHED) {
		uint32_t n = what - BEACON_C_WATCHED;

		if (r->watched[n] != 0 && r->watched[n] != value)
			r->twice |= 1u << n;
		r->watched[n] = value;
	}
}

/* "(64500, 5300, 536870912) (...)": those of our AS. */
static void
communities(struct fleetlook *l, const char *v)
{
	uint32_t asn = (uint32_t)l->site->bird.asn, number[3] = {0};
	int n = 0;

	for (; *v != '\0'; v++) {
		if (*v == '(') {
			memset(number, 0, sizeof(number));
			n = 0;
		} else if (*v == ',' && n < 2) {
			n++;
		} else if (*v >= '0' && *v <= '9') {
			number[n] = number[n] * 10 + (uint32_t)(*v - '0');
		} else if (*v == ')' && n == 2 && number[0] == asn) {
			community(&l->route, number[1], number[2]);
		}
	}
}

#define LARGE "BGP.large_community:"

void
fleetlook_row(struct fleetlook *l, int code, const char *text)
{
	if (code == 1007) {
		if (text[0] != '\0' && text[0] != '\t' && strncmp(text, "Table ", 6) != 0)
			route_line(l, text);
	} else if (code == 1012) {
		while (*text == '\t' || *text == ' ')
			text++;
		/* A long list goes on in lines of its own. */
		if (strncmp(text, LARGE, sizeof(LARGE) - 1) == 0)
			l->route.in_large = true;
		else if (*text != '(')
			l->route.in_large = false;
		if (l->route.any && l->route.in_large)
			communities(l, strchr(text, '(') ? strchr(text, '(') : "");
	} else if (code == 8000) { /* "<line overflow>" in place of a row */
		l->route.cut = true;
	}
}

static bool
tells_same(const struct fleet_node *a, const struct fleet_node *b)
{
	return a->known == b->known && a->conflict == b->conflict &&
	       memcmp(&a->peer, &b->peer, sizeof(a->peer)) == 0;
}

static void
seal(struct fleetlook *l, struct fleet_view *v)
{
	struct fleet_node *was = v->nodes;

	v->n_peers = 0;
	for (int id = 1; id <= l->site->fleet.size; id++) {
		struct fleet_node *n = &v->next[id];

		if (!n->known)
			continue;
		n->since = mono_is_set(v->at) && tells_same(n, &was[id]) ? was[id].since : l->began;
		if (n->conflict)
			drop(v, DROP_CONFLICT);
		else if (n->peer.rung >= 0)
			v->peers[v->n_peers++] = n->peer;
	}
	v->nodes = v->next;
	v->next = was;
	v->conflict = v->next_conflict;
	v->foreign = v->next_foreign;
	v->own_known = v->next_own_known;
	memcpy(v->own_watched, v->next_own_watched, sizeof(v->own_watched));
	v->at = l->began;
}

bool
fleetlook_done(struct fleetlook *l, int code)
{
	if (code >= 8000) {
		l->route.any = false;
		return false;
	}
	if (l->route.any)
		judge(l);
	for (int lane = 0; lane < MAX_LANES; lane++)
		if (l->lanes >> lane & 1)
			seal(l, &l->views[lane]);
	return true;
}
