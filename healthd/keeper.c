#include "healthd/keeper.h"

#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "healthd/notify.h"
#include "lib/event.h"

/*
 * The start, the signals and the reaping; who does what else is said in keeper.h.
 *
 * A loop of our own (not libev's default one) because the default loop reaps children by itself.
 */

#define TELL_WAIT_MS 200

void
keeper_tell(struct keeper *k, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	/* One that does not read is waited for once, and again when it has read. */
	k->unheard = !notify_send(text, -1, k->unheard ? 0 : TELL_WAIT_MS);
}

void
keeper_set_timer(struct keeper *k, ev_timer *timer, int64_t ms)
{
	ev_timer_stop(k->loop, timer);
	if (ms < 0)
		return;
	ev_now_update(k->loop);
	ev_timer_set(timer, (double)ms / 1e3, 0.);
	ev_timer_start(k->loop, timer);
}

static void
reap_one(struct keeper *k, pid_t pid, int status)
{
	int slot = slot_find(k, pid);

	if (pid == k->brain.pid) {
		brain_gone(k, status);
	} else if (slot != -1) {
		slot_gone(k, slot, pid, status);
	} else if (pid == k->brain.undead) {
		k->brain.undead = 0;
	} else if (pid == k->trial) {
		reload_tried(k, status);
	} else if (pid == k->drainer) {
		k->drainer = 0;
		gates_drained(k, WIFEXITED(status) && WEXITSTATUS(status) == 0);
		if (k->brain.state == BRAIN_NONE && k->phase <= KEEPER_TRYING)
			brain_again(k);
	} else if (pid == k->holder.pid) {
		k->holder.pid = 0; /* what it has said tells the rest */
	} else if (pid == k->snapshot) {
		snapshot_gone(k, status);
	} else if (pid == k->keeping) {
		keeper_good_kept(k, status);
	} else if (k->purging) {
		orphans_kill(k);
	}
}

void
keeper_reap(struct keeper *k)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		reap_one(k, pid, status);
}

static void
on_signal(struct ev_loop *loop, ev_signal *signal, int events)
{
	struct keeper *k = signal->data;

	(void)loop;
	(void)events;
	switch (signal->signum) {
	case SIGCHLD:
		keeper_reap(k);
		break;
	case SIGHUP:
		reload_begin(k, "SIGHUP");
		break;
	case SIGTERM:
		stop_begin(k, "SIGTERM");
		break;
	case SIGINT:
		stop_begin(k, "SIGINT");
		break;
	}
}

static void
on_reflex(struct ev_loop *loop, ev_timer *timer, int events)
{
	(void)loop;
	(void)events;
	gates_reflex(timer->data);
}

/* That this runs is what the watchdog is to know: a brain that does not is our own business. */
static void
on_watchdog(struct ev_loop *loop, ev_timer *timer, int events)
{
	(void)loop;
	(void)events;
	keeper_tell(timer->data, "WATCHDOG=1");
}

static void
on_phase_timer(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct keeper *k = timer->data;

	(void)loop;
	(void)events;
	switch (k->phase) {
	case KEEPER_RUN:
	case KEEPER_YIELDING:
		slots_trim(k, true);
		break;
	case KEEPER_TRYING:
		reload_timeout(k);
		break;
	case KEEPER_DRAINING:
	case KEEPER_STOPPING:
		stop_timeout(k);
		break;
	}
}

static void
watch_signal(struct keeper *k, ev_signal *w, int number)
{
	ev_signal_init(w, on_signal, number);
	w->data = k;
	ev_signal_start(k->loop, w);
}

static void
watch(struct keeper *k)
{
	uint64_t usec;
	sigset_t none;

	ev_init(&k->reflex, on_reflex);
	k->reflex.data = k;
	ev_init(&k->phase_timer, on_phase_timer);
	k->phase_timer.data = k;
	ev_init(&k->watchdog, on_watchdog);
	k->watchdog.data = k;
	brain_init(k);
	steer_init(k);
	snapshot_init(k);
	holder_init(k);
	signal(SIGPIPE, SIG_IGN);
	watch_signal(k, &k->chld, SIGCHLD);
	watch_signal(k, &k->hup, SIGHUP);
	watch_signal(k, &k->term, SIGTERM);
	watch_signal(k, &k->intr, SIGINT);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (sd_watchdog_enabled(0, &usec) > 0) {
		ev_timer_set(&k->watchdog, 0., (double)usec / 3e6);
		ev_timer_start(k->loop, &k->watchdog);
	}
}

static int
find_binaries(struct keeper *k, struct err *err)
{
	ssize_t n = readlink("/proc/self/exe", k->exe, sizeof(k->exe) - 1);
	char copy[KEEPER_PATH];

	if (n <= 0)
		return err_errno(err, "/proc/self/exe cannot be read; is /proc mounted?");
	k->exe[n] = '\0';
	snprintf(copy, sizeof(copy), "%s", k->exe);
	snprintf(k->resolver_exe, sizeof(k->resolver_exe), "%.*s/resolver", KEEPER_PATH - 16,
	    dirname(copy));
	if (keeper_own_workers(&k->settings) && access(k->resolver_exe, X_OK) == -1)
		return err_set(err, "workers.resolver is set, and there is no %s; install anypop "
		    "whole", k->resolver_exe);
	if ((size_t)snprintf(k->brain_exe, sizeof(k->brain_exe), "%s/healthd-brain",
	    copy) >= sizeof(k->brain_exe))
		return err_set(err, "%s: the path is too long", k->exe);
	if (access(k->brain_exe, X_OK) == 0)
		return 0;
	snprintf(k->brain_exe, sizeof(k->brain_exe), "%s/healthd-brain", ANYPOP_LIBEXEC);
	if (access(k->brain_exe, X_OK) == 0)
		return 0;
	return err_set(err, "healthd-brain is neither beside %s nor in %s; install anypop whole",
	    k->exe, ANYPOP_LIBEXEC);
}

/* Says all that is missing at once. */
static int
check_rights(const struct keeper *k, struct err *err)
{
	bool drive = k->settings.mode == MODE_DRIVE;
	bool change = k->brain_identity.change || k->worker_identity.change;
	const struct {
		unsigned cap;
		bool needed;
		const char *name, *what;
	} rights[] = {
		{CAP_NET_ADMIN, drive, "CAP_NET_ADMIN", "to hold the gates"},
		{CAP_SETUID, change, "CAP_SETUID", "to start brain and workers as their users"},
		{CAP_SETGID, change, "CAP_SETGID", "to start brain and workers in their groups"},
		{CAP_KILL, change, "CAP_KILL", "to stop them again"},
	};
	char missing[200] = "";
	size_t at = 0;

	if (capng_get_caps_process() != 0)
		return err_set(err, "the capabilities of this process cannot be read");
	for (size_t i = 0; i < sizeof(rights) / sizeof(rights[0]); i++)
		if (rights[i].needed && !capng_have_capability(CAPNG_EFFECTIVE, rights[i].cap))
			at += (size_t)snprintf(missing + at, sizeof(missing) - at, "%s%s (%s)",
			    at > 0 ? ", " : "", rights[i].name, rights[i].what);
	if (at == 0)
		return 0;
	return err_set(err, "healthd lacks %s: start it as root, or by its unit (systemctl start "
	    "healthd); \"healthd -n\" needs no rights", missing);
}

/* From a predecessor in this process its children and all that it held, or from the service
 * manager's store what a dead one had put there. */
static void
take_over(struct keeper *k)
{
	const char *hand = getenv(HAND_ENV);
	int fd = -1, lock = -1;
	struct err err = {.text = "its environment is broken"};

	k->lock_fd = k->snapshot_s = k->snapshot_reply = -1;
	if (hand != NULL && sscanf(hand, "%d,%d", &fd, &lock) == 2 && fd > 2 && lock > 2) {
		k->lock_fd = lock;
		k->hot = hand_read(k, fd, &err) == 0;
		close(fd);
	}
	if (hand != NULL && !k->hot)
		event_say(EVENT_ALARM, "handover", "%s; starting clean", err.text);
	unsetenv(HAND_ENV);
	if (!k->hot && held_from_env(&k->held, &err) == -1)
		event_say(EVENT_ALARM, "handover", "%s; starting without it", err.text);
}

/* Nothing that a careless parent left open is to reach our children or hold our lock. */
static int
by_number(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

static void
close_strangers(const struct keeper *k)
{
	static int known[HELD_MAX + 1];
	unsigned from = 3;
	int n = 0;

	for (int i = 0; i < k->held.n; i++)
		known[n++] = k->held.all[i].fd;
	if (k->lock_fd != -1)
		known[n++] = k->lock_fd;
	qsort(known, (size_t)n, sizeof(known[0]), by_number);
	for (int i = 0; i < n; i++) {
		if ((unsigned)known[i] > from)
			close_range(from, (unsigned)known[i] - 1, 0);
		from = (unsigned)known[i] + 1;
	}
	close_range(from, ~0U, 0);
}

static int
refuse_start(const struct err *err, int status)
{
	fprintf(stderr, "healthd: %s\n", err->text);
	return status;
}

static int
prepare(struct keeper *k, struct err *err)
{
	if (check_rights(k, err) == -1 || find_binaries(k, err) == -1 ||
	    keeper_prepare_dirs(k, err) == -1 || keeper_lock(k, err) == -1 ||
	    keeper_store_configuration(k, err) == -1)
		return -1;
	if (prctl(PR_SET_CHILD_SUBREAPER, 1L, 0L, 0L, 0L) == -1)
		return err_errno(err, "this kernel knows no child subreaper");
	return 0;
}

static void
clean_up_after_predecessor(struct keeper *k)
{
	char path[KEEPER_PATH];

	snprintf(path, sizeof(path), "%s/clean", k->settings.site.paths.run_dir);
	unlink(path);
	if (k->hot)
		return;
	k->none_since = mono_now();
	orphans_end(k);
	children_kill_stale(k);
}

/* Where a careless parent has closed them, what we open would get their numbers: no successor would
 * believe that we hand these over, and a child would get them as its input and output. */
static void
open_standard(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd < 2);
	if (fd > 2)
		close(fd);
}

int
keeper_run(const char *path)
{
	static struct keeper keeper; /* zeroed, and too large for the stack of a small process */
	struct keeper *k = &keeper;
	struct err err;
	sigset_t all;

	/* Until the handlers are there signals wait; some may wait since before our exec. */
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	k->path = path;
	open_standard();
	take_over(k);
	close_strangers(k);
	event_open("healthd", EVENT_NOTICE);
	if (keeper_configure(k, &err) == -1)
		return refuse_start(&err, KEEPER_EXIT_CONFIG);
	event_open("healthd", (enum event_level)k->settings.log_level);
	if (prepare(k, &err) == -1)
		return refuse_start(&err, 1);
	gates_start(k);
	clean_up_after_predecessor(k);
	if (hold_begin(k, &err) == -1)
		return refuse_start(&err, 1);
	k->loop = ev_loop_new(EVFLAG_AUTO | EVFLAG_NOENV);
	if (k->loop == NULL)
		return refuse_start(&(struct err){"no event loop: out of descriptors"}, 1);
	watch(k);
	keeper_reap(k);
	slots_trim(k, false);
	steer_start(k);
	snapshot_start(k);
	gates_reflex(k);
	brain_start_soon(k, 0);
	hold_again(k);
	ev_run(k->loop, 0);
	return k->exit_status;
}
