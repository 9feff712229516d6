/*
 * brain_faces: where operators and Prometheus reach this brain: the control socket and the page of
 * metrics. What a running service can do without is said, and then done without; but what is in
 * the way (a full file system, a port that a predecessor in its last throes still holds) may go, so
 * it is tried again.
 */
#include "healthd/brain.h"

#include <stdio.h>
#include <stdlib.h>

#include "bgpctl/control.h"

#define RETRY_MS 10000

/* Once when it cannot be opened, and once when it can after that. */
static void
say(bool *failed, bool fails, const char *name, const char *why, const char *missing,
    const char *back)
{
	if (fails == *failed)
		return;
	*failed = fails;
	if (fails)
		event_say(EVENT_ALARM, name, "%s; %s", why, missing);
	else
		event_say(EVENT_NOTICE, name, "%s", back);
}

static void
open_console(struct brain *b)
{
	const struct site *site = &b->settings.site;
	struct err err = {"out of memory"};
	char *path = NULL;

	if (b->console != NULL)
		return;
	if (asprintf(&path, "%s/%s", site->paths.run_dir, CONTROL_SOCKET) < 0)
		path = NULL;
	if (path != NULL)
		b->console =
		    console_new(b->loop, path, site->paths.control_group, control_handle, b, &err);
	free(path);
	say(&b->faces.no_console, b->console == NULL, "console", err.text,
	    "bgpctl cannot reach this node", "bgpctl can reach this node again");
}

static void
open_metrics(struct brain *b)
{
	const char *address = b->settings.metrics.address;
	struct err err;

	if (b->metrics != NULL || address == NULL || *address == '\0')
		return;
	b->metrics = metrics_new(
	    b->loop, address, (uint16_t)b->settings.metrics.port, brain_metrics_render, b, &err);
	say(&b->faces.no_metrics, b->metrics == NULL, "metrics", err.text, "no metrics are served",
	    "metrics are served again");
}

void
faces_open(struct brain *b)
{
	b->faces.tried = mono_now();
	open_console(b);
	open_metrics(b);
}

void
faces_second(struct brain *b)
{
	if (mono_diff_ms(mono_now(), b->faces.tried) >= RETRY_MS)
		faces_open(b);
}
