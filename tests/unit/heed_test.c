/*
 * heed: who drains because another node asks his region to. A table of views, what time does to
 * a request, and fleets of random requests.
 */
#include "healthd/heed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka.h needs those before it. */
#include <cmocka.h>

#define LENGTH(a) (sizeof(a) / sizeof((a)[0]))
#define WALL INT64_C(1790000000) /* 20 s after a minute */
#define SETTLE 10000
#define MOST 12

enum { EU = 7, US = 8, ASIA = 9 };

static const struct heed_conf CONF = {
    .id = 1, .region = EU, .others = true, .needed = 1, .settle_ms = SETTLE};

static struct mono
at_ms(int64_t ms)
{
	return (struct mono){1000000 + ms * 1000};
}

static struct peer
node(int id, int region, int rung)
{
	return (struct peer){.id = (uint16_t)id,
	    .region = (uint16_t)region,
	    .rung = (int8_t)rung,
	    .max_suspended = MAX_FLEET};
}

static struct peer
asking(struct peer p, int region, int64_t left_s)
{
	p.request_region = (uint16_t)region;
	p.request_expiry = beacon_expiry(WALL, left_s);
	return p;
}

static struct peer
wishing(struct peer p, int severity, int flags)
{
	p.severity = (uint8_t)severity;
	p.flags = (uint8_t)flags;
	return p;
}

static struct heed_in
seen(const struct peer *peers, int n, int64_t ms)
{
	return (struct heed_in){
	    .peers = peers, .n_peers = n, .view_at = at_ms(ms), .fresh = true, .wall_s = WALL};
}

/* --- who heeds -------------------------------------------------------------------------------- */

struct row {
	const char *name;
	enum heed_word word;
	int takers, absurd;
	struct peer peers[6];
	int needed; /* 0: as in CONF */
	bool deaf, nowhere, blind;
	int own; /* the region that is asked for here; 0 none */
};

static void
expect_word(const struct row *r)
{
	struct heed_conf conf = CONF;
	struct heed_in in;
	struct heed_out out;
	int n = 0;

	while (n < 6 && r->peers[n].id != 0)
		n++;
	in = seen(r->peers, n, 0);
	in.fresh = !r->blind;
	in.own_region = (uint16_t)r->own;
	in.own_expiry = beacon_expiry(WALL, 600);
	conf.needed = r->needed ? r->needed : 1;
	conf.others = !r->deaf;
	conf.region = r->nowhere ? 0 : EU;
	out = heed_step(&conf, (struct heed){0}, &in, at_ms(1));
	if (out.word != r->word || out.takers != r->takers || out.absurd != r->absurd ||
	    out.state.on != (r->word == HEED_ON))
		fail_msg("%s: %s, %d takers, %d absurd", r->name, heed_word_name(out.word),
		    out.takers, out.absurd);
	assert_true(strlen(heed_word_means(out.word)) > 0);
}

static void
a_node_of_the_region_heeds_and_no_other(void **state)
{
	const struct row rows[] = {
	    {.name = "nobody asks", HEED_NONE, 1, 0, {node(2, EU, 3), node(4, US, 3)}},
	    {.name = "asked", HEED_ON, 1, 0, {node(2, EU, 3), asking(node(4, US, 3), EU, 3600)}},
	    {.name = "by one of the region", HEED_ON, 1, 0,
		{asking(node(2, EU, 3), EU, 3600), node(4, US, 2)}},
	    {.name = "by this node", HEED_ON, 1, 0, {node(2, EU, 3), node(4, US, 3)}, .own = EU},
	    {.name = "by this node, deaf", HEED_ON, 1, 0, {node(4, US, 3)}, .own = EU, .deaf = true},
	    {.name = "by a silent one", HEED_ON, 1, 0, {asking(node(3, EU, 0), EU, 60), node(4, US, 3)}},
	    {.name = "another region is asked", HEED_NONE, 1, 0,
		{asking(node(2, EU, 3), US, 60), node(4, US, 3)}},
	    {.name = "a region that is none", HEED_NONE, 1, 0, {asking(node(4, US, 3), 4711, 60)}},
	    {.name = "this node has no region", HEED_NONE, -1, 0, {asking(node(4, US, 3), EU, 60)},
		.nowhere = true},
	    {.name = "deaf", HEED_DEAF, 1, 0, {asking(node(4, US, 3), EU, 60)}, .deaf = true},
	    {.name = "no fresh view", HEED_NONE, -1, 0, {asking(node(4, US, 3), EU, 60)}, .blind = true},
	    {.name = "nobody elsewhere", HEED_FEW, 0, 0, {asking(node(2, EU, 3), EU, 60), node(3, EU, 3)}},
	    {.name = "elsewhere at drain", HEED_FEW, 0, 0, {asking(node(4, US, 1), EU, 60)}},
	    {.name = "elsewhere silent", HEED_FEW, 0, 0, {asking(node(4, US, 0), EU, 60)}},
	    {.name = "elsewhere fails vitally", HEED_FEW, 0, 0,
		{asking(wishing(node(4, US, 3), SEVERITY_VITAL, 0), EU, 60)}},
	    {.name = "elsewhere wishes to go", HEED_FEW, 0, 0,
		{asking(wishing(node(4, US, 2), SEVERITY_NONE, BEACON_WISHING), EU, 60)}},
	    {.name = "elsewhere sees a shared fault", HEED_ON, 1, 0,
		{asking(wishing(node(4, US, 2), SEVERITY_SHARED, 0), EU, 60)}},
	    {.name = "one of two needed", HEED_FEW, 1, 0, {asking(node(4, US, 3), EU, 60), node(5, US, 1)},
		.needed = 2},
	    {.name = "two of two needed", HEED_ON, 2, 0, {asking(node(4, US, 3), EU, 60), node(5, 0, 3)},
		.needed = 2},
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(rows); i++)
		expect_word(&rows[i]);
}

static void
two_regions_do_not_take_for_each_other(void **state)
{
	const struct row rows[] = {
	    {.name = "elsewhere is asked as well", HEED_FEW, 0, 0,
		{asking(node(4, US, 3), EU, 60), asking(node(5, US, 3), US, 60)}},
	    {.name = "... and here", HEED_FEW, 0, 0, {asking(node(4, US, 3), EU, 60)}, .own = US},
	    {.name = "a third region takes", HEED_ON, 1, 0,
		{asking(node(4, US, 3), EU, 60), asking(node(5, US, 3), US, 60), node(6, ASIA, 2)}},
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(rows); i++)
		expect_word(&rows[i]);
}

static void
a_request_is_heeded_within_its_time(void **state)
{
	const struct row rows[] = {
	    {.name = "over", HEED_NONE, 1, 1, {asking(node(4, US, 3), EU, -60)}},
	    {.name = "at its last second", HEED_ON, 1, 0, {asking(node(4, US, 3), EU, 1)}},
	    {.name = "as long as may be", HEED_ON, 1, 0,
		{asking(node(4, US, 3), EU, BEACON_REQUEST_MAX_S)}},
	    {.name = "absurdly long", HEED_NONE, 1, 1, {asking(node(4, US, 3), EU, 60 * 3600)}},
	    {.name = "half the circle", HEED_NONE, 1, 1, {asking(node(4, US, 3), EU, 4095 * 60)}},
	    {.name = "behind it", HEED_NONE, 1, 1, {asking(node(4, US, 3), EU, 4097 * 60)}},
	    {.name = "one sound, one absurd", HEED_ON, 2, 1,
		{asking(node(3, US, 3), EU, 60), asking(node(4, US, 3), EU, 60 * 3600)}},
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(rows); i++)
		expect_word(&rows[i]);
}

/* --- what ends it ----------------------------------------------------------------------------- */

static struct heed
heeding(const struct peer *peers, int n)
{
	struct heed_in in = seen(peers, n, 0);
	struct heed_out out = heed_step(&CONF, (struct heed){0}, &in, at_ms(1));

	assert_true(out.state.on);
	return out.state;
}

static struct heed_out
look(struct heed s, const struct peer *peers, int n, int64_t ms)
{
	struct heed_in in = seen(peers, n, ms);

	return heed_step(&CONF, s, &in, at_ms(ms + 1));
}

static void
it_ends_at_its_minute(void **state)
{
	struct peer peers[] = {asking(node(4, US, 3), EU, 60)};
	struct heed s = heeding(peers, 1);
	struct heed_out out;

	(void)state;
	/* 60 s from second 20 of a minute: the minute after next begins in 100 s. */
	assert_int_equal(mono_diff_ms(s.until, at_ms(1)), 100000);
	out = look(s, peers, 1, 99990);
	assert_true(out.state.on); /* until then, whatever the wall clock says meanwhile */
	out.state.until = s.until;
	out = look(out.state, NULL, 0, 100000);
	assert_false(out.state.on);
	assert_int_equal(out.word, HEED_NONE);
}

static void
its_end_stays_where_it_is_though_clocks_tremble(void **state)
{
	struct peer peers[] = {asking(node(4, US, 3), EU, 600)};
	struct heed s = heeding(peers, 1);

	(void)state;
	for (int ms = 300; ms < 60000; ms += 300) {
		struct heed_in in = seen(peers, 1, ms);
		struct heed_out out;

		in.wall_s = WALL + ms / 1000;
		out = heed_step(&CONF, s, &in, at_ms(ms + 1));
		assert_true(out.state.on);
		assert_true(out.state.until.us == s.until.us);
		assert_true(mono_diff_ms(out.next, s.until) <= 0);
		s = out.state;
	}
}

static void
a_longer_request_moves_its_end(void **state)
{
	struct peer peers[] = {
	    asking(node(3, US, 3), EU, 600), asking(node(4, US, 3), EU, 1200)};
	struct heed s = heeding(peers, 1), longer = look(s, peers, 2, 1000).state;

	(void)state;
	assert_int_equal(s.from, 3);
	assert_int_equal(longer.from, 4);
	assert_true(mono_diff_ms(longer.until, s.until) > 590000);
}

/* Request and rung may come one after the other: one view is not believed, two are. */
static void
a_withdrawal_wants_two_views(void **state)
{
	struct peer asks[] = {asking(node(4, US, 3), EU, 600)}, quiet[] = {node(4, US, 3)};
	struct heed_out out = look(heeding(asks, 1), quiet, 1, 1000);

	(void)state;
	assert_true(out.state.on);
	assert_int_equal(out.word, HEED_ON);
	out = look(out.state, quiet, 1, 1000); /* the same view again */
	assert_true(out.state.on);
	assert_true(look(out.state, asks, 1, 2000).word == HEED_ON);
	out = look(out.state, quiet, 1, 2000);
	assert_false(out.state.on);
	assert_int_equal(out.word, HEED_NONE);
}

static void
what_was_asked_here_ends_at_once(void **state)
{
	struct peer peers[] = {node(4, US, 3)};
	struct heed_in in = seen(peers, 1, 0);
	struct heed_out out;

	(void)state;
	in.own_region = EU;
	in.own_expiry = beacon_expiry(WALL, 600);
	out = heed_step(&CONF, (struct heed){0}, &in, at_ms(1));
	assert_int_equal(out.state.from, CONF.id);
	assert_false(look(out.state, peers, 1, 2).state.on);
}

static void
an_asker_out_of_view_is_waited_for_one_settle(void **state)
{
	struct peer asks[] = {node(3, US, 3), asking(node(4, US, 3), EU, 600)};
	struct heed_out out = look(heeding(asks, 2), asks, 1, 1000);

	(void)state;
	assert_int_equal(out.word, HEED_KEPT);
	assert_true(mono_diff_ms(out.next, at_ms(1000 + SETTLE)) <= 0);
	out = look(out.state, asks, 1, 900 + SETTLE);
	assert_true(out.state.on);
	out = look(out.state, asks, 1, 1000 + SETTLE);
	assert_false(out.state.on);
}

static void
without_a_fresh_view_it_lasts_one_settle(void **state)
{
	struct peer asks[] = {asking(node(4, US, 3), EU, 600)};
	struct heed s = heeding(asks, 1);
	struct heed_in in = seen(asks, 1, 1000);
	struct heed_out out;

	(void)state;
	in.fresh = false;
	out = heed_step(&CONF, s, &in, at_ms(6000));
	assert_int_equal(out.word, HEED_KEPT);
	assert_int_equal(out.takers, -1);
	assert_true(heed_step(&CONF, out.state, &in, at_ms(5999 + SETTLE)).state.on);
	out = heed_step(&CONF, out.state, &in, at_ms(6000 + SETTLE));
	assert_false(out.state.on);
	assert_int_equal(out.word, HEED_BLIND);
	/* Back in view: it waits one more settle, so that a link that flaps moves nobody. */
	out = look(out.state, asks, 1, 6100 + SETTLE);
	assert_int_equal(out.word, HEED_WAIT);
	out = look(out.state, asks, 1, 6000 + 2 * SETTLE);
	assert_int_equal(out.word, HEED_ON);
}

static void
what_a_predecessor_heard_is_kept_until_the_fleet_is_seen(void **state)
{
	struct peer asks[] = {asking(node(4, US, 3), EU, 600)}, quiet[] = {node(4, US, 3)};
	struct heed s = {.on = true, .until = at_ms(600000)};
	struct heed_in in = seen(NULL, 0, 0);
	struct heed_out out;

	(void)state;
	in.fresh = false;
	out = heed_step(&CONF, s, &in, at_ms(1));
	assert_int_equal(out.word, HEED_KEPT);
	assert_int_equal(look(out.state, asks, 1, 1000).state.from, 4);
	assert_true(look(out.state, quiet, 1, 1000).state.on);
	assert_false(look(out.state, quiet, 1, SETTLE + 1000).state.on);
}

static void
too_few_takers_end_it_at_once_and_it_waits_after_them(void **state)
{
	struct peer well[] = {asking(node(4, US, 3), EU, 600)};
	struct peer ill[] = {asking(node(4, US, 1), EU, 600)};
	struct heed_out out = look(heeding(well, 1), ill, 1, 1000);

	(void)state;
	assert_false(out.state.on);
	assert_int_equal(out.word, HEED_FEW);
	out = look(out.state, well, 1, 2000);
	assert_int_equal(out.word, HEED_WAIT);
	assert_true(mono_diff_ms(out.next, at_ms(1001 + SETTLE)) <= 0);
	out = look(out.state, ill, 1, 9000);
	out = look(out.state, well, 1, 8000 + SETTLE);
	assert_int_equal(out.word, HEED_WAIT); /* counted from the last time */
	out = look(out.state, well, 1, 9001 + SETTLE);
	assert_int_equal(out.word, HEED_ON);
}

/* A request that is lost does not hold a region at drain that nobody could relieve any more. */
static void
kept_only_while_there_are_takers(void **state)
{
	struct peer asks[] = {node(3, US, 3), asking(node(4, US, 3), EU, 600)};
	struct peer ill[] = {node(3, US, 1)};
	struct heed_out out = look(heeding(asks, 2), ill, 1, 1000);

	(void)state;
	assert_false(out.state.on);
	assert_int_equal(out.word, HEED_FEW);
}

/* --- two regions at once ---------------------------------------------------------------------- */

struct fleet {
	struct heed heed[6];
	struct peer told[6]; /* as each tells it now: the rung follows what it heeds */
};

static struct heed_conf
conf_of(int i)
{
	struct heed_conf c = CONF;

	c.id = i + 1;
	c.region = i < 3 ? EU : US;
	return c;
}

/* One round: each sees what all told a round before. */
static void
round_of(struct fleet *f, int64_t ms)
{
	struct fleet was = *f;

	for (int i = 0; i < 6; i++) {
		struct heed_conf c = conf_of(i);
		struct peer others[5];
		struct heed_in in = {.peers = others,
		    .view_at = at_ms(ms),
		    .fresh = true,
		    .own_region = f->told[i].request_region,
		    .own_expiry = f->told[i].request_expiry,
		    .wall_s = WALL};
		struct heed_out out;

		for (int j = 0; j < 6; j++)
			if (j != i)
				others[in.n_peers++] = was.told[j];
		out = heed_step(&c, f->heed[i], &in, at_ms(ms + 1));
		f->heed[i] = out.state;
		f->told[i].rung = out.state.on ? 1 : 3;
	}
}

static int
draining(const struct fleet *f, int region)
{
	int n = 0;

	for (int i = 0; i < 6; i++)
		n += f->told[i].region == region && f->told[i].rung == 1;
	return n;
}

static void
begin_fleet(struct fleet *f)
{
	memset(f, 0, sizeof(*f));
	for (int i = 0; i < 6; i++)
		f->told[i] = node(i + 1, i < 3 ? EU : US, 3);
}

static void
of_two_regions_asked_at_once_both_stay_in_the_end(void **state)
{
	struct fleet f;

	(void)state;
	begin_fleet(&f);
	f.told[0] = asking(f.told[0], EU, 3600);
	f.told[5] = asking(f.told[5], US, 3600);
	for (int64_t ms = 0; ms < 20 * SETTLE; ms += 1000) {
		round_of(&f, ms);
		if (ms > 3000)
			assert_int_equal(draining(&f, EU) + draining(&f, US), 0);
	}
}

static void
the_second_region_asked_does_not_drain_and_the_first_stays_drained(void **state)
{
	struct fleet f;

	(void)state;
	begin_fleet(&f);
	f.told[4] = asking(f.told[4], EU, 3600);
	for (int64_t ms = 0; ms < 60000; ms += 1000) {
		round_of(&f, ms);
		if (ms == 10000) {
			assert_int_equal(draining(&f, EU), 3);
			f.told[0] = asking(f.told[0], US, 3600);
		}
		assert_int_equal(draining(&f, US), 0);
	}
	assert_int_equal(draining(&f, EU), 3);
	f.told[4].request_region = 0; /* the first is over: now the other's turn */
	for (int64_t ms = 60000; ms < 60000 + 3 * SETTLE; ms += 1000)
		round_of(&f, ms);
	assert_int_equal(draining(&f, EU), 0);
	assert_int_equal(draining(&f, US), 3);
}

/* --- any fleet at all ------------------------------------------------------------------------- */

static int
any_peers(struct peer *peers)
{
	int n = rand() % MOST;

	for (int i = 0; i < n; i++) {
		peers[i] = node(i + 2, rand() % 4 + 6, rand() % 4);
		peers[i].severity = (uint8_t)(rand() % 8 == 0 ? rand() % N_SEVERITIES : 0);
		peers[i].flags = (uint8_t)(rand() % 8 == 0 ? rand() : 0);
		if (rand() % 2)
			peers[i].request_region = (uint16_t)(rand() % 4 + 6);
		peers[i].request_expiry = rand() % 2 ? (uint16_t)(rand() % 8192)
						     : beacon_expiry(WALL, rand() % 7200);
	}
	return n;
}

static int
really_takes(const struct peer *peers, int n)
{
	int takers = 0;

	for (int i = 0; i < n; i++)
		takers += peers[i].region != EU && peers[i].rung > 1;
	return takers;
}

static void
whatever_is_told_drain_leaves_enough_elsewhere_and_ends(void **state)
{
	(void)state;
	srand(20);
	for (int run = 0; run < 2000; run++) {
		struct heed_conf conf = CONF;
		struct heed s = {0};
		int64_t ms = 0;

		conf.needed = rand() % 3 + 1;
		for (int i = 0; i < 50; i++) {
			struct peer peers[MOST];
			struct heed_in in = seen(peers, any_peers(peers), ms);
			struct heed_out out;

			in.fresh = rand() % 4 != 0;
			in.wall_s = WALL + ms / 1000;
			ms += rand() % 3 == 0 ? rand() % 20000 : 1000;
			out = heed_step(&conf, s, &in, at_ms(ms));
			if (out.state.on && in.fresh)
				assert_true(really_takes(peers, in.n_peers) >= conf.needed);
			if (out.state.on) {
				int64_t left = mono_diff_ms(out.state.until, at_ms(ms));

				assert_true(left > 0);
				assert_true(left / 1000 <=
					    BEACON_REQUEST_MAX_S + BEACON_REQUEST_SLACK_S);
				assert_true(mono_before(at_ms(ms), out.next));
			}
			assert_true(out.absurd <= out.requests && out.requests <= in.n_peers);
			s = out.state;
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_node_of_the_region_heeds_and_no_other),
	    cmocka_unit_test(two_regions_do_not_take_for_each_other),
	    cmocka_unit_test(a_request_is_heeded_within_its_time),
	    cmocka_unit_test(it_ends_at_its_minute),
	    cmocka_unit_test(its_end_stays_where_it_is_though_clocks_tremble),
	    cmocka_unit_test(a_longer_request_moves_its_end),
	    cmocka_unit_test(a_withdrawal_wants_two_views),
	    cmocka_unit_test(what_was_asked_here_ends_at_once),
	    cmocka_unit_test(an_asker_out_of_view_is_waited_for_one_settle),
	    cmocka_unit_test(without_a_fresh_view_it_lasts_one_settle),
	    cmocka_unit_test(what_a_predecessor_heard_is_kept_until_the_fleet_is_seen),
	    cmocka_unit_test(too_few_takers_end_it_at_once_and_it_waits_after_them),
	    cmocka_unit_test(kept_only_while_there_are_takers),
	    cmocka_unit_test(of_two_regions_asked_at_once_both_stay_in_the_end),
	    cmocka_unit_test(the_second_region_asked_does_not_drain_and_the_first_stays_drained),
	    cmocka_unit_test(whatever_is_told_drain_leaves_enough_elsewhere_and_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
