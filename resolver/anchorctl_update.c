/*
 * One attempt to follow the root's keys. In this order, so that an end in between costs nothing:
 * libunbound's file first, which says all; then the keys in force, which the next attempt makes of
 * it again.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lib/event.h"
#include "lib/file.h"
#include "resolver/anchor_probe.h"
#include "resolver/anchorctl.h"
#include "resolver/anchorctl_parts.h"
#include "resolver/engine_context.h"

#define MODE 0644 /* engines read it as whoever they are started as */

/* Two at a time would take each other's copy. The descriptor, kept to the end; -1 with the mend. */
static int
lock(const char *file, struct err *err)
{
	char dir[ANCHOR_PATH];
	int fd;

	snprintf(dir, sizeof(dir), "%.*s", (int)(strrchr(file, '/') - file + 1), file);
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_errno(err, "engine.followed_anchor: cannot open %s, which "
				      "`systemd-tmpfiles --create anypop.conf` makes", dir);
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return fd;
	err_set(err, "another `resolver anchor update` is at work");
	close(fd);
	return -1;
}

/* libunbound's file as it was left; where it is gone, its keys that were in force go on. */
static char *
go_on(const struct anchorctl *c, struct err *err)
{
	struct anchors tracked;
	int there = anchorctl_tracked(c->state, &tracked, err);

	if (there >= 0)
		return file_read(
		    there == ANCHOR_FILE_KEYS ? c->state : c->conf->engine.followed_anchor,
		    ANCHOR_FILE_MAX, NULL, err);
	err_wrap(err, "remove it, so that it begins again with the keys that are in force");
	return NULL;
}

/* What is followed from now on; malloc'd. `had` are the keys in force, as far as known. */
static char *
beginning(const struct anchorctl *c, struct anchors *had, bool *anew, struct err *err)
{
	int what = anchor_file_read(c->conf, had, err);
	struct err why;
	char *text;

	*anew = what == ANCHOR_FILE_NONE || what == ANCHOR_FILE_OTHER;
	if (what == ANCHOR_FILE_KEYS)
		return go_on(c, err);
	if (what < 0) {
		err_wrap(err, "remove it, so that it begins again from engine.trust_anchor");
		return NULL;
	}
	text = file_read(c->conf->engine.trust_anchor, ANCHOR_FILE_MAX, NULL, err);
	/* DS records, or records over several lines: libunbound reads them, and what was there
	 * before is not known. */
	if (text != NULL && anchors_parse(text, had, &why) < 0)
		had->n = 0;
	return text;
}

/* The copy that libunbound has written meanwhile, which is to replace its file. */
static char *
probe(const struct anchorctl *c, const char *text, struct anchors *now, struct err *err)
{
	time_t began = time(NULL);

	if (file_replace_fast(c->work, text, strlen(text), MODE, err) < 0 ||
	    anchor_probe(c->conf, c->work, err) < 0)
		return NULL;
	if (anchorctl_tracked(c->work, now, err) < 0)
		return NULL;
	if (now->success_s < began) {
		err_set(err, "libunbound has not looked at the root's keys: %.200s",
		    context_said());
		return NULL;
	}
	return file_read(c->work, ANCHOR_FILE_MAX, NULL, err);
}

/* The file's time is when its keys came in force: of those that were already, when they did. */
static void
backdate(const struct anchorctl *c)
{
	struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}};
	struct stat st;

	if (stat(c->conf->engine.trust_anchor, &st) < 0)
		return;
	times[1] = st.st_mtim;
	utimensat(AT_FDCWD, c->conf->engine.followed_anchor, times, 0);
}

static int
put(const struct anchorctl *c, const struct anchors *had, const struct anchors *now, bool anew,
    struct err *err)
{
	static char text[ANCHOR_FILE_MAX];
	char before[ANCHOR_TAGS], after[ANCHOR_TAGS], pending[ANCHOR_TAGS];
	bool same = anchors_same(had, now);
	size_t length = anchors_render(now, c->conf->engine.trust_anchor, text, sizeof(text));

	anchors_tags(had, ANCHOR_FORCE_BITS, before);
	anchors_tags(now, ANCHOR_FORCE_BITS, after);
	anchors_tags(now, ANCHOR_BIT(ANCHOR_PENDING), pending);
	if (length == 0)
		return err_set(err, "the keys do not fit into a file");
	if ((anew || !same) &&
	    file_replace(c->conf->engine.followed_anchor, text, length, MODE, err) < 0)
		return -1;
	if (anew && same)
		backdate(c);
	if (same)
		event_say(EVENT_INFO, "anchor_followed", "in force as before: %s; pending: %s",
		    after, pending);
	else
		event_say(EVENT_NOTICE, "anchor_changed",
		    "in force: %s, before: %s; pending: %s; engines take them when they are "
		    "replaced (bgpctl upgrade --anchor)",
		    after, before, pending);
	return 0;
}

static int
follow(const struct anchorctl *c, struct err *err)
{
	struct anchors had = {0}, now;
	bool anew;
	char *text = beginning(c, &had, &anew, err), *next = NULL;
	int done = -1;

	if (text != NULL)
		next = probe(c, text, &now, err);
	unlink(c->work);
	if (next != NULL && file_replace(c->state, next, strlen(next), MODE, err) == 0)
		done = put(c, &had, &now, anew, err);
	free(text);
	free(next);
	return done;
}

static int
update(const struct anchorctl *c, struct err *err)
{
	int fd, done;
	struct err ignored;

	if (c->conf->engine.trust_anchor[0] == '\0')
		return err_set(err, "engine.trust_anchor is \"\": nothing is validated, and "
				    "nothing is to be followed; disable anypop-anchor.timer");
	if (c->conf->engine.followed_anchor[0] == '\0')
		return err_set(err, "engine.followed_anchor is \"\": say where the keys are to "
				    "stand, or disable anypop-anchor.timer");
	fd = lock(c->conf->engine.followed_anchor, err);
	if (fd < 0)
		return -1;
	done = follow(c, err);
	if (done == 0)
		unlink(c->failed);
	else
		file_replace_fast(c->failed, err->text, strlen(err->text), MODE, &ignored);
	close(fd);
	return done;
}

int
anchorctl_update(const struct anchorctl *c)
{
	struct err err;

	event_open("resolver-anchor", (enum event_level)c->conf->log_level);
	if (update(c, &err) == 0)
		return ANCHOR_WELL;
	event_say(EVENT_WARN, "anchor_failed", "%s; nothing was changed", err.text);
	return ANCHOR_TROUBLE;
}
