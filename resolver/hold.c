/*
 * hold: one short run for the holder at each of its starts. What it makes is the holder's once
 * "done" is said; a failure before that leaves everything as it was, but for engines' sockets,
 * which are made last.
 */
#include "resolver/hold.h"

#include <stdio.h>
#include <unistd.h>

#include "lib/event.h"
#include "lib/scoreboard.h"
#include "resolver/ask_io.h"
#include "resolver/given.h"
#include "resolver/hold_plan.h"
#include "resolver/quarantine_map.h"
#include "resolver/secret.h"
#include "resolver/snapshot_file.h"
#include "resolver/store.h"

static int
score_make(uint32_t kind, struct err *err)
{
	int fd;
	struct scoreboard *s = scoreboard_make(kind, &fd, err);

	scoreboard_unmap(s);
	return s != NULL ? fd : -1;
}

/* Its descriptor, or -1. */
static int
item_make(const struct plan *p, const struct item *i, struct err *err)
{
	const struct resolver_conf *c = p->conf;
	int fd = -1;

	switch (i->kind) {
	case ITEM_SOCKET:
		if (i->first && socket_vacant(&i->place, err) == -1)
			return -1;
		return socket_open(&i->place, err);
	case ITEM_SCORE:
		return score_make(i->score_kind, err);
	case ITEM_SHARD:
		return l2_make(plan_shard_bytes(p), &fd, err) == 0 ? fd : -1;
	case ITEM_HITS:
		return l2_hits_make(plan_shard_bytes(p), &fd, err) == 0 ? fd : -1;
	case ITEM_QUARANTINE:
		return quarantine_make(&fd, err) == 0 ? fd : -1;
	case ITEM_SECRET:
		return secret_make(err);
	case ITEM_LISTENER:
		return ask_listen(c->run_dir, i->number, c->worker.user, err);
	}
	return -1;
}

/* A failure in the file's words, where a key of it is what to mend. */
static int
item_failed(const struct plan *p, const struct item *i, struct err *err)
{
	const struct resolver_conf *c = p->conf;
	struct err why = *err;

	switch (i->kind) {
	case ITEM_SOCKET:
		return conf_wrong(c->places, c, "listen", -1, err, "%s", why.text);
	case ITEM_SHARD:
	case ITEM_HITS:
		return conf_wrong(c->places, &c->worker, "l2_mib", -1, err, "%s", why.text);
	case ITEM_LISTENER:
		return conf_wrong(c->places, c, "run_dir", -1, err, "%s", why.text);
	default:
		return -1;
	}
}

static int
all_make(struct plan *p, struct err *err)
{
	for (int i = 0; i < p->n; i++) {
		struct item *item = &p->items[i];

		if (item->fd != -1)
			continue;
		item->fd = item_make(p, item, err);
		if (item->fd == -1)
			return item_failed(p, item, err);
	}
	return 0;
}

/* ---- the last boot's cache ------------------------------------------------------------------- */

static int
shards_again(struct plan *p, struct err *err)
{
	for (int i = 0; i < p->n; i++) {
		struct item *item = &p->items[i];

		if (item->kind != ITEM_SHARD)
			continue;
		close(item->fd);
		item->fd = item_make(p, item, err);
		if (item->fd == -1)
			return item_failed(p, item, err);
	}
	return 0;
}

static void
load_say(const struct plan *p, const struct snapshot_done *done)
{
	const char *file = p->conf->snapshot.file;

	if (done->absent)
		event_say(
		    EVENT_NOTICE, "snapshot", "%s is not there yet: the cache is empty", file);
	else
		event_say(EVENT_NOTICE, "snapshot",
		    "%s, %lld s old: %llu entries taken over in %llu ms, %llu not%s", file,
		    (long long)done->age_s, (unsigned long long)done->entries,
		    (unsigned long long)done->ms, (unsigned long long)done->left,
		    done->cut ? "; snapshot.load_ms was too short for all" : "");
}

/* Only where no shard was handed over: what is held, of whatever shape, is later than any file, and
 * whoever has it runs already and waits. What goes wrong costs the file and nothing else. */
static int
shards_fill(struct plan *p, const struct held *old, struct err *err)
{
	struct snapshot_done done;
	int fds[HELD_MAX], n = 0;
	struct err why;

	if (p->conf->snapshot.file[0] == '\0' || held_find(old, "shard.0") != -1)
		return 0;
	for (int i = 0; i < p->n; i++)
		if (p->items[i].kind == ITEM_SHARD)
			fds[n++] = p->items[i].fd; /* in the order of their numbers */
	event_open("resolver-hold", (enum event_level)p->conf->log_level);
	if (snapshot_load(p->conf, fds, n, &done, &why) == 0) {
		load_say(p, &done);
		return 0;
	}
	event_say(EVENT_WARN, "snapshot", "%s; the cache is empty", why.text);
	return shards_again(p, err);
}

/* ---- what is said of it ---------------------------------------------------------------------- */

/* How often the holder has a snapshot written: -1 never, 0 only when all ends. */
static long long
snapshot_every_s(const struct resolver_conf *c)
{
	return c->snapshot.file[0] == '\0' ? -1 : (long long)c->snapshot.every_s;
}

static void
done_render(const struct plan *p, char text[static HELD_TEXT])
{
	snprintf(text, HELD_TEXT, "engines=%lld probe=%s %lld snapshot=%lld",
	    (long long)p->conf->engines, p->conf->probe_address,
	    (long long)p->conf->probe_port, snapshot_every_s(p->conf));
}

static int
all_send(const struct plan *p, int reply, struct err *err)
{
	char text[HELD_TEXT];

	for (int i = 0; i < p->n; i++)
		if (held_send(reply, p->items[i].name, p->items[i].fd, NULL) == -1)
			return err_errno(err, "cannot hand over %s", p->items[i].name);
	done_render(p, text);
	if (held_send(reply, "done", -1, text) == -1)
		return err_errno(err, "cannot say that all is handed over");
	return 0;
}

static void
item_render(const struct plan *p, const struct item *i, char *text, size_t size)
{
	char place[PLACE_TEXT], number[HELD_NAME];

	switch (i->kind) {
	case ITEM_SOCKET:
		snprintf(text, size, "%s", place_render(&i->place, place));
		break;
	case ITEM_SCORE:
		snprintf(text, size, "scoreboard of %s",
		    i->score_kind == 'w' ? "a worker" : "an engine");
		break;
	case ITEM_SHARD:
		snprintf(text, size, "%zu MiB of cache", plan_shard_bytes(p) >> 20);
		break;
	case ITEM_HITS:
		snprintf(text, size, "what is asked of that cache");
		break;
	case ITEM_QUARANTINE:
		snprintf(text, size, "what ended the probation engine");
		break;
	case ITEM_SECRET:
		snprintf(text, size, "secret of cookies");
		break;
	case ITEM_LISTENER:
		given_engine(number, "", i->number);
		snprintf(text, size, "%s/engine-%s.sock", p->conf->run_dir, number);
		break;
	}
}

static int
all_print(const struct plan *p, struct err *err)
{
	char text[HELD_TEXT];

	for (int i = 0; i < p->n; i++) {
		item_render(p, &p->items[i], text, sizeof(text));
		printf("%-12s %s, %s\n", p->items[i].name, text,
		    p->items[i].fd == -1 ? "to be made" : "kept");
	}
	done_render(p, text);
	printf("%s\n", text);
	return fflush(stdout) == 0 ? 0 : err_errno(err, "cannot print");
}

static int
plan_carry_out(struct plan *p, const struct held *old, int reply, struct err *err)
{
	if (plan_make(p, old, err) == -1)
		return -1;
	if (reply == -1)
		return all_print(p, err);
	if (all_make(p, err) == -1 || shards_fill(p, old, err) == -1)
		return -1;
	return all_send(p, reply, err);
}

int
hold_run(const char *path, int slots, struct err *err)
{
	struct arena *arena = arena_new();
	struct resolver_conf conf;
	struct plan plan = {.conf = &conf, .slots = slots};
	struct held old;
	int done, reply;

	held_make_room();
	if (held_from_env(&old, err) == -1) {
		arena_free(arena);
		return -1;
	}
	reply = held_find(&old, HOLD_REPLY);
	if (slots < 1 || slots > HOLD_SLOTS_MAX)
		done = err_set(err, "there are 1 to %d slots for workers", HOLD_SLOTS_MAX);
	else
		done = resolver_conf_read(path, &conf, arena, err);
	if (done == 0)
		done = plan_carry_out(&plan, &old, reply, err);
	if (done == -1 && reply != -1)
		held_send(reply, "error", -1, err->text);
	/* What was made ends with this process where nobody has taken it. */
	plan_fini(&plan);
	held_fini(&old);
	arena_free(arena);
	return done;
}
