/*
 * link: carrier and addresses, in a network namespace of the test's own (and a user namespace, so
 * that no privilege is needed).
 */
#include <errno.h>
#include <net/if.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "healthd/link.h"

#define N_LINKS 3
#define N_ADDRS 3

static const char *const links[N_LINKS] = {"up0", "up1", "later"};
static const char *const texts[N_ADDRS] = {"192.0.2.53", "2001:db8::53", "198.51.100.53"};

static struct rig {
	struct ev_loop *loop;
	struct link_watch *watch;
	struct addr addrs[N_ADDRS];
	int carrier[N_LINKS], address[N_ADDRS]; /* as last told, -1 never */
	int told;
	bool timed_out;
} rig;

static void
sh(const char *command)
{
	if (system(command) != 0)
		fail_msg("failed: %s", command);
}

static void
on_carrier(void *arg, const char *interface, bool present)
{
	struct rig *r = arg;

	for (int i = 0; i < N_LINKS; i++)
		if (strcmp(links[i], interface) == 0)
			r->carrier[i] = present;
	r->told++;
	ev_break(r->loop, EVBREAK_ALL);
}

static void
on_address(void *arg, const struct addr *address, bool present)
{
	struct rig *r = arg;

	for (int i = 0; i < N_ADDRS; i++)
		if (addr_equal(&r->addrs[i], address))
			r->address[i] = present;
	r->told++;
	ev_break(r->loop, EVBREAK_ALL);
}

static void
on_guard(struct ev_loop *loop, ev_timer *w, int events)
{
	(void)w, (void)events;
	rig.timed_out = true;
	ev_break(loop, EVBREAK_ALL);
}

/* Runs until `*what` is told to be `want`. The guard is far below the 10 s of a resync: what is
 * seen here was seen by its event. */
static void
until(const int *what, int want)
{
	ev_timer guard;

	rig.timed_out = false;
	ev_now_update(rig.loop);
	ev_timer_init(&guard, on_guard, 4.0, 0.0);
	ev_timer_start(rig.loop, &guard);
	while (*what != want && !rig.timed_out)
		ev_run(rig.loop, 0);
	ev_timer_stop(rig.loop, &guard);
	assert_int_equal(*what, want);
}

/* Lets everything that is pending be told. */
static void
settle(void)
{
	for (int i = 0; i < 20; i++)
		ev_run(rig.loop, EVRUN_NOWAIT);
}

static bool have_namespace;

static int
set_up(void **state)
{
	struct err err;

	(void)state;
	if (!have_namespace)
		return 0;
	sh("ip link set lo up; ip link add up0 type veth peer name far0; ip link set up0 up; "
	   "ip link set far0 up; ip link add up1 type bridge; "
	   "ip addr add 192.0.2.53/32 dev lo");
	rig = (struct rig){
	    .loop = ev_loop_new(0), .carrier = {-1, -1, -1}, .address = {-1, -1, -1}};
	for (int i = 0; i < N_ADDRS; i++)
		assert_true(addr_parse(texts[i], &rig.addrs[i]));
	rig.watch = link_watch_new(rig.loop, links, N_LINKS, rig.addrs, N_ADDRS, on_carrier,
	    on_address, &rig, &err);
	assert_non_null(rig.watch);
	assert_int_equal(rig.told, 0); /* nothing before the loop runs */
	settle();
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	if (!have_namespace)
		return 0;
	link_watch_free(rig.watch);
	ev_loop_destroy(rig.loop);
	sh("for l in up0 up1 later any0 elsewhere; do ip link del $l 2>/dev/null; done; "
	   "ip addr flush dev lo; ip link set lo down");
	return 0;
}

static void
first_state_is_told_once_for_each(void **state)
{
	(void)state;
	if (!have_namespace)
		skip();
	assert_int_equal(rig.told, N_LINKS + N_ADDRS);
	assert_int_equal(rig.carrier[0], 1);
	assert_int_equal(rig.carrier[1], 0); /* there, and down */
	assert_int_equal(rig.carrier[2], 0);
	assert_int_equal(rig.address[0], 1);
	assert_int_equal(rig.address[1], 0);
	link_resync(rig.watch);
	settle();
	assert_int_equal(rig.told, N_LINKS + N_ADDRS); /* nothing changed, nothing told */
}

static void
carrier_follows_the_far_end(void **state)
{
	(void)state;
	if (!have_namespace)
		skip();
	sh("ip link set far0 down");
	until(&rig.carrier[0], 0);
	sh("ip link set far0 up");
	until(&rig.carrier[0], 1);
	sh("ip link set up0 down");
	until(&rig.carrier[0], 0);
	sh("ip link set up0 up");
	until(&rig.carrier[0], 1);
	sh("ip link del up0");
	until(&rig.carrier[0], 0);
}

static void
interface_may_appear_be_renamed_and_go(void **state)
{
	(void)state;
	if (!have_namespace)
		skip();
	sh("ip link set up0 down; ip link set up0 name later; ip link set later up");
	until(&rig.carrier[2], 1);
	assert_int_equal(rig.carrier[0], 0);
	sh("ip link set later down; ip link set later name elsewhere; ip link set elsewhere up");
	until(&rig.carrier[2], 0);
	sh("ip link set elsewhere down; ip link set elsewhere name up0; ip link set up0 up");
	until(&rig.carrier[0], 1);
}

/* Leaving a bridge is a RTM_DELLINK of the bridge's family, and no loss of the interface. */
static void
leaving_a_bridge_is_no_loss(void **state)
{
	(void)state;
	if (!have_namespace)
		skip();
	sh("ip link set up1 up; ip link set up0 master up1");
	until(&rig.carrier[1], 1);
	sh("ip link set up0 nomaster");
	until(&rig.carrier[1], 0);
	assert_int_equal(rig.carrier[0], 1);
}

static void
addresses_come_and_go(void **state)
{
	(void)state;
	if (!have_namespace)
		skip();
	sh("ip addr del 192.0.2.53/32 dev lo");
	until(&rig.address[0], 0);
	sh("ip addr add 192.0.2.53/24 dev up0");
	until(&rig.address[0], 1);
	sh("ip addr add 192.0.2.53/32 dev lo; ip addr del 192.0.2.53/24 dev up0");
	settle();
	assert_int_equal(rig.address[0], 1); /* another interface holds it */
	sh("ip addr add 2001:db8::53/128 dev lo nodad");
	until(&rig.address[1], 1);
	sh("ip addr del 2001:db8::53/128 dev lo");
	until(&rig.address[1], 0);
	sh("ip addr del 192.0.2.53/32 dev lo");
	until(&rig.address[0], 0);
}

static void
address_on_a_down_interface_is_of_no_use(void **state)
{
	(void)state;
	if (!have_namespace)
		skip();
	sh("ip link add any0 type bridge; ip addr add 198.51.100.53/32 dev any0");
	settle();
	assert_int_equal(rig.address[2], 0);
	sh("ip link set any0 up");
	until(&rig.address[2], 1);
	sh("ip link set any0 down");
	until(&rig.address[2], 0);
}

static void
tentative_address_is_not_there_yet(void **state)
{
	(void)state;
	if (!have_namespace)
		skip();
	sh("echo 5 > /proc/sys/net/ipv6/conf/up0/dad_transmits; "
	   "ip addr add 2001:db8::53/128 dev up0");
	settle();
	assert_int_equal(rig.address[1], 0);
	sh("ip addr del 2001:db8::53/128 dev up0; ip addr add 2001:db8::53/128 dev up0 nodad");
	until(&rig.address[1], 1);
}

static void
restore_binds_and_sets_up(void **state)
{
	struct err err;

	(void)state;
	if (!have_namespace)
		skip();
	sh("ip link add any0 type bridge");
	sh("ip addr del 192.0.2.53/32 dev lo");
	until(&rig.address[0], 0);
	for (int i = 0; i < N_ADDRS; i++) {
		assert_int_equal(link_restore(rig.watch, &rig.addrs[i], "any0", &err), 0);
		until(&rig.address[i], 1);
		assert_int_equal(link_restore(rig.watch, &rig.addrs[i], "any0", &err), 0);
	}
	sh("ip -o addr show dev any0 | grep -q '192.0.2.53/32 scope global'");
	sh("ip -o -6 addr show dev any0 | grep -q '2001:db8::53/128 scope global.*nodad'");
	sh("ip link set any0 down"); /* takes the IPv6 address with it */
	until(&rig.address[1], 0);
	until(&rig.address[0], 0);
	for (int i = 0; i < N_ADDRS; i++)
		assert_int_equal(link_restore(rig.watch, &rig.addrs[i], "any0", &err), 0);
	until(&rig.address[0], 1);
	until(&rig.address[1], 1);
	assert_int_equal(link_restore(rig.watch, &rig.addrs[0], "nosuch0", &err), -1);
	assert_string_equal(err.text, "cannot restore 192.0.2.53: no interface nosuch0");
}

static void
lost_messages_are_made_good_by_a_reading(void **state)
{
	char command[400];

	(void)state;
	if (!have_namespace)
		skip();
	/* Far more messages than the socket's buffer holds, unread; then one change that counts. */
	snprintf(command, sizeof(command),
	    "for n in 1 2 3 4; do for i in $(seq 1 120); do echo addr add 203.0.113.$i/32 dev up1; "
	    "done > /tmp/anypop-link.$$; ip -batch /tmp/anypop-link.$$; "
	    "ip addr flush dev up1; done; "
	    "rm /tmp/anypop-link.$$; ip addr del 192.0.2.53/32 dev lo");
	sh(command);
	until(&rig.address[0], 0);
}

/* Needs no privilege and no namespace: this host's own loopback, which is there and up. */
static void
loopback_is_read_where_we_are(void **state)
{
	static const char *const lo[] = {"lo"};
	struct link_watch *w;
	struct err err;

	(void)state;
	rig = (struct rig){.loop = ev_loop_new(0)};
	assert_true(addr_parse("127.0.0.1", &rig.addrs[0]));
	w = link_watch_new(rig.loop, lo, 1, rig.addrs, 1, on_carrier, on_address, &rig, &err);
	assert_non_null(w);
	settle();
	assert_int_equal(rig.told, 2);
	assert_int_equal(rig.address[0], 1);
	link_watch_free(w);
	ev_loop_destroy(rig.loop);
}

/* A namespace of our own; without privilege by way of a user namespace where we are root. */
static bool
unshared(void)
{
	char map[64];
	int uid = (int)getuid(), gid = (int)getgid();
	FILE *f;

	if (unshare(CLONE_NEWNET) == 0)
		return true;
	if (unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0)
		return false;
	f = fopen("/proc/self/setgroups", "w");
	if (f != NULL) {
		fputs("deny", f);
		fclose(f);
	}
	for (int i = 0; i < 2; i++) {
		snprintf(map, sizeof(map), "0 %d 1", i == 0 ? uid : gid);
		f = fopen(i == 0 ? "/proc/self/uid_map" : "/proc/self/gid_map", "w");
		if (f == NULL)
			return false;
		fputs(map, f);
		if (fclose(f) != 0)
			return false;
	}
	return true;
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	    TEST(first_state_is_told_once_for_each),
	    TEST(carrier_follows_the_far_end),
	    TEST(interface_may_appear_be_renamed_and_go),
	    TEST(leaving_a_bridge_is_no_loss),
	    TEST(addresses_come_and_go),
	    TEST(address_on_a_down_interface_is_of_no_use),
	    TEST(tentative_address_is_not_there_yet),
	    TEST(restore_binds_and_sets_up),
	    TEST(lost_messages_are_made_good_by_a_reading),
	};

	const struct CMUnitTest here[] = {cmocka_unit_test(loopback_is_read_where_we_are)};
	int failed = cmocka_run_group_tests(here, NULL, NULL);

	have_namespace = unshared();
	if (!have_namespace && getuid() == 0) {
		fprintf(stderr, "link_test: root, and yet no network namespace: %s\n",
		    strerror(errno));
		return 1;
	}
	if (!have_namespace)
		fprintf(stderr, "link_test: most of it skipped, unprivileged namespaces are not "
				"allowed here; run it as root\n");
	return failed + cmocka_run_group_tests(tests, NULL, NULL);
}
