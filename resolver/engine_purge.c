/*
 * A purge: the engine's last task. libunbound's cache cannot be emptied of a name, nor a context be
 * replaced within its process while anything hangs on it; so the whole process goes, and the next
 * one knows nothing.
 *
 * Questions that are in flight get a moment to end; after that they are left to their workers, who
 * ask the next engine, as they do when one dies. The shard is purged when nothing can be put there
 * any more.
 */
#include <string.h>
#include <sys/socket.h>

#include "lib/event.h"
#include "resolver/ask_io.h"
#include "resolver/engine_impl.h"

#define BEAT_EACH 4096 /* records looked at */

_Static_assert(PURGE_MAX <= ASK_MAX, "engine_peer.c reads both into one buffer");

/* Whoever may stop the engine may purge it; a worker may not. */
static bool
may_purge(const struct peer *p)
{
	struct ucred who;
	socklen_t size = sizeof(who);

	if (getsockopt(p->fd, SOL_SOCKET, SO_PEERCRED, &who, &size) < 0)
		return false;
	return who.uid == 0 || who.uid == p->engine->user;
}

/* To one that does not read it: its own loss. */
static void
tell(const struct peer *p, uint32_t id, enum purge_verdict verdict, uint64_t gone)
{
	const struct purged answer = {.version = PURGE_VERSION,
	    .id = id,
	    .verdict = verdict,
	    .gone = gone < UINT32_MAX ? (uint32_t)gone : UINT32_MAX};
	uint8_t out[PURGED_SIZE];

	purged_encode(&answer, out);
	if (p->fd >= 0 && p->first == NULL)
		ask_send(p->fd, out, sizeof(out), NULL, 0, -1);
}

/* Once: from here on nothing is read. */
static void
begin(struct peer *p, const struct purge *purge)
{
	struct engine *e = p->engine;

	event_say(EVENT_NOTICE, "engine_purge",
	    "asked for; %lld questions are in flight, then it ends", (long long)e->in_flight);
	e->purge = *purge;
	e->purger = p;
	e->purged = true;
	engine_hush(e);
	engine_settled(e);
}

bool
purge_take(struct peer *p, const void *in, size_t length)
{
	struct purge purge;

	if (!purge_decode(in, length, &purge))
		return false;
	if (!may_purge(p)) {
		score_add(&p->engine->score->drop[DROP_REFUSED], 1);
		event_say(EVENT_WARN, "engine_purge_refused",
		    "somebody who is neither root nor this engine's user wants a purge");
		tell(p, purge.id, PURGE_REFUSED, 0);
	} else {
		begin(p, &purge);
	}
	return true;
}

struct looking {
	const struct purge *purge;
	struct scoreboard *score;
	uint64_t n;
};

/* A shard may be large: whoever watches the heartbeat sees that this goes on. */
static bool
matches(const struct entry *entry, void *arg)
{
	struct looking *l = arg;
	struct key k;

	if (++l->n % BEAT_EACH == 0)
		atomic_store_explicit(
		    &l->score->heartbeat_us, (uint64_t)mono_now().us, memory_order_relaxed);
	entry_key(entry, &k);
	return key_within(
	    &k, l->purge->name, l->purge->name_length, (l->purge->flags & PURGE_TREE) != 0);
}

void
purge_end(struct engine *e)
{
	struct looking looking = {.purge = &e->purge, .score = e->score};
	uint64_t gone = e->shard != NULL ? l2_purge(e->shard, matches, &looking) : 0;

	tell(e->purger, e->purge.id, PURGE_DONE, gone);
	event_say(EVENT_NOTICE, "engine_purged", "it dropped %llu of its shard's entries",
	    (unsigned long long)gone);
}
