/*
 * birdconf_fleet: see the header. A node's filter lets only its own id in from the kernel, so that
 * whatever is written there it can only speak for itself. From others it takes host routes whose id
 * bits can hold an id of the fleet, with a number; the rest of the judgement is the reader's, who
 * counts what he drops.
 */
#include "bgpctl/birdconf_fleet.h"

#include "lib/ensure.h"

static int
digit(enum family f)
{
	return f == FAMILY_V4 ? 4 : 6;
}

static int
width(enum family f)
{
	return f == FAMILY_V4 ? 32 : 128;
}

static int
id_bits(int64_t size)
{
	int bits = 1;

	while (1 << bits <= size)
		bits++;
	return bits;
}

enum nets { NETS_INSIDE, /* anything in a block */ NETS_HOSTS, /* of any id */ NETS_OWN };

static void
put_net(FILE *to, const struct site *site, const struct prefix *block, enum nets nets, int kind)
{
	struct prefix route;
	char text[PREFIX_TEXT];
	int w = width(block->addr.family);

	if (nets == NETS_INSIDE) {
		fprintf(to, "%s+", prefix_render(block, text));
		return;
	}
	ENSURE(beacon_route(
	    block, (enum beacon_kind)kind, nets == NETS_OWN ? (int)site->fleet.id : 1, &route));
	if (nets == NETS_OWN) {
		fprintf(to, "%s", prefix_render(&route, text));
		return;
	}
	/* The ids' low bits are free: 1 becomes 0. */
	route.addr.bytes[w / 8 - 1] &= 0xfe;
	route.length = (uint8_t)(w - id_bits(site->fleet.size));
	fprintf(to, "%s{%d,%d}", prefix_render(&route, text), w, w);
}

/* "[ ... ]" of one family; `kind` -1: all. */
static void
put_nets(FILE *to, const struct site *site, enum family f, enum nets nets, int kind)
{
	uint32_t lanes = lanes_with_beacons(site, 1u << f);
	const char *joint = " ";

	fputs("[", to);
	for (int lane = 0; lane < MAX_LANES; lane++) {
		if (!(lanes >> lane & 1))
			continue;
		for (int k = 0; k < (nets == NETS_INSIDE ? 1 : N_BEACON_KINDS); k++) {
			if (kind >= 0 && k != kind)
				continue;
			fputs(joint, to);
			put_net(to, site, lane_beacons(site, lane), nets, k);
			joint = ", ";
		}
	}
	fputs(" ]", to);
}

static void
put_function(FILE *to, const struct site *site, const char *name, enum nets nets, const char *also)
{
	fprintf(to, "function %s()\n{\n", name);
	for (int f = 0; f < N_FAMILIES; f++) {
		if (!lanes_with_beacons(site, 1u << f))
			continue;
		fprintf(to, "\tif net.type = NET_IP%d then return net ~ ", digit((enum family)f));
		put_nets(to, site, (enum family)f, nets, -1);
		fprintf(to, "%s;\n", also);
	}
	fputs("\treturn false;\n}\n\n", to);
}

void
birdconf_fleet_functions(FILE *to, const struct site *site, bool edge)
{
	char also[80];

	if (!lanes_with_beacons(site, 3))
		return;
	snprintf(also, sizeof(also), " && bgp_large_community ~ [(%lld, %d, *)]",
	    (long long)site->bird.asn, BEACON_C_NUMBER);
	fprintf(to,
	    "# Is this inside a block of the fleet's beacons? No such route may come in or go out\n"
	    "# at the edge of the AS, nor enter the kernel's table:\n"
	    "#     import filter { if anypop_beacon() then reject; ...; };      # every eBGP "
	    "session\n"
	    "#     export where ! anypop_ours() && ! anypop_beacon();           # protocol "
	    "kernel\n");
	put_function(to, site, "anypop_beacon", NETS_INSIDE, "");
	fprintf(to,
	    "# Is this a beacon? Towards the other nodes and the route reflectors, iBGP only:\n"
	    "#     import where anypop_beacon_export();\n"
	    "#     export where anypop_ours() || anypop_beacon_export();\n");
	if (edge)
		fputs("# A route reflector passes on what it has from its clients, so there it is "
		      "all\n"
		      "# that is needed: `rr client;` and these two lines.\n",
		    to);
	put_function(to, site, "anypop_beacon_export", NETS_HOSTS, also);
}

static void
put_constants(FILE *to, const struct site *site, enum family f)
{
	long long asn = (long long)site->bird.asn;

	fputs("\t\t\tif net ~ ", to);
	put_nets(to, site, f, NETS_OWN, BEACON_RUNG);
	fprintf(to,
	    " then {\n"
	    "\t\t\t\tbgp_large_community.add((%lld, %d, %d)); # max_suspended\n"
	    "\t\t\t\tbgp_large_community.add((%lld, %d, %lld)); # size\n",
	    asn, BEACON_C_SUSPENDED, site_budget(site), asn, BEACON_C_SIZE,
	    (long long)site->fleet.size);
	if (site->fleet.region[0] != '\0')
		fprintf(to, "\t\t\t\tbgp_large_community.add((%lld, %d, %d)); # region %s\n", asn,
		    BEACON_C_REGION, beacon_region(site->fleet.region), site->fleet.region);
	fputs("\t\t\t}\n", to);
	if (site->fleet.n_watch == 0)
		return;
	fputs("\t\t\tif net ~ ", to);
	put_nets(to, site, f, NETS_OWN, BEACON_VERDICTS);
	fputs(" then {\n", to);
	for (int i = 0; i < site->fleet.n_watch; i++)
		fprintf(to, "\t\t\t\tbgp_large_community.add((%lld, %d, %lld)); # watched\n", asn,
		    BEACON_C_WATCHED + i, (long long)site->fleet.watch[i].id);
	fputs("\t\t\t}\n", to);
}

static void
put_kernel(FILE *to, const struct site *site, enum family f)
{
	fprintf(to,
	    "protocol kernel %s {\n\tkernel table %d;\n\tlearn;\n\tscan time 10;\n"
	    "\tipv%d {\n\t\ttable anypop_beacon%d;\n\t\tpreference %d;\n\t\texport none;\n"
	    "\t\timport filter {\n\t\t\tif krt_source != %d || krt_metric = 0 || ! (net ~ ",
	    beacon_kernel(f), BEACON_TABLE, digit(f), digit(f), BEACON_PREFERENCE, BEACON_PROTOCOL);
	put_nets(to, site, f, NETS_OWN, -1);
	fprintf(to,
	    ") then reject;\n"
	    "\t\t\tbgp_large_community.add((%lld, %d, krt_metric));\n"
	    "\t\t\tbgp_community.add((65535, 65281)); # NO_EXPORT: never beyond this AS\n",
	    (long long)site->bird.asn, BEACON_C_NUMBER);
	put_constants(to, site, f);
	fputs("\t\t\taccept;\n\t\t};\n\t};\n}\n", to);
}

void
birdconf_fleet_wiring(FILE *to, const struct site *site)
{
	const char *table = site->bird.pipe_master ? "master" : "anypop";

	if (!lanes_with_beacons(site, 3))
		return;
	fprintf(to,
	    "# The fleet: healthd writes this node's beacons into the kernel's table %d, where no\n"
	    "# rule leads; from there they go to the sessions' tables, and from those everybody's\n"
	    "# beacons to where healthd reads them.\n",
	    BEACON_TABLE);
	for (int f = 0; f < N_FAMILIES; f++) {
		int d = digit((enum family)f);

		if (!lanes_with_beacons(site, 1u << f))
			continue;
		fprintf(to, "ipv%d table anypop_beacon%d;\nipv%d table %s;\n", d, d, d,
		    beacon_table((enum family)f));
		put_kernel(to, site, (enum family)f);
		fprintf(to,
		    "protocol pipe anypop_say%d { table anypop_beacon%d; peer table %s%d; import "
		    "none; export all; }\n"
		    "protocol pipe anypop_hear%d { table %s%d; peer table %s; import none; export "
		    "where anypop_beacon_export(); }\n\n",
		    d, d, table, d, d, table, d, beacon_table((enum family)f));
	}
}
