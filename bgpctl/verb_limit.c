/*
 * drain, undrain, pin, unpin: the operator's limits.
 */
#include <string.h>

#include "bgpctl/cli.h"
#include "bgpctl/pick.h"
#include "bgpctl/render.h"
#include "bgpctl/wait.h"

#define DISK_MS 2000 /* a disk that takes longer is an alarm soon */

static void
say_kept(const json_t *answer)
{
	const char *kept = pick_text(answer, "limits_kept", "disk");

	if (strcmp(kept, "disk") != 0)
		cli_trouble("this is in force, but not on healthd's disk: a %s would undo it; "
			    "`bgpctl status` has the alarm until it is written",
		    strcmp(kept, "run") == 0 ? "reboot" : "restart of healthd, or a reboot,");
}

/* Asks, shows what healthd made of it, and says where its disk does not have it. */
static int
ask_and_show(struct cli *cli, const char *verb, json_t *args, cli_render *render, json_t **data)
{
	int code;
	json_t *answer = cli_ask_loudly(cli, verb, args, &code);

	if (answer == NULL)
		return code;
	wait_kept(cli, answer, DISK_MS);
	cli_show(cli, render, answer);
	say_kept(answer);
	if (data != NULL)
		*data = json_incref(answer);
	json_decref(answer);
	return EXIT_WELL;
}

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
	code = ask_and_show(cli, verb, args, render_limited, &answer);
	if (code == EXIT_WELL) {
		if (cli->wait && wait_proven(cli, answer, 60000) < 0)
			code = EXIT_NO;
		json_decref(answer);
	}
	return code;
}

int
cli_change_region(struct cli *cli, const char *verb)
{
	json_t *args = cli_lanes(cli, 0);

	if (args == NULL)
		return EXIT_TROUBLE;
	if (cli->wait) {
		json_decref(args);
		return cli_trouble("--wait looks at this node alone; `bgpctl failover` waits for a "
				   "region");
	}
	json_object_set_new(args, "region", json_string(cli->region));
	if (cli->for_ms > 0)
		json_object_set_new(args, "for_s", json_real((double)cli->for_ms / 1000));
	if (cli->force)
		json_object_set_new(args, "force", json_true());
	if (cli->reason != NULL &&
	    json_object_set_new(args, "reason", json_string(cli->reason)) < 0) {
		json_decref(args);
		return cli_trouble("--reason: write it in UTF-8");
	}
	return ask_and_show(cli, verb, args, render_fleet, NULL);
}

int
verb_drain(struct cli *cli)
{
	if (cli->region != NULL)
		return cli_change_region(cli, "drain_region");
	if (cli->force)
		return cli_trouble("--force is for --region");
	return cli_change(cli, "drain", 0, NULL);
}

int
verb_undrain(struct cli *cli)
{
	if (cli->region != NULL)
		return cli_change_region(cli, "undrain_region");
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
