/*
 * snapshot_file: the files themselves, and the child that does what is not root's to do.
 */
#include "resolver/snapshot_file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/file.h"
#include "resolver/cage.h"
#include "resolver/snapshot_parts.h"

#define BOOT_ID_FILE "/proc/sys/kernel/random/boot_id"
#define GONE_MS 500 /* a killed child that is not gone by then hangs on its disk */

/* ---- clocks ---------------------------------------------------------------------------------- */

/* Sixteen octets from hexadecimal digits, with dashes between. */
static bool
boot_id_parse(const char *text, uint8_t out[static SNAPSHOT_BOOT_ID])
{
	static const char digits[] = "0123456789abcdef";
	int n = 0;

	memset(out, 0, SNAPSHOT_BOOT_ID);
	for (; *text != '\0' && n < 2 * SNAPSHOT_BOOT_ID; text++) {
		const char *digit = strchr(digits, *text);

		if (digit != NULL)
			out[n / 2] |= (uint8_t)((digit - digits) << (n % 2 == 0 ? 4 : 0));
		n += digit != NULL;
	}
	return n == 2 * SNAPSHOT_BOOT_ID;
}

void
snapshot_clock_on(struct snapshot_clock *c)
{
	struct timespec wall;

	clock_gettime(CLOCK_REALTIME, &wall);
	c->wall_s = wall.tv_sec;
	c->boot_s = mono_now().us / 1000000;
}

int
snapshot_clock(struct snapshot_clock *out, struct err *err)
{
	char *text = file_read(BOOT_ID_FILE, 64, NULL, err);
	bool sound;

	if (text == NULL)
		return -1;
	sound = boot_id_parse(text, out->boot_id);
	free(text);
	if (!sound)
		return err_set(err, "%s does not tell one boot from another", BOOT_ID_FILE);
	snapshot_clock_on(out);
	return 0;
}

/* ---- files ----------------------------------------------------------------------------------- */

const char *
snapshot_path(const struct resolver_conf *c, const char *suffix, char path[static SNAPSHOT_PATH])
{
	snprintf(path, SNAPSHOT_PATH, "%s%s", c->snapshot.file, suffix);
	return path;
}

static int
refuse(const char *path, const char *what, struct err *err)
{
	errno = EACCES;
	return err_set(err, "%s %s", path, what);
}

int
snapshot_open(const struct resolver_conf *c, uint64_t *bytes, struct err *err)
{
	const char *path = c->snapshot.file;
	/* O_NONBLOCK: a FIFO in its place must not hang us. */
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK), saved;
	struct stat st;

	if (fd < 0) {
		saved = errno;
		err_errno(err, "cannot open %s", path);
		errno = saved;
		return -1;
	}
	*err = (struct err){""};
	if (fstat(fd, &st) != 0)
		err_errno(err, "cannot look at %s", path);
	else if (!S_ISREG(st.st_mode))
		refuse(path, "is no file", err);
	else if (st.st_uid != geteuid() || (st.st_mode & 022) != 0)
		refuse(path, "could have been written by somebody else; remove it", err);
	if (err->text[0] == '\0') {
		*bytes = (uint64_t)st.st_size;
		return fd;
	}
	close(fd);
	errno = EACCES;
	return -1;
}

ssize_t
snapshot_read(int fd, void *to, size_t n)
{
	size_t have = 0;
	ssize_t got;

	while (have < n) {
		got = read(fd, (uint8_t *)to + have, n - have);
		if (got == 0)
			break;
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -1;
		have += (size_t)got;
	}
	return (ssize_t)have;
}

int
snapshot_lock(const struct resolver_conf *c, struct err *err)
{
	char path[SNAPSHOT_PATH];
	int fd = open(snapshot_path(c, ".lock", path),
	    O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY, 0600);

	if (fd >= 0 && flock(fd, LOCK_EX) == 0)
		return fd;
	err_errno(err, "cannot lock %s", path);
	if (fd >= 0)
		close(fd);
	return -1;
}

int
snapshot_sync_directory(const struct resolver_conf *c, struct err *err)
{
	char path[SNAPSHOT_PATH];
	const char *dir;
	int fd, rc;

	dir = dirname((char *)snapshot_path(c, "", path));
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	rc = fd < 0 ? -1 : fsync(fd);
	if (fd >= 0)
		close(fd);
	return rc == 0 ? 0 : err_errno(err, "cannot sync the directory of %s", c->snapshot.file);
}

int
snapshot_look(const struct resolver_conf *c, struct snapshot_head *out, struct err *err)
{
	uint64_t bytes = 0;
	int fd = snapshot_open(c, &bytes, err), rc;
	ssize_t n;

	if (fd < 0)
		return errno == ENOENT ? 1 : -1;
	n = snapshot_read(fd, out, sizeof(*out));
	close(fd);
	rc = n == (ssize_t)sizeof(*out) ? snapshot_head_check(out, bytes, err)
					: err_set(err, "it is too short for a snapshot");
	return rc == 0 ? 0 : err_wrap(err, "%s", c->snapshot.file);
}

int
snapshot_remove(const struct resolver_conf *c, struct err *err)
{
	struct stat st;
	int lock, rc;

	/* Where there never was one, nothing is to be left beside it. */
	if (lstat(c->snapshot.file, &st) != 0 && errno == ENOENT) {
		char path[SNAPSHOT_PATH];

		if (lstat(snapshot_path(c, ".lock", path), &st) != 0 && errno == ENOENT)
			return 0;
	}
	lock = snapshot_lock(c, err);
	if (lock < 0)
		return -1;
	rc = unlink(c->snapshot.file);
	if (rc != 0 && errno == ENOENT)
		rc = 0;
	if (rc != 0)
		err_errno(err, "cannot remove %s", c->snapshot.file);
	else
		rc = snapshot_sync_directory(c, err);
	close(lock);
	return rc;
}

/* ---- the child ------------------------------------------------------------------------------- */

int
snapshot_job_init(struct snapshot_job *job, const struct resolver_conf *c,
    int (*work)(struct snapshot_job *job), struct err *err)
{
	*job = (struct snapshot_job){.conf = c, .fd = -1, .begun = mono_now(), .work = work};
	job->said = mmap(
	    NULL, sizeof(*job->said), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return job->said != MAP_FAILED ? 0 : err_errno(err, "no memory for a snapshot");
}

void
snapshot_job_fini(struct snapshot_job *job, struct snapshot_done *out)
{
	*out = job->said->done;
	out->ms = (uint64_t)mono_diff_ms(mono_now(), job->begun);
	munmap(job->said, sizeof(*job->said));
}

int
snapshot_confine(struct snapshot_job *job)
{
	const struct resolver_conf *c = job->conf;

	if (cage_drop(CAGE_SNAPSHOT, c->worker.user, &job->said->err) < 0)
		return -1;
	return c->worker.seccomp ? cage_close(CAGE_SNAPSHOT, &job->said->err) : 0;
}

/* All descriptors but the job's and the first three: what comes of it is in shared memory. */
static void
close_others(int fd)
{
	if (fd > 3)
		close_range(3, (unsigned)fd - 1, 0);
	close_range(fd >= 3 ? (unsigned)fd + 1 : 3, ~0U, 0);
}

_Noreturn static void
child(struct snapshot_job *job, pid_t parent)
{
	close_others(job->fd);
	for (int number = 1; number < NSIG; number++)
		signal(number, SIG_DFL);
	prctl(PR_SET_PDEATHSIG, (long)SIGKILL, 0L, 0L, 0L);
	if (getppid() != parent) /* it died before we said so */
		_exit(1);
	_exit(job->work(job) == 0 ? 0 : 1);
}

/* Reaped, or not there by then. */
static bool
await(int pidfd, int64_t ms, int *status)
{
	struct pollfd p = {.fd = pidfd, .events = POLLIN};
	struct mono until = mono_add_ms(mono_now(), ms);
	siginfo_t info = {0};
	int64_t left = ms;
	int n;

	do {
		n = poll(&p, 1, (int)left);
		left = ms < 0 ? -1 : mono_diff_ms(until, mono_now());
	} while (n < 0 && errno == EINTR && (ms < 0 || left > 0));
	if (n != 1 || waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED | WNOHANG) != 0 ||
	    info.si_pid == 0)
		return false;
	*status = info.si_code == CLD_EXITED ? info.si_status : -info.si_status;
	return true;
}

static int
judge(struct snapshot_job *job, int status, struct err *err)
{
	if (status == 0)
		return 0;
	if (status < 0)
		return err_set(err, "the process that did it was ended by signal %d", -status);
	*err = job->said->err;
	err->text[sizeof(err->text) - 1] = '\0';
	return -1;
}

int
snapshot_apart(struct snapshot_job *job, int64_t limit_ms, struct err *err)
{
	pid_t self = getpid(), pid = fork();
	int pidfd, status = 0, rc;

	if (pid == 0)
		child(job, self);
	pidfd = pid < 0 ? -1 : pidfd_open(pid, 0);
	if (pidfd < 0) {
		err_errno(err, "no process for a snapshot");
		if (pid > 0 && kill(pid, SIGKILL) == 0)
			waitpid(pid, NULL, 0);
		return -1;
	}
	if (await(pidfd, limit_ms, &status)) {
		rc = judge(job, status, err);
	} else {
		kill(pid, SIGKILL);
		await(pidfd, GONE_MS, &status);
		rc = err_set(err, "it was not done after %lld ms", (long long)limit_ms);
	}
	close(pidfd);
	return rc;
}
