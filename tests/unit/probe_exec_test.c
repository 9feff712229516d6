/*
 * probe_exec: scripts that end well, badly, not at all, and that leave children behind.
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "healthd/probe.h"

static struct {
	struct sample samples[8];
	int n, want;
	struct probe *probe;
} rig;

static void
done(void *arg, const struct sample *s)
{
	(void)arg;
	assert_true(rig.n < 8);
	rig.samples[rig.n++] = *s;
	if (rig.n == rig.want)
		ev_break(EV_DEFAULT, EVBREAK_ALL);
}

static struct probe *
start(const char *const *command, int n, int64_t timeout_ms)
{
	struct probe_timing t = {.interval_ms = timeout_ms, .timeout_ms = timeout_ms};
	struct err err;

	rig.n = 0;
	rig.probe = probe_exec(EV_DEFAULT, &t, command, n, done, NULL, &err);
	assert_non_null(rig.probe);
	probe_kick(rig.probe);
	return rig.probe;
}

static void
run(int want)
{
	rig.want = rig.n + want;
	ev_run(EV_DEFAULT, 0);
}

/* One sample of a shell script. */
static struct sample
shell(const char *script, int64_t timeout_ms)
{
	const char *const command[] = {"/bin/sh", "-c", script};

	start(command, 3, timeout_ms);
	run(1);
	probe_free(rig.probe);
	return rig.samples[0];
}

static void
exit_status_is_the_verdict(void **state)
{
	static const struct {
		const char *script;
		enum outcome outcome;
		const char *why;
	} rows[] = {
	    {"exit 0", OUTCOME_OK, ""},
	    {"echo fine; exit 0", OUTCOME_OK, ""},
	    {"exit 1", OUTCOME_WRONG, "exit 1"},
	    {"echo 'zone is old' >&2; echo more; exit 3", OUTCOME_WRONG, "exit 3: zone is old"},
	    {"printf '\\n\\n  tab\\there\\n'; exit 125", OUTCOME_WRONG, "exit 125: tab?here"},
	    {"exit 126", OUTCOME_WRONG, "cannot run"},
	    {"echo no such thing; exit 127", OUTCOME_WRONG, "cannot run: no such thing"},
	    {"exit 200", OUTCOME_WRONG, "exit 200"},
	    {"kill -TERM $$", OUTCOME_WRONG, "killed by SIGTERM"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sample s = shell(rows[i].script, 10000);

		if (s.outcome != rows[i].outcome || strcmp(s.why, rows[i].why) != 0)
			fail_msg("row %zu: %d \"%s\"", i, s.outcome, s.why);
		assert_true(s.rtt_us >= 0);
	}
}

static void
what_cannot_be_run_fails(void **state)
{
	static const char *const missing[] = {"/nonexistent/check"};
	static const char *const directory[] = {"/tmp"};
	static const struct probe_timing t = {.interval_ms = 1, .timeout_ms = 1};
	struct err err;

	(void)state;
	start(missing, 1, 10000);
	run(1);
	probe_free(rig.probe);
	assert_int_equal(rig.samples[0].outcome, OUTCOME_WRONG);
	assert_string_equal(rig.samples[0].why, "cannot run: no such file or directory");
	start(directory, 1, 10000);
	run(1);
	probe_free(rig.probe);
	assert_int_equal(rig.samples[0].outcome, OUTCOME_WRONG);
	assert_string_equal(rig.samples[0].why, "cannot run: permission denied");
	assert_null(probe_exec(EV_DEFAULT, &t, NULL, 0, done, NULL, &err));
}

/* We are its subreaper: it can be waited for as soon as its parent is gone as well, unless libev's
 * loop, which waits for any child, has been faster: then it is not there any more. */
static void
assert_killed(pid_t pid)
{
	struct mono until = mono_add_ms(mono_now(), 10000);
	int status = 0;
	pid_t gone;

	do {
		gone = waitpid(pid, &status, WNOHANG);
		if (gone == -1 && kill(pid, 0) == -1 && errno == ESRCH)
			return;
	} while (gone != pid && mono_before(mono_now(), until));
	assert_int_equal(gone, pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

/* The grandchild keeps the pipe open far longer than the script lives, and is gone afterwards. */
static void
grandchild_with_the_pipe_delays_nothing_and_is_killed(void **state)
{
	struct sample s = shell("sleep 100 & echo $!; exit 5", 10000);
	pid_t pid;

	(void)state;
	assert_int_equal(s.outcome, OUTCOME_WRONG);
	assert_memory_equal(s.why, "exit 5: ", 8);
	assert_true(mono_diff_ms(s.at, s.sent) < 9000);
	pid = atoi(s.why + 8);
	assert_true(pid > 0);
	assert_killed(pid);
}

static void
timeout_kills_the_whole_group_at_once(void **state)
{
	struct sample s;
	char line[32] = "";
	FILE *f;
	char path[] = "/tmp/anypop-exec-XXXXXX", script[160];
	int fd = mkstemp(path);
	pid_t pid;

	(void)state;
	assert_true(fd >= 0);
	snprintf(script, sizeof(script),
	    "trap '' TERM INT; sleep 100 & echo $! > %s; wait; sleep 100", path);
	s = shell(script, 2000); /* within which it has come so far */
	assert_int_equal(s.outcome, OUTCOME_SILENT);
	assert_string_equal(s.why, "timed out");
	assert_int_equal(s.rtt_us, -1);
	f = fdopen(fd, "r");
	assert_non_null(f);
	assert_non_null(fgets(line, sizeof(line), f));
	fclose(f);
	unlink(path);
	pid = atoi(line);
	assert_true(pid > 0);
	assert_killed(pid);
}

static void
after_a_timeout_the_next_question_is_asked(void **state)
{
	static const char *const command[] = {"/bin/sh", "-c", "sleep 100"};

	(void)state;
	start(command, 3, 500); /* so long may we stall and still judge */
	run(3);
	probe_free(rig.probe);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(rig.samples[i].outcome, OUTCOME_SILENT);
		assert_string_equal(rig.samples[i].why, "timed out");
	}
}

/* It ended while we were not looking: its status counts, not our timer. */
static void
status_is_read_before_the_timeout_is_judged(void **state)
{
	static const char *const command[] = {"/bin/sh", "-c", "exit 0"};
	int64_t until;
	siginfo_t info;

	(void)state;
	start(command, 3, 200);
	rig.want = 1;
	while (rig.n == 0) {
		ev_run(EV_DEFAULT, EVRUN_ONCE);
		until = mono_now().us + 300000;
		/* Until it has ended, which nobody is told, and its time is over. */
		while (rig.n == 0 && waitid(P_ALL, 0, &info, WEXITED | WNOWAIT) == -1 &&
		       errno == EINTR)
			;
		while (rig.n == 0 && mono_now().us < until)
			usleep(10000);
	}
	probe_free(rig.probe);
	assert_int_equal(rig.samples[0].outcome, OUTCOME_OK);
}

static void
environment_descriptors_and_signals_are_clean(void **state)
{
	struct sample s;

	(void)state;
	assert_int_equal(setenv("SECRET", "x", 1), 0);
	assert_int_equal(dup2(1, 50), 50);
	signal(SIGPIPE, SIG_IGN);
	s = shell("test -z \"$SECRET\" || { echo env; exit 1; }\n"
		  "test \"$ANYPOP_TIMEOUT_MS\" = 10000 || { echo timeout; exit 1; }\n"
		  "test \"$(pwd)\" = / || { echo cwd; exit 1; }\n"
		  "test ! -e /proc/$$/fd/50 || { echo descriptor; exit 1; }\n"
		  "read -r pid name state parent group rest < /proc/$$/stat\n"
		  "test $group = $$ || { echo group; exit 1; }",
	    10000);
	assert_string_equal(s.why, "");
	assert_int_equal(s.outcome, OUTCOME_OK);
	/* Without a fork in between: a shell blocks signals of its own while it waits. */
	/* But 32 and 33: they are glibc's own, out of reach, and `make` leaves them ignored. */
	s = shell("exec grep -Eq 'SigIgn:.0{7}[01][08]0{7}$' /proc/self/status", 10000);
	assert_int_equal(s.outcome, OUTCOME_OK);
	s = shell("exec grep -q 'SigBlk:.0*$' /proc/self/status", 10000);
	assert_int_equal(s.outcome, OUTCOME_OK);
	signal(SIGPIPE, SIG_DFL);
	unsetenv("SECRET");
	close(50);
}

static void
flood_of_output_is_bounded(void **state)
{
	struct sample s = shell("yes; exit 0", 20000);

	(void)state;
	assert_int_equal(s.outcome, OUTCOME_OK); /* `yes` got SIGPIPE, the script went on */
	s = shell("exec yes", 20000);
	assert_int_equal(s.outcome, OUTCOME_WRONG);
	assert_string_equal(s.why, "killed by SIGPIPE: y");
}

static void
freeing_kills_what_runs(void **state)
{
	static const char *const command[] = {"/bin/sh", "-c", "echo > /dev/null; exec sleep 100"};
	pid_t pid;
	int status;

	(void)state;
	start(command, 3, 50000);
	rig.want = 1;
	for (pid = 0; pid <= 0;) { /* until it runs: it is our only child */
		ev_run(EV_DEFAULT, EVRUN_ONCE);
		pid = waitpid(-1, &status, WNOHANG) == 0 ? 1 : 0;
	}
	probe_free(rig.probe);
	pid = waitpid(-1, &status, 0);
	assert_true(pid > 0);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(exit_status_is_the_verdict),
	    cmocka_unit_test(what_cannot_be_run_fails),
	    cmocka_unit_test(grandchild_with_the_pipe_delays_nothing_and_is_killed),
	    cmocka_unit_test(timeout_kills_the_whole_group_at_once),
	    cmocka_unit_test(after_a_timeout_the_next_question_is_asked),
	    cmocka_unit_test(status_is_read_before_the_timeout_is_judged),
	    cmocka_unit_test(environment_descriptors_and_signals_are_clean),
	    cmocka_unit_test(flood_of_output_is_bounded),
	    cmocka_unit_test(freeing_kills_what_runs),
	};

	/* Orphans of the scripts come to us, so that their ends can be asserted. */
	if (prctl(PR_SET_CHILD_SUBREAPER, 1) != 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
