/*
 * Combinations that a key table cannot check, section by section; settings_check_one() in
 * settings_one.c looks at a single check. Each returns -1 with one sentence; the first found wins.
 */
#include "healthd/settings_keys.h"

#define SAY(s, base, key, index, err, ...) \
	conf_wrong((s)->site.places, base, key, index, err, __VA_ARGS__)

/* The service whose prefix holds this address, or NULL. */
static const struct service *
service_of(const struct settings *s, const struct addr *a)
{
	int i, j;

	for (i = 0; i < s->site.n_services; i++) {
		for (j = 0; j < s->site.services[i].n_prefixes; j++) {
			if (prefix_holds(&s->site.services[i].prefixes[j], a))
				return &s->site.services[i];
		}
	}
	return NULL;
}

static int
check_bird(const struct settings *s, struct err *err)
{
	if (s->mode != MODE_DRIVE)
		return 0;
	if (s->site.bird.asn == 0)
		return SAY(s, &s->site.bird, "asn", -1, err,
		    "is missing in mode \"drive\"; write your AS "
		    "number, or mode = \"observe\"");
	if (s->site.bird.n_sessions == 0)
		return SAY(s, &s->site.bird, "sessions", -1, err,
		    "is empty in mode \"drive\"; name the "
		    "BGP sessions (`birdc show protocols` lists them), or write mode = "
		    "\"observe\"");
	return 0;
}

static int
check_command(const struct settings *s, const void *base, const char **command, int n,
    struct err *err)
{
	if (n > 0 && command[0][0] != '/')
		return SAY(s, base, "command", 0, err, "\"%s\" is not absolute; start it with a /",
		    command[0]);
	return 0;
}

static int
check_worker_ports(const struct settings *s, struct err *err)
{
	int64_t slots = s->workers.count + s->workers.spare;
	const struct service *service;
	struct addr a;

	if (!addr_parse(s->workers.probe_address, &a))
		return SAY(s, &s->workers, "probe_address", -1, err,
		    "\"%s\" is not an address; write "
		    "the workers' private one, such as \"127.0.0.1\"",
		    s->workers.probe_address);
	service = service_of(s, &a);
	if (service != NULL)
		return SAY(s, &s->workers, "probe_address", -1, err,
		    "%s is an anycast address (service "
		    "%s); give the workers a private one, such as \"127.0.0.1\"",
		    s->workers.probe_address, service->name);
	if (s->workers.probe_port + slots - 1 > 65535)
		return SAY(s, &s->workers, "probe_port", -1, err,
		    "%lld leaves no room for %lld slots; "
		    "write at most %lld",
		    (long long)s->workers.probe_port, (long long)slots, (long long)(65536 - slots));
	return 0;
}

static int
check_worker_times(const struct settings *s, struct err *err)
{
	if (s->workers.probe_timeout_ms > s->workers.probe_interval_ms)
		return SAY(s, &s->workers, "probe_timeout_ms", -1, err, "%lld is above "
		    "probe_interval_ms = %lld; a probe ends before the next begins",
		    (long long)s->workers.probe_timeout_ms,
		    (long long)s->workers.probe_interval_ms);
	if (s->workers.backoff_min_ms > s->workers.backoff_max_ms)
		return SAY(s, &s->workers, "backoff_max_ms", -1, err,
		    "%lld is under backoff_min_ms = "
		    "%lld; raise it",
		    (long long)s->workers.backoff_max_ms, (long long)s->workers.backoff_min_ms);
	return 0;
}

/* One of the two: a program of others, or our own resolver. */
static int
check_worker_program(const struct settings *s, struct err *err)
{
	bool ours = s->workers.resolver[0] != '\0';

	if (s->workers.count > 0 && s->workers.n_command == 0 && !ours)
		return SAY(s, &s->workers, "command", -1, err,
		    "is missing; write the program and its "
		    "arguments (or `resolver` for our own), or count = 0 to supervise none");
	if (ours && s->workers.n_command > 0)
		return SAY(s, &s->workers, "command", -1, err,
		    "is written beside `resolver`; the workers are one or the other, so "
		    "take one out");
	if (ours && s->workers.resolver[0] != '/')
		return SAY(s, &s->workers, "resolver", -1, err,
		    "\"%s\" is not absolute; start it with a /", s->workers.resolver);
	if (ours && s->workers.user[0] != '\0')
		return SAY(s, &s->workers, "user", -1, err,
		    "is for programs of others; our resolver changes to worker.user and "
		    "engine.user "
		    "of %s by itself, so take it out", s->workers.resolver);
	return check_command(s, &s->workers, s->workers.command, s->workers.n_command, err);
}

/* Load is what they answer, and only ours count that where it can be read. */
static int
check_worker_capacity(const struct settings *s, struct err *err)
{
	if (s->workers.capacity == 0 || (s->workers.resolver[0] != '\0' && s->workers.count > 0))
		return 0;
	return SAY(s, &s->workers, "capacity", -1, err,
	    "is for workers of our own, whose answers are counted (`resolver`, and count above 0); "
	    "%s, so take it out",
	    s->workers.count > 0 ? "those of a `command` carry a load that nobody knows"
				 : "healthd runs none here");
}

static int
check_workers(const struct settings *s, struct err *err)
{
	if (check_worker_program(s, err) < 0 || check_worker_capacity(s, err) < 0)
		return -1;
	if (s->workers.min_ready > s->workers.count)
		return SAY(s, &s->workers, "min_ready", -1, err,
		    "%lld is above count = %lld; so many are "
		    "never there",
		    (long long)s->workers.min_ready, (long long)s->workers.count);
	if (check_worker_times(s, err) < 0 || settings_check_worker_question(s, err) < 0)
		return -1;
	return check_worker_ports(s, err);
}

static int
check_ladder(const struct settings *s, struct err *err)
{
	const struct ladder_conf *l = &s->ladder;

	if (l->hold_cap_ms < l->hold_ms)
		return SAY(s, l, "hold_cap_ms", -1, err, "%lld is under hold_ms = %lld; raise it",
		    (long long)l->hold_cap_ms, (long long)l->hold_ms);
	if (l->emergency_max_ms < l->emergency_min_ms)
		return SAY(s, l, "emergency_max_ms", -1, err,
		    "%lld is under emergency_min_ms = %lld; "
		    "raise it",
		    (long long)l->emergency_max_ms, (long long)l->emergency_min_ms);
	if (l->flap.limit < l->flap.withdraw_cost || l->flap.limit < l->flap.change_cost)
		return SAY(s, &l->flap, "limit", -1, err,
		    "%lld is under the cost of a single move; no "
		    "move would ever be allowed, so raise it",
		    (long long)l->flap.limit);
	return 0;
}

static int
check_outgoing(const struct settings *s, struct err *err)
{
	const struct service *service;
	struct addr a;
	int i;

	for (i = 0; i < s->n_outgoing_addresses; i++) {
		const char *text = s->outgoing_addresses[i];

		if (!addr_parse(text, &a))
			return SAY(s, s, "outgoing_addresses", i, err,
			    "\"%s\" is not an address; write "
			    "one of this host's own",
			    text);
		service = service_of(s, &a);
		if (service != NULL)
			return SAY(s, s, "outgoing_addresses", i, err,
			    "%s is an anycast address (service "
			    "%s), so answers would land at another PoP; write one of this host's "
			    "own",
			    text, service->name);
	}
	return 0;
}

static int
check_rest(const struct settings *s, struct err *err)
{
	struct addr a;

	if (s->metrics.address[0] != '\0' && !addr_parse(s->metrics.address, &a))
		return SAY(s, &s->metrics, "address", -1, err,
		    "\"%s\" is not an address; write one such "
		    "as \"127.0.0.1\", or \"\" for none",
		    s->metrics.address);
	if (s->recorder.path[0] != '\0' && s->recorder.path[0] != '/')
		return SAY(s, &s->recorder, "path", -1, err,
		    "\"%s\" is not absolute; start it with a /, "
		    "or write \"\" for none",
		    s->recorder.path);
	return check_command(s, &s->hook, s->hook.command, s->hook.n_command, err);
}

/* Without a self check nothing could ever show that this node answers: it would stay silent. */
static int
check_lanes(const struct settings *s, struct err *err)
{
	int lane, i;

	for (lane = 0; lane < MAX_LANES; lane++) {
		if (!lane_exists(&s->site, lane))
			continue;
		for (i = 0; i < s->n_checks; i++) {
			if (check_conf_class(&s->checks[i]) == CLASS_SELF &&
			    check_conf_counts(s, &s->checks[i], lane))
				break;
		}
		if (i == s->n_checks)
			return SAY(s, s, "checks", -1, err,
			    "has no self check for service %s in %s; add "
			    "one of kind \"dns\" with target \"anycast\"",
			    s->site.services[lane_service(lane)].name,
			    family_name(lane_family(lane)));
	}
	return 0;
}

static int
check_checks(const struct settings *s, struct err *err)
{
	int i, instances = 0;

	for (i = 0; i < s->n_checks; i++) {
		if (settings_check_one(s, &s->checks[i], err) < 0)
			return -1;
		instances += check_conf_instances(s, &s->checks[i]);
		if (instances > MAX_CHECKS)
			return SAY(s, &s->checks[i], NULL, -1, err,
			    "is one too many: checks that look at "
			    "each service and family on its own count once for each, and there is "
			    "room "
			    "for %d; narrow some by services or families",
			    MAX_CHECKS);
	}
	return check_lanes(s, err);
}

int
settings_check(const struct settings *s, struct err *err)
{
	if (check_bird(s, err) < 0 || check_workers(s, err) < 0 || check_ladder(s, err) < 0 ||
	    check_outgoing(s, err) < 0 || check_rest(s, err) < 0 ||
	    settings_check_fleet_question(s, err) < 0)
		return -1;
	return check_checks(s, err);
}
