#include "resolver/join.h"

#include <string.h>

#include "lib/ensure.h"

enum { INDEX_BITS = 20, GENERATION_MAX = 4095 };

void
join_init(struct join *j, struct join_question *questions, uint32_t n_questions,
    struct join_waiter *waiters, uint32_t n_waiters, uint32_t *buckets, uint32_t n_buckets)
{
	ENSURE(n_questions > 0 && n_questions < JOIN_QUESTIONS_MAX && n_waiters > 0);
	ENSURE(n_buckets > 0 && (n_buckets & (n_buckets - 1)) == 0);
	*j = (struct join){
	    .questions = questions,
	    .waiters = waiters,
	    .buckets = buckets,
	    .n_questions = n_questions,
	    .n_waiters = n_waiters,
	    .mask = n_buckets - 1,
	    .open = {JOIN_NONE, JOIN_NONE},
	    .patient = {JOIN_NONE, JOIN_NONE},
	};
	for (uint32_t i = 0; i < n_buckets; i++)
		buckets[i] = JOIN_NONE;
	for (uint32_t i = 0; i < n_questions; i++) {
		questions[i].generation = 1;
		questions[i].open = false;
		questions[i].next = i + 1 < n_questions ? i + 1 : JOIN_NONE;
	}
	for (uint32_t i = 0; i < n_waiters; i++) {
		waiters[i].question = JOIN_NONE;
		waiters[i].mates.newer = i + 1 < n_waiters ? i + 1 : JOIN_NONE;
	}
}

static uint32_t
question_find(const struct join *j, const struct key *k, uint64_t hash)
{
	uint32_t i = j->buckets[hash & j->mask];

	while (i != JOIN_NONE &&
	    !(j->questions[i].hash == hash && key_equal(&j->questions[i].key, k)))
		i = j->questions[i].next;
	return i;
}

static uint32_t
question_open(struct join *j, const struct key *k, uint64_t hash, struct mono now)
{
	uint32_t i = j->free_question;
	struct join_question *q = &j->questions[i];

	j->free_question = q->next;
	q->key = *k;
	q->hash = hash;
	q->since = now;
	q->first = q->last = JOIN_NONE;
	q->open = true;
	q->next = j->buckets[hash & j->mask];
	j->buckets[hash & j->mask] = i;
	q->all = (struct join_links){j->open.newer, JOIN_NONE};
	if (j->open.newer != JOIN_NONE)
		j->questions[j->open.newer].all.newer = i;
	else
		j->open.older = i;
	j->open.newer = i;
	j->n_open++;
	return i;
}

static uint32_t
waiter_take(struct join *j, uint32_t question, struct mono now)
{
	struct join_question *q = &j->questions[question];
	uint32_t i = j->free_waiter;
	struct join_waiter *w = &j->waiters[i];

	j->free_waiter = w->mates.newer;
	*w = (struct join_waiter){
	    .question = question,
	    .mates = {q->last, JOIN_NONE},
	    .others = {j->patient.newer, JOIN_NONE},
	    .since = now,
	    .patient = true,
	};
	if (q->last != JOIN_NONE)
		j->waiters[q->last].mates.newer = i;
	else
		q->first = i;
	q->last = i;
	if (j->patient.newer != JOIN_NONE)
		j->waiters[j->patient.newer].others.newer = i;
	else
		j->patient.older = i;
	j->patient.newer = i;
	j->n_waiting++;
	return i;
}

bool
join_is_open(const struct join *j, const struct key *k, uint64_t hash)
{
	return question_find(j, k, hash) != JOIN_NONE;
}

enum join_verdict
join_enter(struct join *j, const struct key *k, uint64_t hash, struct mono now, uint32_t *question,
    uint32_t *waiter)
{
	uint32_t i = question_find(j, k, hash);
	bool shared = i != JOIN_NONE;

	if (j->free_waiter == JOIN_NONE || (!shared && j->free_question == JOIN_NONE))
		return JOIN_FULL;
	*question = shared ? i : question_open(j, k, hash, now);
	*waiter = waiter_take(j, *question, now);
	return shared ? JOIN_SHARED : JOIN_NEW;
}

enum join_verdict
join_open(struct join *j, const struct key *k, uint64_t hash, struct mono now, uint32_t *question)
{
	*question = question_find(j, k, hash);
	if (*question != JOIN_NONE)
		return JOIN_SHARED;
	if (j->free_question == JOIN_NONE)
		return JOIN_FULL;
	*question = question_open(j, k, hash, now);
	return JOIN_NEW;
}

static void
waiter_looked_after(struct join *j, uint32_t waiter)
{
	struct join_waiter *w = &j->waiters[waiter];

	if (!w->patient)
		return;
	w->patient = false;
	if (w->others.older != JOIN_NONE)
		j->waiters[w->others.older].others.newer = w->others.newer;
	else
		j->patient.older = w->others.newer;
	if (w->others.newer != JOIN_NONE)
		j->waiters[w->others.newer].others.older = w->others.older;
	else
		j->patient.newer = w->others.older;
}

void
join_leave(struct join *j, uint32_t waiter)
{
	struct join_waiter *w = &j->waiters[waiter];
	struct join_question *q;

	ENSURE(waiter < j->n_waiters && w->question != JOIN_NONE);
	q = &j->questions[w->question];
	waiter_looked_after(j, waiter);
	if (w->mates.older != JOIN_NONE)
		j->waiters[w->mates.older].mates.newer = w->mates.newer;
	else
		q->first = w->mates.newer;
	if (w->mates.newer != JOIN_NONE)
		j->waiters[w->mates.newer].mates.older = w->mates.older;
	else
		q->last = w->mates.older;
	w->question = JOIN_NONE;
	w->mates.newer = j->free_waiter;
	j->free_waiter = waiter;
	j->n_waiting--;
}

uint32_t
join_first(const struct join *j, uint32_t question)
{
	return j->questions[question].first;
}

void
join_close(struct join *j, uint32_t question)
{
	struct join_question *q = &j->questions[question];
	uint32_t *link;

	ENSURE(question < j->n_questions && q->open && q->first == JOIN_NONE);
	link = &j->buckets[q->hash & j->mask];
	while (*link != question)
		link = &j->questions[*link].next;
	*link = q->next;
	if (q->all.older != JOIN_NONE)
		j->questions[q->all.older].all.newer = q->all.newer;
	else
		j->open.older = q->all.newer;
	if (q->all.newer != JOIN_NONE)
		j->questions[q->all.newer].all.older = q->all.older;
	else
		j->open.newer = q->all.older;
	q->open = false;
	q->generation = q->generation == GENERATION_MAX ? 1 : (uint16_t)(q->generation + 1);
	q->next = j->free_question;
	j->free_question = question;
	j->n_open--;
}

uint32_t
join_id(const struct join *j, uint32_t question)
{
	return (uint32_t)j->questions[question].generation << INDEX_BITS | question;
}

uint32_t
join_find(const struct join *j, uint32_t id)
{
	uint32_t i = id & ((1u << INDEX_BITS) - 1);

	if (i >= j->n_questions || !j->questions[i].open ||
	    j->questions[i].generation != id >> INDEX_BITS)
		return JOIN_NONE;
	return i;
}

uint32_t
join_due(struct join *j, struct mono before)
{
	uint32_t i = j->patient.older;

	if (i == JOIN_NONE || mono_before(before, j->waiters[i].since))
		return JOIN_NONE;
	waiter_looked_after(j, i);
	return i;
}

uint32_t
join_overdue(const struct join *j, struct mono before)
{
	uint32_t i = j->open.older;

	if (i == JOIN_NONE || mono_before(before, j->questions[i].since))
		return JOIN_NONE;
	return i;
}
