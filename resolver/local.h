/*
 * local: what a worker answers of itself, with every uplink cut and every engine away. Pure.
 *
 * CHAOS TXT id.server and hostname.bind (RFC 4892) say who answers, version.server and version.bind
 * what, unless that is hidden; other names of that class are refused. The health name has an
 * address of each family; asked for another type it has no data.
 */
#ifndef RESOLVER_LOCAL_H
#define RESOLVER_LOCAL_H

#include "lib/addr.h"
#include "resolver/query.h"

#define LOCAL_TEXT_MAX 255 /* one character-string of TXT */
#define LOCAL_HEALTH_TTL_S 60
#define LOCAL_HEALTH_A {192, 0, 2, 1} /* RFC 5737: nobody's */

struct local {
	char identity[LOCAL_TEXT_MAX + 1]; /* the NSID too */
	char version[LOCAL_TEXT_MAX + 1];  /* "": hidden */
	struct dns_name health; /* lower case; length 0: none */
	struct addr health_address; /* of AAAA; A is LOCAL_HEALTH_A */
};

/* "%p/%n/%i" with pop, node and number put in, "%%" a percent sign; what does not fit is cut off.
 */
void local_identity(const char *form, const char *pop, const char *node, int number,
    char out[static LOCAL_TEXT_MAX + 1]);
/* Likewise "anypop %v" with the release put in. */
void local_version(const char *form, const char *release, char out[static LOCAL_TEXT_MAX + 1]);
/* 0, or -1 with what is wrong with the name; "" is none. `address` is of IPv6. */
int local_health(struct local *l, const char *name, const struct addr *address, struct err *err);

enum local_verdict {
	LOCAL_NONE,	/* not ours */
	LOCAL_ANSWERED, /* *length octets, without OPT */
	LOCAL_REFUSED,
};
/* `verdict` is QUERY_CHAOS, QUERY_ANY or QUERY_ASK. An answer always fits into QUERY_UDP_LEAST. */
enum local_verdict local_answer(const struct local *l, enum query_verdict verdict,
    const struct query *q, const struct key *key, const uint8_t *wire,
    uint8_t out[static QUERY_UDP_LEAST + DNS_NAME_MAX], size_t *length);

#endif
