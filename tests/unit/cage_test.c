/* The cage of engines and of workers: what ends the process, and what they live on. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "resolver/cage.h"

/* clang's runtime starts a program for the names of functions: only gcc's reports are tried. */
#if CAGE_SANITISED && !defined(__clang__)
#define REPORTS
#include <sanitizer/common_interface_defs.h>
#include <sanitizer/lsan_interface.h>
#endif

#define ENGINE (1 << CAGE_ENGINE)
#define SNAPSHOT (1 << CAGE_SNAPSHOT)
#define WORKER (1 << CAGE_WORKER | SNAPSHOT) /* a snapshot's has still less */
#define ALL (ENGINE | WORKER)
#define ALL_BUT_SANITISED (CAGE_SANITISED ? 0 : ALL)

static int local = -1; /* a socket that is open before the cage is closed */

/* The child's wait status after `call` within the cage. 7: it went through. */
static int
caged(enum cage role, void (*call)(void))
{
	struct err err;
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		if (cage_drop(role, "", &err) < 0 || cage_close(role, &err) < 0)
			syscall(SYS_exit_group, 99);
		call();
		syscall(SYS_exit_group, 7);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void
opens(void)
{
	syscall(SYS_openat, AT_FDCWD, "/etc/passwd", O_RDONLY);
}

static void
looks_at_a_path(void)
{
	struct stat st;

	syscall(SYS_newfstatat, AT_FDCWD, "/etc/passwd", &st, 0);
}

static void
executes(void)
{
	syscall(SYS_execve, "/bin/true", NULL, NULL);
}

static void
forks(void)
{
	syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
}

static void
kills(void)
{
	syscall(SYS_kill, getppid(), 0);
}

static void
signals_another(void)
{
	syscall(SYS_tgkill, getppid(), getppid(), 0);
}

static void
makes_code(void)
{
	syscall(SYS_mmap, 0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void
makes_memory_code(void)
{
	syscall(SYS_mprotect, 0, 0, PROT_EXEC);
}

static void
traces(void)
{
	syscall(SYS_ptrace, 0, 0, 0, 0);
}

static void
unlinks(void)
{
	syscall(SYS_unlinkat, AT_FDCWD, "/nonexistent", 0);
}

static void
changes_its_limits(void)
{
	syscall(SYS_prlimit64, 0, 0, NULL, NULL);
}

static void
changes_itself(void)
{
	syscall(SYS_prctl, PR_SET_DUMPABLE, 1, 0, 0, 0);
}

static void
goes_to_unix(void)
{
	syscall(SYS_socket, AF_UNIX, SOCK_STREAM, 0);
}

static void
goes_to_the_internet(void)
{
	syscall(SYS_socket, AF_INET, SOCK_DGRAM, 0);
}

static void
goes_to_the_newer_internet(void)
{
	syscall(SYS_socket, AF_INET6, SOCK_STREAM, 0);
}

static void
goes_to_the_wire(void)
{
	syscall(SYS_socket, AF_PACKET, SOCK_RAW, 0);
}

static void
binds(void)
{
	struct sockaddr_in any = {.sin_family = AF_INET};

	syscall(SYS_bind, local, &any, sizeof(any));
}

static void
listens(void)
{
	syscall(SYS_listen, local, 1);
}

static void
filters_a_socket(void)
{
	int number = 0;

	syscall(SYS_setsockopt, local, SOL_SOCKET, SO_DETACH_FILTER, &number, sizeof(number));
}

static void
sets_another_level(void)
{
	int number = 0;

	syscall(SYS_setsockopt, local, IPPROTO_IP, SO_SNDBUF, &number, sizeof(number));
}

static const struct {
	const char *name;
	void (*call)(void);
	int roles; /* that it ends */
} forbidden[] = {
    {"opens", opens, ALL_BUT_SANITISED},
    {"looks_at_a_path", looks_at_a_path, ALL_BUT_SANITISED},
    {"executes", executes, ALL},
    {"forks", forks, ALL_BUT_SANITISED},
    {"kills", kills, ALL},
    {"signals_another", signals_another, ALL},
    {"makes_code", makes_code, ALL},
    {"makes_memory_code", makes_memory_code, ALL},
    {"traces", traces, ALL_BUT_SANITISED},
    {"unlinks", unlinks, ALL},
    {"changes_its_limits", changes_its_limits, ALL_BUT_SANITISED},
    {"changes_itself", changes_itself, ALL_BUT_SANITISED},
    {"goes_to_the_wire", goes_to_the_wire, ALL},
    {"listens", listens, ALL},
    {"goes_to_unix", goes_to_unix, ALL},
    {"goes_to_the_internet", goes_to_the_internet, WORKER},
    {"goes_to_the_newer_internet", goes_to_the_newer_internet, WORKER},
    {"binds", binds, WORKER},
    {"filters_a_socket", filters_a_socket, WORKER},
    {"sets_another_level", sets_another_level, WORKER},
};

/* What is forbidden to some of them alone the others may: the rows tell of all. */
static void
what_is_forbidden_ends_the_process(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(forbidden) / sizeof(forbidden[0]); i++)
		for (int role = CAGE_ENGINE; role <= CAGE_SNAPSHOT; role++) {
			int status = caged((enum cage)role, forbidden[i].call);
			bool ended = WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS;
			bool passed = WIFEXITED(status) && WEXITSTATUS(status) == 7;

			if (forbidden[i].roles >> role & 1 ? !ended : !passed)
				fail_msg("%s, role %d: status %x", forbidden[i].name, role,
				    (unsigned)status);
		}
}

static void
takes_memory(void)
{
	long memory =
	    syscall(SYS_mmap, 0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory < 0)
		syscall(SYS_exit_group, 98);
}

static void
comes_back_to_an_engine(void)
{
	static const int buffer = 4096;
	struct stat st;
	long fd = syscall(SYS_socket, AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0 ||
	    syscall(SYS_setsockopt, fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof(buffer)) != 0 ||
	    fstat((int)fd, &st) != 0)
		syscall(SYS_exit_group, 98);
}

static void
what_they_need_is_allowed(void **state)
{
	static const struct {
		enum cage role;
		void (*call)(void);
	} rows[] = {
	    {CAGE_ENGINE, takes_memory},
	    {CAGE_WORKER, takes_memory},
	    {CAGE_SNAPSHOT, takes_memory},
	    {CAGE_WORKER, comes_back_to_an_engine},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int status = caged(rows[i].role, rows[i].call);

		if (!WIFEXITED(status) || WEXITSTATUS(status) != 7)
			fail_msg("row %zu: status %x", i, (unsigned)status);
	}
}

static void
aborts(int number)
{
	(void)number;
	abort();
}

/* As an engine does after its last words, on a stack of its own. */
static void
handles_on_a_stack_of_its_own(void)
{
	static uint8_t stack[64 << 10];
	const stack_t own = {.ss_sp = stack, .ss_size = sizeof(stack)};
	struct sigaction on = {.sa_handler = aborts, .sa_flags = (int)SA_RESETHAND | SA_ONSTACK};

	if (sigaltstack(&own, NULL) < 0 || sigaction(SIGABRT, &on, NULL) < 0)
		syscall(SYS_exit_group, 98);
}

static void
who_aborts_ends_by_that(void **state)
{
	struct err err;

	(void)state;
	for (int role = CAGE_ENGINE; role <= CAGE_SNAPSHOT; role++) {
		int status;
		pid_t pid = fork();

		assert_true(pid >= 0);
		if (pid == 0) {
			handles_on_a_stack_of_its_own();
			if (cage_drop((enum cage)role, "", &err) < 0 ||
			    cage_close((enum cage)role, &err) < 0)
				syscall(SYS_exit_group, 99);
			abort();
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status));
		assert_int_equal(WTERMSIG(status), SIGABRT);
	}
}

#ifdef REPORTS

/* What a sanitiser is to find. Each through `volatile`, that no compiler sees it first. */

static void *volatile place;
static volatile int number = 1 << 30;

static void
writes_beyond(void)
{
	place = malloc(8);
	((volatile char *)place)[8] = 1;
}

static void
reads_what_is_freed(void)
{
	place = malloc(8);
	free(place);
	number = ((volatile char *)place)[0];
}

static void
counts_too_far(void)
{
	number = number * 4;
}

static void
reads_at_null(void)
{
	place = NULL;
	number = *(volatile int *)place;
}

static void
loses(void)
{
	for (int i = 0; i < 100; i++)
		place = malloc(1234);
	place = NULL;
	__lsan_do_leak_check();
}

/* What a child in its cage said of `call`: to the file that it was given for that, or else on the
 * standard error. Each of the runtimes has an own idea of where. */
static void
report(enum cage role, void (*call)(void), char *out, size_t size)
{
	char path[] = "/tmp/cage_test.XXXXXX", name[64];
	int status, file = mkstemp(path);
	ssize_t got;
	pid_t pid;

	assert_true(file >= 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct err err;

		dup2(file, STDERR_FILENO);
		__sanitizer_set_report_path(path);
		if (cage_drop(role, "", &err) < 0 || cage_close(role, &err) < 0)
			syscall(SYS_exit_group, 99);
		call();
		syscall(SYS_exit_group, 7);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	got = pread(file, out, size - 1, 0);
	assert_true(got >= 0);
	out[got] = '\0';
	close(file);
	unlink(path);
	snprintf(name, sizeof(name), "%s.%ld", path, (long)pid);
	file = open(name, O_RDONLY);
	if (file >= 0) {
		ssize_t more = pread(file, out + got, size - 1 - (size_t)got, 0);

		assert_true(more >= 0);
		out[got + more] = '\0';
		close(file);
		unlink(name);
	}
	if (WIFEXITED(status) && WEXITSTATUS(status) == 7)
		fail_msg("nothing was found; said: %s", out);
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS)
		fail_msg("the cage ended it; said: %s", out);
}

/* The whole report, with the names of functions. */
static void
what_a_sanitiser_finds_is_told(void **state)
{
	static const struct {
		void (*call)(void);
		const char *what, *where;
	} rows[] = {
	    {writes_beyond, "heap-buffer-overflow", "in writes_beyond"},
	    {reads_what_is_freed, "heap-use-after-free", "in reads_what_is_freed"},
	    {counts_too_far, "signed integer overflow", "cage_test.c"},
	    {reads_at_null, "null", "cage_test.c"},
	    {loses, "123400 byte(s) in 100 object(s)", "in loses"},
	};
	static char said[65536];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (int role = CAGE_ENGINE; role <= CAGE_SNAPSHOT; role++) {
			report((enum cage)role, rows[i].call, said, sizeof(said));
			if (strstr(said, rows[i].what) == NULL ||
			    strstr(said, rows[i].where) == NULL)
				fail_msg("row %zu, role %d: %s", i, role, said);
		}
}

#endif

static void
a_user_who_is_not_there_is_told(void **state)
{
	struct err err;

	(void)state;
	assert_int_equal(cage_drop(CAGE_ENGINE, "nobody-like-this", &err), -1);
	assert_non_null(strstr(err.text, "engine.user"));
	assert_int_equal(cage_drop(CAGE_WORKER, "nobody-like-this", &err), -1);
	assert_non_null(strstr(err.text, "worker.user"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_forbidden_ends_the_process),
	    cmocka_unit_test(what_they_need_is_allowed),
	    cmocka_unit_test(who_aborts_ends_by_that),
#ifdef REPORTS
	    cmocka_unit_test(what_a_sanitiser_finds_is_told),
#endif
	    cmocka_unit_test(a_user_who_is_not_there_is_told),
	};

	local = socket(AF_INET, SOCK_DGRAM, 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
