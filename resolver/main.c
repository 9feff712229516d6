/*
 * resolver: one process of the room, a worker or an engine, by its number; or what a holder of
 * their sockets and memory asks for at its start.
 */
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/event.h"
#include "resolver/anchorctl.h"
#include "resolver/cachectl.h"
#include "resolver/conf.h"
#include "resolver/engine.h"
#include "resolver/given.h"
#include "resolver/hold.h"
#include "resolver/secret.h"
#include "resolver/worker.h"

#define DEFAULT_CONFIG "/etc/anypop/resolver.conf"

static const struct role {
	const char *name;
	int (*run)(const struct resolver_conf *conf, int number, struct err *err);
} roles[] = {
    {"worker", worker_run},
    {"engine", engine_run},
};

static void
usage(FILE *to)
{
	fprintf(to,
	    "usage: resolver [-c FILE] [-n | -t] worker N | engine N | hold SLOTS\n"
	    "       resolver [-c FILE] cache stats | explain NAME [TYPE] | flush NAME | snapshot\n"
	    "       resolver [-c FILE] anchor update | status\n"
	    "       resolver -V\n"
	    "\n"
	    "  worker N  answers clients; N counts from 0, and is in its NSID and its probe port\n"
	    "  engine N  resolves for the workers; N is below the configuration's `engines`, or\n"
	    "            \"probation\": the one that asks again what another one may have died of\n"
	    "  hold SLOTS  makes what outlives so many workers and the engines, for healthd, which\n"
	    "            holds it; by hand: prints what that is\n"
	    "  cache     shows, empties or keeps the shared cache: `resolver cache --help`\n"
	    "  anchor    follows the root's keys as they roll: `resolver anchor --help`\n"
	    "  -c FILE   configuration (" DEFAULT_CONFIG ")\n"
	    "  -n        check the configuration, print it in full, and end\n"
	    "  -t        check it, print nothing but what is wrong, and end\n"
	    "  -V        print the version, and end\n"
	    "\n"
	    "SIGTERM ends it once what is in flight is answered. The configuration is read once:\n"
	    "replace the processes one by one to have another one in force.\n");
}

static const struct role *
role_find(const char *name)
{
	for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++)
		if (strcmp(roles[i].name, name) == 0)
			return &roles[i];
	return NULL;
}

/* -1: it is no number, and not the word for one. */
static int
number_parse(const char *text)
{
	char *end;
	long n;

	if (strcmp(text, "probation") == 0)
		return ENGINE_PROBATION;
	errno = 0;
	n = strtol(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || n < 0 || n >= ENGINE_PROBATION)
		return -1;
	return (int)n;
}

static int
check(const struct resolver_conf *conf, bool print)
{
	struct cookie_secrets secrets;
	struct err err;

	if (!print && secret_read(conf, &secrets, &err) == -1) {
		fprintf(stderr, "resolver: %s\n", err.text);
		return 1;
	}
	if (print)
		resolver_conf_render(stdout, conf);
	return fflush(stdout) == 0 ? 0 : 1;
}

static int
run(const struct resolver_conf *conf, const char *role_name, const char *number_text)
{
	const struct role *role = role_find(role_name);
	int number = number_parse(number_text);
	char ident[32];
	struct err err;

	if (role == NULL || number == -1 ||
	    (role->run != engine_run && number == ENGINE_PROBATION)) {
		usage(stderr);
		return 2;
	}
	if (number == ENGINE_PROBATION && !conf->engine.probation) {
		fprintf(stderr, "resolver: there is no probation engine: `engine.probation` is "
				"false\n");
		return 2;
	}
	if (role->run == engine_run && number >= conf->engines && number != ENGINE_PROBATION) {
		fprintf(stderr,
		    "resolver: there is no engine %d: `engines` is %lld, counted from 0\n", number,
		    (long long)conf->engines);
		return 2;
	}
	snprintf(ident, sizeof(ident), "resolver-%s-%s", role->name, number_text);
	event_open(ident, (enum event_level)conf->log_level);
	if (role->run(conf, number, &err) == -1) {
		event_say(EVENT_ALARM, "cannot_start", "%s", err.text);
		return 1;
	}
	return 0;
}

/* It reads the configuration itself: whoever asked for it is told what is wrong there. */
static int
hold(const char *path, const char *slots)
{
	struct err err;

	if (hold_run(path, number_parse(slots), &err) == 0)
		return 0;
	fprintf(stderr, "resolver: %s\n", err.text);
	return 1;
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
	struct resolver_conf conf;
	struct arena *arena;
	struct err err;
	char what = 'r';
	int option, status;

	/* "+": options behind the role are its own. */
	while ((option = getopt_long(argc, argv, "+c:ntVh", longs, NULL)) != -1) {
		switch (option) {
		case 'c':
			path = optarg;
			break;
		case 'n':
		case 't':
			what = (char)option;
			break;
		case 'V':
			printf("resolver %s\n", ANYPOP_VERSION);
			return 0;
		case 'h':
			usage(stdout);
			return 0;
		default:
			usage(stderr);
			return 2;
		}
	}
	if (what == 'r' && optind < argc && strcmp(argv[optind], "cache") == 0)
		return cachectl_run(path, argc - optind, argv + optind);
	if (what == 'r' && optind < argc && strcmp(argv[optind], "anchor") == 0)
		return anchorctl_run(path, argc - optind, argv + optind);
	if (what == 'r' && argc - optind != 2) {
		usage(stderr);
		return 2;
	}
	if (what == 'r' && strcmp(argv[optind], "hold") == 0)
		return hold(path, argv[optind + 1]);
	arena = arena_new();
	if (resolver_conf_read(path, &conf, arena, &err) == -1) {
		fprintf(stderr, "resolver: %s\n", err.text);
		status = 1;
	} else if (what == 'r') {
		status = run(&conf, argv[optind], argv[optind + 1]);
	} else {
		status = check(&conf, what == 'n');
	}
	arena_free(arena);
	return status;
}
