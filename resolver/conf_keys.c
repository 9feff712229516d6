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

static bool
by_udp(const void *in)
{
	return ((const struct backup_conf *)in)->transport == BACKUP_UDP;
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
    {.name = "seccomp", .type = CONF_BOOL, .offset = IN(worker, seccomp), .number = 1,
	.help = "a system call that answering does not need ends the worker"},
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
    {.name = "followed_anchor", .type = CONF_STR, .offset = IN(engine, followed_anchor),
	.text = "/var/lib/anypop-anchor/root.key",
	.help = "what `resolver anchor` makes of it as the root's keys roll, read instead of it once "
		"it is there; \"\": they are not followed"},
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
    {.name = "probation", .type = CONF_BOOL, .offset = IN(engine, probation), .number = 1,
	.help = "one more engine, which asks again what another one may have died of"},
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

static const struct conf_key refresh_keys[] = {
    {.name = "percent", .type = CONF_INT, .offset = IN(refresh, percent), .max = 30,
	.number = 10, .help = "answers asked for when so much of their life is left are renewed; "
		"0: none"},
    {.name = "per_s", .type = CONF_INT, .offset = IN(refresh, per_s), .min = 1, .max = 100000,
	.number = 500, .help = "at most so many a second, of each worker"},
    {.name = NULL},
};

static const struct conf_key redis_keys[] = {
    {.name = "servers", .type = CONF_STRS, .offset = IN(redis, servers),
	.count_offset = IN(redis, n_servers), .max = 16,
	.help = "\"address\" or \"address@port\", all that may be asked; none: no regional cache"},
    {.name = "cluster", .type = CONF_BOOL, .offset = IN(redis, cluster),
	.help = "they are a Redis Cluster; else keys are spread over them evenly"},
    {.name = "user", .type = CONF_STR, .offset = IN(redis, user), .text = "",
	.help = "of Redis's access control list; \"\": its default user"},
    {.name = "password_file", .type = CONF_STR, .offset = IN(redis, password_file), .text = "",
	.help = "file whose first line is the password; \"\": none is asked for"},
    {.name = "database", .type = CONF_INT, .offset = IN(redis, database), .max = 1023,
	.help = "number that is selected; a Cluster has only 0"},
    {.name = "view", .type = CONF_STR, .offset = IN(redis, view), .text = "default",
	.help = "only nodes of the same view share answers"},
    {.name = "secret_file", .type = CONF_STR, .offset = IN(redis, secret_file), .text = "",
	.help = "file whose first line authenticates answers; \"\": whoever writes is believed"},
    {.name = "trust_ad", .type = CONF_BOOL, .offset = IN(redis, trust_ad),
	.help = "without a secret: believe also that an answer was validated"},
    {.name = "race_ms", .type = CONF_INT, .offset = IN(redis, race_ms), .max = 1000, .number = 3,
	.help = "recursion waits so long at most for the answer of Redis; 0: not at all"},
    {.name = "connect_ms", .type = CONF_INT, .offset = IN(redis, connect_ms), .min = 10,
	.max = 10000, .number = 500, .help = "a server that is not ready after so long is left"},
    {.name = "command_ms", .type = CONF_INT, .offset = IN(redis, command_ms), .min = 5,
	.max = 5000, .number = 100, .help = "a server that is silent for so long is left"},
    {.name = "in_flight", .type = CONF_INT, .offset = IN(redis, in_flight), .min = 1,
	.max = 4096, .number = 256, .help = "commands that each server has not answered yet"},
    {.name = "min_ttl_s", .type = CONF_INT, .offset = IN(redis, min_ttl_s), .min = 1,
	.max = 3600, .number = 10, .help = "answers that live shorter are not shared"},
    {.name = NULL},
};

static const struct conf_key limits_keys[] = {
    {.name = "queries_per_s", .type = CONF_INT, .offset = IN(limits, queries_per_s),
	.max = 100000000, .help = "of one client; beyond it from cache only, then TC, then dropped"},
    {.name = "prefix_queries_per_s", .type = CONF_INT, .offset = IN(limits, prefix_queries_per_s),
	.max = 100000000, .help = "the same of one prefix"},
    {.name = "misses_per_s", .type = CONF_INT, .offset = IN(limits, misses_per_s),
	.max = 100000000, .help = "of one client: questions for an engine, the rest is REFUSED"},
    {.name = "prefix_misses_per_s", .type = CONF_INT, .offset = IN(limits, prefix_misses_per_s),
	.max = 100000000, .help = "the same of one prefix"},
    {.name = "burst_ms", .type = CONF_INT, .offset = IN(limits, burst_ms), .min = 10, .max = 60000,
	.number = 1000, .help = "what a rate allows in so long may come at once"},
    {.name = "tcp_clients", .type = CONF_INT, .offset = IN(limits, tcp_clients), .max = 65536,
	.number = 256, .help = "connections of one client ..."},
    {.name = "prefix_tcp_clients", .type = CONF_INT, .offset = IN(limits, prefix_tcp_clients),
	.max = 65536, .number = 512, .help = "... and of one prefix"},
    {.name = "client_v6_bits", .type = CONF_INT, .offset = IN(limits, client_v6_bits), .min = 32,
	.max = 64, .number = 64, .help = "so much of an IPv6 address is a client"},
    {.name = "prefix_v4_bits", .type = CONF_INT, .offset = IN(limits, prefix_v4_bits), .min = 8,
	.max = 32, .number = 24, .help = "so much of an IPv4 address is a prefix ..."},
    {.name = "prefix_v6_bits", .type = CONF_INT, .offset = IN(limits, prefix_v6_bits), .min = 16,
	.max = 64, .number = 56, .help = "... and so much of an IPv6 address"},
    {.name = "exempt", .type = CONF_PREFIXES, .offset = IN(limits, exempt),
	.count_offset = IN(limits, n_exempt), .max = 256,
	.help = "under no limit and no rrl, as loopback and the probe listener always are"},
    {.name = NULL},
};

static const struct conf_key rrl_keys[] = {
    {.name = "responses_per_s", .type = CONF_INT, .offset = IN(rrl, responses_per_s),
	.max = 1000000, .help = "of a kind to one prefix by UDP without a valid cookie; 0: any number"},
    {.name = "slip", .type = CONF_INT, .offset = IN(rrl, slip), .max = 100, .number = 2,
	.help = "of those beyond, one in so many is TC, the others dropped; 0: all dropped"},
    {.name = NULL},
};

static const struct conf_key cookies_keys[] = {
    {.name = "answer", .type = CONF_BOOL, .offset = IN(cookies, answer), .number = 1,
	.help = "DNS cookies (RFC 7873) are answered and believed"},
    {.name = "require", .type = CONF_BOOL, .offset = IN(cookies, require),
	.help = "BADCOOKIE by UDP for those who send one that is not valid"},
    {.name = "secret_file", .type = CONF_STR, .offset = IN(cookies, secret_file), .text = "",
	.help = "one for all nodes of a service address; \"\": this node has its own"},
    {.name = NULL},
};

static const struct conf_key snapshot_keys[] = {
    {.name = "file", .type = CONF_STR, .offset = IN(snapshot, file), .text = "",
	.help = "where the shared cache is kept for the host's next boot; \"\": nowhere"},
    {.name = "every_s", .type = CONF_INT, .offset = IN(snapshot, every_s), .max = 86400,
	.number = 1800, .help = "it is written so often, and when healthd stops; 0: only then"},
    {.name = "max_mib", .type = CONF_INT, .offset = IN(snapshot, max_mib), .min = 1,
	.max = 65536, .number = 512, .help = "of the file; what was asked most goes in first"},
    {.name = "load_ms", .type = CONF_INT, .offset = IN(snapshot, load_ms), .min = 100,
	.max = 8000, .number = 5000, .help = "the start waits so long at most while it is read"},
    {.name = NULL},
};

#define DOT .applies = by_dot, .only = "transport \"dot\""
#define UDP .applies = by_udp, .only = "transport \"udp\""

static const struct conf_key backup_keys[] = {
    {.name = "address", .type = CONF_STR, .offset = BACKUP(address), .required = true,
	.help = "\"address\" or \"address@port\"; port 53, with transport \"dot\" 853"},
    {.name = "transport", .type = CONF_ENUM, .offset = BACKUP(transport),
	.names = transport_words, .help = "udp (TCP where an answer is too long), tcp, or dot: TLS"},
    {.name = "mix_case", UDP, .type = CONF_BOOL, .offset = BACKUP(mix_case), .number = 1,
	.help = "letters of names in random case, which its answers have to bring back (0x20)"},
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
    {.name = "version", .type = CONF_STR, .offset = TOP(version), .text = "anypop %v",
	.help = "version.server and version.bind; %v the release; \"\": REFUSED"},
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
    {.name = "engines", .type = CONF_INT, .offset = TOP(engines), .min = 1,
	.max = ENGINES_MAX, .number = 1,
	.help = "processes that resolve, each with a shard of the shared cache"},
    GROUP("worker", TOP(worker), worker_keys, "processes that answer"),
    GROUP("engine", TOP(engine), engine_keys, "processes that resolve"),
    GROUP("ttl", TOP(ttls), ttl_keys, "how long answers live"),
    GROUP("refresh", TOP(refresh), refresh_keys, "popular answers are renewed before they end"),
    {.name = "rotate", .type = CONF_BOOL, .offset = TOP(rotate), .number = 1,
	.help = "several addresses of an answer begin with another one each time"},
    GROUP("redis", TOP(redis), redis_keys, "a cache that a region's nodes share"),
    GROUP("limits", TOP(limits), limits_keys, "what each worker grants a client; 0: no limit"),
    GROUP("rrl", TOP(rrl), rrl_keys, "response rate limiting, against forged sources"),
    GROUP("cookies", TOP(cookies), cookies_keys, "proof of an address by UDP"),
    GROUP("snapshot", TOP(snapshot), snapshot_keys, "the shared cache over a reboot"),
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
