#include "resolver/quarantine_map.h"

#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#include "lib/sealed.h"

int
quarantine_make(int *fd, struct err *err)
{
	struct quarantine *q = NULL;
	uint64_t seed;
	size_t bytes;

	*fd = sealed_make("anypop-quarantine", sizeof(*q), err);
	if (*fd < 0)
		return -1;
	if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
		err_errno(err, "no random numbers");
	else
		q = sealed_map(*fd, true, &bytes, err);
	if (q == NULL) {
		close(*fd);
		*fd = -1;
		return -1;
	}
	quarantine_init(q, seed);
	munmap(q, bytes);
	return 0;
}

struct quarantine *
quarantine_open(int fd, bool writable, struct err *err)
{
	size_t bytes;
	struct quarantine *q = sealed_map(fd, writable, &bytes, err);

	if (q == NULL)
		return NULL;
	if (bytes == sizeof(*q) && quarantine_is(q, bytes))
		return q;
	munmap(q, bytes);
	err_set(err, "descriptor %d is no quarantine of this version; make a new one", fd);
	return NULL;
}

void
quarantine_close(struct quarantine *q)
{
	if (q != NULL)
		munmap(q, sizeof(*q));
}
