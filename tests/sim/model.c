#include "tests/sim/model.h"

#include <string.h>

#include "lib/ensure.h"

enum { SLOT_STALE_MS = 3000, ROSTER_STALE_MS = 5000, SECOND_US = 1000000 };

static struct window_conf
window_of(const struct check_conf *c)
{
	return (struct window_conf){
	    .rise = (uint16_t)c->rise,
	    .fall = (uint16_t)c->fall,
	    .forgive = (uint16_t)c->forgive,
	    .patience_ms = (uint32_t)c->patience_ms,
	    .stale_ms = (uint32_t)(3 * c->interval_ms + c->timeout_ms),
	};
}

static enum truth_kind
dns_truth(const struct check_conf *c)
{
	if (c->target == DNS_SERVERS)
		return c->recursion ? TRUTH_UPSTREAM : TRUTH_WELL;
	if (c->recursion)
		return strcmp(c->expect_rcode, "SERVFAIL") == 0 ? TRUTH_SERVFAIL : TRUTH_RECURSION;
	return c->target == DNS_WORKERS ? TRUTH_SLOT : TRUTH_LOCAL;
}

static enum truth_kind
truth_of(const struct check_conf *c)
{
	switch ((enum check_kind)c->kind) {
	case KIND_DNS:
		return dns_truth(c);
	case KIND_UPSTREAM:
		return TRUTH_UPSTREAM;
	case KIND_RESOURCE:
		return c->source == RESOURCE_PSI_CPU	 ? TRUTH_CPU
		       : c->source == RESOURCE_UDP_DROPS ? TRUTH_DROPS
							 : TRUTH_WELL;
	case KIND_WORKERS:
		return TRUTH_ROSTER;
	case KIND_LINK:
		return c->addresses ? TRUTH_ADDRESS : TRUTH_CARRIER;
	case KIND_BGP:
		return TRUTH_SESSION;
	case KIND_EXEC:
		return TRUTH_WELL;
	case KIND_ERROR_RATE:
	case KIND_CACHE:
	case KIND_VANTAGE:
		return TRUTH_IDLE;
	}
	return TRUTH_IDLE;
}

/* How many targets the lane has of this check. */
static int
targets_of(const struct model *m, const struct check_conf *c, enum truth_kind truth)
{
	int transports = __builtin_popcount(c->transports), n = 0;
	struct addr own[MAX_ADDRESSES];
	const struct site *site = &m->settings.site;

	switch (truth) {
	case TRUTH_SLOT:
		return m->n_slots * transports;
	case TRUTH_ADDRESS:
		return lane_addresses(site, SIM_LANE, own);
	case TRUTH_CARRIER:
		return c->n_interfaces;
	case TRUTH_SESSION:
		for (int s = 0; s < site->bird.n_sessions; s++)
			n += site->bird.sessions[s].families & 1;
		return n;
	default:
		break;
	}
	if (c->kind == KIND_UPSTREAM || (c->kind == KIND_DNS && c->target == DNS_SERVERS))
		return c->n_servers;
	return c->kind == KIND_DNS ? lane_addresses(site, SIM_LANE, own) * transports : 1;
}

static bool
is_evidence(const struct check_conf *c)
{
	return c->kind == KIND_DNS || c->kind == KIND_EXEC || c->kind == KIND_WORKERS ||
	       c->kind == KIND_LINK;
}

/* As in healthd/brain_instances.c, which is tied to a loop. */
static void
window_by_truth(struct sim_check *s, enum truth_kind truth)
{
	if (truth == TRUTH_SLOT && s->window.stale_ms < SLOT_STALE_MS)
		s->window.stale_ms = SLOT_STALE_MS;
	if (truth == TRUTH_ROSTER) {
		s->window.rise = s->window.fall = s->window.forgive = 1;
		s->window.patience_ms = 0;
		s->window.stale_ms = ROSTER_STALE_MS;
	}
	if (truth == TRUTH_ADDRESS)
		s->tally.k = (uint16_t)s->n;
}

static void
add_check(struct model *m, const struct check_conf *c, enum truth_kind truth)
{
	int n = targets_of(m, c, truth), transports = __builtin_popcount(c->transports);
	struct sim_check *s = &m->checks[m->n_checks];
	bool told = truth == TRUTH_ROSTER || truth == TRUTH_CARRIER || truth == TRUTH_SESSION ||
		    truth == TRUTH_ADDRESS;
	int64_t every = told ? SECOND_US : c->interval_ms * 1000;

	if (n == 0)
		return;
	ENSURE(m->n_targets + n <= SIM_TARGETS && m->n_checks < MAX_CHECKS && n <= MAX_TARGETS);
	*s = (struct sim_check){.conf = c, .window = window_of(c), .first = m->n_targets, .n = n};
	s->tally = (struct tally_conf){.k = (uint16_t)(c->k > 0 && c->k < n ? c->k : n),
	    .class = check_conf_class(c),
	    .vital = c->vital,
	    .evidence = is_evidence(c),
	    .overload = c->kind == KIND_RESOURCE,
	    .weight = (uint16_t)c->weight};
	s->anycast_self = c->kind == KIND_DNS && c->target == DNS_ANYCAST && !c->recursion;
	s->recursion = c->kind == KIND_DNS && c->recursion;
	window_by_truth(s, truth);
	for (int t = 0; t < n; t++)
		m->targets[m->n_targets++] = (struct sim_target){.truth = truth,
		    .check = m->n_checks,
		    .slot = truth == TRUTH_SLOT ? t / transports : -1,
		    .interval_us = every,
		    .timeout_us = told ? 0 : c->timeout_ms * 1000,
		    .warn = c->warn,
		    .crit = c->crit,
		    .told = told};
	if (truth == TRUTH_ROSTER)
		m->roster = s->first;
	m->n_checks++;
}

int
model_read(struct model *m, const char *path, struct err *err)
{
	const struct settings *s = &m->settings;

	*m = (struct model){.roster = -1};
	m->arena = arena_new();
	if (settings_read(path, &m->settings, m->arena, err) < 0) {
		arena_free(m->arena);
		return -1;
	}
	m->n_slots = (int)(s->workers.count + s->workers.spare);
	m->supervise = supervise_conf_of(s);
	for (int i = 0; i < s->n_checks; i++) {
		const struct check_conf *c = &s->checks[i];

		if (!check_conf_counts(s, c, SIM_LANE))
			continue;
		/* One check of links may be two instances. */
		if (c->kind == KIND_LINK && c->n_interfaces > 0)
			add_check(m, c, TRUTH_CARRIER);
		if (c->kind != KIND_LINK || c->addresses)
			add_check(m, c, truth_of(c));
	}
	return 0;
}

void
model_free(struct model *m)
{
	arena_free(m->arena);
}
