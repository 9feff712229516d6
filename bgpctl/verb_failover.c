/*
 * failover: the runbook of a region's failover, step by step, each told with its outcome. What is
 * judged, is judged by failover.c; the drain itself is a request to the fleet, which every node
 * heeds within its own limits and ends by itself at the given time, whatever becomes of this
 * program.
 */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bgpctl/cli.h"
#include "bgpctl/duration.h"
#include "bgpctl/failover.h"
#include "bgpctl/pick.h"
#include "bgpctl/question.h"
#include "lib/mono.h"
#include "lib/text.h"

enum { EXIT_TAKEN_BACK = 2 };

#define LOOK_MS 500
#define MOVE_MS 60000 /* for the region to have gone to drain */
#define BREAK_MS 3000 /* what is wrong for so long is wrong */
#define OBSERVE_MS 30000
#define DEFAULT_FOR_MS 3600000
#define MAX_ASKED 32

struct asked { /* an address that is asked DNS questions */
	struct addr address;
	uint16_t port;
	int id;	       /* of the node, 0: given by hand */
	bool answered; /* before the drain */
};

struct run {
	struct cli *cli;
	json_t *steps;
	struct mono began;
	struct failover begun; /* as it was found */
	struct asked asked[MAX_ASKED];
	int n_asked;
};

static volatile sig_atomic_t interrupted;

static void
on_signal(int number)
{
	(void)number;
	interrupted = 1;
}

static void step(struct run *r, const char *name, const char *outcome, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

static void
step(struct run *r, const char *name, const char *outcome, const char *fmt, ...)
{
	char text[1024];
	double at = (double)mono_diff_ms(mono_now(), r->began) / 1000;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	text_clean(text);
	text[strcspn(text, "\n")] = '\0';
	json_array_append_new(r->steps,
	    json_pack("{sfssssss*}", "at_s", at, "step", name, "outcome", outcome, "text", text));
	if (!r->cli->json) {
		printf("%6.1f s  %-8s %-8s %s\n", at, name, outcome, text);
		fflush(stdout);
	}
}

/* --- asking healthd --------------------------------------------------------------------------- */

static json_t *
look(struct run *r, struct failover *f, int *code)
{
	struct err err;
	json_t *fleet = cli_ask(r->cli, "fleet", NULL, code, &err);

	if (fleet == NULL) {
		*f = (struct failover){0};
		snprintf(f->unwell, sizeof(f->unwell), "%.79s", err.text);
		return NULL;
	}
	*f = failover_look(fleet, r->cli->region);
	return fleet;
}

static void
alert(struct run *r, const char *event, const char *because)
{
	json_t *args = json_pack(
		   "{ssssss}", "event", event, "region", r->cli->region, "because", because),
	       *answer;
	struct err err;
	int code;

	if (r->cli->dry_run) {
		json_decref(args);
		step(r, "alert", "would", "run the hook with %s", event);
		return;
	}
	answer = cli_ask(r->cli, "alert", args, &code, &err);
	if (answer == NULL)
		step(r, "alert", "failed", "%s: %s", event, err.text);
	else if (!pick_bool(answer, "hook"))
		step(r, "alert", "skipped", "%s: no hook is configured (hook.command)", event);
	else
		step(r, "alert", "ok", "%s is given to the hook", event);
	json_decref(answer);
}

/* --- resolution from elsewhere ---------------------------------------------------------------- */

static void
add_asked(struct run *r, const struct addr *address, int id)
{
	const struct site *site = cli_site(r->cli);

	for (int s = 0; s < site->n_services; s++) {
		uint16_t port = (uint16_t)site->services[s].port;
		bool there = false;

		for (int i = 0; i < r->n_asked; i++)
			there |=
			    r->asked[i].port == port && addr_equal(&r->asked[i].address, address);
		if (!there && r->n_asked < MAX_ASKED)
			r->asked[r->n_asked++] = (struct asked){*address, port, id, false};
	}
}

static bool
is_inside(const json_t *fleet, int id, const char *region)
{
	const json_t *lane, *node;
	size_t i, j;

	json_array_foreach(pick_part(fleet, "lanes"), i, lane) json_array_foreach(
	    pick_part(lane, "nodes"), j, node) if ((int)pick_number(node, "id", 0) == id &&
						   failover_inside(node, region)) return true;
	return false;
}

/* Those who are to take over, at each of their own addresses. */
static void
add_watched(struct run *r, const struct watched *w, const json_t *fleet)
{
	if (is_inside(fleet, (int)w->id, r->cli->region))
		return;
	for (int i = 0; i < w->n_addresses; i++)
		add_asked(r, &w->addresses[i], (int)w->id);
}

static int
find_asked(struct run *r, const json_t *fleet)
{
	const struct site *site = cli_site(r->cli);
	struct addr address;
	struct err err;

	if (r->cli->verify != NULL && !question_good(r->cli->verify, &err))
		return cli_trouble("--verify %s: %s", r->cli->verify, err.text);
	if (site == NULL)
		return r->cli->verify_at != NULL || r->cli->verify != NULL
			   ? cli_trouble("%s", r->cli->site_err.text)
			   : 0;
	if (r->cli->verify_at != NULL) {
		if (!addr_parse(r->cli->verify_at, &address))
			return cli_trouble("--verify-at %s: that is no address", r->cli->verify_at);
		add_asked(r, &address, 0);
	}
	for (int i = 0; i < site->fleet.n_watch; i++)
		add_watched(r, &site->fleet.watch[i], fleet);
	return 0;
}

/* How many answer. `first`: what does not answer is remembered; else only those that did count. */
static int
resolve(struct run *r, bool first, int *lost)
{
	const char *qname = r->cli->verify != NULL ? r->cli->verify : "";
	int answered = 0;

	*lost = 0;
	for (int i = 0; i < r->n_asked; i++) {
		struct asked *a = &r->asked[i];
		char text[ADDR_TEXT], who[32] = "the given address";
		struct err err;
		int64_t us = question_ask(&a->address, a->port, qname, &err);

		if (a->id != 0)
			snprintf(who, sizeof(who), "node %d", a->id);
		addr_render(&a->address, text);
		if (us >= 0)
			step(r, "resolve", "ok", "%s at %s answers %s in %.1f ms", who, text,
			    *qname != '\0' ? qname : "id.server", (double)us / 1000);
		else
			step(r, "resolve", "failed", "%s at %s, asked for %s: %s", who, text,
			    *qname != '\0' ? qname : "id.server", err.text);
		answered += us >= 0;
		*lost += us < 0 && a->answered;
		if (first)
			a->answered = us >= 0;
	}
	return answered;
}

/* --- the steps -------------------------------------------------------------------------------- */

/* 0 to go on. */
static int
refused(struct run *r, const char *name, const char *why)
{
	if (r->cli->force) {
		step(r, name, "forced", "%s", why);
		return 0;
	}
	step(r, name, "refused", "%s (--force goes on)", why);
	return EXIT_NO;
}

static int
verify(struct run *r)
{
	char text[FAILOVER_WORDS];
	int code, lost, rc;
	json_t *fleet = look(r, &r->begun, &code);
	const char *why;

	if (fleet == NULL) {
		cli_trouble("%s", r->begun.unwell);
		return code;
	}
	step(r, "verify", "ok", "%s", failover_region_says(&r->begun, r->cli->region, text));
	step(r, "verify", "ok", "%s", failover_takers_say(&r->begun, text));
	rc = find_asked(r, fleet);
	json_decref(fleet);
	why = failover_refuses(&r->begun, r->cli->region, text);
	if (rc == 0 && why != NULL)
		rc = refused(r, "verify", why);
	if (rc != 0)
		return rc;
	if (r->n_asked == 0)
		step(r, "resolve", "skipped",
		    "no address of those who take over is known (fleet.watch, --verify-at)");
	else if (resolve(r, true, &lost) == 0)
		return refused(r, "resolve", "nobody elsewhere answers");
	return 0;
}

static bool
agreed(const struct run *r)
{
	char line[16];

	if (r->cli->yes)
		return true;
	if (!isatty(STDIN_FILENO) || r->cli->json)
		return false;
	printf("Ask all nodes of %s to drain? [y/N] ", r->cli->region);
	fflush(stdout);
	return fgets(line, sizeof(line), stdin) != NULL && (line[0] == 'y' || line[0] == 'Y');
}

static int
withdraw(struct run *r)
{
	int64_t for_ms = r->cli->for_ms > 0 ? r->cli->for_ms : DEFAULT_FOR_MS;
	const char *reason = r->cli->reason != NULL ? r->cli->reason : "failover";
	char text[DURATION_TEXT];
	struct err err;
	json_t *args, *answer;
	int code;

	duration_render((double)for_ms / 1000, text);
	if (r->cli->dry_run) {
		step(r, "withdraw", "would", "ask all nodes of %s to drain for %s", r->cli->region,
		    text);
		return 0;
	}
	args = json_pack("{sssfsssb}", "region", r->cli->region, "for_s", (double)for_ms / 1000,
	    "reason", reason, "force", (int)r->cli->force);
	if (args == NULL)
		return cli_trouble("--reason: write it in UTF-8");
	answer = cli_ask(r->cli, "drain_region", args, &code, &err);
	if (answer == NULL) {
		step(r, "withdraw", "refused", "%s", err.text);
		return code;
	}
	json_decref(answer);
	step(
	    r, "withdraw", "ok", "all nodes of %s are asked to drain for %s", r->cli->region, text);
	return 0;
}

static void
take_back(struct run *r, const char *why)
{
	json_t *args = json_pack("{ss}", "region", r->cli->region), *answer;
	struct err err;
	int code;

	answer = cli_ask(r->cli, "undrain_region", args, &code, &err);
	if (answer != NULL)
		step(r, "undrain", "ok", "%s is no longer asked to drain", r->cli->region);
	else
		step(r, "undrain", "failed",
		    "%s; it ends by itself at its time, or by `bgpctl undrain "
		    "--region %s`",
		    err.text, r->cli->region);
	json_decref(answer);
	alert(r, "failover_failed", why);
}

static void
pause_a_little(void)
{
	nanosleep(&(struct timespec){.tv_nsec = LOOK_MS * 1000000L}, NULL);
}

/* Until `until`, or with `moved` until the region is out of service; NULL, or why it is broken. */
static const char *
watch(struct run *r, struct mono until, bool moving, char text[static FAILOVER_WORDS])
{
	struct mono wrong = MONO_NEVER;
	struct failover f;

	for (;;) {
		int code;
		const char *why;

		json_decref(look(r, &f, &code));
		why = failover_breaks(&r->begun, &f, text);
		if (why == NULL && !moving && !failover_moved(&f)) {
			snprintf(text, FAILOVER_WORDS, "%d of %s announce again", f.announcing,
			    r->cli->region);
			why = text;
		}
		if (why == NULL)
			wrong = MONO_NEVER;
		else if (!mono_is_set(wrong))
			wrong = mono_now();
		if (why != NULL && mono_diff_ms(mono_now(), wrong) >= BREAK_MS)
			return why;
		if (interrupted)
			return "interrupted by hand";
		if (moving && why == NULL && failover_moved(&f)) {
			failover_takers_say(&f, text);
			step(r, "watch", "ok", "%s is out of service; %s", r->cli->region, text);
			return NULL;
		}
		if (!mono_before(mono_now(), until) && why == NULL)
			break;
		pause_a_little();
	}
	if (!moving)
		return NULL;
	snprintf(text, FAILOVER_WORDS,
	    "%d of %s still announce better than drain after %d s: `bgpctl "
	    "why` there says what holds them",
	    f.announcing, r->cli->region, MOVE_MS / 1000);
	return text;
}

static const char *
observe(struct run *r, char text[static FAILOVER_WORDS])
{
	int64_t ms = r->cli->observe_ms > 0 ? r->cli->observe_ms : OBSERVE_MS;
	char duration[DURATION_TEXT];
	const char *why = watch(r, mono_add_ms(mono_now(), MOVE_MS), true, text);
	int lost;

	if (why == NULL)
		why = watch(r, mono_add_ms(mono_now(), ms), false, text);
	if (why != NULL) {
		step(r, "watch", "failed", "%s", why);
		return why;
	}
	step(r, "watch", "ok", "those who took over bore it for %s",
	    duration_render((double)ms / 1000, duration));
	resolve(r, false, &lost);
	return lost > 0 ? "who answered before does not any more" : NULL;
}

static int
carry_out(struct run *r)
{
	char text[FAILOVER_WORDS];
	const char *why;
	int rc;

	if (!agreed(r)) {
		step(r, "withdraw", "refused", "nothing was changed (--yes does not ask)");
		return EXIT_NO;
	}
	rc = withdraw(r);
	if (rc != 0)
		return rc;
	alert(r, "failover_begun", r->cli->reason != NULL ? r->cli->reason : "");
	why = observe(r, text);
	if (why != NULL) {
		take_back(r, why);
		return EXIT_TAKEN_BACK;
	}
	alert(r, "failover_done", "");
	return EXIT_WELL;
}

static int
rehearse(struct run *r)
{
	char text[DURATION_TEXT];
	int64_t ms = r->cli->observe_ms > 0 ? r->cli->observe_ms : OBSERVE_MS;

	withdraw(r);
	alert(r, "failover_begun", "");
	step(r, "watch", "would", "watch those who take over for %s, and take it back if they fall",
	    duration_render((double)ms / 1000, text));
	step(r, "resolve", "would", "ask the %d that answer now again", r->n_asked);
	alert(r, "failover_done", "");
	return EXIT_WELL;
}

static const char *
outcome_of(const struct run *r, int rc)
{
	return rc == EXIT_TAKEN_BACK ? "taken back"
	       : rc == EXIT_NO	     ? "refused"
	       : rc != EXIT_WELL     ? "no contact"
	       : r->cli->dry_run     ? "would be done"
				     : "done";
}

int
verb_failover(struct cli *cli)
{
	struct run r = {.cli = cli, .began = mono_now()};
	struct sigaction act = {.sa_handler = on_signal};
	int rc;

	if (cli->region == NULL)
		return cli_trouble("failover of which region? `bgpctl failover --region NAME`");
	if (!region_name_good(cli->region))
		return cli_trouble(
		    "--region %s: 1 to %d of a-z, 0-9, _ and -", cli->region, MAX_REGION);
	sigaction(SIGINT, &act, NULL);
	sigaction(SIGTERM, &act, NULL);
	r.steps = json_array();
	rc = verify(&r);
	if (rc == 0)
		rc = cli->dry_run ? rehearse(&r) : carry_out(&r);
	if (cli->json) {
		json_t *all = json_pack("{sssbssso}", "region", cli->region, "dry_run",
		    (int)cli->dry_run, "outcome", outcome_of(&r, rc), "steps", r.steps);
		char *text = json_dumps(all, JSON_INDENT(2) | JSON_REAL_PRECISION(6));

		puts(text != NULL ? text : "{}");
		free(text);
		json_decref(all);
	} else {
		step(&r, "end", outcome_of(&r, rc), "%s", cli->region);
		json_decref(r.steps);
	}
	return rc;
}
