/*
 * engine_probation: what the probation engine does besides: it works on one question at a time, and
 * its memory says which (quarantine.h). It has no shard: what it finds is told, and no more.
 */
#ifndef RESOLVER_ENGINE_PROBATION_H
#define RESOLVER_ENGINE_PROBATION_H

#include "lib/err.h"
#include "lib/held.h"
#include "resolver/conf.h"
#include "resolver/entry.h"

struct engine;

/* The same configuration for an engine that works on one question; static memory. */
const struct resolver_conf *probation_conf(const struct resolver_conf *conf);
/* Takes or makes the quarantine, and says what the predecessor's end means. 0 or -1. */
int probation_open(struct engine *e, struct held *given, struct err *err);
void probation_close(struct engine *e);
/* The question that it takes up; nothing is read from peers until it is over. */
void probation_begun(struct engine *e, const struct key *k);
/* libunbound is done with it, and we are still here. */
void probation_passed(struct engine *e);

#endif
