/*
 * What the keeper says of the shared cache's snapshots, as /metrics tells it: the test plays the
 * keeper.
 */
#include "tests/unit/brain_rig.h"

static struct brain *
begin(void)
{
	struct brain *b = rig_brain();

	bond_open(b);
	return b;
}

static void
drop(struct brain *b)
{
	ev_io_stop(b->loop, &b->bond_io);
	ev_timer_stop(b->loop, &b->lease_timer);
	rig_drop(b);
}

static void
keeper_says(struct brain *b, int every_s, const struct snapshots *s)
{
	struct bond_message m = {
	    .type = BOND_SNAPSHOT, .slot = -1, .status = every_s, .snapshots = *s};

	assert_int_equal(bond_send(rig_bond[1], &m), 1);
	ev_run(b->loop, EVRUN_NOWAIT);
}

/* The only sample of that name; NULL: there is none. */
static const char *
sample(const char *text, const char *name)
{
	static char line[120];
	const char *at;

	snprintf(line, sizeof(line), "\nanypop_%s ", name);
	at = strstr(text, line);
	if (at == NULL)
		return NULL;
	assert_null(strstr(at + 1, line));
	snprintf(line, sizeof(line), "%s", at + strlen(line));
	line[strcspn(line, "\n")] = '\0';
	return line;
}

static void
metrics_tell_what_the_keeper_said_last(void **state)
{
	static const struct {
		int every_s;
		struct snapshots s; /* written a minute ago, where anything was */
		const char *written, *failed, *entries, *bytes;
	} rows[] = {
	    {1800, {0}, "0", "0", "-1", "-1"},
	    {1800, {.failed = 3, .entries = -1, .bytes = -1}, "0", "3", "-1", "-1"},
	    {0, {.written = 2, .written_at = {1}, .entries = 1234567, .bytes = 5000000000}, "2",
		"0", "1234567", "5000000000"},
	    {60, {.written = 7, .failed = 1, .written_at = {1}, .entries = -1, .bytes = -1}, "7",
		"1", "-1", "-1"},
	    {60, {.written = 8, .failed = 1, .written_at = {1}}, "8", "1", "0", "0"},
	};
	struct brain *b = begin();

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct snapshots s = rows[i].s;
		char every[16], *text;
		const char *type;
		double age_s;

		if (mono_is_set(s.written_at))
			s.written_at = mono_add_ms(mono_now(), -60000);
		keeper_says(b, rows[i].every_s, &s);
		text = brain_metrics_render(b, "/metrics", &type);
		snprintf(every, sizeof(every), "%d", rows[i].every_s);
		assert_string_equal(sample(text, "snapshot_every_seconds"), every);
		assert_string_equal(sample(text, "snapshots_written_total"), rows[i].written);
		assert_string_equal(sample(text, "snapshots_failed_total"), rows[i].failed);
		assert_string_equal(sample(text, "snapshot_entries"), rows[i].entries);
		assert_string_equal(sample(text, "snapshot_bytes"), rows[i].bytes);
		age_s = strtod(sample(text, "snapshot_age_seconds"), NULL);
		if (mono_is_set(s.written_at) ? age_s < 60 || age_s > 120 : age_s != -1)
			fail_msg("row %zu: %g s old", i, age_s);
		free(text);
	}
	drop(b);
}

static void
a_keeper_that_says_nothing_of_them_writes_none(void **state)
{
	struct brain *b = begin();
	const char *type;
	char *text;

	(void)state;
	ev_run(b->loop, EVRUN_NOWAIT);
	text = brain_metrics_render(b, "/metrics", &type);
	assert_non_null(sample(text, "config_broken"));
	assert_null(strstr(text, "anypop_snapshot"));
	free(text);
	drop(b);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(metrics_tell_what_the_keeper_said_last),
	    TEST(a_keeper_that_says_nothing_of_them_writes_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
