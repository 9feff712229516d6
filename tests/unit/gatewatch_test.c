/*
 * gatewatch: what it says of a gate is what the kernel would, and while no link changes the kernel
 * is not asked. In a network namespace of the test's own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bgpctl/gatewatch.h"

static struct prefix prefix = {.addr = {.family = FAMILY_V4, .bytes = {192, 0, 2}}, .length = 24};
static struct service service = {.name = "dns", .prefixes = &prefix, .n_prefixes = 1};
static const struct site site = {.n_rungs = 4, .services = &service, .n_services = 1};

static struct rig {
	struct ev_loop *loop;
	struct gates *gates;
	struct gatewatch *watch;
	enum lock gate[MAX_RUNGS];
	int news, lane; /* how often told, and of which lane last */
	bool timed_out;
} rig;

static bool have_namespace;

static void
sh(const char *command)
{
	if (system(command) != 0)
		fail_msg("failed: %s", command);
}

static void
on_news(void *arg, int lane)
{
	struct rig *r = arg;

	r->news++;
	r->lane = lane;
	ev_break(r->loop, EVBREAK_ALL);
}

static void
on_guard(struct ev_loop *loop, ev_timer *w, int events)
{
	(void)w, (void)events;
	rig.timed_out = true;
	ev_break(loop, EVBREAK_ALL);
}

static void
until_news(void)
{
	ev_timer guard;

	rig.news = 0;
	ev_now_update(rig.loop);
	ev_timer_init(&guard, on_guard, 4.0, 0.0); /* far below the safety reading */
	ev_timer_start(rig.loop, &guard);
	while (rig.news == 0 && !rig.timed_out)
		ev_run(rig.loop, 0);
	ev_timer_stop(rig.loop, &guard);
	assert_false(rig.timed_out);
}

static enum lock
read_drain(void)
{
	gatewatch_read(rig.watch, 0, rig.gate);
	return rig.gate[RUNG_DRAIN];
}

static int
set_up(void **state)
{
	struct err err;

	(void)state;
	if (!have_namespace)
		return 0;
	sh("ip link set lo up; ip link add apdns4.1 type bridge && "
	   "ip link add apdns4.2 type bridge");
	rig = (struct rig){.loop = ev_loop_new(0), .gates = gates_open(&err)};
	assert_non_null(rig.gates);
	rig.watch = gatewatch_new(rig.loop, &site, rig.gates, on_news, &rig);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	if (!have_namespace)
		return 0;
	gatewatch_free(rig.watch);
	gates_close(rig.gates);
	ev_loop_destroy(rig.loop);
	sh("for l in apdns4.1 apdns4.2 other; do ip link del $l 2>/dev/null; done; true");
	return 0;
}

static void
nothing_is_asked_while_nothing_changes(void **state)
{
	uint64_t asked;

	(void)state;
	if (!have_namespace)
		skip();
	assert_int_equal(read_drain(), LOCK_CLOSED);
	assert_int_equal(rig.gate[3], LOCK_ABSENT);
	asked = gatewatch_asked(rig.watch);
	assert_int_equal(asked, 3);
	for (int i = 0; i < 100; i++)
		assert_int_equal(read_drain(), LOCK_CLOSED);
	assert_int_equal(gatewatch_asked(rig.watch), asked);
}

static void
every_change_is_seen_by_the_next_reading(void **state)
{
	(void)state;
	if (!have_namespace)
		skip();
	for (int i = 0; i < 5; i++) {
		sh("ip link set apdns4.1 up");
		assert_int_equal(read_drain(), LOCK_OPEN);
		sh("ip link set apdns4.1 down");
		assert_int_equal(read_drain(), LOCK_CLOSED);
	}
	sh("ip link del apdns4.1");
	assert_int_equal(read_drain(), LOCK_ABSENT);
	sh("ip link add apdns4.1 type bridge");
	assert_int_equal(read_drain(), LOCK_CLOSED);
}

static void
a_changed_gate_is_told_and_another_link_is_not(void **state)
{
	(void)state;
	if (!have_namespace)
		skip();
	read_drain();
	sh("ip link add other type bridge");
	for (int i = 0; i < 20; i++)
		ev_run(rig.loop, EVRUN_NOWAIT);
	assert_int_equal(rig.news, 0);
	sh("ip link set apdns4.2 up");
	until_news();
	assert_int_equal(rig.lane, 0);
	gatewatch_read(rig.watch, 0, rig.gate);
	assert_int_equal(rig.gate[2], LOCK_OPEN);
}

/* More messages than the socket holds: what was lost is made good by asking. */
static void
lost_messages_hide_nothing(void **state)
{
	(void)state;
	if (!have_namespace)
		skip();
	read_drain();
	sh("i=0; while [ $i -lt 300 ]; do echo link set apdns4.2 up; echo link set apdns4.2 down; "
	   "i=$((i + 1)); done | ip -batch -; ip link set apdns4.1 up");
	assert_int_equal(read_drain(), LOCK_OPEN);
	sh("ip link set apdns4.1 down");
	assert_int_equal(read_drain(), LOCK_CLOSED);
}

static bool
unshared(void)
{
	char map[64];
	int uid = (int)getuid();
	FILE *f;

	if (unshare(CLONE_NEWNET) == 0)
		return true;
	if (unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0)
		return false;
	snprintf(map, sizeof(map), "0 %d 1", uid);
	f = fopen("/proc/self/uid_map", "w");
	if (f == NULL || fputs(map, f) < 0 || fclose(f) != 0)
		return false;
	return true;
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	    TEST(nothing_is_asked_while_nothing_changes),
	    TEST(every_change_is_seen_by_the_next_reading),
	    TEST(a_changed_gate_is_told_and_another_link_is_not),
	    TEST(lost_messages_hide_nothing),
	};

	have_namespace = unshared();
	if (!have_namespace && getuid() == 0) {
		fprintf(stderr, "gatewatch_test: root, and yet no network namespace: %s\n",
		    strerror(errno));
		return 1;
	}
	if (!have_namespace)
		fprintf(stderr, "gatewatch_test: skipped, unprivileged namespaces are not allowed "
				"here; run it as root\n");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
