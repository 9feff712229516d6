/*
 * conf: resolver.conf, by the same key-table rules as healthd.conf.
 */
#ifndef RESOLVER_CONF_H
#define RESOLVER_CONF_H

#include "lib/addr.h"
#include "lib/arena.h"
#include "lib/conf.h"
#include "resolver/entry.h"

struct resolver_conf {
	const char *identity;  /* id.server, hostname.bind and NSID: "%p/%n/%i" of pop, node, worker */
	const char *pop, *node;
	const char *run_dir;   /* engines' sockets: engine-N.sock */
	struct addr *listen;   /* service addresses, port 53 by default */
	int n_listen;
	int64_t port;
	const char *probe_address; /* private probe listener: port + worker's number */
	int64_t probe_port;
	const char *health_name; /* answered locally, A 192.0.2.1 and AAAA by `health_address` */
	struct addr health_address;
	const char **allow;    /* prefixes that may ask; others are REFUSED */
	int n_allow;
	int64_t engines;
	struct {
		int64_t max_udp_bytes, tcp_clients, tcp_idle_ms, in_flight, old_ms, deadline_ms;
		int64_t l1_mib, l2_mib;
	} worker;
	struct {
		const char *mode; /* "root" or "forward" */
		const char **forwarders; /* "address" or "address@port" */
		int n_forwarders;
		const char *root_hints, *trust_anchor;
		const char **outgoing_addresses;
		int n_outgoing_addresses;
		int64_t in_flight, deadline_ms;
		const char *user;
		bool seccomp;
	} engine;
	struct ttl_policy ttl;
	int log_level;
};

int resolver_conf_read(const char *path, struct resolver_conf *out, struct arena *arena,
    struct err *err);
void resolver_conf_render(FILE *to, const struct resolver_conf *c);

#endif
