/*
 * The key table of resolver.conf. A number here is a default or a range; the unit is in the key's
 * name.
 */
#include "resolver/conf_keys.h"

#include "lib/event.h"

#define TOP(member) offsetof(struct resolver_conf, member)
#define IN(group, member) \
	(offsetof(struct resolver_conf, group.member) - offsetof(struct resolver_conf, group))

#define WEEK_S 604800

static const char *const level_words[] = {"alarm", "warn", "notice", "info", "debug", NULL};
static const char *const mode_words[] = {"root", "forward", NULL};

/* A group is handed over as itself: `mode` is where IN() says, whatever stands before it. */
static int
mode_of(const void *in)
{
	return *(const int *)((const char *)in + IN(engine, mode));
}

static bool
by_root(const void *in)
{
	return mode_of(in) == ENGINE_ROOT;
}

static bool
by_forwarders(const void *in)
{
	return mode_of(in) == ENGINE_FORWARD;
}

#define BACKUP(member) offsetof(struct backup_conf, member)

static const char *const transport_words[] = {"udp", "tcp", "dot", NULL};

static bool
by_dot(const void *in)
{
	return ((const struct backup_conf *)in)->transport == BACKUP_DOT;
}

/* clang-format off */
#define ROOT .applies = by_root, .only = "mode \"root\""
#define FORWARD .applies = by_forwarders, .only = "mode \"forward\""

static const struct conf_key worker_keys[] = {
    {.name = "max_udp_bytes", .type = CONF_INT, .offset = IN(worker, max_udp_bytes), .min = 512,
	.max = 4096, .number = 1232, .help = "larger answers are truncated and asked again by TCP"},
    {.name = "tcp_clients", .type = CONF_INT, .offset = IN(worker, tcp_clients), .min = 1,
	.max = 65536, .number = 1024, .help = "connections of each worker"},
    {.name = "tcp_idle_ms", .type = CONF_INT, .offset = IN(worker, tcp_idle_ms), .min = 100,
	.max = 600000, .number = 10000, .help = "a silent connection is closed after so long"},
    {.name = "in_flight", .type = CONF_INT, .offset = IN(worker, in_flight), .min = 1,
	.max = 1000000, .number = 4096, .help = "questions of each worker that wait for engines"},
    {.name = "old_ms", .type = CONF_INT, .offset = IN(worker, old_ms), .min = 10, .max = 60000,
	.number = 1500, .help = "datagrams that waited longer are dropped"},
    {.name = "deadline_ms", .type = CONF_INT, .offset = IN(worker, deadline_ms), .min = 100,
	.max = 60000, .number = 4500, .help = "a question without an answer fails after so long"},
    {.name = "l1_mib", .type = CONF_INT, .offset = IN(worker, l1_mib), .min = 1, .max = 32768,
	.number = 32, .help = "each worker's own cache"},
    {.name = "l2_mib", .type = CONF_INT, .offset = IN(worker, l2_mib), .min = 1, .max = 32768,
	.number = 256, .help = "each engine's shard of the shared cache"},
    {.name = "user", .type = CONF_STR, .offset = IN(worker, user), .text = "",
	.help = "who workers become once their sockets are open; \"\": as started"},
    {.name = NULL},
};

static const struct conf_key engine_keys[] = {
    {.name = "mode", .type = CONF_ENUM, .offset = IN(engine, mode), .names = mode_words,
	.help = "root: ask from the root down; forward: ask other resolvers"},
    {.name = "forwarders", FORWARD, .type = CONF_STRS, .offset = IN(engine, forwarders),
	.count_offset = IN(engine, n_forwarders), .max = 16,
	.help = "\"address\" or \"address@port\"; they must support DNSSEC"},
    {.name = "root_hints", ROOT, .type = CONF_STR, .offset = IN(engine, root_hints),
	.text = "/usr/share/dns/root.hints",
	.help = "file; \"\": the hints that libunbound brings along"},
    {.name = "trust_anchor", .type = CONF_STR, .offset = IN(engine, trust_anchor),
	.text = "/usr/share/dns/root.key",
	.help = "file of DS or DNSKEY records; \"\": nothing is validated"},
    {.name = "special", .type = CONF_STRS, .offset = IN(engine, special),
	.count_offset = IN(engine, n_special), .max = 64,
	.help = "special-use zones (\"test.\", \"10.in-addr.arpa.\") that are resolved all the same"},
    {.name = "outgoing_addresses", .type = CONF_STRS, .offset = IN(engine, outgoing_addresses),
	.count_offset = IN(engine, n_outgoing_addresses), .max = 64,
	.help = "source of questions to the outside; never an anycast address"},
    {.name = "in_flight", .type = CONF_INT, .offset = IN(engine, in_flight), .min = 1,
	.max = 65536, .number = 2048, .help = "questions an engine works on at a time; the rest is "
		"refused at once"},
    {.name = "deadline_ms", .type = CONF_INT, .offset = IN(engine, deadline_ms), .min = 100,
	.max = 60000, .number = 4000, .help = "a question fails after so long"},
    {.name = "cache_mib", .type = CONF_INT, .offset = IN(engine, cache_mib), .min = 4,
	.max = 65536, .number = 64, .help = "delegations, keys and records within libunbound"},
    {.name = "user", .type = CONF_STR, .offset = IN(engine, user), .text = "",
	.help = "who engines become once their files are read; \"\": as started"},
    {.name = "seccomp", .type = CONF_BOOL, .offset = IN(engine, seccomp), .number = 1,
	.help = "a system call that resolving does not need ends the engine"},
    {.name = NULL},
};

static const struct conf_key ttl_keys[] = {
    {.name = "min_s", .type = CONF_INT, .offset = IN(ttls, min_s), .max = 3600,
	.help = "answers live at least so long ..."},
    {.name = "max_s", .type = CONF_INT, .offset = IN(ttls, max_s), .min = 1, .max = WEEK_S,
	.number = 86400, .help = "... and at most so long"},
    {.name = "neg_min_s", .type = CONF_INT, .offset = IN(ttls, neg_min_s), .max = 3600,
	.number = 30, .help = "the same of NXDOMAIN and NODATA (RFC 2308) ..."},
    {.name = "neg_max_s", .type = CONF_INT, .offset = IN(ttls, neg_max_s), .min = 1,
	.max = WEEK_S, .number = 3600, .help = "... raised and lowered so"},
    {.name = "failure_s", .type = CONF_INT, .offset = IN(ttls, failure_s), .min = 1, .max = 300,
	.number = 5, .help = "failures are not asked again for so long (RFC 9520)"},
    {.name = NULL},
};

#define DOT .applies = by_dot, .only = "transport \"dot\""

static const struct conf_key backup_keys[] = {
    {.name = "address", .type = CONF_STR, .offset = BACKUP(address), .required = true,
	.help = "\"address\" or \"address@port\"; port 53, with transport \"dot\" 853"},
    {.name = "transport", .type = CONF_ENUM, .offset = BACKUP(transport),
	.names = transport_words, .help = "udp (TCP where an answer is too long), tcp, or dot: TLS"},
    {.name = "tls_name", DOT, .type = CONF_STR, .offset = BACKUP(tls_name), .text = "",
	.help = "whom its certificate has to be for"},
    {.name = "ca_file", DOT, .type = CONF_STR, .offset = BACKUP(ca_file),
	.text = "/etc/ssl/certs/ca-certificates.crt",
	.help = "file of the authorities that may have signed it"},
    {.name = "trusted", DOT, .type = CONF_BOOL, .offset = BACKUP(trusted),
	.help = "what it says it has validated (AD) is taken for validated"},
    {.name = NULL},
};

#define GROUP(key, at, table, text) \
	{.name = key, .type = CONF_GROUP, .offset = at, .line_offset = CONF_NO_LINE, .sub = table, \
	    .help = text}

const struct conf_key resolver_conf_keys[] = {
    {.name = "pop", .type = CONF_STR, .offset = TOP(pop), .required = true, .help = "this PoP"},
    {.name = "node", .type = CONF_STR, .offset = TOP(node), .required = true,
	.help = "this node of it"},
    {.name = "identity", .type = CONF_STR, .offset = TOP(identity), .text = "%p/%n/%i",
	.help = "id.server, hostname.bind and NSID; %p pop, %n node, %i the worker's number"},
    {.name = "run_dir", .type = CONF_STR, .offset = TOP(run_dir), .text = "/run/anypop",
	.help = "where engines listen, as engine-N.sock"},
    {.name = "listen", .type = CONF_ADDRS, .offset = TOP(listen), .count_offset = TOP(n_listen),
	.required = true, .min = 1, .max = 64, .help = "service addresses"},
    {.name = "port", .type = CONF_INT, .offset = TOP(port), .min = 1, .max = 65535, .number = 53,
	.help = "of all of them"},
    {.name = "probe_address", .type = CONF_STR, .offset = TOP(probe_address),
	.text = "127.0.0.1", .help = "each worker's private listener ..."},
    {.name = "probe_port", .type = CONF_INT, .offset = TOP(probe_port), .min = 1, .max = 65535,
	.number = 5300, .help = "... at this port + its number"},
    {.name = "health_name", .type = CONF_STR, .offset = TOP(health_name),
	.text = "health.anypop.", .help = "answered by the worker itself: A 192.0.2.1, and AAAA ..."},
    {.name = "health_address", .type = CONF_ADDR, .offset = TOP(health_address),
	.text = "2001:db8::1", .help = "... with this"},
    {.name = "allow", .type = CONF_PREFIXES, .offset = TOP(allow), .count_offset = TOP(n_allow),
	.max = 4096, .help = "who may ask, others are REFUSED; loopback by default"},
    {.name = "engines", .type = CONF_INT, .offset = TOP(engines), .min = 1, .max = 16,
	.number = 1, .help = "processes that resolve, each with a shard of the shared cache"},
    GROUP("worker", TOP(worker), worker_keys, "processes that answer"),
    GROUP("engine", TOP(engine), engine_keys, "processes that resolve"),
    GROUP("ttl", TOP(ttls), ttl_keys, "how long answers live"),
    {.name = "backup", .type = CONF_LIST, .offset = TOP(backup), .count_offset = TOP(n_backup),
	.line_offset = BACKUP(line), .sub = backup_keys, .sub_size = sizeof(struct backup_conf),
	.max = BACKUPS_MAX, .help = "resolvers that are asked when recursion fails, in this order"},
    {.name = "backup_after_ms", .type = CONF_INT, .offset = TOP(backup_after_ms), .min = 50,
	.max = 60000, .number = 2000,
	.help = "recursion that is silent so long gets a backup beside it"},
    {.name = "log_level", .type = CONF_ENUM, .offset = TOP(log_level), .names = level_words,
	.min = EVENT_ALARM, .number = EVENT_INFO, .help = "events above it are not written"},
    {.name = NULL},
};
/* clang-format on */
