/* The operator's program at a rung change: what it is told, what it inherits, and its end. */
#include "tests/unit/brain_rig.h"

#include <poll.h>
#include <sys/syscall.h>

#include "lib/file.h"

static const char *out;

/* A brain with this hook; its output goes to `out`. */
static struct brain *
hooked(const char *script, int64_t timeout_ms)
{
	struct brain *b = rig_brain();
	const char **command = arena_get(b->arena, 5 * sizeof(*command));

	out = arena_printf(b->arena, "%s/out", rig_dir);
	command[0] = "/bin/sh";
	command[1] = "-c";
	command[2] = script;
	command[3] = "hook";
	command[4] = out;
	b->settings.hook.command = command;
	b->settings.hook.n_command = 5;
	b->settings.hook.timeout_ms = timeout_ms;
	hook_init(b);
	return b;
}

static void
drop(struct brain *b)
{
	char path[100];

	hook_fini(b);
	unlink(out);
	snprintf(path, sizeof(path), "%s.fifo", out);
	unlink(path);
	rig_drop(b);
}

static void
change(struct brain *b, int from, int to)
{
	struct lane *lane = &b->lanes[0];

	lane->judgement.score = 41;
	lane->out.state.rung = (int8_t)to;
	snprintf(lane->out.because, sizeof(lane->out.because), "score 41 < 50");
	say_move(b, lane, from);
	hook_run(b, lane, from, to);
}

static void
on_late(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	(void)revents;
	*(bool *)w->data = true;
	ev_break(loop, EVBREAK_ALL);
}

static int
lines(void)
{
	struct err err;
	char *text = access(out, R_OK) == 0 ? file_read(out, 1 << 16, NULL, &err) : NULL;
	int n = 0;

	for (char *p = text; p != NULL && *p != '\0'; p++)
		n += *p == '\n';
	free(text);
	return n;
}

/* Runs the loop until the hook has written so many lines and failed so often. */
static void
until(struct brain *b, int n_lines, uint64_t n_failed)
{
	struct ev_timer late;
	bool is_late = false;

	ev_timer_init(&late, on_late, 60, 0);
	late.data = &is_late;
	ev_timer_start(b->loop, &late);
	while (!is_late && (lines() < n_lines || b->counters.hooks_failed < n_failed))
		ev_run(b->loop, EVRUN_ONCE);
	ev_timer_stop(b->loop, &late);
	assert_false(is_late);
}

static void
it_is_told_all_in_its_environment(void **state)
{
	struct brain *b = hooked("echo \"$ANYPOP_EVENT $ANYPOP_NODE $ANYPOP_POP $ANYPOP_SERVICE "
				 "$ANYPOP_FAMILY $ANYPOP_FROM $ANYPOP_TO $ANYPOP_SCORE "
				 "$ANYPOP_BECAUSE\" >$1", 5000);
	struct err err;
	char *text;

	(void)state;
	change(b, 3, 1);
	until(b, 1, 0);
	text = file_read(out, 1000, NULL, &err);
	assert_string_equal(text, "rung n1 p1 dns v4 full drain 41 score 41 < 50\n");
	free(text);
	drop(b);
}

static void
a_failover_is_told_with_its_region_alone(void **state)
{
	struct brain *b = hooked("echo \"$ANYPOP_EVENT $ANYPOP_NODE $ANYPOP_POP $ANYPOP_REGION "
				 "${ANYPOP_SERVICE-none} $ANYPOP_BECAUSE\" >>$1", 5000);
	struct err err;
	char *text;

	(void)state;
	change(b, 3, 1); /* its words must not be left in the next */
	assert_true(hook_alert(b, "failover_failed", "eu", "of 2 that took over 1 is left"));
	until(b, 2, 0);
	text = file_read(out, 1000, NULL, &err);
	assert_string_equal(text, "rung n1 p1  dns score 41 < 50\n"
				  "failover_failed n1 p1 eu none of 2 that took over 1 is left\n");
	free(text);
	drop(b);
}

/* The C library keeps signals 32 and 33 for itself and lets nobody reset them; make(1) leaves them
 * ignored to what it starts. */
static void
forget_reserved_signals(char *text)
{
	char *at = strstr(text, "SigIgn:\t0000000180000000");

	if (at != NULL)
		memset(at + 8, '0', 16);
}

/* SIGPIPE, ignored by us, is deadly again; no descriptor of ours but the standard three; no
 * capability; a process group of its own. */
static void
it_inherits_nothing_of_ours(void **state)
{
	struct brain *b = hooked("{ grep -E '^(SigIgn|SigBlk|CapAmb):' /proc/self/status; "
				 "ls /proc/$$/fd >$1.fd; " /* no pipe: the shell's end counts */
				 "grep -vcE '^([0-2]|1[0-9]|255)$' $1.fd; rm $1.fd; "
				 "test \"$(cut -d' ' -f5 /proc/$$/stat)\" = $$ && echo leader; } "
				 ">$1.new; mv $1.new $1", 5000);
	struct err err;
	char *text;

	(void)state;
	change(b, 3, 1);
	until(b, 5, 0);
	text = file_read(out, 1000, NULL, &err);
	forget_reserved_signals(text);
	assert_string_equal(text, "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n"
				  "CapAmb:\t0000000000000000\n0\nleader\n");
	free(text);
	drop(b);
}

static void
they_run_in_order_one_at_a_time(void **state)
{
	struct brain *b = hooked("echo from $ANYPOP_FROM >>$1; echo to $ANYPOP_TO >>$1", 5000);
	struct err err;
	char *text;

	(void)state;
	change(b, 3, 1);
	change(b, 1, 0);
	change(b, 0, 2);
	until(b, 6, 0);
	text = file_read(out, 1000, NULL, &err);
	assert_string_equal(
	    text, "from full\nto drain\nfrom drain\nto silent\nfrom silent\nto backup\n");
	free(text);
	drop(b);
}

/* Is the process gone, or does it go within ten seconds? */
static bool
ends(int pid)
{
	struct pollfd p = {.fd = (int)syscall(SYS_pidfd_open, pid, 0), .events = POLLIN};
	int rc = p.fd < 0 ? 1 : poll(&p, 1, 10000);

	if (p.fd >= 0)
		close(p.fd);
	return rc == 1;
}

static void
one_that_hangs_is_killed_with_all_that_it_started(void **state)
{
	struct brain *b = hooked("mkfifo $1.fifo; cat $1.fifo & echo $! >>$1; wait",
	    2000); /* within which it has come so far */
	struct err err;
	int started;
	char *text;

	(void)state;
	change(b, 3, 1);
	until(b, 1, 1);
	text = file_read(out, 1000, NULL, &err);
	started = atoi(text);
	free(text);
	assert_true(started > 1);
	assert_true(ends(started));
	drop(b);
}

static void
one_that_cannot_run_is_counted_and_does_not_stop_the_next(void **state)
{
	struct brain *b = hooked("", 5000);

	(void)state;
	b->settings.hook.command[0] = "/nowhere/hook";
	hook_init(b);
	change(b, 3, 1);
	change(b, 1, 0);
	until(b, 0, 2);
	assert_int_equal(b->counters.hooks, 2);
	drop(b);
}

static void
a_queue_that_is_full_drops_the_oldest_and_counts_it(void **state)
{
	struct brain *b = hooked("echo $ANYPOP_TO >>$1", 5000);

	(void)state;
	for (int i = 0; i < 20; i++)
		change(b, 3, 1);
	assert_true(b->counters.hooks_failed >= 3);
	until(b, 20 - (int)b->counters.hooks_failed, 0);
	assert_int_equal(b->counters.hooks + b->counters.hooks_failed, 20);
	drop(b);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)
	const struct CMUnitTest tests[] = {
	    TEST(it_is_told_all_in_its_environment),
	    TEST(a_failover_is_told_with_its_region_alone),
	    TEST(it_inherits_nothing_of_ours),
	    TEST(they_run_in_order_one_at_a_time),
	    TEST(one_that_hangs_is_killed_with_all_that_it_started),
	    TEST(one_that_cannot_run_is_counted_and_does_not_stop_the_next),
	    TEST(a_queue_that_is_full_drops_the_oldest_and_counts_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
