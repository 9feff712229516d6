/*
 * ask_held: is a listening socket that was held still the one that workers find?
 */
#ifndef RESOLVER_ASK_HELD_H
#define RESOLVER_ASK_HELD_H

#include "lib/err.h"

/*
 * 1: `fd` listens at run_dir/engine-NUMBER.sock, which is `user`'s from now on ("" = as it is); 0:
 * it is none such (another kind of socket, another path, or somebody took the path since, as a
 * start by hand does); -1: it is, and cannot be given to `user`.
 */
int ask_held(int fd, const char *run_dir, int number, const char *user, struct err *err);

#endif
