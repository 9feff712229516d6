/*
 * query: what a client asks, read from any octets at all, and the simple parts of an answer
 * written. Pure (RFC 1035, 6891, 7873, 8906).
 *
 * A query is judged once: what kind of reply it deserves, and, for QUERY_ASK, its key. The question
 * stays in the client's own bytes, so that it goes back in the client's own case.
 */
#ifndef RESOLVER_QUERY_H
#define RESOLVER_QUERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/dns.h"
#include "resolver/cookie.h"
#include "resolver/entry.h"

enum query_verdict {
	QUERY_DROP,	/* no header, or a response: an answer to it could start a loop */
	QUERY_FORMERR,	/* malformed; none or many questions; records where none belong */
	QUERY_NOTIMP,	/* another opcode, or a type that asks for more than data (RFC 6895, 3.1) */
	QUERY_BADVERS,	/* EDNS, but not version 0 */
	QUERY_REFUSED,	/* a class that is not served, or a zone transfer */
	QUERY_CHAOS,	/* class CH: local or refused */
	QUERY_ANY,	/* QTYPE ANY: the minimal answer of RFC 8482 */
	QUERY_COOKIE,	/* no question, but a COOKIE option (RFC 7873, 5.4) */
	QUERY_ASK,	/* to be answered from cache or by an engine */
};

#define QUERY_OPTION_COOKIE 10	  /* RFC 7873 */
#define QUERY_OPTION_KEEPALIVE 11 /* RFC 7828 */
#define QUERY_UDP_LEAST 512

struct query {
	uint16_t id;
	uint8_t opcode;
	bool rd, ad, cd;
	bool edns; /* a sound OPT was there; the next three need it */
	bool dnssec_ok, nsid, keepalive;
	uint16_t payload;	  /* at least QUERY_UDP_LEAST, also without EDNS */
	uint16_t question_length; /* at DNS_HEADER; 0: there is none to send back */
	uint16_t type, class;
	int ede; /* of the verdict (RFC 8914); -1: none */
	uint8_t cookie_length; /* of a COOKIE option as it came; 0: there was none */
	uint8_t cookie[COOKIE_FULL]; /* as much of it as a cookie of ours has */
};

/* `key` is made for QUERY_CHAOS, QUERY_ANY and QUERY_ASK. */
enum query_verdict query_parse(const uint8_t *wire, size_t length, struct query *out,
    struct key *key);

/* RFC 8914. */
enum ede {
	EDE_NONE = -1,
	EDE_OTHER = 0,
	EDE_STALE = 3,
	EDE_CACHED_ERROR = 13,
	EDE_NOT_READY = 14,
	EDE_PROHIBITED = 18,
	EDE_STALE_NXDOMAIN = 19,
	EDE_NOT_AUTHORITATIVE = 20,
	EDE_NOT_SUPPORTED = 21,
	EDE_NO_REACHABLE_AUTHORITY = 22,
	EDE_NETWORK_ERROR = 23,
	EDE_INVALID_QUERY_TYPE = 30,
};

/* What an answer says in its own OPT. */
struct reply_opt {
	uint16_t payload;     /* what we take by UDP */
	int ede;	      /* EDE_NONE or a code */
	const char *ede_text; /* NULL or at most REPLY_EDE_TEXT octets */
	const char *nsid;     /* sent when it was asked for; NULL: none */
	int keepalive;	      /* tenths of a second; -1: none */
	bool cached_error;    /* also EDE_CACHED_ERROR: it failed before, and is told again */
	const uint8_t *cookie; /* COOKIE_FULL octets; NULL: none */
};
#define REPLY_EDE_TEXT 80
/* The longest OPT with an NSID of `n` octets. */
#define REPLY_OPT_MAX(n) (11 + 4 + COOKIE_FULL + 4 + (n) + 4 + 2 + 4 + 2 + REPLY_EDE_TEXT + 6)

enum reply_flag { REPLY_AA = 0x0400, REPLY_TC = 0x0200, REPLY_RA = 0x0080 };

/* Header and, when there is one, the question as asked: no records. `rcode` may be extended: what
 * is above its four low bits goes into OPT. The length, 0 when `room` is too small. */
size_t reply_head(const struct query *q, const uint8_t *wire, unsigned rcode, unsigned flags,
    uint8_t *out, size_t room);
/* How long reply_opt() will be; 0 for a client without EDNS. */
size_t reply_opt_length(const struct query *q, const struct reply_opt *o);
/* Appends OPT to the message of `length` octets and counts it. The new length; when `room` is too
 * small, options are left out (EDE's text, EDE, NSID, keepalive, the cookie), then OPT itself. */
size_t reply_opt(const struct query *q, unsigned rcode, const struct reply_opt *o, uint8_t *out,
    size_t length, size_t room);
/* Appends one record named by the question and counts it as an answer. The new length, 0 when
 * `room` is too small. */
size_t reply_record(uint16_t type, uint16_t class, uint32_t ttl_s, const void *rdata,
    size_t rdata_length, uint8_t *out, size_t length, size_t room);

#endif
