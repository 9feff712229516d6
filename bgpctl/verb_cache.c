/*
 * cache: our own resolver's shared cache. Its room is not ours to look into: the program `resolver`
 * does it, in our place, and its exit status is ours.
 */
#include <unistd.h>

#include "bgpctl/cli.h"

#define RESOLVER "resolver"
#define RESOLVER_CONFIG "/etc/anypop/resolver.conf"
#define WORDS 8

/* The configuration of our resolver; NULL, complained of, when there is none to ask. */
static const char *
config_of(struct cli *cli)
{
	const struct site *site;

	if (cli->resolver_config != NULL)
		return cli->resolver_config;
	site = cli->config_given || access(cli->config, R_OK) == 0 ? cli_site(cli) : NULL;
	if (site == NULL && cli->config_given) {
		cli_trouble("%s; or say --resolver-config FILE", cli->site_err.text);
		return NULL;
	}
	if (site == NULL)
		return RESOLVER_CONFIG;
	if (site->workers.resolver[0] != '\0')
		return site->workers.resolver;
	cli_trouble(
	    "the workers of %s are not our own resolver, so ask their own tools about their "
	    "cache (or write workers.resolver; or --resolver-config FILE for one that runs by "
	    "itself)",
	    cli->config);
	return NULL;
}

int
verb_cache(struct cli *cli)
{
	const char *config;
	char *words[WORDS + 8] = {RESOLVER, "-c"};
	int n = 3;

	if (cli->argc == 0)
		return cli_trouble(
		    "cache: stats, explain NAME, flush NAME or snapshot; `bgpctl help cache`");
	config = config_of(cli);
	if (config == NULL)
		return EXIT_TROUBLE;
	words[2] = (char *)config;
	words[n++] = "cache";
	if (cli->json)
		words[n++] = "--json";
	if (cli->tree)
		words[n++] = "--tree";
	if (cli->dnssec)
		words[n++] = "--dnssec";
	words[n++] = "--"; /* a name may begin with anything */
	for (int i = 0; i < cli->argc && i < WORDS; i++)
		words[n++] = cli->argv[i];
	return cli_execute(RESOLVER, NULL, words);
}
