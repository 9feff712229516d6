/* The packets between worker and engine: what is written is read, and nothing else is. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "resolver/ask.h"

static const struct ask good = {.version = ASK_VERSION,
    .id = 7,
    .type = 1,
    .class = 1,
    .flags = KEY_DO | KEY_CD,
    .name_length = 5,
    .name = "\3www"};

static size_t
encoded(const struct ask *a, uint8_t *out)
{
	size_t n = ask_encode(a, out, ASK_MAX);

	assert_int_equal(n, ASK_HEAD + a->name_length);
	return n;
}

static void
a_question_comes_back_as_it_was(void **state)
{
	struct ask longest = good, root = good, refresh = good, again;
	uint8_t out[ASK_MAX];
	size_t i, n;

	(void)state;
	root.name_length = 1;
	root.name[0] = 0;
	longest.name_length = ENTRY_NAME_MAX;
	for (i = 0; i < ENTRY_NAME_MAX; i++)
		longest.name[i] = i == ENTRY_NAME_MAX - 1 ? 0 : i % 2 == 0 ? 1 : 0xff;
	refresh.flags = KEY_DO | ASK_REFRESH;
	const struct ask *all[] = {&good, &root, &longest, &refresh};

	for (i = 0; i < 4; i++) {
		n = encoded(all[i], out);
		assert_true(ask_decode(out, n, &again));
		assert_int_equal(again.id, all[i]->id);
		assert_int_equal(again.type, all[i]->type);
		assert_int_equal(again.class, all[i]->class);
		assert_int_equal(again.flags, all[i]->flags);
		assert_int_equal(again.name_length, all[i]->name_length);
		assert_memory_equal(again.name, all[i]->name, all[i]->name_length);
	}
}

static void
a_question_of_any_other_length_is_refused(void **state)
{
	uint8_t out[ASK_MAX + 1] = {0};
	struct ask a;
	size_t n = encoded(&good, out), i;

	(void)state;
	for (i = 0; i <= sizeof(out); i++) {
		if (i != n)
			assert_false(ask_decode(out, i, &a));
	}
}

/* One octet of the good question changed. */
static void
a_question_that_is_not_ours_is_refused(void **state)
{
	static const struct {
		size_t at;
		uint8_t value;
		const char *what;
	} rows[] = {
	    {0, ASK_VERSION + 1, "another version"},
	    {4, TOLD_HELLO, "the hello's id"},
	    {12, 8, "an unknown flag"},
	    {13, 4, "a shorter name"},
	    {13, 6, "a longer name"},
	    {14, 1, "something reserved"},
	    {15, 1, "something reserved"},
	    {16, 2, "a label that ends early"},
	    {16, 4, "a label over the end"},
	    {16, 64, "a label type that is none"},
	    {16, 0xc0, "a compression pointer"},
	    {17, 'W', "upper case"},
	    {20, 1, "no root"},
	};
	uint8_t out[ASK_MAX];
	struct ask a;
	size_t n = encoded(&good, out), i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t was = out[rows[i].at];

		out[rows[i].at] = rows[i].value;
		if (ask_decode(out, n, &a))
			fail_msg("%s is taken", rows[i].what);
		out[rows[i].at] = was;
	}
	assert_true(ask_decode(out, n, &a));
}

static void
what_would_be_refused_is_not_written(void **state)
{
	struct ask upper = good, hello = good, empty = good;
	uint8_t out[ASK_MAX];

	(void)state;
	upper.name[1] = 'W';
	hello.id = TOLD_HELLO;
	empty.name_length = 0;
	assert_int_equal(ask_encode(&upper, out, sizeof(out)), 0);
	assert_int_equal(ask_encode(&hello, out, sizeof(out)), 0);
	assert_int_equal(ask_encode(&empty, out, sizeof(out)), 0);
	assert_int_equal(ask_encode(&good, out, ASK_HEAD + good.name_length - 1u), 0);
}

static void
told_points_into_the_packet(void **state)
{
	_Alignas(8) uint8_t packet[TOLD_HEAD + 64] = {0};
	struct entry e = {.size = 64};
	const struct entry *entry;
	struct told t;

	(void)state;
	assert_int_equal(told_encode(9, 64, packet), TOLD_HEAD);
	memcpy(packet + TOLD_HEAD, &e, sizeof(e));
	assert_true(told_decode(packet, sizeof(packet), &t, &entry));
	assert_int_equal(t.id, 9);
	assert_int_equal(t.entry_size, 64);
	assert_ptr_equal(entry, packet + TOLD_HEAD);

	told_encode(9, 0, packet);
	assert_true(told_decode(packet, TOLD_HEAD, &t, &entry));
	assert_null(entry);
	told_encode(TOLD_HELLO, 0, packet);
	assert_true(told_decode(packet, TOLD_HEAD, &t, &entry));
	assert_int_equal(t.id, TOLD_HELLO);
	assert_int_equal(t.state, 0);
	assert_int_equal(told_hello(true, packet), TOLD_HEAD);
	assert_true(told_decode(packet, TOLD_HEAD, &t, &entry));
	assert_true(t.id == TOLD_HELLO && t.state == TOLD_CUT);
	packet[12] |= 2; /* a state that is none */
	assert_false(told_decode(packet, TOLD_HEAD, &t, &entry));
	told_hello(false, packet);
	assert_true(told_decode(packet, TOLD_HEAD, &t, &entry));
	assert_int_equal(t.state, 0);
}

static void
told_with_a_size_that_lies_is_refused(void **state)
{
	static const struct {
		uint32_t id, told, own;
		size_t length;
		const char *what;
	} rows[] = {
	    {9, 64, 64, TOLD_HEAD + 56, "an entry cut off"},
	    {9, 64, 64, TOLD_HEAD + 72, "something behind the entry"},
	    {9, 64, 64, TOLD_HEAD, "no entry"},
	    {9, 0, 64, TOLD_HEAD + 64, "an entry that was not told"},
	    {9, 64, 56, TOLD_HEAD + 64, "an entry of another size"},
	    {9, 8, 8, TOLD_HEAD + 8, "less than an entry's header"},
	    {9, 68, 68, TOLD_HEAD + 68, "a size that is no multiple of 8"},
	    {TOLD_HELLO, 64, 64, TOLD_HEAD + 64, "an entry with the hello"},
	    {9, 64, 64, TOLD_HEAD - 1, "less than the head"},
	};
	_Alignas(8) uint8_t packet[TOLD_HEAD + 80] = {0};
	const struct entry *entry;
	struct told t;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		told_encode(rows[i].id, rows[i].told, packet);
		memcpy(packet + TOLD_HEAD + offsetof(struct entry, size), &rows[i].own, 4);
		if (told_decode(packet, rows[i].length, &t, &entry) || entry != NULL)
			fail_msg("%s is taken", rows[i].what);
	}
}

static void
told_of_another_version_or_place_is_refused(void **state)
{
	_Alignas(8) uint8_t packet[TOLD_HEAD + 8] = {0};
	const struct entry *entry;
	struct told t;

	(void)state;
	told_encode(9, 0, packet + 1);
	assert_false(told_decode(packet + 1, TOLD_HEAD, &t, &entry));
	told_encode(9, 0, packet);
	packet[0]++;
	assert_false(told_decode(packet, TOLD_HEAD, &t, &entry));
	packet[0]--;
	packet[12] = 1;
	assert_false(told_decode(packet, TOLD_HEAD, &t, &entry));
}

static const struct purge tree = {.version = PURGE_VERSION,
    .id = 7,
    .flags = PURGE_TREE,
    .name_length = 5,
    .name = "\3www"};

static void
a_purge_comes_back_as_it_was(void **state)
{
	uint8_t out[PURGE_MAX];
	struct purge longest = tree, root = tree, again;
	const struct purge *all[] = {&tree, &root, &longest};
	size_t i, n;

	(void)state;
	root.flags = 0;
	root.name_length = 1;
	root.name[0] = 0;
	longest.name_length = ENTRY_NAME_MAX;
	for (i = 0; i < ENTRY_NAME_MAX; i++)
		longest.name[i] = i == ENTRY_NAME_MAX - 1 ? 0 : i % 2 == 0 ? 1 : 0xff;
	for (i = 0; i < 3; i++) {
		n = purge_encode(all[i], out, sizeof(out));
		assert_int_equal(n, PURGE_HEAD + all[i]->name_length);
		assert_true(purge_is(out, n));
		assert_true(purge_decode(out, n, &again));
		assert_int_equal(again.id, all[i]->id);
		assert_int_equal(again.flags, all[i]->flags);
		assert_int_equal(again.name_length, all[i]->name_length);
		assert_memory_equal(again.name, all[i]->name, all[i]->name_length);
	}
}

static void
a_purge_that_is_not_ours_is_refused(void **state)
{
	static const struct {
		size_t at;
		uint8_t value;
		const char *what;
	} rows[] = {
	    {0, 2, "another version"},
	    {4, TOLD_HELLO, "the hello's id"},
	    {8, 2, "an unknown flag"},
	    {9, 4, "a shorter name"},
	    {9, 6, "a longer name"},
	    {10, 1, "something reserved"},
	    {11, 1, "something reserved"},
	    {12, 2, "a label that ends early"},
	    {12, 64, "a label type that is none"},
	    {13, 'W', "upper case"},
	    {16, 1, "no root"},
	};
	struct purge p, upper = tree, empty = tree;
	uint8_t out[PURGE_MAX + 1] = {0};
	size_t n = purge_encode(&tree, out, sizeof(out)), i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t was = out[rows[i].at];

		out[rows[i].at] = rows[i].value;
		if (purge_decode(out, n, &p))
			fail_msg("%s is taken", rows[i].what);
		out[rows[i].at] = was;
	}
	for (i = 0; i <= sizeof(out); i++) {
		if (i != n)
			assert_false(purge_decode(out, i, &p));
	}
	assert_true(purge_decode(out, n, &p));
	assert_false(purge_is(out, 3));
	upper.name[1] = 'W';
	empty.name_length = 0;
	assert_int_equal(purge_encode(&upper, out, sizeof(out)), 0);
	assert_int_equal(purge_encode(&empty, out, sizeof(out)), 0);
	assert_int_equal(purge_encode(&tree, out, n - 1), 0);
}

/* A question is never taken for a purge, nor the other way round, whatever its content. */
static void
questions_and_purges_are_told_apart(void **state)
{
	uint8_t out[ASK_MAX];
	struct purge p;
	struct ask a;
	size_t n = encoded(&good, out);

	(void)state;
	assert_false(purge_is(out, n));
	assert_false(purge_decode(out, n, &p));
	n = purge_encode(&tree, out, sizeof(out));
	assert_false(ask_decode(out, n, &a));
}

static void
what_a_purge_came_to_is_read_and_nothing_else(void **state)
{
	const struct purged done = {PURGE_VERSION, 7, PURGE_DONE, 12};
	_Alignas(8) uint8_t out[PURGED_SIZE + 1] = {0};
	const struct entry *entry;
	struct purged again;
	struct told t;

	(void)state;
	purged_encode(&done, out);
	assert_true(purged_decode(out, PURGED_SIZE, &again));
	assert_memory_equal(&again, &done, sizeof(done));
	assert_false(told_decode(out, PURGED_SIZE, &t, &entry));
	assert_false(purged_decode(out, PURGED_SIZE - 1, &again));
	assert_false(purged_decode(out, PURGED_SIZE + 1, &again));
	out[8] = PURGE_REFUSED;
	assert_false(purged_decode(out, PURGED_SIZE, &again)); /* and dropped 12? */
	out[12] = 0;
	assert_true(purged_decode(out, PURGED_SIZE, &again));
	out[8] = N_PURGE_VERDICTS;
	assert_false(purged_decode(out, PURGED_SIZE, &again));
	out[8] = PURGE_DONE;
	out[0]++;
	assert_false(purged_decode(out, PURGED_SIZE, &again));
	told_encode(7, 0, out);
	assert_false(purged_decode(out, PURGED_SIZE, &again));
}

static void
last_words_come_back_as_they_were(void **state)
{
	struct last_words named = {.version = LAST_VERSION,
	    .signal = 11,
	    .key = {.type = 28, .class = 1, .flags = KEY_DO, .name_length = 5, .name = "\3www"}};
	const struct last_words none = {.version = LAST_VERSION, .signal = 64};
	struct last_words again;
	uint8_t out[LAST_MAX + 1] = {0};
	size_t n = last_encode(&named, out, sizeof(out));

	(void)state;
	assert_int_equal(n, LAST_HEAD + 5);
	assert_true(last_decode(out, n, &again));
	assert_int_equal(again.signal, 11);
	assert_true(key_equal(&again.key, &named.key));
	for (size_t i = 0; i <= sizeof(out); i++)
		if (i != n)
			assert_false(last_decode(out, i, &again));
	named.key.name[1] = 'W';
	assert_int_equal(last_encode(&named, out, sizeof(out)), 0);
	n = last_encode(&none, out, sizeof(out));
	assert_int_equal(n, LAST_HEAD);
	assert_true(last_decode(out, n, &again));
	assert_int_equal(again.key.name_length, 0);
}

static void
last_words_that_are_not_ours_are_refused(void **state)
{
	static const struct {
		size_t at;
		uint8_t value;
	} rows[] = {{0, 2}, {3, 1}, {4, 0}, {4, 65}, {5, 1}, {12, 4}, {13, 4}, {13, 0}, {14, 1},
	    {16, 2}, {17, 'W'}};
	const struct last_words named = {.version = LAST_VERSION,
	    .signal = 11,
	    .key = {.type = 28, .class = 1, .name_length = 5, .name = "\3www"}};
	_Alignas(8) uint8_t out[LAST_MAX];
	const struct entry *entry;
	struct last_words l;
	struct told t;
	size_t n = last_encode(&named, out, sizeof(out));

	(void)state;
	assert_false(told_decode(out, n, &t, &entry));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t was = out[rows[i].at];

		out[rows[i].at] = rows[i].value;
		if (last_decode(out, n, &l))
			fail_msg("octet %zu", rows[i].at);
		out[rows[i].at] = was;
	}
	out[13] = 0; /* a type without a name */
	assert_false(last_decode(out, LAST_HEAD, &l));
	told_encode(9, 0, out);
	assert_false(last_decode(out, TOLD_HEAD, &l));
}

static void
a_look_is_a_look_and_nothing_else(void **state)
{
	_Alignas(8) uint8_t out[ASK_MAX] = {0};
	const struct entry *entry;
	struct purged purged;
	struct purge purge;
	struct ask a;
	struct told t;
	uint32_t id;

	(void)state;
	look_encode(9, out);
	assert_true(look_decode(out, LOOK_SIZE, &id));
	assert_int_equal(id, 9);
	for (size_t i = 0; i <= sizeof(out); i++) {
		if (i != LOOK_SIZE)
			assert_false(look_decode(out, i, &id));
		assert_false(ask_decode(out, i, &a));
		assert_false(purge_decode(out, i, &purge) || purged_decode(out, i, &purged));
		assert_false(told_decode(out, i, &t, &entry));
	}
	assert_false(purge_is(out, LOOK_SIZE));
	look_encode(TOLD_HELLO, out);
	assert_false(look_decode(out, LOOK_SIZE, &id));
	look_encode(9, out);
	out[0] ^= 2;
	assert_false(look_decode(out, LOOK_SIZE, &id));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_question_comes_back_as_it_was),
	    cmocka_unit_test(a_question_of_any_other_length_is_refused),
	    cmocka_unit_test(a_question_that_is_not_ours_is_refused),
	    cmocka_unit_test(what_would_be_refused_is_not_written),
	    cmocka_unit_test(told_points_into_the_packet),
	    cmocka_unit_test(told_with_a_size_that_lies_is_refused),
	    cmocka_unit_test(told_of_another_version_or_place_is_refused),
	    cmocka_unit_test(a_purge_comes_back_as_it_was),
	    cmocka_unit_test(a_purge_that_is_not_ours_is_refused),
	    cmocka_unit_test(questions_and_purges_are_told_apart),
	    cmocka_unit_test(what_a_purge_came_to_is_read_and_nothing_else),
	    cmocka_unit_test(a_look_is_a_look_and_nothing_else),
	    cmocka_unit_test(last_words_come_back_as_they_were),
	    cmocka_unit_test(last_words_that_are_not_ours_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
