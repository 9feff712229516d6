/*
 * words: every name that healthd gives is explained, once, and what is looked for is found.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "bgpctl/door.h"
#include "bgpctl/words.h"
#include "healthd/check.h"
#include "healthd/ladder.h"
#include "healthd/limit.h"
#include "healthd/supervise.h"

static void
is_explained(enum word_kind k, const char *name)
{
	if (word_find(k, name) == NULL)
		fail_msg("%s: no such %s", name, word_kind_name(k));
}

static void
what_healthd_names_is_explained(void **state)
{
	(void)state;
	for (int n = 0; n < N_DOOR_ALARMS; n++)
		is_explained(WORD_ALARM, door_alarm_name(n));
	for (int n = 0; n < N_LIMIT_OWNERS; n++)
		is_explained(WORD_LIMIT, limit_owner_name((enum limit_owner)n));
	for (int n = 0; n < N_LADDER_RULES; n++)
		is_explained(WORD_RULE, ladder_rule_name((enum ladder_rule)n));
	for (int n = VERDICT_IDLE; n <= VERDICT_OK; n++)
		is_explained(WORD_VERDICT, verdict_name((enum verdict)n));
	for (int n = WORKER_STOPPED; n <= WORKER_QUARANTINED; n++)
		is_explained(WORD_STATE, worker_state_name((enum worker_state)n));
}

static void
no_word_twice_and_all_in_sentences(void **state)
{
	(void)state;
	for (int k = 0; k < N_WORD_KINDS; k++) {
		size_t n;
		const struct word *all = words_of((enum word_kind)k, &n);

		assert_true(n > 0);
		for (size_t i = 0; i < n; i++) {
			const char *means = all[i].means;

			assert_true(strlen(means) > 3 && means[strlen(means) - 1] == '.');
			assert_ptr_equal(word_find((enum word_kind)k, all[i].word), &all[i]);
		}
	}
}

static void
events_stand_by_name(void **state)
{
	size_t n;
	const struct word *all = words_of(WORD_EVENT, &n);

	(void)state;
	for (size_t i = 1; i < n; i++)
		assert_true(strcmp(all[i - 1].word, all[i].word) < 0);
}

static void
case_and_hyphens_are_not_minded(void **state)
{
	(void)state;
	assert_string_equal(word_find(WORD_ALARM, "Bird-Silent")->word, "bird_silent");
	assert_null(word_find(WORD_ALARM, "bird_silen"));
	assert_null(word_find(WORD_ALARM, "bird_silent_"));
	assert_null(word_find(WORD_ALARM, ""));
}

static void
what_is_nearly_a_word_is_offered(void **state)
{
	(void)state;
	assert_string_equal(word_near("coverd"), "covered");
	assert_string_equal(word_near("bird silent"), "bird_silent");
	assert_string_equal(word_near("prefligth"), "preflight");
	assert_null(word_near("xxxxxxxxxx"));
	assert_null(word_near("a-word-that-is-far-too-long-to-be-one-of-ours"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_healthd_names_is_explained),
	    cmocka_unit_test(no_word_twice_and_all_in_sentences),
	    cmocka_unit_test(events_stand_by_name),
	    cmocka_unit_test(case_and_hyphens_are_not_minded),
	    cmocka_unit_test(what_is_nearly_a_word_is_offered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
