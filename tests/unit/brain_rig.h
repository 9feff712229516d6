/*
 * A brain as brain_init() makes it, without what touches the world: it observes, its BIRD is a
 * socket that is not there, and its loop runs only when a test runs it.
 */
#ifndef TESTS_BRAIN_RIG_H
#define TESTS_BRAIN_RIG_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "healthd/brain.h"
#include "lib/event.h"

static char rig_dir[64];
static const char *rig_checks = ""; /* further ones, each with a comma before it */
static bool rig_fleet; /* it is node 2 of 5, in IPv4 */
static const char *rig_watch = ""; /* further keys of its fleet */
static int rig_port = 53; /* of its service */
static void (*rig_hand)(struct brain *b); /* gives it scoreboards, as the keeper does; NULL: none */
static int rig_bond[2]; /* the brain's end, and the keeper's, which the test reads */

static inline void
rig_conf(const char *path)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fprintf(f,
	    "node: { name = \"n1\"; pop = \"p1\"; };\nmode = \"observe\";\n"
	    "paths: { run_dir = \"%s\"; state_dir = \"%s\"; };\n"
	    "bird: { asn = 64500; socket = \"%s/bird.ctl\";\n"
	    "  sessions = ( { name = \"t4\"; families = [\"v4\"]; %s } ); };\n%s%s%s"
	    "services = ( { name = \"dns\"; prefixes = [\"192.0.2.0/24\", \"2001:db8:53::/48\"];\n"
	    "  addresses = [\"192.0.2.53\", \"2001:db8:53::53\"]; port = %d; %s } );\n"
	    "workers: { count = 2; command = [\"/bin/true\"]; };\n"
	    "recorder: { path = \"\"; };\nmetrics: { address = \"\"; };\n"
	    "checks = ( { name = \"id\"; kind = \"dns\"; vital = true; },\n"
	    "  { name = \"up\"; kind = \"upstream\"; servers = [\"127.0.0.1@9\"]; }%s );\n",
	    rig_dir, rig_dir, rig_dir, rig_fleet ? "fleet = true;" : "",
	    rig_fleet ? "fleet = { size = 5; id = 2; region = \"eu\"; regions = [\"us\"]; "
		      "view_max_age_ms = 2000; "
		      : "",
	    rig_fleet ? rig_watch : "", rig_fleet ? "};\n" : "", rig_port,
	    rig_fleet ? "beacons = [ \"198.18.0.0/20\" ];" : "", rig_checks);
	fclose(f);
}

static inline struct brain *
rig_brain(void)
{
	struct brain *b = calloc(1, sizeof(*b));
	struct driver_events events;
	struct err err;
	char path[100];

	assert_non_null(b);
	snprintf(path, sizeof(path), "%s/conf", rig_dir);
	rig_conf(path);
	b->loop = ev_default_loop(EVFLAG_AUTO);
	b->arena = arena_new();
	b->bond = rig_bond[0];
	b->started = mono_now();
	if (settings_read(path, &b->settings, b->arena, &err) < 0)
		fail_msg("%s", err.text);
	b->config_path = arena_strdup(b->arena, path);
	lanes_init(b);
	workers_init(b);
	engines_init(b);
	if (rig_hand != NULL)
		rig_hand(b);
	if (checks_init(b, &err) < 0)
		fail_msg("%s", err.text);
	events = lanes_driver_events(b);
	b->driver = driver_new(b->loop, &b->settings.site, true, &events, &err);
	if (b->driver == NULL)
		fail_msg("%s", err.text);
	fleet_init(b);
	if (vantages_init(b, &err) < 0)
		fail_msg("%s", err.text);
	region_init(b);
	return b;
}

/* A disk may take its time, the test's directory goes when it is done. */
static inline void
rig_settle(struct brain *b)
{
	for (int i = 0; i < 30000 && b->kept.disk != NULL && !durable_failing(b->kept.disk) &&
			!durable_kept(b->kept.disk); i++) {
		usleep(1000);
		limits_step(b);
	}
}

static inline void
rig_drop(struct brain *b)
{
	rig_settle(b);
	limits_fini(b);
	for (int l = 0; l < MAX_LANES; l++)
		ev_timer_stop(b->loop, &b->lanes[l].timer);
	engines_fini(b);
	checks_fini(b);
	scores_fini(b);
	vantages_fini(b);
	fleet_fini(b);
	driver_free(b->driver);
	arena_free(b->arena);
	free(b);
}

static inline int
rig_setup(void **state)
{
	(void)state;
	snprintf(rig_dir, sizeof(rig_dir), "/tmp/brain_rig.XXXXXX");
	event_open("test", (enum event_level)0); /* none */
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, rig_bond) < 0)
		return -1;
	return mkdtemp(rig_dir) != NULL ? 0 : -1;
}

static inline int
rig_teardown(void **state)
{
	struct dirent *entry;
	char path[400];
	DIR *d;

	(void)state;
	close(rig_bond[0]);
	close(rig_bond[1]);
	d = opendir(rig_dir);
	if (d == NULL)
		return -1;
	while ((entry = readdir(d)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", rig_dir, entry->d_name);
		unlink(path);
	}
	closedir(d);
	return rmdir(rig_dir);
}

#endif
