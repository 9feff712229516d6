/*
 * policy_real: the shard and the worker's cache themselves, in as much memory as the models have,
 * index included.
 */
#include <stdlib.h>
#include <unistd.h>

#include "lib/ensure.h"
#include "resolver/store.h"
#include "tests/bench/policy.h"

#define L1_PART 10 /* of the shard, the L1 in front of it */
#define L1_TYPICAL 144

struct real {
	const struct trace *trace;
	struct l1 *l1;
	struct l2 *writer, *reader;
	_Alignas(8) uint8_t found[ENTRY_ROOM], made[ENTRY_ROOM];
};

static struct real *
real_new(const struct trace *t)
{
	struct real *r = aligned_alloc(64, (sizeof(*r) + 63) / 64 * 64);

	ENSURE(r != NULL);
	*r = (struct real){.trace = t};
	return r;
}

static void
l1_add(struct real *r, uint64_t bytes)
{
	/* An index slot takes 16 octets and a ghost 4, of each entry. */
	uint64_t log = bytes * L1_TYPICAL / (L1_TYPICAL + 20);

	r->l1 = l1_new(log < L1_BYTES_MIN ? L1_BYTES_MIN : log, log / L1_TYPICAL);
}

static void
l2_add(struct real *r, uint64_t bytes, bool hits)
{
	int fd, told;
	struct err err;

	if (bytes < L2_BYTES_MIN)
		bytes = L2_BYTES_MIN;
	ENSURE(l2_make(bytes, &fd, &err) == 0);
	r->writer = l2_open_writer(fd, &err);
	r->reader = l2_open_reader(fd, &err);
	ENSURE(r->writer != NULL && r->reader != NULL);
	close(fd);
	if (!hits)
		return;
	ENSURE(l2_hits_make(bytes, &told, &err) == 0);
	ENSURE(l2_hits_use(r->writer, told, &err) == 0 && l2_hits_use(r->reader, told, &err) == 0);
	close(told);
}

static void *
l1_alone(uint64_t bytes, const struct trace *t)
{
	struct real *r = real_new(t);

	l1_add(r, bytes);
	return r;
}

static void *
l2_alone(uint64_t bytes, const struct trace *t)
{
	struct real *r = real_new(t);

	l2_add(r, bytes, true);
	return r;
}

static void *
l2_blind(uint64_t bytes, const struct trace *t)
{
	struct real *r = real_new(t);

	l2_add(r, bytes, false);
	return r;
}

static void *
both(uint64_t bytes, const struct trace *t)
{
	struct real *r = l2_alone(bytes, t);

	l1_add(r, bytes / L1_PART);
	return r;
}

static void *
both_blind(uint64_t bytes, const struct trace *t)
{
	struct real *r = l2_blind(bytes, t);

	l1_add(r, bytes / L1_PART);
	return r;
}

static void
real_free(void *cache)
{
	struct real *r = cache;

	l1_free(r->l1);
	l2_close(r->reader);
	l2_close(r->writer);
	free(r);
}

/* As a worker looks, and an engine stores. */
static bool
real_ask(void *cache, uint32_t o, uint32_t now_s)
{
	struct real *r = cache;
	struct key k = object_key(r->trace, o);
	const struct entry *e = r->l1 != NULL ? l1_find(r->l1, &k) : NULL;
	bool hit = e != NULL && entry_fresh(e, now_s);

	if (hit)
		return true;
	if (r->reader != NULL && l2_find(r->reader, &k, r->found) != 0) {
		e = (const struct entry *)r->found;
		hit = entry_fresh(e, now_s);
	}
	if (!hit) {
		e = object_entry(r->trace, o, now_s, r->made);
		if (r->writer != NULL)
			l2_put(r->writer, e);
	}
	if (r->l1 != NULL)
		l1_put(r->l1, e);
	return hit;
}

const struct policy real_l1 = {"our L1", l1_alone, real_ask, real_free};
const struct policy real_l2 = {"our L2", l2_alone, real_ask, real_free};
const struct policy real_l2_blind = {"our L2, no hits", l2_blind, real_ask, real_free};
const struct policy real_both = {"L1 and L2", both, real_ask, real_free};
const struct policy real_both_blind = {"L1 and L2, no hits", both_blind, real_ask, real_free};
