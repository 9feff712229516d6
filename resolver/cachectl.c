/*
 * The words of `resolver cache`, and a visit to an engine.
 */
#include "resolver/cachectl_parts.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/text.h"
#include "resolver/ask_io.h"
#include "resolver/given.h"

#define RETRY_MS 20
#define LOOK_ID 1

static const struct task {
	const char *name;
	int (*run)(const struct cachectl *c);
	int words_min, words_max; /* behind its name */
	const char *options;
} tasks[] = {
    {"stats", cachectl_stats, 0, 0, "j"},
    {"explain", cachectl_explain, 1, 2, "jd"},
    {"flush", cachectl_flush, 1, 1, "jt"},
    {"snapshot", cachectl_snapshot, 0, 0, "j"},
};

static int
usage(FILE *to)
{
	fputs("usage: resolver [-c FILE] cache stats [--json]\n"
	      "       resolver [-c FILE] cache explain NAME [TYPE] [--dnssec] [--json]\n"
	      "       resolver [-c FILE] cache flush NAME [--tree] [--json]\n"
	      "       resolver [-c FILE] cache snapshot [--json]\n"
	      "\n"
	      "  stats     how full the engines' shards are, and what became of entries\n"
	      "  explain   what is kept for a name and a type (A), with and without DNSSEC\n"
	      "  flush     all entries of a name go, from every cache; the engines are replaced\n"
	      "  snapshot  writes it to the file from which the host's next boot takes it\n"
	      "  --dnssec  prints signatures and proofs as well\n"
	      "  --tree    and all names below it; of \".\" everything\n"
	      "\n"
	      "Exit status: 0 well, 1 not found or done in part, 3 no engine answers.\n",
	    to);
	return to == stdout ? CACHE_WELL : CACHE_NOBODY;
}

int
cachectl_trouble(const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	text_clean(text);
	fflush(stdout);
	fprintf(stderr, "resolver: %s\n", text);
	return CACHE_NOBODY;
}

int
cachectl_name(const char *text, struct dns_name *out, struct err *err)
{
	if (dns_name_parse(text, out, err) < 0)
		return -1;
	/* Lengths of labels are below any letter. */
	for (int i = 0; i < out->length; i++)
		if (out->wire[i] >= 'A' && out->wire[i] <= 'Z')
			out->wire[i] |= 0x20;
	return 0;
}

void
cachectl_quote(FILE *to, const char *text)
{
	fputc('"', to);
	for (; *text != '\0'; text++) {
		if (*text == '"' || *text == '\\')
			fprintf(to, "\\%c", *text);
		else if ((unsigned char)*text < 0x20)
			fprintf(to, "\\u%04x", (unsigned)*text);
		else
			fputc(*text, to);
	}
	fputc('"', to);
}

ssize_t
visit_receive(int socket, void *in, size_t room, int *descriptor, struct mono by, struct err *err)
{
	struct pollfd p = {.fd = socket, .events = POLLIN};
	int64_t ms;
	ssize_t n;

	for (;;) {
		n = ask_receive(socket, in, room, descriptor);
		if (n >= 0)
			return n;
		if (errno != EAGAIN && errno != EINTR)
			return err_errno(err, "cannot read what the engine says");
		ms = mono_diff_ms(by, mono_now());
		if (ms <= 0)
			return err_set(err, "the engine says nothing");
		poll(&p, 1, (int)ms);
	}
}

/* 1: said and taken in, 0: the engine ended before, or a new one is not there yet. */
static int
hello(struct visit *v, int number, struct mono by, struct err *err)
{
	_Alignas(8) uint8_t in[TOLD_HEAD];
	const struct entry *none;
	struct told t;
	int fd;
	ssize_t n = visit_receive(v->socket, in, sizeof(in), &fd, by, err);

	if (n <= 0)
		return (int)n;
	if (!told_decode(in, (size_t)n, &t, &none) || t.id != TOLD_HELLO || fd < 0) {
		if (fd >= 0)
			close(fd);
		return err_set(err, "what listens there does not speak as an engine of this "
				    "version; replace it by one that does");
	}
	if (number == ENGINE_PROBATION)
		v->quarantine = quarantine_open(fd, false, err);
	else
		v->shard = l2_open_reader(fd, err);
	close(fd);
	return v->shard != NULL || v->quarantine != NULL ? 1 : -1;
}

int
visit_open(const struct cachectl *c, int number, struct mono by, struct visit *v, struct err *err)
{
	bool gone = false;
	int said = 0;

	*v = (struct visit){.socket = -1};
	while (said == 0) {
		if (gone)
			poll(NULL, 0, RETRY_MS);
		v->socket = ask_connect(c->conf->run_dir, number, err);
		gone = v->socket < 0;
		said = gone ? 0 : hello(v, number, by, err);
		if (said > 0)
			return 0;
		visit_close(v);
		if (gone && errno == EACCES)
			return -1;
		if (!mono_before(mono_now(), by))
			return gone || said < 0 ? -1 : err_set(err, "it ended at once");
		gone = true;
	}
	return -1;
}

int
visit_look(struct visit *v, struct mono by, struct err *err)
{
	uint8_t packet[TOLD_HEAD];
	ssize_t n = LOOK_SIZE;
	uint32_t id;
	int fd = -1;

	look_encode(LOOK_ID, packet);
	if (ask_send(v->socket, packet, LOOK_SIZE, NULL, 0, -1) < 0)
		return err_errno(err, "cannot ask for its scoreboard");
	do { /* it may say hello once more in between */
		if (fd >= 0)
			close(fd);
		n = visit_receive(v->socket, packet, sizeof(packet), &fd, by, err);
		if (n == 0)
			return err_set(err, "it is of another release, and shows no scoreboard");
		if (n < 0)
			return -1;
	} while (!look_decode(packet, (size_t)n, &id) || fd < 0);
	v->score = scoreboard_map(fd, false, err);
	close(fd);
	return v->score != NULL ? 0 : -1;
}

void
visit_close(struct visit *v)
{
	l2_close(v->shard);
	quarantine_close(v->quarantine);
	scoreboard_unmap(v->score);
	if (v->socket >= 0)
		close(v->socket);
	*v = (struct visit){.socket = -1};
}

/* The letters of the options that were given, each once, into `given`. False: there is no such. */
static bool
options_read(struct cachectl *c, int argc, char **argv, char given[static 8])
{
	static const struct option longs[] = {{"json", no_argument, NULL, 'j'},
	    {"tree", no_argument, NULL, 't'}, {"dnssec", no_argument, NULL, 'd'},
	    {"help", no_argument, NULL, 'h'}, {0}};
	int letter;
	size_t n = 0;

	optind = 0;
	while ((letter = getopt_long(argc, argv, "h", longs, NULL)) != -1) {
		if (letter == '?')
			return false;
		c->json |= letter == 'j';
		c->tree |= letter == 't';
		c->dnssec |= letter == 'd';
		if (n < 7 && memchr(given, letter, n) == NULL)
			given[n++] = (char)letter;
	}
	given[n] = '\0';
	c->argc = argc - optind;
	c->argv = argv + optind;
	return true;
}

/* NULL when the words or the options are not what it takes. */
static const struct task *
task_find(const struct cachectl *c, const char *given)
{
	const struct task *t;

	for (t = tasks; t < tasks + sizeof(tasks) / sizeof(tasks[0]); t++)
		if (c->argc > 0 && strcmp(t->name, c->argv[0]) == 0)
			return c->argc - 1 >= t->words_min && c->argc - 1 <= t->words_max &&
				       given[strspn(given, t->options)] == '\0'
				   ? t
				   : NULL;
	return NULL;
}

int
cachectl_run(const char *path, int argc, char **argv)
{
	struct arena *arena = arena_new();
	struct resolver_conf conf;
	struct cachectl c = {.conf = &conf};
	const struct task *task;
	struct err err;
	char given[8];
	bool sound = options_read(&c, argc, argv, given);
	int status;

	if (sound && strchr(given, 'h') != NULL)
		status = usage(stdout);
	else if (!sound || (task = task_find(&c, given)) == NULL)
		status = usage(stderr);
	else if (resolver_conf_read(path, &conf, arena, &err) == -1)
		status = cachectl_trouble("%s", err.text);
	else
		status = task->run(&c);
	arena_free(arena);
	return fflush(stdout) == 0 ? status : CACHE_NOBODY;
}
