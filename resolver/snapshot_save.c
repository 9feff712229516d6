/*
 * snapshot_save: shards to a file. Readers and writers of the shards do not notice: it reads as a
 * worker does, at the lowest priority, and never has more of the file in memory than is on its way
 * to the disk.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/ioprio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/ensure.h"
#include "resolver/snapshot_parts.h"

#define SYNC_EACH ((uint64_t)8 << 20) /* octets that may wait for the disk */
#define SPARE ((uint64_t)32 << 20)    /* octets of the disk that are left to others */

struct sink {
	int fd;
	uint64_t at, synced; /* octets of the file */
	uint8_t *buffer;     /* SNAPSHOT_BUFFER octets */
	size_t used;
};

/* ---- in the child ---------------------------------------------------------------------------- */

static int
sink_flush(struct sink *s)
{
	size_t done = 0;
	ssize_t n;

	while (done < s->used) {
		n = write(s->fd, s->buffer + done, s->used - done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		done += (size_t)n;
	}
	s->at += s->used;
	s->used = 0;
	if (s->at - s->synced < SYNC_EACH)
		return 0;
	/* Slowly, so that nobody else's writes wait behind ours, and not kept in memory. Where the
	 * disk cannot, fsync() at the end will say so. */
	sync_file_range(s->fd, (off_t)s->synced, (off_t)(s->at - s->synced),
	    SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER);
	posix_fadvise(s->fd, (off_t)s->synced, (off_t)(s->at - s->synced), POSIX_FADV_DONTNEED);
	s->synced = s->at;
	return 0;
}

static uint64_t
record_bytes(const struct entry *e)
{
	return e->size - sizeof(*e) + sizeof(struct packed);
}

/* What `until` octets of the file have room for. */
static int
shard_save(struct snapshot_job *job, const struct l2 *shard, struct sink *sink,
    struct snapshot_head *head, uint64_t until)
{
	static _Alignas(8) uint8_t memory[ENTRY_ROOM], record[PACKED_ROOM];
	int64_t now_s = mono_now().us / 1000000;
	struct l2_walk walk = {0};
	size_t size;

	while (l2_next(shard, &walk, memory) > 0) {
		const struct entry *e = (const struct entry *)memory;

		/* One that was stored a moment ago is of now. */
		if (e->stored_s > now_s)
			now_s = mono_now().us / 1000000;
		if (!snapshot_wants(e, now_s))
			continue;
		if (sink->at + sink->used + record_bytes(e) > until) {
			job->said->done.cut = true;
			return 0;
		}
		size = snapshot_put(e, head->seed, &head->digest, record);
		if (sink->used + size > SNAPSHOT_BUFFER && sink_flush(sink) != 0)
			return -1;
		memcpy(sink->buffer + sink->used, record, size);
		sink->used += size;
		head->entries += size > 0;
	}
	return 0;
}

static int
all_save(struct snapshot_job *job, struct sink *sink, struct snapshot_head *head)
{
	uint64_t most = (uint64_t)job->conf->snapshot.max_mib << 20;

	sink->used = sizeof(*head); /* zeros, until all is there */
	for (int i = 0; i < job->n; i++)
		if (shard_save(job, job->shards[i], sink, head,
			most / (uint64_t)job->n * (uint64_t)(i + 1)) != 0)
			return -1;
	if (sink_flush(sink) != 0)
		return -1;
	head->bytes = sink->at;
	return 0;
}

static int
save(struct snapshot_job *job)
{
	static uint8_t buffer[SNAPSHOT_BUFFER];
	struct snapshot_head head = {0};
	struct sink sink = {.fd = job->fd, .buffer = buffer};

	if (getrandom(&head.seed, sizeof(head.seed), 0) != sizeof(head.seed))
		return err_errno(&job->said->err, "no random number");
	head.digest = head.seed;
	/* The boot's name can only be had now; its clocks are those of the end. */
	if (snapshot_clock(&head.at, &job->said->err) != 0 || snapshot_confine(job) != 0)
		return -1;
	if (all_save(job, &sink, &head) != 0)
		return err_errno(&job->said->err, "cannot write it");
	snapshot_clock_on(&head.at);
	snapshot_head_seal(&head);
	if (pwrite(job->fd, &head, sizeof(head), 0) != sizeof(head) || fsync(job->fd) != 0)
		return err_errno(&job->said->err, "cannot write it");
	job->said->done.entries = head.entries;
	job->said->done.bytes = head.bytes;
	return 0;
}

/* ---- around it ------------------------------------------------------------------------------- */

/* Work that nobody waits for: after everybody else, on the processors and on the disk. */
static void
step_back(void)
{
	setpriority(PRIO_PROCESS, 0, 19);
	syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, IOPRIO_PRIO_VALUE(IOPRIO_CLASS_IDLE, 0));
}

static bool
is_at(int fd, const char *path)
{
	struct stat a, b;

	return fstat(fd, &a) == 0 && lstat(path, &b) == 0 && a.st_dev == b.st_dev &&
	       a.st_ino == b.st_ino;
}

/* FILE.new, empty and locked. Whoever has just finished one has renamed it away under us. */
static int
temporary_open(const char *path, struct err *err)
{
	int fd =
	    open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0600);

	if (fd < 0)
		return err_errno(err, "cannot write %s", path);
	if (flock(fd, LOCK_EX | LOCK_NB) != 0 || !is_at(fd, path))
		err_set(err, "another process is writing one; try again when it is done");
	else if (fchmod(fd, 0600) != 0 || ftruncate(fd, 0) != 0)
		err_errno(err, "cannot write %s", path);
	else
		return fd;
	close(fd);
	return -1;
}

/* A full disk is found out by others first, and they would suffer. */
static int
room_check(const struct snapshot_job *job, struct err *err)
{
	uint64_t most = (uint64_t)job->conf->snapshot.max_mib << 20, need = 0;
	struct l2_stats stats;
	struct statvfs fs;

	for (int i = 0; i < job->n; i++) {
		l2_stats(job->shards[i], &stats);
		need += stats.bytes_used < stats.bytes ? stats.bytes_used : stats.bytes;
	}
	need = (need < most ? need : most) + SPARE;
	if (fstatvfs(job->fd, &fs) != 0)
		return err_errno(err, "cannot look how full the disk is");
	if (fs.f_bavail >= need / fs.f_frsize)
		return 0;
	return err_set(err,
	    "the disk has %llu MiB left, and %llu are wanted; make room, or lower "
	    "snapshot.max_mib",
	    (unsigned long long)(fs.f_bavail * fs.f_frsize >> 20),
	    (unsigned long long)(need >> 20));
}

static uint64_t
purges_of(const struct snapshot_job *job)
{
	uint64_t n = 0;

	for (int i = 0; i < job->n; i++)
		n += l2_purges(job->shards[i]);
	return n;
}

/* A flush that has ended by now is seen in the count, one that ends later finds the file. */
static int
put_in_place(const struct snapshot_job *job, const char *path, uint64_t purges, struct err *err)
{
	int lock = snapshot_lock(job->conf, err), rc = -1;

	if (lock < 0)
		return -1;
	if (purges_of(job) != purges)
		err_set(err, "names were flushed while it was written; try again");
	else if (rename(path, job->conf->snapshot.file) != 0)
		err_errno(err, "cannot rename %s", path);
	else
		rc = snapshot_sync_directory(job->conf, err);
	close(lock);
	return rc;
}

static int
save_apart(struct snapshot_job *job, struct err *err)
{
	char path[SNAPSHOT_PATH];
	uint64_t purges = purges_of(job);
	int rc;

	job->fd = temporary_open(snapshot_path(job->conf, ".new", path), err);
	if (job->fd < 0)
		return -1;
	rc = room_check(job, err);
	if (rc == 0)
		rc = snapshot_apart(job, -1, err);
	if (rc == 0)
		rc = put_in_place(job, path, purges, err);
	if (rc != 0 && is_at(job->fd, path))
		unlink(path);
	close(job->fd);
	return rc;
}

int
snapshot_save(const struct resolver_conf *c, struct l2 *const shards[], int n,
    struct snapshot_done *out, struct err *err)
{
	struct snapshot_job job;
	int rc;

	ENSURE(n >= 1 && n <= SNAPSHOT_SHARDS);
	if (snapshot_job_init(&job, c, save, err) != 0)
		return -1;
	memcpy(job.shards, shards, (size_t)n * sizeof(shards[0]));
	job.n = n;
	step_back();
	rc = save_apart(&job, err);
	snapshot_job_fini(&job, out);
	return rc == 0 ? 0 : err_wrap(err, "no snapshot in %s", c->snapshot.file);
}
