#include "tests/sim/queue.h"

#include <stdlib.h>

#include "lib/ensure.h"

void
alarms_init(struct alarms *a, int n)
{
	size_t size = (size_t)n;

	a->n = n;
	a->at = malloc(size * sizeof(*a->at));
	a->heap = malloc(size * sizeof(*a->heap));
	a->place = malloc(size * sizeof(*a->place));
	ENSURE(a->at != NULL && a->heap != NULL && a->place != NULL);
	for (int i = 0; i < n; i++) {
		a->at[i] = INT64_MAX;
		a->heap[i] = a->place[i] = i;
	}
}

void
alarms_fini(struct alarms *a)
{
	free(a->at);
	free(a->heap);
	free(a->place);
}

static bool
sooner(const struct alarms *a, int x, int y)
{
	return a->at[x] < a->at[y] || (a->at[x] == a->at[y] && x < y);
}

static void
put(struct alarms *a, int place, int node)
{
	a->heap[place] = node;
	a->place[node] = place;
}

void
alarms_set(struct alarms *a, int node, int64_t at)
{
	int i = a->place[node];

	if (a->at[node] == at)
		return;
	a->at[node] = at;
	while (i > 0 && sooner(a, node, a->heap[(i - 1) / 2])) {
		put(a, i, a->heap[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
	for (;;) {
		int c = 2 * i + 1;

		if (c >= a->n)
			break;
		if (c + 1 < a->n && sooner(a, a->heap[c + 1], a->heap[c]))
			c++;
		if (!sooner(a, a->heap[c], node))
			break;
		put(a, i, a->heap[c]);
		i = c;
	}
	put(a, i, node);
}

void
happenings_fini(struct happenings *h)
{
	free(h->heap);
}

static bool
before(const struct happening *x, const struct happening *y)
{
	return x->at < y->at || (x->at == y->at && x->order < y->order);
}

void
happenings_put(struct happenings *h, int64_t at, int what, int a, int b, int64_t data)
{
	struct happening x = {at, h->order++, what, a, b, data};
	int i = h->n++;

	if (h->n > h->room) {
		h->room = h->room ? 2 * h->room : 64;
		h->heap = realloc(h->heap, (size_t)h->room * sizeof(*h->heap));
		ENSURE(h->heap != NULL);
	}
	while (i > 0 && before(&x, &h->heap[(i - 1) / 2])) {
		h->heap[i] = h->heap[(i - 1) / 2];
		i = (i - 1) / 2;
	}
	h->heap[i] = x;
}

struct happening
happenings_take(struct happenings *h)
{
	struct happening first, last;
	int i = 0;

	ENSURE(h->n > 0);
	first = h->heap[0];
	last = h->heap[--h->n];
	for (;;) {
		int c = 2 * i + 1;

		if (c >= h->n)
			break;
		if (c + 1 < h->n && before(&h->heap[c + 1], &h->heap[c]))
			c++;
		if (!before(&h->heap[c], &last))
			break;
		h->heap[i] = h->heap[c];
		i = c;
	}
	h->heap[i] = last;
	return first;
}
