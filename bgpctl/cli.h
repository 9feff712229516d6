/*
 * cli: what the verbs of bgpctl share: the words of the command line, where things are, one
 * question to healthd and its answer.
 */
#ifndef BGPCTL_CLI_H
#define BGPCTL_CLI_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "bgpctl/control.h"
#include "bgpctl/site.h"

#define CLI_CONFIG "/etc/anypop/healthd.conf"
#define CLI_SOCKET "/run/anypop/" CONTROL_SOCKET
#define CLI_TIMEOUT_MS 5000

enum { EXIT_WELL = 0, EXIT_NO = 1, EXIT_TROUBLE = 3 /* usage, or no contact */ };

struct cli {
	const char *config; /* of -c, else the default */
	bool config_given;
	const char *socket_given; /* of -s or $ANYPOP_SOCKET, or NULL */
	char socket[108];
	/* what the verb was given */
	bool json, follow, now, post, wait, yes, workers_only, engines_only, tree, dnssec;
	bool force, dry_run, anchor;
	const char *region, *verify, *verify_at;
	const char *service, *family, *reason, *since, *level, *file, *resolver_config;
	const char *from, *to, *svg;
	int64_t for_ms, observe_ms; /* 0: none */
	int n;		/* -1: none */
	int argc;	/* words that are no option */
	char **argv;
	/* the configuration, read when first asked for */
	enum { SITE_UNREAD, SITE_READ, SITE_BROKEN } site_state;
	struct arena *arena;
	struct site site;
	struct err site_err;
};

/* "bgpctl: sentence" on stderr; returns EXIT_TROUBLE. */
int cli_trouble(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* What the configuration says about BGP and paths; NULL with cli->site_err when it cannot be read.
 */
const struct site *cli_site(struct cli *cli);
/* The control socket to use: -s, else the configuration's run_dir, else the default. */
const char *cli_socket(struct cli *cli);

/* recorder.path of `config`, else where the recorder is by default. -1: it says that there is none.
 */
int cli_recorder(const char *config, char *buf, size_t size, struct err *err);

/* Goes on as another program of ours: beside this one, else in `elsewhere`, else (NULL) where the
 * shell would find it. Returns EXIT_TROUBLE, complained of, when it cannot be run. */
int cli_execute(const char *name, const char *elsewhere, char **words);
/* Runs a program that is found likewise, and waits for its end: what it printed, the caller's; NULL
 * when that is no JSON. */
json_t *cli_execute_json(const char *name, char **words);

/* {"service": ..., "family": ...} of the words from `first` on, and of the options. NULL and a
 * complaint on stderr when they make no sense. */
json_t *cli_lanes(struct cli *cli, int first);

/* One request and the `data` of its answer (new reference; `args` stolen). NULL and `err` set; then
 * *code says whether healthd refused (EXIT_NO) or could not be asked (EXIT_TROUBLE). */
json_t *cli_ask(struct cli *cli, const char *verb, json_t *args, int *code, struct err *err);
/* The same, with the complaint made. */
json_t *cli_ask_loudly(struct cli *cli, const char *verb, json_t *args, int *code);
/* As cli_ask() on an open connection, whose events that come between are passed over. */
json_t *cli_ask_on(struct control *c, const char *verb, json_t *args, int timeout_ms, int *code,
    struct err *err);

/* Writes what `render` makes of it, washed, or with --json the data itself. */
typedef void cli_render(FILE *to, const json_t *data);
void cli_show(const struct cli *cli, cli_render *render, const json_t *data);
/* What `render` makes of it, washed; malloc'd. */
char *cli_text(cli_render *render, const json_t *data);

/* cli_ask() + cli_show(): EXIT_WELL or the code. *data, if wanted, is a new reference. */
int cli_ask_and_show(struct cli *cli, const char *verb, json_t *args, cli_render *render,
    json_t **data);

/* Sends a limit's verb with what the command line says, shows the answer, waits if told to; `rung`
 * is the pin's, else NULL. */
int cli_change(struct cli *cli, const char *verb, int first_word, const char *rung);

/* The same of a whole region, --region. */
int cli_change_region(struct cli *cli, const char *verb);

typedef int verb_run(struct cli *cli);
verb_run verb_status, verb_why, verb_watch, verb_events, verb_workers, verb_check, verb_drain,
    verb_fleet,
    verb_undrain, verb_pin, verb_unpin, verb_silence, verb_upgrade, verb_reload, verb_bird,
    verb_doctor, verb_cache, verb_replay, verb_what_if, verb_failover, verb_explain;

#endif
