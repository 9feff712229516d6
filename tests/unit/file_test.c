/* Small files. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/file.h"

static char dir[64];

static const char *
in_dir(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static int
make_dir(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/anypop-file-XXXXXX");
	return mkdtemp(dir) == NULL ? -1 : 0;
}

static int
remove_dir(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	return system(command);
}

static int
files_in(const char *path)
{
	DIR *d = opendir(path);
	struct dirent *e;
	int n = 0;

	assert_non_null(d);
	while ((e = readdir(d)) != NULL)
		n += e->d_name[0] != '.' || strlen(e->d_name) > 2;
	closedir(d);
	return n;
}

static void
what_is_replaced_reads_back(void **state)
{
	struct err err;
	struct stat st;
	size_t length;
	char *text;

	(void)state;
	assert_int_equal(file_replace(in_dir("a"), "one", 3, 0640, &err), 0);
	assert_int_equal(file_replace_fast(in_dir("a"), "two\0three", 9, 0600, &err), 0);
	text = file_read(in_dir("a"), 9, &length, &err);
	assert_non_null(text);
	assert_int_equal(length, 9);
	assert_memory_equal(text, "two\0three", 10);
	free(text);
	assert_int_equal(stat(in_dir("a"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(files_in(dir), 1);
}

static void
a_larger_file_is_an_error(void **state)
{
	struct err err;

	(void)state;
	assert_int_equal(file_replace(in_dir("a"), "12345", 5, 0600, &err), 0);
	assert_null(file_read(in_dir("a"), 4, NULL, &err));
	assert_int_equal(errno, EFBIG);
	assert_non_null(strstr(err.text, "larger than 4"));
}

static void
a_missing_file_says_so(void **state)
{
	struct err err;

	(void)state;
	assert_null(file_read(in_dir("none"), 10, NULL, &err));
	assert_int_equal(errno, ENOENT);
	assert_non_null(strstr(err.text, "/none"));
	assert_non_null(strstr(err.text, "No such file"));
}

static void
a_directory_and_a_fifo_do_not_hang_the_reader(void **state)
{
	struct err err;
	size_t length;
	char *text;

	(void)state;
	assert_null(file_read(dir, 10, NULL, &err));
	assert_int_equal(errno, EISDIR);
	assert_int_equal(mkfifo(in_dir("fifo"), 0600), 0);
	text = file_read(in_dir("fifo"), 10, &length, &err);
	assert_non_null(text);
	assert_int_equal(length, 0);
	free(text);
}

static void
a_failed_replacement_leaves_the_old_file_and_no_litter(void **state)
{
	struct err err;
	char *text;

	(void)state;
	assert_int_equal(file_replace(in_dir("full"), "old", 3, 0600, &err), 0);
	/* A directory in the target's place is refused by rename(), after the write. */
	assert_int_equal(mkdir(in_dir("target"), 0755), 0);
	assert_int_equal(file_replace(in_dir("target"), "new", 3, 0600, &err), -1);
	assert_non_null(strstr(err.text, "/target"));
	assert_int_equal(files_in(dir), 2);
	assert_int_equal(file_replace(in_dir("none/x"), "new", 3, 0600, &err), -1);
	text = file_read(in_dir("full"), 10, NULL, &err);
	assert_string_equal(text, "old");
	free(text);
}

static void
directories_are_made_with_their_parents(void **state)
{
	struct err err;
	struct stat st;

	(void)state;
	assert_int_equal(file_mkdirs(in_dir("x/y//z/"), &err), 0);
	assert_int_equal(file_mkdirs(in_dir("x/y/z"), &err), 0);
	assert_int_equal(stat(in_dir("x/y/z"), &st), 0);
	assert_true(S_ISDIR(st.st_mode));
	assert_int_equal(file_replace(in_dir("plain"), "", 0, 0600, &err), 0);
	assert_int_equal(file_mkdirs(in_dir("plain/sub"), &err), -1);
	assert_non_null(strstr(err.text, "/plain"));
	assert_int_equal(file_mkdirs("", &err), -1);
}

#define IN_DIR(test) cmocka_unit_test_setup_teardown(test, make_dir, remove_dir)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    IN_DIR(what_is_replaced_reads_back),
	    IN_DIR(a_larger_file_is_an_error),
	    IN_DIR(a_missing_file_says_so),
	    IN_DIR(a_directory_and_a_fifo_do_not_hang_the_reader),
	    IN_DIR(a_failed_replacement_leaves_the_old_file_and_no_litter),
	    IN_DIR(directories_are_made_with_their_parents),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
