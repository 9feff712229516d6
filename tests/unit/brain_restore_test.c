/* What the brain puts right by itself: a missing address, a spare that was left over. */
#include "tests/unit/brain_rig.h"

static int restores, alarms;
static char last[400];

static void
listen_to(void *arg, enum event_level level, const char *name, const char *line)
{
	(void)arg;
	if (strcmp(name, "address_restore") != 0)
		return;
	restores++;
	alarms += level == EVENT_ALARM;
	snprintf(last, sizeof(last), "%s", line);
}

static struct brain *
brain_without_its_interface(void)
{
	struct brain *b;
	struct err err;

	rig_checks = ", { name = \"bound\"; kind = \"link\"; addresses = true;"
		     " address_interface = \"nowhere0\"; }";
	b = rig_brain();
	rig_checks = "";
	b->settings.mode = MODE_DRIVE; /* its driver still only looks */
	if (links_init(b, &err) < 0)
		fail_msg("%s", err.text);
	b->addresses[0].known = true;
	b->addresses[0].present = false;
	restores = alarms = 0;
	event_set_sink(listen_to, NULL);
	return b;
}

static void
drop(struct brain *b)
{
	event_set_sink(NULL, NULL);
	link_watch_free(b->link);
	rig_drop(b);
}

static void
an_address_is_tried_again_ever_later_until_it_is_back(void **state)
{
	struct brain *b = brain_without_its_interface();
	struct own_address *a = &b->addresses[0];

	(void)state;
	links_second(b);
	assert_int_equal(restores, 1);
	assert_int_equal(alarms, 1); /* there is no such interface: said, and not each second */
	assert_non_null(strstr(last, "nowhere0"));
	for (int i = 0; i < 20; i++)
		links_second(b);
	assert_int_equal(restores, 1);
	for (int i = 2; i <= 12; i++) {
		a->restore_at = mono_now(); /* its time has come */
		links_second(b);
		links_second(b);
		assert_int_equal(restores, i);
	}
	assert_non_null(strstr(last, "times=12"));
	assert_int_equal(a->restore_wait_ms, 60000);
	drop(b);
}

static void
a_minute_of_being_well_forgets(void **state)
{
	struct brain *b = brain_without_its_interface();
	struct own_address *a = &b->addresses[0];

	(void)state;
	links_second(b);
	a->present = true;
	links_second(b);
	assert_int_equal(a->restores, 1); /* back just now: a hand may take it away again */
	a->restore_at = mono_add_ms(mono_now(), -61000);
	links_second(b);
	assert_int_equal(a->restores, 0);
	a->present = false;
	links_second(b);
	assert_int_equal(restores, 2);
	assert_non_null(strstr(last, "times=1 "));
	drop(b);
}

static void
nothing_is_put_back_while_observing_or_stopping(void **state)
{
	struct brain *b = brain_without_its_interface();

	(void)state;
	b->settings.mode = MODE_OBSERVE;
	links_second(b);
	b->settings.mode = MODE_DRIVE;
	b->shutdown = true;
	links_second(b);
	assert_int_equal(restores, 0);
	drop(b);
}

static int
orders(enum bond_type type, int slot)
{
	struct bond_message m;
	int n = 0;

	while (bond_receive(rig_bond[1], &m) == 1)
		n += m.type == type && m.slot == slot;
	return n;
}

/* An upgrade was under way when its brain died: the successor finds three workers of two. */
static void
a_spare_goes_when_every_slot_has_its_worker_again(void **state)
{
	struct brain *b = rig_brain();
	struct mono now = mono_now();

	(void)state;
	for (int s = 0; s < 3; s++)
		b->slots[s].worker = worker_adopt_ready(100000 + s, now, now);
	b->slots[1].worker.state = WORKER_STARTING;
	workers_settle(b);
	assert_int_equal(orders(BOND_STOP, 2), 0); /* it serves in the place of worker 1 */
	b->slots[1].worker.state = WORKER_READY;
	workers_settle(b);
	assert_int_equal(orders(BOND_STOP, 2), 1);
	workers_settle(b);
	assert_int_equal(orders(BOND_STOP, 2), 0);
	workers_fini(b);
	ev_timer_stop(b->loop, &b->slots_timer);
	ev_timer_stop(b->loop, &b->roster_timer);
	rig_drop(b);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)
	const struct CMUnitTest tests[] = {
	    TEST(an_address_is_tried_again_ever_later_until_it_is_back),
	    TEST(a_minute_of_being_well_forgets),
	    TEST(nothing_is_put_back_while_observing_or_stopping),
	    TEST(a_spare_goes_when_every_slot_has_its_worker_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
