/*
 * conf: resolver.conf, by the same key-table rules as healthd.conf. etc/resolver.conf shows every
 * key.
 */
#ifndef RESOLVER_CONF_H
#define RESOLVER_CONF_H

#include "lib/addr.h"
#include "lib/arena.h"
#include "lib/conf.h"
#include "resolver/entry.h"

#define ENGINES_MAX 16

enum engine_mode { ENGINE_ROOT, ENGINE_FORWARD };

/* Resolvers that are asked when recursion fails, in the order of the file. */
#define BACKUPS_MAX 15
enum backup_transport { BACKUP_UDP, BACKUP_TCP, BACKUP_DOT };
struct backup_conf {
	const char *address; /* "address" or "address@port" */
	int transport;	     /* enum backup_transport */
	const char *tls_name; /* DoT: whom the certificate has to be for */
	const char *ca_file; /* DoT: who may have signed it */
	bool trusted;	     /* DoT: its AD is believed */
	bool mix_case;	     /* UDP: names are asked in random case */
	int line;
};

struct resolver_conf {
	const char
	    *identity; /* id.server, hostname.bind and NSID: "%p/%n/%i" of pop, node, worker */
	const char *version; /* version.bind, version.server: "anypop %v"; "": REFUSED */
	const char *pop, *node;
	const char *run_dir;   /* engines' sockets: engine-N.sock */
	struct addr *listen;   /* service addresses */
	int n_listen;
	int64_t port;	       /* of all of them */
	const char *probe_address; /* private probe listener: port + worker's number */
	int64_t probe_port;
	const char *health_name; /* answered locally, A 192.0.2.1 and AAAA by `health_address` */
	struct addr health_address;
	struct prefix
	    *allow; /* who may ask; others are REFUSED. Never empty: loopback by default */
	int n_allow;
	int64_t engines;
	struct {
		int64_t max_udp_bytes, tcp_clients, tcp_idle_ms, in_flight, old_ms, deadline_ms;
		int64_t l1_mib, l2_mib; /* l2: of each engine's shard */
		const char *user; /* "" = stay */
		bool seccomp;
	} worker;
	struct {
		int mode; /* enum engine_mode */
		const char **forwarders; /* "address" or "address@port" */
		int n_forwarders;
		const char *root_hints;	  /* "" = those that libunbound brings along */
		const char *trust_anchor; /* "" = nothing is validated */
		const char *followed_anchor; /* read instead, where it is there; "" = none */
		const char **special; /* special-use zones (RFC 6761, 6303) resolved all the same */
		int n_special;
		const char **outgoing_addresses;
		int n_outgoing_addresses;
		int64_t in_flight, deadline_ms, cache_mib;
		const char *user; /* "" = stay */
		bool seccomp;
		bool probation; /* there is one more, for suspects */
	} engine;
	struct {
		int64_t percent, per_s;
	} refresh;
	bool rotate;
	struct { /* of each worker; 0: no limit */
		int64_t queries_per_s, prefix_queries_per_s, misses_per_s, prefix_misses_per_s;
		int64_t burst_ms, tcp_clients, prefix_tcp_clients;
		int64_t client_v6_bits, prefix_v4_bits, prefix_v6_bits;
		struct prefix *exempt; /* beside loopback */
		int n_exempt;
	} limits;
	struct {
		int64_t responses_per_s, slip;
	} rrl;
	struct {
		bool answer, require;
		const char *secret_file; /* "" = one of this node's own */
	} cookies;
	struct backup_conf *backup;
	int n_backup;
	int64_t backup_after_ms; /* recursion is waited for so long before one is asked as well */
	struct ttl_policy ttl; /* computed from the next */
	struct {
		int64_t min_s, max_s, neg_min_s, neg_max_s, failure_s;
	} ttls;
	struct {
		const char **servers; /* "address" or "address@port"; none: no regional cache */
		int n_servers;
		bool cluster;
		const char *user, *password_file; /* "" = none */
		int64_t database;
		const char *view; /* nodes of another one do not share with us */
		const char *secret_file; /* "" = values are not authenticated */
		bool trust_ad;
		int64_t race_ms, connect_ms, command_ms, in_flight, min_ttl_s;
	} redis;
	struct { /* of the shared cache, for the host's next boot */
		const char *file; /* "" = none */
		int64_t every_s;  /* 0: only when it all ends */
		int64_t max_mib, load_ms;
	} snapshot;
	int log_level; /* enum event_level */
	const struct conf_places *places;
};

/* Reads, derives, and checks every combination. 0, or -1 with one sentence for the operator. */
int resolver_conf_read(const char *path, struct resolver_conf *out, struct arena *arena,
    struct err *err);
/* As resolver_conf_read(), from memory; `path` is only for messages. */
int resolver_conf_read_text(const char *text, const char *path, struct resolver_conf *out,
    struct arena *arena, struct err *err);
/* The configuration in force as text that reads to the same. */
void resolver_conf_render(FILE *to, const struct resolver_conf *c);
/* "path.to.key  type range  default  help", a line for each key. */
void resolver_conf_reference(FILE *to);
/* Splits "address" or "address@port" (port 53 by default). False when it is neither. */
bool resolver_conf_server(const char *text, struct addr *addr, uint16_t *port);
/* As resolver_conf_server(), of Redis (port 6379 by default). */
bool resolver_conf_redis_server(const char *text, struct addr *addr, uint16_t *port);
/* As it, of a backup resolver; its port is 853 by default where it is asked by TLS. */
bool resolver_conf_backup(const struct backup_conf *b, struct addr *addr, uint16_t *port);

#endif
