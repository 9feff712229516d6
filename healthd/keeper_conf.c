#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bgpctl/control.h"
#include "bgpctl/recorder.h"
#include "healthd/keeper.h"
#include "lib/event.h"
#include "lib/file.h"

/*
 * Which configuration runs, and the files around it.
 *
 *	the operator's file		read at start and at reload
 *	state_dir/healthd.conf.good	the last good one, as rendered; only root's is trusted
 *	run_dir/healthd.conf.active	the one in force: keeper and brain read the same, whatever
 *					becomes of the operator's file meanwhile
 *
 * Both directories belong to root and are sticky: the brain may keep its own files there, and can
 * neither replace nor remove ours, one of which names commands that root will run.
 */

#define GOOD_FILE "healthd.conf.good"
#define ACTIVE_FILE "healthd.conf.active"
#define LOCK_FILE "healthd.lock"
#define DEFAULT_STATE_DIR "/var/lib/anypop"
#define GOOD_COLD_MS 2000
#define GOOD_HOT_MS 300 /* what runs has nobody who looks after it meanwhile */

static int
find_identities(const struct settings *s, struct identity *brain, struct identity *worker,
    struct err *err)
{
	if (identity_find(s->user, brain, err) == -1)
		return err_wrap(err, "user");
	if (identity_find(s->workers.user, worker, err) == -1)
		return err_wrap(err, "workers.user");
	return 0;
}

int
keeper_adopt_settings(struct keeper *k, struct arena *arena, const struct settings *s,
    struct err *err)
{
	struct identity brain, worker;

	if (find_identities(s, &brain, &worker, err) == -1)
		return -1;
	arena_free(k->arena);
	k->arena = arena;
	k->settings = *s;
	k->brain_identity = brain;
	k->worker_identity = worker;
	k->n_slots = s->workers.count == 0 ? 0 : (int)(s->workers.count + s->workers.spare);
	snprintf(k->active, sizeof(k->active), "%s/%s", s->site.paths.run_dir, ACTIVE_FILE);
	return 0;
}

static int
load(struct keeper *k, const char *path, struct err *err)
{
	struct arena *arena = arena_new();
	struct settings s = {0};

	if (settings_read(path, &s, arena, err) == 0 &&
	    keeper_adopt_settings(k, arena, &s, err) == 0)
		return 0;
	arena_free(arena);
	return -1;
}

/* A broken file cannot name the directory: a predecessor in this process does, or systemd. */
static void
find_last_good(struct keeper *k)
{
	const char *dir = getenv("STATE_DIRECTORY");

	if (k->good[0] != '\0')
		return;
	if (dir == NULL || dir[0] != '/')
		dir = DEFAULT_STATE_DIR;
	snprintf(k->good, sizeof(k->good), "%.*s/%s", (int)strcspn(dir, ":"), dir, GOOD_FILE);
}

static bool
is_trusted(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid() &&
	    (st.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

int
keeper_configure(struct keeper *k, struct err *err)
{
	struct err again;

	if (load(k, k->path, err) == 0) {
		snprintf(k->good, sizeof(k->good), "%s/%s", k->settings.site.paths.state_dir,
		    GOOD_FILE);
		return 0;
	}
	find_last_good(k);
	if (!is_trusted(k->good) || load(k, k->good, &again) == -1)
		return -1;
	snprintf(k->note, sizeof(k->note), "running on the last good configuration: %.200s",
	    err->text);
	event_say(EVENT_ALARM, "configuration", "%s", k->note);
	return 0;
}

/* Is it the brain's group's already? A file system that is read-only does not let us say so again,
 * and need not. */
static bool
is_given(int fd, const struct identity *brain)
{
	struct stat st;

	return fstat(fd, &st) == 0 && st.st_uid == geteuid() && st.st_gid == brain->gid &&
	       (st.st_mode & 07777) == 01775;
}

/* What a brain of another user has left is the present one's. A file with one name is no link to
 * somebody else's; a socket has nothing in it. */
static void
give_file(int dir, const char *name, const struct identity *brain)
{
	int fd = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC), rc = 0;
	struct stat st;

	if (fd == -1)
		return;
	if (fstat(fd, &st) == -1 || st.st_uid == brain->uid)
		rc = 0;
	else if (S_ISREG(st.st_mode) && st.st_nlink == 1)
		rc = fchownat(fd, "", brain->uid, brain->gid, AT_EMPTY_PATH);
	else if (S_ISSOCK(st.st_mode))
		rc = unlinkat(dir, name, 0);
	if (rc == -1)
		event_say(EVENT_WARN, "directory", "%s is another user's, and cannot be given to "
		    "the brain: %s", name, strerror(errno));
	close(fd);
}

/* The sticky bit keeps the brain from replacing what is not its user's. */
static void
give_files(int dir, const struct identity *brain)
{
	static const char *const names[] = {"brain.state", "brain.limits", "limits.json",
	    "recorder", "recorder" RECORDER_SET_ASIDE, CONTROL_SOCKET, CONTROL_SOCKET ".new"};

	for (size_t i = 0; geteuid() == 0 && i < sizeof(names) / sizeof(names[0]); i++)
		give_file(dir, names[i], brain);
}

static int
prepare_dir(const char *path, const struct identity *brain, struct err *err)
{
	int fd, rc = 0;

	if (file_mkdirs(path, err) == -1)
		return -1;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (brain->change &&
	    (fd == -1 || (!is_given(fd, brain) && (fchown(fd, geteuid(), brain->gid) == -1 ||
						      fchmod(fd, 01775) == -1))))
		rc = err_errno(err, "%s cannot be given to the brain's group", path);
	if (fd != -1 && rc == 0)
		give_files(fd, brain);
	if (fd != -1)
		close(fd);
	return rc;
}

int
keeper_prepare_state_dir(const struct settings *s, struct err *err)
{
	struct identity brain;

	if (identity_find(s->user, &brain, err) == -1)
		return err_wrap(err, "user");
	return prepare_dir(s->site.paths.state_dir, &brain, err);
}

/* After a re-exec it was well until now, and with us all would end that runs. */
static int
prepare_or_go_on(const struct keeper *k, const char *path, struct err *err)
{
	if (prepare_dir(path, &k->brain_identity, err) == 0)
		return 0;
	if (!k->hot)
		return -1;
	event_say(EVENT_ALARM, "directory", "%s", err->text);
	return 0;
}

int
keeper_prepare_dirs(struct keeper *k, struct err *err)
{
	if (prepare_or_go_on(k, k->settings.site.paths.run_dir, err) == -1)
		return -1;
	return prepare_or_go_on(k, k->settings.site.paths.state_dir, err);
}

/* The lock that came through the re-exec, if it is that of this run_dir. */
static bool
is_lock(int fd, const char *path)
{
	struct stat held, there;

	return fd != -1 && fstat(fd, &held) == 0 && stat(path, &there) == 0 &&
	    held.st_dev == there.st_dev && held.st_ino == there.st_ino &&
	    flock(fd, LOCK_EX | LOCK_NB) == 0;
}

int
keeper_lock(struct keeper *k, struct err *err)
{
	char path[KEEPER_PATH], pid[32] = "";
	ssize_t n;

	snprintf(path, sizeof(path), "%s/%s", k->settings.site.paths.run_dir, LOCK_FILE);
	if (is_lock(k->lock_fd, path))
		return fcntl(k->lock_fd, F_SETFD, FD_CLOEXEC);
	if (k->lock_fd != -1)
		close(k->lock_fd);
	k->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (k->lock_fd == -1)
		return err_errno(err, "%s cannot be opened", path);
	if (flock(k->lock_fd, LOCK_EX | LOCK_NB) == -1) {
		n = pread(k->lock_fd, pid, sizeof(pid) - 1, 0);
		pid[n > 0 ? strcspn(pid, "\n") : 0] = '\0';
		return err_set(err, "another healthd runs here already (pid %s holds %s); reload "
		    "that one with SIGHUP, or give this one a paths.run_dir of its own", pid, path);
	}
	snprintf(pid, sizeof(pid), "%d\n", (int)getpid());
	if (ftruncate(k->lock_fd, 0) == -1 ||
	    pwrite(k->lock_fd, pid, strlen(pid), 0) != (ssize_t)strlen(pid))
		return err_errno(err, "%s cannot be written", path);
	return 0;
}

/* For a brain that is not root the file has to be its group's. */
static int
give_to_brain(const struct keeper *k, const char *path, struct err *err)
{
	if (!k->brain_identity.change)
		return 0;
	if (chown(path, geteuid(), k->brain_identity.gid) == -1)
		return err_errno(err, "%s cannot be given to the brain", path);
	return 0;
}

/* What was in force lies there whole. With it what runs goes on; without us it would all end. */
static int
stay_in_force(struct keeper *k, const struct err *why)
{
	struct err err;

	if (!is_trusted(k->active) || load(k, k->active, &err) == -1 ||
	    give_to_brain(k, k->active, &err) == -1)
		return -1;
	snprintf(k->note, sizeof(k->note),
	    "the new configuration is not in force, the one before is: %.190s", why->text);
	event_say(EVENT_ALARM, "configuration", "%s", k->note);
	return 0;
}

_Noreturn static void
keep_good_in_child(const char *path, const char *text, size_t length)
{
	struct err err;

	prctl(PR_SET_PDEATHSIG, (long)SIGKILL, 0L, 0L, 0L);
	close_range(3, ~0U, 0);
	errno = 0;
	if (file_replace(path, text, length, 0600, &err) == 0)
		_exit(0);
	_exit(errno > 0 && errno < 128 ? errno : EIO);
}

void
keeper_good_kept(struct keeper *k, int status)
{
	k->keeping = 0;
	if (WIFEXITED(status) && WEXITSTATUS(status) != 0)
		event_say(EVENT_WARN, "configuration", "the last good one is not kept: %s: %s",
		    k->good, strerror(WEXITSTATUS(status)));
}

/* Without it only a start on a broken file fails, which a full disk must not bring about today, nor
 * one that hangs: a child waits for it, and we for the child, but not for long. */
static void
keep_good(struct keeper *k, const char *text, size_t length)
{
	struct mono until = mono_add_ms(mono_now(), k->hot ? GOOD_HOT_MS : GOOD_COLD_MS);
	int status;

	if (k->keeping != 0) /* an older one, which must not come to lie over this */
		kill(k->keeping, SIGKILL);
	k->keeping = fork();
	if (k->keeping == 0)
		keep_good_in_child(k->good, text, length);
	if (k->keeping == -1) {
		event_say(EVENT_WARN, "configuration", "the last good one is not kept: %s",
		    strerror(errno));
		k->keeping = 0;
	}
	while (k->keeping != 0 && mono_before(mono_now(), until)) {
		if (waitpid(k->keeping, &status, WNOHANG) == k->keeping)
			keeper_good_kept(k, status);
		else
			nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	}
	if (k->keeping != 0)
		event_say(EVENT_ALARM, "configuration", "the disk has not taken the last good one "
		    "yet (%s): pid %d waits for it", k->good, (int)k->keeping);
}

int
keeper_store_configuration(struct keeper *k, struct err *err)
{
	char *text = NULL;
	size_t length = 0;
	FILE *to = open_memstream(&text, &length);
	int rc;

	if (to == NULL)
		return err_errno(err, "no memory for the configuration's text");
	settings_render(to, &k->settings);
	if (fclose(to) != 0) {
		free(text);
		return err_errno(err, "no memory for the configuration's text");
	}
	rc = file_replace_fast(k->active, text, length, 0640, err); /* on tmpfs */
	if (rc == 0)
		rc = give_to_brain(k, k->active, err);
	if (rc == 0 && k->note[0] == '\0')
		keep_good(k, text, length);
	free(text);
	return rc == -1 && k->hot ? stay_in_force(k, err) : rc;
}
