/*
 * `resolver cache flush`: each engine is asked to purge, and is replaced by its supervisor. One
 * after the other: as long as the next one of a number does not answer, no further one is asked to
 * end, so that there is always somebody left who resolves.
 */
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "resolver/ask_io.h"
#include "resolver/cachectl_parts.h"
#include "resolver/given.h"
#include "resolver/snapshot_file.h"

#define PURGE_MS 60000	   /* what is in flight ends within a second; a large shard takes longer */
#define SUCCESSOR_MS 15000 /* a supervisor that lets so much time pass has given up */
#define STABLE_MS 3000	   /* to its supervisor, one that ends sooner has failed at its start */
#define TRIES 3 /* an engine may end before it reads us: somebody else's purge, or worse */
#define ID 1

/* How it went with an engine. */
enum outcome { NEW, ABSENT, FAILED, NONE_AFTER };

/* So that names flushed one after another are no crash loop. */
static void
wait_stable(const struct l2 *shard)
{
	struct l2_stats s;
	int64_t up_ms;

	l2_stats(shard, &s);
	up_ms = mono_diff_ms(mono_now(), (struct mono){(int64_t)s.since_us});
	if (up_ms >= 0 && up_ms < STABLE_MS)
		poll(NULL, 0, (int)(STABLE_MS - up_ms));
}

/* As visit_receive(), of what is no hello: it says that again when its way out is lost or found. */
static ssize_t
answer_receive(int socket, uint8_t in[static TOLD_HEAD], struct mono by, struct err *err)
{
	const struct entry *none;
	struct told t;
	ssize_t n;
	int fd;

	do {
		n = visit_receive(socket, in, TOLD_HEAD, &fd, by, err);
		if (fd >= 0)
			close(fd);
	} while (n > 0 && told_decode(in, (size_t)n, &t, &none) && t.id == TOLD_HELLO &&
		 mono_before(mono_now(), by));
	return n;
}

/* One purge asked for and answered. 0; 1 when the engine ended before it answered, or -1, with why
 * it was not done. */
static int
purge_ask(const struct cachectl *c, int socket, const struct dns_name *name, uint32_t *gone,
    struct err *err)
{
	struct purge p = {.version = PURGE_VERSION,
	    .id = ID,
	    .flags = c->tree ? PURGE_TREE : 0,
	    .name_length = name->length};
	_Alignas(8) uint8_t in[TOLD_HEAD];
	uint8_t out[PURGE_MAX];
	struct mono by = mono_add_ms(mono_now(), PURGE_MS);
	struct purged answer;
	ssize_t n;

	memcpy(p.name, name->wire, name->length);
	n = (ssize_t)purge_encode(&p, out, sizeof(out));
	if (ask_send(socket, out, (size_t)n, NULL, 0, -1) < 0)
		return -err_errno(err, "the engine takes no purge");
	n = answer_receive(socket, in, by, err);
	if (n < 0)
		return mono_before(mono_now(), by) ? 1 : -1;
	if (n == 0)
		return -err_set(err, "it ended without an answer; try again");
	if (!purged_decode(in, (size_t)n, &answer) || answer.id != ID)
		return err_set(err, "it answered what is none; is it of the same version?");
	if (answer.verdict == PURGE_REFUSED)
		return err_set(err, "it takes purges from root and from its own user only");
	*gone = answer.gone;
	return 0;
}

static enum outcome
flush_engine(const struct cachectl *c, int number, const struct dns_name *name, uint32_t *gone,
    struct err *err)
{
	struct visit v, next;
	int asked = 1;

	for (int i = 0; i < TRIES && asked > 0; i++) {
		if (visit_open(c, number, mono_add_ms(mono_now(), HELLO_MS), &v, err) < 0)
			return ABSENT;
		wait_stable(v.shard);
		asked = purge_ask(c, v.socket, name, gone, err);
		visit_close(&v);
	}
	if (asked != 0)
		return FAILED;
	/* It does not listen any more: whoever says hello is another. */
	if (visit_open(c, number, mono_add_ms(mono_now(), SUCCESSOR_MS), &next, err) < 0)
		return NONE_AFTER;
	visit_close(&next);
	return NEW;
}

static void
tell(const struct cachectl *c, int number, enum outcome outcome, uint32_t gone,
    const struct err *err)
{
	if (c->json) {
		printf("%s\n    {\"engine\": %d, \"gone\": %u, \"replaced\": %s",
		    number > 0 ? "," : "", number, gone, outcome == NEW ? "true" : "false");
		if (outcome != NEW) {
			printf(", \"error\": ");
			cachectl_quote(stdout, err->text);
		}
		putchar('}');
	} else if (outcome == NEW) {
		printf("engine %d: dropped %u of its entries, and is replaced\n", number, gone);
	} else if (outcome == NONE_AFTER) {
		printf("engine %d: dropped %u of its entries, but none has come in its place: %s\n",
		    number, gone, err->text);
	} else {
		printf("engine %d: nothing is flushed: %s\n", number, err->text);
	}
	fflush(stdout);
}

static int
conclude(const struct cachectl *c, int answered, int replaced, int tried, enum outcome last)
{
	int n = (int)c->conf->engines;

	if (answered == 0)
		return cachectl_trouble("no engine answers in %s; are they running, and may you "
					"(be root)?",
		    c->conf->run_dir);
	if (replaced == n)
		return CACHE_WELL;
	if (tried < n)
		cachectl_trouble("engines %d to %d are left as they are, so that somebody still "
				 "resolves; start engine %d, then flush again",
		    tried, n - 1, tried - 1);
	else if (last == NONE_AFTER)
		cachectl_trouble(
		    "engine %d has to be started; `bgpctl workers` shows whether it is", tried - 1);
	if (tried == n && replaced + (last == NONE_AFTER) < n)
		cachectl_trouble(
		    "%d of %d engines may still know it; when they answer, flush again",
		    n - replaced - (last == NONE_AFTER), n);
	return CACHE_NO;
}

/* What it found while it was asked something may be old now as well. It serves nobody, and so
 * nobody waits for its successor, nor does it matter when there is none. */
static void
flush_probation(const struct cachectl *c, const struct dns_name *name)
{
	struct mono by = mono_add_ms(mono_now(), PROBATION_MS);
	uint32_t gone;
	struct visit v;
	struct err err;

	if (!c->conf->engine.probation || visit_open(c, ENGINE_PROBATION, by, &v, &err) < 0)
		return;
	purge_ask(c, v.socket, name, &gone, &err);
	visit_close(&v);
}

/* After the engines: what is written from now on does not have it. */
static int
flush_snapshot(const struct cachectl *c)
{
	struct err err;

	if (c->conf->snapshot.file[0] == '\0' || snapshot_remove(c->conf, &err) == 0)
		return CACHE_WELL;
	cachectl_trouble("%s; a reboot may bring back what was flushed", err.text);
	return CACHE_NO;
}

int
cachectl_flush(const struct cachectl *c)
{
	int n = (int)c->conf->engines, answered = 0, replaced = 0, i, kept, status;
	enum outcome outcome = NEW;
	struct dns_name name;
	struct err err;

	if (cachectl_name(c->argv[1], &name, &err) < 0)
		return cachectl_trouble("%s: %s", c->argv[1], err.text);
	if (c->json)
		printf("{\n  \"engines\": [");
	for (i = 0; i < n && outcome != NONE_AFTER; i++) {
		uint32_t gone = 0;

		outcome = flush_engine(c, i, &name, &gone, &err);
		answered += outcome != ABSENT;
		replaced += outcome == NEW;
		tell(c, i, outcome, gone, &err);
	}
	if (answered > 0)
		flush_probation(c, &name);
	kept = answered > 0 ? flush_snapshot(c) : CACHE_WELL;
	if (c->json)
		printf("\n  ],\n  \"done\": %s\n}\n",
		    replaced == n && kept == CACHE_WELL ? "true" : "false");
	status = conclude(c, answered, replaced, i, outcome);
	return status == CACHE_WELL ? kept : status;
}
