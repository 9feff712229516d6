/*
 * The brain as a vantage point: it asks watched neighbours and tells what it finds, and what others
 * say of it is a fact and an event. A neighbour is a socket here that answers, or does not.
 */
#include "tests/unit/brain_rig.h"

#include <netinet/in.h>

#include "healthd/view.h"

#define WATCH                                                                                      \
	"watch = ( { id = 1; addresses = [\"127.0.9.1\"]; }, { id = 4; addresses = "           \
	"[\"127.0.9.4\", \"::1\"]; }, { id = 5; addresses = [\"::1\"]; } ); probe = { "       \
	"interval_ms = 100; hold_ms = 300; };"

/* Stands for the resolver of neighbour 1. */
static struct {
	int fd;
	bool dumb;
	ev_io io;
	int asked;
} server;

static void
on_question(struct ev_loop *loop, ev_io *w, int events)
{
	uint8_t wire[512];
	struct sockaddr_storage from;
	socklen_t size = sizeof(from);
	ssize_t n = recvfrom(w->fd, wire, sizeof(wire), 0, (struct sockaddr *)&from, &size);

	(void)loop, (void)events;
	server.asked++;
	if (n < 12 || server.dumb)
		return;
	wire[2] |= 0x80; /* QR: the question itself, answered NOERROR */
	assert_int_equal(sendto(w->fd, wire, (size_t)n, 0, (struct sockaddr *)&from, size), n);
}

/* At a port that is free, which becomes the service's. */
static void
serve(void)
{
	struct sockaddr_in at = {.sin_family = AF_INET};
	socklen_t size = sizeof(at);

	at.sin_addr.s_addr = htonl(0x7f000901);
	server.fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	server.dumb = false;
	server.asked = 0;
	assert_int_equal(bind(server.fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(getsockname(server.fd, (struct sockaddr *)&at, &size), 0);
	rig_port = ntohs(at.sin_port);
}

static void
leave(struct brain *b)
{
	ev_io_stop(b->loop, &server.io);
	close(server.fd);
	rig_drop(b);
}

static struct brain *
begin(const char *checks)
{
	struct brain *b;

	rig_fleet = true;
	rig_watch = WATCH;
	rig_checks = checks;
	serve();
	b = rig_brain();
	ev_io_init(&server.io, on_question, server.fd, EV_READ);
	ev_io_start(b->loop, &server.io);
	return b;
}

static struct fleet_view *
view_of(struct brain *b)
{
	return (struct fleet_view *)(uintptr_t)fleetwatch_view(b->fleet.watch, 0);
}

static void
see(struct brain *b, int id, int rung)
{
	struct fleet_node *n = &view_of(b)->nodes[id];

	n->known = true;
	n->peer = (struct peer){.id = (uint16_t)id, .rung = (int8_t)rung};
	view_of(b)->at = mono_now();
}

/* Node `id` says so of us. */
static void
says(struct brain *b, int id, enum beacon_verdict verdict)
{
	struct fleet_node *n = &view_of(b)->nodes[id];

	see(b, id, 3);
	n->verdicts_known = true;
	n->watched[0] = 2;
	n->verdicts[0] = (uint8_t)verdict;
}

/* BIRD's filter names our neighbours as we do. */
static void
filtered(struct brain *b, uint16_t first)
{
	view_of(b)->own_known = true;
	view_of(b)->own_watched[0] = first;
	view_of(b)->own_watched[1] = 4;
	view_of(b)->own_watched[2] = 5;
}

static int
told(struct brain *b, int place)
{
	uint8_t verdicts[MAX_WATCHED];

	vantages_tell(b, 0, verdicts);
	return verdicts[place];
}

/* Runs until neighbour 1 is told so; the loop's timers bound each turn. */
static void
until_told(struct brain *b, enum beacon_verdict verdict)
{
	struct mono end = mono_add_ms(mono_now(), 20000);

	while (told(b, 0) != (int)verdict && mono_before(mono_now(), end)) {
		ev_run(b->loop, EVRUN_ONCE);
		view_of(b)->at = mono_now();
		vantages_second(b);
	}
	assert_int_equal(told(b, 0), verdict);
}

static struct instance *
vantage_check(struct brain *b)
{
	for (int n = 0; n < b->n_instances; n++)
		if (b->instances[n].conf->kind == KIND_VANTAGE)
			return &b->instances[n];
	fail_msg("no vantage check");
	return NULL;
}

static void
a_neighbour_is_asked_and_told(void **state)
{
	struct brain *b = begin("");
	uint64_t facts = b->lanes[0].facts;
	int n = b->n_instances;

	(void)state;
	see(b, 1, 3);
	filtered(b, 1);
	vantages_view(b, 1);
	assert_int_equal(told(b, 0), BEACON_UNKNOWN);
	until_told(b, BEACON_WELL);
	assert_int_equal(told(b, 1), BEACON_UNKNOWN); /* out of view */
	assert_int_equal(told(b, 2), BEACON_UNKNOWN); /* no address in this family */
	server.dumb = true;
	until_told(b, BEACON_FAILED);
	server.dumb = false;
	until_told(b, BEACON_WELL);
	assert_int_equal(b->n_instances, n); /* nothing of it is a check of ours */
	assert_true(b->lanes[0].facts == facts);
	for (int i = 0; i < n; i++)
		assert_int_not_equal(b->instances[i].conf->kind, KIND_VANTAGE);
	leave(b);
}

static void
who_is_out_of_view_is_not_known(void **state)
{
	struct brain *b = begin("");

	(void)state;
	filtered(b, 1);
	see(b, 1, 3);
	until_told(b, BEACON_WELL);
	view_of(b)->nodes[1].peer.rung = -1;
	vantages_view(b, 1);
	assert_int_equal(told(b, 0), BEACON_UNKNOWN);
	see(b, 1, 0); /* silent is in view */
	until_told(b, BEACON_WELL);
	view_of(b)->nodes[1].conflict = true;
	vantages_view(b, 1);
	assert_int_equal(told(b, 0), BEACON_UNKNOWN);
	view_of(b)->nodes[1].conflict = false;
	until_told(b, BEACON_WELL);
	view_of(b)->at = mono_add_ms(mono_now(), -2100); /* stale */
	vantages_second(b);
	assert_int_equal(told(b, 0), BEACON_UNKNOWN);
	leave(b);
}

static void
nothing_is_told_under_another_name(void **state)
{
	struct brain *b = begin("");

	(void)state;
	filtered(b, 1);
	see(b, 1, 3);
	until_told(b, BEACON_WELL);
	filtered(b, 3);
	vantages_view(b, 1);
	assert_int_equal(told(b, 0), BEACON_UNKNOWN);
	assert_true(b->fleet.hearsay[0].misnamed);
	filtered(b, 1);
	vantages_view(b, 1);
	assert_int_equal(told(b, 0), BEACON_WELL);
	assert_false(b->fleet.hearsay[0].misnamed);
	leave(b);
}

static void
a_majority_is_a_fact_and_its_lack_is_none(void **state)
{
	struct brain *b = begin(",{ name = \"others\"; kind = \"vantage\"; weight = 100; }");
	const struct instance *i = vantage_check(b);

	(void)state;
	assert_int_equal(i->lanes, 1); /* the lane with beacons alone */
	assert_int_equal(i->fact.verdict, VERDICT_IDLE);
	assert_int_equal(i->fact.class, CLASS_TOLD);
	says(b, 1, BEACON_FAILED);
	vantages_view(b, 1);
	assert_int_equal(i->fact.verdict, VERDICT_IDLE); /* one liar */
	says(b, 4, BEACON_FAILED);
	vantages_view(b, 1);
	assert_int_equal(i->fact.verdict, VERDICT_FAIL);
	assert_int_equal(i->fact.value, 0);
	says(b, 4, BEACON_WELL);
	vantages_view(b, 1);
	assert_int_equal(i->fact.verdict, VERDICT_IDLE); /* one against one */
	says(b, 5, BEACON_WELL);
	vantages_view(b, 1);
	assert_int_equal(i->fact.verdict, VERDICT_OK);
	says(b, 5, BEACON_FAILED);
	vantages_view(b, 1);
	assert_int_equal(i->fact.verdict, VERDICT_FAIL);
	view_of(b)->at = mono_add_ms(mono_now(), -2100);
	vantages_second(b);
	assert_int_equal(i->fact.verdict, VERDICT_IDLE);
	leave(b);
}

static struct {
	int vantage, warned;
	char last[600];
} heard;

static void
hear_event(void *arg, enum event_level level, const char *name, const char *line)
{
	(void)arg;
	if (strcmp(name, "vantage") != 0)
		return;
	heard.vantage++;
	heard.warned += level == EVENT_WARN;
	snprintf(heard.last, sizeof(heard.last), "%s", line);
}

static void
majorities_are_told_and_flapping_ones_counted(void **state)
{
	struct brain *b = begin("");

	(void)state;
	memset(&heard, 0, sizeof(heard));
	event_open("test", EVENT_DEBUG);
	event_set_sink(hear_event, NULL);
	says(b, 1, BEACON_FAILED);
	says(b, 4, BEACON_FAILED);
	vantages_view(b, 1);
	assert_int_equal(heard.vantage, 1);
	assert_int_equal(heard.warned, 1);
	assert_non_null(strstr(heard.last, "from=none to=failed watching=2 well=0 failed=2"));
	vantages_view(b, 1);
	assert_int_equal(heard.vantage, 1);
	for (int i = 0; i < 50; i++) {
		says(b, 4, i & 1 ? BEACON_FAILED : BEACON_WELL);
		vantages_view(b, 1);
	}
	assert_int_equal(heard.vantage, 6);
	b->fleet.hearsay[0].said.since = mono_add_ms(mono_now(), -60000);
	says(b, 4, BEACON_WELL);
	vantages_view(b, 1);
	vantages_second(b);
	assert_int_equal(heard.vantage, 6); /* as was told last */
	says(b, 4, BEACON_FAILED);
	vantages_view(b, 1);
	assert_int_equal(heard.vantage, 7);
	assert_non_null(strstr(heard.last, "untold=45"));
	event_set_sink(NULL, NULL);
	event_open("test", (enum event_level)0);
	leave(b);
}

static void
people_are_shown_who_says_what(void **state)
{
	struct brain *b = begin("");
	json_t *fleet, *lane, *first, *said;
	const char *type;
	char *metrics;

	(void)state;
	filtered(b, 1);
	see(b, 1, 3);
	until_told(b, BEACON_WELL);
	says(b, 4, BEACON_FAILED);
	says(b, 5, BEACON_FAILED);
	vantages_view(b, 1);
	b->look_until = MONO_NEVER;
	lanes_decide(b);
	fleet = view_fleet(b, lanes_all(b));
	lane = json_array_get(json_object_get(fleet, "lanes"), 0);
	assert_int_equal(json_array_size(json_object_get(lane, "watched")), 3);
	first = json_array_get(json_object_get(lane, "watched"), 0);
	assert_int_equal(json_integer_value(json_object_get(first, "id")), 1);
	assert_string_equal(json_string_value(json_object_get(first, "verdict")), "well");
	assert_string_equal(json_string_value(json_object_get(first, "address")), "127.0.9.1");
	said = json_object_get(lane, "hearsay");
	assert_string_equal(json_string_value(json_object_get(said, "majority")), "failed");
	assert_int_equal(json_integer_value(json_object_get(said, "failed")), 2);
	json_decref(fleet);
	metrics = brain_metrics_render(b, "/metrics", &type);
	assert_non_null(
	    strstr(metrics, "anypop_fleet_majority{service=\"dns\",family=\"v4\"} 2\n"));
	assert_non_null(strstr(metrics,
	    "anypop_fleet_vantages{service=\"dns\",family=\"v4\",verdict=\"failed\"} 2\n"));
	assert_non_null(strstr(
	    metrics, "anypop_fleet_watched{service=\"dns\",family=\"v4\",node=\"1\"} 1\n"));
	free(metrics);
	leave(b);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(a_neighbour_is_asked_and_told),
	    TEST(who_is_out_of_view_is_not_known),
	    TEST(nothing_is_told_under_another_name),
	    TEST(a_majority_is_a_fact_and_its_lack_is_none),
	    TEST(majorities_are_told_and_flapping_ones_counted),
	    TEST(people_are_shown_who_says_what),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
