/*
 * What a key table cannot say about a site: defaults that follow from other keys, and combinations
 * that would make the announcement lie. Each check returns -1 with one sentence; the first found
 * wins.
 */
#include "bgpctl/site.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define UNIX_PATH 107 /* longest that a socket's address holds */

#define SAY(site, base, key, index, err, ...) \
	conf_wrong((site)->places, base, key, index, err, __VA_ARGS__)

static int
check_path(const struct site *site, const void *base, const char *key, const char *path, size_t max,
    struct err *err)
{
	if (path[0] != '/')
		return SAY(
		    site, base, key, -1, err, "\"%s\" is not absolute; start it with a /", path);
	if (strlen(path) > max)
		return SAY(site, base, key, -1, err, "is %zu characters long; a socket's path has "
		    "room for %zu", strlen(path), max);
	return 0;
}

static int
derive_node(struct site *site, struct arena *arena, struct err *err)
{
	char host[256] = "";

	if (site->node.name == NULL) {
		gethostname(host, sizeof(host) - 1);
		site->node.name = arena_strdup(arena, host);
	}
	if (site->node.name[0] == '\0')
		return SAY(site, &site->node, "name", -1, err, "is empty; give the node a name");
	if (site->node.pop == NULL)
		site->node.pop = site->node.name;
	return 0;
}

static int
check_paths(const struct site *site, struct err *err)
{
	static const size_t control = sizeof("/control.sock") - 1;

	if (check_path(site, &site->paths, "run_dir", site->paths.run_dir, UNIX_PATH - control,
		err) < 0 ||
	    check_path(site, &site->paths, "state_dir", site->paths.state_dir, 4000, err) < 0 ||
	    check_path(site, &site->bird, "socket", site->bird.socket, UNIX_PATH, err) < 0 ||
	    check_path(site, &site->bird, "config", site->bird.config, 4000, err) < 0 ||
	    check_path(site, &site->bird, "include", site->bird.include, 4000, err) < 0)
		return -1;
	return 0;
}

static int
check_sessions(const struct site *site, struct err *err)
{
	static const char symbol[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789";
	int i;

	for (i = 0; i < site->bird.n_sessions; i++) {
		const char *name = site->bird.sessions[i].name;
		size_t n = strspn(name, symbol);

		if (n == 0 || n > MAX_SESSION_NAME || name[n] != '\0' ||
		    (name[0] >= '0' && name[0] <= '9'))
			return SAY(site, &site->bird.sessions[i], "name", -1, err,
			    "\"%s\" is not a "
			    "protocol's name in BIRD; `birdc show protocols` lists them",
			    name);
	}
	return 0;
}

/* full / backup / drain / silent: design, section 3. */
static void
default_rungs(struct site *site, struct arena *arena)
{
	static const struct rung rungs[] = {
	    {.name = "full", .enter = CONF_AUTO, .leave = CONF_AUTO, .local_pref = 200, .med = -1},
	    {.name = "backup",
		.enter = 85,
		.leave = 95,
		.local_pref = 150,
		.prepend = 1,
		.med = -1},
	    {.name = "drain",
		.enter = 50,
		.leave = 70,
		.local_pref = 50,
		.prepend = 3,
		.med = -1,
		.graceful_shutdown = true},
	    {.name = "silent", .enter = 20, .leave = 40, .local_pref = CONF_AUTO, .med = -1},
	};

	site->n_rungs = (int)(sizeof(rungs) / sizeof(rungs[0]));
	site->rungs_conf = arena_get(arena, sizeof(rungs));
	memcpy(site->rungs_conf, rungs, sizeof(rungs));
}

/* "64500:1" of 16 bits each, or "64500:1:2" of 32 (RFC 8092). */
static bool
is_community(const char *text)
{
	unsigned long parts[3];
	int n = 0;
	char *end;

	for (;;) {
		if (n == 3 || *text < '0' || *text > '9' || strlen(text) > 40)
			return false;
		parts[n++] = strtoul(text, &end, 10);
		if (*end == '\0')
			break;
		if (*end != ':')
			return false;
		text = end + 1;
	}
	if (n == 2)
		return parts[0] <= 0xffff && parts[1] <= 0xffff;
	return n == 3 && parts[0] <= UINT32_MAX && parts[1] <= UINT32_MAX && parts[2] <= UINT32_MAX;
}

static int
check_rung_bgp(const struct site *site, struct rung *r, struct err *err)
{
	int i;

	if (r->local_pref == CONF_AUTO)
		r->local_pref = 100;
	for (i = 0; i < r->n_communities; i++) {
		if (!is_community(r->communities[i]))
			return SAY(site, r, "communities", i, err,
			    "\"%s\" is not a community; write "
			    "\"64500:1\", or \"64500:1:2\" for a large one",
			    r->communities[i]);
	}
	return 0;
}

/* `best`: there is nothing above it to fall from or climb to. */
static int
check_thresholds(const struct site *site, const struct rung *r, bool best, struct err *err)
{
	if (best && (r->enter != CONF_AUTO || r->leave != CONF_AUTO))
		return SAY(site, r, r->enter != CONF_AUTO ? "enter" : "leave", -1, err, "has no "
		    "meaning for the best rung; leave it out");
	if (best)
		return 0;
	if (r->enter == CONF_AUTO || r->leave == CONF_AUTO)
		return SAY(site, r, r->enter == CONF_AUTO ? "enter" : "leave", -1, err,
		    "is missing; "
		    "write a score of 0 to 100");
	if (r->leave < r->enter)
		return SAY(site, r, "leave", -1, err,
		    "%lld is under enter = %lld; a rung is left at a "
		    "score no lower than the one it is entered at",
		    (long long)r->leave, (long long)r->enter);
	return 0;
}

/* `better` stands just above `r` in the list. */
static int
check_order(const struct site *site, const struct rung *better, const struct rung *r,
    struct err *err)
{
	bool silent = strcmp(r->name, "silent") == 0;

	if (better->enter != CONF_AUTO && r->enter >= better->enter)
		return SAY(site, r, "enter", -1, err,
		    "%lld is not under the %lld of the better rung "
		    "%s; thresholds fall from rung to rung",
		    (long long)r->enter, (long long)better->enter, better->name);
	if (better->leave != CONF_AUTO && r->leave >= better->leave)
		return SAY(site, r, "leave", -1, err,
		    "%lld is not under the %lld of the better rung "
		    "%s; thresholds fall from rung to rung",
		    (long long)r->leave, (long long)better->leave, better->name);
	if (!silent && r->local_pref > better->local_pref)
		return SAY(site, r, "local_pref", -1, err,
		    "%lld is above the %lld of the better rung "
		    "%s; a worse rung must not be preferred",
		    (long long)r->local_pref, (long long)better->local_pref, better->name);
	if (!silent && r->prepend < better->prepend)
		return SAY(site, r, "prepend", -1, err,
		    "%lld is under the %lld of the better rung %s; "
		    "a worse rung must not be preferred",
		    (long long)r->prepend, (long long)better->prepend, better->name);
	return 0;
}

static int
check_rung(const struct site *site, int i, struct err *err)
{
	struct rung *r = &site->rungs_conf[i];
	bool last = i == site->n_rungs - 1;

	if (!conf_is_name(r->name, MAX_RUNG_NAME))
		return SAY(site, r, "name", -1, err,
		    "\"%s\" is no name; write 1 to %d of a-z, 0-9 and _", r->name, MAX_RUNG_NAME);
	if (last != (strcmp(r->name, "silent") == 0))
		return SAY(site, r, "name", -1, err, "the last rung, and only that, is \"silent\"; "
		    "list the rungs from best to worst and end with it");
	if (check_rung_bgp(site, r, err) < 0 || check_thresholds(site, r, i == 0, err) < 0)
		return -1;
	return i == 0 ? 0 : check_order(site, r - 1, r, err);
}

static int
derive_rungs(struct site *site, struct arena *arena, struct err *err)
{
	int i;

	if (site->n_rungs == 0)
		default_rungs(site, arena);
	for (i = 0; i < site->n_rungs; i++) {
		if (check_rung(site, i, err) < 0)
			return -1;
		site->rungs[site->n_rungs - 1 - i] = site->rungs_conf[i];
	}
	site->rungs[RUNG_SILENT].local_pref = 0;
	return 0;
}

static int
check_addresses(const struct site *site, const struct service *s, struct err *err)
{
	char buf[ADDR_TEXT];
	int i, j;

	for (i = 0; i < s->n_addresses; i++) {
		addr_render(&s->addresses[i], buf);
		for (j = 0; j < s->n_prefixes; j++) {
			if (prefix_holds(&s->prefixes[j], &s->addresses[i]))
				break;
		}
		if (j == s->n_prefixes)
			return SAY(site, s, "addresses", i, err,
			    "%s is outside every prefix of the "
			    "service; add its prefix, or correct it",
			    buf);
		for (j = 0; j < i; j++) {
			if (addr_equal(&s->addresses[i], &s->addresses[j]))
				return SAY(site, s, "addresses", i, err,
				    "%s is there twice; take one out", buf);
		}
	}
	return 0;
}

static int
check_prefixes(const struct site *site, const struct service *s, struct err *err)
{
	int i, j, n[N_FAMILIES] = {0};
	char buf[PREFIX_TEXT];

	for (i = 0; i < s->n_prefixes; i++) {
		prefix_render(&s->prefixes[i], buf);
		if (++n[s->prefixes[i].addr.family] > MAX_PREFIXES)
			return SAY(site, s, "prefixes", i, err,
			    "is one too many; a service has at most "
			    "%d of a family, so make a second service",
			    MAX_PREFIXES);
		for (j = 0; j < i; j++) {
			if (prefix_equal(&s->prefixes[i], &s->prefixes[j]))
				return SAY(site, s, "prefixes", i, err,
				    "%s is there twice; take one out", buf);
		}
		for (j = 0; j < s->n_addresses; j++) {
			if (prefix_holds(&s->prefixes[i], &s->addresses[j]))
				break;
		}
		if (j == s->n_addresses)
			return SAY(site, s, "prefixes", i, err, "%s holds none of the service's "
			    "addresses; add one to `addresses`, or take the prefix out", buf);
	}
	return 0;
}

/* Two services may not share what is announced or answered: each would move the other's clients. */
static int
check_apart(const struct site *site, const struct service *s, const struct service *other,
    struct err *err)
{
	char a[PREFIX_TEXT], b[PREFIX_TEXT];
	int i, j;

	for (i = 0; i < s->n_addresses; i++) {
		for (j = 0; j < other->n_addresses; j++) {
			if (addr_equal(&s->addresses[i], &other->addresses[j]))
				return SAY(site, s, "addresses", i, err,
				    "%s is an address of service %s "
				    "too; give it to one of them",
				    addr_render(&s->addresses[i], a), other->name);
		}
	}
	for (i = 0; i < s->n_prefixes; i++) {
		for (j = 0; j < other->n_prefixes; j++) {
			if (prefix_overlaps(&s->prefixes[i], &other->prefixes[j]))
				return SAY(site, s, "prefixes", i, err,
				    "%s overlaps %s of service %s; a "
				    "prefix belongs to one service",
				    prefix_render(&s->prefixes[i], a),
				    prefix_render(&other->prefixes[j], b), other->name);
		}
	}
	return 0;
}

static int
check_service(const struct site *site, int i, struct err *err)
{
	const struct service *s = &site->services[i];
	int j, n[N_FAMILIES] = {0};

	if (!conf_is_name(s->name, MAX_SERVICE_NAME))
		return SAY(site, s, "name", -1, err,
		    "\"%s\" is no name; write 1 to %d of a-z, 0-9 and _", s->name,
		    MAX_SERVICE_NAME);
	for (j = 0; j < s->n_addresses; j++) {
		if (++n[s->addresses[j].family] > MAX_ADDRESSES)
			return SAY(site, s, "addresses", j, err,
			    "is one too many; a service has at most "
			    "%d of a family, so make a second service",
			    MAX_ADDRESSES);
	}
	if (check_addresses(site, s, err) < 0 || check_prefixes(site, s, err) < 0)
		return -1;
	for (j = 0; j < i; j++) {
		if (check_apart(site, s, &site->services[j], err) < 0)
			return -1;
	}
	return 0;
}

int
site_derive(struct site *site, const char *path, struct arena *arena, struct err *err)
{
	int i;

	if (site->places == NULL)
		site->places = conf_places_none(path, arena);
	if (derive_node(site, arena, err) < 0 || check_paths(site, err) < 0 ||
	    check_sessions(site, err) < 0 || derive_rungs(site, arena, err) < 0)
		return -1;
	for (i = 0; i < site->n_services; i++) {
		if (check_service(site, i, err) < 0)
			return -1;
	}
	if (site->fleet.probe.timeout_ms == CONF_AUTO)
		site->fleet.probe.timeout_ms =
		    site->fleet.probe.interval_ms < 1000 ? site->fleet.probe.interval_ms : 1000;
	return site_check_fleet(site, err);
}
