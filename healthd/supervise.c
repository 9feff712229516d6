/*
 * One slot is one struct worker, changed by worker_step() alone. A slot holds at most one process:
 * START is asked for only while pid is 0, and a process leaves the slot only by its EXITED. So a
 * message that gets lost between keeper and brain delays, and never doubles.
 *
 * What counts as a failed start: an exit (or a kill for silence) before the worker has been ready
 * for stable_ms, and a start that the keeper could not make. A worker that was stable and then dies
 * is started again at once; every failed start after that doubles the wait.
 */
#include "healthd/supervise.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "healthd/settings.h"

/* A kill is said again after so long: it cannot be refused, but its message can be lost. */
#define KILL_AGAIN_MS 1000

const char *
worker_state_name(enum worker_state s)
{
	static const char *const names[] = {
		[WORKER_STOPPED] = "stopped",
		[WORKER_WAITING] = "waiting",
		[WORKER_STARTING] = "starting",
		[WORKER_READY] = "ready",
		[WORKER_UNREADY] = "unready",
		[WORKER_STOPPING] = "stopping",
		[WORKER_QUARANTINED] = "quarantined",
	};

	return (unsigned)s <= WORKER_QUARANTINED ? names[s] : "?";
}

struct supervise_conf
supervise_conf_of(const struct settings *s)
{
	return (struct supervise_conf){
		.hang_probes = s->workers.hang_probes,
		.busy_probes = s->workers.busy_probes,
		.start_timeout_ms = s->workers.start_timeout_ms,
		.backoff_min_ms = s->workers.backoff_min_ms,
		.backoff_max_ms = s->workers.backoff_max_ms,
		.quarantine_starts = s->workers.quarantine_starts,
		.quarantine_ms = s->workers.quarantine_ms,
		.stop_timeout_ms = s->workers.stop_timeout_ms,
		.stable_ms = WORKER_STABLE_MS,
	};
}

struct worker
worker_init(struct mono now)
{
	return (struct worker){.state = WORKER_STOPPED, .since = now};
}

struct worker
worker_adopt(int32_t pid, struct mono started_at, struct mono now)
{
	return (struct worker){
		.state = WORKER_STARTING,
		.wanted = true,
		.pid = pid,
		.since = now,
		.started_at = started_at,
		/* The tick that follows sets the start's deadline, counted from now. */
		.due = now,
	};
}

struct worker
worker_adopt_ready(int32_t pid, struct mono started_at, struct mono now)
{
	struct worker w = worker_adopt(pid, started_at, now);

	w.state = WORKER_READY;
	w.ready_at = now;
	w.stable = true;
	w.due = MONO_NEVER;
	return w;
}

struct worker
worker_adopt_slow(int32_t pid, struct mono started_at, struct mono now)
{
	struct worker w = worker_adopt_ready(pid, started_at, now);

	w.state = WORKER_UNREADY;
	w.slow = true;
	return w;
}

static void
enter(struct worker *w, enum worker_state state, struct mono due, struct mono now)
{
	if (w->state != state)
		w->since = now;
	w->state = state;
	w->due = due;
}

/* It has said something, or is another process: silence is counted anew. */
static void
heard(struct worker *w)
{
	w->silent_probes = w->dead_probes = w->loop_probes = 0;
	w->slow = false;
}

static enum worker_action
ask_start(const struct supervise_conf *conf, struct worker *w, struct mono now)
{
	/* If no answer comes, the start is asked for again then. */
	enter(w, WORKER_STARTING, mono_add_ms(now, conf->start_timeout_ms), now);
	w->stable = false;
	heard(w);
	w->ready_at = MONO_NEVER;
	return WORKER_DO_START;
}

static void
note_failed_start(const struct supervise_conf *conf, struct worker *w, struct mono now)
{
	w->failures++;
	if (w->failed_starts < UINT16_MAX)
		w->failed_starts++;
	w->backoff_ms = w->backoff_ms == 0 ? conf->backoff_min_ms : 2 * w->backoff_ms;
	if (w->backoff_ms > conf->backoff_max_ms)
		w->backoff_ms = conf->backoff_max_ms;
	if (w->failed_starts >= conf->quarantine_starts)
		enter(w, WORKER_QUARANTINED, mono_add_ms(now, conf->quarantine_ms), now);
	else
		enter(w, WORKER_WAITING, mono_add_ms(now, w->backoff_ms), now);
}

/* The slot is empty again: what follows depends on what was wanted and how it ended. */
static enum worker_action
emptied(const struct supervise_conf *conf, struct worker *w, struct mono now)
{
	bool stopping = w->state == WORKER_STOPPING;

	w->pid = 0;
	heard(w);
	if (!w->wanted) {
		enter(w, WORKER_STOPPED, MONO_NEVER, now);
		return WORKER_DO_NOTHING;
	}
	if (stopping || w->stable)
		return ask_start(conf, w, now);
	note_failed_start(conf, w, now);
	return WORKER_DO_NOTHING;
}

static enum worker_action
on_want(const struct supervise_conf *conf, struct worker *w, struct mono now)
{
	w->wanted = true;
	/* One that is stopping is started by its exit; all others are on their way. */
	if (w->state != WORKER_STOPPED)
		return WORKER_DO_NOTHING;
	w->failed_starts = 0;
	w->backoff_ms = 0;
	return ask_start(conf, w, now);
}

static enum worker_action
on_unwant(const struct supervise_conf *conf, struct worker *w, struct mono now)
{
	bool asked = w->state == WORKER_STARTING;

	w->wanted = false;
	if (w->state == WORKER_STOPPED || w->state == WORKER_STOPPING)
		return WORKER_DO_NOTHING;
	if (w->pid == 0 && !asked) {
		enter(w, WORKER_STOPPED, MONO_NEVER, now);
		return WORKER_DO_NOTHING;
	}
	/* A start that was asked for and not answered is stopped when its pid is known. */
	enter(w, WORKER_STOPPING, mono_add_ms(now, conf->stop_timeout_ms), now);
	return w->pid == 0 || w->killed_hung ? WORKER_DO_NOTHING : WORKER_DO_TERM;
}

static enum worker_action
on_started(const struct supervise_conf *conf, struct worker *w, int32_t pid, struct mono now)
{
	if (w->pid != 0)
		return WORKER_DO_NOTHING;
	w->pid = pid;
	w->starts++;
	w->started_at = now;
	w->ready_at = MONO_NEVER;
	heard(w);
	w->stable = false;
	w->killed_hung = false;
	if (w->wanted && w->state != WORKER_STOPPING) {
		enter(w, WORKER_STARTING, mono_add_ms(now, conf->start_timeout_ms), now);
		return WORKER_DO_NOTHING;
	}
	enter(w, WORKER_STOPPING, mono_add_ms(now, conf->stop_timeout_ms), now);
	return WORKER_DO_TERM;
}

static enum worker_action
on_start_failed(const struct supervise_conf *conf, struct worker *w,
    const struct worker_event *ev, struct mono now)
{
	const char *why;

	if (ev->status == EEXIST && ev->pid > 0)
		return on_started(conf, w, ev->pid, now);
	/* An answer to a question that is no longer open changes nothing. */
	if (w->pid != 0 || (w->state != WORKER_STARTING && w->state != WORKER_STOPPING))
		return WORKER_DO_NOTHING;
	w->starts++;
	why = strerrordesc_np(ev->status);
	snprintf(w->why, sizeof(w->why), "could not start: %s",
	    why != NULL ? why : "unknown error");
	return emptied(conf, w, now);
}

static enum worker_action
on_exited(const struct supervise_conf *conf, struct worker *w, const struct worker_event *ev,
    struct mono now)
{
	if (w->pid == 0 || ev->pid != w->pid)
		return WORKER_DO_NOTHING;
	if (w->killed_hung)
		; /* the reason for the kill says more than "signal 9" */
	else if (WIFSIGNALED(ev->status))
		snprintf(w->why, sizeof(w->why), "killed by signal %d", WTERMSIG(ev->status));
	else
		snprintf(w->why, sizeof(w->why), "exited with status %d",
		    WIFEXITED(ev->status) ? WEXITSTATUS(ev->status) : ev->status);
	return emptied(conf, w, now);
}

static enum worker_action
kill_silent(const struct supervise_conf *conf, struct worker *w, struct mono now)
{
	bool first = !w->killed_hung;

	w->killed_hung = true;
	enter(w, w->state, mono_add_ms(now, KILL_AGAIN_MS), now);
	return first && conf->abort_first ? WORKER_DO_ABORT : WORKER_DO_KILL;
}

static void
count_up(uint16_t *n)
{
	if (*n < UINT16_MAX)
		(*n)++;
}

/* Without a sign of life it hangs. With one it is slow, and killing it would take away what little
 * it serves; but an endless loop looks the same, so that has an end too, where it is not seen to
 * answer others. */
static enum worker_action
on_silence(const struct supervise_conf *conf, struct worker *w, bool life, bool answers,
    struct mono now)
{
	count_up(&w->silent_probes);
	count_up(&w->dead_probes);
	count_up(&w->loop_probes);
	if (life)
		w->dead_probes = 0;
	if (life && answers)
		w->loop_probes = 0;
	if (w->state == WORKER_STARTING)
		return WORKER_DO_NOTHING; /* start_timeout_ms judges that */
	w->slow = life;
	if (w->dead_probes >= conf->hang_probes ||
	    (conf->busy_probes > 0 && w->loop_probes >= conf->busy_probes)) {
		snprintf(w->why, sizeof(w->why), "silent for %u probes%s: killed",
		    w->silent_probes, life ? ", though it runs" : "");
		return kill_silent(conf, w, now);
	}
	/* One lost datagram is no reason to call a worker unready. */
	if (w->state == WORKER_READY && w->silent_probes >= (conf->hang_probes + 1) / 2) {
		snprintf(w->why, sizeof(w->why), "%ssilent for %u probes", life ? "slow: " : "",
		    w->silent_probes);
		enter(w, WORKER_UNREADY, MONO_NEVER, now);
	}
	return WORKER_DO_NOTHING;
}

static enum worker_action
on_probe(const struct supervise_conf *conf, struct worker *w, const struct worker_event *ev,
    struct mono now)
{
	bool looks = w->state == WORKER_STARTING || w->state == WORKER_READY ||
	    w->state == WORKER_UNREADY;

	if (w->pid == 0 || !looks || w->killed_hung || mono_before(ev->sent, w->started_at))
		return WORKER_DO_NOTHING;
	switch (ev->outcome) {
	case OUTCOME_OK:
		heard(w);
		if (w->state == WORKER_READY)
			return WORKER_DO_NOTHING;
		w->ready_at = now;
		enter(w, WORKER_READY,
		    w->stable ? MONO_NEVER : mono_add_ms(now, conf->stable_ms), now);
		return WORKER_DO_NOTHING;
	case OUTCOME_WRONG:
		heard(w);
		snprintf(w->why, sizeof(w->why), "answers wrongly");
		enter(w, WORKER_UNREADY, MONO_NEVER, now);
		return WORKER_DO_NOTHING;
	case OUTCOME_SILENT:
		return on_silence(conf, w, ev->life, ev->answers, now);
	case OUTCOME_GONE: /* whatever the process does, it does not serve */
		return on_silence(conf, w, false, false, now);
	case OUTCOME_UNKNOWN:
	case OUTCOME_IDLE:
		break;
	}
	return WORKER_DO_NOTHING;
}

static enum worker_action
starting_due(const struct supervise_conf *conf, struct worker *w, struct mono now)
{
	if (w->pid == 0)
		return ask_start(conf, w, now);
	if (w->starts == 0) { /* adopted just now: its time to answer starts here */
		w->starts = 1;
		w->due = mono_add_ms(now, conf->start_timeout_ms);
		return WORKER_DO_NOTHING;
	}
	snprintf(w->why, sizeof(w->why), "not ready %lld ms after its start: killed",
	    (long long)conf->start_timeout_ms);
	return kill_silent(conf, w, now);
}

static enum worker_action
on_tick(const struct supervise_conf *conf, struct worker *w, struct mono now)
{
	if (!mono_is_set(w->due) || mono_before(now, w->due))
		return WORKER_DO_NOTHING;
	if (w->killed_hung && w->pid != 0)
		return kill_silent(conf, w, now);
	switch (w->state) {
	case WORKER_WAITING:
	case WORKER_QUARANTINED:
		return ask_start(conf, w, now);
	case WORKER_STARTING:
		return starting_due(conf, w, now);
	case WORKER_READY:
		w->stable = true;
		w->failed_starts = 0;
		w->backoff_ms = 0;
		w->due = MONO_NEVER;
		return WORKER_DO_NOTHING;
	case WORKER_STOPPING:
		/* A start that was never answered: should it have been made, its STARTED finds
		 * the slot stopped, and stops it then. */
		if (w->pid == 0)
			return emptied(conf, w, now);
		w->due = mono_add_ms(now, KILL_AGAIN_MS);
		return WORKER_DO_KILL;
	case WORKER_STOPPED:
	case WORKER_UNREADY:
		break;
	}
	w->due = MONO_NEVER;
	return WORKER_DO_NOTHING;
}

struct worker_out
worker_step(const struct supervise_conf *conf, struct worker w, const struct worker_event *ev,
    struct mono now)
{
	enum worker_state before = w.state;
	enum worker_action action = WORKER_DO_NOTHING;

	switch (ev->type) {
	case WORKER_EV_WANT:
		action = on_want(conf, &w, now);
		break;
	case WORKER_EV_UNWANT:
		action = on_unwant(conf, &w, now);
		break;
	case WORKER_EV_STARTED:
		action = on_started(conf, &w, ev->pid, now);
		break;
	case WORKER_EV_START_FAILED:
		action = on_start_failed(conf, &w, ev, now);
		break;
	case WORKER_EV_EXITED:
		action = on_exited(conf, &w, ev, now);
		break;
	case WORKER_EV_PROBE:
		action = on_probe(conf, &w, ev, now);
		break;
	case WORKER_EV_TICK:
		action = on_tick(conf, &w, now);
		break;
	}
	return (struct worker_out){.state = w, .action = action, .changed = w.state != before};
}
