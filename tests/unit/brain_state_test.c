/*
 * What one brain leaves to the next: it comes back as it was, and a damaged file is never worse
 * than none.
 */
#include "tests/unit/brain_rig.h"

#include "lib/file.h"

static int n_said;

static void
count_state_events(void *arg, enum event_level level, const char *name, const char *line)
{
	(void)arg, (void)level, (void)line;
	n_said += strcmp(name, "state") == 0;
}

static struct brain *
brain_with_a_past(void)
{
	struct brain *b = rig_brain();
	struct lane *lane = &b->lanes[0];
	struct mono now = mono_now();

	state_load(b); /* for the boot id */
	lane->born = true;
	lane->ladder = ladder_init(&b->settings.ladder, now);
	lane->ladder.rung = 2;
	lane->ladder.hold_ms = 120000;
	lane->ladder.last_fall = mono_add_ms(now, -5000);
	lane->ladder.flap.penalty = 1234.5;
	lane->ladder.flap.at = now;
	lane->ladder.emergency_wait_ms = 4000;
	lane->ladder.chosen = true;
	b->counters.moves = 17;
	b->instances[0].targets[0].window.verdict = VERDICT_FAIL;
	b->instances[0].targets[0].window.fails = 5;
	b->instances[0].targets[0].window.broke = mono_add_ms(now, -4000);
	b->slots[1].worker.failed_starts = 2;
	return b;
}

static void
a_successor_finds_what_was_left(void **state)
{
	struct brain *b = brain_with_a_past(), *next;

	(void)state;
	state_save(b);
	next = rig_brain();
	state_load(next);
	assert_true(next->lease_fresh);
	assert_true(next->lanes[0].has_saved);
	assert_false(next->lanes[1].has_saved);
	assert_int_equal(next->lanes[0].saved.rung, 2);
	assert_int_equal(next->lanes[0].saved.hold_ms, 120000);
	assert_int_equal(next->lanes[0].saved.emergency_wait_ms, 4000);
	assert_true(next->lanes[0].saved.chosen);
	assert_true(next->lanes[0].saved.flap.penalty > 1234 &&
		    next->lanes[0].saved.flap.penalty < 1235);
	assert_true(next->lanes[0].saved.last_fall.us == b->lanes[0].ladder.last_fall.us);
	assert_int_equal(next->counters.moves, 17);
	assert_int_equal(next->instances[0].targets[0].window.verdict, VERDICT_FAIL);
	assert_int_equal(next->instances[0].targets[0].window.fails, 5);
	assert_true(next->instances[0].targets[0].window.broke.us ==
		    b->instances[0].targets[0].window.broke.us);
	assert_int_equal(next->slots[1].worker.failed_starts, 2);
	rig_drop(b);
	rig_drop(next);
}

static void
state_of_another_boot_is_not_adopted(void **state)
{
	struct brain *b = brain_with_a_past(), *next;

	(void)state;
	snprintf(b->boot_id, sizeof(b->boot_id), "another");
	state_save(b);
	next = rig_brain();
	state_load(next);
	assert_false(next->lease_fresh);
	assert_false(next->lanes[0].has_saved);
	rig_drop(b);
	rig_drop(next);
}

static void
put(struct brain *b, enum limit_owner owner, enum limit_sort sort, int64_t for_ms)
{
	struct limit l = {.set = true, .owner = owner, .sort = sort, .rung = RUNG_DRAIN};

	l.until = for_ms != 0 ? mono_add_ms(mono_now(), for_ms) : MONO_NEVER;
	snprintf(l.who, sizeof(l.who), "alice");
	snprintf(l.reason, sizeof(l.reason), "kernel \"new\"");
	assert_true(limits_put(b->lanes[0].limits, MAX_LIMITS, &l));
}

static void
limits_outlive_a_reboot_with_their_time_left(void **state)
{
	struct brain *b = brain_with_a_past(), *next;
	struct mono now;
	int found = 0;

	(void)state;
	put(b, OWNER_OPERATOR, LIMIT_CAP, 3600000);
	put(b, OWNER_OPERATOR, LIMIT_PIN, 0);
	snprintf(b->boot_id, sizeof(b->boot_id), "another");
	limits_save(b);
	rig_settle(b);
	next = rig_brain();
	state_load(next);
	now = mono_now();
	for (int i = 0; i < MAX_LIMITS; i++) {
		const struct limit *l = &next->lanes[0].limits[i];

		if (!l->set)
			continue;
		found++;
		assert_string_equal(l->who, "alice");
		assert_string_equal(l->reason, "kernel \"new\"");
		if (l->sort == LIMIT_PIN)
			assert_false(mono_is_set(l->until));
		else
			assert_in_range(mono_diff_ms(l->until, now), 3500000, 3600000);
	}
	assert_int_equal(found, 2);
	rig_drop(b);
	rig_drop(next);
}

static int
pin_after(const char *name_of_2, const char *name_of_3)
{
	struct brain *next = rig_brain();
	int pin;

	next->settings.site.rungs[2].name = name_of_2;
	next->settings.site.rungs[3].name = name_of_3;
	state_load(next);
	pin = limits_pin(next->lanes[0].limits, MAX_LIMITS);
	rig_drop(next);
	return pin;
}

static void
a_pin_means_a_rung_by_its_name(void **state)
{
	struct brain *b = brain_with_a_past();
	struct limit pin = {.set = true, .owner = OWNER_OPERATOR, .sort = LIMIT_PIN, .rung = 2};

	(void)state;
	assert_true(limits_put(b->lanes[0].limits, MAX_LIMITS, &pin));
	limits_save(b);
	assert_int_equal(pin_after("backup", "full"), 2);
	assert_int_equal(pin_after("half", "backup"), 3); /* a rung was put in below */
	assert_int_equal(pin_after("half", "full"), -1);
	rig_drop(b);
}

static void
expired_limits_do_not_come_back(void **state)
{
	struct brain *b = brain_with_a_past(), *next;

	(void)state;
	put(b, OWNER_OPERATOR, LIMIT_CAP, -1000);
	limits_save(b);
	next = rig_brain();
	state_load(next);
	for (int i = 0; i < MAX_LIMITS; i++)
		assert_false(next->lanes[0].limits[i].set);
	rig_drop(b);
	rig_drop(next);
}

/* A full disk or a directory that is gone is said once, not each second. */
static void
a_state_that_cannot_be_written_is_said_once(void **state)
{
	struct brain *b = brain_with_a_past();
	const char *kept = b->settings.site.paths.run_dir;

	(void)state;
	n_said = 0;
	event_set_sink(count_state_events, NULL);
	b->settings.site.paths.run_dir = "/nowhere/at/all";
	for (int i = 0; i < 5; i++)
		state_save(b);
	assert_true(b->state_failed);
	assert_int_equal(n_said, 1);
	b->settings.site.paths.run_dir = kept;
	for (int i = 0; i < 3; i++)
		state_save(b);
	assert_false(b->state_failed);
	assert_int_equal(n_said, 2); /* well again: once too */
	event_set_sink(NULL, NULL);
	rig_drop(b);
}

/* Whether state_second() writes the file now. */
static bool
saves(struct brain *b)
{
	char path[100];

	snprintf(path, sizeof(path), "%s/brain.state", rig_dir);
	unlink(path);
	state_second(b);
	return access(path, F_OK) == 0;
}

static void
what_has_not_changed_is_saved_each_ten_seconds_only(void **state)
{
	struct brain *b = brain_with_a_past();
	struct window *w = &b->instances[0].targets[0].window;

	(void)state;
	assert_true(saves(b));
	assert_false(saves(b));
	w->oks = 9999; /* of use to nobody */
	w->last_ok_sent = w->last_at = mono_now();
	b->counters.decisions++;
	saves(b);
	w->oks--;
	w->last_at = mono_now();
	assert_false(saves(b));
	b->saved.at = mono_add_ms(mono_now(), -10000);
	assert_true(saves(b));
	rig_drop(b);
}

static void
what_a_successor_would_miss_is_saved_within_the_second(void **state)
{
	struct brain *b = brain_with_a_past();

	(void)state;
	assert_true(saves(b));
	b->lanes[0].ladder.proven = 2;
	assert_true(saves(b));
	b->lanes[0].ladder.latch_until = mono_add_ms(mono_now(), 60000);
	assert_true(saves(b));
	b->instances[0].targets[0].window.verdict = VERDICT_OK;
	assert_true(saves(b));
	b->slots[0].worker.failed_starts++;
	assert_true(saves(b));
	b->slots[0].worker.slow = true;
	assert_true(saves(b));
	assert_false(saves(b));
	rig_drop(b);
}

static void
overload_is_not_forgotten_with_the_brain(void **state)
{
	struct brain *b = brain_with_a_past(), *next;

	(void)state;
	b->slots[1].worker.slow = true;
	b->instances[0].targets[0].window.mute = true;
	b->instances[0].targets[1].window.mute = false;
	b->instances[0].targets[0].window.fails = b->instances[0].targets[0].window.run = 2;
	b->instances[0].targets[0].window.halting = true;
	state_save(b);
	next = rig_brain();
	state_load(next);
	assert_false(next->slots[0].worker.slow);
	assert_true(next->slots[1].worker.slow);
	assert_true(next->instances[0].targets[0].window.mute);
	assert_false(next->instances[0].targets[1].window.mute);
	assert_true(next->instances[0].targets[0].window.halting);
	assert_int_equal(next->instances[0].targets[0].window.run, 2);
	rig_drop(next);
	rig_drop(b);
}

static void
damage(char *text, size_t length, unsigned *seed)
{
	static const char bytes[] = "\0{}[]\",:-9e.tn\xff";
	int n = rand_r(seed) % 6 + 1;

	for (int i = 0; i < n; i++)
		text[(size_t)rand_r(seed) % length] =
		    bytes[(size_t)rand_r(seed) % (sizeof(bytes) - 1)];
}

static void
damage_and_load(const char *name, unsigned *seed, const char *good, size_t length)
{
	struct brain *next = rig_brain();
	char path[100], *bad = malloc(length);
	struct err err;
	struct ladder l;

	assert_non_null(bad);
	memcpy(bad, good, length);
	damage(bad, length, seed);
	snprintf(path, sizeof(path), "%s/brain.limits", rig_dir);
	unlink(path); /* else the one on the disk is not looked at */
	snprintf(path, sizeof(path), "%s/%s", rig_dir, name);
	assert_int_equal(file_replace_fast(path, bad, length, 0600, &err), 0);
	free(bad);
	state_load(next);
	if (next->lanes[0].has_saved) {
		l = ladder_adopt(&next->settings.ladder, next->lanes[0].saved, 3, true, mono_now());
		assert_in_range(l.rung, 0, next->settings.site.n_rungs - 1);
		assert_in_range(l.hold_ms, next->settings.ladder.hold_ms,
		    next->settings.ladder.hold_cap_ms);
	}
	for (int i = 0; i < MAX_LIMITS; i++)
		if (next->lanes[0].limits[i].set) {
			assert_in_range(next->lanes[0].limits[i].rung, 0,
			    next->settings.site.n_rungs - 1);
			assert_true(next->lanes[0].limits[i].owner == OWNER_OPERATOR ||
				    next->lanes[0].limits[i].owner == OWNER_BIRDC ||
				    next->lanes[0].limits[i].owner == OWNER_REGION);
		}
	for (int t = 0; t < next->instances[0].n_targets; t++) {
		const struct window *w = &next->instances[0].targets[t].window;

		assert_in_range(w->value, 0, 100);
		assert_true(w->last_at.us <= next->started.us && w->broke.us <= next->started.us);
	}
	rig_drop(next);
}

static void
damaged_files_give_a_sane_start_or_none(void **state)
{
	static const char *const names[] = {"brain.limits", "brain.state", "limits.json"};
	struct brain *b = brain_with_a_past();
	unsigned seed = 20261122;
	char path[100], *good;
	struct err err;
	size_t length;

	(void)state;
	put(b, OWNER_OPERATOR, LIMIT_CAP, 3600000);
	state_save(b);
	limits_save(b);
	rig_settle(b);
	for (size_t which = 0; which < sizeof(names) / sizeof(names[0]); which++) {
		const char *name = names[which];

		snprintf(path, sizeof(path), "%s/%s", rig_dir, name);
		good = file_read(path, 1 << 20, &length, &err);
		assert_non_null(good);
		for (int i = 0; i < 300; i++)
			damage_and_load(name, &seed, good, length);
		assert_int_equal(file_replace_fast(path, good, length, 0600, &err), 0);
		free(good);
	}
	rig_drop(b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
		a_successor_finds_what_was_left, rig_setup, rig_teardown),
	    cmocka_unit_test_setup_teardown(
		state_of_another_boot_is_not_adopted, rig_setup, rig_teardown),
	    cmocka_unit_test_setup_teardown(
		limits_outlive_a_reboot_with_their_time_left, rig_setup, rig_teardown),
	    cmocka_unit_test_setup_teardown(
		a_pin_means_a_rung_by_its_name, rig_setup, rig_teardown),
	    cmocka_unit_test_setup_teardown(
		expired_limits_do_not_come_back, rig_setup, rig_teardown),
	    cmocka_unit_test_setup_teardown(
		a_state_that_cannot_be_written_is_said_once, rig_setup, rig_teardown),
	    cmocka_unit_test_setup_teardown(
		what_has_not_changed_is_saved_each_ten_seconds_only, rig_setup, rig_teardown),
	    cmocka_unit_test_setup_teardown(
		what_a_successor_would_miss_is_saved_within_the_second, rig_setup, rig_teardown),
	    cmocka_unit_test_setup_teardown(
		overload_is_not_forgotten_with_the_brain, rig_setup, rig_teardown),
	    cmocka_unit_test_setup_teardown(
		damaged_files_give_a_sane_start_or_none, rig_setup, rig_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
