#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
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
 *
 * After a re-exec what was handed over is in force at once, so that whoever runs is looked after
 * while `hold` does its work; then the new set takes its place, whole or not at all.
 */

#define PATIENCE_MS 2000 /* so long the brain waits for the set that it is to know */
#define STORE_WAIT_MS 500

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
	char text[80];

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
		/* Without FDPOLL=0 systemd lets go of a socket that has an error pending. */
		snprintf(text, sizeof(text), "FDSTORE=1\nFDPOLL=0\nFDNAME=%s", h->name);
		store_say(text, h->fd, &heard);
	}
}

/* ---- the new set ----------------------------------------------------------------------------- */

/* The one that is in force goes on, with a descriptor in the new set; else there is a new one. */
static int
board_take(const struct keeper *k, struct held *next, struct board **board, struct err *err)
{
	int fd = held_find(&k->held, HELD_BOARD), again;

	if (*board == NULL && fd != -1)
		*board = board_map(fd, true, err);
	if (*board == NULL) {
		*board = board_make(&again, err);
		if (*board == NULL)
			return -1;
	} else {
		again = dup(fd);
		if (again == -1)
			return err_errno(err, "no descriptor for the board");
	}
	return held_add(next, HELD_BOARD, again, err);
}

static int
read_only(struct held *readers, const struct held_one *h, struct err *err)
{
	int fd = sealed_reopen(h->fd, err);

	return fd == -1 ? -1 : held_add(readers, h->name, fd, err);
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
	return strcmp(name, HELD_BOARD) == 0 || strncmp(name, "shard.", 6) == 0 ||
	       strcmp(name, "quarantine") == 0 || strcmp(name, "secret") == 0;
}

static int
map_one(const struct held_one *h, struct held *readers, struct scoreboard **scores, struct err *err)
{
	int slot = score_slot(h->name);

	if (slot == -1 && !is_shared(h->name))
		return 0;
	if (read_only(readers, h, err) == -1)
		return -1;
	if (slot == -1)
		return 0;
	scores[slot] = scoreboard_map(readers->all[readers->n - 1].fd, false, err);
	return scores[slot] != NULL ? 0 : -1;
}

/* Maps what can be mapped; -1 with one reason where something cannot. */
static int
map_readers(
    const struct held *from, struct held *readers, struct scoreboard **scores, struct err *err)
{
	int rc = 0;

	for (int i = 0; i < from->n; i++)
		if (map_one(&from->all[i], readers, scores, err) == -1)
			rc = -1;
	return rc;
}

static void
drop_readers(struct held *readers, struct scoreboard **scores)
{
	for (int i = 0; i < MAX_SLOTS; i++)
		scoreboard_unmap(scores[i]);
	held_fini(readers);
}

/* The same names for the same things. */
static bool
same_set(const struct held *a, const struct held *b)
{
	for (int i = 0; i < a->n; i++)
		if (!same_file(a->all[i].fd, held_find(b, a->all[i].name)))
			return false;
	return a->n == b->n;
}

/* From here on what has been made is what is held. Where something of it cannot be used nothing has
 * changed, and it is gone. `*other`: is it another set than before? */
static int
take(struct keeper *k, bool *other, struct err *err)
{
	struct scoreboard *scores[MAX_SLOTS] = {0};
	struct held readers = {0}, before = k->held;
	struct holder *h = &k->holder;
	struct board *board = k->board;

	if (board_take(k, &h->got, &board, err) == -1 ||
	    map_readers(&h->got, &readers, scores, err) == -1) {
		drop_readers(&readers, scores);
		if (board != k->board)
			board_unmap(board);
		held_fini(&h->got);
		return -1;
	}
	*other = k->n_engines != h->n_engines || !same_set(&before, &h->got);
	drop_readers(&k->readers, k->scores);
	k->readers = readers;
	memcpy(k->scores, scores, sizeof(scores));
	k->board = board;
	k->held = h->got;
	h->got = (struct held){0};
	k->n_engines = h->n_engines;
	k->snapshot_s = h->snapshot_s;
	store_follow(&before, &k->held);
	held_fini(&before);
	return 0;
}

/* Of another release, perhaps: what it cannot read is judged by the last brain's word. */
static void
keep(struct keeper *k)
{
	struct err err;

	held_make_room();
	k->board = board_map(held_find(&k->held, HELD_BOARD), true, &err);
	if (map_readers(&k->held, &k->readers, k->scores, &err) == -1 || k->board == NULL)
		event_say(EVENT_WARN, "held", "of what was handed over: %s", err.text);
}

int
hold_begin(struct keeper *k, struct err *err)
{
	bool ignored;

	if (!keeper_own_workers(&k->settings)) {
		k->n_engines = 0;
		k->snapshot_s = -1;
		store_follow(&k->held, &(struct held){0});
		held_fini(&k->held);
		return 0;
	}
	if (k->hot) {
		keep(k);
		return 0;
	}
	return holder_wait(k, err) == 0 ? take(k, &ignored, err) : -1;
}

/* What runs goes on with what it has; a slot that lacks something cannot start. */
static void
go_on_as_before(struct keeper *k, const struct err *why)
{
	held_fini(&k->holder.got);
	snprintf(k->note, sizeof(k->note), "the resolver's configuration is not in force: %.190s",
	    why->text);
	event_say(EVENT_ALARM, "configuration", "%s", k->note);
	brain_note(k);
}

void
hold_again(struct keeper *k)
{
	struct err err;

	if (!k->hot || !keeper_own_workers(&k->settings))
		return;
	if (holder_start(k, &err) == -1)
		go_on_as_before(k, &err);
	else
		brain_start_soon(k, PATIENCE_MS);
}

/* A brain that was started meanwhile looks at the set before, and makes room for one that does
 * not. */
void
hold_made(struct keeper *k, const struct err *why)
{
	bool other = false;
	struct err err;

	if (why == NULL && take(k, &other, &err) == -1)
		why = &err;
	if (why != NULL) {
		go_on_as_before(k, why);
	} else {
		slots_trim(k, false);
		steer_start(k);
		snapshot_start(k);
		snapshot_tell(k);
		gates_reflex(k);
	}
	if (k->reload_later) {
		k->reload_later = false;
		reload_begin(k, "who had to wait");
	}
	/* One that would only be started to make room for the next is not: its timer runs. */
	if (k->brain.state == BRAIN_NONE ? k->phase == KEEPER_RUN : other)
		brain_renew(k);
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
bool
hold_has(const struct keeper *k, int slot)
{
	char name[HELD_NAME];

	if (k->scores[slot] == NULL || held_find(&k->readers, HELD_BOARD) == -1)
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
	if (!hold_has(k, slot))
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
