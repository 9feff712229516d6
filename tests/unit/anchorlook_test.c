/* anchorlook: whose keys are older than the file's. */
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <stddef.h>
#include <cmocka.h>

#include "bgpctl/anchorlook.h"

#define FILE_OF(time) "{\"written\": " time "}"
#define UP(...) "{\"engines\": [" __VA_ARGS__ "]}"

static void
engines_older_than_the_file_are_found(void **state)
{
	static const struct {
		const char *anchors, *workers;
		bool older;
	} rows[] = {
	    {FILE_OF("900.5"), UP("{\"up_s\": 50.0}"), false},
	    {FILE_OF("900.5"), UP("{\"up_s\": 100.0}"), true},
	    {FILE_OF("900.5"), UP("{\"up_s\": 99.3}"), false},
	    {FILE_OF("900.5"), UP("{\"up_s\": 50.0}, {\"up_s\": 99.9}"), true},
	    {FILE_OF("900.5"), UP("{\"up_s\": null}, {\"up_s\": 10}"), false},
	    {FILE_OF("900.5"), UP(""), false}, /* nobody runs: who starts reads it */
	    {FILE_OF("900.5"), "{}", false},
	    {FILE_OF("0"), UP("{\"up_s\": 5000}"), false}, /* nothing is read */
	    {"{}", UP("{\"up_s\": 100.0}"), false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		json_t *anchors = json_loads(rows[i].anchors, 0, NULL);
		json_t *workers = json_loads(rows[i].workers, 0, NULL);

		assert_int_equal(anchorlook_older(anchors, workers, 1000), rows[i].older);
		json_decref(anchors);
		json_decref(workers);
	}
	assert_false(anchorlook_older(NULL, NULL, 1000));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(engines_older_than_the_file_are_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
