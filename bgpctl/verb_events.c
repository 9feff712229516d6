/*
 * events: from healthd as long as it answers and remembers far enough back; what is older, or all
 * of it when healthd is dead, from the flight recorder's file.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bgpctl/cli.h"
#include "bgpctl/eventline.h"
#include "bgpctl/instant.h"
#include "bgpctl/pick.h"
#include "bgpctl/recorder.h"
#include "bgpctl/render.h"
#include "lib/text.h"

#define FOLLOW_MS (24 * 3600 * 1000)

static const char *const levels[] = {"alarm", "warn", "notice", "info", "debug"};
#define N_LEVELS 5
#define FIRST_LEVEL 3 /* as syslog counts: alarm is 3 */

struct list {
	json_t *events;	 /* array of EVENT, oldest first */
	size_t most;
	int64_t since_us, before_us; /* before_us: where healthd's own memory begins */
	int level;
};

static json_t *
with_fields(const json_t *event)
{
	const char *at = pick_text(event, "line", "");
	json_int_t wall_us = json_integer_value(json_object_get(event, "wall_us"));
	time_t seconds = (time_t)(wall_us / 1000000);
	json_t *copy = json_deep_copy(event), *fields = json_object();
	char key[64], value[2048], when[40] = "";
	struct tm tm;

	if (gmtime_r(&seconds, &tm) != NULL)
		strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(when + strlen(when), sizeof(when) - strlen(when), ".%03dZ",
	    (int)(wall_us / 1000 % 1000));
	json_object_set_new(copy, "at", json_string(when));
	while (eventline_next(&at, key, sizeof(key), value, sizeof(value)))
		json_object_set_new(fields, key, json_string(value));
	json_object_set_new(copy, "fields", fields);
	return copy;
}

static void
print_event(FILE *to, const json_t *event)
{
	render_event(to, json_integer_value(json_object_get(event, "wall_us")),
	    pick_text(event, "level", ""), pick_text(event, "name", "?"),
	    pick_text(event, "line", ""));
}

static void
show_event(const struct cli *cli, const json_t *event)
{
	json_t *full = cli->json ? with_fields(event) : NULL;
	char *text = cli->json ? json_dumps(full, JSON_COMPACT) : cli_text(print_event, event);

	if (text != NULL)
		fputs(text, stdout);
	if (cli->json)
		putchar('\n');
	free(text);
	json_decref(full);
}

static int
keep_event(void *arg, enum record_type type, int64_t wall_us, int64_t mono_us, const void *data,
    size_t length)
{
	struct list *l = arg;
	char line[2048], name[32] = "?", key[16];
	const char *text = line, *at;
	int level = FIRST_LEVEL + N_LEVELS - 1;

	(void)mono_us;
	if (type != RECORD_EVENT || wall_us < l->since_us || wall_us >= l->before_us)
		return 0;
	snprintf(line, sizeof(line), "%.*s", (int)length, (const char *)data);
	if (line[0] >= '0' && line[0] <= '9' && line[1] == ' ') {
		level = line[0] - '0';
		text += 2;
	}
	if (level > l->level)
		return 0;
	level -= FIRST_LEVEL;
	text_clean(line);
	at = text;
	eventline_next(&at, key, sizeof(key), name, sizeof(name));
	json_array_append_new(l->events, json_pack("{s:I,s:s,s:s,s:s}", "wall_us",
	    (json_int_t)wall_us, "level", levels[level < 0 ? 0 : level < N_LEVELS ? level
	    : N_LEVELS - 1], "name", name, "line", text));
	if (json_array_size(l->events) > 2 * l->most + 1000) /* drop in lumps, not one by one */
		while (json_array_size(l->events) > l->most)
			json_array_remove(l->events, 0);
	return 0;
}

static int
read_recorder(struct cli *cli, struct list *l, struct err *err)
{
	char path[4096];
	uint64_t damaged = 0;
	int rc = 0;

	if (cli->file != NULL)
		snprintf(path, sizeof(path), "%s", cli->file);
	else
		rc = cli_recorder(cli->config, path, sizeof(path), err);
	if (rc < 0 || recorder_read(path, keep_event, l, &damaged, err) < 0)
		return -1;
	if (damaged > 0)
		cli_trouble("%s: %llu damaged records passed over", path,
		    (unsigned long long)damaged);
	return 0;
}

static void
show_last(const struct cli *cli, const struct list *l)
{
	size_t n = json_array_size(l->events);

	for (size_t i = n > l->most ? n - l->most : 0; i < n; i++)
		show_event(cli, json_array_get(l->events, i));
	fflush(stdout);
}

static int
follow(struct cli *cli, struct control *c)
{
	struct err err;

	for (;;) {
		json_t *line = control_next(c, FOLLOW_MS, &err);
		const json_t *event = json_object_get(line, "event");

		if (line == NULL && errno == ETIMEDOUT)
			continue;
		if (line == NULL)
			return cli_trouble("%s", err.text);
		if (event != NULL) {
			show_event(cli, event);
			if (fflush(stdout) != 0)
				return EXIT_WELL; /* nobody reads us any more */
		}
		json_decref(line);
	}
}

static int
read_words(struct cli *cli, struct list *l)
{
	struct timespec now;

	*l = (struct list){.before_us = INT64_MAX, .level = FIRST_LEVEL + N_LEVELS - 1};
	clock_gettime(CLOCK_REALTIME, &now);
	if (cli->since != NULL && !instant_parse(cli->since,
	    now.tv_sec * 1000000LL + now.tv_nsec / 1000, &l->since_us))
		return cli_trouble("--since %s: 10m, 03:14 or 2026-11-22T03:14:15", cli->since);
	l->most = cli->n >= 0 ? (size_t)cli->n : cli->since != NULL ? 10000 : 20;
	for (int i = 0; cli->level != NULL && i <= N_LEVELS; i++) {
		if (i == N_LEVELS)
			return cli_trouble("--level %s: alarm, warn, notice, info or debug",
			    cli->level);
		if (strcmp(cli->level, levels[i]) != 0)
			continue;
		l->level = FIRST_LEVEL + i;
		break;
	}
	l->events = json_array();
	return 0;
}

/* What healthd remembers, in front of it what only the recorder does. */
static int
from_healthd(struct cli *cli, struct list *l, struct control *c, struct err *err)
{
	json_t *args = json_pack("{s:i,s:s*,s:b}", "n", (int)l->most, "level", cli->level, "follow",
	    cli->follow);
	json_int_t oldest;
	struct err unread;
	json_t *data;
	int code;

	if (l->since_us > 0)
		json_object_set_new(args, "since_us", json_integer(l->since_us));
	data = cli_ask_on(c, "events", args, CLI_TIMEOUT_MS, &code, err);
	if (data == NULL)
		return code;
	oldest = json_integer_value(json_object_get(data, "oldest_us"));
	if (cli->since != NULL && oldest > l->since_us) {
		l->before_us = oldest;
		if (read_recorder(cli, l, &unread) < 0)
			cli_trouble(
			    "healthd remembers no more than what follows, and %s", unread.text);
	}
	json_array_extend(l->events, json_object_get(data, "events"));
	json_decref(data);
	return EXIT_WELL;
}

int
verb_events(struct cli *cli)
{
	struct control *c = NULL;
	struct err contact, err;
	struct list l;
	int code = EXIT_WELL;

	if (read_words(cli, &l) != 0)
		return EXIT_TROUBLE;
	if (cli->file == NULL)
		c = control_open(cli_socket(cli), CLI_TIMEOUT_MS, &contact);
	if (c != NULL) {
		code = from_healthd(cli, &l, c, &err);
		if (code != EXIT_WELL)
			cli_trouble("%s", err.text);
	} else if (cli->follow) {
		code = cli_trouble("%s", cli->file == NULL ? contact.text
							   : "a file cannot be followed");
	} else {
		if (cli->file == NULL)
			cli_trouble("%s; from the flight recorder:", contact.text);
		if (read_recorder(cli, &l, &err) < 0)
			code = cli_trouble("%s", err.text);
	}
	if (code == EXIT_WELL)
		show_last(cli, &l);
	if (code == EXIT_WELL && cli->follow)
		code = follow(cli, c);
	json_decref(l.events);
	control_close(c);
	return code;
}
