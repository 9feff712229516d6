/*
 * secret: where the secret of DNS cookies comes from: a file that nodes share, the memory that a
 * node's workers share (hold.h), or nowhere, so that this process makes its own.
 */
#ifndef RESOLVER_SECRET_H
#define RESOLVER_SECRET_H

#include "lib/held.h"
#include "resolver/conf.h"
#include "resolver/cookie.h"

/* As the configuration says; takes what it uses of `given`. 0, or -1 with the key and the mend. */
int secret_get(const struct resolver_conf *c, struct held *given, struct cookie_secrets *out,
    struct err *err);
/* The file alone: 0 also where none is configured (`out` is empty then). */
int secret_read(const struct resolver_conf *c, struct cookie_secrets *out, struct err *err);

/* Sealed memory with a random secret; the descriptor (owned by the caller), or -1. */
int secret_make(struct err *err);
bool secret_fits(int fd);

#endif
