/*
 * settings: healthd's whole configuration. etc/healthd.conf shows every key; `healthd -n` prints
 * what would run, in the same language.
 */
#ifndef HEALTHD_SETTINGS_H
#define HEALTHD_SETTINGS_H

#include "bgpctl/site.h"
#include "healthd/check.h"
#include "healthd/ladder.h"
#include "healthd/window.h"

enum mode { MODE_DRIVE, MODE_OBSERVE };
enum dead_man { DEAD_MAN_HOLD, DEAD_MAN_DRAIN, DEAD_MAN_SILENT };

/* Where a dns check sends its question. */
enum dns_target {
	DNS_ANYCAST, /* every service address of the lane: expands to one instance per lane */
	DNS_WORKERS, /* every worker's private probe port: one instance for all lanes */
	DNS_SERVERS, /* the addresses given in `servers` */
};
enum dns_transport { TRANSPORT_UDP = 1, TRANSPORT_TCP = 2 }; /* bits */
enum resource_source {
	RESOURCE_PSI_CPU, RESOURCE_PSI_MEMORY, RESOURCE_PSI_IO, /* `some avg10`, percent */
	RESOURCE_MEM_AVAILABLE,	 /* percent of total, lower is worse */
	RESOURCE_DISK,		 /* percent used of the file system of `path` */
	RESOURCE_DESCRIPTORS,	 /* percent of the system's file handles in use */
	RESOURCE_UDP_DROPS,	 /* receive-buffer errors per second */
	RESOURCE_NIC_DROPS,	 /* rx drops per second of `interface` */
};

struct check_conf {
	const char *name;
	int line;
	int kind; /* enum check_kind */
	uint32_t families; /* bits; of lanes it counts for (and of targets, for DNS_ANYCAST) */
	const char **services; /* lanes of these services only; none = all */
	int n_services;
	bool vital;
	int64_t weight, interval_ms, timeout_ms, k; /* k 0: all targets */
	int64_t rise, fall, forgive, patience_ms;
	/* dns and upstream */
	int target; /* enum dns_target */
	uint32_t transports;
	const char *qname, *qtype, *qclass; /* qname "$random.zone": a fresh label each time */
	bool recursion; /* needs recursion: class derived. false: RD=0 or local data: self. Of an
			   upstream check: its servers are forwarders, asked with RD */
	const char *expect_rcode; /* "NOERROR", or several with | */
	const char *expect_data;  /* an answer's rdata in text form must equal this; NULL: any */
	bool expect_ad;
	const char **servers; /* upstream, DNS_SERVERS: "address" or "address@port" */
	int n_servers;
	const char **qnames; /* upstream: canaries, asked in turn; none: ". NS" */
	int n_qnames;
	/* resource */
	int source;
	const char *path;
	int64_t warn, crit; /* error_rate and cache too: percent */
	/* error_rate, cache */
	int64_t window_ms, min_answers;
	/* link */
	const char **interfaces; /* uplinks: carrier; n of them by k */
	int n_interfaces;
	bool addresses;		/* judge that the service addresses are bound */
	const char *address_interface; /* where a missing one is restored; NULL: never restored */
	/* bgp: sessions of bird.sessions, k of n; bfd: BFD must be up where configured */
	bool bfd;
	/* vantage */
	bool confirm; /* well by most of them: not silent for the score */
	/* exec */
	const char **command;
	int n_command;
	bool exec_local; /* the operator's word that it needs no uplink: class self */
};

struct settings {
	struct site site;
	int mode;
	const char *user; /* the brain's; "" = stay */
	struct {
		int64_t lease_ms, fence_ms;
		int dead_man;
	} keeper;
	struct {
		int64_t count;
		const char **command; /* "%i" in an argument becomes the slot's number */
		int n_command;
		const char *resolver;  /* instead of a command: configuration file of our own
					  resolver, whose sockets the keeper holds. "": none */
		const char *user;      /* "" = root */
		int64_t capacity;      /* questions a second that this node can answer, all
					  workers together; 0: not known */
		int64_t spare;	       /* 0 or 1: a further slot used only by rolling upgrades */
		int64_t min_ready;     /* never fewer in upgrades; preflight's "enough" */
		const char
		    *probe_address; /* private probe listener: address, and port + slot number */
		int64_t probe_port;
		const char *probe_qname, *probe_qtype, *probe_qclass;
		int64_t probe_interval_ms, probe_timeout_ms;
		int64_t hang_probes; /* silent so many probes in a row, and idle: hung, killed */
		int64_t busy_probes; /* the same though it runs: an endless loop, killed */
		int64_t start_timeout_ms; /* not ready so long after start: a failed start */
		int64_t backoff_min_ms, backoff_max_ms;
		int64_t none_ready_ms; /* `workers` fails when none was ready so long ... */
		int64_t failed_starts; /* ... or so many starts have failed since one was ready */
		int64_t quarantine_starts; /* so many failed starts in a row: crash loop */
		int64_t quarantine_ms;
		int64_t stop_timeout_ms; /* SIGTERM to SIGKILL */
	} workers;
	struct ladder_conf ladder; /* enter/leave copied from site.rungs */
	struct check_conf *checks;
	int n_checks;
	struct {
		const char *path; /* "" = none */
		int64_t size_mib;
	} recorder;
	struct {
		const char *address; /* "" = none; "127.0.0.1" */
		int64_t port;
	} metrics;
	struct {
		const char **command; /* run at rung changes; see docs */
		int n_command;
		int64_t timeout_ms;
	} hook;
	struct {
		int64_t drain_ms; /* SIGTERM: at drain so long before silent */
	} stop;
	int log_level; /* enum event_level */
	const char *
	    *outgoing_addresses; /* of probes to the outside; an anycast address is an error */
	int n_outgoing_addresses;
};

/* Reads, derives, and checks every combination. 0, or -1 with one sentence for the operator. */
int settings_read(const char *path, struct settings *out, struct arena *arena, struct err *err);
/* The same from memory; `path` is what messages call it. */
int settings_read_text(const char *text, const char *path, struct settings *out,
    struct arena *arena, struct err *err);
/* The configuration in force as text that reads to the same settings. */
void settings_render(FILE *to, const struct settings *s);
void settings_reference(FILE *to);
/* A summary for people: lanes, checks with class and targets, workers (`healthd -n` on stderr). */
void settings_describe(FILE *to, const struct settings *s);

/* Follows from need; see DESIGN section 2. */
enum check_class check_conf_class(const struct check_conf *c);

/* How its targets' windows and their tally are to judge, as far as the settings alone say it. */
struct window_conf check_conf_window(const struct check_conf *c);
struct tally_conf check_conf_tally(const struct check_conf *c, int n_targets);

/* Does the check count for this lane (which exists), by its families and services? */
bool check_conf_counts(const struct settings *s, const struct check_conf *c, int lane);

/* Splits "address" or "address@port" (port 53 by default). False when it is neither. */
bool check_conf_server(const char *text, struct addr *addr, uint16_t *port);

#endif
