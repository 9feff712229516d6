/*
 * Anything as an outcome of libunbound, for both kinds of clients: a good verdict has a message
 * that is built to a valid entry or refused, and one without DNSSEC holds the same records but for
 * those that were not asked for; another verdict is a failure with one cause, and says why in
 * printable words at most.
 *
 * The input is an octet of bits (enum how), the length of libunbound's sentence, the sentence, in
 * which there are names from the net, and the message.
 */
#include <stdint.h>
#include <string.h>

#include "lib/dns.h"
#include "lib/ensure.h"
#include "resolver/engine_plain.h"
#include "resolver/engine_verdict.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct ttl_policy policy = {0, 86400, 30, 3600, 5};
static uint8_t plain[65535];
static _Alignas(8) uint8_t entry[ENTRY_ROOM];

static bool
signature(uint16_t type)
{
	return type == 46 || type == 47 || type == 50;
}

/* The next record that a plain answer keeps: of the last `*left`, of which those beyond `others`
 * answer. False at the end. */
static bool
next_kept(const uint8_t *wire, size_t length, size_t *at, unsigned *left, unsigned others,
    uint16_t asked, struct dns_record *r)
{
	for (; *left > 0; --*left) {
		ENSURE(dns_record_read(wire, length, at, r));
		if (r->type == DNS_TYPE_OPT)
			*left = 1;
		else if (!signature(r->type) ||
			 (*left > others && (r->type == asked || asked == DNS_TYPE_ANY)))
			return --*left, true;
	}
	return false;
}

static void
same_records(const uint8_t *data, size_t size, size_t n, const struct key *k)
{
	struct dns_record was, is;
	struct dns_message before, after;
	unsigned left, left_after, others, others_after;
	size_t at, at_after;

	ENSURE(dns_message_parse(data, size, &before) == DNS_SOUND);
	ENSURE(dns_message_parse(plain, n, &after) == DNS_SOUND);
	at = before.answers;
	at_after = after.answers;
	others = (unsigned)before.nscount + before.arcount;
	others_after = (unsigned)after.nscount + after.arcount;
	left = before.ancount + others;
	left_after = after.ancount + others_after;
	while (next_kept(data, size, &at, &left, others, k->type, &was)) {
		ENSURE(next_kept(plain, n, &at_after, &left_after, others_after, k->type, &is));
		ENSURE(was.type == is.type && was.class == is.class && was.ttl == is.ttl);
		ENSURE(was.owner.length == is.owner.length &&
		       memcmp(was.owner.wire, is.owner.wire, was.owner.length) == 0);
	}
	ENSURE(!next_kept(plain, n, &at_after, &left_after, others_after, k->type, &is));
}

/* The lowest two bits are libunbound's `sec`, which is told as it stands. */
enum how { HOW_SEC = 3, HOW_CD = 4, HOW_FAILED = 8, HOW_NO_WHY = 16 };

static bool
key_of(const uint8_t *data, size_t size, bool dnssec_ok, bool cd, struct key *k)
{
	struct dns_name name;
	size_t at = DNS_HEADER;

	return size > DNS_HEADER && dns_name_read(data, size, &at, &name) && at + 4 <= size &&
	       key_make(k, name.wire, name.length, (uint16_t)(data[at] << 8 | data[at + 1]),
		   (uint16_t)(data[at + 2] << 8 | data[at + 3]), dnssec_ok, cd);
}

static void
same_text(const char *said, const char *kept)
{
	ENSURE((said == NULL) == (kept == NULL));
	if (said == NULL)
		return;
	ENSURE(strcmp(said, kept) == 0 && said[0] != '\0' && strlen(said) <= ENTRY_TEXT);
	for (; *said != '\0'; said++)
		ENSURE(*said >= ' ' && *said < 0x7f);
}

static void
failure(const struct outcome *o, const struct verdict *v, bool cd)
{
	bool bogus = o->rcode == 0 && o->length >= DNS_HEADER && o->sec == 1 && !cd;
	struct key k = {.name_length = 1, .type = DNS_TYPE_A, .class = DNS_CLASS_IN};
	char text[ENTRY_TEXT + 1];
	const char *why = verdict_why(o->why, text);
	size_t size;

	ENSURE(v->flags == ENTRY_FAILURE && v->cause < N_CAUSES);
	ENSURE((v->cause == CAUSE_BOGUS) == bogus);
	ENSURE(!bogus || v->ede == verdict_ede(o->why));
	size = entry_fail(&k, DNS_SERVFAIL, (uint8_t)v->cause, v->ede, &policy, 1000, entry);
	if (why != NULL)
		size = entry_explain(entry, why);
	ENSURE(entry_valid(entry, size, &k));
	same_text(why, entry_text((const struct entry *)entry));
}

static void
answer(const struct outcome *o, bool cd, bool dnssec_ok)
{
	struct verdict v = verdict_of(o, cd);
	const uint8_t *message = o->packet;
	struct key k;
	size_t n = o->length, built;

	if (!v.good) {
		failure(o, &v, cd);
		return;
	}
	ENSURE(o->rcode == 0 && (o->sec != 1 || cd));
	ENSURE(v.flags == (o->sec == 2 ? ENTRY_SECURE : 0));
	if (!key_of(message, n, dnssec_ok, cd, &k))
		return;
	if (!dnssec_ok) {
		n = plain_render(&k, message, n, plain, sizeof(plain));
		if (n == 0)
			return;
		same_records(message, o->length, n, &k);
		message = plain;
	}
	built = entry_build(&k, message, n, &policy, v.flags, v.ede, 1000, entry);
	ENSURE(built == 0 || entry_valid(entry, built, &k));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char why[UINT8_MAX + 1];
	struct outcome o = {0};
	uint8_t how, n;

	if (size < 2 || size - 2 < data[1])
		return 0;
	how = data[0];
	n = data[1];
	memcpy(why, data + 2, n);
	why[n] = '\0';
	o.sec = how & HOW_SEC;
	o.rcode = how & HOW_FAILED ? DNS_SERVFAIL : 0;
	o.why = how & HOW_NO_WHY ? NULL : why;
	/* Where the call failed there is none, and the length means nothing. */
	o.packet = how & HOW_FAILED ? NULL : data + 2 + n;
	o.length = size - 2 - n;
	answer(&o, how & HOW_CD, false);
	answer(&o, how & HOW_CD, true);
	return 0;
}
