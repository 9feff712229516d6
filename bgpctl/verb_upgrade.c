/*
 * upgrade and reload. The order of an upgrade is kept here: keeper and brain first, so that the new
 * code replaces the workers, then these, then the engines of our own resolver; if this program is
 * interrupted in between, `upgrade --workers` and `upgrade --engines` go on.
 */
#include <stdlib.h>
#include <string.h>

#include "bgpctl/anchorlook.h"
#include "bgpctl/cli.h"
#include "bgpctl/pick.h"
#include "bgpctl/render.h"
#include "bgpctl/wait.h"
#include "lib/mono.h"
#include "lib/text.h"

#define BRAIN_MS 15000
#define STEP_MS 300000 /* silence so long in a rolling restart: something is stuck */

static void
say_new_brain(const struct cli *cli, const json_t *status, int64_t took_ms)
{
	const json_t *brain = pick_part(status, "brain"), *keeper = pick_part(status, "keeper");

	if (cli->json)
		return;
	printf("keeper %.0f and brain %.0f run version %s after %.1f s\n",
	    pick_number(keeper, "pid", 0), pick_number(brain, "pid", 0),
	    pick_text(status, "version", "?"), (double)took_ms / 1000);
}

/* `verb` answers with the pid of the brain that goes; waits for the next. */
static int
replace(struct cli *cli, const char *verb, json_t *args)
{
	struct mono began = mono_now();
	json_t *answer, *status;
	const char *note;
	char *text;
	struct err err;
	int code;

	answer = cli_ask(cli, verb, args, &code, &err);
	if (answer == NULL) {
		cli_trouble("%s", err.text);
		return code;
	}
	status = wait_brain(cli, (int)pick_number(answer, "brain_pid", 0), BRAIN_MS, &err);
	json_decref(answer);
	if (status == NULL)
		return cli_trouble("no new brain: %s; `journalctl -u healthd` says why", err.text);
	say_new_brain(cli, status, mono_diff_ms(mono_now(), began));
	note = pick_text(pick_part(status, "config"), "note", NULL);
	code = note == NULL ? EXIT_WELL : EXIT_NO;
	if (note != NULL)
		cli_trouble("the configuration is not in force: %s", note);
	if (cli->json && (text = json_dumps(status, JSON_INDENT(2))) != NULL) {
		puts(text);
		free(text);
	}
	json_decref(status);
	return code;
}

/* One event of the rolling restart: prints it, 1 when it was the last, -1 when that is a failure.
 */
static int
upgrade_event(const struct cli *cli, const json_t *event)
{
	const char *name = pick_text(event, "name", "");
	const char *line = pick_text(event, "line", "");
	char *text;

	if (strncmp(name, "upgrade", 7) != 0 && strcmp(name, "worker") != 0 &&
	    strcmp(name, "engine") != 0)
		return 0;
	text = cli->json ? json_dumps(event, JSON_COMPACT) : strdup(line);
	if (text != NULL) {
		text_clean(text);
		puts(text);
		fflush(stdout);
	}
	free(text);
	return strcmp(name, "upgrade_done") == 0 ? 1 : strcmp(name, "upgrade_failed") == 0 ? -1 : 0;
}

static int
follow_upgrade(struct cli *cli, struct control *c)
{
	struct err err;
	int done = 0;

	while (done == 0) {
		json_t *line = control_next(c, STEP_MS, &err);

		if (line == NULL)
			return cli_trouble("%s; the upgrade may go on: `bgpctl workers`", err.text);
		done = upgrade_event(cli, json_object_get(line, "event"));
		json_decref(line);
	}
	return done > 0 ? EXIT_WELL : EXIT_NO;
}

/* `what`: "workers" or "engines". */
static int
upgrade_slots(struct cli *cli, const char *what)
{
	struct err err;
	struct control *c = control_open(cli_socket(cli), CLI_TIMEOUT_MS, &err);
	json_t *answer;
	int code;

	if (c == NULL)
		return cli_trouble("%s", err.text);
	answer = cli_ask_on(c, "upgrade", json_pack("{s:s,s:b}", "what", what, "follow", 1),
	    CLI_TIMEOUT_MS, &code, &err);
	if (answer == NULL)
		cli_trouble("%s", err.text);
	else
		code = follow_upgrade(cli, c);
	json_decref(answer);
	control_close(c);
	return code;
}

/* Nodes that run another resolver have none. */
static bool
has_engines(struct cli *cli)
{
	struct err err;
	int code;
	json_t *workers = cli_ask(cli, "workers", NULL, &code, &err);
	bool any = json_array_size(pick_part(workers, "engines")) > 0;

	json_decref(workers);
	return any;
}

/* The engines, if one of them has read older trust anchors than there are; asked for after each
 * attempt to follow the root's keys, so one that failed here is made good for by the next. */
static int
upgrade_for_anchor(struct cli *cli)
{
	const struct site *site = cli_site(cli);
	double now_s = anchorlook_now();
	json_t *anchors, *workers;
	struct err err;
	bool older;
	int code;

	if (site == NULL)
		return cli_trouble("%s", cli->site_err.text);
	if (site->workers.resolver[0] == '\0')
		return cli_trouble("--anchor: no engines are supervised here (workers.resolver is "
				   "not set); disable anypop-anchor.timer");
	anchors = anchorlook(site->workers.resolver);
	if (anchors == NULL)
		return cli_trouble("`resolver -c %s anchor status` says nothing",
		    site->workers.resolver);
	workers = cli_ask(cli, "workers", NULL, &code, &err);
	older = anchorlook_older(anchors, workers, now_s);
	if (workers == NULL)
		cli_trouble("%s", err.text);
	else if (!older && !cli->json)
		printf("no engine has older trust anchors than %s\n",
		    pick_text(anchors, "reads", "?"));
	json_decref(anchors);
	json_decref(workers);
	if (workers == NULL)
		return code;
	return older ? upgrade_slots(cli, "engines") : EXIT_WELL;
}

int
verb_upgrade(struct cli *cli)
{
	int code = EXIT_WELL;

	if (cli->anchor && (cli->workers_only || cli->engines_only))
		return cli_trouble("--anchor: with neither --workers nor --engines");
	if (cli->anchor)
		return upgrade_for_anchor(cli);
	if (cli->workers_only && cli->engines_only)
		return cli_trouble("--workers and --engines: one of them, or neither for all");
	if (cli->engines_only)
		return upgrade_slots(cli, "engines");
	if (!cli->workers_only)
		code = replace(cli, "upgrade", json_pack("{s:s}", "what", "daemon"));
	if (code == EXIT_WELL)
		code = upgrade_slots(cli, "workers");
	if (code == EXIT_WELL && !cli->workers_only && has_engines(cli))
		code = upgrade_slots(cli, "engines");
	return code;
}

int
verb_reload(struct cli *cli)
{
	return replace(cli, "reload", NULL);
}
