/* birdtalk: a reply belongs to the command that is out, and to no other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "bgpctl/birdtalk.h"

static struct birdtalk t;
static size_t used;

static struct mono
ms(int64_t n)
{
	return (struct mono){1000000 + n * 1000};
}

static enum birdtalk_got
hear(const char *text, int64_t now)
{
	return birdtalk_feed(&t, text, strlen(text), &used, ms(now));
}

static void
greeted(void)
{
	birdtalk_open(&t, 1000, ms(0));
	assert_int_equal(hear("0001 BIRD 2.0.12 ready.\n", 1), TALK_GREETED);
}

/* What is to be written now, as written. */
static void
write_out(const char *expected)
{
	const char *bytes;
	size_t n = birdtalk_output(&t, &bytes);

	assert_int_equal(n, strlen(expected));
	assert_memory_equal(bytes, expected, n);
	birdtalk_written(&t, n);
}

static void
commands_asked_before_the_greeting_wait_for_it(void **state)
{
	const char *bytes;

	(void)state;
	birdtalk_open(&t, 1000, ms(0));
	assert_true(birdtalk_ask(&t, 7, "show status", ms(0)));
	assert_int_equal(birdtalk_output(&t, &bytes), 0);
	assert_int_equal(hear("0001 BIRD 2.0.12 ready.\n", 1), TALK_GREETED);
	write_out("show status\n");
}

static void
the_next_command_goes_out_when_the_reply_has_ended(void **state)
{
	const char *bytes;

	(void)state;
	greeted();
	birdtalk_ask(&t, 1, "one", ms(1));
	birdtalk_ask(&t, 2, "two", ms(1));
	write_out("one\n");
	assert_int_equal(birdtalk_output(&t, &bytes), 0);
	assert_int_equal(hear("1002-row\n", 2), TALK_ROW);
	assert_int_equal(t.tag, 1);
	assert_int_equal(hear("0000 \n", 3), TALK_DONE);
	assert_int_equal(t.tag, 1);
	assert_int_equal(t.line.code, 0);
	write_out("two\n");
	assert_int_equal(hear("9001 syntax error\n", 4), TALK_DONE);
	assert_int_equal(t.tag, 2);
	assert_int_equal(reply_class(t.line.code), REPLY_SYNTAX);
	assert_false(mono_is_set(t.deadline));
}

static void
two_replies_in_one_read_are_two(void **state)
{
	const char *both = "0000 \n0001 again\n";

	(void)state;
	greeted();
	birdtalk_ask(&t, 1, "one", ms(1));
	write_out("one\n");
	assert_int_equal(birdtalk_feed(&t, both, strlen(both), &used, ms(2)), TALK_DONE);
	assert_int_equal(used, 6);
	/* Nothing is out any more, so the second one is nobody's. */
	assert_int_equal(
	    birdtalk_feed(&t, both + used, strlen(both) - used, &used, ms(2)), TALK_FAILED);
	assert_string_equal(t.why, "a reply nobody asked for");
}

static void
a_reply_before_the_command_is_out_whole_is_nobodys(void **state)
{
	(void)state;
	greeted();
	birdtalk_ask(&t, 1, "enable x", ms(1));
	birdtalk_written(&t, 3);
	assert_int_equal(hear("0000 \n", 2), TALK_FAILED);
}

static void
a_partly_written_command_goes_on_where_it_stopped(void **state)
{
	(void)state;
	greeted();
	birdtalk_ask(&t, 1, "enable x", ms(1));
	birdtalk_written(&t, 3);
	write_out("ble x\n");
	assert_int_equal(hear("0011-x: enabled\n", 2), TALK_ROW);
	assert_int_equal(hear("0000 \n", 2), TALK_DONE);
}

static void
a_late_answer_is_never_the_next_ones(void **state)
{
	(void)state;
	greeted();
	birdtalk_ask(&t, 1, "one", ms(10));
	birdtalk_ask(&t, 2, "two", ms(10));
	write_out("one\n");
	assert_int_equal(birdtalk_tick(&t, ms(1009)), TALK_NOTHING);
	assert_int_equal(birdtalk_tick(&t, ms(1010)), TALK_FAILED);
	assert_string_equal(t.why, "no answer in time");
	assert_int_equal(hear("0000 \n", 1011), TALK_FAILED);
	assert_false(birdtalk_ask(&t, 3, "three", ms(1012)));
	/* The next connection starts without anything of this one. */
	greeted();
	birdtalk_ask(&t, 4, "four", ms(2000));
	write_out("four\n");
	assert_int_equal(hear("0000 \n", 2001), TALK_DONE);
	assert_int_equal(t.tag, 4);
}

static void
each_command_has_its_own_deadline(void **state)
{
	(void)state;
	greeted();
	birdtalk_ask(&t, 1, "one", ms(0));
	birdtalk_ask(&t, 2, "two", ms(0));
	write_out("one\n");
	assert_int_equal(hear("0000 \n", 900), TALK_DONE);
	write_out("two\n");
	assert_int_equal(birdtalk_tick(&t, ms(1500)), TALK_NOTHING);
	assert_int_equal(birdtalk_tick(&t, ms(1900)), TALK_FAILED);
}

static void
no_greeting_is_a_failure(void **state)
{
	(void)state;
	birdtalk_open(&t, 1000, ms(0));
	assert_int_equal(birdtalk_tick(&t, ms(999)), TALK_NOTHING);
	assert_int_equal(birdtalk_tick(&t, ms(1000)), TALK_FAILED);
	birdtalk_open(&t, 1000, ms(0));
	assert_int_equal(hear("0000 \n", 1), TALK_FAILED);
	birdtalk_open(&t, 1000, ms(0));
	assert_int_equal(hear("SSH-2.0-OpenSSH_9.2\n", 1), TALK_FAILED);
}

static void
the_queue_takes_what_fits_and_says_so(void **state)
{
	char longest[BIRDTALK_COMMAND + 1];
	int n = 0;

	(void)state;
	greeted();
	memset(longest, 'x', sizeof(longest));
	longest[BIRDTALK_COMMAND] = '\0';
	assert_false(birdtalk_ask(&t, 1, longest, ms(1)));
	longest[BIRDTALK_COMMAND - 1] = '\0';
	assert_true(birdtalk_ask(&t, 1, longest, ms(1)));
	assert_false(birdtalk_ask(&t, 1, "two\nlines", ms(1)));
	greeted();
	while (birdtalk_ask(&t, 1, "x", ms(1)))
		n++;
	assert_int_equal(n, BIRDTALK_QUEUE);
	for (; n > 0; n--) {
		write_out("x\n");
		assert_int_equal(hear("0000 \n", 2), TALK_DONE);
	}
	assert_int_equal(t.phase, TALK_READY);
}

static void
codes_have_classes(void **state)
{
	(void)state;
	assert_int_equal(reply_class(4), REPLY_OK);
	assert_int_equal(reply_class(1007), REPLY_ROW);
	assert_int_equal(reply_class(2002), REPLY_TABLE);
	assert_int_equal(reply_class(8007), REPLY_RUNTIME);
	assert_int_equal(reply_class(9001), REPLY_SYNTAX);
	assert_int_equal(reply_class(5000), REPLY_STRANGE);
	assert_int_equal(reply_class(-1), REPLY_STRANGE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(commands_asked_before_the_greeting_wait_for_it),
	    cmocka_unit_test(the_next_command_goes_out_when_the_reply_has_ended),
	    cmocka_unit_test(two_replies_in_one_read_are_two),
	    cmocka_unit_test(a_reply_before_the_command_is_out_whole_is_nobodys),
	    cmocka_unit_test(a_partly_written_command_goes_on_where_it_stopped),
	    cmocka_unit_test(a_late_answer_is_never_the_next_ones),
	    cmocka_unit_test(each_command_has_its_own_deadline),
	    cmocka_unit_test(no_greeting_is_a_failure),
	    cmocka_unit_test(the_queue_takes_what_fits_and_says_so),
	    cmocka_unit_test(codes_have_classes),
	};

	return cmocka_run_group_tests_name("birdtalk", tests, NULL, NULL);
}
