/* What flaps is told a few times, and then counted: no check fills a journal. */
#include "tests/unit/brain_rig.h"

static int told;
static char last[400];

static void
listen_to(void *arg, enum event_level level, const char *name, const char *line)
{
	(void)arg, (void)level;
	if (strcmp(name, "check") != 0)
		return;
	told++;
	snprintf(last, sizeof(last), "%s", line);
}

static void
answer(struct brain *b, bool well)
{
	struct instance *i = &b->instances[0];
	struct sample s = {.outcome = well ? OUTCOME_OK : OUTCOME_WRONG, .value = well ? 100 : 0,
	    .sent = mono_now(), .at = mono_now(), .why = ""};

	if (!well)
		snprintf(s.why, sizeof(s.why), "SERVFAIL");
	for (int n = 0; n < 3; n++) /* enough for rise and fall */
		checks_on_probe(&i->targets[0], &s);
}

static void
a_check_that_flaps_is_told_a_few_times_and_counted(void **state)
{
	struct brain *b = rig_brain();
	struct instance *i = &b->instances[0];

	(void)state;
	assert_int_equal(i->n_targets, 1);
	answer(b, true);
	told = 0;
	event_set_sink(listen_to, NULL);
	for (int n = 0; n < 50; n++) {
		answer(b, false);
		answer(b, true);
	}
	assert_int_equal(told, 6);
	answer(b, false);
	checks_second(b);
	assert_int_equal(told, 6); /* the minute is not over */

	i->said.since = mono_add_ms(mono_now(), -61000);
	checks_second(b);
	assert_int_equal(told, 7); /* where it stands, and how much was left out */
	assert_non_null(strstr(last, "to=fail"));
	assert_non_null(strstr(last, "untold=94"));
	checks_second(b);
	assert_int_equal(told, 7);
	answer(b, true);
	assert_int_equal(told, 8); /* and from here as ever */
	assert_null(strstr(last, "untold"));
	event_set_sink(NULL, NULL);
	link_watch_free(b->link);
	rig_drop(b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(a_check_that_flaps_is_told_a_few_times_and_counted,
		rig_setup, rig_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
