/*
 * engine_verdict: what libunbound's callback means. Pure.
 */
#ifndef RESOLVER_ENGINE_VERDICT_H
#define RESOLVER_ENGINE_VERDICT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/scoreboard.h"
#include "resolver/entry.h"

#define EDE_NONE 0 /* RFC 8914's "Other", which says nothing */
#define EDE_BOGUS 6
#define EDE_NO_REACHABLE_AUTHORITY 22
#define EDE_NETWORK_ERROR 23

struct outcome {
	int rcode;	       /* of the call */
	const uint8_t *packet; /* untouched when rcode is not 0 */
	size_t length;
	int sec;	 /* 0 insecure, 1 bogus, 2 secure */
	const char *why; /* why it is bogus, or NULL */
};
struct verdict {
	bool good;     /* the packet is the answer; else: SERVFAIL, by cause */
	uint8_t flags; /* ENTRY_SECURE, or ENTRY_FAILURE */
	uint16_t ede;
	enum score_cause cause;
};

/* `checking_disabled`: who asked wants bogus data too (RFC 4035, 3.2.2). */
struct verdict verdict_of(const struct outcome *o, bool checking_disabled);

/* The extended error (RFC 8914) that libunbound's sentence stands for; EDE_BOGUS when it tells no
 * more. */
uint16_t verdict_ede(const char *why);

#endif
