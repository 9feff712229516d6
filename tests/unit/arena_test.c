/* Arenas. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "lib/arena.h"

static void
memory_is_zeroed_aligned_and_apart(void **state)
{
	struct arena *a = arena_new();
	char *last = NULL;

	(void)state;
	for (size_t size = 0; size < 40000; size = size * 2 + 1) {
		char *p = arena_get(a, size);

		assert_int_equal((uintptr_t)p % _Alignof(max_align_t), 0);
		for (size_t i = 0; i < size; i++)
			assert_int_equal(p[i], 0);
		memset(p, 0x5a, size);
		assert_ptr_not_equal(p, last);
		last = p;
	}
	arena_free(a);
}

static void
earlier_memory_keeps_its_bytes(void **state)
{
	struct arena *a = arena_new();
	char *texts[2000];

	(void)state;
	for (int i = 0; i < 2000; i++)
		texts[i] = arena_printf(a, "text %d", i);
	for (int i = 0; i < 2000; i++) {
		char want[32];

		snprintf(want, sizeof(want), "text %d", i);
		assert_string_equal(texts[i], want);
	}
	arena_free(a);
}

static void
strings_are_copies(void **state)
{
	struct arena *a = arena_new();
	char text[] = "abc";
	char *copy = arena_strdup(a, text);

	(void)state;
	text[0] = 'x';
	assert_string_equal(copy, "abc");
	assert_string_equal(arena_strdup(a, ""), "");
	arena_free(a);
	arena_free(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(memory_is_zeroed_aligned_and_apart),
	    cmocka_unit_test(earlier_memory_keeps_its_bytes),
	    cmocka_unit_test(strings_are_copies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
