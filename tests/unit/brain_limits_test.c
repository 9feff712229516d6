/*
 * Limits on a disk that hangs or refuses: fsync() is the test's. The loop waits for nothing, who
 * asks is told the truth, and what was taken is found by the next brain whatever the disk does.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <time.h>

#include "tests/unit/brain_rig.h"

#include "bgpctl/pick.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static pthread_t loop_thread;
static bool hangs, refuses;
static int on_the_loop, synced;
static int64_t ahead_ms;
static int alarms, notices;

int
fsync(int fd)
{
	bool refused;

	if (pthread_equal(pthread_self(), loop_thread)) {
		on_the_loop++;
		return 0;
	}
	pthread_mutex_lock(&lock);
	while (hangs)
		pthread_cond_wait(&changed, &lock);
	refused = refuses;
	synced++;
	pthread_mutex_unlock(&lock);
	if (refused)
		errno = EIO;
	return refused ? -1 : fcntl(fd, F_GETFD) == -1;
}

struct mono
mono_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return (struct mono){
	    ts.tv_sec * INT64_C(1000000) + ts.tv_nsec / 1000 + ahead_ms * 1000};
}

static void
disk(bool hang, bool refuse)
{
	pthread_mutex_lock(&lock);
	hangs = hang;
	refuses = refuse;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
}

static void
hear(void *arg, enum event_level level, const char *name, const char *line)
{
	(void)arg, (void)line;
	if (strcmp(name, "limits") != 0)
		return;
	alarms += level == EVENT_ALARM;
	notices += level == EVENT_NOTICE;
}

static struct brain *
begin(void)
{
	struct brain *b = rig_brain();

	state_load(b);
	loop_thread = pthread_self();
	alarms = notices = on_the_loop = synced = 0;
	event_set_sink(hear, NULL);
	return b;
}

static void
drop(struct brain *b)
{
	disk(false, false);
	event_set_sink(NULL, NULL);
	rig_drop(b);
}

/* Does the writer go on, until it has come so far? */
static void
kept_at_last(struct brain *b, bool kept)
{
	for (int i = 0; i < 30000; i++) {
		limits_step(b);
		if (kept ? strcmp(limits_kept(b), "disk") == 0 && !limits_failing(b)
			 : limits_failing(b))
			return;
		usleep(1000);
	}
	fail_msg("the disk is %s", limits_kept(b));
}

static void
asked(struct brain *b, const char *verb, const char *says)
{
	static const struct console_peer alice = {.who = "alice"};
	json_t *none = json_object(), *answer;
	bool follow = false;
	struct err err;

	answer = control_handle(b, &alice, verb, none, &follow, &err);
	if (answer == NULL)
		fail_msg("%s", err.text);
	if (says != NULL)
		assert_string_equal(pick_text(answer, "limits_kept", ""), says);
	json_decref(answer);
	json_decref(none);
}

static int
capped(const struct brain *b)
{
	return limits_cap(b->lanes[0].limits, MAX_LIMITS, 3);
}

static int
found_by_the_next(void)
{
	struct brain *next = rig_brain();
	int cap;

	state_load(next);
	cap = capped(next);
	rig_drop(next);
	return cap;
}

static bool
status_has_the_alarm(const struct brain *b)
{
	json_t *status = view_status(b), *alarm;
	bool found = false;
	size_t i;

	json_array_foreach (json_object_get(status, "alarms"), i, alarm)
		found |= strcmp(pick_text(alarm, "name", ""), "limits") == 0;
	assert_string_equal(pick_text(status, "limits_kept", ""), limits_kept(b));
	json_decref(status);
	return found;
}

static void
a_disk_that_hangs_costs_neither_time_nor_the_limit(void **state)
{
	struct brain *b = begin();

	(void)state;
	disk(true, false);
	asked(b, "drain", "run");
	assert_int_equal(on_the_loop, 0);
	assert_int_equal(capped(b), RUNG_DRAIN);
	assert_int_equal(found_by_the_next(), RUNG_DRAIN);
	assert_false(status_has_the_alarm(b)); /* a disk may take a moment */
	ahead_ms += 4000;
	limits_step(b);
	limits_step(b);
	assert_int_equal(alarms, 1);
	assert_true(status_has_the_alarm(b));
	asked(b, "undrain", "run");
	assert_int_equal(found_by_the_next(), 3); /* what was taken away stays away */
	asked(b, "silence", "run");
	assert_int_equal(found_by_the_next(), RUNG_SILENT);
	disk(false, false);
	kept_at_last(b, true);
	assert_int_equal(notices, 1);
	assert_int_equal(alarms, 1);
	assert_false(status_has_the_alarm(b));
	assert_int_equal(on_the_loop, 0);
	assert_int_equal(synced, 4); /* the first and the last, each a file and its directory */
	drop(b);
}

static void
a_reboot_finds_the_last_change_when_the_disk_is_said_to_have_it(void **state)
{
	struct brain *b = begin();
	char near[100];

	(void)state;
	disk(true, false);
	asked(b, "silence", "run");
	asked(b, "drain", "run"); /* an operator has one cap: this one */
	disk(false, false);
	kept_at_last(b, true);
	snprintf(near, sizeof(near), "%s/brain.limits", rig_dir);
	assert_int_equal(unlink(near), 0);
	assert_int_equal(found_by_the_next(), RUNG_DRAIN);
	drop(b);
}

static void
what_a_brain_could_not_write_its_successor_writes(void **state)
{
	struct brain *b = begin(), *next;
	char near[100];

	(void)state;
	disk(false, true);
	asked(b, "silence", NULL); /* without an end: nothing else would have it written again */
	kept_at_last(b, false);
	next = rig_brain();
	state_load(next);
	assert_string_equal(limits_kept(next), "run");
	disk(false, false);
	limits_second(next);
	kept_at_last(next, true);
	rig_drop(next);
	snprintf(near, sizeof(near), "%s/brain.limits", rig_dir);
	assert_int_equal(unlink(near), 0);
	assert_int_equal(found_by_the_next(), RUNG_SILENT);
	drop(b);
}

static void
a_disk_that_refuses_is_asked_again(void **state)
{
	struct brain *b = begin();

	(void)state;
	disk(false, true);
	asked(b, "drain", NULL);
	kept_at_last(b, false);
	assert_int_equal(alarms, 1);
	assert_string_equal(limits_kept(b), "run");
	for (int i = 0; i < 3; i++) {
		ahead_ms += 11000;
		limits_second(b);
		limits_second(b);
	}
	assert_int_equal(alarms, 1);
	disk(false, false);
	ahead_ms += 11000;
	kept_at_last(b, true);
	assert_int_equal(notices, 1);
	assert_int_equal(found_by_the_next(), RUNG_DRAIN);
	drop(b);
}

static void
without_a_run_dir_it_is_said_that_memory_has_them(void **state)
{
	struct brain *b = begin();
	const char *run_dir = b->settings.site.paths.run_dir;
	char near[100];

	(void)state;
	asked(b, "silence", NULL);
	disk(true, false);
	b->settings.site.paths.run_dir = "/nowhere/at/all";
	asked(b, "drain", "memory");
	assert_int_equal(alarms, 1);
	b->settings.site.paths.run_dir = run_dir;
	asked(b, "undrain", "run");
	assert_int_equal(notices, 1);
	disk(false, false);
	kept_at_last(b, true);

	/* One that can no more be replaced is not found in the place of a later one. */
	snprintf(near, sizeof(near), "%s/brain.limits", rig_dir);
	assert_int_equal(unlink(near), 0);
	assert_int_equal(mkdir(near, 0700), 0);
	asked(b, "drain", NULL);
	kept_at_last(b, true);
	assert_int_equal(found_by_the_next(), RUNG_DRAIN);
	assert_int_equal(rmdir(near), 0);
	drop(b);
}

/* limits.json as the next boot finds it, its clock set back by years. */
static void
reboot_with_the_clock_set_back(void)
{
	char path[100];
	json_error_t why;
	json_t *all;

	snprintf(path, sizeof(path), "%s/limits.json", rig_dir);
	all = json_load_file(path, 0, &why);
	assert_non_null(all);
	json_object_set_new(all, "boot_id", json_string("another"));
	json_object_set_new(all, "saved_wall_us", json_integer(INT64_C(4000000000000000)));
	assert_int_equal(json_dump_file(all, path, 0), 0);
	json_decref(all);
	snprintf(path, sizeof(path), "%s/brain.limits", rig_dir);
	unlink(path);
}

static void
a_clock_that_is_set_back_over_a_reboot_prolongs_by_a_minute_at_most(void **state)
{
	struct limit hour = {.set = true, .owner = OWNER_OPERATOR, .sort = LIMIT_CAP,
	    .rung = RUNG_DRAIN};
	struct brain *b = begin(), *next;
	char near[100];
	int64_t left;

	(void)state;
	hour.until = mono_add_ms(mono_now(), 3600000);
	assert_true(limits_put(b->lanes[0].limits, MAX_LIMITS, &hour));
	limits_save(b);
	for (int minute = 0; minute < 50; minute++) {
		ahead_ms += 60000;
		limits_second(b);
	}
	kept_at_last(b, true);
	reboot_with_the_clock_set_back();
	next = rig_brain();
	state_load(next);
	left = mono_diff_ms(next->lanes[0].limits[0].until, mono_now());
	assert_in_range(left, 8 * 60000, 11 * 60000);

	/* From here on it is this boot's clock that counts. */
	snprintf(near, sizeof(near), "%s/brain.limits", rig_dir);
	assert_int_equal(access(near, F_OK), -1);
	limits_second(next);
	assert_int_equal(access(near, F_OK), 0);
	kept_at_last(next, true);
	rig_drop(next);
	ahead_ms += left;
	assert_int_equal(found_by_the_next(), 3);
	drop(b);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)
	const struct CMUnitTest tests[] = {
	    TEST(a_disk_that_hangs_costs_neither_time_nor_the_limit),
	    TEST(a_reboot_finds_the_last_change_when_the_disk_is_said_to_have_it),
	    TEST(what_a_brain_could_not_write_its_successor_writes),
	    TEST(a_disk_that_refuses_is_asked_again),
	    TEST(without_a_run_dir_it_is_said_that_memory_has_them),
	    TEST(a_clock_that_is_set_back_over_a_reboot_prolongs_by_a_minute_at_most),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
