/*
 * drain, undrain, pin, unpin: the operator's limits.
 */
#include "bgpctl/cli.h"
#include "bgpctl/render.h"
#include "bgpctl/wait.h"

int
cli_change(struct cli *cli, const char *verb, int first_word, const char *rung)
{
	json_t *args = cli_lanes(cli, first_word), *answer;
	int code;

	if (args == NULL)
		return EXIT_TROUBLE;
	if (rung != NULL)
		json_object_set_new(args, "rung", json_string(rung));
	if (cli->for_ms > 0)
		json_object_set_new(args, "for_s", json_real((double)cli->for_ms / 1000));
	if (cli->reason != NULL &&
	    json_object_set_new(args, "reason", json_string(cli->reason)) < 0) {
		json_decref(args);
		return cli_trouble("--reason: write it in UTF-8");
	}
	code = cli_ask_and_show(cli, verb, args, render_limited, &answer);
	if (code == EXIT_WELL) {
		if (cli->wait && wait_proven(cli, answer, 60000) < 0)
			code = EXIT_NO;
		json_decref(answer);
	}
	return code;
}

int
verb_drain(struct cli *cli)
{
	return cli_change(cli, "drain", 0, NULL);
}

int
verb_undrain(struct cli *cli)
{
	return cli_change(cli, "undrain", 0, NULL);
}

int
verb_pin(struct cli *cli)
{
	if (cli->argc < 1)
		return cli_trouble("pin which rung? `bgpctl pin RUNG [SERVICE [FAMILY]]`");
	return cli_change(cli, "pin", 1, cli->argv[0]);
}

int
verb_unpin(struct cli *cli)
{
	return cli_change(cli, "unpin", 0, NULL);
}
