/*
 * spawn: starts a program as another user, with nothing of ours but what it is given. Shell.
 *
 * The child has its own process group, an empty signal mask and default dispositions, /dev/null for
 * stdin, our stdout and stderr, the parent's death as its own (PR_SET_PDEATHSIG, set after the
 * change of user, which would clear it), no other descriptor than those given, and not one
 * capability more than said. That it could not be executed comes back as an errno, not as an exit
 * status.
 */
#ifndef HEALTHD_SPAWN_H
#define HEALTHD_SPAWN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "lib/err.h"
#include "lib/held.h"

#define MAX_SPAWN_ARGS 64
#define MAX_SPAWN_GROUPS 64

/* A user, looked up once: name services may be slow and are never asked at a start. */
struct identity {
	bool change; /* false: stay who we are */
	uid_t uid;
	gid_t gid;
	int n_groups;
	gid_t groups[MAX_SPAWN_GROUPS];
};

/* `user` "" stays. -1 with a sentence that says how to make the user. */
int identity_find(const char *user, struct identity *out, struct err *err);
/* Adds a supplementary group (no effect when we stay, when it is there, or for group 0). */
void identity_join(struct identity *id, gid_t gid);

struct spawn {
	const char *const *argv;
	int n_argv;
	int index; /* "%i" in arguments becomes this number, "%%" a percent sign; -1: left alone */
	const struct identity *identity; /* borrowed */
	bool net_admin;	   /* keeps CAP_NET_ADMIN (ambient) over the change of user */
	/* Become the child's descriptors from 3 on, told to it as by held_to_env(); borrowed. The
	 * child of a spawn without any finds nothing of that in its environment. */
	const struct held_one *held;
	int n_held;
	const char *stdout_path; /* NULL: ours */
	int oom_score_adj; /* SPAWN_OOM_KEEP: as ours */
	bool search_path;  /* argv[0] without a slash is looked up in PATH */
};
#define SPAWN_OOM_KEEP (-2000)

/* 0 and *pid, or an errno. Waits for the exec, but never longer than SPAWN_WAIT_MS; a child that
 * has not got so far by then counts as started (its end tells the rest). */
#define SPAWN_WAIT_MS 200
int spawn(const struct spawn *s, pid_t *pid);

/* Writes `arg` with "%i" and "%%" replaced; false when it does not fit. */
bool spawn_expand(const char *arg, int index, char *out, size_t size);

#endif
