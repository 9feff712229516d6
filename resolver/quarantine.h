/*
 * quarantine: questions that ended a probation engine, in memory that outlives every process.
 *
 * The probation engine works on one question at a time, and writes here which; a fault of its own
 * (fault_install()) marks it as the fault's. Its successor settles that before anything else: what
 * was in hand at a fault is quarantined for a time that grows with each repetition; what was in
 * hand when somebody else ended the engine (SIGKILL by hand or for memory) is so only the second
 * time. Who passes goes free. The engine is the only writer; workers and the operator's tool map it
 * read-only, and take what they read for no more than it is: a sequence that is odd or moves is a
 * free one.
 *
 * A question is meant by name, type and class: DO and CD, which change what is told and not what is
 * resolved, are left out of the keys here.
 *
 * Pure: the memory is the caller's (quarantine_map.h). Times are CLOCK_BOOTTIME seconds.
 */
#ifndef RESOLVER_QUARANTINE_H
#define RESOLVER_QUARANTINE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "resolver/entry.h"

#define QUARANTINE_MAGIC 0x71706e61u /* "anpq" */
#define QUARANTINE_VERSION 1
#define QUARANTINE_SETS 64
#define QUARANTINE_WAYS 4
#define QUARANTINE_FIRST_S 600	/* the first time; twice as long each further time ... */
#define QUARANTINE_MOST_S 86400 /* ... up to this */

enum quarantine_hand { HAND_EMPTY, HAND_BEGUN, HAND_FAULT };

struct quarantine_slot {
	_Atomic uint32_t sequence; /* odd: being written */
	uint32_t strikes;	   /* faults with it in hand; 0 with `kills` 0: the slot is free */
	uint32_t kills;		   /* engines that somebody ended with it in hand, since */
	uint32_t signal;	   /* of the last fault; 0: it was killed twice */
	int64_t since_s, until_s;  /* of the last time */
	struct key key;
};
struct quarantine {
	uint32_t magic, version, size, zero;
	uint64_t seed; /* of the hash that chooses a set */
	_Alignas(64) _Atomic uint32_t hand; /* enum quarantine_hand */
	_Atomic uint32_t hand_signal;
	struct key in_hand; /* does not change while `hand` is not HAND_EMPTY */
	_Alignas(64) struct quarantine_slot slots[QUARANTINE_SETS * QUARANTINE_WAYS];
};

/* Zeros become an empty one. `seed`: a secret, so that nobody can aim at a set. */
void quarantine_init(struct quarantine *q, uint64_t seed);
/* Is it one of this layout? */
bool quarantine_is(const struct quarantine *q, size_t bytes);

/* The engine's. A question is taken in hand; it is done with (answered, or failed as others do): it
 * goes free. */
void quarantine_begin(struct quarantine *q, const struct key *k);
void quarantine_end(struct quarantine *q);
/* The engine ends as it was told to: what is in hand is nobody's fault, and proves nothing. */
void quarantine_leave(struct quarantine *q);
/* A fault, in its signal's handler. Does nothing with an empty hand. */
void quarantine_fault(struct quarantine *q, uint32_t signal);

struct sentence {
	struct key key;
	uint32_t strikes, signal;
	int64_t since_s, until_s;
};
#define QUARANTINE_HOW 24
/* How the engine ended that had it in hand, in words: "signal 6", or "killed twice", without a
 * fault of its own. Returns `out`. */
const char *quarantine_how(const struct sentence *s, char out[static QUARANTINE_HOW]);

enum quarantine_settled {
	SETTLED_NOBODY,	 /* the hand was empty */
	SETTLED_SPARED,	 /* whoever killed the engine, it is not shown to have been the question */
	SETTLED_CONVICTED
};
/* At an engine's start: what its predecessor's end means. `*out` is filled unless it is nobody. */
enum quarantine_settled quarantine_settle(
    struct quarantine *q, int64_t now_s, struct sentence *out);

enum quarantine_state {
	QUARANTINE_FREE,
	QUARANTINE_HELD,  /* not to be resolved */
	QUARANTINE_PAROLE /* it has served its time: of the probation engine only */
};
/* A reader's: how it stands with this question, from a fault on; `*out` (NULL is fine) is filled
 * unless it is free. No sentence lasts longer than QUARANTINE_MOST_S from now, whatever the memory
 * says. NULL is an empty one. */
enum quarantine_state quarantine_find(
    const struct quarantine *q, const struct key *k, int64_t now_s, struct sentence *out);

#endif
