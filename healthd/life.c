/*
 * life: two files a thread. schedstat has nanoseconds, running and waiting, but the wait of one
 * that has not been let run yet is not in it; so the state in stat is looked at as well. Where the
 * kernel keeps no schedstat, the ticks in stat stand in for the time spent running.
 */
#include "healthd/life.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MAX_THREADS 256 /* looked at; more tell nothing new */
#define SHARE 20	/* a sign of life: one such part of the time */

/* The whole of a small file under a directory, as a string; false when it can't be read. */
static bool
read_text(int dir, const char *name, char *text, size_t size)
{
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return false;
	n = read(fd, text, size - 1);
	close(fd);
	if (n <= 0)
		return false;
	text[n] = '\0';
	return true;
}

/* State and ticks used out of a line of stat; the name in it may hold anything, ")" too. */
static bool
parse_stat(const char *text, char *state, unsigned long long *ticks)
{
	const char *at = strrchr(text, ')');
	unsigned long long user, system;

	if (at == NULL ||
	    sscanf(at + 1, " %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu", state, &user,
		&system) != 3)
		return false;
	*ticks = user + system;
	return true;
}

static void
thread_read(int tasks, const char *id, struct life *life)
{
	unsigned long long ran = 0, waited = 0, ticks;
	char text[1024], path[32], state;

	snprintf(path, sizeof(path), "%.20s/stat", id);
	if (!read_text(tasks, path, text, sizeof(text)) || !parse_stat(text, &state, &ticks))
		return; /* it has ended meanwhile */
	life->known = true;
	life->stopped |= state == 'T' || state == 't';
	life->runnable |= state == 'R';
	snprintf(path, sizeof(path), "%.20s/schedstat", id);
	if (read_text(tasks, path, text, sizeof(text)))
		sscanf(text, "%llu %llu", &ran, &waited);
	if (ran == 0)
		ran = ticks * (1000000000ULL / (unsigned long long)sysconf(_SC_CLK_TCK));
	life->spent_us += (int64_t)((ran + waited) / 1000);
}

struct life
life_read(int32_t pid)
{
	struct life life = {.at = mono_now()};
	const struct dirent *e;
	char path[48];
	int threads = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	dir = opendir(path);
	if (dir == NULL)
		return life;
	while (threads < MAX_THREADS && (e = readdir(dir)) != NULL)
		if (e->d_name[0] != '.') {
			thread_read(dirfd(dir), e->d_name, &life);
			threads++;
		}
	closedir(dir);
	return life;
}

bool
life_shown(const struct life *before, const struct life *now)
{
	if (!now->known || now->stopped)
		return false;
	if (now->runnable)
		return true;
	if (!before->known)
		return false;
	/* Less than before: a thread has ended, and by itself. */
	return now->spent_us < before->spent_us ||
	       SHARE * (now->spent_us - before->spent_us) >= mono_diff_us(now->at, before->at);
}
