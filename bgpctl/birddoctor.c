/*
 * birddoctor: see the header. Host things first (file, gates, addresses), then BIRD as a whole,
 * then each session, then each prefix at each session. What can only be judged while a rung is
 * announced is judged for the rung that is, and said not to be known for the others.
 */
#include "bgpctl/birddoctor_parts.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bgpctl/birdapply.h"
#include "bgpctl/gate.h"
#include "lib/file.h"

#define CONFIG_BYTES (4 << 20)

const char *
finding_level_name(enum finding_level l)
{
	static const char *const names[] = {"ok", "note", "warn", "fail"};

	return names[l];
}

struct finding *
finding_add(struct doctor *d, enum finding_level level, const char *about)
{
	static struct finding overflow;
	struct finding *f;

	if (d->out->n == MAX_FINDINGS) {
		d->out->more = true;
		return &overflow;
	}
	f = &d->out->list[d->out->n++];
	f->level = level;
	snprintf(f->about, sizeof(f->about), "%s", about);
	f->text[0] = f->mend[0] = '\0';
	return f;
}

void
finding_text(struct finding *f, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(f->text, sizeof(f->text), fmt, ap);
	va_end(ap);
}

void
finding_mend(struct finding *f, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(f->mend, sizeof(f->mend), fmt, ap);
	va_end(ap);
}

/* The host. */

static void
look_at_include(struct doctor *d)
{
	const struct site *site = d->site;
	struct err err;
	int differs = birdapply_difference(site, NULL, &err);
	char *config = file_read(site->bird.config, CONFIG_BYTES, NULL, &err);
	struct finding *f;

	if (differs == 0) {
		finding_text(finding_add(d, FINDING_OK, "include"),
		    "%s is what would be generated now", site->bird.include);
	} else {
		f = finding_add(d, FINDING_FAIL, "include");
		finding_text(f,
		    differs < 0 ? "%s cannot be read" : "%s is not what the configuration asks for",
		    site->bird.include);
		finding_mend(f, "look with `bgpctl bird diff`, then `bgpctl bird apply`");
	}
	if (config && !strstr(config, site->bird.include)) {
		/* Another file may name it; whether it is in force, the protocols tell. */
		f = finding_add(d, FINDING_NOTE, "include");
		finding_text(f, "%s does not name %s", site->bird.config, site->bird.include);
		finding_mend(f,
		    "add `include \"%s\";` before the sessions, unless another file does",
		    site->bird.include);
	}
	free(config);
}

static void
look_at_gates(struct doctor *d)
{
	struct err err;
	struct gates *gates = gates_open(&err);
	char name[LOCK_NAME];
	int absent = 0, there = 0;
	struct finding *f;

	if (!gates) {
		finding_text(finding_add(d, FINDING_FAIL, "gate"), "%s", err.text);
		return;
	}
	for (int lane = 0; lane < d->site->n_services * N_FAMILIES; lane++)
		for (int k = RUNG_DRAIN; lane_exists(d->site, lane) && k < d->site->n_rungs; k++)
			if (gate_state(gates, lane_gate(d->site, lane, k, name)) == LOCK_ABSENT)
				absent++;
			else
				there++;
	gates_close(gates);
	f = finding_add(d, absent ? FINDING_NOTE : FINDING_OK, "gate");
	finding_text(f, "%d of %d gates are there", there, there + absent);
	if (absent)
		finding_mend(
		    f, "healthd makes them when it starts (mode drive); none is needed before");
}

static bool
is_bound(const struct ifaddrs *list, const struct addr *a)
{
	for (; list; list = list->ifa_next) {
		const struct sockaddr *sa = list->ifa_addr;

		if (sa && sa->sa_family == AF_INET && a->family == FAMILY_V4 &&
		    memcmp(&((const struct sockaddr_in *)(const void *)sa)->sin_addr, a->bytes,
			4) == 0)
			return true;
		if (sa && sa->sa_family == AF_INET6 && a->family == FAMILY_V6 &&
		    memcmp(&((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr, a->bytes,
			16) == 0)
			return true;
	}
	return false;
}

static void
look_at_addresses(struct doctor *d)
{
	struct ifaddrs *list = NULL;
	char name[ADDR_TEXT];
	struct finding *f;
	int bound = 0;

	if (getifaddrs(&list) < 0)
		return;
	for (int i = 0; i < d->site->n_services; i++) {
		const struct service *s = &d->site->services[i];

		for (int a = 0; a < s->n_addresses; a++) {
			if (is_bound(list, &s->addresses[a])) {
				bound++;
				continue;
			}
			f = finding_add(d, FINDING_FAIL, "address");
			finding_text(f, "%s of service %s is not bound to any interface",
			    addr_render(&s->addresses[a], name), s->name);
			finding_mend(f, "bind it to the loopback or a dummy link, not to a gate");
		}
	}
	freeifaddrs(list);
	if (bound)
		finding_text(
		    finding_add(d, FINDING_OK, "address"), "%d service addresses are bound", bound);
}

/* BIRD. */

static void
protocol_row(void *arg, int code, const char *line)
{
	struct doctor *d = arg;
	const struct site *site = d->site;
	struct bird_protocol row;
	char name[LOCK_NAME];

	if (!birdrows_protocol(code, line, &row))
		return;
	for (int s = 0; s < site->bird.n_sessions; s++)
		if (strcmp(site->bird.sessions[s].name, row.name) == 0)
			d->sessions[s] = row;
	if (strcmp(row.proto, "Kernel") == 0 && d->n_kernels < MAX_KERNELS)
		memcpy(d->kernels[d->n_kernels++], row.name, BIRD_NAME);
	for (int lane = 0; lane < site->n_services * N_FAMILIES; lane++)
		for (int k = RUNG_DRAIN; lane_exists(site, lane) && k < site->n_rungs; k++)
			if (strcmp(lane_protocol(site, lane, k, name), row.name) == 0)
				d->seen[lane][k] = true;
}

static void
note_complaint(void *arg, int code, const char *line)
{
	struct doctor *d = arg;

	if (code >= 8000)
		snprintf(d->complaint, sizeof(d->complaint), "%.199s", line);
}

/* `configure check` changes nothing, and doubles as the question whether we may command. */
static int
look_at_configuration(struct doctor *d, struct err *err)
{
	int code = birdask(d->bird, "configure check", note_complaint, d, err);
	struct finding *f;

	if (code < 0)
		return -1;
	if (code == 8007) {
		f = finding_add(d, FINDING_FAIL, "socket");
		finding_text(f, "BIRD lets us only look through %s", d->site->bird.socket);
		finding_mend(f,
		    "remove `restrict` from this socket in bird's start options; until then the "
		    "gates alone decide");
	} else if (code >= 8000) {
		f = finding_add(d, FINDING_WARN, "configuration");
		finding_text(f, "BIRD would refuse its own configuration now: %s", d->complaint);
		finding_mend(f, "mend bird.conf; enabling and disabling still works, a restart of "
				"bird does not");
	} else {
		finding_text(
		    finding_add(d, FINDING_OK, "configuration"), "bird.conf is accepted by BIRD");
	}
	return 0;
}

static void
undo_line(void *arg, int code, const char *line)
{
	struct doctor *d = arg;
	const char *in = strstr(line, "undo in ");

	if (code == BIRD_UNDO_SCHEDULED)
		snprintf(d->complaint, sizeof(d->complaint), "%.60s", in != NULL ? in : line);
}

/* What `configure timeout` brought in goes back by itself when nobody confirms it. */
static int
look_at_undo(struct doctor *d, struct err *err)
{
	struct finding *f;

	d->complaint[0] = '\0';
	if (birdask(d->bird, "configure status", undo_line, d, err) < 0)
		return -1;
	if (d->complaint[0] == '\0')
		return 0;
	f = finding_add(d, FINDING_WARN, "configuration");
	finding_text(f, "BIRD's present configuration is not confirmed: %s", d->complaint);
	finding_mend(f, "`birdc configure confirm` keeps it, `birdc configure undo` goes back now");
	return 0;
}

static int
look_at_protocols(struct doctor *d, struct err *err)
{
	int missing = 0, there = 0;
	char name[LOCK_NAME];
	struct finding *f;

	if (birdask(d->bird, "show protocols", protocol_row, d, err) < 0)
		return -1;
	for (int lane = 0; lane < d->site->n_services * N_FAMILIES; lane++) {
		for (int k = RUNG_DRAIN; lane_exists(d->site, lane) && k < d->site->n_rungs; k++) {
			there += d->seen[lane][k];
			if (d->seen[lane][k] || missing++ > 2)
				continue;
			f = finding_add(d, FINDING_FAIL, "protocol");
			finding_text(
			    f, "BIRD has no protocol %s", lane_protocol(d->site, lane, k, name));
			finding_mend(f, "the include file is not in force: `bgpctl bird apply`");
		}
	}
	if (!missing)
		finding_text(finding_add(d, FINDING_OK, "protocol"),
		    "all %d statics of ours are in force", there);
	return 0;
}

static int
look_at_bird(struct doctor *d, struct err *err)
{
	if (look_at_configuration(d, err) < 0 || look_at_undo(d, err) < 0 ||
	    look_at_protocols(d, err) < 0 || doctor_sessions(d, err) < 0 ||
	    doctor_routes(d, err) < 0)
		return -1;
	return doctor_fleet(d, err);
}

void
birddoctor(const struct site *site, struct findings *out)
{
	struct doctor *d = calloc(1, sizeof(*d));
	struct finding *f;
	struct err err;
	char hello[64];

	out->n = 0;
	out->more = false;
	if (!d)
		return;
	d->site = site;
	d->out = out;
	look_at_include(d);
	look_at_gates(d);
	look_at_addresses(d);
	d->bird = birdask_open(site->bird.socket, site->bird.timeout_ms, hello, &err);
	if (d->bird)
		finding_text(finding_add(d, FINDING_OK, "socket"), "%s answers at %s", hello,
		    site->bird.socket);
	if (!d->bird || look_at_bird(d, &err) < 0) {
		f = finding_add(d, FINDING_FAIL, "socket");
		finding_text(f, "%.299s", err.text);
	}
	birdask_close(d->bird);
	free(d);
}
