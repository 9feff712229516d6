/*
 * sealed: memfds of a fixed size.
 */
#include "lib/sealed.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U /* Linux 6.3, which also asks that one says so or the contrary */
#endif

static int
memory_open(const char *name)
{
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);

	if (fd < 0 && errno == EINVAL)
		fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	return fd;
}

int
sealed_make(const char *name, size_t bytes, struct err *err)
{
	int fd = memory_open(name), failed;

	if (fd < 0)
		return err_errno(err, "can't make shared memory \"%s\"", name);
	if (fchmod(fd, 0600) != 0 || ftruncate(fd, (off_t)bytes) != 0) {
		err_errno(err, "can't set up shared memory \"%s\"", name);
		goto fail;
	}
	failed = posix_fallocate(fd, 0, (off_t)bytes);
	if (failed != 0) {
		errno = failed;
		err_errno(err, "no memory for %zu bytes of \"%s\"; give it less", bytes, name);
		goto fail;
	}
	if (fcntl(fd, F_ADD_SEALS, SEALS) != 0) {
		err_errno(err, "can't seal shared memory \"%s\"", name);
		goto fail;
	}
	return fd;
fail:
	close(fd);
	return -1;
}

static int
reopen(int fd, int access, struct err *err)
{
	char path[40];
	int again;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	again = open(path, access | O_CLOEXEC);
	if (again < 0)
		return err_errno(err, "can't reopen shared memory by %s", path);
	return again;
}

int
sealed_reopen(int fd, struct err *err)
{
	return reopen(fd, O_RDONLY, err);
}

int
sealed_reopen_own(int fd, struct err *err)
{
	return reopen(fd, O_RDWR, err);
}

int
sealed_size(int fd, size_t *bytes, struct err *err)
{
	int seals = fcntl(fd, F_GET_SEALS);
	struct stat st;

	if (seals < 0 || fstat(fd, &st) != 0)
		return err_errno(err, "descriptor %d is no shared memory", fd);
	if ((seals & F_SEAL_SHRINK) == 0 || (seals & F_SEAL_GROW) == 0)
		return err_set(err, "the shared memory of descriptor %d is not sealed", fd);
	*bytes = (size_t)st.st_size;
	return 0;
}

void *
sealed_map(int fd, bool writable, size_t *bytes, struct err *err)
{
	void *memory;

	if (sealed_size(fd, bytes, err) != 0)
		return NULL;
	memory = mmap(NULL, *bytes, PROT_READ | (writable ? PROT_WRITE : 0), MAP_SHARED, fd, 0);
	if (memory == MAP_FAILED) {
		err_errno(err, "can't map the shared memory of descriptor %d", fd);
		return NULL;
	}
	return memory;
}
