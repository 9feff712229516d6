#include "tests/sim/scenario.h"

#include <string.h>

#include "tests/sim/chance.h"

static const char *const kinds[N_FAULT_KINDS] = {"upstream", "recursion", "local", "crash", "hang",
    "release", "packet", "partition", "power", "brain", "bird", "session", "carrier", "lie",
    "surge"};
static const char *const wheres[] = {"all", "region", "node", "share"};

const char *
fault_kind_name(enum fault_kind k)
{
	return kinds[k];
}

bool
fault_hits(const struct scenario *s, int fault, int node, int region)
{
	const struct fault *f = &s->faults[fault];

	switch (f->where) {
	case WHERE_ALL:
		return true;
	case WHERE_REGION:
		return f->which == region;
	case WHERE_NODE:
		return f->which == node;
	case WHERE_SHARE:
		break;
	}
	return chance_part(chance(s->seed, 77, (uint64_t)fault, (uint64_t)node)) * 100 < f->which;
}

int64_t
scenario_quiet_ms(const struct scenario *s)
{
	int64_t quiet = 0;

	for (int i = 0; i < s->n_faults; i++)
		if (s->faults[i].to_ms > quiet)
			quiet = s->faults[i].to_ms;
	return quiet;
}

/* --- text ------------------------------------------------------------------------------------- */

void
scenario_render(FILE *to, const struct scenario *s)
{
	fprintf(to, "scenario 1\nclass %s\nseed %llu\nnodes %d places %d regions %d\n", s->class,
	    (unsigned long long)s->seed, s->nodes, s->places, s->regions);
	fprintf(to, "spare %d\npull %d\ncold %d\nbeacon_ms %d\nend_ms %lld\n", s->spare, s->pull,
	    s->cold, s->beacon_ms, (long long)s->end_ms);
	for (int i = 0; i < s->n_faults; i++) {
		const struct fault *f = &s->faults[i];

		fprintf(to, "fault %s %s %d from_ms %lld to_ms %lld param %lld\n", kinds[f->kind],
		    wheres[f->where], f->which, (long long)f->from_ms, (long long)f->to_ms,
		    (long long)f->param);
	}
	if (s->expect[0] != '\0')
		fprintf(to, "expect %s\n", s->expect);
	if (s->bent[0] != '\0')
		fprintf(to, "bent %s\n", s->bent);
}

static int
word_of(const char *const *words, int n, const char *word)
{
	for (int i = 0; i < n; i++)
		if (strcmp(words[i], word) == 0)
			return i;
	return -1;
}

static bool
parse_fault(const char *line, struct scenario *s)
{
	struct fault *f = &s->faults[s->n_faults];
	char kind[16], where[16];
	long long from, to, param;
	int k, w;

	if (s->n_faults == SIM_FAULTS ||
	    sscanf(line, "fault %15s %15s %d from_ms %lld to_ms %lld param %lld", kind, where,
		&f->which, &from, &to, &param) != 6)
		return false;
	k = word_of(kinds, N_FAULT_KINDS, kind);
	w = word_of(wheres, 4, where);
	if (k < 0 || w < 0 || from < 0 || to < from || to > 1000000000 || param < 0 ||
	    param > 1000000000)
		return false;
	*f = (struct fault){(enum fault_kind)k, (enum where)w, f->which, from, to, param};
	s->n_faults++;
	return true;
}

static bool
parse_line(const char *line, struct scenario *s)
{
	unsigned long long seed;
	long long ms;
	int version, cold;

	if (line[0] == '#' || line[0] == '\n' || sscanf(line, "class %23s", s->class) == 1 ||
	    sscanf(line, "expect %39s", s->expect) == 1 || sscanf(line, "bent %23s", s->bent) == 1)
		return true;
	if (sscanf(line, "scenario %d", &version) == 1)
		return version == 1;
	if (sscanf(line, "seed %llu", &seed) == 1) {
		s->seed = seed;
		return true;
	}
	if (sscanf(line, "cold %d", &cold) == 1) {
		s->cold = cold == 1;
		return cold == 0 || cold == 1;
	}
	if (sscanf(line, "end_ms %lld", &ms) == 1) {
		s->end_ms = ms;
		return ms >= 0 && ms <= 1000000000;
	}
	if (sscanf(line, "nodes %d places %d regions %d", &s->nodes, &s->places, &s->regions) ==
		3 ||
	    sscanf(line, "spare %d", &s->spare) == 1 || sscanf(line, "pull %d", &s->pull) == 1 ||
	    sscanf(line, "beacon_ms %d", &s->beacon_ms) == 1)
		return true;
	return parse_fault(line, s);
}

static bool
absurd(const struct scenario *s)
{
	return s->nodes < 1 || s->nodes > SIM_NODES || s->places < 1 || s->places > SIM_PLACES ||
	       s->places > s->nodes || s->regions < 1 || s->regions > SIM_REGIONS ||
	       s->regions > s->places || s->spare < 1 || s->spare > 10000 || s->pull < 0 ||
	       s->pull > 100000 || s->beacon_ms < 1 || s->beacon_ms > 60000;
}

int
scenario_parse(FILE *from, struct scenario *s, struct err *err)
{
	char line[256];

	*s = (struct scenario){0};
	for (int n = 1; fgets(line, sizeof(line), from) != NULL; n++) {
		if (!parse_line(line, s)) {
			err_set(err, "line %d says nothing that a scenario has: %.60s", n, line);
			return -1;
		}
	}
	if (absurd(s)) {
		err_set(err, "nodes, places, regions, spare or beacon_ms are out of range");
		return -1;
	}
	return 0;
}
