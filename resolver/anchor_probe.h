/*
 * anchor_probe: has libunbound look at the root's keys by RFC 5011.
 */
#ifndef RESOLVER_ANCHOR_PROBE_H
#define RESOLVER_ANCHOR_PROBE_H

#include "resolver/conf.h"

/* Asks for them, as an engine would, and has libunbound take what it sees into the file `autotrust`
 * (or into one of DS or DNSKEY records, which becomes such a file). 0: they were verified by keys
 * in force there. -1 with the mend: they were not, or are not told within a minute; the file may
 * have changed then too. Once a process. */
int anchor_probe(const struct resolver_conf *c, const char *autotrust, struct err *err);

#endif
