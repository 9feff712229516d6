/*
 * birdconf: see the header. What the generated lines are for is said in them, since they are read
 * by the operator of the router long after whoever installed them has gone.
 */
#include "bgpctl/birdconf.h"

#include <stdlib.h>

#include "bgpctl/birdconf_fleet.h"
#include "lib/ensure.h"

static int
digit(enum family f)
{
	return f == FAMILY_V4 ? 4 : 6;
}

static void
render_static(FILE *to, const struct site *site, int lane, int rung)
{
	struct prefix prefixes[MAX_PREFIXES];
	char text[PREFIX_TEXT], name[LOCK_NAME];
	int n = lane_prefixes(site, lane, prefixes), d = digit(lane_family(lane));

	fprintf(to, "protocol static %s {\n", lane_protocol(site, lane, rung, name));
	fprintf(
	    to, "\tipv%d { table anypop%d; preference %d; };\n", d, d, birdconf_preference(rung));
	for (int i = 0; i < n; i++) {
		fprintf(to, "\troute %s via \"%s\" {\n", prefix_render(&prefixes[i], text),
		    lane_gate(site, lane, rung, name));
		fprintf(to, "\t\tbgp_large_community.add((%lld, 1, %d));\n",
		    (long long)site->bird.asn, rung);
		fprintf(to, "\t\tbgp_local_pref = %lld;\n\t};\n",
		    (long long)site->rungs[rung].local_pref);
	}
	fprintf(to, "}\n\n");
}

static void
render_statics(FILE *to, const struct site *site)
{
	fprintf(to,
	    "# One static per service, family and rung, each through a gate: a link that carries\n"
	    "# nothing and is up only while the rung is announced. Without its gate a route is\n"
	    "# inactive, so enabling a protocol by hand announces nothing.\n");
	for (int lane = 0; lane < site->n_services * N_FAMILIES; lane++)
		for (int k = site->n_rungs - 1; lane_exists(site, lane) && k > RUNG_SILENT; k--)
			render_static(to, site, lane, k);
}

static void
render_community(FILE *to, const char *text)
{
	unsigned a, b, c;
	int n = sscanf(text, "%u:%u:%u", &a, &b, &c);

	ENSURE(n == 2 || n == 3);
	if (n == 2)
		fprintf(to, "\t\tbgp_community.add((%u, %u));\n", a, b);
	else
		fprintf(to, "\t\tbgp_large_community.add((%u, %u, %u));\n", a, b, c);
}

static void
render_rung(FILE *to, const struct site *site, int rung)
{
	const struct rung *r = &site->rungs[rung];

	fprintf(to, "\tif (%lld, 1, %d) ~ bgp_large_community then { # %s\n",
	    (long long)site->bird.asn, rung, r->name);
	for (int64_t i = 0; i < r->prepend; i++)
		fprintf(to, "\t\tbgp_path.prepend(%lld);\n", (long long)site->bird.asn);
	if (r->med >= 0)
		fprintf(to, "\t\tbgp_med = %lld;\n", (long long)r->med);
	if (r->graceful_shutdown)
		fprintf(to, "\t\tbgp_community.add((65535, 0)); # GRACEFUL_SHUTDOWN, RFC 8326\n");
	for (int i = 0; i < r->n_communities; i++)
		render_community(to, r->communities[i]);
	fprintf(to, "\t\treturn true;\n\t}\n");
}

/* `origin`: a condition on the routes that may be ours, or "". */
static void
render_functions(FILE *to, const struct site *site, const char *origin)
{
	long long asn = (long long)site->bird.asn;

	fprintf(to,
	    "# Is this one of our rungs? For iBGP, and to keep them out of the kernel:\n"
	    "#     export where anypop_ours();             # towards an iBGP neighbour\n"
	    "#     export where ! anypop_ours();           # protocol kernel: a gate leads "
	    "nowhere\n"
	    "function anypop_ours()\n{\n\treturn %sbgp_large_community ~ [(%lld, 1, "
	    "1..%d)];\n}\n\n",
	    origin, asn, site->n_rungs - 1);
	fprintf(to,
	    "# Gives one of our rungs what it looks like in eBGP; false (and nothing done) for any "
	    "other\n"
	    "# route. Never in iBGP: our own AS in the path makes the neighbour drop the route.\n"
	    "#     export where anypop_export();           # ours and nothing else\n"
	    "#     export filter { if anypop_export() then accept; ...; reject; };\n"
	    "function anypop_export()\n{\n\tif ! anypop_ours() then return false;\n");
	for (int k = RUNG_DRAIN; k < site->n_rungs; k++)
		render_rung(to, site, k);
	fprintf(to, "\treturn false;\n}\n");
}

static void
render_tables(FILE *to, const struct site *site)
{
	fprintf(to, "ipv4 table anypop4;\nipv6 table anypop6;\n\n");
	if (!site->bird.pipe_master)
		return;
	fprintf(
	    to, "# The sessions' channels are on master4 and master6: our routes go there too.\n");
	for (int d = 4; d <= 6; d += 2)
		fprintf(to,
		    "protocol pipe anypop_pipe%d { table anypop%d; peer table master%d; import "
		    "none; "
		    "export all; }\n",
		    d, d, d);
	fprintf(to, "\n");
}

void
birdconf_render(FILE *to, const struct site *site)
{
	fprintf(to,
	    "# Written by `bgpctl bird` from the configuration of %s. Do not edit: change that\n"
	    "# configuration and run `bgpctl bird apply`.\n\n",
	    site->node.name);
	render_tables(to, site);
	birdconf_fleet_functions(to, site, false);
	birdconf_fleet_wiring(to, site);
	render_statics(to, site);
	render_functions(to, site, "source = RTS_STATIC && ");
}

void
birdconf_edge(FILE *to, const struct site *site)
{
	fprintf(to,
	    "# Written by `bgpctl bird edge`, for a router of AS %lld that hears anypop's rungs "
	    "by\n"
	    "# iBGP. Strip (%lld, 1, *) from what other networks send you.\n\n",
	    (long long)site->bird.asn, (long long)site->bird.asn);
	birdconf_fleet_functions(to, site, true);
	render_functions(to, site, "");
}

static void
example_channel(FILE *to, const struct site *site, const struct session *s, enum family f)
{
	int d = digit(f);

	fprintf(to, "\tipv%d {\n", d);
	if (!site->bird.pipe_master)
		fprintf(to, "\t\ttable anypop%d;\n", d);
	if (s->fleet && lanes_with_beacons(site, 1u << f))
		fputs("\t\timport where anypop_beacon_export();\n"
		      "\t\texport where anypop_ours() || anypop_beacon_export();\n",
		    to);
	else if (s->fleet)
		fputs("\t\timport none;\n\t\texport where anypop_ours();\n", to);
	else
		fputs("\t\timport none;\n\t\texport where anypop_export();\n", to);
	fputs("\t\tnext hop self;\n\t};\n", to);
}

static void
example_session(FILE *to, const struct site *site, int i)
{
	const struct session *s = &site->bird.sessions[i];

	fprintf(to,
	    "protocol bgp %s {\n\tlocal 192.168.%d.2 as %lld;\n\tneighbor 192.168.%d.1 as %lld;\n",
	    s->name, i, (long long)site->bird.asn, i,
	    s->fleet ? (long long)site->bird.asn : 64496);
	fprintf(to, "\tbfd on;\t\t\t# a stopped BIRD is cut off in milliseconds\n"
		    "\thold time 30;\t\t# and without BFD after this, not after 240 s\n"
		    "\tgraceful restart off;\t# a dead node must lose its traffic\n");
	for (int f = 0; f < N_FAMILIES; f++)
		if (s->families >> f & 1)
			example_channel(to, site, s, (enum family)f);
	fprintf(to, "}\n\n");
}

void
birdconf_example(FILE *to, const struct site *site)
{
	fprintf(to, "router id 192.168.0.2;\nlog syslog all;\n\n"
		    "protocol device { scan time 10; }\n"
		    "protocol bfd { interface \"*\" { interval 50 ms; multiplier 3; }; }\n\n"
		    "include \"%s\";\n\n",
	    site->bird.include);
	for (int d = 4; site->bird.pipe_master && d <= 6; d += 2)
		fprintf(to,
		    "protocol kernel { ipv%d { import none; export where ! anypop_ours()%s; }; }\n%s",
		    d, lanes_with_beacons(site, 3) ? " && ! anypop_beacon()" : "",
		    d == 6 ? "\n" : "");
	for (int i = 0; i < site->bird.n_sessions; i++)
		example_session(to, site, i);
}

char *
birdconf_text(const struct site *site, size_t *length)
{
	char *text = NULL;
	FILE *to = open_memstream(&text, length);

	ENSURE(to);
	birdconf_render(to, site);
	ENSURE(fclose(to) == 0 && text);
	return text;
}
