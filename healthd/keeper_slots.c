#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
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
#define DEATH_MS 2000 /* so long a killed one that holds our addresses is waited for */

int
slot_find(const struct keeper *k, pid_t pid)
{
	for (int i = 0; i < MAX_SLOTS; i++)
		if (k->slots[i].pid == pid)
			return i;
	return -1;
}

bool
slot_exists(const struct keeper *k, int slot)
{
	if (slot == PROBATION_SLOT)
		return held_find(&k->held, "listen.probation") != -1;
	return slot < ENGINE_SLOT ? slot >= 0 && slot < k->n_slots
				  : slot - ENGINE_SLOT < k->n_engines;
}

int
slots_running_from(const struct keeper *k, int first, int end)
{
	int n = 0;

	for (int i = first; i < end; i++)
		n += k->slots[i].pid != 0;
	return n;
}

int
slots_running(const struct keeper *k)
{
	return slots_running_from(k, 0, MAX_SLOTS);
}

/* Keeps none_since: the time since when nobody has been there to answer. */
void
slots_note_none(struct keeper *k)
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
	/* Our own are judged by what they say of themselves: keeper_steer.c. */
	bool own = keeper_own_workers(&k->settings);

	for (int i = 0; i < MAX_WORKERS; i++)
		if (!own || k->slots[i].mute)
			k->slots[i].ready = k->slots[i].pid != 0 && (bits >> i & 1) != 0;
	slots_note_none(k);
}

static void
refuse(struct keeper *k, int slot, int why)
{
	struct bond_message m = {.type = BOND_FAILED, .slot = slot, .status = why};

	if (slot >= 0 && why == EEXIST)
		m.pid = k->slots[slot].pid;
	brain_send(k, &m);
}

/* Why a start is refused, or 0. */
static int
refusal(const struct keeper *k, int slot)
{
	if (!slot_exists(k, slot))
		return EINVAL;
	if (k->phase == KEEPER_STOPPING)
		return ESHUTDOWN;
	return k->slots[slot].pid != 0 ? EEXIST : 0;
}

/* A program of others, by its command line. */
static int
spawn_command(struct keeper *k, int slot)
{
	const struct spawn s = {
		.argv = k->settings.workers.command,
		.n_argv = k->settings.workers.n_command,
		.index = slot,
		.identity = &k->worker_identity,
		.oom_score_adj = 0,
		.search_path = true,
	};

	return spawn(&s, &k->slots[slot].pid);
}

/* Our own, with what is held for it; it changes its user by itself. Engines are the first to go
 * when memory ends: no cached answer is lost with one. */
static int
spawn_own(struct keeper *k, int slot)
{
	bool engine = slot >= ENGINE_SLOT;
	const char *argv[] = {k->resolver_exe, "-c", k->settings.workers.resolver,
	    engine ? "engine" : "worker", slot == PROBATION_SLOT ? "probation" : "%i"};
	const struct identity stay = {0};
	struct spawn s = {
		.argv = argv,
		.n_argv = 5,
		.index = engine ? slot - ENGINE_SLOT : slot,
		.identity = &stay,
		.oom_score_adj = slot == PROBATION_SLOT ? 900 : engine ? 800 : 0,
	};
	struct held_one *share = hold_share(k, slot, &s.n_held);
	int why;

	if (share == NULL)
		return EBADF;
	s.held = share;
	why = spawn(&s, &k->slots[slot].pid);
	free(share);
	return why;
}

void
slot_start(struct keeper *k, int slot)
{
	struct bond_message m = {.type = BOND_STARTED, .slot = slot};
	bool own = keeper_own_workers(&k->settings);
	int why = refusal(k, slot);

	if (why != 0) {
		refuse(k, slot, why);
		return;
	}
	/* What it needs is being made. A refusal would count as a failed start; a start that is not
	 * answered is asked for again, by this brain or by the next. */
	if (own && holder_runs(k) && !hold_has(k, slot))
		return;
	why = own ? spawn_own(k, slot) : spawn_command(k, slot);
	if (why != 0) {
		event_say(EVENT_WARN, "worker_failed", "slot %d: %s: %s", slot,
		    own ? k->resolver_exe : k->settings.workers.command[0],
		    why == EBADF ? "its sockets or memory are not held" : strerror(why));
		refuse(k, slot, why);
		return;
	}
	k->slots[slot].started_at = mono_now();
	k->slots[slot].ready = k->slots[slot].excess = k->slots[slot].leaving = false;
	if (slot < MAX_WORKERS)
		k->pulses[slot] = (struct pulse){.read_at = MONO_NEVER, .shown_at = MONO_NEVER};
	children_store(k);
	m.pid = k->slots[slot].pid;
	m.at_us = k->slots[slot].started_at.us;
	brain_send(k, &m);
}

/* SIGKILL goes to all that the worker has started; other signals are the worker's own business.
 * Nobody is sent to it from before it knows. */
static void
slot_signal(struct keeper *k, int slot, int signal_number)
{
	pid_t pid = k->slots[slot].pid;

	k->slots[slot].leaving = true;
	steer_now(k);
	if (signal_number == SIGKILL)
		kill(-pid, SIGKILL);
	kill(pid, signal_number);
	if (signal_number == SIGABRT)
		kill(pid, SIGCONT); /* one that is stopped would not hear it */
}

void
slot_stop(struct keeper *k, const struct bond_message *m)
{
	if (m->slot < 0 || k->slots[m->slot].pid == 0)
		return;
	/* The one it means may be gone, and its successor is not meant. */
	if (m->pid != 0 && m->pid != k->slots[m->slot].pid)
		return;
	if (m->status != SIGTERM && m->status != SIGKILL && m->status != SIGABRT) {
		refuse(k, m->slot, EINVAL);
		return;
	}
	slot_signal(k, m->slot, m->status);
}

/* Engines are killed like workers, but told to end only when the last worker is gone (slot_gone()):
 * it waits for their answers. */
void
slots_signal(struct keeper *k, int signal_number)
{
	int end = signal_number == SIGTERM && slots_running_from(k, 0, ENGINE_SLOT) > 0
		      ? ENGINE_SLOT
		      : MAX_SLOTS;

	for (int i = 0; i < end; i++)
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
	steer_now(k);
	slots_note_none(k);
	orphans_kill(k);
	children_store(k);
	if (slot_exists(k, slot))
		brain_send(k, &m);
	gates_reflex(k);
	if (k->phase != KEEPER_STOPPING)
		return;
	if (slot < ENGINE_SLOT && slots_running_from(k, 0, ENGINE_SLOT) == 0)
		slots_signal(k, k->killed_workers ? SIGKILL : SIGTERM);
	stop_check(k);
}

void
slots_send_roster(struct keeper *k)
{
	struct bond_message m = {.type = BOND_ROSTER};

	for (int i = 0; i < MAX_SLOTS; i++) {
		if (k->slots[i].pid == 0 || !slot_exists(k, i))
			continue;
		m.slot = i;
		m.pid = k->slots[i].pid;
		m.at_us = k->slots[i].started_at.us;
		m.ready = k->slots[i].ready;
		brain_send(k, &m);
	}
	brain_send(k,
	    &(struct bond_message){.type = BOND_ROSTER,
		.slot = -1,
		.status = k->n_engines,
		.ready = slot_exists(k, PROBATION_SLOT)});
}

void
slots_trim(struct keeper *k, bool time_is_up)
{
	bool kill_now = false;

	for (int i = 0; i < MAX_SLOTS; i++) {
		if (k->slots[i].pid == 0 || slot_exists(k, i))
			continue;
		kill_now = k->slots[i].excess;
		if (kill_now && !time_is_up)
			continue;
		k->slots[i].excess = true;
		k->slots[i].ready = false;
		event_say(EVENT_NOTICE, "worker_excess", "slot %d (pid %d) is no longer "
		    "configured: %s", i, (int)k->slots[i].pid, kill_now ? "killed" : "stopped");
		slot_signal(k, i, kill_now ? SIGKILL : SIGTERM);
		keeper_set_timer(k, &k->phase_timer, k->settings.workers.stop_timeout_ms);
	}
	slots_note_none(k);
}

/* Those that were told to end are looked after again, when their time is up. */
void
slots_trim_later(struct keeper *k)
{
	for (int i = 0; i < MAX_SLOTS; i++)
		if (k->slots[i].pid != 0 && k->slots[i].excess)
			keeper_set_timer(k, &k->phase_timer, k->settings.workers.stop_timeout_ms);
}

static bool
is_known(const struct keeper *k, pid_t pid)
{
	return pid == k->brain.pid || pid == k->brain.undead || pid == k->trial ||
	    pid == k->drainer || pid == k->holder.pid || pid == k->snapshot || pid == k->keeping ||
	    slot_find(k, pid) != -1;
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
			event_say(EVENT_NOTICE, "orphan_killed", "pid %ld was left behind", pid);
		k->purging = true;
		kill((pid_t)pid, SIGKILL);
	}
	fclose(f);
}

/* When a process started, in clock ticks since boot; 0: it is not there, or dead. */
static unsigned long long
process_start(pid_t pid)
{
	char path[32], text[1024], *at;
	unsigned long long start = 0;
	struct err err;
	char *stat, state;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	stat = file_read(path, sizeof(text), NULL, &err);
	if (stat == NULL)
		return 0;
	at = strrchr(stat, ')'); /* the name may hold anything */
	if (at == NULL || sscanf(at + 1, " %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u "
	    "%*d %*d %*d %*d %*d %*d %llu", &state, &start) != 2 || state == 'Z' || state == 'X')
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
	char text[MAX_SLOTS * 40], path[KEEPER_PATH];
	size_t at = 0;
	struct err err;

	for (int i = 0; i < MAX_SLOTS; i++)
		if (k->slots[i].pid != 0)
			at += (size_t)snprintf(text + at, sizeof(text) - at, "%d %llu\n",
			    (int)k->slots[i].pid, process_start(k->slots[i].pid));
	snprintf(path, sizeof(path), "%s/%s", k->settings.site.paths.run_dir, CHILDREN_FILE);
	if (file_replace_fast(path, text, at, 0600, &err) == -1)
		event_say(EVENT_WARN, "keeper_table", "%s", err.text);
}

/* Their sockets are theirs until they are dead. */
static void
wait_a_bit(void)
{
	nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
}

void
orphans_end(struct keeper *k)
{
	struct mono until = mono_add_ms(mono_now(), DEATH_MS);
	int status;
	pid_t pid;

	orphans_kill(k);
	while (mono_before(mono_now(), until)) {
		pid = waitpid(-1, &status, WNOHANG);
		if (pid == -1 && errno == ECHILD)
			return;
		if (pid > 0 && pid == k->keeping)
			keeper_good_kept(k, status);
		else if (pid > 0)
			orphans_kill(k);
		else
			wait_a_bit();
	}
}

/* One line of the table: is its process still there? It is killed, again. */
static bool
kill_stale(const char *line, bool say)
{
	unsigned long long start;
	int pid;

	if (sscanf(line, "%d %llu", &pid, &start) != 2 || pid <= 1 || start == 0 ||
	    process_start(pid) != start)
		return false;
	if (say)
		event_say(EVENT_WARN, "worker_stale",
		    "pid %d outlived the keeper before us: killed", pid);
	kill(-pid, SIGKILL);
	kill(pid, SIGKILL);
	return true;
}

void
children_kill_stale(struct keeper *k)
{
	struct mono until = mono_add_ms(mono_now(), DEATH_MS);
	char path[KEEPER_PATH], *text, *line;
	struct err err;
	bool first = true, some;

	snprintf(path, sizeof(path), "%s/%s", k->settings.site.paths.run_dir, CHILDREN_FILE);
	text = file_read(path, (size_t)MAX_SLOTS * 40, NULL, &err);
	if (text == NULL)
		return;
	do {
		some = false;
		for (line = text; *line != '\0'; line += strcspn(line, "\n"), line += *line == '\n')
			some |= kill_stale(line, first);
		first = false;
		if (some)
			wait_a_bit();
	} while (some && mono_before(mono_now(), until));
	free(text);
	unlink(path);
}
