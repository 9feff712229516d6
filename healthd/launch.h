/*
 * launch: starts an operator's program (an exec check, the hook) from a process with threads,
 * without copying its memory. It gets a process group of its own and nothing of ours: no
 * descriptors but 0, 1 and 2, default signal dispositions, no mask, no capabilities, "/" as
 * directory. It is killed when we go.
 */
#ifndef HEALTHD_LAUNCH_H
#define HEALTHD_LAUNCH_H

#include <sys/types.h>

/* Its pid; or -1 with errno where there can be no child now; or 0 with *error where the child could
 * not become the program. Its input is empty; its output goes to `output`, or, when that is -1, to
 * where ours goes. Called from one thread only. The caller reaps it. */
pid_t launch(char *const *argv, char *const *env, int output, int *error);

#endif
