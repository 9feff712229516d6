/*
 * birddoctor_routes: each prefix: what each session makes of it, who else announces it, and whether
 * the kernel is told to send its traffic into a gate. A filter's work can be seen only on a route
 * that stands, so it is judged for the rung that is announced and said to be unknown for the
 * others.
 */
#include "bgpctl/birddoctor_parts.h"

#include <stdio.h>
#include <string.h>

#include "bgpctl/birdlook.h"

struct spot {
	int lane, session; /* session -1: not at one */
	char prefix[PREFIX_TEXT];
};

static void
route_row(void *arg, int code, const char *line)
{
	struct doctor *d = arg;

	birdrows_routes(code, line, &d->routes);
}

/* `tail` after "show route PREFIX "; the code of the answer, its routes in d->routes. */
static int
ask_routes(struct doctor *d, const struct spot *at, const char *tail, struct err *err)
{
	char command[LOOK_COMMAND];

	birdrows_routes_init(&d->routes);
	snprintf(command, sizeof(command), "show route %s %s", at->prefix, tail);
	return birdask(d->bird, command, route_row, d, err);
}

static int
rung_of(const struct doctor *d, int lane, const char *protocol)
{
	char name[LOCK_NAME];

	for (int k = RUNG_DRAIN; k < d->site->n_rungs; k++)
		if (strcmp(lane_protocol(d->site, lane, k, name), protocol) == 0)
			return k;
	return -1;
}

static bool
is_ours(const struct doctor *d, const char *protocol)
{
	for (int lane = 0; lane < d->site->n_services * N_FAMILIES; lane++)
		if (lane_exists(d->site, lane) && rung_of(d, lane, protocol) > 0)
			return true;
	return false;
}

/* The rung whose route stands best in our table, -1 none. */
static int
standing_rung(struct doctor *d, const struct spot *at, struct err *err)
{
	char tail[32];

	snprintf(tail, sizeof(tail), "table anypop%d", lane_family(at->lane) == FAMILY_V4 ? 4 : 6);
	if (ask_routes(d, at, tail, err) < 0)
		return -2;
	return d->routes.n ? rung_of(d, at->lane, d->routes.routes[0].protocol) : -1;
}

static void
judge_export(struct doctor *d, const struct spot *at, int rung)
{
	const struct bird_route *route = d->routes.n ? &d->routes.routes[0] : NULL;
	const char *session = d->site->bird.sessions[at->session].name;
	const char *name = rung > 0 ? d->site->rungs[rung].name : "";
	bool external = d->details[at->session].external;
	struct finding *f;

	if (route && !is_ours(d, route->protocol)) {
		f = finding_add(d, FINDING_WARN, "covered");
		finding_text(f, "%s sends %s from %s, which is not ours", session, at->prefix,
		    route->protocol);
		finding_mend(f,
		    "unless it is a backup meant to cover for this node, keep it from the "
		    "session's export filter");
	} else if (rung > 0 && !route) {
		f = finding_add(d, FINDING_FAIL, "filter");
		finding_text(f, "%s does not let %s through at rung %s", session, at->prefix, name);
		finding_mend(f, "accept it in its export filter: `if %s then accept;`",
		    external ? "anypop_export()" : "anypop_ours()");
	} else if (rung > 0 && !birdlook_dressed(d->site, rung, external, route)) {
		f = finding_add(d, FINDING_FAIL, "filter");
		finding_text(
		    f, "%s sends %s without what rung %s looks like", session, at->prefix, name);
		finding_mend(f, external ? "call anypop_export() in its export filter"
					 : "towards an iBGP neighbour call anypop_ours(), never "
					   "anypop_export(), and keep bgp_local_pref");
	} else if (rung > 0) {
		finding_text(finding_add(d, FINDING_OK, "filter"), "%s sends %s as rung %s asks",
		    session, at->prefix, name);
	}
}

static int
look_at_sendings(struct doctor *d, struct spot *at, int rung, struct err *err)
{
	char tail[LOOK_COMMAND / 2];
	int code;

	for (int i = 0; (at->session = birdlook_session(d->site, at->lane, i)) >= 0; i++) {
		if (strcmp(d->sessions[at->session].state, "up") != 0)
			continue;
		snprintf(
		    tail, sizeof(tail), "export %s all", d->site->bird.sessions[at->session].name);
		code = ask_routes(d, at, tail, err);
		if (code < 0)
			return -1;
		if (code < 9000)
			judge_export(d, at, rung);
	}
	return 0;
}

static int
look_at_kernels(struct doctor *d, struct spot *at, struct err *err)
{
	char tail[LOOK_COMMAND / 2];
	struct finding *f;

	for (int i = 0; i < d->n_kernels; i++) {
		snprintf(tail, sizeof(tail), "export %s", d->kernels[i]);
		if (ask_routes(d, at, tail, err) < 0)
			return -1;
		if (d->routes.n == 0 || !is_ours(d, d->routes.routes[0].protocol))
			continue;
		f = finding_add(d, FINDING_FAIL, "kernel");
		finding_text(f,
		    "%s puts %s into the kernel's table, towards a gate that leads nowhere",
		    d->kernels[i], at->prefix);
		finding_mend(f, "`export where ! anypop_ours();` in it, or the filter's own "
				"`if anypop_ours() then reject;`");
	}
	return 0;
}

static int
look_at_prefix(struct doctor *d, struct spot *at, int *unseen, struct err *err)
{
	int rung = standing_rung(d, at, err);

	if (rung < -1)
		return -1;
	*unseen += rung < 0;
	if (look_at_sendings(d, at, rung, err) < 0)
		return -1;
	return look_at_kernels(d, at, err);
}

int
doctor_routes(struct doctor *d, struct err *err)
{
	struct prefix prefixes[MAX_PREFIXES];
	struct finding *f;
	int unseen = 0;

	for (int lane = 0; lane < d->site->n_services * N_FAMILIES; lane++) {
		int n = lane_exists(d->site, lane) ? lane_prefixes(d->site, lane, prefixes) : 0;

		for (int i = 0; i < n; i++) {
			struct spot at = {.lane = lane, .session = -1};

			prefix_render(&prefixes[i], at.prefix);
			if (look_at_prefix(d, &at, &unseen, err) < 0)
				return -1;
		}
	}
	if (unseen == 0)
		return 0;
	f = finding_add(d, FINDING_NOTE, "filter");
	finding_text(f,
	    "%d prefixes are not announced now, so what the export filters make of them "
	    "cannot be seen",
	    unseen);
	finding_mend(f, "look again while a rung is up");
	return 0;
}
