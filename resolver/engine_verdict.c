/*
 * libunbound says one thing in several ways. No answer is rcode 2 with a length that means nothing,
 * or rcode 0 with a packet whose own rcode is 2. A bogus answer is rcode 0, a packet full of what
 * must not be believed, and sec 1.
 */
#include "resolver/engine_verdict.h"

#include <string.h>
#include <strings.h>

#include "lib/dns.h"

#define YXDOMAIN 6 /* RFC 6672: a DNAME made the name too long; an answer like any other */

static struct verdict
failed(enum score_cause cause, uint16_t ede)
{
	return (struct verdict){.good = false, .flags = ENTRY_FAILURE, .cause = cause, .ede = ede};
}

struct verdict
verdict_of(const struct outcome *o, bool checking_disabled)
{
	int rcode;

	if (o->rcode != 0)
		return failed(CAUSE_UPSTREAM, EDE_NO_REACHABLE_AUTHORITY);
	if (o->packet == NULL || o->length < DNS_HEADER)
		return failed(CAUSE_INTERNAL, EDE_NONE);
	if (o->sec == 1 && !checking_disabled)
		return failed(CAUSE_BOGUS, verdict_ede(o->why));
	rcode = o->packet[3] & 0x0f;
	if (rcode != DNS_NOERROR && rcode != DNS_NXDOMAIN && rcode != YXDOMAIN)
		return failed(CAUSE_UPSTREAM, EDE_NO_REACHABLE_AUTHORITY);
	return (struct verdict){.good = true, .flags = o->sec == 2 ? ENTRY_SECURE : 0};
}

uint16_t
verdict_ede(const char *why)
{
	/* The first that is found in the sentence. */
	static const struct {
		const char *words;
		uint16_t ede;
	} table[] = {
	    {"signature expired", 7},
	    {"signature before inception", 8},
	    {"no dnskey", 9},
	    {"dnskeys missing", 9},
	    {"no keys have", 9},
	    {"no signatures", 10},
	    {"no rrsig", 10},
	    {"missing rrsig", 10},
	    {"no zone key bit", 11},
	    {"nodata proof", 12},
	    {"nxdomain proof", 12},
	    {"nsec3 closest encloser", 12},
	    {"no nsec", 12},
	    {"unsupported algorithm", 1},
	    {"no supported algorithm", 1},
	};
	size_t i;

	for (i = 0; why != NULL && i < sizeof(table) / sizeof(table[0]); i++) {
		if (strcasestr(why, table[i].words) != NULL)
			return table[i].ede;
	}
	return EDE_BOGUS;
}

const char *
verdict_why(const char *why, char out[static ENTRY_TEXT + 1])
{
	/* "validation failure <www.example. A IN>: no keys have ..." */
	const char *rest = why != NULL ? strstr(why, ">: ") : NULL;
	size_t n = 0;

	if (why == NULL)
		return NULL;
	if (rest != NULL && strncmp(why, "validation failure <", 20) == 0)
		why = rest + 3;
	for (; n < ENTRY_TEXT && why[n] != '\0'; n++)
		out[n] = why[n] >= ' ' && why[n] < 0x7f ? why[n] : ' ';
	out[n] = '\0';
	return n > 0 ? out : NULL;
}
