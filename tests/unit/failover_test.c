/*
 * failover: what the fleet's answer says of a region and of those who would take over, when that
 * refuses a failover, and when it breaks one. Fleets as text: one node a word.
 */
#include "bgpctl/failover.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka.h needs those before it. */
#include <cmocka.h>

#include "bgpctl/beacon.h"

#define LENGTH(a) (sizeof(a) / sizeof((a)[0]))

/* "ID REGION RUNG [intent=I] [flag=F] [load=L] [saw=ID:VERDICT]", nodes set apart by ";". */
static json_t *
node_of_text(char *text)
{
	json_t *node = json_pack("{s:[],s:[],s:s}", "flags", "verdicts", "intent", "none");
	char *rest, *word = strtok_r(text, " ", &rest);
	int n = 0;

	for (; word != NULL; word = strtok_r(NULL, " ", &rest), n++) {
		char *value = strchr(word, '=');

		if (n == 0)
			json_object_set_new(node, "id", json_integer(atoi(word)));
		else if (n == 1)
			json_object_set_new(node, "region",
			    strcmp(word, "-") ? json_string(word) : json_null());
		else if (n == 2)
			json_object_set_new(node, "rung",
			    strcmp(word, "-") ? json_string(word) : json_null());
		else if (strcmp(word, "conflict") == 0)
			json_object_set_new(node, "conflict", json_true());
		else if (strncmp(word, "intent", 6) == 0)
			json_object_set_new(node, "intent", json_string(value + 1));
		else if (strncmp(word, "flag", 4) == 0)
			json_array_append_new(
			    json_object_get(node, "flags"), json_string(value + 1));
		else if (strncmp(word, "load", 4) == 0)
			json_object_set_new(node, "load", json_real(atof(value + 1)));
		else if (strncmp(word, "saw", 3) == 0)
			json_array_append_new(json_object_get(node, "verdicts"),
			    json_pack("{siss}", "id", atoi(value + 1), "verdict",
				strchr(value, ':') + 1));
	}
	return node;
}

/* A lane: "STANDING TOLD; node; node". */
static json_t *
lane_of_text(const char *text)
{
	char copy[1000], *rest, *part, standing[20], told[20];
	json_t *nodes = json_array();

	snprintf(copy, sizeof(copy), "%s", text);
	part = strtok_r(copy, ";", &rest);
	assert_int_equal(sscanf(part, "%19s %19s", standing, told), 2);
	while ((part = strtok_r(NULL, ";", &rest)) != NULL)
		json_array_append_new(nodes, node_of_text(part));
	return json_pack("{ssssssssssso}", "service", "dns", "family", "v4", "standing", standing,
	    "told", told, "intent", "none", "nodes", nodes);
}

/* This node is of region "us". */
static struct failover
look(const char *a, const char *b, int needed)
{
	json_t *answer = json_pack("{sisss[o]}", "min_announcing", needed, "region", "us", "lanes",
	    lane_of_text(a));
	struct failover f;

	if (b != NULL)
		json_array_append_new(json_object_get(answer, "lanes"), lane_of_text(b));
	f = failover_look(answer, "eu");
	json_decref(answer);
	return f;
}

static const char WELL[] = "fresh full; 1 eu full; 2 eu backup; 4 us full";

struct row {
	const char *name, *lane, *second;
	int needed, nodes, announcing, ill, voted, takers, full;
	const char *refuses; /* part of the sentence; NULL: it does not */
};

static void
a_fleet_is_read_and_a_failover_refused_with_its_reason(void **state)
{
	static const struct row rows[] = {
	    {"well", WELL, NULL, 2, 2, 2, 0, 0, 2, 0, NULL},
	    {"more needed", WELL, NULL, 3, 2, 2, 0, 0, 2, 0, "2 others elsewhere"},
	    {"stale", "stale full; 1 eu full; 4 us full", NULL, 1, 1, 1, 0, 0, 2, 0,
		"no fresh view of the fleet (dns v4 is stale)"},
	    {"isolated in one lane", WELL, "isolated full; 1 eu full; 4 us full", 1, 2, 2, 0, 0, 2,
		0, "isolated"},
	    {"nobody of it", "fresh full; 4 us full", NULL, 1, 0, 0, 0, 0, 2, 0, "in a region eu"},
	    {"the other one at drain", "fresh full; 1 eu full; 4 us drain", NULL, 2, 1, 1, 0, 0, 1,
		0, "1 others"},
	    {"this one at drain", "fresh drain; 1 eu full; 4 us full", NULL, 2, 1, 1, 0, 0, 1, 0,
		"1 others"},
	    {"at drain in one lane", WELL, "fresh full; 1 eu full; 2 eu full; 4 us drain", 2, 2, 2,
		0, 0, 1, 0, "1 others"},
	    {"not in view in one lane", WELL, "fresh full; 1 eu full; 2 eu full", 2, 2, 2, 0, 0, 1,
		0, "1 others"},
	    {"wishing", "fresh full; 1 eu full; 4 us full intent=low", NULL, 2, 1, 1, 0, 0, 1, 0,
		"1 others"},
	    {"a shared fault is no wish", "fresh full; 1 eu full; 4 us full intent=shared", NULL, 2,
		1, 1, 0, 0, 2, 0, NULL},
	    {"absorbing", "fresh full; 1 eu full; 4 us full flag=absorbing", NULL, 2, 1, 1, 0, 0, 2,
		1, NULL},
	    {"all full", "fresh drain; 1 eu full; 4 us full load=1.25", NULL, 1, 1, 1, 0, 0, 1, 1,
		"overloaded already"},
	    {"in conflict", "fresh full; 1 eu full; 4 us full conflict", NULL, 2, 1, 1, 0, 0, 1, 0,
		"1 others"},
	    {"ill by their own word", "fresh full; 1 eu silent; 2 eu drain intent=high; 4 us full",
		NULL, 1, 2, 0, 2, 0, 2, 0, NULL},
	    {"ill by majority", "fresh full; 1 eu full saw=2:well; 2 eu full; "
		"4 us full saw=2:failed; 5 - full saw=2:failed saw=1:unknown", NULL, 1, 2, 2, 1, 1,
		3, 0, NULL},
	    {"a tie is no majority", "fresh full; 1 eu silent; 4 us full saw=1:failed; "
		"5 us full saw=1:well", NULL, 1, 1, 0, 0, 1, 3, 0, NULL},
	    {"a taker fails by majority", "fresh full; 1 eu full; 4 us full; 5 us full saw=4:failed",
		NULL, 3, 1, 1, 0, 0, 2, 0, "2 others"},
	    {"who conflicts has no vote", "fresh full; 1 eu full; 4 us full; "
		"5 us full saw=4:failed conflict", NULL, 2, 1, 1, 0, 0, 2, 0, NULL},
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(rows); i++) {
		const struct row *r = &rows[i];
		struct failover f = look(r->lane, r->second, r->needed);
		char text[FAILOVER_WORDS];
		const char *why = failover_refuses(&f, "eu", text);

		if (f.nodes != r->nodes || f.announcing != r->announcing || f.ill != r->ill ||
		    f.voted != r->voted || f.takers != r->takers || f.full != r->full ||
		    (why == NULL) != (r->refuses == NULL) ||
		    (why != NULL && strstr(why, r->refuses) == NULL))
			fail_msg("%s: %d nodes, %d announcing, %d ill, %d voted, %d takers, %d "
				 "full: %s", r->name, f.nodes, f.announcing, f.ill, f.voted, f.takers, f.full,
			    why != NULL ? why : "no refusal");
		assert_non_null(strstr(failover_region_says(&f, "eu", text), "eu has"));
		assert_non_null(strstr(failover_takers_say(&f, text), "would take over"));
	}
}

static void
regions_are_known_by_name_and_by_digest(void **state)
{
	char digest[16];
	json_t *node;

	(void)state;
	snprintf(digest, sizeof(digest), "#%04x", beacon_region("eu"));
	node = json_pack("{ss}", "region", digest);
	assert_true(failover_inside(node, "eu"));
	assert_false(failover_inside(node, "us"));
	json_object_set_new(node, "region", json_null());
	assert_false(failover_inside(node, "eu"));
	json_decref(node);
}

static void
it_has_moved_when_nobody_of_the_region_is_better_than_drain(void **state)
{
	struct failover f = look("fresh full; 1 eu drain; 2 eu silent; 4 us full", NULL, 1);

	(void)state;
	assert_true(failover_moved(&f));
	f = look("fresh full; 1 eu drain; 4 us full", "fresh full; 1 eu full; 4 us full", 1);
	assert_false(failover_moved(&f));
	f = look("stale full; 1 eu drain; 4 us full", NULL, 1);
	assert_false(failover_moved(&f));
	f = look("fresh full; 4 us full", NULL, 1);
	assert_false(failover_moved(&f));
}

static void
it_breaks_when_who_took_over_falls_or_is_overloaded(void **state)
{
	struct failover begun = look(WELL, NULL, 1), f;
	char text[FAILOVER_WORDS];

	(void)state;
	assert_null(failover_breaks(&begun, &begun, text));
	f = look("fresh full; 1 eu drain; 2 eu drain; 4 us backup", NULL, 1);
	assert_null(failover_breaks(&begun, &f, text));
	f = look("fresh full; 1 eu drain; 2 eu drain; 4 us drain", NULL, 1);
	assert_string_equal(failover_breaks(&begun, &f, text), "of 2 that took over 1 is left");
	f = look("fresh full; 1 eu drain; 2 eu drain", NULL, 1);
	assert_non_null(failover_breaks(&begun, &f, text));
	f = look("fresh full; 1 eu drain; 4 us full flag=absorbing", NULL, 1);
	assert_string_equal(
	    failover_breaks(&begun, &f, text), "1 of 2 that took over is overloaded");
	f = look("fresh full; 1 eu drain; 4 us full load=0.875", NULL, 1);
	assert_null(failover_breaks(&begun, &f, text));
	assert_non_null(strstr(failover_takers_say(&f, text), "carries 88%"));
	f = look("fresh full; 1 eu drain; 4 us full load=1", NULL, 1);
	assert_non_null(failover_breaks(&begun, &f, text));
	f = look("isolated full; 1 eu drain; 4 us full", NULL, 1);
	assert_non_null(strstr(failover_breaks(&begun, &f, text), "view of the fleet is lost"));
}

/* The region of the one who is asked counts him. */
static void
this_node_is_one_of_its_region(void **state)
{
	json_t *answer = json_pack("{sisss[o]}", "min_announcing", 1, "region", "us", "lanes",
	    lane_of_text("fresh backup; 1 eu full; 4 us full"));
	struct failover f = failover_look(answer, "us");

	(void)state;
	assert_true(f.own);
	assert_int_equal(f.nodes, 2);
	assert_int_equal(f.announcing, 2);
	assert_int_equal(f.takers, 1);
	json_decref(answer);
}

static void
an_answer_of_any_shape_is_no_reason_to_go_on(void **state)
{
	static const char *const answers[] = {"{}", "[]", "{\"lanes\": 7}", "{\"lanes\": []}",
	    "{\"lanes\": [7, null]}", "{\"lanes\": [{\"standing\": \"fresh\", \"nodes\": [1, {}]}]}",
	    "{\"lanes\": [{\"standing\": \"fresh\", \"nodes\": [{\"id\": 1, \"region\": \"eu\", "
	    "\"flags\": [1], \"verdicts\": {}}]}]}"};
	char text[FAILOVER_WORDS];

	(void)state;
	for (size_t i = 0; i < LENGTH(answers); i++) {
		json_t *answer = json_loads(answers[i], 0, NULL);
		struct failover f = failover_look(answer, "eu");

		assert_non_null(answer);
		assert_non_null(failover_refuses(&f, "eu", text));
		json_decref(answer);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_fleet_is_read_and_a_failover_refused_with_its_reason),
	    cmocka_unit_test(regions_are_known_by_name_and_by_digest),
	    cmocka_unit_test(it_has_moved_when_nobody_of_the_region_is_better_than_drain),
	    cmocka_unit_test(it_breaks_when_who_took_over_falls_or_is_overloaded),
	    cmocka_unit_test(this_node_is_one_of_its_region),
	    cmocka_unit_test(an_answer_of_any_shape_is_no_reason_to_go_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
