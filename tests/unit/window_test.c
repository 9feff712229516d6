/* window: one row per promise. A row feeds samples, one letter each, and reads the verdicts back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "healthd/window.h"

/* Samples: o ok, w wrong, s silent, u unknown, i idle, g nobody there, . only time passes. One each
 * 100 ms. Verdicts: o ok, f fail, u unknown, i idle. */
struct row {
	const char *promise;
	struct window_conf conf;
	const char *samples, *verdicts;
};

#define PLAIN {.rise = 2, .fall = 3, .forgive = 3, .patience_ms = 0, .stale_ms = 1000}
#define PATIENT {.rise = 2, .fall = 2, .forgive = 3, .patience_ms = 400, .stale_ms = 1000}
#define SHORT {.rise = 3, .fall = 2, .forgive = 2, .patience_ms = 0, .stale_ms = 300}
#define EVENTS {.rise = 1, .fall = 1, .forgive = 1, .patience_ms = 0, .stale_ms = 0}

static const struct row rows[] = {
    {"the first success makes it well at once", PLAIN, "o", "o"},
    {"a first wrong answer is not clear until fall", PLAIN, "www", "uuf"},
    {"a first silence is not clear until fall", PLAIN, "sss", "uuf"},
    {"a first silence waits for patience too", PATIENT, "sssss", "uuuuf"},
    {"a success during patience is well at once", PATIENT, "sso", "uuo"},
    {"fall failures in a row fail it, not fewer", PLAIN, "owww", "ooof"},
    {"failures count though successes stand between them", PLAIN, "owoowoow", "ooooooof"},
    {"forgive successes in a row forget the failures", PLAIN, "owwoooww", "oooooooo"},
    {"a failed one needs rise successes in a row", PLAIN, "wwwowoo", "uuffffo"},
    {"after recovery the count begins anew", PLAIN, "wwwoowww", "uuffooof"},
    {"silence is given patience where counts are full", PATIENT, "osssss", "ooooof"},
    {"wrong answers are given none", PATIENT, "oww", "oof"},
    {"nobody there is given patience too: one may be starting", PATIENT, "oggggg", "ooooof"},
    {"silence and wrong answers count together, with patience", PATIENT, "oswss", "ooooo"},
    {"unknown samples change nothing while fresh", PLAIN, "ouuuu", "ooooo"},
    {"unknown samples do not keep it fresh", SHORT, "ouuuuu", "ooouuu"},
    {"without observation it becomes unknown", SHORT, "o.....", "ooouuu"},
    {"one success brings a well one back from unknown", SHORT, "o....o", "ooouuo"},
    {"a failed one must rise from unknown too", SHORT, "ww....ooo", "ufffuuuuo"},
    {"one failure brings a failed one back from unknown", SHORT, "ww....w", "ufffuuf"},
    {"one failure does not fail a well one that was unknown", SHORT, "o....ww", "ooouuuf"},
    {"idle is idle at once and forgets failures", PLAIN, "owwiw", "oooiu"},
    {"from idle one success is well", PLAIN, "io", "io"},
    {"from idle a failure is not clear until fall", PLAIN, "iwww", "iuuf"},
    {"idle goes stale like the rest", SHORT, "i....", "iiiuu"},
    {"without staleness time changes nothing", EVENTS, "o....................",
	"ooooooooooooooooooooo"},
};

static struct mono
at(int i)
{
	return (struct mono){1000000 + (int64_t)i * 100000};
}

static char
letter(enum verdict v)
{
	return "iufo"[v];
}

static struct window
feed(const struct window_conf *conf, struct window w, char c, int i)
{
	static const char kinds[] = "owsuig";
	const char *k = strchr(kinds, c);
	struct sample s = {.sent = at(i), .at = at(i), .rtt_us = -1};

	if (c == '.')
		return window_tick(conf, w, at(i));
	s.outcome = (enum outcome)(k - kinds);
	s.value = s.outcome == OUTCOME_OK ? 100 : 0;
	strcpy(s.why, c == 'w' ? "SERVFAIL" : c == 's' ? "timeout" : "");
	return window_step(conf, w, &s);
}

static void
every_row_keeps_its_promise(void **state)
{
	(void)state;
	for (size_t r = 0; r < sizeof(rows) / sizeof(rows[0]); r++) {
		struct window w = window_init(at(0));
		char seen[64] = "";

		for (int i = 0; rows[r].samples[i]; i++) {
			w = feed(&rows[r].conf, w, rows[r].samples[i], i);
			seen[i] = letter(w.verdict);
			assert_true(w.wrongs <= w.fails);
			assert_true(w.value >= 0 && w.value <= 100);
		}
		if (strcmp(seen, rows[r].verdicts) != 0)
			fail_msg("%s: %s gave %s, not %s", rows[r].promise, rows[r].samples, seen,
			    rows[r].verdicts);
	}
}

static struct window
play(const struct window_conf *conf, const char *samples)
{
	struct window w = window_init(at(0));

	for (int i = 0; samples[i]; i++)
		w = feed(conf, w, samples[i], i);
	return w;
}

static void
a_failure_is_mute_when_all_that_counts_was_silence(void **state)
{
	static const struct {
		const char *samples;
		bool mute;
	} plays[] = {{"osss", true}, {"osws", false}, {"ogss", false}, {"osss.g", false},
	    {"oosoosoos", true}, {"owooosss", true /* the wrong one is forgiven */},
	    {"owwwoosss", true /* as well again since */}, {"osusus", true}, {"wwwisss", true}};
	struct window_conf conf = PLAIN;

	(void)state;
	for (size_t r = 0; r < sizeof(plays) / sizeof(plays[0]); r++) {
		struct window w = play(&conf, plays[r].samples);

		if (w.verdict != VERDICT_FAIL || w.mute != plays[r].mute)
			fail_msg("%s: %s, mute %d", plays[r].samples, verdict_name(w.verdict),
			    w.mute);
	}
}

/* PLAIN fails by 3. */
static void
who_answers_now_and_then_is_halting(void **state)
{
	static const struct {
		const char *samples;
		bool halting;
	} plays[] = {{"osss", false}, {"ososs", true}, {"ososss", false}, {"osossso", true},
	    {"ososssos", true}, {"sss", false}, {"ssso", true}, {"ossuuos", true},
	    {"osossuus", false}, {"owowow", true}};
	struct window_conf conf = PLAIN;

	(void)state;
	for (size_t r = 0; r < sizeof(plays) / sizeof(plays[0]); r++) {
		struct window w = play(&conf, plays[r].samples);

		if (w.verdict != VERDICT_FAIL || w.halting != plays[r].halting)
			fail_msg("%s: %s, halting %d", plays[r].samples, verdict_name(w.verdict),
			    w.halting);
	}
	assert_false(play(&conf, "ososoooo").halting); /* forgiven */
}

static void
unknown_keeps_the_value_of_the_last_verdict(void **state)
{
	struct window_conf conf = SHORT;
	struct window w;

	(void)state;
	w = play(&conf, "o......");
	assert_int_equal(w.verdict, VERDICT_UNKNOWN);
	assert_int_equal(w.value, 100);
	w = play(&conf, "ww......");
	assert_int_equal(w.verdict, VERDICT_UNKNOWN);
	assert_int_equal(w.solid, VERDICT_FAIL);
	assert_int_equal(w.value, 0);
	w = window_init(at(0));
	assert_false(w.judged);
	assert_int_equal(w.value, 100);
}

static void
onset_is_the_first_unforgiven_failure_and_broke_the_last_run(void **state)
{
	struct window_conf conf = PLAIN;
	struct window w;

	(void)state;
	w = play(&conf, "owoww");
	assert_int_equal(w.verdict, VERDICT_FAIL);
	assert_int_equal(w.onset.us, at(1).us);
	assert_int_equal(w.broke.us, at(3).us);
	w = play(&conf, "owowwow"); /* failed: what happens later does not move its beginning */
	assert_int_equal(w.broke.us, at(3).us);
	w = play(&conf, "owoooo");
	assert_false(mono_is_set(w.onset));
	assert_false(mono_is_set(w.broke));
	assert_string_equal(w.why, "");
}

static void
order_of_cause_is_judged_by_when_probes_were_sent(void **state)
{
	struct window_conf conf = PLAIN;
	struct sample late = {.outcome = OUTCOME_WRONG, .sent = at(0), .at = at(9)};
	struct window w;

	(void)state;
	conf.fall = 1;
	w = window_step(&conf, window_init(at(0)), &late);
	assert_int_equal(w.onset.us, at(0).us);
	assert_int_equal(w.since.us, at(9).us);
	late.outcome = OUTCOME_OK;
	late.value = 100;
	w = window_step(&conf, window_init(at(0)), &late);
	assert_int_equal(w.last_ok_sent.us, at(0).us);
}

static void
the_deadline_is_when_it_turns_unknown(void **state)
{
	struct window_conf conf = SHORT, events = EVENTS;
	struct window w = play(&conf, "o");
	struct mono due = window_deadline(&conf, &w);

	(void)state;
	assert_int_equal(window_tick(&conf, w, mono_add_us(due, -1)).verdict, VERDICT_OK);
	assert_int_equal(window_tick(&conf, w, due).verdict, VERDICT_UNKNOWN);
	w = window_tick(&conf, w, due);
	assert_int_equal(window_deadline(&conf, &w).us, INT64_MAX);
	w = play(&events, "o");
	assert_int_equal(window_deadline(&events, &w).us, INT64_MAX);
}

static void
a_graded_reading_weighs_as_read(void **state)
{
	struct window_conf conf = PLAIN;
	struct sample s = {.outcome = OUTCOME_OK, .value = 63, .sent = at(0), .at = at(0)};
	struct window w = window_step(&conf, window_init(at(0)), &s);

	(void)state;
	assert_int_equal(w.value, 63);
	s.outcome = OUTCOME_WRONG;
	s.value = 0;
	w = window_step(&conf, w, &s);
	assert_int_equal(w.verdict, VERDICT_OK); /* not failed yet: what it weighed stands */
	assert_int_equal(w.value, 63);
}

static void
any_saved_values_become_a_window_that_can_be_stepped(void **state)
{
	struct window_conf conf = PLAIN;
	struct window wild = {.verdict = (enum verdict)77, .judged = true,
	    .solid = (enum verdict)-3, .value = -100, .fails = 3, .wrongs = 65535, .oks = 65535,
	    .onset = {INT64_MAX}, .broke = {INT64_MIN}, .last_ok_sent = {INT64_MAX},
	    .last_at = {INT64_MAX}, .since = {-1}};
	struct window w;

	(void)state;
	memset(wild.why, 'x', sizeof(wild.why));
	w = window_sane(wild, at(5));
	assert_int_equal(w.verdict, VERDICT_UNKNOWN);
	assert_int_equal(w.value, 0);
	assert_int_equal(w.wrongs, 3);
	assert_true(w.last_at.us <= at(5).us && w.last_ok_sent.us <= at(5).us);
	assert_true(strlen(w.why) < sizeof(w.why));
	w = feed(&conf, w, 'o', 6);
	assert_int_equal(w.verdict, VERDICT_OK);
	w = play(&conf, "owow"); /* and an honest one is not changed */
	assert_int_equal(window_sane(w, at(9)).fails, w.fails);
	assert_int_equal(window_sane(w, at(9)).broke.us, w.broke.us);
	assert_int_equal(window_sane(w, at(9)).verdict, w.verdict);
}

static void
counters_do_not_wrap_in_a_long_life(void **state)
{
	struct window_conf conf = PLAIN;
	struct window w = window_init(at(0));

	(void)state;
	for (int i = 0; i < 200000; i++)
		w = feed(&conf, w, 'w', i);
	assert_int_equal(w.verdict, VERDICT_FAIL);
	assert_true(w.fails >= conf.fall);
	for (int i = 200000; i < 400000; i++)
		w = feed(&conf, w, 'o', i);
	assert_int_equal(w.verdict, VERDICT_OK);
	assert_true(w.oks >= conf.forgive);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_row_keeps_its_promise),
	    cmocka_unit_test(a_failure_is_mute_when_all_that_counts_was_silence),
	    cmocka_unit_test(who_answers_now_and_then_is_halting),
	    cmocka_unit_test(unknown_keeps_the_value_of_the_last_verdict),
	    cmocka_unit_test(onset_is_the_first_unforgiven_failure_and_broke_the_last_run),
	    cmocka_unit_test(order_of_cause_is_judged_by_when_probes_were_sent),
	    cmocka_unit_test(the_deadline_is_when_it_turns_unknown),
	    cmocka_unit_test(a_graded_reading_weighs_as_read),
	    cmocka_unit_test(any_saved_values_become_a_window_that_can_be_stepped),
	    cmocka_unit_test(counters_do_not_wrap_in_a_long_life),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
