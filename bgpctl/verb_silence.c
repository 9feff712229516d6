/*
 * silence: announce nothing. healthd is asked when it answers. When it does not, or at once with
 * --now, this program closes every gate by itself and disables our protocols in BIRD, each as far
 * as it goes: neither needs the other, nor a configuration that can be read (the gates are then
 * known by their names). --post is for ExecStopPost: a service that ended cleanly is silent
 * already.
 */
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bgpctl/birdask.h"
#include "bgpctl/birdtalk.h"
#include "bgpctl/cli.h"
#include "bgpctl/gate.h"
#include "bgpctl/pick.h"

#define BIRD_MS 1000

/* "apdns4.1": ap, a service's name, 4 or 6, a dot, the rung's digit. */
static bool
is_gate_name(const char *name)
{
	size_t n = strlen(name);

	return n >= 6 && strncmp(name, "ap", 2) == 0 && name[n - 2] == '.' && name[n - 1] >= '1' &&
	       name[n - 1] < '0' + MAX_RUNGS && (name[n - 3] == '4' || name[n - 3] == '6');
}

static int
close_by_name(struct gates *g, struct err *err)
{
	struct if_nameindex *links = if_nameindex();
	int rc = 0;

	if (links == NULL)
		return err_errno(err, "cannot list the links");
	for (struct if_nameindex *l = links; l->if_name != NULL; l++) {
		if (is_gate_name(l->if_name) && gate_set(g, l->if_name, false, err) < 0)
			rc = -1;
	}
	if_freenameindex(links);
	if (beacons_silence(err) < 0)
		rc = -1;
	return rc;
}

static int
close_gates(const struct site *site, struct err *err)
{
	struct gates *g = gates_open(err);
	int rc;

	if (g == NULL)
		return -1;
	rc = site != NULL ? gates_all_down(g, site, err) : close_by_name(g, err);
	gates_close(g);
	return rc;
}

/* 0 when BIRD has it disabled now, or has no such protocol; 1 when it refuses; -1 when it does not
 * answer any more. */
static int
disable(struct birdask *b, const char *protocol, struct err *err)
{
	char command[LOCK_NAME + 16];
	int code;

	snprintf(command, sizeof(command), "disable %s", protocol);
	code = birdask(b, command, NULL, NULL, err);
	if (code < 0)
		return -1;
	if (reply_class(code) == REPLY_OK || reply_class(code) == REPLY_SYNTAX)
		return 0;
	err_set(err, "BIRD refuses `%s` (%04d)%s", command, code,
	    code == 8007 ? ": this connection may only look" : "");
	return 1;
}

static int
disable_protocols(const struct site *site, struct err *err)
{
	struct birdask *b = birdask_open(site->bird.socket, BIRD_MS, NULL, err);
	char name[LOCK_NAME];
	int rc = 0, each = 0;

	if (b == NULL)
		return -1;
	for (int lane = 0; each >= 0 && lane < site->n_services * N_FAMILIES; lane++) {
		for (int rung = 1; lane_exists(site, lane) && rung < site->n_rungs; rung++) {
			each = disable(b, lane_protocol(site, lane, rung, name), err);
			rc = each != 0 ? -1 : rc;
			if (each < 0)
				break;
		}
	}
	birdask_close(b);
	return rc;
}

/* By our own hand. EXIT_WELL when at least one lock of every rung is closed. */
static int
silence_ourselves(struct cli *cli)
{
	const struct site *site = cli_site(cli);
	struct err gates, bird;
	int closed, disabled;

	if (site == NULL)
		cli_trouble("%s; closing every link that is named like a gate", cli->site_err.text);
	closed = close_gates(site, &gates);
	if (site == NULL)
		disabled = err_set(&bird, "without a configuration BIRD is not asked");
	else
		disabled = disable_protocols(site, &bird);
	if (closed == 0)
		puts("All gates are down: BIRD announces nothing of ours.");
	else
		cli_trouble("gates: %s%s", gates.text, geteuid() != 0 ? "; this needs root" : "");
	if (disabled == 0)
		puts("Our protocols in BIRD are disabled.");
	else
		cli_trouble("BIRD: %s%s", bird.text,
		    closed == 0 ? "; the gates alone keep the routes out" : "");
	return closed == 0 || disabled == 0 ? EXIT_WELL : EXIT_TROUBLE;
}

/* The keeper leaves run_dir/clean as the last thing it does when all was silent before. */
static bool
ended_cleanly(struct cli *cli)
{
	const char *result = getenv("SERVICE_RESULT"), *code = getenv("EXIT_CODE");
	const char *status = getenv("EXIT_STATUS");
	const struct site *site = cli_site(cli);
	char path[4096];

	if (result != NULL && strcmp(result, "success") != 0)
		return false;
	if (code != NULL && strcmp(code, "exited") != 0)
		return false;
	if (status != NULL && strcmp(status, "0") != 0)
		return false;
	snprintf(
	    path, sizeof(path), "%s/clean", site != NULL ? site->paths.run_dir : "/run/anypop");
	return access(path, F_OK) == 0;
}

static bool
answers(struct cli *cli)
{
	struct err err;
	int code;
	json_t *status = cli_ask(cli, "status", NULL, &code, &err);

	if (status == NULL)
		cli_trouble("%s", err.text);
	json_decref(status);
	return status != NULL;
}

int
verb_silence(struct cli *cli)
{
	bool partly = cli->argc > 0 || cli->service != NULL || cli->family != NULL;
	int own = EXIT_WELL;

	if (cli->post) {
		if (ended_cleanly(cli))
			return EXIT_WELL;
		puts("The service did not end cleanly.");
		return silence_ourselves(cli);
	}
	if (partly && cli->now)
		return cli_trouble(
		    "--now silences the whole node; leave the service and family out");
	if (cli->now)
		own = silence_ourselves(cli);
	if (answers(cli)) {
		int code = cli_change(cli, "silence", 0, NULL);

		return code != EXIT_WELL ? code : own;
	}
	if (partly)
		return cli_trouble(
		    "one service or family alone cannot be silenced without healthd; "
		    "`bgpctl silence` closes all");
	return cli->now ? own : silence_ourselves(cli);
}
