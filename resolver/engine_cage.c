/*
 * The cage: what is left to code that reads the hostile Internet. Sockets to servers, the
 * connections of workers, memory, time and chance; no files, no programs, no other processes. The
 * list is of calls that libunbound, libev, libnettle and the C library's memory and standard I/O
 * make once everything is open; connections to Redis (l3_node.c) need none beside these.
 */
#include "resolver/engine_cage.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

int
cage_drop(const char *user, struct err *err)
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
		return err_set(
		    err, "there is no user \"%s\"; create it, or correct engine.user", user);
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

static const int allowed[] = {
    /* descriptors that are open */
    SCMP_SYS(read),
    SCMP_SYS(readv),
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
    SCMP_SYS(bind),
    SCMP_SYS(connect),
    SCMP_SYS(accept4),
    SCMP_SYS(sendto),
    SCMP_SYS(sendmsg),
    SCMP_SYS(sendmmsg),
    SCMP_SYS(recvfrom),
    SCMP_SYS(recvmsg),
    SCMP_SYS(recvmmsg),
    SCMP_SYS(getsockopt),
    SCMP_SYS(setsockopt),
    SCMP_SYS(getsockname),
    SCMP_SYS(getpeername),
    SCMP_SYS(shutdown),
    /* memory; mmap and mprotect are below */
    SCMP_SYS(brk),
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(madvise),
    SCMP_SYS(futex),
    /* time, chance, oneself */
    SCMP_SYS(clock_gettime),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(setitimer), /* engine_fault: at every heartbeat */
    SCMP_SYS(time),
    SCMP_SYS(getrandom),
    SCMP_SYS(getpid),
    SCMP_SYS(gettid),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(sysinfo), /* how large qsort() may grow */
    /* signals and the end */
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
};

static int
allow_calls(scmp_filter_ctx filter)
{
	size_t i;
	int status;

	for (i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++) {
		status = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i], 0);
		if (status < 0)
			return status;
	}
	return 0;
}

static int
allow_with_care(scmp_filter_ctx filter)
{
	static const int memory[] = {SCMP_SYS(mmap), SCMP_SYS(mprotect)};
	static const int families[] = {AF_INET, AF_INET6};
	size_t i;
	int status = 0;

	for (i = 0; i < 2 && status == 0; i++)
		status = seccomp_rule_add(filter, SCMP_ACT_ALLOW, memory[i], 1,
		    SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	for (i = 0; i < 2 && status == 0; i++)
		status = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1,
		    SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)families[i], 0));
	/* abort() signals the process itself, and nobody else. */
	if (status == 0)
		status = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
		    SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid(), 0));
	return status;
}

int
cage_close(struct err *err)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int status = -ENOMEM;

	if (filter != NULL)
		status = allow_calls(filter);
	if (status == 0)
		status = allow_with_care(filter);
	if (status == 0)
		status = seccomp_load(filter);
	if (filter != NULL)
		seccomp_release(filter);
	if (status == 0)
		return 0;
	errno = -status;
	return err_errno(err, "cannot filter system calls (engine.seccomp = false does without)");
}
