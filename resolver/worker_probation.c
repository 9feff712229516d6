/*
 * Suspects of an engine's end, and the probation engine that asks them again: one of this worker's
 * at a time, since whoever is in its hand when it ends is convicted. What a conviction is stands in
 * memory that all workers see (quarantine.h).
 */
#include <string.h>
#include <unistd.h>

#include "lib/dns.h"
#include "lib/event.h"
#include "resolver/quarantine_map.h"
#include "resolver/worker_parts.h"

struct engine_link *
probation_link(const struct worker *w)
{
	return w->conf->engine.probation ? &w->engines[w->conf->engines] : NULL;
}

bool
probation_is(const struct engine_link *l)
{
	return l->number == l->worker->conf->engines;
}

void
probation_take(struct worker *w, int fd)
{
	struct quarantine *q;
	struct err err;

	if (fd < 0)
		return;
	q = quarantine_open(fd, false, &err);
	close(fd);
	if (q == NULL) {
		event_say(EVENT_ALARM, "quarantine_unusable", "%s; nobody is in quarantine here",
		    err.text);
		return;
	}
	quarantine_close((struct quarantine *)w->quarantine);
	w->quarantine = q;
}

void
probation_free(struct worker *w)
{
	quarantine_close((struct quarantine *)w->quarantine);
	w->quarantine = NULL;
}

static enum quarantine_state
sentence_of(const struct worker *w, const struct key *k)
{
	return quarantine_find(w->quarantine, k, w->now.us / 1000000, NULL);
}

/* DO and CD do not change what is resolved. */
static uint64_t
bare_hash(const struct worker *w, const struct key *k)
{
	struct key bare = *k;

	bare.flags = 0;
	return key_hash(&bare, w->secret);
}

size_t
probation_refuse(struct worker *w, const struct asker *a, const struct key *k, const uint8_t *wire,
    uint8_t *out)
{
	if (sentence_of(w, k) != QUARANTINE_HELD)
		return 0;
	score_add(&w->score->event[SCORED_QUARANTINED], 1);
	return worker_refuse(w, a, k, wire, out);
}

enum probation_way
probation_route(struct worker *w, uint32_t question)
{
	const struct key *k = &w->join.questions[question].key;
	const struct engine_link *l = probation_link(w);
	struct asking *a = &w->asking[question];
	const struct probation_look look = {
	    .sentence = sentence_of(w, k),
	    .suspect = suspects_has(&w->suspects, bare_hash(w, k), w->now),
	    .losses = a->losses,
	    .trials = a->trials,
	    .known = l != NULL && l->known,
	};
	enum probation_way way = probation_way(&look);

	a->probation = way != WAY_ENGINES;
	return way;
}

/* The newest first: what was asked shortly before an engine ended is rather why than what has been
 * in flight for long, which waits for a server that is dead or slow. */
void
probation_next(struct worker *w)
{
	struct engine_link *l = probation_link(w);
	enum probation_way way;
	uint32_t older;

	if (l == NULL || !l->up || w->trial != 0)
		return;
	for (uint32_t i = w->join.open.newer; i != JOIN_NONE && w->n_unsent > 0; i = older) {
		older = w->join.questions[i].all.older;
		if (w->asking[i].engine >= 0 || !w->asking[i].probation)
			continue;
		way = probation_route(w, i);
		/* Cleared by another's trial: the same name, asked with DO or CD. */
		if (way == WAY_ENGINES)
			engine_links_send(w, i);
		if (way != WAY_PROBATION)
			continue;
		if (engine_link_send(l, i)) {
			w->trial = join_id(&w->join, i);
			score_add(&w->score->event[SCORED_SUSPECTS], 1);
		}
		return;
	}
}

static void
key_render(const struct key *k, char name[static DNS_NAME_TEXT], char type[static DNS_WORD])
{
	struct dns_name n = {.length = k->name_length};

	memcpy(n.wire, k->name, k->name_length);
	dns_name_render(&n, name);
	dns_type_render(k->type, type);
}

/* It faulted, and did not name any: all of them may be why. */
static void
suspect_all(struct engine_link *l)
{
	struct worker *w = l->worker;

	for (uint32_t i = w->join.open.older; i != JOIN_NONE; i = w->join.questions[i].all.newer)
		if (w->asking[i].engine == l->number)
			w->asking[i].losses = PROBATION_LOSSES;
}

void
probation_suspect(struct engine_link *l)
{
	char name[DNS_NAME_TEXT], type[DNS_WORD];
	struct worker *w = l->worker;

	if (l->last.signal == 0)
		return;
	if (l->last.key.name_length == 0) {
		event_say(EVENT_WARN, "engine_fault", "engine %d ended by signal %u", l->number,
		    l->last.signal);
		if (probation_link(w) != NULL && probation_link(w)->known)
			suspect_all(l);
		return;
	}
	key_render(&l->last.key, name, type);
	event_say(EVENT_WARN, "engine_fault",
	    "engine %d ended by signal %u at %s %s, which is a suspect now", l->number,
	    l->last.signal, name, type);
	suspects_add(&w->suspects, bare_hash(w, &l->last.key), w->now);
}

/* Who ended one engine is found, so the others that were there are innocent of it. */
static void
others_go(struct worker *w)
{
	for (uint32_t i = w->join.open.older; i != JOIN_NONE; i = w->join.questions[i].all.newer)
		if (w->asking[i].engine < 0 && w->asking[i].losses >= PROBATION_LOSSES)
			w->asking[i].losses = PROBATION_LOSSES - 1;
}

/* What waited in the socket while the engine was at another's was not in its hand. */
static bool
was_in_hand(const struct engine_link *l, const struct key *k)
{
	return l->last.signal == 0 || l->last.key.name_length == 0 ||
	       (l->last.key.type == k->type && l->last.key.class == k->class &&
		   l->last.key.name_length == k->name_length &&
		   memcmp(l->last.key.name, k->name, k->name_length) == 0);
}

void
probation_lost(struct worker *w, uint32_t question)
{
	const struct key *k = &w->join.questions[question].key;
	struct asking *a = &w->asking[question];

	w->trial = 0;
	if (sentence_of(w, k) == QUARANTINE_HELD) {
		suspects_drop(&w->suspects, bare_hash(w, k));
		others_go(w);
		worker_refused(w, question);
		return;
	}
	if (was_in_hand(probation_link(w), k)) {
		a->trials++;
		/* Whoever asks it next need not lose two engines first. */
		suspects_add(&w->suspects, bare_hash(w, k), w->now);
	}
	worker_again(w, question);
}

void
probation_told(struct worker *w, uint32_t id, uint32_t question)
{
	if (id != w->trial)
		return;
	w->trial = 0;
	if (question != JOIN_NONE)
		suspects_drop(
		    &w->suspects, bare_hash(w, &w->join.questions[question].key));
}

void
probation_declined(struct worker *w, uint32_t question)
{
	w->asking[question].trials++;
	worker_again(w, question);
}

void
probation_deadlines(struct worker *w)
{
	const struct engine_link *l = probation_link(w);
	bool hopeful = l != NULL &&
	    (l->up || mono_diff_ms(w->now, l->away_since) < WORKER_PROBATION_MS);
	uint32_t next;

	for (uint32_t i = w->join.open.older; i != JOIN_NONE && w->n_unsent > 0; i = next) {
		next = w->join.questions[i].all.newer;
		if (w->asking[i].engine >= 0 || !w->asking[i].probation)
			continue;
		switch (probation_route(w, i)) {
		case WAY_REFUSED:
			worker_refused(w, i);
			break;
		case WAY_FAILED:
			worker_failed(w, i, CAUSE_INTERNAL, EDE_OTHER, "the engine failed");
			break;
		case WAY_PROBATION:
			if (!hopeful)
				worker_failed(
				    w, i, CAUSE_INTERNAL, EDE_OTHER, "no probation engine");
			break;
		case WAY_ENGINES: /* it is nobody's suspect any more */
			engine_links_send(w, i);
			break;
		}
	}
}
