/* Lines come out of any split of the stream into reads, and none is longer than the buffer. */
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "bgpctl/frame.h"

static const char stream[] = "one\n\ntwo words\r\n{\"a\":1}\n1234567890abcde\nrest";

/* Feeds `stream` in pieces of `step` bytes and joins the lines with '|'. */
static void
collect(size_t size, size_t step, char *out)
{
	char buf[64], *line, *to;
	struct frame f = frame_init(buf, size);
	size_t done = 0, length, room;
	enum frame_result got;

	*out = '\0';
	for (;;) {
		while ((got = frame_next(&f, &line, &length)) == FRAME_LINE) {
			assert_int_equal(strlen(line), length);
			strcat(strcat(out, line), "|");
		}
		assert_int_equal(got, FRAME_MORE);
		if (done == sizeof(stream) - 1)
			break;
		to = frame_room(&f, &room);
		assert_true(room > 0);
		if (room > step)
			room = step;
		if (room > sizeof(stream) - 1 - done)
			room = sizeof(stream) - 1 - done;
		memcpy(to, stream + done, room);
		frame_filled(&f, room);
		done += room;
	}
	assert_true(frame_holds_part(&f));
}

static void
any_split_gives_the_same_lines(void **state)
{
	char out[128];

	(void)state;
	for (size_t size = 16; size <= 64; size++) {
		for (size_t step = 1; step <= 64; step++) {
			collect(size, step, out);
			assert_string_equal(out, "one||two words|{\"a\":1}|1234567890abcde|");
		}
	}
}

static void
a_line_longer_than_the_buffer_is_full_until_it_grows(void **state)
{
	char small[4], large[16], *line, *to;
	struct frame f = frame_init(small, sizeof(small));
	size_t room, length;

	(void)state;
	to = frame_room(&f, &room);
	assert_int_equal(room, 4);
	memcpy(to, "abcd", 4);
	frame_filled(&f, 4);
	assert_int_equal(frame_next(&f, &line, &length), FRAME_FULL);
	assert_int_equal(frame_next(&f, &line, &length), FRAME_FULL);
	memcpy(large, small, 4);
	frame_grown(&f, large, sizeof(large));
	assert_int_equal(frame_next(&f, &line, &length), FRAME_MORE);
	to = frame_room(&f, &room);
	assert_int_equal(room, 12);
	memcpy(to, "e\nf", 3);
	frame_filled(&f, 3);
	assert_int_equal(frame_next(&f, &line, &length), FRAME_LINE);
	assert_string_equal(line, "abcde");
	assert_int_equal(frame_next(&f, &line, &length), FRAME_MORE);
}

static void
a_line_may_hold_nul(void **state)
{
	char buf[8], *line, *to;
	struct frame f = frame_init(buf, sizeof(buf));
	size_t room, length;

	(void)state;
	to = frame_room(&f, &room);
	memcpy(to, "a\0b\n", 4);
	frame_filled(&f, 4);
	assert_int_equal(frame_next(&f, &line, &length), FRAME_LINE);
	assert_int_equal(length, 3);
	assert_memory_equal(line, "a\0b", 4);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_split_gives_the_same_lines),
		cmocka_unit_test(a_line_longer_than_the_buffer_is_full_until_it_grows),
		cmocka_unit_test(a_line_may_hold_nul),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
