/*
 * snapshot_load: a file to new shards.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "lib/ensure.h"
#include "resolver/snapshot_parts.h"

#define BEYOND_MS 1000 /* load_ms; a child that has not seen it end by then hangs on its disk */
#define LOOK_EACH 256  /* records, at the clock */

/* The file as far as it was read; all sizes are multiples of 8, so records stay aligned. */
struct source {
	int fd;
	uint8_t *buffer; /* SNAPSHOT_BUFFER octets */
	size_t from, to;
	bool ended;
};

struct loading {
	struct snapshot_head head;
	int64_t shift_s, now_s;
	uint64_t loaded[SNAPSHOT_SHARDS];
};

/* ---- in the child ---------------------------------------------------------------------------- */

/* Sees to it that a whole record is there, or the file's end. */
static int
source_fill(struct source *s)
{
	ssize_t n;

	if (s->ended || s->to - s->from >= PACKED_ROOM)
		return 0;
	memmove(s->buffer, s->buffer + s->from, s->to - s->from);
	s->to -= s->from;
	s->from = 0;
	n = snapshot_read(s->fd, s->buffer + s->to, SNAPSHOT_BUFFER - s->to);
	if (n < 0)
		return -1;
	s->ended = (size_t)n < SNAPSHOT_BUFFER - s->to;
	s->to += (size_t)n;
	return 0;
}

static void
place(struct snapshot_job *job, struct loading *l, struct entry *e)
{
	struct key k;
	unsigned n;

	entry_key(e, &k);
	n = key_shard(&k, (unsigned)job->n);
	/* One that was stored after the file was closed tells a time that is not to be believed. */
	if (e->stored_s <= l->head.at.boot_s && l2_roomy(job->shards[n])) {
		e->stored_s += l->shift_s;
		if (snapshot_wants(e, l->now_s)) {
			l2_put(job->shards[n], e);
			l->loaded[n]++;
			job->said->done.entries++;
			return;
		}
	}
	job->said->done.left++;
}

/* What was read is what was written, to the last octet. */
static int
end_check(const struct source *s, const struct loading *l, uint64_t digest, struct err *err)
{
	if (digest == l->head.digest && s->ended && s->from == s->to)
		return 0;
	return err_set(err, "it is not as it was written");
}

static int
records_load(struct snapshot_job *job, struct source *s, struct loading *l)
{
	static _Alignas(8) uint8_t memory[ENTRY_ROOM];
	const struct snapshot_head *head = &l->head;
	uint64_t digest = head->seed, n;
	size_t size;

	for (n = 0; n < head->entries; n++) {
		if (n % LOOK_EACH == 0 && !mono_before(mono_now(), job->until)) {
			job->said->done.cut = true;
			job->said->done.left += head->entries - n;
			return 0;
		}
		if (source_fill(s) != 0)
			return err_errno(&job->said->err, "it cannot be read");
		size = snapshot_take(
		    s->buffer + s->from, s->to - s->from, head->seed, &digest, memory);
		if (size == 0)
			return err_set(
			    &job->said->err, "its record %llu is damaged", (unsigned long long)n);
		s->from += size;
		place(job, l, (struct entry *)memory);
	}
	if (source_fill(s) != 0)
		return err_errno(&job->said->err, "it cannot be read");
	return end_check(s, l, digest, &job->said->err);
}

static int
begin(struct snapshot_job *job, struct source *s, struct loading *l)
{
	struct snapshot_clock now;

	if (snapshot_clock(&now, &job->said->err) != 0 || snapshot_confine(job) != 0)
		return -1;
	if (snapshot_read(s->fd, &l->head, sizeof(l->head)) != sizeof(l->head))
		return err_set(&job->said->err, "it is too short for a snapshot");
	if (snapshot_head_check(&l->head, job->said->done.bytes, &job->said->err) != 0 ||
	    snapshot_shift(&l->head.at, &now, &l->shift_s, &job->said->err) != 0)
		return -1;
	job->said->done.age_s = snapshot_age_s(&l->head.at, &now);
	l->now_s = now.boot_s;
	return 0;
}

static int
load(struct snapshot_job *job)
{
	static _Alignas(8) uint8_t buffer[SNAPSHOT_BUFFER];
	struct source s = {.buffer = buffer};
	struct loading l = {.shift_s = 0};
	int rc;

	s.fd = snapshot_open(job->conf, &job->said->done.bytes, &job->said->err);
	if (s.fd < 0) {
		job->said->done.absent = errno == ENOENT;
		return job->said->done.absent ? 0 : -1;
	}
	posix_fadvise(s.fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	if (begin(job, &s, &l) != 0)
		return -1;
	rc = records_load(job, &s, &l);
	for (int i = 0; rc == 0 && i < job->n; i++)
		l2_tell_loaded(job->shards[i], l.loaded[i]);
	return rc;
}

/* ---- around it ------------------------------------------------------------------------------- */

static int
load_apart(struct snapshot_job *job, const int shards[], int n, struct err *err)
{
	int64_t limit_ms = job->conf->snapshot.load_ms;

	for (; job->n < n; job->n++) {
		job->shards[job->n] = l2_open_writer(shards[job->n], err);
		if (job->shards[job->n] == NULL)
			return -1;
	}
	job->until = mono_add_ms(mono_now(), limit_ms);
	return snapshot_apart(job, limit_ms + BEYOND_MS, err);
}

int
snapshot_load(const struct resolver_conf *c, const int shards[], int n, struct snapshot_done *out,
    struct err *err)
{
	struct snapshot_job job;
	int rc;

	ENSURE(n >= 1 && n <= SNAPSHOT_SHARDS);
	if (snapshot_job_init(&job, c, load, err) != 0)
		return -1;
	rc = load_apart(&job, shards, n, err);
	for (int i = 0; i < job.n; i++)
		l2_close(job.shards[i]);
	snapshot_job_fini(&job, out);
	return rc == 0 ? 0 : err_wrap(err, "%s is not used", c->snapshot.file);
}
