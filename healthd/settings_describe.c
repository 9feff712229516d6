/*
 * The configuration in a few lines for people: what is announced, what is looked at and what that
 * can do, and what deserves a second thought although it is no error.
 */
#include <stdio.h>
#include <string.h>

#include "healthd/settings_keys.h"

static void
describe_lane(FILE *to, const struct site *site, int lane)
{
	struct prefix prefixes[MAX_PREFIXES];
	struct addr addresses[MAX_ADDRESSES];
	char buf[PREFIX_TEXT];
	int i, n;

	fprintf(to, "  %s/%s:", site->services[lane_service(lane)].name,
	    family_name(lane_family(lane)));
	n = lane_prefixes(site, lane, prefixes);
	for (i = 0; i < n; i++)
		fprintf(to, " %s", prefix_render(&prefixes[i], buf));
	fputs(" for", to);
	n = lane_addresses(site, lane, addresses);
	for (i = 0; i < n; i++)
		fprintf(to, " %s", addr_render(&addresses[i], buf));
	fputs("\n", to);
}

static void
describe_rungs(FILE *to, const struct site *site)
{
	int i;

	fputs("rungs:", to);
	for (i = site->n_rungs - 1; i >= 0; i--) {
		const struct rung *r = &site->rungs[i];

		fprintf(to, " %s", r->name);
		if (i < site->n_rungs - 1)
			fprintf(to, " (under %lld, left at %lld)", (long long)r->enter,
			    (long long)r->leave);
		fputs(i > 0 ? "," : "\n", to);
	}
}

static void
describe_workers(FILE *to, const struct settings *s)
{
	int i;

	if (s->workers.count == 0) {
		fputs("workers: none of ours\n", to);
		return;
	}
	fprintf(to, "workers: %lld%s, %lld always ready, probed at %s port %lld up:",
	    (long long)s->workers.count, s->workers.spare > 0 ? " and a spare" : "",
	    (long long)s->workers.min_ready, s->workers.probe_address,
	    (long long)s->workers.probe_port);
	if (s->workers.resolver[0] != '\0')
		fprintf(to, " our own resolver by %s", s->workers.resolver);
	for (i = 0; i < s->workers.n_command; i++)
		fprintf(to, " %s", s->workers.command[i]);
	fputs("\n", to);
}

static void
describe_scope(FILE *to, const struct settings *s, const struct check_conf *c)
{
	const char *joint = " for ";
	int lane, all = 0, counts = 0;

	for (lane = 0; lane < MAX_LANES; lane++) {
		all += lane_exists(&s->site, lane);
		counts += lane_exists(&s->site, lane) && check_conf_counts(s, c, lane);
	}
	for (lane = 0; counts < all && lane < MAX_LANES; lane++) {
		if (!lane_exists(&s->site, lane) || !check_conf_counts(s, c, lane))
			continue;
		fprintf(to, "%s%s/%s", joint, s->site.services[lane_service(lane)].name,
		    family_name(lane_family(lane)));
		joint = ", ";
	}
}

static void
describe_check(FILE *to, const struct settings *s, const struct check_conf *c)
{
	char weight[32] = "vital";

	if (!c->vital)
		snprintf(weight, sizeof(weight), "weight %lld", (long long)c->weight);
	fprintf(to, "  %-16s %-10s %-8s %-12s each %lld ms", c->name,
	    check_kind_name((enum check_kind)c->kind), check_class_name(check_conf_class(c)),
	    weight, (long long)c->interval_ms);
	if (c->kind == KIND_DNS)
		fprintf(to, ", %s %s %s", c->qname, c->qclass, c->qtype);
	describe_scope(to, s, c);
	fputs("\n", to);
}

static bool
is_loopback(const char *text)
{
	struct addr a, loop6;

	addr_parse("::1", &loop6);
	return addr_parse(text, &a) &&
	    ((a.family == FAMILY_V4 && a.bytes[0] == 127) || addr_equal(&a, &loop6));
}

static bool
has_class(const struct settings *s, enum check_class class)
{
	int i;

	for (i = 0; i < s->n_checks; i++) {
		if (check_conf_class(&s->checks[i]) == class)
			return true;
	}
	return false;
}

static void
describe_doubts(FILE *to, const struct settings *s)
{
	if (s->mode == MODE_OBSERVE)
		fputs("note: mode observe: nothing is written to BIRD or links\n", to);
	if (s->metrics.address[0] != '\0' && !is_loopback(s->metrics.address))
		fprintf(to,
		    "note: metrics.address %s is not loopback: whoever reaches it sees this "
		    "node's state\n",
		    s->metrics.address);
	if (!has_class(s, CLASS_SHARED))
		fputs("note: there is no upstream check, so a low score is never proven to be this "
		      "node's own fault: it stays at drain\n", to);
	if (s->workers.count > 0 && s->workers.spare == 0 &&
	    s->workers.min_ready == s->workers.count)
		fputs("note: workers.min_ready = count without a spare: an upgrade cannot replace "
		      "any worker\n", to);
	if (!s->ladder.alone)
		return;
	fputs("note: ladder.alone: this PoP climbs to drain as soon as its self checks pass\n", to);
}

void
settings_describe(FILE *to, const struct settings *s)
{
	int i, lane;

	fprintf(to, "node %s of %s, mode %s, AS %lld, %d BGP session%s\n", s->site.node.name,
	    s->site.node.pop, s->mode == MODE_DRIVE ? "drive" : "observe",
	    (long long)s->site.bird.asn, s->site.bird.n_sessions,
	    s->site.bird.n_sessions == 1 ? "" : "s");
	fputs("lanes:\n", to);
	for (lane = 0; lane < MAX_LANES; lane++) {
		if (lane_exists(&s->site, lane))
			describe_lane(to, &s->site, lane);
	}
	describe_rungs(to, &s->site);
	describe_workers(to, s);
	fputs("checks:\n", to);
	for (i = 0; i < s->n_checks; i++)
		describe_check(to, s, &s->checks[i]);
	describe_doubts(to, s);
}
