/*
 * shrink: a scenario that breaks a promise, made small: fewer faults, fewer nodes, shorter faults,
 * as long as the same promise breaks.
 */
#ifndef TESTS_SIM_SHRINK_H
#define TESTS_SIM_SHRINK_H

#include "tests/sim/world.h"

/* Does it break a promise (s->expect, if that is set already)? Sets s->expect. */
bool shrink_breaks(struct scenario *s, enum bent bent, const struct model *m);
void shrink(struct scenario *s, enum bent bent, const struct model *m);

#endif
