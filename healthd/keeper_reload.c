#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "healthd/keeper.h"
#include "lib/event.h"

/*
 * Reload and upgrade are one path:
 *
 *	check	the configuration, by the code that runs now; broken: nothing moves
 *	try	the binary that would run, on that configuration (healthd -t); else nothing moves
 *	yield	the brain saves its state and leaves
 *	exec	ourselves in place: same pid, same children, same lock
 *
 * and the next brain adopts what the last one saved.
 */

#define TRIAL_LIMIT_MS 5000

static void
told(struct keeper *k)
{
	keeper_tell(k, "READY=1");
}

static void
refuse(struct keeper *k, const char *why)
{
	k->phase = KEEPER_RUN;
	slots_trim_later(k); /* the trial had their timer */
	snprintf(k->note, sizeof(k->note), "reload refused, nothing has changed: %s", why);
	event_say(EVENT_ALARM, "reload", "%s", k->note);
	brain_note(k);
	told(k);
}

/* Gates are numbered by rung, so other rungs would turn an open gate into another rung's. */
static bool
same_rungs(const struct site *a, const struct site *b)
{
	if (a->n_rungs != b->n_rungs)
		return false;
	for (int i = 0; i < a->n_rungs; i++)
		if (strcmp(a->rungs[i].name, b->rungs[i].name) != 0)
			return false;
	return true;
}

/* Reads the file for its errors alone, and for what would keep the next keeper from starting. */
static int
check(const struct keeper *k, struct err *err)
{
	struct arena *arena = arena_new();
	struct settings s = {0};
	struct identity id;
	int rc;

	rc = settings_read(k->path, &s, arena, err);
	if (rc == 0)
		rc = identity_find(s.user, &id, err);
	if (rc == 0)
		rc = identity_find(s.workers.user, &id, err);
	if (rc == 0 && strcmp(s.site.paths.run_dir, k->settings.site.paths.run_dir) != 0)
		rc = err_set(err, "%s: paths.run_dir cannot change while healthd runs; restart it",
		    k->path);
	if (rc == 0 && !same_rungs(&s.site, &k->settings.site))
		rc = err_set(err,
		    "%s: names, number and order of the rungs cannot change while healthd runs; "
		    "`bgpctl bird apply` and restart it",
		    k->path);
	/* The old ones would stay on the addresses of the new ones. */
	if (rc == 0 && keeper_own_workers(&s) != keeper_own_workers(&k->settings))
		rc = err_set(err, "%s: our own workers cannot take the place of others, or the "
		    "other way round, while healthd runs; restart it", k->path);
	/* Whatever is announced would stay so, with nobody to take it back. */
	if (rc == 0 && s.mode == MODE_OBSERVE && k->settings.mode == MODE_DRIVE)
		rc = err_set(err, "%s: mode cannot change from drive to observe while healthd "
		    "runs; stop it, which withdraws, and start it again", k->path);
	if (rc == 0 && strcmp(s.site.paths.state_dir, k->settings.site.paths.state_dir) != 0)
		rc = keeper_prepare_state_dir(&s, err);
	arena_free(arena);
	return rc;
}

void
reload_begin(struct keeper *k, const char *who)
{
	const char *argv[] = {k->exe, "-t", "-c", k->path};
	struct identity stay = {0};
	struct spawn s = {
		.argv = argv, .n_argv = 4, .index = -1, .identity = &stay,
		.oom_score_adj = SPAWN_OOM_KEEP,
	};
	struct err err;
	int why;

	if (k->phase != KEEPER_RUN) {
		event_say(EVENT_NOTICE, "reload", "%s: one is under way already", who);
		return;
	}
	/* The set that is being made would be lost with it, or half of it left. */
	if (holder_runs(k)) {
		event_say(EVENT_NOTICE, "reload", "%s: when `resolver hold` has ended", who);
		k->reload_later = true;
		return;
	}
	event_say(EVENT_NOTICE, "reload", "asked for by %s", who);
	keeper_tell(k, "RELOADING=1\nMONOTONIC_USEC=%" PRId64, mono_now().us);
	if (check(k, &err) == -1) {
		refuse(k, err.text);
		return;
	}
	why = spawn(&s, &k->trial);
	if (why != 0) {
		err_set(&err, "%s cannot be started: %s", k->exe, strerror(why));
		refuse(k, err.text);
		return;
	}
	k->phase = KEEPER_TRYING;
	keeper_set_timer(k, &k->phase_timer, TRIAL_LIMIT_MS);
}

void
reload_timeout(struct keeper *k)
{
	kill(-k->trial, SIGKILL);
	kill(k->trial, SIGKILL); /* reload_tried() follows */
}

void
reload_tried(struct keeper *k, int status)
{
	struct err err;

	k->trial = 0;
	if (k->phase != KEEPER_TRYING)
		return;
	keeper_set_timer(k, &k->phase_timer, -1);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
		refuse(k, "the binary to come does not accept the configuration, or does not run");
		return;
	}
	/* Read anew: the file may have been written again meanwhile. */
	if (check(k, &err) == -1) {
		refuse(k, err.text);
		return;
	}
	k->note[0] = '\0';
	k->phase = KEEPER_YIELDING;
	brain_yield(k);
}

/* Gates of rungs and services that the new configuration does not name would stay for ever. */
static void
drop_gates(struct keeper *k)
{
	struct arena *arena = arena_new();
	struct settings s = {0};
	struct err err;

	if (settings_read(k->path, &s, arena, &err) == 0)
		gates_remove(k, &s.site);
	arena_free(arena);
}

static void
held_inherit(const struct keeper *k, bool inherit)
{
	for (int i = 0; i < k->held.n; i++)
		fcntl(k->held.all[i].fd, F_SETFD, inherit ? 0 : FD_CLOEXEC);
}

/* No brain runs. Comes back only when the exec failed; then life goes on as it was. */
void
reload_exec(struct keeper *k)
{
	char *const argv[] = {k->exe, "-c", (char *)(uintptr_t)k->path, NULL};
	char value[32];
	struct err err;
	sigset_t all, before;
	int hand;

	drop_gates(k);
	/* Blocked signals stay so over the exec: they wait for the next keeper's handlers. */
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	hand = hand_write(k, &err);
	held_inherit(k, true);
	if (hand != -1 && fcntl(k->lock_fd, F_SETFD, 0) == 0) {
		snprintf(value, sizeof(value), "%d,%d", hand, k->lock_fd);
		setenv(HAND_ENV, value, 1);
		execv(k->exe, argv);
		err_errno(&err, "%s", k->exe);
		unsetenv(HAND_ENV);
		fcntl(k->lock_fd, F_SETFD, FD_CLOEXEC);
	}
	held_inherit(k, false);
	if (hand != -1)
		close(hand);
	sigprocmask(SIG_SETMASK, &before, NULL);
	refuse(k, err.text);
	brain_again(k);
}
