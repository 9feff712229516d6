/*
 * brain_score: the scoreboards of our own workers and engines, mapped read-only, read once a
 * second into their windows; and the checks that rest on them.
 *
 * The keeper hands each over by name beside the bond (lib/held.h). One that is broken is as if it
 * were not there: whoever writes it goes on, only seen less well.
 */
#include "healthd/brain.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/event.h"
#include "lib/held.h"

enum { LOAD_WINDOW_MS = 2000 };

/* "score.w12" or "score.e0"; NULL: none of ours. */
static struct slot *
slot_named(struct brain *b, const char *name)
{
	char kind, rest;
	unsigned n;

	if (strcmp(name, "score.probation") == 0)
		return engines_probation(b);
	if (sscanf(name, "score.%c%3u%c", &kind, &n, &rest) != 2)
		return NULL;
	if (kind == 'w' && n < (unsigned)b->n_slots)
		return &b->slots[n];
	return kind == 'e' && n < MAX_ENGINES ? &b->engines[n] : NULL;
}

void
score_take(struct brain *b, const char *name, int fd)
{
	struct slot *s = slot_named(b, name);
	struct scoreboard *score;
	struct err err;

	/* The keeper also holds those of slots that are not configured any more. */
	if (s == NULL || s->score != NULL) {
		close(fd);
		return;
	}
	score = scoreboard_map(fd, false, &err);
	close(fd);
	if (score != NULL && (score->kind == 'w') != (s->index < ENGINE_SLOT)) {
		scoreboard_unmap(score);
		score = NULL;
		err_set(&err, "it is another kind's");
	}
	if (score == NULL) {
		event_say(EVENT_WARN, "score", "%s is of no use: %s", name, err.text);
		return;
	}
	s->score = score;
	s->traffic = arena_get(b->arena, sizeof(*s->traffic));
}

void
scores_init(struct brain *b)
{
	struct held held;
	struct err err;

	b->load = BEACON_LOAD_UNKNOWN;
	if (held_from_env(&held, &err) < 0)
		event_say(EVENT_WARN, "score", "%s", err.text);
	for (int i = 0; i < held.n; i++)
		if (held.all[i].fd != BOND_FD) /* is in use already */
			score_take(b, held.all[i].name, held.all[i].fd);
	free(held.all); /* each descriptor has gone its way */
}

static void
score_drop(struct slot *s)
{
	scoreboard_unmap((struct scoreboard *)s->score);
	s->score = NULL;
}

void
scores_fini(struct brain *b)
{
	for (int s = 0; s < b->n_slots; s++)
		score_drop(&b->slots[s]);
	for (int e = 0; e < MAX_SLOTS - ENGINE_SLOT; e++)
		score_drop(&b->engines[e]);
}

bool
scores_kept(const struct brain *b)
{
	for (int s = 0; s < b->n_slots; s++)
		if (b->slots[s].score != NULL)
			return true;
	return false;
}

uint64_t
score_state(const struct slot *s)
{
	if (s->score == NULL || s->worker.pid == 0 ||
	    atomic_load_explicit(&s->score->pid, memory_order_relaxed) != (uint64_t)s->worker.pid)
		return SCORE_STARTING;
	return atomic_load_explicit(&s->score->state, memory_order_relaxed);
}

int
scores_in_state(const struct brain *b, enum score_state state)
{
	int n = 0;

	for (int s = 0; s < b->n_slots; s++)
		n += b->slots[s].worker.state == WORKER_READY && score_state(&b->slots[s]) == state;
	return n;
}

static void
read_all(uint64_t *to, const _Atomic uint64_t *from, int n)
{
	for (int i = 0; i < n; i++)
		to[i] = atomic_load_explicit(&from[i], memory_order_relaxed);
}

void
score_read(const struct slot *s, struct traffic_counts *out)
{
	read_all(&out->udp, &s->score->queries_udp, 1);
	read_all(&out->tcp, &s->score->queries_tcp, 1);
	read_all(out->rcode, s->score->rcode, SCORE_RCODES);
	read_all(out->layer, s->score->layer, N_LAYERS);
	read_all(out->cause, s->score->cause, N_CAUSES);
	read_all(out->drop, s->score->drop, N_DROPS);
	read_all(out->event, s->score->event, N_SCORED);
	read_all(out->latency, s->score->latency, SCORE_BUCKETS);
	read_all(&out->joined, &s->score->joined, 1);
	read_all(&out->truncated, &s->score->truncated, 1);
}

bool
score_upstream_read(const struct slot *s, int number, struct upstream_reading *out)
{
	const struct score_upstream *u;
	uint64_t words[sizeof(u->name) / sizeof(u->name[0])];

	*out = (struct upstream_reading){.name = ""};
	if (s->score == NULL)
		return false;
	u = &s->score->upstream[number];
	read_all(words, u->name, sizeof(words) / sizeof(words[0]));
	memcpy(out->name, words, sizeof(words));
	read_all(&out->breaker, &u->breaker, 1);
	read_all(&out->since_us, &u->since_us, 1);
	read_all(&out->asked, &u->asked, 1);
	read_all(&out->answered, &u->answered, 1);
	read_all(&out->failed, &u->failed, 1);
	read_all(&out->opened, &u->opened, 1);
	read_all(&out->rtt_us, &u->rtt_us, 1);
	return out->name[0] != '\0';
}

static void
slot_reading(struct slot *s, struct mono now)
{
	struct traffic_counts read;

	if (s->score == NULL)
		return;
	score_read(s, &read);
	traffic_step(s->traffic, &read,
	    atomic_load_explicit(&s->score->generation, memory_order_relaxed), now);
}

int64_t
scores_window(const struct brain *b, int64_t window_ms, struct traffic_counts *sum)
{
	int64_t longest = 0;

	*sum = (struct traffic_counts){0};
	for (int s = 0; s < b->n_slots; s++) {
		const struct slot *slot = &b->slots[s];
		int64_t ms;

		if (slot->score == NULL)
			continue;
		ms = traffic_window(slot->traffic, window_ms, sum);
		longest = ms > longest ? ms : longest;
	}
	return longest;
}

static void
feed_score(struct brain *b, struct instance *i, struct mono now)
{
	const struct check_conf *c = i->conf;
	const struct window *w = &i->targets[0].window;
	struct traffic_counts sum;
	struct traffic_look look;
	int64_t ms = scores_window(b, c->window_ms, &sum);

	look = c->kind == KIND_CACHE ? traffic_cache(&sum, c->min_answers, c->warn, c->crit)
				     : traffic_error_rate(&sum, c->min_answers, c->warn, c->crit);
	/* A new brain has not looked long enough to say that there is nothing to judge. */
	if (look.outcome == OUTCOME_IDLE && ms < c->window_ms - 500 && w->judged &&
	    w->solid != VERDICT_IDLE)
		look.outcome = OUTCOME_UNKNOWN;
	if (c->kind == KIND_ERROR_RATE && i->tally_conf.evidence != look.here) {
		if (look.here)
			i->tally_conf.evidence_since = now;
		i->tally_conf.evidence = look.here;
		record_evidence(b, i);
	}
	checks_feed(b, i, 0, look.outcome, look.value, look.why);
}

/* What share of its capacity the node carries: all answers, those to our own probes among them. */
static void
look_at_load(struct brain *b)
{
	int64_t capacity = b->settings.workers.capacity, ms;
	struct traffic_counts sum;
	uint8_t load = BEACON_LOAD_UNKNOWN;
	uint64_t answers = 0;

	ms = capacity > 0 ? scores_window(b, LOAD_WINDOW_MS, &sum) : 0;
	for (int i = 0; ms > 0 && i < N_LAYERS; i++)
		answers += sum.layer[i];
	if (ms > 0)
		load =
		    load_level(b->load, 1000.0 * (double)answers / (double)ms / (double)capacity);
	if (load == b->load)
		return;
	b->load = load;
	lanes_touch(b, lanes_all(b));
}

void
scores_second(struct brain *b)
{
	struct mono now = mono_now();

	for (int s = 0; s < b->n_slots; s++)
		slot_reading(&b->slots[s], now);
	for (int e = 0; e < MAX_SLOTS - ENGINE_SLOT; e++)
		slot_reading(&b->engines[e], now);
	look_at_load(b);
	for (int n = 0; n < b->n_instances; n++) {
		struct instance *i = &b->instances[n];
		struct mono last = i->targets[0].last.at;

		/* Half a second of slack: what is due is not left for the next turn. */
		if (i->scores &&
		    (!mono_is_set(last) || mono_diff_ms(now, last) >= i->conf->interval_ms - 500))
			feed_score(b, i, now);
	}
}
