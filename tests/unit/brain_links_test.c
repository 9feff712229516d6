/* What the kernel says of one interface or address is news of that one. */
#include "tests/unit/brain_rig.h"

static link_carrier *carrier;
static link_address *bound;
static void *arg;

/* In the place of healthd/link.c: its events are the test's. */
struct link_watch *
link_watch_new(struct ev_loop *loop, const char *const *interfaces, int n,
    const struct addr *addresses, int n_addresses, link_carrier *on_carrier,
    link_address *on_address, void *on_arg, struct err *err)
{
	(void)loop, (void)interfaces, (void)n, (void)addresses, (void)n_addresses, (void)err;
	carrier = on_carrier;
	bound = on_address;
	arg = on_arg;
	return (struct link_watch *)on_arg;
}

int
link_restore(struct link_watch *w, const struct addr *address, const char *interface,
    struct err *err)
{
	(void)w, (void)address, (void)interface, (void)err;
	return 0;
}

void
link_watch_free(struct link_watch *w)
{
	(void)w;
}

static const struct instance *
instance_of(const struct brain *b, const char *name)
{
	for (int i = 0; i < b->n_instances; i++)
		if (strcmp(b->instances[i].name, name) == 0)
			return &b->instances[i];
	fail_msg("no %s", name);
	return NULL;
}

static struct brain *
begin(const char *checks)
{
	struct brain *b;
	struct err err;

	rig_checks = checks;
	b = rig_brain();
	rig_checks = "";
	if (links_init(b, &err) < 0)
		fail_msg("%s", err.text);
	return b;
}

/* Else an uplink that flaps would make others well in no time. */
static void
an_interface_that_flaps_hastens_no_other(void **state)
{
	struct brain *b = begin(", { name = \"up2\"; kind = \"link\"; rise = 3;"
				" interfaces = [\"e0\", \"e1\"]; }");
	const struct target *t = instance_of(b, "up2")->targets;

	(void)state;
	carrier(arg, "e0", false);
	carrier(arg, "e0", true);
	for (int i = 0; i < 10; i++)
		carrier(arg, "e1", i % 2 != 0);
	assert_int_equal(t[0].ended[OUTCOME_OK], 1);
	assert_int_equal(t[0].ended[OUTCOME_WRONG], 1);
	assert_int_equal(t[1].ended[OUTCOME_OK], 5);
	links_second(b);
	assert_int_equal(t[0].ended[OUTCOME_OK], 2);
	assert_int_equal(t[1].ended[OUTCOME_OK], 6);
	rig_drop(b);
}

static void
an_address_that_comes_and_goes_hastens_no_other(void **state)
{
	struct brain *b = begin(", { name = \"bound\"; kind = \"link\"; addresses = true; },"
				" { name = \"up1\"; kind = \"link\"; interfaces = [\"e0\"]; }");
	const struct target *t = instance_of(b, "up1")->targets;
	uint64_t fed = 0;

	(void)state;
	carrier(arg, "e0", true);
	for (int i = 0; i < 10; i++)
		bound(arg, &b->addresses[0].address, i % 2 != 0);
	assert_int_equal(t[0].ended[OUTCOME_OK], 1);
	for (int i = 0; i < b->n_instances; i++)
		for (int n = 0; b->instances[i].addresses && n < b->instances[i].n_targets; n++)
			fed += b->instances[i].targets[n].ended[OUTCOME_OK] +
			       b->instances[i].targets[n].ended[OUTCOME_WRONG];
	assert_int_equal(fed, 10);
	rig_drop(b);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)
	const struct CMUnitTest tests[] = {
	    TEST(an_interface_that_flaps_hastens_no_other),
	    TEST(an_address_that_comes_and_goes_hastens_no_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
