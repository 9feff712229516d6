/*
 * healthd: the keeper's command line.
 */
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "healthd/keeper.h"
#include "healthd/settings.h"

#define DEFAULT_CONFIG "/etc/anypop/healthd.conf"

static void
usage(FILE *to)
{
	fprintf(to,
	    "usage: healthd [-c FILE] [-n | -t]\n"
	    "       healthd -V\n"
	    "\n"
	    "  -c FILE  configuration (" DEFAULT_CONFIG ")\n"
	    "  -n       check the configuration, print what would run, and end\n"
	    "  -t       check it, print nothing but what is wrong, and end\n"
	    "  -V       print the version, and end\n"
	    "\n"
	    "SIGHUP reloads (a broken file changes nothing); SIGTERM drains, goes silent, ends.\n"
	    "What it does and why: bgpctl status, bgpctl why.\n");
}

/* The workers' own configuration is theirs to read: by the resolver that lies beside us. What is
 * wrong with it they say themselves. */
static bool
resolver_accepts(const char *config)
{
	char exe[KEEPER_PATH] = "", *slash;
	const char *argv[] = {exe, "-c", config, "-t"};
	const struct identity stay = {0};
	const struct spawn s = {
	    .argv = argv,
	    .n_argv = 4,
	    .index = -1,
	    .identity = &stay,
	    .oom_score_adj = SPAWN_OOM_KEEP,
	};
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - sizeof("/resolver"));
	int why, status = 0;
	pid_t pid;

	slash = n > 0 ? strrchr(exe, '/') : NULL;
	if (slash == NULL)
		return false;
	strcpy(slash, "/resolver");
	why = spawn(&s, &pid);
	if (why != 0) {
		fprintf(stderr, "healthd: %s cannot be run: %s; install anypop whole\n", exe,
		    strerror(why));
		return false;
	}
	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static int
check(const char *path, bool print)
{
	bool well;
	struct arena *arena = arena_new();
	struct settings s = {0};
	struct err err;

	if (settings_read(path, &s, arena, &err) == -1) {
		fprintf(stderr, "healthd: %s\n", err.text);
		arena_free(arena);
		return 1;
	}
	if (print) {
		settings_render(stdout, &s);
		settings_describe(stderr, &s);
	}
	well = !keeper_own_workers(&s) || resolver_accepts(s.workers.resolver);
	arena_free(arena);
	return fflush(stdout) == 0 && well ? 0 : 1;
}

int
main(int argc, char **argv)
{
	static const struct option longs[] = {
		{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'V'},
		{0},
	};
	const char *path = DEFAULT_CONFIG;
	char what = 'r';
	int option;

	while ((option = getopt_long(argc, argv, "c:ntVh", longs, NULL)) != -1) {
		switch (option) {
		case 'c':
			path = optarg;
			break;
		case 'n':
		case 't':
			what = (char)option;
			break;
		case 'V':
			printf("healthd %s\n", ANYPOP_VERSION);
			return 0;
		case 'h':
			usage(stdout);
			return 0;
		default:
			usage(stderr);
			return 2;
		}
	}
	if (optind < argc) {
		usage(stderr);
		return 2;
	}
	return what == 'r' ? keeper_run(path) : check(path, what == 'n');
}
