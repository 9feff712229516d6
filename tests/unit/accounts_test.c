/* accounts: who is in the two files, whatever else is in them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "healthd/accounts.h"
#include "healthd/spawn.h"

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

/* A directory server that hangs, say: nobody asks it for one whom the files know. */
struct passwd *
getpwnam(const char *name)
{
	fail_msg("the name service switch was asked for %s", name);
	return NULL;
}

int
getgrouplist(const char *name, gid_t group, gid_t *groups, int *n)
{
	(void)group, (void)groups, (void)n;
	fail_msg("the name service switch was asked for the groups of %s", name);
	return -1;
}

static void
a_user_of_the_file_is_asked_of_nobody_else(void **state)
{
	struct identity id;
	struct err err;

	(void)state;
	assert_int_equal(identity_find("daemon", &id, &err), 0);
	assert_int_equal(id.uid, 1);
	assert_int_equal(id.gid, 1);
	assert_true(id.change);
	assert_in_range(id.n_groups, 1, MAX_SPAWN_GROUPS);
	assert_int_equal(id.groups[0], 1);
}

static void
a_user_has_his_groups_once(void **state)
{
	gid_t groups[4] = {1234};
	uid_t uid;
	gid_t gid;
	FILE *f = fopen(path, "a");

	(void)state;
	fputs("\nbrain:x:33:1234:the brain:/:/bin/false\nbirds:x:77:finch,brain\ncut:x:78\n"
	      "brains:x:79:brains\nseven:x:80:brain,finch\n", f);
	fclose(f);
	assert_true(accounts_ids(path, "brain", &uid, &gid));
	assert_int_equal(uid, 33);
	assert_int_equal(gid, 1234);
	assert_false(accounts_ids(path, "cut", &uid, &gid));
	assert_false(accounts_ids(path, "operators", &uid, &gid)); /* no number there */
	assert_int_equal(accounts_groups_of(path, "brain", groups, 1, 4), 3);
	assert_int_equal(groups[1], 77);
	assert_int_equal(groups[2], 80);
	assert_int_equal(accounts_groups_of(path, "root", groups, 1, 4), 1); /* in it already */
	assert_int_equal(accounts_groups_of(path, "brain", groups, 1, 2), 2);
	assert_int_equal(accounts_groups_of("/nowhere/group", "brain", groups, 1, 4), 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_group_is_found_behind_a_long_line),
	    cmocka_unit_test(what_is_no_entry_is_passed_over),
	    cmocka_unit_test(a_user_is_named_by_number),
	    cmocka_unit_test(a_user_has_his_groups_once),
	    cmocka_unit_test(a_user_of_the_file_is_asked_of_nobody_else),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
