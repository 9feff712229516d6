/*
 * site: what the configuration says about BGP: the node, its BIRD, the rungs and the services.
 *
 * One lane is one service in one address family; it is the unit that is decided, announced and
 * proven. Lanes are numbered service * 2 + family; a lane without prefixes does not exist.
 */
#ifndef BGPCTL_SITE_H
#define BGPCTL_SITE_H

#include <stdbool.h>
#include <stdint.h>

#include "bgpctl/beacon.h"
#include "lib/addr.h"
#include "lib/arena.h"
#include "lib/conf.h"
#include "lib/err.h"

#define MAX_RUNGS 6
#define MAX_SERVICES 16
#define MAX_LANES (MAX_SERVICES * N_FAMILIES)
#define MAX_SESSIONS 16
#define MAX_PREFIXES 8	/* per lane */
#define MAX_ADDRESSES 8 /* per lane */
#define MAX_SERVICE_NAME 10 /* so that a gate's name fits the kernel's 15 characters */
#define MAX_RUNG_NAME 12
#define MAX_SESSION_NAME 31
#define MAX_REGION 31

enum { RUNG_SILENT = 0, RUNG_DRAIN = 1 }; /* rungs are ordered: "better" is `>` */

struct rung {
	const char *name;
	int line;
	/* Thresholds (score 0..100), meant for every rung but the best: fall to this rung when the
	 * score is under `enter`, climb out of it when the score is at least `leave` (>= enter). */
	int64_t enter, leave;
	/* What the rung looks like in BGP; unused for silent. */
	int64_t local_pref;   /* in iBGP */
	int64_t prepend;      /* eBGP: how many times our AS is put in front once more, 0..10 */
	int64_t med;	      /* -1: none */
	bool graceful_shutdown; /* community 65535:0, RFC 8326 */
	const char **communities; /* "asn:value" or "asn:a:b", added on eBGP */
	int n_communities;
};

struct session {
	const char *name; /* BIRD's protocol name */
	int line;
	uint32_t families; /* bits 1 << FAMILY_*: which of its channels carry our prefixes */
	bool fleet; /* carries beacons: iBGP, to the other nodes or a route reflector */
	int exit;   /* a rung seen here is announced to the world: 1, 0; -1: if it is eBGP */
};

struct watched {
	int64_t id; /* of another node */
	int line;
	struct addr *addresses; /* where its services answer besides the anycast addresses: at most
				   one a family */
	int n_addresses;
};

struct service {
	const char *name; /* [a-z0-9_], at most MAX_SERVICE_NAME */
	int line;
	struct prefix *prefixes; /* both families mixed, as configured */
	int n_prefixes;
	struct addr *addresses; /* the anycast service addresses, each inside a prefix of its own */
	int n_addresses;
	int64_t port;
	struct prefix *beacons; /* the blocks of the fleet's beacons, one per family at most */
	int n_beacons;
};

struct site {
	struct {
		const char *name, *pop;
	} node;
	struct {
		const char *run_dir;   /* control socket, saved state, lease: /run/anypop */
		const char *state_dir; /* limits, flight recorder: /var/lib/anypop */
		const char *control_group; /* group that may use the control socket */
	} paths;
	struct {
		const char *socket;  /* /run/bird/bird.ctl */
		const char *config;  /* /etc/bird/bird.conf, for `apply` and doctor */
		const char *include; /* generated file, /etc/bird/anypop.conf */
		int64_t asn;
		bool pipe_master; /* sessions' channels are on master4/6: generate the pipe */
		struct session *sessions;
		int n_sessions;
		int64_t poll_ms;    /* reconcile at least this often */
		int64_t timeout_ms; /* one command's answer */
		int64_t hand_ms;    /* how long an operator's hand in BIRD is respected */
	} bird;
	struct {
		int64_t size; /* nodes of the fleet; 0: no fleet */
		int64_t id;   /* ours, 1..size */
		const char *region; /* "" none */
		const char **regions; /* all names, to show others' by: site_region() */
		int n_regions;
		int64_t max_suspended; /* a CONF_SHARE of size; site_budget() */
		int64_t min_announcing;
		int64_t settle_ms, view_max_age_ms, poll_ms;
		bool heed_requests; /* of others, for this node's region to drain */
		struct watched *watch;
		int n_watch;
		int64_t min_vantages; /* what fewer of others say of us is no majority */
		struct { /* how watched neighbours are asked */
			const char *qname, *qtype, *qclass, *expect_data; /* NULL: any answer */
			int64_t interval_ms, timeout_ms, rise, fall, forgive;
			int64_t hold_ms; /* a verdict once told stands so long */
		} probe;
	} fleet;
	struct {
		const char *resolver; /* our own resolver's configuration; "": none. healthd has
					 it in its own settings */
	} workers;
	struct rung *rungs_conf; /* as configured or by default, best first, silent last */
	int n_rungs;
	struct service *services;
	int n_services;
	struct rung rungs[MAX_RUNGS]; /* derived: [0] silent ... [n_rungs-1] best */
	const struct conf_places *places; /* for error messages; NULL when not read from a file */
};

/* Key tables of these sections. bgpctl's own table of a whole healthd.conf skips what is healthd's;
 * healthd's (healthd/settings.c) names all. */
extern const struct conf_key site_node_keys[], site_paths_keys[], site_bird_keys[],
    site_rung_keys[], site_service_keys[], site_fleet_keys[];

/* Reads only these sections of a healthd.conf (other sections of it are skipped) and derives. */
int site_read(const char *path, struct site *out, struct arena *arena, struct err *err);

/* Checks what a table cannot (an address outside every prefix, a prefix in two services, leave
 * under enter, rung names, limits per lane) and fills the derived members. `path` for messages. */
int site_derive(struct site *site, const char *path, struct arena *arena, struct err *err);

/* 1 to MAX_REGION of a-z, 0-9, _ and -? */
bool region_name_good(const char *name);

/* The part of site_derive() that is about the fleet, in site_fleet.c. */
int site_check_fleet(const struct site *site, struct err *err);

/* Lanes. */
static inline int
lane_of(int service, enum family f)
{
	return service * N_FAMILIES + (int)f;
}
static inline int
lane_service(int lane)
{
	return lane / N_FAMILIES;
}
static inline enum family
lane_family(int lane)
{
	return (enum family)(lane % N_FAMILIES);
}
bool lane_exists(const struct site *site, int lane);
/* Fill `out` (room for MAX_PREFIXES / MAX_ADDRESSES) with the lane's own; return how many. */
int lane_prefixes(const struct site *site, int lane, struct prefix *out);
int lane_addresses(const struct site *site, int lane, struct addr *out);
/* The lane's block of beacons; NULL: it takes no part in a fleet. */
const struct prefix *lane_beacons(const struct site *site, int lane);
/* Bits of lanes with beacons, of one family (bit 1 << f) or of both. */
uint32_t lanes_with_beacons(const struct site *site, uint32_t families);
/* Of a watched neighbour; NULL: none in that family. */
const struct addr *watched_address(const struct watched *w, enum family f);
/* fleet.max_suspended as a number of nodes. */
int site_budget(const struct site *site);
/* The name behind a beacon_region(), of ours and of fleet.regions; NULL: not known here, or 0. */
const char *site_region(const struct site *site, uint16_t region);

#define LANE_NAME 32
const char *lane_name(const struct site *site, int lane, char buf[static LANE_NAME]); /* "dns/v4" */
int lane_find(const struct site *site, const char *name); /* by that; -1: there is none */

/* Names in BIRD and in the kernel, the same everywhere:
 * protocol "anypop_dns_v4_drain", gate "apdns4.1" (at most 15 characters), table "anypop4". */
#define LOCK_NAME 64
const char *lane_protocol(const struct site *site, int lane, int rung, char buf[static LOCK_NAME]);
const char *lane_gate(const struct site *site, int lane, int rung, char buf[static LOCK_NAME]);
/* The protocol that our own beacons have in BIRD's tables, and the table of all nodes' beacons. */
const char *beacon_kernel(enum family f);
const char *beacon_table(enum family f);
int rung_find(const struct site *site, const char *name); /* -1: none of that name */

#endif
