/* The last events in memory: always the newest, in order, whatever their lengths. */
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "healthd/history.h"
#include "lib/event.h"

static json_t *
ask(struct history *h, const char *args, bool *follow, struct err *err)
{
	json_t *parsed = json_loads(args, 0, NULL), *answer;

	assert_non_null(parsed);
	answer = history_answer(h, parsed, follow, err);
	json_decref(parsed);
	return answer;
}

static void
the_newest_stay_in_order_whatever_their_length(void **state)
{
	struct history *h = history_new(4096);
	char line[1100];
	unsigned seed = 7;
	bool follow = false;
	struct err err;

	(void)state;
	for (int i = 1; i <= 3000; i++) {
		json_t *answer, *events, *last;
		size_t n;
		int length = rand_r(&seed) % 1000;

		snprintf(line, sizeof(line), "%d %0*d", i, length + 1, 0);
		history_add(h, i, EVENT_NOTICE, "rung", line);
		answer = ask(h, "{\"n\":10000}", &follow, &err);
		events = json_object_get(answer, "events");
		n = json_array_size(events);
		assert_true(n >= 1);
		for (size_t k = 0; k < n; k++) {
			const char *text = json_string_value(json_object_get(
			    json_array_get(events, k), "line"));

			assert_int_equal(atoi(text), i - (int)(n - 1 - k));
		}
		last = json_array_get(events, n - 1);
		assert_string_equal(json_string_value(json_object_get(last, "line")), line);
		assert_int_equal(json_integer_value(json_object_get(answer, "oldest_us")),
		    i - (int)n + 1);
		if (i > 100)
			assert_true(n >= 2); /* it is not emptied to take one more */
		json_decref(answer);
	}
	history_free(h);
}

static void
arguments_choose(void **state)
{
	static const struct {
		const char *args;
		size_t n;
		int first;
	} rows[] = {{"{}", 20, 31}, {"{\"n\":3}", 3, 48}, {"{\"since_us\":45}", 6, 45},
	    {"{\"since_us\":45,\"n\":2}", 2, 49}, {"{\"level\":\"alarm\",\"n\":100}", 5, 10},
	    {"{\"n\":0}", 0, 0}, {"{\"since_us\":1000}", 0, 0}};
	struct history *h = history_new(65536);
	bool follow = false;
	struct err err;

	(void)state;
	for (int i = 1; i <= 50; i++)
		history_add(h, i, i % 10 == 0 ? EVENT_ALARM : EVENT_INFO, "x", "event=x");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		json_t *answer = ask(h, rows[i].args, &follow, &err);
		json_t *events = json_object_get(answer, "events");

		assert_int_equal(json_array_size(events), rows[i].n);
		if (rows[i].n > 0)
			assert_int_equal(json_integer_value(json_object_get(
			    json_array_get(events, 0), "wall_us")), rows[i].first);
		json_decref(answer);
	}
	assert_false(follow);
	json_decref(ask(h, "{\"follow\":true}", &follow, &err));
	assert_true(follow);
	history_free(h);
}

static void
wrong_arguments_are_refused(void **state)
{
	static const char *const rows[] = {"{\"n\":-1}", "{\"n\":10001}", "{\"n\":\"5\"}",
	    "{\"x\":1}", "{\"level\":\"loud\"}", "{\"follow\":1}"};
	struct history *h = history_new(4096);
	struct err err;
	bool follow;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_null(ask(h, rows[i], &follow, &err));
	history_free(h);
}

static void
bytes_that_are_no_utf8_do_not_hide_an_event(void **state)
{
	json_t *e = history_event(1, EVENT_WARN, "x", "a\xff" "b");

	(void)state;
	assert_string_equal(json_string_value(json_object_get(e, "line")), "a?b");
	assert_string_equal(json_string_value(json_object_get(e, "level")), "warn");
	json_decref(e);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_newest_stay_in_order_whatever_their_length),
		cmocka_unit_test(arguments_choose),
		cmocka_unit_test(wrong_arguments_are_refused),
		cmocka_unit_test(bytes_that_are_no_utf8_do_not_hide_an_event),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
