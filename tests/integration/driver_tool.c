/*
 * driver_tool: the driver alone, on a leash. Orders on stdin ("LANE RUNG", "say LANE LOAD FLAGS
 * SEVERITY FAULT", "told", "kick", "cost"), what the driver sees and claims on stdout, one line per
 * change; of a site with a fleet each view too.
 *
 *     driver_tool SITE-FILE [observe]          drives until stdin ends
 *     driver_tool SITE-FILE include|example|edge    prints configuration of BIRD's and ends
 *     driver_tool SITE-FILE diff|apply|doctor       as bgpctl's verbs
 *     driver_tool SITE-FILE forget                  as the keeper, without a brain
 */
#include <ev.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "bgpctl/birdapply.h"
#include "bgpctl/birdconf.h"
#include "bgpctl/birddoctor.h"
#include "bgpctl/gate.h"
#include "bgpctl/driver.h"
#include "bgpctl/fleetwatch.h"

static struct fleetwatch *fleet;
static struct driver *driver;
static const struct site *the_site;

static void
on_lane(void *arg, int lane, const struct door *door, const struct door_view *view)
{
	(void)arg;
	printf(
	    "lane %d order=%d proven=%d alarms=0x%x hand=%d corrections=%u covered_by=%s shown=%d "
	    "bird=%d locks=",
	    lane, door->order, door->proven, door->alarms, door->hand, door->corrections,
	    door->covered_by[0] ? door->covered_by : "-", door_shown(view, the_site->n_rungs),
	    view->bird_answers);
	for (int k = RUNG_DRAIN; k < the_site->n_rungs; k++)
		printf("%d%d%s", view->protocol[k], view->gate[k],
		    k + 1 < the_site->n_rungs ? "," : "");
	for (int i = 0; i < view->n_sessions; i++)
		printf(" s%d=%d/%d/%d", i, view->sending[0][i].sent, view->sending[0][i].rung,
		    view->sending[0][i].attributes);
	printf("\n");
}

static void
on_sessions(void *arg, const struct session_view *s, int n)
{
	(void)arg;
	for (int i = 0; i < n; i++)
		printf("session %d state=%d bfd=%d%d text=%s\n", i, s[i].state, s[i].bfd_known,
		    s[i].bfd_up, s[i].text);
}

static void
on_bird(void *arg, bool answers, const char *version, const char *boot, const char *reconfigured)
{
	(void)arg;
	printf("bird answers=%d undo=%d version=%s boot=%s reconfigured=%s\n", answers,
	    driver_undo(driver), version, boot, reconfigured);
}

static void
print_view(int lane)
{
	const struct fleet_view *v = fleetwatch_view(fleet, lane);

	printf("view %d conflict=%d foreign=%d dropped=", lane, v->conflict, v->foreign);
	for (int i = 0; i < N_FLEET_DROPS; i++)
		printf("%s%llu", i ? "," : "", (unsigned long long)v->dropped[i]);
	for (int i = 0; i < v->n_peers && i < 20; i++) {
		const struct peer *p = &v->peers[i];

		printf(" %d=%d/%d/%d/%d/%d/%d/%d", p->id, p->rung, p->load, p->flags, p->severity,
		    p->fault, p->region, p->max_suspended);
		if (p->request_region != 0)
			printf("/%d/%d", p->request_region, p->request_expiry);
	}
	printf(" n=%d\n", v->n_peers);
	printf("verdicts %d own=%d", lane, v->own_known);
	for (int i = 0; v->own_known && i < MAX_WATCHED; i++)
		printf("%s%d", i ? "," : "/", v->own_watched[i]);
	for (int i = 0; i < v->n_peers && i < 20; i++) {
		const struct fleet_node *n = &v->nodes[v->peers[i].id];

		for (int p = 0; n->verdicts_known && p < MAX_WATCHED; p++)
			if (n->watched[p] != 0)
				printf(
				    " %d:%d=%d", v->peers[i].id, n->watched[p], n->verdicts[p]);
	}
	printf("\n");
}

static void
on_view(void *arg, uint32_t lanes)
{
	(void)arg;
	for (int lane = 0; lane < MAX_LANES; lane++)
		if (lanes >> lane & 1)
			print_view(lane);
}

static void
on_lost(void *arg, const char *why)
{
	(void)arg;
	printf("blind why=%s\n", why);
}

static uint8_t verdicts[MAX_LANES][MAX_WATCHED];

static void
say(int lane, const unsigned words[6])
{
	struct beacon_words w = {.load = (uint8_t)words[0],
	    .flags = (uint8_t)words[1],
	    .severity = (uint8_t)words[2],
	    .fault = (uint8_t)words[3],
	    .request_region = (uint16_t)words[4],
	    .request_expiry = (uint16_t)words[5]};

	memcpy(w.verdicts, verdicts[lane], sizeof(w.verdicts));
	driver_say(driver, lane, &w);
}

/* One digit a place, from the next "say" on. */
static void
judge(int lane, const char *digits)
{
	for (int i = 0; i < MAX_WATCHED && digits[i] >= '0' && digits[i] <= '2'; i++)
		verdicts[lane][i] = (uint8_t)(digits[i] - '0');
}

static void
obey(const char *line)
{
	struct rusage usage;
	char digits[MAX_WATCHED + 1] = "";
	unsigned words[6] = {0};
	int lane, rung;

	if (sscanf(line, "%d %d", &lane, &rung) == 2) {
		driver_order(driver, lane, rung);
		printf("ordered %d %d\n", lane, rung);
	} else if (sscanf(line, "say %d %u %u %u %u %u %u", &lane, &words[0], &words[1],
		       &words[2], &words[3], &words[4], &words[5]) >= 5) {
		say(lane, words);
	} else if (sscanf(line, "judge %d %8s", &lane, digits) == 2) {
		judge(lane, digits);
	} else if (sscanf(line, "told %d", &lane) == 1) {
		printf("told lane=%d rung=%d nonce=%d\n", lane, driver_told(driver, lane),
		    driver_nonce(driver));
	} else if (strncmp(line, "kick", 4) == 0) {
		driver_kick(driver);
	} else if (strncmp(line, "cost", 4) == 0) {
		getrusage(RUSAGE_SELF, &usage);
		printf("cost cpu_us=%lld commands=%llu\n",
		    (long long)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 +
			usage.ru_utime.tv_usec + usage.ru_stime.tv_usec,
		    (unsigned long long)driver_commands(driver));
	} else {
		printf("unknown order: %s", line);
	}
}

static void
on_stdin(struct ev_loop *loop, ev_io *io, int revents)
{
	static char line[256];
	static size_t used;
	ssize_t n = read(0, line + used, sizeof(line) - 1 - used);
	char *end;

	(void)io;
	(void)revents;
	if (n <= 0) {
		ev_break(loop, EVBREAK_ALL);
		return;
	}
	used += (size_t)n;
	line[used] = '\0';
	while ((end = strchr(line, '\n'))) {
		*end = '\0';
		obey(line);
		used -= (size_t)(end + 1 - line);
		memmove(line, end + 1, used + 1);
	}
}

static void
on_say(void *arg, const char *sentence)
{
	(void)arg;
	printf("%s\n", sentence);
}

static int
doctor(void)
{
	static struct findings findings;

	birddoctor(the_site, &findings);
	for (int i = 0; i < findings.n; i++)
		printf("%s %s: %s [%s]\n", finding_level_name(findings.list[i].level),
		    findings.list[i].about, findings.list[i].text, findings.list[i].mend);
	return 0;
}

static int
apply(void)
{
	struct err err;

	if (birdapply(the_site, on_say, NULL, &err) == 0)
		return 0;
	printf("failed: %s\n", err.text);
	return 1;
}

static int
difference(void)
{
	struct err err;
	int e = birdapply_difference(the_site, stdout, &err);

	if (e < 0)
		printf("failed: %s\n", err.text);
	return e;
}

static int
forget(void)
{
	struct err err;

	if (beacons_forget(the_site, &err) == 0)
		return 0;
	fprintf(stderr, "%s\n", err.text);
	return 1;
}

static int
print(const char *what)
{
	if (strcmp(what, "doctor") == 0)
		return doctor();
	if (strcmp(what, "apply") == 0)
		return apply();
	if (strcmp(what, "diff") == 0)
		return difference();
	if (strcmp(what, "forget") == 0)
		return forget();
	if (strcmp(what, "include") == 0)
		birdconf_render(stdout, the_site);
	else if (strcmp(what, "example") == 0)
		birdconf_example(stdout, the_site);
	else if (strcmp(what, "edge") == 0)
		birdconf_edge(stdout, the_site);
	else
		return 2;
	return 0;
}

int
main(int argc, char **argv)
{
	struct driver_events events = {.lane = on_lane, .sessions = on_sessions, .bird = on_bird};
	struct ev_loop *loop = ev_default_loop(EVBACKEND_EPOLL);
	struct arena *arena = arena_new();
	static struct site site;
	struct err err;
	ev_io in;

	setvbuf(stdout, NULL, _IOLBF, 0);
	the_site = &site;
	if (argc < 2 || site_read(argv[1], &site, arena, &err) < 0) {
		fprintf(
		    stderr, "%s\n", argc < 2 ? "usage: driver_tool SITE-FILE [WHAT]" : err.text);
		return 2;
	}
	if (argc > 2 && strcmp(argv[2], "observe") != 0)
		return print(argv[2]);
	driver = driver_new(loop, &site, argc > 2, &events, &err);
	if (!driver) {
		fprintf(stderr, "%s\n", err.text);
		return 1;
	}
	if (site.fleet.size > 0)
		fleet = fleetwatch_new(loop, &site, driver_nonce(driver),
		    &(struct fleetwatch_events){.view = on_view, .lost = on_lost});
	ev_io_init(&in, on_stdin, 0, EV_READ);
	ev_io_start(loop, &in);
	ev_run(loop, 0);
	fleetwatch_free(fleet);
	driver_free(driver);
	arena_free(arena);
	return 0;
}
