/*
 * link: carrier of the uplinks and presence of the service addresses, by netlink events. Shell.
 */
#ifndef HEALTHD_LINK_H
#define HEALTHD_LINK_H

#include <ev.h>

#include "lib/addr.h"
#include "lib/err.h"

struct link_watch;

/* Called with every change, and once for each watched thing right after link_watch_new() returns to
 * the loop. `present`: the interface exists and has carrier / the address is bound and usable (not
 * tentative, not failed DAD). */
typedef void link_carrier(void *arg, const char *interface, bool present);
typedef void link_address(void *arg, const struct addr *address, bool present);

struct link_watch *link_watch_new(struct ev_loop *loop, const char *const *interfaces, int n,
    const struct addr *addresses, int n_addresses, link_carrier *carrier, link_address *address,
    void *arg, struct err *err);
/* Binds a service address (/32 or /128, no DAD) to an interface and sets it up; 0 or -1. */
int link_restore(struct link_watch *w, const struct addr *address, const char *interface,
    struct err *err);
/* A full re-read now (also done by itself each 10 s and after a lost netlink message). */
void link_resync(struct link_watch *w);
void link_watch_free(struct link_watch *w);

#endif
