/*
 * birdapply: see the header. BIRD refuses a broken file as a whole and keeps running on the old
 * one, so the worst that an apply can do is nothing; the old file is put back so that BIRD's next
 * start does not find the broken one.
 */
#include "bgpctl/birdapply.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bgpctl/birdask.h"
#include "bgpctl/birdconf.h"
#include "bgpctl/birdrows.h"
#include "bgpctl/linediff.h"
#include "lib/ensure.h"
#include "lib/file.h"
#include "lib/mono.h"

#define INCLUDE_BYTES (1 << 20)
#define PROOF_MS 10000

struct apply {
	const struct site *site;
	birdapply_say *say;
	void *arg;
	struct birdask *bird;
	char *text, *old; /* new and former content; old NULL: there was none */
	size_t length, old_length;
	char complaint[300]; /* last line that was no OK */
};

static void __attribute__((format(printf, 2, 3)))
say(struct apply *a, const char *fmt, ...)
{
	char sentence[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(sentence, sizeof(sentence), fmt, ap);
	va_end(ap);
	if (a->say)
		a->say(a->arg, sentence);
}

/* The file as it is: NULL and 0 when there is none. */
static int
read_include(const struct site *site, char **text, size_t *length, struct err *err)
{
	*length = 0;
	*text = file_read(site->bird.include, INCLUDE_BYTES, length, err);
	return *text || errno == ENOENT ? 0 : -1;
}

int
birdapply_difference(const struct site *site, FILE *to, struct err *err)
{
	size_t length, old_length;
	char *text, *old;
	int differs;

	if (read_include(site, &old, &old_length, err) < 0)
		return -1;
	text = birdconf_text(site, &length);
	differs = !old || old_length != length || memcmp(old, text, length) != 0;
	if (differs && to)
		linediff(to, old ? old : "", text);
	free(text);
	free(old);
	return differs;
}

static void
note_complaint(void *arg, int code, const char *text)
{
	struct apply *a = arg;

	if (code >= 8000)
		snprintf(a->complaint, sizeof(a->complaint), "%.299s", text);
}

/* Sends a command; -1 with the error when BIRD's answer is none of 0xxx. */
static int
command(struct apply *a, const char *what, struct err *err)
{
	int code = birdask(a->bird, what, note_complaint, a, err);

	if (code < 0)
		return -1;
	if (code < 1000)
		return code;
	if (code == 8007)
		return err_set(err,
		    "BIRD allows this connection only to look (8007); remove `restrict` "
		    "or use the unrestricted socket");
	return err_set(err, "BIRD refuses `%s`: %04d %s", what, code, a->complaint);
}

static void
put_back(struct apply *a)
{
	struct err err;

	if (!a->old) {
		unlink(a->site->bird.include);
		say(a, "removed %s again", a->site->bird.include);
		return;
	}
	if (file_replace(a->site->bird.include, a->old, a->old_length, 0644, &err) < 0)
		say(a, "could not put the former %s back: %s", a->site->bird.include, err.text);
	else
		say(a, "put the former %s back", a->site->bird.include);
}

static int
install(struct apply *a, struct err *err)
{
	const char *include = a->site->bird.include;

	if (file_replace(include, a->text, a->length, 0644, err) < 0)
		return -1;
	say(a, "wrote %s (%zu bytes)", include, a->length);
	if (command(a, "configure check", err) < 0) {
		put_back(a);
		return err_wrap(err, "nothing was changed");
	}
	say(a, "BIRD accepts the configuration");
	return 0;
}

struct wanted {
	const struct site *site;
	int found;
};

static int
count_wanted(const struct site *site)
{
	int n = 0;

	for (int lane = 0; lane < site->n_services * N_FAMILIES; lane++)
		n += lane_exists(site, lane) ? site->n_rungs - 1 : 0;
	return n;
}

static void
find_wanted(void *arg, int code, const char *text)
{
	struct wanted *w = arg;
	struct bird_protocol row;
	char name[LOCK_NAME];

	if (!birdrows_protocol(code, text, &row))
		return;
	for (int lane = 0; lane < w->site->n_services * N_FAMILIES; lane++)
		for (int k = RUNG_DRAIN; lane_exists(w->site, lane) && k < w->site->n_rungs; k++)
			w->found += strcmp(lane_protocol(w->site, lane, k, name), row.name) == 0;
}

/* Reconfiguration goes on after `configure` has been answered (0004), so BIRD is asked again. */
static int
prove(struct apply *a, struct err *err)
{
	struct mono end = mono_add_ms(mono_now(), PROOF_MS);
	struct timespec pause = {.tv_nsec = 20000000};
	int n = count_wanted(a->site);

	for (;;) {
		struct wanted w = {.site = a->site};

		if (birdask(a->bird, "show protocols", find_wanted, &w, err) < 0)
			return -1;
		if (w.found == n) {
			say(a, "all %d protocols of ours are in force", n);
			return 0;
		}
		if (!mono_before(mono_now(), end))
			return err_set(err, "BIRD reloaded, but shows %d of our %d protocols; add "
					    "`include \"%s\";` to %s and apply again",
			    w.found, n, a->site->bird.include, a->site->bird.config);
		nanosleep(&pause, NULL);
	}
}

static int
run(struct apply *a, struct err *err)
{
	int code;

	a->bird = birdask_open(a->site->bird.socket, a->site->bird.timeout_ms, NULL, err);
	if (!a->bird || read_include(a->site, &a->old, &a->old_length, err) < 0 ||
	    install(a, err) < 0)
		return -1;
	code = command(a, "configure", err);
	if (code < 0)
		return err_wrap(err, "the new file is in place but not in force");
	say(a, code == 3 ? "BIRD has reloaded" : "BIRD is reloading");
	return prove(a, err);
}

int
birdapply(const struct site *site, birdapply_say *say_it, void *arg, struct err *err)
{
	struct apply a = {.site = site, .say = say_it, .arg = arg};
	int e;

	a.text = birdconf_text(site, &a.length);
	e = run(&a, err);
	birdask_close(a.bird);
	free(a.text);
	free(a.old);
	return e;
}
