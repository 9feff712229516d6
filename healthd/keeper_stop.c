#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "healthd/keeper.h"
#include "lib/event.h"
#include "lib/file.h"

/*
 * The orderly end: the brain drains and goes silent; then all gates down, the workers, the brain,
 * and the cache to its file meanwhile; then the gates themselves go, and a mark is left that says
 * so to ExecStopPost. Each wait has an end; a second signal ends the first one.
 */

#define DRAIN_GRACE_MS 10000 /* over stop.drain_ms, for silence to be proven */
#define KILL_LIMIT_MS 5000
#define CLEAN_FILE "clean"

void
stop_begin(struct keeper *k, const char *who)
{
	struct bond_message m = {.type = BOND_SHUTDOWN, .slot = -1};

	switch (k->phase) {
	case KEEPER_STOPPING:
		event_say(EVENT_NOTICE, "stop", "%s again: workers are killed now", who);
		k->killed_workers = true;
		slots_signal(k, SIGKILL);
		snapshot_stop(k);
		stop_check(k);
		return;
	case KEEPER_DRAINING:
		event_say(EVENT_NOTICE, "stop", "%s again: silent at once", who);
		brain_fence(k, "it was told to stop, twice");
		stop_workers(k, "told twice");
		return;
	case KEEPER_TRYING:
		reload_timeout(k);
		break;
	case KEEPER_YIELDING:
	case KEEPER_RUN:
		break;
	}
	holder_stop(k);
	event_say(EVENT_NOTICE, "stop", "asked for by %s", who);
	/* A drain that was configured to be long is not cut short by the service manager. */
	keeper_tell(k, "STOPPING=1\nEXTEND_TIMEOUT_USEC=%lld",
	    (long long)(1000 * (k->settings.stop.drain_ms + DRAIN_GRACE_MS +
				   k->settings.workers.stop_timeout_ms + 2 * KILL_LIMIT_MS +
				   SNAPSHOT_STOP_MS)));
	if (k->brain.state != BRAIN_WELL) {
		stop_workers(k, "no brain to drain with");
		return;
	}
	k->phase = KEEPER_DRAINING;
	keeper_set_timer(k, &k->phase_timer, k->settings.stop.drain_ms + DRAIN_GRACE_MS);
	brain_send(k, &m);
}

void
stop_workers(struct keeper *k, const char *why)
{
	k->phase = KEEPER_STOPPING;
	event_say(EVENT_NOTICE, "stop", "%s: stopping %d workers", why, slots_running(k));
	gates_silence(k, why);
	keeper_set_timer(k, &k->reflex, -1);
	keeper_set_timer(k, &k->phase_timer, k->settings.workers.stop_timeout_ms);
	slots_signal(k, SIGTERM);
	snapshot_last(k); /* engines that still write do not mind, and the end waits less */
	brain_yield(k); /* ends in stop_check(), at once or when it has left */
	stop_check(k);
}

void
stop_timeout(struct keeper *k)
{
	if (k->phase == KEEPER_DRAINING) {
		stop_workers(k, "the time for draining is up");
		return;
	}
	if (slots_running(k) == 0 && k->brain.pid == 0)
		return; /* only the snapshot is waited for, by its own clock */
	if (!k->killed_workers) {
		event_say(EVENT_WARN, "stop", "%d workers did not stop in time: killed",
		    slots_running(k));
		k->killed_workers = true;
		slots_signal(k, SIGKILL);
		keeper_set_timer(k, &k->phase_timer, KILL_LIMIT_MS);
		return;
	}
	event_say(EVENT_ALARM, "stop", "%d workers outlive SIGKILL; leaving them",
	    slots_running(k));
	k->exit_status = 1;
	ev_break(k->loop, EVBREAK_ALL);
}

void
stop_check(struct keeper *k)
{
	char path[KEEPER_PATH];
	struct err err;

	if (k->phase != KEEPER_STOPPING || k->ended || slots_running(k) > 0 || k->brain.pid != 0 ||
	    k->snapshot != 0)
		return;
	k->ended = true;
	gates_remove(k, NULL);
	snprintf(path, sizeof(path), "%s/%s", k->settings.site.paths.run_dir, CLEAN_FILE);
	if (file_replace_fast(path, "", 0, 0644, &err) == -1)
		event_say(EVENT_WARN, "stop", "%s", err.text);
	event_say(EVENT_NOTICE, "stop", "done");
	ev_break(k->loop, EVBREAK_ALL);
}
