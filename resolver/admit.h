/*
 * admit: who may ask. Pure.
 */
#ifndef RESOLVER_ADMIT_H
#define RESOLVER_ADMIT_H

#include "lib/addr.h"

/* Does one of `n` prefixes hold the address? None at all hold nobody. */
bool admit(const struct prefix *allowed, int n, const struct addr *client);

#endif
