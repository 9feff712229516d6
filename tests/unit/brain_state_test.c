/*
 * What one brain leaves to the next: it comes back as it was, and a damaged file is never worse than
 * none.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "healthd/brain.h"
#include "lib/file.h"

static char dir[64];

static void
write_conf(const char *path)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fprintf(f,
	    "node: { name = \"n1\"; pop = \"p1\"; };\nmode = \"observe\";\n"
	    "paths: { run_dir = \"%s\"; state_dir = \"%s\"; };\n"
	    "services = ( { name = \"dns\"; prefixes = [\"192.0.2.0/24\", \"2001:db8:53::/48\"];\n"
	    "  addresses = [\"192.0.2.53\", \"2001:db8:53::53\"]; } );\n"
	    "workers: { count = 2; command = [\"/bin/true\"]; };\n"
	    "recorder: { path = \"\"; };\nmetrics: { address = \"\"; };\n"
	    "checks = ( { name = \"id\"; kind = \"dns\"; vital = true; },\n"
	    "  { name = \"up\"; kind = \"upstream\"; servers = [\"127.0.0.1@9\"]; } );\n",
	    dir, dir);
	fclose(f);
}

/* As brain_init(), without what touches the world. */
static struct brain *
brain_make(void)
{
	struct brain *b = calloc(1, sizeof(*b));
	struct err err;
	char path[100];

	assert_non_null(b);
	snprintf(path, sizeof(path), "%s/conf", dir);
	write_conf(path);
	b->loop = ev_default_loop(EVFLAG_AUTO);
	b->arena = arena_new();
	b->config_path = "conf";
	b->started = mono_now();
	if (settings_read(path, &b->settings, b->arena, &err) < 0)
		fail_msg("%s", err.text);
	lanes_init(b);
	workers_init(b);
	if (checks_init(b, &err) < 0)
		fail_msg("%s", err.text);
	return b;
}

static void
brain_drop(struct brain *b)
{
	checks_fini(b);
	arena_free(b->arena);
	free(b);
}

static struct brain *
brain_with_a_past(void)
{
	struct brain *b = brain_make();
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
	b->counters.moves = 17;
	b->instances[0].targets[0].window.verdict = VERDICT_FAIL;
	b->instances[0].targets[0].window.fails = 5;
	b->slots[1].worker.failed_starts = 2;
	return b;
}

static void
a_successor_finds_what_was_left(void **state)
{
	struct brain *b = brain_with_a_past(), *next;

	(void)state;
	state_save(b);
	next = brain_make();
	state_load(next);
	assert_true(next->lease_fresh);
	assert_true(next->lanes[0].has_saved);
	assert_false(next->lanes[1].has_saved);
	assert_int_equal(next->lanes[0].saved.rung, 2);
	assert_int_equal(next->lanes[0].saved.hold_ms, 120000);
	assert_int_equal(next->lanes[0].saved.emergency_wait_ms, 4000);
	assert_true(next->lanes[0].saved.flap.penalty > 1234 &&
		    next->lanes[0].saved.flap.penalty < 1235);
	assert_true(next->lanes[0].saved.last_fall.us == b->lanes[0].ladder.last_fall.us);
	assert_int_equal(next->counters.moves, 17);
	assert_int_equal(next->instances[0].targets[0].window.verdict, VERDICT_FAIL);
	assert_int_equal(next->instances[0].targets[0].window.fails, 5);
	assert_int_equal(next->slots[1].worker.failed_starts, 2);
	brain_drop(b);
	brain_drop(next);
}

static void
state_of_another_boot_is_not_adopted(void **state)
{
	struct brain *b = brain_with_a_past(), *next;

	(void)state;
	snprintf(b->boot_id, sizeof(b->boot_id), "another");
	state_save(b);
	next = brain_make();
	state_load(next);
	assert_false(next->lease_fresh);
	assert_false(next->lanes[0].has_saved);
	brain_drop(b);
	brain_drop(next);
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
	next = brain_make();
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
	brain_drop(b);
	brain_drop(next);
}

static void
expired_limits_do_not_come_back(void **state)
{
	struct brain *b = brain_with_a_past(), *next;

	(void)state;
	put(b, OWNER_OPERATOR, LIMIT_CAP, -1000);
	limits_save(b);
	next = brain_make();
	state_load(next);
	for (int i = 0; i < MAX_LIMITS; i++)
		assert_false(next->lanes[0].limits[i].set);
	brain_drop(b);
	brain_drop(next);
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
	struct brain *next = brain_make();
	char path[100], *bad = malloc(length);
	struct err err;
	struct ladder l;

	assert_non_null(bad);
	memcpy(bad, good, length);
	damage(bad, length, seed);
	snprintf(path, sizeof(path), "%s/%s", dir, name);
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
		if (next->lanes[0].limits[i].set)
			assert_in_range(next->lanes[0].limits[i].rung, 0,
			    next->settings.site.n_rungs - 1);
	brain_drop(next);
}

static void
damaged_files_give_a_sane_start_or_none(void **state)
{
	struct brain *b = brain_with_a_past();
	unsigned seed = 20261122;
	char path[100], *good;
	struct err err;
	size_t length;

	(void)state;
	put(b, OWNER_OPERATOR, LIMIT_CAP, 3600000);
	state_save(b);
	limits_save(b);
	for (int which = 0; which < 2; which++) {
		const char *name = which == 0 ? "brain.state" : "limits.json";

		snprintf(path, sizeof(path), "%s/%s", dir, name);
		good = file_read(path, 1 << 20, &length, &err);
		assert_non_null(good);
		for (int i = 0; i < 300; i++)
			damage_and_load(name, &seed, good, length);
		assert_int_equal(file_replace_fast(path, good, length, 0600, &err), 0);
		free(good);
	}
	brain_drop(b);
}

static int
setup(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/brain_state.XXXXXX");
	event_open("test", EVENT_ALARM);
	return mkdtemp(dir) != NULL ? 0 : -1;
}

static int
teardown(void **state)
{
	static const char *const names[] = {"conf", "brain.state", "limits.json"};
	char path[100];

	(void)state;
	for (int i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		unlink(path);
	}
	return rmdir(dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(a_successor_finds_what_was_left, setup, teardown),
	    cmocka_unit_test_setup_teardown(state_of_another_boot_is_not_adopted, setup, teardown),
	    cmocka_unit_test_setup_teardown(limits_outlive_a_reboot_with_their_time_left, setup,
		teardown),
	    cmocka_unit_test_setup_teardown(expired_limits_do_not_come_back, setup, teardown),
	    cmocka_unit_test_setup_teardown(damaged_files_give_a_sane_start_or_none, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
