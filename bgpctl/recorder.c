/*
 * Two buffers: the daemon fills one, a thread writes the other; recorder_flush() swaps them when
 * the thread is idle. Only the thread touches the disk after recorder_open(), so a disk that hangs
 * (and not only one that is full) costs records, never the daemon's time, let alone its lease.
 *
 * The thread owns `ring`, `header` and, while `busy`, `out`; everything else is the daemon's.
 * `lock` guards `busy`, `stop` and `result`.
 */
#include "bgpctl/recorder.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "bgpctl/ring.h"
#include "lib/mono.h"

#define BUFFER_BYTES ((size_t)256 << 10)
#define SAMPLES_BYTES 4096 /* samples that share a record */
#define RETRY_MS 60000
#define HUNG_MS 10000
#define CLOSE_MS 500 /* whoever is told to leave at once has a second for it, and for all else */

struct buffer {
	uint8_t *data; /* records laid out as in the file, their headers still struct ring_record */
	size_t used;
	uint64_t records;
};

struct recorder {
	int fd;
	struct ring_header header;
	struct buffer fill, out;
	size_t last;	   /* where the last record of `fill` begins; valid when it holds any */
	uint64_t dropped;
	bool lost;	   /* since the last record of `fill`: the next one says so */
	bool failing;	   /* as reported */
	struct mono retry_at, busy_since;
	char *path;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool busy, stop;
	int result; /* errno of the last write, 0 when it worked */
};

_Static_assert(
    sizeof(struct ring_record) <= RING_RECORD_BYTES, "a record is laid out in its place");
_Static_assert(sizeof(struct record_sample) == 32, "the same in every file");

static int64_t
wall_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return ts.tv_sec * 1000000LL + ts.tv_nsec / 1000;
}

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

/* Gives the records in `out` their numbers and places, and writes them in as few pieces as it
 * takes. The header in memory moves on only when all is written. */
static int
write_out(struct recorder *r)
{
	struct ring_header h = r->header;
	uint64_t room = h.size - RING_HEADER_BYTES;
	size_t done = 0, at = 0;
	int rc = 0;

	while (at < r->out.used && rc == 0) {
		struct ring_record record;
		size_t size;

		memcpy(&record, r->out.data + at, sizeof(record));
		record.sequence = h.sequence++;
		record.data = r->out.data + at + RING_RECORD_BYTES;
		ring_record_encode(&record, h.salt, r->out.data + at);
		size = ring_record_size(record.length);
		if (h.head + (at - done) + size > room) {
			rc = write_at(
			    r->fd, r->out.data + done, at - done, RING_HEADER_BYTES + h.head);
			h.head = 0;
			done = at;
		}
		at += size;
	}
	if (rc == 0)
		rc = write_at(r->fd, r->out.data + done, at - done, RING_HEADER_BYTES + h.head);
	h.head += at - done;
	if (rc == 0)
		rc = write_header(r->fd, &h);
	if (rc == 0)
		r->header = h;
	return rc;
}

static void *
writer(void *arg)
{
	struct recorder *r = arg;

	pthread_mutex_lock(&r->lock);
	for (;;) {
		int rc;

		while (!r->busy && !r->stop)
			pthread_cond_wait(&r->changed, &r->lock);
		if (!r->busy)
			break;
		pthread_mutex_unlock(&r->lock);
		rc = write_out(r);
		pthread_mutex_lock(&r->lock);
		r->result = rc;
		r->busy = false;
		pthread_cond_broadcast(&r->changed);
	}
	pthread_mutex_unlock(&r->lock);
	return NULL;
}

static int
start_writer(struct recorder *r)
{
	pthread_condattr_t monotonic;
	pthread_attr_t small;
	sigset_t all, before;
	int rc;

	pthread_mutex_init(&r->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&r->changed, &monotonic);
	pthread_condattr_destroy(&monotonic);
	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, 256 << 10);
	sigfillset(&all); /* signals are for the daemon's loop */
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&r->thread, &small, writer, r);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&small);
	return rc;
}

/* A predecessor may have died between its records and its header: these are its last words. */
static void
follow_records(struct recorder *r)
{
	const size_t most = ring_record_size(RING_DATA_MAX);
	uint64_t room = r->header.size - RING_HEADER_BYTES;
	uint8_t *buf = malloc(most);
	struct ring_record record;
	bool again = buf != NULL;

	while (again) {
		uint64_t places[] = {r->header.head, 0}; /* 0: it went back to the beginning */

		again = false;
		for (int i = 0; i < 2 && !again; i++) {
			size_t want = room - places[i] < most ? room - places[i] : most;
			ssize_t n = pread(r->fd, buf, want, (off_t)(RING_HEADER_BYTES + places[i]));

			if (n <= 0 || ring_record_at(buf, (size_t)n, 0, r->header.salt, &record) !=
			    RING_RECORD || record.sequence != r->header.sequence)
				continue;
			r->header.head = places[i] + ring_record_size(record.length);
			r->header.sequence++;
			again = true;
		}
	}
	free(buf);
}

static int
make_file(struct recorder *r, int64_t size, struct err *err)
{
	int rc;

	r->header = (struct ring_header){.size = (uint64_t)size};
	if (getrandom(&r->header.salt, sizeof(r->header.salt), 0) < 0)
		r->header.salt = (uint64_t)wall_us();
	/* A full disk is met now and not at three in the morning. Where the file system cannot
	 * reserve, it is met when it comes. */
	if (fallocate(r->fd, 0, 0, size) < 0 &&
	    (errno != EOPNOTSUPP || ftruncate(r->fd, size) < 0)) {
		err_errno(err, "%s: cannot reserve %lld MiB; make room, or set recorder.size_mib",
		    r->path, (long long)(size >> 20));
		unlink(r->path);
		return -1;
	}
	rc = write_header(r->fd, &r->header);
	if (rc == 0)
		rc = write_header(r->fd, &r->header);
	errno = rc;
	return rc == 0 ? 0 : err_errno(err, "%s: cannot write", r->path);
}

static int
open_locked(struct recorder *r, struct err *err)
{
	r->fd = open(r->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (r->fd < 0)
		return err_errno(err, "%s: cannot open the flight recorder", r->path);
	if (flock(r->fd, LOCK_EX | LOCK_NB) < 0)
		return err_set(err, "%s: another process writes this flight recorder", r->path);
	return 0;
}

static int
set_aside(struct recorder *r, struct err *err)
{
	char aside[4096];

	snprintf(aside, sizeof(aside), "%s" RECORDER_SET_ASIDE, r->path);
	if (rename(r->path, aside) < 0)
		return err_errno(err, "%s: is not ours as it is, and cannot be set aside", r->path);
	close(r->fd);
	return open_locked(r, err);
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
open_file(struct recorder *r, int64_t size, struct err *err)
{
	uint8_t copies[2 * RING_COPY_BYTES];
	struct stat st;

	if (open_locked(r, err) < 0)
		return -1;
	if (fstat(r->fd, &st) < 0)
		return err_errno(err, "%s", r->path);
	if (!S_ISREG(st.st_mode))
		return err_set(err, "%s: is not a file; set recorder.path to one", r->path);
	if (st.st_size == 0)
		return make_file(r, size, err);
	if (st.st_size == size && pread(r->fd, copies, sizeof(copies), 0) == sizeof(copies) &&
	    ring_header_choose(copies, &r->header) && r->header.size == (uint64_t)size) {
		follow_records(r);
		return 0;
	}
	if (set_aside(r, err) < 0)
		return -1;
	return make_file(r, size, err);
}

struct recorder *
recorder_open(const char *path, int64_t size_bytes, struct err *err)
{
	struct recorder *r = calloc(1, sizeof(*r));
	char boot_id[16] = {0};
	int64_t size = (size_bytes < RING_MIN_BYTES ? RING_MIN_BYTES : size_bytes) / 8 * 8;

	if (r == NULL) {
		err_set(err, "out of memory");
		return NULL;
	}
	r->fd = -1;
	r->path = strdup(path);
	r->fill.data = malloc(BUFFER_BYTES);
	r->out.data = malloc(BUFFER_BYTES);
	read_boot_id(boot_id);
	if (r->path == NULL || r->fill.data == NULL || r->out.data == NULL)
		err_set(err, "out of memory");
	else if (open_file(r, size, err) == 0) {
		memcpy(r->header.boot_id, boot_id, sizeof(boot_id));
		if (start_writer(r) == 0)
			return r;
		err_set(err, "%s: cannot start the thread that writes it", path);
	}
	if (r->fd >= 0)
		close(r->fd);
	free(r->path);
	free(r->fill.data);
	free(r->out.data);
	free(r);
	return NULL;
}

/* Puts it behind the samples that came just before, if that is what they are. */
static bool
join_samples(struct recorder *r, const void *data, size_t length)
{
	struct ring_record record;

	if (r->fill.used == 0 || r->lost)
		return false;
	memcpy(&record, r->fill.data + r->last, sizeof(record));
	if (record.type != RECORD_SAMPLE || record.length + length > SAMPLES_BYTES ||
	    r->last + ring_record_size(record.length + length) > BUFFER_BYTES)
		return false;
	memcpy(r->fill.data + r->last + RING_RECORD_BYTES + record.length, data, length);
	record.length += (uint32_t)length;
	memcpy(r->fill.data + r->last, &record, sizeof(record));
	r->fill.used = r->last + ring_record_size(record.length);
	return true;
}

void
recorder_append(struct recorder *r, enum record_type type, const void *data, size_t length)
{
	struct ring_record record = {.type = (uint16_t)type, .wall_us = wall_us(),
	    .mono_us = mono_now().us};

	if (length > RING_DATA_MAX)
		length = RING_DATA_MAX;
	if (type == RECORD_SAMPLE && join_samples(r, data, length))
		return;
	if (r->fill.used + ring_record_size(length) > BUFFER_BYTES) {
		r->dropped++;
		r->lost = true;
		return;
	}
	record.length = (uint32_t)length;
	record.flags = r->lost ? RING_LOST : 0;
	r->lost = false;
	r->last = r->fill.used;
	memcpy(r->fill.data + r->last, &record, sizeof(record));
	if (length > 0)
		memcpy(r->fill.data + r->last + RING_RECORD_BYTES, data, length);
	r->fill.used += ring_record_size(length);
	r->fill.records++;
}

void
recorder_event(struct recorder *r, int level, const char *line)
{
	char text[2048];
	int n = snprintf(text, sizeof(text), "%d %s", level, line);

	recorder_append(
	    r, RECORD_EVENT, text, n < (int)sizeof(text) ? (size_t)n : sizeof(text) - 1);
}

/* Called with the lock, the thread idle. */
static void
hand_over(struct recorder *r)
{
	struct buffer full = r->fill;

	r->fill = r->out;
	r->fill.used = r->fill.records = 0;
	r->out = full;
	r->busy = true;
	r->busy_since = mono_now();
	pthread_cond_broadcast(&r->changed);
}

static int
report(struct recorder *r, int error, struct err *err)
{
	if (error == 0) {
		int rc = r->failing;

		r->failing = false;
		return rc;
	}
	r->retry_at = mono_add_ms(mono_now(), RETRY_MS);
	if (r->failing)
		return 0;
	r->failing = true;
	errno = error;
	return err_errno(err, "%s: nothing is recorded, trying again each minute: cannot write",
	    r->path);
}

int
recorder_flush(struct recorder *r, struct err *err)
{
	struct mono now = mono_now();
	int rc = 0;

	pthread_mutex_lock(&r->lock);
	if (r->busy) {
		if (!r->failing && mono_diff_ms(now, r->busy_since) >= HUNG_MS)
			rc = report(r, ETIMEDOUT, err);
		pthread_mutex_unlock(&r->lock);
		return rc;
	}
	if (mono_is_set(r->busy_since)) { /* the write that we started has ended */
		if (r->result != 0)
			r->dropped += r->out.records;
		rc = report(r, r->result, err);
		r->busy_since = MONO_NEVER;
	}
	if (r->failing && mono_before(now, r->retry_at)) {
		r->dropped += r->fill.records;
		r->fill.used = r->fill.records = 0;
		r->lost = true;
	} else if (r->fill.used > 0) {
		hand_over(r);
	}
	pthread_mutex_unlock(&r->lock);
	return rc;
}

uint64_t
recorder_dropped(const struct recorder *r)
{
	return r->dropped;
}

/* Called with the lock. False when the thread is still at it after all that time. */
static bool
wait_idle(struct recorder *r, const struct timespec *until)
{
	while (r->busy) {
		if (pthread_cond_timedwait(&r->changed, &r->lock, until) == ETIMEDOUT)
			return !r->busy;
	}
	return true;
}

void
recorder_close(struct recorder *r)
{
	struct timespec until;
	bool idle;

	if (r == NULL)
		return;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += CLOSE_MS * 1000000L;
	until.tv_sec += until.tv_nsec / 1000000000L;
	until.tv_nsec %= 1000000000L;
	pthread_mutex_lock(&r->lock);
	idle = wait_idle(r, &until);
	if (idle && r->fill.used > 0) {
		hand_over(r);
		idle = wait_idle(r, &until);
	}
	r->stop = true;
	pthread_cond_broadcast(&r->changed);
	pthread_mutex_unlock(&r->lock);
	if (!idle) {
		pthread_detach(r->thread); /* the disk has it; it keeps what it needs */
		return;
	}
	pthread_join(r->thread, NULL);
	pthread_mutex_destroy(&r->lock);
	pthread_cond_destroy(&r->changed);
	close(r->fd);
	free(r->path);
	free(r->fill.data);
	free(r->out.data);
	free(r);
}
