/*
 * l2: a shard's shape; shards made, opened, closed, told about. What lies where: l2_shard.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "lib/ensure.h"
#include "lib/mono.h"
#include "lib/sealed.h"
#include "resolver/l2_shard.h"

#define BYTES_A_BUCKET 640 /* of the shard: 10 slots for 576 octets of log, at most */
#define SEGMENT_LEAST (80 << 10)
#define SEGMENT_MOST (1 << 20)
#define SEGMENTS 256 /* about so many, where one is neither least nor most */
#define PAGE 4096

_Static_assert(sizeof(struct l2_bucket) == 64 && sizeof(struct l2_segment) == 16,
    "a layout that processes share");
_Static_assert(SEGMENT_LEAST >= PACKED_ROOM, "any entry fits in a segment");
_Static_assert((L2_BYTES_MAX - 8) / 8 <= UINT32_MAX, "a place fits in a slot");

static uint64_t
round_up(uint64_t n, uint64_t unit)
{
	return (n + unit - 1) / unit * unit;
}

bool
l2_shape_of(size_t bytes, struct l2_shape *out)
{
	uint64_t segment = round_up(bytes / SEGMENTS, PAGE);

	if (segment < SEGMENT_LEAST)
		segment = SEGMENT_LEAST;
	if (segment > SEGMENT_MOST)
		segment = SEGMENT_MOST;
	if (bytes < L2_BYTES_MIN || bytes > L2_BYTES_MAX)
		return false;
	*out = (struct l2_shape){
	    .bytes = bytes,
	    .n_buckets = bytes / BYTES_A_BUCKET,
	    .segment_bytes = segment,
	    .segments_at = round_up(sizeof(struct l2_header), 64),
	};
	out->buckets_at =
	    round_up(out->segments_at + bytes / segment * sizeof(struct l2_segment), PAGE);
	out->log_at = round_up(out->buckets_at + out->n_buckets * sizeof(struct l2_bucket), PAGE);
	out->n_segments = (bytes - out->log_at) / segment;
	return true;
}

uint64_t
l2_header_check(const struct l2_shape *shape, uint64_t seed)
{
	return XXH3_64bits_withSeed(shape, sizeof(*shape), seed ^ L2_MAGIC);
}

static void
writer_init(struct l2 *s)
{
	s->own = calloc(s->shape.n_segments, sizeof(*s->own));
	s->n_ghosts = s->shape.n_buckets * L2_SLOTS;
	s->ghosts = calloc(s->n_ghosts, sizeof(*s->ghosts));
	s->opened = aligned_alloc(64, round_up(ENTRY_ROOM, 64));
	ENSURE(s->own != NULL && s->ghosts != NULL && s->opened != NULL);
}

static struct l2 *
shard_map(int fd, bool writable, struct err *err)
{
	struct l2_shape shape;
	struct l2 *s;
	size_t bytes;
	void *memory = sealed_map(fd, writable, &bytes, err);

	if (memory == NULL)
		return NULL;
	if (!l2_shape_of(bytes, &shape)) {
		munmap(memory, bytes);
		err_set(err, "descriptor %d has %zu bytes, which no shard has", fd, bytes);
		return NULL;
	}
	s = calloc(1, sizeof(*s));
	ENSURE(s != NULL);
	s->shape = shape;
	s->memory = memory;
	s->header = memory;
	s->segments = (struct l2_segment *)(s->memory + shape.segments_at);
	s->buckets = (struct l2_bucket *)(s->memory + shape.buckets_at);
	s->fd = -1;
	if (writable)
		writer_init(s);
	return s;
}

struct l2 *
l2_open_reader(int fd, struct err *err)
{
	return shard_map(fd, false, err);
}

/* Of the open file, which is ours alone: others that hold the memory neither have nor lose the
 * lock. */
static int
shard_lock(int fd, struct err *err)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	if (fcntl(fd, F_OFD_SETLK, &lock) == 0)
		return 0;
	if (errno == EAGAIN || errno == EACCES)
		return err_set(err, "another process writes the cache shard; stop it first");
	return err_errno(err, "can't lock the cache shard of descriptor %d", fd);
}

static bool
header_valid(const struct l2 *s)
{
	uint64_t seed = atomic_load(&s->header->seed);

	return atomic_load(&s->header->magic) == L2_MAGIC &&
	       atomic_load(&s->header->check) == l2_header_check(&s->shape, seed);
}

/* The index is written all over: a page of it would be new to this process with nearly every entry
 * of its first minutes, at 2 us each. Where the kernel cannot (before 5.14), it is so. */
static void
touch_index(const struct l2 *s)
{
	madvise(s->memory + s->shape.buckets_at / PAGE * PAGE,
	    (size_t)(s->shape.log_at - s->shape.buckets_at / PAGE * PAGE), MADV_POPULATE_WRITE);
}

struct l2 *
l2_open_writer(int fd, struct err *err)
{
	struct l2 *s = NULL;
	size_t bytes;

	/* First of all: is it ours at all? A stranger's file is not to be opened again. */
	if (sealed_size(fd, &bytes, err) != 0)
		return NULL;
	fd = sealed_reopen_own(fd, err);
	if (fd < 0)
		return NULL;
	if (shard_lock(fd, err) == 0)
		s = shard_map(fd, true, err);
	if (s == NULL) {
		close(fd);
		return NULL;
	}
	s->fd = fd;
	atomic_store(&s->header->writer, (uint64_t)getpid());
	atomic_store(&s->header->since_us, (uint64_t)mono_now().us);
	touch_index(s);
	if (header_valid(s) && l2_sweep(s))
		return s;
	if (l2_format(s, err) != 0) {
		l2_close(s);
		return NULL;
	}
	return s;
}

void
l2_close(struct l2 *s)
{
	if (s == NULL)
		return;
	munmap(s->memory, s->shape.bytes);
	if (s->hits != NULL)
		munmap((void *)s->hits, s->hits_bytes);
	if (s->fd >= 0)
		close(s->fd);
	free(s->own);
	free(s->ghosts);
	free(s->opened);
	free(s);
}

int
l2_make(size_t bytes, int *fd, struct err *err)
{
	struct l2 *s;
	int status;

	bytes = bytes / PAGE * PAGE;
	*fd = -1;
	if (bytes < L2_BYTES_MIN || bytes > L2_BYTES_MAX)
		return err_set(err, "a cache shard has 1 MiB to 32 GiB, not %zu bytes", bytes);
	*fd = sealed_make("anypop-cache", bytes, err);
	if (*fd < 0)
		return -1;
	s = shard_map(*fd, true, err);
	status = s == NULL ? -1 : l2_format(s, err);
	if (s != NULL)
		atomic_store(&s->header->remade, 0);
	l2_close(s);
	if (status != 0) {
		close(*fd);
		*fd = -1;
	}
	return status;
}

bool
l2_fits(int fd, size_t bytes)
{
	struct err ignored;
	struct l2 *s = l2_open_reader(fd, &ignored);
	bool fits = s != NULL && s->shape.bytes == bytes / PAGE * PAGE &&
		    atomic_load(&s->header->magic) == L2_MAGIC;

	l2_close(s);
	return fits;
}

void
l2_stats(const struct l2 *s, struct l2_stats *out)
{
	const struct l2_header *h = s->header;

	*out = (struct l2_stats){
	    .entries = atomic_load_explicit(&h->entries, memory_order_relaxed),
	    .bytes_used = atomic_load_explicit(&h->bytes_used, memory_order_relaxed),
	    .bytes = s->shape.n_segments * s->shape.segment_bytes,
	    .puts = atomic_load_explicit(&h->puts, memory_order_relaxed),
	    .evictions = atomic_load_explicit(&h->evictions, memory_order_relaxed),
	    .torn = atomic_load_explicit(&h->torn, memory_order_relaxed),
	    .sweeps = atomic_load_explicit(&h->sweeps, memory_order_relaxed),
	    .remade = atomic_load_explicit(&h->remade, memory_order_relaxed),
	    .loaded = atomic_load_explicit(&h->loaded, memory_order_relaxed),
	    .kept = atomic_load_explicit(&h->kept, memory_order_relaxed),
	    .purges = atomic_load_explicit(&h->purges, memory_order_relaxed),
	    .writer = atomic_load_explicit(&h->writer, memory_order_relaxed),
	    .since_us = atomic_load_explicit(&h->since_us, memory_order_relaxed),
	};
}
