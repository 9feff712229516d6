#include "healthd/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * The child borrows our memory, not a copy of it, and we stand still until it has let go: no page
 * is copied, however large we are, and no lock that another thread holds is met.
 */

#define STACK_BYTES 65536

/* What the child needs, in memory that it shares with us until it has become the program. */
struct launch {
	char *const *argv, *const *env;
	int output;
	volatile int error;
};

static int
launch_child(void *arg)
{
	static const struct sigaction dflt = {.sa_handler = SIG_DFL};
	struct launch *l = arg;
	sigset_t none;
	int null;

	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	for (int s = 1; s < NSIG; s++)
		sigaction(s, &dflt, NULL);
	null = open("/dev/null", O_RDONLY);
	if (null < 0 || dup2(null, 0) < 0 || chdir("/") < 0 ||
	    (l->output >= 0 && (dup2(l->output, 1) < 0 || dup2(l->output, 2) < 0))) {
		l->error = errno;
		_exit(127);
	}
	close_range(3, ~0U, 0);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execvpe(l->argv[0], l->argv, l->env);
	l->error = errno;
	_exit(127);
}

pid_t
launch(char *const *argv, char *const *env, int output, int *error)
{
	static char stack[STACK_BYTES] __attribute__((aligned(16)));
	struct launch l = {.argv = argv, .env = env, .output = output};
	sigset_t all, before;
	pid_t pid;

	/* Our handlers must not run in the child while it shares our memory. */
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &before);
	pid = clone(launch_child, stack + sizeof(stack), CLONE_VM | CLONE_VFORK | SIGCHLD, &l);
	sigprocmask(SIG_SETMASK, &before, NULL);
	*error = l.error;
	if (pid > 0 && l.error != 0) {
		waitpid(pid, NULL, 0);
		return 0;
	}
	return pid;
}
