/*
 * l2_rig: what the tests of a shard share: keys and entries made beforehand, shards with and
 * without readers that tell their hits, and looks that compare an answer octet by octet with what
 * its key and version prescribe.
 */
#ifndef TESTS_L2_RIG_H
#define TESTS_L2_RIG_H

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/sealed.h"
#include "resolver/l2_shard.h"
#include "tests/unit/wire_maker.h"

#define KEYS 6000
#define LARGE 200  /* records more, of one entry in 32: some 20 KiB */
#define STEADY 100 /* keys at the end that the pool has no entry of */
#define POOL 4096  /* entries made beforehand, so that a writer does nothing but write */

static _Alignas(8) uint8_t memory[ENTRY_ROOM], got[ENTRY_ROOM];
static const struct entry *const found = (const struct entry *)got;
static struct key keys[KEYS];
static struct err err;

static bool telling;	 /* readers tell their hits */
static int hits_fd = -1; /* of the shard made last; owned */

static struct entry *pool[POOL]; /* owned */
static unsigned pool_key[POOL];

static inline int
make_keys(void **state)
{
	uint64_t seed = 11;
	size_t size;

	(void)state;
	for (unsigned i = 0; i < KEYS; i++)
		keys[i] = numbered_key(i);
	for (unsigned i = 0; i < POOL; i++) {
		pool_key[i] = chance(&seed) % (KEYS - STEADY);
		size = numbered_entry(pool_key[i], i, LARGE, 1000, memory);
		pool[i] = malloc(size);
		memcpy(pool[i], memory, size);
	}
	return 0;
}

static inline int
free_pool(void **state)
{
	(void)state;
	for (unsigned i = 0; i < POOL; i++)
		free(pool[i]);
	return 0;
}

static inline const struct entry *
made(unsigned n, unsigned version)
{
	assert_true(numbered_entry(n, version, LARGE, 1000, memory) > 0);
	return (const struct entry *)memory;
}

static inline int
shard_new(size_t bytes)
{
	int fd;

	if (l2_make(bytes, &fd, &err) != 0)
		fail_msg("%s", err.text);
	if (hits_fd >= 0)
		close(hits_fd);
	hits_fd = -1;
	if (telling)
		assert_int_equal(l2_hits_make(bytes, &hits_fd, &err), 0);
	return fd;
}

static inline void
tell_hits(struct l2 *s)
{
	if (telling && l2_hits_use(s, hits_fd, &err) != 0)
		fail_msg("%s", err.text);
}

static inline struct l2 *
reader_of(int fd)
{
	int reader = sealed_reopen(fd, &err);
	struct l2 *s;

	assert_true(reader >= 0);
	s = l2_open_reader(reader, &err);
	assert_non_null(s);
	close(reader);
	tell_hits(s);
	return s;
}

static inline struct l2 *
writer_of(int fd)
{
	struct l2 *s = l2_open_writer(fd, &err);

	if (s == NULL)
		fail_msg("%s", err.text);
	tell_hits(s);
	return s;
}

static inline struct l2_stats
stats_of(const struct l2 *s)
{
	struct l2_stats stats;

	l2_stats(s, &stats);
	return stats;
}

/* 1 when key n is found, which then is right, or the test ends here. */
static inline unsigned
look(const struct l2 *s, unsigned n)
{
	size_t size = l2_find(s, &keys[n], got);

	if (size == 0)
		return 0;
	assert_int_equal(size, found->size);
	if (!numbered_right(found, n, LARGE))
		fail_msg("a wrong answer for key %u", n);
	return 1;
}

static inline uint64_t
segment_of_key(const struct l2 *s, unsigned n)
{
	uint64_t hash = key_hash(&keys[n], l2_seed_of(s));
	const struct l2_bucket *b = l2_bucket_of(s, hash);
	int slot = l2_slot_find(s, b, &keys[n], hash);

	assert_true(slot >= 0);
	return l2_segment_of(s, l2_place_of(b, slot));
}

static inline void
writer_kill(pid_t pid)
{
	int status;

	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static inline void
put_all(struct l2 *w, unsigned from, unsigned to, unsigned version)
{
	for (unsigned i = from; i < to; i++)
		l2_put(w, made(i, version));
}

static inline unsigned
look_all(const struct l2 *r, unsigned from, unsigned to)
{
	unsigned n = 0;

	for (unsigned i = from; i < to; i++)
		n += look(r, i);
	return n;
}

#endif
