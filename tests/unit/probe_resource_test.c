/*
 * probe_resource: files in the kernel's formats, in a directory of ours, that change under it.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "healthd/probe.h"

struct rig {
	struct ev_loop *loop;
	struct probe *probe;
	char dir[64], path[160];
	struct sample last;
	int n;
};

static const struct probe_timing timing = {.interval_ms = 10, .timeout_ms = 1000};

static void
done(void *arg, const struct sample *s)
{
	struct rig *r = arg;

	r->last = *s;
	r->n++;
	ev_break(r->loop, EVBREAK_ALL);
}

static void
put(struct rig *r, const char *name, const char *text)
{
	FILE *f;

	snprintf(r->path, sizeof(r->path), "%s/%s", r->dir, name);
	f = fopen(r->path, "w");
	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

static void
gone(struct rig *r, const char *name)
{
	snprintf(r->path, sizeof(r->path), "%s/%s", r->dir, name);
	assert_int_equal(unlink(r->path), 0);
}

static void
rig_open(struct rig *r)
{
	*r = (struct rig){.loop = ev_loop_new(0), .dir = "/tmp/anypop-resource-XXXXXX"};
	assert_non_null(mkdtemp(r->dir));
}

static void
rig_close(struct rig *r)
{
	static const char *const names[] = {"f", "snmp", "snmp6", "memory.current", "memory.max",
	    "memory.stat", "memory.usage_in_bytes", "memory.limit_in_bytes"};

	probe_free(r->probe);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(r->path, sizeof(r->path), "%s/%s", r->dir, names[i]);
		unlink(r->path);
	}
	assert_int_equal(rmdir(r->dir), 0);
	ev_loop_destroy(r->loop);
}

/* A probe of `dir`/`name`, or of `dir` itself. */
static void
watch(struct rig *r, enum resource_source source, const char *name, int64_t warn, int64_t crit,
    char path[static 160])
{
	struct err err;

	snprintf(path, 160, "%s%s%s", r->dir, name != NULL ? "/" : "", name != NULL ? name : "");
	r->probe = probe_resource(r->loop, &timing, source, path, warn, crit, done, r, &err);
	assert_non_null(r->probe);
}

/* The next sample; `why` NULL: whatever it says. */
static void
expect(struct rig *r, enum outcome outcome, int value, const char *why)
{
	r->last = (struct sample){0};
	ev_run(r->loop, 0);
	if (r->last.outcome != outcome || r->last.value != value ||
	    (why != NULL && strcmp(r->last.why, why) != 0))
		fail_msg("outcome %d value %d \"%s\"", r->last.outcome, r->last.value, r->last.why);
}

static void
pressure_is_graded_and_read_anew(void **state)
{
	char path[160];
	struct rig r;

	(void)state;
	rig_open(&r);
	put(&r, "f", "some avg10=10.00 avg60=0.00\n");
	watch(&r, RESOURCE_PSI_MEMORY, "f", 20, 60, path);
	expect(&r, OUTCOME_OK, 100, "");
	put(&r, "f", "some avg10=50.00 avg60=0.00\n");
	expect(&r, OUTCOME_OK, 25, "");
	put(&r, "f", "some avg10=63.50 avg60=0.00\n");
	expect(&r, OUTCOME_WRONG, 0, "memory pressure avg10 63.5 % >= 60 %");
	put(&r, "f", "nonsense\n");
	expect(&r, OUTCOME_UNKNOWN, 0, NULL);
	rig_close(&r);
}

static void
source_that_lacks_is_idle_and_one_that_is_lost_unknown(void **state)
{
	char path[160], why[80];
	struct rig r;

	(void)state;
	rig_open(&r);
	watch(&r, RESOURCE_PSI_CPU, "f", 20, 60, path);
	snprintf(why, sizeof(why), "%.40s: no such file or directory", path);
	expect(&r, OUTCOME_IDLE, 0, why);
	put(&r, "f", "some avg10=0.00 avg60=0.00\n");
	expect(&r, OUTCOME_OK, 100, "");
	gone(&r, "f"); /* the descriptor still reads, as it does of a file that was replaced */
	expect(&r, OUTCOME_OK, 100, "");
	put(&r, "f", "");
	probe_free(r.probe);
	watch(&r, RESOURCE_PSI_CPU, "f", 20, 60, path);
	snprintf(why, sizeof(why), "%.40s: no data available", path);
	expect(&r, OUTCOME_IDLE, 0, why);
	put(&r, "f", "some avg10=0.00 avg60=0.00\n");
	expect(&r, OUTCOME_OK, 100, "");
	put(&r, "f", "");
	expect(&r, OUTCOME_UNKNOWN, 0, why);
	put(&r, "f", "some avg10=0.00 avg60=0.00\n");
	expect(&r, OUTCOME_OK, 100, "");
	rig_close(&r);
}

static void
memory_of_the_host_or_of_a_control_group(void **state)
{
	char path[160];
	struct rig r;

	(void)state;
	rig_open(&r);
	put(&r, "f", "MemTotal: 1000 kB\nMemFree: 1 kB\nMemAvailable: 40 kB\n");
	watch(&r, RESOURCE_MEM_AVAILABLE, "f", 10, 5, path);
	expect(&r, OUTCOME_WRONG, 0, "memory available 4 % <= 5 %");
	probe_free(r.probe);
	gone(&r, "f");
	watch(&r, RESOURCE_MEM_AVAILABLE, NULL, 20, 10, path);
	expect(&r, OUTCOME_IDLE, 0, NULL);
	put(&r, "memory.usage_in_bytes", "900\n"); /* version 1 */
	put(&r, "memory.limit_in_bytes", "1000\n");
	put(&r, "memory.stat", "inactive_file 1\ntotal_inactive_file 50\n");
	expect(&r, OUTCOME_OK, 50, ""); /* 15 % between 20 and 10 */
	put(&r, "memory.limit_in_bytes", "9223372036854771712\n");
	expect(&r, OUTCOME_IDLE, 0, "the control group has no memory limit");
	probe_free(r.probe);
	gone(&r, "memory.usage_in_bytes");
	put(&r, "memory.current", "990\n");
	put(&r, "memory.max", "1000\n");
	put(&r, "memory.stat", "anon 3\ninactive_file 0\n");
	watch(&r, RESOURCE_MEM_AVAILABLE, NULL, 20, 10, path);
	expect(&r, OUTCOME_WRONG, 0, "memory available 1 % <= 10 %");
	put(&r, "memory.max", "max\n");
	expect(&r, OUTCOME_IDLE, 0, "the control group has no memory limit");
	rig_close(&r);
}

static void
counts_become_rates_from_the_second_on(void **state)
{
	char path[160];
	struct rig r;

	(void)state;
	rig_open(&r);
	put(&r, "snmp", "Udp: InDatagrams RcvbufErrors\nUdp: 1 1000\n");
	put(&r, "snmp6", "Udp6RcvbufErrors                \t5\n");
	watch(&r, RESOURCE_UDP_DROPS, NULL, 1, 10, path);
	expect(&r, OUTCOME_IDLE, 0, "the first count");
	expect(&r, OUTCOME_OK, 100, "");
	put(&r, "snmp6", "Udp6RcvbufErrors                \t1000005\n");
	expect(&r, OUTCOME_WRONG, 0, NULL);
	assert_memory_equal(r.last.why, "UDP buffer errors ", 18);
	expect(&r, OUTCOME_OK, 100, "");
	put(&r, "snmp", "Udp: InDatagrams RcvbufErrors\nUdp: 1 0\n");
	expect(&r, OUTCOME_IDLE, 0, "the first count"); /* it went back: counted anew */
	probe_free(r.probe);
	put(&r, "f", "7\n");
	watch(&r, RESOURCE_NIC_DROPS, "f", 1, 10, path);
	expect(&r, OUTCOME_IDLE, 0, "the first count");
	put(&r, "f", "1000000\n");
	expect(&r, OUTCOME_WRONG, 0, NULL);
	rig_close(&r);
}

/* The defaults are this very host's files; whatever they say, they have to be readable. */
static void
defaults_are_there(void **state)
{
	static const enum resource_source sources[] = {
	    RESOURCE_MEM_AVAILABLE, RESOURCE_DISK, RESOURCE_DESCRIPTORS, RESOURCE_UDP_DROPS};
	struct err err;
	struct rig r;

	(void)state;
	rig_open(&r);
	for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++) {
		bool memory = sources[i] == RESOURCE_MEM_AVAILABLE;

		r.probe = probe_resource(r.loop, &timing, sources[i], NULL, memory ? 1 : 100,
		    memory ? 0 : 1000000, done, &r, &err);
		assert_non_null(r.probe);
		ev_run(r.loop, 0);
		ev_run(r.loop, 0);
		assert_int_equal(r.last.outcome, OUTCOME_OK);
		probe_free(r.probe);
	}
	r.probe = probe_resource(r.loop, &timing, RESOURCE_NIC_DROPS, "lo", 1, 1000000, done,
	    &r, &err);
	ev_run(r.loop, 0);
	assert_string_equal(r.last.why, "the first count");
	rig_close(&r);
}

static void
thresholds_that_cannot_be_are_refused(void **state)
{
	struct ev_loop *loop = ev_loop_new(0);
	struct err err;

	(void)state;
	assert_null(
	    probe_resource(loop, &timing, RESOURCE_NIC_DROPS, NULL, 1, 2, done, NULL, &err));
	assert_null(probe_resource(loop, &timing, RESOURCE_DISK, NULL, 90, 80, done, NULL, &err));
	assert_null(probe_resource(loop, &timing, RESOURCE_DISK, NULL, 90, 90, done, NULL, &err));
	assert_null(
	    probe_resource(loop, &timing, RESOURCE_MEM_AVAILABLE, NULL, 5, 10, done, NULL, &err));
	ev_loop_destroy(loop);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(pressure_is_graded_and_read_anew),
	    cmocka_unit_test(source_that_lacks_is_idle_and_one_that_is_lost_unknown),
	    cmocka_unit_test(memory_of_the_host_or_of_a_control_group),
	    cmocka_unit_test(counts_become_rates_from_the_second_on),
	    cmocka_unit_test(defaults_are_there),
	    cmocka_unit_test(thresholds_that_cannot_be_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
