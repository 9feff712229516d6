/*
 * brain_hook: the operator's program run at each rung change, and when a region fails over, told
 * all in its environment. One at a time, in order, each bounded in time and killed as a group; a
 * queue that is full drops the oldest and counts it. A decision never waits for a hook.
 */
#include "healthd/brain.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "healthd/launch.h"

#define HOOK_QUEUE 16
#define HOOK_ENV 9

struct hook_job {
	char env[HOOK_ENV][200];
};

struct hook_queue {
	struct brain *brain;
	struct hook_job jobs[HOOK_QUEUE];
	int first, n;
	char **argv; /* NULL-ended, strings of the settings */
	pid_t running;
	struct ev_child child;
	struct ev_timer timeout;
};

static void hook_next(struct hook_queue *q);

static void
hook_failed(struct hook_queue *q, const char *why, int number)
{
	q->brain->counters.hooks_failed++;
	event_say(EVENT_WARN, "hook", "%s %s %d", q->brain->settings.hook.command[0], why, number);
}

static void
on_hook_exit(struct ev_loop *loop, struct ev_child *w, int revents)
{
	struct hook_queue *q = w->data;

	(void)revents;
	ev_child_stop(loop, w);
	ev_timer_stop(loop, &q->timeout);
	kill(-q->running, SIGKILL); /* what it left behind */
	q->running = 0;
	if (WIFSIGNALED(w->rstatus))
		hook_failed(q, "ended by signal", WTERMSIG(w->rstatus));
	else if (WEXITSTATUS(w->rstatus) != 0)
		hook_failed(q, "exited with", WEXITSTATUS(w->rstatus));
	hook_next(q);
}

static void
on_hook_timeout(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	struct hook_queue *q = w->data;

	(void)loop;
	(void)revents;
	kill(-q->running, SIGKILL);
}

static pid_t
hook_launch(const struct hook_queue *q, struct hook_job *job, int *error)
{
	char *env[HOOK_ENV + 2];

	int n = 0;

	while (n < HOOK_ENV && job->env[n][0] != '\0') {
		env[n] = job->env[n];
		n++;
	}
	env[n++] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
	env[n] = NULL;
	return launch(q->argv, env, -1, error);
}

static void
hook_next(struct hook_queue *q)
{
	int error = 0;
	pid_t pid = 0;

	/* One that cannot be started does not stand in the way of the next. */
	while (q->running == 0 && q->n > 0 && pid <= 0) {
		struct hook_job *job = &q->jobs[q->first];

		q->first = (q->first + 1) % HOOK_QUEUE;
		q->n--;
		q->brain->counters.hooks++;
		pid = hook_launch(q, job, &error);
		if (pid <= 0)
			hook_failed(q, "cannot be run, errno", pid < 0 ? errno : error);
	}
	if (pid <= 0)
		return;
	q->running = pid;
	ev_child_set(&q->child, pid, 0);
	ev_child_start(q->brain->loop, &q->child);
	ev_timer_set(&q->timeout, (double)q->brain->settings.hook.timeout_ms / 1000, 0);
	ev_timer_start(q->brain->loop, &q->timeout);
}

void
hook_init(struct brain *b)
{
	if (b->settings.hook.n_command == 0)
		return;
	b->hooks = arena_get(b->arena, sizeof(*b->hooks));
	b->hooks->brain = b;
	b->hooks->argv = arena_get(b->arena,
	    sizeof(*b->hooks->argv) * (size_t)(b->settings.hook.n_command + 1));
	for (int i = 0; i < b->settings.hook.n_command; i++)
		b->hooks->argv[i] = (char *)b->settings.hook.command[i];
	ev_timer_init(&b->hooks->timeout, on_hook_timeout, 0, 0);
	ev_child_init(&b->hooks->child, on_hook_exit, 0, 0);
	b->hooks->timeout.data = b->hooks->child.data = b->hooks;
}

/* An empty place at the end of the queue. */
static struct hook_job *
hook_job(struct hook_queue *q)
{
	struct hook_job *job;

	if (q->n == HOOK_QUEUE) {
		q->first = (q->first + 1) % HOOK_QUEUE;
		q->n--;
		hook_failed(q, "is too slow; runs dropped:", 1);
	}
	job = &q->jobs[(q->first + q->n++) % HOOK_QUEUE];
	memset(job, 0, sizeof(*job));
	return job;
}

bool
hook_alert(struct brain *b, const char *event, const char *region, const char *because)
{
	const struct site *site = &b->settings.site;
	struct hook_job *job;

	if (b->hooks == NULL)
		return false;
	job = hook_job(b->hooks);
	snprintf(job->env[0], sizeof(job->env[0]), "ANYPOP_EVENT=%s", event);
	snprintf(job->env[1], sizeof(job->env[1]), "ANYPOP_NODE=%s", site->node.name);
	snprintf(job->env[2], sizeof(job->env[2]), "ANYPOP_POP=%s", site->node.pop);
	snprintf(job->env[3], sizeof(job->env[3]), "ANYPOP_REGION=%s", region);
	snprintf(job->env[4], sizeof(job->env[4]), "ANYPOP_BECAUSE=%s", because);
	hook_next(b->hooks);
	return true;
}

void
hook_run(struct brain *b, const struct lane *lane, int from, int to)
{
	struct hook_queue *q = b->hooks;
	const struct move *m = &lane->recent[(lane->moves - 1) % N_RECENT_MOVES];
	const struct site *site = &b->settings.site;
	struct hook_job *job;

	if (q == NULL)
		return;
	job = hook_job(q);
	snprintf(job->env[0], sizeof(job->env[0]), "ANYPOP_EVENT=rung");
	snprintf(job->env[1], sizeof(job->env[1]), "ANYPOP_NODE=%s", site->node.name);
	snprintf(job->env[2], sizeof(job->env[2]), "ANYPOP_POP=%s", site->node.pop);
	snprintf(job->env[3], sizeof(job->env[3]), "ANYPOP_SERVICE=%s",
	    site->services[lane_service(lane->index)].name);
	snprintf(job->env[4], sizeof(job->env[4]), "ANYPOP_FAMILY=%s",
	    family_name(lane_family(lane->index)));
	snprintf(job->env[5], sizeof(job->env[5]), "ANYPOP_FROM=%s", lane_rung_name(b, from));
	snprintf(job->env[6], sizeof(job->env[6]), "ANYPOP_TO=%s", lane_rung_name(b, to));
	snprintf(job->env[7], sizeof(job->env[7]), "ANYPOP_SCORE=%d", lane->judgement.score);
	snprintf(job->env[8], sizeof(job->env[8]), "ANYPOP_BECAUSE=%s", m->because);
	hook_next(q);
}

void
hook_fini(struct brain *b)
{
	struct hook_queue *q = b->hooks;

	if (q == NULL)
		return;
	if (q->running > 0)
		kill(-q->running, SIGKILL);
	ev_child_stop(b->loop, &q->child);
	ev_timer_stop(b->loop, &q->timeout);
}
