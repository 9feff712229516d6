/*
 * l3: slots, redirections, commands, the Cluster's map, and when a server is let alone.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "resolver/l3_command.h"
#include "resolver/l3_map.h"
#include "resolver/l3_pace.h"
#include "resolver/l3_slot.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))

/* As CLUSTER KEYSLOT of Redis 7.0 tells them. */
static void
slots_are_those_of_redis(void **state)
{
	static const struct {
		const char *key;
		uint16_t slot;
	} rows[] = {
	    {"", 0},
	    {"123456789", 12739},
	    {"foo", 12182},
	    {"bar", 5061},
	    {"foo{bar}{zap}", 5061},
	    {"{bar}", 5061},
	    {"foo{}{bar}", 8363},
	    {"foo{{bar}}zap", 4015},
	    {"foo{bar", 15278},
	    {"foo}bar{", 11073},
	    {"anypop:1:default:d:1:1:www.example.", 4165},
	};
	static const char with_nul[] = "a\0b";

	(void)state;
	for (size_t i = 0; i < N(rows); i++) {
		uint16_t slot = l3_slot(rows[i].key, strlen(rows[i].key));

		if (slot != rows[i].slot)
			fail_msg("\"%s\": %u, not %u", rows[i].key, slot, rows[i].slot);
	}
	assert_int_not_equal(l3_slot(with_nul, 3), l3_slot(with_nul, 1));
}

static void
redirections_name_slot_and_address(void **state)
{
	static const struct {
		const char *text, *addr;
		uint16_t slot, port;
		bool ask;
	} rows[] = {
	    {"MOVED 3999 127.0.0.1:6381", "127.0.0.1", 3999, 6381, false},
	    {"ASK 16383 192.0.2.1:1", "192.0.2.1", 16383, 1, true},
	    {"MOVED 0 2001:db8::1:65535", "2001:db8::1", 0, 65535, false},
	};
	static const char *const none[] = {"", "MOVED", "MOVED ", "ASK", "MOVED 1", "MOVED 1 ",
	    "MOVED 1 192.0.2.1", "MOVED 1 192.0.2.1:", "MOVED 1 192.0.2.1:0",
	    "MOVED 1 192.0.2.1:65536", "MOVED 1 192.0.2.1:6379x", "MOVED 16384 192.0.2.1:6379",
	    "MOVED -1 192.0.2.1:6379", "MOVED  192.0.2.1:6379", "MOVED 1 :6379",
	    "MOVED 1 redis.example:6379", "MOVED 1 192.0.2.1:000006379", "moved 1 192.0.2.1:6379",
	    "ERR MOVED 1 192.0.2.1:6379", "MOVED 1  192.0.2.1:6379",
	    "ASK 1 1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:6379"};
	struct l3_redirect r;
	struct addr addr;

	(void)state;
	for (size_t i = 0; i < N(rows); i++) {
		assert_true(l3_redirect_parse(rows[i].text, strlen(rows[i].text), &r));
		assert_true(addr_parse(rows[i].addr, &addr) && addr_equal(&addr, &r.addr));
		assert_int_equal(r.slot, rows[i].slot);
		assert_int_equal(r.port, rows[i].port);
		assert_int_equal(r.ask, rows[i].ask);
	}
	for (size_t i = 0; i < N(none); i++) {
		if (l3_redirect_parse(none[i], strlen(none[i]), &r))
			fail_msg("\"%s\" is taken", none[i]);
	}
	assert_false(l3_redirect_parse("MOVED 1 192.0.2.1\0:6379", 23, &r));
}

static void
commands_are_whole_or_not_there(void **state)
{
	static const char wanted[] = "*3\r\n$3\r\nSET\r\n$3\r\na\0b\r\n$0\r\n\r\n";
	const struct l3_word words[] = {L3_WORD("SET"), {"a\0b", 3}, {"", 0}};
	char out[80], before[80];

	(void)state;
	assert_int_equal(l3_command_render(words, 3, out, sizeof(out)), sizeof(wanted) - 1);
	assert_memory_equal(out, wanted, sizeof(wanted) - 1);
	for (size_t room = 0; room < sizeof(wanted) - 1; room++) {
		memset(out, '#', sizeof(out));
		memset(before, '#', sizeof(before));
		assert_int_equal(l3_command_render(words, 3, out, room), 0);
		assert_memory_equal(out + room, before, sizeof(out) - room);
	}
}

static const char *const two[] = {"192.0.2.1", "192.0.2.2"};

static int
take(const char *text, uint8_t map[static L3_SLOTS])
{
	struct l3_server servers[2];
	redisReader *reader = redisReaderCreate();
	void *reply = NULL;
	int taken;

	for (int i = 0; i < 2; i++) {
		assert_true(addr_parse(two[i], &servers[i].addr));
		servers[i].port = 6379;
	}
	redisReaderFeed(reader, text, strlen(text));
	assert_int_equal(redisReaderGetReply(reader, &reply), REDIS_OK);
	assert_non_null(reply);
	taken = l3_map_take(map, reply, 1, servers, 2);
	freeReplyObject(reply);
	redisReaderFree(reader);
	return taken;
}

#define RANGE(first, last, host) \
	"*3\r\n:" first "\r\n:" last "\r\n*3\r\n" host "\r\n:6379\r\n$2\r\nid\r\n"

static void
the_map_is_of_configured_servers(void **state)
{
	static uint8_t map[L3_SLOTS];

	(void)state;
	memset(map, 7, sizeof(map));
	/* Of the first; of the one that tells; of a stranger; and a gap. */
	assert_int_equal(take("*3\r\n" RANGE("0", "99", "$9\r\n192.0.2.1")
				 RANGE("200", "16382", "$-1")
				 RANGE("100", "109", "$9\r\n192.0.2.9"),
			     map),
	    10);
	assert_int_equal(map[0], 0);
	assert_int_equal(map[99], 0);
	assert_int_equal(map[100], L3_NOBODY);
	assert_int_equal(map[199], L3_NOBODY);
	assert_int_equal(map[200], 1);
	assert_int_equal(map[16382], 1);
	assert_int_equal(map[16383], L3_NOBODY);
	assert_int_equal(take("*1\r\n" RANGE("5", "5", "$4\r\nname"), map), 1);
	assert_int_equal(map[0], L3_NOBODY);
}

static void
what_is_no_map_changes_nothing(void **state)
{
	static const char *const rows[] = {"+OK\r\n", "$-1\r\n", ":1\r\n", "*1\r\n:1\r\n",
	    "*1\r\n*2\r\n:1\r\n:2\r\n", "*1\r\n" RANGE("5", "4", "$-1"),
	    "*1\r\n" RANGE("0", "16384", "$-1"), "*1\r\n" RANGE("-1", "4", "$-1"),
	    "*1\r\n*3\r\n:1\r\n:2\r\n:3\r\n", "*1\r\n*3\r\n:1\r\n:2\r\n*1\r\n$-1\r\n",
	    "*1\r\n*3\r\n:1\r\n:2\r\n*2\r\n$-1\r\n:65536\r\n",
	    "*1\r\n*3\r\n:1\r\n:2\r\n*2\r\n:5\r\n:6379\r\n",
	    "*2\r\n" RANGE("0", "10", "$-1") "$1\r\nx\r\n"};
	static uint8_t map[L3_SLOTS];

	(void)state;
	memset(map, 7, sizeof(map));
	for (size_t i = 0; i < N(rows); i++) {
		if (take(rows[i], map) != -1)
			fail_msg("taken: %s", rows[i]);
		assert_true(map[0] == 7 && map[1] == 7 && map[16383] == 7);
	}
}

static void
without_a_cluster_slots_are_spread_evenly(void **state)
{
	static uint8_t map[L3_SLOTS];

	(void)state;
	for (int n = 1; n <= L3_SERVERS; n++) {
		int of[L3_SERVERS] = {0};

		l3_map_spread(map, n);
		for (int slot = 0; slot < L3_SLOTS; slot++) {
			assert_true(map[slot] < n);
			of[map[slot]]++;
		}
		for (int i = 0; i < n; i++)
			assert_in_range(of[i], L3_SLOTS / n, L3_SLOTS / n + 1);
	}
}

static struct mono
at(int64_t ms)
{
	return (struct mono){1000000 + ms * 1000};
}

static void
lost_servers_are_let_alone_ever_longer_until_they_are_useful(void **state)
{
	static const int64_t pauses[] = {
	    100, 200, 400, 800, 1600, 3200, 6400, 10000, 10000, 10000};
	struct l3_pace p = {0};

	(void)state;
	for (size_t i = 0; i < N(pauses); i++) {
		l3_pace_greet(&p, at(0));
		assert_int_equal(l3_pace_lost(&p, at(1), 0), pauses[i]);
		assert_int_equal(p.state, L3_DOWN);
	}
	/* Up and answering, but not for long; up for long, but of no use. */
	l3_pace_up(&p, at(0));
	l3_pace_answer(&p, true);
	assert_int_equal(l3_pace_lost(&p, at(L3_USEFUL_MS - 1), 0), 10000);
	l3_pace_up(&p, at(0));
	assert_int_equal(l3_pace_lost(&p, at(L3_USEFUL_MS), 0), 10000);
	l3_pace_up(&p, at(0));
	l3_pace_answer(&p, false);
	assert_int_equal(l3_pace_lost(&p, at(L3_USEFUL_MS), 0), 100);
	/* Chance shortens it by a quarter at most. */
	for (uint32_t chance = 0; chance < 600; chance += 7) {
		struct l3_pace own = p;

		assert_in_range(l3_pace_lost(&own, at(0), chance), 150, 200);
	}
}

static void
errors_in_a_row_are_enough_at_last(void **state)
{
	struct l3_pace p = {0};

	(void)state;
	l3_pace_up(&p, at(0));
	for (int i = 1; i < L3_ERRORS; i++)
		assert_false(l3_pace_error(&p));
	l3_pace_answer(&p, false);
	for (int i = 1; i < L3_ERRORS; i++)
		assert_false(l3_pace_error(&p));
	assert_true(l3_pace_error(&p));
	l3_pace_up(&p, at(0));
	assert_false(l3_pace_error(&p));
}

static void
nobody_waits_for_one_that_is_always_late(void **state)
{
	struct l3_pace p = {0};

	(void)state;
	assert_false(l3_pace_waits(&p));
	l3_pace_greet(&p, at(0));
	assert_false(l3_pace_waits(&p));
	l3_pace_up(&p, at(0));
	for (int i = 0; i < L3_LATES; i++) {
		assert_true(l3_pace_waits(&p));
		l3_pace_answer(&p, false);
	}
	assert_false(l3_pace_waits(&p));
	l3_pace_answer(&p, true);
	assert_true(l3_pace_waits(&p));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(slots_are_those_of_redis),
	    cmocka_unit_test(redirections_name_slot_and_address),
	    cmocka_unit_test(commands_are_whole_or_not_there),
	    cmocka_unit_test(the_map_is_of_configured_servers),
	    cmocka_unit_test(what_is_no_map_changes_nothing),
	    cmocka_unit_test(without_a_cluster_slots_are_spread_evenly),
	    cmocka_unit_test(lost_servers_are_let_alone_ever_longer_until_they_are_useful),
	    cmocka_unit_test(errors_in_a_row_are_enough_at_last),
	    cmocka_unit_test(nobody_waits_for_one_that_is_always_late),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
