/*
 * probe: the clock that all kinds of probes share. See probe_base.h.
 *
 * One timer per probe: it stands for the next question while none is in flight, and for the end of
 * the one that is. Timers run on the loop's clock, which may be old by as much as the callbacks of
 * this turn took; so each time one fires it is held against mono_now(), and set again if early.
 *
 * Questions go out on beats: all probes of one interval ask at the same jittered instants. Waking
 * an idle processor costs more than asking, and this way many questions share one wake-up.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "healthd/probe_base.h"
#include "lib/ensure.h"

#define SLACK_US 1000	  /* a timer may fire so much early */
#define SPREAD_US 50000	  /* the first questions of all probes go out within this */
#define SOONEST_US 500

/* splitmix64 (Steele, Lea, Flood 2014): ids, labels and jitter; not for secrets. */
static uint64_t
mix(uint64_t z)
{
	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

uint64_t
probe_random(struct probe *p)
{
	p->random += UINT64_C(0x9e3779b97f4a7c15);
	return mix(p->random);
}

/* The first beat after `after`. Beat k is at k intervals, off by up to 5 %, so that two follow each
 * other in 90 to 110 %. Hosts differ: time counts from the boot. */
static struct mono
beat(int64_t interval_us, struct mono after)
{
	int64_t k = after.us / interval_us, range = interval_us / 10 + 1, at;

	do {
		k++;
		at = k * interval_us - range / 2 + (int64_t)(mix((uint64_t)k) % (uint64_t)range);
	} while (at <= after.us);
	return (struct mono){at};
}

/* Sets the timer for `at`, or very soon if that has passed. */
static void
timer_set(struct probe *p, struct mono at, struct mono now)
{
	int64_t us = mono_diff_us(at, now);

	p->deadline = at;
	p->timer.repeat = (double)(us > SOONEST_US ? us : SOONEST_US) / 1e6;
	ev_timer_again(p->loop, &p->timer);
}

static struct mono
next_question(struct probe *p, enum outcome outcome, struct mono now)
{
	int64_t us = p->timing.interval_ms * 1000;

	if (p->again) {
		p->again = false;
		return now;
	}
	if (outcome == OUTCOME_WRONG && p->timing.retry_ms > 0 && !p->retried) {
		p->retried = true;
		return mono_add_ms(now, p->timing.retry_ms);
	}
	p->retried = false;
	return beat(us, mono_add_us(p->sent, us / 2));
}

void
probe_end(struct probe *p, enum outcome outcome, int value, bool rtt, const char *fmt, ...)
{
	struct mono now = mono_now();
	struct sample s = {
	    .outcome = outcome, .value = (int8_t)value, .rtt_us = -1, .sent = p->sent, .at = now};
	int64_t us = mono_diff_us(now, p->sent);
	va_list ap;

	ENSURE(p->asking);
	/* An answer that lay unread past its time says nothing of how long it took. */
	if (rtt && us <= p->timing.timeout_ms * 1000)
		s.rtt_us = (int32_t)us;
	va_start(ap, fmt);
	vsnprintf(s.why, sizeof(s.why), fmt, ap);
	va_end(ap);
	p->asking = false;
	timer_set(p, next_question(p, outcome, now), now);
	p->done(p->arg, &s);
}

const char *
probe_strerror(int error, char buf[static PROBE_ERROR])
{
	const char *known = strerrordesc_np(error);

	if (known == NULL)
		snprintf(buf, PROBE_ERROR, "error %d", error);
	else
		snprintf(buf, PROBE_ERROR, "%s", known);
	if (buf[0] >= 'A' && buf[0] <= 'Z' && buf[1] >= 'a' && buf[1] <= 'z')
		buf[0] = (char)(buf[0] + ('a' - 'A'));
	return buf;
}

static void
ask(struct probe *p, struct mono now)
{
	p->asking = true;
	p->foreign = 0;
	p->sent = now;
	timer_set(p, mono_add_ms(now, p->timing.timeout_ms), now);
	p->kind->ask(p);
}

static void
time_is_up(struct probe *p, struct mono now)
{
	int64_t late_ms = mono_diff_ms(now, p->deadline);

	if (p->kind->look(p))
		return;
	p->kind->drop(p);
	if (late_ms > p->timing.interval_ms)
		probe_end(p, OUTCOME_UNKNOWN, 0, false, "we stalled for %lld ms",
		    (long long)late_ms);
	else if (p->foreign > 0)
		probe_end(p, OUTCOME_SILENT, 0, false, "timed out; %u answers to other questions",
		    p->foreign);
	else
		probe_end(p, OUTCOME_SILENT, 0, false, "timed out");
}

static void
on_timer(struct ev_loop *loop, ev_timer *w, int events)
{
	struct probe *p = w->data;
	struct mono now = mono_now();

	(void)loop, (void)events;
	if (mono_diff_us(p->deadline, now) > SLACK_US)
		timer_set(p, p->deadline, now);
	else if (p->asking)
		time_is_up(p, now);
	else
		ask(p, now);
}

void
probe_init(struct probe *p, const struct probe_kind *kind, struct ev_loop *loop,
    const struct probe_timing *t, probe_done *done, void *arg)
{
	struct mono now = mono_now();
	int64_t spread = t->interval_ms * 1000 < SPREAD_US ? t->interval_ms * 1000 : SPREAD_US;

	ENSURE(t->interval_ms > 0 && t->timeout_ms > 0);
	p->kind = kind;
	p->loop = loop;
	p->timing = *t;
	p->done = done;
	p->arg = arg;
	ENSURE(getrandom(&p->random, sizeof(p->random), 0) == sizeof(p->random));
	ev_init(&p->timer, on_timer);
	p->timer.data = p;
	timer_set(p, mono_add_us(now, (int64_t)(probe_random(p) % (uint64_t)spread)), now);
}

void
probe_kick(struct probe *p)
{
	struct mono now = mono_now();

	if (p->asking)
		p->again = true;
	else
		timer_set(p, now, now);
}

void
probe_pace(struct probe *p, int64_t interval_ms)
{
	struct mono now = mono_now(), due = beat(interval_ms * 1000, now);

	ENSURE(interval_ms > 0);
	p->timing.interval_ms = interval_ms;
	if (!p->asking && mono_before(due, p->deadline))
		timer_set(p, due, now);
}

const char *
probe_nsid(const struct probe *p)
{
	return p->nsid;
}

void
probe_free(struct probe *p)
{
	if (p == NULL)
		return;
	ev_timer_stop(p->loop, &p->timer);
	if (p->asking)
		p->kind->drop(p);
	p->kind->free(p);
}
