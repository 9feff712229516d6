/* linediff: the lines that differ and no others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bgpctl/linediff.h"

static const struct {
	const char *old, *new, *out;
} table[] = {
    {"", "", ""},
    {"a\nb\n", "a\nb\n", ""},
    {"", "a\nb\n", "@ 1\n+ a\n+ b\n"},
    {"a\n", "", "@ 1\n- a\n"},
    {"a\nb\nc\n", "a\nx\nc\n", "@ 2\n- b\n+ x\n"},
    {"a\nb\nc\nd\ne\n", "a\nc\nd\nx\ne\n", "@ 2\n- b\n@ 4\n+ x\n"},
    {"a\n\nb\n", "a\nb\n", "@ 2\n- \n"},
    {"a\na\na\n", "a\na\n", "@ 3\n- a\n"},
    {"a\nb", "a\nb\n", ""},
    {"x\nk1\ny\nk2\nz\n", "1\nk1\n2\nk2\n3\n",
	"@ 1\n- x\n+ 1\n@ 3\n- y\n+ 2\n@ 5\n- z\n+ 3\n"},
};

static void
only_what_differs_is_shown(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		char *out;
		size_t n;
		FILE *to = open_memstream(&out, &n);

		linediff(to, table[i].old, table[i].new);
		fclose(to);
		assert_string_equal(out, table[i].out);
		free(out);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(only_what_differs_is_shown)};

	return cmocka_run_group_tests_name("linediff", tests, NULL, NULL);
}
