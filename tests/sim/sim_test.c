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
	int moves = 0, wrong = 0;

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
				print_error("%s, seed %d, decides otherwise when it skips\n",
				    scenario_class(c), (int)seed), wrong++;
		}
	}
	assert_int_equal(wrong, 0);
	assert_true(moves > 200);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_same_seed_twice_is_the_same_run),
	    cmocka_unit_test(skipping_what_cannot_matter_changes_no_decision),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
