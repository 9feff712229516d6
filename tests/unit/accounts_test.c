/* accounts: who is in the two files, whatever else is in them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "healthd/accounts.h"

static char path[] = "/tmp/accounts_test.XXXXXX";

static int
set_up(void **state)
{
	int fd = mkstemp(path);
	FILE *f = fd >= 0 ? fdopen(fd, "w") : NULL;

	(void)state;
	if (f == NULL)
		return -1;
	fputs("root:x:0:\n# a comment: no: 7:\n\n+::::\nbroken\nodd:x:1z:\nhuge:x:99999999999:\n"
	      "staff:x:50:",
	    f);
	for (int i = 0; i < 5000; i++) /* longer than any buffer that one would think of */
		fprintf(f, "member%d,", i);
	fputs("last\noperators:x:1234:root\nnone:x:12", f);
	return fclose(f);
}

static int
tear_down(void **state)
{
	(void)state;
	return unlink(path);
}

static void
a_group_is_found_behind_a_long_line(void **state)
{
	gid_t gid = 7;

	(void)state;
	assert_true(accounts_group(path, "operators", &gid));
	assert_int_equal(gid, 1234);
	assert_true(accounts_group(path, "root", &gid));
	assert_int_equal(gid, 0);
	assert_true(accounts_group(path, "staff", &gid));
	assert_int_equal(gid, 50);
}

static void
what_is_no_entry_is_passed_over(void **state)
{
	static const char *const names[] = {
	    "", "+", "# a comment", "broken", "odd", "huge", "none", "operator"};
	gid_t gid = 7;

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_false(accounts_group(path, names[i], &gid));
	assert_false(accounts_group("/nowhere/group", "root", &gid));
	assert_int_equal(gid, 7);
}

static void
a_user_is_named_by_number(void **state)
{
	char name[6] = "-";

	(void)state;
	assert_true(accounts_user(path, 1234, name, sizeof(name)));
	assert_string_equal(name, "opera"); /* cut */
	assert_false(accounts_user(path, 51, name, sizeof(name)));
	assert_false(accounts_user("/nowhere/passwd", 0, name, sizeof(name)));
	assert_true(accounts_user(ACCOUNTS_USERS, 0, name, sizeof(name)));
	assert_string_equal(name, "root");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_group_is_found_behind_a_long_line),
	    cmocka_unit_test(what_is_no_entry_is_passed_over),
	    cmocka_unit_test(a_user_is_named_by_number),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
