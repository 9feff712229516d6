/*
 * The key tables of healthd.conf. A number here is a default (CONF_AUTO: it depends on the check's
 * kind, see settings_fill.c) or a range; the unit is in the key's name.
 */
#include "healthd/settings_keys.h"

#include <string.h>

#include "lib/event.h"

#define CHECK(member) offsetof(struct check_conf, member)
#define SITE(member) offsetof(struct settings, site.member)
#define TOP(member) offsetof(struct settings, member)
#define IN(group, member) \
	(offsetof(struct settings, group.member) - offsetof(struct settings, group))
#define LADDER(member) offsetof(struct ladder_conf, member)

#define MS_MAX 604800000 /* a week */

static const char *const mode_words[] = {"drive", "observe", NULL};
static const char *const level_words[] = {"alarm", "warn", "notice", "info", "debug", NULL};
static const char *const dead_man_words[] = {"hold", "drain", "silent", NULL};
static const char *const alone_words[] = {"drain", "silent", NULL};
static const char *const kind_words[] = {"dns", "upstream", "resource", "error_rate", "cache",
    "workers", "link", "bgp", "exec", "vantage", NULL};
static const char *const family_words[] = {"v4", "v6", NULL};
static const char *const target_words[] = {"anycast", "workers", "servers", NULL};
static const char *const transport_words[] = {"udp", "tcp", NULL};
static const char *const source_words[] = {"psi_cpu", "psi_memory", "psi_io", "mem_available",
    "disk", "descriptors", "udp_drops", "nic_drops", NULL};

/* Which keys mean something for which kind of check. */
static int
kind_of(const void *in)
{
	return ((const struct check_conf *)in)->kind;
}

static bool
asks(const void *in)
{
	return kind_of(in) == KIND_DNS || kind_of(in) == KIND_UPSTREAM;
}

static bool
waits(const void *in)
{
	return asks(in) || kind_of(in) == KIND_EXEC;
}

static bool
is_dns(const void *in)
{
	return kind_of(in) == KIND_DNS;
}

static bool
is_upstream(const void *in)
{
	return kind_of(in) == KIND_UPSTREAM;
}

static bool
has_servers(const void *in)
{
	return is_upstream(in) ||
	    (is_dns(in) && ((const struct check_conf *)in)->target == DNS_SERVERS);
}

static bool
is_resource(const void *in)
{
	return kind_of(in) == KIND_RESOURCE;
}

static bool
is_score(const void *in)
{
	return kind_of(in) == KIND_ERROR_RATE || kind_of(in) == KIND_CACHE;
}

static bool
is_graded(const void *in)
{
	return is_resource(in) || is_score(in);
}

static bool
is_link(const void *in)
{
	return kind_of(in) == KIND_LINK;
}

static bool
is_bgp(const void *in)
{
	return kind_of(in) == KIND_BGP;
}

static bool
is_exec(const void *in)
{
	return kind_of(in) == KIND_EXEC;
}

static bool
is_vantage(const void *in)
{
	return kind_of(in) == KIND_VANTAGE;
}

static bool
has_targets(const void *in)
{
	return asks(in) || is_link(in) || is_bgp(in);
}

/* clang-format off */
#define ASKS .applies = asks, .only = "kind \"dns\" or \"upstream\""
#define WAITS .applies = waits, .only = "kind \"dns\", \"upstream\" or \"exec\""
#define TARGETS .applies = has_targets, .only = "kind \"dns\", \"upstream\", \"link\" or \"bgp\""
#define DNS .applies = is_dns, .only = "kind \"dns\""
#define UPSTREAM .applies = is_upstream, .only = "kind \"upstream\""
#define SERVERS .applies = has_servers, .only = "kind \"upstream\", or kind \"dns\" and target \"servers\""
#define RESOURCE .applies = is_resource, .only = "kind \"resource\""
#define SCORE .applies = is_score, .only = "kind \"error_rate\" or \"cache\""
#define GRADED .applies = is_graded, .only = "kind \"resource\", \"error_rate\" or \"cache\""
#define LINK .applies = is_link, .only = "kind \"link\""
#define BGP .applies = is_bgp, .only = "kind \"bgp\""
#define VANTAGE .applies = is_vantage, .only = "kind \"vantage\""
#define EXEC .applies = is_exec, .only = "kind \"exec\""

static const struct conf_key check_keys[] = {
    {.name = "name", .type = CONF_STR, .offset = CHECK(name), .required = true,
	.help = "[a-z0-9_], at most 24"},
    {.name = "kind", .type = CONF_ENUM, .offset = CHECK(kind), .names = kind_words,
	.required = true, .help = "what is looked at"},
    {.name = "families", .type = CONF_SET, .offset = CHECK(families), .names = family_words,
	.min = 1, .number = 3, .help = "counts for the services in these families"},
    {.name = "services", .type = CONF_STRS, .offset = CHECK(services),
	.count_offset = CHECK(n_services), .max = MAX_SERVICES,
	.help = "counts for these services; all by default"},
    {.name = "vital", .type = CONF_BOOL, .offset = CHECK(vital),
	.help = "its failure makes the score 0; self checks only"},
    {.name = "weight", .type = CONF_INT, .offset = CHECK(weight), .max = 1000, .number = 10,
	.help = "in the mean of all checks"},
    {.name = "interval_ms", .type = CONF_INT, .offset = CHECK(interval_ms), .min = 10,
	.max = 3600000, .number = CONF_AUTO,
	.help = "one look each; 100 for dns self checks, else 1000"},
    {.name = "timeout_ms", WAITS, .type = CONF_INT, .offset = CHECK(timeout_ms), .min = 1,
	.max = 3600000, .number = CONF_AUTO, .help = "at most interval_ms"},
    {.name = "k", TARGETS, .type = CONF_INT, .offset = CHECK(k), .max = MAX_TARGETS,
	.number = CONF_AUTO,
	.help = "so many targets must be well, 0: all; 1 for upstream, bgp, uplinks"},
    {.name = "rise", .type = CONF_INT, .offset = CHECK(rise), .min = 1, .max = 1000,
	.number = CONF_AUTO, .help = "successes in a row that make a failed target well"},
    {.name = "fall", .type = CONF_INT, .offset = CHECK(fall), .min = 1, .max = 1000,
	.number = CONF_AUTO, .help = "failures, not forgiven yet, that make it failed"},
    {.name = "forgive", .type = CONF_INT, .offset = CHECK(forgive), .min = 1, .max = 1000,
	.number = CONF_AUTO, .help = "successes in a row that forget failures"},
    {.name = "patience_ms", WAITS, .type = CONF_INT, .offset = CHECK(patience_ms),
	.max = 3600000, .number = CONF_AUTO, .help = "silence counts only after so long"},
    {.name = "target", DNS, .type = CONF_ENUM, .offset = CHECK(target), .names = target_words,
	.help = "who is asked"},
    {.name = "transports", DNS, .type = CONF_SET, .offset = CHECK(transports),
	.names = transport_words, .min = 1, .number = TRANSPORT_UDP, .help = "how"},
    {.name = "qname", DNS, .type = CONF_STR, .offset = CHECK(qname),
	.help = "name asked for; \"$random.zone\": a fresh one each time; id.server by default"},
    {.name = "qtype", ASKS, .type = CONF_STR, .offset = CHECK(qtype), .help = "type asked for"},
    {.name = "qclass", DNS, .type = CONF_STR, .offset = CHECK(qclass), .help = "IN or CH"},
    {.name = "recursion", ASKS, .type = CONF_BOOL, .offset = CHECK(recursion),
	.help = "ask with RD: the answer needs the resolver's upstream, the check is derived; "
		"of an upstream check: its servers are forwarders"},
    {.name = "expect_rcode", DNS, .type = CONF_STR, .offset = CHECK(expect_rcode),
	.text = NULL, .help = "\"NOERROR\" by default; several with |"},
    {.name = "expect_data", DNS, .type = CONF_STR, .offset = CHECK(expect_data),
	.help = "an answer's data in text form; any by default"},
    {.name = "expect_ad", DNS, .type = CONF_BOOL, .offset = CHECK(expect_ad),
	.help = "the answer must be validated"},
    {.name = "servers", SERVERS, .type = CONF_STRS, .offset = CHECK(servers),
	.count_offset = CHECK(n_servers), .min = 1, .max = MAX_TARGETS,
	.help = "\"address\" or \"address@port\""},
    {.name = "qnames", UPSTREAM, .type = CONF_STRS, .offset = CHECK(qnames),
	.count_offset = CHECK(n_qnames), .max = 32, .help = "canaries in turn; \".\" by default"},
    {.name = "source", RESOURCE, .type = CONF_ENUM, .offset = CHECK(source),
	.names = source_words, .help = "what is read"},
    {.name = "path", RESOURCE, .type = CONF_STR, .offset = CHECK(path),
	.help = "file (disk: directory) that is read; the system's own by default"},
    {.name = "warn", GRADED, .type = CONF_INT, .offset = CHECK(warn), .max = 1000000000,
	.number = CONF_AUTO, .help = "the value falls from 100 here ..."},
    {.name = "crit", GRADED, .type = CONF_INT, .offset = CHECK(crit), .max = 1000000000,
	.number = CONF_AUTO, .help = "... to 0 here: failed"},
    {.name = "window_ms", SCORE, .type = CONF_INT, .offset = CHECK(window_ms), .min = 1000,
	.max = 60000, .number = 10000, .help = "of the last so long"},
    {.name = "min_answers", SCORE, .type = CONF_INT, .offset = CHECK(min_answers), .min = 1,
	.max = 1000000, .number = 50, .help = "fewer in the window: nothing to judge"},
    {.name = "interfaces", LINK, .type = CONF_STRS, .offset = CHECK(interfaces),
	.count_offset = CHECK(n_interfaces), .max = MAX_TARGETS,
	.help = "uplinks that need carrier, k of them"},
    {.name = "addresses", LINK, .type = CONF_BOOL, .offset = CHECK(addresses),
	.help = "the service addresses must be bound, all of them"},
    {.name = "address_interface", LINK, .type = CONF_STR, .offset = CHECK(address_interface),
	.help = "where a missing service address is put back; never by default"},
    {.name = "bfd", BGP, .type = CONF_BOOL, .offset = CHECK(bfd),
	.help = "BFD must be up too"},
    {.name = "command", EXEC, .type = CONF_STRS, .offset = CHECK(command),
	.count_offset = CHECK(n_command), .min = 1, .max = 64,
	.help = "program and arguments; well when it exits 0"},
    {.name = "exec_local", EXEC, .type = CONF_BOOL, .offset = CHECK(exec_local),
	.help = "your word that it needs no uplink: a self check"},
    {.name = "confirm", VANTAGE, .type = CONF_BOOL, .offset = CHECK(confirm),
	.help = "nobody goes silent for his score whom most of those who watch him find well"},
    {.name = NULL},
};

static const struct conf_key keeper_keys[] = {
    {.name = "lease_ms", .type = CONF_INT, .offset = IN(keeper, lease_ms), .min = 100,
	.max = 60000, .number = 1000, .help = "a brain silent so long is replaced"},
    {.name = "fence_ms", .type = CONF_INT, .offset = IN(keeper, fence_ms), .min = 10,
	.max = 10000, .number = 100, .help = "wait at most so long for its end"},
    {.name = "dead_man", .type = CONF_ENUM, .offset = IN(keeper, dead_man),
	.names = dead_man_words, .help = "what becomes of the route without a brain"},
    {.name = NULL},
};

static const struct conf_key workers_keys[] = {
    {.name = "count", .type = CONF_INT, .offset = IN(workers, count), .max = 48,
	.help = "resolver processes to run; 0: none of ours"},
    {.name = "command", .type = CONF_STRS, .offset = IN(workers, command),
	.count_offset = IN(workers, n_command), .max = 64,
	.help = "program and arguments; %i is the slot's number"},
    {.name = "resolver", .type = CONF_STR, .offset = IN(workers, resolver), .text = "",
	.help = "instead: our own resolver, by this configuration file"},
    {.name = "user", .type = CONF_STR, .offset = IN(workers, user), .text = "",
	.help = "who they run as; \"\": root (it drops by itself)"},
    {.name = "capacity", .type = CONF_INT, .offset = IN(workers, capacity), .max = 1000000000,
	.help = "questions a second that our own workers can answer; 0: not known"},
    {.name = "spare", .type = CONF_INT, .offset = IN(workers, spare), .max = 1, .number = 1,
	.help = "a further slot, used by rolling upgrades only"},
    {.name = "min_ready", .type = CONF_INT, .offset = IN(workers, min_ready), .max = 48,
	.number = CONF_AUTO, .help = "never fewer in upgrades; count - 1, but 1, by default"},
    {.name = "probe_address", .type = CONF_STR, .offset = IN(workers, probe_address),
	.text = "127.0.0.1", .help = "each worker's private listener ..."},
    {.name = "probe_port", .type = CONF_INT, .offset = IN(workers, probe_port), .min = 1,
	.max = 65535, .number = 5300, .help = "... at this port + its slot's number"},
    {.name = "probe_qname", .type = CONF_STR, .offset = IN(workers, probe_qname),
	.text = "id.server", .help = "asked there"},
    {.name = "probe_qtype", .type = CONF_STR, .offset = IN(workers, probe_qtype), .text = "TXT"},
    {.name = "probe_qclass", .type = CONF_STR, .offset = IN(workers, probe_qclass), .text = "CH"},
    {.name = "probe_interval_ms", .type = CONF_INT, .offset = IN(workers, probe_interval_ms),
	.min = 10, .max = 60000, .number = 100},
    {.name = "probe_timeout_ms", .type = CONF_INT, .offset = IN(workers, probe_timeout_ms),
	.min = 1, .max = 60000, .number = 100},
    {.name = "hang_probes", .type = CONF_INT, .offset = IN(workers, hang_probes), .min = 1,
	.max = 1000, .number = 3, .help = "silent so often in a row, showing no life: killed"},
    {.name = "busy_probes", .type = CONF_INT, .offset = IN(workers, busy_probes), .min = 1,
	.max = 10000, .number = 50, .help = "the same though it runs, answering nobody: killed"},
    {.name = "start_timeout_ms", .type = CONF_INT, .offset = IN(workers, start_timeout_ms),
	.min = 100, .max = 600000, .number = 5000, .help = "not ready after so long: failed"},
    {.name = "backoff_min_ms", .type = CONF_INT, .offset = IN(workers, backoff_min_ms),
	.min = 1, .max = 600000, .number = 20, .help = "before the second start ..."},
    {.name = "backoff_max_ms", .type = CONF_INT, .offset = IN(workers, backoff_max_ms),
	.min = 1, .max = 3600000, .number = 30000, .help = "... doubled up to this"},
    {.name = "none_ready_ms", .type = CONF_INT, .offset = IN(workers, none_ready_ms),
	.min = 10, .max = 600000, .number = 300, .help = "none ready so long: `workers` fails"},
    {.name = "failed_starts", .type = CONF_INT, .offset = IN(workers, failed_starts), .min = 1,
	.max = 1000, .number = 3, .help = "so many since one was ready: `workers` fails"},
    {.name = "quarantine_starts", .type = CONF_INT, .offset = IN(workers, quarantine_starts),
	.min = 1, .max = 1000, .number = 6, .help = "so many failed in a row: crash loop"},
    {.name = "quarantine_ms", .type = CONF_INT, .offset = IN(workers, quarantine_ms),
	.min = 100, .max = MS_MAX, .number = 60000, .help = "until it is tried again"},
    {.name = "stop_timeout_ms", .type = CONF_INT, .offset = IN(workers, stop_timeout_ms),
	.min = 10, .max = 600000, .number = 5000, .help = "from SIGTERM to SIGKILL"},
    {.name = NULL},
};

#define FLAP(member) offsetof(struct flap_conf, member)
static const struct conf_key flap_keys[] = {
    {.name = "half_life_ms", .type = CONF_INT, .offset = FLAP(half_life_ms), .min = 1000,
	.max = MS_MAX, .number = 900000, .help = "of a router's memory of our changes"},
    {.name = "limit", .type = CONF_INT, .offset = FLAP(limit), .min = 500, .max = 20000,
	.number = 1500, .help = "a discretionary move must fit under it"},
    {.name = "withdraw_cost", .type = CONF_INT, .offset = FLAP(withdraw_cost), .max = 20000,
	.number = 1000, .help = "what a withdrawal costs"},
    {.name = "change_cost", .type = CONF_INT, .offset = FLAP(change_cost), .max = 20000,
	.number = 500, .help = "what a change of attributes costs"},
    {.name = NULL},
};

static const struct conf_key ladder_keys[] = {
    {.name = "fall_hold_ms", .type = CONF_INT, .offset = LADDER(fall_hold_ms), .max = MS_MAX,
	.number = 30000, .help = "at drain so long before silent by proof"},
    {.name = "absorb_ms", .type = CONF_INT, .offset = LADDER(absorb_ms), .max = MS_MAX,
	.number = 10000, .help = "in a fleet overload lasts so long before it costs a rung"},
    {.name = "latch_ms", .type = CONF_INT, .offset = LADDER(latch_ms), .max = MS_MAX,
	.number = 60000, .help = "the brake stays on after upstream is well"},
    {.name = "hold_ms", .type = CONF_INT, .offset = LADDER(hold_ms), .min = 10, .max = MS_MAX,
	.number = 60000, .help = "between climbs; doubled at each relapse ..."},
    {.name = "hold_cap_ms", .type = CONF_INT, .offset = LADDER(hold_cap_ms), .min = 10,
	.max = MS_MAX, .number = 960000, .help = "... up to this"},
    {.name = "relapse_ms", .type = CONF_INT, .offset = LADDER(relapse_ms), .max = MS_MAX,
	.number = 600000, .help = "a fall so soon after a climb is a relapse"},
    {.name = "heal_ms", .type = CONF_INT, .offset = LADDER(heal_ms), .min = 10, .max = MS_MAX,
	.number = 600000, .help = "so long without a fall halves the hold"},
    {.name = "adopt_ms", .type = CONF_INT, .offset = LADDER(adopt_ms), .min = 10, .max = 60000,
	.number = 300, .help = "a self round must pass in it to keep a predecessor's rung"},
    {.name = "preflight_warm_ms", .type = CONF_INT, .offset = LADDER(preflight_warm_ms),
	.max = MS_MAX, .number = 30000, .help = "a cold cache delays a climb at most so long"},
    {.name = "alone", .type = CONF_BOOL, .offset = LADDER(alone),
	.help = "no other PoP announces: climb to drain at once when self checks pass"},
    {.name = "vital_alone", .type = CONF_ENUM, .offset = LADDER(vital_alone),
	.names = alone_words, .number = ALONE_SILENT,
	.help = "how far down a vital failure goes without a view of the fleet"},
    {.name = "proven_alone", .type = CONF_ENUM, .offset = LADDER(proven_alone),
	.names = alone_words, .number = ALONE_DRAIN,
	.help = "without a fleet the same of a low score whose cause is proven to be here"},
    {.name = "emergency_min_ms", .type = CONF_INT, .offset = LADDER(emergency_min_ms), .min = 10,
	.max = MS_MAX, .number = 1000, .help = "wait after a relapsed emergency climb ..."},
    {.name = "emergency_max_ms", .type = CONF_INT, .offset = LADDER(emergency_max_ms), .min = 10,
	.max = MS_MAX, .number = 60000, .help = "... doubled up to this"},
    {.name = "emergency_relapse_ms", .type = CONF_INT, .offset = LADDER(emergency_relapse_ms),
	.max = MS_MAX, .number = 600000, .help = "a fall so soon after it is its relapse"},
    {.name = "flap", .type = CONF_GROUP, .offset = LADDER(flap), .line_offset = CONF_NO_LINE,
	.sub = flap_keys, .help = "the flap budget, per prefix"},
    {.name = NULL},
};

static const struct conf_key recorder_keys[] = {
    {.name = "path", .type = CONF_STR, .offset = IN(recorder, path),
	.help = "flight recorder; \"\": none; recorder in state_dir by default"},
    {.name = "size_mib", .type = CONF_INT, .offset = IN(recorder, size_mib), .min = 1,
	.max = 65536, .number = 64, .help = "it never grows beyond"},
    {.name = NULL},
};

static const struct conf_key metrics_keys[] = {
    {.name = "address", .type = CONF_STR, .offset = IN(metrics, address), .text = "127.0.0.1",
	.help = "where /metrics is served; \"\": nowhere"},
    {.name = "port", .type = CONF_INT, .offset = IN(metrics, port), .min = 1, .max = 65535,
	.number = 9753},
    {.name = NULL},
};

static const struct conf_key hook_keys[] = {
    {.name = "command", .type = CONF_STRS, .offset = IN(hook, command),
	.count_offset = IN(hook, n_command), .max = 64, .help = "run at each rung change"},
    {.name = "timeout_ms", .type = CONF_INT, .offset = IN(hook, timeout_ms), .min = 10,
	.max = 600000, .number = 5000, .help = "killed after so long"},
    {.name = NULL},
};

static const struct conf_key stop_keys[] = {
    {.name = "drain_ms", .type = CONF_INT, .offset = IN(stop, drain_ms), .max = 3600000,
	.number = 60000, .help = "SIGTERM: at drain at most so long before silent"},
    {.name = NULL},
};

#define GROUP(key, at, table, text) \
	{.name = key, .type = CONF_GROUP, .offset = at, .line_offset = CONF_NO_LINE, .sub = table, \
	    .help = text}

const struct conf_key settings_keys[] = {
    GROUP("node", SITE(node), site_node_keys, "who we are"),
    GROUP("paths", SITE(paths), site_paths_keys, "where state is kept"),
    {.name = "mode", .type = CONF_ENUM, .offset = TOP(mode), .names = mode_words,
	.help = "observe: decide, log and record, and write nothing to BIRD or links"},
    {.name = "user", .type = CONF_STR, .offset = TOP(user), .text = "anypop",
	.help = "the brain's; \"\": as started"},
    {.name = "log_level", .type = CONF_ENUM, .offset = TOP(log_level), .names = level_words,
	.min = EVENT_ALARM, .number = EVENT_INFO, .help = "events above it are not written"},
    GROUP("bird", SITE(bird), site_bird_keys, "the routing daemon"),
    {.name = "rungs", .type = CONF_LIST, .offset = SITE(rungs_conf),
	.count_offset = SITE(n_rungs), .line_offset = offsetof(struct rung, line),
	.sub = site_rung_keys, .sub_size = sizeof(struct rung), .min = 2, .max = MAX_RUNGS,
	.help = "best first; full, backup, drain, silent by default"},
    {.name = "services", .type = CONF_LIST, .offset = SITE(services),
	.count_offset = SITE(n_services), .line_offset = offsetof(struct service, line),
	.sub = site_service_keys, .sub_size = sizeof(struct service), .required = true, .min = 1,
	.max = MAX_SERVICES, .help = "what is announced"},
    GROUP("fleet", SITE(fleet), site_fleet_keys, "other nodes that announce the same"),
    GROUP("keeper", TOP(keeper), keeper_keys, "watches the brain"),
    GROUP("workers", TOP(workers), workers_keys, "resolver processes to supervise"),
    GROUP("ladder", TOP(ladder), ladder_keys, "when rungs change"),
    {.name = "checks", .type = CONF_LIST, .offset = TOP(checks), .count_offset = TOP(n_checks),
	.line_offset = CHECK(line), .sub = check_keys, .sub_size = sizeof(struct check_conf),
	.min = 1, .max = MAX_CHECKS, .help = "what is looked at; a sensible set by default"},
    GROUP("recorder", TOP(recorder), recorder_keys, "flight recorder"),
    GROUP("metrics", TOP(metrics), metrics_keys, "Prometheus and status page"),
    GROUP("hook", TOP(hook), hook_keys, "your program at rung changes"),
    GROUP("stop", TOP(stop), stop_keys, "SIGTERM"),
    {.name = "outgoing_addresses", .type = CONF_STRS, .offset = TOP(outgoing_addresses),
	.count_offset = TOP(n_outgoing_addresses), .max = 8,
	.help = "source of probes to the outside; never an anycast address"},
    {.name = NULL},
};
/* clang-format on */
