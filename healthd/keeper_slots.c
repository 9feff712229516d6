#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "healthd/keeper.h"
#include "lib/event.h"
#include "lib/file.h"

/*
 * The table of workers, and the children that are in no table. A slot is filled by slot_start() and
 * emptied by slot_gone(), which waitpid() alone causes: so a pid in the table is always a child of
 * ours, alive or a zombie, and can never have been given to somebody else.
 *
 * Orphans are processes whose parent died and left them to us (a brain's checks and hooks, what a
 * worker left behind). They are killed when a brain or a worker ends; a worker's command therefore
 * stays in the foreground.
 */

#define CHILDREN_FILE "keeper.children"

int
slot_find(const struct keeper *k, pid_t pid)
{
	for (int i = 0; i < MAX_WORKERS; i++)
		if (k->slots[i].pid == pid)
			return i;
	return -1;
}

int
slots_running(const struct keeper *k)
{
	int n = 0;

	for (int i = 0; i < MAX_WORKERS; i++)
		n += k->slots[i].pid != 0;
	return n;
}

/* Keeps none_since: the time since when nobody has been there to answer. */
static void
note_none(struct keeper *k)
{
	for (int i = 0; i < MAX_WORKERS; i++) {
		if (k->slots[i].pid != 0 && k->slots[i].ready) {
			k->none_since = MONO_NEVER;
			return;
		}
	}
	if (!mono_is_set(k->none_since))
		k->none_since = mono_now();
}

void
slots_note_ready(struct keeper *k, uint64_t bits)
{
	for (int i = 0; i < MAX_WORKERS; i++)
		k->slots[i].ready = k->slots[i].pid != 0 && (bits >> i & 1) != 0;
	note_none(k);
}

static void
refuse(struct keeper *k, int slot, int why)
{
	struct bond_message m = {.type = BOND_FAILED, .slot = slot, .status = why};

	if (slot >= 0 && why == EEXIST)
		m.pid = k->slots[slot].pid;
	brain_send(k, &m);
}

void
slot_start(struct keeper *k, int slot)
{
	struct bond_message m = {.type = BOND_STARTED, .slot = slot};
	struct spawn s = {
		.argv = k->settings.workers.command,
		.n_argv = k->settings.workers.n_command,
		.index = slot,
		.identity = &k->worker_identity,
		.oom_score_adj = 0,
		.search_path = true,
	};
	int why;

	if (slot < 0 || slot >= k->n_slots) {
		refuse(k, slot, EINVAL);
		return;
	}
	if (k->phase == KEEPER_STOPPING) {
		refuse(k, slot, ESHUTDOWN);
		return;
	}
	if (k->slots[slot].pid != 0) {
		refuse(k, slot, EEXIST);
		return;
	}
	why = spawn(&s, &k->slots[slot].pid);
	if (why != 0) {
		event_say(EVENT_WARN, "worker-failed", "worker %d: %s: %s", slot, s.argv[0],
		    strerror(why));
		refuse(k, slot, why);
		return;
	}
	k->slots[slot].started_at = mono_now();
	k->slots[slot].ready = false;
	k->slots[slot].excess = false;
	children_store(k);
	m.pid = k->slots[slot].pid;
	m.at_us = k->slots[slot].started_at.us;
	brain_send(k, &m);
}

/* SIGKILL goes to all that the worker has started; other signals are the worker's own business. */
static void
slot_signal(struct keeper *k, int slot, int signal_number)
{
	pid_t pid = k->slots[slot].pid;

	if (signal_number == SIGKILL)
		kill(-pid, SIGKILL);
	kill(pid, signal_number);
}

void
slot_stop(struct keeper *k, const struct bond_message *m)
{
	if (m->slot < 0 || k->slots[m->slot].pid == 0)
		return;
	/* The one it means may be gone, and its successor is not meant. */
	if (m->pid != 0 && m->pid != k->slots[m->slot].pid)
		return;
	if (m->status != SIGTERM && m->status != SIGKILL) {
		refuse(k, m->slot, EINVAL);
		return;
	}
	slot_signal(k, m->slot, m->status);
}

void
slots_signal(struct keeper *k, int signal_number)
{
	for (int i = 0; i < MAX_WORKERS; i++)
		if (k->slots[i].pid != 0)
			slot_signal(k, i, signal_number);
}

void
slot_gone(struct keeper *k, int slot, pid_t pid, int status)
{
	struct bond_message m = {
		.type = BOND_EXITED, .slot = slot, .pid = pid, .status = status,
	};

	kill(-pid, SIGKILL); /* what is left of its group would hold its port */
	k->slots[slot] = (struct slot){0};
	note_none(k);
	orphans_kill(k);
	children_store(k);
	if (slot < k->n_slots)
		brain_send(k, &m);
	gates_reflex(k);
	if (k->phase == KEEPER_STOPPING)
		stop_check(k);
}

void
slots_send_roster(struct keeper *k)
{
	struct bond_message m = {.type = BOND_ROSTER};

	for (int i = 0; i < k->n_slots; i++) {
		if (k->slots[i].pid == 0)
			continue;
		m.slot = i;
		m.pid = k->slots[i].pid;
		m.at_us = k->slots[i].started_at.us;
		m.ready = k->slots[i].ready;
		brain_send(k, &m);
	}
	brain_send(k, &(struct bond_message){.type = BOND_ROSTER, .slot = -1});
}

/* After a reload: workers beyond the configured number belong to nobody but us. */
void
slots_trim(struct keeper *k)
{
	bool kill_now = false;

	for (int i = k->n_slots; i < MAX_WORKERS; i++) {
		if (k->slots[i].pid == 0)
			continue;
		kill_now = k->slots[i].excess;
		k->slots[i].excess = true;
		k->slots[i].ready = false;
		event_say(EVENT_NOTICE, "worker-excess", "worker %d (pid %d) is no longer "
		    "configured: %s", i, (int)k->slots[i].pid, kill_now ? "killed" : "stopped");
		slot_signal(k, i, kill_now ? SIGKILL : SIGTERM);
		keeper_set_timer(k, &k->phase_timer, k->settings.workers.stop_timeout_ms);
	}
	note_none(k);
}

static bool
is_known(const struct keeper *k, pid_t pid)
{
	return pid == k->brain.pid || pid == k->brain.undead || pid == k->trial ||
	    pid == k->drainer || slot_find(k, pid) != -1;
}

/* Goes on at each reaped child until a look finds none: what an orphan had started comes to us when
 * it dies. */
void
orphans_kill(struct keeper *k)
{
	char path[64];
	FILE *f;
	long pid;

	k->purging = false;
	snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
	f = fopen(path, "re");
	if (f == NULL)
		return;
	while (fscanf(f, "%ld", &pid) == 1) {
		if (is_known(k, (pid_t)pid))
			continue;
		if (!k->purging)
			event_say(EVENT_NOTICE, "orphan-killed", "pid %ld was left behind", pid);
		k->purging = true;
		kill((pid_t)pid, SIGKILL);
	}
	fclose(f);
}

/* When a process started, in clock ticks since boot; 0: it is not there. */
static unsigned long long
process_start(pid_t pid)
{
	char path[32], text[1024], *at;
	unsigned long long start = 0;
	struct err err;
	char *stat;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	stat = file_read(path, sizeof(text), NULL, &err);
	if (stat == NULL)
		return 0;
	at = strrchr(stat, ')'); /* the name may hold anything */
	if (at == NULL || sscanf(at + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u "
	    "%*d %*d %*d %*d %*d %*d %llu", &start) != 1)
		start = 0;
	free(stat);
	return start;
}

/*
 * A worker that changes its user escapes PR_SET_PDEATHSIG. So that a keeper that is started after a
 * killed one does not share its ports with left-over workers, the table is kept in run_dir.
 */
void
children_store(struct keeper *k)
{
	char text[MAX_WORKERS * 40], path[KEEPER_PATH];
	size_t at = 0;
	struct err err;

	for (int i = 0; i < MAX_WORKERS; i++)
		if (k->slots[i].pid != 0)
			at += (size_t)snprintf(text + at, sizeof(text) - at, "%d %llu\n",
			    (int)k->slots[i].pid, process_start(k->slots[i].pid));
	snprintf(path, sizeof(path), "%s/%s", k->settings.site.paths.run_dir, CHILDREN_FILE);
	if (file_replace_fast(path, text, at, 0600, &err) == -1)
		event_say(EVENT_WARN, "keeper-table", "%s", err.text);
}

void
children_kill_stale(struct keeper *k)
{
	unsigned long long start;
	char path[KEEPER_PATH], *text, *line, *save = NULL;
	struct err err;
	int pid;

	snprintf(path, sizeof(path), "%s/%s", k->settings.site.paths.run_dir, CHILDREN_FILE);
	text = file_read(path, (size_t)MAX_WORKERS * 40, NULL, &err);
	if (text == NULL)
		return;
	for (line = strtok_r(text, "\n", &save); line != NULL; line = strtok_r(NULL, "\n", &save)) {
		if (sscanf(line, "%d %llu", &pid, &start) != 2 || pid <= 1 || start == 0 ||
		    process_start(pid) != start)
			continue;
		event_say(EVENT_WARN, "worker-stale",
		    "pid %d outlived the keeper before us: killed", pid);
		kill(-pid, SIGKILL);
		kill(pid, SIGKILL);
	}
	free(text);
	unlink(path);
}
