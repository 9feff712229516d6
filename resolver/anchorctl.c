/*
 * The words of `resolver anchor`.
 */
#include "resolver/anchorctl.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/file.h"
#include "resolver/anchorctl_parts.h"

static int
usage(FILE *to)
{
	fputs("usage: resolver [-c FILE] anchor update\n"
	      "       resolver [-c FILE] anchor status [--json]\n"
	      "\n"
	      "  update  asks for the root's keys and follows them by RFC 5011, from\n"
	      "          engine.trust_anchor on: a new key is trusted once it has stood for 30 days,\n"
	      "          one that is revoked no more. Writes engine.followed_anchor, which engines\n"
	      "          read when they start: `bgpctl upgrade --anchor` replaces those that have\n"
	      "          older ones. Needs no rights but to that directory.\n"
	      "  status  says which keys are in force, and since when\n"
	      "\n"
	      "Exit status: 0 well, 1 it failed and nothing was changed, 2 wrong arguments.\n",
	    to);
	return to == stdout ? ANCHOR_WELL : ANCHOR_USAGE;
}

int
anchorctl_tracked(const char *path, struct anchors *out, struct err *err)
{
	char *text = file_read(path, ANCHOR_FILE_MAX, NULL, err);
	int done;

	if (text == NULL)
		return errno == ENOENT ? ANCHOR_FILE_NONE : -1;
	done = anchors_parse(text, out, err);
	free(text);
	if (done == 0 && !out->tracked)
		done = err_set(err, "it does not say of which zone it is");
	if (done == 0 && anchors_in_force(out) == 0)
		done = err_set(err, "no key in it is in force");
	return done == 0 ? ANCHOR_FILE_KEYS : err_wrap(err, "%s", path);
}

/* -1: they are no task of ours, and that was said. */
static int
words_read(struct anchorctl *c, int argc, char **argv, int (**task)(const struct anchorctl *))
{
	static const struct option longs[] = {
	    {"json", no_argument, NULL, 'j'}, {"help", no_argument, NULL, 'h'}, {0}};
	int letter;

	optind = 0;
	while ((letter = getopt_long(argc, argv, "h", longs, NULL)) != -1) {
		if (letter != 'j')
			return usage(letter == 'h' ? stdout : stderr);
		c->json = true;
	}
	*task = NULL;
	if (argc - optind == 1 && strcmp(argv[optind], "update") == 0 && !c->json)
		*task = anchorctl_update;
	else if (argc - optind == 1 && strcmp(argv[optind], "status") == 0)
		*task = anchorctl_status;
	return *task != NULL ? ANCHOR_WELL : usage(stderr);
}

int
anchorctl_run(const char *path, int argc, char **argv)
{
	int (*task)(const struct anchorctl *) = NULL;
	struct arena *arena = arena_new();
	struct resolver_conf conf;
	struct anchorctl c = {.conf = &conf};
	struct err err;
	int status = words_read(&c, argc, argv, &task);

	if (task == NULL) {
		arena_free(arena);
		return status;
	}
	if (resolver_conf_read(path, &conf, arena, &err) == 0) {
		snprintf(c.state, ANCHOR_PATH, "%.200s.state", conf.engine.followed_anchor);
		snprintf(c.work, ANCHOR_PATH, "%.200s.work", conf.engine.followed_anchor);
		snprintf(c.failed, ANCHOR_PATH, "%.200s.failed", conf.engine.followed_anchor);
		status = task(&c);
	} else {
		fprintf(stderr, "resolver: %s\n", err.text);
		status = ANCHOR_TROUBLE;
	}
	arena_free(arena);
	return fflush(stdout) == 0 ? status : ANCHOR_TROUBLE;
}
