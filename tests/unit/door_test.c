/*
 * door: what the model check leaves out: several prefixes and sessions, alarms, pace, adoption.
 *
 * The helpers are a tiny world without time: observe() shows the door what it is told to show.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "bgpctl/door.h"

static const struct door_conf conf = {.n_rungs = 4, .make_ms = 100, .prove_ms = 1000,
    .retry_min_ms = 100, .retry_max_ms = 400, .poll_ms = 1000};

static struct door door;
static struct door_view view;
static struct door_out out;
static int64_t now;

static struct mono
ms(int64_t n)
{
	return (struct mono){(1000000 + n) * 1000};
}

static void
send(int prefix, int session, enum sent sent, int rung, const char *protocol)
{
	struct sending *s = &view.sending[prefix][session];

	*s = (struct sending){.sent = sent, .rung = (int8_t)rung, .attributes = true};
	strcpy(s->protocol, protocol);
}

/* Every session sends `rung` for every prefix; 0: nothing. */
static void
send_all(int rung)
{
	for (int i = 0; i < view.n_prefixes; i++)
		for (int s = 0; s < view.n_sessions; s++)
			send(i, s, rung ? SENT_OURS : SENT_NOTHING, rung, rung ? "ours" : "");
}

static void
locks(int rung, enum lock protocol, enum lock gate)
{
	view.protocol[rung] = protocol;
	view.gate[rung] = gate;
	view.in_table[rung] = protocol == LOCK_OPEN && gate == LOCK_OPEN ? 3 : 0;
}

static void
start(void)
{
	now = 0;
	memset(&view, 0, sizeof(view));
	view.n_prefixes = view.n_sessions = 2;
	view.bird_answers = true;
	for (int k = 1; k < 4; k++)
		locks(k, LOCK_CLOSED, LOCK_CLOSED);
	send_all(0);
	door = door_init(ms(0));
}

static void
step(int64_t at)
{
	now = at;
	out = door_step(&conf, door, &view, ms(at));
	door = out.state;
}

static void
look(int64_t at)
{
	view.bird_at = ms(at);
	step(at);
}

static void
order(int rung, int64_t at)
{
	now = at;
	door = door_order(door, rung, ms(at));
	step(at);
}

static bool
does(enum door_do what, int rung)
{
	for (int i = 0; i < out.n; i++)
		if (out.actions[i].what == what && out.actions[i].rung == rung)
			return true;
	return false;
}

/* From nothing to `rung`, proven at both sessions. */
static void
stand_at(int rung)
{
	start();
	order(rung, 1);
	locks(rung, LOCK_OPEN, LOCK_OPEN);
	send_all(rung);
	look(5);
	assert_int_equal(door.proven, rung);
	look(10);
	assert_int_equal(out.n, 0);
	assert_int_equal(door.alarms, 0);
}

static void
before_an_order_nothing_is_done(void **state)
{
	(void)state;
	start();
	locks(1, LOCK_OPEN, LOCK_OPEN);
	locks(2, LOCK_OPEN, LOCK_ABSENT);
	look(5);
	assert_int_equal(out.n, 0);
	assert_int_equal(door.proven, -1);
}

static void
absent_gates_are_made_whatever_is_ordered(void **state)
{
	(void)state;
	start();
	for (int k = 1; k < 4; k++)
		view.gate[k] = LOCK_ABSENT;
	order(0, 1);
	assert_int_equal(out.n, 3);
	for (int k = 1; k < 4; k++)
		assert_true(does(DOOR_GATE_MAKE, k));
	look(2);
	assert_int_equal(door.proven, 0); /* an absent gate is shut */
	order(2, 3);
	assert_true(does(DOOR_GATE_MAKE, 2));
	assert_true(does(DOOR_GATE_UP, 2) && does(DOOR_ENABLE, 2));
	assert_int_equal(out.actions[0].what, DOOR_GATE_MAKE);
}

static void
proof_is_by_prefix(void **state)
{
	(void)state;
	start();
	order(3, 1);
	locks(3, LOCK_OPEN, LOCK_OPEN);
	send_all(3);
	send(1, 0, SENT_NOTHING, 0, "");
	send(1, 1, SENT_NOTHING, 0, "");
	look(5);
	assert_int_equal(door.proven, -1);
	send(1, 1, SENT_OURS, 3, "ours");
	look(10);
	assert_int_equal(door.proven, 3); /* all prefixes at one session */
	assert_true(door.alarms & ALARM_PARTIAL);
}

static void
an_export_of_another_rung_or_protocol_is_no_proof(void **state)
{
	(void)state;
	start();
	order(3, 1);
	locks(3, LOCK_OPEN, LOCK_OPEN);
	send_all(2);
	look(5);
	assert_int_equal(door.proven, -1);
	for (int i = 0; i < 2; i++)
		for (int s = 0; s < 2; s++)
			send(i, s, SENT_FOREIGN, -1, "static1");
	look(10);
	assert_int_equal(door.proven, -1);
	assert_string_equal(door.covered_by, "static1");
	look(1100);
	assert_true(door.alarms & ALARM_UNPROVEN);
	assert_false(door.alarms & ALARM_COVERED); /* that is said of silent */
}

static void
sessions_that_are_down_neither_prove_nor_hinder(void **state)
{
	(void)state;
	start();
	order(3, 1);
	locks(3, LOCK_OPEN, LOCK_OPEN);
	send_all(3);
	send(0, 1, SENT_UNKNOWN, -1, "");
	send(1, 1, SENT_UNKNOWN, -1, "");
	look(5);
	assert_int_equal(door.proven, 3);
	assert_false(door.alarms & ALARM_PARTIAL);
	send(0, 0, SENT_UNKNOWN, -1, "");
	send(1, 0, SENT_UNKNOWN, -1, "");
	look(10);
	assert_int_equal(door.proven, -1);
	assert_true(door.alarms & ALARM_NO_SESSION);
}

static void
a_worse_rung_waits_for_proof_everywhere(void **state)
{
	(void)state;
	stand_at(1);
	order(3, 100);
	assert_int_equal(out.n, 2);
	locks(3, LOCK_OPEN, LOCK_OPEN);
	send_all(3);
	send(0, 1, SENT_OURS, 1, "ours");
	look(105);
	assert_int_equal(door.proven, 3);
	assert_int_equal(out.n, 0);
	/* A session that never takes it: the target stands with the better preference anyhow. */
	look(1105);
	assert_true(does(DOOR_GATE_DOWN, 1) && does(DOOR_DISABLE, 1));
}

static void
a_worse_rung_stays_while_the_target_does_not_stand(void **state)
{
	(void)state;
	stand_at(1);
	order(3, 100);
	look(105);
	look(5000);
	assert_false(does(DOOR_GATE_DOWN, 1));
	assert_true(door.alarms & ALARM_UNPROVEN);
}

static void
a_better_rung_waits_for_every_prefix_in_the_table_or_its_time(void **state)
{
	(void)state;
	stand_at(3);
	order(1, 100);
	assert_true(does(DOOR_GATE_UP, 1) && does(DOOR_ENABLE, 1));
	assert_int_equal(out.n, 2);
	locks(1, LOCK_OPEN, LOCK_OPEN);
	view.in_table[1] = 1;
	look(105);
	assert_int_equal(out.n, 0);
	view.in_table[1] = 3;
	look(110);
	assert_true(does(DOOR_GATE_DOWN, 3) && does(DOOR_DISABLE, 3));
	stand_at(3);
	order(1, 100);
	step(199);
	assert_false(does(DOOR_GATE_DOWN, 3));
	assert_true(out.look.us <= ms(200).us);
	step(200);
	assert_true(does(DOOR_GATE_DOWN, 3));
}

static void
silent_covered_by_a_stranger_is_proven_and_said(void **state)
{
	(void)state;
	stand_at(2);
	order(0, 100);
	assert_true(does(DOOR_GATE_DOWN, 2) && does(DOOR_DISABLE, 2));
	locks(2, LOCK_CLOSED, LOCK_CLOSED);
	send_all(0);
	send(1, 1, SENT_FOREIGN, -1, "backup4");
	look(105);
	assert_int_equal(door.proven, 0);
	assert_true(door.alarms & ALARM_COVERED);
	assert_string_equal(door.covered_by, "backup4");
}

static void
one_lock_alone_keeps_silent_and_is_an_alarm(void **state)
{
	(void)state;
	stand_at(2);
	order(0, 100);
	locks(2, LOCK_OPEN, LOCK_CLOSED); /* BIRD refuses to be commanded */
	send_all(0);
	look(105);
	assert_int_equal(door.proven, 0);
	assert_false(door.alarms & ALARM_ONE_LOCK);
	look(250);
	assert_true(does(DOOR_DISABLE, 2));
	assert_true(door.alarms & ALARM_ONE_LOCK);
}

/* A busy machine: the deadline to make the lower rung passes before BIRD was looked at once. */
static void
what_was_asked_just_now_has_not_failed(void **state)
{
	(void)state;
	stand_at(3);
	order(1, 100);
	view.gate[1] = LOCK_OPEN;
	step(205); /* the first try's wait is over too; BIRD's enabling has not been seen yet */
	assert_true(does(DOOR_ENABLE, 1) && does(DOOR_GATE_DOWN, 3) && does(DOOR_DISABLE, 3));
	assert_int_equal(door.alarms & (ALARM_GATE_FAILED | ALARM_ONE_LOCK), 0);
	view.gate[3] = LOCK_CLOSED;
	step(400); /* tried again, and still nothing was looked at */
	assert_int_equal(door.alarms & (ALARM_GATE_FAILED | ALARM_ONE_LOCK), 0);
	look(410);
	assert_int_equal(door.alarms & ALARM_ONE_LOCK, ALARM_ONE_LOCK);
	locks(1, LOCK_OPEN, LOCK_OPEN);
	locks(3, LOCK_CLOSED, LOCK_CLOSED);
	send_all(1);
	look(420);
	assert_int_equal(door.alarms, 0);
}

static void
a_session_for_beacons_alone_lacks_nothing(void **state)
{
	(void)state;
	start();
	view.aside = 1u << 1;
	order(3, 1);
	locks(3, LOCK_OPEN, LOCK_OPEN);
	send_all(3);
	send(0, 1, SENT_NOTHING, -1, "");
	send(1, 1, SENT_NOTHING, -1, "");
	look(5);
	assert_int_equal(door.proven, 3);
	assert_int_equal(door.alarms, 0);
	/* Once it carries a prefix it is to carry all. */
	send(0, 1, SENT_OURS, 3, "ours");
	look(10);
	assert_true(door.alarms & ALARM_PARTIAL);
	/* It proves nothing by being up, and is a session still. */
	for (int i = 0; i < 2; i++) {
		send(i, 0, SENT_UNKNOWN, -1, "");
		send(i, 1, SENT_NOTHING, -1, "");
	}
	look(15);
	assert_int_equal(door.proven, -1);
	assert_false(door.alarms & ALARM_NO_SESSION);
	look(1200);
	assert_true(door.alarms & ALARM_UNPROVEN);
}

static void
netlink_failing_leaves_the_socket_and_an_alarm(void **state)
{
	(void)state;
	stand_at(2);
	view.gate[2] = LOCK_UNKNOWN;
	order(0, 100);
	assert_true(does(DOOR_GATE_DOWN, 2) && does(DOOR_DISABLE, 2));
	locks(2, LOCK_CLOSED, LOCK_UNKNOWN);
	send_all(0);
	look(105);
	assert_int_equal(door.proven, 0);
	look(250);
	assert_true(door.alarms & ALARM_GATE_FAILED);
}

static void
a_missing_protocol_is_an_alarm_and_never_proven(void **state)
{
	(void)state;
	start();
	locks(3, LOCK_ABSENT, LOCK_CLOSED);
	order(3, 1);
	assert_false(does(DOOR_ENABLE, 3));
	look(5);
	assert_true(door.alarms & ALARM_PROTOCOL_MISSING);
	assert_int_equal(door.proven, -1);
}

static void
attributes_amiss_are_an_alarm(void **state)
{
	(void)state;
	stand_at(1);
	view.sending[1][0].attributes = false;
	look(20);
	assert_int_equal(door.proven, 1);
	assert_int_equal(door.alarms, ALARM_ATTRIBUTES);
}

static void
retries_back_off_and_start_afresh(void **state)
{
	static const int64_t at[] = {1, 101, 301, 701, 1101, 1501};

	(void)state;
	start();
	order(1, 1);
	for (size_t i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
		if (i > 0)
			look(at[i]);
		assert_int_equal(out.n, 2);
		look(at[i] + 1);
		assert_int_equal(out.n, 0);
		look(at[i] + 99);
		assert_int_equal(out.n, 0);
	}
	order(2, 2000);
	assert_int_equal(out.n, 2);
	assert_int_equal(door.tries, 1);
}

static void
looks_come_soon_after_an_act_and_then_ever_later(void **state)
{
	static const int64_t after[] = {2, 5, 10, 20, 50};

	(void)state;
	stand_at(1);
	assert_true(mono_diff_ms(door.look_at, ms(5)) == 1000);
	order(0, 2000);
	/* Nothing comes of it; only the pace of looks is of interest here. */
	for (size_t i = 0; i < sizeof(after) / sizeof(after[0]); i++) {
		assert_int_equal(mono_diff_ms(door.look_at, ms(now)), after[i]);
		look(now + after[i]);
	}
}

static void
the_rung_shown_is_what_locks_and_exports_agree_on(void **state)
{
	(void)state;
	stand_at(2);
	assert_int_equal(door_shown(&view, 4), 2);
	send_all(3);
	assert_int_equal(door_shown(&view, 4), -1);
	locks(3, LOCK_OPEN, LOCK_OPEN); /* a change was under way */
	assert_int_equal(door_shown(&view, 4), 3);
	view.protocol[3] = LOCK_UNKNOWN;
	assert_int_equal(door_shown(&view, 4), -1);
	start();
	assert_int_equal(door_shown(&view, 4), 0);
	for (int k = 1; k < 4; k++)
		locks(k, LOCK_OPEN, LOCK_CLOSED); /* a host that rebooted with BIRD first */
	assert_int_equal(door_shown(&view, 4), 0);
	view.gate[1] = LOCK_UNKNOWN;
	view.protocol[1] = LOCK_UNKNOWN;
	assert_int_equal(door_shown(&view, 4), -1);
}

static void
a_gate_that_is_open_alone_shows_its_rung(void **state)
{
	(void)state;
	start();
	assert_int_equal(door_gate_shown(&view, 4), 0);
	stand_at(2);
	assert_int_equal(door_gate_shown(&view, 4), 2);
	view.protocol[2] = LOCK_UNKNOWN; /* whatever BIRD says or does not */
	assert_int_equal(door_gate_shown(&view, 4), 2);
	view.gate[3] = LOCK_OPEN; /* a change was under way */
	assert_int_equal(door_gate_shown(&view, 4), -1);
	view.gate[3] = LOCK_UNKNOWN;
	assert_int_equal(door_gate_shown(&view, 4), -1);
}

static void
only_news_is_news(void **state)
{
	struct door other;
	struct door_view seen;

	(void)state;
	stand_at(2);
	other = door;
	seen = view;
	look(1010);
	assert_false(door_differs(&door, &other));
	assert_false(door_view_differs(&view, &seen));
	view.sending[1][1].attributes = false;
	look(2010);
	assert_true(door_differs(&door, &other));
	assert_true(door_view_differs(&view, &seen));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(before_an_order_nothing_is_done),
	    cmocka_unit_test(absent_gates_are_made_whatever_is_ordered),
	    cmocka_unit_test(proof_is_by_prefix),
	    cmocka_unit_test(an_export_of_another_rung_or_protocol_is_no_proof),
	    cmocka_unit_test(sessions_that_are_down_neither_prove_nor_hinder),
	    cmocka_unit_test(a_worse_rung_waits_for_proof_everywhere),
	    cmocka_unit_test(a_worse_rung_stays_while_the_target_does_not_stand),
	    cmocka_unit_test(a_better_rung_waits_for_every_prefix_in_the_table_or_its_time),
	    cmocka_unit_test(silent_covered_by_a_stranger_is_proven_and_said),
	    cmocka_unit_test(one_lock_alone_keeps_silent_and_is_an_alarm),
	    cmocka_unit_test(what_was_asked_just_now_has_not_failed),
	    cmocka_unit_test(a_session_for_beacons_alone_lacks_nothing),
	    cmocka_unit_test(netlink_failing_leaves_the_socket_and_an_alarm),
	    cmocka_unit_test(a_missing_protocol_is_an_alarm_and_never_proven),
	    cmocka_unit_test(attributes_amiss_are_an_alarm),
	    cmocka_unit_test(retries_back_off_and_start_afresh),
	    cmocka_unit_test(looks_come_soon_after_an_act_and_then_ever_later),
	    cmocka_unit_test(the_rung_shown_is_what_locks_and_exports_agree_on),
	    cmocka_unit_test(a_gate_that_is_open_alone_shows_its_rung),
	    cmocka_unit_test(only_news_is_news),
	};

	return cmocka_run_group_tests_name("door", tests, NULL, NULL);
}
