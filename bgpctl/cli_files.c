/*
 * Files that verbs use: where the flight recorder is, and the other programs of ours.
 */
#include <errno.h>
#include <fcntl.h>
#include <libconfig.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bgpctl/cli.h"

/* It is healthd's section, of which only this is needed here. */
int
cli_recorder(const char *config, char *buf, size_t size, struct err *err)
{
	const char *path = NULL, *state = NULL, *slash = strrchr(config, '/');
	char dir[4096];
	config_t conf;
	int rc = 0;

	snprintf(dir, sizeof(dir), "%.*s", slash != NULL ? (int)(slash - config) + 1 : 1,
	    slash != NULL ? config : ".");
	config_init(&conf);
	config_set_include_dir(&conf, dir); /* as healthd takes it */
	if (config_read_file(&conf, config)) {
		config_lookup_string(&conf, "recorder.path", &path);
		config_lookup_string(&conf, "paths.state_dir", &state);
	}
	if (path != NULL && path[0] != '\0')
		snprintf(buf, size, "%s", path);
	else if (path != NULL)
		rc = err_set(err, "%s: recorder.path is \"\": nothing is recorded", config);
	else
		snprintf(buf, size, "%s/recorder", state != NULL ? state : "/var/lib/anypop");
	config_destroy(&conf);
	return rc;
}

int
cli_execute(const char *name, const char *elsewhere, char **words)
{
	char path[4096];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
	char *end;

	fflush(stdout);
	errno = ENOENT;
	if (n > 0) {
		path[n] = '\0';
		end = strrchr(path, '/');
		end = end != NULL ? end + 1 : path;
		if ((size_t)snprintf(end, sizeof(path) - (size_t)(end - path), "%s", name) <
		    sizeof(path) - (size_t)(end - path))
			execv(path, words);
	}
	if (errno == ENOENT && elsewhere != NULL) {
		snprintf(path, sizeof(path), "%s/%s", elsewhere, name);
		execv(path, words);
	} else if (errno == ENOENT) {
		execvp(name, words);
	}
	return cli_trouble(
	    "cannot run %s: %s; is it installed beside bgpctl?", name, strerror(errno));
}

json_t *
cli_execute_json(const char *name, char **words)
{
	json_t *said = NULL;
	int ends[2], nothing;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) != 0)
		return NULL;
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		nothing = open("/dev/null", O_WRONLY | O_CLOEXEC);
		if (nothing >= 0)
			dup2(nothing, STDERR_FILENO);
		dup2(ends[1], STDOUT_FILENO);
		_exit(cli_execute(name, NULL, words));
	}
	close(ends[1]);
	if (pid > 0)
		said = json_loadfd(ends[0], 0, NULL);
	close(ends[0]); /* one that says more ends by it */
	while (pid > 0 && waitpid(pid, NULL, 0) == -1 && errno == EINTR)
		continue;
	return said;
}
