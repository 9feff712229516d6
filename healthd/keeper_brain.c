#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "healthd/accounts.h"
#include "healthd/keeper.h"
#include "lib/event.h"

/*
 * The brain's life as the keeper sees it. Every end of a brain, of whatever cause, comes through
 * brain_over(), which is the one place that decides what follows.
 */

#define START_LIMIT_MS 5000 /* from start to HELLO */
#define YIELD_LIMIT_MS 1000
#define BACKOFF_MIN_MS 10
#define BACKOFF_MAX_MS 1000
#define PROVEN_MS 10000	    /* a brain that has held its lease so long forgives earlier deaths */
#define NOT_LOOKING_MS 200  /* a timer so late means that we were not looking ourselves */
#define MESSAGES_AT_ONCE 64 /* then the loop's other duties get their turn */

static void
close_bond(struct keeper *k)
{
	if (k->brain.fd == -1)
		return;
	ev_io_stop(k->loop, &k->brain.io);
	close(k->brain.fd);
	k->brain.fd = -1;
}

void
brain_send(struct keeper *k, const struct bond_message *m)
{
	if (k->brain.fd == -1 || k->brain.state == BRAIN_STARTING)
		return;
	/* One that lets hundreds of messages pile up is not there, whatever its lease says; and
	 * it must not miss one. One that was told to leave may be gone already. */
	if (bond_send(k->brain.fd, m) != 1 && k->brain.state != BRAIN_YIELDING)
		brain_fence(k, "it does not read its messages");
}

/* Status text goes into a notification of lines: it may not bring lines of its own. */
static void
show_status(struct keeper *k, const char *text)
{
	char clean[sizeof(k->brain.status)];
	size_t i;

	for (i = 0; text[i] != '\0' && i + 1 < sizeof(clean); i++)
		clean[i] = (unsigned char)text[i] < ' ' ? '?' : text[i];
	clean[i] = '\0';
	if (clean[0] == '\0' || strcmp(clean, k->brain.status) == 0)
		return;
	memcpy(k->brain.status, clean, sizeof(clean));
	keeper_tell(k, "STATUS=%s", clean);
}

static void
on_lease(struct keeper *k, const struct bond_message *m)
{
	struct brain *b = &k->brain;

	b->lease_at = mono_now();
	b->graced = false;
	if (mono_diff_ms(b->lease_at, b->hello_at) >= PROVEN_MS)
		b->backoff_ms = 0;
	if (b->state == BRAIN_WELL)
		keeper_set_timer(k, &b->timer, k->settings.keeper.lease_ms);
	slots_note_ready(k, m->ready);
	show_status(k, m->text);
	gates_reflex(k);
}

void
brain_note(struct keeper *k)
{
	struct bond_message m = {.type = BOND_NOTE, .slot = -1};

	if (k->note[0] == '\0' || k->brain.state != BRAIN_WELL)
		return;
	snprintf(m.text, sizeof(m.text), "%s", k->note);
	brain_send(k, &m);
}

static void
on_hello(struct keeper *k)
{
	struct brain *b = &k->brain;

	if (b->state != BRAIN_STARTING) {
		brain_fence(k, "it said HELLO twice");
		return;
	}
	b->state = BRAIN_WELL;
	b->hello_at = b->lease_at = mono_now();
	b->graced = false;
	keeper_set_timer(k, &b->timer, k->settings.keeper.lease_ms);
	event_say(EVENT_INFO, "brain_well", "pid %d started in %lld ms", (int)b->pid,
	    (long long)mono_diff_ms(b->hello_at, b->started_at));
	slots_send_roster(k);
	brain_note(k);
	snapshot_tell(k);
	if (!k->was_ready)
		keeper_tell(k, "READY=1");
	k->was_ready = true;
}

static void
handle(struct keeper *k, const struct bond_message *m)
{
	if (k->brain.state == BRAIN_STARTING && m->type != BOND_HELLO) {
		brain_fence(k, "it spoke before its HELLO");
		return;
	}
	switch (m->type) {
	case BOND_HELLO:
		on_hello(k);
		break;
	case BOND_LEASE:
		on_lease(k, m);
		break;
	case BOND_START:
		slot_start(k, m->slot);
		break;
	case BOND_STOP:
		slot_stop(k, m);
		break;
	case BOND_UPGRADE:
		reload_begin(k, "upgrade");
		break;
	case BOND_DRAINED:
		if (k->phase == KEEPER_DRAINING)
			stop_workers(k, "drained");
		break;
	default:
		brain_fence(k, "it sent a message that only the keeper sends");
	}
}

static void
read_bond(struct keeper *k)
{
	struct bond_message m;
	int n;

	for (int i = 0; i < MESSAGES_AT_ONCE && k->brain.fd != -1; i++) {
		n = bond_receive(k->brain.fd, &m);
		if (n == 0)
			return;
		if (n == 1)
			handle(k, &m);
		else if (k->brain.state == BRAIN_YIELDING || k->phase == KEEPER_STOPPING)
			close_bond(k); /* it leaves as told; its exit follows */
		else
			brain_fence(k, "it closed its bond, died, or broke the protocol");
	}
}

static void
on_readable(struct ev_loop *loop, ev_io *io, int events)
{
	(void)loop;
	(void)events;
	read_bond(io->data);
}

/* The lease has lapsed, unless its renewal lies unread, or we ourselves were held up: then the
 * brain may well have been held up by the same thing, and gets half a lease more, once. */
static void
on_lapse(struct keeper *k)
{
	struct brain *b = &k->brain;
	int64_t lease = k->settings.keeper.lease_ms;
	struct mono before = b->lease_at;
	int64_t late;

	read_bond(k);
	if (b->state != BRAIN_WELL || before.us != b->lease_at.us)
		return;
	late = mono_diff_ms(mono_now(), mono_add_ms(b->lease_at, lease));
	if (late > NOT_LOOKING_MS && !b->graced) {
		b->graced = true;
		event_say(EVENT_WARN, "keeper_late", "the keeper itself was held up for %lld ms; "
		    "the brain's lease is judged again in %lld ms", (long long)late,
		    (long long)lease / 2);
		keeper_set_timer(k, &b->timer, lease / 2);
		return;
	}
	brain_fence(k, "its lease lapsed");
}

/* bird's socket is its group's; the group is read from the file, so it need not be configured. */
static void
join_bird(struct keeper *k)
{
	char dir[KEEPER_PATH];
	struct stat st;
	char *slash;
	gid_t gid;

	if (stat(k->settings.site.bird.socket, &st) == 0) {
		identity_join(&k->brain_identity, st.st_gid);
		return;
	}
	snprintf(dir, sizeof(dir), "%s", k->settings.site.bird.socket);
	slash = strrchr(dir, '/');
	if (slash != NULL)
		*slash = '\0';
	if (stat(dir, &st) == 0)
		identity_join(&k->brain_identity, st.st_gid);
	if (accounts_group(ACCOUNTS_GROUPS, "bird", &gid))
		identity_join(&k->brain_identity, gid);
}

static void
brain_start(struct keeper *k)
{
	struct brain *b = &k->brain;
	const char *argv[] = {k->brain_exe, "-c", k->active, "-o", k->path};
	struct held_one *share;
	struct spawn s = {
		.argv = argv,
		.n_argv = 5,
		.index = -1,
		.identity = &k->brain_identity,
		.net_admin = true,
		.oom_score_adj = SPAWN_OOM_KEEP,
	};
	int pair[2], why;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == -1) {
		event_say(EVENT_ALARM, "brain_failed", "no socket for it: %s", strerror(errno));
		brain_again(k);
		return;
	}
	join_bird(k);
	share = hold_share_brain(k, pair[1], &s.n_held);
	s.held = share;
	why = share != NULL ? spawn(&s, &b->pid) : ENOMEM;
	free(share);
	close(pair[1]);
	if (why != 0) {
		close(pair[0]);
		event_say(EVENT_ALARM, "brain_failed", "%s cannot be started: %s; is anypop "
		    "installed whole?", k->brain_exe, strerror(why));
		brain_again(k);
		return;
	}
	b->fd = pair[0];
	b->state = BRAIN_STARTING;
	b->renewed = false;
	b->started_at = mono_now();
	b->hello_at = b->lease_at = MONO_NEVER;
	ev_io_set(&b->io, b->fd, EV_READ);
	ev_io_start(k->loop, &b->io);
	keeper_set_timer(k, &b->timer, START_LIMIT_MS);
	children_store(k);
}

static void
brain_over(struct keeper *k)
{
	struct brain *b = &k->brain;

	close_bond(k);
	b->state = BRAIN_NONE;
	b->pid = 0;
	keeper_set_timer(k, &b->timer, -1);
	orphans_kill(k);
	switch (k->phase) {
	case KEEPER_YIELDING:
		reload_exec(k);
		break;
	case KEEPER_DRAINING:
		stop_workers(k, "the brain died while draining");
		break;
	case KEEPER_STOPPING:
		stop_check(k);
		break;
	case KEEPER_RUN:
	case KEEPER_TRYING:
		if (!b->renewed)
			gates_dead_man(k);
		gates_reflex(k);
		if (b->renewed)
			brain_start_soon(k, 0);
		else if (k->drainer == 0)
			brain_again(k);
		break;
	}
}

static void
on_timer(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct keeper *k = timer->data;
	struct brain *b = &k->brain;

	(void)loop;
	(void)events;
	switch (b->state) {
	case BRAIN_NONE:
		brain_start(k);
		break;
	case BRAIN_STARTING:
		brain_fence(k, "it did not say HELLO in time");
		break;
	case BRAIN_WELL:
		on_lapse(k);
		break;
	case BRAIN_YIELDING:
		brain_fence(k, "it did not leave in time");
		break;
	case BRAIN_FENCED:
		event_say(EVENT_ALARM, "brain_undead", "pid %d is not dead %lld ms after SIGKILL; "
		    "the kernel holds it", (int)b->pid, (long long)k->settings.keeper.fence_ms);
		b->undead = b->pid;
		brain_over(k);
		break;
	}
}

void
brain_init(struct keeper *k)
{
	struct brain *b = &k->brain;

	b->fd = -1;
	b->state = BRAIN_NONE;
	ev_init(&b->io, on_readable);
	b->io.data = k;
	ev_init(&b->timer, on_timer);
	b->timer.data = k;
}

void
brain_start_soon(struct keeper *k, int64_t delay_ms)
{
	keeper_set_timer(k, &k->brain.timer, delay_ms);
}

void
brain_again(struct keeper *k)
{
	struct brain *b = &k->brain;

	brain_start_soon(k, b->backoff_ms);
	b->backoff_ms = b->backoff_ms == 0 ? BACKOFF_MIN_MS : 2 * b->backoff_ms;
	if (b->backoff_ms > BACKOFF_MAX_MS)
		b->backoff_ms = BACKOFF_MAX_MS;
}

void
brain_yield(struct keeper *k)
{
	struct brain *b = &k->brain;
	struct bond_message m = {.type = BOND_YIELD, .slot = -1};

	switch (b->state) {
	case BRAIN_NONE:
		brain_over(k);
		return;
	case BRAIN_STARTING:
		brain_fence(k, "it has to make room and knows nothing yet");
		return;
	case BRAIN_WELL:
		b->state = BRAIN_YIELDING;
		keeper_set_timer(k, &b->timer, YIELD_LIMIT_MS);
		brain_send(k, &m);
		return;
	case BRAIN_YIELDING:
	case BRAIN_FENCED:
		return; /* its end is on its way */
	}
}

void
brain_renew(struct keeper *k)
{
	struct brain *b = &k->brain;

	switch (b->state) {
	case BRAIN_NONE:
		if (k->drainer == 0)
			brain_start_soon(k, 0);
		return;
	case BRAIN_STARTING:
	case BRAIN_WELL:
		event_say(EVENT_NOTICE, "brain_renewed", "pid %d makes room for one that knows "
		    "what is held now", (int)b->pid);
		b->renewed = true;
		brain_yield(k);
		return;
	case BRAIN_YIELDING:
	case BRAIN_FENCED:
		return; /* its end is on its way, and what it means stays */
	}
}

void
brain_fence(struct keeper *k, const char *why)
{
	struct brain *b = &k->brain;

	if (b->pid == 0 || b->state == BRAIN_FENCED)
		return;
	event_say(EVENT_ALARM, "brain_fenced", "pid %d: %s", (int)b->pid, why);
	kill(b->pid, SIGKILL);
	close_bond(k);
	b->state = BRAIN_FENCED;
	keeper_set_timer(k, &b->timer, k->settings.keeper.fence_ms);
}

/* Its last word on who is ready may lie unread. What else it asked for, it has no use for. */
static void
read_last_words(struct keeper *k)
{
	struct bond_message m;

	while (k->brain.fd != -1 && bond_receive(k->brain.fd, &m) == 1)
		if (m.type == BOND_LEASE && k->brain.state != BRAIN_STARTING)
			slots_note_ready(k, m.ready);
}

void
brain_gone(struct keeper *k, int status)
{
	struct brain *b = &k->brain;
	bool told = b->state == BRAIN_YIELDING || k->phase == KEEPER_STOPPING;
	bool fenced = b->state == BRAIN_FENCED;
	bool well = told && !fenced && WIFEXITED(status) && WEXITSTATUS(status) == 0;

	if (WIFSIGNALED(status) && !fenced)
		event_say(EVENT_ALARM, "brain_died", "pid %d was killed by signal %d", (int)b->pid,
		    WTERMSIG(status));
	else if (!fenced && !(told && WEXITSTATUS(status) == 0))
		event_say(EVENT_ALARM, "brain_died", "pid %d exited with status %d", (int)b->pid,
		    WEXITSTATUS(status));
	if (!well)
		gates_forget(k);
	read_last_words(k);
	brain_over(k);
}
