/*
 * probe_exec: an operator's script as a check.
 *
 * It runs in a process group of its own, without our descriptors, signal dispositions or
 * capabilities, and what it started goes when it goes: by its exit, or by its timeout, the whole
 * group is killed. Nothing ever waits for the end of its output: a grandchild may hold the pipe for
 * as long as it likes. Its status comes by libev's child watcher, so the loop has to be the default
 * one.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "healthd/launch.h"
#include "healthd/probe_base.h"
#include "lib/ensure.h"

#define SPEECH_MAX 160		 /* kept of what it says */
#define OUTPUT_MAX (1024 * 1024) /* it may say so much; then its pipe is closed */

struct exec_probe {
	struct probe base;
	ev_child child;
	ev_io io;
	char **argv; /* owned array, borrowed strings */
	char env_timeout[48];
	pid_t pid; /* 0: none; after a timeout, one that is killed and not reaped yet ... */
	bool waiting; /* ... whose end the question in flight is waiting for */
	int fd;	   /* read end of its output, or -1 */
	char speech[SPEECH_MAX + 1];
	size_t spoken, output; /* octets kept, octets read */
};

static struct exec_probe *
exec_of(struct probe *p)
{
	return (struct exec_probe *)p;
}

static void
output_close(struct exec_probe *x)
{
	if (x->fd < 0)
		return;
	ev_io_stop(x->base.loop, &x->io);
	close(x->fd);
	x->fd = -1;
}

/* Reads what is there, keeps the start of it. */
static void
output_read(struct exec_probe *x)
{
	char buf[4096];
	ssize_t n;
	size_t keep;

	while (x->fd >= 0) {
		n = read(x->fd, buf, sizeof(buf));
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n <= 0 || (x->output += (size_t)n) > OUTPUT_MAX) {
			output_close(x);
			return;
		}
		keep = SPEECH_MAX - x->spoken < (size_t)n ? SPEECH_MAX - x->spoken : (size_t)n;
		memcpy(x->speech + x->spoken, buf, keep);
		x->spoken += keep;
	}
}

/* The first line that is not blank, without control characters. */
static const char *
first_line(struct exec_probe *x)
{
	char *p = x->speech;

	p[x->spoken] = '\0';
	p += strspn(p, " \t\r\n");
	p[strcspn(p, "\r\n")] = '\0';
	for (char *c = p; *c != '\0'; c++)
		if (iscntrl((unsigned char)*c))
			*c = '?';
	return p;
}

static void program_start(struct exec_probe *x);

/* The program ended: so does the question, and whatever it left behind in its group. */
static void
exited(struct exec_probe *x, int status)
{
	const char *line, *colon;
	int code;

	/* A group with somebody in it keeps its number; an empty one is no more than ESRCH, unless
	 * the whole pid space went round since the line above. */
	kill(-x->pid, SIGKILL);
	x->pid = 0;
	if (!x->base.asking)
		return;
	if (x->waiting) {
		x->waiting = false;
		program_start(x);
		return;
	}
	output_read(x);
	output_close(x);
	line = first_line(x);
	colon = *line != '\0' ? ": " : "";
	code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	if (code == 0)
		probe_end(&x->base, OUTCOME_OK, 100, true, "%s", "");
	else if (code == 126 || code == 127)
		probe_end(&x->base, OUTCOME_WRONG, 0, true, "cannot run%s%s", colon, line);
	else if (code > 0)
		probe_end(&x->base, OUTCOME_WRONG, 0, true, "exit %d%s%s", code, colon, line);
	else
		probe_end(&x->base, OUTCOME_WRONG, 0, true, "killed by SIG%s%s%s",
		    sigabbrev_np(WTERMSIG(status)), colon, line);
}

static void
on_child(struct ev_loop *loop, ev_child *w, int events)
{
	(void)events;
	ev_child_stop(loop, w);
	exited(w->data, w->rstatus);
}

static void
on_output(struct ev_loop *loop, ev_io *w, int events)
{
	(void)loop, (void)events;
	output_read(w->data);
}

static void
program_start(struct exec_probe *x)
{
	struct probe *p = &x->base;
	char *env[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C", x->env_timeout,
	    "ANYPOP_VERSION=" ANYPOP_VERSION, NULL};
	char text[PROBE_ERROR];
	int ends[2], error = 0;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0) {
		probe_end(p, OUTCOME_UNKNOWN, 0, false, "no pipe: %s", probe_strerror(errno, text));
		return;
	}
	fcntl(ends[0], F_SETFL, O_NONBLOCK);
	pid = launch(x->argv, env, ends[1], &error);
	if (pid < 0)
		error = errno;
	close(ends[1]);
	if (pid <= 0) {
		close(ends[0]);
		probe_end(p, pid < 0 ? OUTCOME_UNKNOWN : OUTCOME_WRONG, 0, false, "cannot run: %s",
		    probe_strerror(error, text));
		return;
	}
	x->pid = pid;
	x->fd = ends[0];
	x->spoken = x->output = 0;
	ev_io_set(&x->io, x->fd, EV_READ);
	ev_io_start(p->loop, &x->io);
	ev_child_set(&x->child, pid, 0);
	ev_child_start(p->loop, &x->child);
}

static void
exec_ask(struct probe *p)
{
	struct exec_probe *x = exec_of(p);

	/* Never two at once: one that was killed may take a moment to go, or for ever. */
	x->waiting = x->pid > 0;
	if (!x->waiting)
		program_start(x);
}

static bool
exec_look(struct probe *p)
{
	struct exec_probe *x = exec_of(p);
	int status;

	if (x->waiting || waitpid(x->pid, &status, WNOHANG) != x->pid)
		return false;
	ev_child_stop(p->loop, &x->child);
	exited(x, status);
	return true;
}

/* Killed now, reaped by the watcher when it is gone. */
static void
exec_drop(struct probe *p)
{
	struct exec_probe *x = exec_of(p);

	x->waiting = false;
	output_close(x);
	if (x->pid > 0)
		kill(-x->pid, SIGKILL);
}

static void
exec_free(struct probe *p)
{
	struct exec_probe *x = exec_of(p);

	ev_child_stop(p->loop, &x->child); /* one that is killed is still reaped, by the loop */
	free(x->argv);
	free(x);
}

static const struct probe_kind exec_kind = {exec_ask, exec_look, exec_drop, exec_free};

struct probe *
probe_exec(struct ev_loop *loop, const struct probe_timing *t, const char *const *command,
    int n_command, probe_done *done, void *arg, struct err *err)
{
	struct exec_probe *x;

	ENSURE(ev_is_default_loop(loop));
	if (n_command < 1)
		return (void)err_set(err, "an exec check without a command"), NULL;
	x = calloc(1, sizeof(*x));
	ENSURE(x != NULL);
	x->argv = calloc((size_t)n_command + 1, sizeof(*x->argv));
	ENSURE(x->argv != NULL);
	memcpy(x->argv, command, (size_t)n_command * sizeof(*x->argv));
	x->fd = -1;
	snprintf(x->env_timeout, sizeof(x->env_timeout), "ANYPOP_TIMEOUT_MS=%lld",
	    (long long)t->timeout_ms);
	ev_init(&x->io, on_output);
	ev_init(&x->child, on_child);
	x->io.data = x->child.data = x;
	probe_init(&x->base, &exec_kind, loop, t, done, arg);
	return &x->base;
}
