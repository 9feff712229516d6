/* What the brain leaves in the flight recorder: enough to decide again, and no more than is new. */
#include "tests/unit/brain_rig.h"

struct seen {
	int decisions, inputs, others;
	json_t *last; /* a new reference */
};

static int
see(void *arg, enum record_type type, int64_t wall_us, int64_t mono_us, const void *data,
    size_t length)
{
	struct seen *s = arg;
	json_error_t why;

	(void)wall_us, (void)mono_us;
	s->decisions += type == RECORD_DECISION;
	s->inputs += type == RECORD_INPUT;
	s->others += type != RECORD_DECISION && type != RECORD_INPUT;
	if (type == RECORD_DECISION || type == RECORD_INPUT) {
		json_decref(s->last);
		s->last = json_loadb(data, length, 0, &why);
		if (s->last == NULL)
			fail_msg("a record that does not parse: %s", why.text);
	}
	return 0;
}

static void
decide(struct brain *b)
{
	b->lanes[0].dirty = true;
	b->lanes[1].dirty = false;
	lanes_decide(b);
}

static void
decisions_are_recorded_with_what_they_rest_on(void **state)
{
	static const char *const keys[] = {"lane", "now_us", "before", "after", "facts", "mode",
	    "judgement", "preflight", "held", "proven", "shutdown", "shutdown_silent", "rule",
	    "wish", "because", "score", "limits"};
	struct brain *b = rig_brain();
	struct limit pin = {.set = true, .owner = OWNER_OPERATOR, .sort = LIMIT_PIN, .rung = 1,
	    .who = "alice", .reason = "\xc3\xbc"};
	struct seen s = {0};
	uint64_t skipped;
	char path[100];
	struct err err;

	(void)state;
	snprintf(path, sizeof(path), "%s/recorder", rig_dir);
	b->recorder = recorder_open(path, 1 << 20, &err);
	assert_non_null(b->recorder);
	b->look_until = MONO_NEVER; /* BIRD is not there: do not wait for it */
	decide(b); /* born: a decision */
	for (int i = 0; i < 5; i++)
		decide(b); /* the same again: nothing */
	b->warm_since = b->started;
	b->settings.ladder.preflight_warm_ms = 0;
	b->slots[0].worker.state = b->slots[1].worker.state = WORKER_READY;
	decide(b); /* preflight alone: input */
	assert_true(limits_put(b->lanes[0].limits, MAX_LIMITS, &pin));
	decide(b); /* another rule: a decision */
	decide(b);
	b->lanes[0].limits[0].reason[1] = '\0'; /* half a character: it is recorded all the same */
	decide(b);
	recorder_close(b->recorder);
	b->recorder = NULL;
	assert_int_equal(recorder_read(path, see, &s, &skipped, &err), 0);
	assert_int_equal(skipped, 0);
	assert_int_equal(s.decisions, 2);
	assert_int_equal(s.inputs, 2);
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (json_object_get(s.last, keys[i]) == NULL)
			fail_msg("%s is missing", keys[i]);
	assert_int_equal(json_array_size(json_object_get(s.last, "facts")), 2);
	assert_int_equal(json_array_size(json_object_get(s.last, "held")), 1);
	json_decref(s.last);
	unlink(path);
	rig_drop(b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
		decisions_are_recorded_with_what_they_rest_on, rig_setup, rig_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
