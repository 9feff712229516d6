/*
 * l2_hits: the memory in which a shard's readers tell its writer what was asked.
 */
#include <sys/mman.h>
#include <unistd.h>

#include "lib/sealed.h"
#include "resolver/l2_shard.h"

#define PAGE 4096

/* Octets for a shard of this shape, whole pages. */
static size_t
hits_bytes(const struct l2_shape *shape)
{
	size_t n = (shape->n_segments * shape->segment_bytes + L2_HITS_OCTETS - 1) / L2_HITS_OCTETS;

	return (n + PAGE - 1) / PAGE * PAGE;
}

int
l2_hits_make(size_t shard_bytes, int *fd, struct err *err)
{
	struct l2_shape shape;

	*fd = -1;
	if (!l2_shape_of(shard_bytes / PAGE * PAGE, &shape))
		return err_set(err, "no cache shard has %zu bytes", shard_bytes);
	*fd = sealed_make("anypop-hits", hits_bytes(&shape), err);
	return *fd < 0 ? -1 : 0;
}

bool
l2_hits_fit(int fd, size_t shard_bytes)
{
	struct l2_shape shape;
	struct err ignored;
	size_t bytes;

	return l2_shape_of(shard_bytes / PAGE * PAGE, &shape) &&
	       sealed_size(fd, &bytes, &ignored) == 0 && bytes == hits_bytes(&shape);
}

int
l2_hits_use(struct l2 *s, int fd, struct err *err)
{
	size_t bytes;
	void *memory = sealed_map(fd, true, &bytes, err);

	if (memory == NULL)
		return -1;
	if (bytes != hits_bytes(&s->shape)) {
		munmap(memory, bytes);
		return err_set(
		    err, "descriptor %d has %zu bytes, not what the shard's hits take", fd, bytes);
	}
	if (s->hits != NULL)
		munmap((void *)s->hits, s->hits_bytes);
	s->hits = memory;
	s->hits_bytes = bytes;
	return 0;
}
