/*
 * bird: the include file, an example, and its installation; doctor: what will go wrong.
 */
#include <errno.h>
#include <grp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "bgpctl/anchorlook.h"
#include "bgpctl/birdapply.h"
#include "bgpctl/birdconf.h"
#include "bgpctl/birddoctor.h"
#include "bgpctl/cli.h"
#include "bgpctl/gate.h"
#include "bgpctl/pick.h"

#define ANCHOR_LATE_S (4 * 86400) /* some dozen attempts */
#define SNAPSHOT_LATE_S 120 /* one that failed is tried again in between */

static void
say_step(void *arg, const char *sentence)
{
	(void)arg;
	puts(sentence);
	fflush(stdout);
}

static bool
agreed(void)
{
	char answer[16];

	fputs("Install it and let BIRD reload? [y/N] ", stdout);
	fflush(stdout);
	return fgets(answer, sizeof(answer), stdin) != NULL &&
	       (answer[0] == 'y' || answer[0] == 'Y');
}

static int
apply(struct cli *cli, const struct site *site)
{
	struct err err;
	int differs = birdapply_difference(site, stdout, &err);

	if (differs < 0)
		return cli_trouble("%s", err.text);
	if (differs == 0)
		printf("%s is up to date; BIRD reads it again and is looked at.\n",
		    site->bird.include);
	if (differs > 0 && !cli->yes && !agreed()) {
		puts("Nothing was changed.");
		return EXIT_NO;
	}
	if (birdapply(site, say_step, NULL, &err) < 0) {
		cli_trouble("%s", err.text);
		return EXIT_NO;
	}
	return EXIT_WELL;
}

static int
difference(const struct site *site)
{
	struct err err;
	int differs = birdapply_difference(site, stdout, &err);

	if (differs < 0)
		return cli_trouble("%s", err.text);
	if (differs == 0)
		printf("%s is up to date\n", site->bird.include);
	return differs > 0 ? EXIT_NO : EXIT_WELL;
}

int
verb_bird(struct cli *cli)
{
	const char *word = cli->argc > 0 ? cli->argv[0] : "";
	const struct site *site = cli_site(cli);

	if (site == NULL)
		return cli_trouble("%s", cli->site_err.text);
	if (cli->argc > 1)
		return cli_trouble("bird %s: one word too many; `bgpctl help bird`", word);
	if (strcmp(word, "apply") == 0)
		return apply(cli, site);
	if (strcmp(word, "diff") == 0)
		return difference(site);
	if (strcmp(word, "edge") == 0)
		birdconf_edge(stdout, site);
	else if (strcmp(word, "example") == 0)
		birdconf_example(stdout, site);
	else if (word[0] == '\0')
		birdconf_render(stdout, site);
	else
		return cli_trouble("bird %s: diff, apply, edge, example or nothing", word);
	return EXIT_WELL;
}

/* Our own side of the node: findings of the same form as those about BIRD. */
static void __attribute__((format(printf, 5, 6)))
found(struct findings *f, enum finding_level level, const char *about, const char *mend,
    const char *fmt, ...)
{
	struct finding *one = &f->list[f->n];
	va_list ap;

	if (f->n == MAX_FINDINGS) {
		f->more = true;
		return;
	}
	f->n++;
	one->level = level;
	snprintf(one->about, sizeof(one->about), "%s", about);
	snprintf(one->mend, sizeof(one->mend), "%s", mend);
	va_start(ap, fmt);
	vsnprintf(one->text, sizeof(one->text), fmt, ap);
	va_end(ap);
}

static void
look_directory(struct findings *f, const char *key, const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		found(f, FINDING_WARN, key,
		    "systemd-tmpfiles --create anypop.conf, or mkdir it for "
		    "the user of healthd.conf",
		    "%s: %s", path, strerror(errno));
	else if (!S_ISDIR(st.st_mode))
		found(f, FINDING_FAIL, key, "set it to a directory", "%s is not a directory", path);
	else if (st.st_mode & S_IWOTH)
		found(f, FINDING_FAIL, key, "chmod o-w it", "anybody can write to %s", path);
	else
		found(f, FINDING_OK, key, "", "%s is there", path);
}

static void
look_group(struct findings *f, const char *name)
{
	if (name[0] == '\0')
		return;
	if (getgrnam(name) == NULL)
		found(f, FINDING_WARN, "group", "addgroup --system it, or systemd-sysusers",
		    "paths.control_group: there is no group %s, so only root can use bgpctl", name);
	else
		found(f, FINDING_OK, "group", "", "group %s may use the control socket", name);
}

static void
look_healthd(struct cli *cli, struct findings *f)
{
	const char *note;
	struct err err;
	json_t *status;
	int code;

	status = cli_ask(cli, "status", NULL, &code, &err);
	if (status == NULL) {
		found(f, FINDING_WARN, "healthd", "", "%s", err.text);
		return;
	}
	note = pick_text(pick_part(status, "config"), "note", NULL);
	if (note != NULL)
		found(f, FINDING_FAIL, "healthd", "mend the file, then bgpctl reload",
		    "runs on an older configuration: %s", note);
	if (strcmp(pick_text(status, "version", ANYPOP_VERSION), ANYPOP_VERSION) != 0)
		found(f, FINDING_WARN, "healthd", "bgpctl upgrade",
		    "runs version %s, and this is %s", pick_text(status, "version", "?"),
		    ANYPOP_VERSION);
	if (strcmp(pick_text(status, "mode", ""), "observe") == 0)
		found(f, FINDING_NOTE, "healthd", "mode = \"drive\" when you trust what it decides",
		    "only observes");
	found(f, FINDING_OK, "healthd", "", "answers on %s", cli_socket(cli));
	json_decref(status);
}

/* Whom a process acts as; (uid_t)-1: there is none. Not the owner of its directory, which is root
 * where it has changed its user. */
static uid_t
user_of(const json_t *slot)
{
	char path[64], line[128];
	unsigned long real, effective = (uid_t)-1;
	FILE *status;

	snprintf(path, sizeof(path), "/proc/%.0f/status", pick_number(slot, "pid", 0));
	status = fopen(path, "re");
	while (status != NULL && fgets(line, sizeof(line), status) != NULL)
		if (sscanf(line, "Uid: %lu %lu", &real, &effective) == 2)
			break;
	if (status != NULL)
		fclose(status);
	return (uid_t)effective;
}

/* Of these processes the first that runs as root, else the first that runs at all. */
static uid_t
user_of_all(const json_t *slots)
{
	uid_t one, found = (uid_t)-1;
	const json_t *slot;
	size_t i;

	json_array_foreach (slots, i, slot) {
		one = user_of(slot);
		if (one == 0 || found == (uid_t)-1)
			found = one;
	}
	return found;
}

/* Both read what strangers send; each in a user of its own, who breaks into one has that alone. */
static void
look_users(const json_t *all, struct findings *f)
{
	static const char *const roles[] = {"worker", "engine"};
	uid_t users[2] = {
	    user_of_all(pick_part(all, "workers")), user_of_all(pick_part(all, "engines"))};
	char mend[128];
	bool well = true;

	for (int i = 0; i < 2; i++) {
		if (users[i] != 0)
			continue;
		well = false;
		snprintf(mend, sizeof(mend),
		    "write %s.user (such as \"anypop-%s\") in resolver.conf, then bgpctl upgrade",
		    roles[i], roles[i]);
		found(f, FINDING_WARN, "users", mend,
		    "a %s runs as root: who breaks into it has this host", roles[i]);
	}
	if (well && users[0] == users[1] && users[0] != (uid_t)-1)
		found(f, FINDING_WARN, "users",
		    "write another engine.user in resolver.conf, then bgpctl upgrade",
		    "workers and engines run as the same user (%lu): who breaks into one has the "
		    "other", (unsigned long)users[0]);
	else if (well && (users[0] != (uid_t)-1 || users[1] != (uid_t)-1))
		found(f, FINDING_OK, "users", "", "workers and engines run as users of their own");
}

/* Our own resolver's processes read their configuration once. */
static void
look_resolver(struct cli *cli, const struct site *site, struct findings *f)
{
	const char *path = site->workers.resolver;
	struct stat st;
	struct err err;
	json_t *all;
	double up, engines;
	int code;

	if (path[0] == '\0')
		return;
	if (stat(path, &st) < 0) {
		found(f, FINDING_FAIL, "resolver", "write it, or correct workers.resolver",
		    "%s: %s", path, strerror(errno));
		return;
	}
	all = cli_ask(cli, "workers", NULL, &code, &err);
	if (all == NULL) /* look_healthd() says so */
		return;
	up = pick_most(pick_part(all, "workers"), "up_s");
	engines = pick_most(pick_part(all, "engines"), "up_s");
	up = engines > up ? engines : up;
	look_users(all, f);
	json_decref(all);
	if (up > difftime(time(NULL), st.st_mtime) + 1)
		found(f, FINDING_WARN, "resolver", "bgpctl upgrade",
		    "%s was written after the oldest worker or engine started, which reads it at "
		    "its start only", path);
	else
		found(f, FINDING_OK, "resolver", "", "all run with %s as it is", path);
}

static void
found_anchor(struct findings *f, const json_t *all)
{
	double looked_s = (double)time(NULL) - pick_number(all, "looked", 0);
	const char *reads = pick_text(all, "reads", "?");

	if (pick_text(all, "followed_anchor", "")[0] == '\0')
		found(f, FINDING_OK, "anchor", "", "%s is read, and not followed", reads);
	else if (!pick_bool(all, "followed"))
		found(f, FINDING_WARN, "anchor", "systemctl enable --now anypop-anchor.timer",
		    "nobody follows the root's keys: engines trust those of %s whatever becomes of "
		    "them", reads);
	else if (looked_s > ANCHOR_LATE_S)
		found(f, FINDING_WARN, "anchor",
		    "systemctl status anypop-anchor.timer anypop-anchor.service",
		    "nobody has seen the root's keys for %.0f days: %s gets old", looked_s / 86400,
		    reads);
	else
		found(f, FINDING_OK, "anchor", "", "%s: looked at %.0f h ago", reads,
		    looked_s / 3600);
}

/* The root's keys roll: somebody has to follow them, and engines read them once. */
static void
look_anchor(struct cli *cli, const struct site *site, struct findings *f)
{
	const char *path = site->workers.resolver, *wrong, *failed;
	double now_s = anchorlook_now();
	json_t *all = path[0] != '\0' ? anchorlook(path) : NULL, *workers;
	struct err err;
	int code;

	if (pick_text(all, "trust_anchor", "")[0] == '\0') { /* or look_resolver() says so */
		json_decref(all);
		return;
	}
	wrong = pick_text(all, "error", NULL);
	failed = pick_text(all, "failed", NULL);
	if (wrong != NULL)
		found(f, FINDING_FAIL, "anchor",
		    "systemctl start anypop-anchor; its events say what to do", "%s; %s is read",
		    wrong, pick_text(all, "reads", "?"));
	if (failed != NULL)
		found(f, FINDING_WARN, "anchor", "then systemctl start anypop-anchor",
		    "the root's keys could not be followed: %s", failed);
	if (wrong == NULL && failed == NULL)
		found_anchor(f, all);
	workers = cli_ask(cli, "workers", NULL, &code, &err);
	if (anchorlook_older(all, workers, now_s))
		found(f, FINDING_WARN, "anchor", "bgpctl upgrade --anchor",
		    "an engine runs with older keys than %s has", pick_text(all, "reads", "?"));
	json_decref(workers);
	json_decref(all);
}

/* The shared cache's file for the next boot, where there is to be one. */
static void
look_snapshot(const struct site *site, struct findings *f)
{
	char *words[] = {
	    "resolver", "-c", (char *)site->workers.resolver, "cache", "stats", "--json", NULL};
	json_t *all = words[2][0] != '\0' ? cli_execute_json(words[0], words) : NULL;
	const json_t *snapshot = pick_part(all, "snapshot");
	const char *wrong = pick_text(snapshot, "error", NULL);
	double age_s = pick_number(snapshot, "age_s", 0);
	double every_s = pick_number(snapshot, "every_s", 0);

	if (wrong != NULL)
		found(f, FINDING_WARN, "snapshot", "bgpctl cache snapshot; its events say why not",
		    "a reboot begins with an empty cache: %s: %s", pick_text(snapshot, "file", "?"),
		    wrong);
	else if (every_s > 0 && age_s > 2 * every_s + SNAPSHOT_LATE_S)
		found(f, FINDING_WARN, "snapshot", "bgpctl cache snapshot; its events say why not",
		    "%s is %.0f s old, and should be %.0f s at most",
		    pick_text(snapshot, "file", "?"), age_s, every_s);
	else if (json_is_object(snapshot))
		found(f, FINDING_OK, "snapshot", "", "%s: %.0f entries, %.0f s old",
		    pick_text(snapshot, "file", "?"), pick_number(snapshot, "entries", 0), age_s);
	json_decref(all);
}

static void
look_gates(struct findings *f)
{
	struct err err;
	struct gates *g = gates_open(&err);

	if (g == NULL)
		found(
		    f, FINDING_FAIL, "gates", "a kernel with rtnetlink is needed", "%s", err.text);
	gates_close(g);
}

static void
print_finding(const struct finding *one)
{
	printf("%-4s  %-10s %s\n", finding_level_name(one->level), one->about, one->text);
	if (one->mend[0] != '\0')
		printf("      %-10s -> %s\n", "", one->mend);
}

/* Adds them to `list`, which is printed with --json; without it they are printed at once. Returns
 * the worst level. */
static int
tell_findings(const struct cli *cli, const struct findings *f, json_t *list)
{
	int worst = FINDING_OK;

	for (int i = 0; i < f->n; i++) {
		const struct finding *one = &f->list[i];

		worst = (int)one->level > worst ? (int)one->level : worst;
		json_array_append_new(list, json_pack("{s:s,s:s,s:s,s:s}", "level",
		    finding_level_name(one->level), "about", one->about, "text", one->text, "mend",
		    one->mend));
		if (!cli->json)
			print_finding(one);
	}
	if (f->more && !cli->json)
		puts("... and more");
	return worst;
}

static void
look_at_us(struct cli *cli, const struct site *site, struct findings *f)
{
	if (site == NULL) {
		found(f, FINDING_FAIL, "config", "mend it; `healthd -t -c FILE` reads all of it",
		    "%s", cli->site_err.text);
	} else {
		found(f, FINDING_OK, "config", "", "%s: node %s, %d services", cli->config,
		    site->node.name, site->n_services);
		look_directory(f, "run_dir", site->paths.run_dir);
		look_directory(f, "state_dir", site->paths.state_dir);
		look_group(f, site->paths.control_group);
	}
	look_healthd(cli, f);
	if (site != NULL) {
		look_resolver(cli, site, f);
		look_anchor(cli, site, f);
		look_snapshot(site, f);
	}
	look_gates(f);
	if (geteuid() != 0)
		found(f, FINDING_NOTE, "rights", "sudo bgpctl doctor sees more", "not run as root");
}

int
verb_doctor(struct cli *cli)
{
	const struct site *site = cli_site(cli);
	struct findings *f = calloc(1, sizeof(*f));
	json_t *list = json_array();
	int worst, bird = FINDING_OK;

	if (f == NULL)
		return cli_trouble("out of memory");
	look_at_us(cli, site, f);
	worst = tell_findings(cli, f, list);
	if (site != NULL) {
		memset(f, 0, sizeof(*f));
		birddoctor(site, f);
		bird = tell_findings(cli, f, list);
	}
	free(f);
	if (cli->json) {
		json_dumpf(list, stdout, JSON_INDENT(2));
		putchar('\n');
	}
	json_decref(list);
	worst = bird > worst ? bird : worst;
	return worst == FINDING_FAIL ? 2 : worst == FINDING_WARN ? 1 : 0;
}
