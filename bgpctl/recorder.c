/*
 * Two buffers: the daemon fills one, a thread writes the other; recorder_flush() swaps them when
 * the thread is idle. The thread alone touches the disk, also to open and to close the file, so a
 * disk that hangs (and not only one that is full) costs records, never the daemon's time, let alone
 * its lease.
 *
 * `file` is the thread's, and `out` and `why` are while an errand is under way; everything else is
 * the daemon's.
 */
#include "bgpctl/recorder.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bgpctl/ringfile.h"
#include "lib/errand.h"
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
	struct ringfile file;
	enum { OPEN_FILE, WRITE_OUT, CLOSE_FILE } what;
	bool opened;	/* so the last errand that opens has ended */
	bool under_way; /* one was begun, and its end was not yet looked at */
	int64_t size;
	struct buffer fill, out;
	size_t last;	   /* where the last record of `fill` begins; valid when it holds any */
	uint64_t dropped;
	bool lost;	   /* since the last record of `fill`: the next one says so */
	bool failing;	   /* as reported */
	struct mono retry_at, busy_since;
	char *path;
	struct err why; /* the file cannot be opened */
	struct errand *errand;
};

_Static_assert(sizeof(struct record_sample) == 32, "the same in every file");

static int64_t
wall_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return ts.tv_sec * 1000000LL + ts.tv_nsec / 1000;
}

/* In the thread. */
static int
do_errand(void *arg)
{
	struct recorder *r = arg;

	switch (r->what) {
	case OPEN_FILE:
		return ringfile_open(&r->file, r->path, r->size, &r->why) < 0 ? EIO : 0;
	case WRITE_OUT:
		return ringfile_write(&r->file, r->out.data, r->out.used);
	case CLOSE_FILE:
		ringfile_close(&r->file);
		break;
	}
	return 0;
}

static void
begin(struct recorder *r, int what)
{
	r->what = what;
	r->under_way = true;
	r->busy_since = mono_now();
	errand_begin(r->errand);
}

static void
dispose(struct recorder *r)
{
	free(r->path);
	free(r->fill.data);
	free(r->out.data);
	free(r);
}

struct recorder *
recorder_begin(const char *path, int64_t size_bytes, struct err *err)
{
	struct recorder *r = calloc(1, sizeof(*r));

	if (r == NULL) {
		err_set(err, "out of memory");
		return NULL;
	}
	r->file.fd = -1;
	r->size = (size_bytes < RING_MIN_BYTES ? RING_MIN_BYTES : size_bytes) / 8 * 8;
	r->path = strdup(path);
	r->fill.data = malloc(BUFFER_BYTES);
	r->out.data = malloc(BUFFER_BYTES);
	if (r->path == NULL || r->fill.data == NULL || r->out.data == NULL) {
		err_set(err, "out of memory");
	} else {
		r->errand = errand_new(do_errand, r);
		if (r->errand != NULL) {
			begin(r, OPEN_FILE);
			return r;
		}
		err_set(err, "%s: cannot start the thread that writes it", path);
	}
	dispose(r);
	return NULL;
}

struct recorder *
recorder_open(const char *path, int64_t size_bytes, struct err *err)
{
	struct recorder *r = recorder_begin(path, size_bytes, err);

	if (r == NULL)
		return NULL;
	errand_wait(r->errand, -1);
	if (errand_result(r->errand) == 0)
		return r;
	*err = r->why;
	recorder_close(r);
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

/* The thread is idle. */
static void
hand_over(struct recorder *r)
{
	struct buffer full = r->fill;

	r->fill = r->out;
	r->fill.used = r->fill.records = 0;
	r->out = full;
	begin(r, WRITE_OUT);
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
	if (!r->opened && error != ETIMEDOUT)
		return err_set(err, "%s; nothing is recorded, trying again each minute",
		    r->why.text);
	errno = error;
	return err_errno(err, "%s: nothing is recorded, trying again each minute: cannot write",
	    r->path);
}

/* What was under way has ended. */
static int
look_back(struct recorder *r, struct err *err)
{
	int result = errand_result(r->errand);

	r->under_way = false;
	if (r->what == OPEN_FILE)
		r->opened = result == 0;
	else if (result != 0)
		r->dropped += r->out.records;
	return report(r, result, err);
}

int
recorder_flush(struct recorder *r, struct err *err)
{
	struct mono now = mono_now();
	int rc = 0;

	if (r->under_way && errand_busy(r->errand))
		return r->failing || mono_diff_ms(now, r->busy_since) < HUNG_MS
			   ? 0
			   : report(r, ETIMEDOUT, err);
	if (r->under_way)
		rc = look_back(r, err);
	if (r->failing && mono_before(now, r->retry_at)) {
		r->dropped += r->fill.records;
		r->fill.used = r->fill.records = 0;
		r->lost = true;
	} else if (!r->opened) {
		begin(r, OPEN_FILE);
	} else if (r->fill.used > 0) {
		hand_over(r);
	}
	return rc;
}

uint64_t
recorder_dropped(const struct recorder *r)
{
	return r->dropped;
}

static int
left(struct mono until)
{
	int64_t ms = mono_diff_ms(until, mono_now());

	return ms > 0 ? (int)ms : 0;
}

/* Goes on as long as the disk does; false: it is still at something when time is up. */
static bool
end(struct recorder *r)
{
	struct mono until = mono_add_ms(mono_now(), CLOSE_MS);
	struct err unsaid;

	if (!errand_wait(r->errand, CLOSE_MS))
		return false;
	if (r->under_way)
		look_back(r, &unsaid);
	if (r->opened && r->fill.used > 0)
		hand_over(r);
	if (!errand_wait(r->errand, left(until)))
		return false;
	if (r->opened)
		begin(r, CLOSE_FILE);
	return errand_wait(r->errand, left(until));
}

void
recorder_close(struct recorder *r)
{
	if (r == NULL)
		return;
	end(r);
	if (errand_free(r->errand))
		dispose(r);
	/* Else the disk has it; its thread keeps what it needs. */
}
