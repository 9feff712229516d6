/*
 * forward_wire: what the forward client writes and reads: questions to another resolver, its
 * answers, and messages in a stream (RFC 1035, 4.2.2). Pure; answers are read as hostile input.
 */
#ifndef RESOLVER_FORWARD_WIRE_H
#define RESOLVER_FORWARD_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/dns.h"
#include "resolver/entry.h"

/* The question of a key, with EDNS, RD, and DO and CD as the key says; AD asks to be told whether
 * it was validated (RFC 6840, 5.7). At most DNS_QUERY_MAX octets; its length. */
size_t forward_question(
    const struct key *k, uint16_t id, bool ad, uint8_t out[static DNS_QUERY_MAX]);
/* As it, of the root's servers: what a trial asks. `rd`: of a resolver rather than of the root. */
size_t forward_trial(uint16_t id, bool rd, uint8_t out[static DNS_QUERY_MAX]);
void forward_id_set(uint8_t *question, uint16_t id);
uint16_t forward_id(const uint8_t *message);


/* The letters of the question's name, in lower case so far, in random case: each by its bit of
 * `bits`. How many are capitals. */
#define FORWARD_CASE ((DNS_NAME_MAX + 7) / 8)
int forward_case_mix(uint8_t *question, size_t length, const uint8_t bits[static FORWARD_CASE]);
/* Back to lower case: of the question itself, or of an answer to it, which then is as if it had
 * been asked so. */
void forward_case_drop(const uint8_t *question, size_t length, uint8_t *message);
/* Has the answer, which is one to this question but for that, its case? */
bool forward_case_kept(const uint8_t *question, size_t length, const uint8_t *answer);

enum forward_kind {
	FORWARD_FOREIGN,   /* another id, another question, or no sound answer at all */
	FORWARD_TRUNCATED, /* TC: ask by TCP */
	FORWARD_ANSWER,	   /* NOERROR, NXDOMAIN, YXDOMAIN */
	FORWARD_REFUSAL,   /* SERVFAIL, REFUSED and all other rcodes: it has no answer */
	FORWARD_BOGUS,	   /* ... because an answer is bogus, as it says (EDE) */
};
struct forward_read {
	enum forward_kind kind;
	bool ad;
	uint8_t rcode; /* SERVFAIL for extended ones */
	uint16_t ede;  /* 0: none */
};
/* What `answer` is to `question` (of this module). */
struct forward_read forward_read(
    const uint8_t *question, size_t q_length, const uint8_t *answer, size_t length);

/* Messages in a stream come in any pieces. `used` octets of `bytes` are the caller's, owned. */
#define FORWARD_FRAME 2
#define FORWARD_STREAM_ROOM (FORWARD_FRAME + UINT16_MAX)
enum forward_frame {
	FRAME_PARTIAL, /* more has to come */
	FRAME_WHOLE,   /* a message of *length octets begins at *message */
	FRAME_EMPTY,   /* one too short to be a message: the other side speaks no DNS */
};
enum forward_frame forward_frame(
    const uint8_t *bytes, size_t used, const uint8_t **message, size_t *length);
/* Takes the first frame out of the buffer; what remains. */
size_t forward_frame_drop(uint8_t *bytes, size_t used, size_t message_length);

#endif
