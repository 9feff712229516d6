/*
 * board: made, mapped, read.
 */
#include "lib/board.h"

#include <sys/mman.h>
#include <unistd.h>

#include "lib/sealed.h"

struct board *
board_make(int *fd, struct err *err)
{
	struct board *b;
	size_t bytes;

	*fd = sealed_make("anypop-board", sizeof(*b), err);
	if (*fd < 0)
		return NULL;
	b = sealed_map(*fd, true, &bytes, err);
	if (b == NULL) {
		close(*fd);
		*fd = -1;
		return NULL;
	}
	b->version = BOARD_VERSION;
	b->size = sizeof(*b);
	b->magic = BOARD_MAGIC;
	return b;
}

struct board *
board_map(int fd, bool writable, struct err *err)
{
	struct board *b;
	size_t bytes;

	b = sealed_map(fd, writable, &bytes, err);
	if (b == NULL)
		return NULL;
	if (bytes != sizeof(*b) || b->magic != BOARD_MAGIC || b->version != BOARD_VERSION ||
	    b->size != sizeof(*b)) {
		munmap(b, bytes);
		err_set(err, "descriptor %d is no board of this version; make a new one", fd);
		return NULL;
	}
	return b;
}

void
board_unmap(struct board *b)
{
	if (b != NULL)
		munmap(b, sizeof(*b));
}

uint64_t
board_wards(uint64_t ready, unsigned own, unsigned n)
{
	uint64_t wards = 0;

	if (own >= n || n > 64 || (ready >> own & 1) == 0)
		return 0;
	for (unsigned i = (own + 1) % n; i != own && (ready >> i & 1) == 0; i = (i + 1) % n)
		wards |= UINT64_C(1) << i;
	return wards;
}
