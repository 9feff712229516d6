/*
 * question: one DNS question by UDP, and whether an answer came. Blocking; for bgpctl.
 */
#ifndef BGPCTL_QUESTION_H
#define BGPCTL_QUESTION_H

#include "lib/addr.h"
#include "lib/dns.h"
#include "lib/err.h"

/* Asks `qname` (its A record), or with "" for id.server TXT CH, which every resolver answers by
 * itself; three times, a second each. Microseconds until the answer, or -1 and what was wrong with
 * it: none, another rcode than NOERROR, no record of it. */
int64_t question_ask(const struct addr *to, uint16_t port, const char *qname, struct err *err);
/* Is it one that can be asked? */
bool question_good(const char *qname, struct err *err);

#endif
