/*
 * birdlook: see the header. Rows are taken into `routes` and `details` as they come and judged when
 * their answer is complete, so half an answer never becomes an observation.
 */
#include "bgpctl/birdlook.h"

#include <stdio.h>
#include <string.h>

#include "lib/ensure.h"

int
birdlook_session(const struct site *site, int lane, int i)
{
	uint32_t family = 1u << lane_family(lane);

	for (int s = 0; s < site->bird.n_sessions; s++)
		if ((site->bird.sessions[s].families & family) && i-- == 0)
			return s;
	return -1;
}

static int
n_lanes(const struct site *site)
{
	return site->n_services * N_FAMILIES;
}

void
birdlook_init(struct birdlook *l, const struct site *site, struct door_view *views)
{
	struct prefix prefixes[MAX_PREFIXES];

	memset(l, 0, sizeof(*l));
	l->site = site;
	l->views = views;
	l->step = LOOK_END;
	for (int lane = 0; lane < n_lanes(site); lane++) {
		views[lane].n_prefixes = lane_prefixes(site, lane, prefixes);
		views[lane].n_sessions = 0;
		while (birdlook_session(site, lane, views[lane].n_sessions) >= 0)
			views[lane].n_sessions++;
	}
	birdlook_lost(l);
}

static void
forget_view(struct door_view *v)
{
	v->bird_answers = false;
	memset(v->protocol, 0, sizeof(v->protocol));
	memset(v->in_table, 0, sizeof(v->in_table));
	memset(v->sending, 0, sizeof(v->sending));
}

void
birdlook_lost(struct birdlook *l)
{
	l->step = LOOK_END;
	l->undo = false;
	memset(l->sessions, 0, sizeof(l->sessions));
	memset(&l->status, 0, sizeof(l->status));
	for (int lane = 0; lane < n_lanes(l->site); lane++)
		forget_view(&l->views[lane]);
}

void
birdlook_begin(struct birdlook *l, uint32_t lanes, uint32_t tables, bool attributes,
    struct mono now)
{
	l->lanes = lanes;
	l->tables = attributes ? lanes : tables;
	l->attributes = attributes;
	l->began = now;
	l->step = LOOK_STATUS;
	memcpy(l->reconfigured, l->status.reconfigured, sizeof(l->reconfigured));
	l->status.reconfiguring = false;
}

bool
birdlook_command(const struct birdlook *l, char out[static LOOK_COMMAND])
{
	struct prefix prefixes[MAX_PREFIXES];
	char text[PREFIX_TEXT] = "";
	const char *session = "";

	if (l->step >= LOOK_TABLE && l->step < LOOK_END) {
		lane_prefixes(l->site, l->lane, prefixes);
		prefix_render(&prefixes[l->prefix], text);
	}
	if (l->step == LOOK_DETAILS)
		session = l->site->bird.sessions[l->session].name;
	else if (l->step == LOOK_SENT || l->step == LOOK_EXPORT)
		session =
		    l->site->bird.sessions[birdlook_session(l->site, l->lane, l->session)].name;
	switch (l->step) {
	case LOOK_STATUS:
		return snprintf(out, LOOK_COMMAND, "show status");
	case LOOK_UNDO:
		return snprintf(out, LOOK_COMMAND, "configure status");
	case LOOK_PROTOCOLS:
		return snprintf(out, LOOK_COMMAND, "show protocols");
	case LOOK_DETAILS:
		return snprintf(out, LOOK_COMMAND, "show protocols all %s", session);
	case LOOK_BFD:
		return snprintf(out, LOOK_COMMAND, "show bfd sessions");
	case LOOK_TABLE:
		return snprintf(out, LOOK_COMMAND, "show route %s table anypop%d", text,
		    lane_family(l->lane) == FAMILY_V4 ? 4 : 6);
	case LOOK_SENT:
		return snprintf(out, LOOK_COMMAND, "show route %s exported %s", text, session);
	case LOOK_EXPORT:
		return snprintf(out, LOOK_COMMAND, "show route %s export %s all", text, session);
	case LOOK_END:
		break;
	}
	return false;
}

/* Which rung of the lane a protocol of BIRD's stands for, -1 none of ours. */
static int
rung_of(const struct site *site, int lane, const char *protocol)
{
	char name[LOCK_NAME];

	for (int k = RUNG_DRAIN; k < site->n_rungs; k++)
		if (strcmp(lane_protocol(site, lane, k, name), protocol) == 0)
			return k;
	return -1;
}

static void
set_text(struct session_view *v, const char *text)
{
	snprintf(v->text, sizeof(v->text), "%.47s", text);
}

static void
session_row(struct birdlook *l, int s, const struct bird_protocol *row)
{
	struct look_session *session = &l->sessions[s];
	bool up = strcmp(row->state, "up") == 0;

	if (strcmp(session->since, row->since) != 0)
		session->known = false;
	memcpy(session->since, row->since, sizeof(session->since));
	session->view.state = up ? SESSION_UP : SESSION_DOWN;
	set_text(&session->view, row->info[0] ? row->info : row->state);
}

static void
protocols_row(struct birdlook *l, int code, const char *text)
{
	struct bird_protocol row;
	bool open;
	int k;

	if (!birdrows_protocol(code, text, &row))
		return;
	open = strcmp(row.state, "up") == 0 || strcmp(row.state, "start") == 0;
	for (int s = 0; s < l->site->bird.n_sessions; s++)
		if (strcmp(l->site->bird.sessions[s].name, row.name) == 0)
			session_row(l, s, &row);
	if (strcmp(row.proto, "Static") != 0)
		return;
	for (int lane = 0; lane < n_lanes(l->site); lane++)
		if (lane_exists(l->site, lane) && (k = rung_of(l->site, lane, row.name)) > 0)
			l->views[lane].protocol[k] = open ? LOCK_OPEN : LOCK_CLOSED;
}

static void
bfd_row(struct birdlook *l, int code, const char *text)
{
	struct bird_bfd row;

	if (!birdrows_bfd(code, text, &row))
		return;
	for (int s = 0; s < l->site->bird.n_sessions; s++) {
		if (!birdrows_bfd_with(&row, l->sessions[s].neighbor))
			continue;
		l->sessions[s].view.bfd_known = true;
		l->sessions[s].view.bfd_up = strcmp(row.state, "Up") == 0;
	}
}

void
birdlook_row(struct birdlook *l, int code, const char *text)
{
	switch (l->step) {
	case LOOK_STATUS:
		birdrows_status(code, text, &l->status);
		break;
	case LOOK_UNDO:
		l->undo |= code == BIRD_UNDO_SCHEDULED;
		break;
	case LOOK_PROTOCOLS:
		protocols_row(l, code, text);
		break;
	case LOOK_DETAILS:
		birdrows_details(code, text, &l->details);
		break;
	case LOOK_BFD:
		bfd_row(l, code, text);
		break;
	case LOOK_TABLE:
	case LOOK_SENT:
	case LOOK_EXPORT:
		birdrows_routes(code, text, &l->routes);
		break;
	case LOOK_END:
		break;
	}
}

/* The first, that is best, route of the prefix in question; NULL none. */
static const struct bird_route *
best_route(const struct birdlook *l)
{
	struct prefix prefixes[MAX_PREFIXES], net;

	lane_prefixes(l->site, l->lane, prefixes);
	for (int i = 0; i < l->routes.n; i++)
		if (prefix_parse(l->routes.routes[i].net, &net) &&
		    prefix_equal(&net, &prefixes[l->prefix]))
			return &l->routes.routes[i];
	return NULL;
}

static void
table_done(struct birdlook *l)
{
	struct door_view *v = &l->views[l->lane];
	uint32_t bit = 1u << l->prefix;
	int k;

	for (int i = 0; i < MAX_RUNGS; i++)
		v->in_table[i] &= ~bit;
	for (int i = 0; i < l->routes.n; i++)
		if ((k = rung_of(l->site, l->lane, l->routes.routes[i].protocol)) > 0)
			v->in_table[k] |= bit;
}

/* Returns whether the filter's work must be looked at too. */
static bool
sent_done(struct birdlook *l, int code)
{
	struct sending *s = &l->views[l->lane].sending[l->prefix][l->session];
	struct sending before = *s;
	const struct bird_route *route = best_route(l);

	*s = (struct sending){.sent = SENT_UNKNOWN, .rung = -1};
	/* 9001: the session has no channel that is up, or does not exist. */
	if (code >= 9000)
		return false;
	s->sent = SENT_NOTHING;
	if (!route)
		return false;
	s->rung = (int8_t)rung_of(l->site, l->lane, route->protocol);
	s->sent = s->rung > 0 ? SENT_OURS : SENT_FOREIGN;
	snprintf(s->protocol, sizeof(s->protocol), "%.31s", route->protocol);
	if (s->sent == SENT_FOREIGN)
		return false;
	s->attributes = before.sent == SENT_OURS && before.rung == s->rung && before.attributes;
	return l->attributes || !s->attributes;
}

bool
birdlook_dressed(const struct site *site, int rung, bool external, const struct bird_route *route)
{
	const struct rung *r = &site->rungs[rung];
	uint32_t asn = (uint32_t)site->bird.asn;
	int own = 0;
	unsigned a, b, c;

	while (own < route->n_path && route->path[own] == asn)
		own++;
	/* In iBGP our own AS in the path makes the neighbour drop the route. */
	if (!external)
		return route->n_path == 0 && route->local_pref == r->local_pref;
	if (own < r->prepend || (r->med >= 0 && route->med != r->med))
		return false;
	if (route->cut)
		return true;
	if (r->graceful_shutdown && !bird_route_has(route, 65535, 0))
		return false;
	for (int i = 0; i < r->n_communities; i++) {
		int n = sscanf(r->communities[i], "%u:%u:%u", &a, &b, &c);

		if (n == 2 && !bird_route_has(route, a, b))
			return false;
		if (n == 3 && !bird_route_has_large(route, a, b, c))
			return false;
	}
	return true;
}

static void
export_done(struct birdlook *l)
{
	struct sending *s = &l->views[l->lane].sending[l->prefix][l->session];
	const struct bird_route *route = best_route(l);
	int session = birdlook_session(l->site, l->lane, l->session);

	s->attributes = route && rung_of(l->site, l->lane, route->protocol) == s->rung &&
	    birdlook_dressed(l->site, s->rung, l->sessions[session].external, route);
}

static void
details_done(struct birdlook *l)
{
	struct look_session *s = &l->sessions[l->session];

	memcpy(s->neighbor, l->details.neighbor, sizeof(s->neighbor));
	s->external = l->details.external;
	s->known = true;
}

/* Before `show protocols`: what it does not list does not exist. */
static void
expect_protocols(struct birdlook *l)
{
	for (int s = 0; s < l->site->bird.n_sessions; s++) {
		l->sessions[s].view.state = SESSION_MISSING;
		l->sessions[s].view.bfd_known = l->sessions[s].view.bfd_up = false;
		set_text(&l->sessions[s].view, "no such protocol");
	}
	for (int lane = 0; lane < n_lanes(l->site); lane++)
		for (int k = RUNG_DRAIN; k < l->site->n_rungs; k++)
			l->views[lane].protocol[k] = LOCK_ABSENT;
}

static bool
lane_in_round(const struct birdlook *l, int lane)
{
	return (l->lanes >> lane & 1) && l->views[lane].n_prefixes > 0;
}

static bool
can_send(const struct birdlook *l, int i)
{
	return l->sessions[birdlook_session(l->site, l->lane, i)].view.state == SESSION_UP;
}

/* The next session of this prefix that is up; false when there is none. */
static bool
next_session(struct birdlook *l, int from)
{
	struct door_view *v = &l->views[l->lane];

	l->step = LOOK_SENT;
	for (l->session = from; l->session < v->n_sessions; l->session++) {
		if (can_send(l, l->session))
			return true;
		v->sending[l->prefix][l->session] = (struct sending){.rung = -1};
	}
	return false;
}

/* From this prefix on, the first that has something to be asked about it. */
static void
next_prefix(struct birdlook *l)
{
	for (; l->lane < n_lanes(l->site); l->lane++, l->prefix = 0) {
		for (; lane_in_round(l, l->lane) && l->prefix < l->views[l->lane].n_prefixes;
		    l->prefix++) {
			if (l->tables >> l->lane & 1) {
				l->step = LOOK_TABLE;
				return;
			}
			if (next_session(l, 0))
				return;
		}
	}
	l->step = LOOK_END;
}

/* After the table or a session: the next session, then the next prefix, then the next lane. */
static void
go_on(struct birdlook *l, int session)
{
	if (next_session(l, session))
		return;
	l->prefix++;
	next_prefix(l);
}

static void
next_details(struct birdlook *l, int from)
{
	for (l->session = from; l->session < l->site->bird.n_sessions; l->session++) {
		const struct look_session *s = &l->sessions[l->session];

		if (!s->known && s->view.state == SESSION_UP) {
			l->step = LOOK_DETAILS;
			return;
		}
	}
	l->step = LOOK_BFD;
}

static void
status_done(struct birdlook *l)
{
	/* After a reconfiguration filters and sessions may be others. */
	if (!birdrows_same_time(l->reconfigured, l->status.reconfigured)) {
		l->attributes = true;
		for (int s = 0; s < MAX_SESSIONS; s++)
			l->sessions[s].known = false;
	}
	l->step = LOOK_PROTOCOLS;
	if (!l->attributes)
		return;
	l->undo = false;
	l->step = LOOK_UNDO;
}

static void
seal(struct birdlook *l)
{
	for (int lane = 0; lane < n_lanes(l->site); lane++) {
		if (!lane_in_round(l, lane))
			continue;
		l->views[lane].bird_answers = true;
		l->views[lane].bird_at = l->began;
	}
}

void
birdlook_done(struct birdlook *l, int code, const char *text)
{
	(void)text;
	switch (l->step) {
	case LOOK_STATUS:
		expect_protocols(l);
		status_done(l);
		break;
	case LOOK_UNDO:
		l->step = LOOK_PROTOCOLS;
		break;
	case LOOK_PROTOCOLS:
		next_details(l, 0);
		break;
	case LOOK_DETAILS:
		details_done(l);
		next_details(l, l->session + 1);
		break;
	case LOOK_BFD:
		l->lane = l->prefix = 0;
		next_prefix(l);
		break;
	case LOOK_TABLE:
		table_done(l);
		go_on(l, 0);
		break;
	case LOOK_SENT:
		if (sent_done(l, code))
			l->step = LOOK_EXPORT;
		else
			go_on(l, l->session + 1);
		break;
	case LOOK_EXPORT:
		export_done(l);
		go_on(l, l->session + 1);
		break;
	case LOOK_END:
		break;
	}
	birdrows_routes_init(&l->routes);
	birdrows_details_init(&l->details);
	if (l->step == LOOK_END)
		seal(l);
}
