/*
 * bgpctl: a table of verbs. Each says which options and how many words it takes; they are read
 * here, in any order, before or behind the words.
 */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "bgpctl/cli.h"
#include "bgpctl/duration.h"

struct verb {
	const char *name;
	verb_run *run;
	const char *options; /* letters of `long_options` that it takes */
	int words_max;
	const char *usage, *brief, *help;
};

#define LANES "[SERVICE [FAMILY]]"
#define LIMITS_HELP \
	"  --for TIME      ends by itself after that: 90s, 30m, 2h, 1d; else it stays until taken away\n" \
	"  --reason TEXT   shown by `status` and `why`, and recorded\n" \
	"  --wait          until BIRD shows it proven, at most a minute\n"

static const struct verb verbs[] = {
	{"status", verb_status, "j", 0, "", "one line for each service and family, and what is wrong",
	 "Exit status: 0 all at their best rung, proven, no alarm; 1 degraded or an alarm; 2 something is\n"
	 "silent; 3 healthd cannot be asked.\n"},
	{"why", verb_why, "jSF", 2, LANES, "everything about a rung: who holds it, what comes next",
	 "The rung and its proof, the wish, every limit with its owner and expiry, the flap budget, the\n"
	 "parts of the score, what BIRD sends to whom, the locks, and the last moves.\n"},
	{"watch", verb_watch, "", 0, "", "status and events, live; q quits",
	 "Without a terminal it prints the status and then each event.\n"},
	{"events", verb_events, "jfnil:", 0, "", "what happened, from healthd or the flight recorder",
	 "  -n N            the last N (20)\n"
	 "  -f, --follow    and what comes from now on\n"
	 "  --since TIME    from then on: 10m (ago), 03:14, 2026-11-22T03:14:15 (Z for UTC)\n"
	 "  --level LEVEL   alarm, warn, notice, info or debug, and worse\n"
	 "  --file FILE     from this flight recorder; without it, from the configuration's when healthd\n"
	 "                  does not answer or remembers less\n"},
	{"fleet", verb_fleet, "jSF", 2, LANES, "the other nodes: who announces, who may go silent",
	 "For each lane how this node stands in the fleet and what the guard says, then a line for each\n"
	 "node with its rung, its wish to go silent, why it is no better, and for how long it has told so.\n"},
	{"replay", verb_replay, "jSFab", 16, "[RECORD...]", "decides a flight record again, and compares",
	 "RECORD is a flight recorder's file, or a directory that has one; without it, that of the\n"
	 "configuration. Each recorded decision is taken again from the recorded samples and inputs, by the\n"
	 "code that is installed now, and compared byte for byte.\n"
	 "  --from, --to TIME           what is compared: 10m (ago), 03:14, 2026-11-22T03:14:15 (Z for UTC)\n"
	 "  --service NAME, --family v4 only these lanes\n"
	 "Exit status: 0 all the same, 1 something differs (the first difference is shown with both sides),\n"
	 "3 nothing that could be decided again.\n"},
	{"what-if", verb_what_if, "jSFabGK", 0, "--config FILE [--record RECORD] [--svg FILE]", "what other settings would have done on a flight record",
	 "Runs a record twice, with its own settings and with those of FILE, and shows the moves of both side\n"
	 "by side and what they add up to. A lane counts as ill while a vital check, or one that puts a DNS\n"
	 "question to its own addresses or workers, fails by its targets' last samples alone.\n"
	 "  --config FILE               a whole healthd.conf; its thresholds are tried\n"
	 "  --record RECORD             a file, or a directory that has one; else that of the installed\n"
	 "                              configuration\n"
	 "  --svg FILE                  a picture of scores, rungs and limits\n"
	 "  --from, --to TIME           what is told: 10m (ago), 03:14, 2026-11-22T03:14:15 (Z for UTC)\n"
	 "  --service NAME, --family v4 only these lanes\n"},
	{"workers", verb_workers, "j", 0, "", "the resolver processes and how they do", ""},
	{"cache", verb_cache, "jTDR", 3, "stats | explain NAME [TYPE] | flush NAME | snapshot", "our own resolver's cache: how full, what of a name, away with it",
	 "  stats           the engines' shards: how full, and what became of entries\n"
	 "  explain         what is kept for a name and a type (A), with and without DNSSEC\n"
	 "  flush           all entries of a name go, from every cache; the engines are replaced for it,\n"
	 "                  one after another, and workers refill their own caches from the shared one\n"
	 "  snapshot        writes it to the file from which the host's next boot takes it\n"
	 "  --dnssec        explain: signatures and proofs as well\n"
	 "  --tree          flush: and all names below it; of \".\" everything\n"
	 "  --resolver-config FILE\n"
	 "                  instead of workers.resolver of the configuration\n"
	 "Entries are kept by the name that was asked for: one that only leads through another name, as\n"
	 "by CNAME, is its own. Exit status: 0 well, 1 not found or done in part, 3 no engine answers.\n"},
	{"check", verb_check, "jSF", 1, "[NAME]", "the checks with their targets; is the configuration sound?",
	 "Without NAME it also has `healthd -t` read the configuration file. Exit status: 0 well, 1 a check\n"
	 "fails or the file is broken, 3 healthd cannot be asked.\n"},
	{"drain", verb_drain, "jSFtrwgO", 2, LANES, "at most drain: traffic goes elsewhere, queries are still answered",
	 LIMITS_HELP
	 "  --region NAME   asks every node of that region to drain; each does while enough nodes elsewhere\n"
	 "                  announce better than drain. For an hour unless --for says otherwise (48h at most);\n"
	 "                  ended sooner by undrain --region at this node\n"
	 "  --force         asks even where no node would do it now\n"},
	{"undrain", verb_undrain, "jSFg", 2, LANES, "takes away what drain or silence set",
	 "  --region NAME   no longer asks that region to drain; the asking of other nodes stays\n"},
	{"failover", verb_failover, "jgtrOydvAo", 0, "--region NAME [--dry-run]", "takes a region out of service: looks, drains, watches, verifies, alerts",
	 "  --region NAME   which\n"
	 "  --dry-run       looks and asks DNS questions, says what it would do, and changes nothing\n"
	 "  --for TIME      the drain ends by itself after that (1h; 48h at most)\n"
	 "  --reason TEXT   shown with the drain, and recorded\n"
	 "  --observe TIME  those who take the traffic are watched for so long once it has moved (30s)\n"
	 "  --verify NAME   this name's A record is asked for at those who take over (id.server TXT CH)\n"
	 "  --verify-at ADDRESS\n"
	 "                  ask there, besides the addresses of fleet.watch that are outside of the region\n"
	 "  --force         goes on where a look says no\n"
	 "  --yes           does not ask\n"
	 "Ends the drain again, and says so, when those who take over fall, are overloaded or do not answer,\n"
	 "or when it is interrupted. Exit status: 0 done (a dry run: would be done), 1 refused and nothing\n"
	 "changed, 2 failed and taken back, 3 healthd cannot be asked.\n"},
	{"pin", verb_pin, "jSFtrw", 3, "RUNG " LANES, "exactly this rung, whatever the checks say", LIMITS_HELP},
	{"unpin", verb_unpin, "jSF", 2, LANES, "takes away what pin set", ""},
	{"silence", verb_silence, "jSFtrwNP", 2, LANES, "announce nothing; works with healthd dead",
	 LIMITS_HELP
	 "  --now           closes all gates by its own hand at once, and tells healthd as well\n"
	 "  --post          for ExecStopPost: closes all gates unless the service ended cleanly\n"
	 "Without healthd it closes every gate of the node and disables our protocols in BIRD; that needs\n"
	 "root. Taken away by undrain.\n"},
	{"upgrade", verb_upgrade, "jWE", 0, "", "new binaries in place, one process after another",
	 "  --workers       only the workers\n"
	 "  --engines       only the engines of our own resolver\n"
	 "Keeper and brain go first, then the workers one by one, never fewer ready than workers.min_ready,\n"
	 "then the engines one by one, while workers answer from their caches and wait for the next one.\n"
	 "Routes are not touched.\n"},
	{"reload", verb_reload, "j", 0, "", "reads the configuration again; a broken one changes nothing", ""},
	{"bird", verb_bird, "y", 2, "[diff | apply | edge | example]", "the file that bird.conf includes, and its installation",
	 "Without a word: the file for this node. edge: only the functions, for an edge router that hears us\n"
	 "over iBGP. example: a whole small bird.conf. diff: what apply would change; 1 if anything.\n"
	 "apply: shows that, asks, installs it,\n"
	 "lets BIRD reload and proves that our protocols are there.\n"
	 "  --yes           apply without asking\n"},
	{"doctor", verb_doctor, "j", 0, "", "looks for what will go wrong, and says what to do",
	 "Exit status: 0 nothing found, 1 warnings, 2 something is broken.\n"},
	{"explain", verb_explain, "j", 1, "[WORD]", "what a word of ours means, and what to do about it",
	 "WORD is the name of an alarm, a limit's owner, a rule, a verdict, a state or an event, as `status`,\n"
	 "`why`, `workers` and the log have them; without it, all such words. Asks nobody: it works anywhere.\n"
	 "Exit status: 0 explained, 1 no such word.\n"},
};

static const struct option long_options[] = {
	{"json", no_argument, NULL, 'j'}, {"service", required_argument, NULL, 'S'},
	{"family", required_argument, NULL, 'F'}, {"for", required_argument, NULL, 't'},
	{"reason", required_argument, NULL, 'r'}, {"wait", no_argument, NULL, 'w'},
	{"follow", no_argument, NULL, 'f'}, {"since", required_argument, NULL, 'i'},
	{"level", required_argument, NULL, 'l'}, {"file", required_argument, NULL, ':'},
	{"now", no_argument, NULL, 'N'}, {"post", no_argument, NULL, 'P'},
	{"workers", no_argument, NULL, 'W'}, {"engines", no_argument, NULL, 'E'},
	{"yes", no_argument, NULL, 'y'},
	{"region", required_argument, NULL, 'g'}, {"force", no_argument, NULL, 'O'},
	{"dry-run", no_argument, NULL, 'd'}, {"verify", required_argument, NULL, 'v'},
	{"verify-at", required_argument, NULL, 'A'}, {"observe", required_argument, NULL, 'o'},
	{"tree", no_argument, NULL, 'T'}, {"dnssec", no_argument, NULL, 'D'},
	{"resolver-config", required_argument, NULL, 'R'},
	{"from", required_argument, NULL, 'a'}, {"to", required_argument, NULL, 'b'},
	{"svg", required_argument, NULL, 'G'}, {"record", required_argument, NULL, 'K'},
	{"socket", required_argument, NULL, 's'}, {"config", required_argument, NULL, 'c'},
	{"help", no_argument, NULL, 'h'}, {"version", no_argument, NULL, 'V'}, {NULL, 0, NULL, 0}};

static const struct verb *
verb_find(const char *name)
{
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	}
	return NULL;
}

static int
help_all(FILE *to)
{
	fputs("usage: bgpctl [-s SOCKET] [-c CONFIG] [--json] VERB ...\n\n", to);
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		fprintf(to, "  %-8s  %s\n", verbs[i].name, verbs[i].brief);
	fputs("\n`bgpctl help VERB` says more. The socket is that of -s, of $ANYPOP_SOCKET, or in "
	      "the\n"
	      "run_dir of the configuration (" CLI_CONFIG ").\n",
	    to);
	return EXIT_WELL;
}

static int
help_verb(const struct verb *v, FILE *to)
{
	fprintf(to, "usage: bgpctl %s %s\n\n%s\n", v->name, v->usage, v->brief);
	if (v->help[0] != '\0')
		fprintf(to, "\n%s", v->help);
	return EXIT_WELL;
}

/* 0 when it was one that may come anywhere. */
static int
common_option(struct cli *cli, int letter)
{
	switch (letter) {
	case 's':
		cli->socket_given = optarg;
		return 0;
	case 'c':
		cli->config = optarg;
		cli->config_given = true;
		return 0;
	case 'j':
		cli->json = true;
		return 0;
	default:
		return -1;
	}
}

static int
flag_option(struct cli *cli, int letter)
{
	bool *flag = letter == 'w' ? &cli->wait : letter == 'f' ? &cli->follow
	    : letter == 'N' ? &cli->now : letter == 'P' ? &cli->post
	    : letter == 'W' ? &cli->workers_only
	    : letter == 'E' ? &cli->engines_only : letter == 'y' ? &cli->yes
	    : letter == 'T' ? &cli->tree : letter == 'D' ? &cli->dnssec
	    : letter == 'O' ? &cli->force : letter == 'd' ? &cli->dry_run : NULL;
	const char **text = letter == 'S' ? &cli->service : letter == 'F' ? &cli->family
	    : letter == 'r' ? &cli->reason : letter == 'i' ? &cli->since
	    : letter == 'l' ? &cli->level : letter == ':' ? &cli->file
	    : letter == 'a' ? &cli->from : letter == 'b' ? &cli->to
	    : letter == 'G' ? &cli->svg : letter == 'K' ? &cli->file
	    : letter == 'R' ? &cli->resolver_config : letter == 'g' ? &cli->region
	    : letter == 'v' ? &cli->verify : letter == 'A' ? &cli->verify_at : NULL;

	if (flag != NULL)
		*flag = true;
	if (text != NULL)
		*text = optarg;
	return flag != NULL || text != NULL ? 0 : -1;
}

static int
number_option(struct cli *cli, int letter)
{
	char *end;

	if (letter == 't' || letter == 'o') {
		int64_t *ms = letter == 't' ? &cli->for_ms : &cli->observe_ms;

		if (duration_parse(optarg, ms) && *ms >= 1000)
			return 0;
		return cli_trouble(
		    "--%s %s: a time is 90s, 30m, 2h or 1d, at least 1s, at most 365d",
		    letter == 't' ? "for" : "observe", optarg);
	}
	cli->n = (int)strtol(optarg, &end, 10);
	if (*optarg != '\0' && *end == '\0' && cli->n >= 0 && cli->n <= 10000)
		return 0;
	return cli_trouble("-n %s: a number from 0 to 10000", optarg);
}

static int
read_options(struct cli *cli, const struct verb *v, int argc, char **argv)
{
	int letter;

	optind = 0;
	while ((letter = getopt_long(argc, argv, "s:c:n:fhV", long_options, NULL)) != -1) {
		if (letter == 'h') {
			help_verb(v, stdout);
			exit(EXIT_WELL);
		}
		if (common_option(cli, letter) == 0)
			continue;
		if (letter == '?' || strchr(v->options, letter) == NULL)
			return cli_trouble(
			    "%s does not take that; `bgpctl help %s`", v->name, v->name);
		if (flag_option(cli, letter) == 0)
			continue;
		if (number_option(cli, letter) != 0)
			return EXIT_TROUBLE;
	}
	cli->argc = argc - optind;
	cli->argv = argv + optind;
	if (cli->argc > v->words_max)
		return cli_trouble(
		    "%s: one word too many; `bgpctl help %s`", cli->argv[v->words_max], v->name);
	if (cli->json && strchr(v->options, 'j') == NULL)
		return cli_trouble("%s has no --json", v->name);
	return 0;
}

static int
help_word(const char *word)
{
	const struct verb *v = word != NULL ? verb_find(word) : NULL;

	if (word == NULL)
		return help_all(stdout);
	if (v == NULL)
		return cli_trouble("%s: no such verb; `bgpctl help` lists them", word);
	return help_verb(v, stdout);
}

int
main(int argc, char **argv)
{
	struct cli cli = {.config = CLI_CONFIG, .n = -1, .socket_given = getenv("ANYPOP_SOCKET")};
	const struct verb *v;
	int letter, rc;

	/* "+": options of ours end at the verb. */
	while ((letter = getopt_long(argc, argv, "+s:c:hV", long_options, NULL)) != -1) {
		if (letter == 'h')
			return help_all(stdout);
		if (letter == 'V') {
			puts("bgpctl " ANYPOP_VERSION);
			return EXIT_WELL;
		}
		if (common_option(&cli, letter) < 0)
			return cli_trouble("options of a verb come behind it; `bgpctl help`");
	}
	if (optind == argc) {
		help_all(stderr);
		return EXIT_TROUBLE;
	}
	if (strcmp(argv[optind], "help") == 0)
		return help_word(argv[optind + 1]);
	v = verb_find(argv[optind]);
	if (v == NULL)
		return cli_trouble("%s: no such verb; `bgpctl help` lists them", argv[optind]);
	rc = read_options(&cli, v, argc - optind, argv + optind);
	if (rc == 0)
		rc = v->run(&cli);
	if (fflush(stdout) != 0 && rc == EXIT_WELL)
		rc = EXIT_TROUBLE;
	if (cli.arena != NULL)
		arena_free(cli.arena);
	return rc;
}
