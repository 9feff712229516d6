/* The manual names every key of the configuration and every verb, as the programs have them. */
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "healthd/settings.h"
#include "lib/file.h"
#include "resolver/conf.h"

static char *
read_page(const char *path)
{
	struct err err;
	char *page = file_read(path, 1 << 20, NULL, &err);

	if (page == NULL)
		fail_msg("%s", err.text);
	return page;
}

/* One line of the reference, "key TAB type [TAB default] TAB help", as the page must have it. */
static void
expected_entry(char *line, char *out, size_t size)
{
	char *field[4] = {NULL};
	int n = 0;

	for (char *p = line; p != NULL && n < 4; n++) {
		field[n] = p;
		p = strchr(p, '\t');
		if (p != NULL)
			*p++ = '\0';
	}
	assert_true(n >= 3);
	if (n == 3)
		snprintf(out, size, ".It Va %s\n%s: %s\n", field[0], field[1], field[2]);
	else
		snprintf(out, size, ".It Va %s\n%s, default %s: %s\n", field[0], field[1], field[2],
		    field[3]);
}

static void
expect_keys(const char *path, void (*print)(FILE *to), int at_least)
{
	char *page = read_page(path), *reference = NULL, *save = NULL;
	char entry[1024];
	const char *at = page;
	size_t length;
	FILE *to = open_memstream(&reference, &length);
	int keys = 0, in_page = 0;

	print(to);
	fclose(to);
	for (char *line = strtok_r(reference, "\n", &save); line != NULL;
	    line = strtok_r(NULL, "\n", &save), keys++) {
		expected_entry(line, entry, sizeof(entry));
		if (strstr(page, entry) == NULL)
			fail_msg("%s lacks:\n%s", path, entry);
	}
	assert_true(keys >= at_least);
	while ((at = strstr(at, ".It Va ")) != NULL) {
		at++;
		in_page++;
	}
	assert_int_equal(in_page, keys); /* and none that is gone */
	free(reference);
	free(page);
}

static void
every_key_is_in_the_manual_as_it_is(void **state)
{
	(void)state;
	expect_keys("docs/man/healthd.conf.5", settings_reference, 50);
	expect_keys("docs/man/resolver.conf.5", resolver_conf_reference, 35);
}

/* Lines of `bgpctl --help` that begin with two blanks and a word. */
static void
every_verb_is_in_the_manual(void **state)
{
	char *page = read_page("docs/man/bgpctl.8"), program[4096], line[256], verb[32], entry[64];
	ssize_t n = readlink("/proc/self/exe", program, sizeof(program) - 64);
	int verbs = 0;
	FILE *p;

	(void)state;
	program[n] = '\0';
	for (int i = 0; i < 3; i++) /* build/VARIANT/tests/unit/manual_test -> build/VARIANT */
		*strrchr(program, '/') = '\0';
	strcat(program, "/bin/bgpctl --help");
	p = popen(program, "r");
	while (fgets(line, sizeof(line), p) != NULL) {
		if (sscanf(line, "  %31s", verb) != 1 || strncmp(line, "  ", 2) != 0)
			continue;
		snprintf(entry, sizeof(entry), ".It Ic %s", verb);
		if (strstr(page, entry) == NULL)
			fail_msg("docs/man/bgpctl.8 lacks %s", verb);
		verbs++;
	}
	assert_int_equal(pclose(p), 0);
	assert_true(verbs >= 15);
	free(page);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_key_is_in_the_manual_as_it_is),
		cmocka_unit_test(every_verb_is_in_the_manual),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
