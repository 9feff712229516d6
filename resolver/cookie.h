/*
 * cookie: DNS cookies (RFC 7873) with the server cookies of RFC 9018, which all servers that share
 * a secret understand: those of a node, of an anycast service, of other software. Pure.
 *
 * A server cookie is version 1, three reserved octets, the time of its making and SipHash-2-4 over
 * all that, the client's own cookie and its address.
 */
#ifndef RESOLVER_COOKIE_H
#define RESOLVER_COOKIE_H

#include "lib/addr.h"
#include "lib/err.h"

#define COOKIE_CLIENT 8
#define COOKIE_SERVER 16 /* ours; others' are of 8 to 32 octets */
#define COOKIE_FULL (COOKIE_CLIENT + COOKIE_SERVER)
#define COOKIE_SECRET 16
#define COOKIE_SECRETS 2
#define COOKIE_OLD_S 3600  /* RFC 9018, 4.3 */
#define COOKIE_AHEAD_S 300 /* of clocks that go ahead */
#define COOKIE_RENEW_S 1800

/* Cookies are made with the first and taken with any. */
struct cookie_secrets {
	int n;
	uint8_t secret[COOKIE_SECRETS][COOKIE_SECRET];
};

enum cookie_verdict {
	COOKIE_BAD, /* not of ours, not of this address, too old or of the future */
	COOKIE_GOOD,
	COOKIE_RENEW, /* good, but a new one should go back with the answer */
};

/* May this be the length of a COOKIE option (RFC 7873, 4)? */
bool cookie_length_ok(unsigned length);
/* `now_s` is wall-clock time modulo 2^32, as a cookie has it. */
enum cookie_verdict cookie_judge(const struct cookie_secrets *s,
    const uint8_t cookie[static COOKIE_FULL], const struct addr *client, uint32_t now_s);
/* Behind the client's own cookie, which stands in the first COOKIE_CLIENT octets. */
void cookie_make(const struct cookie_secrets *s, uint8_t cookie[static COOKIE_FULL],
    const struct addr *client, uint32_t now_s);

/* A file's text: one or two secrets, 32 hexadecimal digits a line, the one to make cookies with
 * first; blank lines and what follows a '#' are skipped. 0, or -1 with the line and the mend. */
int cookie_secrets_parse(const char *text, struct cookie_secrets *out, struct err *err);

#endif
