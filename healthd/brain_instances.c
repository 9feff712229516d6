/*
 * brain_instances: checks as configured become instances, per lane where they judge a lane's own
 * addresses, with targets and their probes.
 */
#include "healthd/brain.h"

#include <stdio.h>
#include <string.h>

#include "lib/ensure.h"
#include "lib/event.h"

/* The lanes that a check counts for. */
static uint32_t
conf_lanes(const struct brain *b, const struct check_conf *c)
{
	uint32_t mask = 0;

	for (int l = 0; l < MAX_LANES; l++) {
		if (b->lanes[l].exists && check_conf_counts(&b->settings, c, l))
			mask |= 1U << l;
	}
	return mask;
}

static struct instance *
instance_add(struct brain *b, const struct check_conf *c, const char *suffix, uint32_t lanes,
    int n_targets, struct err *err)
{
	struct instance *i;

	if (b->n_instances == MAX_CHECKS) {
		err_set(err, "%s:%d: checks.%s: more than %d checks after expansion; use fewer",
		    b->config_path, c->line, c->name, MAX_CHECKS);
		return NULL;
	}
	i = &b->instances[b->n_instances++];
	i->conf = c;
	i->lanes = lanes;
	snprintf(i->name, sizeof(i->name), "%s%s%s", c->name, *suffix ? "/" : "", suffix);
	i->window_conf = check_conf_window(c);
	i->tally_conf = check_conf_tally(c, n_targets);
	i->targets = arena_get(b->arena, sizeof(struct target) * (size_t)n_targets);
	i->n_targets = n_targets;
	for (int t = 0; t < n_targets; t++)
		i->targets[t] = (struct target){
		    .brain = b,
		    .instance = b->n_instances - 1,
		    .index = t,
		    .slot = -1,
		    .window = window_init(b->started),
		};
	i->fact = (struct fact){
	    .class = i->tally_conf.class,
	    .vital = c->vital,
	    .verdict = VERDICT_UNKNOWN,
	    .value = 100, /* what was never seen must not pull the score down */
	    .weight = (uint16_t)c->weight,
	};
	return i;
}

const struct addr *
checks_source(struct brain *b, const struct addr *server)
{
	struct addr a;

	for (int i = 0; i < b->settings.n_outgoing_addresses; i++)
		if (addr_parse(b->settings.outgoing_addresses[i], &a) &&
		    a.family == server->family) {
			struct addr *kept = arena_get(b->arena, sizeof(*kept));

			*kept = a;
			return kept;
		}
	return NULL;
}

static struct probe_timing
timing_of(const struct check_conf *c)
{
	bool local = c->kind == KIND_DNS && c->target != DNS_SERVERS;

	return (struct probe_timing){
	    .interval_ms = c->interval_ms,
	    .timeout_ms = c->timeout_ms,
	    .retry_ms = local && c->interval_ms >= 40 ? c->interval_ms / 4 : 0,
	};
}

static int
dns_target(struct brain *b, struct target *t, const struct addr *server, uint16_t port,
    enum dns_transport transport, bool outside, struct err *err)
{
	const struct check_conf *c = b->instances[t->instance].conf;
	struct probe_timing timing = timing_of(c);
	struct dns_question q = {
	    .qname = c->qname,
	    .qtype = c->qtype,
	    .qclass = c->qclass,
	    .rd = c->recursion,
	    .dnssec_ok = c->expect_ad,
	    .nsid = c->target == DNS_ANYCAST,
	    .keep_port = t->slot >= 0,
	    .expect_rcode = c->expect_rcode,
	    .expect_data = c->expect_data,
	    .expect_ad = c->expect_ad,
	};
	char text[ADDR_TEXT];

	addr_render(server, text);
	if (t->slot < 0)
		snprintf(t->label, sizeof(t->label), "%s %s", text,
		    transport == TRANSPORT_TCP ? "tcp" : "udp");
	t->probe = probe_dns(b->loop, &timing, &q, server, port, transport,
	    outside ? checks_source(b, server) : NULL, checks_on_probe, t, err);
	if (t->probe == NULL)
		return err_wrap(err, "%s:%d: checks.%s", b->config_path, c->line, c->name);
	return 0;
}

static int
transports_of(const struct check_conf *c)
{
	return __builtin_popcount(c->transports);
}

static enum dns_transport
nth_transport(const struct check_conf *c, int n)
{
	if (transports_of(c) == 2)
		return n == 0 ? TRANSPORT_UDP : TRANSPORT_TCP;
	return (enum dns_transport)c->transports;
}

static int
add_dns_anycast(struct brain *b, const struct check_conf *c, struct err *err)
{
	uint32_t mask = conf_lanes(b, c);

	for (int l = 0; l < MAX_LANES; l++) {
		struct addr addresses[MAX_ADDRESSES];
		int per = transports_of(c), n;
		struct instance *i;
		const struct service *s;

		if (!(mask & 1U << l))
			continue;
		s = &b->settings.site.services[lane_service(l)];
		n = lane_addresses(&b->settings.site, l, addresses);
		i = instance_add(b, c, b->lanes[l].name, 1U << l, n * per, err);
		if (i == NULL)
			return -1;
		for (int t = 0; t < n * per; t++)
			if (dns_target(b, &i->targets[t], &addresses[t / per], (uint16_t)s->port,
				nth_transport(c, t % per), false, err) < 0)
				return -1;
	}
	return 0;
}

/* A worker's own targets are asked only while it is meant to answer; else there is nothing to
 * judge: `workers` counts it. */
static bool
slot_judged(const struct brain *b, int slot)
{
	enum worker_state s = b->slots[slot].worker.state;

	return s == WORKER_READY || s == WORKER_UNREADY;
}

static void
slot_target_follow(struct brain *b, struct instance *i, struct target *t)
{
	enum dns_transport transport = nth_transport(i->conf, t->index % transports_of(i->conf));
	uint16_t port = (uint16_t)(b->settings.workers.probe_port + t->slot);
	struct addr address;
	struct err err;

	if (!slot_judged(b, t->slot)) {
		if (t->probe != NULL)
			probe_free(t->probe);
		t->probe = NULL;
		checks_feed(b, i, t->index, OUTCOME_IDLE, 0, "");
		return;
	}
	if (t->probe != NULL || !addr_parse(b->settings.workers.probe_address, &address))
		return;
	if (dns_target(b, t, &address, port, transport, false, &err) < 0)
		event_say(EVENT_ALARM, "check", "%s", err.text);
}

void
checks_slot_changed(struct brain *b, int slot)
{
	for (int n = 0; n < b->n_instances; n++)
		for (int t = 0; t < b->instances[n].n_targets; t++)
			if (b->instances[n].targets[t].slot == slot)
				slot_target_follow(b, &b->instances[n],
				    &b->instances[n].targets[t]);
}

static int
add_dns_workers(struct brain *b, const struct check_conf *c, struct err *err)
{
	int per = transports_of(c);
	struct instance *i;

	i = instance_add(b, c, "", conf_lanes(b, c), b->n_slots * per, err);
	if (i == NULL)
		return -1;
	for (int t = 0; t < i->n_targets; t++) {
		i->targets[t].slot = t / per;
		snprintf(i->targets[t].label, sizeof(i->targets[t].label), "worker %d %s", t / per,
		    nth_transport(c, t % per) == TRANSPORT_TCP ? "tcp" : "udp");
	}
	return 0;
}

static int
add_dns_servers(struct brain *b, const struct check_conf *c, struct err *err)
{
	int per = transports_of(c);
	struct instance *i = instance_add(b, c, "", conf_lanes(b, c), c->n_servers * per, err);

	for (int t = 0; i != NULL && t < i->n_targets; t++) {
		struct addr address;
		uint16_t port;

		ENSURE(check_conf_server(c->servers[t / per], &address, &port));
		if (dns_target(b, &i->targets[t], &address, port, nth_transport(c, t % per), true,
			err) < 0)
			return -1;
		/* As written, since several may differ by their ports alone. */
		snprintf(i->targets[t].label, sizeof(i->targets[t].label), "%.60s %s",
		    c->servers[t / per],
		    nth_transport(c, t % per) == TRANSPORT_TCP ? "tcp" : "udp");
	}
	return i == NULL ? -1 : 0;
}

static int
add_upstream(struct brain *b, const struct check_conf *c, struct err *err)
{
	static const char *const root[] = {"."};
	const char *const *qnames = c->n_qnames > 0 ? c->qnames : root;
	int n_qnames = c->n_qnames > 0 ? c->n_qnames : 1;
	struct instance *i = instance_add(b, c, "", conf_lanes(b, c), c->n_servers, err);
	struct probe_timing timing = timing_of(c);

	for (int n = 0; i != NULL && n < i->n_targets; n++) {
		struct target *t = &i->targets[n];
		struct addr address;
		uint16_t port;

		ENSURE(check_conf_server(c->servers[n], &address, &port));
		snprintf(t->label, sizeof(t->label), "%s", c->servers[n]);
		t->probe = probe_upstream(b->loop, &timing, qnames, n_qnames, c->qtype,
		    c->recursion, &address, port, checks_source(b, &address), checks_on_probe, t,
		    err);
		if (t->probe == NULL)
			return err_wrap(err, "%s:%d: checks.%s", b->config_path, c->line, c->name);
	}
	return i == NULL ? -1 : 0;
}

static int
add_single_probe(struct brain *b, const struct check_conf *c, struct err *err)
{
	struct instance *i = instance_add(b, c, "", conf_lanes(b, c), 1, err);
	struct probe_timing timing = timing_of(c);
	struct target *t;

	if (i == NULL)
		return -1;
	t = &i->targets[0];
	if (c->kind == KIND_EXEC) {
		snprintf(t->label, sizeof(t->label), "%s", c->command[0]);
		t->probe =
		    probe_exec(b->loop, &timing, c->command, c->n_command, checks_on_probe, t, err);
	} else {
		snprintf(t->label, sizeof(t->label), "%s", c->path != NULL ? c->path : "system");
		t->probe = probe_resource(b->loop, &timing, (enum resource_source)c->source,
		    c->path, c->warn, c->crit, checks_on_probe, t, err);
	}
	if (t->probe == NULL)
		return err_wrap(err, "%s:%d: checks.%s", b->config_path, c->line, c->name);
	return 0;
}

static int
add_workers(struct brain *b, const struct check_conf *c, struct err *err)
{
	struct instance *i = instance_add(b, c, "", conf_lanes(b, c), 1, err);

	if (i == NULL)
		return -1;
	snprintf(i->targets[0].label, sizeof(i->targets[0].label), "supervised workers");
	i->roster = true;
	return 0;
}

static int
add_carrier(struct brain *b, const struct check_conf *c, struct err *err)
{
	struct instance *i;

	i = instance_add(
	    b, c, c->addresses ? "carrier" : "", conf_lanes(b, c), c->n_interfaces, err);
	if (i == NULL)
		return -1;
	i->carrier = true;
	for (int t = 0; t < c->n_interfaces; t++)
		snprintf(i->targets[t].label, sizeof(i->targets[t].label), "%s", c->interfaces[t]);
	return 0;
}

static int
add_addresses(struct brain *b, const struct check_conf *c, struct err *err)
{
	uint32_t mask = conf_lanes(b, c);

	for (int l = 0; l < MAX_LANES; l++) {
		struct addr addresses[MAX_ADDRESSES];
		struct instance *i;
		int n;

		if (!(mask & 1U << l))
			continue;
		n = lane_addresses(&b->settings.site, l, addresses);
		i = instance_add(b, c, b->lanes[l].name, 1U << l, n, err);
		if (i == NULL)
			return -1;
		i->addresses = true;
		i->tally_conf.k = (uint16_t)n;
		for (int t = 0; t < n; t++)
			addr_render(&addresses[t], i->targets[t].label);
	}
	return 0;
}

static int
add_link(struct brain *b, const struct check_conf *c, struct err *err)
{
	if (c->n_interfaces > 0 && add_carrier(b, c, err) < 0)
		return -1;
	return c->addresses ? add_addresses(b, c, err) : 0;
}

static int
add_bgp(struct brain *b, const struct check_conf *c, struct err *err)
{
	const struct site *site = &b->settings.site;

	for (int f = 0; f < N_FAMILIES; f++) {
		uint32_t lanes = conf_lanes(b, c) & (f == FAMILY_V4 ? 0x55555555U : 0xaaaaaaaaU);
		struct instance *i;
		int n = 0, t = 0;

		for (int s = 0; s < site->bird.n_sessions; s++)
			n += (site->bird.sessions[s].families >> f) & 1;
		if (lanes == 0 || n == 0)
			continue;
		i = instance_add(b, c, family_name((enum family)f), lanes, n, err);
		if (i == NULL)
			return -1;
		i->sessions = true;
		for (int s = 0; s < site->bird.n_sessions; s++)
			if (site->bird.sessions[s].families >> f & 1)
				snprintf(i->targets[t++].label, sizeof(i->targets[0].label), "%s",
				    site->bird.sessions[s].name);
	}
	return 0;
}

/* Fed by the scoreboard of our own workers; other resolvers have none, so there is nothing to
 * judge. */
static int
add_scoreboard(struct brain *b, const struct check_conf *c, struct err *err)
{
	struct instance *i = instance_add(b, c, "", conf_lanes(b, c), 1, err);

	if (i == NULL)
		return -1;
	if (scores_kept(b)) {
		snprintf(i->targets[0].label, sizeof(i->targets[0].label), "scoreboards");
		i->scores = true;
		/* Nothing yet, and what the last brain saw is loaded over it. */
		checks_feed(b, i, 0, OUTCOME_IDLE, 0, "no reading yet");
		return 0;
	}
	snprintf(i->targets[0].label, sizeof(i->targets[0].label), "no scoreboard");
	i->window_conf.stale_ms = 0; /* never */
	checks_feed(b, i, 0, OUTCOME_IDLE, 0, "these workers keep no scoreboard");
	return 0;
}

/* Fed by brain_vantage.c, from the view of the lane. */
static int
add_vantage(struct brain *b, const struct check_conf *c, struct err *err)
{
	uint32_t mask = conf_lanes(b, c) & lanes_with_beacons(&b->settings.site, 3);

	for (int l = 0; l < MAX_LANES; l++) {
		struct instance *i;

		if (!(mask & 1U << l))
			continue;
		i = instance_add(b, c, b->lanes[l].name, 1U << l, 1, err);
		if (i == NULL)
			return -1;
		snprintf(i->targets[0].label, sizeof(i->targets[0].label), "others who watch us");
		checks_feed(b, i, 0, OUTCOME_IDLE, 0, "no view of the fleet yet");
	}
	return 0;
}

static int
add_check(struct brain *b, const struct check_conf *c, struct err *err)
{
	switch ((enum check_kind)c->kind) {
	case KIND_DNS:
		if (c->target == DNS_ANYCAST)
			return add_dns_anycast(b, c, err);
		return c->target == DNS_WORKERS ? add_dns_workers(b, c, err)
						: add_dns_servers(b, c, err);
	case KIND_UPSTREAM:
		return add_upstream(b, c, err);
	case KIND_RESOURCE:
	case KIND_EXEC:
		return add_single_probe(b, c, err);
	case KIND_ERROR_RATE:
	case KIND_CACHE:
		return add_scoreboard(b, c, err);
	case KIND_WORKERS:
		return add_workers(b, c, err);
	case KIND_LINK:
		return add_link(b, c, err);
	case KIND_BGP:
		return add_bgp(b, c, err);
	case KIND_VANTAGE:
		return add_vantage(b, c, err);
	}
	ENSURE(!"a check kind that settings know");
	return -1;
}

int
checks_init(struct brain *b, struct err *err)
{
	b->instances = arena_get(b->arena, sizeof(struct instance) * MAX_CHECKS);
	for (int c = 0; c < b->settings.n_checks; c++)
		if (add_check(b, &b->settings.checks[c], err) < 0)
			return -1;
	for (int n = 0; n < b->n_instances; n++)
		for (int l = 0; l < MAX_LANES; l++)
			if (b->instances[n].lanes & 1U << l)
				b->lanes[l].facts |= UINT64_C(1) << n;
	return 0;
}
