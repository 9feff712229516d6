/*
 * probe_base: what every kind of probe is made of; only healthd/probe*.c include this.
 *
 * The base owns the clock: it decides when a question goes out, when it is too late for an answer,
 * and whether it was us who were not looking. A kind embeds `struct probe` first and gives it three
 * functions. A question begins with `ask` and ends with exactly one probe_end().
 */
#ifndef HEALTHD_PROBE_BASE_H
#define HEALTHD_PROBE_BASE_H

#include "healthd/answer.h"
#include "healthd/probe.h"
#include "lib/dns.h"

struct probe_kind {
	/* Sends the question; may end it at once. */
	void (*ask)(struct probe *p);
	/* The time is up: looks once more for what has arrived and not been read yet (libev runs a
	 * timer before the descriptor that became readable at the same time). True if that ended
	 * the question; `p` may be gone then. */
	bool (*look)(struct probe *p);
	/* Gives up the question in flight. */
	void (*drop)(struct probe *p);
	/* Frees the whole object; no question is in flight any more. */
	void (*free)(struct probe *p);
};

struct probe {
	const struct probe_kind *kind;
	struct ev_loop *loop;
	struct probe_timing timing;
	probe_done *done;
	void *arg;
	ev_timer timer;
	struct mono deadline; /* what the timer stands for: the next question, or this one's end */
	struct mono sent;     /* of the question in flight, or the last one */
	uint64_t random;      /* state of a small generator, seeded once */
	bool asking;	      /* a question is in flight */
	bool retried;	      /* the last wrong answer has been asked about again */
	bool again;	      /* kicked while asking */
	uint16_t foreign;     /* answers to other questions while this one was in flight */
	char nsid[ANSWER_NSID];
};

/* Fills the base and starts its clock: the first question goes out within 50 ms, so that a full
 * round is in soon and not all ask in one instant. */
void probe_init(struct probe *p, const struct probe_kind *kind, struct ev_loop *loop,
    const struct probe_timing *t, probe_done *done, void *arg);

/* Ends the question in flight and tells. The callback may free the probe, so this is the last thing
 * that its caller does with it. `value` is for OK and UNKNOWN readings; `rtt` says whether the time
 * since `sent` means something. */
void probe_end(struct probe *p, enum outcome outcome, int value, bool rtt, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));

/* What an errno means, as part of a sentence. */
#define PROBE_ERROR 64
const char *probe_strerror(int error, char buf[static PROBE_ERROR]);

uint64_t probe_random(struct probe *p);

/* The common part of probe_dns() and probe_upstream(). */
struct dns_asking {
	const char *const *qnames;
	int n_qnames;
	const char *qtype, *qclass;
	bool rd, dnssec_ok, nsid;
	struct expect expect; /* qtype in it is filled in */
	bool tcp_on_tc, keep_port;
};
struct asked {
	uint8_t wire[2 + DNS_QUERY_MAX]; /* with TCP's length in front */
	size_t length;			 /* without it */
	bool random;			 /* the first label is drawn each time */
};

/* Renders one question per name of `asking`. 0, or -1 when one can't be. */
int asked_init(struct asked *asked, const struct dns_asking *asking, struct err *err);
/* A fresh id and, where the name asks for one, a fresh label, from random bits. */
void asked_patch(struct asked *q, uint64_t id, uint64_t label);

struct probe *probe_dns_new(struct ev_loop *loop, const struct probe_timing *t,
    const struct dns_asking *asking, const struct addr *server, uint16_t port,
    enum dns_transport transport, const struct addr *source, probe_done *done, void *arg,
    struct err *err);

#endif
