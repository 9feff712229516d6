#include "healthd/spawn.h"

#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "healthd/accounts.h"

/*
 * Everything between fork() and exec() is a list of steps, each returning 0 or -1 with errno; the
 * first that fails is what the parent is told through a close-on-exec pipe.
 */

#define ARGS_BYTES 8192

/* As far as a directory server knows him, which may be waited for. */
static bool
find_elsewhere(const char *user, struct identity *out)
{
	struct passwd *pw = getpwnam(user);

	if (pw == NULL)
		return false;
	out->uid = pw->pw_uid;
	out->gid = pw->pw_gid;
	out->n_groups = MAX_SPAWN_GROUPS;
	if (getgrouplist(user, pw->pw_gid, out->groups, &out->n_groups) == -1)
		out->n_groups = MAX_SPAWN_GROUPS;
	return true;
}

int
identity_find(const char *user, struct identity *out, struct err *err)
{
	*out = (struct identity){0};
	if (user == NULL || user[0] == '\0')
		return 0;
	if (accounts_ids(ACCOUNTS_USERS, user, &out->uid, &out->gid)) {
		out->groups[0] = out->gid;
		out->n_groups = accounts_groups_of(ACCOUNTS_GROUPS, user, out->groups, 1,
		    MAX_SPAWN_GROUPS);
	} else if (!find_elsewhere(user, out)) {
		return err_set(err, "there is no user \"%s\"; make it (systemd-sysusers, or "
		    "useradd --system %s), or name another", user, user);
	}
	out->change = out->uid != geteuid();
	return 0;
}

void
identity_join(struct identity *id, gid_t gid)
{
	if (!id->change || gid == 0 || id->n_groups == MAX_SPAWN_GROUPS)
		return;
	for (int i = 0; i < id->n_groups; i++)
		if (id->groups[i] == gid)
			return;
	id->groups[id->n_groups++] = gid;
}

bool
spawn_expand(const char *arg, int index, char *out, size_t size)
{
	size_t at = 0;

	for (; *arg != '\0'; arg++) {
		char piece[16] = {*arg, '\0'};

		if (arg[0] == '%' && arg[1] == 'i') {
			snprintf(piece, sizeof(piece), "%d", index);
			arg++;
		} else if (arg[0] == '%' && arg[1] == '%') {
			arg++;
		}
		if (at + strlen(piece) >= size)
			return false;
		memcpy(out + at, piece, strlen(piece));
		at += strlen(piece);
	}
	if (at >= size)
		return false;
	out[at] = '\0';
	return true;
}

static int
reset_signals(void)
{
	sigset_t none;

	for (int sig = 1; sig < NSIG; sig++)
		signal(sig, SIG_DFL); /* fails for those that cannot be changed, which is right */
	sigemptyset(&none);
	return sigprocmask(SIG_SETMASK, &none, NULL);
}

static int
open_to(const char *path, int flags, int as)
{
	int fd = open(path, flags | O_CLOEXEC);

	if (fd == -1)
		return -1;
	if (fd != as && dup2(fd, as) == -1)
		return -1;
	return 0;
}

/*
 * Leaves 0, 1, 2, those given from HELD_FIRST on, and behind them the report pipe, which closes
 * itself at the exec. Whatever lies in the way first moves up, so that no move overwrites what is
 * still to be moved.
 */
static int
set_descriptors(const struct spawn *s, int *report)
{
	int first_free = HELD_FIRST + s->n_held, high[HELD_MAX];

	if (s->n_held > HELD_MAX) {
		errno = EMFILE;
		return -1;
	}
	*report = fcntl(*report, F_DUPFD_CLOEXEC, first_free + 1);
	if (*report == -1)
		return -1;
	for (int i = 0; i < s->n_held; i++) {
		high[i] = fcntl(s->held[i].fd, F_DUPFD_CLOEXEC, first_free + 1);
		if (high[i] == -1)
			return -1;
	}
	if (open_to("/dev/null", O_RDONLY, 0) == -1)
		return -1;
	if (s->stdout_path != NULL && open_to(s->stdout_path, O_WRONLY, 1) == -1)
		return -1;
	for (int i = 0; i < s->n_held; i++)
		if (dup2(high[i], HELD_FIRST + i) == -1)
			return -1;
	if (dup3(*report, first_free, O_CLOEXEC) == -1)
		return -1;
	*report = first_free;
	if (held_to_env(s->held, s->n_held) == -1)
		return -1;
	return close_range((unsigned)first_free + 1, ~0U, 0);
}

static int
set_resources(const struct spawn *s)
{
	struct rlimit files;
	char text[16];
	int fd, n;

	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	if (s->oom_score_adj == SPAWN_OOM_KEEP)
		return 0;
	fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	if (fd == -1)
		return 0; /* a help for bad times, not a condition for starting */
	n = snprintf(text, sizeof(text), "%d", s->oom_score_adj);
	if (write(fd, text, (size_t)n) != n)
		errno = 0; /* lowering it needs rights we may not have; as above */
	close(fd);
	return 0;
}

/* Who it is from here on. The bounding set keeps a program that finds a set-uid file from gaining
 * more; securebits stay, since a worker may itself change user. */
static int
set_identity(const struct spawn *s)
{
	const struct identity *id = s->identity;

	if (!id->change)
		return 0;
	if (prctl(PR_SET_KEEPCAPS, s->net_admin ? 1L : 0L, 0L, 0L, 0L) == -1 ||
	    setgroups((size_t)id->n_groups, id->groups) == -1 ||
	    setresgid(id->gid, id->gid, id->gid) == -1)
		return -1;
	/* Narrowed while CAP_SETPCAP is still ours; a second line of defence, so where a container
	 * has taken CAP_SETPCAP away, life goes on. */
	for (unsigned long cap = 0; s->net_admin && cap <= CAP_LAST_CAP; cap++)
		if (cap != CAP_NET_ADMIN)
			prctl(PR_CAPBSET_DROP, cap, 0L, 0L, 0L);
	if (setresuid(id->uid, id->uid, id->uid) == -1)
		return -1;
	if (!s->net_admin)
		return 0;
	capng_clear(CAPNG_SELECT_CAPS);
	capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED | CAPNG_INHERITABLE,
	    CAP_NET_ADMIN);
	if (capng_apply(CAPNG_SELECT_CAPS) < 0) {
		errno = EPERM;
		return -1;
	}
	return prctl(PR_CAP_AMBIENT, (long)PR_CAP_AMBIENT_RAISE, (long)CAP_NET_ADMIN, 0L, 0L);
}

static int
die_with(pid_t parent)
{
	if (prctl(PR_SET_PDEATHSIG, (long)SIGKILL, 0L, 0L, 0L) == -1)
		return -1;
	if (getppid() != parent) { /* it died before we asked */
		errno = EOWNERDEAD;
		return -1;
	}
	return 0;
}

_Noreturn static void
child(const struct spawn *s, char *const *argv, pid_t parent, int report)
{
	int why;

	if (setpgid(0, 0) == 0 && reset_signals() == 0 && set_resources(s) == 0 &&
	    set_descriptors(s, &report) == 0 && set_identity(s) == 0 && die_with(parent) == 0) {
		if (s->search_path)
			execvp(argv[0], argv);
		else
			execv(argv[0], argv);
	}
	why = errno;
	if (write(report, &why, sizeof(why)) != (ssize_t)sizeof(why))
		_exit(126);
	_exit(127);
}

/* What the child says about its exec: 0 (the pipe closed), or its errno. */
static int
hear(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	int why, n;

	do
		n = poll(&p, 1, SPAWN_WAIT_MS);
	while (n == -1 && errno == EINTR);
	if (n <= 0)
		return 0;
	if (read(fd, &why, sizeof(why)) != (ssize_t)sizeof(why))
		return 0;
	return why != 0 ? why : EIO;
}

static int
fork_and_hear(const struct spawn *s, char *const *argv, pid_t *pid)
{
	pid_t parent = getpid();
	sigset_t all, before;
	int report[2], why;

	if (pipe2(report, O_CLOEXEC) == -1)
		return errno;
	/* A signal that reaches the child while it still has our handlers would write into our
	 * loop's wake-up pipe. */
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	*pid = fork();
	if (*pid == 0)
		child(s, argv, parent, report[1]);
	why = *pid == -1 ? errno : 0;
	sigprocmask(SIG_SETMASK, &before, NULL);
	close(report[1]);
	if (why == 0)
		why = hear(report[0]);
	close(report[0]);
	if (why != 0 && *pid > 0) {
		while (waitpid(*pid, NULL, 0) == -1 && errno == EINTR)
			;
		*pid = 0;
	}
	return why;
}

int
spawn(const struct spawn *s, pid_t *pid)
{
	char text[ARGS_BYTES], *argv[MAX_SPAWN_ARGS + 1];
	size_t at = 0;

	*pid = 0;
	if (s->n_argv < 1 || s->n_argv > MAX_SPAWN_ARGS)
		return E2BIG;
	for (int i = 0; i < s->n_argv; i++) {
		bool fits = s->index >= 0 ?
		    spawn_expand(s->argv[i], s->index, text + at, sizeof(text) - at) :
		    strlen(s->argv[i]) < sizeof(text) - at;

		if (!fits)
			return E2BIG;
		if (s->index < 0)
			memcpy(text + at, s->argv[i], strlen(s->argv[i]) + 1);
		argv[i] = text + at;
		at += strlen(text + at) + 1;
	}
	argv[s->n_argv] = NULL;
	return fork_and_hear(s, argv, pid);
}
