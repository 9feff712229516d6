/*
 * probe: one target asked again and again; each question ends once, as a sample. Shells on libev.
 *
 * A probe asks at `interval_ms` jittered by +-10 %, or once more after `retry_ms` when the last
 * answer was wrong (fast confirmation; 0: no). At most one question is in flight. Answers are read
 * before timeouts are judged. When the loop itself stalled for more than an interval, the question
 * in flight ends as OUTCOME_UNKNOWN. No allocation and no fork per question (but `exec`).
 */
#ifndef HEALTHD_PROBE_H
#define HEALTHD_PROBE_H

#include <ev.h>

#include "healthd/check.h"
#include "healthd/settings.h"

struct probe; /* one kind behind one handle */

typedef void probe_done(void *arg, const struct sample *sample);

struct probe_timing {
	int64_t interval_ms, timeout_ms, retry_ms;
};

struct dns_question {
	const char *qname, *qtype, *qclass; /* "$random.zone" draws a fresh label each time */
	bool rd, dnssec_ok, nsid;
	const char *expect_rcode, *expect_data;
	bool expect_ad;
	/* UDP: always from the same port, for a server that is one process, such as a worker's
	 * private port. Else each question leaves from a fresh one, and meets another of the
	 * sockets that share the server's port. */
	bool keep_port;
};

/* Strings are borrowed for the probe's life. NULL and an error when it can't be made (bad name);
 * a socket that can't be made now is no such error but an OUTCOME_UNKNOWN or _SILENT sample. */
struct probe *probe_dns(struct ev_loop *loop, const struct probe_timing *t,
    const struct dns_question *q, const struct addr *server, uint16_t port,
    enum dns_transport transport, const struct addr *source, /* NULL: any */
    probe_done *done, void *arg, struct err *err);
/* Canaries `qnames` are asked in turn; well when any rcode but SERVFAIL/REFUSED comes back in time.
 * `rd` for a forwarder, not for an authoritative server. A truncated answer is asked again by TCP
 * within the same timeout. */
struct probe *probe_upstream(struct ev_loop *loop, const struct probe_timing *t,
    const char *const *qnames, int n_qnames, const char *qtype, bool rd, const struct addr *server,
    uint16_t port, const struct addr *source, probe_done *done, void *arg, struct err *err);
struct probe *probe_resource(struct ev_loop *loop, const struct probe_timing *t,
    enum resource_source source, const char *path, int64_t warn, int64_t crit, probe_done *done,
    void *arg, struct err *err);
struct probe *probe_exec(struct ev_loop *loop, const struct probe_timing *t,
    const char *const *command, int n_command, probe_done *done, void *arg, struct err *err);

/* Makes the next question go out now (after an event that makes the old answer doubtful). */
void probe_kick(struct probe *p);
/* Changes the pace while it runs (fast probing of a starting worker). */
void probe_pace(struct probe *p, int64_t interval_ms);
/* NSID of the last answer, "" if none; borrowed. */
const char *probe_nsid(const struct probe *p);
void probe_free(struct probe *p);

#endif
