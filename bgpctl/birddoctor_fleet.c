/*
 * birddoctor_fleet: do this node's beacons reach the other nodes, and nobody else? As with rungs, a
 * filter's work can be seen only on a route that stands, which here is our own rung beacon.
 */
#include "bgpctl/birddoctor_parts.h"

#include <stdio.h>
#include <string.h>

#include "bgpctl/birdconf_fleet.h"
#include "bgpctl/birdlook.h"

static void
route_row(void *arg, int code, const char *line)
{
	struct doctor *d = arg;

	birdrows_routes(code, line, &d->routes);
}

/* The code of the answer, its routes in d->routes; -1 when BIRD stops answering. */
static int
ask(struct doctor *d, const char *net, const char *how, const char *whom, struct err *err)
{
	char command[LOOK_COMMAND];

	birdrows_routes_init(&d->routes);
	snprintf(command, sizeof(command), "show route %s %s %s", net, how, whom);
	return birdask(d->bird, command, route_row, d, err);
}

static bool
is_up(const struct doctor *d, int s)
{
	return strcmp(d->sessions[s].state, "up") == 0;
}

static void
judge_session(struct doctor *d, int s, enum family family, const char *net, bool sent)
{
	const struct session *session = &d->site->bird.sessions[s];
	struct finding *f;

	if (session->fleet && !sent) {
		f = finding_add(d, FINDING_FAIL, "beacon");
		finding_text(f, "%s does not let %s through", session->name, net);
		finding_mend(f,
		    "in the export filter of its ipv%d channel: `if "
		    "anypop_beacon_export() then accept;`",
		    family == FAMILY_V4 ? 4 : 6);
	} else if (session->fleet) {
		finding_text(
		    finding_add(d, FINDING_OK, "beacon"), "%s sends %s", session->name, net);
	} else if (sent && d->details[s].external) {
		f = finding_add(d, FINDING_FAIL, "beacon");
		finding_text(f, "%s sends %s out of the AS", session->name, net);
		finding_mend(f, "in its export filter, before anything is accepted: `if "
				"anypop_beacon() then reject;`");
	}
}

static int
look_at_sessions(struct doctor *d, int lane, const char *net, struct err *err)
{
	int s, code;

	for (int i = 0; (s = birdlook_session(d->site, lane, i)) >= 0; i++) {
		if (!is_up(d, s))
			continue;
		code = ask(d, net, "export", d->site->bird.sessions[s].name, err);
		if (code < 0)
			return -1;
		if (code < 9000)
			judge_session(d, s, lane_family(lane), net, d->routes.n > 0);
	}
	return 0;
}

static int
look_at_kernels(struct doctor *d, const char *net, struct err *err)
{
	struct finding *f;

	for (int i = 0; i < d->n_kernels; i++) {
		if (ask(d, net, "export", d->kernels[i], err) < 0)
			return -1;
		if (d->routes.n == 0)
			continue;
		f = finding_add(d, FINDING_FAIL, "beacon");
		finding_text(f, "%s puts %s into the kernel's table", d->kernels[i], net);
		finding_mend(f, "`export where ! anypop_ours() && ! anypop_beacon();` in it");
	}
	return 0;
}

/* A watched id of which no beacon is in view: gone just now, or a mistake in the list. */
static int
look_at_watched(struct doctor *d, int lane, struct err *err)
{
	char net[PREFIX_TEXT], name[LANE_NAME];
	struct prefix route;
	struct finding *f;

	lane_name(d->site, lane, name);
	for (int i = 0; i < d->site->fleet.n_watch; i++) {
		int id = (int)d->site->fleet.watch[i].id;

		if (!beacon_route(lane_beacons(d->site, lane), BEACON_RUNG, id, &route))
			continue;
		if (ask(d, prefix_render(&route, net), "table", beacon_table(lane_family(lane)),
			err) < 0)
			return -1;
		f = finding_add(d, d->routes.n > 0 ? FINDING_OK : FINDING_FAIL, "watch");
		if (d->routes.n > 0) {
			finding_text(f, "node %d, which fleet.watch names, is in view of %s", id,
			    name);
			continue;
		}
		finding_text(
		    f, "fleet.watch names node %d, and %s has no beacon %s of it", id, name, net);
		finding_mend(f, "it is out of view, or there is no such node: look at `bgpctl "
				"fleet`, and correct the id or take it out");
	}
	return 0;
}

static int
look_at_lane(struct doctor *d, int lane, struct err *err)
{
	enum family family = lane_family(lane);
	char net[PREFIX_TEXT], table[16];
	struct prefix route;
	struct finding *f;

	if (!beacon_route(lane_beacons(d->site, lane), BEACON_RUNG, (int)d->site->fleet.id, &route))
		return 0;
	prefix_render(&route, net);
	snprintf(table, sizeof(table), "%s%d", d->site->bird.pipe_master ? "master" : "anypop",
	    family == FAMILY_V4 ? 4 : 6);
	if (ask(d, net, "table", table, err) < 0)
		return -1;
	if (d->routes.n > 0 && strcmp(d->routes.routes[0].protocol, beacon_kernel(family)) == 0) {
		finding_text(finding_add(d, FINDING_OK, "beacon"), "%s stands in %s", net, table);
		return look_at_sessions(d, lane, net, err) < 0 ? -1 : look_at_kernels(d, net, err);
	}
	if (d->routes.n > 0) {
		f = finding_add(d, FINDING_FAIL, "beacon");
		finding_text(f, "%s in %s is from %s: another node has our id, or lies", net, table,
		    d->routes.routes[0].protocol);
		finding_mend(f, "give each node a fleet.id of its own; filter the block at every "
				"edge of the AS");
		return 0;
	}
	f = finding_add(d, FINDING_NOTE, "beacon");
	finding_text(
	    f, "%s is not told now, so what the export filters make of it cannot be seen", net);
	finding_mend(f, "healthd tells it, in mode drive; look again while it runs");
	return 0;
}

/* Are our tables there, and does some session lead out? */
static int
look_at_family(struct doctor *d, enum family family, struct err *err)
{
	bool exit = false;
	struct finding *f;
	int code = ask(d, "", "table", beacon_table(family), err);

	if (code < 0)
		return -1;
	if (code >= 9000) {
		f = finding_add(d, FINDING_FAIL, "beacon");
		finding_text(f, "BIRD has no table %s", beacon_table(family));
		finding_mend(f, "the include file is not in force: `bgpctl bird apply`");
	}
	for (int s = 0; s < d->site->bird.n_sessions; s++) {
		const struct session *session = &d->site->bird.sessions[s];

		if (!(session->families >> family & 1))
			continue;
		exit |=
		    session->exit < 0 ? d->details[s].external || !is_up(d, s) : session->exit > 0;
		if (!session->fleet || !d->details[s].external)
			continue;
		f = finding_add(d, FINDING_FAIL, "beacon");
		finding_text(f, "%s is marked fleet = true and is eBGP", session->name);
		finding_mend(f, "beacons stay within the AS: mark iBGP sessions");
	}
	if (exit)
		return 0;
	f = finding_add(d, FINDING_FAIL, "beacon");
	finding_text(f, "no session leads out in %s, so the fleet is told that we are silent",
	    family_name(family));
	finding_mend(f, "none is eBGP: write exit = true at those that lead to the edge");
	return 0;
}

int
doctor_fleet(struct doctor *d, struct err *err)
{
	uint32_t lanes = lanes_with_beacons(d->site, 3);

	for (int f = 0; f < N_FAMILIES; f++)
		if (lanes_with_beacons(d->site, 1u << f) &&
		    look_at_family(d, (enum family)f, err) < 0)
			return -1;
	for (int lane = 0; lane < MAX_LANES; lane++)
		if (lanes >> lane & 1 &&
		    (look_at_lane(d, lane, err) < 0 || look_at_watched(d, lane, err) < 0))
			return -1;
	return 0;
}
