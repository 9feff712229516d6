/*
 * One check: do its values go together, and with the rest of the configuration?
 */
#include <string.h>

#include "healthd/settings_keys.h"

#define MAX_CHECK_NAME 24

#define SAY(s, base, key, index, err, ...) \
	conf_wrong((s)->site.places, base, key, index, err, __VA_ARGS__)

static int
lanes_of(const struct settings *s, const struct check_conf *c)
{
	int lane, n = 0;

	for (lane = 0; lane < MAX_LANES; lane++)
		n += lane_exists(&s->site, lane) && check_conf_counts(s, c, lane);
	return n;
}

static int
sessions_of(const struct site *site, enum family f)
{
	int i, n = 0;

	for (i = 0; i < site->bird.n_sessions; i++)
		n += (site->bird.sessions[i].families >> f & 1) != 0;
	return n;
}

/* Lanes of it in which the fleet's nodes tell each other anything. */
static int
vantage_lanes(const struct settings *s, const struct check_conf *c)
{
	uint32_t lanes = s->site.fleet.size > 0 ? lanes_with_beacons(&s->site, 3) : 0;
	int lane, n = 0;

	for (lane = 0; lane < MAX_LANES; lane++)
		n += (lanes >> lane & 1) && check_conf_counts(s, c, lane);
	return n;
}

static int
bgp_instances(const struct settings *s, const struct check_conf *c)
{
	bool seen[N_FAMILIES] = {false};
	int lane;

	for (lane = 0; lane < MAX_LANES; lane++) {
		if (lane_exists(&s->site, lane) && check_conf_counts(s, c, lane))
			seen[lane_family(lane)] = sessions_of(&s->site, lane_family(lane)) > 0;
	}
	return seen[FAMILY_V4] + seen[FAMILY_V6];
}

int
check_conf_instances(const struct settings *s, const struct check_conf *c)
{
	if (c->kind == KIND_DNS && c->target == DNS_ANYCAST)
		return lanes_of(s, c);
	if (c->kind == KIND_LINK)
		return (c->n_interfaces > 0) + (c->addresses ? lanes_of(s, c) : 0);
	if (c->kind == KIND_BGP)
		return bgp_instances(s, c);
	if (c->kind == KIND_VANTAGE)
		return vantage_lanes(s, c);
	return 1;
}

static int
transports_of(const struct check_conf *c)
{
	return (c->transports & TRANSPORT_UDP ? 1 : 0) + (c->transports & TRANSPORT_TCP ? 1 : 0);
}

int
check_conf_targets(const struct settings *s, const struct check_conf *c, int lane)
{
	struct addr addresses[MAX_ADDRESSES];

	switch ((enum check_kind)c->kind) {
	case KIND_DNS:
		if (c->target == DNS_ANYCAST)
			return lane_addresses(&s->site, lane, addresses) * transports_of(c);
		if (c->target == DNS_WORKERS)
			return (int)(s->workers.count + s->workers.spare) * transports_of(c);
		return c->n_servers * transports_of(c);
	case KIND_UPSTREAM:
		return c->n_servers;
	case KIND_LINK:
		return c->n_interfaces > 0 ? c->n_interfaces : 1;
	case KIND_BGP:
		return sessions_of(&s->site, lane_family(lane));
	default:
		return 1;
	}
}

static int
check_targets(const struct settings *s, const struct check_conf *c, struct err *err)
{
	int lane, n;

	for (lane = 0; lane < MAX_LANES; lane++) {
		if (!lane_exists(&s->site, lane) || !check_conf_counts(s, c, lane))
			continue;
		n = check_conf_targets(s, c, lane);
		if (n > MAX_TARGETS)
			return SAY(s, c, NULL, -1, err,
			    "has %d targets; a check has at most %d, so split "
			    "it",
			    n, MAX_TARGETS);
		/* A family without a session has nothing to judge. */
		if (c->k > n && !(c->kind == KIND_BGP && n == 0))
			return SAY(s, c, "k", -1, err,
			    "%lld is above the %d targets that there are; "
			    "write at most that, or 0 for all",
			    (long long)c->k, n);
	}
	return 0;
}

static int
check_scope(const struct settings *s, const struct check_conf *c, struct err *err)
{
	int i, j;

	for (i = 0; i < c->n_services; i++) {
		for (j = 0; j < s->site.n_services; j++) {
			if (strcmp(c->services[i], s->site.services[j].name) == 0)
				break;
		}
		if (j == s->site.n_services)
			return SAY(s, c, "services", i, err,
			    "\"%s\" is not one of the services; take it "
			    "out, or correct it",
			    c->services[i]);
	}
	if (lanes_of(s, c) == 0)
		return SAY(s, c, c->n_services > 0 ? "services" : "families", -1, err,
		    "leaves nothing: "
		    "no service has prefixes in these families; widen it, or take the check out");
	return 0;
}

static int
check_vital(const struct settings *s, const struct check_conf *c, struct err *err)
{
	enum check_class class = check_conf_class(c);

	if (!c->vital || class == CLASS_SELF)
		return 0;
	return SAY(s, c, "vital", -1, err,
	    "a %s check cannot be vital, since a fault elsewhere can fail "
	    "it at every site at once; take `vital` out and give it weight",
	    check_class_name(class));
}

static int
check_servers(const struct settings *s, const struct check_conf *c, struct err *err)
{
	uint16_t port;
	struct addr a;
	int i, j, k;

	if (c->n_servers == 0 && (c->kind == KIND_UPSTREAM || c->target == DNS_SERVERS))
		return SAY(s, c, "servers", -1, err, "is missing; write the addresses to ask");
	for (i = 0; i < c->n_servers; i++) {
		if (!check_conf_server(c->servers[i], &a, &port))
			return SAY(s, c, "servers", i, err, "\"%s\" is neither an address nor "
			    "address@port", c->servers[i]);
		for (j = 0; c->kind == KIND_UPSTREAM && j < s->site.n_services; j++) {
			const struct service *service = &s->site.services[j];

			for (k = 0; k < service->n_addresses; k++) {
				if (addr_equal(&service->addresses[k], &a))
					return SAY(s, c, "servers", i, err,
					    "%s is our own service %s; "
					    "an upstream check asks others",
					    c->servers[i], service->name);
			}
		}
	}
	return 0;
}

static int
check_dns(const struct settings *s, const struct check_conf *c, struct err *err)
{
	if (c->target == DNS_WORKERS && s->workers.count == 0)
		return SAY(s, c, "target", -1, err,
		    "\"workers\" needs workers, and workers.count is 0; "
		    "use \"anycast\", or let healthd run the workers");
	if (c->qname == NULL)
		return SAY(s, c, "qname", -1, err, "is missing; write the name to ask for");
	return check_servers(s, c, err) < 0 ? -1 : settings_check_question(s, c, err);
}

static int
check_resource(const struct settings *s, const struct check_conf *c, struct err *err)
{
	bool falling = c->source == RESOURCE_MEM_AVAILABLE;
	bool percent = c->source <= RESOURCE_DESCRIPTORS;

	if (!conf_given(s->site.places, c, "source") && conf_given(s->site.places, c, "kind"))
		return SAY(s, c, "source", -1, err, "is missing; say what is to be read");
	if (percent && (c->warn > 100 || c->crit > 100))
		return SAY(s, c, c->warn > 100 ? "warn" : "crit", -1, err,
		    "%lld is above 100; this "
		    "source is in percent",
		    (long long)(c->warn > 100 ? c->warn : c->crit));
	if (falling ? c->crit >= c->warn : c->crit <= c->warn)
		return SAY(s, c, "crit", -1, err,
		    "%lld is on the wrong side of warn = %lld; this source "
		    "gets worse as it %s, so crit is the %s of the two",
		    (long long)c->crit, (long long)c->warn, falling ? "falls" : "rises",
		    falling ? "lower" : "higher");
	if (c->source == RESOURCE_NIC_DROPS && c->path == NULL)
		return SAY(s, c, "path", -1, err,
		    "is missing; write the interface's counter, such as "
		    "\"/sys/class/net/eth0/statistics/rx_dropped\"");
	if (c->path != NULL && c->path[0] != '/')
		return SAY(
		    s, c, "path", -1, err, "\"%s\" is not absolute; start it with a /", c->path);
	return 0;
}

static int
check_score(const struct settings *s, const struct check_conf *c, struct err *err)
{
	bool falling = c->kind == KIND_CACHE;

	if (c->warn > 100 || c->crit > 100)
		return SAY(s, c, c->warn > 100 ? "warn" : "crit", -1, err,
		    "%lld is above 100; it is in percent of the answers",
		    (long long)(c->warn > 100 ? c->warn : c->crit));
	if (falling ? c->crit >= c->warn : c->crit <= c->warn)
		return SAY(s, c, "crit", -1, err,
		    "%lld is on the wrong side of warn = %lld; %s, so crit is the %s of the two",
		    (long long)c->crit, (long long)c->warn,
		    falling ? "fewer hits are worse" : "more failures are worse",
		    falling ? "lower" : "higher");
	return 0;
}

static int
check_vantage(const struct settings *s, const struct check_conf *c, struct err *err)
{
	if (vantage_lanes(s, c) == 0)
		return SAY(s, c, "kind", -1, err,
		    "\"vantage\" needs others who look at this node, and no service that it "
		    "counts for has beacons; give it a block and a fleet, or take the check out");
	return 0;
}

static int
check_kind(const struct settings *s, const struct check_conf *c, struct err *err)
{
	switch ((enum check_kind)c->kind) {
	case KIND_DNS:
		return check_dns(s, c, err);
	case KIND_UPSTREAM:
		return check_servers(s, c, err) < 0 ? -1 : settings_check_question(s, c, err);
	case KIND_RESOURCE:
		return check_resource(s, c, err);
	case KIND_WORKERS:
		if (s->workers.count == 0)
			return SAY(s, c, "kind", -1, err,
			    "\"workers\" needs workers, and workers.count "
			    "is 0; take the check out, or let healthd run the workers");
		return 0;
	case KIND_LINK:
		if (c->n_interfaces == 0 && !c->addresses)
			return SAY(s, c, NULL, -1, err,
			    "looks at nothing; name interfaces, or write "
			    "addresses = true");
		return 0;
	case KIND_BGP:
		if (s->site.bird.n_sessions == 0)
			return SAY(s, c, "kind", -1, err,
			    "\"bgp\" needs bird.sessions; `birdc show "
			    "protocols` lists them");
		return 0;
	case KIND_EXEC:
		if (c->n_command == 0)
			return SAY(
			    s, c, "command", -1, err, "is missing; write the program to run");
		if (c->command[0][0] != '/')
			return SAY(s, c, "command", 0, err,
			    "\"%s\" is not absolute; start it with a /", c->command[0]);
		return 0;
	case KIND_ERROR_RATE:
	case KIND_CACHE:
		return check_score(s, c, err);
	case KIND_VANTAGE:
		return check_vantage(s, c, err);
	}
	return 0;
}

int
settings_check_one(const struct settings *s, const struct check_conf *c, struct err *err)
{
	if (!conf_is_name(c->name, MAX_CHECK_NAME))
		return SAY(s, c, "name", -1, err,
		    "\"%s\" is no name; write 1 to %d of a-z, 0-9 and _", c->name, MAX_CHECK_NAME);
	if (check_scope(s, c, err) < 0 || check_vital(s, c, err) < 0 || check_kind(s, c, err) < 0)
		return -1;
	if (c->timeout_ms > c->interval_ms)
		return SAY(s, c, "timeout_ms", -1, err,
		    "%lld is above interval_ms = %lld; a probe ends "
		    "before the next begins",
		    (long long)c->timeout_ms, (long long)c->interval_ms);
	return check_targets(s, c, err);
}
