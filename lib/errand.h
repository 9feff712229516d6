/*
 * errand: a thread of its own for what may wait for a disk, one thing at a time, so that a loop
 * never waits for one.
 *
 * What a disk holds, it holds beyond SIGKILL: such a process is gone for all but its descriptors.
 * So the thread has a table of its own, with nothing above stderr when it begins: the ports, locks
 * and sockets that a successor needs are not held with it. What run() opens is the thread's too,
 * and is closed there: at once, or in a later errand.
 */
#ifndef LIB_ERRAND_H
#define LIB_ERRAND_H

#include <stdbool.h>

struct errand;
typedef int errand_run(void *arg); /* in the thread, signals blocked; 0 or an errno */

/* `arg` is borrowed. NULL: no memory, or no thread to be had. */
struct errand *errand_new(errand_run *run, void *arg);
/* None may be under way. Until it has ended all that run() uses is the thread's. */
void errand_begin(struct errand *e);
bool errand_busy(struct errand *e);
int errand_result(struct errand *e); /* of the last one that has ended; 0 before any */
/* Until none is under way, for that long at most (negative: however long). Is it so? */
bool errand_wait(struct errand *e, int ms);
/* False: one is still under way, and its thread is left to itself, with all that run() uses. */
bool errand_free(struct errand *e);

#endif
