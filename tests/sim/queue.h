/*
 * queue: what is due next. A heap of nodes by the time at which each must be looked at, in which a
 * node's time can be moved; and a heap of things that happen to the world. Both break ties by
 * number, so that a run has one order.
 */
#ifndef TESTS_SIM_QUEUE_H
#define TESTS_SIM_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

struct alarms { /* one per node */
	int n;
	int64_t *at; /* by node; INT64_MAX: none */
	int *heap, *place;
};

void alarms_init(struct alarms *a, int n);
void alarms_fini(struct alarms *a);
void alarms_set(struct alarms *a, int node, int64_t at);
/* The node that is due first, lowest number first. */
static inline int
alarms_first(const struct alarms *a)
{
	return a->heap[0];
}

struct happening {
	int64_t at;
	uint64_t order; /* of being asked for */
	int what, a, b;
	int64_t data;
};

struct happenings {
	struct happening *heap;
	int n, room;
	uint64_t order;
};

void happenings_fini(struct happenings *h);
void happenings_put(struct happenings *h, int64_t at, int what, int a, int b, int64_t data);
struct happening happenings_take(struct happenings *h); /* there is one */
static inline int64_t
happenings_at(const struct happenings *h)
{
	return h->n > 0 ? h->heap[0].at : INT64_MAX;
}

#endif
