/*
 * replay and what-if: decisions are healthd's, and so is the program that takes them again from a
 * flight record; it runs in our place, and its exit status is ours (decision 0035).
 */
#include "bgpctl/cli.h"

#define REPLAY "healthd-replay"
#define PLACES 16

struct line {
	char *words[2 * PLACES + 16];
	int n;
};

static void
add(struct line *l, const char *word)
{
	l->words[l->n++] = (char *)word;
}

static void
add_option(struct line *l, const char *option, const char *value)
{
	if (value == NULL)
		return;
	add(l, option);
	add(l, value);
}

static void
begin(struct line *l, const struct cli *cli)
{
	add(l, REPLAY);
	if (cli->json)
		add(l, "--json");
	add_option(l, "--from", cli->from);
	add_option(l, "--to", cli->to);
	add_option(l, "--service", cli->service);
	add_option(l, "--family", cli->family);
}

int
verb_replay(struct cli *cli)
{
	struct line l = {0};
	char path[4096];
	struct err err;

	begin(&l, cli);
	add(&l, "--");
	add(&l, "replay");
	for (int i = 0; i < cli->argc && i < PLACES; i++)
		add(&l, cli->argv[i]);
	if (cli->argc == 0) {
		if (cli_recorder(cli->config, path, sizeof(path), &err) < 0)
			return cli_trouble("%s", err.text);
		add(&l, path);
	}
	return cli_execute(REPLAY, ANYPOP_LIBEXEC, l.words);
}

/* Here -c names what is to be tried; the record is that of the node's own configuration. */
int
verb_what_if(struct cli *cli)
{
	struct line l = {0};
	char path[4096];
	struct err err;

	if (!cli->config_given)
		return cli_trouble("what-if: --config FILE: the settings that are to be tried");
	begin(&l, cli);
	add_option(&l, "--config", cli->config);
	add_option(&l, "--svg", cli->svg);
	add(&l, "--");
	add(&l, "what-if");
	if (cli->file != NULL)
		add(&l, cli->file);
	else if (cli_recorder(CLI_CONFIG, path, sizeof(path), &err) < 0)
		return cli_trouble("%s", err.text);
	else
		add(&l, path);
	return cli_execute(REPLAY, ANYPOP_LIBEXEC, l.words);
}
