/*
 * search: what the model checks of guard and ladder share: the worlds that a search has seen, and
 * the trial of the mutants. Included behind `struct world` (without padding that differs), `struct
 * happening`, `enum promise` with `promises`, and `mutants`.
 */
#ifndef TESTS_MODEL_SEARCH_H
#define TESTS_MODEL_SEARCH_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct visit {
	struct world w;
	uint32_t parent;
	struct happening by; /* what led here from there */
};

/* All worlds seen in one search, breadth first; one at a time is alive. */
static struct search {
	struct visit *visits; /* owned; moves when a world is kept */
	uint32_t *slots;      /* index + 1; 0: free. Owned */
	uint32_t n, room, n_slots;
	uint32_t from; /* those before it are not looked up */
	uint64_t steps;
} search;

static uint64_t
search_hash(const struct world *w)
{
	const uint8_t *p = (const uint8_t *)w;
	uint64_t h = 1469598103934665603u, word;

	for (size_t i = 0; i < sizeof(*w); i += sizeof(word)) {
		size_t left = sizeof(*w) - i;

		word = 0;
		memcpy(&word, p + i, left < sizeof(word) ? left : sizeof(word));
		h = (h ^ word) * 0x9e3779b97f4a7c15u;
		h ^= h >> 32;
	}
	return h;
}

static void
search_grow(void)
{
	uint32_t room = search.room ? search.room * 2 : 1 << 12;

	free(search.slots);
	search.visits = realloc(search.visits, room * sizeof(*search.visits));
	search.slots = calloc(room * 2, sizeof(*search.slots));
	assert_non_null(search.visits);
	assert_non_null(search.slots);
	search.room = room;
	search.n_slots = room * 2;
	for (uint32_t i = search.from; i < search.n; i++) {
		uint64_t h = search_hash(&search.visits[i].w);

		while (search.slots[h % search.n_slots] != 0)
			h++;
		search.slots[h % search.n_slots] = i + 1;
	}
}

/* Its index; that of a new one is the `n` of before. */
static uint32_t
search_keep(const struct world *w, uint32_t parent, struct happening by)
{
	uint64_t h = search_hash(w);
	uint32_t *slot;

	for (;; h++) {
		slot = &search.slots[h % search.n_slots];
		if (*slot == 0)
			break;
		if (memcmp(&search.visits[*slot - 1].w, w, sizeof(*w)) == 0)
			return *slot - 1;
	}
	search.visits[search.n] = (struct visit){.w = *w, .parent = parent, .by = by};
	*slot = ++search.n;
	if (search.n == search.room)
		search_grow();
	return search.n - 1;
}

/* From here on only worlds that come are looked up; those that are there stay. */
static void
search_forget(void)
{
	search.from = search.n;
	memset(search.slots, 0, search.n_slots * sizeof(*search.slots));
}

static void
search_begin(const struct world *first, struct happening none)
{
	search.n = 0;
	search_forget();
	search_keep(first, 0, none);
}

/* The includer's: the first promise that breaks with this mutant in its setup. */
static enum promise mutant_breaks(const struct mutant *m);

static void
every_mutant_is_caught_and_every_promise_can_be_broken(void **state)
{
	bool breakable[N_PROMISES] = {false};
	int caught = 0;

	(void)state;
	for (int m = 0; m < N_MUTANTS; m++) {
		enum promise broken = mutant_breaks(&mutants[m]);

		breakable[broken] = true;
		caught += broken != P_NONE;
		print_message("%-48s %s\n", mutants[m].name,
		    broken == P_NONE ? "NOT CAUGHT" : promises[broken]);
	}
	print_message("%d of %d mutants caught\n", caught, N_MUTANTS);
	assert_int_equal(caught, N_MUTANTS);
	for (int p = P_NONE + 1; p < N_PROMISES; p++)
		if (!breakable[p])
			fail_msg("no mutant breaks \"%s\": it may promise nothing", promises[p]);
}

static int
search_end(void **state)
{
	(void)state;
	free(search.visits);
	free(search.slots);
	return 0;
}

#endif
