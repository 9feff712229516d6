#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "healthd/keeper.h"

/*
 * One run of `resolver hold`: it gets what is held, and sends back what is to be. At a cold start
 * nobody runs yet who would have to be looked after, and it is waited for. At a reload it runs
 * beside the loop, which goes on with what was handed over; hold_made() is told of its end.
 *
 * It has said all it had to say with "done", with an error, or when its time is up; then it is
 * killed, and reaped like every child.
 */

#define LIMIT_MS 60000	      /* shards of many gigabytes take their time */
#define RELOAD_LIMIT_MS 10000 /* what runs is not what is configured meanwhile */
#define SIGN_EACH_MS 1000     /* of life, for the service manager's watchdog */

/* ---- what it says ---------------------------------------------------------------------------- */

/* What goes in besides the names: the engines' number, where workers listen for probes, how often
 * the cache is written to its file. */
static int
take_done(struct keeper *k, const char *note, struct err *err)
{
	const struct settings *s = &k->settings;
	char probe[64];
	int engines, port, every_s;

	if (sscanf(note, "engines=%d probe=%63s %d snapshot=%d", &engines, probe, &port,
		&every_s) != 4 ||
	    engines < 1 || engines > MAX_ENGINES || every_s < -1)
		return err_set(err,
		    "`resolver hold` says \"%.80s\", which this release does not "
		    "understand; install anypop whole",
		    note);
	if (strcmp(probe, s->workers.probe_address) != 0 || port != s->workers.probe_port)
		return err_set(err,
		    "workers.probe_address and probe_port are %s and %lld here, and "
		    "%s and %d in %s; make them the same",
		    s->workers.probe_address, (long long)s->workers.probe_port, probe, port,
		    s->workers.resolver);
	k->holder.n_engines = engines;
	k->holder.snapshot_s = every_s;
	return 0;
}

/* 1: more to come, 0: done, -1. */
static int
take_packet(struct keeper *k, struct err *err)
{
	char name[HELD_NAME], note[HELD_TEXT];
	int fd, n;

	n = held_receive(k->holder.fd, name, &fd, note);
	if (n == -1 && errno == EAGAIN)
		return 1;
	if (n == -1)
		return err_errno(err, "what `resolver hold` sends cannot be read");
	if (n == 0)
		return err_set(err, "`resolver hold` ended without a word");
	if (fd != -1)
		return held_add(&k->holder.got, name, fd, err) == 0 ? 1 : -1;
	if (strcmp(name, "done") == 0)
		return take_done(k, note, err);
	return err_set(err, "%.480s", note);
}

/* ---- its start and its end ------------------------------------------------------------------- */

/* All that is held, but for the board, which is ours, and the socket for the answer. */
static struct held_one *
input(const struct keeper *k, int reply, int *n)
{
	struct held_one *all = calloc((size_t)k->held.n + 1, sizeof(*all));

	*n = 0;
	if (all == NULL)
		return NULL;
	for (int i = 0; i < k->held.n; i++)
		if (strcmp(k->held.all[i].name, HELD_BOARD) != 0)
			all[(*n)++] = k->held.all[i];
	all[(*n)++] = (struct held_one){"reply", reply};
	return all;
}

/* 0 or an errno. */
static int
spawn_hold(struct keeper *k, int reply)
{
	char slots[16];
	const char *argv[] = {k->resolver_exe, "-c", k->settings.workers.resolver, "hold", slots};
	const struct identity stay = {0};
	struct spawn s = {
	    .argv = argv,
	    .n_argv = 5,
	    .index = -1,
	    .identity = &stay,
	    .oom_score_adj = SPAWN_OOM_KEEP,
	};
	struct held_one *all = input(k, reply, &s.n_held);
	int why;

	snprintf(slots, sizeof(slots), "%d", k->n_slots);
	s.held = all;
	why = all != NULL ? spawn(&s, &k->holder.pid) : ENOMEM;
	free(all);
	return why;
}

/* Only our end never waits: it is read when there is something, and by nobody else. */
static int
begin(struct keeper *k, struct err *err)
{
	struct holder *h = &k->holder;
	int pair[2], why;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == -1)
		return err_errno(err, "no socket for `resolver hold`");
	fcntl(pair[0], F_SETFL, O_NONBLOCK);
	held_make_room();
	why = spawn_hold(k, pair[1]);
	close(pair[1]);
	if (why == 0) {
		h->fd = pair[0];
		return 0;
	}
	close(pair[0]);
	errno = why;
	return err_errno(err, "%s cannot be started", k->resolver_exe);
}

static void
end(struct holder *h)
{
	close(h->fd);
	h->fd = -1;
	if (h->pid == 0)
		return;
	kill(-h->pid, SIGKILL);
	kill(h->pid, SIGKILL);
}

static int
too_long(int64_t limit_ms, const char *mend, struct err *err)
{
	return err_set(
	    err, "`resolver hold` has not ended after %lld s%s", (long long)limit_ms / 1000, mend);
}

/* ---- waited for ------------------------------------------------------------------------------ */

static int
take_all(struct keeper *k, struct err *err)
{
	struct mono until = mono_add_ms(mono_now(), LIMIT_MS);
	struct pollfd p = {.fd = k->holder.fd, .events = POLLIN};
	int more = 1;

	while (more == 1) {
		if (!mono_before(mono_now(), until))
			return too_long(LIMIT_MS, "", err);
		if (poll(&p, 1, SIGN_EACH_MS) == 1)
			more = take_packet(k, err);
		else
			keeper_tell(k, "WATCHDOG=1");
	}
	return more;
}

int
holder_wait(struct keeper *k, struct err *err)
{
	int rc;

	keeper_tell(k, "EXTEND_TIMEOUT_USEC=%d", LIMIT_MS * 1000 + 5000000);
	if (begin(k, err) == -1)
		return -1;
	rc = take_all(k, err);
	end(&k->holder);
	while (waitpid(k->holder.pid, NULL, 0) == -1 && errno == EINTR)
		;
	k->holder.pid = 0;
	return rc;
}

/* ---- beside the loop ------------------------------------------------------------------------- */

static void
stop(struct keeper *k)
{
	ev_io_stop(k->loop, &k->holder.io);
	keeper_set_timer(k, &k->holder.limit, -1);
	end(&k->holder);
}

static void
on_packet(struct ev_loop *loop, ev_io *io, int events)
{
	struct keeper *k = io->data;
	struct err err;
	int more = take_packet(k, &err);

	(void)loop;
	(void)events;
	if (more == 1)
		return;
	stop(k);
	hold_made(k, more == 0 ? NULL : &err);
}

static void
on_limit(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct keeper *k = timer->data;
	struct err err;

	(void)loop;
	(void)events;
	stop(k);
	too_long(RELOAD_LIMIT_MS, "; a restart of healthd gives it more", &err);
	hold_made(k, &err);
}

void
holder_init(struct keeper *k)
{
	struct holder *h = &k->holder;

	h->fd = -1;
	ev_init(&h->io, on_packet);
	h->io.data = k;
	ev_init(&h->limit, on_limit);
	h->limit.data = k;
}

int
holder_start(struct keeper *k, struct err *err)
{
	struct holder *h = &k->holder;

	if (begin(k, err) == -1)
		return -1;
	ev_io_set(&h->io, h->fd, EV_READ);
	ev_io_start(k->loop, &h->io);
	keeper_set_timer(k, &h->limit, RELOAD_LIMIT_MS);
	return 0;
}

bool
holder_runs(const struct keeper *k)
{
	return k->holder.fd != -1;
}

/* What it has made so far dies with it. */
void
holder_stop(struct keeper *k)
{
	if (!holder_runs(k))
		return;
	stop(k);
	held_fini(&k->holder.got);
}
