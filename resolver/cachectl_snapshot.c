/*
 * `resolver cache snapshot`: the shared cache to its file. By hand, of the engines that answer; or
 * of the shards that a holder hands over, which needs no engine: healthd has it done so, and what
 * there is to say is then an event.
 */
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "lib/event.h"
#include "resolver/cachectl_parts.h"
#include "resolver/given.h"
#include "resolver/snapshot_file.h"

#define MIB (1024.0 * 1024.0)
#define SHARDS_MAX 16

/* Each engine's, or none at all: what is missing would be missed at the next boot. */
static int
shards_given(
    const struct cachectl *c, const struct held *given, struct l2 *shards[], struct err *err)
{
	char name[HELD_NAME];
	int n;

	for (n = 0; n < (int)c->conf->engines; n++) {
		int fd = held_find(given, given_name(name, "shard.", n));

		if (fd == -1)
			return err_set(err, "%s was not handed over", name);
		shards[n] = l2_open_reader(fd, err);
		if (shards[n] == NULL)
			return -1;
	}
	return n;
}

static int
shards_asked_for(const struct cachectl *c, struct l2 *shards[], struct err *err)
{
	struct mono by = mono_add_ms(mono_now(), HELLO_MS);
	struct visit v;
	int n;

	for (n = 0; n < (int)c->conf->engines; n++) {
		if (visit_open(c, n, by, &v, err) < 0)
			return err_wrap(err, "engine %d does not answer", n);
		shards[n] = v.shard;
		v.shard = NULL;
		visit_close(&v);
	}
	return n;
}

static void
say(const struct cachectl *c, bool given, const struct snapshot_done *done)
{
	double mib = (double)done->bytes / MIB;
	const char *cut = done->cut ? "; snapshot.max_mib leaves no room for more" : "";

	if (given)
		event_say(EVENT_INFO, "snapshot",
		    "%s: %" PRIu64 " entries, %.1f MiB, in %" PRIu64 " ms%s",
		    c->conf->snapshot.file, done->entries, mib, done->ms, cut);
	else if (c->json)
		printf("{\"entries\": %" PRIu64 ", \"bytes\": %" PRIu64 ", \"ms\": %" PRIu64
		       ", \"cut\": %s}\n",
		    done->entries, done->bytes, done->ms, done->cut ? "true" : "false");
	else
		printf("%s: %" PRIu64 " entries, %.1f MiB, in %" PRIu64 " ms%s\n",
		    c->conf->snapshot.file, done->entries, mib, done->ms, cut);
}

/* To who handed the shards over. Where it no longer listens, our exit status is all that it has. */
static void
report(const struct held *given, const struct snapshot_done *done)
{
	char note[HELD_TEXT];
	int reply = held_find(given, "reply");

	if (reply == -1)
		return;
	snprintf(
	    note, sizeof(note), "entries=%" PRIu64 " bytes=%" PRIu64, done->entries, done->bytes);
	held_send(reply, "done", -1, note);
}

static int
complain(bool given, const struct err *err)
{
	if (given)
		event_say(EVENT_WARN, "snapshot", "%s", err->text);
	else
		cachectl_trouble("%s", err->text);
	return CACHE_NO;
}

int
cachectl_snapshot(const struct cachectl *c)
{
	struct l2 *shards[SHARDS_MAX] = {NULL};
	struct snapshot_done done;
	struct held held;
	struct err err;
	bool given;
	int n;

	if (held_from_env(&held, &err) == -1)
		return cachectl_trouble("%s", err.text);
	given = held.n > 0;
	if (given)
		event_open("resolver-snapshot", (enum event_level)c->conf->log_level);
	if (c->conf->snapshot.file[0] == '\0')
		n = err_set(&err, "there is no file for a snapshot; write snapshot.file");
	else
		n = given ? shards_given(c, &held, shards, &err)
			  : shards_asked_for(c, shards, &err);
	if (n > 0)
		n = snapshot_save(c->conf, shards, n, &done, &err);
	for (int i = 0; i < SHARDS_MAX; i++)
		l2_close(shards[i]);
	if (n != -1)
		report(&held, &done);
	held_fini(&held);
	if (n == -1)
		return complain(given, &err);
	say(c, given, &done);
	return CACHE_WELL;
}

/* ---- for stats ------------------------------------------------------------------------------- */

/* 0, 1: there is none yet, or -1. */
static int
look(const struct cachectl *c, struct snapshot_head *head, int64_t *age_s, struct err *err)
{
	struct snapshot_clock now;
	int rc = snapshot_look(c->conf, head, err);

	if (rc == 0 && snapshot_clock(&now, err) != 0)
		return -1;
	if (rc == 0)
		*age_s = snapshot_age_s(&head->at, &now);
	return rc;
}

void
snapshot_print(const struct cachectl *c)
{
	struct snapshot_head head;
	int64_t age_s;
	struct err err;

	if (c->conf->snapshot.file[0] == '\0')
		return;
	switch (look(c, &head, &age_s, &err)) {
	case 0:
		printf("snapshot  %s: %" PRIu64 " entries, %.1f MiB, %lld s old\n",
		    c->conf->snapshot.file, head.entries, (double)head.bytes / MIB,
		    (long long)age_s);
		break;
	case 1:
		printf("snapshot  %s: not written yet\n", c->conf->snapshot.file);
		break;
	default:
		printf("snapshot  none: %s\n", err.text);
	}
}

void
snapshot_json(const struct cachectl *c)
{
	struct snapshot_head head;
	int64_t age_s;
	struct err err;
	int rc;

	printf(",\n  \"snapshot\": ");
	if (c->conf->snapshot.file[0] == '\0') {
		printf("null");
		return;
	}
	printf("{\"file\": ");
	cachectl_quote(stdout, c->conf->snapshot.file);
	printf(", \"every_s\": %lld", (long long)c->conf->snapshot.every_s);
	rc = look(c, &head, &age_s, &err);
	if (rc == 0)
		printf(", \"entries\": %" PRIu64 ", \"bytes\": %" PRIu64 ", \"age_s\": %lld, "
		       "\"error\": null}",
		    head.entries, head.bytes, (long long)age_s);
	else {
		printf(", \"entries\": null, \"bytes\": null, \"age_s\": null, \"error\": ");
		cachectl_quote(stdout, rc == 1 ? "not written yet" : err.text);
		putchar('}');
	}
}
