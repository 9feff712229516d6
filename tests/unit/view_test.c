/*
 * docs/control.md is the contract: each key that it shows is sent, each key that is sent is shown
 * there, and units are as its conventions say.
 */
#include "tests/unit/brain_rig.h"

#include "healthd/view.h"
#include "lib/file.h"

/* A worker and an engine of our own that have answered. */
static void
hand_scores(struct brain *b)
{
	static const char *const names[] = {"score.w0", "score.e0"};
	struct err err;

	for (int i = 0; i < 2; i++) {
		int fd;
		struct scoreboard *s = scoreboard_make(i == 0 ? 'w' : 'e', &fd, &err);

		assert_non_null(s);
		score_take(b, names[i], fd);
		score_add(&s->pid, 4711 + (uint64_t)i);
		score_add(&s->state, SCORE_ANSWERING);
		score_add(&s->heartbeat_us, (uint64_t)mono_now().us);
		scores_second(b);
		score_add(&s->rcode[2], 3);
		score_add(&s->rcode[9], 1);
		score_add(&s->rcode[16], 5);
		score_add(&s->rcode[23], 6);
		score_add(&s->layer[LAYER_L1], 4);
		score_add(&s->cause[CAUSE_INTERNAL], 2);
		score_add(&s->latency[0], 1);
		score_add(&s->latency[10], 2);
		score_add(&s->latency[31], 1);
		if (i == 1) {
			score_add(&s->upstream[0].name[0], 0x6f6f72); /* "roo" */
			score_add(&s->upstream[0].name[5], UINT64_C(0x7878787878787878));
			score_add(&s->upstream[1].name[0], 0x22); /* a quote */
			score_add(&s->upstream[1].breaker, BREAKER_OPEN);
			score_add(&s->upstream[1].since_us, (uint64_t)mono_now().us);
			score_add(&s->upstream[1].opened, 7);
			score_add(&s->upstream[1].rtt_us, 1500);
			score_add(&s->event[SCORED_L3_UNTRUSTED], 5);
			score_name(s->server[2].name, "10.9.7.1");
			score_add(&s->server[2].pace, PACE_LATE);
			score_add(&s->server[2].asked, 9);
			score_add(&s->server[2].answered, 8);
			score_add(&s->server[2].lost, 2);
		}
		scores_second(b);
		scoreboard_unmap(s);
	}
	b->slots[0].worker.pid = 4711;
	b->engines[0].worker.pid = 4712;
	b->slots[0].worker.state = b->engines[0].worker.state = WORKER_READY;
	b->n_engines = 2; /* of which one keeps no scoreboard */
}

/* A brain with something in every list. */
static struct brain *
busy_brain(void)
{
	struct brain *b = rig_brain();
	struct limit limit = {.set = true, .owner = OWNER_OPERATOR, .sort = LIMIT_CAP,
	    .rung = RUNG_DRAIN, .until = mono_add_ms(mono_now(), 60000), .who = "alice"};
	struct err err;

	hand_scores(b);
	if (links_init(b, &err) < 0)
		fail_msg("%s", err.text);
	limits_put(b->lanes[0].limits, MAX_LIMITS, &limit);
	b->look_until = MONO_NEVER;
	lanes_touch(b, lanes_all(b));
	lanes_decide(b);
	b->lanes[0].alarms = ALARM_UNPROVEN | ALARM_COVERED | ALARM_HAND;
	say_move(b, &b->lanes[0], 1);
	snprintf(b->note, sizeof(b->note), "broken \xff");
	b->rolling.stage = ROLLING_ROOM;
	b->rolling.since = mono_now();
	b->snapshot.kept = true;
	return b;
}

static void
busy_drop(struct brain *b)
{
	link_watch_free(b->link);
	rig_drop(b);
}

/* The text of docs/control.md from one heading to the next. */
static char *
section(const char *page, const char *heading)
{
	const char *from = strstr(page, heading), *to;

	assert_non_null(from);
	from += strlen(heading);
	to = strstr(from, "\n##");
	return strndup(from, to != NULL ? (size_t)(to - from) : strlen(from));
}

/* Adds every "key": of a text to the set. */
static void
keys_of_text(const char *text, json_t *set)
{
	for (const char *p = text; (p = strchr(p, '"')) != NULL; p++) {
		size_t n = strspn(p + 1, "abcdefghijklmnopqrstuvwxyz_0123456789");
		char key[64];

		if (n == 0 || n >= sizeof(key) || p[n + 1] != '"' || p[n + 2] != ':')
			continue;
		snprintf(key, sizeof(key), "%.*s", (int)n, p + 1);
		json_object_set_new(set, key, json_true());
	}
}

static bool
ends_with(const char *text, const char *end)
{
	size_t n = strlen(text), m = strlen(end);

	return n > m && strcmp(text + n - m, end) == 0;
}

static void
check_unit(const char *key, const json_t *value)
{
	if (json_is_null(value))
		return;
	if (ends_with(key, "_s") && !json_is_real(value))
		fail_msg("%s is not in seconds", key);
	if (ends_with(key, "_us") && !json_is_integer(value))
		fail_msg("%s is not in whole microseconds", key);
	if (ends_with(key, "_at") &&
	    (!json_is_string(value) || strlen(json_string_value(value)) != 24 ||
		json_string_value(value)[23] != 'Z'))
		fail_msg("%s is no time of day", key);
	if ((strcmp(key, "rung") == 0 || strcmp(key, "reason") == 0 || strcmp(key, "text") == 0) &&
	    !json_is_string(value))
		fail_msg("%s is no text", key);
}

static void
keys_of_json(const json_t *j, json_t *set)
{
	const char *key;
	json_t *value;
	size_t i;

	json_array_foreach ((json_t *)j, i, value)
		keys_of_json(value, set);
	json_object_foreach ((json_t *)j, key, value) {
		if (key[0] >= 'A' && key[0] <= 'Z') /* a word of DNS: an rcode */
			continue;
		json_object_set_new(set, key, json_true());
		check_unit(key, value);
		keys_of_json(value, set);
	}
}

static int
missing(const char *what, json_t *of, json_t *in)
{
	const char *key;
	json_t *value;
	int n = 0;

	json_object_foreach (of, key, value) {
		if (json_object_get(in, key) != NULL)
			continue;
		print_error("%s: %s\n", what, key);
		n++;
	}
	return n;
}

static void
agree(const char *name, const char *const *headings, json_t *answer)
{
	json_t *said = json_object(), *sent = json_object();
	char *page, what[100];
	struct err err;
	int n;

	page = file_read("docs/control.md", 1 << 20, NULL, &err);
	if (page == NULL)
		fail_msg("%s", err.text);
	for (; *headings != NULL; headings++) {
		char *text = section(page, *headings);

		keys_of_text(text, said);
		free(text);
	}
	free(page);
	assert_non_null(answer);
	keys_of_json(answer, sent);
	snprintf(what, sizeof(what), "%s: in docs/control.md and not sent", name);
	n = missing(what, said, sent);
	snprintf(what, sizeof(what), "%s: sent and not in docs/control.md", name);
	n += missing(what, sent, said);
	json_decref(said);
	json_decref(sent);
	json_decref(answer);
	assert_int_equal(n, 0);
}

static void
status_sends_what_is_written(void **state)
{
	struct brain *b = busy_brain();

	(void)state;
	agree("status", (const char *const[]){"### status", NULL}, view_status(b));
	busy_drop(b);
}

static void
why_sends_what_is_written(void **state)
{
	struct brain *b = busy_brain();

	(void)state;
	/* "all as in status": also the processes. */
	agree("why", (const char *const[]){"### status", "### why", NULL},
	    view_why(b, lanes_all(b)));
	busy_drop(b);
}

static void
checks_send_what_is_written(void **state)
{
	struct brain *b = busy_brain();

	(void)state;
	agree("checks", (const char *const[]){"### checks", NULL},
	    view_checks(b, lanes_all(b), NULL));
	busy_drop(b);
}

static void
workers_send_what_is_written(void **state)
{
	struct brain *b = busy_brain();

	(void)state;
	agree("workers", (const char *const[]){"### workers", NULL}, view_workers(b));
	busy_drop(b);
}

static void
the_fleet_sends_what_is_written(void **state)
{
	static const struct peer peer = {
	    .id = 1, .rung = 3, .max_suspended = 1, .request_region = 7};
	struct fleet_view *v;
	struct brain *b;

	(void)state;
	rig_fleet = true;
	rig_watch = "watch = ( { id = 4; addresses = [\"127.0.9.4\"]; } );";
	b = busy_brain();
	rig_fleet = false;
	rig_watch = "";
	v = (struct fleet_view *)(uintptr_t)fleetwatch_view(b->fleet.watch, 0);
	v->nodes[1].known = true;
	v->nodes[1].peer = peer;
	v->nodes[1].verdicts_known = true;
	v->nodes[1].watched[0] = 2;
	v->peers[v->n_peers++] = peer;
	b->lanes[0].ask = (struct ask){.set = true, .region = "us", .until = mono_now()};
	agree("fleet", (const char *const[]){"### fleet", NULL}, view_fleet(b, lanes_all(b)));
	busy_drop(b);
}

static void
nothing_is_lost_to_bytes_that_are_no_text(void **state)
{
	struct brain *b = busy_brain();
	json_t *o;

	(void)state;
	snprintf(b->instances[0].targets[0].window.why, 64, "exit 1: \xe9t\xe9");
	b->instances[0].targets[0].window.verdict = VERDICT_FAIL;
	snprintf(b->slots[0].worker.why, sizeof(b->slots[0].worker.why), "\x80\xed\xa0\x80");
	snprintf(b->sessions[0].text, sizeof(b->sessions[0].text), "\xff");
	o = view_checks(b, lanes_all(b), NULL);
	assert_int_equal(json_array_size(json_object_get(o, "checks")), b->n_instances);
	json_decref(o);
	o = view_why(b, 1);
	assert_int_equal(json_array_size(json_object_get(json_array_get(
			     json_object_get(o, "lanes"), 0), "checks")), 2);
	assert_int_equal(json_array_size(json_object_get(o, "sessions")), 1);
	json_decref(o);
	o = view_workers(b);
	assert_int_equal(json_array_size(json_object_get(o, "workers")), b->n_slots);
	json_decref(o);
	busy_drop(b);
}

/* Each sample line is NAME{LABELS} NUMBER, of a name that has its TYPE, with our prefix; each name
 * stands in docs/control.md. */
static void
metrics_are_well_formed(void **state)
{
	struct brain *b = busy_brain();
	const char *type;
	char *text, *line, *save = NULL, known[64] = "", quoted[68];
	struct err err;
	char *page = file_read("docs/control.md", 1 << 20, NULL, &err);
	bool histogram = false;
	char sort[16];
	int samples = 0;

	(void)state;
	snprintf(b->instances[0].targets[0].label, 80, "a\"b\\c\nd");
	b->instances[0].targets[0].last = (struct sample){.outcome = OUTCOME_OK, .rtt_us = 5};
	text = brain_metrics_render(b, "/metrics", &type);
	assert_non_null(text);
	assert_non_null(page);
	assert_non_null(strstr(text, "target=\"a\\\"b\\\\c\\nd\""));
	for (line = strtok_r(text, "\n", &save); line != NULL; line = strtok_r(NULL, "\n", &save)) {
		size_t n = strcspn(line, "{ ");
		char *end;

		if (sscanf(line, "# TYPE %63s %15s", known, sort) == 2) {
			histogram = strcmp(sort, "histogram") == 0;
			snprintf(quoted, sizeof(quoted), "`%s`", known);
			if (strstr(page, quoted) == NULL)
				fail_msg("%s is not in docs/control.md", known);
		}
		if (line[0] == '#')
			continue;
		samples++;
		if (histogram && strncmp(line + strlen(known), "_bucket{", 8) == 0)
			n -= strlen("_bucket");
		else if (histogram && strncmp(line + strlen(known), "_count{", 7) == 0)
			n -= strlen("_count");
		if (strncmp(line, known, n) != 0 || known[n] != '\0' ||
		    strncmp(line, "anypop_", 7) != 0)
			fail_msg("no TYPE before: %s", line);
		strtod(strrchr(line, ' ') + 1, &end);
		assert_int_equal(*end, '\0');
	}
	assert_in_range(samples, 30, 1000);
	free(text);
	free(page);
	assert_null(brain_metrics_render(b, "/etc/passwd", &type));
	busy_drop(b);
}

/* Buckets hold all that is faster, the last all there is; what no scoreboard tells is not there. */
static void
metrics_tell_what_workers_and_engines_count(void **state)
{
	static const char *const lines[] = {
	    "\nanypop_worker_up{worker=\"0\"} 1\n",
	    "\nanypop_worker_up{worker=\"1\"} 0\n",
	    "\nanypop_worker_state{worker=\"0\",state=\"answering\"} 1\n",
	    "\nanypop_worker_state{worker=\"0\",state=\"failing\"} 0\n",
	    "\nanypop_worker_answers_total{worker=\"0\",rcode=\"NOERROR\"} 0\n",
	    "\nanypop_worker_answers_total{worker=\"0\",rcode=\"SERVFAIL\"} 3\n",
	    "\nanypop_worker_answers_total{worker=\"0\",rcode=\"NOTAUTH\"} 1\n",
	    "\nanypop_worker_answers_total{worker=\"0\",rcode=\"BADVERS\"} 5\n",
	    "\nanypop_worker_answers_total{worker=\"0\",rcode=\"BADCOOKIE\"} 6\n",
	    "\nanypop_worker_layer_total{worker=\"0\",layer=\"l1\"} 4\n",
	    "\nanypop_worker_failures_total{worker=\"0\",cause=\"internal\"} 2\n",
	    "\nanypop_worker_drops_total{worker=\"0\",reason=\"malformed\"} 0\n",
	    "\nanypop_worker_in_flight{worker=\"0\"} 0\n",
	    "\nanypop_worker_latency_seconds_bucket{worker=\"0\",le=\"0.000512\"} 1\n",
	    "\nanypop_worker_latency_seconds_bucket{worker=\"0\",le=\"0.001024\"} 3\n",
	    "\nanypop_worker_latency_seconds_bucket{worker=\"0\",le=\"16.7772\"} 3\n",
	    "\nanypop_worker_latency_seconds_bucket{worker=\"0\",le=\"+Inf\"} 4\n",
	    "\nanypop_worker_latency_seconds_count{worker=\"0\"} 4\n",
	    "\nanypop_engine_up{engine=\"0\"} 1\n",
	    "\nanypop_engine_answers_total{engine=\"0\",rcode=\"SERVFAIL\"} 3\n",
	    "\nanypop_engine_failures_total{engine=\"0\",cause=\"internal\"} 2\n",
	    "\nanypop_upstream_breaker{engine=\"0\",name=\"roo\",state=\"closed\"} 1\n",
	    "\nanypop_upstream_breaker{engine=\"0\",name=\"\\\"\",state=\"closed\"} 0\n",
	    "\nanypop_upstream_breaker{engine=\"0\",name=\"\\\"\",state=\"open\"} 1\n",
	    "\nanypop_upstream_opened_total{engine=\"0\",name=\"\\\"\"} 7\n",
	    "\nanypop_upstream_asked_total{engine=\"0\",name=\"roo\"} 0\n",
	    "\nanypop_upstream_rtt_seconds{engine=\"0\",name=\"\\\"\"} 0.0015\n",
	    "\nanypop_engine_events_total{engine=\"0\",event=\"l3_untrusted\"} 5\n",
	    "\nanypop_redis_state{engine=\"0\",name=\"10.9.7.1\",state=\"late\"} 1\n",
	    "\nanypop_redis_state{engine=\"0\",name=\"10.9.7.1\",state=\"up\"} 0\n",
	    "\nanypop_redis_asked_total{engine=\"0\",name=\"10.9.7.1\"} 9\n",
	    "\nanypop_redis_answered_total{engine=\"0\",name=\"10.9.7.1\"} 8\n",
	    "\nanypop_redis_lost_total{engine=\"0\",name=\"10.9.7.1\"} 2\n",
	};
	struct brain *b = busy_brain();
	const char *type;
	char *text = brain_metrics_render(b, "/metrics", &type);

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		if (strstr(text, lines[i]) == NULL)
			fail_msg("not there: %s", lines[i]);
	assert_null(strstr(text, "anypop_worker_state{worker=\"1\""));
	assert_null(strstr(text, "anypop_engine_layer_total"));
	assert_null(strstr(text, "anypop_upstream_rtt_seconds{engine=\"0\",name=\"roo\""));
	assert_null(strstr(text, "anypop_upstream_breaker{engine=\"1\""));
	assert_null(strstr(text, "anypop_redis_state{engine=\"1\""));
	assert_null(strstr(text, "anypop_redis_state{engine=\"0\",name=\"\""));
	free(text);
	busy_drop(b);
}

static void
extended_rcodes_are_shown_as_what_they_are(void **state)
{
	struct brain *b = busy_brain();
	json_t *view = view_workers(b), *slot, *score, *rcodes;

	(void)state;
	slot = json_array_get(json_object_get(view, "workers"), 0);
	score = json_object_get(slot, "score");
	rcodes = json_object_get(score, "rcodes");
	assert_int_equal(json_integer_value(json_object_get(rcodes, "BADVERS")), 5);
	assert_int_equal(json_integer_value(json_object_get(rcodes, "BADCOOKIE")), 6);
	assert_null(json_object_get(rcodes, "NOERROR"));
	json_decref(view);
	busy_drop(b);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)
	const struct CMUnitTest tests[] = {
	    TEST(status_sends_what_is_written),
	    TEST(why_sends_what_is_written),
	    TEST(checks_send_what_is_written),
	    TEST(workers_send_what_is_written),
	    TEST(the_fleet_sends_what_is_written),
	    TEST(nothing_is_lost_to_bytes_that_are_no_text),
	    TEST(metrics_are_well_formed),
	    TEST(metrics_tell_what_workers_and_engines_count),
	    TEST(extended_rcodes_are_shown_as_what_they_are),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
