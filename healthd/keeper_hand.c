#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "healthd/keeper.h"

/*
 * What a keeper tells its successor in the same process: lines of text in a sealed memfd, so that a
 * later release can read what an earlier one wrote. A line of an unknown word is skipped; a first
 * line of another version, a broken line or a missing last line make the whole worthless, and the
 * successor then starts clean.
 */

#define HAND_VERSION 1
#define HAND_BYTES (HELD_MAX * (HELD_NAME + 16) + MAX_SLOTS * 64 + 1024)
#define HAND_SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL)

int
hand_write(const struct keeper *k, struct err *err)
{
	int fd = memfd_create("anypop-handover", MFD_ALLOW_SEALING);

	if (fd == -1)
		return err_errno(err, "no memory file for the handover");
	dprintf(fd, "anypop-handover %d\n", HAND_VERSION);
	dprintf(fd, "none %" PRId64 "\n", k->none_since.us);
	dprintf(fd, "good %s\n", k->good);
	dprintf(fd, "undead %d\n", (int)k->brain.undead);
	dprintf(fd, "keeping %d\n", (int)k->keeping);
	dprintf(fd, "engines %d\n", k->n_engines);
	dprintf(fd, "snapshot %d %d\n", (int)k->snapshot, k->snapshot_s);
	dprintf(fd, "snapshots %" PRIu64 " %" PRIu64 " %" PRId64 " %" PRId64 " %" PRId64 "\n",
	    k->snapshots.written, k->snapshots.failed, k->snapshots.written_at.us,
	    k->snapshots.entries, k->snapshots.bytes);
	for (int i = 0; i < k->held.n; i++)
		dprintf(fd, "held %s %d\n", k->held.all[i].name, k->held.all[i].fd);
	for (int i = 0; i < MAX_SLOTS; i++)
		if (k->slots[i].pid != 0)
			dprintf(fd, "slot %d %d %" PRId64 " %d\n", i, (int)k->slots[i].pid,
			    k->slots[i].started_at.us, k->slots[i].ready);
	dprintf(fd, "end\n");
	if (fcntl(fd, F_ADD_SEALS, HAND_SEALS) == -1) {
		close(fd);
		return err_errno(err, "the handover cannot be sealed");
	}
	return fd;
}

/* A child of ours, alive or not yet reaped: nobody else's process can pass. */
static bool
is_child(pid_t pid)
{
	siginfo_t info;

	return pid > 0 && waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

static int
read_slot(struct keeper *k, const char *line, struct err *err)
{
	int slot, pid, ready;
	int64_t at;

	if (sscanf(line, "slot %d %d %" SCNd64 " %d", &slot, &pid, &at, &ready) != 4 ||
	    slot < 0 || slot >= MAX_SLOTS || k->slots[slot].pid != 0 || !is_child(pid) ||
	    slot_find(k, pid) != -1)
		return err_set(err, "the handover's line \"%s\" cannot be", line);
	k->slots[slot] = (struct slot){.pid = pid, .started_at = {at}, .ready = ready != 0};
	return 0;
}

/* It is open, and above those that every process has: that much is known of it here. */
static int
read_held(struct keeper *k, const char *line, struct err *err)
{
	char name[HELD_NAME];
	int fd;

	if (sscanf(line, "held %31s %d", name, &fd) != 2 || fd <= 2 || fcntl(fd, F_GETFD) == -1)
		return err_set(err, "the handover's line \"%s\" cannot be", line);
	return held_add(&k->held, name, fd, err);
}

static void
read_snapshot(struct keeper *k, pid_t pid, int every_s)
{
	k->snapshot = is_child(pid) ? pid : 0;
	k->snapshot_s = every_s >= 0 ? every_s : -1;
}

/* One that counts in another way is begun anew: it is only counts. */
static void
read_snapshots(struct keeper *k, const char *line)
{
	struct snapshots s;

	if (sscanf(line, "snapshots %" SCNu64 " %" SCNu64 " %" SCNd64 " %" SCNd64 " %" SCNd64,
		&s.written, &s.failed, &s.written_at.us, &s.entries, &s.bytes) == 5)
		k->snapshots = s;
}

static int
read_line(struct keeper *k, const char *line, bool *ended, struct err *err)
{
	int number, every_s;

	if (strncmp(line, "slot ", 5) == 0)
		return read_slot(k, line, err);
	if (strncmp(line, "held ", 5) == 0)
		return read_held(k, line, err);
	if (sscanf(line, "undead %d", &number) == 1)
		k->brain.undead = is_child(number) ? number : 0;
	else if (sscanf(line, "keeping %d", &number) == 1)
		k->keeping = is_child(number) ? number : 0;
	else if (sscanf(line, "engines %d", &number) == 1)
		k->n_engines = number >= 0 && number <= MAX_ENGINES ? number : 0;
	else if (sscanf(line, "snapshot %d %d", &number, &every_s) == 2)
		read_snapshot(k, number, every_s);
	else if (strncmp(line, "snapshots ", 10) == 0)
		read_snapshots(k, line);
	else if (strncmp(line, "good ", 5) == 0)
		snprintf(k->good, sizeof(k->good), "%s", line + 5);
	else if (strncmp(line, "none ", 5) == 0)
		k->none_since.us = strtoll(line + 5, NULL, 10);
	else if (strcmp(line, "end") == 0)
		*ended = true;
	return 0;
}

static int
read_lines(struct keeper *k, char *text, struct err *err)
{
	char *save = NULL, *line = strtok_r(text, "\n", &save);
	bool ended = false;
	int version;

	if (line == NULL || sscanf(line, "anypop-handover %d", &version) != 1)
		return err_set(err, "the handover is not one");
	if (version != HAND_VERSION)
		return err_set(err, "the handover has version %d, this release knows %d", version,
		    HAND_VERSION);
	while ((line = strtok_r(NULL, "\n", &save)) != NULL)
		if (read_line(k, line, &ended, err) == -1)
			return -1;
	if (!ended)
		return err_set(err, "the handover has no end");
	return 0;
}

int
hand_read(struct keeper *k, int fd, struct err *err)
{
	static char text[HAND_BYTES]; /* read once in a process's life */
	ssize_t n;

	if (fcntl(fd, F_GET_SEALS) != HAND_SEALS)
		return err_set(err, "the handover is not sealed");
	n = pread(fd, text, sizeof(text) - 1, 0);
	if (n <= 0 || n == (ssize_t)sizeof(text) - 1)
		return err_set(err, "the handover cannot be read");
	text[n] = '\0';
	if (read_lines(k, text, err) == 0)
		return 0;
	memset(k->slots, 0, sizeof(k->slots));
	held_fini(&k->held);
	k->n_engines = 0;
	k->snapshot = 0;
	k->snapshot_s = -1;
	k->snapshots = (struct snapshots){0};
	k->brain.undead = k->keeping = 0;
	k->none_since = MONO_NEVER;
	return -1;
}
