/*
 * healthd: the keeper's command line.
 */
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>

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

static int
check(const char *path, bool print)
{
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
	arena_free(arena);
	return fflush(stdout) == 0 ? 0 : 1;
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
