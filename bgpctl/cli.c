#include "bgpctl/cli.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bgpctl/pick.h"
#include "bgpctl/render.h"
#include "lib/text.h"

int
cli_trouble(const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	text_clean(text);
	fflush(stdout);
	fprintf(stderr, "bgpctl: %s\n", text);
	return EXIT_TROUBLE;
}

const struct site *
cli_site(struct cli *cli)
{
	if (cli->site_state == SITE_UNREAD) {
		cli->arena = arena_new();
		cli->site_state = site_read(cli->config, &cli->site, cli->arena, &cli->site_err) < 0
		    ? SITE_BROKEN : SITE_READ;
	}
	return cli->site_state == SITE_READ ? &cli->site : NULL;
}

const char *
cli_socket(struct cli *cli)
{
	const struct site *site;

	if (cli->socket_given != NULL)
		return cli->socket_given;
	site = cli->config_given || access(cli->config, R_OK) == 0 ? cli_site(cli) : NULL;
	if (site == NULL) {
		/* A file that is broken just now does not move a daemon that runs. */
		if (cli->config_given)
			cli_trouble("%s; trying %s", cli->site_err.text, CLI_SOCKET);
		return CLI_SOCKET;
	}
	snprintf(cli->socket, sizeof(cli->socket), "%s/%s", site->paths.run_dir, CONTROL_SOCKET);
	return cli->socket;
}

static bool
is_family(const char *word)
{
	return strcmp(word, "v4") == 0 || strcmp(word, "v6") == 0;
}

json_t *
cli_lanes(struct cli *cli, int first)
{
	const char *service = cli->service, *family = cli->family;
	json_t *args;

	for (int i = first; i < cli->argc; i++) {
		const char **to = is_family(cli->argv[i]) ? &family : &service;

		if (*to != NULL) {
			cli_trouble("%s: one service and one family at most; `bgpctl help` has the "
			    "words", cli->argv[i]);
			return NULL;
		}
		*to = cli->argv[i];
	}
	if (family != NULL && !is_family(family)) {
		cli_trouble("%s: a family is v4 or v6", family);
		return NULL;
	}
	args = json_pack("{s:s*,s:s*}", "service", service, "family", family);
	if (args == NULL)
		cli_trouble("%s: write it in UTF-8", service);
	return args;
}

json_t *
cli_ask_on(struct control *c, const char *verb, json_t *args, int timeout_ms, int *code,
    struct err *err)
{
	json_t *answer = NULL, *data;

	*code = EXIT_TROUBLE;
	if (control_ask(c, verb, args, err) < 0)
		return NULL;
	do {
		json_decref(answer);
		answer = control_next(c, timeout_ms, err);
		if (answer == NULL)
			return NULL;
	} while (json_object_get(answer, "ok") == NULL);
	data = json_object_get(answer, "data");
	if (!pick_bool(answer, "ok")) {
		err_set(err, "%s", pick_text(answer, "error", "refused, without a reason"));
		*code = EXIT_NO;
		data = NULL;
	} else if (!json_is_object(data)) {
		err_set(
		    err, "healthd's answer to %s has no data: is it of the same version?", verb);
		data = NULL;
	}
	json_incref(data);
	json_decref(answer);
	return data;
}

json_t *
cli_ask(struct cli *cli, const char *verb, json_t *args, int *code, struct err *err)
{
	struct control *c = control_open(cli_socket(cli), CLI_TIMEOUT_MS, err);
	json_t *data;

	*code = EXIT_TROUBLE;
	if (c == NULL) {
		json_decref(args);
		return NULL;
	}
	data = cli_ask_on(c, verb, args, CLI_TIMEOUT_MS, code, err);
	control_close(c);
	return data;
}

char *
cli_text(cli_render *render, const json_t *data)
{
	char *text = NULL;
	size_t length;
	FILE *to = open_memstream(&text, &length);

	if (to == NULL)
		return NULL;
	render(to, data);
	fclose(to);
	text_clean(text);
	return text;
}

void
cli_show(const struct cli *cli, cli_render *render, const json_t *data)
{
	char *text = cli->json ? json_dumps(data, JSON_INDENT(2)) : cli_text(render, data);

	if (text != NULL)
		fputs(text, stdout);
	if (cli->json)
		fputc('\n', stdout);
	free(text);
}

json_t *
cli_ask_loudly(struct cli *cli, const char *verb, json_t *args, int *code)
{
	struct err err;
	json_t *answer = cli_ask(cli, verb, args, code, &err);

	if (answer == NULL)
		cli_trouble("%s", err.text);
	return answer;
}

int
cli_ask_and_show(struct cli *cli, const char *verb, json_t *args, cli_render *render, json_t **data)
{
	int code;
	json_t *answer = cli_ask_loudly(cli, verb, args, &code);

	if (answer == NULL)
		return code;
	cli_show(cli, render, answer);
	if (data != NULL)
		*data = json_incref(answer);
	json_decref(answer);
	return EXIT_WELL;
}
