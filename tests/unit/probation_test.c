/* Suspects, the ways of a question, and the memory of what ended a probation engine. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "resolver/probation.h"
#include "resolver/quarantine.h"

static struct quarantine *table;

static int
setup(void **state)
{
	(void)state;
	table = aligned_alloc(64, (sizeof(*table) + 63) / 64 * 64);
	assert_non_null(table);
	memset(table, 0, sizeof(*table));
	quarantine_init(table, 42);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	free(table);
	return 0;
}

static struct key
key_of(unsigned n, bool dnssec_ok)
{
	const uint8_t name[] = {3, 'a' + n / 676 % 26, 'a' + n / 26 % 26, 'a' + n % 26, 0};
	struct key k;

	assert_true(key_make(&k, name, sizeof(name), 1, 1, dnssec_ok, false));
	return k;
}

/* In hand when the engine ended by this signal (0: it was killed); what its successor says. */
static enum quarantine_settled
ends(unsigned n, uint32_t signal, int64_t now_s, struct sentence *out)
{
	struct key k = key_of(n, true);

	quarantine_begin(table, &k);
	if (signal != 0)
		quarantine_fault(table, signal);
	return quarantine_settle(table, now_s, out);
}

static enum quarantine_state
stands(unsigned n, int64_t now_s)
{
	struct key k = key_of(n, false);

	return quarantine_find(table, &k, now_s, NULL);
}

static void
every_way_by_what_is_known(void **state)
{
	static const struct {
		const char *what;
		struct probation_look look;
		enum probation_way way;
	} rows[] = {
	    {"nothing", {.known = true}, WAY_ENGINES},
	    {"one loss", {.losses = 1, .known = true}, WAY_ENGINES},
	    {"two losses", {.losses = 2, .known = true}, WAY_PROBATION},
	    {"many losses", {.losses = 200, .known = true}, WAY_PROBATION},
	    {"named", {.suspect = true, .known = true}, WAY_PROBATION},
	    {"named, and lost at probation", {.suspect = true, .trials = 1, .known = true},
		WAY_PROBATION},
	    {"lost twice there", {.suspect = true, .trials = 2, .known = true}, WAY_FAILED},
	    {"in quarantine", {.sentence = QUARANTINE_HELD, .known = true}, WAY_REFUSED},
	    {"in quarantine, whatever else",
		{.sentence = QUARANTINE_HELD, .losses = 9, .trials = 9}, WAY_REFUSED},
	    {"time served", {.sentence = QUARANTINE_PAROLE, .known = true}, WAY_PROBATION},
	    {"time served, and nobody there", {.sentence = QUARANTINE_PAROLE}, WAY_PROBATION},
	    {"no probation engine: nothing", {0}, WAY_ENGINES},
	    {"no probation engine: one loss", {.losses = 1}, WAY_ENGINES},
	    {"no probation engine: two", {.losses = 2}, WAY_FAILED},
	    {"no probation engine: named", {.suspect = true, .losses = 1}, WAY_ENGINES},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (probation_way(&rows[i].look) != rows[i].way)
			fail_msg("%s", rows[i].what);
}

static void
suspects_are_remembered_for_a_while_and_bounded(void **state)
{
	static struct suspects s;
	struct mono now = {1000000}, later = mono_add_ms(now, SUSPECT_MS);

	(void)state;
	assert_false(suspects_has(&s, 7, now));
	suspects_add(&s, 7, now);
	assert_true(suspects_has(&s, 7, mono_add_us(later, -1)));
	assert_false(suspects_has(&s, 7, later));
	assert_false(suspects_has(&s, 7 + SUSPECT_SETS, now)); /* of the same set */
	suspects_drop(&s, 7);
	assert_false(suspects_has(&s, 7, now));
	/* The oldest of a set goes when it is full. */
	for (unsigned i = 0; i <= SUSPECT_WAYS; i++)
		suspects_add(&s, 7 + i * SUSPECT_SETS, mono_add_us(now, i));
	assert_false(suspects_has(&s, 7, now));
	for (unsigned i = 1; i <= SUSPECT_WAYS; i++)
		assert_true(suspects_has(&s, 7 + i * SUSPECT_SETS, now));
	/* One that is there already takes nobody's place. */
	suspects_add(&s, 7 + SUSPECT_SETS, mono_add_us(now, 99));
	assert_true(suspects_has(&s, 7 + 2 * SUSPECT_SETS, now));
}

static void
a_fault_convicts_and_the_time_grows(void **state)
{
	static const int64_t terms[] = {600, 1200, 2400, 4800, 9600, 19200, 38400, 76800, 86400,
	    86400};
	char how[QUARANTINE_HOW];
	struct sentence s;
	int64_t now_s = 1000;

	(void)state;
	for (size_t i = 0; i < sizeof(terms) / sizeof(terms[0]); i++) {
		assert_int_equal(ends(1, 11, now_s, &s), SETTLED_CONVICTED);
		assert_int_equal(s.until_s - now_s, terms[i]);
		assert_int_equal(s.strikes, i + 1);
		assert_int_equal(s.signal, 11);
		assert_string_equal(quarantine_how(&s, how), "signal 11");
		assert_int_equal(stands(1, s.until_s - 1), QUARANTINE_HELD);
		assert_int_equal(stands(1, s.until_s), QUARANTINE_PAROLE);
		assert_int_equal(stands(2, now_s), QUARANTINE_FREE);
		now_s = s.until_s;
	}
}

static void
who_passes_goes_free(void **state)
{
	struct key k = key_of(1, false);
	struct sentence s;

	(void)state;
	assert_int_equal(ends(1, 6, 1000, &s), SETTLED_CONVICTED);
	quarantine_begin(table, &k);
	assert_int_equal(stands(1, 5000), QUARANTINE_PAROLE);
	quarantine_end(table);
	assert_int_equal(stands(1, 5000), QUARANTINE_FREE);
	assert_int_equal(quarantine_settle(table, 5000, &s), SETTLED_NOBODY);
	assert_int_equal(ends(1, 6, 6000, &s), SETTLED_CONVICTED);
	assert_int_equal(s.strikes, 1); /* as if it had never been */
}

static void
it_is_known_from_the_fault_on(void **state)
{
	struct key k = key_of(1, true), other = key_of(2, true);
	struct sentence s;

	(void)state;
	quarantine_fault(table, 11); /* with an empty hand */
	assert_int_equal(quarantine_settle(table, 1000, &s), SETTLED_NOBODY);
	quarantine_begin(table, &k);
	assert_int_equal(stands(1, 1000), QUARANTINE_FREE);
	quarantine_fault(table, 11);
	assert_int_equal(quarantine_find(table, &k, 1000, &s), QUARANTINE_HELD);
	assert_int_equal(s.signal, 11);
	assert_int_equal(quarantine_find(table, &other, 1000, NULL), QUARANTINE_FREE);
	quarantine_fault(table, 6); /* a second one on the way down changes nothing */
	assert_int_equal(quarantine_settle(table, 1000, &s), SETTLED_CONVICTED);
	assert_int_equal(s.signal, 11);
}

static void
whoever_is_killed_with_it_proves_nothing_the_first_time(void **state)
{
	struct key k = key_of(1, false);
	char how[QUARANTINE_HOW];
	struct sentence s;

	(void)state;
	assert_int_equal(ends(1, 0, 1000, &s), SETTLED_SPARED);
	assert_int_equal(stands(1, 1000), QUARANTINE_FREE);
	assert_int_equal(ends(2, 0, 1000, &s), SETTLED_SPARED);
	assert_int_equal(ends(1, 0, 1001, &s), SETTLED_CONVICTED);
	assert_int_equal(s.signal, 0);
	assert_string_equal(quarantine_how(&s, how), "killed twice");
	assert_int_equal(stands(1, 1002), QUARANTINE_HELD);
	/* Between the two times it passed. */
	quarantine_begin(table, &k);
	quarantine_end(table);
	assert_int_equal(ends(1, 0, 2000, &s), SETTLED_SPARED);
	/* An engine that ends as it was told to proves nothing at all. */
	quarantine_begin(table, &k);
	quarantine_leave(table);
	assert_int_equal(quarantine_settle(table, 2001, &s), SETTLED_NOBODY);
}

/* As many as there is room for are held, whoever is out first makes room. */
static void
the_table_is_bounded(void **state)
{
	struct sentence s;
	unsigned held = 0;

	(void)state;
	for (unsigned n = 0; n < 2000; n++)
		assert_int_equal(ends(n, 11, 1000 + n, &s), SETTLED_CONVICTED);
	for (unsigned n = 0; n < 2000; n++)
		held += stands(n, 3000) != QUARANTINE_FREE;
	assert_int_equal(held, QUARANTINE_SETS * QUARANTINE_WAYS);
	assert_int_equal(stands(1999, 2000), QUARANTINE_HELD);
}

/* What a writer that was killed in the middle left, and what no writer writes. */
static void
damage_is_nobodys_sentence(void **state)
{
	struct quarantine_slot *slot = NULL;
	struct sentence s;

	(void)state;
	assert_int_equal(ends(1, 11, 1000, &s), SETTLED_CONVICTED);
	for (size_t i = 0; i < QUARANTINE_SETS * QUARANTINE_WAYS; i++)
		if (table->slots[i].strikes > 0)
			slot = &table->slots[i];
	assert_non_null(slot);
	slot->sequence++;
	assert_int_equal(stands(1, 1000), QUARANTINE_FREE);
	assert_int_equal(ends(1, 11, 1000, &s), SETTLED_CONVICTED); /* and mends it */
	assert_int_equal(stands(1, 1000), QUARANTINE_HELD);
	slot->until_s = INT64_MAX;
	assert_int_equal(stands(1, 1000), QUARANTINE_PAROLE); /* not for ever */
	table->hand = 77;
	assert_int_equal(quarantine_settle(table, 1000, &s), SETTLED_NOBODY);
	assert_true(quarantine_is(table, sizeof(*table)));
	assert_false(quarantine_is(table, sizeof(*table) - 1));
	table->version++;
	assert_false(quarantine_is(table, sizeof(*table)));
	assert_int_equal(quarantine_find(NULL, &slot->key, 1000, &s), QUARANTINE_FREE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_way_by_what_is_known),
	    cmocka_unit_test(suspects_are_remembered_for_a_while_and_bounded),
	    cmocka_unit_test_setup_teardown(a_fault_convicts_and_the_time_grows, setup, teardown),
	    cmocka_unit_test_setup_teardown(who_passes_goes_free, setup, teardown),
	    cmocka_unit_test_setup_teardown(it_is_known_from_the_fault_on, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		whoever_is_killed_with_it_proves_nothing_the_first_time, setup, teardown),
	    cmocka_unit_test_setup_teardown(the_table_is_bounded, setup, teardown),
	    cmocka_unit_test_setup_teardown(damage_is_nobodys_sentence, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
