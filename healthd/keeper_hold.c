#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "healthd/keeper.h"
#include "healthd/notify.h"
#include "lib/event.h"
#include "lib/sealed.h"

/*
 * What outlives our own workers and engines: their sockets, shards and scoreboards. To the keeper
 * these are descriptors with names. What they have to be is the resolver's business: `resolver
 * hold` reads its configuration, gets what is held, keeps what still fits, makes the rest, and
 * sends all of it back. The board (lib/board.h) is the keeper's own.
 *
 * All of it also lies in the service manager's store, so that it outlives the keeper as well, and
 * it goes through a re-exec in place. Whoever hands it to us, `resolver hold` looks at it anew.
 */

#define HOLD_LIMIT_MS 60000	/* shards of many gigabytes take their time */
#define HOLD_HOT_LIMIT_MS 10000 /* what runs is looked after by nobody meanwhile */
#define SIGN_EACH_MS 1000	/* of life, for the service manager's watchdog */
#define STORE_WAIT_MS 500
#define BOARD "board"

bool
keeper_own_workers(const struct settings *s)
{
	return s->workers.count > 0 && s->workers.resolver[0] != '\0';
}

static bool
same_file(int a, int b)
{
	struct stat x, y;

	return a != -1 && b != -1 && fstat(a, &x) == 0 && fstat(b, &y) == 0 &&
	       x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/* One that does not read is waited for once. */
static void
store_say(const char *text, int fd, bool *heard)
{
	if (!*heard || notify_send(text, fd, STORE_WAIT_MS))
		return;
	*heard = false;
	event_say(EVENT_ALARM, "held", "the service manager takes no descriptors into its store: "
	    "they would not outlive healthd");
}

/* The service manager's store follows from `before` to `now`. Without one this says nothing. */
static void
store_follow(const struct held *before, const struct held *now)
{
	bool heard = true;
	char text[64];

	for (int i = 0; i < before->n; i++) {
		const struct held_one *h = &before->all[i];

		if (same_file(h->fd, held_find(now, h->name)))
			continue;
		snprintf(text, sizeof(text), "FDSTOREREMOVE=1\nFDNAME=%s", h->name);
		store_say(text, -1, &heard);
	}
	for (int i = 0; i < now->n; i++) {
		const struct held_one *h = &now->all[i];

		if (same_file(h->fd, held_find(before, h->name)))
			continue;
		snprintf(text, sizeof(text), "FDSTORE=1\nFDNAME=%s", h->name);
		store_say(text, h->fd, &heard);
	}
}

/* ---- what `resolver hold` says --------------------------------------------------------------- */

/* What goes in besides the names: the engines' number, where workers listen for probes, how often
 * the cache is written to its file. */
static int
take_done(struct keeper *k, const char *note, struct err *err)
{
	const struct settings *s = &k->settings;
	char probe[64];
	int engines, port, every_s;

	if (sscanf(note, "engines=%d probe=%63s %d snapshot=%d", &engines, probe, &port,
		&every_s) != 4 || engines < 1 || engines > MAX_ENGINES || every_s < -1)
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
	k->n_engines = engines;
	k->snapshot_s = every_s;
	return 0;
}

/* 1: more to come, 0: done, -1. */
static int
take_packet(struct keeper *k, int reply, struct held *out, struct err *err)
{
	char name[HELD_NAME], note[HELD_TEXT];
	int fd, n;

	n = held_receive(reply, name, &fd, note);
	if (n == -1)
		return err_errno(err, "what `resolver hold` sends cannot be read");
	if (n == 0)
		return err_set(err, "`resolver hold` ended without a word");
	if (fd != -1)
		return held_add(out, name, fd, err) == 0 ? 1 : -1;
	if (strcmp(name, "done") == 0)
		return take_done(k, note, err);
	return err_set(err, "%.480s", note);
}

static int
take_all(struct keeper *k, int reply, struct held *out, struct err *err)
{
	int limit_ms = k->hot ? HOLD_HOT_LIMIT_MS : HOLD_LIMIT_MS, more = 1;
	struct mono until = mono_add_ms(mono_now(), limit_ms);
	struct pollfd p = {.fd = reply, .events = POLLIN};

	while (more == 1) {
		if (!mono_before(mono_now(), until))
			return err_set(err, "`resolver hold` has not ended after %d s%s",
			    limit_ms / 1000, k->hot ? "; a restart of healthd gives it more" : "");
		if (poll(&p, 1, SIGN_EACH_MS) == 1)
			more = take_packet(k, reply, out, err);
		else
			keeper_tell(k, "WATCHDOG=1");
	}
	return more;
}

/* All that is held, but for the board, which is ours, and the socket for the answer. */
static struct held_one *
hold_input(const struct keeper *k, int reply, int *n)
{
	struct held_one *all = calloc((size_t)k->held.n + 1, sizeof(*all));

	*n = 0;
	if (all == NULL)
		return NULL;
	for (int i = 0; i < k->held.n; i++)
		if (strcmp(k->held.all[i].name, BOARD) != 0)
			all[(*n)++] = k->held.all[i];
	all[(*n)++] = (struct held_one){"reply", reply};
	return all;
}

static int
hold_spawn(struct keeper *k, int reply, pid_t *pid, struct err *err)
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
	struct held_one *input = hold_input(k, reply, &s.n_held);
	int why;

	snprintf(slots, sizeof(slots), "%d", k->n_slots);
	s.held = input;
	why = input != NULL ? spawn(&s, pid) : ENOMEM;
	free(input);
	if (why == 0)
		return 0;
	errno = why;
	return err_errno(err, "%s cannot be started", k->resolver_exe);
}

/* Waits for it: no child runs yet that would have to be looked after meanwhile. */
static int
hold_run(struct keeper *k, struct held *out, struct err *err)
{
	int pair[2], rc;
	pid_t pid = 0;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == -1)
		return err_errno(err, "no socket for `resolver hold`");
	held_make_room();
	keeper_tell(k, "EXTEND_TIMEOUT_USEC=%d", HOLD_LIMIT_MS * 1000 + 5000000);
	rc = hold_spawn(k, pair[1], &pid, err);
	close(pair[1]);
	if (rc == 0) {
		rc = take_all(k, pair[0], out, err);
		/* It has said all it had to say, or too little for too long. */
		kill(pid, SIGKILL);
		while (waitpid(pid, NULL, 0) == -1 && errno == EINTR)
			;
	}
	close(pair[0]);
	return rc;
}

/* ---- the new set ----------------------------------------------------------------------------- */

static int
board_take(struct keeper *k, struct held *out, struct err *err)
{
	int fd = held_find(&k->held, BOARD), again;

	k->board = fd != -1 ? board_map(fd, true, err) : NULL;
	if (k->board == NULL) {
		k->board = board_make(&again, err);
		if (k->board == NULL)
			return -1;
	} else {
		again = dup(fd);
		if (again == -1)
			return err_errno(err, "no descriptor for the board");
	}
	return held_add(out, BOARD, again, err);
}

static int
read_only(struct held *out, const struct held_one *h, struct err *err)
{
	int fd = sealed_reopen(h->fd, err);

	return fd == -1 ? -1 : held_add(out, h->name, fd, err);
}

/* "score.w3", "score.e0": the slot; or -1. */
static int
score_slot(const char *name)
{
	int number, end = 0;
	char kind;

	if (strcmp(name, "score.probation") == 0)
		return PROBATION_SLOT;
	if (sscanf(name, "score.%c%d%n", &kind, &number, &end) != 2 || name[end] != '\0' ||
	    number < 0)
		return -1;
	if (kind == 'w')
		return number < MAX_WORKERS ? number : -1;
	return kind == 'e' && number < MAX_ENGINES ? ENGINE_SLOT + number : -1;
}

/* What all workers read: the board, every shard of the cache, what is in quarantine, the secret of
 * their cookies. */
static bool
is_shared(const char *name)
{
	return strcmp(name, BOARD) == 0 || strncmp(name, "shard.", 6) == 0 ||
	       strcmp(name, "quarantine") == 0 || strcmp(name, "secret") == 0;
}

static int
map_readers(struct keeper *k, struct err *err)
{
	int slot;

	for (int i = 0; i < k->held.n; i++) {
		const struct held_one *h = &k->held.all[i];

		slot = score_slot(h->name);
		if (slot == -1 && !is_shared(h->name))
			continue;
		if (read_only(&k->readers, h, err) == -1)
			return -1;
		if (slot == -1)
			continue;
		k->scores[slot] = scoreboard_map(k->readers.all[k->readers.n - 1].fd, false, err);
		if (k->scores[slot] == NULL)
			return -1;
	}
	return 0;
}

/* What runs goes on with what it has; a slot that lacks something cannot start. */
static void
go_on_as_before(struct keeper *k, const struct err *why)
{
	struct err err;

	snprintf(k->note, sizeof(k->note), "the resolver's configuration is not in force: %.190s",
	    why->text);
	event_say(EVENT_ALARM, "configuration", "%s", k->note);
	k->board = board_map(held_find(&k->held, BOARD), true, &err);
	if (k->board == NULL || map_readers(k, &err) == -1)
		event_say(EVENT_ALARM, "held", "%s", err.text);
}

int
hold_begin(struct keeper *k, struct err *err)
{
	struct held now = {0}, before = k->held;
	bool own = keeper_own_workers(&k->settings);

	if (own && (hold_run(k, &now, err) == -1 || board_take(k, &now, err) == -1)) {
		held_fini(&now);
		if (!k->hot)
			return -1;
		go_on_as_before(k, err);
		return 0;
	}
	if (!own) {
		k->n_engines = 0;
		k->snapshot_s = -1;
	}
	k->held = now;
	store_follow(&before, &now);
	held_fini(&before);
	return own ? map_readers(k, err) : 0;
}

/* ---- shares ---------------------------------------------------------------------------------- */

static bool
is_own_name(const char *name, const char *what, int number)
{
	char own[HELD_NAME];

	snprintf(own, sizeof(own), "%s%d", what, number);
	return strcmp(name, own) == 0;
}

static bool
is_for_worker(const char *name, int number)
{
	return strncmp(name, "udp.", 4) == 0 || strncmp(name, "tcp.", 4) == 0 ||
	       strncmp(name, "hits.", 5) == 0 ||
	       is_own_name(name, "score.w", number);
}

static bool
is_for_engine(const char *name, int number)
{
	if (number == PROBATION_SLOT - ENGINE_SLOT)
		return strcmp(name, "listen.probation") == 0 ||
		       strcmp(name, "score.probation") == 0 || strcmp(name, "quarantine") == 0;
	return is_own_name(name, "listen.", number) || is_own_name(name, "shard.", number) ||
	       is_own_name(name, "hits.", number) || is_own_name(name, "score.e", number);
}

/* Without these it would make its own, which nobody would know of. */
static bool
is_whole(const struct keeper *k, int slot)
{
	char name[HELD_NAME];

	if (k->scores[slot] == NULL || held_find(&k->readers, BOARD) == -1)
		return false;
	if (slot == PROBATION_SLOT)
		return held_find(&k->held, "quarantine") != -1;
	if (slot >= ENGINE_SLOT) {
		snprintf(name, sizeof(name), "shard.%d", slot - ENGINE_SLOT);
		return held_find(&k->held, name) != -1;
	}
	snprintf(name, sizeof(name), "udp.%d.0", slot);
	return held_find(&k->held, "udp.0.0") == -1 || held_find(&k->held, name) != -1;
}

struct held_one *
hold_share(const struct keeper *k, int slot, int *n)
{
	struct held_one *all;

	*n = 0;
	if (!is_whole(k, slot))
		return NULL;
	all = calloc((size_t)k->held.n + (size_t)k->readers.n, sizeof(*all));
	for (int i = 0; all != NULL && i < k->held.n; i++) {
		const struct held_one *h = &k->held.all[i];

		if (slot >= ENGINE_SLOT ? is_for_engine(h->name, slot - ENGINE_SLOT)
					: is_for_worker(h->name, slot))
			all[(*n)++] = *h;
	}
	for (int i = 0; all != NULL && slot < ENGINE_SLOT && i < k->readers.n; i++)
		if (is_shared(k->readers.all[i].name))
			all[(*n)++] = k->readers.all[i];
	return all;
}

struct held_one *
hold_share_brain(const struct keeper *k, int bond, int *n)
{
	struct held_one *all = calloc((size_t)k->readers.n + 1, sizeof(*all));

	*n = 0;
	if (all == NULL)
		return NULL;
	all[(*n)++] = (struct held_one){"bond", bond};
	for (int i = 0; i < k->readers.n; i++)
		if (!is_shared(k->readers.all[i].name))
			all[(*n)++] = k->readers.all[i];
	return all;
}
