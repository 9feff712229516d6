/*
 * accounts: /etc/passwd and /etc/group, and nothing else: the name service switch may ask a
 * directory server over the network, and neither a brain (its lease lapses) nor a keeper (nobody
 * looks after the workers) can wait for one. Lines may be of any length.
 */
#ifndef HEALTHD_ACCOUNTS_H
#define HEALTHD_ACCOUNTS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define ACCOUNTS_USERS "/etc/passwd"
#define ACCOUNTS_GROUPS "/etc/group"

/* False: there is none, or no such file, or no memory. */
bool accounts_group(const char *path, const char *name, gid_t *gid);
bool accounts_user(const char *path, uid_t uid, char *name, size_t size);
bool accounts_ids(const char *path, const char *name, uid_t *uid, gid_t *gid);
/* Adds to the `n` in `groups` those of which he is a member, as far as there is `room`; how many
 * there are then. */
int accounts_groups_of(const char *path, const char *name, gid_t *groups, int n, int room);

#endif
