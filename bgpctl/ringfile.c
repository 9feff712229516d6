/*
 * The ring on the disk: found, taken over or made, and written on where its writer before stopped.
 */
#include "bgpctl/ringfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bgpctl/recorder.h"
#include "lib/mono.h"

_Static_assert(
    sizeof(struct ring_record) <= RING_RECORD_BYTES, "a record is laid out in its place");

static int
write_at(int fd, const uint8_t *data, size_t length, uint64_t at)
{
	while (length > 0) {
		ssize_t n = pwrite(fd, data, length, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? errno : EIO;
		data += n;
		length -= (size_t)n;
		at += (uint64_t)n;
	}
	return 0;
}

static int
write_header(int fd, struct ring_header *h)
{
	uint8_t copy[RING_COPY_BYTES];

	h->flush++;
	ring_header_encode(h, copy);
	return write_at(fd, copy, sizeof(copy), h->flush % 2 * RING_COPY_BYTES);
}

int
ringfile_write(struct ringfile *f, uint8_t *records, size_t length)
{
	struct ring_header h = f->header;
	uint64_t room = h.size - RING_HEADER_BYTES;
	size_t done = 0, at = 0;
	int rc = 0;

	while (at < length && rc == 0) {
		struct ring_record record;
		size_t size;

		memcpy(&record, records + at, sizeof(record));
		record.sequence = h.sequence++;
		record.data = records + at + RING_RECORD_BYTES;
		ring_record_encode(&record, h.salt, records + at);
		size = ring_record_size(record.length);
		if (h.head + (at - done) + size > room) {
			rc = write_at(
			    f->fd, records + done, at - done, RING_HEADER_BYTES + h.head);
			h.head = 0;
			done = at;
		}
		at += size;
	}
	if (rc == 0)
		rc = write_at(f->fd, records + done, at - done, RING_HEADER_BYTES + h.head);
	h.head += at - done;
	if (rc == 0)
		rc = write_header(f->fd, &h);
	if (rc == 0)
		f->header = h;
	return rc;
}

/* A predecessor may have died between its records and its header: these are its last words. */
static void
follow_records(struct ringfile *f)
{
	const size_t most = ring_record_size(RING_DATA_MAX);
	uint64_t room = f->header.size - RING_HEADER_BYTES;
	uint8_t *buf = malloc(most);
	struct ring_record record;
	bool again = buf != NULL;

	while (again) {
		uint64_t places[] = {f->header.head, 0}; /* 0: it went back to the beginning */

		again = false;
		for (int i = 0; i < 2 && !again; i++) {
			size_t want = room - places[i] < most ? room - places[i] : most;
			ssize_t n = pread(f->fd, buf, want, (off_t)(RING_HEADER_BYTES + places[i]));

			if (n <= 0 || ring_record_at(buf, (size_t)n, 0, f->header.salt, &record) !=
			    RING_RECORD || record.sequence != f->header.sequence)
				continue;
			f->header.head = places[i] + ring_record_size(record.length);
			f->header.sequence++;
			again = true;
		}
	}
	free(buf);
}

static int
make_file(struct ringfile *f, int64_t size, struct err *err)
{
	int rc;

	f->header = (struct ring_header){.size = (uint64_t)size};
	if (getrandom(&f->header.salt, sizeof(f->header.salt), 0) < 0)
		f->header.salt = (uint64_t)mono_now().us;
	/* A full disk is met now and not at three in the morning. Where the file system cannot
	 * reserve, it is met when it comes. */
	if (fallocate(f->fd, 0, 0, size) < 0 &&
	    (errno != EOPNOTSUPP || ftruncate(f->fd, size) < 0)) {
		err_errno(err, "%s: cannot reserve %lld MiB; make room, or set recorder.size_mib",
		    f->path, (long long)(size >> 20));
		unlink(f->path);
		return -1;
	}
	rc = write_header(f->fd, &f->header);
	if (rc == 0)
		rc = write_header(f->fd, &f->header);
	errno = rc;
	return rc == 0 ? 0 : err_errno(err, "%s: cannot write", f->path);
}

static int
open_locked(struct ringfile *f, struct err *err)
{
	f->fd = open(f->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (f->fd < 0)
		return err_errno(err, "%s: cannot open the flight recorder", f->path);
	if (flock(f->fd, LOCK_EX | LOCK_NB) < 0)
		return err_set(err, "%s: another process writes this flight recorder", f->path);
	return 0;
}

static int
set_aside(struct ringfile *f, struct err *err)
{
	char aside[4096];

	snprintf(aside, sizeof(aside), "%s" RECORDER_SET_ASIDE, f->path);
	if (rename(f->path, aside) < 0)
		return err_errno(err, "%s: is not ours as it is, and cannot be set aside", f->path);
	close(f->fd);
	return open_locked(f, err);
}

/* Which boot the monotonic times belong to; zeros when the kernel does not say. */
static void
read_boot_id(char id[static 16])
{
	char text[64] = {0}, pair[3] = {0};
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC), n = 0;

	if (fd < 0)
		return;
	if (read(fd, text, sizeof(text) - 1) > 0) {
		for (const char *p = text; p[0] != '\0' && p[1] != '\0' && n < 16; p += 2) {
			p += *p == '-';
			memcpy(pair, p, 2);
			id[n++] = (char)strtoul(pair, NULL, 16);
		}
	}
	close(fd);
}

static int
open_file(struct ringfile *f, int64_t size, struct err *err)
{
	uint8_t copies[2 * RING_COPY_BYTES];
	struct stat st;

	if (open_locked(f, err) < 0)
		return -1;
	if (fstat(f->fd, &st) < 0)
		return err_errno(err, "%s", f->path);
	if (!S_ISREG(st.st_mode))
		return err_set(err, "%s: is not a file; set recorder.path to one", f->path);
	if (st.st_size == 0)
		return make_file(f, size, err);
	if (st.st_size == size && pread(f->fd, copies, sizeof(copies), 0) == sizeof(copies) &&
	    ring_header_choose(copies, &f->header) && f->header.size == (uint64_t)size) {
		follow_records(f);
		return 0;
	}
	if (set_aside(f, err) < 0)
		return -1;
	return make_file(f, size, err);
}

int
ringfile_open(struct ringfile *f, const char *path, int64_t size, struct err *err)
{
	uint8_t boot_id[16] = {0};

	*f = (struct ringfile){.fd = -1, .path = path};
	if (open_file(f, size, err) < 0) {
		ringfile_close(f);
		return -1;
	}
	read_boot_id((char *)boot_id);
	memcpy(f->header.boot_id, boot_id, sizeof(boot_id));
	return 0;
}

void
ringfile_close(struct ringfile *f)
{
	if (f->fd >= 0)
		close(f->fd);
	f->fd = -1;
}
