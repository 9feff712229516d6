#include "healthd/traffic.h"

#include <stdio.h>
#include <string.h>

#include "healthd/reading.h"

/*
 * Marks lie in a ring, each with the sum of all that was counted until then, so that any window is
 * one subtraction and a step costs the same however long the window is.
 */

#define WORDS (sizeof(struct traffic_counts) / sizeof(uint64_t))
#define N_MARKS (TRAFFIC_SPAN_S + 2)
#define JUMP (UINT64_C(1) << 32) /* nobody counts so much between two readings */
#define MARK_SLACK_MS 500	 /* readings come about once a second */

_Static_assert(sizeof(struct traffic_counts) % sizeof(uint64_t) == 0, "words only");

static uint64_t
counted(uint64_t before, uint64_t now, bool other_process)
{
	uint64_t n = now >= before ? now - before : other_process ? now : 0;

	return n < JUMP ? n : 0;
}

void
traffic_step(
    struct traffic *t, const struct traffic_counts *read, uint64_t generation, struct mono now)
{
	uint64_t *total = (uint64_t *)&t->total;
	const uint64_t *last = (const uint64_t *)&t->last, *next = (const uint64_t *)read;
	bool other = generation != t->generation;

	for (size_t i = 0; t->begun && i < WORDS; i++)
		total[i] += counted(last[i], next[i], other);
	t->newest = t->begun ? (t->newest + 1) % N_MARKS : 0;
	t->n += t->n < N_MARKS;
	t->begun = true;
	t->generation = generation;
	t->last = *read;
	t->marks[t->newest].at = now;
	t->marks[t->newest].total = t->total;
}

int64_t
traffic_window(const struct traffic *t, int64_t window_ms, struct traffic_counts *sum)
{
	uint64_t *into = (uint64_t *)sum;
	const uint64_t *from, *until;
	int mark = t->newest;
	int64_t ms = 0;

	if (!t->begun)
		return 0;
	for (int back = 1; back < t->n && ms < window_ms - MARK_SLACK_MS; back++) {
		mark = (t->newest - back + N_MARKS) % N_MARKS;
		ms = mono_diff_ms(t->marks[t->newest].at, t->marks[mark].at);
	}
	from = (const uint64_t *)&t->marks[mark].total;
	until = (const uint64_t *)&t->marks[t->newest].total;
	for (size_t i = 0; i < WORDS; i++)
		into[i] += until[i] - from[i];
	return ms;
}

uint64_t
traffic_answers(const struct traffic_counts *c)
{
	uint64_t n = 0;

	for (int i = 0; i < N_LAYERS; i++)
		n += i != LAYER_LOCAL ? c->layer[i] : 0;
	return n;
}

uint64_t
traffic_failed(const struct traffic_counts *c)
{
	return c->cause[CAUSE_UPSTREAM] + c->cause[CAUSE_BOGUS] + c->cause[CAUSE_INTERNAL];
}

uint64_t
traffic_hits(const struct traffic_counts *c)
{
	return c->layer[LAYER_L1] + c->layer[LAYER_L2] + c->layer[LAYER_STALE];
}

int64_t
traffic_latency_us(const struct traffic_counts *c, int percent)
{
	uint64_t all = 0, under = 0;

	for (int i = 0; i < SCORE_BUCKETS; i++)
		all += c->latency[i];
	for (int i = 0; all > 0 && i < SCORE_BUCKETS; i++) {
		under += c->latency[i];
		if (under * 100 >= all * (uint64_t)percent)
			return INT64_C(1) << i;
	}
	return -1;
}

static struct traffic_look
graded(int64_t reading, int64_t warn, int64_t crit)
{
	struct traffic_look look = {.outcome = OUTCOME_OK};

	look.value = reading_grade(reading, 100 * warn, 100 * crit);
	if (look.value == 0)
		look.outcome = OUTCOME_WRONG;
	return look;
}

static struct traffic_look
idle(uint64_t answers, int64_t min_answers)
{
	struct traffic_look look = {.outcome = OUTCOME_IDLE};

	snprintf(look.why, sizeof(look.why), "%llu answers, fewer than %lld",
	    (unsigned long long)answers, (long long)min_answers);
	return look;
}

struct traffic_look
traffic_error_rate(const struct traffic_counts *c, int64_t min_answers, int64_t warn, int64_t crit)
{
	uint64_t answers = traffic_answers(c);
	struct traffic_look look;
	char text[160] = "";

	if (answers == 0 || answers < (uint64_t)min_answers)
		return idle(answers, min_answers);
	look = graded(reading_share(traffic_failed(c), answers), warn, crit);
	look.here = answers >= TRAFFIC_PROOF &&
		    reading_share(c->cause[CAUSE_INTERNAL], answers) >= 100 * crit;
	snprintf(text, sizeof(text),
	    "%llu of %llu failed: %llu upstream, %llu bogus, %llu internal",
	    (unsigned long long)traffic_failed(c), (unsigned long long)answers,
	    (unsigned long long)c->cause[CAUSE_UPSTREAM], (unsigned long long)c->cause[CAUSE_BOGUS],
	    (unsigned long long)c->cause[CAUSE_INTERNAL]);
	memcpy(look.why, text, sizeof(look.why) - 1);
	return look;
}

struct traffic_look
traffic_cache(const struct traffic_counts *c, int64_t min_answers, int64_t warn, int64_t crit)
{
	uint64_t answers = traffic_answers(c);
	int64_t share = reading_share(traffic_hits(c), answers);
	struct traffic_look look;

	if (answers == 0 || answers < (uint64_t)min_answers)
		return idle(answers, min_answers);
	look = graded(share, warn, crit);
	snprintf(look.why, sizeof(look.why), "%.1f %% of %llu answers from a cache",
	    (double)share / 100, (unsigned long long)answers);
	return look;
}

enum outcome
traffic_pulse(const struct traffic_pulse *p, int32_t pid, struct mono now)
{
	int64_t age_ms;

	if (p->pid != (uint64_t)pid || p->state < SCORE_ANSWERING || p->state >= SCORE_STOPPING ||
	    p->heartbeat_us > INT64_MAX / 2)
		return OUTCOME_SILENT;
	age_ms = mono_diff_ms(now, (struct mono){(int64_t)p->heartbeat_us});
	/* Written after `now` was read it is a little ahead; far ahead it is no time of ours. */
	return age_ms < TRAFFIC_PULSE_MS && age_ms > -TRAFFIC_PULSE_MS ? OUTCOME_OK
								       : OUTCOME_SILENT;
}

#define NAME(names, i) ((i) < sizeof(names) / sizeof((names)[0]) ? (names)[i] : "?")

const char *
traffic_state_name(uint64_t state)
{
	static const char *const names[N_SCORE_STATES] = {
	    [SCORE_STARTING] = "starting",
	    [SCORE_ANSWERING] = "answering",
	    [SCORE_STALE_ONLY] = "stale_only",
	    [SCORE_FAILING] = "failing",
	    [SCORE_STOPPING] = "stopping",
	};

	return NAME(names, state);
}

const char *
traffic_layer_name(int layer)
{
	static const char *const names[N_LAYERS] = {
	    [LAYER_LOCAL] = "local",
	    [LAYER_L1] = "l1",
	    [LAYER_L2] = "l2",
	    [LAYER_ENGINE] = "engine",
	    [LAYER_STALE] = "stale",
	    [LAYER_L3] = "l3",
	    [LAYER_BACKUP] = "backup",
	};

	return NAME(names, (size_t)layer);
}

const char *
traffic_cause_name(int cause)
{
	static const char *const names[N_CAUSES] = {
	    [CAUSE_UPSTREAM] = "upstream",
	    [CAUSE_BOGUS] = "bogus",
	    [CAUSE_INTERNAL] = "internal",
	};

	return NAME(names, (size_t)cause);
}

const char *
traffic_drop_name(int drop)
{
	static const char *const names[N_DROPS] = {
	    [DROP_OLD] = "old",
	    [DROP_MALFORMED] = "malformed",
	    [DROP_REFUSED] = "refused",
	    [DROP_FULL] = "full",
	    [DROP_SEND] = "send",
	    [DROP_RATE] = "rate",
	};

	return NAME(names, (size_t)drop);
}

const char *
traffic_event_name(int event)
{
	static const char *const names[N_SCORED] = {
	    [SCORED_SLIPPED] = "slipped",
	    [SCORED_CACHE_ONLY] = "cache_only",
	    [SCORED_COOKIE_GOOD] = "cookie_good",
	    [SCORED_COOKIE_BAD] = "cookie_bad",
	    [SCORED_REFRESH_ASKED] = "refresh_asked",
	    [SCORED_REFRESH_RENEWED] = "refresh_renewed",
	    [SCORED_SUSPECTS] = "suspects",
	    [SCORED_QUARANTINED] = "quarantined",
	    [SCORED_L3_HIT] = "l3_hit",
	    [SCORED_L3_MISS] = "l3_miss",
	    [SCORED_L3_LATE] = "l3_late",
	    [SCORED_L3_BAD] = "l3_bad",
	    [SCORED_L3_FAILED] = "l3_failed",
	    [SCORED_L3_WRITE] = "l3_write",
	    [SCORED_BACKUP_ASKED] = "backup_asked",
	    [SCORED_L3_STALE] = "l3_stale",
	    [SCORED_L3_UNTRUSTED] = "l3_untrusted",
	    [SCORED_L3_TIMEOUT] = "l3_timeout",
	};

	return NAME(names, (size_t)event);
}

const char *
traffic_breaker_name(uint64_t breaker)
{
	static const char *const names[N_BREAKERS] = {
	    [BREAKER_CLOSED] = "closed",
	    [BREAKER_OPEN] = "open",
	    [BREAKER_HALF_OPEN] = "half_open",
	};

	return breaker < N_BREAKERS ? names[breaker] : "?";
}
