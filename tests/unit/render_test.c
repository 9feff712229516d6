/*
 * The pages that operators read, against golden files: tests/unit/data/NAME.json must render to
 * NAME.txt. After a wanted change: `RENDER_WRITE=1 build/cc/tests/unit/render_test`, and read the
 * difference.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bgpctl/cli.h"
#include "bgpctl/render.h"
#include "lib/file.h"
#include "lib/text.h"

static json_t *
load(const char *name)
{
	char path[128];
	json_error_t why;
	json_t *data;

	snprintf(path, sizeof(path), "tests/unit/data/%s.json", name);
	data = json_load_file(path, 0, &why);
	if (data == NULL)
		fail_msg("%s:%d: %s", path, why.line, why.text);
	return data;
}

static void
golden(const char *name, cli_render *render)
{
	json_t *data = load(name);
	char *text = cli_text(render, data), *want, path[128];
	struct err err;

	snprintf(path, sizeof(path), "tests/unit/data/%s.txt", name);
	if (getenv("RENDER_WRITE") != NULL)
		assert_int_equal(file_replace(path, text, strlen(text), 0644, &err), 0);
	want = file_read(path, 1 << 20, NULL, &err);
	if (want == NULL)
		fail_msg("%s", err.text);
	assert_string_equal(text, want);
	free(want);
	free(text);
	json_decref(data);
}

static void
pages_are_as_agreed(void **state)
{
	(void)state;
	golden("status_well", render_status);
	golden("status_trouble", render_status);
	golden("why_drained", render_why);
	golden("workers_mixed", render_workers);
	golden("workers_ours", render_workers);
	golden("checks_mixed", render_checks);
	golden("fleet_watched", render_fleet);
	golden("fleet_drain", render_fleet);
}

#define VIEW(rest)                                                                                 \
	"{\"view_age_s\":0.5,\"in_view\":4,\"announcing\":3,\"suspended\":1,\"budget\":1,\"size\":5,"    \
	"\"min_announcing\":2,\"intent\":\"none\",\"because\":\"REASON\",\"exits\":true," rest "}"
#define SEES "sees 4 of 4 others, 3 announce, 1 of at most 1 suspended"

static void
the_fleet_has_a_line_where_it_may_hold_something_back(void **state)
{
	static const struct {
		const char *guard, *limits, *line;
	} rows[] = {
	    {"null", "[]", ""},
	    {VIEW("\"standing\":\"fresh\",\"frozen_s\":0"), "[{\"owner\":\"hold\"}]", ""},
	    {VIEW("\"standing\":\"fresh\",\"intent\":\"shared\""), "[]", ""},
	    {VIEW("\"standing\":\"fresh\""), "[{\"owner\":\"fleet\"}]", "fresh: " SEES},
	    {VIEW("\"standing\":\"fresh\",\"frozen_s\":7.2"), "[]",
		"fresh: " SEES "; frozen for 7.2 s; nothing by choice is granted"},
	    {VIEW("\"standing\":\"fresh\",\"intent\":\"high\""), "[]",
		"fresh: " SEES "; the wish to go silent (high): REASON"},
	    {VIEW("\"standing\":\"fresh\",\"intent\":\"high\",\"granted\":true"), "[]",
		"fresh: " SEES "; it may go silent"},
	    {VIEW("\"standing\":\"fresh\",\"intent\":\"low\",\"back\":true"), "[]",
		"fresh: " SEES "; WE ARE CALLED BACK: REASON"},
	    {VIEW("\"standing\":\"fresh\",\"keep\":true"), "[]", "fresh: " SEES "; REASON"},
	    {VIEW("\"standing\":\"fresh\",\"emergency\":true,\"announcing\":1,\"suspended\":3"),
		"[]",
		"fresh: sees 4 of 4 others, 1 announces where 2 must, 3 of at most 1 suspended; "
		"REASON"},
	    {VIEW("\"standing\":\"isolated\",\"in_view\":1,\"announcing\":0,\"suspended\":4"), "[]",
		"isolated: sees 1 of 4 others, 0 announce where 2 must, 4 of at most 1 "
		"suspended; nothing by choice is granted"},
	    {VIEW("\"standing\":\"stale\",\"view_age_s\":12"), "[]",
		"stale: the view is 12 s old, 3 announce, 1 of at most 1 suspended; nothing by "
		"choice is granted"},
	    {VIEW("\"standing\":\"stale\",\"view_age_s\":null"), "[]",
		"stale: there was no view yet; nothing by choice is granted"},
	    {VIEW("\"standing\":\"fresh\",\"exits\":false,\"conflict\":true"), "[]",
		"fresh: " SEES "; ANOTHER NODE TELLS BEACONS OF OUR ID; no session leads out"},
	    /* of an older healthd */
	    {VIEW("\"standing\":\"isolated\",\"size\":null,\"min_announcing\":null"), "[]",
		"isolated: sees 4 others, 3 announce, 1 of at most 1 suspended; nothing by choice is "
		"granted"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		json_t *guard = json_loads(rows[i].guard, JSON_DECODE_ANY, NULL);
		json_t *limits = json_loads(rows[i].limits, 0, NULL);
		char *text = NULL, want[300] = "";
		size_t size;
		FILE *f = open_memstream(&text, &size);

		assert_non_null(f);
		render_guard(f, json_is_object(guard) ? guard : NULL, limits);
		fclose(f);
		if (*rows[i].line != '\0')
			snprintf(want, sizeof(want), "  Fleet  %s\n", rows[i].line);
		assert_string_equal(text, want);
		free(text);
		json_decref(guard);
		json_decref(limits);
	}
}

/* Sets a member of the first lane, or of the status itself, and says what code comes of it. */
static int
code_with(const char *where, const char *key, json_t *value)
{
	json_t *status = load("status_well");
	json_t *of = strcmp(where, "lane") == 0
	    ? json_array_get(json_object_get(status, "lanes"), 0)
	    : strcmp(where, "status") == 0 ? status : json_object_get(status, where);
	int code;

	json_object_set_new(of, key, value);
	code = render_status_code(status);
	json_decref(status);
	return code;
}

static void
exit_codes_tell_whether_to_get_up(void **state)
{
	(void)state;
	assert_int_equal(code_with("lane", "score", json_integer(90)), STATUS_WELL);
	assert_int_equal(code_with("lane", "rung", json_string("backup")), STATUS_DEGRADED);
	assert_int_equal(code_with("lane", "proven", json_false()), STATUS_DEGRADED);
	assert_int_equal(code_with("lane", "proven", json_null()), STATUS_DEGRADED);
	assert_int_equal(code_with("lane", "alarms", json_pack("[{s:s}]", "name", "hand")),
	    STATUS_DEGRADED);
	assert_int_equal(code_with("lane", "rung", json_string("silent")), STATUS_SILENT);
	assert_int_equal(code_with("lane", "shown", json_string("silent")), STATUS_SILENT);
	assert_int_equal(code_with("status", "alarms", json_pack("[{s:s}]", "name", "recorder")),
	    STATUS_DEGRADED);
	assert_int_equal(code_with("status", "lanes", json_array()), STATUS_DEGRADED);
	assert_int_equal(code_with("config", "note", json_string("broken")), STATUS_DEGRADED);
}

static int
maim_member(json_t *root, json_t *of, const char *key, cli_render *render)
{
	static const char *const others[] = {NULL, "null", "7", "\"\\u0007x\"", "[1]", "{}"};
	json_t *kept = json_incref(json_object_get(of, key));
	int n = 0;

	for (size_t k = 0; k < sizeof(others) / sizeof(others[0]); k++, n++) {
		char *text;

		if (others[k] == NULL)
			json_object_del(of, key);
		else
			json_object_set_new(of, key, json_loads(others[k], JSON_DECODE_ANY, NULL));
		text = cli_text(render, root);
		assert_non_null(text);
		assert_null(strchr(text, '\a'));
		free(text);
		(void)render_status_code(root);
		(void)render_checks_failed(root);
	}
	json_object_set_new(of, key, kept);
	return n;
}

/* Every member taken out in turn, and replaced by one of another type: pages come out all the same.
 */
static int
maim(json_t *root, json_t *at, cli_render *render)
{
	char keys[64][32];
	const char *key;
	json_t *value;
	int n = 0, n_keys = 0;
	size_t i;

	json_array_foreach (at, i, value)
		n += maim(root, value, render);
	json_object_foreach (at, key, value) { /* their names first: they move while we work */
		assert_true(n_keys < 64 && strlen(key) < 32);
		strcpy(keys[n_keys++], key);
	}
	for (int k = 0; k < n_keys; k++) {
		n += maim(root, json_object_get(at, keys[k]), render);
		n += maim_member(root, at, keys[k], render);
	}
	return n;
}

static void
answers_that_are_wrong_in_any_place_still_render(void **state)
{
	static const struct {
		const char *name;
		cli_render *render;
	} rows[] = {{"status_trouble", render_status}, {"why_drained", render_why},
	    {"workers_mixed", render_workers}, {"checks_mixed", render_checks},
	    {"status_trouble", render_limited}, {"fleet_drain", render_fleet}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		json_t *data = load(rows[i].name);

		assert_true(maim(data, data, rows[i].render) > 100);
		json_decref(data);
	}
}

static void
text_is_washed(void **state)
{
	char text[] = "a\033[31m\tb\n\x7f\xc2\x9b"
		      "31m \xc3\xa9 \xff \xe2\x82\xac \xe2\x82 \xc0\xaf";

	(void)state;
	text_clean(text);
	assert_string_equal(text, "a?[31m?b\n???31m \xc3\xa9 ? \xe2\x82\xac ?? ??");
}

static void
events_are_one_line_in_local_time(void **state)
{
	char text[256] = "";
	FILE *to = fmemopen(text, sizeof(text), "w");

	(void)state;
	setenv("TZ", "UTC", 1);
	render_event(to, 1795317255926000, "alarm", "bird", "event=bird answers=no");
	render_event(to, 1795317255926000, "notice", "rung", "event=rung");
	fclose(to);
	assert_string_equal(text, "Nov 22 03:14:15.926 ! bird         answers=no\n"
	    "Nov 22 03:14:15.926   rung         \n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pages_are_as_agreed),
		cmocka_unit_test(the_fleet_has_a_line_where_it_may_hold_something_back),
		cmocka_unit_test(exit_codes_tell_whether_to_get_up),
		cmocka_unit_test(answers_that_are_wrong_in_any_place_still_render),
		cmocka_unit_test(text_is_washed),
		cmocka_unit_test(events_are_one_line_in_local_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
