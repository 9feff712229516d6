/* judge: verdicts over targets, and what a set of facts says about the lane. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "healthd/judge.h"

static struct mono
at(int64_t s)
{
	return (struct mono){s * 1000000};
}

/* Targets by letter: o ok, f failed, i idle, n never judged; unknown that was: O ok, F failed, I
 * idle. */
static struct window
target(char c)
{
	struct window w = window_init(at(1));

	w.judged = c != 'n';
	w.solid = strchr("oO", c) ? VERDICT_OK : strchr("fF", c) ? VERDICT_FAIL : VERDICT_IDLE;
	w.verdict = strchr("ofi", c) ? w.solid : VERDICT_UNKNOWN;
	w.value = strchr("fF", c) ? 0 : 100;
	if (c == 'n')
		w.solid = VERDICT_UNKNOWN;
	return w;
}

static struct fact
facts_of(const char *targets, int k, bool vital)
{
	struct tally_conf conf = {
	    .k = (uint16_t)k, .class = CLASS_SELF, .vital = vital, .weight = 10};
	struct window w[MAX_TARGETS];
	int n = (int)strlen(targets);

	for (int i = 0; i < n; i++)
		w[i] = target(targets[i]);
	return tally(&conf, w, n);
}

static void
every_tally_keeps_its_promise(void **state)
{
	static const struct {
		const char *promise, *targets;
		int k;
		bool vital;
		enum verdict verdict;
		int value, weight;
	} rows[] = {
	    {"all targets by default", "ooo", 0, false, VERDICT_OK, 100, 10},
	    {"one of all failed is failed", "oof", 0, false, VERDICT_FAIL, 0, 10},
	    {"k of n is well, and losing the others costs nothing", "oof", 2, false, VERDICT_OK,
		100, 10},
	    {"fewer than k is failed", "off", 2, false, VERDICT_FAIL, 0, 10},
	    {"k over n means all", "oo", 9, false, VERDICT_OK, 100, 10},
	    {"idle targets are left out", "oi", 0, false, VERDICT_OK, 100, 10},
	    {"idle targets do not stand in for failed ones", "fi", 1, false, VERDICT_FAIL, 0, 10},
	    {"all idle is idle", "ii", 0, false, VERDICT_IDLE, 100, 0},
	    {"no target at all is idle", "", 0, false, VERDICT_IDLE, 100, 0},
	    {"a vital check is never idle", "ii", 0, true, VERDICT_UNKNOWN, 100, 0},
	    {"unknown is not failed, and keeps what was", "oO", 0, false, VERDICT_UNKNOWN, 100, 10},
	    {"unknown keeps a failed value too", "oF", 0, false, VERDICT_UNKNOWN, 0, 10},
	    {"enough are well though one is unknown", "oO", 1, false, VERDICT_OK, 100, 10},
	    {"enough are failed though one is unknown", "fO", 0, false, VERDICT_FAIL, 0, 10},
	    {"the unknown ones decide: unknown", "foO", 2, false, VERDICT_UNKNOWN, 100, 10},
	    {"never seen pulls nothing down", "n", 0, false, VERDICT_UNKNOWN, 100, 10},
	    {"never seen does not hide what was seen to fail", "nf", 0, false, VERDICT_FAIL, 0, 10},
	    {"unknown after idle weighs nothing", "I", 0, false, VERDICT_UNKNOWN, 100, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct fact f = facts_of(rows[i].targets, rows[i].k, rows[i].vital);

		if (f.verdict != rows[i].verdict || f.value != rows[i].value ||
		    f.weight != rows[i].weight)
			fail_msg("%s: \"%s\" k %d gave %s value %d weight %d", rows[i].promise,
			    rows[i].targets, rows[i].k, verdict_name(f.verdict), f.value, f.weight);
	}
	assert_false(facts_of("on", 1, false).judged);
	assert_true(facts_of("oI", 0, false).judged);
}

static void
graded_values_are_the_mean_of_the_best_k(void **state)
{
	struct tally_conf conf = {.k = 2, .weight = 1};
	struct window w[3] = {target('o'), target('o'), target('o')};

	(void)state;
	w[0].value = 40;
	w[1].value = 90;
	w[2].value = 70;
	assert_int_equal(tally(&conf, w, 3).value, 80);
	conf.k = 0;
	assert_int_equal(tally(&conf, w, 3).value, 66);
}

static void
a_failure_began_when_its_latest_target_broke(void **state)
{
	struct tally_conf conf = {.k = 2, .weight = 1};
	struct window w[3] = {target('f'), target('f'), target('o')};

	(void)state;
	w[0].broke = at(50);
	w[1].broke = at(70);
	w[2].broke = at(90); /* not failed: says nothing */
	assert_int_equal(tally(&conf, w, 3).onset.us, at(70).us);
	conf.k = 1;
	assert_false(mono_is_set(tally(&conf, w, 3).onset));
}

static void
a_success_counts_when_k_targets_have_had_one(void **state)
{
	struct tally_conf conf = {.k = 2, .weight = 1};
	struct window w[4] = {target('o'), target('o'), target('o'), target('i')};

	(void)state;
	w[0].last_ok_sent = at(50);
	w[1].last_ok_sent = at(70);
	w[2].last_ok_sent = at(60);
	w[3].last_ok_sent = at(99); /* idle: left out */
	assert_int_equal(tally(&conf, w, 4).last_ok_sent.us, at(60).us);
	conf.k = 0;
	assert_int_equal(tally(&conf, w, 4).last_ok_sent.us, at(50).us);
}

/* One fact: class S self, U shared (upstream), D derived; then v vital, e evidence, o overload, m
 * mute, h halting; then the verdict: + ok, - failed, ? unknown, 0 idle, n never seen; weight 10. */
static struct fact
fact(const char *text)
{
	struct fact f = {.weight = 10, .value = 100, .judged = true, .last_ok_sent = at(100)};

	f.class = *text == 'S' ? CLASS_SELF : *text == 'U' ? CLASS_SHARED : CLASS_DERIVED;
	f.vital = strchr(text, 'v') != NULL;
	f.evidence = strchr(text, 'e') != NULL;
	f.overload = strchr(text, 'o') != NULL;
	f.mute = strchr(text, 'm') != NULL;
	f.halting = strchr(text, 'h') != NULL;
	f.judged = strchr(text, 'n') == NULL;
	f.verdict = strchr(text, '+') ? VERDICT_OK
	    : strchr(text, '-')	      ? VERDICT_FAIL
	    : strchr(text, '0')	      ? VERDICT_IDLE
				      : VERDICT_UNKNOWN;
	if (f.verdict == VERDICT_FAIL) {
		f.value = 0;
		f.onset = at(50);
	}
	return f;
}

static struct judgement
judge_starved(const char *text, bool starved)
{
	struct fact facts[MAX_CHECKS];
	char copy[200], *word, *rest = copy;
	int n = 0;

	strcpy(copy, text);
	while ((word = strsep(&rest, " ")) != NULL)
		if (*word)
			facts[n++] = fact(word);
	facts_absorb(facts, n, starved);
	return judge(facts, n, ~0ULL);
}

static struct judgement
judge_text(const char *text)
{
	return judge_starved(text, false);
}

enum { ROUND = 1, SELF_OK = 2, PASS = 4, UNKNOWN = 8, VITAL = 16, BAD = 32, WELL = 64, PROVEN = 128,
	OVERLOAD = 256, EMPTY = 512, ABSORBED = 1024 };

static unsigned
flags(const struct judgement *j)
{
	return (j->round ? ROUND : 0) | (j->self_ok ? SELF_OK : 0) | (j->self_pass ? PASS : 0) |
	    (j->unknown ? UNKNOWN : 0) | (j->vital_failed ? VITAL : 0) | (j->shared_bad ? BAD : 0) |
	    (j->shared_well ? WELL : 0) | (j->proven ? PROVEN : 0) |
	    (j->overload ? OVERLOAD : 0) | (j->empty ? EMPTY : 0) |
	    (j->absorbed ? ABSORBED : 0);
}

static void
every_judgement_keeps_its_promise(void **state)
{
	static const struct {
		const char *promise, *facts;
		int score;
		unsigned flags;
		int because;
	} rows[] = {
	    {"all well", "Sv+ U+ De+", 100, ROUND | SELF_OK | PASS | WELL, -1},
	    {"nothing at all is unknown, never healthy", "", 100, ROUND | UNKNOWN | EMPTY, -1},
	    {"all idle is unknown, never healthy", "S0 U0 De0", 100, ROUND | UNKNOWN | EMPTY, -1},
	    {"idle is left out of the mean", "S+ De- D0", 50, ROUND | SELF_OK | PASS, 1},
	    {"a vital failure makes the score 0", "Sv- U+ D+ D+ D+", 0, ROUND | VITAL | WELL, 0},
	    {"unknown keeps its value and is told", "S+ D?", 100, ROUND | SELF_OK | PASS | UNKNOWN,
		-1},
	    {"never seen: no round yet", "S+ D?n", 100, SELF_OK | PASS | UNKNOWN, -1},
	    {"a vital check not seen is no pass", "S+ Sv?", 100, ROUND | UNKNOWN, -1},
	    {"another self check not seen is a pass to adopt on", "Sv+ S?", 100,
		ROUND | PASS | UNKNOWN, -1},
	    {"idle self checks alone are not ok", "S0 D+", 100, ROUND, -1},
	    {"proof: evidence here, shared well since", "Sv+ U+ De-", 66,
		ROUND | SELF_OK | PASS | WELL | PROVEN, 2},
	    {"a self failure can prove too", "Sv+ Se- U+", 66, ROUND | PASS | WELL | PROVEN, 1},
	    {"what cannot be evidence proves nothing", "Sv+ U+ D-", 66,
		ROUND | SELF_OK | PASS | WELL, 2},
	    {"a shared failure proves nothing about us", "Sv+ Ue- D+", 66,
		ROUND | SELF_OK | PASS | BAD, 1},
	    {"one shared check failed: no proof", "Sv+ U+ U- De-", 50, ROUND | SELF_OK | PASS | BAD,
		2},
	    {"one shared check unknown: no proof", "Sv+ U+ U? De-", 75,
		ROUND | SELF_OK | PASS | BAD | UNKNOWN, 3},
	    {"an idle shared check is left out of proof", "Sv+ U+ U0 De-", 66,
		ROUND | SELF_OK | PASS | WELL | PROVEN, 3},
	    {"idle shared checks alone prove nothing", "Sv+ U0 De-", 50, ROUND | SELF_OK | PASS, 2},
	    {"without shared checks nothing is proven", "Sv+ De-", 50, ROUND | SELF_OK | PASS, 1},
	    {"evidence unknown is no failure", "Sv+ U+ De?", 100,
		ROUND | SELF_OK | PASS | WELL | UNKNOWN, -1},
	    {"overload alone", "Sv+ U+ Do-", 66, ROUND | SELF_OK | PASS | WELL | OVERLOAD, 2},
	    {"overload beside malfunction is not overload", "Sv+ U+ Do- De-", 50,
		ROUND | SELF_OK | PASS | WELL | PROVEN, 2},
	    {"nothing failing is not overload", "Sv+ Do+", 100, ROUND | SELF_OK | PASS, -1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct judgement j = judge_text(rows[i].facts);

		if (j.score != rows[i].score || flags(&j) != rows[i].flags ||
		    j.because != rows[i].because)
			fail_msg("%s: \"%s\" gave score %d flags %x (not %x) because %d",
			    rows[i].promise, rows[i].facts, j.score, flags(&j), rows[i].flags,
			    j.because);
	}
}

static void
silence_is_absorbed_only_where_overload_explains_it(void **state)
{
	static const struct {
		const char *promise, *facts;
		bool starved;
		int score;
		unsigned flags;
	} rows[] = {
	    {"vital silence is vital", "Svm- U+ D+", false, 0, ROUND | VITAL | WELL},
	    {"under overload it is absorbed, and makes the score 0 all the same", "Svm- U+ D+",
		true, 0, ROUND | OVERLOAD | ABSORBED | WELL},
	    {"a wrong answer is vital under overload too", "Sv- U+ D+", true, 0,
		ROUND | VITAL | WELL},
	    {"one vital check that is not silent is enough", "Svm- Sv- U+", true, 0,
		ROUND | VITAL | WELL},
	    {"silence of what is not vital is overload then", "Sv+ U+ Dem-", true, 66,
		ROUND | SELF_OK | PASS | WELL | OVERLOAD | PROVEN},
	    {"malfunction beside it is no overload", "Svm- U+ De-", true, 0,
		ROUND | ABSORBED | WELL | PROVEN},
	    {"silence of upstream is not ours to explain", "Sv+ Um- D+", true, 66,
		ROUND | SELF_OK | PASS | BAD},
	    {"overload alone fails nothing", "Svm+ U+ Dm+", true, 100,
		ROUND | SELF_OK | PASS | WELL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct judgement j = judge_starved(rows[i].facts, rows[i].starved);

		if (j.score != rows[i].score || flags(&j) != rows[i].flags)
			fail_msg("%s: \"%s\" gave score %d flags %x (not %x)", rows[i].promise,
			    rows[i].facts, j.score, flags(&j), rows[i].flags);
	}
}

static void
a_check_fails_mutely_when_all_its_failed_targets_do(void **state)
{
	struct tally_conf conf = {.k = 0, .weight = 1};
	struct window w[3] = {target('f'), target('f'), target('o')};

	(void)state;
	w[2].mute = false; /* not failed: says nothing */
	assert_true(tally(&conf, w, 3).mute);
	w[1].mute = false;
	assert_false(tally(&conf, w, 3).mute);
	conf.k = 1; /* well */
	assert_false(tally(&conf, w, 3).mute);
}

static void
a_check_is_halting_when_all_its_failed_targets_are(void **state)
{
	struct tally_conf conf = {.k = 0, .weight = 1};
	struct window w[3] = {target('f'), target('f'), target('o')};

	(void)state;
	w[0].halting = w[1].halting = true;
	assert_true(tally(&conf, w, 3).halting);
	w[1].mute = false; /* what it says is wrong */
	assert_false(tally(&conf, w, 3).halting);
	w[1].mute = true;
	w[1].halting = false;
	assert_false(tally(&conf, w, 3).halting);
}

/* Some questions are lost, others are answered: no outage, with or without a worker seen slow. */
static void
losing_some_questions_is_overload_of_a_self_check_alone(void **state)
{
	struct judgement j = judge_text("Svmh- U+");

	(void)state;
	assert_true(j.absorbed && !j.vital_failed && j.score == 0);
	j = judge_text("Svmh- Svm- U+"); /* another one is dead */
	assert_true(j.vital_failed && !j.absorbed);
	j = judge_text("Demh- U+"); /* recursion: proof as ever */
	assert_true(j.proven && !j.overload);
	j = judge_text("Umh-");
	assert_true(j.shared_bad && !j.overload);
}

static void
an_older_success_upstream_proves_nothing(void **state)
{
	struct fact f[] = {fact("U+"), fact("De-")};

	(void)state;
	f[1].onset = at(50);
	f[0].last_ok_sent = at(50); /* at the same moment is not after */
	assert_false(judge(f, 2, ~0ULL).proven);
	assert_true(judge(f, 2, ~0ULL).shared_well); /* and is no fault of theirs */
	f[0].last_ok_sent = mono_add_us(at(50), 1);
	assert_true(judge(f, 2, ~0ULL).proven);
}

static void
every_shared_check_must_have_succeeded_since(void **state)
{
	struct fact f[] = {fact("U+"), fact("U+"), fact("De-")};

	(void)state;
	assert_true(judge(f, 3, ~0ULL).proven);
	f[1].last_ok_sent = at(49);
	assert_false(judge(f, 3, ~0ULL).proven);
}

static void
any_one_failure_with_evidence_is_enough(void **state)
{
	struct fact f[] = {fact("U+"), fact("De-"), fact("De-")};

	(void)state;
	f[2].onset = at(120); /* too young to be proven */
	assert_true(judge(f, 3, ~0ULL).proven);
	f[1].onset = at(120);
	assert_false(judge(f, 3, ~0ULL).proven);
}

static void
other_lanes_facts_count_for_nothing(void **state)
{
	struct fact f[] = {fact("Sv+"), fact("Sv-"), fact("U?"), fact("De-")};
	struct judgement j = judge(f, 4, 1);

	(void)state;
	assert_int_equal(j.score, 100);
	assert_int_equal(j.because, -1);
	assert_false(j.vital_failed || j.unknown || j.shared_bad || j.proven || j.overload);
	f[1].judged = false;
	assert_true(judge(f, 4, 1).round);
}

static void
vital_checks_alone_need_no_weight(void **state)
{
	struct fact f[] = {fact("Sv+"), fact("U0")};
	struct judgement j;

	(void)state;
	f[0].weight = 0;
	j = judge(f, 2, ~0ULL);
	assert_int_equal(j.score, 100);
	assert_false(j.empty || j.unknown);
	f[0] = fact("Sv-");
	f[0].weight = 0;
	assert_int_equal(judge(f, 2, ~0ULL).score, 0);
}

static void
weights_weigh(void **state)
{
	struct fact f[] = {fact("S+"), fact("D-"), fact("D-")};

	(void)state;
	f[0].weight = 60;
	f[1].weight = 10;
	f[2].weight = 30;
	assert_int_equal(judge(f, 3, ~0ULL).score, 60);
	assert_int_equal(judge(f, 3, ~0ULL).because, 2);
	f[2].verdict = VERDICT_OK;
	f[2].value = 50; /* a graded reading costs 1500, the failure 1000 */
	assert_int_equal(judge(f, 3, ~0ULL).because, 2);
}

/* An error rate fails from 50 s on; its causes are internal, and so evidence, from 70 s on only. */
static void
what_is_evidence_at_times_proves_nothing_of_the_time_before(void **state)
{
	static const struct {
		const char *promise;
		bool evidence;
		int64_t since, upstream_ok;
		bool proven;
	} rows[] = {
	    {"by upstream's causes never", false, 0, 100, false},
	    {"a probe sent before the causes were internal proves nothing", true, 70, 60, false},
	    {"one sent after does", true, 70, 71, true},
	    {"evidence from the start counts from the failure", true, 0, 51, true},
	    {"and not before it", true, 0, 49, false},
	    {"older evidence is no older failure", true, 30, 49, false},
	};
	struct window w = target('f');

	(void)state;
	w.broke = at(50);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct tally_conf conf = {.k = 1, .class = CLASS_DERIVED, .weight = 10,
		    .evidence = rows[i].evidence,
		    .evidence_since = rows[i].since != 0 ? at(rows[i].since) : MONO_NEVER};
		struct fact f[2] = {tally(&conf, &w, 1),
		    {.class = CLASS_SHARED, .verdict = VERDICT_OK, .value = 100, .judged = true,
			.last_ok_sent = at(rows[i].upstream_ok)}};
		struct judgement j = judge(f, 2, 3);

		if (j.proven != rows[i].proven || j.score != 0)
			fail_msg("%s", rows[i].promise);
	}
}

/* Others' word (CLASS_TOLD) behind a well self check and, if need be, more of our own. */
static struct judgement
judge_told(enum verdict verdict, bool confirms, int weight, const char *own)
{
	struct fact f[3] = {fact("Sv+"), fact(own), {.class = CLASS_TOLD, .verdict = verdict,
		.value = verdict == VERDICT_FAIL ? 0 : 100, .judged = true, .confirms = confirms,
		.evidence = true, .onset = at(50), .weight = (uint16_t)weight}};

	f[0].weight = 0;
	return judge(f, 3, ~0ULL);
}

static void
others_word_drains_and_no_more(void **state)
{
	struct judgement j;

	(void)state;
	j = judge_told(VERDICT_FAIL, false, 90, "U+"); /* our own weighs 10 */
	assert_int_equal(j.score, 10);
	assert_int_equal(j.hearsay, 90);
	assert_int_equal(j.because, 2);
	assert_false(j.proven || j.vital_failed || j.overload || j.denied);
	assert_true(j.round && j.self_ok);
	j = judge_told(VERDICT_FAIL, false, 10, "De-");
	assert_int_equal(j.score, 0);
	assert_int_equal(j.hearsay, 0); /* ours alone are as bad */
	j = judge_told(VERDICT_FAIL, false, 10, "Do-");
	assert_true(j.overload); /* it makes no malfunction of overload */
	j = judge_told(VERDICT_OK, false, 30, "De-");
	assert_int_equal(j.score, 0); /* nor does it make good what is ill here */
	assert_int_equal(j.hearsay, 0);
	assert_false(j.denied);
	assert_true(judge_told(VERDICT_OK, true, 30, "De-").denied);
	assert_false(judge_told(VERDICT_FAIL, true, 30, "De-").denied);
}

static void
others_silence_holds_nothing_up(void **state)
{
	struct judgement j;
	struct fact f[2] = {fact("Sv+"), {.class = CLASS_TOLD, .verdict = VERDICT_UNKNOWN,
		.value = 100, .weight = 10, .confirms = true}};

	(void)state;
	j = judge_seen(f, 2, ~0ULL, 1, false);
	assert_true(j.round && j.self_ok && j.self_pass);
	assert_false(j.unknown || j.empty || j.denied);
	f[1].verdict = VERDICT_IDLE;
	assert_int_equal(judge(f, 2, ~0ULL).score, 100);
	f[1].verdict = VERDICT_OK;
	assert_true(judge(f, 2, 2).empty); /* and alone it is nothing to go by */
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_tally_keeps_its_promise),
	    cmocka_unit_test(silence_is_absorbed_only_where_overload_explains_it),
	    cmocka_unit_test(a_check_fails_mutely_when_all_its_failed_targets_do),
	    cmocka_unit_test(a_check_is_halting_when_all_its_failed_targets_are),
	    cmocka_unit_test(losing_some_questions_is_overload_of_a_self_check_alone),
	    cmocka_unit_test(graded_values_are_the_mean_of_the_best_k),
	    cmocka_unit_test(a_failure_began_when_its_latest_target_broke),
	    cmocka_unit_test(a_success_counts_when_k_targets_have_had_one),
	    cmocka_unit_test(every_judgement_keeps_its_promise),
	    cmocka_unit_test(an_older_success_upstream_proves_nothing),
	    cmocka_unit_test(every_shared_check_must_have_succeeded_since),
	    cmocka_unit_test(any_one_failure_with_evidence_is_enough),
	    cmocka_unit_test(other_lanes_facts_count_for_nothing),
	    cmocka_unit_test(vital_checks_alone_need_no_weight),
	    cmocka_unit_test(weights_weigh),
	    cmocka_unit_test(what_is_evidence_at_times_proves_nothing_of_the_time_before),
	    cmocka_unit_test(others_word_drains_and_no_more),
	    cmocka_unit_test(others_silence_holds_nothing_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
