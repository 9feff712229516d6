/*
 * The verbs that only look: status, why, fleet, workers, check.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bgpctl/cli.h"
#include "bgpctl/pick.h"
#include "bgpctl/render.h"

int
verb_status(struct cli *cli)
{
	json_t *status;
	int code = cli_ask_and_show(cli, "status", NULL, render_status, &status);

	if (code != EXIT_WELL)
		return STATUS_NO_CONTACT;
	code = render_status_code(status);
	json_decref(status);
	return code;
}

int
verb_why(struct cli *cli)
{
	json_t *args = cli_lanes(cli, 0);

	return args == NULL ? EXIT_TROUBLE : cli_ask_and_show(cli, "why", args, render_why, NULL);
}

int
verb_fleet(struct cli *cli)
{
	json_t *args = cli_lanes(cli, 0);

	return args == NULL ? EXIT_TROUBLE
			    : cli_ask_and_show(cli, "fleet", args, render_fleet, NULL);
}

int
verb_workers(struct cli *cli)
{
	return cli_ask_and_show(cli, "workers", NULL, render_workers, NULL);
}

/* Next to this program, where it is built and where it is installed; else by PATH. */
static const char *
healthd_path(char *buf, size_t size)
{
	ssize_t n = readlink("/proc/self/exe", buf, size - 1);
	char *slash;

	buf[n > 0 ? n : 0] = '\0';
	slash = strrchr(buf, '/');
	if (slash == NULL || (size_t)(slash - buf) + sizeof("/healthd") > size)
		return "healthd";
	strcpy(slash, "/healthd");
	if (access(buf, X_OK) == 0)
		return buf;
	if (access("/usr/sbin/healthd", X_OK) == 0)
		return "/usr/sbin/healthd";
	return "healthd";
}

/* Only healthd knows all keys: it reads the file and says what is wrong with it. */
static int
check_config(const char *config)
{
	char path[4096];
	const char *healthd = healthd_path(path, sizeof(path));
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		execlp(healthd, "healthd", "-c", config, "-t", (char *)NULL);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return cli_trouble("cannot run %s: %s", healthd, strerror(errno));
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		return cli_trouble("cannot run %s to read %s", healthd, config);
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? EXIT_WELL : EXIT_NO;
}

int
verb_check(struct cli *cli)
{
	json_t *args = cli_lanes(cli, cli->argc), *checks;
	int config = EXIT_WELL, code;

	if (args == NULL)
		return EXIT_TROUBLE;
	if (cli->argc == 1 && json_object_set_new(args, "name", json_string(cli->argv[0])) < 0) {
		json_decref(args);
		return cli_trouble("%s: write it in UTF-8", cli->argv[0]);
	}
	if (cli->argc == 0)
		config = check_config(cli->config);
	code = cli_ask_and_show(cli, "checks", args, render_checks, &checks);
	if (code == EXIT_WELL) {
		code = render_checks_failed(checks) ? EXIT_NO : EXIT_WELL;
		json_decref(checks);
	}
	return code > config ? code : config;
}
