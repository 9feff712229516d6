/*
 * The key tables of the sections about BGP. What the tables cannot check is in site_check.c, what
 * follows from a site without looking further in lane.c. A site and everything it points to lives
 * in the arena that it was read into, and does not change.
 */
#include "bgpctl/site.h"

#include <string.h>

#define AT(type, member) offsetof(type, member)
#define IN(group, member) (offsetof(struct site, group.member) - offsetof(struct site, group))

static const char *const family_words[] = {"v4", "v6", NULL};

/* clang-format off */
const struct conf_key site_node_keys[] = {
    {.name = "name", .type = CONF_STR, .offset = IN(node, name),
	.help = "this node; the host's name by default"},
    {.name = "pop", .type = CONF_STR, .offset = IN(node, pop),
	.help = "the point of presence it stands in; the node's name by default"},
    {.name = NULL},
};

const struct conf_key site_paths_keys[] = {
    {.name = "run_dir", .type = CONF_STR, .offset = IN(paths, run_dir), .text = "/run/anypop",
	.help = "control socket, saved state, lease; gone at a reboot"},
    {.name = "state_dir", .type = CONF_STR, .offset = IN(paths, state_dir),
	.text = "/var/lib/anypop", .help = "limits, flight recorder; kept over reboots"},
    {.name = "control_group", .type = CONF_STR, .offset = IN(paths, control_group),
	.text = "anypop", .help = "group that may use the control socket"},
    {.name = NULL},
};

static const struct conf_key session_keys[] = {
    {.name = "name", .type = CONF_STR, .offset = AT(struct session, name), .required = true,
	.help = "BIRD's name of the protocol"},
    {.name = "families", .type = CONF_SET, .offset = AT(struct session, families), .min = 1,
	.names = family_words, .number = 3, .help = "which of its channels carry our prefixes"},
    {.name = "fleet", .type = CONF_BOOL, .offset = AT(struct session, fleet),
	.help = "carries the fleet's beacons: iBGP, to other nodes or a route reflector"},
    {.name = "exit", .type = CONF_MAYBE, .offset = AT(struct session, exit), .number = -1,
	.help = "what it sends is announced to the world; if it is eBGP, by default"},
    {.name = NULL},
};

static const struct conf_key watch_keys[] = {
    {.name = "id", .type = CONF_INT, .offset = AT(struct watched, id), .min = 1,
	.max = MAX_FLEET, .required = true, .help = "of another node"},
    {.name = "addresses", .type = CONF_ADDRS, .offset = AT(struct watched, addresses),
	.count_offset = AT(struct watched, n_addresses), .required = true, .min = 1,
	.max = N_FAMILIES,
	.help = "of its own, not anycast, where its services answer; one a family"},
    {.name = NULL},
};

#define PROBE(member) (IN(fleet, probe.member) - IN(fleet, probe))

static const struct conf_key probe_keys[] = {
    {.name = "qname", .type = CONF_STR, .offset = PROBE(qname), .text = "id.server",
	.help = "name asked for, one that needs no recursion"},
    {.name = "qtype", .type = CONF_STR, .offset = PROBE(qtype), .text = "TXT"},
    {.name = "qclass", .type = CONF_STR, .offset = PROBE(qclass), .text = "CH"},
    {.name = "expect_data", .type = CONF_STR, .offset = PROBE(expect_data),
	.help = "an answer's data in text form; any by default"},
    {.name = "interval_ms", .type = CONF_INT, .offset = PROBE(interval_ms), .min = 100,
	.max = 3600000, .number = 1000, .help = "each neighbour and lane is asked so often"},
    {.name = "timeout_ms", .type = CONF_INT, .offset = PROBE(timeout_ms), .min = 10,
	.max = 3600000, .number = CONF_AUTO, .help = "at most interval_ms"},
    {.name = "rise", .type = CONF_INT, .offset = PROBE(rise), .min = 1, .max = 1000,
	.number = 2, .help = "successes in a row that make a failed neighbour well"},
    {.name = "fall", .type = CONF_INT, .offset = PROBE(fall), .min = 1, .max = 1000,
	.number = 3, .help = "failures, not forgiven yet, that make it failed"},
    {.name = "forgive", .type = CONF_INT, .offset = PROBE(forgive), .min = 1, .max = 1000,
	.number = 10, .help = "successes in a row that forget failures"},
    {.name = "hold_ms", .type = CONF_INT, .offset = PROBE(hold_ms), .max = 3600000,
	.number = 5000, .help = "a verdict is told so long before it is told otherwise"},
    {.name = NULL},
};

const struct conf_key site_fleet_keys[] = {
    {.name = "size", .type = CONF_INT, .offset = IN(fleet, size), .max = MAX_FLEET,
	.help = "how many nodes the fleet has; 0: none"},
    {.name = "id", .type = CONF_INT, .offset = IN(fleet, id), .max = MAX_FLEET,
	.help = "this node's, 1 to size, no two alike"},
    {.name = "region", .type = CONF_STR, .offset = IN(fleet, region), .text = "",
	.help = "of each region one node stays; \"\": none"},
    {.name = "regions", .type = CONF_STRS, .offset = IN(fleet, regions),
	.count_offset = IN(fleet, n_regions), .max = 256,
	.help = "names of all regions, to show other nodes' by; beacons carry digests"},
    {.name = "max_suspended", .type = CONF_SHARE, .offset = IN(fleet, max_suspended),
	.max = MAX_FLEET, .number = CONF_PERCENT(34),
	.help = "so many may be silent before nobody else goes by proof; a share rounds down"},
    {.name = "min_announcing", .type = CONF_INT, .offset = IN(fleet, min_announcing), .min = 1,
	.max = MAX_FLEET, .number = 1, .help = "so many others must announce for us to go"},
    {.name = "settle_ms", .type = CONF_INT, .offset = IN(fleet, settle_ms), .min = 2000,
	.max = 600000, .number = 10000, .help = "more than twice the worst delay of a beacon"},
    {.name = "view_max_age_ms", .type = CONF_INT, .offset = IN(fleet, view_max_age_ms),
	.min = 200, .max = 60000, .number = 5000, .help = "an older view counts as none"},
    {.name = "poll_ms", .type = CONF_INT, .offset = IN(fleet, poll_ms), .min = 50,
	.max = 60000, .number = 1000, .help = "BIRD is asked for the beacons so often"},
    {.name = "heed_requests", .type = CONF_BOOL, .offset = IN(fleet, heed_requests), .number = 1,
	.help = "another node may ask this node's region to drain (bgpctl drain --region)"},
    {.name = "watch", .type = CONF_LIST, .offset = IN(fleet, watch),
	.count_offset = IN(fleet, n_watch), .line_offset = AT(struct watched, line),
	.sub = watch_keys, .sub_size = sizeof(struct watched), .min = 1, .max = MAX_WATCHED,
	.help = "neighbours that this node looks at"},
    {.name = "min_vantages", .type = CONF_INT, .offset = IN(fleet, min_vantages), .min = 1,
	.max = MAX_FLEET, .number = 2,
	.help = "what fewer than so many others say of this node is no majority"},
    {.name = "probe", .type = CONF_GROUP, .offset = IN(fleet, probe),
	.line_offset = CONF_NO_LINE, .sub = probe_keys, .help = "how they are asked"},
    {.name = NULL},
};

const struct conf_key site_bird_keys[] = {
    {.name = "socket", .type = CONF_STR, .offset = IN(bird, socket),
	.text = "/run/bird/bird.ctl", .help = "BIRD's control socket"},
    {.name = "config", .type = CONF_STR, .offset = IN(bird, config),
	.text = "/etc/bird/bird.conf", .help = "BIRD's configuration, for apply and doctor"},
    {.name = "include", .type = CONF_STR, .offset = IN(bird, include),
	.text = "/etc/bird/anypop.conf", .help = "file that `bgpctl bird` generates"},
    {.name = "asn", .type = CONF_INT, .offset = IN(bird, asn), .max = UINT32_MAX,
	.help = "our AS number; 0: none yet (mode observe only)"},
    {.name = "pipe_master", .type = CONF_BOOL, .offset = IN(bird, pipe_master), .number = 1,
	.help = "the sessions' channels are on master4 and master6: generate the pipes"},
    {.name = "sessions", .type = CONF_LIST, .offset = IN(bird, sessions),
	.count_offset = IN(bird, n_sessions), .line_offset = AT(struct session, line),
	.sub = session_keys, .sub_size = sizeof(struct session), .min = 1, .max = MAX_SESSIONS,
	.help = "BGP sessions that carry our prefixes"},
    {.name = "poll_ms", .type = CONF_INT, .offset = IN(bird, poll_ms), .min = 100, .max = 60000,
	.number = 1000, .help = "compare wanted with observed at least this often"},
    {.name = "timeout_ms", .type = CONF_INT, .offset = IN(bird, timeout_ms), .min = 50,
	.max = 60000, .number = 5000, .help = "how long one answer of BIRD may take"},
    {.name = "hand_ms", .type = CONF_INT, .offset = IN(bird, hand_ms), .max = 604800000,
	.number = 3600000, .help = "how long an operator's hand in BIRD is respected"},
    {.name = NULL},
};

static bool
announces(const void *in)
{
	const struct rung *r = in;

	return strcmp(r->name, "silent") != 0;
}

#define ANNOUNCES .applies = announces, .only = "a rung that announces"

const struct conf_key site_rung_keys[] = {
    {.name = "name", .type = CONF_STR, .offset = AT(struct rung, name), .required = true,
	.help = "[a-z0-9_]; the last one is \"silent\""},
    {.name = "enter", .type = CONF_INT, .offset = AT(struct rung, enter), .max = 100,
	.number = CONF_AUTO, .help = "fall to this rung when the score is under it"},
    {.name = "leave", .type = CONF_INT, .offset = AT(struct rung, leave), .max = 100,
	.number = CONF_AUTO, .help = "climb out of this rung when the score is at least this"},
    {.name = "local_pref", ANNOUNCES, .type = CONF_INT, .offset = AT(struct rung, local_pref),
	.max = UINT32_MAX, .number = CONF_AUTO, .help = "iBGP local preference; 100 by default"},
    {.name = "prepend", ANNOUNCES, .type = CONF_INT, .offset = AT(struct rung, prepend), .max = 10,
	.help = "eBGP: how many times our AS is put in front once more"},
    {.name = "med", ANNOUNCES, .type = CONF_INT, .offset = AT(struct rung, med), .min = -1,
	.max = UINT32_MAX, .number = -1, .help = "eBGP: MED; -1: none"},
    {.name = "graceful_shutdown", ANNOUNCES, .type = CONF_BOOL, .offset = AT(struct rung, graceful_shutdown),
	.help = "add the community 65535:0 (RFC 8326)"},
    {.name = "communities", ANNOUNCES, .type = CONF_STRS, .offset = AT(struct rung, communities),
	.count_offset = AT(struct rung, n_communities), .max = 16,
	.help = "eBGP: \"asn:value\" or \"asn:a:b\", added"},
    {.name = NULL},
};

const struct conf_key site_service_keys[] = {
    {.name = "name", .type = CONF_STR, .offset = AT(struct service, name), .required = true,
	.help = "[a-z0-9_], at most 10"},
    {.name = "prefixes", .type = CONF_PREFIXES, .offset = AT(struct service, prefixes),
	.count_offset = AT(struct service, n_prefixes), .required = true, .min = 1,
	.max = 2 * MAX_PREFIXES, .help = "announced, IPv4 and IPv6"},
    {.name = "addresses", .type = CONF_ADDRS, .offset = AT(struct service, addresses),
	.count_offset = AT(struct service, n_addresses), .required = true, .min = 1,
	.max = 2 * MAX_ADDRESSES, .help = "anycast service addresses, each inside a prefix"},
    {.name = "port", .type = CONF_INT, .offset = AT(struct service, port), .min = 1,
	.max = 65535, .number = 53, .help = "UDP and TCP port of the service"},
    {.name = "beacons", .type = CONF_PREFIXES, .offset = AT(struct service, beacons),
	.count_offset = AT(struct service, n_beacons), .min = 1, .max = N_FAMILIES,
	.help = "reserved blocks for what the fleet's nodes tell each other, one a family"},
    {.name = NULL},
};

/* All but this is healthd's alone. */
static const struct conf_key workers_keys[] = {
    {.name = "resolver", .type = CONF_STR, .offset = IN(workers, resolver), .text = ""},
    {.name = NULL, .type = CONF_SKIP},
};

#define SKIP(key) {.name = key, .type = CONF_SKIP}

static const struct conf_key file_keys[] = {
    {.name = "node", .type = CONF_GROUP, .offset = AT(struct site, node),
	.line_offset = CONF_NO_LINE, .sub = site_node_keys},
    {.name = "paths", .type = CONF_GROUP, .offset = AT(struct site, paths),
	.line_offset = CONF_NO_LINE, .sub = site_paths_keys},
    {.name = "bird", .type = CONF_GROUP, .offset = AT(struct site, bird),
	.line_offset = CONF_NO_LINE, .sub = site_bird_keys},
    {.name = "rungs", .type = CONF_LIST, .offset = AT(struct site, rungs_conf),
	.count_offset = AT(struct site, n_rungs), .line_offset = AT(struct rung, line),
	.sub = site_rung_keys, .sub_size = sizeof(struct rung), .min = 2, .max = MAX_RUNGS},
    {.name = "services", .type = CONF_LIST, .offset = AT(struct site, services),
	.count_offset = AT(struct site, n_services), .line_offset = AT(struct service, line),
	.required = true, .sub = site_service_keys, .sub_size = sizeof(struct service), .min = 1,
	.max = MAX_SERVICES, .help = "what is announced"},
    {.name = "fleet", .type = CONF_GROUP, .offset = AT(struct site, fleet),
	.line_offset = CONF_NO_LINE, .sub = site_fleet_keys},
    {.name = "workers", .type = CONF_GROUP, .offset = AT(struct site, workers),
	.line_offset = CONF_NO_LINE, .sub = workers_keys},
    SKIP("mode"), SKIP("user"), SKIP("log_level"), SKIP("keeper"), SKIP("ladder"),
    SKIP("checks"), SKIP("recorder"), SKIP("metrics"), SKIP("hook"), SKIP("stop"),
    SKIP("outgoing_addresses"),
    {.name = NULL},
};

/* clang-format on */

int
site_read(const char *path, struct site *out, struct arena *arena, struct err *err)
{
	const struct conf_places *places;

	*out = (struct site){.places = NULL};
	if (conf_read_placed(path, file_keys, out, arena, &places, err) < 0)
		return -1;
	out->places = places;
	return site_derive(out, path, arena, err);
}
