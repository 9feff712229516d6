#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "healthd/keeper.h"
#include "lib/event.h"

/*
 * The shared cache in a file, for the host's next boot: `resolver cache snapshot` writes it, of the
 * shards that it is given to read. That process may wait for the disk, fail, or hang; nothing here
 * waits for it but the end, and that not for long. What it has to say to people it says itself;
 * here it is counted what became of it, and how much it wrote by its own word.
 */

#define LIMIT_MS 600000 /* a disk that takes longer is given up */
#define AGAIN_MS 60000	/* after one that failed, where the next is not sooner */

static void
next_in(struct keeper *k, int64_t ms)
{
	keeper_set_timer(k, &k->snapshot_timer, k->snapshot_s > 0 ? ms : -1);
}

void
snapshot_tell(struct keeper *k)
{
	struct bond_message m = {
	    .type = BOND_SNAPSHOT, .slot = -1, .status = k->snapshot_s, .snapshots = k->snapshots};

	if (k->snapshot_s >= 0)
		brain_send(k, &m);
}

/* What it reads: each engine's shard, and nothing else; and where it says what it wrote. Without a
 * shard there is nothing to give. */
static struct held_one *
share_of(const struct keeper *k, int reply, int *n)
{
	struct held_one *all = calloc((size_t)k->readers.n + 1, sizeof(*all));

	*n = 0;
	for (int i = 0; all != NULL && i < k->readers.n; i++)
		if (strncmp(k->readers.all[i].name, "shard.", 6) == 0)
			all[(*n)++] = k->readers.all[i];
	if (*n > 0)
		all[(*n)++] = (struct held_one){"reply", reply};
	return all;
}

/* 0 or an errno. */
static int
write_spawn(struct keeper *k, int reply)
{
	const char *argv[] = {
	    k->resolver_exe, "-c", k->settings.workers.resolver, "cache", "snapshot"};
	const struct identity stay = {0};
	struct spawn s = {
	    .argv = argv,
	    .n_argv = 5,
	    .index = -1,
	    .identity = &stay,
	    .oom_score_adj = 1000,
	};
	struct held_one *share = share_of(k, reply, &s.n_held);
	int why;

	s.held = share;
	why = share == NULL || s.n_held == 0 ? ENOENT : spawn(&s, &k->snapshot);
	free(share);
	return why;
}

static void
reply_close(struct keeper *k)
{
	if (k->snapshot_reply != -1)
		close(k->snapshot_reply);
	k->snapshot_reply = -1;
}

/* 0 or an errno. */
static int
write_one(struct keeper *k)
{
	int pair[2], why;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) == 0) {
		why = write_spawn(k, pair[1]);
		close(pair[1]);
		k->snapshot_reply = pair[0];
	} else {
		why = errno;
	}
	if (why == 0)
		return 0;
	reply_close(k);
	k->snapshot = 0;
	k->snapshots.failed++;
	snapshot_tell(k);
	event_say(
	    EVENT_WARN, "snapshot", "%s cannot write one: %s", k->resolver_exe, strerror(why));
	return why;
}

static void
on_timer(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct keeper *k = timer->data;

	(void)loop;
	(void)events;
	if (k->phase == KEEPER_STOPPING) {
		snapshot_stop(k);
		stop_check(k);
	} else if (k->snapshot != 0) {
		event_say(EVENT_WARN, "snapshot", "none is written within %d s: given up",
		    LIMIT_MS / 1000);
		kill(k->snapshot, SIGKILL);
	} else if (write_one(k) == 0) {
		keeper_set_timer(k, &k->snapshot_timer, LIMIT_MS);
	} else {
		next_in(k, AGAIN_MS);
	}
}

void
snapshot_init(struct keeper *k)
{
	ev_init(&k->snapshot_timer, on_timer);
	k->snapshot_timer.data = k;
}

void
snapshot_start(struct keeper *k)
{
	if (k->snapshot != 0) /* of before a re-exec in place */
		keeper_set_timer(k, &k->snapshot_timer, LIMIT_MS);
	else
		next_in(k, (int64_t)k->snapshot_s * 1000);
}

/* A file is there. How much is in it is what its writer said, if that was said to us and not to the
 * keeper before a reload. */
static void
count_written(struct keeper *k)
{
	struct snapshots *s = &k->snapshots;
	char name[HELD_NAME], note[HELD_TEXT] = "";
	int fd = -1;

	s->written++;
	s->written_at = mono_now();
	if (k->snapshot_reply != -1 && held_receive(k->snapshot_reply, name, &fd, note) == 1 &&
	    fd != -1)
		close(fd);
	if (sscanf(note, "entries=%" SCNd64 " bytes=%" SCNd64, &s->entries, &s->bytes) != 2 ||
	    s->entries < 0 || s->bytes < 0)
		s->entries = s->bytes = -1;
}

void
snapshot_gone(struct keeper *k, int status)
{
	int64_t every_ms = (int64_t)k->snapshot_s * 1000;
	bool well = WIFEXITED(status) && WEXITSTATUS(status) == 0;

	k->snapshot = 0;
	if (well)
		count_written(k);
	else
		k->snapshots.failed++;
	reply_close(k);
	if (k->phase == KEEPER_STOPPING) {
		stop_check(k);
		return;
	}
	snapshot_tell(k);
	next_in(k, well || every_ms < AGAIN_MS ? every_ms : AGAIN_MS);
}

/* One that is being written is as good: it began not long ago, or it hangs. */
void
snapshot_last(struct keeper *k)
{
	bool wanted = k->snapshot_s >= 0 && keeper_own_workers(&k->settings);

	/* Also one of before a reload that wants none any more. */
	if (k->snapshot != 0 || (wanted && write_one(k) == 0))
		keeper_set_timer(k, &k->snapshot_timer, SNAPSHOT_STOP_MS);
}

void
snapshot_stop(struct keeper *k)
{
	if (k->snapshot == 0)
		return;
	event_say(EVENT_WARN, "snapshot", "it is not written in time: the one before stays");
	kill(k->snapshot, SIGKILL);
	k->snapshot = 0;
}
