/* birdline: BIRD's lines, framed by their codes, in whatever pieces they come. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bgpctl/birdline.h"
#include "lib/file.h"

/* Feeds `data` in pieces of `piece` bytes and writes what comes out, a line each. */
static char *
told(const char *data, size_t n, size_t piece)
{
	static const char *const names[] = {"", "more", "last", "async", "broken"};
	enum birdline_got got;
	struct birdline l;
	char *out;
	size_t size, used;
	FILE *to = open_memstream(&out, &size);

	birdline_init(&l);
	for (size_t at = 0; at < n; at += piece) {
		size_t have = n - at < piece ? n - at : piece;

		for (const char *s = data + at; have > 0; s += used, have -= used) {
			got = birdline_feed(&l, s, have, &used);
			if (got == BIRDLINE_BROKEN) {
				fprintf(to, "broken %s\n", l.why);
				goto done;
			}
			if (got != BIRDLINE_NOTHING)
				fprintf(to, "%s %d%s %s\n", names[got], l.code, l.cut ? " cut" : "",
				    l.text);
		}
	}
done:
	fclose(to);
	return out;
}

static const struct {
	const char *promise, *in, *out;
} table[] = {
    {"a greeting is one last line", "0001 BIRD 2.0.12 ready.\n", "last 1 BIRD 2.0.12 ready.\n"},
    {"a continuation repeats the code", "1002-a\n b\n c\n0000 \n",
	"more 1002 a\nmore 1002 b\nmore 1002 c\nlast 0 \n"},
    {"one leading blank belongs to the frame, the others to the text", "1007-x\n    y\n0000 \n",
	"more 1007 x\nmore 1007    y\nlast 0 \n"},
    {"codes change within a reply", "1007-r\n1012-\tBGP.med: 1\n \tBGP.x: 2\n0000 \n",
	"more 1007 r\nmore 1012 \tBGP.med: 1\nmore 1012 \tBGP.x: 2\nlast 0 \n"},
    {"an asynchronous line is no part of a reply", "1002-a\n+log line\n b\n0000 \n",
	"more 1002 a\nasync -1 log line\nmore 1002 b\nlast 0 \n"},
    {"empty texts are texts", "1007-\n \n0000 \n", "more 1007 \nmore 1007 \nlast 0 \n"},
    {"text that looks like a code stays text", "1007-a\n 0000 \n0000 \n",
	"more 1007 a\nmore 1007 0000 \nlast 0 \n"},
    {"a line without a code breaks the frame", "hello\n0000 \n",
	"broken a line without a reply code\n"},
    {"three digits are no code", "001 x\n", "broken a line without a reply code\n"},
    {"a code and nothing is no line", "0000\n", "broken a line without a reply code\n"},
    {"an empty line breaks the frame", "\n", "broken a line without a reply code\n"},
    {"a continuation needs a reply", " x\n", "broken a continuation line outside a reply\n"},
    {"a continuation ends with its reply", "1002-a\n0000 \n x\n",
	"more 1002 a\nlast 0 \nbroken a continuation line outside a reply\n"},
};

static void
lines_come_out_the_same_in_any_pieces(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		size_t n = strlen(table[i].in);

		for (size_t piece = 1; piece <= n; piece++) {
			char *out = told(table[i].in, n, piece);

			if (strcmp(out, table[i].out) != 0)
				fail_msg("%s (pieces of %zu): %s", table[i].promise, piece, out);
			free(out);
		}
	}
}

static void
a_real_transcript_comes_out_the_same_in_any_pieces(void **state)
{
	static const char *const files[] = {"protocols", "table_three_all", "exported_both",
	    "received_all", "protocol_all", "no_protocol", "configured"};
	struct err err;
	char path[100];

	(void)state;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		size_t n;
		char *data, *whole, *pieces;

		snprintf(path, sizeof(path), "tests/unit/data/bird/%s.txt", files[i]);
		data = file_read(path, 100000, &n, &err);
		if (!data)
			fail_msg("%s", err.text);
		whole = told(data, n, n);
		assert_null(strstr(whole, "broken"));
		assert_non_null(strstr(whole, "last "));
		for (size_t piece = 1; piece < 40; piece++) {
			pieces = told(data, n, piece);
			assert_string_equal(pieces, whole);
			free(pieces);
		}
		free(whole);
		free(data);
	}
}

static void
a_long_line_keeps_its_beginning_and_the_frame_holds(void **state)
{
	static char data[9000];
	char *out;

	(void)state;
	memcpy(data, "1012-", 5);
	memset(data + 5, 'x', 8000);
	strcpy(data + 8005, "\n0000 \n");
	out = told(data, strlen(data), 7);
	assert_true(strncmp(out, "more 1012 cut xxx", 17) == 0);
	assert_non_null(strstr(out, "\nlast 0 \n"));
	assert_true(strlen(out) < 1100);
	free(out);
}

static void
a_line_that_never_ends_is_broken(void **state)
{
	static char data[BIRDLINE_LIMIT + 2];
	char *out;

	(void)state;
	memset(data, 'x', sizeof(data));
	out = told(data, sizeof(data), 1000);
	assert_string_equal(out, "broken a line without an end\n");
	free(out);
}

static void
a_nul_byte_is_broken_and_stays_so(void **state)
{
	struct birdline l;
	size_t used;

	(void)state;
	birdline_init(&l);
	assert_int_equal(birdline_feed(&l, "0000 a\0b\n", 9, &used), BIRDLINE_BROKEN);
	assert_int_equal(birdline_feed(&l, "0000 \n", 6, &used), BIRDLINE_BROKEN);
	assert_int_equal(used, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(lines_come_out_the_same_in_any_pieces),
	    cmocka_unit_test(a_real_transcript_comes_out_the_same_in_any_pieces),
	    cmocka_unit_test(a_long_line_keeps_its_beginning_and_the_frame_holds),
	    cmocka_unit_test(a_line_that_never_ends_is_broken),
	    cmocka_unit_test(a_nul_byte_is_broken_and_stays_so),
	};

	return cmocka_run_group_tests_name("birdline", tests, NULL, NULL);
}
