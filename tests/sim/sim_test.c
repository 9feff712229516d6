/*
 * sim: that the simulator is to be believed, and what it holds the shipped policy to.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/shrink.h"
#include "tests/sim/world.h"

static struct model model;

static int
begin(void **state)
{
	struct err err;

	(void)state;
	if (model_read(&model, "etc/healthd.conf", &err) < 0)
		fail_msg("%s", err.text);
	return 0;
}

static int
end(void **state)
{
	(void)state;
	model_free(&model);
	return 0;
}

static void
make(struct scenario *s, const char *class, uint64_t seed, int nodes)
{
	if (!scenario_make(s, class, seed, nodes))
		fail_msg("there is no class %s", class);
}

static uint64_t
digest(const struct scenario *s, const struct run_conf *conf, int *moves)
{
	struct world w;
	uint64_t d;

	world_run(&w, s, conf, &model);
	d = w.digest;
	*moves += w.decided;
	world_free(&w);
	return d;
}

static void
the_same_seed_twice_is_the_same_run(void **state)
{
	struct scenario s;
	int moves = 0;

	(void)state;
	for (int p = 0; p < N_POLICIES; p++) {
		struct run_conf conf = {.policy = (enum policy)p};

		make(&s, "mixture", 7, 0);
		assert_int_equal(digest(&s, &conf, &moves), digest(&s, &conf, &moves));
		make(&s, "mixture", 8, 0);
		assert_int_not_equal(digest(&s, &conf, &moves), s.seed);
	}
	assert_true(moves > 20);
}

/* All decisions, when and why, with each question of each check asked and each decision taken. */
static void
skipping_what_cannot_matter_changes_no_decision(void **state)
{
	int moves = 0;

	(void)state;
	for (int c = 0; scenario_class(c) != NULL; c++) {
		for (uint64_t seed = 1; seed <= 2; seed++) {
			struct scenario s;
			struct run_conf conf = {.policy = seed == 1 ? POLICY_OURS : POLICY_SILENT};
			uint64_t skipped;

			make(&s, scenario_class(c), seed, 5);
			s.end_ms = 1500000;
			skipped = digest(&s, &conf, &moves);
			conf.every = true;
			if (skipped != digest(&s, &conf, &moves))
				fail_msg("%s, seed %d, decides otherwise when it skips",
				    scenario_class(c), (int)seed);
		}
	}
	assert_true(moves > 200);
}

static unsigned
promise_bit(const char *name)
{
	for (int p = 0; promise_name(p) != NULL; p++)
		if (strcmp(name, promise_name(p)) == 0)
			return 1U << p;
	fail_msg("there is no promise %s", name);
	return 0;
}

/* Bits of what breaks, up to half an hour after the last fault. */
static unsigned
breaks(const struct scenario *s, enum bent bent)
{
	struct run_conf conf = {.policy = POLICY_OURS, .bent = bent, .horizon_ms = 1800000};
	struct world w;
	unsigned broken;

	world_run(&w, s, &conf, &model);
	broken = w.broken;
	world_free(&w);
	return broken;
}

static void
the_shipped_policy_keeps_its_promises_in_each_class(void **state)
{
	(void)state;
	for (int c = 0; scenario_class(c) != NULL; c++) {
		for (uint64_t seed = 101; seed <= 110; seed++) {
			struct scenario s;
			unsigned broken;

			make(&s, scenario_class(c), seed, 0);
			broken = breaks(&s, BENT_NOT);
			for (int p = 0; promise_name(p) != NULL; p++)
				if (broken >> p & 1)
					fail_msg("%s, seed %d, breaks %s", scenario_class(c),
					    (int)seed, promise_name(p));
		}
	}
}

/* By a promise that the policy as it is keeps in the very same world. */
static void
each_mutant_is_found(void **state)
{
	static const struct {
		enum bent bent;
		const char *class, *promise;
	} mutants[] = {
	    {BENT_GRANTS, "recursion_many", "budget_at_each_fall"},
	    {BENT_NO_EMERGENCY, "mixture", "somebody_announces"},
	    {BENT_NO_ABSORB, "upstream_region", "overload_never_silences"},
	    {BENT_NO_BRAKE, "upstream_one", "upstream_never_silences"},
	    {BENT_CASCADE, "cascade", "overload_is_borne"},
	    {BENT_EAGER, "correlated", "no_claim_beyond_proof"},
	};

	(void)state;
	assert_int_equal(sizeof(mutants) / sizeof(mutants[0]), N_BENTS - 1);
	for (size_t i = 0; i < sizeof(mutants) / sizeof(mutants[0]); i++) {
		unsigned bit = promise_bit(mutants[i].promise);
		bool found = false;

		for (uint64_t seed = 1; seed <= 20 && !found; seed++) {
			struct scenario s;

			make(&s, mutants[i].class, seed, 0);
			found =
			    (breaks(&s, mutants[i].bent) & bit) && !(breaks(&s, BENT_NOT) & bit);
		}
		if (!found)
			fail_msg("%s is not found by %s", bent_name(mutants[i].bent),
			    mutants[i].promise);
	}
}

static void
replay(const char *path)
{
	struct scenario s;
	struct err err;
	enum bent bent = BENT_NOT;
	FILE *f = fopen(path, "r");

	if (f == NULL || scenario_parse(f, &s, &err) < 0)
		fail_msg("%s: %s", path, f == NULL ? "cannot be read" : err.text);
	fclose(f);
	for (int b = 0; b < N_BENTS; b++)
		if (strcmp(s.bent, bent_name((enum bent)b)) == 0)
			bent = (enum bent)b;
	if (s.expect[0] != '\0') {
		if (!shrink_breaks(&s, bent, &model))
			fail_msg(
			    "%s does not break %s any more: take `expect` out", path, s.expect);
	} else if (breaks(&s, bent)) {
		fail_msg("%s breaks a promise", path);
	}
}

static void
a_kept_seed_does_what_it_says(void **state)
{
	DIR *dir = opendir("tests/sim/seeds");
	struct dirent *e;
	int n = 0;

	(void)state;
	assert_non_null(dir);
	while ((e = readdir(dir)) != NULL) {
		char path[sizeof("tests/sim/seeds/") + sizeof(e->d_name)];

		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "tests/sim/seeds/%s", e->d_name);
		replay(path);
		n++;
	}
	closedir(dir);
	assert_true(n > 0);
}

static void
a_scenario_is_read_as_it_is_written(void **state)
{
	(void)state;
	for (int c = 0; scenario_class(c) != NULL; c++) {
		struct scenario s, t;
		struct err err;
		char text[8192] = "", again[8192] = "";
		FILE *f = fmemopen(text, sizeof(text) - 1, "w");

		make(&s, scenario_class(c), 9, 0);
		scenario_render(f, &s);
		fclose(f);
		f = fmemopen(text, strlen(text), "r");
		if (scenario_parse(f, &t, &err) < 0)
			fail_msg("%s", err.text);
		fclose(f);
		f = fmemopen(again, sizeof(again) - 1, "w");
		scenario_render(f, &t);
		fclose(f);
		assert_string_equal(text, again);
	}
}

static void
what_is_no_scenario_is_refused(void **state)
{
	static const char *const texts[] = {"nonsense\n", "scenario 2\n",
	    "nodes 5001 places 2 regions 1\n", "nodes 2 places 3 regions 1\n",
	    "fault upstream all 0 from_ms 5 to_ms 4 param 0\n",
	    "fault flood all 0 from_ms 5 to_ms 6 param 0\n", "scenario 1\n"};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct scenario s;
		struct err err;
		FILE *f = fmemopen((void *)texts[i], strlen(texts[i]), "r");

		assert_int_equal(scenario_parse(f, &s, &err), -1);
		fclose(f);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_scenario_is_read_as_it_is_written),
	    cmocka_unit_test(what_is_no_scenario_is_refused),
	    cmocka_unit_test(the_same_seed_twice_is_the_same_run),
	    cmocka_unit_test(skipping_what_cannot_matter_changes_no_decision),
	    cmocka_unit_test(the_shipped_policy_keeps_its_promises_in_each_class),
	    cmocka_unit_test(each_mutant_is_found),
	    cmocka_unit_test(a_kept_seed_does_what_it_says),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
