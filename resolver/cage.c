/*
 * The cage: what is left to code that reads what strangers sent. An engine has sockets to servers
 * and the connections of workers; a worker the sockets that it was given or opened at its start,
 * and the engines', which pass it their shards. Both have memory, time and chance; no files, no
 * programs, no other processes.
 *
 * The lists are of calls that these, libunbound, libev, libnettle and the C library's memory and
 * standard I/O make once everything is open. An engine's connections to Redis (l3_node.c) need none
 * beside.
 */
#include "resolver/cage.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static const char *const role_names[] = {[CAGE_ENGINE] = "engine", [CAGE_WORKER] = "worker",
    [CAGE_SNAPSHOT] = "worker"};

int
cage_drop(enum cage role, const char *user, struct err *err)
{
	const struct passwd *pw;
	int with_parent = 0;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_errno(err, "cannot give up new privileges");
	prctl(PR_GET_PDEATHSIG, &with_parent);
	if (user[0] == '\0')
		return 0;
	pw = getpwnam(user);
	if (pw == NULL)
		return err_set(err, "there is no user \"%s\"; create it, or correct %s.user", user,
		    role_names[role]);
	if (pw->pw_uid == geteuid() && pw->pw_uid == getuid())
		return 0;
	if (setgroups(1, &pw->pw_gid) < 0 || setresgid(pw->pw_gid, pw->pw_gid, pw->pw_gid) < 0 ||
	    setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid) < 0)
		return err_errno(err, "cannot become %s; start as root", user);
	/* A change of user clears that our parent's death is ours. */
	if (with_parent != 0 && prctl(PR_SET_PDEATHSIG, with_parent) < 0)
		return err_errno(err, "cannot keep the parent's death as our own");
	return 0;
}

static const int common[] = {
    /* descriptors that are open */
    SCMP_SYS(read),
    SCMP_SYS(write),
    SCMP_SYS(writev),
    SCMP_SYS(close),
    SCMP_SYS(fcntl),
    SCMP_SYS(poll),
    SCMP_SYS(ppoll),
    SCMP_SYS(epoll_wait),
    SCMP_SYS(epoll_pwait),
    SCMP_SYS(epoll_ctl),
    /* libev makes these anew when it meets a descriptor that it does not know */
    SCMP_SYS(epoll_create1),
    SCMP_SYS(eventfd2),
    /* sockets */
    SCMP_SYS(connect),
    SCMP_SYS(accept4),
    SCMP_SYS(sendto),
    SCMP_SYS(sendmsg),
    SCMP_SYS(sendmmsg),
    SCMP_SYS(recvfrom),
    SCMP_SYS(recvmsg),
    SCMP_SYS(recvmmsg),
    /* memory; mmap and mprotect are below */
    SCMP_SYS(brk),
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(madvise),
    SCMP_SYS(futex),
    /* time, chance, oneself */
    SCMP_SYS(clock_gettime),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(time),
    SCMP_SYS(getrandom),
    SCMP_SYS(getpid),
    SCMP_SYS(gettid),
    SCMP_SYS(restart_syscall),
    /* signals and the end */
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
};

static const int engines_own[] = {
    SCMP_SYS(readv), SCMP_SYS(bind), SCMP_SYS(getsockopt), SCMP_SYS(setsockopt),
    SCMP_SYS(getsockname), SCMP_SYS(getpeername), SCMP_SYS(shutdown),
    SCMP_SYS(setitimer), /* engine_fault: at every heartbeat */
    SCMP_SYS(sysinfo),	 /* how large qsort() may grow */
};

static const int workers_own[] = {
    SCMP_SYS(fstat), /* of a shard that an engine passes; so is newfstatat, below */
};

static const int snapshots_own[] = {
    SCMP_SYS(pwrite64), SCMP_SYS(fsync), SCMP_SYS(sync_file_range), SCMP_SYS(fadvise64),
};

/* Of a sanitiser alone, and empty without. */
static const int sanitisers_own[] = {
#if CAGE_SANITISED
    /* the report: its file, and what knows the names of functions */
    SCMP_SYS(open), SCMP_SYS(openat), SCMP_SYS(lseek), SCMP_SYS(fstat), SCMP_SYS(newfstatat),
    SCMP_SYS(readlink), SCMP_SYS(ioctl), SCMP_SYS(pipe2), SCMP_SYS(sigaltstack),
    SCMP_SYS(sched_yield),
    /* where a thread's stack is, which whoever aborts on another one is asked */
    SCMP_SYS(prlimit64), SCMP_SYS(sched_getaffinity),
    /* leaks are looked for from a thread that traces all others */
    SCMP_SYS(clone), SCMP_SYS(ptrace), SCMP_SYS(wait4), SCMP_SYS(prctl), SCMP_SYS(getppid),
    SCMP_SYS(getdents), SCMP_SYS(getdents64),
#endif
};

static const struct list {
	const int *calls;
	size_t n;
} lists[] = {
    [CAGE_ENGINE] = {engines_own, sizeof(engines_own) / sizeof(engines_own[0])},
    [CAGE_WORKER] = {workers_own, sizeof(workers_own) / sizeof(workers_own[0])},
    [CAGE_SNAPSHOT] = {snapshots_own, sizeof(snapshots_own) / sizeof(snapshots_own[0])},
};

static int
allow_calls(scmp_filter_ctx filter, const int *calls, size_t n)
{
	int status = 0;

	for (size_t i = 0; i < n && status == 0; i++)
		status = seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0);
	return status;
}

static int
allow_with_care(scmp_filter_ctx filter)
{
	static const int memory[] = {SCMP_SYS(mmap), SCMP_SYS(mprotect)};
	int status = 0;

	for (size_t i = 0; i < 2 && status == 0; i++)
		status = seccomp_rule_add(filter, SCMP_ACT_ALLOW, memory[i], 1,
		    SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	/* abort() signals the process itself, and nobody else. */
	if (status == 0)
		status = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
		    SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid(), 0));
	return status;
}

static int
allow_engine(scmp_filter_ctx filter)
{
	static const int families[] = {AF_INET, AF_INET6};
	int status = 0;

	for (size_t i = 0; i < 2 && status == 0; i++)
		status = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1,
		    SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)families[i], 0));
	return status;
}

/* Connects to engines again when they have ended, by the one kind of socket that they have; looks
 * at what they pass. fstat() is newfstatat() in this C library, with this flag: by that a path's
 * size and times may be had as well, but no more of it. */
static int
allow_worker(scmp_filter_ctx filter)
{
	int status = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 2,
	    SCMP_A0(SCMP_CMP_EQ, AF_UNIX, 0),
	    SCMP_A1(SCMP_CMP_EQ, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));

	if (status == 0)
		status = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(newfstatat), 1,
		    SCMP_A3(SCMP_CMP_EQ, AT_EMPTY_PATH, 0));
	if (status == 0)
		status = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(setsockopt), 2,
		    SCMP_A1(SCMP_CMP_EQ, SOL_SOCKET, 0), SCMP_A2(SCMP_CMP_EQ, SO_SNDBUF, 0));
	return status;
}

static int
allow_role(scmp_filter_ctx filter, enum cage role)
{
	switch (role) {
	case CAGE_ENGINE:
		return allow_engine(filter);
	case CAGE_WORKER:
		return allow_worker(filter);
	case CAGE_SNAPSHOT:
		break;
	}
	return 0;
}

int
cage_close(enum cage role, struct err *err)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int status = -ENOMEM;

	/* The C library reads its time zone once, from a file, at the first line that is logged. */
	tzset();
	if (filter != NULL)
		status = allow_calls(filter, common, sizeof(common) / sizeof(common[0]));
	if (status == 0)
		status = allow_calls(filter, lists[role].calls, lists[role].n);
	if (status == 0)
		status = allow_calls(filter, sanitisers_own,
		    sizeof(sanitisers_own) / sizeof(sanitisers_own[0]));
	if (status == 0)
		status = allow_with_care(filter);
	if (status == 0)
		status = allow_role(filter, role);
	if (status == 0)
		status = seccomp_load(filter);
	if (filter != NULL)
		seccomp_release(filter);
	if (status == 0)
		return 0;
	errno = -status;
	return err_errno(
	    err, "cannot filter system calls (%s.seccomp = false does without)", role_names[role]);
}
