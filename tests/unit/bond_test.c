/* bond: what crosses it, and what does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "healthd/bond.h"

static int pair[2];

static int
open_pair(void **state)
{
	(void)state;
	return socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair);
}

static int
close_pair(void **state)
{
	(void)state;
	close(pair[0]);
	if (pair[1] != -1)
		close(pair[1]);
	return 0;
}

static void
a_message_arrives_as_it_was_sent(void **state)
{
	struct bond_message sent = {.type = BOND_EXITED,
	    .slot = MAX_SLOTS - 1,
	    .pid = 4711,
	    .status = 9,
	    .ready = UINT64_MAX,
	    .at_us = INT64_MIN,
	    .snapshots = {.failed = UINT64_MAX, .bytes = -1},
	    .text = "why"};
	struct bond_message got;

	(void)state;
	assert_int_equal(bond_receive(pair[1], &got), 0);
	assert_int_equal(bond_send(pair[0], &sent), 1);
	assert_int_equal(bond_receive(pair[1], &got), 1);
	sent.version = BOND_VERSION;
	assert_memory_equal(&sent, &got, sizeof(sent));
	assert_int_equal(bond_receive(pair[1], &got), 0);
}

static void
the_other_ends_death_is_told(void **state)
{
	struct bond_message m = {.type = BOND_HELLO, .slot = -1};

	(void)state;
	close(pair[1]);
	pair[1] = -1;
	assert_int_equal(bond_receive(pair[0], &m), -1);
	m = (struct bond_message){.type = BOND_HELLO, .slot = -1};
	assert_int_equal(bond_send(pair[0], &m), -1); /* and no SIGPIPE */
}

static void
a_full_bond_says_so_and_does_not_wait(void **state)
{
	struct bond_message m = {.type = BOND_LEASE, .slot = -1};
	int n = 0;

	(void)state;
	while (n < 100000 && bond_send(pair[0], &m) == 1)
		n++;
	assert_int_equal(bond_send(pair[0], &m), 0);
	assert_in_range(n, MAX_SLOTS + 2, 99999); /* a whole roster fits */
	assert_int_equal(bond_receive(pair[1], &m), 1);
}

static void
refuse(const void *data, size_t length)
{
	struct bond_message m;

	assert_int_equal(send(pair[0], data, length, 0), (ssize_t)length);
	assert_int_equal(bond_receive(pair[1], &m), -1);
}

static void
what_is_not_ours_is_refused(void **state)
{
	const struct bond_message good = {.type = BOND_START, .slot = 1, .version = BOND_VERSION};
	char longer[sizeof(good) + 1];
	struct bond_message m = good;

	(void)state;
	assert_int_equal(send(pair[0], &good, sizeof(good), 0), (ssize_t)sizeof(good));
	assert_int_equal(bond_receive(pair[1], &m), 1);
	memset(longer, 0, sizeof(longer));
	memcpy(longer, &good, sizeof(good));
	refuse(longer, sizeof(longer));
	refuse(&good, sizeof(good) - 1);
	refuse(&good, 1);
	refuse(&good, 0);
	m = good, m.version++;
	refuse(&m, sizeof(m));
	m = good, m.type = 0;
	refuse(&m, sizeof(m));
	m = good, m.type = BOND_SNAPSHOT + 1;
	refuse(&m, sizeof(m));
	m = good, m.slot = MAX_SLOTS;
	refuse(&m, sizeof(m));
	m = good, m.slot = -2;
	refuse(&m, sizeof(m));
	m = good, memset(m.text, 'x', sizeof(m.text));
	refuse(&m, sizeof(m));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
		a_message_arrives_as_it_was_sent, open_pair, close_pair),
	    cmocka_unit_test_setup_teardown(the_other_ends_death_is_told, open_pair, close_pair),
	    cmocka_unit_test_setup_teardown(
		a_full_bond_says_so_and_does_not_wait, open_pair, close_pair),
	    cmocka_unit_test_setup_teardown(what_is_not_ours_is_refused, open_pair, close_pair),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
