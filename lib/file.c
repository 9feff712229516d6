/*
 * A file is replaced by writing a temporary one beside it and renaming: a reader sees the old bytes
 * or the new ones, never a mixture, and a full disk leaves the old ones. The temporary name is
 * unique per call, so that two writers cannot rename each other's half-written file; it is removed
 * on every error path.
 */
#include "lib/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Up to `max` + 1 bytes, so that the caller can tell "full" from "too large". */
static ssize_t
read_up_to(int fd, char *buf, size_t max)
{
	size_t have = 0;

	while (have <= max) {
		ssize_t n = read(fd, buf + have, max + 1 - have);

		if (n == 0)
			break;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		have += (size_t)n;
	}
	return (ssize_t)have;
}

char *
file_read(const char *path, size_t max, size_t *length, struct err *err)
{
	/* O_NONBLOCK: a FIFO in a file's place must not hang us. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK), saved;
	ssize_t n = -1;
	char *buf;

	if (fd < 0) {
		err_errno(err, "cannot open %s", path);
		return NULL;
	}
	buf = malloc(max + 2);
	if (buf != NULL)
		n = read_up_to(fd, buf, max);
	if (n < 0)
		err_errno(err, "cannot read %s", path);
	saved = errno;
	if (n > (ssize_t)max) {
		err_set(err, "%s is larger than %zu bytes", path, max);
		saved = EFBIG;
		n = -1;
	}
	close(fd);
	if (n < 0) {
		free(buf);
		errno = saved;
		return NULL;
	}
	buf[n] = '\0';
	if (length != NULL)
		*length = (size_t)n;
	return buf;
}

static int
write_all(int fd, const char *data, size_t length)
{
	while (length > 0) {
		ssize_t n = write(fd, data, length);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		data += n;
		length -= (size_t)n;
	}
	return 0;
}

/* The new name is durable only once the directory is. */
static int
sync_parent(const char *path)
{
	char dir[PATH_MAX];
	const char *slash = strrchr(path, '/');
	int fd, rc;

	if (slash == NULL)
		snprintf(dir, sizeof(dir), ".");
	else
		snprintf(dir, sizeof(dir), "%.*s", slash == path ? 1 : (int)(slash - path), path);
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	rc = fsync(fd);
	close(fd);
	return rc;
}

static int
fill(int fd, const void *data, size_t length, mode_t mode, bool sync)
{
	if (fchmod(fd, mode) < 0 || write_all(fd, data, length) < 0)
		return -1;
	return sync ? fsync(fd) : 0;
}

static int
replace(const char *path, const void *data, size_t length, mode_t mode, bool sync,
    struct err *err)
{
	char temp[PATH_MAX];
	int fd, rc, saved;

	if (snprintf(temp, sizeof(temp), "%s.XXXXXX", path) >= (int)sizeof(temp))
		return err_set(err, "cannot write %s: the path is too long", path);
	fd = mkostemp(temp, O_CLOEXEC);
	if (fd < 0)
		return err_errno(err, "cannot write a file beside %s", path);
	rc = fill(fd, data, length, mode, sync);
	saved = errno;
	if (close(fd) < 0 && rc == 0) {
		rc = -1;
		saved = errno;
	}
	if (rc == 0 && rename(temp, path) < 0) {
		rc = -1;
		saved = errno;
	}
	if (rc < 0) {
		unlink(temp);
		errno = saved;
		return err_errno(err, "cannot write %s", path);
	}
	if (sync && sync_parent(path) < 0)
		return err_errno(err, "cannot sync the directory of %s", path);
	return 0;
}

int
file_replace(const char *path, const void *data, size_t length, mode_t mode, struct err *err)
{
	return replace(path, data, length, mode, true, err);
}

int
file_replace_fast(const char *path, const void *data, size_t length, mode_t mode, struct err *err)
{
	return replace(path, data, length, mode, false, err);
}

int
file_mkdirs(const char *path, struct err *err)
{
	char part[PATH_MAX];
	struct stat st;
	size_t i, n = strlen(path);

	if (n == 0 || n >= sizeof(part))
		return err_set(err, "cannot make the directory \"%s\": the path is %s", path,
		    n == 0 ? "empty" : "too long");
	memcpy(part, path, n + 1);
	for (i = 1; i <= n; i++) {
		if (part[i] != '/' && part[i] != '\0')
			continue;
		part[i] = '\0';
		/* Judged by what is there, not by errno: a read-only parent says EROFS or EACCES
		 * for a directory that exists. */
		if (mkdir(part, 0755) < 0) {
			int saved = errno;

			if (stat(part, &st) < 0 || !S_ISDIR(st.st_mode)) {
				errno = saved;
				return err_errno(err, "cannot make the directory %s", part);
			}
		}
		if (i < n)
			part[i] = '/';
	}
	return 0;
}
