#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "healthd/keeper.h"

/*
 * Dead-man `drain` has to open drain's lock in BIRD, which is disabled while a better rung stands.
 * BIRD may hang or talk nonsense, so a child of the keeper does it, with a time limit, and only its
 * exit status comes back: 0 when BIRD confirmed every command.
 *
 * Of BIRD's replies only final lines count ("NNNN text"): 0xxx is success. 0001 is the greeting.
 */

#define LIMIT_S 1

struct dialogue {
	int fd;
	char line[512];
	size_t length;
	int finals, good;
};

static void
end_line(struct dialogue *d)
{
	bool final = d->length >= 5 && d->line[4] == ' ';

	for (size_t i = 0; i < 4 && final; i++)
		final = d->line[i] >= '0' && d->line[i] <= '9';
	if (final) {
		d->finals++;
		d->good += d->line[0] == '0';
	}
	d->length = 0;
}

/* Reads until `finals` final lines are in. */
static bool
await(struct dialogue *d, int finals)
{
	char part[512];
	ssize_t n;

	while (d->finals < finals) {
		n = read(d->fd, part, sizeof(part));
		if (n <= 0)
			return false;
		for (ssize_t i = 0; i < n; i++) {
			if (part[i] == '\n')
				end_line(d);
			else if (d->length < sizeof(d->line))
				d->line[d->length++] = part[i];
		}
	}
	return d->good == d->finals;
}

static bool
enable_all(const struct site *site, struct dialogue *d)
{
	char name[LOCK_NAME], command[LOCK_NAME + 16];
	int sent = 1; /* the greeting */

	if (!await(d, sent))
		return false;
	for (int lane = 0; lane < site->n_services * N_FAMILIES; lane++) {
		int n;

		if (!lane_exists(site, lane))
			continue;
		n = snprintf(command, sizeof(command), "enable %s\n",
		    lane_protocol(site, lane, RUNG_DRAIN, name));
		if (write(d->fd, command, (size_t)n) != n || !await(d, ++sent))
			return false;
	}
	return true;
}

_Noreturn static void
messenger(const struct site *site)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	struct dialogue d = {0};

	for (int sig = 1; sig < NSIG; sig++)
		signal(sig, SIG_DFL);
	prctl(PR_SET_PDEATHSIG, (long)SIGKILL, 0L, 0L, 0L);
	alarm(LIMIT_S);
	close_range(3, ~0U, 0);
	snprintf(at.sun_path, sizeof(at.sun_path), "%s", site->bird.socket);
	d.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (d.fd == -1 || connect(d.fd, (struct sockaddr *)&at, sizeof(at)) == -1)
		_exit(1);
	_exit(enable_all(site, &d) ? 0 : 1);
}

int
drain_start(const struct site *site, pid_t *pid)
{
	sigset_t all, before;
	int why = 0;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	*pid = fork();
	if (*pid == 0) {
		sigprocmask(SIG_UNBLOCK, &all, NULL);
		messenger(site);
	}
	if (*pid == -1) {
		why = errno;
		*pid = 0;
	}
	sigprocmask(SIG_SETMASK, &before, NULL);
	return why;
}
