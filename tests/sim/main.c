/*
 * sim: runs worlds. See docs/fleet.md, "The simulator".
 *
 *	sim run CLASS FROM TO [POLICY...]	each seed under each policy: a line of JSON a run
 *	sim show CLASS SEED [NODES]		the scenario as text
 *	sim replay FILE [POLICY [every]]	one scenario, told step by step; every: without
 *skipping sim shrink CLASS SEED [BENT [PROMISE]]	a failing seed made small, as text on stdout
 *	sim find CLASS FROM TO [BENT [PROMISE]]	the first seed that breaks a promise
 *	sim speed NODES HOURS			how fast it goes
 *	sim classes
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/sim/shrink.h"
#include "tests/sim/world.h"

enum { HORIZON_MS = 1800000 /* of the runs that are compared */ };

static const char *config = "etc/healthd.conf";

static int
usage(void)
{
	fputs("usage: sim classes | run CLASS FROM TO [POLICY...] | replay FILE [POLICY [every]] | "
	      "show CLASS SEED [NODES] |\n"
	      "           find CLASS FROM TO [BENT [PROMISE]] |\n"
	      "           shrink CLASS SEED [BENT [PROMISE]] | speed NODES HOURS\n",
	    stderr);
	return 2;
}

static double
clock_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int
policy_of(const char *name)
{
	for (int p = 0; p < N_POLICIES; p++)
		if (strcmp(name, policy_name((enum policy)p)) == 0)
			return p;
	return -1;
}

static enum bent
bent_of(const char *name)
{
	for (int b = 0; b < N_BENTS; b++)
		if (strcmp(name, bent_name((enum bent)b)) == 0)
			return (enum bent)b;
	fprintf(stderr, "sim: no mutant is called %s\n", name);
	exit(2);
}

/* Sums in seconds in which all clients went unanswered, as it were; nodes' seconds; changes. */
static void
print_run(const struct world *w, uint64_t seed)
{
	const struct tally_of_run *t = &w->tally;
	int not_full = 0;

	for (int i = 0; i < w->s.nodes; i++)
		not_full += w->nodes[i].seen < w->ladder.n_rungs - 1;
	printf("{\"class\": \"%s\", \"seed\": %llu, \"policy\": \"%s\", \"nodes\": %d, "
	       "\"lost_s\": %.3f, \"avoidable_s\": %.3f, \"zero_s\": %.3f, \"changes\": %lld, "
	       "\"suspended_s\": %.1f, \"worst\": %.3f, \"lasted_s\": %.0f, \"not_full\": %d, "
	       "\"digest\": \"%016llx\", "
	       "\"broken\": \"",
	    w->s.class, (unsigned long long)seed, policy_name(w->conf.policy), w->s.nodes,
	    t->lost / w->load, t->avoidable / w->load, t->zero_s, (long long)t->changes,
	    t->suspended_s, t->worst, (double)world_ms(w) / 1000, not_full,
	    (unsigned long long)w->digest);
	for (int p = 0; promise_name(p) != NULL; p++)
		if (w->broken >> p & 1)
			printf("%s ", promise_name(p));
	puts("\"}");
}

static int
run(const struct model *m, int argc, char **argv)
{
	uint64_t from = strtoull(argv[1], NULL, 10), to = strtoull(argv[2], NULL, 10);
	struct world w;
	struct scenario s;
	int broken = 0;

	for (uint64_t seed = from; seed <= to; seed++) {
		if (!scenario_make(&s, argv[0], seed, 0))
			return usage();
		for (int p = 0; p < N_POLICIES; p++) {
			bool wanted = argc == 3;

			for (int i = 3; i < argc; i++)
				wanted |= policy_of(argv[i]) == p;
			if (!wanted)
				continue;
			world_run(&w, &s,
			    &(struct run_conf){.policy = (enum policy)p, .horizon_ms = HORIZON_MS},
			    m);
			print_run(&w, seed);
			broken += w.broken != 0;
			world_free(&w);
		}
		fflush(stdout);
	}
	return broken > 0;
}

static int
replay(const struct model *m, int argc, char **argv)
{
	struct run_conf conf = {.policy = POLICY_OURS, .trace = stdout};
	struct scenario s;
	struct world w;
	struct err err;
	FILE *f = fopen(argv[0], "r");

	if (f == NULL || scenario_parse(f, &s, &err) < 0) {
		fprintf(stderr, "sim: %s: %s\n", argv[0], f == NULL ? "cannot be read" : err.text);
		return 2;
	}
	fclose(f);
	if (argc > 2 && strcmp(argv[2], "every") == 0)
		conf.every = true;
	if (argc > 1 && policy_of(argv[1]) < 0)
		return usage();
	if (argc > 1)
		conf.policy = (enum policy)policy_of(argv[1]);
	conf.bent = bent_of(s.bent);
	world_run(&w, &s, &conf, m);
	print_run(&w, s.seed);
	world_free(&w);
	return 0;
}

static int
find(const struct model *m, int argc, char **argv, bool small)
{
	uint64_t from = strtoull(argv[1], NULL, 10),
		 to = small ? from : strtoull(argv[2], NULL, 10);
	int more = small ? 2 : 3;
	const char *bent = argc > more ? argv[more] : "";
	const char *promise = argc > more + 1 ? argv[more + 1] : "";
	struct scenario s;

	for (uint64_t seed = from; seed <= to; seed++) {
		if (!scenario_make(&s, argv[0], seed, 0))
			return usage();
		strncpy(s.bent, bent, sizeof(s.bent) - 1);
		strncpy(s.expect, promise, sizeof(s.expect) - 1);
		if (!shrink_breaks(&s, bent_of(bent), m))
			continue;
		fprintf(stderr, "seed %llu of %s breaks %s\n", (unsigned long long)seed, argv[0],
		    s.expect);
		shrink(&s, bent_of(bent), m);
		scenario_render(stdout, &s);
		return 1;
	}
	return 0;
}

static int
speed(const struct model *m, char **argv)
{
	struct scenario s = {.class = "speed",
	    .seed = 1,
	    .nodes = atoi(argv[0]),
	    .places = 50,
	    .regions = 4,
	    .spare = 200,
	    .pull = 20,
	    .beacon_ms = 200,
	    .n_faults = 3};
	int64_t end_ms = (int64_t)(atof(argv[1]) * 3600000);
	double from = clock_s();
	struct world w;

	s.places = s.nodes < 50 ? s.nodes : 50;
	s.regions = s.places < 4 ? s.places : 4;
	s.end_ms = end_ms;
	s.faults[0] = (struct fault){FAULT_UPSTREAM, WHERE_REGION, 0, end_ms / 4, end_ms / 3, 0};
	s.faults[1] =
	    (struct fault){FAULT_RECURSION, WHERE_SHARE, 2, end_ms / 2, end_ms * 2 / 3, 0};
	s.faults[2] = (struct fault){FAULT_CRASH, WHERE_SHARE, 1, end_ms / 2, end_ms * 3 / 4, 900};
	world_run(&w, &s, &(struct run_conf){.policy = POLICY_OURS}, m);
	printf("{\"nodes\": %d, \"hours\": %s, \"took_s\": %.2f, \"samples\": %lld, "
	       "\"decisions\": %lld, \"guards\": %lld, \"wakes\": %lld, \"moves\": %d}\n",
	    s.nodes, argv[1], clock_s() - from, (long long)w.tally.samples,
	    (long long)w.tally.decisions, (long long)w.tally.guards, (long long)w.tally.steps,
	    w.decided);
	world_free(&w);
	return 0;
}

static int
verb(const struct model *m, int argc, char **argv)
{
	if (argc == 1 && strcmp(argv[0], "classes") == 0) {
		for (int i = 0; scenario_class(i) != NULL; i++)
			puts(scenario_class(i));
		return 0;
	}
	if (argc >= 3 && strcmp(argv[0], "show") == 0) {
		struct scenario s;

		if (!scenario_make(
			&s, argv[1], strtoull(argv[2], NULL, 10), argc > 3 ? atoi(argv[3]) : 0))
			return usage();
		scenario_render(stdout, &s);
		return 0;
	}
	if (argc >= 4 && strcmp(argv[0], "run") == 0)
		return run(m, argc - 1, argv + 1);
	if (argc >= 2 && strcmp(argv[0], "replay") == 0)
		return replay(m, argc - 1, argv + 1);
	if (argc >= 4 && strcmp(argv[0], "find") == 0)
		return find(m, argc - 1, argv + 1, false);
	if (argc >= 3 && strcmp(argv[0], "shrink") == 0)
		return find(m, argc - 1, argv + 1, true);
	if (argc == 3 && strcmp(argv[0], "speed") == 0)
		return speed(m, argv + 1);
	return usage();
}

int
main(int argc, char **argv)
{
	struct model m;
	struct err err;
	int status;

	if (argc < 2)
		return usage();
	if (model_read(&m, config, &err) < 0) {
		fprintf(stderr, "sim: %s\n", err.text);
		return 2;
	}
	status = verb(&m, argc - 1, argv + 1);
	model_free(&m);
	return status;
}
