/*
 * ladder: stories. Each is a trace that reads from top to bottom; time passes only in `run` and
 * `until`, and the ladder is called only when something changes or when it asked to be, so that
 * every story also tests its deadlines. BIRD proves each order at once unless the story says
 * otherwise.
 *
 *   conf KEY NUMBER              before anything else
 *   score N [hearsay M]          so much of what it lacks is others' word alone
 *   vital | proof ...  inputs, see `inputs[]`: on by name, off by "no NAME"
 *   cap|floor|pin RUNG [owner [SECONDS]]     an outside limit; drop OWNER
 *   run SECONDS                  time passes
 *   until RUNG MIN MAX           time passes until that rung is ordered, within these seconds
 *   is RUNG [RULE]               what is ordered, and by which rule it was or is held
 *   limit OWNER [SECONDS]        is listed, ending in so many seconds; nolimit OWNER
 *   next RUNG SECONDS | next none            what comes next, and when
 *   restart fresh|stale [RUNG]   a new brain with the saved state; what is seen standing
 *   fleet none|stale|isolated|fresh          how the fleet is seen
 *   wishes none|low|high|vital   what the guard is to be told
 *   moves N                      so many changes of rung were ordered so far
 *   says TEXT                    the sentence holds this
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "healthd/ladder.h"

struct story {
	const char *name;
	struct ladder_conf conf;
	struct ladder state;
	struct ladder_in in;
	struct ladder_out out;
	struct limit limits[MAX_LIMITS];
	struct mono now;
	enum ladder_rule rule; /* of the last move, or why it stays */
	char because[160];
	bool deaf;	       /* BIRD proves nothing */
	int moves, mean, calm; /* calm -1: as the score */
	int line;
};

static const char *const rungs[] = {"silent", "drain", "backup", "full"};

static const struct ladder_conf defaults = {
    .n_rungs = 4,
    .enter = {30, 50, 80},
    .leave = {40, 60, 90},
    .fall_hold_ms = 30000,
    .absorb_ms = 10000,
    .latch_ms = 60000,
    .hold_ms = 60000,
    .hold_cap_ms = 480000,
    .relapse_ms = 600000,
    .heal_ms = 1800000,
    .adopt_ms = 300,
    .vital_alone = ALONE_SILENT,
    .proven_alone = ALONE_SILENT,
    .emergency_min_ms = 1000,
    .emergency_max_ms = 60000,
    .emergency_relapse_ms = 600000,
    .flap = {.half_life_ms = 900000, .limit = 1500, .withdraw_cost = 1000, .change_cost = 500},
};

static int
rung_of(const struct story *s, const char *name)
{
	for (int i = 0; i < 4; i++)
		if (name && strcmp(rungs[i], name) == 0)
			return i;
	fail_msg("%s, line %d: no rung \"%s\"", s->name, s->line, name ? name : "");
	return -1;
}

static void
step_once(struct story *s)
{
	s->in.proven = s->deaf ? -1 : s->state.rung;
	s->out = ladder_step(&s->conf, s->state, &s->in, s->now);
	assert_int_equal(s->out.moved, s->out.state.rung != s->state.rung);
	assert_true(s->out.next.us >= s->now.us);
	s->state = s->out.state;
}

static void
step(struct story *s)
{
	limits_tick(s->limits, MAX_LIMITS, s->now);
	s->in.limits = s->limits;
	s->in.n_limits = MAX_LIMITS;
	step_once(s);
	s->rule = s->out.rule;
	strcpy(s->because, s->out.because);
	if (!s->out.moved)
		return;
	s->moves++;
	step_once(s); /* the proof comes in; never a second move at the same moment */
	assert_false(s->out.moved);
}

/* Goes to `end`, or to the first moment at which `rung` is ordered (-1: none). */
static void
pass(struct story *s, struct mono end, int rung)
{
	int turns = 0;

	while (s->state.rung != rung && mono_before(s->out.next, end)) {
		s->now = mono_max(s->out.next, s->now);
		step(s);
		if (++turns > 10000)
			fail_msg("%s, line %d: it asks to be called again and again", s->name,
			    s->line);
	}
	if (s->state.rung == rung)
		return;
	s->now = end;
	step(s);
}

static int64_t
number(const char *text)
{
	return text ? atoll(text) : 0;
}

static void
set_conf(struct story *s, const char *key, const char *value)
{
	const struct {
		const char *name;
		int64_t *ms;
		int *i;
		bool *b;
	} keys[] = {
	    {"hold_ms", &s->conf.hold_ms, NULL, NULL},
	    {"cap_ms", &s->conf.hold_cap_ms, NULL, NULL},
	    {"limit", &s->conf.flap.limit, NULL, NULL},
	    {"relapse_ms", &s->conf.relapse_ms, NULL, NULL},
	    {"heal_ms", &s->conf.heal_ms, NULL, NULL},
	    {"vital_alone", NULL, &s->conf.vital_alone, NULL},
	    {"proven_alone", NULL, &s->conf.proven_alone, NULL},
	    {"alone", NULL, NULL, &s->conf.alone},
	};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (strcmp(keys[i].name, key) != 0)
			continue;
		if (keys[i].ms)
			*keys[i].ms = number(value);
		if (keys[i].i)
			*keys[i].i = (int)number(value);
		if (keys[i].b)
			*keys[i].b = number(value) != 0;
		s->state = ladder_init(&s->conf, s->now);
		return;
	}
	fail_msg("%s, line %d: no key %s", s->name, s->line, key);
}

static bool
set_input(struct story *s, const char *name, bool on)
{
	static const char *const missing[] = {"addressless", "listenerless", "workerless",
	    "sessionless", "cold", "gateless"}; /* bits of enum preflight, in order */
	struct judgement *j = &s->in.judgement;
	const struct {
		const char *name;
		bool *flag;
	} inputs[] = {
	    {"round", &j->round}, {"self", &j->self_ok}, {"pass", &j->self_pass},
	    {"unknown", &j->unknown}, {"vital", &j->vital_failed}, {"bad", &j->shared_bad},
	    {"well", &j->shared_well}, {"proof", &j->proven}, {"overload", &j->overload}, {"absorbed", &j->absorbed},
	    {"empty", &j->empty}, {"shutdown", &s->in.shutdown},
	    {"shutdown_silent", &s->in.shutdown_silent}, {"deaf", &s->deaf},
	    {"leave", &s->in.fleet.granted}, {"vital_leave", &s->in.fleet.vital},
	    {"back", &s->in.fleet.back}, {"few", &s->in.fleet.emergency},
	    {"keep", &s->in.fleet.keep},
	    {"denied", &j->denied}, {"starved", &j->starved},
	};

	for (size_t i = 0; i < sizeof(missing) / sizeof(missing[0]); i++) {
		if (strcmp(missing[i], name) != 0)
			continue;
		s->in.preflight = (s->in.preflight & ~(1u << i)) | (uint32_t)on << i;
		return true;
	}
	for (size_t i = 0; i < sizeof(inputs) / sizeof(inputs[0]); i++) {
		if (strcmp(inputs[i].name, name) != 0)
			continue;
		*inputs[i].flag = on;
		return true;
	}
	return false;
}

static void
apply_score(struct story *s)
{
	s->in.judgement.mean = s->mean;
	s->in.judgement.score =
	    s->in.judgement.vital_failed || s->in.judgement.absorbed ? 0 : s->mean;
	s->in.judgement.calm_hearsay = s->in.judgement.hearsay;
	s->in.judgement.calm = s->in.judgement.vital_failed ? 0 : s->calm >= 0 ? s->calm
									  : s->in.judgement.score;
	s->in.judgement.because = s->in.judgement.score < 100 ? 0 : -1;
}

static enum limit_owner
owner_of(const struct story *s, const char *name)
{
	for (int i = 0; i < N_LIMIT_OWNERS; i++)
		if (name && strcmp(limit_owner_name((enum limit_owner)i), name) == 0)
			return (enum limit_owner)i;
	fail_msg("%s, line %d: no owner \"%s\"", s->name, s->line, name ? name : "");
	return OWNER_OPERATOR;
}

static void
put_limit(struct story *s, const char *sort, char **words)
{
	struct limit l = {.sort = *sort == 'c'	 ? LIMIT_CAP
				  : *sort == 'f' ? LIMIT_FLOOR
						 : LIMIT_PIN};

	l.rung = (int8_t)rung_of(s, words[1]);
	l.owner = words[2] ? owner_of(s, words[2]) : OWNER_OPERATOR;
	if (words[2] && words[3])
		l.until = mono_add_ms(s->now, number(words[3]) * 1000);
	strcpy(l.who, "alice");
	strcpy(l.reason, "fibre work");
	assert_true(limits_put(s->limits, MAX_LIMITS, &l));
}

static const struct limit *
listed(const struct story *s, enum limit_owner owner)
{
	for (int i = 0; i < s->out.n_limits; i++)
		if (s->out.limits[i].owner == owner)
			return &s->out.limits[i];
	return NULL;
}

static bool
near(struct mono a, struct mono b)
{
	return llabs(a.us - b.us) <= 10000;
}

static struct mono
ahead(const struct story *s, const char *seconds)
{
	return mono_add_us(s->now, (int64_t)(atof(seconds) * 1e6));
}

static void
check_limit(struct story *s, char **words)
{
	const struct limit *l = listed(s, owner_of(s, words[1]));

	if (!l)
		fail_msg("%s, line %d: limit %s is not listed", s->name, s->line, words[1]);
	if (l->reason[0] == '\0')
		fail_msg("%s, line %d: limit %s has no reason", s->name, s->line, words[1]);
	if (words[2] && !near(l->until, ahead(s, words[2])))
		fail_msg("%s, line %d: limit %s ends in %.3f s", s->name, s->line, words[1],
		    (double)mono_diff_us(l->until, s->now) / 1e6);
}

static void
check_next(struct story *s, char **words)
{
	bool none = strcmp(words[1], "none") == 0;

	if (none && mono_is_set(s->out.next_move))
		fail_msg("%s, line %d: a move is announced", s->name, s->line);
	if (none)
		return;
	if (s->out.next_rung != rung_of(s, words[1]) ||
	    !near(s->out.next_move, ahead(s, words[2])))
		fail_msg("%s, line %d: next is rung %d in %.3f s", s->name, s->line,
		    s->out.next_rung, (double)mono_diff_us(s->out.next_move, s->now) / 1e6);
}

static void
check_is(struct story *s, char **words)
{
	int want = rung_of(s, words[1]);

	if (s->state.rung != want)
		fail_msg("%s, line %d: it is %s (%s: %s)", s->name, s->line,
		    rungs[s->state.rung], ladder_rule_name(s->rule), s->because);
	if (words[2] && strcmp(ladder_rule_name(s->rule), words[2]) != 0)
		fail_msg("%s, line %d: by rule %s: %s", s->name, s->line,
		    ladder_rule_name(s->rule), s->because);
}

static void
check_until(struct story *s, char **words)
{
	struct mono from = s->now;
	int want = rung_of(s, words[1]);
	double took;

	pass(s, mono_add_ms(s->now, number(words[3]) * 1000 + 100), want);
	took = (double)mono_diff_us(s->now, from) / 1e6;
	if (s->state.rung != want || took < (double)number(words[2]) - 0.05)
		fail_msg("%s, line %d: %s after %.3f s (%s)", s->name, s->line,
		    rungs[s->state.rung], took, s->out.because);
}

static void
restart(struct story *s, char **words)
{
	int shown = words[2] ? rung_of(s, words[2]) : s->state.rung;

	s->state = ladder_adopt(&s->conf, s->state, shown, strcmp(words[1], "fresh") == 0, s->now);
	s->in.judgement.round = s->in.judgement.self_ok = s->in.judgement.self_pass = false;
	s->in.judgement.unknown = s->in.judgement.shared_bad = true;
	s->in.judgement.shared_well = false;
	step(s);
}

static void
all_well(struct story *s)
{
	s->mean = 100;
	s->calm = -1;
	s->deaf = false;
	s->in = (struct ladder_in){.fleet = s->in.fleet,
	    .judgement = {.round = true, .self_ok = true,
				       .self_pass = true, .shared_well = true}};
	apply_score(s);
}

static void
check_wish(const struct story *s, const char *name)
{
	static const char *const names[N_SEVERITIES] = {"none", "shared", "low", "high", "vital"};

	if (strcmp(names[s->out.severity], name) != 0)
		fail_msg("%s, line %d: it wishes %s", s->name, s->line, names[s->out.severity]);
}

static void
see_fleet(struct story *s, const char *name)
{
	struct ladder_fleet *f = &s->in.fleet;

	*f = (struct ladder_fleet){.because = "so says the guard"};
	while (strcmp(fleet_standing_name(f->standing), name) != 0)
		assert_true(++f->standing <= FLEET_FRESH);
	step(s);
}

static void
obey(struct story *s, char **w)
{
	if (strcmp(w[0], "conf") == 0)
		set_conf(s, w[1], w[2]);
	else if (strcmp(w[0], "run") == 0)
		pass(s, ahead(s, w[1]), -1);
	else if (strcmp(w[0], "until") == 0)
		check_until(s, w);
	else if (strcmp(w[0], "is") == 0)
		check_is(s, w);
	else if (strcmp(w[0], "limit") == 0)
		check_limit(s, w);
	else if (strcmp(w[0], "nolimit") == 0)
		assert_null(listed(s, owner_of(s, w[1])));
	else if (strcmp(w[0], "next") == 0)
		check_next(s, w);
	else if (strcmp(w[0], "restart") == 0)
		restart(s, w);
	else if (strcmp(w[0], "fleet") == 0)
		see_fleet(s, w[1]);
	else if (strcmp(w[0], "wishes") == 0)
		check_wish(s, w[1]);
	else if (strcmp(w[0], "moves") == 0)
		assert_int_equal(s->moves, number(w[1]));
	else
		fail_msg("%s, line %d: what is \"%s\"?", s->name, s->line, w[0]);
}

/* Inputs change together on one line, then the ladder is called. True: the line was inputs. */
static bool
change(struct story *s, char **w)
{
	bool any = true;

	if (strcmp(w[0], "cap") == 0 || strcmp(w[0], "floor") == 0 || strcmp(w[0], "pin") == 0)
		put_limit(s, w[0], w);
	else if (strcmp(w[0], "drop") == 0)
		assert_true(limits_drop(s->limits, MAX_LIMITS, owner_of(s, w[1])));
	else if (strcmp(w[0], "healthy") == 0)
		all_well(s);
	else
		any = false;
	for (; !any && *w; w++) {
		if (strcmp(*w, "score") == 0)
			s->mean = (int)number(*++w);
		else if (strcmp(*w, "hearsay") == 0)
			s->in.judgement.hearsay = (int)number(*++w);
		else if (strcmp(*w, "calm") == 0)
			s->calm = (int)number(*++w);
		else if (strcmp(*w, "strained") == 0)
			s->in.fleet.strained = (int8_t)number(*++w);
		else if (strcmp(*w, "no") == 0)
			assert_true(set_input(s, *++w, false));
		else if (!set_input(s, *w, true))
			return false;
	}
	apply_score(s);
	step(s);
	return true;
}

static void
tell(const char *name, const char *text)
{
	struct story s = {.name = name, .conf = defaults, .calm = -1, .now = {5000000}};
	char copy[4000], *line, *rest = copy;

	assert_true(strlen(text) < sizeof(copy));
	strcpy(copy, text);
	s.state = ladder_init(&s.conf, s.now);
	all_well(&s);
	s.in.judgement.round = false;
	s.out.next = MONO_FOREVER;
	while ((line = strsep(&rest, "\n")) != NULL) {
		char *words[16] = {NULL}, *word;
		int n = 0;

		s.line++;
		if (strncmp(line, "says ", 5) == 0) {
			if (!strstr(s.because, line + 5))
				fail_msg("%s, line %d: it says: %s", name, s.line, s.because);
			continue;
		}
		while (n < 15 && (word = strsep(&line, " ")) != NULL)
			if (*word)
				words[n++] = word;
		if (n > 0 && words[0][0] != '#' && !change(&s, words))
			obey(&s, words);
	}
}

#include "ladder_stories.h"

static void
run_story(void **state)
{
	const struct ladder_story *story = *state;

	tell(story->name, story->text);
}

static void
any_saved_values_become_a_state_that_can_be_stepped(void **state)
{
	struct mono now = {5000000};
	struct ladder_in in = {.judgement = {.score = 100, .because = -1}, .proven = -1};
	uint64_t seed = 42;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		struct ladder s = {0};
		int64_t *times[] = {&s.phase_since.us, &s.rung_since.us, &s.proven_since.us,
		    &s.better_since.us, &s.low_since.us, &s.last_fall.us, &s.last_climb.us,
		    &s.healed_at.us, &s.hold_ms, &s.latch_until.us, &s.keep_until.us,
		    &s.emergency_at.us, &s.emergency_wait_ms, &s.flap.at.us};
		static const double penalties[] = {0, -5, 700, 1e300, -1e300, NAN, INFINITY};

		for (size_t k = 0; k < sizeof(times) / sizeof(times[0]); k++) {
			seed = seed * 6364136223846793005u + 1442695040888963407u;
			*times[k] = (int64_t)(seed ^ seed >> 31) >> (seed >> 58);
		}
		s.phase = (enum ladder_phase)(seed >> 20 & 7);
		s.rung = (int8_t)(seed >> 8);
		s.proven = (int8_t)(seed >> 16);
		s.relapses = (int8_t)(seed >> 24);
		s.flap.penalty = penalties[seed >> 32 & 7 ? (seed >> 33) % 7 : 0];
		s = ladder_adopt(&defaults, s, (int)(seed >> 40 & 7) - 1, seed >> 50 & 1, now);
		assert_in_range(s.rung, 0, 3);
		assert_in_range(s.hold_ms, defaults.hold_ms, defaults.hold_cap_ms);
		assert_true(s.latch_until.us == INT64_MAX ||
		    s.latch_until.us <= now.us + defaults.latch_ms * 1000);
		assert_true(s.keep_until.us >= 0 &&
		    s.keep_until.us <= now.us + defaults.latch_ms * 1000);
		assert_true(isfinite(s.flap.penalty) && s.flap.penalty >= 0);
		assert_true(s.rung_since.us <= now.us && s.last_fall.us <= now.us);
		assert_true(ladder_step(&defaults, s, &in, now).next.us >= now.us);
	}
}

static void
every_rule_has_a_name(void **state)
{
	(void)state;
	for (int i = RULE_STAY; i < N_LADDER_RULES; i++)
		assert_true(strlen(ladder_rule_name((enum ladder_rule)i)) > 2);
	assert_string_equal(ladder_rule_name((enum ladder_rule)77), "?");
}

int
main(void)
{
	enum { N = sizeof(ladder_stories) / sizeof(ladder_stories[0]) };
	struct CMUnitTest tests[N + 2];

	for (size_t i = 0; i < N; i++)
		tests[i] = (struct CMUnitTest){
		    .name = ladder_stories[i].name,
		    .test_func = run_story,
		    .initial_state = (void *)(uintptr_t)&ladder_stories[i],
		};
	tests[N] = (struct CMUnitTest)cmocka_unit_test(
	    any_saved_values_become_a_state_that_can_be_stepped);
	tests[N + 1] = (struct CMUnitTest)cmocka_unit_test(every_rule_has_a_name);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
