/*
 * engine_fault: the last words of an engine that ends by a fault of its own.
 *
 * What kills an engine in its own code (a bad access, a failed assertion, a loop without end)
 * leaves a moment for one packet to each peer: which question it was at (bridge_owner()). So a
 * worker need not suspect all that were in flight, and who was ended by another's hand (SIGKILL),
 * which leaves no such moment, is known by its silence.
 */
#ifndef RESOLVER_ENGINE_FAULT_H
#define RESOLVER_ENGINE_FAULT_H

#include "lib/err.h"

struct engine;

#define FAULT_CPU_S 1 /* so much computing without a turn of the loop is a loop without end */

/* From here on; before the cage is closed. `e` is borrowed. 0 or -1. */
int fault_install(struct engine *e, struct err *err);
/* The loop turns: called at every heartbeat. */
void fault_turn(void);
/* It turns no more, and what follows may take its time. */
void fault_over(void);

#endif
