/* Of several checks alike each is told what there is to know, and once. */
#include "tests/unit/brain_rig.h"

static const struct instance *
instance_of(const struct brain *b, const char *name)
{
	for (int i = 0; i < b->n_instances; i++)
		if (strcmp(b->instances[i].name, name) == 0)
			return &b->instances[i];
	fail_msg("no %s", name);
	return NULL;
}

static void
every_interface_of_all_checks_is_watched_once(void **state)
{
	static char checks[2000];
	const char *names[] = {"low", "high"};
	struct brain *b;
	struct err err;
	FILE *f = fmemopen(checks, sizeof(checks), "w");

	(void)state;
	assert_non_null(f);
	/* e0 to e23, and e16 to e39. */
	for (int c = 0; c < 2; c++) {
		fprintf(f, ", { name = \"%s\"; kind = \"link\"; interfaces = [", names[c]);
		for (int u = 0; u < 24; u++)
			fprintf(f, "%s \"e%d\"", u > 0 ? "," : "", 16 * c + u);
		fputs(" ]; }", f);
	}
	fclose(f);
	rig_checks = checks;
	b = rig_brain();
	rig_checks = "";
	if (links_init(b, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(b->n_uplinks, 40);
	for (int u = 0; u < b->n_uplinks; u++)
		b->uplinks[u].known = b->uplinks[u].present = true;
	links_second(b);
	for (int c = 0; c < 2; c++)
		for (int t = 0; t < 24; t++)
			assert_int_equal(instance_of(b, names[c])->targets[t].ended[OUTCOME_OK], 1);
	link_watch_free(b->link);
	rig_drop(b);
}

/* One may count for one service, one for another. */
static void
every_check_of_workers_is_told_of_them(void **state)
{
	struct mono now = mono_now();
	struct brain *b;
	int n = 0;

	(void)state;
	rig_checks = ", { name = \"first\"; kind = \"workers\"; vital = true; },"
		     " { name = \"second\"; kind = \"workers\"; }";
	b = rig_brain();
	rig_checks = "";
	for (int s = 0; s < 2; s++)
		b->slots[s].worker = worker_adopt_ready(100000 + s, now, now);
	workers_settle(b);
	for (int i = 0; i < b->n_instances; i++)
		if (b->instances[i].conf->kind == KIND_WORKERS) {
			assert_int_equal(b->instances[i].targets[0].ended[OUTCOME_OK], 1);
			n++;
		}
	assert_int_equal(n, 2);
	workers_fini(b);
	ev_timer_stop(b->loop, &b->slots_timer);
	ev_timer_stop(b->loop, &b->roster_timer);
	rig_drop(b);
}

/* Several resolvers of one machine, say. */
static void
servers_that_differ_by_port_have_names_of_their_own(void **state)
{
	const struct target *t;
	struct brain *b;

	(void)state;
	rig_checks = ", { name = \"many\"; kind = \"dns\"; target = \"servers\"; qname = \"a\";"
		     " servers = [\"127.0.0.1@5301\", \"127.0.0.1@5302\", \"127.0.0.1\"];"
		     " transports = [\"udp\", \"tcp\"]; }";
	b = rig_brain();
	rig_checks = "";
	t = instance_of(b, "many")->targets;
	assert_string_equal(t[0].label, "127.0.0.1@5301 udp");
	assert_string_equal(t[1].label, "127.0.0.1@5301 tcp");
	assert_string_equal(t[2].label, "127.0.0.1@5302 udp");
	assert_string_equal(t[4].label, "127.0.0.1 udp");
	rig_drop(b);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)
	const struct CMUnitTest tests[] = {
	    TEST(every_interface_of_all_checks_is_watched_once),
	    TEST(every_check_of_workers_is_told_of_them),
	    TEST(servers_that_differ_by_port_have_names_of_their_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
