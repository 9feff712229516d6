/*
 * Reads a flight recorder as it lies on the disk, written to at this moment or left behind by a
 * crash. The order is that of the sequence numbers: behind the newest record stands the oldest. A
 * remnant of an earlier lap (where a record did not fit before the end) has a lower number than
 * what stands before it, and is passed over.
 */
#include "bgpctl/recorder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bgpctl/ring.h"

#define FILE_MAX_BYTES ((off_t)4 << 30)

struct place {
	size_t at;
	uint64_t sequence;
};

struct index {
	struct place *places; /* malloc'd */
	size_t n, room, newest;
	uint64_t damaged;
};

static int
index_add(struct index *x, size_t at, uint64_t sequence)
{
	if (x->n == x->room) {
		size_t room = x->room == 0 ? 1024 : x->room * 2;
		struct place *places = realloc(x->places, room * sizeof(*places));

		if (places == NULL)
			return -1;
		x->places = places;
		x->room = room;
	}
	x->places[x->n] = (struct place){at, sequence};
	if (x->n == 0 || sequence > x->places[x->newest].sequence)
		x->newest = x->n;
	x->n++;
	return 0;
}

static int
index_ring(struct index *x, const uint8_t *ring, size_t n, uint64_t salt)
{
	struct ring_record record;
	size_t at = 0;

	while (at < n) {
		enum ring_found found = ring_record_at(ring, n, at, salt, &record);

		x->damaged += found == RING_DAMAGED;
		if (found != RING_RECORD) {
			at += 8;
			continue;
		}
		if (index_add(x, at, record.sequence) < 0)
			return -1;
		at += ring_record_size(record.length);
	}
	return 0;
}

static void
index_walk(const struct index *x, const uint8_t *ring, size_t n, uint64_t salt, char *copy,
    record_seen_each *each, void *arg)
{
	struct ring_record r;
	struct record_seen seen = {.data = copy, .of = x->n};
	bool first = true;

	for (size_t i = 1; i <= x->n; i++) {
		const struct place *p = &x->places[(x->newest + i) % x->n];

		if (!first && p->sequence <= seen.sequence)
			continue;
		if (ring_record_at(ring, n, p->at, salt, &r) != RING_RECORD)
			continue;
		seen.lost = (r.flags & RING_LOST) != 0 ||
			    (!first && p->sequence != seen.sequence + 1);
		first = false;
		seen.sequence = p->sequence;
		seen.done = i;
		seen.type = (enum record_type)r.type;
		seen.wall_us = r.wall_us;
		seen.mono_us = r.mono_us;
		seen.length = r.length;
		memcpy(copy, r.data, r.length);
		copy[r.length] = '\0';
		if (each(arg, &seen) != 0)
			return;
	}
}

static uint8_t *
read_whole(const char *path, size_t *length, struct err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	uint8_t *data = NULL;
	size_t done = 0;

	if (fd < 0) {
		err_errno(err, "%s: cannot open the flight recorder", path);
		return NULL;
	}
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size > FILE_MAX_BYTES ||
	    (data = malloc((size_t)st.st_size + 1)) == NULL) {
		err_set(
		    err, "%s: is not a flight recorder (or there is no memory to read it)", path);
		close(fd);
		return NULL;
	}
	while (done < (size_t)st.st_size) {
		ssize_t n = pread(fd, data + done, (size_t)st.st_size - done, (off_t)done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break; /* what can be read is better than nothing */
		done += (size_t)n;
	}
	close(fd);
	*length = done;
	return data;
}

int
recorder_walk(const char *path, record_seen_each *each, void *arg, uint64_t *skipped,
    struct err *err)
{
	struct ring_header h;
	struct index x = {0};
	size_t length;
	uint8_t *file = read_whole(path, &length, err);
	char *copy;
	int rc = 0;

	if (file == NULL)
		return -1;
	if (length < RING_HEADER_BYTES || !ring_header_choose(file, &h)) {
		free(file);
		return err_set(err, "%s: is not a flight recorder of this version", path);
	}
	length -= RING_HEADER_BYTES;
	copy = malloc(RING_DATA_MAX + 1);
	if (copy == NULL || index_ring(&x, file + RING_HEADER_BYTES, length, h.salt) < 0)
		rc = err_set(err, "out of memory");
	else
		index_walk(&x, file + RING_HEADER_BYTES, length, h.salt, copy, each, arg);
	if (skipped != NULL)
		*skipped = x.damaged;
	free(copy);
	free(x.places);
	free(file);
	return rc;
}

struct plain {
	record_each *each;
	void *arg;
};

static int
plain_each(void *arg, const struct record_seen *r)
{
	const struct plain *p = arg;

	return p->each(p->arg, r->type, r->wall_us, r->mono_us, r->data, r->length);
}

int
recorder_read(const char *path, record_each *each, void *arg, uint64_t *skipped, struct err *err)
{
	struct plain p = {each, arg};

	return recorder_walk(path, plain_each, &p, skipped, err);
}
