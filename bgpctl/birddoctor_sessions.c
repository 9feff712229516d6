/*
 * birddoctor_sessions: each session that carries our prefixes: is it there, up, on the right table,
 * and does it let go of our routes when this node dies?
 */
#include "bgpctl/birddoctor_parts.h"

#include <stdio.h>
#include <string.h>

#include "bgpctl/birdlook.h"

#define HOLD_MAX_S 90

static void
details_row(void *arg, int code, const char *line)
{
	birdrows_details(code, line, arg);
}

static void
look_at_channel(struct doctor *d, int s, enum family family)
{
	const char *name = d->site->bird.sessions[s].name, *table = d->details[s].table[family];
	int digit = family == FAMILY_V4 ? 4 : 6;
	char ours[16];
	struct finding *f;

	snprintf(
	    ours, sizeof(ours), "%s%d", d->site->bird.pipe_master ? "master" : "anypop", digit);
	if (strcmp(table, ours) == 0)
		return;
	f = finding_add(d, FINDING_FAIL, "session");
	if (table[0] == '\0') {
		finding_text(f, "%s has no ipv%d channel", name, digit);
		finding_mend(f, "add one to it in bird.conf, or take %s from its families",
		    family_name(family));
		return;
	}
	finding_text(
	    f, "%s takes its ipv%d routes from table %s, ours are in %s", name, digit, table, ours);
	finding_mend(f, d->site->bird.pipe_master
		? "put its channel on %s, or set bird.pipe_master = false if it is on anypop%d"
		: "put its channel on %s, or set bird.pipe_master = true if it is on master%d",
	    ours, digit);
}

static void
lint_session(struct doctor *d, int s)
{
	const char *name = d->site->bird.sessions[s].name;
	const struct bird_details *x = &d->details[s];
	struct finding *f;

	if (!d->bfd_known[s]) {
		f = finding_add(d, FINDING_WARN, "bfd");
		finding_text(f,
		    "%s has no BFD: a stopped BIRD or a dead link keeps drawing traffic until the "
		    "hold "
		    "timer ends (%d s)",
		    name, x->hold_s);
		finding_mend(
		    f, "`bfd on;` in it, and a `protocol bfd` with 50 ms x 3, at both ends");
	} else if (!d->bfd_up[s]) {
		f = finding_add(d, FINDING_WARN, "bfd");
		finding_text(f, "BFD of %s is not up", name);
		finding_mend(f, "see `birdc show bfd sessions` at both ends");
	}
	if (x->hold_s > HOLD_MAX_S) {
		f = finding_add(d, FINDING_WARN, "hold");
		finding_text(f, "%s holds routes for %d s after silence (BIRD's default is 240)",
		    name, x->hold_s);
		finding_mend(f, "`hold time 30;` or less in it");
	}
	if (x->local_restarts) {
		f = finding_add(d, FINDING_FAIL, "restart");
		finding_text(
		    f, "%s asks its neighbour to keep our routes while BIRD is away", name);
		finding_mend(
		    f, "`graceful restart off;` in it: a dead anycast node must lose its traffic");
	}
}

static int
look_at_session(struct doctor *d, int s, struct err *err)
{
	const struct session *session = &d->site->bird.sessions[s];
	char command[LOOK_COMMAND];
	struct finding *f;

	birdrows_details_init(&d->details[s]);
	if (d->sessions[s].name[0] == '\0') {
		f = finding_add(d, FINDING_FAIL, "session");
		finding_text(f, "BIRD has no protocol %s", session->name);
		finding_mend(
		    f, "correct its name in bird.sessions; `birdc show protocols` lists them");
		return 0;
	}
	snprintf(command, sizeof(command), "show protocols all %s", session->name);
	if (birdask(d->bird, command, details_row, &d->details[s], err) < 0)
		return -1;
	for (int family = 0; family < N_FAMILIES; family++)
		if (session->families >> family & 1)
			look_at_channel(d, s, (enum family)family);
	if (strcmp(d->sessions[s].state, "up") == 0) {
		finding_text(finding_add(d, FINDING_OK, "session"), "%s is up since %s",
		    session->name, d->sessions[s].since);
		return 0;
	}
	f = finding_add(d, FINDING_WARN, "session");
	finding_text(f, "%s is not up: %s", session->name,
	    d->sessions[s].info[0] ? d->sessions[s].info : d->sessions[s].state);
	finding_mend(f, "nothing is announced there until it is");
	return 0;
}

static void
bfd_row(void *arg, int code, const char *line)
{
	struct doctor *d = arg;
	struct bird_bfd row;

	if (!birdrows_bfd(code, line, &row))
		return;
	for (int s = 0; s < d->site->bird.n_sessions; s++) {
		if (!birdrows_bfd_with(&row, d->details[s].neighbor))
			continue;
		d->bfd_known[s] = true;
		d->bfd_up[s] = strcmp(row.state, "Up") == 0;
	}
}

int
doctor_sessions(struct doctor *d, struct err *err)
{
	for (int s = 0; s < d->site->bird.n_sessions; s++)
		if (look_at_session(d, s, err) < 0)
			return -1;
	if (birdask(d->bird, "show bfd sessions", bfd_row, d, err) < 0)
		return -1;
	for (int s = 0; s < d->site->bird.n_sessions; s++)
		if (d->details[s].hold_s >= 0)
			lint_session(d, s);
	return 0;
}
