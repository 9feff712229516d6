/* spawn and the handover: what children get, and what a successor believes. Unprivileged; the
 * change of user is tested in tests/integration/keeper_test.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "healthd/keeper.h"

static const struct identity stay;

static int
run(const char *const *argv, int n, int pass_fd, pid_t *pid)
{
	const struct held_one passed = {"passed", pass_fd};
	const struct spawn s = {
	    .argv = argv,
	    .n_argv = n,
	    .index = 7,
	    .identity = &stay,
	    .held = &passed,
	    .n_held = pass_fd != -1,
	    .oom_score_adj = SPAWN_OOM_KEEP,
	    .search_path = true,
	};

	return spawn(&s, pid);
}

static int
exit_status(pid_t pid)
{
	int status = -1;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static int
shell(const char *script, int pass_fd)
{
	const char *argv[] = {"sh", "-c", script};
	pid_t pid;

	assert_int_equal(run(argv, 3, pass_fd, &pid), 0);
	return exit_status(pid);
}

static void
arguments_are_expanded(void **state)
{
	const char *argv[] = {"sh", "-c", "[ %i%% = '%''i%''%' ]"};
	struct spawn verbatim = {.argv = argv,
	    .n_argv = 3,
	    .index = -1,
	    .identity = &stay,
	    .oom_score_adj = SPAWN_OOM_KEEP,
	    .search_path = true};
	char out[16];
	pid_t pid;

	(void)state;
	assert_true(spawn_expand("a-%i.conf", 12, out, sizeof(out)));
	assert_string_equal(out, "a-12.conf");
	assert_true(spawn_expand("100%%i %x %", 12, out, sizeof(out)));
	assert_string_equal(out, "100%i %x %");
	assert_true(spawn_expand("", 1, out, sizeof(out)));
	assert_string_equal(out, "");
	assert_true(spawn_expand("123456789012345", 1, out, sizeof(out)));
	assert_false(spawn_expand("1234567890123456", 1, out, sizeof(out)));
	assert_false(spawn_expand("12345678901234%i", 10, out, sizeof(out)));
	assert_int_equal(shell("exit %i", -1), 7);
	assert_int_equal(spawn(&verbatim, &pid), 0);
	assert_int_equal(exit_status(pid), 0);
}

static void
what_cannot_be_executed_comes_back_as_errno(void **state)
{
	const char *missing[] = {"/nonexistent/resolver"}, *directory[] = {"/tmp"};
	const char *many[MAX_SPAWN_ARGS + 1];
	pid_t pid;

	(void)state;
	assert_int_equal(run(missing, 1, -1, &pid), ENOENT);
	assert_int_equal(pid, 0);
	assert_int_equal(run(directory, 1, -1, &pid), EACCES);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* nothing is left to reap */
	for (size_t i = 0; i < sizeof(many) / sizeof(many[0]); i++)
		many[i] = "true";
	assert_int_equal(run(many, MAX_SPAWN_ARGS + 1, -1, &pid), E2BIG);
	assert_int_equal(run(many, 0, -1, &pid), E2BIG);
}

/* Whatever their numbers are here: in the child they stand in the order given, with their names. */
static void
descriptors_arrive_in_order_with_their_names(void **state)
{
	const char *script = "read a <&3; read b <&4; read c <&5; [ \"$a$b$c\" = 012 ] && "
			     "[ \"$LISTEN_FDNAMES\" = zero:one:two ] && [ $LISTEN_FDS = 3 ] && "
			     "[ $LISTEN_PID = $$ ] && [ ! -e /proc/$$/fd/6 ]";
	const char *argv[] = {"sh", "-c", script};
	struct held_one held[] = {{"zero", 0}, {"one", 0}, {"two", 0}};
	struct spawn s = {.argv = argv,
	    .n_argv = 3,
	    .index = -1,
	    .identity = &stay,
	    .held = held,
	    .n_held = 3,
	    .oom_score_adj = SPAWN_OOM_KEEP,
	    .search_path = true};
	static const int order[] = {2, 0, 1}; /* made so that each lies where another has to go */
	int pipes[2];
	pid_t pid;

	(void)state;
	for (int i = 0; i < 3; i++) {
		assert_int_equal(pipe(pipes), 0);
		dprintf(pipes[1], "%d\n", order[i]);
		close(pipes[1]);
		held[order[i]].fd = pipes[0];
	}
	assert_int_equal(spawn(&s, &pid), 0);
	assert_int_equal(exit_status(pid), 0);
	for (int i = 0; i < 3; i++)
		close(held[i].fd);
	assert_int_equal(shell("[ -z \"$LISTEN_FDS$LISTEN_FDNAMES$LISTEN_PID\" ]", -1), 0);
}

static void
a_child_inherits_nothing_of_ours(void **state)
{
	int leak = open("/dev/zero", O_RDONLY), high = fcntl(leak, F_DUPFD, 200), pipes[2];
	sigset_t set;

	(void)state;
	assert_int_equal(pipe(pipes), 0);
	assert_int_equal(shell("[ \"$(readlink /proc/self/fd/0)\" = /dev/null ]", -1), 0);
	assert_int_equal(shell("[ -e /proc/$$/fd/3 ] || [ -e /proc/$$/fd/200 ]", -1), 1);
	assert_int_equal(shell("echo hello >&3", pipes[1]), 0);
	assert_int_equal(shell("[ -e /proc/$$/fd/200 ]", pipes[1]), 1);
	signal(SIGTERM, SIG_IGN);
	sigfillset(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
	assert_int_equal(shell("kill -TERM $$; exit 0", -1), 1000 + SIGTERM);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	signal(SIGTERM, SIG_DFL);
	assert_int_equal(
	    shell("[ $(cut -d' ' -f5 /proc/$$/stat) = $$ ]", -1), 0); /* leads its group */
	close(leak);
	close(high);
	close(pipes[0]);
	close(pipes[1]);
}

static void
a_user_that_is_not_there_is_named(void **state)
{
	struct identity id;
	struct err err;

	(void)state;
	assert_int_equal(identity_find("no-such-user", &id, &err), -1);
	assert_non_null(strstr(err.text, "\"no-such-user\""));
	assert_int_equal(identity_find("", &id, &err), 0);
	assert_false(id.change);
}

/* ---- the handover */

static pid_t
sleeper(void)
{
	const char *argv[] = {"sleep", "100"};
	pid_t pid;

	assert_int_equal(run(argv, 2, -1, &pid), 0);
	return pid;
}

static void
a_handover_is_read_as_it_was_written(void **state)
{
	static struct keeper before, after;
	struct err err;
	int fd;

	(void)state;
	before.slots[0] = (struct slot){.pid = sleeper(), .started_at = {12345}, .ready = true};
	before.slots[63] = (struct slot){.pid = sleeper(), .started_at = {678}};
	before.slots[ENGINE_SLOT] = (struct slot){.pid = sleeper(), .started_at = {9}};
	before.n_engines = 1;
	assert_int_equal(held_add(&before.held, "udp.0.0", dup(0), &err), 0);
	assert_int_equal(held_add(&before.held, "score.e0", dup(0), &err), 0);
	before.none_since.us = 77;
	snprintf(before.good, sizeof(before.good), "/var/lib/any pop/good");
	fd = hand_write(&before, &err);
	assert_true(fd > 2);
	assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
	assert_int_equal(hand_read(&after, fd, &err), 0);
	assert_memory_equal(before.slots, after.slots, sizeof(before.slots));
	assert_int_equal(after.none_since.us, 77);
	assert_int_equal(after.n_engines, 1);
	assert_int_equal(after.held.n, 2);
	assert_int_equal(held_find(&after.held, "score.e0"), before.held.all[1].fd);
	assert_string_equal(after.good, before.good);
	assert_int_equal(write(fd, "x", 1), -1); /* sealed */
	close(fd);
	kill(before.slots[0].pid, SIGKILL);
	kill(before.slots[63].pid, SIGKILL);
	kill(before.slots[ENGINE_SLOT].pid, SIGKILL);
	exit_status(before.slots[0].pid);
	exit_status(before.slots[63].pid);
	exit_status(before.slots[ENGINE_SLOT].pid);
	free(after.held.all); /* the same descriptors */
	held_fini(&before.held);
}

static int
read_text(struct keeper *k, const char *text, bool seal)
{
	int fd = memfd_create("test", MFD_ALLOW_SEALING), rc;
	struct err err;

	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	if (seal)
		assert_int_equal(fcntl(fd, F_ADD_SEALS,
				     F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL),
		    0);
	memset(k, 0, sizeof(*k));
	rc = hand_read(k, fd, &err);
	close(fd);
	return rc;
}

static void
garbage_is_believed_in_nothing(void **state)
{
	static struct keeper k;
	char text[256];
	pid_t pid = sleeper();
	const char *broken[] = {
	    "", "hello\n", "anypop-handover 2\nend\n", "anypop-handover 1\n",
	    "anypop-handover 1\nslot 0 %d 5 1\n",	/* no end */
	    "anypop-handover 1\nslot 73 %d 5 1\nend\n", /* no such slot */
	    "anypop-handover 1\nheld udp.0.0 2\nend\n", /* not one to be held */
	    "anypop-handover 1\nheld udp.0.0 999\nend\n", /* not open */
	    "anypop-handover 1\nheld a:b 0\nend\n", "anypop-handover 1\nheld x\nend\n",
	    "anypop-handover 1\nslot -1 %d 5 1\nend\n",
	    "anypop-handover 1\nslot 0 1 5 1\nend\n", /* nobody's child of ours */
	    "anypop-handover 1\nslot 0 -1 5 1\nend\n", "anypop-handover 1\nslot 0 %d\nend\n",
	    "anypop-handover 1\nslot 0 %d 5 1\nslot 1 %d 5 1\nend\n", /* twice */
	};

	(void)state;
	assert_int_equal(read_text(&k, "anypop-handover 1\nlater word\nend\n", true), 0);
	assert_int_equal(read_text(&k, "anypop-handover 1\nend\n", false), -1); /* not sealed */
	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		const char *from = broken[i];
		size_t n = 0;

		for (const char *hit; (hit = strstr(from, "%d")) != NULL; from = hit + 2)
			n += (size_t)snprintf(text + n, sizeof(text) - n, "%.*s%d",
			    (int)(hit - from), from, (int)pid);
		snprintf(text + n, sizeof(text) - n, "%s", from);
		assert_int_equal(read_text(&k, text, true), -1);
		assert_int_equal(slots_running(&k), 0);
	}
	kill(pid, SIGKILL);
	exit_status(pid);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(arguments_are_expanded),
	    cmocka_unit_test(what_cannot_be_executed_comes_back_as_errno),
	    cmocka_unit_test(descriptors_arrive_in_order_with_their_names),
	    cmocka_unit_test(a_child_inherits_nothing_of_ours),
	    cmocka_unit_test(a_user_that_is_not_there_is_named),
	    cmocka_unit_test(a_handover_is_read_as_it_was_written),
	    cmocka_unit_test(garbage_is_believed_in_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
