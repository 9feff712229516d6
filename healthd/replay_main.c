/*
 * healthd-replay: what stands behind `bgpctl replay` and `bgpctl what-if`. It is a program of this
 * room because it runs this room's code: the same object files that the brain is made of (decision
 * 0035). It talks to nobody and needs no rights but to read the record.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "bgpctl/instant.h"
#include "healthd/replay_say.h"
#include "healthd/whatif.h"

enum { EXIT_SAME = 0, EXIT_DIFFERENT = 1, EXIT_TROUBLE = 3 }; /* as bgpctl's */

#define RECORDER_NAME "recorder"

struct words {
	bool what_if, json;
	const char *config, *svg;
	struct replay_want want;
	char **files;
	int n_files;
};

static int __attribute__((format(printf, 1, 2))) trouble(const char *fmt, ...)
{
	va_list ap;

	fflush(stdout);
	fputs("bgpctl: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	return EXIT_TROUBLE;
}

/* --- words ------------------------------------------------------------------------------------ */

static int
instant(const char *option, const char *text, int64_t *to)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	if (instant_parse(text, now.tv_sec * INT64_C(1000000) + now.tv_nsec / 1000, to))
		return 0;
	return trouble(
	    "--%s %s: 10m (ago), 03:14 or 2026-11-22T03:14:15 (Z for UTC)", option, text);
}

static int
read_words(struct words *w, int argc, char **argv)
{
	static const struct option longs[] = {{"json", no_argument, NULL, 'j'},
	    {"config", required_argument, NULL, 'c'}, {"svg", required_argument, NULL, 'g'},
	    {"from", required_argument, NULL, 'f'}, {"to", required_argument, NULL, 't'},
	    {"service", required_argument, NULL, 'S'}, {"family", required_argument, NULL, 'F'},
	    {NULL, 0, NULL, 0}};
	int letter;

	*w = (struct words){.want = {.to_us = INT64_MAX}};
	while ((letter = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		if (letter == 'f' && instant("from", optarg, &w->want.from_us) != 0)
			return EXIT_TROUBLE;
		if (letter == 't' && instant("to", optarg, &w->want.to_us) != 0)
			return EXIT_TROUBLE;
		if (letter == '?')
			return EXIT_TROUBLE;
		w->json |= letter == 'j';
		w->config = letter == 'c' ? optarg : w->config;
		w->svg = letter == 'g' ? optarg : w->svg;
		w->want.service = letter == 'S' ? optarg : w->want.service;
		w->want.family = letter == 'F' ? optarg : w->want.family;
	}
	if (optind + 2 > argc ||
	    (strcmp(argv[optind], "replay") != 0 && strcmp(argv[optind], "what-if") != 0))
		return trouble("healthd-replay is started by `bgpctl replay` and `bgpctl what-if`");
	w->what_if = strcmp(argv[optind], "what-if") == 0;
	w->files = argv + optind + 1;
	w->n_files = argc - optind - 1;
	if (w->what_if && w->config == NULL)
		return trouble("what-if: --config FILE: the settings that are to be tried");
	return 0;
}

/* --- reading ---------------------------------------------------------------------------------- */

/* In percent, once it has taken a second. */
static void
show_progress(size_t done, size_t of)
{
	static time_t began;
	static int shown;
	time_t now = time(NULL);
	int percent = (int)(done * 100 / of);

	began = began == 0 ? now : began;
	if (done == of) {
		if (shown > 0)
			fputs("\r     \r", stderr);
		shown = 0;
		began = 0;
	} else if (now > began && percent != shown) {
		fprintf(stderr, "\r%3d %%", percent);
		shown = percent;
	}
}

/* A file, or a directory that has one, and perhaps one that was set aside before it. */
static int
read_place(struct replay *r, const char *place, struct err *err)
{
	char path[4096], aside[4096 + sizeof(RECORDER_SET_ASIDE)];
	struct stat st;

	if (stat(place, &st) < 0 || !S_ISDIR(st.st_mode))
		return replay_file(r, place, err);
	snprintf(path, sizeof(path), "%s/" RECORDER_NAME, place);
	snprintf(aside, sizeof(aside), "%s" RECORDER_SET_ASIDE, path);
	if (access(aside, F_OK) == 0 && replay_file(r, aside, err) < 0)
		trouble("%s", err->text); /* it was set aside for a reason, perhaps this one */
	return replay_file(r, path, err);
}

/* Why there is nothing to tell of a record that could be read. */
static int
nothing(const struct words *w, const struct replay *r)
{
	if (r->refused[0] != '\0')
		return trouble("%s: %s", w->files[w->n_files - 1], r->refused);
	return trouble(
	    "%s: no whole state stands in it (one is written when healthd starts, and bit "
	    "by bit within minutes), so nothing can be decided again",
	    w->files[w->n_files - 1]);
}

static int
read_all(const struct words *w, struct replay *r)
{
	struct err err;

	if (isatty(STDERR_FILENO))
		r->progress = show_progress;
	for (int n = 0; n < w->n_files; n++)
		if (read_place(r, w->files[n], &err) < 0)
			return trouble("%s", err.text);
	if (r->first_wall_us == 0)
		return nothing(w, r);
	if (r->refused[0] != '\0')
		trouble("a part is passed over: %s", r->refused);
	if (r->count.damaged > 0)
		trouble("%llu damaged records passed over", (unsigned long long)r->count.damaged);
	return 0;
}

/* --- the verbs -------------------------------------------------------------------------------- */

static void
put_json(json_t *o)
{
	char *text = json_dumps(o, JSON_INDENT(2));

	if (text != NULL)
		puts(text);
	free(text);
	json_decref(o);
}

static int
replay(const struct words *w, struct replay *r)
{
	int rc = read_all(w, r);

	if (rc != 0)
		return rc;
	if (w->json)
		put_json(replay_json(r));
	else
		replay_text(stdout, r);
	return r->count.differences > 0 ? EXIT_DIFFERENT : EXIT_SAME;
}

static int
draw(const struct words *w, const struct whatif *what)
{
	FILE *f = fopen(w->svg, "we");
	bool failed;

	if (f == NULL)
		return trouble("%s: cannot be written: %s", w->svg, strerror(errno));
	whatif_svg(f, what);
	failed = ferror(f) != 0;
	if (fclose(f) != 0 || failed)
		return trouble("%s: cannot be written: %s", w->svg, strerror(errno));
	return 0;
}

static int
tell(const struct words *w, const struct whatif *what)
{
	if (what->failed)
		return trouble("out of memory");
	if (w->json)
		put_json(whatif_json(what));
	else
		whatif_text(stdout, what);
	return w->svg != NULL ? draw(w, what) : 0;
}

static int
what_if(const struct words *w, struct replay *r)
{
	struct arena *arena = arena_new();
	struct settings other;
	struct whatif *what = NULL;
	struct err err;
	int rc = 0;

	if (settings_read(w->config, &other, arena, &err) < 0)
		rc = trouble("%s", err.text);
	else if ((what = whatif_new(r, &other)) == NULL)
		rc = trouble("out of memory");
	if (rc == 0)
		rc = read_all(w, r);
	if (rc == 0) {
		whatif_end(what);
		rc = tell(w, what);
	}
	whatif_free(what);
	arena_free(arena);
	return rc;
}

int
main(int argc, char **argv)
{
	struct words w;
	struct replay *r;
	int rc = read_words(&w, argc, argv);

	if (rc != 0)
		return rc;
	r = replay_new(&w.want);
	if (r == NULL)
		return trouble("out of memory");
	rc = w.what_if ? what_if(&w, r) : replay(&w, r);
	replay_free(r);
	return fflush(stdout) == 0 ? rc : EXIT_TROUBLE;
}
