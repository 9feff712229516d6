/*
 * policy_lists: LRU, CLOCK, SIEVE and S3-FIFO as lists of objects, with exact sizes. What is asked
 * past its time is renewed where it lies, and counts as asked.
 */
#include <stdlib.h>

#include "lib/ensure.h"
#include "tests/bench/policy.h"

#define NONE UINT32_MAX
#define HITS_MAX 3

/* Newest at the head. */
struct queue {
	uint32_t head, tail, n;
	uint64_t used;
};

struct node {
	uint32_t newer, older, expiry_s, ghost;
	uint8_t in, hits; /* in: 0 nowhere, else the queue's number + 1 */
};

struct lists {
	const struct trace *trace;
	struct node *nodes;
	struct queue queues[2];
	uint64_t bytes;
	uint32_t hand;	 /* SIEVE's */
	uint32_t ghosts; /* S3-FIFO's, so many ever */
};

static void *
lists_new(uint64_t bytes, const struct trace *t)
{
	struct lists *l = calloc(1, sizeof(*l));

	ENSURE(l != NULL);
	l->trace = t;
	l->bytes = bytes;
	l->nodes = calloc(t->n_objects, sizeof(*l->nodes));
	ENSURE(l->nodes != NULL);
	for (int i = 0; i < 2; i++)
		l->queues[i] = (struct queue){NONE, NONE, 0, 0};
	l->hand = NONE;
	return l;
}

static void
lists_free(void *cache)
{
	struct lists *l = cache;

	free(l->nodes);
	free(l);
}

static void
push(struct lists *l, int q, uint32_t o)
{
	struct queue *queue = &l->queues[q];
	struct node *n = &l->nodes[o];

	n->newer = NONE;
	n->older = queue->head;
	*(queue->head == NONE ? &queue->tail : &l->nodes[queue->head].newer) = o;
	queue->head = o;
	queue->used += object_bytes(l->trace, o);
	queue->n++;
	n->in = (uint8_t)(q + 1);
}

static void
take(struct lists *l, uint32_t o)
{
	struct node *n = &l->nodes[o];
	struct queue *queue = &l->queues[n->in - 1];

	*(n->newer == NONE ? &queue->head : &l->nodes[n->newer].older) = n->older;
	*(n->older == NONE ? &queue->tail : &l->nodes[n->older].newer) = n->newer;
	queue->used -= object_bytes(l->trace, o);
	queue->n--;
	n->in = 0;
}

/* True: it is there and fresh. Else it is so from now on, once it is there. */
static bool
fresh_or_renewed(struct lists *l, uint32_t o, uint32_t now_s)
{
	struct node *n = &l->nodes[o];

	if (n->in && now_s < n->expiry_s)
		return true;
	n->expiry_s = now_s + object_ttl(l->trace, o);
	return false;
}

static bool
lru_ask(void *cache, uint32_t o, uint32_t now_s)
{
	struct lists *l = cache;
	bool hit = fresh_or_renewed(l, o, now_s);

	if (l->nodes[o].in)
		take(l, o);
	while (l->queues[0].used + object_bytes(l->trace, o) > l->bytes)
		take(l, l->queues[0].tail);
	push(l, 0, o);
	return hit;
}

static bool
clock_ask(void *cache, uint32_t o, uint32_t now_s)
{
	struct lists *l = cache;
	bool hit = fresh_or_renewed(l, o, now_s);
	uint32_t old;

	if (l->nodes[o].in) {
		l->nodes[o].hits = 1;
		return hit;
	}
	while (l->queues[0].used + object_bytes(l->trace, o) > l->bytes) {
		old = l->queues[0].tail;
		take(l, old);
		if (l->nodes[old].hits == 0)
			continue;
		l->nodes[old].hits = 0;
		push(l, 0, old);
	}
	l->nodes[o].hits = 0;
	push(l, 0, o);
	return false;
}

static void
sieve_evict(struct lists *l)
{
	uint32_t o = l->hand == NONE ? l->queues[0].tail : l->hand;

	while (l->nodes[o].hits) {
		l->nodes[o].hits = 0;
		o = l->nodes[o].newer == NONE ? l->queues[0].tail : l->nodes[o].newer;
	}
	l->hand = l->nodes[o].newer;
	take(l, o);
}

static bool
sieve_ask(void *cache, uint32_t o, uint32_t now_s)
{
	struct lists *l = cache;
	bool hit = fresh_or_renewed(l, o, now_s);

	if (l->nodes[o].in) {
		l->nodes[o].hits = 1;
		return hit;
	}
	while (l->queues[0].used + object_bytes(l->trace, o) > l->bytes)
		sieve_evict(l);
	l->nodes[o].hits = 0;
	push(l, 0, o);
	return false;
}

/* ---- S3-FIFO: queue 0 is small, 1 is main ---------------------------------------------------- */

static void
main_evict(struct lists *l)
{
	uint32_t o = l->queues[1].tail;

	take(l, o);
	if (l->nodes[o].hits == 0)
		return;
	l->nodes[o].hits--;
	push(l, 1, o);
}

static void
small_evict(struct lists *l)
{
	uint32_t o = l->queues[0].tail;

	take(l, o);
	if (l->nodes[o].hits == 0) {
		l->nodes[o].ghost = ++l->ghosts;
		return;
	}
	l->nodes[o].hits = 0;
	push(l, 1, o);
}

static bool
ghost_is(const struct lists *l, uint32_t o)
{
	return l->nodes[o].ghost != 0 && l->ghosts - l->nodes[o].ghost < l->queues[1].n;
}

static bool
s3fifo_ask(void *cache, uint32_t o, uint32_t now_s)
{
	struct lists *l = cache;
	bool hit = fresh_or_renewed(l, o, now_s);
	struct node *n = &l->nodes[o];

	if (n->in) {
		if (n->hits < HITS_MAX)
			n->hits++;
		return hit;
	}
	while (l->queues[0].used + l->queues[1].used + object_bytes(l->trace, o) > l->bytes) {
		if (l->queues[0].used > l->bytes / 10 || l->queues[1].n == 0)
			small_evict(l);
		else
			main_evict(l);
	}
	n->hits = 0;
	push(l, ghost_is(l, o), o);
	return false;
}

const struct policy lru = {"LRU", lists_new, lru_ask, lists_free};
const struct policy clock_ = {"CLOCK", lists_new, clock_ask, lists_free};
const struct policy sieve = {"SIEVE", lists_new, sieve_ask, lists_free};
const struct policy s3fifo = {"S3-FIFO", lists_new, s3fifo_ask, lists_free};
