/*
 * guard: views as rows, and properties over views at random.
 *
 * A view is words, one per peer: id, then A (announces) or S (silent), then what it wishes: l, h,
 * v, s (a shared fault, no wish), w (a wish whose severity has not come); "@n" its region, "#n" its
 * budget. Ours is node 5 of 8, budget 2, at least 2 others to announce, unless the row says so.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bgpctl/site.h"
#include "healthd/guard.h"

enum { MOST = 64 };

static const struct mono now = {1000000000};

static const struct guard_conf defaults = {
    .id = 5,
    .size = 8,
    .min_announcing = 2,
    .max_suspended = 2,
    .settle_ms = 10000,
    .view_max_age_ms = 5000,
};

static struct mono
ago(int64_t ms)
{
	return mono_add_ms(now, -ms);
}

static int
read_peers(const char *text, struct peer *peers)
{
	int n = 0;

	while (*text != '\0') {
		struct peer p = {.max_suspended = MAX_FLEET};
		char *end;

		p.id = (uint16_t)strtol(text, &end, 10);
		for (text = end; *text != '\0' && *text != ' '; text++) {
			const char *at = strchr("?slhv", *text);

			if (*text == 'A' || *text == 'S')
				p.rung = *text == 'A' ? RUNG_DRAIN : RUNG_SILENT;
			else if (*text == 'B' || *text == 'F')
				p.rung = *text == 'B' ? RUNG_DRAIN + 1 : RUNG_DRAIN + 2;
			else if (*text == '!')
				p.flags |= BEACON_ABSORBING;
			else if (at != NULL)
				p.severity = (uint8_t)(at - "?slhv");
			else if (*text == 'w')
				p.flags = BEACON_WISHING;
			else if (*text == '@')
				p.region = (uint16_t)(*++text - '0');
			else if (*text == '#')
				p.max_suspended = (uint16_t)(*++text - '0');
			else
				fail_msg("what is '%c'?", *text);
		}
		p.fault = p.severity == SEVERITY_SHARED ? 7 : 0;
		p.flags |= p.severity >= SEVERITY_LOW ? BEACON_WISHING : 0;
		peers[n++] = p;
		text += *text == ' ';
	}
	return n;
}

struct row {
	const char *name, *peers;
	const char *ours;     /* as a peer's: S, s, l, h, v; d: silent by score */
	const char *says;     /* of: fresh isolated stale vital granted back emergency keep */
	int64_t age, settled; /* ms; 0: 1 s and long ago */
	uint16_t region;
	bool conflict, frozen;
	int min; /* 0: 2 */
};

#define ALL "1A 2A 3A 4A 6A 7A 8A"

#define ROW(row, view, lane, word, ...)                                                            \
	{                                                                                          \
		.name = row, .peers = view, .ours = lane, .says = word, ##__VA_ARGS__              \
	}

static const struct row rows[] = {
    ROW("all well", ALL, "", "fresh vital"),
    ROW("a settled wish with room", ALL, "l", "fresh vital granted"),
    ROW("not settled", ALL, "l", "fresh vital", .settled = 9999),
    ROW("settled, and looked at before that", ALL, "l", "fresh vital", .settled = 10999),
    ROW("settled and looked at after that", ALL, "l", "fresh vital granted", .settled = 11000),
    ROW("the budget is taken by silent nodes", "1S 2S 3A 4A 6A 7A 8A", "h", "fresh vital"),
    ROW("one place is left", "1S 2A 3A 4A 6A 7A 8A", "h", "fresh vital granted"),
    ROW("one place is left, and an equal wish has a lower id", "1S 2Ah 3A 4A 6A 7A 8A", "h",
	"fresh vital"),
    ROW("one place is left, and an equal wish has a higher id", "1S 2A 3A 4A 6Ah 7A 8A", "h",
	"fresh vital granted"),
    ROW("a more severe wish goes first", "1S 2A 3A 4A 6Ah 7A 8A", "l", "fresh vital"),
    ROW("a less severe one does not", "1S 2Al 3A 4A 6A 7A 8A", "h", "fresh vital granted"),
    ROW("a wish on its way goes first", "1S 2A 3A 4A 6Aw 7A 8A", "h", "fresh vital"),
    ROW("a shared fault alone is no wish", "1S 2As 3A 4A 6A 7A 8A", "h", "fresh vital granted"),
    ROW("out of view is suspended", "1A 2A 3A 4A 6A", "h", "fresh vital"),
    ROW("out of view, one place left", "1A 2A 3A 4A 6A 7A", "h", "fresh vital granted"),
    ROW("somebody allows fewer", "1S 2A#1 3A 4A 6A 7A 8A", "h", "fresh vital"),
    ROW("somebody allows none", "1A 2A#0 3A 4A 6A 7A 8A", "h", "fresh vital"),
    ROW("half of the fleet is isolated", "1A 2A 3A", "h", "isolated"),
    ROW("... and the better half is not", "1A 2A 3A 4A", "", "fresh vital"),
    ROW("isolated and silent by score", "1A 2A 3A", "dl", "isolated back"),
    ROW("few announce", "1A 2S 3S 4S 6S 7S 8S", "", "fresh emergency"),
    ROW("few announce who can answer", "1A 2Av 3S 4S 6S 7S 8S", "", "fresh emergency"),
    ROW("enough announce, and bear more than they can", "1A! 2A! 3A! 4A 6S 7S 8S", "",
	"fresh vital emergency"),
    ROW("... and as many as must do not", "1A! 2A! 3A 4A 6S 7S 8S", "", "fresh vital"),
    ROW("silent by score is not called back by overload", "1A! 2A! 3A! 4A 6A! 7A! 8A!", "dh",
	"fresh vital emergency"),
    ROW("enough announce, among them a wish on its way", "1A 2Aw 3S 4S 6S 7S 8S", "", "fresh"),
    ROW("silent by score and few announce", "1A 2S 3S 4S 6S 7S 8S", "dh", "fresh back emergency"),
    ROW("... also while frozen", "1A 2S 3S 4S 6S 7S 8S", "dh", "fresh back emergency",
	.frozen = true),
    ROW("silent by score within the budget", "1Sh 2A 3A 4A 6A 7A 8A", "dh", "fresh vital"),
    ROW("silent by score out of it by rank", "1Sh 2Sh 3A 4A 6A 7A 8A", "dh", "fresh vital back"),
    ROW("... not while frozen", "1Sh 2Sh 3A 4A 6A 7A 8A", "dh", "fresh vital", .frozen = true),
    ROW("silent by score ranks before wishes", "1Ah 2Ah 3Ah 4A 6A 7A 8A", "dl", "fresh vital"),
    ROW("silent by vital failures ranks before", "1Sv 2A 3A 4A 6A 7A 8Sv", "dh",
	"fresh vital back"),
    ROW("silent for other reasons ranks before", "1S 2A 3A 4A 6A 7A 8S", "dh", "fresh vital back"),
    ROW("well again and silent, behind what cannot return", "1A 2A 3A 4A 6A 7S 8S", "d",
	"fresh vital back"),
    ROW("well again and silent, before who is ill", "1A 2A 3A 4A 6A 7S 8Sh", "d", "fresh vital"),
    ROW("silent by a hand never has to return", "1S 2S 3S 4S 6S 7S 8A", "Sh", "fresh emergency"),
    ROW("frozen", ALL, "h", "fresh vital", .frozen = true),
    ROW("a twin", ALL, "h", "fresh vital", .conflict = true),
    ROW("who goes first leaves too few", "1Ah 2A 3S 4A 6S 7S 8S", "h", "fresh vital"),
    ROW("a vital failure with able others", "1Al 2Ah 3S 4S 6S 7S 8S", "v", "fresh vital"),
    ROW("a vital failure, and one of few others as well", "1Av 2A 3S 4S 6S 7S 8S", "v",
	"fresh emergency"),
    ROW("a vital failure that ranks first goes by leave", "1A 2A 3A 4A 6Av 7A 8S", "v",
	"fresh granted emergency", .min = 6),
    ROW("no region is asked of a vital failure", ALL, "v", "fresh vital granted", .region = 3),
    ROW("a region without another announcer", ALL, "h", "fresh vital", .region = 3),
    ROW("a region with one", "1A@3 2A 3A 4A 6A 7A 8A", "h", "fresh vital granted", .region = 3),
    ROW("a region with one that goes first", "1Ah@3 2A 3A 4A 6A 7A 8A", "h", "fresh vital",
	.region = 3),
    ROW("a region that has become empty", "1A 2A 3A 4A 6A 7A 8A", "dh", "fresh vital back",
	.region = 3),
    ROW("a view at its oldest", ALL, "h", "fresh vital granted", .age = 5000),
    ROW("a view too old", ALL, "h", "stale emergency", .age = 5001),
    ROW("a view too old, silent by score", ALL, "dh", "stale back emergency", .age = 5001),
    ROW("no view", "", "h", "stale emergency", .age = -1),
    ROW("half sees our fault", "1As 2As 3As 4A 6A 7A 8A", "s", "fresh vital"),
    ROW("more than half does", "1As 2As 3As 4As 6A 7A 8A", "s", "fresh vital keep"),
    ROW("more than half sees a fault that we do not", "1As 2As 3As 4As 6As 7A 8A", "",
	"fresh vital"),
};

static struct guard_out
ask(const struct row *r, struct guard_conf conf, const struct peer *peers, int n)
{
	struct guard_in in = {.peers = peers,
	    .n_peers = n,
	    .view_at = r->age < 0 ? MONO_NEVER : ago(r->age ? r->age : 1000),
	    .conflict = r->conflict,
	    .silent = strpbrk(r->ours, "Sd") != NULL,
	    .discretionary = strchr(r->ours, 'd') != NULL,
	    .fault = strchr(r->ours, 's') != NULL ? 7 : 0};
	struct guard s = {.born = ago(100000)};

	in.severity = strchr(r->ours, 'v')   ? SEVERITY_VITAL
		      : strchr(r->ours, 'h') ? SEVERITY_HIGH
		      : strchr(r->ours, 'l') ? SEVERITY_LOW
					     : SEVERITY_NONE;
	s.severity = in.severity;
	s.risen = in.severity ? ago(r->settled ? r->settled : 60000) : MONO_NEVER;
	s.frozen_until = r->frozen ? mono_add_ms(now, 1) : MONO_NEVER;
	conf.region = r->region;
	conf.min_announcing = r->min ? r->min : conf.min_announcing;
	return guard_step(&conf, s, &in, now);
}

static void
every_view_is_judged_as_its_row_says(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct peer peers[MOST];
		struct guard_out o =
		    ask(&rows[i], defaults, peers, read_peers(rows[i].peers, peers));
		char said[80];

		snprintf(said, sizeof(said), "%s%s%s%s%s%s", fleet_standing_name(o.standing),
		    o.vital ? " vital" : "", o.granted ? " granted" : "", o.back ? " back" : "",
		    o.emergency ? " emergency" : "", o.keep ? " keep" : "");
		if (strcmp(said, rows[i].says) != 0)
			fail_msg(
			    "%s: %s, not %s (%s)", rows[i].name, said, rows[i].says, o.because);
	}
}

/* Rungs: 0 silent, 1 drain, 2 backup, 3 full. */
static void
overload_is_seen_by_rung(void **state)
{
	static const struct {
		const char *name, *peers;
		int overload;
	} all[] = {
	    {"nobody tells it", "1F 2A 3A 4A", 0},
	    {"the best rung counts", "1A! 2F! 3B! 4A", 3},
	    {"all tell it", "1F! 2B! 3A! 4A!", 3},
	    {"those above who do not are no matter", "1F 2B! 3A! 4A", 2},
	    {"a silent one is not asked", "1S! 2S 3A 4A", 0},
	    {"nor one that fails vitally", "1Fv! 2Fv 3A! 4A", 1},
	    {"nobody in view", "", 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		struct peer peers[MOST];
		struct guard_in in = {.peers = peers, .view_at = ago(1000)};
		struct guard_out o;

		in.n_peers = read_peers(all[i].peers, peers);
		o = guard_step(&defaults, guard_init(), &in, now);
		if (o.strained != all[i].overload)
			fail_msg("%s: overload at %d", all[i].name, o.strained);
	}
}

static struct guard_out
step(struct guard *s, uint8_t severity, struct mono at)
{
	struct peer peers[MOST];
	struct guard_in in = {.peers = peers, .view_at = at, .severity = severity};
	struct guard_out o;

	in.n_peers = read_peers(ALL, peers);
	o = guard_step(&defaults, *s, &in, at);
	*s = o.state;
	return o;
}

static void
a_rise_settles_anew_and_a_decline_does_not(void **state)
{
	struct guard s = guard_init();

	(void)state;
	assert_false(step(&s, SEVERITY_HIGH, ago(50000)).granted);
	assert_true(step(&s, SEVERITY_HIGH, ago(40000)).granted);
	/* A severity that jumps is kept at its height, and what was granted stays so. */
	assert_true(step(&s, SEVERITY_LOW, ago(39000)).granted);
	assert_int_equal(s.severity, SEVERITY_HIGH);
	assert_true(step(&s, SEVERITY_HIGH, ago(38000)).granted);
	assert_false(step(&s, SEVERITY_VITAL, ago(37000)).granted);
	assert_true(step(&s, SEVERITY_VITAL, ago(27000)).granted);
	/* A vital failure that ends is not kept: others count on it. */
	assert_true(step(&s, SEVERITY_LOW, ago(26900)).granted);
	assert_int_equal(s.severity, SEVERITY_LOW);
	assert_false(step(&s, SEVERITY_HIGH, ago(26800)).granted);
	assert_true(step(&s, SEVERITY_HIGH, ago(16800)).granted);
	assert_false(step(&s, SEVERITY_NONE, ago(16000)).granted);
	assert_int_equal(s.severity, SEVERITY_NONE);
	assert_false(step(&s, SEVERITY_LOW, ago(15000)).granted);
}

static void
a_wish_that_cannot_come_true_is_held_back(void **state)
{
	const struct row isolated = {.peers = "1A 2A", .ours = "h"},
			 region = {.peers = ALL, .ours = "h", .region = 3},
			 vital = {.peers = "1A 2A", .ours = "v"},
			 silent = {.peers = "1A 2A", .ours = "dh"};
	struct peer peers[MOST];
	struct guard_out o;

	(void)state;
	o = ask(&isolated, defaults, peers, read_peers(isolated.peers, peers));
	assert_int_equal(o.state.severity, SEVERITY_NONE);
	o = ask(&region, defaults, peers, read_peers(region.peers, peers));
	assert_int_equal(o.state.severity, SEVERITY_NONE);
	o = ask(&vital, defaults, peers, read_peers(vital.peers, peers));
	assert_int_equal(o.state.severity, SEVERITY_VITAL);
	o = ask(&silent, defaults, peers, read_peers(silent.peers, peers));
	assert_int_equal(o.state.severity, SEVERITY_HIGH);
}

static void
a_wish_held_back_for_the_region_says_so_at_the_highest_id_too(void **state)
{
	const struct row last = {.peers = "1A 2A 3A 4A 5A 6A 7A", .ours = "h", .region = 3};
	struct guard_conf conf = defaults;
	struct peer peers[MOST];
	struct guard_out o;

	(void)state;
	conf.id = 8;
	o = ask(&last, conf, peers, read_peers(last.peers, peers));
	assert_false(o.granted);
	assert_string_equal(o.because, "no other node would go on announcing in this region");
}

static void
a_guard_begins_frozen_and_blind_only_after_a_while(void **state)
{
	struct guard_in in = {.silent = true, .discretionary = true};
	struct guard_out o = guard_step(&defaults, guard_init(), &in, now);

	(void)state;
	assert_int_equal(o.standing, FLEET_STALE);
	assert_false(o.emergency);
	assert_false(o.back);
	assert_int_equal(mono_diff_ms(o.state.frozen_until, now), defaults.settle_ms);
	assert_int_equal(mono_diff_ms(o.next, now), defaults.view_max_age_ms);
	o = guard_step(&defaults, o.state, &in, o.next);
	assert_true(o.emergency);
	assert_true(o.back);
}

static void
without_a_fleet_nothing_is_said(void **state)
{
	struct guard_conf conf = defaults;
	struct guard_in in = {.severity = SEVERITY_VITAL};
	struct guard_out o;

	(void)state;
	conf.size = 0;
	o = guard_step(&conf, guard_init(), &in, now);
	assert_int_equal(o.standing, FLEET_NONE);
	assert_false(o.vital || o.granted || o.back || o.emergency || o.keep);
	assert_int_equal(o.state.severity, SEVERITY_NONE);
}

static struct peer
random_peer(uint16_t id)
{
	return (struct peer){.id = id,
	    .rung = (int8_t)(rand() % 8 - 1),
	    .flags = (uint8_t)(rand() % 4 ? 0 : rand()),
	    .severity = (uint8_t)(rand() % 2 ? 0 : rand() % (N_SEVERITIES + 1)),
	    .fault = (uint8_t)(rand() % 3),
	    .region = (uint16_t)(rand() % 3),
	    .max_suspended = (uint16_t)(rand() % 40 ? MAX_FLEET : rand() % 9)};
}

static struct row
random_row(void)
{
	static const char *const ours[] = {
	    "", "s", "l", "h", "v", "dl", "dh", "d", "S", "Sv", "hs"};
	struct row r = {.ours = ours[rand() % 11]};

	r.age = rand() % 9 ? rand() % 6000 : -1;
	r.settled = rand() % 20000 + 1;
	r.region = (uint16_t)(rand() % 3);
	r.frozen = rand() % 4 == 0;
	r.conflict = rand() % 16 == 0;
	r.min = rand() % 4;
	return r;
}

static struct guard_conf
random_conf(void)
{
	struct guard_conf c = defaults;

	c.size = 1 + rand() % 40;
	c.id = 1 + rand() % c.size;
	c.max_suspended = rand() % 10;
	return c;
}

/* Peers as the contract wants them, ascending, and some that no honest caller would pass. */
static int
random_peers(const struct guard_conf *c, struct peer *peers)
{
	int n = 0;

	for (int id = 0; id <= c->size + 1; id++)
		if (rand() % 12)
			peers[n++] = random_peer((uint16_t)id);
	return n;
}

/* Anything a more helpful view may not take away, and a poorer one may not give. */
static void
no_worse(const struct guard_out *poor, const struct guard_out *rich, int seed)
{
	if (poor->vital > rich->vital || poor->granted > rich->granted || poor->back < rich->back ||
	    poor->emergency < rich->emergency || poor->standing > rich->standing)
		fail_msg(
		    "seed %d: more announcers forbid (%s; %s)", seed, poor->because, rich->because);
}

static void
more_announcers_never_forbid(void **state)
{
	int granted = 0, back = 0;

	(void)state;
	for (int seed = 1; seed <= 200000; seed++) {
		struct guard_conf c;
		struct peer peers[MOST];
		struct guard_out poor, rich;
		struct row r;
		int n;

		srand((unsigned)seed);
		c = random_conf();
		r = random_row();
		n = random_peers(&c, peers);
		poor = ask(&r, c, peers, n);
		if (n > 0) { /* one of them announces and has no wish */
			struct peer *p = &peers[rand() % n];

			p->rung = RUNG_DRAIN;
			p->severity = p->flags = 0;
			p->max_suspended = MAX_FLEET;
		}
		rich = ask(&r, c, peers, n);
		no_worse(&poor, &rich, seed);
		assert_true(rich.in_view < c.size && rich.suspended < c.size);
		assert_true(rich.rank >= 0 && rich.rank < c.size && rich.budget >= 0);
		assert_true(mono_before(now, rich.next));
		granted += rich.granted;
		back += rich.back;
	}
	print_message("%d granted, %d called back\n", granted, back);
	assert_true(granted > 1000 && back > 1000);
}

/* Until `next` nothing changes by time, as long as no new view comes. */
static void
its_deadline_is_kept(void **state)
{
	(void)state;
	for (int seed = 1; seed <= 50000; seed++) {
		struct guard_conf c;
		struct peer peers[MOST];
		struct guard_in in = {.peers = peers};
		struct guard_out a, b;
		int64_t left;

		srand((unsigned)seed);
		c = random_conf();
		in.n_peers = random_peers(&c, peers);
		in.view_at = ago(rand() % 6000);
		in.silent = rand() % 2;
		in.discretionary = in.silent && rand() % 2;
		in.severity = (uint8_t)(rand() % N_SEVERITIES);
		a = guard_step(&c,
		    (struct guard){.severity = in.severity,
			.risen = ago(rand() % 20000 + 1),
			.born = ago(rand() % 20000 + 1),
			.frozen_until = mono_add_ms(now, rand() % 10000 - 5000)},
		    &in, now);
		left = a.next.us == INT64_MAX ? 60000000 : mono_diff_us(a.next, now) - 1;
		b = guard_step(&c, a.state, &in, mono_add_us(now, rand() % (left + 1)));
		if (a.standing != b.standing || a.vital != b.vital || a.granted != b.granted ||
		    a.back != b.back || a.emergency != b.emergency || a.keep != b.keep)
			fail_msg("seed %d: it changes before its time (%s; %s)", seed, a.because,
			    b.because);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_view_is_judged_as_its_row_says),
	    cmocka_unit_test(overload_is_seen_by_rung),
	    cmocka_unit_test(a_rise_settles_anew_and_a_decline_does_not),
	    cmocka_unit_test(a_wish_that_cannot_come_true_is_held_back),
	    cmocka_unit_test(a_wish_held_back_for_the_region_says_so_at_the_highest_id_too),
	    cmocka_unit_test(a_guard_begins_frozen_and_blind_only_after_a_while),
	    cmocka_unit_test(without_a_fleet_nothing_is_said),
	    cmocka_unit_test(more_announcers_never_forbid),
	    cmocka_unit_test(its_deadline_is_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
