#include "healthd/rolling.h"

#include <stdio.h>
#include <string.h>

/*
 * Each stage waits for one fact about one slot and has one deadline. Facts are read from the slots
 * themselves, so it does not matter how often or how late rolling_step() is called.
 */

/* Over stop_timeout_ms the supervisor kills; this much later the kernel must have obeyed. */
#define STOP_GRACE_MS 5000

const char *
rolling_stage_name(enum rolling_stage s)
{
	static const char *const names[] = {
		[ROLLING_IDLE] = "idle",
		[ROLLING_SPARE] = "starting the spare",
		[ROLLING_ROOM] = "waiting for room",
		[ROLLING_STOP] = "stopping",
		[ROLLING_START] = "starting",
		[ROLLING_RETIRE] = "stopping the spare",
		[ROLLING_DONE] = "done",
		[ROLLING_ABORTED] = "aborted",
	};

	return (unsigned)s <= ROLLING_ABORTED ? names[s] : "?";
}

static int
count_ready(const struct rolling_conf *conf, const struct worker *w)
{
	int ready = 0;

	for (int i = 0; i < conf->count + conf->spare; i++)
		ready += w[i].state == WORKER_READY;
	return ready;
}

static void
enter(struct rolling *r, enum rolling_stage stage, struct mono due, struct mono now)
{
	r->stage = stage;
	r->since = now;
	r->due = due;
}

static void
tell(struct rolling_out *out, enum rolling_do action, int slot)
{
	out->action = action;
	out->slot = slot;
}

static struct rolling_out
finish(struct rolling_out out, const struct rolling *before)
{
	out.changed = out.state.stage != before->stage || out.state.slot != before->slot;
	return out;
}

struct rolling_out
rolling_begin(const struct rolling_conf *conf, const struct worker *w, struct mono now)
{
	struct rolling idle = {.stage = ROLLING_IDLE};
	struct rolling_out out = {0};
	struct rolling *r = &out.state;
	int ready = count_ready(conf, w);

	if (conf->count == 0) {
		snprintf(r->why, sizeof(r->why), "no %ss are supervised", conf->noun);
	} else if (conf->spare == 0 && conf->count - 1 < conf->min_ready) {
		snprintf(r->why, sizeof(r->why),
		    "stopping one of %d workers leaves fewer than workers.min_ready = %d; "
		    "set workers.spare = 1", conf->count, conf->min_ready);
	} else if (conf->spare == 0 && conf->min_ready > 0 && ready - 1 < conf->min_ready) {
		snprintf(r->why, sizeof(r->why),
		    "only %d of %d workers are ready, and workers.min_ready = %d must stay so; "
		    "wait for the others, or set workers.spare = 1", ready, conf->count,
		    conf->min_ready);
	} else if (conf->spare == 0) {
		enter(r, ROLLING_ROOM, mono_add_ms(now, conf->start_timeout_ms), now);
	} else {
		r->slot = conf->count;
		enter(r, ROLLING_SPARE, mono_add_ms(now, conf->start_timeout_ms), now);
		tell(&out, ROLLING_DO_WANT, conf->count);
	}
	return finish(out, &idle);
}

static const char *
last_words(const struct worker *w)
{
	return w->why[0] != '\0' ? w->why : "it runs, and does not answer";
}

/* The spare never became ready: nothing has been touched yet. */
static void
step_spare(const struct rolling_conf *conf, struct rolling_out *out, const struct worker *w,
    struct mono now)
{
	struct rolling *r = &out->state;
	const struct worker *spare = &w[conf->count];

	if (spare->state == WORKER_READY) {
		r->slot = 0;
		enter(r, ROLLING_ROOM, mono_add_ms(now, conf->start_timeout_ms), now);
	} else if (!mono_before(now, r->due)) {
		snprintf(r->why, sizeof(r->why),
		    "the spare worker was not ready within %lld ms (%s); nothing was replaced",
		    (long long)conf->start_timeout_ms, last_words(spare));
		enter(r, ROLLING_ABORTED, MONO_NEVER, now);
		tell(out, ROLLING_DO_UNWANT, conf->count);
	}
}

static void
step_room(const struct rolling_conf *conf, struct rolling_out *out, const struct worker *w,
    struct mono now)
{
	struct rolling *r = &out->state;
	int others = count_ready(conf, w) - (w[r->slot].state == WORKER_READY);

	if (others >= conf->min_ready) {
		enter(r, ROLLING_STOP,
		    mono_add_ms(now, conf->stop_timeout_ms + STOP_GRACE_MS), now);
		tell(out, ROLLING_DO_UNWANT, r->slot);
	} else if (!mono_before(now, r->due)) {
		snprintf(r->why, sizeof(r->why),
		    "%d of %d replaced, then without worker %d only %d would be ready, and "
		    "workers.min_ready = %d; the rest goes on as it is",
		    r->done, conf->count, r->slot, others, conf->min_ready);
		enter(r, ROLLING_ABORTED, MONO_NEVER, now);
		if (conf->spare == 1) /* every slot has its process: nobody's place to take */
			tell(out, ROLLING_DO_UNWANT, conf->count);
	}
}

static void
step_stop(const struct rolling_conf *conf, struct rolling_out *out, const struct worker *w,
    struct mono now)
{
	struct rolling *r = &out->state;

	/* Whether in time or not, the slot is wanted again. */
	if (w[r->slot].state == WORKER_STOPPED) {
		enter(r, ROLLING_START, mono_add_ms(now, conf->start_timeout_ms), now);
		tell(out, ROLLING_DO_WANT, r->slot);
	} else if (!mono_before(now, r->due)) {
		snprintf(r->why, sizeof(r->why),
		    "%d of %d replaced, then %s %d (pid %d) could not be stopped; the rest "
		    "goes on as it is", r->done, conf->count, conf->noun, r->slot, w[r->slot].pid);
		enter(r, ROLLING_ABORTED, MONO_NEVER, now);
		tell(out, ROLLING_DO_WANT, r->slot);
	}
}

static void
step_start(const struct rolling_conf *conf, struct rolling_out *out, const struct worker *w,
    struct mono now)
{
	struct rolling *r = &out->state;

	if (w[r->slot].state == WORKER_READY) {
		r->done++;
		if (r->slot + 1 < conf->count) {
			r->slot++;
			enter(r, ROLLING_ROOM, mono_add_ms(now, conf->start_timeout_ms), now);
		} else if (conf->spare == 1) {
			r->slot = conf->count;
			enter(r, ROLLING_RETIRE,
			    mono_add_ms(now, conf->stop_timeout_ms + STOP_GRACE_MS), now);
			tell(out, ROLLING_DO_UNWANT, conf->count);
		} else {
			enter(r, ROLLING_DONE, MONO_NEVER, now);
		}
	} else if (!mono_before(now, r->due)) {
		snprintf(r->why, sizeof(r->why),
		    "%d of %d replaced, then %s %d was not ready within %lld ms (%s); %s",
		    r->done, conf->count, conf->noun, r->slot, (long long)conf->start_timeout_ms,
		    last_words(&w[r->slot]), conf->spare == 1 ?
		    "the spare serves in its place" : "the rest goes on as it is");
		enter(r, ROLLING_ABORTED, MONO_NEVER, now);
	}
}

static void
step_retire(const struct rolling_conf *conf, struct rolling_out *out, const struct worker *w,
    struct mono now)
{
	struct rolling *r = &out->state;

	if (w[conf->count].state == WORKER_STOPPED) {
		enter(r, ROLLING_DONE, MONO_NEVER, now);
	} else if (!mono_before(now, r->due)) {
		snprintf(r->why, sizeof(r->why),
		    "all %d replaced, but the spare (pid %d) could not be stopped", conf->count,
		    w[conf->count].pid);
		enter(r, ROLLING_ABORTED, MONO_NEVER, now);
	}
}

struct rolling_out
rolling_step(const struct rolling_conf *conf, struct rolling r, const struct worker *w,
    struct mono now)
{
	struct rolling_out out = {.state = r};

	switch (r.stage) {
	case ROLLING_SPARE:
		step_spare(conf, &out, w, now);
		break;
	case ROLLING_ROOM:
		step_room(conf, &out, w, now);
		break;
	case ROLLING_STOP:
		step_stop(conf, &out, w, now);
		break;
	case ROLLING_START:
		step_start(conf, &out, w, now);
		break;
	case ROLLING_RETIRE:
		step_retire(conf, &out, w, now);
		break;
	case ROLLING_IDLE:
	case ROLLING_DONE:
	case ROLLING_ABORTED:
		break;
	}
	return finish(out, &r);
}
